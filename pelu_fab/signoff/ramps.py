"""The ways from the sills to the lips: each mouth's walls stand on them whole, as high as water runs.

A wall is upright, so that along a level line across the flow it stands in one place at every height over the ramp.
"""

import numpy as np

from pelu_fab.signoff.found import NOWHERE, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, failed, passed, skipped
from pelu_fab.signoff.sections import Segments, cut
from pelu_fab.signoff.stl import Array, Index, Mask

FIRST, STEP = 0.6, 1.0  # mm below the sill where a ramp is looked at first, and from there on down
LIFTS = (0.23, 1.1, 2.1, 3.9)  # mm over the ramp: as deep as water runs there, and above it
BEFORE_LIP = 0.5  # mm in plan
TALLEST = 2.5  # mm above the sill, up to which all walls reach
WHOLE = 0.3  # mm that a wall may stand aside of itself
NUDGES = (0.0, 0.05, -0.05)  # mm: a drop may have run along a wall, neither in it nor out of it
FAR = 80.0  # mm: no mouth is wider


def walls_beside_mouths(wet: Wet) -> list[Check]:
    """Every mouth whose water could pass below or through the wall beside it."""
    found: dict[str, Check] = {}
    parts = dict.fromkeys(v.part for v in wet.found.vessels if v.teeth)
    looked = 0
    for part in parts:
        own = wet.surface.corners[wet.surface.faces_of_part(wet.surface.names.index(part))]
        for level, at, along, name in _stations(wet, part):
            looked += len(at)
            for k in np.flatnonzero(_aside(own, level, at, along, np.unique(name, return_inverse=True)[1]) > WHOLE):
                why = "the wall beside its mouth is open below: another mouth's water can reach it there"
                found.setdefault(name[k], failed("drc.breach", name[k], why, place_of(at[k])))
    if not looked:
        return [skipped("drc.breach", "all mouths", "no drop was seen on a ramp behind its sill")]
    return list(found.values()) or [passed("drc.breach", "all mouths", f"walls whole beside {looked} places on ramps")]


def _stations(wet: Wet, part: str) -> list[tuple[float, Array, Array, list[str]]]:
    """Places (n, 3) on a part's ramps that lie at one height, directions across the flow there, and their branches.

    With each the highest level to which walls reach. Combs with sills at other levels come apart.
    """
    table: dict[tuple[float, float], list[tuple[Array, Array, str]]] = {}
    trails = wet.found.trails
    for index, vessel in enumerate(wet.found.vessels):
        if vessel.part != part or not vessel.teeth:
            continue
        x, y = vessel.teeth[0].outward
        along = np.array([-y, x])
        for drop in np.flatnonzero((trails.source == index) & (trails.goal != NOWHERE)):
            first, after = np.searchsorted(trails.drop, (drop, drop + 1))
            name = wet.duct(index, int(trails.goal[drop]))
            for at in _on_the_way(_ramp(trails.at[first:after], trails.face[first:after]), vessel.level):
                key = (round(float(at[2]), 4), round(vessel.level, 3))
                table.setdefault(key, []).append((at, along, name))
    return [
        (level, np.array([p for p, _, _ in rows]), np.array([d for _, d, _ in rows]), [n for _, _, n in rows])
        for (_, level), rows in table.items()
    ]


def _ramp(trail: Array, face: Index) -> Array:
    """A drop's way from its sill to just before the lip over which it leaves the card."""
    flying = np.flatnonzero(face < 0)
    way = trail[: flying[0]] if len(flying) else trail
    return np.asarray(way[np.linalg.norm(way[:, :2] - way[-1, :2], axis=1) > BEFORE_LIP])


def _on_the_way(ramp: Array, level: float) -> Array:
    """Where a drop passed each height below its sill, going down."""
    if len(ramp) < 2:
        return np.zeros((0, 3))
    order = np.argsort(ramp[:, 2], kind="stable")
    z = ramp[order, 2]
    inside = np.arange(level - FIRST, z[0], -STEP)
    inside = inside[inside < z[-1]]
    return np.stack([np.interp(inside, z, ramp[order, 0]), np.interp(inside, z, ramp[order, 1]), inside], axis=1)


def _aside(own: Array, level: float, at: Array, along: Array, branch: Index) -> Array:
    """How far (mm) the walls left and right of each place move between heights over it, or less than `WHOLE`; inf where
    none parts it from the next place of another branch.
    """
    heights = [float(at[0, 2]) + lift for lift in LIFTS if at[0, 2] + lift < level + TALLEST]
    lines = [Segments(cut(own, z)[0]) for z in heights]
    moved = np.full(len(at), np.inf)
    for nudge in NUDGES:
        open_still = np.flatnonzero(moved > WHOLE)
        start, widest = at[:, :2] + nudge * along, np.zeros(len(at))
        for sign in (1.0, -1.0) if len(open_still) else ():
            walls = np.full((len(lines), len(at)), FAR)
            for wall, line in zip(walls, lines, strict=True):
                found = line.reach(start[open_still], sign * along[open_still], FAR)
                wall[open_still] = np.where(np.isfinite(found), found, FAR)
            gone = _unparted(start, sign * along, branch, walls) | (walls.min(axis=0) >= FAR)
            widest = np.fmax(widest, np.where(gone, np.inf, np.ptp(walls, axis=0)))
        moved[open_still] = np.minimum(moved, widest)[open_still]
    return moved


def _unparted(at: Array, along: Array, branch: Index, walls: Array) -> Mask:
    """Whether, of each place, the next one along is of another branch and nearer than the wall at some height."""
    place = np.einsum("ij,ij->i", at, along)
    across = np.round(at @ [along[0, 1], -along[0, 0]], 1)  # places of one ramp lie in one line
    order = np.lexsort((place, across))
    one, next_one = order[:-1], order[1:]
    apart = (branch[one] != branch[next_one]) & (across[one] == across[next_one])
    found = np.zeros(len(at), bool)
    found[one[apart]] = walls[:, one[apart]].max(axis=0) > (place[next_one] - place[one])[apart]
    return found
