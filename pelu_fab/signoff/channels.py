"""Trays and pools in cross-section: walls between two waters whole, nothing leaks, and every pool is walled in up high.

Each tray is looked at in its own frame, flat as it is printed: its floor's plate just below and its walls above.
"""

from itertools import pairwise

import numpy as np
from shapely import (
    MultiPoint,
    MultiPolygon,
    Point,
    STRtree,
    box,
    dwithin,
    points,
    prepare,
    unary_union,
)
from shapely.geometry.base import BaseGeometry

from pelu_fab.signoff.comb import CLOSED_AT
from pelu_fab.signoff.found import NOWHERE, Place, Vessel, place_of
from pelu_fab.signoff.gravity import Wet, full_siphons, inflows, reached_floor
from pelu_fab.signoff.planar import SNAP, areas_between, solid_at, upright
from pelu_fab.signoff.pools import standing
from pelu_fab.signoff.report import Check, failed, least, passed
from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.siphon import primes_at
from pelu_fab.signoff.stl import Array, Index, cross, ends_of, turned
from pelu_fab.signoff.water import weir_head

BELOW = 0.11  # mm under a floor, where its plate is cut
ABOVE = 3.9  # mm over a floor, up to which its walls are cut: as deep as water stands at the design flow
MOST_CUTS = 60  # of the walls over one floor
SLIT = 0.05  # mm: an opening narrower than this lets nothing through
ON_FLOOR = 0.02  # mm
HAIR = 1e-3  # mm
SAME = 1e-6  # mm: one place
UPRIGHT = 1e-4  # upward part of the normal of an upright face
INTO_BLADE = 0.3  # mm: a tooth that is wider on one side has its middle aside
BESIDE = 1.0, 6.0  # mm beside a bucket, where the walls of its rooms are; and where all that is near it is
NEAR = 1.5  # mm: a drop leaves within this of the edge that it is meant to leave over


def breaches(wet: Wet) -> list[Check]:
    """Channels of two goals that are one, and channels open where no drop is meant to leave."""
    checks: list[Check] = []
    combs = {v.part for v in wet.found.vessels}
    for part, name in enumerate(wet.surface.names):
        if name not in combs and len(reached_floor(wet, part)):
            checks += _tray(wet, part)
    return checks or [passed("drc.breach", "all channels", "no tray carries water")]


def _tray(wet: Wet, part: int) -> list[Check]:
    """One tray, each of its floors at its own height."""
    floor = reached_floor(wet, part)
    normals = wet.surface.mesh.normals[floor]
    turn = upright(np.median(normals, axis=0))
    own = turned(wet.surface.corners[wet.surface.faces_of_part(part)], turn)
    heights = turned(wet.surface.corners[floor], turn)[:, :, 2]
    flat = np.ptp(heights, axis=1) < 0.01
    checks: list[Check] = []
    for height in _distinct(heights[flat].mean(axis=1)):
        plate = solid_at(own, height - BELOW)
        for z in _between_corners(own[:, :, 2], height):
            checks += _channels(wet, part, plate, solid_at(own, z), turn, height)
    unique = {(c.id, c.where): c for c in reversed(checks)}
    return list(unique.values()) or [passed("drc.breach", wet.surface.names[part], "walls whole up to 3.9 mm")]


def _between_corners(z: Array, floor: float) -> list[float]:
    """A height between every two at which a corner lies above a floor: a hole in a wall shows at one of them."""
    corners = np.unique(np.round(z, 3))
    levels = np.r_[floor, corners[(corners > floor + ON_FLOOR) & (corners < floor + ABOVE)], floor + ABOVE]
    thick = np.diff(levels)
    chosen = np.sort(np.argsort(-thick, kind="stable")[:MOST_CUTS])
    return [float(levels[k] + thick[k] / 2) for k in chosen if thick[k] > SLIT]


def _distinct(values: Array) -> list[float]:
    """Values further apart than 0.05 mm, one for each cluster."""
    ordered = np.sort(values)
    return [float(v) for i, v in enumerate(ordered) if i == 0 or v - ordered[i - 1] > 0.05]


def _channels(wet: Wet, part: int, plate: BaseGeometry, walls: BaseGeometry, turn: Array, height: float) -> list[Check]:
    places, goals, leaving = _waters(wet, part, turn, height)
    air = plate.difference(walls.buffer(SLIT / 2, join_style="mitre"))
    rooms = [g for g in getattr(air, "geoms", [air]) if g.area > 1.0]
    if not len(places) or not rooms:
        return []
    checks: list[Check] = []
    tree = STRtree(rooms)
    place, of_room = tree.query(points(places), predicate="dwithin", distance=SLIT)
    edges = plate.boundary.difference(walls.buffer(SLIT, join_style="mitre"))
    edges = np.array([g for g in getattr(edges, "geoms", [edges]) if not g.is_empty])
    # A slanting edge is not the same to the last bit in both: what lies along it within a hair is on it.
    edge, beside = tree.query(edges, "dwithin", HAIR) if len(edges) else (np.zeros(0, int), np.zeros(0, int))
    for number, room in enumerate(rooms):
        inside = np.sort(place[of_room == number])
        if not len(inside):
            continue
        waters = sorted({int(g) for g in goals[inside] if g != NOWHERE})
        if len(waters) > 1:
            names = " and ".join(wet.names.get(g, "?") for g in waters)
            at = _back(turn, room.representative_point(), height)
            where = "+".join(wet.names.get(g, "?") for g in waters)
            checks.append(
                failed("lvs.short", where, f"the waters for {names} share a channel of {wet.surface.names[part]}", at)
            )
        exits = MultiPoint(places[inside[leaving[inside]]]) if leaving[inside].any() else None
        openings = room.boundary.intersection(unary_union(edges[edge[beside == number]]).buffer(HAIR))
        checks += _leaks(wet, part, openings, exits, waters, turn, height)
    return checks


