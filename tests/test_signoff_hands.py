"""What hands do: parts stand where they are put."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from handmade import box, stl_bytes

import pelu_fab
from exports import device
from pelu_fab.signoff import hands
from pelu_fab.signoff.dossier import PartEntry, open_folder
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.recovery import read_parts
from pelu_fab.signoff.report import Check
from pelu_fab.signoff.stl import Mesh, read_stl, weld
from pelu_fab.signoff.topology import topology


def parts_of(folder: Path) -> tuple[LoadedPart, ...]:
    opened = open_folder(folder)
    return read_parts(opened.folder, opened.inside, lambda _: None)[0]


@cache
def iris() -> tuple[LoadedPart, ...]:
    folder = Path(mkdtemp(prefix="pelu_fab-test-")) / "iris"
    pelu_fab.write(device("iris"), folder, formats=[])
    return parts_of(folder)


def moved(parts: tuple[LoadedPart, ...], name: str, by: tuple[float, float, float]) -> tuple[LoadedPart, ...]:
    """The parts with one of them elsewhere."""
    out = []
    for part in parts:
        matrix = part.matrix
        if part.entry.name == name and matrix is not None:
            matrix = matrix.copy()
            matrix[:3, 3] += by
        out.append(LoadedPart(part.entry, part.blob, part.mesh, part.shape, matrix))
    return tuple(out)


def loaded(mesh: Mesh, name: str, matrix: np.ndarray | None) -> LoadedPart:
    entry = PartEntry(name=name, role="stand", file=f"{name}.stl")
    return LoadedPart(entry, b"", mesh, topology(mesh), matrix)


def failures(checks: list[Check]) -> dict[str, Check]:
    return {check.where: check for check in checks if check.status == "fail"}


def test_every_part_of_iris_stands_where_it_is_put() -> None:
    checks = hands.stands(iris())
    assert {check.where for check in checks} == {part.entry.name for part in iris()}
    assert failures(checks) == {}


@pytest.mark.parametrize("name", ["card-L0-b0", "card-L1-b1", "tray-L0a", "cup-y1"])
def test_what_hangs_in_the_air_is_named_by_how_far(name: str) -> None:
    found = failures(hands.stands(moved(iris(), name, (0.0, 0.0, 3.0))))
    assert found[name].found == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(
    ("gone", "falls"), [("trestle-1", "tray-L0a"), ("tray-L0a", "card-L0-b0"), ("rack", "card-L1-b1")]
)
def test_what_stands_on_a_part_falls_without_it(gone: str, falls: str) -> None:
    found = failures(hands.stands([part for part in iris() if part.entry.name != gone]))
    assert found[falls].found > 5.0


def test_a_loose_part_stands_alone_or_falls_over() -> None:
    top_heavy = box((0, 0, 0), (10, 10, 20)) + box((0, 0, 19), (60, 10, 30))
    for solid, stands in ((box((0, 0, 0), (10, 10, 60)), True), (top_heavy, False)):
        part = loaded(weld(read_stl(stl_bytes(solid), "jug")), "jug", None)
        assert (failures(hands.stands([part])) == {}) is stands
