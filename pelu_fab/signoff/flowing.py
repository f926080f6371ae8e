"""Water with speed: whether jets land in their gutters, streams stay between their walls, and no jet reaches a comb.

Formulas of free jets and of fast flow in open channels, held against a solver (docs/signoff.md). mm, mm/s, mm3/s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import asin, cos, degrees, hypot, radians, sin, sqrt, tau

import numpy as np

from pelu_fab.signoff.clinging import Ending, clings
from pelu_fab.signoff.crests import Look, Looks, lowest, up_walls
from pelu_fab.signoff.drops import BASIN, STUCK, trace
from pelu_fab.signoff.flight import landings
from pelu_fab.signoff.found import NOWHERE, place_of
from pelu_fab.signoff.gravity import Wet, full_siphons
from pelu_fab.signoff.inlets import inlets
from pelu_fab.signoff.pools import standing
from pelu_fab.signoff.report import Check, failed, least, most
from pelu_fab.signoff.siphon import passes
from pelu_fab.signoff.siphons import DRY
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.water import GRAVITY, speed_after
from pelu_fab.signoff.ways import Channel, Frame, Leg, Way, flows, frames, ways

DUMP = 36e3  # mm3/s: a jug emptied in three seconds
SLOWEST = 250.0  # mm/s of the slowest water that leaves a lip as a sheet
AT_SILL, RAMP = 270.0, 1.4  # mm/s that a sheet has at a sill; v² = AT_SILL² + RAMP g H at the foot of a ramp H tall
SLOW = 0.05  # friction factor of a stream as slow as was found
SURE, SURE_DUMP = 0.5, 2.0  # mm of wall above what climbs
BEFORE_LIP = 1.5  # mm: where a channel's end is measured
CROSS = 3.0  # times the normal depth that cross waves stand where a channel narrows
NARROWS = 0.05  # of the width, per mm along: less is straight
MARCH = 3.0  # mm along a channel
GUIDED = 3  # of those steps before a lip, along which walls give water its direction
LEAST_WIDTH, UNKNOWN = 2.0, 15.0  # mm: narrower is a place on a wall; taken where no wall is met
EDGES = (0.1, 0.47, 0.9)  # of a lip's width, where parcels leave; its very middle may lie on an edge, and fall through
LEAN, CLOSE = radians(12.0), 0.96  # that water out of a siphon may spread; of its radius, where parcels leave
DEEP = 3.0  # mm of wall beyond the last landing that is looked at as well


def flow_checks(
    wet: Wet, streams: Sequence["Stream"], poured: Sequence[Array] = (), trays: Sequence[str] = ()
) -> list[Check]:
    """flow.reach, flow.climb, flow.depth and flow.cling of every stream, and flow.inlet of every bucket.

    `poured`: where a hand pours each input; `trays`: names of parts in which some stream must have been seen.
    """
    reached, landed = _reaches(wet, streams)
    walls = _walls(wet, [stream for stream in streams if stream.over is not None])
    seen = {wet.surface.names[stream.over.frame.part] for stream in streams if stream.over is not None}
    dry = [name for name in trays if name not in seen]
    walls += [
        failed(rule, name, "no water is seen to run in it") for name in dry for rule in ("flow.climb", "flow.depth")
    ]

    def astray(goal: int, at: Array, face: Index) -> Mask:
        return np.array([not _is_in(wet, goal, end) for end in _drained(wet, at, face)], bool)

    for vessel, at in zip(wet.found.inputs, poured, strict=False):
        landed[vessel] = np.concatenate([landed.get(vessel, np.zeros((0, 3))), np.array(at)[None]])
    clinging = clings(wet, _endings(wet, streams), astray)
    return [*reached, *_siphons(wet), *walls, *clinging, *inlets(wet, landed)]


def _endings(wet: Wet, streams: Sequence["Stream"]) -> list[Ending]:
    """The lips of gutters over what they feed; a bucket's own are none."""
    last = [stream for stream in streams if stream.over is None]
    own = [wet.surface.names.index(wet.found.vessels[stream.way.source].part) for stream in last]
    return [
        Ending(one.name, one.way.goal, one.lip, one.ahead, one.angle, one.leaves)
        for one, bucket in zip(last, own, strict=True)
        if one.leaves != bucket
    ]


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
                    starts.append([*(np.array(siphon.axis) + CLOSE * siphon.bore / 2.0 * out), siphon.outlet_z - 0.1])
                    velocities.append([*(speed * sin(lean) * out), -speed * cos(lean)])
        at, face = landings(wet.surface, np.array(starts), np.array(velocities))
        astray = [not _is_in(wet, goal, end) for end in _drained(wet, at, face)] if goal != NOWHERE else [True]
        why = f"of its jet comes down elsewhere, at up to {fastest / 1e3:.2f} m/s and {degrees(LEAN):.0f} degrees aside"
        part = 100.0 * float(np.mean(astray))
        checks.append(most("flow.reach", f"{wet.duct(index, goal)} out of its siphon", part, 0.0, "%", why))
        if index in wet.found.pools:
            pool = wet.found.vessels[goal]
            air = siphon.outlet_z - standing(wet.surface, pool, siphon, wet.process)
            why = "of air from the water that stands there as it flushes up to its outlet"
            outlet = place_of(np.array([*siphon.axis, siphon.outlet_z]))
            checks.append(least("flow.depth", wet.names.get(goal, pool.part), air, DRY, "mm", why, outlet))
    return checks


