"""What people read: levels that can be compared, marks that say volumes, names that are whole and differ."""

import string
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import firstiris
import numpy as np
import pytest
from handmade import box, stl_bytes
from manifold3d import Manifold, Mesh64
from shapely import Polygon, affinity, unary_union

import pelu_fab
from exports import device
from pelu_fab.ir.ruler import Ruler
from pelu_fab.signoff.dossier import open_folder
from pelu_fab.signoff.letters import seen
from pelu_fab.signoff.letters import unread as unread_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.reading import Legible, inside_of, read_checks, reliefs
from pelu_fab.signoff.recovery import read_parts
from pelu_fab.signoff.report import Check
from pelu_fab.signoff.rulers import Scale, ruler_checks
from pelu_fab.signoff.stl import read_stl, weld
from pelu_fab.signoff.topology import topology
from pelu_fab.signoff.verdict import written
from pelu_fab.stages.solids.lettering import raised

NOZZLE = 0.4  # mm


def read(folder: Path) -> tuple[tuple[LoadedPart, ...], dict[str, list[str]]]:
    opened = open_folder(folder)
    return read_parts(opened.folder, opened.inside, lambda _: None)[0], written(opened)


@cache
def iris() -> tuple[tuple[LoadedPart, ...], dict[str, list[str]]]:
    folder = Path(mkdtemp(prefix="pelu_fab-test-")) / "iris"
    pelu_fab.write(device("iris"), folder, formats=[])
    return read(folder)


def told(parts: Sequence[LoadedPart], names: dict[str, list[str]], nozzle: float = NOZZLE) -> list[Check]:
    return read_checks([Legible(part) for part in parts], names, nozzle)


def failing(checks: list[Check]) -> set[tuple[str, str]]:
    return {(check.id, check.where) for check in checks if check.status == "fail"}


def changed(name: str, edit: object) -> list[Check]:
    """What is found when one part of Iris is another solid."""
    parts, names = iris()
    made = []
    for part in parts:
        if part.entry.name == name:
            mesh = part.mesh
            solid = edit(Manifold(Mesh64(mesh.points, np.asarray(mesh.faces, np.uint64))))  # type: ignore[operator]
            mesh = weld(read_stl(stl_bytes(solid), name))
            part = LoadedPart(part.entry, b"", mesh, topology(mesh), part.matrix)
        made.append(part)
    return told(made, names)


def test_all_of_iris_can_be_read() -> None:
    checks = told(*iris())
    assert {check.id for check in checks} == {"read.level", "read.label", "read.marks"}
    assert [str(check) for check in checks if check.status != "pass"] == []
    marked = [check for check in checks if check.id == "read.marks" and check.where == "cup-y0 steps"]
    assert marked[0].found == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("nozzle", "finest"), [(0.25, 2.0), (0.4, 2.0), (0.6, 5.0)])
def test_marks_may_be_as_far_apart_as_a_bar_and_a_gap_of_two_nozzles_each(nozzle: float, finest: float) -> None:
    checks = told(*iris(), nozzle)
    limits = [check.limit for check in checks if (check.id, check.where) == ("read.marks", "cup-y0 steps")]
    assert limits == [pytest.approx(finest + 0.1)]


def test_levels_of_the_first_device_told_nothing_and_its_marks_too_little() -> None:
    found = failing(told(*read(firstiris.folder())))
    assert {("read.level", "cups"), ("read.label", "cup-y1")} <= found
    assert {where for rule, where in found if rule == "read.marks"} >= {"cup-y0 steps", "jug-x3 steps"}


def test_a_cup_with_a_raised_floor_or_a_narrower_inside_is_not_compared_by_level() -> None:
    parts, _ = iris()
    cup = next(part for part in parts if part.entry.name == "cup-y1")
    (x0, y0, _), (x1, y1, z1) = cup.mesh.points.min(axis=0), cup.mesh.points.max(axis=0)
    raised = changed("cup-y1", lambda cup: cup + box((x0 + 0.5, y0 + 0.5, 0.5), (x1 - 0.5, y1 - 0.9, 2.0)))
    assert ("read.level", "floors") in failing(raised)
    filled = changed("cup-y1", lambda cup: cup + box((x0 + 0.5, y0 + 0.5, 0.5), (x0 + 6.0, y1 - 0.9, z1)))
    assert ("read.level", "cups") in failing(filled)


