"""What lowering, sizing and placing give reads like the device. `python tests/test_stages_text.py` writes it anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stagework import Stages, staged

from pelu_fab import load
from pelu_fab.ir import layout, netlist, sized

DESIGNS = Path(__file__).parent.parent / "designs"
GOLDEN = ("drip", "and-or", "iris")


def texts(stages: Stages) -> Iterator[tuple[str, str]]:
    """File and content of each golden text of a design."""
    yield "netlist.txt", netlist.to_text(stages.lowered.netlist)
    yield "sized.txt", sized.to_text(stages.sized)
    yield "layout.txt", layout.to_text(stages.layout)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_netlist_dimensions_and_places_of_a_design_are_golden(name: str) -> None:
    for file, text in texts(staged(load(DESIGNS / name))):
        assert text == (DESIGNS / name / file).read_text(), file


def test_every_card_gutter_and_vessel_stands_in_the_texts() -> None:
    stages = staged(load(DESIGNS / "iris"))
    _, (_, dimensions), (_, places) = texts(stages)
    for card in stages.sized.cards:
        assert f"card {card} keeps" in dimensions and f"card {card} " in places
    for duct in stages.lowered.netlist.ducts:
        assert f"run {duct.source} -> {duct.target}:" in places
    assert "jug: 85 mL in" in dimensions
    for port, _ in stages.lowered.netlist.inputs:
        assert f"  ruler {port}: from 0 cm on, 0.1 a mL" in dimensions
    for port, _ in stages.lowered.netlist.outputs:
        assert f"cup {port}" in dimensions and f"cup {port}" in places
    for tray in stages.layout.trays:
        assert f"tray {tray.name}:" in places


if __name__ == "__main__":
    for design in GOLDEN:
        for name_of_file, content in texts(staged(load(DESIGNS / design))):
            (DESIGNS / design / name_of_file).write_text(content)