def streams_of(wet: Wet, design_flow: float) -> list["Stream"]:
    """Every branch's water lip by lip, one jug after another at the design flow (mm3/s) and dumped."""
    table = flows(wet.found, design_flow, full_siphons(wet.found, wet.process))
    found = [way for way in ways(wet) if (way.source, way.goal) in table]
    turned = frames(wet, {leg.part for way in found for leg in way.legs[1:-1]})
    of_pools = {pool: _most(wet, v) for v, pool in wet.found.pools.items()}
    dumps = [of_pools.get(way.source, DUMP / design_flow) for way in found]
    lips = [_first(way, dump) for way, dump in zip(found, dumps, strict=True)]
    streams: list[list[Stream]] = [[] for _ in found]
    running = list(range(len(found)))
    while running:
        for k in running:
            own, total = table[found[k].source, found[k].goal]
            streams[k].append(_stream(wet, lips[k], len(streams[k]), turned, own, total, dumps[k]))
        running = [k for k in running if streams[k][-1].over is not None]
        for k, lip in zip(running, _ends(wet, [streams[k][-1] for k in running]), strict=True):
            lips[k] = lip
    return [stream for row in streams for stream in row]


def _most(wet: Wet, vessel: int) -> float:
    """How many times its full flow a siphon passes with its bucket as full as can be, however fast a jug is dumped."""
    one = wet.found.vessels[vessel]
    assert one.siphon is not None
    top = float(wet.surface.corners[wet.surface.faces_of_part(wet.surface.names.index(one.part))][:, :, 2].max())
    return passes(replace(one.siphon, crown_z=top), wet.process) / max(passes(one.siphon, wet.process), 1.0)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Lip:
    """What water leaves, as it does: `ends` (2, 3), `ahead` (2,) level, `heading` (3,) of the floor before it, and how
    fast, at the design flow and at a dump.
    """

    way: Way
    ends: Array
    ahead: Array
    heading: Array
    speeds: tuple[float, float]


def _first(way: Way, dump: float) -> _Lip:
    """The lip of a way's ramp."""
    along = np.array([-way.outward[1], way.outward[0]])
    first = way.legs[0]
    height = float(first.floor[0, 2] - first.lip[2])
    across = np.array(way.lip)[:, None] * along + (first.lip[:2] @ way.outward) * way.outward
    ends = np.column_stack([across, np.full(2, first.lip[2])])
    return _Lip(way, ends, way.outward, first.heading, (ramp_speed(height), ramp_speed(height, dump)))


def _stream(
    wet: Wet, lip: _Lip, number: int, turned: Mapping[int, Frame], own: float, total: float, dump: float
) -> Stream:
    """What falls from the lip at the end of a way's leg `number`."""
    leg, after = lip.way.legs[number : number + 2]
    last = number + 2 == len(lip.way.legs)
    over = None if last else turned[after.part].channel(float(np.median(after.floor @ turned[after.part].turn[2])))
    name = wet.duct(lip.way.source, lip.way.goal)
    return Stream(
        lip.way,
        f"{name} {'into' if last else 'over'} {wet.surface.names[after.part]}",
        lip.ends,
        lip.ahead,
        asin(min(max(-float(lip.heading[2]), 0.0), 1.0)),
        (own, own * dump),
        (own, own * dump) if number == 0 and last else (total, total * dump),
        lip.speeds,
        float(leg.lip[2] - after.floor[0, 2]),
        over,
        after,
        leg.part,
    )


