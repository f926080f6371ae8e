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
    owners = _Owners(triangles) if len(tries) else None
    while owners and len(tries):
        flips = _flips(points, triangles, tries, owners)
        beside[tries] = flips.pair[:, 1]
        helps = flips.heights.min(axis=1) > heights[tries]
        flips = _apart(flips, np.flatnonzero(helps), heights)
        triangles[flips.pair], heights[flips.pair] = flips.corners, flips.heights
        owners.turn(flips.pair.ravel(), flips.corners.reshape(-1, 3))
        again = np.zeros(len(triangles) + 1, dtype=bool)  # the last: beside none
        again[flips.pair] = True
        seen = again[:-1] | again[beside]
        seen[tries[helps]] = True
        tries = np.flatnonzero(seen & (heights < NEEDLE))
    if (_areas(points[triangles[heights < NEEDLE]]) < LEAST_AREA).any():
        raise FabBug(f"{name}: a triangle without area could not be removed")
    return triangles


class _Owners:
    """Which triangle has an edge that begins and ends at two points, while some are turned; -1 on an open border."""

    def __init__(self, triangles: Triangles) -> None:
        self._points, self._turned = int(triangles.max()) + 1, dict[int, int]()
        ways = np.concatenate([triangles[:, n] * self._points + triangles[:, n - 2] for n in range(3)])
        order = ways.argsort()
        self._ways, self._owners = ways[order], order % len(triangles)

    def __call__(self, starts: Ints, ends: Ints) -> Ints:
        ways = starts * self._points + ends
        place = np.minimum(self._ways.searchsorted(ways), len(self._ways) - 1)
        owners = np.where(self._ways[place] == ways, self._owners[place], -1)
        if self._turned:
            owners[:] = [self._turned.get(way, own) for way, own in zip(ways.tolist(), owners.tolist(), strict=True)]
        return owners

    def turn(self, owners: Ints, triangles: Triangles) -> None:
        """Take note of some triangles' new corners."""
        ways = triangles * self._points + triangles[:, [1, 2, 0]]
        self._turned.update(zip(ways.ravel().tolist(), owners.repeat(3).tolist(), strict=True))


class _Flips(NamedTuple):
    """Two triangles each, what they become and the heights of that, mm; no height where they are not to be flipped."""

    pair: Ints
    corners: Ints
    heights: Floats


def _flips(points: Points, triangles: Triangles, needles: Ints, owners: _Owners) -> _Flips:
    """Needles with their neighbours at the longest edge; those that share no plane, or make no convex piece, stay."""
    corners = triangles[needles]
    longest = _edges(points[corners]).argmax(axis=1)
    p, q, k = (corners[np.arange(len(corners)), (longest + n) % 3] for n in range(3))
    beside = owners(q, p)
    d = triangles[beside].sum(axis=1) - p - q
    made = np.stack([k, p, d, d, q, k], axis=1).reshape(-1, 2, 3)
    at_p, at_q, at_k, at_d = (points[at].astype(np.float64) for at in (p, q, k, d))
    plane = _cross(at_p - at_q, at_d - at_q)
    turned = _cross(at_p - at_k, at_d - at_k), _cross(at_q - at_d, at_k - at_d)
    flat = np.abs(_along(plane, at_k - at_p)) <= PLANE * np.sqrt(_along(plane, plane))
    able = (beside >= 0) & flat & (_along(plane, turned[0]) > 0.0) & (_along(plane, turned[1]) > 0.0)
    return _Flips(np.stack([needles, beside], axis=1), made, np.where(able[:, None], _heights(points[made]), 0.0))


def _apart(flips: _Flips, some: Ints, heights: Floats) -> _Flips:
    """Of some flips those that share no triangle with a thinner needle's."""
    needles = flips.pair[some, 0]
    rank, least = np.lexsort((needles, heights[needles])).argsort(), np.full(len(heights), len(some))
    for side in flips.pair[some].T:
        np.minimum.at(least, side, rank)
    own = some[(least[flips.pair[some]] == rank[:, None]).all(axis=1)]
    return _Flips(flips.pair[own], flips.corners[own], flips.heights[own])


def _along(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("...i,...i->...", a, b))


def _cross(a: Floats, b: Floats) -> Floats:
    """np.cross, but sooner."""
    x, y, z, u, v, w = *np.moveaxis(a, -1, 0), *np.moveaxis(b, -1, 0)
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def _edges(corners: NDArray[np.float32]) -> Floats:
    wide = corners.astype(np.float64)
    sides = wide[..., [1, 2, 0], :] - wide
    return np.asarray(np.sqrt(_along(sides, sides)))


def _areas(corners: NDArray[np.float32]) -> Floats:
    a, b, c = np.moveaxis(corners.astype(np.float64), -2, 0)
    normals = _cross(b - a, c - a)
    return np.asarray(np.sqrt(_along(normals, normals)) / 2.0)


def _heights(corners: NDArray[np.float32]) -> Floats:
    """Over the longest edge, mm."""
    return np.asarray(2.0 * _areas(corners) / _edges(corners).max(axis=-1))
