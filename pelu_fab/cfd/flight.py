"""Water in free flight: from where it leaves a case to where it comes down, and which vessel that drains to."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import dist

import numpy as np

from pelu_fab.cfd.solid import OFF
from pelu_fab.signoff.drops import BASIN, STUCK, trace
from pelu_fab.signoff.flight import landings as fly
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.stl import Array, Index
from pelu_fab.signoff.surface import Surface

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
    return fly(surface, parcels.at + OFF, parcels.velocity * 1e3)


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