def test_two_names_that_look_alike_and_one_that_is_cut_off_are_found() -> None:
    parts, names = iris()
    twice = [part if part.entry.name != "cup-y1" else _as(part, "cup-y0", parts) for part in parts]
    assert ("read.label", "cup-y1") in failing(told(twice, names))
    cup = next(part for part in parts if part.entry.name == "cup-y1")
    _, (x1, y1, z1) = cup.mesh.points.min(axis=0), cup.mesh.points.max(axis=0)
    off = changed("cup-y1", lambda cup: cup - box((x1 / 2, y1 - 0.6, z1 - 9.0), (x1 + 1.0, y1 + 1.0, z1 + 1.0)))
    assert ("read.label", "cup-y1") in failing(off)
    bare = changed("cup-y1", lambda cup: cup - box((-1.0, y1 - 0.6, -1.0), (x1 + 1.0, y1 + 1.0, z1 + 1.0)))
    assert {("read.label", "cup-y1"), ("read.marks", "cup-y1")} <= failing(bare)


SYMMETRIC = set("0AHIMOTUVWXYilmnouvwx8")  # near enough: their mirror images read as themselves


def drawn(text: str, *, mirrored: bool = False) -> list[Polygon]:
    """Letters as the maker draws them on a wall that looks at us: pieces across and up."""
    found: list[Polygon] = []
    for prism in raised([(text, 4.0, 20.0, 5.0)], 0.0, -1, -1 if mirrored else 1):
        outer, holes = (unary_union([Polygon(loop) for loop in loops]) for loops in (prism.outlines, prism.voids))
        ink = outer.difference(holes)
        found += getattr(ink, "geoms", [ink])
    return found


def unread(pieces: list[Polygon], rightward: float, text: str) -> str:
    return unread_of(seen(np.array(pieces, dtype=np.object_), rightward), text)


def test_a_comma_is_no_dot_of_the_numeral_below_it_and_a_dot_is_one_of_its_own_letter() -> None:
    name, (two,) = drawn("depth, mm"), drawn("2")
    comma = min(name, key=lambda piece: piece.area)
    tall = two.bounds[3] - two.bounds[1]
    aside = (comma.bounds[0] + comma.bounds[2] - two.bounds[0] - two.bounds[2]) / 2
    below = affinity.translate(two, aside, comma.bounds[1] - 0.2 * tall - two.bounds[3])
    assert unread([*name, below], 1.0, "depth, mm") == unread([*name, below], 1.0, "2") == ""
    assert unread(drawn("iris"), 1.0, "iris") == ""


@pytest.mark.parametrize("text", ["setosa", "Virginica", "jug fjord", "iii", "Größe", "été", "x²", "Ωμέγα", "10.8 %"])
def test_what_the_maker_writes_is_read(text: str) -> None:
    assert unread(drawn(text), 1.0, text) == ""


def test_no_letter_of_the_face_reads_as_its_own_mirror_image_unless_it_is_symmetrical() -> None:
    for character in string.ascii_letters + string.digits:
        assert unread(drawn(character), 1.0, character) == ""
        assert (unread(drawn(character, mirrored=True), 1.0, character) == "") <= (character in SYMMETRIC), character
    assert unread(drawn("setosa", mirrored=True), -1.0, "setosa") == ""  # as one sees it from within the wall


def test_letters_in_another_order_and_letters_that_are_others_are_not_read() -> None:
    assert unread(drawn("atesos"), 1.0, "setosa") != ""
    assert unread(drawn("sefosa"), 1.0, "setosa") == "t"
    assert unread([], 1.0, "setosa") == "setosa"


@pytest.mark.fault("maker")
def test_a_maker_that_writes_mirrored_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pelu_fab.stages.solids import card, vessels

    def mirrored(lines: object, face: float, outward: int, rightward: int, more: object = ()) -> object:
        return raised(lines, face, outward, -rightward, more)  # type: ignore[arg-type]

    monkeypatch.setattr(card, "raised", mirrored)
    monkeypatch.setattr(vessels, "raised", mirrored)
    design = pelu_fab.load(Path(__file__).parent.parent / "designs" / "drip")
    pelu_fab.write(pelu_fab.compile(design), tmp_path / "drip", formats=[])
    found = failing(list(pelu_fab.verify(tmp_path / "drip").checks))
    assert found == {("read.label", "card-L0-b0"), ("read.label", "cup-y0"), ("read.ruler", "jug mL words")}


