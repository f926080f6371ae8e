"""How high water stands in the pool that a siphon falls into, while it flushes: over the comb, and before each wall."""

from collections.abc import Iterator
from math import inf, sqrt

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.siphon import FoundSiphon, passes
from pelu_fab.signoff.stl import Array
from pelu_fab.signoff.surface import Surface
from pelu_fab.signoff.water import GRAVITY, ToothLaw, steady_head

ALONG, ACROSS = 0.25, 0.1  # mm between the planes across the pool that are looked at, and between places in one
WALL = 0.7  # of the water in a plane that is not walled off: less, and it loses head there
DEEP = 8.0  # mm below the sill to which a pool's floor is looked for: more is below the card
SHALLOW = 0.5  # mm of water over a floor that rises upstream: less, and it stands higher there
TALLEST = 60.0  # mm above the sill up to which water is followed


def standing(surface: Surface, pool: Vessel, siphon: FoundSiphon, process: Process, plain: bool = False) -> float:
    """Highest level (mm, elevation) in a pool as the full bore runs into it; inf where a wall lets nothing through.

    From the comb's head upstream; through what is open of each wall goes C_d A √(2 g dz) (Torricelli), A below the
    water before it.
    """
    flow = passes(siphon, process)
    teeth = np.array([tooth.width for tooth in pool.teeth])
    level = pool.level + steady_head(ToothLaw(process, plain), teeth, flow)
    before = level
    for air, width in _planes(surface, pool, siphon):
        floor_z = float(air[:, 0].min(initial=inf))
        if _open(air, level) < WALL * width * max(level - floor_z, SHALLOW):
            before = max(before, _before(air, level, flow, process))
        else:
            level = before
    return max(level, before)


def _planes(surface: Surface, pool: Vessel, siphon: FoundSiphon) -> Iterator[tuple[Array, float]]:
    """Air (n, 2) from floor to ceiling at places across the pool, and their width; from the comb to the siphon."""
    out = np.array(pool.teeth[0].outward)
    along = np.array([-out[1], out[0]])
    ends = np.array([[x, y] for x in np.array(pool.bounds)[:, 0] for y in np.array(pool.bounds)[:, 1]])
    stops = np.arange((ends @ out).max() - ALONG, float(np.array(siphon.axis) @ out) + siphon.bore / 2.0, -ALONG)
    across = np.arange((ends @ along).min() + ACROSS / 2.0, (ends @ along).max(), ACROSS)
    plan = (stops[:, None, None] * out + across[:, None] * along).reshape(-1, 2)
    query, face, z, facing = surface.columns.crossings(np.column_stack([plan, np.full(len(plan), pool.level)]))
    own = (surface.part_of_face[face] == surface.names.index(pool.part)) & (z > pool.level - DEEP)
    query, z, facing = query[own], z[own], facing[own]
    order = np.lexsort((z, query))
    query, z, facing = query[order], z[order], facing[order]
    ceiling = np.append(np.where(query[1:] == query[:-1], z[1:], inf), inf)
    floors = (facing > 0.0) & (ceiling > z) & (np.abs(z - pool.level) < TALLEST)
    plane = query // len(across)
    for number in range(len(stops)):
        here = floors & (plane == number)
        yield np.column_stack([z[here], ceiling[here]]), ACROSS * len(across)


def _open(air: Array, level: float) -> float:
    """mm2 of a plane's air below a level."""
    return ACROSS * float(np.maximum(np.minimum(air[:, 1], level) - air[:, 0], 0.0).sum())


def _before(air: Array, behind: float, flow: float, process: Process) -> float:
    """Level before a wall with this air in it, behind which water stands at `behind`."""

    def through(level: float) -> float:
        return process.comb.discharge * _open(air, level) * sqrt(2.0 * GRAVITY * (level - behind))

    low, high = behind, behind + TALLEST
    if through(high) < flow:
        return inf
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        low, high = (middle, high) if through(middle) < flow else (low, middle)
    return high
