"""How wide each tooth is open: over the whole length of its sill and all heads in use, exact on the triangles.

Between two heights at which a corner of the mesh lies a horizontal cut changes evenly, and so does the open width
between two corners of a cut: the least and the greatest are met right beside a corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pelu_fab.signoff.boxes import runs
from pelu_fab.signoff.sections import cuts
from pelu_fab.signoff.stl import Array, Index, Mask, spans_of, turned

LOWEST, HIGHEST = 0.03, 9.0  # mm above the sill: slivers on it lie lower, no head in use stands higher
INTO_BLADE = 0.2  # mm beyond each edge of a tooth, where its blades are: less than half the thinnest
BEFORE = 1.0  # mm of the pool before the sill, where a post would shut the tooth as well
THROAT = 1.2  # mm of the sill that blades part at least; further back one may have ended
AMID, LONGEST = 2.03, 6.0  # mm above the sill where its blades are looked for; and how long it may be
STEP, STEEPEST = 0.5, 0.75  # mm, and rise over run, of a floor before the sill: what it shuts, the flood has seen
ASKEW = 0.1  # mm: WRITTEN, over the slope of the flattest floor
BESIDE = 1e-4  # mm from a corner of a cut
APART = 1e4  # mm that cuts at different heights are kept apart
MOST_PLACES = 1 << 24  # on one line, 10 nm apart
THIN = 2e-3  # mm: a slab between two heights of corners that is thinner changes nothing


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Teeth whose sills end in one line: along it `low` to `high` (with what of the blades belongs to them), and back
    from it, against the flow, `length`. `axes` (2, 2) turns plan into (along, back); `back` is where the line lies.
    """

    axes: Array
    back: float
    level: float
    low: Array
    high: Array
    length: Array


