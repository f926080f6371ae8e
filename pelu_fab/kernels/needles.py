"""Triangles so thin that two decimals may flatten them in, wider ones of the same surface out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.kernels.relief import Points, Triangles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST_AREA = 1e-9  # mm2
NEEDLE = 0.03  # mm: two decimals flatten triangles up to 14 µm high, and those beside them may be in their way
PLANE = 2e-5  # mm: float32 at 250 mm


def without_needles(points: Points, triangles: Triangles, name: str) -> Triangles:
    """Turn triangles so thin that two decimals may flatten them into wider ones, the surface unchanged.

    A needle's middle vertex lies near its longest edge: that is flipped with the neighbour's in the same plane, which
    splits the neighbour there. `FabBug` where a triangle keeps no area.
    """
    triangles, heights = triangles.copy(), _heights(points[triangles])
    tries, beside = np.flatnonzero(heights < NEEDLE), np.full(len(triangles), -1)
    while len(tries):
        flips = _flips(points, triangles, tries)
        beside[tries] = flips.pair[:, 1]
        helps = flips.heights.min(axis=1) > heights[tries]
        flips = _apart(flips, np.flatnonzero(helps), heights)
        triangles[flips.pair], heights[flips.pair] = flips.corners, flips.heights
        again = np.zeros(len(triangles) + 1, dtype=bool)  # the last: beside none
        again[flips.pair] = True
        seen = again[:-1] | again[beside]
        seen[tries[helps]] = True
        tries = np.flatnonzero(seen & (heights < NEEDLE))
    if (_areas(points[triangles[heights < NEEDLE]]) < LEAST_AREA).any():
        raise FabBug(f"{name}: a triangle without area could not be removed")
    return triangles


class _Flips(NamedTuple):
    """Two triangles each, what they become and the heights of that, mm; no height where they are not to be flipped."""

    pair: Ints
    corners: Ints
    heights: Floats


def _flips(points: Points, triangles: Triangles, needles: Ints) -> _Flips:
    """Needles with their neighbours at the longest edge; those that share no plane, or make no convex piece, stay."""
    corners = triangles[needles]
    longest = _edges(points[corners]).argmax(axis=1)
    p, q, k = np.take_along_axis(corners, (longest[:, None] + np.arange(3)) % 3, axis=1).T
    beside = _owners(triangles, q, p)
    d = triangles[beside].sum(axis=1) - p - q
    at_p, at_q, at_k, at_d = (points[at].astype(np.float64) for at in (p, q, k, d))
    plane = np.cross(at_p - at_q, at_d - at_q)
    size = np.linalg.norm(plane, axis=1)
    one, other = (np.cross(b - a, c - a) for a, b, c in ((at_k, at_p, at_d), (at_d, at_q, at_k)))
    flat = np.abs(_along(plane, at_k - at_p)) <= PLANE * size
    able = (beside >= 0) & flat & (_along(plane, one) > 0.0) & (_along(plane, other) > 0.0)
    made = np.stack([np.stack([k, p, d], axis=1), np.stack([d, q, k], axis=1)], axis=1)
    heights = np.where(able[:, None], _heights(points[made.reshape(-1, 3)]).reshape(-1, 2), 0.0)
    return _Flips(np.stack([needles, beside], axis=1), made, heights)


def _owners(triangles: Triangles, starts: Ints, ends: Ints) -> Ints:
    """The triangle that each edge belongs to, from a point to a point; -1 on an open border."""
    size = int(triangles.max()) + 1
    ways = (triangles * size + np.roll(triangles, -1, axis=1)).ravel()
    wanted = starts * size + ends
    order = wanted.argsort()
    place = wanted[order].searchsorted(ways)
    place[place == len(order)] = 0
    found = np.flatnonzero(wanted[order[place]] == ways)
    owners = np.full(len(wanted), -1)
    owners[order[place[found]]] = found // 3
    return owners


def _apart(flips: _Flips, some: Ints, heights: Floats) -> _Flips:
    """Of some flips those that share no triangle with a thinner needle's."""
    needles = flips.pair[some, 0]
    rank, least = np.lexsort((needles, heights[needles])).argsort(), np.full(len(heights), len(some))
    for side in flips.pair[some].T:
        np.minimum.at(least, side, rank)
    own = some[(least[flips.pair[some]] == rank[:, None]).all(axis=1)]
    return _Flips(flips.pair[own], flips.corners[own], flips.heights[own])


def _along(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum(axis=1))


def _edges(corners: NDArray[np.float32]) -> Floats:
    wide = corners.astype(np.float64)
    return np.asarray(np.linalg.norm(np.roll(wide, -1, axis=1) - wide, axis=2))


def _areas(corners: NDArray[np.float32]) -> Floats:
    wide = corners.astype(np.float64)
    return np.asarray(np.linalg.norm(np.cross(wide[:, 1] - wide[:, 0], wide[:, 2] - wide[:, 0]), axis=1) / 2.0)


def _heights(corners: NDArray[np.float32]) -> Floats:
    """Over the longest edge, mm."""
    return np.asarray(2.0 * _areas(corners) / _edges(corners).max(axis=1))
