"""Cases for the solver: cut from the STL, meshed, written; results read, kept and dropped. No solver is needed here."""

import json
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firstiris import device, unpack
from manifold3d import Manifold
from typer.testing import CliRunner

from exports import device as compiled
from exports import export, recovered
from pelu_fab.cfd import bucket as bucket_module
from pelu_fab.cfd import foam
from pelu_fab.cfd import plan as plan_module
from pelu_fab.cfd import run as run_module
from pelu_fab.cfd.bucket import bucket_case, bucket_of
from pelu_fab.cfd.case import INLET, Case, case_files, contact_angle, velocity
from pelu_fab.cfd.compare import compared, share_lines
from pelu_fab.cfd.flight import Flight, Parcels, landings
from pelu_fab.cfd.frame import frame_of
from pelu_fab.cfd.grid import NEAREST, Grid, finer_in, growing, lines, slots, walls
from pelu_fab.cfd.mesh import WALLS, PolyMesh, mesh_files, numbered, poly_mesh
from pelu_fab.cfd.plan import Device, bucket_named, cases_of, jobs_of, leg_named, wanted
from pelu_fab.cfd.pour import pour_of
from pelu_fab.cfd.record import merged, read_record, to_csv
from pelu_fab.cfd.result import Outcome, fresh, read_results, to_text
from pelu_fab.cfd.run import Done, Job, key_of, known, prepare, run_all, run_job
from pelu_fab.cfd.solid import inside
from pelu_fab.cfd.transfer import critical
from pelu_fab.cfd.way import Run, parted, speed_at_end, way_of
from pelu_fab.cli import application
from pelu_fab.errors import FabBug, FabError

rng = np.random.default_rng(12)


def triangles(solid: Manifold) -> np.ndarray:
    mesh = solid.to_mesh()
    return np.asarray(mesh.vert_properties, float)[:, :3][np.asarray(mesh.tri_verts)]


def turn(degrees: float, axis: int) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    i, j = [k for k in range(3) if k != axis]
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


# --- frames, grids, solids


@pytest.mark.parametrize("tilt", [0.0, 15.9, -10.0])
@pytest.mark.parametrize("quarter", [0, 90, 180, 270])
def test_a_frame_stands_on_the_parts_own_axes(tilt: float, quarter: int) -> None:
    matrix = turn(quarter, 2) @ turn(tilt, 0)
    frame = frame_of(matrix, np.array([0.3, 1.0, 0.0]), np.array([1.0, 2.0, 3.0]))
    points = rng.normal(size=(20, 3))
    assert np.allclose(frame.world(frame.local(points)), points)
    assert np.linalg.det(frame.axes) == pytest.approx(1.0)
    assert np.linalg.norm(frame.gravity) == pytest.approx(9.81)
    assert frame.gravity[2] == pytest.approx(-9.81 * np.cos(np.radians(tilt)))
    # The part's axes are the grid's: in them its box is as small as in its file.
    assert np.allclose(np.sort(np.abs(frame.axes @ matrix[:3, :3]).ravel())[-3:], 1.0)
    assert frame.axes[1] @ [0.3, 1.0, 0.0] > 0


def test_lines_pass_every_fixed_place_and_keep_the_size_asked_for() -> None:
    fixed = [1.0, 3.4, 4.2]
    found = lines(-10.0, 10.0, fixed, [3.5, 7.0, 9.95], growing(0.5, 0.0, 5.0, 2.0))
    assert set(fixed) | {-10.0, 10.0, 7.0} <= set(found.round(9).tolist())
    assert 3.5 not in found.round(9) and 9.95 not in found.round(9)  # nearer than NEAREST to another
    cells = np.diff(found)
    assert cells.min() >= NEAREST and cells.max() <= 2.0 * 1.55
    assert cells[(found[:-1] > 0) & (found[1:] < 5)].max() <= 0.5 * 1.5


def test_an_edge_within_dust_of_the_box_makes_no_sliver() -> None:
    found = lines(0.0, 10.0, [1e-4, 9.9999], [], lambda _: 1.0)
    assert np.diff(found).min() > 0.9


def test_cells_are_material_where_half_spaces_say_so() -> None:
    """Two overlapping turned boxes, one of them hollow: the oracle is the boxes' own inequalities."""
    one, two = turn(31, 2) @ turn(20, 0), turn(-12, 1)
    shell = Manifold.cube([8, 8, 8], True) - Manifold.cube([6, 6, 6], True)
    solids = [shell.transform(one[:3]), Manifold.cube([3, 12, 3], True).transform(two[:3])]
    corners = np.concatenate([triangles(solid) for solid in solids])
    axis = np.linspace(-7, 7, 29)
    grid = Grid(axis, axis + 0.011, axis - 0.017)
    centres = np.stack(grid.centres, axis=-1)
    in_one, in_two = np.abs(centres @ one[:3, :3]), np.abs(centres @ two[:3, :3])
    asked = ((in_one.max(-1) < 4) & (in_one.max(-1) > 3)) | (in_two < [1.5, 6, 1.5]).all(-1)
    assert np.array_equal(inside(corners, grid), asked)
    assert not inside(np.zeros((0, 3, 3)), grid).any()


def test_walls_are_found_by_their_area() -> None:
    corners = triangles(Manifold.cube([10, 4, 2]))
    assert walls(corners, np.full(3, -1.0), np.full(3, 20.0), 0) == [0.0, 10.0]
    assert walls(corners, np.full(3, -1.0), np.array([5.0, 9.0, 9.0]), 0) == [0.0]
    assert walls(corners, np.array([-1.0, 3.9, 1.9]), np.full(3, 20.0), 0) == []  # 0.01 mm2 of wall is no wall


def test_a_narrow_slot_gets_three_cells_and_a_wall_as_narrow_does_not() -> None:
    plate = Manifold.cube([10, 1.5, 8]) - Manifold.cube([1.0, 9, 9]).translate([3.0, -1, -1])
    corners = triangles(plate)
    low, high = np.full(3, -1.0), np.full(3, 20.0)
    assert slots(corners, low, high, 0) == [(3.0, 4.0)]
    assert slots(corners, low, high, 1) == []
    size = finer_in(slots(corners, low, high, 0), lambda _: 2.0)
    found = lines(-1.0, 12.0, [], walls(corners, low, high, 0), size)
    assert ((found >= 3.0) & (found <= 4.0)).sum() == 4
    assert np.diff(found).max() <= 2.0 * 1.55
    beside = triangles(Manifold.cube([2, 9, 3]) + Manifold.cube([2, 9, 3]).translate([3, 20, 0]))
    assert slots(beside, np.full(3, -1.0), np.full(3, 40.0), 0) == []  # walls 1 mm apart in x, but not opposite


# --- meshes


def _random_case() -> tuple[Grid, np.ndarray, np.ndarray]:
    grid = Grid(*(np.cumsum(rng.uniform(0.3, 1.5, n)) for n in (7, 6, 8)))
    return grid, rng.random(grid.shape) < 0.6, rng.integers(0, 3, np.array(grid.shape) + 2)


def test_a_mesh_is_closed_ordered_and_as_large_as_its_cells() -> None:
    for _ in range(10):
        grid, fluid, labels = _random_case()
        mesh = poly_mesh(grid, numbered(fluid), labels, ["walls", "a", "b"])
        mesh.check(float(grid.volumes[fluid].sum()))
        inner = len(mesh.neighbour)
        assert mesh.cells == fluid.sum()
        assert 2 * inner + (len(mesh.faces) - inner) == 6 * mesh.cells  # a face is inner or a patch's, none is missing
        pairs = list(zip(mesh.owner[:inner].tolist(), mesh.neighbour.tolist(), strict=True))
        assert pairs == sorted(pairs)
        assert [first for _, first, _ in mesh.patches] == (
            inner + np.cumsum([0, *(count for _, _, count in mesh.patches)])[:-1]
        ).tolist()


