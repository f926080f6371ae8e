"""Every part is one body of the right shape, and every network compiles or is refused by name."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from manifold3d import Manifold, Mesh64
from pelu_fab.stages.build.joints import split
from pelu_fab.stages.build.row import tab_profile
from shapely import LineString, affinity
from stagework import DETERGENT, RESIN, WATER, design_of, network_of, process_named, random_network
from test_solid import open_edges, volume_of

from pelu_fab import load
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import PlacedBucket, PlacedRow
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.pipeline import compile_design

IRIS = Path(__file__).parent.parent / "designs" / "iris"
PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN}
LARGE, LARGE_WATER = process_named("fdm-pla-detergent", 1000.0), process_named("fdm-pla-water", 2000.0)


def one_hot() -> Network:
    network = random_network((2, 5, 2), 8)
    first = np.array(network.layers[0].shares)
    first[0] = [0.0, 0.0, 1.0, 0.0, 0.0]
    return replace(network, layers=(replace(network.layers[0], shares=first), network.layers[1]))


SHAPES: dict[str, Network] = {
    "1-1": random_network((1, 1), 0),
    "2-5-2 with a one-hot row": one_hot(),
    "5-4-3-2": random_network((5, 4, 3, 2), 1),
    "single layer": random_network((3, 4), 2),
    "deep": random_network((2, 2, 3, 2, 2, 3, 2), 3),
    "an all-zero column": network_of(([4.0, 6.0], [[0.4, 0.0, 0.6], [0.7, 0.0, 0.3]]), ([2.0] * 3, [[0.5, 0.5]] * 3)),
    "a cup that gets nothing": network_of(([4.0, 6.0], [[1.0, 0.0], [1.0, 0.0]])),
    "h = 0": network_of(([0.0, 0.0], [[0.5, 0.5], [0.2, 0.8]]), ([0.0, 0.0], [[0.5, 0.5], [0.2, 0.8]])),
    "tiny thresholds": network_of(([0.01, 0.1, 0.4, 1.0], [[0.5, 0.5], [0.2, 0.8], [1.0, 0.0], [0.6, 0.4]])),
    "a matching": network_of(([5.0, 9.0], [[0.0, 1.0], [1.0, 0.0]]), ([2.0, 3.0], [[0.5, 0.5], [0.3, 0.7]])),
    "shares to drop": network_of(([5.0, 2.0], [[0.003, 0.997], [0.9985, 0.0015]])),
    "a share to floor": network_of(([5.0, 2.0], [[0.04, 0.46, 0.5], [0.2, 0.3, 0.5]])),
    "a large threshold": network_of(([70.0], [[0.4, 0.6]])),
}


def device_faults(device: Device) -> list[str]:
    """Parts that are not one closed, oriented body on the bed, or not of the genus that they were given."""
    found = []
    bed = device.design.process.printer.bed
    for part, mesh in zip(device.parts, device.meshes, strict=True):
        if open_edges(mesh.corners):
            found.append(f"{part.name} is open")
        if abs(volume_of(mesh.corners) - mesh.volume) > 1e-5 * mesh.volume:
            found.append(f"{part.name}: volume {volume_of(mesh.corners)} for {mesh.volume}")
        if part.genus not in (None, mesh.genus):
            found.append(f"{part.name}: genus {mesh.genus}")
        low = mesh.corners.reshape(-1, 3).min(axis=0)
        if np.abs(low).max() > 1e-3:
            found.append(f"{part.name} does not lie at the origin: {low}")
        if max(mesh.extents[:2]) > max(bed[:2]) + 1e-3:
            found.append(f"{part.name} is larger than the bed")
    names = [part.name for part in device.parts]
    if len(set(names)) != len(names):
        found.append(f"two parts of one name: {sorted(names)}")
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_network_compiles(name: str) -> None:
    network = SHAPES[name]
    device = compile_design(design_of(network))
    assert device_faults(device) == []
    assert sum(part.role == "cup" for part in device.parts) == network.widths[-1]
    assert sum(part.role == "jug" for part in device.parts) == network.widths[0]


@pytest.mark.slow
@pytest.mark.parametrize("process", [WATER, RESIN], ids=["water", "resin"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_compiles_with_every_process_or_asks_for_a_larger_bed(name: str, process: Process) -> None:
    try:
        device = compile_design(design_of(SHAPES[name], process))
    except FabError as error:
        assert "larger bed" in error.remedy
        large = process.printer.model_copy(update={"bed": (500.0, 500.0, 500.0)})
        device = compile_design(design_of(SHAPES[name], process.model_copy(update={"printer": large})))
    assert device_faults(device) == []


@pytest.mark.parametrize(
    "settings", [{"comb": "common-centroid"}, {"compensation": "none"}, {"max_teeth": 30}], ids=str
)
def test_every_choice_of_the_design_compiles(settings: dict[str, object]) -> None:
    device = compile_design(design_of(random_network((2, 3, 2), 4), **settings))
    assert device_faults(device) == []


@pytest.mark.slow
def test_eight_wide_layers_compile_on_a_large_bed() -> None:
    device = compile_design(design_of(random_network((8, 8, 8), 5), process_named("fdm-pla-detergent", 1000.0)))
    assert device_faults(device) == []
    assert {part.role for part in device.parts} >= {"row", "chutes", "gutters", "cup", "jug", "frame"}


def test_iris_fits_its_printer_part_by_part() -> None:
    device = compile_design(load(IRIS))
    assert device_faults(device) == []
    for mesh in device.meshes:
        assert max(mesh.extents[:2]) <= 220.0 and mesh.extents[2] <= 250.0
    assert {part.name for part in device.parts} >= {"cup-y0", "cup-y1", "cup-y2", "jug-x0", "jug-x3"}
    assert device.grams <= 400.0


def test_a_part_that_no_cut_fits_on_the_bed_is_refused_by_name() -> None:
    design = design_of(random_network((2, 2), 0), process_named("fdm-pla-detergent", 60.0))
    with pytest.raises(FabError, match=r"^\S+: measures .* mm, the bed takes 60 x 60 x 60 mm; use a .*larger bed"):
        compile_design(design)


def solid_of(corners: np.ndarray) -> Manifold:
    points, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return Manifold(Mesh64(points.astype(np.float64), index.reshape(-1, 3).astype(np.uint64)))


MIXED = ([2.0, 3.0], [[0.5, 0.5], [0.3, 0.7]])
EVEN = ([1.0, 1.0], [[0.5, 0.5]] * 2)
UNEVEN = ([2.0, 3.0], [[0.9, 0.1], [0.95, 0.05]])
CROSSED = ([2.0, 3.0], [[0.0, 1.0], [1.0, 0.0]])
CROWDED: dict[str, tuple[Network, Process]] = {
    "a trestle's foot by the frame before": (network_of(MIXED, CROSSED, MIXED), LARGE),
    "thick legs by the frame before": (random_network((3, 8, 8, 2), 1), LARGE_WATER),
    "a wide bucket beside the segment two before": (network_of(EVEN, EVEN, ([1.0] * 2, [[1 / 8] * 8] * 2)), LARGE),
    "a wide bucket across the frame two before": (network_of(EVEN, EVEN, ([1.0] * 2, [[0.1] * 10] * 2)), LARGE),
    "a deep cup that a lip feeds": (network_of(UNEVEN, CROSSED), LARGE),
    "a deep bucket that a lip feeds": (network_of(UNEVEN, CROSSED, ([60.0, 1.0], CROSSED[1])), LARGE),
    "a deep cup before the rail": (network_of(([2.0, 3.0], CROSSED[1])), LARGE),
    "gutters that step from bay to bay": (random_network((2, 6, 2), 1), WATER),
}


def clashes(device: Device) -> list[str]:
    """Pairs of assembled parts that share space."""
    placed = [(part.name, solid_of(device.assembled(k))) for k, part in enumerate(device.parts) if part.transform]
    boxes = np.array([solid.bounding_box() for _, solid in placed])
    near = (boxes[:, None, :3] < boxes[None, :, 3:]).all(axis=2)
    pairs = np.argwhere(np.triu(near & near.T, 1))
    return [f"{placed[i][0]} | {placed[j][0]}" for i, j in pairs if (placed[i][1] ^ placed[j][1]).volume() > 0.5]


@pytest.mark.parametrize("name", CROWDED)
def test_every_part_leaves_the_others_room(name: str) -> None:
    network, process = CROWDED[name]
    maxima = tuple(400.0 if k == 0 and "cup" in name else 80.0 for k in range(network.widths[0]))
    device = compile_design(design_of(network, process, input_max=maxima), force=True)
    assert clashes(device) == []


def test_a_planted_clash_is_found() -> None:
    device = compile_design(design_of(network_of(MIXED)))
    cups = [k for k, part in enumerate(device.parts) if part.role == "cup"]
    moved = replace(device.parts[cups[1]], transform=device.parts[cups[0]].transform)
    planted = replace(device, parts=(*device.parts[: cups[1]], moved, *device.parts[cups[1] + 1 :]))
    assert "cup-y0 | cup-y1" in clashes(planted)


def widest_bridge(device: Device) -> float:
    """Widest span of the first row's hollows right below its ramps, by the mesh: the shorter side of each hollow."""
    row, printer = device.layout.rows[0], device.design.process.printer
    index = next(k for k, part in enumerate(device.parts) if part.role == "row")
    v0, v1 = row.v + row.front, row.v + row.front + row.sized.ramp - printer.wall
    top = row.sill_z - row.sized.ramp - printer.floor
    slab = Manifold.cube((2e3, v1 - v0, 0.1)).translate((-1e3, v0, top - 0.2))
    low, high = row.buckets[0].u0, row.buckets[-1].u1
    slab = slab.trim_by_plane((1.0, 0.0, 0.0), low).trim_by_plane((-1.0, 0.0, 0.0), -high)
    hollows = (slab - solid_of(device.assembled(index))).decompose()
    boxes = np.array([hollow.bounding_box() for hollow in hollows])
    return float((boxes[:, 3:5] - boxes[:, :2]).min(axis=1).max())


