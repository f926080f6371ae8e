"""Gravity rules: water finds a steep enough way down, leaves none behind, and keeps clear of other water."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import asin, degrees

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.network.names import duct_name
from pelu_fab.signoff.comb import spread
from pelu_fab.signoff.found import NOWHERE, Extraction, Place, Tooth, Vessel
from pelu_fab.signoff.recovered import POOL
from pelu_fab.signoff.report import Check, failed, least, most, passed
from pelu_fab.signoff.siphon import passes
from pelu_fab.signoff.stl import WRITTEN, Array, Index
from pelu_fab.signoff.surface import Surface

PUDDLE = 10.0  # mm3: a third of a drop
FLOOR_UP = 0.3  # a face whose normal rises more than this is a floor
UNEVEN = 1.5  # times the thinnest blade that prints
SLOPE_SLACK = 0.01  # degrees: float32 corners of a short edge


@dataclass(frozen=True, eq=False)
class Wet:
    """What the water rules look at: the surface, what was extracted, and each vessel's name."""

    surface: Surface
    found: Extraction
    names: Mapping[int, str]
    process: Process

    @cached_property
    def touched(self) -> Index:
        """Triangles that drops ran over, ascending."""
        face = self.found.trails.face
        return np.unique(face[face >= 0])

    @cached_property
    def _stretches(self) -> tuple[Index, Index]:
        face = self.found.trails.face
        part = np.where(face >= 0, self.surface.part_of_face[face], -1)
        order = np.argsort(part, kind="stable")
        return order, np.searchsorted(part[order], np.arange(len(self.surface.names) + 1))

    def trail_on(self, part: int) -> Index:
        """Places of all trails on a part, as indices into them, in order."""
        order, starts = self._stretches
        return order[starts[part] : starts[part + 1]]

    def duct(self, source: int, goal: int) -> str:
        """`L0.b1->L1.b0`, or with a question mark where the water went astray."""
        return duct_name(self.names.get(source, "?").removesuffix(POOL), self.names.get(goal, "?"))


def slopes(wet: Wet) -> list[Check]:
    """Least slope that any drop of a branch met on its way."""
    limit = wet.process.channels.min_slope_deg - SLOPE_SLACK
    worst: dict[str, Tooth] = {}
    for index, vessel in enumerate(wet.found.vessels):
        for tooth in vessel.teeth:
            name = wet.duct(index, tooth.goal)
            if name not in worst or tooth.slope < worst[name].slope:
                worst[name] = tooth
    why = "least slope on the way down"
    return [
        least("drc.slope", name, degrees(asin(min(1.0, t.slope))), limit, "deg", why, t.slope_at)
        for name, t in sorted(worst.items())
    ]


def puddles(wet: Wet) -> list[Check]:
    """Hollows on the wet floors that are no vessel."""
    surface = wet.surface
    visited = wet.touched
    floors = np.flatnonzero(surface.mesh.normals[:, 2] > FLOOR_UP)
    reached = np.zeros(len(surface.mesh.faces), bool)
    reached[spread(surface, visited[surface.mesh.normals[visited, 2] > FLOOR_UP], floors)] = True
    reached[visited] = True
    vessels = {v.basin for v in wet.found.vessels}
    checks = []
    for number, basin in enumerate(surface.basins):
        if number in vessels or basin.volume <= PUDDLE:
            continue
        own = surface.faces_of_basin(number)
        around = np.unique(np.append(own, surface.neighbours[own]))
        if reached[around[around >= 0]].any():
            at = _middle(surface, own, basin.level)
            why = f"{basin.depth:.2f} mm deep, on {surface.names[int(surface.part_of_basin[number])]}"
            checks.append(most("drc.puddle", _nearest_duct(wet, at), basin.volume / 1e3, PUDDLE / 1e3, "mL", why, at))
    return checks or [passed("drc.puddle", "all wet floors", f"{int(reached.sum())} triangles carry water")]