def test_a_patch_is_what_the_label_beside_the_cell_says() -> None:
    grid = Grid(np.array([0.0, 1, 2]), np.array([0.0, 1]), np.array([0.0, 3]))
    labels = np.zeros((4, 3, 3), int)
    labels[3, 1, 1] = 1
    mesh = poly_mesh(grid, numbered(np.ones((2, 1, 1), bool)), labels, ["walls", "out"])
    assert mesh.patches == (("walls", 1, 9), ("out", 10, 1))
    assert mesh.areas[mesh.faces_of("out")].tolist() == [[3.0, 0.0, 0.0]]
    assert mesh.faces_of("nobody") == slice(0, 0)


def test_places_stand_together_only_where_all_of_them_may() -> None:
    fluid, where = np.ones((5, 3, 1), bool), np.ones((5, 3, 1), bool)
    fluid[1, 1], where[4, 2] = False, False
    columns = (np.array([0, 0, 3, 3, 3]), np.array([0]), where)
    assert numbered(fluid, [columns])[:, :, 0].T.tolist() == [[0, 0, 3, 3, 3], [1, -1, 4, 4, 4], [2, 2, 5, 6, 7]]
    assert np.array_equal(np.sort(numbered(fluid)[fluid]), np.arange(14))
    tall, everywhere = np.ones((3, 1, 4), bool), np.ones((3, 1, 4), bool)
    layers = (np.arange(3), np.array([0, 0, 2, 2]), everywhere)
    assert numbered(tall, [layers])[:, 0].tolist() == [[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]]
    block = (np.array([0, 1, 1]), np.array([0, 0, 2, 2]), np.ones((3, 1, 4), bool))
    assert numbered(tall, [layers, block])[:, 0].tolist() == [[0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_a_mesh_of_joined_cells_is_closed_edge_by_edge() -> None:
    """Every edge of a cell belongs to two of its faces, and joining moves no wall: patches are as large as before."""
    for _ in range(10):
        grid, fluid, labels = _random_case()
        columns, layers = (np.cumsum(rng.random(grid.shape[k]) < 0.5) for k in (0, 2))
        places = [np.broadcast_to(rng.random((1, grid.shape[1], 1)) < 0.8, grid.shape) for _ in range(2)]
        number = numbered(fluid, [(columns, np.arange(grid.shape[2]), places[0]), (columns, layers, places[1])])
        fine, mesh = (poly_mesh(grid, n, labels, ["walls", "a", "b"]) for n in (numbered(fluid), number))
        mesh.check(float(grid.volumes[fluid].sum()))
        assert mesh.cells == number.max() + 1 < fine.cells
        for name in ("walls", "a", "b"):
            size = [np.abs(m.areas[m.faces_of(name)]).sum() for m in (fine, mesh)]
            assert size[0] == pytest.approx(size[1])
        files = mesh_files(mesh, {})
        loops = [loop.split() for loop in re.findall(r"^\d+\((.+)\)$", files["faces"], re.MULTILINE)]
        assert len(loops) == len(mesh.faces)
        edges: dict[tuple[int, frozenset[str]], int] = {}
        for f, loop in enumerate(loops):
            cells = [mesh.owner[f], *mesh.neighbour[f : f + 1]]
            for edge in zip(loop, [*loop[1:], loop[0]], strict=True):
                for cell in cells:
                    edges[cell, frozenset(edge)] = edges.get((cell, frozenset(edge)), 0) + 1
        assert set(edges.values()) == {2}


def test_a_pour_joins_cells_where_water_is_slow_and_never_at_a_tooth_or_a_slot() -> None:
    (case,) = cases_of(weave(), "L0.b1", pour_of("middle"), 6)
    x, y, z = case.grid.middles
    number = {int(n): case.number == n for n in case.cells_in(case.fluid)[::7]}
    place = {n: int(np.flatnonzero(own.any(axis=(0, 2)))[0]) for n, own in number.items()}
    wide = {n: np.ptp(x[own.any(axis=(1, 2))]) for n, own in number.items()}
    tall = {n: np.ptp(z[own.any(axis=(0, 1))]) for n, own in number.items()}
    assert max(wide.values()) > 0.4 and max(tall.values()) > 0.4  # middles of the outermost that are joined
    assert all(wide[n] == tall[n] == 0.0 for n in number if y[place[n]] > -4.0)
    assert case.cells < 0.9 * case.fluid.sum()
    runs = (np.diff(case.fluid, axis=0, prepend=False) & case.fluid).sum(axis=0).max(axis=1)
    assert all(wide[n] == 0.0 for n in number if runs[place[n]] > 2)
    # Nothing lies on both sides of the sill, or a pool that is full to it would not be.
    assert all((z[own.any(axis=(0, 1))] < 0).all() or (z[own.any(axis=(0, 1))] > 0).all() for own in number.values())
    (into,) = [c for c in cases_of(weave(), "L0.b3->L1.b1", pour_of("middle"), 4) if " into " in c.at]
    assert into.cells == into.fluid.sum()


@pytest.mark.parametrize("kind", ["middle", "end", "dump"])
def test_a_stream_comes_out_of_a_spout_that_is_dipped_in_and_a_dump_falls_from_above(kind: str) -> None:
    """Cells too coarse for bubbles would take air along, up to the comb: there it lifts the water near the stream."""
    (case,) = cases_of(weave(), "L0.b1", pour_of(kind), 4)
    faces = case.mesh.faces_of(INLET)
    falling = case.mesh.areas[faces] @ case.inflow.direction < -1e-9
    heights = case.mesh.points[case.mesh.faces[faces]].mean(axis=1)[falling, 2]
    assert np.ptp(heights) < 1e-9
    assert heights[0] == pytest.approx(case.grid.z[-1] if kind == "dump" else 3.0, abs=1e-9 if kind == "dump" else 0.8)


def test_a_spout_ends_a_streams_width_over_a_floor_that_is_higher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "DIPPED", -99.0)  # as far below as a floor that rises lies above
    (case,) = cases_of(weave(), "L0.b1", pour_of("middle"), 4)
    faces = case.mesh.faces_of(INLET)
    assert -float((case.mesh.areas[faces] @ velocity(case)).sum()) == pytest.approx(case.inflow.flow)


def _swapped(mesh: PolyMesh) -> PolyMesh:
    """The first inner face seen from its neighbour: closed, but in the wrong order."""
    owner, neighbour, faces = mesh.owner.copy(), mesh.neighbour.copy(), mesh.faces.copy()
    owner[0], neighbour[0], faces[0] = neighbour[0], owner[0], faces[0, ::-1]
    return replace(mesh, owner=owner, neighbour=neighbour, faces=faces)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda m: replace(m, faces=np.r_[m.faces[:3], m.faces[3:4, ::-1], m.faces[4:]]), "open by"),
        (_swapped, "owner after its neighbour"),
        (lambda m: replace(m, points=m.points * 1.01), "holds"),
    ],
)  # fmt: skip
def test_a_spoilt_mesh_is_found(spoil: object, says: str) -> None:
    grid, fluid, labels = _random_case()
    mesh = poly_mesh(grid, numbered(fluid), labels, ["walls", "a", "b"])
    with pytest.raises(FabBug, match=says):
        spoil(mesh).check(float(grid.volumes[fluid].sum()))


# --- a bucket of the first device


def _case(name: str = "L0.b0", kind: str = "even", cells: int = 6) -> Case:
    return cases_of(device(), name, pour_of(kind), cells)[0]


