"""A bucket's case: the air of its pool, comb and ramp, cut out of the STL. A vessel as sign-off found it goes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pelu_fab.cfd.case import BACK, INLET, Case, Inflow
from pelu_fab.cfd.frame import Frame, frame_of
from pelu_fab.cfd.grid import NEAREST, Grid, Size, finer_in, fitting, growing, lines, slots, spread_from, walls
from pelu_fab.cfd.mesh import WALLS, numbered
from pelu_fab.cfd.pour import Pour
from pelu_fab.cfd.solid import inside
from pelu_fab.errors import FabError
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.stl import Array, Index, Mask

CELLS_A_TOOTH = 6
SILL_CELL = 0.45  # mm, at six cells a tooth
RAMP = 3.6  # mm behind the sill, as far as blades part the teeth
AIR, DUMP_AIR = 5.0, 9.0  # mm over the floor that water on a ramp is given
OVER = {"even": 7.0, "middle": 14.0, "end": 14.0, "dump": 20.0, "design": 7.0}  # mm of air above the sill in the pool
HIGHEST = 30.0  # mm over the sill that a pour is followed from
SPLASHES = 24  # fields of a dump: what leaves by the open top is followed from each of them
CALM = ("even", "design")  # nothing falls in, or from a nozzle that brings its own air
ASKEW = 0.02  # mm: that a slot may lie beside the middle of its tooth
NEAR_SLOT = 0.15  # mm: a slot's edge nearer to a tooth's wall, or to another's, has no line of its own
POOL_CELL = 2.0  # mm: the coarsest, away from the comb
SHELL = 1.4  # mm: the coarsest along y and z where a floor may slope, so that stairs of a thin one stay shut
LEAK, LEAK_ML = 0.08, 0.8  # of a pool's volume, and mL: a mesh that holds so much more reaches through a wall
INFLOW = 1  # label of the inlet
JOINED, ONE_WALL = 1.2, 2  # mm along the comb that a cell takes where a layer has at most so many runs of air
LAYERS = 2.2  # thin layers over and under the sill that a cell takes
PLATE = 0.6  # of the widest layer's air: less stands in a plate's slots
BEFORE_SILL = -4.0  # mm: from there on water gathers to the teeth
BESIDE = 2.0  # mm: of a slanting channel that is not solved beside what comes down it
STRAIGHT = 0.02  # mm aside per mm along: a channel that runs less aside does not slant
NOZZLE, LEAST_NOZZLE, ROOM = 1.5, 0.6, 16.0  # mm: length and least depth of a sheet that comes in, air above it
DIPPED = 3.0  # mm over the sill that a calm stream's spout ends: it falls no further through air
EVEN_FLOOR = 0.55  # of the pool's depth, from the back: the floor that an even pour comes through


class TooCoarse(FabError):
    """Cells through which water would run out of a pool."""


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """A vessel in its own frame: origin at the middle of the comb's outer edge on the sill, y outward. mm."""

    name: str
    frame: Frame
    teeth: Array  # (n, 2) left and right wall of each opening, ascending
    goals: tuple[str, ...]  # where each tooth's water goes
    low: Array  # of the pool's box, y up to the sill's outer edge
    high: Array
    volume: float  # mm3 below the sill
    seed: Array  # a place in the air over the sill
    place: Array  # where a hand pours


def bucket_of(name: str, vessel: Vessel, matrix: Array, names: Mapping[int, str], place: Array) -> Bucket:
    """Put a vessel into its frame; `place` (assembly) is where water comes in. `FabError` without one straight comb."""
    ways = {(round(t.outward[0], 2), round(t.outward[1], 2)) for t in vessel.teeth}
    if len(ways) != 1:
        what = "has no comb" if not ways else "has combs on more than one side"
        raise FabError(name, what, "give a bucket with one straight comb")
    outward = np.array([*vessel.teeth[0].outward, 0.0])
    at = np.array([t.at for t in vessel.teeth])
    frame = frame_of(matrix, outward, (at.min(axis=0) + at.max(axis=0)) / 2)
    local = frame.local(at)
    order = np.argsort(local[:, 0])
    half = np.array([t.width for t in vessel.teeth])[order] / 2
    teeth = np.stack([local[order, 0] - half, local[order, 0] + half], axis=1)
    box = frame.local(np.array([[*corner, vessel.floor_z] for corner in vessel.bounds]))
    low, high = box.min(axis=0), box.max(axis=0)
    # A wall a hair beyond the end tooth's is the end tooth's: no sliver of a cell.
    low[0] = teeth[0, 0] if low[0] > teeth[0, 0] - NEAREST else low[0]
    high[0] = teeth[-1, 1] if high[0] < teeth[-1, 1] + NEAREST else high[0]
    high[1], high[2] = 0.0, 0.0
    seed = frame.local(np.array([*vessel.inside, vessel.level + 1.0]))
    goals = tuple(names.get(vessel.teeth[i].goal, "nowhere") for i in order)
    return Bucket(name, frame, teeth, goals, low, high, vessel.volume, seed, frame.local(place))