def _middle(surface: Surface, faces: Index, level: float) -> Place:
    x, y = surface.corners[faces].reshape(-1, 3)[:, :2].mean(axis=0)
    return (round(float(x), 3), round(float(y), 3), round(level, 3))


def _nearest_duct(wet: Wet, at: Place) -> str:
    """Name of the branch whose trail passes nearest."""
    trails = wet.found.trails
    if not len(trails.at):
        return "?"
    nearest = int(np.argmin(np.linalg.norm(_segments_distance(trails.at, trails.drop, np.array(at)), axis=1)))
    drop = int(trails.drop[nearest])
    return wet.duct(int(trails.source[drop]), int(trails.goal[drop]))


def _segments_distance(at: Array, drop: Index, point: Array) -> Array:
    """Vector from each stretch of a trail to a point."""
    start, end = at[:-1], at[1:]
    way = end - start
    length = np.maximum((way**2).sum(axis=1), 1e-12)
    along = np.clip(((point - start) * way).sum(axis=1) / length, 0.0, 1.0)
    gap = point - (start + along[:, None] * way)
    gap[drop[1:] != drop[:-1]] = np.inf
    return np.asarray(np.append(gap, (at[-1] - point)[None], axis=0))


def blades(wet: Wet) -> list[Check]:
    """Material between neighbouring teeth: thick enough to print; within a mouth alike, so that the teeth are alike."""
    checks = []
    limit = wet.process.printer.blade
    for index, vessel in enumerate(wet.found.vessels):
        sides: dict[tuple[float, ...], list[Tooth]] = {}
        for tooth in vessel.teeth:
            sides.setdefault((round(tooth.outward[0], 2), round(tooth.outward[1], 2)), []).append(tooth)
        pairs = [(a, b) for teeth in sides.values() for a, b in pairwise(teeth)]
        gaps = [(_blade(a, b), a.at) for a, b in pairs]
        within = [(_blade(a, b), a.at) for a, b in pairs if a.goals == b.goals]
        if gaps:
            name = wet.names.get(index, vessel.part)
            thin, thick = min(gaps), max(within, default=(0.0, vessel.at))  # none where each branch has one tooth
            checks.append(
                least("drc.blade", name, thin[0], limit - WRITTEN, "mm", "thinnest between two teeth", thin[1])
            )
            why = "thickest between two teeth: a tooth is missing or the comb uneven"
            checks.append(most("drc.comb", name, thick[0], limit * UNEVEN, "mm", why, thick[1]))
    return checks


def _blade(one: Tooth, other: Tooth) -> float:
    x, y = one.outward
    apart = abs(-y * (other.at[0] - one.at[0]) + x * (other.at[1] - one.at[1]))
    return apart - (one.width + other.width) / 2


def spout_gaps(wet: Wet) -> list[Check]:
    """Distance between neighbouring waters where they leave their lips."""
    checks = []
    limit = wet.process.channels.spout_gap
    by_part: dict[str, list[tuple[int, Vessel]]] = {}
    for index, vessel in enumerate(wet.found.vessels):
        if vessel.teeth:
            by_part.setdefault(vessel.part, []).append((index, vessel))
    for part, members in by_part.items():
        lips = [lip for index, vessel in members for lip in _lips(wet, index, vessel)]
        if len(lips) < 2:
            checks.append(passed("drc.spout_gap", part, "one spout"))
            continue
        ordered = sorted(lips, key=lambda lip: (lip[0], lip[1]))
        gaps = [(b[1] - a[2], f"{a[3]} | {b[3]}", b[4]) for a, b in pairwise(ordered) if a[0] == b[0] and a[3] != b[3]]
        if not gaps:
            checks.append(passed("drc.spout_gap", part, "one branch"))
            continue
        gap, where, at = min(gaps)
        checks.append(least("drc.spout_gap", where, gap, limit - WRITTEN, "mm", "between two waters at their lips", at))
    return checks


