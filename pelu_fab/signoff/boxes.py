"""Which boxes share space. Two sets of axis-parallel boxes in, pairs out: the first sieve of every mesh test."""

import numpy as np
from numpy.typing import NDArray
from shapely import STRtree, linestrings, points

from pelu_fab.signoff.stl import Array, Index

FEW, FEW_PLACES = 4096, 16384  # pairs that are sooner compared than sorted into a tree


def meeting(low: Array, high: Array, other_low: Array, other_high: Array) -> tuple[Index, Index]:
    """Index pairs (one, other) of boxes (n, 3) and (m, 3) that touch or overlap, in no order that means anything."""
    if len(low) * len(other_low) <= FEW:
        meets = (low[:, None] <= other_high).all(axis=2) & (other_low <= high[:, None]).all(axis=2)
        one, other = np.nonzero(meets)
        return one, other
    a, b, third = _sharpest(low, high, other_low, other_high)
    lines = diagonals(other_low[:, [a, b]], other_high[:, [a, b]])
    alike = low is other_low and high is other_high
    one, other = STRtree(lines).query(lines if alike else diagonals(low[:, [a, b]], high[:, [a, b]]))
    low, high, other_low, other_high = (ends[:, third] for ends in (low, high, other_low, other_high))
    meets = (low.take(one) <= other_high.take(other)) & (other_low.take(other) <= high.take(one))
    return one[meets], other[meets]


def inside(places: Array, low: Array, high: Array) -> tuple[Index, Index]:
    """Index pairs (place, box) of places (n, 2) in or on plan boxes (m, 2), in no order that means anything."""
    if len(places) * len(low) <= FEW_PLACES:
        x, y = places[:, :1], places[:, 1:]
        meets = (x >= low[:, 0]) & (x <= high[:, 0]) & (y >= low[:, 1]) & (y <= high[:, 1])
        place, one = np.nonzero(meets)
    else:
        place, one = STRtree(diagonals(low, high)).query(points(places))
    return place, one


def diagonals(low: Array, high: Array) -> NDArray[np.object_]:
    """Lines from corner to corner of plan boxes (n, 2): a tree takes them for the boxes, and they are made faster."""
    return np.asarray(linestrings(np.stack([low, high], axis=1)))


def _sharpest(low: Array, high: Array, other_low: Array, other_high: Array) -> list[int]:
    """The axes, those first along which boxes are shortest beside all the room that they lie in."""
    room = np.maximum(high.max(axis=0), other_high.max(axis=0)) - np.minimum(low.min(axis=0), other_low.min(axis=0))
    long = (high - low).mean(axis=0) + (other_high - other_low).mean(axis=0)
    return [int(axis) for axis in np.argsort(long / np.maximum(room, 1e-12), kind="stable")]


def in_cells(cell: Index, count: int) -> tuple[Index, Index]:
    """Numbers of what lies in each cell, cell after cell (within one in no order that means anything); and where those
    of each start (count + 1).
    """
    return np.argsort(cell), np.append(0, np.cumsum(np.bincount(cell, minlength=count)))


def counted(counts: Index) -> tuple[Index, Index]:
    """For 2 and 3: owners 0 0 1 1 1 and numbers 0 1 0 1 2."""
    return runs(np.zeros(len(counts), np.int64), counts)


def runs(first: Index, counts: Index) -> tuple[Index, Index]:
    """For first numbers 5 and 2, counts 2 and 3: owners 0 0 1 1 1 and numbers 5 6 2 3 4."""
    owner = np.arange(len(counts)).repeat(counts)
    return owner, np.arange(len(owner)) + (first + counts - counts.cumsum()).take(owner)
