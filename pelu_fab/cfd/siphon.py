"""A siphon's case: the air of its pool, legs and crown, cut out of the STL. A vessel as sign-off found it goes in."""

import numpy as np

from pelu_fab.cfd.case import INLET, Case, Inflow
from pelu_fab.cfd.frame import frame_of
from pelu_fab.cfd.grid import Grid, growing, lines, spread_from, walls
from pelu_fab.cfd.mesh import WALLS, numbered
from pelu_fab.cfd.pour import Pour
from pelu_fab.cfd.solid import inside
from pelu_fab.errors import FabError
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.stl import Array

OVER = 9.0  # mm of air above the crown in the pool: less than its rim
POOL_CELL, ALONG = 2.2, 1.2  # mm: the coarsest in the pool, and along a leg
CALM_BACK = 0.5  # of the pool's depth, from the back, whose floor water comes in through
INFLOW = 1  # label of the inlet


def siphon_case(name: str, vessel: Vessel, goal: str, matrix: Array, corners: Array, pour: Pour, cells: int) -> Case:
    """One pour into a bucket with a siphon, as calm as water can come: through the floor behind.

    `corners` (m, 3, 3) are the assembly's triangles; so many `cells` lie across the bore. Axes: x across, y out,
    z up from the crown, all about the falling leg. The cells of a round bore are its stairs.
    """
    siphon = vessel.siphon
    if siphon is None:
        raise FabError(name, "has no siphon", "give a bucket with one")
    if pour.kind != "even":
        raise FabError(f"--pour {pour.kind}", f"{name} has a siphon, which is run by a calm pour", "use --pour even")
    frame = frame_of(matrix, np.array([0.0, 1.0, 0.0]), np.array([*siphon.axis, siphon.crown_z]))
    local = frame.local(corners)
    box = frame.local(np.array([[*corner, vessel.floor_z] for corner in vessel.bounds]))
    size = siphon.bore / cells
    low = np.array([*box.min(axis=0)[:2], siphon.outlet_z - siphon.crown_z])
    high = np.array([*box.max(axis=0)[:2], OVER])
    high[1] = max(high[1], siphon.bore / 2.0 + 0.1)
    floor, intake = vessel.floor_z - siphon.crown_z, siphon.intake_z - siphon.crown_z
    across = growing(size, -2.2 * siphon.bore, 0.7 * siphon.bore, POOL_CELL)
    out = growing(size, -0.7 * siphon.bore, siphon.bore, POOL_CELL)
    crown, foot = growing(size, -1.5, 1.2 * siphon.bore, ALONG), growing(size, floor, intake, ALONG)
    marks = [walls(local, low, high, axis) for axis in range(3)]
    sizes = (across, out, lambda v: min(crown(v), foot(v)))
    fixed: tuple[list[float], ...] = ([0.0], [], [0.0])
    grid = Grid(*(lines(low[i], high[i], fixed[i], marks[i], sizes[i]) for i in range(3)))
    material = inside(local, grid.rimmed)
    solid = material[1:-1, 1:-1, 1:-1]
    x, y, z = grid.centres
    seed = np.argmin(np.abs(x - box.mean(axis=0)[0]) + np.abs(y - (low[1] + 4.0)) + np.abs(z - 1.0))
    fluid = spread_from((np.arange(x.size) == seed).reshape(x.shape), ~solid)
    if not fluid[:, :, 0].any():
        raise FabError(name, "no way from its pool to its outlet was found in cells", "give more --cells")
    names = ["walls", INLET, "top", "side", "o0"]
    labels = np.full(material.shape, names.index("side"))
    labels[:, :, -1], labels[:, :, 0] = names.index("top"), names.index("o0")
    labels[material] = WALLS
    back = low[1] + CALM_BACK * (-siphon.bore - low[1])
    columns = np.argwhere(fluid.any(axis=2) & (grid.middles[1] < back)[None, :])
    lowest = fluid[columns[:, 0], columns[:, 1]].argmax(axis=1)
    labels[columns[:, 0] + 1, columns[:, 1] + 1, lowest] = INFLOW  # one below, in the rim's numbering
    falling = (np.hypot(x, y) < siphon.bore) & (z < -1.0) & (x > -siphon.bore / 2.0 - 0.3)
    level = -pour.below * 1e3 / vessel.area
    return Case(
        at=name,
        kind="siphon",
        pour=pour.kind,
        frame=frame,
        grid=grid,
        number=numbered(fluid),
        labels=labels,
        names=tuple(names),
        zones={"pool": fluid & ~falling, "leg": fluid & falling},
        water=fluid & ~falling & (z < level),
        inflow=Inflow(pour.flow, np.array([0.0, 0.0, 1.0]), pour.seconds),
        outlets={"o0": goal},
        cells_a_tooth=cells,
        end=pour.end,
    )