@pytest.mark.parametrize("name", ["L0.b0", "L0.b1", "L0.b2", "L1.b0", "L1.b2"])
def test_every_tooth_is_as_wide_in_the_mesh_as_in_the_file(name: str) -> None:
    case, vessel = _case(name), device().vessels[name]
    measured = sorted(tooth.width for tooth in vessel.teeth)
    found = []
    for t in range(len(vessel.teeth)):
        columns = np.flatnonzero(case.zones[f"t{t}"].any(axis=(1, 2)))
        assert len(columns) >= 6
        found.append(case.grid.x[columns[-1] + 1] - case.grid.x[columns[0]])
        assert case.mesh.faces_of(f"o{t}").stop > case.mesh.faces_of(f"o{t}").start
    assert sorted(found) == pytest.approx(measured, abs=1e-3)
    assert set(case.outlets) == {f"o{t}" for t in range(len(vessel.teeth))}


def test_teeth_of_a_branch_lead_to_its_target_in_their_order() -> None:
    assert list(_case().outlets.values()) == ["L1.b0"] + 4 * ["L1.b1"] + 6 * ["L1.b2"]


def test_the_pool_holds_what_the_file_holds() -> None:
    for name in ("L0.b0", "L0.b2", "L1.b2"):
        case = cases_of(device(), name, replace(pour_of("even"), below=0.0), 6)[0]
        assert (case.grid.volumes * case.water).sum() == pytest.approx(device().vessels[name].volume, rel=0.02)


def test_teeth_share_no_cell_behind_the_sill() -> None:
    case = _case()
    y = case.grid.middles[1]
    for a in range(len(case.outlets) - 1):
        right = np.flatnonzero(case.zones[f"t{a}"].any(axis=(1, 2))).max()
        between = case.fluid[right + 1][y > 0]
        assert not between.any()


@pytest.mark.parametrize("kind", ["even", "middle", "end", "dump"])
def test_the_inlet_lets_in_the_flow_that_is_asked_for(kind: str) -> None:
    case = _case(kind=kind)
    areas = case.mesh.areas[case.mesh.faces_of(INLET)]
    assert -float((areas @ velocity(case)).sum()) == pytest.approx(case.inflow.flow)
    if kind != "even":
        fallen = -np.sqrt(2 * 9.81 * 0.019)  # m/s, by 19 mm, whatever the flow
        assert velocity(case)[2] == pytest.approx(fallen, rel=0.35)
    ends = {k: cases_of(device(), "L0.b0", pour_of(k), 6)[0] for k in ("middle", "end")}
    where = {k: c.mesh.points[c.mesh.faces[c.mesh.faces_of(INLET)]].mean(axis=(0, 1)) for k, c in ends.items()}
    assert where["end"][0] < where["middle"][0] - 10


def test_a_turned_device_has_the_same_case() -> None:
    """The case writer sees the solid alone: a quarter turn of the assembly leaves cells and patches as they are."""
    vessel, here = device().vessels["L0.b1"], device()
    straight = cases_of(here, "L0.b1", pour_of("even"), 6)[0]
    quarter = turn(90, 2)

    def moved(p: object) -> np.ndarray:
        return np.asarray(p) @ quarter[:3, :3].T

    teeth = tuple(replace(t, at=tuple(moved(t.at)), outward=tuple(moved([*t.outward, 0.0])[:2])) for t in vessel.teeth)
    box = moved([[*corner, 0.0] for corner in vessel.bounds])[:, :2]
    bounds = (tuple(box.min(axis=0)), tuple(box.max(axis=0)))
    inside_ = tuple(moved([*vessel.inside, 0.0])[:2])
    turned = bucket_of(
        "L0.b1",
        replace(vessel, teeth=teeth, bounds=bounds, inside=inside_),
        quarter @ here.matrix(vessel.part),
        here.recovery.names,
        moved(here.place("L0.b1")),
    )
    case = bucket_case(turned, moved(here.corners), pour_of("even").into_bucket)
    assert np.array_equal(case.fluid, straight.fluid)
    assert case.mesh.patches == straight.mesh.patches
    assert case.outlets == straight.outlets


def test_a_finer_grid_has_more_cells_and_a_dry_run_knows() -> None:
    coarse, usual, fine = (_case(cells=c) for c in (4, 6, 9))
    assert coarse.cells < usual.cells < fine.cells
    assert coarse.expected_minutes < usual.expected_minutes < fine.expected_minutes
    assert usual.expected_minutes < 12


def test_a_vessel_without_a_comb_is_refused_by_name() -> None:
    here = device()
    with pytest.raises(FabError, match=r"out\.y0: has no comb"):
        bucket_of("out.y0", here.vessels["out.y0"], np.eye(4), here.recovery.names, np.zeros(3))


# --- files of a case


def test_a_case_names_every_patch_and_holds_the_fluid() -> None:
    case = _case()
    fluid = device().recovery.dossier.manifest.process.fluid
    files = case_files(case, fluid)
    boundary = files["constant/polyMesh/boundary"]
    for name, _, count in case.mesh.patches:
        assert name in boundary and f"nFaces {count};" in boundary
        for field in ("alpha.water", "U", "p_rgh"):
            assert name in files[f"0/{field}"]
        assert name == "walls" or f"flux_{name} " in files["system/controlDict"]
    assert f"sigma {fluid.surface_tension:g};" in files["constant/transportProperties"]
    assert f"theta0 {contact_angle(fluid):g};" in files["0/alpha.water"]
    assert contact_angle(fluid) == pytest.approx((fluid.advancing_deg + fluid.receding_deg) / 2)
    assert not any("nan" in text for text in files.values())
    assert case_files(_case(), fluid) == files  # the same bytes again


def test_another_fluid_is_another_case() -> None:
    fluid = device().recovery.dossier.manifest.process.fluid
    case = _case()
    plain = fluid.model_copy(update={"surface_tension": 0.0728})
    assert key_of(case_files(case, fluid)) != key_of(case_files(case, plain))
    assert key_of(case_files(case, fluid)) == key_of(case_files(_case(), fluid))


@pytest.mark.parametrize(
    ("kind", "told", "says"),
    [
        ("swirl", {}, "no pour; choose one of even"),
        ("even", {"flow": 0.0}, "out of range"),
        ("end", {"seconds": 99.0}, "at most 60 s"),
    ],
)
def test_a_pour_that_makes_no_sense_is_refused(kind: str, told: dict[str, float], says: str) -> None:
    with pytest.raises(FabError, match=says):
        pour_of(kind, **told)


def test_a_jug_that_is_dumped_gives_three_times_the_flow() -> None:
    assert pour_of("dump").flow == 3 * pour_of("middle").flow == 36.0
    assert pour_of("dump", flow=20.0).flow == 20.0
    one, three = (pour_of(kind).into_bucket for kind in ("middle", "dump"))
    assert one.stream == 5.0
    assert three.flow / three.stream**2 == pytest.approx(one.flow / one.stream**2)  # as fast: it has fallen as far
    assert pour_of("end").into_bucket.seconds >= 3.0  # shorter windows miss the pool's eddies
    passed = pour_of("end", seconds=0.5).through(0.25)
    assert (passed.kind, passed.flow, passed.seconds) == ("design", 3.0, 0.5)
    assert passed.below > passed.flow * passed.seconds  # it can't fill the pool that it runs into
    assert pour_of("dump", below=2.0).through(0.5).below == 2.0


# --- the solver's own files, and a solver that is none

SOLVED = """#!/bin/sh
mkdir -p 0.5; echo "Time = 0.5"; echo "ExecutionTime = 7.5 s"; echo; echo End
"""


