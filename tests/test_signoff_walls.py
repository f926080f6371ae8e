"""Widths of walls and gaps, and the sieve of boxes in front of them, against all pairs looked at one by one."""

import numpy as np
import pytest
from handmade import box, stl_bytes
from manifold3d import Manifold, OpType

from pelu_fab.signoff.boxes import meeting
from pelu_fab.signoff.overhangs import overhangs
from pelu_fab.signoff.stl import Mesh, read_stl, weld
from pelu_fab.signoff.topology import topology
from pelu_fab.signoff.walls import FARTHEST, narrowest
from pelu_fab.sources.process import read_process


def mesh_of(solid: Manifold) -> Mesh:
    return weld(read_stl(stl_bytes(solid), "part"))


def comb(walls: list[float], gaps: list[float], turn: float = 0.0) -> Manifold:
    """Upright walls of the given thicknesses on a thick plate, the given gaps between them."""
    x, parts = 0.0, [box((-1, 0, -20), (sum(walls) + sum(gaps) + 1, 30, 0.5))]
    for wall, gap in zip(walls, [*gaps, 0.0], strict=True):
        parts.append(box((x, 0, 0), (x + wall, 30, 12)))
        x += wall + gap
    return Manifold.batch_boolean(parts, OpType.Add).rotate([0, 0, turn])


@pytest.mark.parametrize("turn", [0.0, 17.3, 90.0])
def test_the_thinnest_wall_and_the_narrowest_gap_are_found_to_the_micrometre(turn: float) -> None:
    mesh = mesh_of(comb([1.7, 1.3, 2.2, 1.4], [2.0, 0.9, 1.1], turn))
    material, air = narrowest(mesh, np.arange(len(mesh.faces)), 0.8, 0.4)
    assert material is not None and air is not None
    assert (material[0], air[0]) == pytest.approx((1.3, 0.9), abs=1e-4)
    turned = np.radians(-turn)
    along = material[1][0] * np.cos(turned) - material[1][1] * np.sin(turned)
    assert min(abs(along - 3.7), abs(along - 5.0)) < 1e-3


@pytest.mark.parametrize(
    ("height", "nozzle", "counts"), [(0.08, 0.4, False), (0.4, 0.4, True), (0.4, 0.8, False), (0.5, 0.8, True)]
)
def test_what_is_thinner_than_the_limit_counts_unless_it_is_a_speck(height: float, nozzle: float, counts: bool) -> None:
    """A fin of 0.3 mm, 30 mm long: below 3 mm2, or 19 squares of the nozzle, it is lettering, above it is a wall."""
    solid = comb([2.0, 1.5], [3.0]) + box((3.4, 0, 0.4), (3.7, 30, 0.5 + height))
    mesh = mesh_of(solid)
    planes = np.round(np.c_[mesh.normals, np.einsum("ij,ij->i", mesh.normals, mesh.corners[:, 0])], 3)
    plane = np.unique(planes, axis=0, return_inverse=True)[1].reshape(-1)
    material, _ = narrowest(mesh, plane, 0.8, nozzle)
    assert material is not None
    assert material[0] == pytest.approx(0.3 if counts else 1.5, abs=1e-4)


def test_a_block_wider_than_any_wall_has_nothing_to_measure() -> None:
    mesh = mesh_of(box((0, 0, 0), (FARTHEST + 1,) * 3))
    assert narrowest(mesh, np.zeros(12, np.int64), 0.8, 0.4) == (None, None)


def test_the_least_width_is_that_of_every_place_looked_at_against_every_face() -> None:
    rng = np.random.default_rng(4)
    boxes = [box(tuple(at), tuple(at + rng.uniform(1, 6, 3))) for at in rng.uniform(0, 20, (40, 3))]
    mesh = mesh_of(Manifold.batch_boolean(boxes, OpType.Add).rotate([20, 30, 40]))
    material, air = narrowest(mesh, np.arange(len(mesh.faces)), 0.0, 0.0)
    wanted = {False: np.inf, True: np.inf}
    for face in np.flatnonzero(mesh.areas > 0):
        a, b, c = mesh.corners[face]
        n = int(np.clip(np.ceil(np.sqrt(mesh.areas[face]) / 3.0), 1, 12))
        for i in range(n):
            for j in range(n - i):
                at = a + (i + 1 / 3) / n * (b - a) + (j + 1 / 3) / n * (c - a)
                for sign in (1.0, -1.0):
                    way = sign * mesh.normals[face]
                    facing = (mesh.normals @ mesh.normals[face]) < -0.999
                    for other in np.flatnonzero(facing):
                        p, q, r = mesh.corners[other]
                        u, v, t = np.linalg.solve(np.stack([q - p, r - p, -way], axis=1), at - p)
                        if u >= 0 and v >= 0 and u + v <= 1 and t > 1e-3:
                            wanted[sign > 0] = min(wanted[sign > 0], t)
    assert material is not None and air is not None
    assert (material[0], air[0]) == pytest.approx((wanted[False], wanted[True]), abs=1e-4)


@pytest.mark.parametrize("flat", [None, 0, 1, 2])
@pytest.mark.parametrize("count", [20, 300])
def test_boxes_that_meet_are_those_of_all_pairs(count: int, flat: int | None) -> None:
    rng = np.random.default_rng(count)
    low = np.round(rng.uniform(0, 10, (2, count, 3)), 1)
    high = low + np.round(rng.exponential(0.6, (2, count, 3)), 1)
    if flat is not None:
        high[:, :, flat] = low[:, :, flat]
    one, other = meeting(low[0], high[0], low[1], high[1])
    wanted = (low[0][:, None] <= high[1][None]).all(axis=2) & (low[1][None] <= high[0][:, None]).all(axis=2)
    assert len(one) == len(set(zip(one.tolist(), other.tolist(), strict=True)))
    found = np.zeros_like(wanted)
    found[one, other] = True
    assert np.array_equal(found, wanted)


def test_the_widest_bridge_and_the_farthest_overhang_are_those_of_every_place_tried() -> None:
    """Tables of many heights on two legs or one, against their drawn spans and reaches."""
    printer = read_process("fdm-pla-detergent").printer
    rng = np.random.default_rng(6)
    spans, reaches, solids = [], [], []
    for x, (span, reach) in enumerate(rng.uniform(1.0, 9.0, (12, 2))):
        at, high = 40.0 * x, 5.0 + x
        legs = [box((at, 0, 0), (at + 2, 6, high)), box((at + 2 + span, 0, 0), (at + 4 + span, 6, high))]
        solids += [*legs, box((at, 0, high), (at + 4 + span, 6, high + 2))]
        solids += [box((at, 20, 0), (at + 2, 26, high)), box((at, 20, high), (at + 2 + reach, 26, high + 2))]
        spans.append(span)
        reaches.append(reach)
    mesh = mesh_of(Manifold.batch_boolean(solids, OpType.Add))
    bridge, lone = overhangs("part", mesh, topology(mesh), printer)
    assert (bridge.found, lone.found) == pytest.approx((max(spans), max(reaches)), abs=1e-4)
    assert bridge.at is not None and lone.at is not None
    assert bridge.at[0] == pytest.approx(40.0 * int(np.argmax(spans)) + 2 + max(spans) / 2, abs=1e-3)
    assert lone.at[0] == pytest.approx(40.0 * int(np.argmax(reaches)) + 2 + max(reaches), abs=1e-3)
    alone = mesh_of(box((0, 0, 0), (5, 5, 5)))
    assert [c.found for c in overhangs("part", alone, topology(alone), printer)] == [0.0, 0.0]
