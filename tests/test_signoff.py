"""Sign-off against devices made by hand, whose drawn dimensions sign-off never sees."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from handmade import Unit, at_rest, device, network_of, stl_bytes, unit, write

from pelu_fab.errors import FabError
from pelu_fab.ir.process import Process
from pelu_fab.signoff import Report, inspect, verify
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.dossier import read_dossier
from pelu_fab.signoff.flood import flood
from pelu_fab.signoff.stl import RECORD, read_stl, weld
from pelu_fab.signoff.topology import topology

PROFILE = Path(__file__).parents[1] / "pelu_fab" / "processes" / "fdm-pla-detergent.toml"
PROCESS = Process(**tomllib.loads(PROFILE.read_text()))
ROWS: list[list[Unit]] = [
    [unit(9000, (0, 4, 3.0), (1, 6, 3.1), (2, 2, 2.8)), unit(14000, (0, 3, 3.0), (1, 3, 3.2), (2, 6, 3.05))],
    [unit(6000, (0, 6, 3.0), (1, 4, 3.0)), unit(0, (0, 3, 3.0), (1, 7, 3.2)), unit(8000, (1, 10, 3.0))],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(device(ROWS, 2), tmp_path_factory.mktemp("hand"), PROCESS, network_of(ROWS, 2))


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return verify(folder)


def edited(folder: Path, tmp_path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of the folder with one part's bytes changed."""
    copy = tmp_path / "edited"
    (copy / "parts").mkdir(parents=True)
    for file in sorted(folder.rglob("*.*")):
        (copy / file.relative_to(folder)).write_bytes(file.read_bytes())
    (copy / "parts" / f"{part}.stl").write_bytes(change((copy / "parts" / f"{part}.stl").read_bytes()))
    return copy


RUN = 280  # checks at rest, fixed by the device's shape; a rule that no longer runs changes it


def run_at_rest(report: Report) -> int:
    return sum(check.status != "skipped" for check in at_rest(report.checks))


def test_a_crossbar_that_is_sound_at_rest_passes_every_check_of_rest(report: Report) -> None:
    assert at_rest(report.failures) == []
    assert {c.id for c in report.failures} >= {"flow.climb", "flow.inlet", "flow.reach", "hands.stand"}
    assert run_at_rest(report) == RUN
    assert [c.id for c in report.checks if c.status == "skipped"] == ["equivalence.data"]


def test_shares_and_volumes_are_read_back_to_a_ten_thousandth(report: Report) -> None:
    wanted = network_of(ROWS, 2)["layers"]
    for layer, drawn in zip(report.recovered["layers"], wanted, strict=True):
        assert np.abs(np.array(layer["shares"]) - drawn["w"]).max() < 1e-6
        assert np.abs(np.array(layer["sections"]) - drawn["w"]).max() < 1e-6
        assert np.abs(np.array(layer["drawn_units"]) - drawn["h"]).max() < 1e-4


def test_the_recovered_netlist_reads_like_any_netlist(report: Report) -> None:
    assert report.netlist_text.splitlines()[3] == "bucket L0.b0 retains 9.0000 mL"
    assert "duct L1.b0 -> out.y1 carries 0.400000" in report.netlist_text


def test_the_report_is_json_of_the_stable_schema(report: Report) -> None:
    table = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert table["schema"] == 1 and table["verdict"] == "fail"
    assert set(table["checks"][0]) == {"id", "where", "status", "found", "limit", "unit", "at", "why"}
    assert {"recovered", "counts", "as_built"} <= set(table)


def test_a_pool_is_measured_exactly_with_baffle_and_dent() -> None:
    from handmade import box

    solid = box((0, 0, 0), (40, 30, 30)) - box((1.2, 1.2, 1.2), (38.8, 28.8, 31)) - box((5, 28, 20), (35, 31, 31))
    solid = solid + box((1, 10, 6), (39, 11.2, 28)) - box((10, 15, 1.0), (12, 17, 1.5))
    mesh = weld(read_stl(stl_bytes(solid), "pool"))
    (pool,) = flood(mesh, Columns(mesh.corners)).basins
    assert pool.level == pytest.approx(20.0, abs=1e-5)
    assert pool.volume == pytest.approx(37.6 * 27.6 * 18.8 + 2 * 2 * 0.2 - 37.6 * 1.2 * 14, abs=0.01)
    assert pool.area == pytest.approx(37.6 * 27.6 - 37.6 * 1.2, abs=1e-3)
    assert pool.perimeter == pytest.approx(2 * (37.6 + 27.6) + 2 * 37.6 - 2 * 1.2, abs=1e-4)


def test_a_pierced_box_holds_water_to_the_hole_only() -> None:
    from handmade import box

    solid = box((0, 0, 0), (20, 20, 20)) - box((2, 2, 2), (18, 18, 21)) - box((17, 9, 7), (21, 11, 8))
    mesh = weld(read_stl(stl_bytes(solid), "box"))
    (pool,) = flood(mesh, Columns(mesh.corners)).basins
    assert pool.volume == pytest.approx(16 * 16 * 5, abs=1e-3)
    assert pool.exit_at[2] == pytest.approx(7.0)


