"""Parts in hands: whether each has a way in and out, and how far it can be pushed aside. Placed meshes in. mm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pelu_fab.signoff.flowing import Stream
from pelu_fab.signoff.found import NOWHERE, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.hands import Bodies, nearest
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.stl import Array, Index

NOWAY, UP = (0.0, 0.0, 0.0), (0.0, 0.0, 1.0)
WAYS = {"up": UP, "+y": (0.0, 1.0, 0.0), "-y": (0.0, -1.0, 0.0), "+x": (1.0, 0.0, 0.0), "-x": (-1.0, 0.0, 0.0)}
UNMOVED = np.zeros((3, 1))
FAR = 400.0  # mm: nothing reaches further
LIFT, LIFTS = 0.2, (1.0, 0.85, 0.7, 0.6)  # mm of air left above a part lifted before it moves aside; parts of that
CREST = 0.5  # mm of a wall's crest, from which water still runs to its own side
PUSHED = 6.0  # mm to which play is looked for
OUT_ALONE = ("card", "cup")  # roles that come out with everything else in place


@dataclass(frozen=True)
class Room:
    """Placed parts, and what each would meet on a straight way. `turned` remembers them by direction; private."""

    parts: tuple[LoadedPart, ...]
    turned: dict[tuple[float, ...], tuple[Array, Bodies]] = field(default_factory=dict)

    @cached_property
    def bodies(self) -> Bodies:
        """As they lie."""
        return Bodies.of(part.placed for part in self.parts)

    def free(
        self, part: int, way: tuple[float, ...], reach: float, among: Index, lifted: float = 0.0, enough: float = 0.0
    ) -> float:
        """Least air (mm) before a part on its way, up to `reach`, among other parts; inf where it meets none.

        Air that is less than `enough` need not be the least.
        """
        looks = 1.0 if way > NOWAY else -1.0  # there and back is one line, along which they are turned once
        turn, bodies = self._along(tuple(looks * np.array(way)))
        return nearest(bodies, part, looks, reach, among, turn @ np.array([0.0, 0.0, lifted]), enough=enough)

    def _along(self, line: tuple[float, ...]) -> tuple[Array, Bodies]:
        """Turned so that the line leads up."""
        if line == UP:
            return np.eye(3), self.bodies
        if line not in self.turned:
            turn = upright(np.array(line))
            matrix = np.block([[turn, UNMOVED], [np.eye(4)[3]]])
            self.turned[line] = turn, Bodies.of(p.placed.placed(matrix) for p in self.parts)
        return self.turned[line]

    def way_out(self, part: int, among: Index) -> str:
        """A straight way on which a part meets nothing, or a lift and then one aside; '' where there is none."""
        for told, way, lift in self._ways(part, among):
            if np.isinf(self.free(part, way, FAR, among, lift, enough=FAR)):
                return told
        return ""

    def farthest(self, part: int, among: Index) -> float:
        """How far (mm) it comes on the best of these ways."""
        return max(self.free(part, way, FAR, among, lift) for _, way, lift in self._ways(part, among))

    def _ways(self, part: int, among: Index) -> Iterator[tuple[str, tuple[float, ...], float]]:
        for name, way in WAYS.items():
            yield name, way, 0.0
        most_lift = self.free(part, UP, FAR, among) - LIFT
        for lift in (k * most_lift for k in LIFTS) if most_lift > 0.0 else ():
            for name, way in list(WAYS.items())[1:]:
                yield f"up {lift:.1f} mm, then {name}", way, lift


def room(parts: Sequence[LoadedPart]) -> Room:
    """Of all parts that have a place."""
    return Room(tuple(part for part in parts if part.matrix is not None))


def paths(here: Room) -> list[Check]:
    """A way in for every part in the order that the manifest lists, which is the order that is told; cups and cards
    come out with everything else in place, cards under gutters once these are lifted.
    """
    checks, everything = [], np.arange(len(here.parts))
    for number, part in enumerate(here.parts):
        alone = part.entry.role in OUT_ALONE
        among = everything if alone else everything[:number]
        what = "comes out alone" if alone else "goes in after what is told before it"
        name = here.way_out(number, among)
        if not name and part.entry.role == "card" and len(above := _above(here, number)):
            among = np.setdiff1d(everything, above)
            what = "comes out once the gutters over it are lifted"
            name = here.way_out(number, among)
        if name:
            checks.append(passed("hands.path", part.entry.name, f"{what}: {name}"))
        else:
            best = here.farthest(number, among)
            why = f"no straight way, nor a lift and one aside, on which it {what}; {best:.1f} mm at most"
            checks.append(failed("hands.path", part.entry.name, why, place_of(part.placed.centre), best))
    return checks


def _above(here: Room, number: int) -> Index:
    """Trays that a card meets when it is lifted straight up, and all cards that are higher."""
    low = [float(p.placed.points[:, 2].min()) for p in here.parts]
    trays = [k for k, p in enumerate(here.parts) if p.entry.role == "tray"]
    over = [k for k in trays if np.isfinite(here.free(number, UP, FAR, np.array([k])))]
    if not over:
        return np.zeros(0, np.int64)
    floor = min(low[k] for k in over)
    raised = [k for k, p in enumerate(here.parts) if k != number and p.entry.role == "card" and low[k] > floor]
    return np.array(sorted({*over, *raised}), np.int64)


def slacks(here: Room, wet: Wet, streams: Sequence[Stream]) -> list[Check]:
    """Each part that water leaves, and each that takes it, pushed to the ends of its play along the lip: what falls off
    the lip still falls between the walls of its own gutter, or into its own vessel.
    """
    numbers, everything = {part.entry.name: k for k, part in enumerate(here.parts)}, np.arange(len(here.parts))
    play: dict[tuple[int, tuple[float, ...]], float] = {}
    between: dict[tuple[int, int, tuple[float, ...]], float] = {}

    def pushed(part: int, way: Array) -> float:
        key = numbers[wet.surface.names[part]], tuple(np.round(way, 6).tolist())
        if key not in play:
            among = [k for k in everything if here.parts[k].entry.role != "card"]  # those on a tray go with it
            role = here.parts[key[0]].entry.role
            play[key] = min(here.free(*key, PUSHED, np.array(among) if role == "tray" else everything), PUSHED)
        return play[key]

    def apart(stream: Stream, way: Array) -> float:
        one, other = (numbers[wet.surface.names[part]] for part in (stream.leaves, stream.leg.part))
        key = one, other, tuple(np.round(way, 6).tolist())
        if key not in between:
            between[key] = here.free(one, key[2], PUSHED, np.array([other]))
        return between[key]

    checks = []
    for stream in streams:
        along = np.append(stream.lip[1] - stream.lip[0], 0.0)[:3] * [1.0, 1.0, 0.0]
        along /= max(float(np.linalg.norm(along)), 1e-9)
        held = stream.leaves == stream.way.legs[0].part and stream.over is not None  # by what takes its water
        worst = []
        for sign, room_there in zip((1.0, -1.0), _margins(wet, stream, along), strict=True):
            moved = pushed(stream.leaves, sign * along) + (0.0 if held else pushed(stream.leg.part, -sign * along))
            moved = moved if held else min(moved, apart(stream, sign * along))
            worst.append((room_there + CREST - moved, moved, room_there + CREST))
        _, moved, room_there = min(worst)
        why = "of play aside, against the room between its lip and the nearest wall of what it falls into"
        checks.append(most("hands.slack", stream.name, moved, room_there, "mm", why, place_of(stream.lip.mean(axis=0))))
    for index, vessel in enumerate(wet.found.vessels):
        if vessel.siphon is None or not vessel.teeth or vessel.teeth[0].goal == NOWHERE or index in wet.found.pools:
            continue
        below, name = wet.found.vessels[vessel.teeth[0].goal], wet.duct(index, vessel.teeth[0].goal)
        parts = [wet.surface.names.index(one.part) for one in (vessel, below)]
        worst = []
        for axis, sign in ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)):
            way = sign * np.eye(3)[axis]
            wall = max(sign * bound[axis] for bound in below.bounds)
            there = wall - sign * vessel.siphon.axis[axis] - vessel.siphon.bore / 2.0
            moved = pushed(parts[0], way) + pushed(parts[1], -way)
            worst.append((there + CREST - moved, moved, there + CREST))
        _, moved, room_there = min(worst)
        why = "of play aside, against the room between its outlet and the nearest wall of what it falls into"
        at = place_of(np.array([*vessel.siphon.axis, vessel.siphon.outlet_z]))
        checks.append(most("hands.slack", f"{name} out of its siphon", moved, room_there, "mm", why, at))
    return checks


def _margins(wet: Wet, stream: Stream, along: Array) -> tuple[float, float]:
    """Room (mm) beyond the lip's two ends, ahead `along` it and back, to the walls of what it falls into."""
    low, high = sorted(float(end @ along) for end in stream.lip)
    if stream.over is None:
        corners = np.array(wet.found.vessels[stream.way.goal].bounds)
        ends = [float(np.array([x, y, 0.0]) @ along) for x in corners[:, 0] for y in corners[:, 1]]
        return max(ends) - high, low - min(ends)
    at = stream.over.on_floor(stream.landing[None])  # the middle of what comes down, as wide as the lip
    wide = stream.over.widths(at, stream.over.frame.down)
    down, half = stream.over.frame.down, (high - low) / 2.0
    left = float(np.array([-down[1], down[0], 0.0]) @ along) > 0.0  # which of the two walls lies ahead
    ahead, back = (wide[0, 0], wide[0, 1]) if left else (wide[0, 1], wide[0, 0])
    return float(ahead) - half, float(back) - half
