"""The way that each branch's water takes: over the ramp, off its lip, down gutter after gutter. mm, mm/s, mm3/s.

Where it runs is told by the drops, how wide each channel is and how high its walls stand by rays on the triangles.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.found import NOWHERE, Extraction, Vessel
from pelu_fab.signoff.gravity import Wet, inflows_of, outflows_of, reached_floor
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.sections import Segments, cut
from pelu_fab.signoff.stl import Array, Mask, turned

FLOOR_UP = 0.3  # upward part of the normal of a floor
ON_FLOOR = 0.3  # mm
GAUGE = 2.0  # mm above a gutter's floor, where its width is measured
WIDEST = 200.0  # mm
PROBE, DEEP_IN = 0.5, 0.625  # mm beyond a wall's face, where its top is looked for; at most of the thinnest wall
AHEAD = 10.0  # mm of a floor before its lip, over which its direction is taken
IN_PLANE = 1e-3  # mm
TALLEST = 60.0  # mm: no gutter's wall is taller


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """Where a drop ran on one part: `floor` (n, 3) from where it came down (or its sill) to its lip."""

    part: int
    floor: Array

    @property
    def lip(self) -> Array:
        """Where it ends."""
        return np.asarray(self.floor[-1])

    @property
    def heading(self) -> Array:
        """Unit direction of the last stretch before the lip, downhill."""
        back = np.linalg.norm(self.floor - self.lip, axis=1)
        far = np.flatnonzero((back > 0.5) & (back < AHEAD))
        way = self.lip - self.floor[far[0] if len(far) else 0]
        return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One branch's way: the bucket it leaves, what it feeds, its legs (the last one lies in what it feeds)."""

    source: int
    goal: int
    legs: tuple[Leg, ...]
    lip: tuple[float, float]  # from where to where along the comb its water leaves the ramp
    outward: Array  # (2,) away from the comb


def ways(wet: Wet) -> Iterator[Way]:
    """Every branch's way: of those of its drops, the one from its middle tooth."""
    trails, found = wet.found.trails, wet.found
    first = np.searchsorted(trails.drop, np.arange(len(trails.source) + 1))
    for source, vessel in enumerate(found.vessels):
        own = np.flatnonzero(trails.source == source)
        for goal in sorted({int(g) for g in trails.goal[own]} - {NOWHERE}):
            mine = own[trails.goal[own] == goal]
            drop = int(mine[len(mine) // 2])
            legs = _legs(wet, first[drop], first[drop + 1])
            if len(legs) > 1:
                yield Way(source, goal, legs, *_ramp_lip(vessel, goal))


def _ramp_lip(vessel: Vessel, goal: int) -> tuple[tuple[float, float], Array]:
    teeth = [tooth for tooth in vessel.teeth if goal in tooth.goals]
    lips = [tooth.lip for tooth in teeth if tooth.lip[1] > tooth.lip[0]]
    outward = np.array(teeth[0].outward)
    along = np.array([-outward[1], outward[0]])
    places = [float(np.array(tooth.at[:2]) @ along) for tooth in teeth]
    return (min([a for a, _ in lips] or places), max([b for _, b in lips] or places)), outward


def _legs(wet: Wet, start: int, stop: int) -> tuple[Leg, ...]:
    """The floors that a drop ran over, parted where it fell."""
    trails, surface = wet.found.trails, wet.surface
    at, face = trails.at[start:stop], trails.face[start:stop]
    part, is_floor = surface.part_of_face[face], surface.mesh.normals[face, 2] > FLOOR_UP
    ends = np.r_[-1, np.flatnonzero(face < 0), len(face)]
    legs = []
    for a, b in pairwise(ends.tolist()):
        if b - a > 1:
            kept = a + 1 + np.flatnonzero(np.r_[True, is_floor[a + 2 : b]])
            last = kept[-1]
            beside = np.abs((at[last + 1 : b] - at[last]) @ surface.mesh.normals[face[last]]) < IN_PLANE
            along = last + 1 + np.arange(int(np.argmin(np.r_[beside, False])))  # down the foot of a wall, on its floor
            legs.append(Leg(int(part[a + 1]), at[np.r_[kept, along]]))
    return tuple(legs)


@dataclass(frozen=True, eq=False)
class Frame:
    """A part turned so that its floors lie level; `probe` mm beyond its walls' faces their tops are looked for."""

    part: int
    turn: Array
    corners: Array
    probe: float

    @cached_property
    def columns(self) -> Columns:
        """Plan index of its triangles, turned."""
        return Columns(self.corners)

    @cached_property
    def _channels(self) -> "dict[float, Channel]":
        return {}

    def channel(self, height: float) -> "Channel":
        """The channel whose floor lies at this height; one for all that lie within a thousandth of a mm."""
        return self._channels.setdefault(round(height, 3), Channel(self, height))

    @property
    def down(self) -> Array:
        """Unit direction (3,) down its floors."""
        up = self.turn[2]
        way = up * up[2] - np.array([0.0, 0.0, 1.0])
        return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))

    @property
    def slope(self) -> float:
        """Sine of its floors' slope."""
        return float(np.sqrt(max(1.0 - self.turn[2, 2] ** 2, 0.0)))