def _solver(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "bin" / foam.SOLVER
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def test_a_run_that_ends_is_told_from_one_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foam, "POLL", 0.05)
    _solver(tmp_path, SOLVED, monkeypatch)
    case = tmp_path / "case"
    case.mkdir()
    assert foam.solve(case, 0.5, 60.0, lambda _: None) == 7.5
    (tmp_path / "bin" / foam.SOLVER).write_text("#!/bin/sh\necho Courant; echo FOAM FATAL ERROR; exit 1\n")
    with pytest.raises(FabError, match=r"interFoam failed \(FOAM FATAL ERROR\); look at log\.interFoam"):
        foam.solve(case, 0.5, 60.0, lambda _: None)
    (tmp_path / "bin" / foam.SOLVER).write_text("#!/bin/sh\necho 'Time = 0.1'\n")  # cut off, and silent about it
    with pytest.raises(FabError, match="failed"):
        foam.solve(case, 0.5, 60.0, lambda _: None)


def test_a_run_over_its_time_stops_and_tells_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foam, "POLL", 0.05)
    _solver(tmp_path, "#!/bin/sh\necho; echo 'Time = 0.25'\nexec sleep 60\n", monkeypatch)
    case = tmp_path / "case"
    case.mkdir()
    with pytest.raises(FabError, match=r"reached 0\.25 of 2 s after 0 minutes; run it again, it goes on"):
        foam.solve(case, 2.0, 0.5, lambda _: None)


def test_a_case_that_was_begun_is_kept_and_another_takes_its_place(tmp_path: Path) -> None:
    prepare(tmp_path / "c", {"0/U": "a"})
    (tmp_path / "c" / "0.5").mkdir()
    prepare(tmp_path / "c", {"0/U": "a"})
    assert (tmp_path / "c" / "0.5").is_dir()
    prepare(tmp_path / "c", {"0/U": "b"})
    assert not (tmp_path / "c" / "0.5").exists()
    assert (tmp_path / "c" / "0" / "U").read_text() == "b"


def test_a_series_goes_on_where_a_second_run_began(tmp_path: Path) -> None:
    for start, rows in {"0": [(0.1, 1.0), (0.2, 2.0), (0.3, 9.0)], "0.25": [(0.3, 3.0), (0.4, 4.0)]}.items():
        folder = tmp_path / "postProcessing" / "flux_o0" / start
        folder.mkdir(parents=True)
        (folder / "surfaceFieldValue.dat").write_text("# Time sum\n" + "".join(f"{t} {v}\n" for t, v in rows))
    t, v = foam.series(tmp_path, "flux_o0")
    assert t.tolist() == [0.1, 0.2, 0.3, 0.4] and v.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_binary_field_is_read_as_it_was_written(tmp_path: Path) -> None:
    values = rng.normal(size=(5, 3))
    head = b"FoamFile{format binary;}\ninternalField   nonuniform List<vector> \n5\n("
    (tmp_path / "U").write_bytes(head + values.astype("<f8").tobytes() + b");\nboundaryField{}")
    assert np.array_equal(foam.field(tmp_path / "U"), values)
    (tmp_path / "p").write_bytes(b"internalField uniform 0;")
    with pytest.raises(FabError, match="no field"):
        foam.field(tmp_path / "p")


# --- results


def _outcome(**other: object) -> Outcome:
    told = Outcome(
        at="L0.b0", kind="bucket", pour="middle", flow=12.0, seconds=3.0, process="p", contact_deg=22.5,
        cells_a_tooth=6, cells=100, cpu_s=1.0, key="k", parts={"row": "1"}, poured=36.0, start=1.0, kept=2.0,
        delivered={"L1.b0": 35.0}, shares={"L1.b0": 1.0}, steady={"L1.b0": 1.0}, left={"top": 0.0}, balance=0.0,
        teeth=(1.0,), speeds=(0.3,), series={"t": (0.0, 1.0), "L1.b0": (0.0, 9.0)},
    )  # fmt: skip
    return replace(told, **other)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_results(tmp_path) == {}
    (tmp_path / "cfd.json").write_text(to_text({"a": _outcome()}))
    assert read_results(tmp_path) == {"a": _outcome()}


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2, "cases": {}}', '{"schema": 1, "cases": {"a": {"at": 1}}}'])
def test_results_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "cfd.json").write_text(text)
    with pytest.raises(FabError, match="delete it"):
        read_results(tmp_path)


def test_a_result_of_another_part_is_stale() -> None:
    outcomes = {"a": _outcome(), "b": _outcome(parts={"row": "2"}), "c": _outcome(parts={})}
    assert set(fresh(outcomes, {"row": "1", "cup": "9"})) == {"a"}
    assert fresh(outcomes, {}) == {}


def test_only_the_very_same_case_is_known() -> None:
    process = device().recovery.dossier.manifest.process
    [job] = jobs_of(device(), ["L0.b0"], [pour_of("even")], process, 4, 60.0)
    assert set(job.parts) == {"row-L0"}
    same = {job.name: _outcome(key=key_of(job.files))}
    assert known([job], same) == same
    assert known([job], {job.name: _outcome(key="another")}) == {}
    [finer] = jobs_of(device(), ["L0.b0"], [pour_of("even")], process, 6, 60.0)
    assert known([finer], same) == {}


def test_a_job_that_fails_is_told_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foam, "POLL", 0.05)
    _solver(tmp_path, "#!/bin/sh\nexit 3\n", monkeypatch)
    process = device().recovery.dossier.manifest.process
    [job] = jobs_of(device(), ["L0.b1"], [pour_of("even")], process, 4, 60.0)
    done = run_job(replace(job, folder=tmp_path / "case"))
    assert done.outcome is None and done.error is not None and "interFoam failed" in done.error[1]


def test_jobs_run_the_same_wherever_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other here, or mapped over workers with folders of their own: the same answers, in order."""
    monkeypatch.setattr(foam, "POLL", 0.05)
    _solver(tmp_path, '#!/bin/sh\necho "case $(basename $(pwd))" > told; exit 1\n', monkeypatch)
    jobs = jobs_of(device(), ["L0.b1", "L0.b0"], [pour_of("even")], process(), 3, 60.0)
    here = list(run_all([replace(job, folder=tmp_path / job.name) for job in jobs], None, lambda _: None))
    away = list(run_all([replace(job, folder=None) for job in jobs], map, lambda _: None))
    assert [done.name for done in here] == [done.name for done in away] == [job.name for job in jobs]
    assert [done.error[1:] for done in here] == [done.error[1:] for done in away]
    assert "interFoam failed" in here[0].error[1]


def test_a_worker_without_a_solver_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [job] = jobs_of(device(), ["L0.b1"], [pour_of("even")], process(), 3, 60.0)
    [done] = run_all([replace(job, folder=None)], map, lambda _: None)
    assert done.error == ("interFoam", "is not installed", f"install {foam.PACKAGE}")


# --- the command


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(application(), ["cfd", *words])
    return done.exit_code, done.output


def test_two_commands_on_one_folder_keep_each_others_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = unpack(tmp_path / "iris")

    def meanwhile(jobs: list[Job], *_: object) -> list[Done]:
        (export / "cfd.json").write_text(to_text({"other": _outcome(at="L0.b1")}))
        return [Done(job.name, _outcome(), {}) for job in jobs]

    monkeypatch.setattr(run_module, "run_all", meanwhile)
    _solver(tmp_path, "#!/bin/sh\nexit 3\n", monkeypatch)
    _run(str(export), "--at", "L0.b0", "--pour", "even", "--cells", "4")
    assert set(read_results(export)) == {"other", "L0.b0-even-fdm-pla-detergent"}


def test_a_dry_run_tells_the_cost_and_writes_nothing(tmp_path: Path) -> None:
    export = unpack(tmp_path / "iris")
    before = sorted(p.name for p in export.rglob("*"))
    code, told = _run(str(export), "--at", "L0.b0", "--pour", "even", "--pour", "end", "--dry-run", "--json")
    assert code == 0
    table = json.loads(told)
    assert set(table) == {f"L0.b0-{k}-fdm-pla-detergent" for k in ("even", "end")}
    assert all(row["cells"] > 10_000 and 1 < row["cpu_minutes"] < 30 for row in table.values())
    assert sorted(p.name for p in export.rglob("*")) == before


def test_without_a_solver_the_case_stays_and_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    export = unpack(tmp_path / "iris")
    code, told = _run(str(export), "--at", "L0.b1", "--pour", "even", "--cells", "4")
    assert code == 2
    assert "interFoam: is not installed" in told and "apt install openfoam" in told
    assert (export / "cfd" / "L0.b1-even-fdm-pla-detergent" / "constant" / "polyMesh" / "faces").is_file()
    assert not (export / "cfd.json").exists()


def test_workers_solve_cases_at_once_and_tell_each_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time: neither ends before the other has begun."""
    meet = f"touch {tmp_path}/$$; for i in 1 2 3 4 5 6 7 8 9; do set -- {tmp_path}/[0-9]*; [ $# -gt 1 ] && break; "
    meet += "sleep 1; done"
    _solver(tmp_path, f"#!/bin/sh\n{meet}; echo met $#; exit 3\n", monkeypatch)
    export = unpack(tmp_path / "iris")
    at = ("--at", "L0.b1", "--at", "L0.b0", "--pour", "even", "--cells", "3")
    code, told = _run(str(export), *at, "--workers", "2")
    failed = [line for line in told.splitlines() if line.startswith("FAILED")]
    assert code == 1 and [line.split(":")[0] for line in failed] == [
        f"FAILED L0.b{i}-even-fdm-pla-detergent" for i in (1, 0)
    ]
    assert all("interFoam failed (met 2)" in line for line in failed)


