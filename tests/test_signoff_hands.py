"""What hands do: parts stand where they are put, go in and come out, and stay over what they feed when pushed aside."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import firstiris
import numpy as np
import pytest
from handmade import box, stl_bytes
from manifold3d import Manifold, Mesh64
from stagework import DETERGENT, design_of, network_of, staged

import pelu_fab
from exports import device
from pelu_fab.signoff import hands, moving
from pelu_fab.signoff.dossier import PartEntry, open_folder
from pelu_fab.signoff.flowing import streams_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.recovery import read_parts, recover_folder
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


def stood(parts: Sequence[LoadedPart]) -> list[Check]:
    """Whether each stands."""
    return hands.stands(parts, moving.room(parts).bodies)


def test_every_part_of_iris_stands_where_it_is_put() -> None:
    checks = stood(iris())
    assert {check.where for check in checks} == {part.entry.name for part in iris()}
    assert failures(checks) == {}


@pytest.mark.parametrize("name", ["card-L0-b0", "card-L1-b1", "tray-L0a", "cup-y1"])
def test_what_hangs_in_the_air_is_named_by_how_far(name: str) -> None:
    found = failures(stood(moved(iris(), name, (0.0, 0.0, 3.0))))
    assert found[name].found == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(
    ("gone", "falls"), [("trestle-1", "tray-L0a"), ("tray-L0a", "card-L0-b0"), ("rack", "card-L1-b1")]
)
def test_what_stands_on_a_part_falls_without_it(gone: str, falls: str) -> None:
    found = failures(stood([part for part in iris() if part.entry.name != gone]))
    assert found[falls].found > 5.0


def test_a_loose_part_stands_alone_or_falls_over() -> None:
    top_heavy = box((0, 0, 0), (10, 10, 20)) + box((0, 0, 19), (60, 10, 30))
    for solid, stands in ((box((0, 0, 0), (10, 10, 60)), True), (top_heavy, False)):
        part = loaded(weld(read_stl(stl_bytes(solid), "jug")), "jug", None)
        assert (failures(stood([part])) == {}) is stands


def named(parts: tuple[LoadedPart, ...], *names: str) -> tuple[LoadedPart, ...]:
    """Parts in another order: these first, the others behind as they were."""
    first = {part.entry.name: part for part in parts}
    return (*(first[name] for name in names), *(part for part in parts if part.entry.name not in names))


def beside(parts: tuple[LoadedPart, ...], name: str, shift: tuple[float, float, float]) -> tuple[LoadedPart, ...]:
    """The parts and a slab, across the way, so far from the middle of one."""
    middle = np.array(next(part for part in parts if part.entry.name == name).placed.centre) + shift
    half = np.where(np.array(shift) == 0.0, 90.0, 2.0)
    brick = box(tuple(middle - half), tuple(middle + half))
    return (*parts, loaded(weld(read_stl(stl_bytes(brick), "brick")), "brick", np.eye(4)))


def test_every_part_of_iris_goes_in_as_told_and_cards_and_cups_come_out_alone() -> None:
    checks = moving.paths(moving.room(iris()))
    assert failures(checks) == {}
    ways = {check.where: check.why for check in checks}
    assert all(ways[f"card-L0-b{k}"] == "comes out alone: up" for k in range(4))
    assert all(ways[f"card-L1-b{k}"].endswith("then +y") for k in range(3))  # under the gutter that ends in it
    assert all(ways[f"cup-y{k}"] == "comes out alone: +y" for k in range(3))


def test_a_shelf_over_a_card_or_a_wall_before_a_cup_shuts_it_in() -> None:
    for name, shift in (("card-L0-b1", (0.0, 0.0, 32.0)), ("cup-y1", (0.0, 60.0, 0.0))):
        found = failures(moving.paths(moving.room(beside(iris(), name, shift))))
        assert name in found


def test_a_tray_told_before_the_one_that_it_lies_on_is_found() -> None:
    parts = named(iris(), "rack", "trestle-1", "trestle-2", "tray-L0a", "tray-L0b")
    assert "tray-L0b" in failures(moving.paths(moving.room(parts)))


def slack(folder: Path) -> dict[str, Check]:
    found = recover_folder(folder)
    wet = Wet(found.surface, found.found, found.names, found.dossier.manifest.process)
    streams = streams_of(wet, found.dossier.manifest.design_flow)
    return {check.where: check for check in moving.slacks(moving.room(found.parts), wet, streams)}


@cache
def written() -> Path:
    folder = Path(mkdtemp(prefix="pelu_fab-test-")) / "iris"
    pelu_fab.write(device("iris"), folder, formats=[])
    return folder


def test_cards_are_held_within_half_a_millimetre_over_their_gutters() -> None:
    found = slack(written())
    assert failures(list(found.values())) == {}
    cards = [check for where, check in found.items() if "over tray" in where and where.startswith("L0")]
    assert cards and all(float(check.found or 0.0) < 0.5 for check in cards)


def test_rows_of_the_first_device_slid_off_their_chutes() -> None:
    found = failures(list(slack(firstiris.folder()).values()))
    assert any("over chutes-L0" in where for where in found)


def test_a_card_without_the_walls_that_stop_its_ears_slides_off_its_gutters() -> None:
    copy = Path(shutil.copytree(written(), Path(mkdtemp(prefix="pelu_fab-test-")) / "open"))
    path = copy / "parts" / "tray-L0a.stl"
    mesh = weld(read_stl(path.read_bytes(), "tray"))
    solid = Manifold(Mesh64(mesh.points, np.asarray(mesh.faces, np.uint64)))
    wide = float(mesh.points[:, 0].max())
    path.write_bytes(stl_bytes(solid ^ box((4.5, -1, -1), (wide - 4.5, 1e3, 1e3))))
    assert any(where.startswith("L0.b2") for where in failures(list(slack(copy).values())))


def test_heavy_cards_of_five_perimeters_lie_on_their_ears_with_their_weight(tmp_path: Path) -> None:
    """Walls of 3 mm draw the centre of mass back, and the card would tip until its heel met the tray."""
    printer = DETERGENT.printer.model_copy(update={"nozzle": 0.6, "perimeters": 5, "bed": (400.0, 400.0, 400.0)})
    rng = np.random.default_rng(7)
    rows = [rng.uniform(0.5, 1.5, shape) for shape in ((2, 3), (3, 2))]
    network = network_of(*(([15.0] * len(a), (a / a.sum(axis=1, keepdims=True)).tolist()) for a in rows))
    design = design_of(network, DETERGENT.model_copy(update={"printer": printer}), input_max=(40.0, 40.0))
    pelu_fab.write(pelu_fab.compile(design, force=True), tmp_path / "heavy", formats=())
    checks = {check.where: check for check in stood(parts_of(tmp_path / "heavy"))}
    assert all(checks[f"card-L{row}-b{k}"].status == "pass" for row, k in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2)))
    assert max(card.card.middle for card in staged(design).layout.layers[1]) < -18.0, "heavier behind than the seat"