def probe(nozzle: float) -> float:
    """How far (mm) beyond a wall's face its top is looked for: well within the thinnest that prints, two nozzles."""
    return min(PROBE, DEEP_IN * 2.0 * nozzle)


def frames(wet: Wet, parts: Iterable[int]) -> dict[int, Frame]:
    """Each part by the floors that drops touched."""
    found, within = {}, probe(wet.process.printer.nozzle)
    for part in parts:
        normals = wet.surface.mesh.normals[reached_floor(wet, part)]
        turn = upright(np.median(normals, axis=0)) if len(normals) else np.eye(3)
        own = wet.surface.corners[wet.surface.faces_of_part(part)]
        found[part] = Frame(part, turn, turned(own, turn), within)
    return found


@dataclass(frozen=True, eq=False)
class Channel:
    """A gutter's floor: the part that it belongs to, and the height of its floor in that one's frame."""

    frame: Frame
    height: float

    @cached_property
    def _lines(self) -> Segments:
        return Segments(cut(self.frame.corners, self.height + GAUGE)[0])

    def on_floor(self, plan: Array) -> Array:
        """Places (n, 3) on the floor's plane at places (n, 2) of the assembly's plan."""
        up = self.frame.turn[2]
        return np.column_stack([plan, (self.height - plan @ up[:2]) / up[2]])

    def has_floor(self, at: Array) -> Mask:
        """Whether the channel's floor lies under places (n, 3) of the assembly."""
        places = at @ self.frame.turn.T
        places[:, 2] = self.height
        query, _, z, facing = self.frame.columns.crossings(places, (-ON_FLOOR, ON_FLOOR))
        return np.bincount(query[(facing > 0) & (np.abs(z - self.height) < ON_FLOOR)], minlength=len(at)) > 0

    def widths(self, at: Array, heading: Array) -> Array:
        """Distance to the wall on each side (n, 2): `at` (n, 3) on the floor, `heading` (3,) of all or (n, 3)."""
        return self._widths(at @ self.frame.turn.T, self._across(at, heading))

    def _widths(self, places: Array, across: Array) -> Array:
        """The same, in its frame."""
        both = self._lines.reach(np.tile(places[:, :2], (2, 1)), np.concatenate([across, -across]), WIDEST)
        return both.reshape(2, len(places)).T

    def sides(self, at: Array, heading: Array) -> tuple[Array, Array, Array]:
        """As `widths`; height of each wall above the floor (n, 2); places at that height (n, 2, 2, 3), in the assembly:
        on the wall's top, and before its face.
        """
        places, across = at @ self.frame.turn.T, self._across(at, heading)
        wide, high = self._widths(places, across), np.zeros((len(at), 2))
        top = np.full((len(at), 2, 2, 3), np.nan)
        met, side = np.nonzero(np.isfinite(wide))
        ways = across[met] * np.where(side == 0, 1.0, -1.0)[:, None]
        tops = places[met, :2] + (wide[met, side][:, None] + self.frame.probe) * ways
        high[met, side] = self._tops(tops)
        for k, plan in enumerate((tops, tops - 2.0 * self.frame.probe * ways)):
            top[met, side, k] = np.column_stack([plan, self.height + high[met, side]]) @ self.frame.turn
        return wide, high, top

    def _across(self, at: Array, heading: Array) -> Array:
        """Unit direction (n, 2), in its frame, to the left of each heading."""
        ahead = np.broadcast_to(heading @ self.frame.turn.T, at.shape)
        across = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
        return np.asarray(across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9))

    def _tops(self, plan: Array) -> Array:
        """Height above the floor to which material stands without a gap at places in a wall."""
        at = np.column_stack([plan, np.full(len(plan), self.height)])
        query, _, z, facing = self.frame.columns.crossings(at, (0.0, TALLEST))
        found = np.zeros(len(plan))
        over = (facing > 0) & (z > self.height) & (z < self.height + TALLEST)
        order = np.lexsort((z[over], query[over]))
        who, level = query[over][order], z[over][order]
        lowest = np.concatenate([[True], who[1:] != who[:-1]]) if len(who) else np.zeros(0, bool)
        found[who[lowest]] = level[lowest] - self.height
        return found


def flows(
    found: Extraction, design_flow: float, full: Mapping[int, float]
) -> dict[tuple[int, int], tuple[float, float]]:
    """Most (mm3/s) of each branch's own water and of all that its goal gets then, one jug after another.

    A siphon passes what it does `full`, whatever flows in.
    """
    table: dict[tuple[int, int], tuple[float, float]] = {}
    for jug in dict.fromkeys(v for v in found.inputs if v != NOWHERE):
        flow = inflows_of(found, full, jug, design_flow)
        for v in (v for row in found.layers for v in row):
            for goal, own in outflows_of(found, full, v, flow).items():
                if own > 0.0:
                    before = table.get((v, goal), (0.0, 0.0))
                    table[v, goal] = max(before[0], own), max(before[1], flow[goal])
    return table
