"""How wide each tooth is open: over the whole length of its sill and all heads in use, exact on the triangles.

Between two heights at which a corner of the mesh lies a horizontal cut changes evenly, and so does the open width
between two corners of a cut: the least and the greatest are met right beside a corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.stl import Array, Index, Mask

LOWEST, HIGHEST = 0.03, 9.0  # mm above the sill: slivers on it lie lower, no head in use stands higher
INTO_BLADE = 0.2  # mm beyond each edge of a tooth, where its blades are: less than half the thinnest
BEFORE = 1.0  # mm of the pool before the sill, where a post would shut the tooth as well
THROAT = 1.2  # mm of the sill that blades part at least; further back one may have ended
AMID, LONGEST = 2.03, 6.0  # mm above the sill where its blades are looked for; and how long it may be
STEP, STEEPEST = 0.5, 0.75  # mm, and rise over run, of a floor before the sill: what it shuts, the flood has seen
ASKEW = 0.1  # mm: WRITTEN, over the slope of the flattest floor
BESIDE = 1e-4  # mm from a corner of a cut
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
    plan = corners[:, :, :2] @ row.axes.T
    v, z = plan[:, :, 1] - row.back, corners[:, :, 2]
    near = (v.max(axis=1) > 0.0) & (v.min(axis=1) < reach)
    near &= (z.max(axis=1) > row.level + LOWEST) & (z.min(axis=1) < row.level + HIGHEST)
    placed = np.stack([plan[near][:, :, 0], v[near], z[near]], axis=2)
    row = replace(row, length=_between_blades(cut(placed, row.level + AMID)[0], row))
    least, most = np.full(len(row.low), np.inf), np.zeros(len(row.low))
    for height in _heights(placed[:, :, 2], row.level):
        tooth, at, free, unwalled = _across(cut(placed, height)[0], row)
        above = height - row.level - STEEPEST * np.maximum(at - row.length[tooth], 0.0)
        ground = (free <= 0.0) & (above < STEP)
        before = at > row.length[tooth]  # a floor whose corners were rounded rises into a cut a little askew
        foot = np.full(len(row.low), np.inf)
        np.minimum.at(foot, tooth[ground & before], at[ground & before])
        ground |= before & (above < STEP) & (at > foot[tooth] - ASKEW)
        np.minimum.at(least, tooth[~ground], free[~ground])
        between = (at < row.length[tooth]) & ((at < THROAT) | ~unwalled)
        np.maximum.at(most, tooth[between], free[between])
    return np.where(np.isfinite(least), least, 0.0), most


def _between_blades(segments: Array, row: Row) -> Array:
    """How far back from its outer edge each sill lies between blades: a shallow pool's floor may seem part of it."""
    at = np.arange(THROAT, LONGEST, 0.1)
    tooth, places = np.repeat(np.arange(len(row.low)), len(at)), np.tile(at, len(row.low))
    _, unwalled = _free(segments, row, tooth, places)
    missing = unwalled.reshape(-1, len(at))
    first = np.where(missing.any(axis=1), at[np.argmax(missing, axis=1)], LONGEST)
    return np.minimum(row.length, np.maximum(first - 0.1, THROAT))


def _heights(z: Array, level: float) -> list[float]:
    """Just above and just below each height at which a cut may bend, from `LOWEST` to `HIGHEST`."""
    low, high = level + LOWEST, level + HIGHEST
    bends = np.unique(np.round(z[(z > low) & (z < high)], 4))
    found = []
    for below, above in pairwise([low, *bends.tolist(), high]):
        step = min(5e-4, (above - below) / 4.0)
        if above - below > THIN:
            found += [below + step, above - step]
    return found


def _across(segments: Array, row: Row) -> tuple[Index, Array, Array, Mask]:
    """(tooth, place back from the line, open width there, whether a blade is missing beside it) at every place where
    the width of a tooth may bend.
    """
    ends = segments.reshape(-1, 2)
    owner = np.clip(np.searchsorted(row.low, ends[:, 0], side="right") - 1, 0, None)
    inside = (ends[:, 0] >= row.low[owner]) & (ends[:, 0] <= row.high[owner])
    count = len(row.low)
    tooth = np.concatenate([np.tile(np.arange(count), 4), np.repeat(owner[inside], 2)])
    usual = [np.full(count, 0.01), row.length - 0.01, row.length + BEFORE / 2, row.length + BEFORE]
    bends = (ends[inside, 1][:, None] + np.array([-BESIDE, BESIDE])).reshape(-1)
    at = np.concatenate([*usual, bends])
    kept = (at > 0.005) & (at <= row.length[tooth] + BEFORE)
    lines = np.unique(np.stack([tooth[kept].astype(float), np.round(at[kept], 5)], axis=1), axis=0)
    tooth, at = lines[:, 0].astype(np.int64), lines[:, 1]
    return tooth, at, *_free(segments, row, tooth, at)


def _free(segments: Array, row: Row, tooth: Index, at: Array) -> tuple[Array, Mask]:
    """Length of air between `low` and `high` of a tooth on the line `at` mm back, and whether either lies in air.

    Material lies left of a segment.
    """
    low, high = row.low[tooth], row.high[tooth]
    line, segment = _pairs(segments, row, tooth)
    a, b = segments[segment, 0], segments[segment, 1]
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
    shut = _in_material(segments, low[bare], at[bare])
    free[bare] = np.where(shut, 0.0, (high - low)[bare])
    unwalled = first | last
    unwalled[bare] = ~shut
    return np.asarray(free), np.asarray(unwalled)


def _pairs(segments: Array, row: Row, tooth: Index) -> tuple[Index, Index]:
    """Every line and segment that may meet: numbers of lines (their `tooth` ascending) and of segments."""
    left, right = segments[:, :, 0].min(axis=1), segments[:, :, 0].max(axis=1)
    first = np.searchsorted(row.high, left)
    after = np.maximum(np.searchsorted(row.low, right, side="right"), first)
    from_line, to_line = np.searchsorted(tooth, first), np.searchsorted(tooth, after)
    counts = to_line - from_line
    segment = np.repeat(np.arange(len(segments)), counts)
    return np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts - from_line, counts), segment


def _extreme(line: Index, place: Array, sign: Array, count: int) -> Array:
    """Sign of each line's crossing with the greatest place; 0 where it has none."""
    order = np.lexsort((place, line))
    found = np.zeros(count)
    found[line[order]] = sign[order]  # the last one written stays
    return found


def _in_material(segments: Array, u: Array, v: Array) -> Mask:
    """Whether each place lies in material: walls entered less walls left on the way there from far away."""
    found = np.zeros(len(u), bool)
    a, b = segments[:, 0], segments[:, 1]
    for y in np.unique(v):  # teeth of one comb are looked at on the same few lines
        crosses = (a[:, 1] <= y) != (b[:, 1] <= y)
        one, other = a[crosses], b[crosses]
        place = one[:, 0] + (y - one[:, 1]) / (other[:, 1] - one[:, 1]) * (other[:, 0] - one[:, 0])
        order = np.argsort(place, kind="stable")
        inside = np.append(0, np.cumsum(np.where(other[order, 1] > one[order, 1], -1, 1)))
        here = v == y
        found[here] = inside[np.searchsorted(place[order], u[here])] > 0
    return found


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