def test_an_unknown_place_is_answered_with_those_there_are(tmp_path: Path) -> None:
    code, told = _run(str(unpack(tmp_path / "iris")), "--at", "L9.b9", "--dry-run")
    assert code == 2 and "L0.b0" in told and "L0.b1->L1.b0" in told
    with pytest.raises(FabError, match="names no place; give --all"):
        wanted(device(), [], everything=False)


def test_all_is_every_bucket_of_several_branches() -> None:
    names = wanted(device(), [], everything=True)
    assert [n for n in names if "->" not in n] == ["L0.b0", "L0.b1", "L0.b2"]
    assert WALLS == 0


# --- transfers


def _legs(name: str, kind: str = "middle") -> dict[str, Case]:
    return {case.at.removeprefix(name).split()[0]: case for case in cases_of(device(), name, pour_of(kind), 5)}


def test_a_way_is_told_part_by_part() -> None:
    leg = leg_named(device(), "L0.b1->L1.b0")
    assert [run.part for run in leg.runs] == ["row-L0", "chutes-L0", "gutters-L0", "row-L1"]
    assert len(leg.teeth) == 7 and leg.goal == "L1.b0"
    assert leg.runs[1].forward == pytest.approx([0, 1, 0], abs=0.05)  # chutes run along y, gutters along x
    assert leg.runs[2].forward == pytest.approx([1, 0, 0], abs=0.05)
    assert leg.runs[2].length == pytest.approx(np.linalg.norm(leg.runs[2].lip - leg.runs[2].start), rel=0.02)
    here = device().recovery
    with pytest.raises(FabError, match="no drop of sign-off's goes that way"):
        way_of(here.found.trails, here.surface, 3, 4, np.zeros(3))


def test_a_comb_gives_its_water_at_the_critical_depth() -> None:
    depth, speed = critical(10.0, 20.0)  # 0.5 mL/s a mm
    assert depth * 20.0 * speed == pytest.approx(10.0)
    assert speed**2 / (9.81 * depth * 1e-3) == pytest.approx(1.0)


def test_a_channel_ends_in_uniform_flow_whatever_it_began_with() -> None:
    """g sin b = f u²/8R at the end; a level one only slows."""
    path = np.array([[0.0, 0.0, 0.0], [3000.0, 0.0, -3000.0 * np.tan(np.radians(15.0))]])
    ends = [speed_at_end(Run("gutter", path), 12.0, 13.4, start, 1.0) for start in (0.2, 1.5)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)
    speed, depth = ends[0]
    assert depth * 13.4 * speed == pytest.approx(12.0)
    radius = 13.4 * depth / (13.4 + 2 * depth) * 1e-3
    reynolds = 4 * radius * speed / 1e-6
    friction = max(96 / reynolds, 0.316 / reynolds**0.25)
    assert 9.81 * np.sin(np.radians(15)) == pytest.approx(friction * speed**2 / (8 * radius), rel=0.01)
    level = np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])
    assert speed_at_end(Run("gutter", level), 12.0, 13.4, 0.5, 1.0)[0] < 0.5


def test_a_tray_is_solved_in_its_own_axes() -> None:
    case = _legs("L0.b1->L1.b0")["over"]
    assert case.at == "L0.b1->L1.b0 over chutes-L0"
    tilt = np.degrees(np.arctan2(case.frame.gravity[1], -case.frame.gravity[2]))
    assert tilt == pytest.approx(15.9, abs=0.1)
    k = int(np.searchsorted(case.grid.z, 0.0))
    assert case.grid.z[k] == 0.0  # its floor is a grid plane: air over it, none of it under the landing
    i, j = (int(np.searchsorted(v, 0.0)) for v in (case.grid.x, case.grid.y))
    assert case.fluid[i, j, k] and not case.fluid[i, j, k - 1]
    areas = case.mesh.areas[case.mesh.faces_of(INLET)]
    assert -float((areas @ velocity(case)).sum()) == pytest.approx(case.inflow.flow)
    assert case.inflow.flow == pytest.approx(12.0 * 0.785, rel=0.03)  # the share of its branch
    assert not case.water.any()


def test_a_lip_spills_into_the_pool_as_wide_as_its_gutter() -> None:
    case = _legs("L0.b0->L1.b2")["into"]
    inlet = case.mesh.points[case.mesh.faces[case.mesh.faces_of(INLET)]].reshape(-1, 3)
    assert np.ptp(inlet[:, 0]) == pytest.approx(13.4, abs=0.5)
    assert case.inflow.direction[1] == pytest.approx(np.cos(np.radians(15.0)), abs=0.01)
    free = device().vessels["L1.b2"].volume / 1000 - (case.grid.volumes * case.water).sum() / 1000
    assert free > case.inflow.flow * case.inflow.stop  # what leaves has not filled the pool


def test_a_leg_can_be_asked_for_by_its_part() -> None:
    process = device().recovery.dossier.manifest.process
    names = wanted(device(), ["L0.b1->L1.b0 into"], everything=False)
    [job] = jobs_of(device(), names, [pour_of("dump")], process, 4, 60.0)
    assert job.name == "L0.b1-to-L1.b0-into-row-L1-dump-fdm-pla-detergent"
    assert set(job.parts) == {"row-L1", "gutters-L0"}
    with pytest.raises(FabError, match="is no leg of that transfer"):
        jobs_of(device(), ["L0.b1->L1.b0 under"], [pour_of("dump")], process, 4, 60.0)


def test_every_way_of_the_device_has_its_cases() -> None:
    for name in device().transfers:
        legs = set(_legs(name))
        assert legs - {"off"} == ({"over", "into"} if name.startswith("L0") else {"over"}), name
        run = leg_named(device(), name).runs[-2]  # gutters run across what chutes did: none was followed over one
        assert ("off" in legs) == (name.startswith("L0") and run.length > 41.0), (name, run.length)


