"""A stand that is cut from a sheet: pieces that cross in slots as wide as told, drawn as they are, and so judged."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from shapely import Polygon
from stagework import design_of, random_network
from typer.testing import CliRunner

import pelu_fab
from exports import DESIGNS, device, ran
from pelu_fab.cli import application
from pelu_fab.errors import FabError
from pelu_fab.formats.sheets import lying
from pelu_fab.ir.device import Device
from pelu_fab.ir.sheet import Sheet
from pelu_fab.ir.solid import Part
from pelu_fab.show.assembly import stages
from pelu_fab.show.booklet import pages
from pelu_fab.signoff import Report, verify
from pelu_fab.signoff.cut import flatness, laps
from pelu_fab.signoff.dossier import open_folder
from pelu_fab.signoff.moving import room
from pelu_fab.signoff.recovery import read_parts
from pelu_fab.signoff.report import report
from pelu_fab.signoff.verdict import paper_checks

SVG, DXF = "sheets/sheet-1.svg", "sheets/sheet-1.dxf"


@cache
def cut(name: str = "petals", sheet: Sheet = Sheet()) -> Device:  # noqa: B008
    return pelu_fab.compile(replace(device(name).design, sheet=sheet))


@cache
def _written() -> Path:
    folder = Path(mkdtemp(prefix="pelu_fab-test-")) / "petals"
    pelu_fab.write(cut(), folder, formats=["3mf"])
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(_written(), tmp_path / "petals"))


def named(found: Device, name: str) -> Part:
    (part,) = [part for part in found.parts if part.name == name]
    return part


def gaps(shape: Polygon, at: float, *, upright: bool = False) -> list[tuple[float, float]]:
    """Where a line across a piece, level or upright, runs through air between material: from and to."""
    ends = []
    for loop in (shape.exterior, *shape.interiors):
        points = np.array(loop.coords)[:, ::-1] if upright else np.array(loop.coords)
        for (x0, y0), (x1, y1) in pairwise(points.tolist()):
            if (y0 <= at) != (y1 <= at):
                ends.append(float(x0 + (x1 - x0) * (at - y0) / (y1 - y0)))
    ends = sorted(ends)[1:-1]
    return list(zip(ends[::2], ends[1::2], strict=True))


def rules(found: Report) -> set[str]:
    return {check.id for check in found.failures}


def papers(folder: Path) -> Report:
    """Every check for which no water need be followed, the files' hashes made good before."""
    told = json.loads((folder / "manifest.json").read_text())
    told["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in told["files"]}
    (folder / "manifest.json").write_text(json.dumps(told))
    opened = open_folder(folder)
    parts, checks = read_parts(opened.folder, opened.inside, lambda _: None)
    return report([*checks, *paper_checks(opened, None, parts)])


# ---- what is made ----


@pytest.mark.parametrize("thickness", [2.0, 3.0, 6.0])
def test_every_crossing_is_a_slot_as_wide_as_the_sheet_and_its_clearance(thickness: float) -> None:
    """Measured on the outlines: below in walls and ties, above in ribs and legs, each where the other stands."""
    sheet = Sheet(thickness=thickness, clearance=0.15)
    found = cut("petals", sheet)
    crossed = 0
    for one in found.cut:
        matrix = np.array(one.transform)
        if matrix[0, 2] == 0.0:
            continue  # stands across; met from the others' side
        x = matrix[0, 3] + thickness / 2
        for other in found.cut:
            turn = np.array(other.transform)
            if turn[0, 2] != 0.0 or other.name.rpartition("-")[0] not in one.name:
                continue
            y = turn[1, 3] - thickness / 2
            below = [gap for gap in gaps(Polygon(other.cut_lines[0]), 1.0) if gap[0] < x - turn[0, 3] < gap[1]]
            shape = Polygon(one.cut_lines[0])
            (top,) = {z for _, z in one.cut_lines[0] if abs(z - shape.bounds[3]) < 1e-6}
            ((a, b),) = below
            assert b - a == pytest.approx(sheet.slot, abs=2e-3)
            assert (a + b) / 2 == pytest.approx(x - turn[0, 3], abs=2e-3)
            at = y - matrix[1, 3]
            slot = [gap for gap in gaps(shape, at, upright=True) if gap[1] - gap[0] > 0.0]
            ends = [z for xx, z in one.cut_lines[0] if abs(xx - (at - sheet.slot / 2)) < 2e-3]
            again = [z for xx, z in one.cut_lines[0] if abs(xx - (at + sheet.slot / 2)) < 2e-3]
            assert ends and again and min(ends) == pytest.approx(min(again), abs=2e-3)
            high = [z for xx, z in other.cut_lines[0] if abs(xx - a) < 2e-3 and z > 1.0]
            assert 0.0 < max(high) - min(ends) < 0.5, "one slot ends where the other begins"
            assert top > min(ends) and not any(g[0] < min(ends) - 1.0 < g[1] for g in slot)
            crossed += 1
    assert crossed == 2 * 4 + 2 * 2  # ribs with rail and wall, legs with tie and wall


def test_rows_hang_within_a_third_of_a_millimetre_aside_and_along() -> None:
    """Pads between plates, ears in their notches; measured on layout and outlines."""
    for name in ("petals", "iris", "and-or"):
        found = cut(name)
        layout, half = found.layout, Sheet().thickness / 2
        rib = Polygon(named(found, "rack-rib-1").cut_lines[0])
        foot = np.array(named(found, "rack-rib-1").transform)[1, 3]
        for placed in layout.hung:
            assert placed.pad is not None
            x0, x1 = placed.pad[1]
            left = max(x for x in (*layout.rack.plates, *layout.rack.between) if x < x0) + half
            right = min(x for x in (*layout.rack.plates, *layout.rack.between) if x > x1) - half
            assert 0.1 < x0 - left < 0.3 and 0.1 < right - x1 < 0.3
            assert left - placed.reach[0] > 1.0 / 2 and placed.reach[1] - right > 1.0 / 2  # of ear on the plate
            (notch,) = [
                gap for gap in gaps(rib, layout.rack.seat_z + 1.0) if gap[0] < placed.y + placed.ear[0] - foot < gap[1]
            ]
            ear = [placed.y + end - foot for end in placed.ear]
            assert 0.1 < ear[0] - notch[0] < 0.3 and 0.1 < notch[1] - ear[1] < 0.3


@pytest.mark.parametrize("name", ["petals", "iris", "wine", "and-or"])
def test_water_runs_as_in_a_printed_device(name: str) -> None:
    """Cards' insides, gutters and cups are the same, and so is where they stand."""
    one, other = cut(name).layout, device(name).layout
    assert [(p.card, p.y, p.z) for p in one.cards] == [(p.card, p.y, p.z) for p in other.cards]
    assert [replace(tray, wings=None) for tray in one.trays] == [replace(tray, wings=None) for tray in other.trays]
    assert one.cups == other.cups
    assert cut(name).pieces == device(name).pieces - sum(part.role == "stand" for part in device(name).parts)


def test_what_is_cut_is_neither_weighed_nor_laid_on_beds() -> None:
    found = cut("iris")
    told = re.fullmatch(
        r"to print: 13 pieces, about (\d+) g and (\d+) h by .*; to cut: 14 pieces, ([\d.]+) m of cut in 3 mm sheet; .*",
        found.figures,
    )
    assert told and float(told[1]) < 0.85 * device("iris").grams and float(told[2]) < device("iris").hours - 3.0
    around = sum(Polygon(line).length for part in found.cut for line in part.cut_lines)
    assert float(told[3]) == pytest.approx(around / 1000.0, abs=0.06)
    files, _ = pelu_fab.pipeline.to_files(found, ["3mf"])
    bom = files["bom.txt"].decode()
    assert bom.startswith("iris: 13 pieces\n") and "cut from 3 mm sheet: 14 pieces\n" in bom
    for part in found.cut:
        (line,) = [line for line in bom.splitlines() if line.startswith(f"{part.name} ")]
        assert line.split()[1] == "1"
    assert sum(name.startswith("plates/") for name in files) == 3


def test_the_steps_name_every_piece_of_the_stand_once_and_where_it_goes() -> None:
    for name in ("petals", "iris", "wine"):
        found = cut(name)
        told = stages(found)
        stands = [stage for stage in told if found.parts[stage.parts[0]].role == "stand"]
        assert len(stands) == 1 + len(found.layout.trestles)
        words = " ".join(stage.words for stage in told)
        for part in found.cut:
            if "-rib-" not in part.name:
                assert words.count(part.name) >= 1, part.name
        assert "rack-rib-1 to rack-rib-4, from left to right" in words
        left = float(np.array(named(found, "rack-rib-1").transform)[0, 3])
        assert left == max(float(np.array(p.transform)[0, 3]) for p in found.cut if "-rib-" in p.name)  # cups in front


def test_the_booklet_shows_every_sheet_with_every_piece_and_what_to_mind() -> None:
    found = cut("petals", Sheet(size=(300.0, 200.0)))
    (first, *more) = [one for one in pages(found) if one.axes.texts[0].get_text() == "Cut"]
    told = [text.get_text() for one in (first, *more) for text in one.axes.texts]
    assert all(told.count(part.name) == 1 for part in found.cut)
    assert {f"sheet {piece.sheet + 1}" for piece in lying(found)} == {t for t in told if re.fullmatch(r"sheet \d+", t)}
    assert "3.1 mm wide, for 3 mm" in " ".join(told)
    assert not any(one.axes.texts[0].get_text() == "Cut" for one in pages(device("petals")))


def test_a_sheet_too_small_is_refused_before_meshing_with_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    design = replace(device("petals").design, sheet=Sheet(size=(120.0, 100.0)))
    with monkeypatch.context() as patch:
        patch.setattr("pelu_fab.pipeline.build_mesh", lambda _: pytest.fail("meshed"))
        with pytest.raises(FabError, match=r"^rack-rail: measures 132 x 45 mm, a sheet takes .* \(3 of 10") as refused:
            pelu_fab.compile(design)
    told = re.search(r"sheet\.size=(\[.*?\])", refused.value.remedy)
    assert told
    small = Sheet(size=tuple(map(float, json.loads(told[1]))))
    assert {piece.sheet for piece in lying(pelu_fab.compile(replace(design, sheet=small)))} > {0}


def test_the_command_line_takes_frame_and_thickness(tmp_path: Path) -> None:
    out = tmp_path / "xor"
    words = ["compile", DESIGNS / "xor", "--frame", "sheet", "--sheet-thickness", "4", "--formats", "stl", "--out", out]
    told = ran(*words)
    assert told["report"]["verdict"] == "pass"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["frame"] == "sheet" and manifest["sheet"]["thickness"] == 4.0
    assert (
        CliRunner()
        .invoke(application(), ["verify", str(out), "--against", str(DESIGNS / "xor"), "--set", "frame=printed"])
        .exit_code
        == 1
    )
    bad = CliRunner().invoke(application(), ["compile", str(DESIGNS / "xor"), "--frame", "wood"])
    assert bad.exit_code == 2 and "frame" in bad.output


def test_what_to_cut_again_is_not_told_as_to_print(tmp_path: Path) -> None:
    out = tmp_path / "drip"
    words = ["compile", str(DESIGNS / "drip"), "--formats", "stl", "--frame", "sheet", "--out", str(out)]
    assert CliRunner().invoke(application(), words).exit_code == 0
    told = CliRunner().invoke(application(), [*words, "--set", "sheet.clearance=0.12"]).output
    (line,) = [line for line in told.splitlines() if line.startswith("reprint")]
    assert line == "reprint 0 of 3; cut again 4 of 4: rack-rail, rack-rib-1, rack-rib-2, rack-wall"


# ---- what the judge says ----


def test_the_judge_passes_a_stand_of_sheets_by_rules_of_its_own(folder: Path) -> None:
    found = verify(folder)
    assert [str(check) for check in found.failures] == [] and found.verdict == "pass"
    pieces = {part.name for part in cut().cut}
    by = {rule: {c.where for c in found.checks if c.id == rule} for rule in ("cut.flat", "cut.lap", "cut.drawing")}
    assert by["cut.flat"] == by["cut.lap"] == pieces
    assert by["cut.drawing"] == {f"{name}: {piece}" for name in (SVG, DXF) for piece in pieces}
    assert not {c.where for c in found.checks if c.id.startswith("drc.wall") or c.id == "mesh.bed"} & pieces


@pytest.mark.parametrize("suffix", [".svg", ".dxf"])
def test_drawings_are_the_pieces_and_half_a_kerf_by_another_reading(suffix: str) -> None:
    """Areas of all lines, by the files' text alone, against the meshes: volume over thickness, and the kerf's strip."""
    found, text = cut(), (_written() / f"sheets/sheet-1{suffix}").read_text()
    if suffix == ".svg":
        ways = re.findall(r'<path id="cut-[^"]*" d="([^"]*)"', text)
        loops = [re.findall(r"([\d.]+) ([\d.]+)", loop) for way in ways for loop in way.split("Z")[:-1]]
        assert 'width="600mm" height="400mm" viewBox="0 0 600 400"' in text
    else:
        loops = [
            re.findall(r"VERTEX\s+8\s+CUT\s+10\s+([\d.]+)\s+20\s+([\d.]+)", line) for line in text.split("POLYLINE")[1:]
        ]
        loops = [loop for loop in loops if loop]
    shapes = [Polygon([(float(x), float(y)) for x, y in loop]) for loop in loops]
    assert len(shapes) == sum(len(part.cut_lines) for part in found.cut)
    drawn = sum(
        shape.area * (-1 if any(other.contains(shape) for other in shapes if other is not shape) else 1)
        for shape in shapes
    )
    meshes = sum(m.volume for p, m in zip(found.parts, found.meshes, strict=True) if p.is_cut) / Sheet().thickness
    assert drawn - meshes == pytest.approx(found.cut_length * Sheet().kerf / 2, rel=0.02)


def _svg(change: Callable[[str], str]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / SVG).write_text(change((folder / SVG).read_text()))

    return spoil


def _engraved(text: str) -> str:
    """The rail's line on the layer of names."""
    (line,) = re.findall(r'<path id="cut-rack-rail"[^>]*/>\n', text)
    return text.replace(line, "").replace("</g>", f"{line}</g>", 1)


def _dxf(change: Callable[[str], str]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / DXF
        path.write_bytes(change(path.read_bytes().decode()).encode())

    return spoil


def _sub(pattern: str, into: str | Callable[[re.Match[str]], str]) -> Callable[[str], str]:
    def change(text: str) -> str:
        changed = re.sub(pattern, into, text, count=1)
        assert changed != text
        return changed

    return change


def _wider(match: re.Match[str]) -> str:
    return f"{match[1]}{float(match[2]) + 0.05:.3f}"


def _manifest(**told: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        table = json.loads((folder / "manifest.json").read_text())
        table["sheet"] |= told
        (folder / "manifest.json").write_text(json.dumps(table))

    return spoil


DRAWINGS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a corner of a line moved": (_svg(_sub(r'(id="cut-rack-wall" d="M)([\d.]+)', _wider)), "cut.drawing"),
    "a piece less": (_svg(_sub(r'<path id="cut-rack-rail"[^>]*/>\n', "")), "cut.drawing"),
    "a piece twice": (_svg(_sub(r'(<path id="cut-rack-rail"[^>]*/>\n)', r"\1\1")), "cut.drawing"),
    "a piece engraved, not cut": (_svg(_engraved), "cut.drawing"),
    "a window less": (_svg(_sub(r'(id="cut-rack-wall" d="M[^Z]*Z) M[^Z]*Z', r"\1")), "cut.drawing"),
    "a line left open": (_svg(_sub(r'(id="cut-rack-wall" d="M[^Z]*)Z', r"\1")), "cut.drawing"),
    "in inches": (_svg(_sub('width="600mm"', 'width="600in"')), "cut.drawing"),
    "at another scale": (_svg(_sub('viewBox="0 0 600 400"', 'viewBox="0 0 601 400"')), "cut.drawing"),
    "mirrored by its layer": (_svg(_sub('<g id="cut"', '<g id="cut" transform="scale(-1,1)"')), "cut.drawing"),
    "a circle more": (_svg(_sub("</g>", '<circle cx="9" cy="9" r="2"/></g>')), "cut.drawing"),
    "a layer more": (_svg(_sub('<g id="cut"', '<g id="score"')), "cut.drawing"),
    "an entity in the SVG": (_svg(_sub("<svg", '<!DOCTYPE a [<!ENTITY b "c">]><svg')), "cut.drawing"),
    "a vertex of the DXF moved": (_dxf(_sub(r"(VERTEX\s+8\s+CUT\s+10\s+)([\d.]+)", _wider)), "cut.drawing"),
    "a polyline left open": (_dxf(_sub(r"(POLYLINE\s+8\s+CUT[\s\S]*? 70\r\n)1", r"\g<1>0")), "cut.drawing"),
    "an arc in the DXF": (_dxf(_sub(r"(VERTEX\s+8\s+CUT\r\n)", "\\1 42\r\n0.5\r\n")), "cut.drawing"),
    "a circle in the DXF": (_dxf(_sub(r"  0\r\nPOLY", "  0\r\nCIRCLE\r\n  8\r\nCUT\r\n  0\r\nPOLY")), "cut.drawing"),
    "the DXF in inches": (_dxf(_sub(r"(\$INSUNITS\r\n 70\r\n)4", r"\g<1>1")), "cut.drawing"),
    "half of the DXF": (_dxf(lambda text: text[: len(text) // 2]), "cut.drawing"),
    "another kerf than drawn": (_manifest(kerf=0.3), "cut.drawing"),
    "a sheet smaller than drawn": (_manifest(size=[590.0, 400.0]), "cut.drawing"),
}  # fmt: skip


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_that_is_not_the_pieces_fails_though_its_hash_is_right(name: str, folder: Path) -> None:
    spoil, rule = DRAWINGS[name]
    spoil(folder)
    assert rules(papers(folder)) - {"cut.sheet"} == {rule}


def test_pieces_drawn_over_each_other_or_beyond_the_sheet_are_named(folder: Path) -> None:
    assert rules(papers(folder)) == set()
    text = (folder / SVG).read_text()

    def moved(x: float) -> str:
        def shift(match: re.Match[str]) -> str:
            way = re.sub(r"([ML])([\d.]+) ([\d.]+)", lambda m: f"{m[1]}{float(m[2]) + x:.3f} {m[3]}", match[2])
            return match[1] + way

        return re.sub(r'(id="cut-rack-wall" d=")([^"]*)', shift, text)

    for far, why in ((2.5, "of sheet left"), (560.0, "beyond the sheet")):
        (folder / SVG).write_text(moved(far))
        (check,) = [c for c in papers(folder).failures if c.id == "cut.sheet"]
        assert check.where == SVG and why in check.why


def _twisted(corners: Any) -> Any:
    """A piece that is warped: its far end is 0.3 mm up."""
    found = corners.copy()
    found[..., 2] += 0.3 * found[..., 0] / found[..., 0].max()
    return found


def _of(name: str, change: Callable[[Any], Any]) -> Callable[[Device], Device]:
    def spoil(found: Device) -> Device:
        meshes = tuple(
            replace(mesh, corners=change(mesh.corners)) if part.name == name else mesh
            for part, mesh in zip(found.parts, found.meshes, strict=True)
        )
        return replace(found, meshes=meshes)

    return spoil


def _thin(corners: Any) -> Any:
    found = corners.copy()
    found[..., 2] *= 0.95
    return found


def _told(**keys: Any) -> Callable[[Device], Device]:
    """A maker who draws slots for another sheet than it says."""

    def spoil(found: Device) -> Device:
        other = cut("petals", replace(Sheet(), **keys))
        return replace(other, design=found.design)

    return spoil


MAKERS: dict[str, tuple[Callable[[Device], Device], str]] = {
    "a warped piece": (_of("rack-wall", _twisted), "cut.flat"),
    "a piece of another thickness": (_of("trestle-1-wall", _thin), "cut.flat"),
    "slots too tight": (_told(clearance=0.02), "cut.lap"),
    "loose slots": (_told(clearance=0.4), "cut.lap"),
}


@pytest.mark.fault("maker")
@pytest.mark.parametrize("name", MAKERS)
def test_a_fault_in_the_maker_of_pieces_is_found(name: str, tmp_path: Path) -> None:
    spoil, wanted = MAKERS[name]
    pelu_fab.write(spoil(cut()), tmp_path / "made", formats=["stl"])
    assert pieces_checked(_written()) == set()
    found = pieces_checked(tmp_path / "made")
    assert wanted in found and found <= {wanted, "cut.lap"}  # what is warped or thin stands loosely, too


def pieces_checked(folder: Path) -> set[str]:
    """What fails of the rules on pieces alone."""
    opened = open_folder(folder)
    parts, _ = read_parts(opened.folder, opened.inside, lambda _: None)
    assert opened.manifest.sheet is not None
    checks = [flatness(part, opened.manifest.sheet) for part in parts if part.entry.is_cut]
    return {check.id for check in [*checks, *laps(room(parts), opened.manifest.sheet)] if check.status == "fail"}


def test_what_is_printed_and_told_to_be_cut_is_found(folder: Path) -> None:
    """Nobody gets past the rules of printing by a word in the manifest."""
    told = json.loads((folder / "manifest.json").read_text())
    for entry in told["parts"]:
        if entry["name"] == "tray-L0":
            entry["made"] = "cut"
    (folder / "manifest.json").write_text(json.dumps(told))
    (check,) = [check for check in verify(folder).failures if check.id == "cut.flat"]
    assert check.where == "tray-L0" and "only pieces of a stand" in check.why


@pytest.mark.slow
def test_networks_at_random_stand_on_sheets(tmp_path: Path) -> None:
    for seed, widths in ((3, (2, 4)), (5, (3, 2, 2))):
        design = replace(design_of(random_network(widths, seed)), sheet=Sheet(thickness=4.0))
        pelu_fab.write(pelu_fab.compile(design), tmp_path / f"{seed}", formats=["stl"])
        found = verify(tmp_path / f"{seed}")
        assert [str(check) for check in found.failures] == []