@pytest.mark.parametrize("genus", [0, 1, 2])
def test_genus_and_shells_are_counted(genus: int) -> None:
    from handmade import box

    solid = box((0, 0, 0), (20, 20, 20)) - box((5, 5, 5), (7, 7, 7))
    for k in range(genus):
        solid -= box((10 + 4 * k, 10, -1), (11 + 4 * k, 11, 21))
    shape = topology(weld(read_stl(stl_bytes(solid), "box")))
    assert (shape.genus, shape.bodies, shape.hollows, shape.is_closed) == (genus, 1, 1, True)


def test_a_renamed_shuffled_and_ascii_mesh_is_judged_the_same(folder: Path, tmp_path: Path) -> None:
    def to_ascii(blob: bytes) -> bytes:
        corners = read_stl(blob, "row0")[::-1]
        rows = ["solid edited elsewhere"]
        for triangle in np.roll(corners, 1, axis=1):
            rows += ["facet normal 0 0 0", "outer loop"]
            rows += ["vertex " + " ".join(f"{v:.9g}" for v in corner) for corner in triangle]
            rows += ["endloop", "endfacet"]
        return "\n".join([*rows, "endsolid edited elsewhere"]).encode()

    report = verify(edited(folder, tmp_path, "row0", to_ascii))
    assert at_rest(report.failures) == [] and run_at_rest(report) == RUN
    assert next(c.why for c in report.checks if c.id == "mesh.file" and c.where == "row0").startswith("changed since")


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", r"^x: is empty \(0 bytes\); export it again$"),
        (b"\0" * 50, r"^x: has 50 bytes, an STL needs at least 84; "),
        (
            b"\0" * 80 + b"\2\0\0\0" + b"\0" * 60,
            r"^x: announces 2 triangles \(184 bytes\) but has 144 bytes, 1 triangles; ",
        ),
        (b"\0" * 84, r"^x: holds 0 triangles; "),
    ],
)
def test_a_broken_stl_is_refused_by_its_fault(blob: bytes, message: str) -> None:
    with pytest.raises(FabError, match=message):
        read_stl(blob, "x")


def test_a_folder_that_is_no_export_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(FabError, match=r"manifest\.json: does not exist; give a folder that `pelu-fab compile` wrote"):
        verify(tmp_path)


def test_a_part_outside_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    copy = edited(folder, tmp_path, "row0", lambda blob: blob)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["parts"][0]["file"] = "../../etc/passwd"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FabError, match="lies outside the folder"):
        read_dossier(copy)


def test_inspect_finds_the_buckets_of_a_bare_file(folder: Path) -> None:
    (facts,) = inspect(folder / "parts" / "row0.stl").meshes
    assert facts.closed and facts.oriented and facts.bodies == 1 and facts.genus == 0
    assert [round(b.volume) for b in facts.buckets] == [14000, 9000]
    assert facts.thinnest == pytest.approx(0.8, abs=1e-3)
    assert len(inspect(folder).meshes) == 7


def test_a_trace_puts_trained_lowered_and_as_built_side_by_side(folder: Path) -> None:
    table = verify(folder, trace=[20.0, 30.0]).to_dict()["trace"]
    assert [row["where"] for row in table] == ["L0.b0", "L0.b1", "L1.b0", "L1.b1", "L1.b2", "out.y0", "out.y1"]
    assert table[0]["trained"] == pytest.approx(9.0) and table[0]["as_built"] == pytest.approx(9.0, abs=1e-4)
    assert sum(row["as_built"] for row in table) == pytest.approx(50.0, abs=1e-9)


def test_a_part_moved_and_turned_with_its_transform_is_judged_the_same(folder: Path, tmp_path: Path) -> None:
    angle = np.radians(37.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shift = np.array([31.0, -17.0, 4.0])

    def moved(blob: bytes) -> bytes:
        record = np.frombuffer(blob, RECORD, -1, 84).copy()
        record["corners"] = record["corners"] @ turn.T + shift
        return blob[:84] + record.tobytes()

    copy = edited(folder, tmp_path, "row0", moved)
    manifest = json.loads((copy / "manifest.json").read_text())
    back = np.eye(4)
    back[:3, :3], back[:3, 3] = turn.T, -turn.T @ shift
    manifest["parts"][0]["transform"] = (np.array(manifest["parts"][0]["transform"]) @ back).tolist()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    report = verify(copy)
    assert at_rest(report.failures) == [] and run_at_rest(report) == RUN


def test_parts_in_each_others_way_are_named_as_a_pair(folder: Path, tmp_path: Path) -> None:
    copy = edited(folder, tmp_path, "row0", lambda blob: blob)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["parts"][1]["transform"][2][3] += 12.0
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (clash,) = [c for c in verify(copy).failures if c.id == "mesh.collide"]
    assert clash.where == "row0 | chutes0" and isinstance(clash.found, float) and clash.found > 10.0


def test_files_may_have_any_name_and_order(folder: Path, tmp_path: Path) -> None:
    copy = edited(folder, tmp_path, "row0", lambda blob: blob)
    manifest = json.loads((copy / "manifest.json").read_text())
    for number, part in enumerate(manifest["parts"]):
        (copy / part["file"]).rename(copy / "parts" / f"{number}.stl")
        manifest["files"][f"parts/{number}.stl"] = manifest["files"].pop(part["file"])
        part["file"], part["name"] = f"parts/{number}.stl", f"part {number}"
    manifest["parts"].reverse()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    report = verify(copy)
    assert at_rest(report.failures) == [] and run_at_rest(report) == RUN