# --- the weave


def weave() -> Device:
    """The gallery's Iris as it is compiled today."""
    return recovered("iris")


CARDS, WAYS = ("L0.b0", "L0.b1", "L0.b2"), ("L0.b0->L1.b2", "L0.b2->L1.b1", "L0.b3->L1.b1")


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_divides_starts_full_to_its_sill_and_no_fuller(name: str) -> None:
    """Behind its plates and over the rising floor of its inlet, too; the file's own volume is the oracle."""
    vessel = weave().vessels[name]
    assert vessel.primed > 0
    for cells in (4, 6):
        case = cases_of(weave(), name, pour_of("middle"), cells)[0]
        assert (case.grid.volumes * case.water).sum() == pytest.approx(vessel.volume, rel=0.03)
        teeth = [np.flatnonzero(case.zones[f"t{t}"].any(axis=(1, 2))) for t in range(len(vessel.teeth))]
        assert all(len(columns) >= cells for columns in teeth)
        found = sorted(float(case.grid.x[c[-1] + 1] - case.grid.x[c[0]]) for c in teeth)
        assert found == pytest.approx(sorted(tooth.width for tooth in vessel.teeth), abs=1e-3)


def test_what_leaves_between_blades_is_its_tooths_at_any_height() -> None:
    """A sheet stands 3 to 6 mm over the ramp: all of it is counted, and none as over blades of 9 mm."""
    for kind in ("middle", "dump"):
        case = cases_of(weave(), "L0.b1", pour_of(kind), 4)[0]
        middles = case.mesh.points[case.mesh.faces].mean(axis=1)
        assert (middles[case.mesh.faces_of("over")][:, 2] > 8.9).all()
        for name in case.outlets:
            assert middles[case.mesh.faces_of(name)][:, 2].max() > (3.0 if kind == "middle" else 7.0)


@pytest.mark.parametrize("name", ["L0.b0", "L0.b1", "L0.b2"])
def test_teeth_of_one_width_are_cut_into_the_same_cells(name: str) -> None:
    """What a tooth carries hangs by some percent on the cells at its walls."""
    [case] = cases_of(weave(), name, pour_of("middle"), 6)
    low, high = bucket_named(weave(), name).teeth.T
    own = [case.grid.x[(a - 1e-6 <= case.grid.x) & (case.grid.x <= b + 1e-6)] for a, b in zip(low, high, strict=True)]
    assert all(len(lines_) >= 7 for lines_ in own)
    for lines_ in own:
        alike = [other for other in own if abs(np.ptp(other) - np.ptp(lines_)) < 0.02]
        assert all(other - other[0] == pytest.approx(lines_ - lines_[0], abs=0.03) for other in alike)
        assert np.diff(lines_) == pytest.approx(np.diff(lines_)[::-1], abs=0.03)


def test_cells_that_reach_through_a_floor_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    card = recovered("iris-robust")
    assert cases_of(card, "L1.b0", pour_of("middle"), 5)
    monkeypatch.setattr(bucket_module, "SHELL", 7.5)
    with pytest.raises(FabError, match=r"L1\.b0: its pool holds .* mL in cells, .* in the file; give more --cells"):
        cases_of(card, "L1.b0", pour_of("middle"), 5)


def test_a_card_that_cells_leak_from_gets_finer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    card = recovered("iris-robust")
    monkeypatch.setattr(bucket_module, "SHELL", 7.5)
    monkeypatch.setattr(plan_module, "IN_POOL", (5, 8))
    [case] = cases_of(card, "L1.b0", pour_of("middle"))
    assert case.cells_a_tooth == 8
    assert (case.grid.volumes * case.water).sum() == pytest.approx(card.vessels["L1.b0"].volume, rel=0.03)


@pytest.mark.parametrize("cells", [5, 6, 7])
def test_cells_high_over_a_sill_keep_a_floor_that_rises_there_shut(cells: int) -> None:
    card = recovered("iris-robust")
    [case] = cases_of(card, "L1.b0", pour_of("middle"), cells)
    assert (case.grid.volumes * case.water).sum() == pytest.approx(card.vessels["L1.b0"].volume, rel=0.03)


@pytest.mark.parametrize("name", WAYS)
def test_a_way_over_a_weave_is_followed_lip_by_lip(name: str) -> None:
    """From the comb over each tray, off the last one's lip, into the card; each lets in its flow."""
    leg = leg_named(weave(), name)
    trays = [run.part for run in leg.runs[1:-1]]
    cases = cases_of(weave(), name, pour_of("middle"))
    assert [case.at.removeprefix(f"{name} ") for case in cases] == [
        *(f"over {tray}" for tray in trays),
        f"off {trays[-1]}",  # all of them land more than 45 mm before it
        f"into {leg.runs[-1].part}",
    ]
    for case in cases:
        areas = case.mesh.areas[case.mesh.faces_of(INLET)]
        ways = areas @ case.inflow.direction
        assert (ways < 1e-9).all() or "into" not in case.at  # no water comes out of the back of what lets it in
        assert -float((areas @ velocity(case)).sum()) == pytest.approx(case.inflow.flow)
        middles = case.mesh.points[case.mesh.faces[case.mesh.faces_of(INLET)]].mean(axis=1)
        width = np.ptp(middles[:, 0])
        last = leg.runs[-2] if "into" in case.at else None
        least = 0.8 * (leg.width if last is None and case is cases[0] else 12.0)
        assert width > least
    for case in cases[:-1]:  # the model reaches from wall to wall where the water has come down
        j, k = int(np.searchsorted(case.grid.y, 6.0)), int(np.searchsorted(case.grid.z, 1.5)) - 1
        wet = np.flatnonzero(case.fluid[:, j, k] & (case.grid.middles[0] > 0.0))
        i = int(wet[0])
        assert case.grid.middles[0][i] < 1.5  # a wall of 1.2 mm that slants may stand there
        assert not case.fluid[:i, j, k].all() and not case.fluid[i:, j, k].all()


def test_a_lip_over_a_pool_is_solved_in_its_trays_own_axes() -> None:
    """20 mm of tray that lie as they are printed, the pool's back wall under them, and air below the lip to hang in."""
    leg = leg_named(weave(), "L0.b0->L1.b0")
    case = next(c for c in cases_of(weave(), leg.name, pour_of("middle")) if " off " in c.at)
    tray = weave().matrix(leg.runs[-2].part)
    slope = np.degrees(np.arccos(tray[2, 2]))
    assert np.degrees(np.arctan2(case.frame.gravity[1], -case.frame.gravity[2])) == pytest.approx(slope, abs=0.1)
    lip = case.frame.local(leg.runs[-2].lip)
    assert 18.0 < lip[1] < 20.5 and lip[2] == pytest.approx(0.0, abs=0.1)  # that gutter runs aside
    x, y, z = case.grid.centres
    below = (np.abs(x - lip[0]) < 2.0) & (z > -4.0) & (z < -3.0)
    assert case.fluid[below & (np.abs(y - lip[1] + 3.0) < 2.0)].all()  # 1 to 5 mm behind the lip
    walls = case.mesh.points[case.mesh.faces[case.mesh.faces_of("walls")]].mean(axis=1)
    back = case.frame.local(weave().corners_of("card-L1-b0")).reshape(-1, 3)[:, 1].min()
    assert back < lip[1] - 7.0  # it reaches 9 mm in
    wall = walls[(walls[:, 2] < -3.5) & (walls[:, 1] < lip[1]) & (np.abs(walls[:, 0] - lip[0]) < 5.0)]
    assert len(wall) and wall[:, 1].max() < lip[1] - 7.0
    assert jobs_of(weave(), [case.at], [pour_of("middle")], process(), None, 60.0)[0].case.cells_a_tooth == 8