def _ends(wet: Wet, streams: Sequence[Stream]) -> list[_Lip]:
    """Where the channel that each stream fell into ends, and how fast its water is there."""
    if not streams:
        return []
    stations = [_stations(stream.leg) for stream in streams]
    looks: list[Look] = []
    for stream, (at, _, _) in zip(streams, stations, strict=True):
        assert stream.over is not None
        down = stream.over.frame.down
        looks.append(_all_down(stream.over, np.vstack([at, stream.leg.lip - BEFORE_LIP * down])))
    together = Looks.of(looks)
    walls = together.parted(*together.measured(_to_walls))
    widths = _beside([_widths(sides[:-1]) for sides in walls], 1.0)
    sines = _beside([sines for _, sines, _ in stations], 0.0)
    steps = _beside([np.full(len(sines), step) for _, sines, step in stations], 0.0)
    slow, fast = (
        speed_after(
            np.array([_landing_speed(stream, dump) for stream in streams]),
            np.array([stream.total[dump] for stream in streams]),
            *(widths, sines, steps, wet.process.fluid.viscosity),
        ).tolist()
        for dump in (False, True)
    )
    found = []
    each = zip(stations, looks, streams, walls, strict=True)
    for number, ((at, _, _), (over, _, _), stream, sides) in enumerate(each):
        down, heading = over.frame.down, stream.leg.heading
        side = np.array([-down[1], down[0], 0.0]) / max(hypot(down[0], down[1]), 1e-9)
        left, right = np.where(np.isfinite(sides[-1]), sides[-1], 1.0)
        middle = stream.leg.lip - BEFORE_LIP * down + (left - right) / 2.0 * side
        before = -min(GUIDED, len(at))
        led = _led(at[before], sides[:-1][before], middle, side, down)
        ends = middle + BEFORE_LIP * led + np.outer([0.5, -0.5], (left + right) * side)
        ahead = led[:2] / max(hypot(led[0], led[1]), 1e-9)
        found.append(_Lip(stream.way, ends, ahead, heading, (slow[number], fast[number])))
    return found


def _led(place: Array, walls: Array, middle: Array, side: Array, down: Array) -> Array:
    """Unit direction (3,) in which a channel leads water from a place (3,), so far from its two `walls` (2,), to the
    `middle` before its lip; `down` where no walls are met.
    """
    if not np.isfinite(walls).all():
        return np.asarray(down)
    way = middle - (place + (walls[0] - walls[1]) / 2.0 * side)
    return np.asarray(way / np.linalg.norm(way) if way @ down > 0.0 else down)


def _beside(columns: Sequence[Array], rest: float) -> Array:
    """Arrays side by side as the columns of one, shorter ones filled up."""
    table = np.full((max(map(len, columns), default=0), len(columns)), rest)
    for number, column in enumerate(columns):
        table[: len(column), number] = column
    return table


def _all_down(over: Channel, at: Array) -> Look:
    """A look at places along a channel, straight down it."""
    return over, at, np.broadcast_to(over.frame.down, at.shape)


def _to_walls(over: Channel, at: Array, heading: Array) -> tuple[Array]:
    return (over.widths(at, heading),)


def _landing_speed(stream: Stream, dump: bool) -> float:
    """Speed along the floor of a sheet that a floor turns: it keeps what it has."""
    return sqrt(stream.speeds[dump] ** 2 + 2.0 * GRAVITY * max(stream.fall, 0.0))


def _widths(sides: Array) -> Array:
    """Inner width at each place from the distances to its walls (n, 2); where one is not met, as usual there."""
    width = sides.sum(axis=1)
    known = np.isfinite(width) & (width > LEAST_WIDTH)
    if known.all():
        return np.asarray(width)
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


