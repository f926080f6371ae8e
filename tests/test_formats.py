"""Every format, read by a program that is not ours."""

import dataclasses
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pelu_fab
from exports import DESIGNS, device, export
from pelu_fab.errors import FabError
from pelu_fab.exports import DEFAULT, WRITERS, chosen
from pelu_fab.formats.bom import to_bom
from pelu_fab.formats.glb import to_glb
from pelu_fab.formats.plates import FILAMENTS, MARGIN, PART_GAP, Piece, packed, plates_of, slant, turned_box
from pelu_fab.formats.threemf import _place, to_plates
from pelu_fab.formats.weld import weld
from pelu_fab.ir.device import Device
from pelu_fab.show.animation import to_gif
from pelu_fab.show.pictures import to_hero, to_section
from pelu_fab.show.report import to_report
from pelu_fab.show.report_data import read_facts
from pelu_fab.show.scene import scene_of
from pelu_fab.show.svg import to_svg
from pelu_fab.signoff.mesh import _beyond

HERE = Path(__file__).parent
MODULES = Path(pelu_fab.__file__).parent / "show" / "viewer_src" / "node_modules"
MODEL = "3D/3dmodel.model"
SVG = "{http://www.w3.org/2000/svg}"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_formats_have_a_fixed_order_and_an_unknown_one_a_suggestion() -> None:
    assert chosen(None) == DEFAULT == ("stl", "svg", "3mf", "report")
    assert chosen(["report", "svg"]) == ("svg", "report")
    assert chosen(["all"]) == ("stl", *WRITERS)
    with pytest.raises(FabError, match=r"^--formats: knows no 'glp'; did you mean 'glb'\?$"):
        chosen(["svg", "glp"])
    with pytest.raises(FabError, match=r"knows no ''; choose from stl, svg, 3mf, glb, report, .* or all$"):
        chosen([""])


def test_the_layout_is_to_scale_and_names_everything() -> None:
    found = device("and-or")
    root = ET.fromstring(to_svg(found))
    width, height = (float(root.attrib[side].removesuffix("mm")) for side in ("width", "height"))
    assert root.attrib["viewBox"] == f"0 0 {width:.1f} {height:.1f}"  # one unit is one millimetre
    words = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert {"L0.b0", "L0.b1", "L1.b0", "L1.b1", "left jug", "right jug", "and", "or", "50 mm"} <= words
    plan = next(group for group in root.iter(f"{SVG}g") if group.attrib["id"] == "plan")
    card = found.layout.cards[0].card
    rooms = [p for p in plan if p.attrib.get("class") == "room" and p.findtext(f"{SVG}title") == card.name]
    corners = np.array([[float(x) for x in point.split(",")] for point in rooms[0].attrib["points"].split()])
    assert np.ptp(corners, axis=0) == pytest.approx([card.depth, card.x1 - card.x0], abs=0.02)


def test_every_shape_of_the_layout_has_its_style() -> None:
    drawn = to_svg(device("and-or")).decode()
    used = set(re.findall(r'<polygon class="(\w+)"', drawn))
    styled = set(re.findall(r"^\.(\w+)\{fill:", drawn, re.MULTILINE))
    assert {"card", "plate", "gutter", "cup", "stand", "room", "water", "tooth"} == used <= styled


def test_standing_water_has_the_section_that_its_floor_leaves_it() -> None:
    steps = np.linspace(-60.0, 0.0, 240_001)
    for card in device("iris").sized.cards.values():
        floor = np.array([card.floor_z + max(-y - card.pool, 0.0) * card.rise for y in (0.0, -card.depth)]).max()
        inside = steps[steps >= -card.depth]
        bed = card.floor_z + np.maximum(-inside - card.pool, 0.0) * card.rise
        for level in (card.floor_z / 2, 0.0, floor + 3.0):
            if level <= card.floor_z:
                continue
            points = np.array(card.wet(level))
            y, z = points.T
            area = abs(np.dot(y, np.roll(z, 1)) - np.dot(z, np.roll(y, 1))) / 2
            assert area == pytest.approx(np.trapezoid(np.maximum(level - bed, 0.0), inside), rel=1e-3, abs=0.02)


