"""Water with speed: whether jets land in their gutters, streams stay between their walls, and no jet reaches a comb.

Formulas of free jets and of fast flow in open channels, held against a solver (docs/signoff.md). mm, mm/s, mm3/s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, degrees, hypot, radians, sin, sqrt, tau

import numpy as np

from pelu_fab.signoff.drops import BASIN, STUCK, trace
from pelu_fab.signoff.flight import inside, landings
from pelu_fab.signoff.found import NOWHERE, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.inlets import inlets
from pelu_fab.signoff.report import Check, failed, least, most
from pelu_fab.signoff.stl import Array, Index
from pelu_fab.signoff.water import GRAVITY, speed_after
from pelu_fab.signoff.ways import SHUT, Channel, Frame, Leg, Way, covered, flows, frames, ways

DUMP = 36e3  # mm3/s: a jug emptied in three seconds
SLOWEST = 250.0  # mm/s of the slowest water that leaves a lip as a sheet
AT_SILL, RAMP = 270.0, 1.4  # mm/s that a sheet has at a sill; v² = AT_SILL² + RAMP g H at the foot of a ramp H tall
SLOW = 0.05  # friction factor of a stream as slow as was found
SURE, SURE_DUMP = 0.5, 2.0  # mm of wall above what climbs
BEFORE_LIP = 1.5  # mm: where a channel's end is measured
CROSS = 3.0  # times the normal depth that cross waves stand where a channel narrows
NARROWS = 0.05  # of the width, per mm along: less is straight
MARCH = 3.0  # mm along a channel
LEAST_WIDTH, UNKNOWN = 2.0, 15.0  # mm: narrower is a place on a wall; taken where no wall is met
EDGES = (0.1, 0.5, 0.9)  # of a lip's width, where parcels leave
SLIT = 0.8  # mm along a wall to both sides: a narrower gap in it lets nothing but spray through
ROOFED = 99.0  # mm: a wall that ends right under another part
LEAN = radians(12.0)  # that water out of a siphon may spread
DEEP = 3.0  # mm of wall beyond the last landing that is looked at as well


def flow_checks(
    wet: Wet, streams: Sequence["Stream"], poured: Sequence[Array] = (), trays: Sequence[str] = ()
) -> list[Check]:
    """flow.reach, flow.climb and flow.depth of every stream, and flow.inlet of every bucket.

    `poured`: where a hand pours each input; `trays`: names of parts in which some stream must have been seen.
    """
    reached, landed = _reaches(wet, streams)
    walls = [check for stream in streams for check in _walls(wet, stream)]
    seen = {wet.surface.names[stream.over.frame.part] for stream in streams if stream.over is not None}
    dry = [name for name in trays if name not in seen]
    walls += [
        failed(rule, name, "no water is seen to run in it") for name in dry for rule in ("flow.climb", "flow.depth")
    ]
    for vessel, at in zip(wet.found.inputs, poured, strict=False):
        landed[vessel] = np.concatenate([landed.get(vessel, np.zeros((0, 3))), np.array(at)[None]])
    return [*reached, *_siphons(wet), *walls, *inlets(wet, landed)]


def _siphons(wet: Wet) -> list[Check]:
    """Whether the jet of each siphon's outlet comes down in its goal: slow and fast, upright and leaning outwards."""
    checks = []
    for index, vessel in enumerate(wet.found.vessels):
        siphon = vessel.siphon
        if siphon is None or not vessel.teeth:
            continue
        goal = vessel.teeth[0].goal
        rim = [np.array([cos(turn), sin(turn)]) for turn in np.linspace(0.0, tau, 12, endpoint=False)]
        fastest = sqrt(2.0 * GRAVITY * max(siphon.head, 1.0))
        starts, velocities = [], []
        for out in rim:
            for speed in (SLOWEST, fastest):
                for lean in (0.0, LEAN):
                    starts.append([*(np.array(siphon.axis) + siphon.bore / 2.0 * out), siphon.outlet_z - 0.1])
                    velocities.append([*(speed * sin(lean) * out), -speed * cos(lean)])
        at, face = landings(wet.surface, np.array(starts), np.array(velocities))
        astray = [not _is_in(wet, goal, end) for end in _drained(wet, at, face)] if goal != NOWHERE else [True]
        why = f"of its jet comes down elsewhere, at up to {fastest / 1e3:.2f} m/s and {degrees(LEAN):.0f} degrees aside"
        part = 100.0 * float(np.mean(astray))
        checks.append(most("flow.reach", f"{wet.duct(index, goal)} out of its siphon", part, 0.0, "%", why))
    return checks


