"""Water in free flight: parcels in, where each comes down out. mm, s."""

import numpy as np

from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.surface import Surface
from pelu_fab.signoff.water import GRAVITY

STEP, LONGEST = 4e-4, 0.5  # s: after a fall of 400 mm no wall of 1.2 mm is stepped over
TOGETHER = 24  # steps looked at at once


def landings(surface: Surface, at: Array, velocity: Array) -> tuple[Array, Index]:
    """Where each parcel (n, 3) of `velocity` (mm/s) first meets a part, and the triangle under it, -1 where none."""
    start, landed = at, at.copy()
    face = np.full(len(at), -1, np.int64)
    flying, before, steps = np.arange(len(at)), at.copy(), round(LONGEST / STEP)
    for first in range(1, steps + 1, TOGETHER):
        if not len(flying):
            break
        t = np.arange(first, min(first + TOGETHER, steps + 1))[:, None, None] * STEP
        now = start[flying] + velocity[flying] * t  # (steps, flying, 3)
        now[:, :, 2:] -= GRAVITY * t * t / 2
        hit = inside(surface, now.reshape(-1, 3)).reshape(len(t), -1)
        met = hit.any(axis=0)
        if met.any():
            who, step = flying[met], np.argmax(hit[:, met], axis=0)
            last = np.where((step > 0)[:, None], now[step - 1, np.flatnonzero(met)], before[who])
            last += np.array([0.0, 0.0, 0.05])
            face[who], z = surface.columns.below(last)
            landed[who] = last
            landed[who, 2] = np.where(face[who] >= 0, z, last[:, 2])
        before[flying] = now[-1]
        flying = flying[~met]
    return landed, face


def inside(surface: Surface, points: Array, but: Index | None = None) -> Mask:
    """Whether each place (n, 3) lies in a part, or in any `but` one (n,)."""
    query, face, z, facing = surface.columns.crossings(points, (0.0, np.inf))
    above = z > points[query, 2]
    if but is not None:
        above &= surface.part_of_face[face] != but[query]
    return np.asarray(np.bincount(query[above], facing[above], len(points)) > 0.5)
