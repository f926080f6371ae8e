"""The ways from the sills to the lips: each mouth's walls stand on them whole, as high as water runs.

A wall is upright, so that along a level line across the flow it stands in one place at every height over the ramp.
"""

from dataclasses import dataclass

import numpy as np

from pelu_fab.signoff.boxes import counted, runs
from pelu_fab.signoff.found import NOWHERE, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, failed, passed, skipped
from pelu_fab.signoff.sections import Segments, cuts
from pelu_fab.signoff.stl import Array, Index, Mask, boxes_of, ends_of, touching

FIRST, STEP = 0.6, 1.0  # mm below the sill where a ramp is looked at first, and from there on down
LIFTS = (0.23, 1.1, 2.1, 3.9)  # mm over the ramp: as deep as water runs there, and above it
BEFORE_LIP = 0.5  # mm in plan
TALLEST = 2.5  # mm above the sill, up to which all walls reach
APART = 1e4  # mm that ways are kept apart, so that one search is enough for all
WHOLE = 0.3  # mm that a wall may stand aside of itself
NUDGES = (0.0, 0.05, -0.05)  # mm: a drop may have run along a wall, neither in it nor out of it


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Places on a part's ramps. `along` goes across the flow; `row` is one for those at one height of like combs."""

    at: Array  # (n, 3)
    along: Array  # (n, 2)
    level: Array  # of the sill, up to which and a little more walls reach
    row: Index
    branch: Index  # a number of it, in `names`
    names: tuple[str, ...]

    def name(self, place: int) -> str:
        """Of its branch."""
        return self.names[int(self.branch[place])]


def walls_beside_mouths(wet: Wet) -> list[Check]:
    """Every mouth whose water could pass below or through the wall beside it."""
    found: dict[str, Check] = {}
    looked = 0
    for part in dict.fromkeys(v.part for v in wet.found.vessels if v.teeth):
        own = wet.surface.corners[wet.surface.faces_of_part(wet.surface.names.index(part))]
        places = _places(wet, part)
        looked += len(places.at)
        for k in np.flatnonzero(_aside(own, places) > WHOLE).tolist() if len(places.at) else ():
            why = "the wall beside its mouth is open below: another mouth's water can reach it there"
            name = places.name(k)
            found.setdefault(name, failed("drc.breach", name, why, place_of(places.at[k])))
    if not looked:
        return [skipped("drc.breach", "all mouths", "no drop was seen on a ramp behind its sill")]
    return list(found.values()) or [passed("drc.breach", "all mouths", f"walls whole beside {looked} places on ramps")]


def _places(wet: Wet, part: str) -> _Places:
    """Where drops pass each height of a part's ramps. Combs with sills at other levels come apart."""
    trails, vessels = wet.found.trails, wet.found.vessels
    own = [v for v, one in enumerate(vessels) if one.part == part and one.teeth and v not in wet.found.pools]
    drops = np.flatnonzero(np.isin(trails.source, own) & (trails.goal != NOWHERE))
    drops = drops[np.argsort(trails.source[drops], kind="stable")]
    source, goal = trails.source[drops].tolist(), trails.goal[drops].tolist()
    names: dict[str, int] = {}
    branch = np.array([names.setdefault(wet.duct(v, g), len(names)) for v, g in zip(source, goal, strict=True)], int)
    x, y = np.array([vessels[v].teeth[0].outward for v in source]).reshape(-1, 2).T
    along, level = np.stack([-y, x], axis=1), np.array([vessels[v].level for v in source])
    drop, places = _on_the_way(*_ramps(wet, drops), level)
    row = _numbered(np.column_stack([np.round(places[:, 2], 4), np.round(level[drop], 3)]))
    order = np.argsort(row, kind="stable")
    drop = drop[order]
    return _Places(places[order], along[drop], level[drop], row[order], branch[drop], tuple(names))


def _numbered(rows: Array) -> Index:
    """A number for each distinct row, the first ones first."""
    _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[which.reshape(-1)])


def _ramps(wet: Wet, drops: Index) -> tuple[Index, Array]:
    """Ways from the sill to just before the lip over which each drop leaves the card: whose (its number among `drops`)
    and place, one way after the other.
    """
    trails = wet.found.trails
    start, stop = (np.searchsorted(trails.drop, drops, side=side) for side in ("left", "right"))
    drop, number = runs(start, stop - start)
    flies = np.flatnonzero(trails.face[number] < 0)
    np.minimum.at(stop, drop[flies], number[flies])
    before = number < stop[drop]
    drop, at = drop[before], trails.at[number[before]]
    far = np.linalg.norm(at[:, :2] - trails.at[stop[drop] - 1, :2], axis=1) > BEFORE_LIP
    return drop[far], at[far]