def _leaks(
    wet: Wet,
    part: int,
    openings: BaseGeometry,
    exits: BaseGeometry | None,
    waters: list[int],
    turn: Array,
    height: float,
) -> list[Check]:
    """Open edges of a channel over which no drop leaves."""
    merged = unary_union(openings.buffer(0.02, cap_style="flat")) if not openings.is_empty else openings
    checks = []
    for opening in getattr(merged, "geoms", [merged] if not merged.is_empty else []):
        wide = max(opening.bounds[2] - opening.bounds[0], opening.bounds[3] - opening.bounds[1])
        if wide <= SLIT + 0.1 or (exits is not None and opening.distance(exits) < NEAR):
            continue
        names = "+".join(wet.names.get(g, "?") for g in waters) or "?"
        why = f"{wide:.2f} mm of its edge on {wet.surface.names[part]} is open, and no drop is meant to leave there"
        checks.append(failed("drc.breach", f"->{names}", why, _back(turn, opening.centroid, height), wide))
    return checks


def _waters(wet: Wet, part: int, turn: Array, height: float) -> tuple[Array, Index, Array]:
    """Places of drops on this floor in the tray's frame, the vessel each will reach, and whether it leaves there."""
    trails, here = wet.found.trails, wet.trail_on(part)
    at = trails.at[here] @ turn.T
    here, at = here[np.abs(at[:, 2] - height) < ON_FLOOR], at[np.abs(at[:, 2] - height) < ON_FLOOR]
    after = np.minimum(here + 1, len(trails.face) - 1)
    # Off the lip, or down the wall of the hole that it ran along.
    sinks = (trails.face[after] == -1) | (trails.at[after] @ turn[2] < height - ON_FLOOR)
    same = (after > here) & (trails.drop[after] == trails.drop[here])
    return at[:, :2], trails.goal[trails.drop[here]], sinks & same


def _back(turn: Array, point: Point, height: float) -> Place:
    return place_of(turn.T @ np.array([point.x, point.y, height]))


def freeboards(wet: Wet, design_flow: float) -> list[Check]:
    """How high above the design head each bucket is walled in, its own teeth apart; holes and low rims both show."""
    flows = inflows(wet.found, full_siphons(wet.found, wet.process), design_flow)
    pools = {pool: wet.found.vessels[v].siphon for v, pool in wet.found.pools.items()}
    need = wet.process.channels.meniscus_freeboard + wet.process.channels.slosh_freeboard
    checks = []
    for index, name in sorted(wet.names.items(), key=lambda item: item[1]):
        vessel = wet.found.vessels[index]
        if vessel.teeth:
            width = sum(t.width for t in vessel.teeth)
            head = weir_head(flows.get(index, 0.0), max(width, 0.1), wet.process.comb.discharge)
            before = pools.get(index)
            if before is not None:
                head = standing(wet.surface, vessel, before, wet.process) - vessel.level
            elif vessel.siphon is not None:  # it passes its inflow with the water at the crown, or lvs.siphon says so
                head = primes_at(vessel.siphon, wet.process) if flows.get(index) else 0.0
            checks.append(_walled(wet, index, name, vessel, head, need))
    return checks


def _walled(wet: Wet, index: int, name: str, vessel: Vessel, head: float, need: float) -> Check:
    """Cut the bucket at every height at which it can change, teeth closed, until water in one of its rooms gets out.

    Nearly always its own walls hold it: what lies round these is looked at only where they don't.
    """
    level = vessel.level
    for beside in BESIDE:
        low, other = _open_at(wet, index, vessel, level + head + need, beside)
        if np.isinf(low):
            why = f"head {head:.2f} mm at the design pour; walled in at least so far"
            return least("drc.freeboard", name, need, need, "mm", why, vessel.at)
    if other:
        return failed(
            "lvs.short", f"{name}+{other}", f"their wall is open {low - level:.2f} mm above the sill", vessel.at
        )
    why = f"head {head:.2f} mm at the design pour; water leaves elsewhere {low - level:.2f} mm above the sill"
    return least("drc.freeboard", name, float(low - level - head), need, "mm", why, vessel.exit_at)


