"""Cases of a transfer, lip by lip: from a comb or a gutter's end over a tray, off its lip or a spout, and into a pool.
mm, mL/s.

A comb gives its water at the critical depth; what leaves a lip flies on without a solver (`flight`).
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from pelu_fab.cfd.bucket import AIR, INFLOW, STRAIGHT, Bucket, Nozzle, bucket_case
from pelu_fab.cfd.case import INLET, Case, Inflow
from pelu_fab.cfd.frame import GRAVITY, Frame, frame_of
from pelu_fab.cfd.grid import Grid, growing, lines, spread_from, walls
from pelu_fab.cfd.mesh import WALLS, numbered
from pelu_fab.cfd.pour import Pour
from pelu_fab.cfd.solid import inside
from pelu_fab.cfd.way import Run
from pelu_fab.errors import FabError
from pelu_fab.signoff.found import Tooth
from pelu_fab.signoff.stl import Array, Mask

FLOOR_CELL, HIGH_CELL, ACROSS, ALONG = 0.45, 0.8, 0.9, 0.9  # mm, at the usual fineness
BESIDE = 3.5  # mm of tray looked at on both sides of the way
HEADROOM = 9.0  # mm of air over a ramp
TIP = 3.0  # mm before a lip that may be too thin for a cell
OVER_WALLS, HIGHEST = 2.0, 17.0  # mm of air over a tray's walls, and over its floor at most
OVER_LIP = 6.0  # mm of air over a lip that water comes from
PAST = 10.0  # mm beyond a lip
UNDER, UNDER_SPOUT = 5.0, 12.0  # mm under a tray's floor at its lip; under a spout that nothing is below
LONGEST = 45.0  # mm of tray after the landing; a longer one is cut, and what is in it counts as under way
HEAD = 14.0  # mm of tray before the place where drops come down
WIDEST, PLACES = 60.0, 6  # mm from there to a gutter's wall, at most; places along the way where they are looked for
HOLE = 14.0  # mm before a lip from which on water may be under the floor, too
LAST = 20.0  # mm of a tray before its lip that water is followed `off`
AT_LIP = 3.0  # mm before a lip where its channel is measured
SLANT_OVER = 6.0  # mm over which it is told how far a channel's walls run aside


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """The teeth of one branch and the runs from them: `runs[0]` on the bucket itself, the last in what it feeds."""

    name: str
    goal: str
    teeth: tuple[Tooth, ...]
    runs: tuple[Run, ...]

    @property
    def width(self) -> float:
        """Open width of its teeth."""
        return sum(tooth.width for tooth in self.teeth)

    @property
    def outward(self) -> Array:
        """Level unit direction in which its teeth give."""
        return np.array([*self.teeth[0].outward, 0.0])

    @property
    def off(self) -> int | None:
        """The last tray, if it is so long that water was followed `over` it without its lip; None if not."""
        last = len(self.runs) - 2
        if last < 1:
            return None
        return last if self.runs[last].length >= (LONGEST if last in self.overs else 2 * LAST) else None

    @property
    def overs(self) -> tuple[int, ...]:
        """Runs over which water is followed: each tray, first from the comb, then from the lip before if that leads
        straight on; the spout itself where nothing lies between it and what it feeds."""
        if len(self.runs) == 2:
            return (0,)
        on = [n for n in range(2, len(self.runs) - 1) if self.runs[n - 1].heading @ self.runs[n].heading > 0.9]
        return (1, *on)


def critical(flow: float, width: float) -> tuple[float, float]:
    """Depth (mm) and speed (m/s) over a sill: d = (q²/g)^⅓, u = √(g d)."""
    q = flow / width * 1e-3  # m2/s
    depth = (q * q / GRAVITY) ** (1 / 3)
    return depth * 1e3, sqrt(GRAVITY * depth)


def over_case(
    leg: Leg,
    number: int,
    matrix: Array,
    corners: Array,
    part: Array,
    pour: Pour,
    cells: int,
    end: "tuple[Gutter, float] | None" = None,
    word: str = "over",
) -> Case:
    """Over run `number` of a leg, in the frame of its part (triangles `part`); z = 0 is its floor there, or its lip.

    Water comes from the comb, or out of the `end` of a gutter at a speed. Outlets: `onward`, still in the tray where it
    is cut; `fall` leaves it anywhere else.
    """
    run = leg.runs[number]
    frame = frame_of(matrix, run.forward, run.start if number else run.lip)
    local = frame.local(corners)
    source = _comb(leg, frame, pour.flow) if end is None else _lip(frame, *end, pour.flow, 6.0 / cells)
    cut, is_lip = _end_of(frame.local(run.path))
    low, high = _box(source, frame.local(run.path), cut, is_lip=is_lip, under=UNDER if number else UNDER_SPOUT)
    if number:
        left, right = _between_walls(local, frame.local(run.path), cut)
        low[0], high[0] = min(low[0], left - BESIDE), max(high[0], right + BESIDE)
    top = max(_top(frame.local(part), low, high), source.lip[2] + OVER_LIP)
    high[2] = max(source.high[2] + AIR, top)
    grid = _grid(local, low, high, source, cut, 6.0 / cells)
    material = inside(local, grid.rimmed)
    solid = material[1:-1, 1:-1, 1:-1]
    x, y, z = grid.centres
    points = np.stack([x, y, z], axis=-1)
    behind = (points - source.at) @ source.out
    # Over the tray all of its width to its walls' tops; above that the spout alone, and nothing behind the tray's head.
    over_spout = (y < source.lip[1] + 6.0) & (x > source.low[0] - 1.5) & (x < source.high[0] + 1.5)
    tops = np.where(solid, grid.z[None, None, 1:], -np.inf)
    near = (z - np.maximum.accumulate(tops, axis=2) < HEADROOM) | (y > source.lip[1] - TIP)
    if number:
        room = near & np.where(z < top, y > -HEAD, over_spout)
    else:  # and under the lip, where water may cling
        room = near & over_spout | (y > source.lip[1]) | (z < source.lip[2])
    # What has fallen off a gutter's end may run back below it; before a comb is a pool.
    ahead = (behind > 0) | (z < source.at[2] if end is not None else False)
    region = ~solid & ahead & room & ((z > -0.2) | (is_lip & (y > cut - HOLE)))
    seed = np.zeros(grid.shape, bool)
    seed[tuple(_index(v, p) for v, p in zip((grid.x, grid.y, grid.z), source.seed, strict=True))] = True
    fluid = spread_from(seed, region)
    if not fluid.any():
        raise FabError(leg.name, "no air was found behind its sill", "look at the STL: is the ramp shut?")
    names = ["walls", INLET, "fall", "onward", "top"]
    labels = np.full(material.shape, names.index("fall"))
    labels[:, :, -1] = names.index("top")
    if not is_lip:
        labels[:, -1, :] = names.index("onward")
    labels[material] = WALLS
    core = labels[1:-1, 1:-1, 1:-1]
    upstream = ~ahead & ~solid
    core[upstream] = WALLS
    core[upstream & source.fills(points)] = INFLOW
    return Case(
        at=f"{leg.name} {word} {run.part}",
        kind="transfer",
        pour=pour.kind,
        frame=frame,
        grid=grid,
        number=numbered(fluid),
        labels=labels,
        names=tuple(names),
        zones={"under_way": fluid},
        water=np.zeros(grid.shape, bool),
        inflow=Inflow(pour.flow, source.way, pour.seconds),
        outlets={"onward": leg.goal},
        cells_a_tooth=cells,
        end=pour.end,
        pictures=12,
        first_picture=0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where water comes into an `over` case, in its frame: through `slots` (x of the middle, width), as deep as `depth`
    over an edge through `at`, and on to the `lip` that it leaves. `out` and `up` are square to that edge."""

    at: Array
    out: Array
    up: Array
    way: Array
    depth: float
    slots: tuple[tuple[float, float], ...]
    lip: Array
    back: float  # y from which on what has fallen is looked at

    @property
    def low(self) -> Array:
        """Corner of the box around its way to the lip."""
        return np.array([min(x - w / 2 for x, w in self.slots), *np.minimum(self.at, self.lip)[1:]])

    @property
    def high(self) -> Array:
        """The other corner."""
        return np.array([max(x + w / 2 for x, w in self.slots), *np.maximum(self.at, self.lip)[1:]])

    @property
    def seed(self) -> Array:
        """A place in the air over its edge."""
        middle = self.at + 0.7 * self.out + 1.0 * self.up
        return np.array([self.slots[len(self.slots) // 2][0], *middle[1:]])

    def fills(self, points: Array) -> Mask:
        """Whether its water fills a place before the edge."""
        height = (points - self.at) @ self.up
        own = np.zeros(height.shape, bool)
        for x, width in self.slots:
            own |= np.abs(points[..., 0] - x) < width / 2
        return np.asarray(own & (height > 0) & (height < self.depth))


def _comb(leg: Leg, frame: Frame, flow: float) -> Source:
    """A branch's teeth; its water has run down its ramp at the lip of its first run."""
    depth, _ = critical(flow, leg.width)
    teeth = frame.local(np.array([tooth.at for tooth in leg.teeth]))
    out, up = frame.turned(leg.outward), frame.turned(np.array([0.0, 0.0, 1.0]))
    slots = tuple((float(x), tooth.width) for x, tooth in zip(teeth[:, 0], leg.teeth, strict=True))
    return Source(teeth[0], out, up, out, max(depth, 2 * FLOOR_CELL), slots, frame.local(leg.runs[0].lip), 0.0)


def _lip(frame: Frame, gutter: "Gutter", speed: float, flow: float, finer: float) -> Source:
    """A gutter's end. A sheet thinner than a cell comes in as thick as one, and slower."""
    at = frame.local(gutter.middle)
    depth = max(flow / (gutter.width * speed), FLOOR_CELL * finer)
    slot = ((float(at[0]), gutter.width),)
    out, up = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    return Source(at, out, up, frame.turned(gutter.way), depth, slot, at, -HEAD)


def _top(tray: Array, low: Array, high: Array) -> float:
    """Height over a tray's floor up to which it is looked at: its walls in the box, and some air."""
    within = (tray.max(axis=1)[:, :2] > low[:2]).all(axis=1) & (tray.min(axis=1)[:, :2] < high[:2]).all(axis=1)
    walls_ = tray[within][:, :, 2].max(initial=0.0)
    return float(min(walls_ + OVER_WALLS, HIGHEST))


def _end_of(path: Array) -> tuple[float, bool]:
    """Where along y a tray is cut, and whether its lip lies before that."""
    lip = float(path[-1, 1])
    return (lip, True) if lip < LONGEST else (LONGEST, False)


def _box(source: Source, path: Array, cut: float, *, is_lip: bool, under: float) -> tuple[Array, Array]:
    path = path[path[:, 1] <= cut + 1e-6]
    left = min(source.low[0], path[:, 0].min()) - BESIDE
    right = max(source.high[0], path[:, 0].max()) + BESIDE
    back = min(source.low[1], path[:, 1].min(), -BESIDE if not is_lip else 0.0, source.back) - 2.0
    return np.array([left, back, -under if is_lip else -0.2]), np.array([right, cut + (PAST if is_lip else 0.0), 0.0])


def _grid(local: Array, low: Array, high: Array, source: Source, cut: float, finer: float) -> Grid:
    start = float(source.lip[1])
    at_lip, at_start = growing(0.6, cut - 3.0, cut + PAST, ALONG), growing(0.6, start - 2.0, start + 6.0, ALONG)
    high_up = growing(HIGH_CELL, -99.0, float(source.at[2]) + 3.0, 2.0)
    near, across = growing(FLOOR_CELL, -0.5, 3.2, 9.0, 0.2), growing(ACROSS, low[0] + 4.0, high[0] - 4.0, 1.4)
    x, y, z = (walls(local, low, high, axis) for axis in range(3))
    sheet = [float(source.at[2]), float(source.at[2] + source.depth)]
    thin = growing(FLOOR_CELL, sheet[0] - 0.3, sheet[1] + 0.3, 9.0)
    return Grid(
        lines(float(low[0]), float(high[0]), [], x, lambda v: across(v) * finer),
        lines(float(low[1]), float(high[1]), [], y, lambda v: min(at_lip(v), at_start(v)) * finer),
        lines(float(low[2]), float(high[2]), [0.0], [*sheet, *z], lambda v: min(thin(v), near(v), high_up(v)) * finer),
    )


def _index(axis: Array, place: float) -> int:
    return int(np.clip(np.searchsorted(axis, place) - 1, 0, len(axis) - 2))


@dataclass(frozen=True, slots=True, eq=False)
class Gutter:
    """The section of a channel at its lip: the middle of its floor there (assembly), its inner width, its direction."""

    middle: Array
    width: float
    way: Array


def _between_walls(local: Array, path: Array, cut: float) -> tuple[float, float]:
    """How far a channel reaches to the left and right on the way that drops run in it, from 6 mm on to the cut."""
    ahead = path[np.argsort(path[:, 1], kind="stable")]
    places = np.linspace(6.0, max(cut - TIP, 6.0), PLACES)
    sides = [_walls_beside(local, float(y), float(np.interp(y, ahead[:, 1], ahead[:, 0]))) for y in places]
    return min(left for left, _ in sides), max(right for _, right in sides)


def _walls_beside(local: Array, y: float, x: float = 0.0) -> tuple[float, float]:
    """Where the walls of a channel stand, left and right of `x` at `y`, 1.5 mm over z = 0; `x` where there is none."""
    steps = np.arange(x - WIDEST, x + WIDEST, 0.05) + 0.013
    solid = inside(local, Grid(steps, np.array([y - 0.01, y + 0.01]), np.array([1.49, 1.51])))[:, 0, 0]
    here = int(np.searchsorted(steps, x))
    left, right = np.flatnonzero(solid[:here]), np.flatnonzero(solid[here:])
    if solid[here]:
        return x, x
    return float(steps[left[-1] + 1]) if len(left) else x, float(steps[here + right[0]]) if len(right) else x


def gutter_at(run: Run, matrix: Array, corners: Array) -> Gutter:
    """The channel that a run ends in, as wide as it is 3 mm before its lip and 1.5 mm over its floor.

    Its water comes as its walls run there, on the mean: aside where they do.
    """
    frame = frame_of(matrix, run.forward, run.lip)
    local = frame.local(corners)
    low, high = _walls_beside(local, -AT_LIP)
    if not low < 0.0 < high:
        raise FabError("transfer", "no channel was found before its lip", "look at the STL: has the gutter walls?")
    middle = (low + high) / 2
    first, last = _walls_beside(local, -AT_LIP - SLANT_OVER, middle)
    aside = (middle - (first + last) / 2) / SLANT_OVER if first < middle < last else 0.0
    aside = aside if abs(aside) > STRAIGHT else 0.0
    way = frame.axes[1] + aside * frame.axes[0]
    at = frame.world(np.array([middle + aside * AT_LIP, 0.0, 0.0]))
    return Gutter(at, high - low, way / np.linalg.norm(way))


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