def open_widths(corners: Array, row: Row) -> tuple[Array, Array]:
    """Least and greatest open width (mm) of each tooth between its blades; 0 where it is shut. `corners`: of a part."""
    reach = float(row.length.max()) + BEFORE
    low, high = spans_of(corners, 2)
    corners = corners.compress((high > row.level + LOWEST) & (low < row.level + HIGHEST), axis=0)
    plan = turned(corners[:, :, :2], row.axes)
    placed = np.stack([plan[:, :, 0], plan[:, :, 1] - row.back, corners[:, :, 2]], axis=2)
    low, high = spans_of(placed, 1)
    placed = placed.compress((high > 0.0) & (low < reach), axis=0)
    row = replace(row, length=_between_blades(_cut(placed, np.array([row.level + AMID])), row))
    cuts, count = _cut(placed, _heights(placed[:, :, 2], row.level)), len(row.low)
    slot, at, free, unwalled = _across(cuts, row)
    tooth = slot % count
    above = cuts.heights[slot // count] - row.level - STEEPEST * np.maximum(at - row.length[tooth], 0.0)
    ground = (free <= 0.0) & (above < STEP)
    before = at > row.length[tooth]  # a floor whose corners were rounded rises into a cut a little askew
    foot = np.full(len(cuts.heights) * count, np.inf)
    np.minimum.at(foot, slot[ground & before], at[ground & before])
    ground |= before & (above < STEP) & (at > foot[slot] - ASKEW)
    between = (at < row.length[tooth]) & ((at < THROAT) | ~unwalled)
    least, most = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(least, tooth[~ground], free[~ground])
    np.maximum.at(most, tooth[between], free[between])
    return np.where(np.isfinite(least), least, 0.0), most


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """Segments (k, 2, 2) of a part cut at `heights` (ascending), material on the left, and which of them each lies at.

    A tooth at one of the heights is a slot: its number there, after those of all heights below.
    """

    segments: Array
    sheet: Index
    heights: Array

    def apart(self, place: Array, sheet: Index) -> Array:
        """Places along a row, heights after each other: one search is enough for all."""
        return place + APART * sheet

    def slots(self, ends: Array) -> Array:
        """Ends of a row's teeth at each height, apart."""
        return (ends + APART * np.arange(len(self.heights))[:, None]).reshape(-1)


def _cut(corners: Array, heights: Array) -> _Cuts:
    segments, _, sheet = cuts(corners, heights)
    return _Cuts(segments, sheet, heights)


def _between_blades(cuts: _Cuts, row: Row) -> Array:
    """How far back from its outer edge each sill lies between blades: a shallow pool's floor may seem part of it."""
    at = np.arange(THROAT, LONGEST, 0.1)
    tooth, places = np.repeat(np.arange(len(row.low)), len(at)), np.tile(at, len(row.low))
    _, unwalled = _free(cuts, row, tooth, places)
    missing = unwalled.reshape(-1, len(at))
    first = np.where(missing.any(axis=1), at[np.argmax(missing, axis=1)], LONGEST)
    return np.minimum(row.length, np.maximum(first - 0.1, THROAT))


def _heights(z: Array, level: float) -> Array:
    """Just above and just below each height at which a cut may bend, from `LOWEST` to `HIGHEST`."""
    low, high = level + LOWEST, level + HIGHEST
    bends = np.r_[low, np.unique(np.round(z[(z > low) & (z < high)], 4)), high]
    thick = np.diff(bends)
    below, above = bends[:-1][thick > THIN], bends[1:][thick > THIN]
    step = np.minimum(5e-4, (above - below) / 4.0)
    return np.stack([below + step, above - step], axis=1).reshape(-1)


def _across(cuts: _Cuts, row: Row) -> tuple[Index, Array, Array, Mask]:
    """(slot, place back from the line, open width there, whether a blade is missing beside it) at every place where
    the width of a tooth may bend.
    """
    ends, sheet, count = cuts.segments.reshape(-1, 2), np.repeat(cuts.sheet, 2), len(row.low)
    owner = np.searchsorted(cuts.slots(row.low), cuts.apart(ends[:, 0], sheet), side="right") - 1
    inside = (owner // count == sheet) & (ends[:, 0] <= row.high[owner % count])
    slots = np.arange(len(cuts.heights) * count)
    slot = np.concatenate([np.tile(slots, 4), np.repeat(owner[inside], 2)])
    length = row.length[slots % count]
    usual = [np.full(len(slots), 0.01), length - 0.01, length + BEFORE / 2, length + BEFORE]
    bends = (ends[inside, 1][:, None] + np.array([-BESIDE, BESIDE])).reshape(-1)
    at = np.concatenate([*usual, bends])
    kept = (at > 0.005) & (at <= row.length[slot % count] + BEFORE)
    lines = np.unique(slot[kept] * MOST_PLACES + np.round(at[kept] * 1e5).astype(np.int64))
    slot, at = lines // MOST_PLACES, lines % MOST_PLACES / 1e5
    return slot, at, *_free(cuts, row, slot, at)


def _free(cuts: _Cuts, row: Row, slot: Index, at: Array) -> tuple[Array, Mask]:
    """Length of air between `low` and `high` of a slot (ascending) on the line `at` mm back, and whether either lies in
    air.
    """
    low, high = row.low[slot % len(row.low)], row.high[slot % len(row.low)]
    line, segment = _pairs(cuts, row, slot)
    a, b = cuts.segments[segment, 0], cuts.segments[segment, 1]
    crosses = (a[:, 1] <= at[line]) != (b[:, 1] <= at[line])
    line, a, b = line[crosses], a[crosses], b[crosses]
    place = a[:, 0] + (at[line] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    within = (place > low[line]) & (place < high[line])
    line, place, sign = line[within], place[within], np.where(b[within, 1] > a[within, 1], -1.0, 1.0)
    free = np.bincount(line, sign * place, minlength=len(at)).astype(np.float64)  # of no crossing it makes integers
    first = _extreme(line, -place, sign, len(at)) > 0  # the first wall met is entered: air at `low`
    last = _extreme(line, place, sign, len(at)) < 0  # the last is left: air at `high`
    free += np.where(last, high, 0.0) - np.where(first, low, 0.0)
    bare = np.bincount(line, minlength=len(at)) == 0
    shut = _in_material(cuts, slot[bare] // len(row.low), low[bare], at[bare])
    free[bare] = np.where(shut, 0.0, (high - low)[bare])
    unwalled = first | last
    unwalled[bare] = ~shut
    return np.asarray(free), np.asarray(unwalled)


def _pairs(cuts: _Cuts, row: Row, slot: Index) -> tuple[Index, Index]:
    """Every line and segment that may meet: numbers of lines (their `slot` ascending) and of segments."""
    left, right = cuts.segments[:, :, 0].min(axis=1), cuts.segments[:, :, 0].max(axis=1)
    first = np.searchsorted(cuts.slots(row.high), cuts.apart(left, cuts.sheet))
    after = np.searchsorted(cuts.slots(row.low), cuts.apart(right, cuts.sheet), side="right")
    from_line, to_line = np.searchsorted(slot, first), np.searchsorted(slot, np.maximum(first, after))
    segment, line = runs(from_line, to_line - from_line)
    return line, segment


def _extreme(line: Index, place: Array, sign: Array, count: int) -> Array:
    """Sign of each line's crossing with the greatest place; 0 where it has none."""
    order = np.lexsort((place, line))
    found = np.zeros(count)
    found[line[order]] = sign[order]  # the last one written stays
    return found


def _in_material(cuts: _Cuts, sheet: Index, u: Array, v: Array) -> Mask:
    """Whether each place lies in material: walls entered less walls left on the way there from far away."""
    # Teeth of one comb are looked at on the same few lines.
    lines, line = np.unique(sheet + 1j * v, return_inverse=True)
    starts = np.searchsorted(cuts.sheet, np.append(np.arange(len(cuts.heights)), len(cuts.heights)))
    of = lines.real.astype(np.int64)
    owner, segment = runs(starts[of], starts[of + 1] - starts[of])
    a, b = cuts.segments[segment].transpose(1, 0, 2)
    y = lines.imag[owner]
    crosses = (a[:, 1] <= y) != (b[:, 1] <= y)
    owner, a, b, y = owner[crosses], a[crosses], b[crosses], y[crosses]
    place = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    sign = np.where(b[:, 1] > a[:, 1], -1, 1)
    of_line = np.bincount(owner, sign, len(lines)).astype(np.int64)  # 0, but of an open mesh
    # Walls and places of all lines one after the other.
    number = np.r_[owner, line.reshape(-1)]
    order = np.lexsort((np.repeat([1, 0], [len(place), len(u)]), np.r_[place, u], number))
    walls = np.cumsum(np.r_[sign, np.zeros(len(u), np.int64)][order]) - (np.cumsum(of_line) - of_line)[number[order]]
    inside = np.empty(len(order), bool)
    inside[order] = walls > 0
    return inside[len(place) :]


def in_rows(level: Array, middle: Array, outward: Array, width: Array, length: Array) -> Sequence[tuple[Index, Row]]:
    """Sills (n) in rows of one line and level, with the numbers of each row's teeth in order along it."""
    along = np.stack([-outward[:, 1], outward[:, 0]], axis=1)
    key = np.stack(
        [*np.round(outward, 3).T, np.round(np.einsum("ij,ij->i", middle, outward), 2), np.round(level, 3)], axis=1
    )
    _, group = np.unique(key, axis=0, return_inverse=True)
    rows = []
    for g in range(int(group.max(initial=-1)) + 1):
        own = np.flatnonzero(group.reshape(-1) == g)
        axes = np.stack([along[own[0]], -outward[own[0]]])
        place = middle[own] @ axes.T
        order = np.argsort(place[:, 0], kind="stable")
        own, place = own[order], place[order]
        low, high = place[:, 0] - width[own] / 2 - INTO_BLADE, place[:, 0] + width[own] / 2 + INTO_BLADE
        rows.append((own, Row(axes, float(place[:, 1].mean()), float(level[own].min()), low, high, length[own])))
    return rows
