"""Water in free flight: parcels in, where each comes down out. mm, s."""

import numpy as np

from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.surface import Surface
from pelu_fab.signoff.water import GRAVITY

STEP, LONGEST = 4e-4, 0.5  # s: after a fall of 400 mm no wall of 1.2 mm is stepped over


def landings(surface: Surface, at: Array, velocity: Array) -> tuple[Array, Index]:
    """Where each parcel (n, 3) of `velocity` (mm/s) first meets a part, and the triangle under it, -1 where none."""
    start, landed = at, at.copy()
    face = np.full(len(at), -1, np.int64)
    flying, before = np.arange(len(at)), at.copy()
    for step in range(1, round(LONGEST / STEP) + 1):
        if not len(flying):
            break
        t = step * STEP
        now = start[flying] + velocity[flying] * t
        now[:, 2] -= GRAVITY * t * t / 2
        hit = inside(surface, now)
        if hit.any():
            who = flying[hit]
            last = before[who] + np.array([0.0, 0.0, 0.05])
            face[who], z = surface.columns.below(last)
            landed[who] = last
            landed[who, 2] = np.where(face[who] >= 0, z, last[:, 2])
        before[flying] = now
        flying = flying[~hit]
    return landed, face


def inside(surface: Surface, points: Array, but: int = -1) -> Mask:
    """Whether each place (n, 3) lies in a part, or in any `but` one."""
    query, face, z, facing = surface.columns.crossings(points)
    above = (z > points[query, 2]) & (surface.part_of_face[face] != but)
    return np.asarray(np.bincount(query[above], facing[above], len(points)) > 0.5)