def _open_at(wet: Wet, index: int, vessel: Vessel, top: float, beside: float) -> tuple[float, str]:
    """Height from which water in a vessel's rooms gets out of the walls that stand no farther `beside` it, inf where
    none does up to the `top`; and the bucket that it joins there.
    """
    window = _window(vessel, beside)
    corners, level = _around(wet, vessel, window), vessel.level
    heights = np.unique(np.round(corners[:, :, 2].reshape(-1), 3))
    heights = np.r_[level, heights[(heights > level + 1e-3) & (heights < top)], top]
    known = -np.inf  # up to here they stand
    for low, high in pairwise(heights.tolist()):
        z = (low + high) / 2
        if high - low < 0.02 or z <= known:
            continue
        other, known = _escape(wet, index, vessel, corners, z, window)
        if other is not None:
            return low, other
    return np.inf, ""


def _around(wet: Wet, vessel: Vessel, window: tuple[Array, Array]) -> Array:
    """Triangles of the vessel's part in a window of the plan, above its level somewhere."""
    part = wet.surface.names.index(vessel.part)
    own = wet.surface.faces_of_part(part)
    low, high = (ends[own] for ends in wet.surface.mesh.boxes)
    near = (high[:, :2] > window[0]).all(axis=1) & (low[:, :2] < window[1]).all(axis=1)
    return np.asarray(wet.surface.corners[own][near & (high[:, 2] > vessel.level)])


def _window(vessel: Vessel, beside: float) -> tuple[Array, Array]:
    reach = np.array([*(t.at[:2] for t in vessel.teeth), *(p[:2] for p in vessel.bounds)])
    return reach.min(axis=0) - beside, reach.max(axis=0) + beside


def _stand_until(walls: Array, z: float, vessel: Vessel) -> float:
    """Up to which height triangles (n, 3, 3) that close a bucket's rooms in a cut at `z` close the same ones: all are
    upright, and nothing ends or begins on the way.
    """
    a, b, c = walls.transpose(1, 0, 2)
    normals = cross(b - a, c - a)
    if (np.abs(normals[:, 2]) > UPRIGHT * np.linalg.norm(normals, axis=1)).any():
        return z
    ends = np.append(walls[:, :, 2], [place[2] for place in vessel.floors])
    return float(ends[ends > z].min(initial=np.inf))


def _escape(
    wet: Wet, index: int, vessel: Vessel, corners: Array, z: float, window: tuple[Array, Array]
) -> tuple[str | None, float]:
    """None if the water in all rooms of the bucket is walled in at `z`, and up to which height it is so for sure; else
    the bucket it joins, or '' for outside.
    """
    segments, own = cut(corners, z)
    rooms = _rooms(vessel, [vessel], segments, z, window)
    if rooms is not None:
        middles = points(segments.mean(axis=1))
        prepare(rim := rooms.boundary)
        beside = dwithin(rim, middles, SAME)
        return None, _stand_until(corners[own[beside]], z, vessel)
    # Look again at the whole part with every comb closed: does it run into a neighbour?
    part = wet.surface.names.index(vessel.part)
    whole = wet.surface.corners[wet.surface.faces_of_part(part)]
    low, high = ends_of(whole.reshape(-1, 3)[:, :2])
    others = {i: v for i, v in enumerate(wet.found.vessels) if v.part == vessel.part and v.teeth}
    rooms = _rooms(vessel, list(others.values()), cut(whole, z)[0], z, (low, high))
    if rooms is None:
        return "", z
    joined = [wet.names.get(i, v.part) for i, v in others.items() if i != index and rooms.contains(Point(v.inside))]
    return (joined[0] if joined else None), z


def _rooms(
    vessel: Vessel, closed: list[Vessel], segments: Array, z: float, window: tuple[Array, Array]
) -> MultiPolygon | None:
    """The areas of air in a cut at `z` that a vessel's water stands in, combs closed; None if one reaches the window's
    frame.
    """
    frame = box(*(window[0] - 1.0), *(window[1] + 1.0)).exterior
    segments = np.round(segments, SNAP)
    long = segments[(segments[:, 0] != segments[:, 1]).any(axis=1)]
    areas = areas_between(np.concatenate([long, *(_across_teeth(v) for v in closed)]), frame)
    seeds = points([vessel.inside, *(place[:2] for place in vessel.floors if place[2] < z)])
    seed, area = STRtree(areas).query(seeds, "within")
    rooms = [areas[k] for k in np.unique(area)]
    lost = 0 not in seed or any(dwithin(room.boundary, frame, SAME) for room in rooms)
    return None if lost else MultiPolygon(rooms)


def _across_teeth(vessel: Vessel) -> Array:
    """A line (n, 2, 2) across each tooth, from blade to blade and into both."""
    outward = np.array([tooth.outward for tooth in vessel.teeth]).reshape(-1, 2)
    reach = np.array([tooth.width for tooth in vessel.teeth]) / 2 + INTO_BLADE
    along = np.stack([-outward[:, 1], outward[:, 0]], axis=1) * reach[:, None]
    middle = np.array([tooth.at[:2] for tooth in vessel.teeth]).reshape(-1, 2) - CLOSED_AT * outward
    return np.stack([middle - along, middle + along], axis=1)
