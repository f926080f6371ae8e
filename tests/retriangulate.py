"""The same surface cut into other triangles, conforming: what another mesher or program may make of a part."""

from collections.abc import Sequence

import numpy as np


def cut(corners: np.ndarray, axis: int, at: float) -> np.ndarray:
    """Cut every triangle (m, 3, 3) that a plane crosses along it; both sides of an edge get the same vertex."""
    side = np.sign(np.where(np.abs(corners[:, :, axis] - at) < 1e-6, 0.0, corners[:, :, axis] - at))
    crossed = (side > 0).any(axis=1) & (side < 0).any(axis=1)
    whole, split, side = corners[~crossed], corners[crossed], side[crossed]

    def meeting(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        upward = (one[:, axis] < other[:, axis])[:, None]
        low, high = np.where(upward, one, other), np.where(upward, other, one)
        point = low + (high - low) * ((at - low[:, axis]) / (high[:, axis] - low[:, axis]))[:, None]
        point[:, axis] = at
        return point

    through = (side == 0).any(axis=1)  # the plane passes through a corner
    lone = np.where((side > 0).sum(axis=1) == 1, np.argmax(side > 0, axis=1), np.argmin(side, axis=1))
    first = np.where(through, np.argmax(side == 0, axis=1), lone)
    turned = split[np.arange(len(split))[:, None], (first[:, None] + np.arange(3)) % 3]
    a, b, c = turned[through].transpose(1, 0, 2)
    middle = meeting(b, c)
    pieces = [whole, np.stack([a, b, middle], axis=1), np.stack([a, middle, c], axis=1)]
    a, b, c = turned[~through].transpose(1, 0, 2)
    left, right = meeting(a, b), meeting(a, c)
    pieces += [np.stack(ring, axis=1) for ring in ((a, left, right), (left, b, c), (left, c, right))]
    made = np.concatenate(pieces).astype(np.float32).astype(np.float64)
    same = [(made[:, i] == made[:, j]).all(axis=1) for i, j in ((0, 1), (1, 2), (2, 0))]
    return made[~np.any(same, axis=0)]


def cut_at(corners: np.ndarray, places: Sequence[Sequence[float]]) -> np.ndarray:
    """Cut at several places along x, y and z."""
    for axis, along in enumerate(places):
        for at in along:
            corners = cut(corners, axis, float(at))
    return corners


def at_random(corners: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Cut at `count` places along each axis."""
    low, high = corners.reshape(-1, 3).min(axis=0), corners.reshape(-1, 3).max(axis=0)
    return cut_at(corners, rng.uniform(low, high, (count, 3)).T)


def in_storeys(corners: np.ndarray) -> np.ndarray:
    """Cut at every height at which the part changes much: walls become rows of quads."""
    heights, counts = np.unique(corners[:, :, 2], return_counts=True)  # exactly: a cut beside a corner makes slivers
    return cut_at(corners, ((), (), np.sort(heights[np.argsort(-counts)[:12]]) + 0.0))