@pytest.mark.parametrize("goal", ["L1.b0", "L1.b1", "L1.b2"])
def test_water_comes_as_the_walls_of_its_gutter_run(goal: str) -> None:
    """A fan-out leads aside; straight ahead, a third of its speed would run up an outer wall."""
    cases = {case.at.split()[1]: case for case in cases_of(weave(), f"L0.b0->{goal}", pour_of("middle"))}
    drawn = next(g for g in compiled("iris").layout.trays[-1].gutters if g.target == goal)
    before, end = drawn.stations[-2:]
    aside = (end.x0 + end.x1 - before.x0 - before.x1) / 2 / (end.along - before.along)
    assert abs(aside) > 0.3 or goal == "L1.b2"
    for leg in ("off", "into"):
        across, along, _ = cases[leg].inflow.direction
        assert across / along == pytest.approx(aside, abs=0.03)
    inlet = cases["off"].mesh.points[cases["off"].mesh.faces[cases["off"].mesh.faces_of(INLET)]].reshape(-1, 3)
    place = cases["off"].frame.world(np.array([inlet.min(axis=0), inlet.max(axis=0)]))[:, 0]
    share = 1.0 - 20.0 / (end.along - before.along)  # of the fan-out behind it, 20 mm before its lip
    first, last = (a + share * (b - a) for a, b in ((before.x0, end.x0), (before.x1, end.x1)))
    assert first - 0.5 < place.min() < place.max() < last + 0.5  # mm; a cell
    assert np.ptp(place) > last - first - 0.9  # wall to wall, in cells of 0.6
    assert cases["over"].inflow.direction[0] == pytest.approx(0.0, abs=1e-9)


def test_a_run_is_parted_before_its_lip() -> None:
    path = np.array([[0.0, 0.0, 9.0], [0.0, 30.0, 6.0], [0.0, 60.0, 0.0]])
    head, tail = parted(Run("tray", path), 20.0)
    assert head.path.tolist() == [[0, 0, 9], [0, 30, 6], [0, 40, 4]]
    assert tail.path.tolist() == [[0, 40, 4], [0, 60, 0]]


def test_a_fed_card_starts_short_of_what_is_poured() -> None:
    case = cases_of(weave(), "L0.b3->L1.b1", pour_of("middle"), 4)[-1]
    free = (weave().vessels["L1.b1"].volume - (case.grid.volumes * case.water).sum()) / 1000
    assert case.inflow.flow == pytest.approx(12.0) and free > 1.19 * case.inflow.flow * case.inflow.stop
    tray, card = leg_named(weave(), "L0.b3->L1.b1").runs[-2:]
    [job] = jobs_of(weave(), ["L0.b3->L1.b1 into"], [pour_of("middle")], process(), 4, 60.0)
    assert {tray.part, card.part} <= set(job.parts)


def test_a_spout_over_a_cup_is_followed_off_its_lip_and_under_it() -> None:
    [case] = cases_of(weave(), "L1.b1->out.y2", pour_of("middle"), 5)
    _, y, z = case.grid.centres
    assert case.at == "L1.b1->out.y2 over card-L1-b1"
    assert (case.fluid & (y < -2.0) & (z < -4.0)).any()  # air below the lip, where water may cling
    assert not (case.fluid & (y < -1.5) & (np.abs(z + 1.0) < 0.5)).any()  # and the lip between
    assert case.mesh.faces_of("fall").stop > case.mesh.faces_of("fall").start


def test_all_of_a_weave_is_planned_without_a_solver(tmp_path: Path) -> None:
    code, told = _run(str(export("iris", tmp_path)), "--all", "--cells", "4", "--dry-run", "--json")
    table = json.loads(told)
    assert code == 0
    assert sum("-to-" not in name for name in table) == 3
    assert {name[:5] for name in table} == {*(f"L0.b{j}" for j in range(4)), *(f"L1.b{j}" for j in range(3))}
    assert all(0.02 < row["cpu_minutes"] < 60 for row in table.values())


# --- free flight


def test_water_flies_as_far_as_galilei_says() -> None:
    """Thrown level over the floor of the cup for versicolor: reach = v sqrt(2 h / g)."""
    here = device()
    cup = here.vessels["out.y1"]
    at = np.array([[cup.at[0] - 10.0, cup.at[1], cup.floor_z + 40.0]] * 3)
    velocity = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, -0.1, 0.0]])
    where, face = landings(here.recovery.surface, Parcels(at, velocity, np.ones(3)))
    assert (face >= 0).all()
    assert where[:, 2] == pytest.approx(cup.floor_z, abs=1e-3)
    asked = at[:, :2] + velocity[:, :2] * 1e3 * np.sqrt(2 * 0.040 / 9.81)
    assert np.abs(where[:, :2] - asked).max() < 0.2  # one step of the flight


def test_a_fast_parcel_passes_no_floor() -> None:
    """1.2 mm of floor, met at 1.3 to 1.8 m/s, at any phase of a step."""
    here = device()
    cup = here.vessels["out.y1"]
    at = np.array([[cup.at[0] - 10.0, cup.at[1], cup.floor_z + h] for h in np.linspace(30.0, 70.0, 60)])
    velocity = np.tile([0.0, 0.0, -1.2], (60, 1))
    where, face = landings(here.recovery.surface, Parcels(at, velocity, np.ones(60)))
    assert (face >= 0).all() and where[:, 2] == pytest.approx(cup.floor_z, abs=1e-3)


def test_what_comes_down_is_told_by_where_it_drains() -> None:
    here = device()
    over = {name: here.vessels[name].at + np.array([0.0, 0.0, 12.0]) for name in ("out.y0", "L1.b2")}
    at = np.array([over["out.y0"], over["L1.b2"], [-500.0, 0.0, 100.0]])
    weight = np.array([1.0, 2.0, 1.0])
    found = Flight(here.recovery.surface, here.vessels).shares(Parcels(at, np.zeros((3, 3)), weight))
    assert found == pytest.approx({"L1.b2": 0.5, "out.y0": 0.25, "the table": 0.25})


# --- beside what was trained


def _solved(folder: Path, **other: object) -> dict[str, str]:
    parts = {job.name: job.parts for job in jobs_of(device(), ["L0.b0"], [pour_of("even")], process(), 4, 60.0)}
    told = _outcome(parts=next(iter(parts.values())), shares={"L1.b0": 0.0846, "L1.b1": 0.35, "L1.b2": 0.5654}, **other)
    (folder / "cfd.json").write_text(to_text({"a": told}))
    return dict(told.parts)


def process() -> object:
    return device().recovery.dossier.manifest.process


def test_solved_shares_stand_beside_trained_and_section(tmp_path: Path) -> None:
    export = unpack(tmp_path / "iris")
    assert compared(export) == {}
    _solved(export)
    report = compared(export)
    flows = [{"where": "L0.b0->L1.b0", "trained": 0.08244, "section": 0.0825, "predicted": 0.0851}]
    lines = share_lines({**report, "recovered": {"flows": flows}})
    assert len(lines) == 4 and lines[0].split()[:3] == ["share,", "%", "trained"]
    assert lines[1].split() == ["L0.b0->L1.b0", "8.24", "8.25", "8.51", "8.46", "100.00", "middle,", "p"]
    assert lines[2].split()[1:5] == ["-", "-", "-", "35.00"]
    assert share_lines({}) == []


