"""Water in free flight: from where it leaves a case to where it comes down, and which vessel that drains to."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import dist

import numpy as np

from pelu_fab.cfd.frame import GRAVITY
from pelu_fab.cfd.solid import OFF
from pelu_fab.signoff.drops import BASIN, STUCK, trace
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.surface import Surface

STEP, LONGEST = 4e-4, 0.5  # s: after a fall of 400 mm no wall of 1.2 mm is stepped over
TABLE = "the table"
BESIDE = 40.0  # mm from where a bed ends: still that bed


@dataclass(frozen=True, slots=True, eq=False)
class Parcels:
    """Water that leaves: places (n, 3) mm and velocities (n, 3) m/s in the assembly, and how much, any unit."""

    at: Array
    velocity: Array
    weight: Array


def landings(surface: Surface, parcels: Parcels) -> tuple[Array, Index]:
    """Where each parcel first meets a part (n, 3), and the triangle under it, -1 where it meets none."""
    start = parcels.at + OFF
    at = start.copy()
    face = np.full(len(at), -1, np.int64)
    flying = np.arange(len(at))
    before = start.copy()
    for step in range(1, round(LONGEST / STEP) + 1):
        if not len(flying):
            break
        t = step * STEP
        now = start[flying] + parcels.velocity[flying] * t * 1e3
        now[:, 2] -= GRAVITY * t * t / 2 * 1e3
        hit = _inside(surface, now)
        if hit.any():
            who = flying[hit]
            last = before[who] + np.array([0.0, 0.0, 0.05])
            face[who], z = surface.columns.below(last)
            at[who] = last
            at[who, 2] = np.where(face[who] >= 0, z, last[:, 2])
        before[flying] = now
        flying = flying[~hit]
    return at, face


def _inside(surface: Surface, points: Array) -> Mask:
    query, _, z, facing = surface.columns.crossings(points)
    above = z > points[query, 2]
    return np.asarray(np.bincount(query[above], facing[above], len(points)) > 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A whole device that water may come down on."""

    surface: Surface
    vessels: Mapping[str, Vessel]

    def shares(self, parcels: Parcels) -> dict[str, float]:
        """Which share of the parcels comes down where it drains to which vessel, or to no vessel at all."""
        at, face = landings(self.surface, parcels)
        landed = np.flatnonzero(face >= 0)
        drops = trace(self.surface, at[landed], face[landed])
        total = max(float(parcels.weight.sum()), 1e-12)
        found = {TABLE: float(parcels.weight[face < 0].sum()) / total}
        for k, i in enumerate(landed.tolist()):
            name = self._name(int(drops.state[k]), int(drops.basin[k]), drops.at[k])
            found[name] = found.get(name, 0.0) + float(parcels.weight[i]) / total
        return {name: share for name, share in sorted(found.items(), key=lambda item: -item[1]) if share > 1e-4}

    def _name(self, state: int, basin: int, at: Array) -> str:
        if state == BASIN:
            return next((name for name, vessel in self.vessels.items() if vessel.basin == basin), "a hollow")
        if state != STUCK:
            return TABLE
        near = min(self.vessels, key=lambda name: dist(self.vessels[name].exit_at, at.tolist()))
        return near if dist(self.vessels[near].exit_at, at.tolist()) < BESIDE else "a flat"