def test_water_in_the_scene_runs_downhill_from_every_bucket_to_its_target() -> None:
    for name in ("iris", "and-or", "drip"):
        found = device(name)
        scene = scene_of(found)
        vessels = {pool.name: pool.floor_z for pool in scene.pools} | {g.port: g.floor_z for g in scene.glasses}
        sills = {pool.name: pool.sill_z for pool in scene.pools}
        for duct in found.lowered.netlist.ducts:
            own = [stream for stream in scene.streams if duct.name in stream.ducts]
            assert all(stream.start[2] >= stream.end[2] for stream in own)
            assert own[0].start[2] == sills[duct.source]
            assert own[-1].end[2] == pytest.approx(vessels[duct.target])
            for above, below in pairwise(own):
                assert np.abs(np.subtract(above.end, below.start)).max() < 1.0, f"{duct.name} breaks off"
        assert {name for name, _ in scene.seconds} == {duct.name for duct in found.lowered.netlist.ducts}


@given(st.lists(st.tuples(st.floats(5, 210), st.floats(5, 210)), min_size=1, max_size=25))
def test_parts_on_a_plate_lie_apart_and_inside_the_bed(sizes: list[tuple[float, float]]) -> None:
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for (x, y), ((plate, left, front), turned) in zip(sizes, packed(sizes, (220.0, 220.0)), strict=True):
        wide, deep = (y, x) if turned else (x, y)
        box = (left, front, left + wide, front + deep)
        assert min(box) >= MARGIN - 1e-6 and max(box) <= 220 - MARGIN + 1e-2
        for other in boxes.setdefault(plate, []):
            apart = max(box[0] - other[2], other[0] - box[2], box[1] - other[3], other[1] - box[3])
            assert apart >= PART_GAP - 0.01
        boxes[plate].append(box)


def test_a_piece_that_is_too_long_lies_aslant_on_its_bed_and_one_that_is_too_large_does_not() -> None:
    bed = (220.0, 220.0)
    assert slant((220.0, 220.0), bed) == slant((30.0, 219.0), bed) == 0
    for size in ((222.0, 42.0), (42.0, 222.0), (240.0, 20.0), (290.0, 3.0)):
        turn = slant(size, bed)
        assert turn is not None and 0 < turn < 90
        corners = np.array([(x, y) for x in (0.0, size[0]) for y in (0.0, size[1])]) @ _turned(turn)
        assert np.ptp(corners, axis=0) == pytest.approx(turned_box(size, turn))
        assert np.ptp(corners, axis=0).max() <= 220.0 - 2 * MARGIN
    assert slant((222.0, 120.0), bed) is slant((312.0, 10.0), bed) is None


