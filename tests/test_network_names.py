"""Names are put together and taken apart in one place."""

import re
from pathlib import Path

import pytest

from pelu_fab.errors import FabBug
from pelu_fab.network.names import branch_name, bucket_name, duct_name, input_name, output_name, target_name, unit_of

ROOT = Path(__file__).parent.parent / "pelu_fab"
MADE_BY_HAND = re.compile(r'f"(in\.x|out\.y|L\{\w+\}\.b)|\}->\{|split\(.\.b.\)|"->"')


def test_names_are_those_that_people_read() -> None:
    assert [bucket_name(1, 2), input_name(0), output_name(3)] == ["L1.b2", "in.x0", "out.y3"]
    assert [target_name(0, 1, layers=2), target_name(1, 1, layers=2)] == ["L1.b1", "out.y1"]
    assert duct_name("L0.b1", "L1.b0") == branch_name(0, 1, 0, layers=2) == "L0.b1->L1.b0"
    assert branch_name(1, 0, 2, layers=2) == "L1.b0->out.y2"


@pytest.mark.parametrize(("layer", "unit"), [(0, 0), (3, 7), (12, 120)])
def test_a_bucket_tells_its_unit(layer: int, unit: int) -> None:
    assert unit_of(bucket_name(layer, unit)) == unit


@pytest.mark.parametrize("name", ["out.y0", "L0", "L0.b", "L0.bx", ""])
def test_what_names_no_bucket_is_refused(name: str) -> None:
    with pytest.raises(FabBug, match="names no bucket"):
        unit_of(name)


def test_nobody_else_writes_or_splits_a_name() -> None:
    found = {
        str(file.relative_to(ROOT)): line.strip()
        for file in sorted(ROOT.rglob("*.py"))
        for line in file.read_text().splitlines()
        if MADE_BY_HAND.search(line) and file.name != "names.py"
    }
    assert found == {}
    assert MADE_BY_HAND.search('name = f"{source}->{target}"') and MADE_BY_HAND.search('f"in.x{i}"')