def test_a_mirrored_word_on_one_side_of_a_card_and_swapped_cups_are_found() -> None:
    parts, texts = iris()
    card = next(part for part in parts if part.entry.name == "card-L1-b2")
    left, right = (relief for relief in reliefs(card.mesh) if len(relief.words) == 5)
    assert (left.axis, left.sign, right.axis, right.sign) == (0, -1.0, 0, 1.0)
    y0, z0, y1, z1 = unary_union(left.words).bounds
    near = card.mesh.points[(np.abs(card.mesh.points[:, 1] - (y0 + y1) / 2) < (y1 - y0) / 2)]
    face = near[np.abs(near[:, 2] - (z0 + z1) / 2) < (z1 - z0) / 2][:, 0].min()

    def half_mirrored(solid: Manifold) -> Manifold:
        word = solid ^ box((face - 1.0, y0 - 0.1, z0 - 0.1), (face + 0.6, y1 + 0.1, z1 + 0.1))
        return (solid - word) + word.mirror((0.0, 1.0, 0.0)).translate((0.01, y0 + y1, 0.0))

    assert ("read.label", "card-L1-b2") in failing(changed("card-L1-b2", half_mirrored))
    swapped = [
        _as(part, {"cup-y0": "cup-y1", "cup-y1": "cup-y0"}.get(part.entry.name, part.entry.name), parts)
        for part in parts
    ]
    assert {("read.label", "cup-y0"), ("read.label", "cup-y1")} <= failing(told(swapped, texts))


def test_marks_too_far_apart_or_off_their_volume_are_found() -> None:
    parts, _ = iris()
    cup = next(part for part in parts if part.entry.name == "cup-y0")
    _, (x1, y1, z1) = cup.mesh.points.min(axis=0), cup.mesh.points.max(axis=0)
    gone = changed("cup-y0", lambda cup: cup - box((-1.0, y1 - 0.6, 10.0), (x1 + 1.0, y1 + 1.0, 20.0)))
    assert ("read.marks", "cup-y0 steps") in failing(gone)
    deep = changed("cup-y0", lambda cup: cup - box((2.0, 2.0, 0.8), (x1 - 2.0, y1 - 3.0, z1)))
    assert ("read.marks", "cup-y0") in failing(deep)


def rulers(part: LoadedPart | None = None, **other: object) -> list[Check]:
    """What is found of the jug of Iris, or of another in its place, where the manifest tells something else."""
    parts, _ = iris()
    jug = next(p for p in parts if p.entry.role == "jug") if part is None else part
    known = {f"in.x{i}": Scale(0.0, 0.1, name, most) for i, (name, most) in enumerate(FLOWERS)}
    other = {"scales": known, "priming_ml": 16.5} | other
    entry = jug.entry.model_copy(update={"rulers": other.pop("sides", jug.entry.rulers)})
    jugs = [Legible(replace(jug, entry=entry))]
    return ruler_checks(jugs, other["scales"], other["priming_ml"], 0.4)  # type: ignore[arg-type]


FLOWERS = (("sepallengthcm", 83.0), ("sepalwidthcm", 47.0), ("petallengthcm", 73.0), ("petalwidthcm", 27.0))


def test_every_side_of_the_jug_reads_in_the_users_own_unit() -> None:
    parts, _ = iris()
    assert [p.entry.rulers for p in parts if p.entry.role == "jug"] == [("in.x0", "in.x1", "in.x2", "in.x3")]
    checks = rulers()
    assert [str(check) for check in checks if check.status != "pass"] == [] and len(checks) == 16
    by_hand = {check.where: check.found for check in checks}
    assert by_hand["jug in.x0 steps"] == pytest.approx(2.0, abs=0.01)  # 0.2 cm, ten millilitres a centimetre