def streams_of(wet: Wet, design_flow: float) -> list["Stream"]:
    """Every branch's water lip by lip, one jug after another at the design flow (mm3/s) and dumped."""
    table = flows(wet.found, design_flow)
    found = [way for way in ways(wet) if (way.source, way.goal) in table]
    turned = frames(wet, {leg.part for way in found for leg in way.legs[1:-1]})
    return [
        stream
        for way in found
        for stream in _streams(wet, way, turned, *table[way.source, way.goal], DUMP / design_flow)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Water of one branch on its way from one lip to the next part: at the lip, then in the channel that it falls into.

    `speeds` at the lip at the design flow and at a dump; `over` is the channel, None where it falls into the vessel.
    """

    way: Way
    name: str
    lip: Array  # (2, 3) ends of the lip
    ahead: Array  # (2,) level unit direction
    angle: float  # radians below level
    flow: tuple[float, float]  # of the branch
    total: tuple[float, float]  # with what flows in the channel already
    speeds: tuple[float, float]
    fall: float
    over: Channel | None
    leg: Leg
    leaves: int  # part whose lip it is

    @property
    def landing(self) -> Array:
        """Middle of where it comes down at the design flow, in plan."""
        return np.asarray(self.lip.mean(axis=0)[:2] + sum(self.lands(False)) / 2.0 * self.ahead)

    @property
    def thickness(self) -> Array:
        """Of the sheet at the lip, at the design flow and at a dump."""
        wide = max(float(np.linalg.norm(self.lip[1] - self.lip[0])), 1.0)
        return np.array(self.flow) / (wide * np.array(self.speeds))

    def lands(self, dump: bool) -> tuple[float, float]:
        """From where to where beyond the lip it comes down: slowest water's underside, fastest water's upper side."""
        fast, thick = self.speeds[dump], float(self.thickness[int(dump)])
        return min(self._throw(SLOWEST, 0.0), self._throw(fast, 0.0)), self._throw(fast, thick)

    def _throw(self, speed: float, thick: float) -> float:
        down = speed * sin(self.angle)
        time = (sqrt(down**2 + 2.0 * GRAVITY * max(self.fall + thick, 0.0)) - down) / GRAVITY
        return speed * cos(self.angle) * time


def ramp_speed(height: float, ratio: float = 1.0) -> float:
    """Speed (mm/s) at the foot of a ramp `height` mm below its sill, at `ratio` times the design flow."""
    return sqrt((AT_SILL * ratio ** (1 / 3)) ** 2 + RAMP * GRAVITY * max(height, 0.0))


def _streams(wet: Wet, way: Way, turned: Mapping[int, Frame], own: float, total: float, dump: float) -> list[Stream]:
    """The falls of one way, lip by lip."""
    name = wet.duct(way.source, way.goal)
    found: list[Stream] = []
    along = np.array([-way.outward[1], way.outward[0]])
    first = way.legs[0]
    height = float(first.floor[0, 2] - first.lip[2])
    speeds = ramp_speed(height), ramp_speed(height, dump)
    across = np.array(way.lip)[:, None] * along + (first.lip[:2] @ way.outward) * way.outward
    lip, ahead = np.column_stack([across, np.full(2, first.lip[2])]), way.outward
    heading = first.heading
    for number, (leg, after) in enumerate(zip(way.legs[:-1], way.legs[1:], strict=True)):
        last = number + 2 == len(way.legs)
        over = None if last else _channel(turned[after.part], after)
        part = wet.surface.names[after.part]
        stream = Stream(
            way,
            f"{name} {'into' if last else 'over'} {part}",
            lip,
            ahead,
            asin(min(max(-float(heading[2]), 0.0), 1.0)),
            (own, own * dump),
            (own, own * dump) if number == 0 and last else (total, total * dump),
            speeds,
            float(leg.lip[2] - after.floor[0, 2]),
            over,
            after,
            leg.part,
        )
        found.append(stream)
        if over is None:
            break
        speeds = _at_end(wet, stream)
        heading = after.heading
        lip = _lip(over, after)
        ahead = heading[:2] / max(hypot(heading[0], heading[1]), 1e-9)
    return found


def _channel(frame: Frame, leg: Leg) -> Channel:
    return Channel(frame, float(np.median(leg.floor @ frame.turn[2])))


def _lip(over: Channel, leg: Leg) -> Array:
    """Ends (2, 3) of a gutter's lip, wall to wall across the floor's own slope."""
    down = over.frame.down
    wide, _, _ = over.sides((leg.lip - BEFORE_LIP * down)[None], down)
    left, right = np.where(np.isfinite(wide[0]), wide[0], 1.0)
    side = np.array([-down[1], down[0], 0.0]) / max(hypot(down[0], down[1]), 1e-9)
    return np.array([leg.lip + left * side, leg.lip - right * side])


def _landing_speed(stream: Stream, dump: bool) -> float:
    """Speed along the floor of a sheet that a floor turns: it keeps what it has."""
    return sqrt(stream.speeds[dump] ** 2 + 2.0 * GRAVITY * max(stream.fall, 0.0))


def _at_end(wet: Wet, stream: Stream) -> tuple[float, float]:
    """Speeds at the end of the channel that a stream fell into, at the design flow and at a dump."""
    assert stream.over is not None
    at, sines, step = _stations(stream.leg)
    widths, viscosity = _widths(stream.over.sides(at, stream.over.frame.down)[0]), wet.process.fluid.viscosity
    steps = np.full(len(at), step)
    slow, fast = (
        speed_after(_landing_speed(stream, dump), flow, widths, sines, steps, viscosity)
        for dump, flow in zip((False, True), stream.total, strict=True)
    )
    return slow, fast


def _widths(sides: Array) -> Array:
    """Inner width at each place from the distances to its walls (n, 2); where one is not met, as usual there."""
    width = sides.sum(axis=1)
    known = np.isfinite(width) & (width > LEAST_WIDTH)
    return np.asarray(np.where(known, width, np.median(width[known]) if known.any() else UNKNOWN))


def _stations(leg: Leg) -> tuple[Array, Array, float]:
    """Places (n, 3) along a leg, `MARCH` or a little less apart, the sine of its slope at each, and their distance."""
    way = np.linalg.norm(np.diff(leg.floor, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(way)])
    count = max(2, int(np.ceil(along[-1] / MARCH)) + 1)
    places = np.linspace(0.0, max(along[-1] - BEFORE_LIP, 1e-3), count)
    at = np.stack([np.interp(places, along, leg.floor[:, k]) for k in range(3)], axis=1)
    step = max(float(places[1] - places[0]), 1e-6)
    return at, -np.gradient(at[:, 2]) / step, step


def _reaches(wet: Wet, streams: Sequence[Stream]) -> tuple[list[Check], dict[int, Array]]:
    """Whether what leaves each lip comes down where it drains to its own goal: slow and fast, over and under; and where
    it comes down in each bucket.
    """
    landed: dict[int, list[Array]] = {}
    if not streams:
        return [], {}
    starts, velocities, owner = [], [], []
    for number, stream in enumerate(streams):
        low = np.array([*(stream.ahead * cos(stream.angle)), -sin(stream.angle)])
        up = np.array([*(stream.ahead * sin(stream.angle)), cos(stream.angle)])
        for speed, thick in ((SLOWEST, 0.0), *zip(stream.speeds, stream.thickness, strict=True)):
            for part in EDGES:
                place = stream.lip[0] + part * (stream.lip[1] - stream.lip[0])
                for lift in {0.1, float(thick) + 0.1}:
                    starts.append(place + 0.3 * low + lift * up)
                    velocities.append(speed * low)
                    owner.append(number)
    at, face = landings(wet.surface, np.array(starts), np.array(velocities))
    goal = _drained(wet, at, face)
    numbers = np.array(owner)
    checks = []
    for number, stream in enumerate(streams):
        mine = np.flatnonzero(numbers == number)
        astray = mine[[not _is_in(wet, stream.way.goal, goal[k]) for k in mine]]
        if stream.over is None:
            landed.setdefault(stream.way.goal, []).extend(at[mine])
        near, far = stream.lands(False)
        why = f"of it comes down elsewhere; it lands {near:.1f} to {far:.1f} mm beyond a lip {stream.fall:.1f} mm above"
        why += f" at {stream.speeds[0] / 1e3:.2f} m/s ({stream.speeds[1] / 1e3:.2f} at a dump)"
        place = place_of(at[astray[0]]) if len(astray) else place_of(stream.lip.mean(axis=0))
        checks.append(most("flow.reach", stream.name, 100.0 * len(astray) / len(mine), 0.0, "%", why, place))
    return checks, {goal: np.array(places) for goal, places in landed.items()}


def _drained(wet: Wet, at: Array, face: Index) -> list[tuple[int, Array]]:
    """Basin in which what lands ends, and where: -1 for a flat, -2 for the table."""
    ends: list[tuple[int, Array]] = [(-2, place) for place in at]
    landed = np.flatnonzero(face >= 0)
    vessels = frozenset(v.basin for v in wet.found.vessels if v.basin >= 0)
    drops = trace(wet.surface, at[landed], face[landed], pools=vessels)
    for k, i in enumerate(landed.tolist()):
        state = int(drops.state[k])
        ends[i] = (int(drops.basin[k]) if state == BASIN else -1 if state == STUCK else -2, drops.at[k])
    return ends


def _is_in(wet: Wet, goal: int, end: tuple[int, Array]) -> bool:
    vessel, (basin, at) = wet.found.vessels[goal], end
    if vessel.basin >= 0 or basin != -1:
        return basin == vessel.basin and basin >= 0
    (x0, y0), (x1, y1) = vessel.bounds
    return bool(x0 - 1.0 <= at[0] <= x1 + 1.0 and y0 - 1.0 <= at[1] <= y1 + 1.0 and abs(at[2] - vessel.level) < 1.0)


def _walls(wet: Wet, stream: Stream) -> list[Check]:
    """How high water climbs where it lands and stands on its way, against the walls there."""
    if stream.over is None:
        return []
    return [_climb(wet, stream, False), _climb(wet, stream, True), _depth(wet, stream)]


def _climb(wet: Wet, stream: Stream, dump: bool) -> Check:
    """What climbs where water lands, against the lowest wall from the nearest landing to beyond the farthest."""
    over = stream.over
    assert over is not None
    near, far = stream.lands(dump)
    middle = stream.lip.mean(axis=0)[:2]
    at = over.on_floor(middle + np.linspace(near, far + DEEP, 5)[:, None] * stream.ahead)
    width = float(np.median(_widths(over.sides(at, over.frame.down)[0])))
    along = _landing_speed(stream, dump)
    depth, base = stream.total[dump] / (width * along), (stream.total[dump] - stream.flow[dump]) / (width * along)
    climbs = climb(
        stream.speeds[dump], stream.angle - asin(over.frame.slope), over.frame.slope, stream.fall, depth, base
    )
    walls = _lowest(wet, over, at, over.frame.down)
    k = int(np.argmin(walls))
    high = float(walls[k]) if over.has_floor(at).any() else 0.0  # it all lands beside or beyond the channel
    why = f"wall beside a landing; water climbs {climbs:.1f} mm there"
    name = f"{stream.name}{', dumped' if dump else ''}"
    return least("flow.climb", name, high, climbs + (SURE_DUMP if dump else SURE), "mm", why, place_of(at[k]))


def climb(speed: float, angle: float, slope: float, fall: float, depth: float, base: float) -> float:
    """Height (mm) over a gutter's floor: h = d + vn² / (2 g cos b), vn² = (v sin(a - b))² + 2 g cos b (fall - d_base).

    `angle` is a - b in radians, `slope` sin b; `depth` d of all water, `base` d_base of what runs there already.
    """
    pull = 2.0 * GRAVITY * sqrt(1.0 - slope**2)
    return depth + ((speed * sin(max(angle, 0.0))) ** 2 + pull * max(fall - base, 0.0)) / pull


def _lowest(wet: Wet, over: Channel, at: Array, heading: Array) -> Array:
    """Height (n,) of the lower wall beside each place (n, 3); under a roof it is as high as can be."""
    near = np.concatenate([at + shift * heading for shift in (-SLIT, 0.0, SLIT)])
    ahead = np.tile(np.broadcast_to(heading, at.shape), (3, 1))
    _, high, top = over.sides(near, ahead)
    known, part = np.isfinite(top[..., 0]), over.frame.part
    gaps = np.full(known.shape, np.inf)
    beyond = top + SLIT * ahead[:, None, None, :]  # another part that stands less than a slit ahead closes a wall too
    closed = inside(wet.surface, beyond[known], part)
    gaps[known] = np.where(closed, 0.0, covered(wet, top[known], part))
    gaps = gaps.min(axis=2)
    height = np.where(gaps < SHUT, ROOFED, high)
    height[~over.has_floor(near)] = ROOFED  # beyond the channel's end are no walls
    return np.asarray(height.reshape(3, len(at), 2).max(axis=0).min(axis=1))


def _depth(wet: Wet, stream: Stream) -> Check:
    """Depth of slow water on the way, with cross waves where the channel narrows or bends, against its walls."""
    over = stream.over
    assert over is not None
    at, sines, step = _stations(stream.leg)
    ways = np.gradient(at, axis=0)
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
    width = _widths(over.sides(at, ways)[0])
    depth = _normal_depth(stream.total[0], width, np.maximum(sines, 1e-3))
    stands = depth * np.where(-np.gradient(width, step) > NARROWS, CROSS, 1.0)
    left = _lowest(wet, over, at, ways) - stands
    k = int(np.argmin(left))
    why = f"of wall above water that stands {stands[k]:.1f} mm deep"
    return least("flow.depth", stream.name, float(left[k]), SURE, "mm", why, place_of(at[k]))


def _normal_depth(flow: float, width: Array, sine: Array) -> Array:
    """Depth (mm) at which the slowest stream runs evenly: u = √(8 g R sin b / f)."""
    low, high = np.zeros(np.shape(width)), np.full(np.shape(width), 60.0)
    for _ in range(40):
        depth = (low + high) / 2.0
        radius = width * depth / (width + 2.0 * depth)
        less = width * depth * np.sqrt(8.0 * GRAVITY * radius * sine / SLOW) < flow
        low, high = np.where(less, depth, low), np.where(less, high, depth)
    return high