@pytest.mark.parametrize("branches", [8, 14])
def test_the_underside_of_a_long_ramp_is_bridged_in_spans_that_print(branches: int) -> None:
    device = compile_design(design_of(network_of(([5.0], [[1.0 / branches] * branches])), LARGE))
    assert device.layout.rows[0].sized.ramp - DETERGENT.printer.wall > DETERGENT.printer.max_bridge
    assert 1.0 < widest_bridge(device) <= DETERGENT.printer.max_bridge


def room_below_the_sill(solid: Manifold, shift: np.ndarray, row: PlacedRow, placed: PlacedBucket) -> float:
    """Water that the *mesh* of a row holds in one bucket below its sill: its box less the material in it."""
    bucket = placed.bucket
    size = np.array([bucket.width, bucket.depth, bucket.sill_height])
    corner = np.array([placed.u - bucket.width / 2, row.v - bucket.depth, row.sill_z - bucket.sill_height])
    if row.swapped:
        size, corner = size[[1, 0, 2]], corner[[1, 0, 2]]
    cell = Manifold.cube(size.tolist()).translate((corner - shift).tolist())
    return float((cell - solid).volume())


def retained_faults(device: Device) -> list[str]:
    found = []
    rows = {f"row-{row.tag}": row for row in device.layout.rows}
    for part, mesh in zip(device.parts, device.meshes, strict=True):
        if part.role != "row":
            continue
        assert part.transform is not None
        shift = np.array(part.transform)[:, 3]
        for placed in rows[part.name].buckets:
            room = room_below_the_sill(solid_of(mesh.corners), shift, rows[part.name], placed)
            if abs(room - placed.bucket.drawn_volume) > 2.0 + 1e-4 * placed.bucket.drawn_volume:
                found.append(f"{placed.bucket.name}: {room:.1f} for {placed.bucket.drawn_volume:.1f} mm3")
    return found