def _on_the_way(drop: Index, ramps: Array, level: Array) -> tuple[Index, Array]:
    """Where drops on `ramps` passed each height below their sills, going down: whose, and places (n, 3)."""
    if not len(drop):
        return drop, ramps
    order = np.lexsort((ramps[:, 2], drop))
    drop, ramps = drop[order], ramps[order]
    start, stop = (np.searchsorted(drop, np.arange(len(level)), side=side) for side in ("left", "right"))
    known = np.flatnonzero(stop > start)
    lowest, highest = np.full(len(level), np.inf), np.full(len(level), -np.inf)
    lowest[known], highest[known] = ramps[start[known], 2], ramps[stop[known] - 1, 2]
    many = np.ceil(np.maximum((level - FIRST - lowest) / STEP, 0.0)).astype(np.int64)
    who, step = counted(many)
    z = level[who] - FIRST - STEP * step
    who, z = who[z < highest[who]], z[z < highest[who]]
    # All ways in one line, far from each other.
    line, places = ramps[:, 2] + APART * drop, z + APART * who
    return who, np.stack([*(np.interp(places, line, ramps[:, k]) for k in (0, 1)), z], axis=1)


def _aside(own: Array, places: _Places) -> Array:
    """How far (mm) the walls left and right of each place move between heights over it, or less than `WHOLE`; inf where
    none parts it from the next place of another branch.
    """
    heights = places.at[:, 2] + np.array(LIFTS)[:, None]
    bottom, top = ends_of(own.reshape(-1, 3))
    far = float(np.linalg.norm(top - bottom))  # no mouth is wider than its card
    lift, who = np.nonzero(heights < places.level + TALLEST)
    levels, sheet = np.unique(heights[lift, who], return_inverse=True)
    lines = _lines(own, levels, places, who, sheet, far)
    moved = np.full(len(places.at), np.inf)
    for nudge in NUDGES:
        still = moved > WHOLE
        start, widest = places.at[:, :2] + nudge * places.along, np.zeros(len(moved))
        asked = still[who]
        for sign in (1.0, -1.0) if still.any() else ():
            walls = np.full(heights.shape, np.nan)
            mine = who[asked]
            found = lines.reach(start[mine], sign * places.along[mine], far, sheet[asked])
            walls[lift[asked], mine] = np.where(np.isfinite(found), found, far)
            nearest, farthest = np.fmin.reduce(walls), np.fmax.reduce(walls)
            gone = _unparted(start, sign * places.along, places, farthest) | (nearest >= far)
            widest = np.fmax(widest, np.where(gone, np.inf, farthest - nearest))
        moved[still] = np.minimum(moved, widest)[still]
    return moved


def _lines(own: Array, levels: Array, places: _Places, who: Index, sheet: Index, far: float) -> Segments:
    """Cuts at all levels, each as a sheet, as far as anything can be met across the flow from places `who` there."""
    reach = far * np.abs(places.along[who]) + max(NUDGES)
    low, high = places.at[who, :2] - reach, places.at[who, :2] + reach
    near = touching(*boxes_of(own[:, :, :2]), low.min(axis=0), high.max(axis=0))
    segments, _, sheets = cuts(own.compress(near, axis=0), levels)
    bottom, top = np.full((len(levels), 2), np.inf), np.full((len(levels), 2), -np.inf)
    np.minimum.at(bottom, sheet, low)
    np.maximum.at(top, sheet, high)
    a, b = segments[:, 0], segments[:, 1]
    kept = ((np.maximum(a, b) >= bottom[sheets]) & (np.minimum(a, b) <= top[sheets])).all(axis=1)
    return Segments(segments[kept], sheets[kept], len(levels))


def _unparted(at: Array, along: Array, places: _Places, farthest: Array) -> Mask:
    """Whether, of each place, the next one along is of another branch and nearer than the wall at some height."""
    place = np.einsum("ij,ij->i", at, along)
    across = np.round(at[:, 0] * along[:, 1] - at[:, 1] * along[:, 0], 1)  # places of one ramp lie in one line
    order = np.lexsort((place, across, places.row))
    one, next_one = order[:-1], order[1:]
    apart = (places.branch[one] != places.branch[next_one]) & (across[one] == across[next_one])
    apart &= places.row[one] == places.row[next_one]
    found = np.zeros(len(at), bool)
    found[one[apart]] = farthest[one[apart]] > (place[next_one] - place[one])[apart]
    return found