def test_results_make_a_table_with_how_far_off_they_are(tmp_path: Path) -> None:
    export = unpack(tmp_path / "iris")
    _solved(export)
    code, told = _run(str(export), "--table")
    *_, row = told.splitlines()
    assert code == 0 and len(told.splitlines()) == 3
    assert "L1.b0 8.46 (8.24) / L1.b1 35.00 (35.45) / L1.b2 56.54 (56.30)" in row
    assert row.split("|")[5].strip() == "0.45"  # .3500 for .3545 is the worst


def test_results_are_kept_beside_a_design_dated_and_with_the_parts_that_they_are_of(tmp_path: Path) -> None:
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    assert _run(str(export), "--record", str(kept))[0] == 0 and not kept.exists()
    parts = _solved(export)
    os.utime(export / "cfd.json", (0, 1764158400))  # noon of 26 November 2025
    (export / "parts" / "row-L0.stl").unlink()  # of files that are gone as well
    assert "1 results" in _run(str(export), "--record", str(kept))[1]
    (row,) = read_record(kept)
    assert (row.date, row.at, row.off, row.found.split(" / ")[1]) == (
        "2025-11-26",
        "L0.b0",
        0.45,
        "L1.b1 35.00 (35.45)",
    )
    assert row.is_of(parts) and not row.is_of({**parts, "row-L0": "0" * 64}) and not replace(row, parts={}).is_of(parts)
    later, other = replace(row, date="2025-12-01", off=0.3), replace(row, cells=7)
    assert merged([later, other], [row]) == [other, later]
    kept.write_text(to_csv([later, other]))
    assert read_record(kept) == [later, other]


def test_what_a_record_knows_is_not_run_again_whatever_else_of_its_parts_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The solver here only fails, so what is not known fails."""
    _solver(tmp_path, "#!/bin/sh\nexit 3\n", monkeypatch)
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    (job,) = jobs_of(device(), ["L0.b0"], [pour_of("even")], process(), 4, 60.0)
    told = _outcome(at="L0.b0", pour="even", shares={"L1.b0": 0.0846}, key=key_of(job.files))
    (export / "cfd.json").write_text(to_text({"a": replace(told, parts={"row-L0": "0" * 64})}))
    assert _run(str(export), "--record", str(kept))[0] == 0
    (export / "cfd.json").unlink()
    asked, before = ("--at", "L0.b0", "--pour", "even", "--cells", "4", "--record", str(kept)), kept.read_text()
    code, said = _run(str(export), *asked, "--dry-run")
    assert code == 0 and "knows 1 of 1" in said and kept.read_text() == before
    assert json.loads(_run(str(export), *asked, "--dry-run", "--json")[1]) == {}
    code, said = _run(str(export), *asked)
    (row,) = read_record(kept)
    assert code == 0 and "knows 1 of 1" in said and row.is_of(job.parts) and row.found.startswith("L1.b0 8.46")
    assert _run(str(export), *asked, "--again")[0] == 1  # it is asked to
    code, said = _run(str(export), "--at", "L0.b0", "--pour", "middle", "--cells", "4", "--record", str(kept))
    assert code == 1 and "FAILED L0.b0-middle" in said and read_record(kept) == [row]


def test_what_splashes_over_a_bucket_and_falls_back_has_arrived(tmp_path: Path) -> None:
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    for lands, astray in (({}, 1.2), ({"L0.b0": 0.75, "the table": 0.25}, 0.3), ({"L0.b1": 1.0}, 1.2)):
        _solved(export, left={"top": 1.0, "side": 0.2}, lands=lands)
        kept.unlink(missing_ok=True)
        assert _run(str(export), "--record", str(kept))[0] == 0
        assert read_record(kept)[0].astray == pytest.approx(astray)


@pytest.mark.parametrize(
    ("lands", "found", "astray"),
    [
        ({"L1.b0": 1.0}, "100.00 arrive", 0.0),
        ({"L1.b0": 0.75, "L0.b0": 0.25}, "100.00 arrive", 0.0),  # over its comb again
        ({"L1.b0": 0.5, "L0.b0": 0.25, "L0.b1": 0.25}, "92.31 arrive", 0.5),  # of 5 + 2 - 0.5
    ],
)
def test_what_falls_back_into_its_bucket_on_its_way_comes_again(
    tmp_path: Path, lands: dict[str, float], found: str, astray: float
) -> None:
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    way = {"at": "L0.b0->L1.b0 over row-L0", "kind": "transfer", "delivered": {"L1.b0": 5.0}}
    _solved(export, **way, left={"fall": 1.5, "top": 0.5}, lands=lands)
    assert _run(str(export), "--record", str(kept))[0] == 0
    (row,) = read_record(kept)
    assert (row.found, row.astray) == (found, pytest.approx(astray))


@pytest.mark.parametrize(
    ("lands", "found", "astray"),
    [
        ({}, "90.00 arrive", 1.0),  # of 12 - 2
        ({"L1.b0": 0.75, "the table": 0.25}, "97.50 arrive", 0.25),
        ({"L1.b1": 0.5, "L0.b0": 0.5}, "90.00 arrive", 1.0),
    ],
)
def test_what_splashes_over_a_pool_and_falls_back_has_arrived(
    tmp_path: Path, lands: dict[str, float], found: str, astray: float
) -> None:
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    way = {"at": "L0.b0->L1.b0 into card-L1-b0", "kind": "transfer", "delivered": {"out.y0": 5.0}, "poured": 12.0}
    _solved(export, **way, left={"side": 0.75, "top": 0.25, "back": 2.0}, lands=lands)
    assert _run(str(export), "--record", str(kept))[0] == 0
    (row,) = read_record(kept)
    assert (row.found, row.astray) == (found, pytest.approx(astray))


@pytest.mark.parametrize(
    ("got", "told"),
    [
        ((0.0, 0.0, 0.0, 0.01, 0.02), "0.02 mL out of a pool that lacked 6.0 and got 12.0"),
        ((0.0, 0.0, 0.0, 0.0, 3.0), "0.00 mL out before its pool is full"),
        ((0.0, 0.5, 1.0, 2.0, 3.0), "1.00 mL out before its pool is full; begins 3.0 mL early"),
        ((0.0, 0.0, 0.0, 5.8, 5.82), "0.00 mL out before its pool is full; drained, it keeps +0.18 mL over its sill"),
    ],
)
def test_a_pool_that_was_not_full_tells_when_its_comb_begins_to_run(
    tmp_path: Path, got: tuple[float, ...], told: str
) -> None:
    """12 mL/s for 1 s, told at every quarter: 3 mL more each time."""
    export, kept = unpack(tmp_path / "iris"), tmp_path / "cfd.csv"
    series = {"t": (0.0, 0.25, 0.5, 0.75, 1.0), "L1.b0": got}
    _solved(export, below=6.0, poured=12.0, series=series, delivered={"L1.b0": got[-1]})
    assert _run(str(export), "--record", str(kept))[0] == 0
    (row,) = read_record(kept)
    assert (row.found, row.off, row.pour) == (told, None, "middle, 12.0 mL/s, 12.0 mL, 6.0 short")


def test_a_case_knows_what_its_pool_lacks() -> None:
    for below in (0.0, 3.0):
        (case,) = cases_of(device(), "L1.b1", pour_of("even", below=below), 4)
        full = case.fluid & (case.grid.centres[1] < -0.3) & (case.grid.centres[2] < 0.0)
        assert case.below == pytest.approx((case.grid.volumes * (full & ~case.water)).sum() / 1000.0)
        assert below <= case.below <= below * 1.5


def test_a_stale_result_is_not_told(tmp_path: Path) -> None:
    export = unpack(tmp_path / "iris")
    _solved(export)
    stl = export / "parts" / "row-L0.stl"
    stl.write_bytes(stl.read_bytes()[:-2] + b"\1\0")
    assert compared(export) == {}