@dataclass(frozen=True, slots=True, eq=False)
class Nozzle:
    """Water from a lip at `at`: a sheet `width` by `depth` along the unit direction `way` (bucket's frame)."""

    at: Array
    way: Array
    width: float
    depth: float

    @property
    def box(self) -> tuple[Array, Array]:
        """Where its water is just before the lip."""
        main = int(np.argmax(np.abs(self.way[:2])))
        half = np.zeros(3)
        half[1 - main] = self.width / 2
        back = np.zeros(3)
        back[main] = -NOZZLE * np.sign(self.way[main])
        tall = max(self.depth / max(float(np.hypot(*self.way[:2])), 0.3), LEAST_NOZZLE)
        ends = self.at + np.array([-half, half, back, [0.0, 0.0, tall]])
        return ends.min(axis=0), ends.max(axis=0)

    def cells(self, grid: Grid) -> tuple[Mask, Mask]:
        """The cells that it fills there, and those of the channel that it comes along, up to its lip."""
        low, high = self.box
        main = int(np.argmax(np.abs(self.way[:2])))
        centres = np.stack(grid.centres, axis=-1)
        slant, beyond = self.way[1 - main] / self.way[main], centres - self.at
        before = beyond[..., main] * np.sign(self.way[main])
        aside = np.abs(beyond[..., 1 - main] - slant * beyond[..., main])
        slants = abs(slant) > STRAIGHT  # then a sheet would push into a gap beside stairs
        half = self.width / 2 + (BESIDE if slants else 0.0)
        channel = (before < 0) & (aside < half) & (centres[..., 2] > low[2])
        return np.asarray(((centres > low) & (centres < high)).all(axis=-1) & channel), np.asarray(channel)


