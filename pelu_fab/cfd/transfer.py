"""Cases of a transfer: from a comb over a tray to the tray's lip, and from a lip into a pool. mm, mL/s.

A comb gives its water at the critical depth; what leaves a lip flies on without a solver (`flight`).
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from pelu_fab.cfd.bucket import AIR, INFLOW, Bucket, Nozzle, bucket_case
from pelu_fab.cfd.case import INLET, Case, Inflow
from pelu_fab.cfd.frame import GRAVITY, Frame, frame_of
from pelu_fab.cfd.grid import Grid, growing, lines, spread_from, walls
from pelu_fab.cfd.mesh import WALLS
from pelu_fab.cfd.pour import Pour
from pelu_fab.cfd.solid import inside
from pelu_fab.cfd.way import Run
from pelu_fab.errors import FabError
from pelu_fab.signoff.found import Tooth
from pelu_fab.signoff.stl import Array, Mask

FLOOR_CELL, ACROSS, ALONG = 0.45, 0.9, 0.9  # mm, at the usual fineness
BESIDE = 3.5  # mm of tray looked at on both sides of the way
OVER_WALLS, HIGHEST = 2.0, 20.0  # mm of air over a tray's walls, and over its floor at most
PAST = 10.0  # mm beyond a lip
UNDER = 5.0  # mm under a tray's floor at its lip
LONGEST = 70.0  # mm of tray after the landing; a longer one is cut, and what is in it counts as under way
HEAD = 10.0  # mm of tray before the place where drops come down
HOLE = 14.0  # mm before a lip from which on water may be under the floor, too


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """The teeth of one branch and the runs from them: `runs[0]` on the bucket itself, `runs[1]` what is solved."""

    name: str
    goal: str
    teeth: tuple[Tooth, ...]
    runs: tuple[Run, ...]

    @property
    def width(self) -> float:
        """Open width of its teeth."""
        return sum(tooth.width for tooth in self.teeth)


def critical(flow: float, width: float) -> tuple[float, float]:
    """Depth (mm) and speed (m/s) over a sill: d = (q²/g)^⅓, u = √(g d)."""
    q = flow / width * 1e-3  # m2/s
    depth = (q * q / GRAVITY) ** (1 / 3)
    return depth * 1e3, sqrt(GRAVITY * depth)


def over_case(leg: Leg, matrix: Array, corners: Array, tray_corners: Array, pour: Pour, cells: int) -> Case:
    """From the sill over the first tray to its lip, in the tray's own frame; its floor is z = 0.

    Outlets: `onward`, still in the tray where it is cut; `fall` leaves it anywhere else.
    """
    sill, tray = leg.runs[0], leg.runs[1]
    frame = frame_of(matrix, tray.forward, tray.start)
    local = frame.local(corners)
    cut, is_lip = _end_of(frame.local(tray.path))
    low, high = _box(frame, leg, sill, tray, cut, is_lip=is_lip)
    top = _top(frame.local(tray_corners), low, high)
    grid = _grid(local, low, high, frame.local(tray.path)[:, 1], cut, 6.0 / cells)
    material = inside(local, grid.rimmed)
    solid = material[1:-1, 1:-1, 1:-1]
    x, y, z = grid.centres
    world = frame.world(np.stack([x, y, z], axis=-1))
    outward = np.array([*leg.teeth[0].outward, 0.0])
    behind = (world - np.array(leg.teeth[0].at)) @ outward  # from the sill's outer edge
    spout = float(frame.local(sill.lip)[1])
    near_lip = is_lip & (y > cut - HOLE)
    left, right = _across(frame, leg)
    # Over the tray all of its width to its walls' tops; above that the spout alone, and nothing behind the tray's head.
    room = np.where(z < top, y > -HEAD, (y < spout + 6.0) & (x > left - 1.5) & (x < right + 1.5))
    region = ~solid & (behind > 0) & room & ((z > -0.2) | near_lip)
    seed = np.zeros(grid.shape, bool)
    start = frame.local(np.array(leg.teeth[len(leg.teeth) // 2].at) + outward * 0.7 + [0.0, 0.0, 1.0])
    seed[tuple(_index(v, p) for v, p in zip((grid.x, grid.y, grid.z), start, strict=True))] = True
    fluid = spread_from(seed, region)
    if not fluid.any():
        raise FabError(leg.name, "no air was found behind its sill", "look at the STL: is the ramp shut?")
    depth, _ = critical(pour.flow, leg.width)
    names = ["walls", INLET, "fall", "onward", "top"]
    labels = np.full(material.shape, names.index("fall"))
    labels[:, :, -1] = names.index("top")
    if not is_lip:
        labels[:, -1, :] = names.index("onward")
    labels[material] = WALLS
    core = labels[1:-1, 1:-1, 1:-1]
    upstream = (behind <= 0) & ~solid
    core[upstream] = WALLS
    core[upstream & _before_teeth(leg, world, outward, depth)] = INFLOW
    return Case(
        at=f"{leg.name} over {tray.part}",
        kind="transfer",
        pour=pour.kind,
        frame=frame,
        grid=grid,
        fluid=fluid,
        labels=labels,
        names=tuple(names),
        zones={"under_way": fluid},
        water=np.zeros(grid.shape, bool),
        inflow=Inflow(pour.flow, frame.turned(outward), pour.seconds),
        outlets={"onward": leg.goal},
        end=pour.end,
        pictures=12,
        first_picture=0.0,
    )


def _across(frame: Frame, leg: Leg) -> tuple[float, float]:
    """Where the branch's teeth begin and end, across the tray."""
    x = [(float(frame.local(np.array(tooth.at))[0]), tooth.width / 2) for tooth in leg.teeth]
    return min(at - half for at, half in x), max(at + half for at, half in x)