def _walls(wet: Wet, streams: Sequence[Stream]) -> list[Check]:
    """How high water climbs where it lands and stands on its way, against the walls there: each stream's climb at the
    design flow and dumped, and its depth.
    """
    if not streams:
        return []
    stations = [_stations(stream.leg) for stream in streams]
    looks: list[Look] = []
    for stream, (course, _, _) in zip(streams, stations, strict=True):
        looks += [_landing(stream, False), _landing(stream, True), _course(stream, course)]
    together = Looks.of(looks)
    sides = together.measured(up_walls)
    wide, floors = [_widths(one) for one in together.parted(sides[0])], together.parted(sides[-1])
    stands = [np.zeros(len(at)) for _, at, _ in looks]
    stands[2::3] = _depths(streams, stations, wide[2::3])
    walls = together.parted(lowest(wet, together, sides, np.concatenate(stands)))
    checks = []
    for k, stream in enumerate(streams):
        for n, dump in ((3 * k, False), (3 * k + 1, True)):
            checks.append(_climb(stream, dump, looks[n][1], float(np.median(wide[n])), walls[n], floors[n]))
        left = walls[3 * k + 2] - stands[3 * k + 2]
        worst = int(np.argmin(left))
        why = f"of wall above water that stands {stands[3 * k + 2][worst]:.1f} mm deep"
        at = place_of(looks[3 * k + 2][1][worst])
        checks.append(least("flow.depth", stream.name, float(left[worst]), SURE, "mm", why, at))
    return checks


def _landing(stream: Stream, dump: bool) -> Look:
    """Into the channel from the nearest landing to beyond the farthest."""
    assert stream.over is not None
    near, far = stream.lands(dump)
    middle = stream.lip.mean(axis=0)[:2]
    at = stream.over.on_floor(middle + np.linspace(near, far + DEEP, 5)[:, None] * stream.ahead)
    return _all_down(stream.over, at)


def _course(stream: Stream, at: Array) -> Look:
    """Along the way of slow water, which leads over places (n, 3)."""
    assert stream.over is not None
    ways = np.gradient(at, axis=0)
    return stream.over, at, ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)


def _climb(stream: Stream, dump: bool, at: Array, width: float, walls: Array, floors: Mask) -> Check:
    """What climbs where water lands (n, 3), against the lowest of the `walls` there (n,)."""
    assert stream.over is not None
    slope, along = stream.over.frame.slope, _landing_speed(stream, dump)
    depth, base = stream.total[dump] / (width * along), (stream.total[dump] - stream.flow[dump]) / (width * along)
    climbs = climb(stream.speeds[dump], stream.angle - asin(slope), slope, stream.fall, depth, base)
    k = int(np.argmin(walls))
    high = float(walls[k]) if floors.any() else 0.0  # it all lands beside or beyond the channel
    why = f"wall beside a landing; water climbs {climbs:.1f} mm there"
    name = f"{stream.name}{', dumped' if dump else ''}"
    return least("flow.climb", name, high, climbs + (SURE_DUMP if dump else SURE), "mm", why, place_of(at[k]))


def climb(speed: float, angle: float, slope: float, fall: float, depth: float, base: float) -> float:
    """Height (mm) over a gutter's floor: h = d + vn² / (2 g cos b), vn² = (v sin(a - b))² + 2 g cos b (fall - d_base).

    `angle` is a - b in radians, `slope` sin b; `depth` d of all water, `base` d_base of what runs there already.
    """
    pull = 2.0 * GRAVITY * sqrt(1.0 - slope**2)
    return depth + ((speed * sin(max(angle, 0.0))) ** 2 + pull * max(fall - base, 0.0)) / pull


def _depths(
    streams: Sequence[Stream], stations: Sequence[tuple[Array, Array, float]], wide: Sequence[Array]
) -> list[Array]:
    """Depth of slow water at each station, with cross waves where the channel narrows or bends."""
    sines, narrows = [], []
    for (_, sine, step), width in zip(stations, wide, strict=True):
        sines.append(np.maximum(sine, 1e-3))
        narrows.append(-np.gradient(width, step) > NARROWS)
    counts = [len(one) for one in sines]
    flow = np.repeat([stream.total[0] for stream in streams], counts)
    depth = _normal_depth(flow, np.concatenate(wide), np.concatenate(sines))
    stands = depth * np.where(np.concatenate(narrows), CROSS, 1.0)
    return np.split(stands, np.cumsum(counts)[:-1])


def _normal_depth(flow: Array, width: Array, sine: Array) -> Array:
    """Depth (mm) at which the slowest stream runs evenly: u = √(8 g R sin b / f)."""
    low, high = np.zeros(np.shape(width)), np.full(np.shape(width), 60.0)
    for _ in range(40):
        depth = (low + high) / 2.0
        radius = width * depth / (width + 2.0 * depth)
        less = width * depth * np.sqrt(8.0 * GRAVITY * radius * sine / SLOW) < flow
        low, high = np.where(less, depth, low), np.where(less, high, depth)
    return high