def bucket_case(
    bucket: Bucket, corners: Array, pour: Pour, cells: int = CELLS_A_TOOTH, nozzle: Nozzle | None = None
) -> Case:
    """The case of one pour, by hand or from a nozzle.

    `corners` (m, 3, 3) are the assembly's triangles; `cells` across a tooth set the grid.
    """
    local = bucket.frame.local(corners)
    end, air = RAMP, DUMP_AIR if pour.kind == "dump" else AIR
    low = np.array([bucket.low[0], bucket.low[1], min(bucket.low[2], -end)])
    # Who pours stands over the rim, so the air below that place is the pool's.
    hand = 0.0 if pour.kind in CALM else min(float(bucket.place[2]), HIGHEST)
    high = np.array([bucket.high[0], end, max(OVER[pour.kind], hand)])
    if nozzle is not None:
        start, stop = nozzle.box
        low = np.minimum(low, start - [1.0, 1.0, 0.0])
        high = np.maximum(high, [stop[0] + 1.0, end, nozzle.at[2] + ROOM])
    grid = _grid(bucket, local, low, high, cells, nozzle)
    material = inside(local, grid.rimmed)
    solid = material[1:-1, 1:-1, 1:-1]
    _, y, z = grid.centres
    end = _blades_end(bucket, grid, solid, end)
    # Over the sill and the ramp water needs little air; in the pool all of it, and nothing outside of its walls.
    floor = z.max(axis=2, where=solid & (z < 0), initial=-np.inf)[:, :, None]
    behind = (y > 0) & (y < end) & (z > floor) & (z < floor + air)
    region = ~solid & ((y < 0) | behind)
    region &= (y < 0) | _in_teeth(bucket, grid)[:, None, None]
    jet, channel = nozzle.cells(grid) if nozzle is not None else (np.zeros(grid.shape, bool),) * 2
    fluid = spread_from(_cell_at(grid, bucket.seed), region & ~channel)
    if not fluid.any():
        raise FabError(bucket.name, "no air was found over its sill", "look at the STL: is the comb shut?")
    _refuse_leak(bucket, float((grid.volumes * (fluid & (y < 0) & (z < 0))).sum()))
    tooth = _tooth_of(bucket, grid)
    names = ["walls", INLET, "top", "over", "side", BACK, *(f"o{t}" for t in range(len(bucket.teeth)))]
    labels = _labels(grid, material, tooth, names, _blades_top(bucket, grid, solid))
    if nozzle is None:
        direction = _inlet(bucket, grid, fluid, labels, pour)
    else:
        core = labels[1:-1, 1:-1, 1:-1]
        core[channel & ~solid] = names.index(BACK)
        core[jet & ~solid], direction = INFLOW, nozzle.way
    pool = fluid & (y < -0.3)
    water = _filled(grid, pool, pour.below)
    zones = {"pool": fluid & (y < 0)}
    zones |= {f"t{t}": fluid & (y > 0) & (tooth == t)[:, None, None] for t in range(len(bucket.teeth))}
    return Case(
        at=bucket.name,
        kind="bucket",
        pour=pour.kind,
        frame=bucket.frame,
        grid=grid,
        number=numbered(fluid, _joined(grid, fluid, cells)) if nozzle is None else numbered(fluid),
        labels=labels,
        names=tuple(names),
        zones={name: mask for name, mask in zones.items() if mask.any()},
        water=water,
        inflow=Inflow(pour.flow, direction, pour.seconds),
        outlets={f"o{t}": goal for t, goal in enumerate(bucket.goals)},
        cells_a_tooth=cells,
        end=pour.end,
        below=float((grid.volumes * (pool & (z < 0) & ~water)).sum()) / 1000.0,
        pictures=SPLASHES if pour.kind == "dump" else Case.pictures,
    )


def _refuse_leak(bucket: Bucket, found: float) -> None:
    """Cells as coarse as a wall is thick can reach through it: then the pool is too large."""
    if found > bucket.volume * (1 + LEAK) + LEAK_ML * 1000.0:
        what = f"its pool holds {found / 1000:.1f} mL in cells, {bucket.volume / 1000:.1f} mL in the file"
        raise TooCoarse(bucket.name, what, "give more --cells: a wall is thinner than they are")


def _grid(bucket: Bucket, local: Array, low: Array, high: Array, cells: int, nozzle: Nozzle | None) -> Grid:
    sill = SILL_CELL * CELLS_A_TOOTH / cells
    teeth, finer = bucket.teeth, CELLS_A_TOOTH / cells
    comb = (float(teeth[0, 0]), float(teeth[-1, 1]))
    wide = growing(3.0 / cells, *comb, POOL_CELL * finer)

    def own(v: float) -> Index:
        return np.flatnonzero((teeth[:, 0] <= v) & (v <= teeth[:, 1]))

    def beside(v: float) -> float:
        return min(max(1.0, 0.8 * finer), POOL_CELL) if comb[0] <= v <= comb[1] else wide(v)  # a blade is one cell

    def across(v: float) -> float:
        return sizes[own(v)[0]] if len(own(v)) else finer_in(gaps[0], beside)(v)

    along = growing(sill, -1.8, 10.0, min(POOL_CELL * finer, SHELL))
    down, up = (
        growing(sill, -1.0, 99.0, min(1.2 * finer, SHELL)),
        growing(sill, -99.0, 3.0, min(2.5 * finer, SHELL), 0.35),
    )
    marks = [walls(local, low, high, axis) for axis in range(3)]
    gaps = [slots(local, low, high, axis) for axis in range(3)]
    # Each tooth is cut alike, by the slot before it alone: its flow hangs by some percent on the cells at its walls.
    # Posts in the pool need no lines of their own, other slots do, but not in a tooth; nearer to others than walls are.
    across_teeth = [*teeth.ravel().tolist(), *(v for a, b in teeth.tolist() for v in _slot_before(a, b, marks[0]))]
    for v in (v for gap in sorted(gaps[0], key=_width) for v in gap):
        if min(abs(v - other) for other in across_teeth) >= NEAR_SLOT and not len(own(v)):
            across_teeth.append(v)
    marks[0] = [v for v in marks[0] if not comb[0] <= v <= comb[1]]
    sizes = [fitting(a, b, across_teeth, cells) for a, b in teeth.tolist()]
    if nozzle is not None:
        start, stop = nozzle.box
        along = _finest(along, growing(0.6 * finer, float(start[1]), float(stop[1]) + 9.0, POOL_CELL * finer))
        up = _finest(up, growing(0.6 * finer, float(start[2]) - 1.5, float(stop[2]) + 0.5, 1.5 * finer))
        marks = [[float(a), float(b), *own] for a, b, own in zip(start, stop, marks, strict=True)]
    fixed = (across_teeth, [0.0], [0.0])
    asked = (across, finer_in(gaps[1], along), finer_in(gaps[2], lambda v: down(v) if v < 0 else up(v)))
    return Grid(*(lines(low[i], high[i], fixed[i], marks[i], asked[i]) for i in range(3)))