def _top(tray: Array, low: Array, high: Array) -> float:
    """Height over a tray's floor up to which it is looked at: its walls in the box, and some air."""
    within = (tray.max(axis=1)[:, :2] > low[:2]).all(axis=1) & (tray.min(axis=1)[:, :2] < high[:2]).all(axis=1)
    walls_ = tray[within][:, :, 2].max(initial=0.0)
    return float(min(walls_ + OVER_WALLS, HIGHEST))


def _end_of(path: Array) -> tuple[float, bool]:
    """Where along y a tray is cut, and whether its lip lies before that."""
    lip = float(path[-1, 1])
    return (lip, True) if lip < LONGEST else (LONGEST, False)


def _box(frame: Frame, leg: Leg, sill: Run, tray: Run, cut: float, *, is_lip: bool) -> tuple[Array, Array]:
    teeth = frame.local(np.array([tooth.at for tooth in leg.teeth]))
    first, last = _across(frame, leg)
    path = np.concatenate([frame.local(sill.path), frame.local(tray.path)])
    path = path[path[:, 1] <= cut + 1e-6]
    left = min(first, path[:, 0].min()) - BESIDE
    right = max(last, path[:, 0].max()) + BESIDE
    back = min(teeth[:, 1].min(), path[:, 1].min(), -BESIDE if not is_lip else 0.0) - 2.0
    top = teeth[:, 2].max() + AIR
    return np.array([left, back, -UNDER if is_lip else -0.2]), np.array([right, cut + (PAST if is_lip else 0.0), top])


def _grid(local: Array, low: Array, high: Array, path: Array, cut: float, finer: float) -> Grid:
    at_lip, at_start = growing(0.6, cut - 3.0, cut + PAST, ALONG), growing(0.6, -4.0, 4.0, ALONG)
    up, across = growing(FLOOR_CELL, -0.5, 3.2, 1.4, 0.2), growing(ACROSS, low[0] + 4.0, high[0] - 4.0, 1.4)
    x, y, z = (walls(local, low, high, axis) for axis in range(3))
    return Grid(
        lines(float(low[0]), float(high[0]), [], x, lambda v: across(v) * finer),
        lines(float(low[1]), float(high[1]), [], y, lambda v: min(at_lip(v), at_start(v)) * finer),
        lines(float(low[2]), float(high[2]), [0.0], z, lambda v: up(v) * finer),
    )


def _index(axis: Array, place: float) -> int:
    return int(np.clip(np.searchsorted(axis, place) - 1, 0, len(axis) - 2))


def _before_teeth(leg: Leg, world: Array, outward: Array, depth: float) -> Mask:
    """Cells upstream of the sill's edge that water of the critical depth fills."""
    along = np.array([-outward[1], outward[0], 0.0])
    height = world[..., 2] - leg.teeth[0].level
    own = np.zeros(world.shape[:-1], bool)
    for tooth in leg.teeth:
        own |= np.abs((world - np.array(tooth.at)) @ along) < tooth.width / 2
    return np.asarray(own & (height > 0) & (height < max(depth, 2 * FLOOR_CELL)))


@dataclass(frozen=True, slots=True, eq=False)
class Gutter:
    """The section of a channel at its lip: the middle of its floor there (assembly), its inner width, and its slope."""

    middle: Array
    width: float
    way: Array


def gutter_at(run: Run, matrix: Array, corners: Array) -> Gutter:
    """The channel that a run ends in, as wide as it is 3 mm before its lip and 1.5 mm over its floor."""
    frame = frame_of(matrix, run.forward, run.lip)
    steps = np.arange(-60.0, 60.0, 0.05) + 0.013
    grid = Grid(steps, np.array([-3.01, -2.99]), np.array([1.49, 1.51]))
    solid = inside(frame.local(corners), grid)[:, 0, 0]
    here = int(np.searchsorted(steps, 0.0))
    left, right = np.flatnonzero(solid[:here]), np.flatnonzero(solid[here:])
    if solid[here] or not len(left) or not len(right):
        raise FabError("transfer", "no channel was found before its lip", "look at the STL: has the gutter walls?")
    low, high = float(steps[left[-1] + 1]), float(steps[here + right[0]])
    return Gutter(frame.world(np.array([(low + high) / 2, 0.0, 0.0])), high - low, run.slope)


def into_case(leg: Leg, bucket: Bucket, gutter: Gutter, speed: float, corners: Array, pour: Pour, cells: int) -> Case:
    """From the last lip into the pool it feeds, in the bucket's frame.

    `pour` tells how far below its sill the pool starts.
    """
    nozzle = Nozzle(
        bucket.frame.local(gutter.middle),
        bucket.frame.turned(gutter.way),
        gutter.width,
        pour.flow / (gutter.width * speed),
    )
    case = bucket_case(bucket, corners, pour, cells, nozzle)
    return replace(case, at=f"{leg.name} into {leg.runs[-1].part}", kind="transfer")