def test_a_side_that_measures_another_input_or_in_another_unit_is_found() -> None:
    known = {f"in.x{i}": Scale(0.0, 0.1, name, most) for i, (name, most) in enumerate(FLOWERS)}
    inches = known | {"in.x0": Scale(0.0, 0.1 / 2.54, "sepallengthin", 83.0)}
    assert ("read.ruler", "jug in.x0") in failing(rulers(scales=inches))
    moved = known | {"in.x1": Scale(0.05, 0.1, "sepalwidthcm", 47.0)}
    assert failing(rulers(scales=moved)) == {("read.ruler", "jug in.x1"), ("read.ruler", "jug in.x1 words")}
    turned = rulers(sides=("in.x1", "in.x0", "in.x2", "in.x3"))
    assert ("read.ruler", "jug in.x0 steps") in failing(turned)  # a width's ruler ends before the longest sepal
    assert failing(rulers(sides=("in.x0", "in.x1", "in.x2"))) == {("read.ruler", "in.x3")}
    assert failing(rulers(sides=("in.x0", "in.x1", "in.x2", "in.x7"))) == {
        ("read.ruler", "jug in.x7"),
        ("read.ruler", "in.x3"),
    }


def test_a_line_of_another_priming_volume_and_a_jug_of_another_section_are_found() -> None:
    assert failing(rulers(priming_ml=15.0)) == {("read.ruler", f"jug in.x{i} V0") for i in range(4)}
    parts, _ = iris()
    jug = next(p for p in parts if p.entry.role == "jug")
    (x0, y0, _), (_, y1, z1) = jug.mesh.points.min(axis=0), jug.mesh.points.max(axis=0)

    def found(edit: object) -> set[tuple[str, str]]:
        solid = edit(Manifold(Mesh64(jug.mesh.points, np.asarray(jug.mesh.faces, np.uint64))))  # type: ignore[operator]
        mesh = weld(read_stl(stl_bytes(solid), "jug"))
        return failing(rulers(LoadedPart(jug.entry, b"", mesh, topology(mesh), jug.matrix)))

    assert found(lambda jug: jug) == set()
    block = box((x0 + 1.5, y1 - 9.0, 0.5), (x0 + 8.0, y1 - 1.5, z1))
    assert ("read.ruler", "jug in.x2") in found(lambda jug: jug + block)
    rubbed = found(lambda jug: jug - box((x0 - 1.0, y0, 8.0), (x0 + 0.6, y1 + 1.0, 15.0)))
    assert ("read.ruler", "jug in.x3 steps") in rubbed
    line = box((x0 - 1.0, y0 + 5.0, 10.0), (x0 + 0.6, y0 + 16.0, 20.0))
    assert {("read.ruler", "jug in.x3 words"), ("read.ruler", "jug in.x3 V0")} <= found(lambda jug: jug - line)


def test_a_maker_that_draws_its_rulers_wrongly_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    honest = Ruler.marks
    monkeypatch.setattr(Ruler, "marks", lambda self, area, *rest: honest(self, area * 1.03, *rest))
    pelu_fab.write(device("iris"), tmp_path / "iris", formats=[])  # compiled before: the fault is in the solids alone
    design = pelu_fab.load(Path(__file__).parent.parent / "designs" / "iris")
    pelu_fab.write(pelu_fab.compile(design), tmp_path / "wrong", formats=[])
    found = failing(list(pelu_fab.verify(tmp_path / "wrong").checks))
    assert {("read.ruler", f"jug in.x{i}") for i in range(3)} <= found
    assert failing(list(pelu_fab.verify(tmp_path / "iris").checks)) == set()


def test_an_open_box_is_known_by_its_floor_and_section() -> None:
    solid = box((0, 0, 0), (32, 42, 50)) - box((1, 1, 1.2), (31, 41, 51))
    inside = inside_of(weld(read_stl(stl_bytes(solid), "cup")))
    assert inside is not None and inside.floor == pytest.approx(1.2, abs=1e-5)
    assert inside.sections == pytest.approx((1200.0,) * 3, abs=1e-3)
    assert inside_of(weld(read_stl(stl_bytes(box((0, 0, 0), (9, 9, 9))), "brick"))) is None


def _as(part: LoadedPart, other: str, parts: tuple[LoadedPart, ...]) -> LoadedPart:
    """A part with another one's shape."""
    mesh = next(p for p in parts if p.entry.name == other).mesh
    return LoadedPart(part.entry, part.blob, mesh, topology(mesh), part.matrix)