def _slot_before(low: float, high: float, planes: Sequence[float]) -> tuple[float, ...]:
    """Of `planes` between a tooth's walls, those of the slot in its middle; none where there is no such slot."""
    own = [v for v in planes if low + NEAR_SLOT < v < high - NEAR_SLOT]
    pairs = [(a, b) for a in own for b in own if a < b and abs(a + b - low - high) < 2 * ASKEW]
    return max(pairs, key=_width, default=())


def _width(gap: tuple[float, float]) -> float:
    return gap[1] - gap[0]


def _joined(grid: Grid, fluid: Mask, cells: int) -> list[tuple[Index, Index, Mask]]:
    """Places that stand together in one cell: before the comb, where lines of teeth and slots pass but are not needed.

    Up and down most of all where a stream comes in: through the thin layers of the sill it would set the step.
    """
    columns, layers = _grouped(grid.x, JOINED), _grouped(grid.z, LAYERS * SILL_CELL * CELLS_A_TOOTH / cells)
    before = grid.middles[1] < BEFORE_SILL
    runs = (np.diff(fluid, axis=0, prepend=False) & fluid).sum(axis=0).max(axis=1)
    air = np.einsum("ijk,i,k->j", fluid, np.diff(grid.x), np.diff(grid.z))
    plain, airy = before & (runs <= ONE_WALL), before & (air > PLATE * air.max())
    return [
        (own, layers, np.broadcast_to(where[None, :, None], grid.shape))
        for own, where in ((np.arange(grid.shape[0]), airy), (columns, plain))
    ]


def _grouped(lines_: Array, most: float) -> Index:
    """Cells between lines, put together up to `most` mm; none on both sides of the sill."""
    group, start = np.zeros(len(lines_) - 1, np.int64), 0
    for i in range(1, len(group)):
        together = lines_[i + 1] - lines_[start] <= most and not lines_[start] < 0.0 <= lines_[i]
        start = start if together else i
        group[i] = group[i - 1] + (start == i)
    return group


def _finest(one: Size, other: Size) -> Size:
    return lambda v: min(one(v), other(v))


def _in_teeth(bucket: Bucket, grid: Grid) -> Mask:
    return np.asarray(_tooth_of(bucket, grid) >= 0)


def _tooth_of(bucket: Bucket, grid: Grid) -> Index:
    """(I,) which tooth each column of cells belongs to; -1 for blades and beside the comb."""
    x = grid.middles[0]
    own = (bucket.teeth[None, :, 0] < x[:, None]) & (x[:, None] < bucket.teeth[None, :, 1])
    return np.where(own.any(axis=1), own.argmax(axis=1), -1)


def _blades_end(bucket: Bucket, grid: Grid, solid: Mask, most: float) -> float:
    """How far behind the sill blades stand between the teeth, 1 mm over the floor."""
    x, y, z = grid.middles
    comb = (x > bucket.teeth[0, 0]) & (x < bucket.teeth[-1, 1])
    blades = np.flatnonzero(comb & (_tooth_of(bucket, grid) < 0))
    if not len(blades):
        return most
    end = 0.0
    for j in np.flatnonzero((y > 0) & (y < most)):
        height = int(np.searchsorted(z, -y[j] + 1.0))
        if not solid[blades, j, min(height, len(z) - 1)].all():
            break
        end = float(grid.y[j + 1])
    return max(end, float(grid.y[np.searchsorted(grid.y, 0.0) + 1]))