WEIGHTS: dict[str, Network] = {
    "a deep bucket beside a shallow one": network_of(([60.0, 1.0], [[0.5, 0.5]] * 2)),
    "a long ramp": network_of(([5.0], [[1.0 / 14] * 14])),
    "deep buckets below": network_of(EVEN, ([60.0, 5.0], [[0.5, 0.5]] * 2)),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_row_stands_on_its_tabs_full_or_empty(name: str) -> None:
    device = compile_design(design_of(WEIGHTS[name], LARGE))
    rows = {f"row-{row.tag}": row for row in device.layout.rows}
    for index, part in enumerate(device.parts):
        if part.name not in rows:
            continue
        row = rows[part.name]
        a, b, c = device.assembled(index).astype(np.float64).transpose(1, 0, 2)
        volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0
        middle = ((a + b + c) / 4.0 * volumes[:, None]).sum(axis=0)[0 if row.swapped else 1]
        weight = volumes.sum() * DETERGENT.material.density
        water = [(p.bucket.drawn_volume, row.v - p.bucket.pool_depth / 2) for p in row.buckets]
        v0, v1, _, _ = tab_profile(row)
        assert v0 < middle / volumes.sum() < v1
        full = middle * DETERGENT.material.density + sum(volume * v for volume, v in water)
        assert v0 < full / (weight + sum(volume for volume, _ in water)) < v1


@pytest.mark.parametrize("slope", [0.0, 0.6, 1.4])
def test_dovetails_hold_the_pieces_of_a_bar_however_it_slopes(slope: float) -> None:
    bar = LineString([(0.0, 0.0), (500.0, 500.0 * slope)]).buffer(3.0, cap_style="flat")
    pieces = split(bar, (220.0, 220.0), 0.2)
    assert len(pieces) > 2
    for piece, following in pairwise(sorted(pieces, key=lambda p: p.centroid.x + p.centroid.y)):
        assert not piece.intersects(following)
        for x, y in ((1.2, 0.0), (0.0, 1.2), (0.0, -1.2)):
            assert affinity.translate(piece, x, y).intersection(following).area > 0.1
        pull = 4.5 / np.hypot(1.0, slope)
        assert affinity.translate(piece, -pull, -pull * slope).intersection(following).area > 0.1


def designs() -> dict[str, Design]:
    return {
        "iris": load(IRIS),
        "5-4-3-2": design_of(SHAPES["5-4-3-2"], WATER),
        "tiny": design_of(SHAPES["tiny thresholds"], RESIN),
        "large": design_of(SHAPES["a large threshold"]),
    }


@pytest.mark.parametrize("name", ["iris", "5-4-3-2", "tiny", "large"])
def test_the_mesh_of_every_bucket_keeps_what_was_drawn(name: str) -> None:
    assert retained_faults(compile_design(designs()[name])) == []


def test_planted_faults_in_meshes_are_found() -> None:
    device = compile_design(load(IRIS))
    index = next(k for k, part in enumerate(device.parts) if part.role == "row")

    def with_corners(corners: np.ndarray, **more: float) -> Device:
        mesh = replace(device.meshes[index], corners=corners, **more)  # type: ignore[arg-type]
        return replace(device, meshes=(*device.meshes[:index], mesh, *device.meshes[index + 1 :]))

    corners = device.meshes[index].corners
    name = device.parts[index].name
    assert device_faults(with_corners(corners[1:]))[0] == f"{name} is open"
    assert f"{name} does not lie at the origin" in device_faults(with_corners(corners + np.float32(1.0)))[0]
    assert device_faults(with_corners(corners, genus=99)) == [f"{name}: genus 99"]
    taller = corners * np.array([1.0, 1.0, 1.02], dtype=np.float32)
    assert retained_faults(with_corners(taller))
    assert device_faults(with_corners(corners * np.float32(25.4)))