def _turned(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def test_a_part_that_lies_aslant_is_written_so_and_judged_to_fit() -> None:
    """A tray as long as none: 222 mm, on a bed of 220."""
    found = device("iris")
    number = next(n for n, part in enumerate(found.parts) if part.role == "tray")
    own = found.meshes[number]
    longer = dataclasses.replace(
        own, corners=own.corners * np.float32([222.0, 42.0, 40.0]) / np.ptp(own.corners, (0, 1))
    )
    asked = dataclasses.replace(found, parts=(found.parts[number],), meshes=(longer,))
    ((piece,),) = (plate.pieces for plate in plates_of(asked))
    low, high = _bounds_on(asked, piece)
    assert piece.turn % 90 and low.min() >= MARGIN - 0.01 and high.max() <= 220.0 - MARGIN + 0.01
    plan = longer.corners.reshape(-1, 3)[:, :2]
    assert _beyond(plan, (220.0, 220.0)) <= 0.0 < 20.0 < _beyond(plan, (160.0, 160.0))
    assert _beyond(plan, (222.0, 42.0)) == pytest.approx(0.0, abs=1e-3)


def _bounds_on(asked: Device, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Ends of a piece's own points on its bed."""
    *turn, shift = np.array(_place(asked, piece))
    points = asked.meshes[piece.part].corners.reshape(-1, 3) @ np.array(turn) + shift
    return points[:, :2].min(axis=0), points[:, :2].max(axis=0)


def test_welding_keeps_every_corner_and_only_joins_equal_ones() -> None:
    corners = device("drip").meshes[0].corners
    vertices, triangles = weld(corners)
    assert np.array_equal(vertices[triangles], corners)
    assert len(np.unique(vertices, axis=0)) == len(vertices)


def read_strictly(blob: bytes) -> Any:
    """A 3MF as its consortium's own library reads it, without a warning."""
    import lib3mf

    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromBuffer(blob)
    assert reader.GetWarningCount() == 0
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    return model


def test_plates_pass_the_strict_reader_and_hold_every_part_by_volume_and_no_setting() -> None:
    found = device("and-or")
    blobs = to_plates(found)
    assert list(blobs) == ["plates/plate-1.3mf", "plates/plate-2.3mf", "plates/plate-3.3mf"]
    assert blobs == to_plates(found)
    volumes, items, titles = {}, 0, []
    for blob in blobs.values():
        assert zipfile.ZipFile(io.BytesIO(blob)).namelist() == [MODEL, "[Content_Types].xml", "_rels/.rels"]
        model = read_strictly(blob)
        meshes = model.GetMeshObjects()
        while meshes.MoveNext():
            mesh = meshes.GetCurrentMeshObject()
            assert mesh.IsManifoldAndOriented(), mesh.GetName()
            points = np.array([tuple(v.Coordinates) for v in mesh.GetVertices()])
            a, b, c = (points[[t.Indices[k] for t in mesh.GetTriangleIndices()]] for k in range(3))
            volumes[mesh.GetName()] = float((np.cross(a, b) * c).sum() / 6)
        items += model.GetBuildItems().Count()
        group = model.GetMetaDataGroup()
        told = [group.GetMetaData(k) for k in range(group.GetMetaDataCount())]
        assert [one.GetName() for one in told] == ["Title", "Application"]
        titles.append(told[0].GetValue())
    assert titles[1] == "and-or, plate 2 of 3, white filament"
    assert volumes == {
        part.name: pytest.approx(mesh.volume, rel=1e-4) for part, mesh in zip(found.parts, found.meshes, strict=True)
    }
    assert items == sum(part.count for part in found.parts)


def test_a_plate_holds_one_filament_and_the_bill_of_materials_tells_them() -> None:
    found = device("iris")
    plates = plates_of(found)
    pieces = [piece.part for plate in plates for piece in plate.pieces]
    assert sorted(pieces) == list(range(len(found.parts)))
    roles = [{found.parts[piece.part].role for piece in plate.pieces} for plate in plates]
    assert all(any(have <= set(of) for of in FILAMENTS.values()) for have in roles)
    assert [plate.filament for plate in plates] == ["dark", "dark", "white", "clear"]
    bom = to_bom(found)
    assert "plate 3, white filament: card-L1-b0, card-L1-b1, card-L1-b2, card-L0-b0," in bom
    assert max(map(len, bom.splitlines())) <= 120


@pytest.mark.skipif(shutil.which("prusa-slicer") is None, reason="no prusa-slicer here")
def test_the_slicer_reads_plates_and_stl_as_manifold(tmp_path: Path) -> None:
    found = device("drip")
    told = ""
    for number, blob in enumerate(to_plates(found).values()):
        (tmp_path / f"{number}.3mf").write_bytes(blob)
        told += run("prusa-slicer", "--info", str(tmp_path / f"{number}.3mf"))
    assert told.count("manifold = yes") == sum(part.count for part in found.parts) and "manifold = no" not in told
    parts = sorted((export("drip", tmp_path) / "parts").iterdir())
    told = run("prusa-slicer", "--info", *map(str, parts))
    assert told.count("manifold = yes") == len(parts)


@pytest.mark.skipif(shutil.which("admesh") is None, reason="no admesh here")
def test_admesh_finds_nothing_to_mend_in_any_part(tmp_path: Path) -> None:
    for file in sorted((export("and-or", tmp_path) / "parts").iterdir()):
        told = run("admesh", str(file))
        for fault in ("Degenerate facets", "Edges fixed", "Facets removed", "Facets added", "Facets reversed"):
            assert re.search(rf"{fault}\s*:\s*0\b", told), f"{file.name}: {fault}"
        assert re.search(r"Number of parts\s*:\s*1\b", told), file.name


def test_glb_is_in_metres_with_y_up_and_named_parts() -> None:
    import trimesh

    found = device("and-or")
    blob = to_glb(found)
    assert blob == to_glb(found)
    scene = trimesh.load_scene(io.BytesIO(blob), file_type="glb")
    placed = [n for n, part in enumerate(found.parts) if part.transform is not None]
    assert set(scene.geometry) == {found.parts[n].name for n in placed}
    corners = np.concatenate([found.assembled(n).reshape(-1, 3) for n in placed])
    low, high = corners.min(0) / 1000, corners.max(0) / 1000
    wanted = [[low[0], low[2], -high[1]], [high[0], high[2], -low[1]]]
    assert scene.bounds == pytest.approx(np.array(wanted), abs=1e-6)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
@pytest.mark.skipif(not (MODULES / "gltf-validator").is_dir(), reason="run npm ci in pelu_fab/show/viewer_src")
def test_glb_passes_khronos_validator(tmp_path: Path) -> None:
    (tmp_path / "device.glb").write_bytes(to_glb(device("and-or")))
    told = json.loads(run("node", str(HERE / "gltf_validate.mjs"), str(tmp_path / "device.glb"), str(MODULES)))
    assert (told["issues"]["numErrors"], told["issues"]["numWarnings"]) == (0, 0), told["issues"]["messages"][:5]
    assert told["info"]["totalTriangleCount"] > 1000


def test_the_pour_is_a_loop_under_three_megabytes_in_which_cups_fill() -> None:
    from PIL import Image

    found = device("and-or")
    blob = to_gif(found)
    assert len(blob) < 3_000_000 and blob == to_gif(found)
    picture = Image.open(io.BytesIO(blob))
    assert picture.info["loop"] == 0 and picture.n_frames > 40
    blue = []
    for frame in (0, picture.n_frames - 1):
        picture.seek(frame)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
        blue.append(int((pixels[..., 2] - pixels[..., 0] > 80).sum()))
    assert blue[1] > blue[0] + 500


def test_hero_and_section_show_the_device_and_its_water() -> None:
    from PIL import Image

    for blob, is_cut in ((to_hero(device("and-or")), False), (to_section(device("and-or")), True)):
        pixels = np.asarray(Image.open(io.BytesIO(blob)).convert("RGB")).astype(int)
        drawn = (pixels.min(-1) < 235).mean()
        water = ((pixels[..., 2] - pixels[..., 0] > 90) & (pixels[..., 2] > 120)).mean()
        assert 0.05 < drawn < 0.9
        assert (water > 0.001) == is_cut


def test_every_gallery_design_compiles_and_signs_off(tmp_path: Path) -> None:
    for name in ("drip", "and-or"):
        assert json.loads((export(name, tmp_path) / "verify.json").read_text())["verdict"] == "pass"
        assert (DESIGNS / name / "README.md").is_file()


def test_device_and_report_show_themselves_in_a_notebook_and_never_raise(tmp_path: Path) -> None:
    found = device("and-or")
    report = pelu_fab.verify(export("and-or", tmp_path))
    for shown, word in ((found, "and-or: 2 → 2 → 2"), (report, "pass: ")):
        bundle = shown._repr_mimebundle_()
        assert bundle["text/plain"].startswith(word) and word.split()[0] in bundle["text/html"]
        assert sum(map(len, bundle.values())) < 2_000_000
    ET.fromstring(found._repr_mimebundle_()["image/svg+xml"])
    broken = dataclasses.replace(found, layout=None)  # type: ignore[arg-type]
    assert list(broken._repr_mimebundle_()) == ["text/plain"]
    check = dataclasses.replace(report.checks[0], status="fail", why="<b>" * 3_000_000)
    heavy = dataclasses.replace(report, checks=(check,))._repr_mimebundle_()
    assert list(heavy) == ["text/plain"] and len(heavy["text/plain"]) < 2_000_000


def test_the_slicers_estimates_reach_the_report(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    assert "your slicer knows better" in to_report(read_facts(folder)).decode()
    names = [part.name for part in read_facts(folder).parts]
    (folder / "slices.json").write_text(json.dumps({name: {"grams": 7.25, "hours": 1.5} for name in names}))
    assert all(part.is_sliced and part.grams == 7.25 for part in read_facts(folder).parts)
    html = to_report(read_facts(folder)).decode()
    assert "7 g · 1 h 30 min" in html and "if solid" not in html and "estimated" not in html[: html.index("<main>")]