def _cell_at(grid: Grid, place: Array) -> Mask:
    """The one cell that a place lies in."""
    seed = np.zeros(grid.shape, bool)
    index = [
        int(np.clip(np.searchsorted(v, p) - 1, 0, len(v) - 2))
        for v, p in zip((grid.x, grid.y, grid.z), place, strict=True)
    ]
    seed[tuple(index)] = True
    return seed


def _blades_top(bucket: Bucket, grid: Grid, solid: Mask) -> float:
    """Height up to which blades part the teeth, at the sill; the grid's own where there are none."""
    x, y, _ = grid.middles
    comb = (x > bucket.teeth[0, 0]) & (x < bucket.teeth[-1, 1])
    blades = solid[comb & (_tooth_of(bucket, grid) < 0), np.flatnonzero(y < 0)[-1]]
    return float((np.diff(grid.z) * blades).sum(axis=1).min(initial=np.inf)) + float(grid.z[0])


def _labels(grid: Grid, material: Mask, tooth: Index, names: list[str], top: float) -> Index:
    """What faces to a dry cell are: walls to material; to air `top`, `side`, a tooth's outlet, `over` its blades."""
    y, z = (np.concatenate([[v[0]], (v[1:] + v[:-1]) / 2, [v[-1]]]) for v in (grid.y, grid.z))
    labels = np.full(material.shape, names.index("side"))
    labels[:, :, -1] = names.index("top")
    behind = np.flatnonzero(y > 0)
    labels[:, behind, :] = names.index("over")
    outlet = np.concatenate([[-1], tooth, [-1]])
    own = (outlet >= 0)[:, None, None] & (z[None, None, :] < top)
    labels[:, behind, :] = np.where(own, names.index("o0") + outlet[:, None, None], labels[:, behind, :])
    labels[material] = WALLS
    return labels


def _inlet(bucket: Bucket, grid: Grid, fluid: Mask, labels: Index, pour: Pour) -> Array:
    """Mark the cells that water comes in from, which are no longer `fluid`; the direction it comes in."""
    x, y, z = grid.middles
    if pour.kind == "even":
        deep = bucket.low[1] + EVEN_FLOOR * (0.0 - bucket.low[1])
        columns = np.argwhere(fluid.any(axis=2) & (y < deep)[None, :])
        lowest = fluid[columns[:, 0], columns[:, 1]].argmax(axis=1)
        labels[columns[:, 0] + 1, columns[:, 1] + 1, lowest] = INFLOW  # one below, in the rim's numbering
        return np.array([0.0, 0.0, 1.0])
    where = _stream(bucket, pour)
    far = np.hypot(x[:, None] - where[0], y[None, :] - where[1])
    open_top = fluid[:, :, -1]
    far = np.where(open_top, far, np.inf)
    chosen = far <= max(pour.stream / 2, float(far.min()) + 1e-9)
    if not open_top.any():
        raise FabError(bucket.name, "nothing can be poured in from above", "look at the STL: is it closed?")
    labels[1:-1, 1:-1, -1][chosen] = INFLOW
    if pour.kind != "dump":  # at 0.6 m/s a stream takes no air along, but in cells as coarse as these it would
        floor = np.where(fluid, z, np.inf).min(axis=2)[chosen].max()
        spout = fluid & chosen[:, :, None] & (z > max(DIPPED, floor + pour.stream))
        fluid &= ~spout
        labels[1:-1, 1:-1, 1:-1][spout] = INFLOW
    return np.array([0.0, 0.0, -1.0])


def _stream(bucket: Bucket, pour: Pour) -> tuple[float, float]:
    """Plan place of a hand's stream; near the end of the inlet it stays a stream's width off the wall."""
    x, y = float(bucket.place[0]), float(bucket.place[1])
    if pour.kind == "end":
        x = float(bucket.low[0]) + pour.stream
    return float(np.clip(x, bucket.low[0] + pour.stream / 2, bucket.high[0] - pour.stream / 2)), y


def _filled(grid: Grid, pool: Mask, below: float) -> Mask:
    """Cells below the sill, without the uppermost `below` mL at least."""
    z = grid.centres[2]
    full = pool & (z < 0)
    layers = (grid.volumes * full).sum(axis=(0, 1))
    above = layers[::-1].cumsum()[::-1] - layers
    return np.asarray(full & (above >= below * 1000.0)[None, None, :])