def _lips(wet: Wet, index: int, vessel: Vessel) -> list[tuple[tuple[float, ...], float, float, str, Place]]:
    """(side, from, to, branch, place) of each spout along its row."""
    lips: list[tuple[tuple[float, ...], float, float, str, Place]] = []
    for mouth in vessel.mouths:
        tooth = vessel.teeth[mouth.teeth[0]]
        if tooth.section_width <= 0:
            continue
        x, y = tooth.outward
        ends = tooth.lip
        offset = round(x * tooth.section_left[0] + y * tooth.section_left[1], 0)
        side = (round(x, 2), round(y, 2), offset)
        lips.append((side, ends[0], ends[1], wet.duct(index, mouth.goal), tooth.at))
    return lips


def full_siphons(found: Extraction, process: Process) -> dict[int, float]:
    """What each vessel with a siphon passes on (mm3/s) as it flushes, whatever flows in."""
    return {v: passes(one.siphon, process) for v, one in enumerate(found.vessels) if one.siphon is not None}


def inflows(found: Extraction, full: Mapping[int, float], design_flow: float) -> dict[int, float]:
    """Flow (mm3/s) into each vessel at most, one jug after another, once nothing is retained; siphons run `full`."""
    most: dict[int, float] = {}
    for source in found.layers[0] if found.layers else ():
        for vessel, flow in inflows_of(found, full, source, design_flow).items():
            most[vessel] = max(most.get(vessel, 0.0), flow)
    return most


def inflows_of(found: Extraction, full: Mapping[int, float], source: int, design_flow: float) -> dict[int, float]:
    """Flow (mm3/s) into each vessel while one of them is poured into."""
    flow = {source: design_flow}
    for row in found.layers:
        for v in row:
            for goal, own in outflows_of(found, full, v, flow).items():
                flow[goal] = flow.get(goal, 0.0) + own
    return flow


def outflows_of(found: Extraction, full: Mapping[int, float], v: int, flow: Mapping[int, float]) -> dict[int, float]:
    """Flow (mm3/s) from a vessel to each that it feeds, once nothing is retained; a siphon runs full or not at all."""
    leaves = flow.get(v, 0.0)
    leaves = full.get(v, leaves) if leaves else 0.0
    return {goal: leaves * share for goal, share in split(found.vessels[v]).items()}


def split(vessel: Vessel) -> dict[int, float]:
    """Part of a bucket's spill that each vessel gets: by the sections of its branches, which are as its shares.

    By open width, off by points where teeth are narrow, where a section was not found or a tooth's water parts.
    """
    ways = [(mouth.goal, mouth.section_width) for mouth in vessel.mouths]
    if not ways or min(width for _, width in ways) <= 0.0 or any(len(set(tooth.goals)) > 1 for tooth in vessel.teeth):
        ways = [(goal, tooth.width / len(tooth.goals)) for tooth in vessel.teeth for goal in tooth.goals]
    total = sum(width for _, width in ways)
    parts: dict[int, float] = {}
    for goal, width in ways:
        if goal != NOWHERE and total > 0.0:
            parts[goal] = parts.get(goal, 0.0) + width / total
    return parts


def reached_floor(wet: Wet, part: int) -> Index:
    """Floors of a part that drops touched."""
    own = wet.surface.faces_of_part(part)
    start, stop = np.searchsorted(wet.touched, (own.start, own.stop)).tolist()
    touched = wet.touched[start:stop]
    return np.asarray(touched[wet.surface.mesh.normals[touched, 2] > FLOOR_UP])


def strays(wet: Wet) -> list[Check]:
    """Drops that end in no vessel, by bucket."""
    checks = []
    for index, vessel in enumerate(wet.found.vessels):
        lost = [(t, k) for t in vessel.teeth for k, g in enumerate(t.goals) if g == NOWHERE]
        if lost:
            tooth, k = lost[0]
            why = f"{len(lost)} of {3 * len(vessel.teeth)} drops end {tooth.ends[k]}"
            checks.append(
                failed("drc.stray", wet.names.get(index, vessel.part), why, tooth.end_at[k], float(len(lost)))
            )
    return checks or [passed("drc.stray", "all spouts", f"{len(wet.found.trails.goal)} drops end in a vessel")]
