"""Cards in, loom out: where every card, gutter, cup and support stands. A formula, no search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import asin, ceil, cos, degrees, fsum, hypot, inf, radians, sin, tan

from pelu_fab.errors import BedError
from pelu_fab.ir.card import Card, Plate, Span
from pelu_fab.ir.layout import (
    OVER_EAR,
    STRADDLE,
    TIP_OVER,
    Gutter,
    Layout,
    PlacedCard,
    PlacedCup,
    Rack,
    Station,
    Tray,
    Trestle,
    Wings,
    lettered,
)
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.sheet import Sheet
from pelu_fab.ir.sized import Course, Sized
from pelu_fab.ir.units import GRAVITY, on_grid
from pelu_fab.stages.courses import FORGIVES, OVERLAP
from pelu_fab.stages.vessels import WITHIN, rack_plate

# mm, unless it says otherwise. physics §7.5 and 7.6 where no other reason is given.
FALL, UNDER = 8.0, 5.0  # from a lip to its gutter's floor, at least; from there to a foot's upper end
BETWEEN, LANDING = 1.5, 18.0  # between two cards; past a lip, straight
BREAK, LONE_BREAK = 15.0, 25.0  # past a lip, to a joint; where all comes down in one gutter and piles up
GUTTER_WALL, SPLASH = 13.0, 11.8  # at least; above a lip from which a dumped jug falls
CROWDED = 0.6  # of a wall: where a gutter takes all of several, a dumped jug falls on what already runs there
EAR, EAR_OUT, HEAD = (-18.0, 2.0), 2.4, 8.0  # local y of an ear; what it stands on; before the first, at least
FORWARD = 2.0  # that a card's centre of mass lies before its middle, at least
EAR_BEHIND, EAR_CLEAR = 2.0, 3.6  # of a short card before its back; from a joint to the next ear
HALF_WAY = 0.7  # of a bucket's length that an ear reaches back under it, where its comb lies before it
SEAT_AIR, EAR_ROOM = 0.3, 1.2  # behind an ear, at most; and at its wall's top
SIDE_AIR, RELIEF = 0.3, 0.6  # between a tray's outer walls and a card's name or ears; how proud that stands
KINK, LEAD = 0.42, 3.0  # aside per mm along (23 degrees); run per mm that each wall of a gutter moves in
ENTRY, NOTCH = 15.4, 2.5  # a tray above the sill that it feeds; air below
TAPER = 10.0  # run before a joint in which each wall of a gutter moves in
LAP, STEP = 8.0, 4.2  # that a tray reaches over the next; from its underside to the next one's floor
OVER = 0.3  # between a card's rim and the gutters above, which come to lie on it
MOST_RAISED, OVER_JET = 18.0, 3.5  # of a rim; of a baffle above the lip whose jet it meets
AFTER_BEND = 20.0  # from where gutters bend to a joint's lip: what runs there runs along them again
CALM, HEEL = 27.0, 15.0  # from a lip to the next sill and to the next foot: no bar and no heel where water lands
HEEL_AFTER = 20.0  # from a joint to the next foot: a card that slants back over what lands there cuts its walls down
PUSHES = tuple(2.0 * k for k in range(31))  # that what comes next is moved on
FLIGHT = 12.0  # from a joint's lip to where most comes down
DUMPED, AT_LIP, JET_AIR = 3.0, 600.0, 0.6  # times the design flow; mm/s; mm between a sheet and the next card
SHORTEST = 40.0  # a tray
LEGS = 36.0, 28.0  # from its head to a gutter's end above a card: past what a dumped jug flies; where none is so free
DRIP = 3.6  # that a cup reaches back under the card that spills into it
CUP_UNDER, ROW_EAR = 2.0, 1.8  # between a cup's rim and what is above; that a row card's ear stands out
FOOTING, TRESTLE, LEAST_TRESTLE = 13.0, 42.0, 24.0  # from a tray's head to its trestle; depth of that, at least
LEG_AIR, WING, RACK_AIR = 1.8, 14.0, 0.6  # beside a leg that others pass, or its tenon; run of a wing; before the rack
# of sheets: before a trestle's wall; behind a rack's, with and without a row; beside pads and ears
TOE, TAIL, BESIDE = 8.0, (9.0, 30.0), 0.2
LEG, LANDED = 32.0, 4.4  # of sheets: from a wall to a long foot's end, at least; of plate from an ear to the cups
AIMED, BEYOND = 10.0, 1.0  # of a gutter over a cup, straight at its end; from a card's front to a floor it passes by


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a gutter ends: y of its lip, middle and greatest width there; and how far it runs straight before."""

    y: float
    x: float
    width: float
    straight: float = 0.0


@dataclass(frozen=True, slots=True)
class Slope:
    """The plane of a staircase's floor: z = top - y tan β."""

    top: float
    degrees: float

    def z(self, y: float) -> float:
        """Elevation at y."""
        return self.top - y * tan(radians(self.degrees))


def slope_deg(process: Process) -> float:
    """Of every gutter: such that its steepest bend and narrowing still fall at the process's least slope."""
    least = sin(radians(process.channels.min_slope_deg))
    return ceil(degrees(asin(min(least * hypot(1.0, KINK + 1.0 / LEAD), 1.0))) * 100.0) / 100.0


def place(sized: Sized, netlist: Netlist, process: Process, sheet: Sheet | None = None) -> Layout:
    """Stand the staircases, the row and the cups one after the other, downstream and down; then all on the table.

    A stand that is cut from a `sheet` takes other room than a printed one; where water runs stays the same.
    """
    layers: list[tuple[PlacedCard, ...]] = []
    trays: list[Tray] = []
    slope, back = Slope(0.0, slope_deg(process)), 0.0  # of the staircase that comes; y of its first card's back
    exits: Mapping[str, Exit] = _side_by_side(sized, 0.0, process)
    for layer in range(len(sized.layers)):
        row, courses = _row_of(sized, layer), sized.courses[layer]
        if not courses:
            layers.append(_row(row, exits, trays, process))
            break
        ys, pieces = _stairs(row, back, process)
        placed = _up_to(_stand(row, ys, pieces, slope, courses, process), trays, process)
        layers.append(placed)
        following = _row_of(sized, layer + 1) if layer + 1 < len(sized.layers) and sized.courses[layer + 1] else ()
        on = _onward(placed, pieces, following, sized, courses, process)
        exits = on.exits
        made = _trays(f"tray-L{layer}", placed, pieces, courses, on, slope, process)
        trays += made
        if following:
            slope = _below(made, following, on.steps, on.pieces, sized.courses[layer + 1], process)
            back = on.after
    hung = layers[-1] if not sized.courses[-1] else ()
    cups, rack = _ending(hung, exits, trays, sized, process)
    if sheet:
        rack, hung = _of_sheets(rack, hung, trays, sized, sheet)
        layers = [*layers[:-1], hung] if hung else layers
    device = Layout(tuple(layers), tuple(trays), cups, rack, ())
    return _on_table(_with_trestles(device, process, sheet), process)


@dataclass(frozen=True, slots=True)
class _Onward:
    """What comes after a staircase: from `after` on, the next one's sills and pieces, or vessels side by side.

    `starts` are its trays' heads, `fan` is where its gutters leave their straight way.
    """

    after: float
    steps: Sequence[float]
    pieces: Sequence[int]
    exits: Mapping[str, Exit]
    fan: float
    starts: Sequence[float]


def _onward(
    placed: Sequence[PlacedCard],
    pieces: Sequence[int],
    following: Sequence[Card],
    sized: Sized,
    courses: Sequence[Course],
    process: Process,
) -> _Onward:
    """What comes next, as near as joints between trays then lie well; the nearest where they never do."""
    lip, past = placed[-1].y + placed[-1].card.lip_y, _past(placed[-1].card)
    starts, reach = _starts(placed, pieces, process), _reach(process)
    baffles = [card.depth - OVERLAP + plate.y1 for card in following for plate in card.plates if plate.crest]
    baffles += [card.depth - OVERLAP for card in following if card.siphon]  # its front wall
    inlet = max(baffles, default=0.0) + SEAT_AIR
    nearest = None
    for legs, push in product(LEGS, PUSHES):
        after = lip + LANDING + push
        steps, on_trays = _stairs(following, after, process)
        fan = inf if following else after
        exits = _into(following, steps, courses) if following else _side_by_side(sized, after, process)
        if not following and max(out.y for out in exits.values()) - starts[-1] > reach:
            fan += past  # a joint lies before it, and what falls there still runs straight
            exits = _side_by_side(sized, fan, process)
        joints, lie_well = _joints(starts[-1], lip + past, exits, fan, (legs, inlet), reach)
        found = _Onward(after, steps, on_trays, exits, fan, (*starts, *(joint - LAP for joint in joints)))
        if lie_well:
            return found
        nearest = nearest or found
    assert nearest
    return nearest


def _row_of(sized: Sized, layer: int) -> tuple[Card, ...]:
    """A layer's cards as they stand one behind the other: where gutters feed them, in those gutters' order.

    So the gutters that run on past a card lie side by side.
    """
    row = sized.layers[layer]
    if not layer or not sized.courses[layer]:
        return row
    order = [course.target for course in sized.courses[layer - 1]]
    return tuple(sorted(row, key=lambda card: order.index(card.name) if card.name in order else len(order)))


def _into(following: Sequence[Card], steps: Sequence[float], courses: Sequence[Course]) -> dict[str, Exit]:
    """Gutters run straight on over the next staircase, each to its own card."""
    spans = {course.target: course.span for course in courses}
    return {
        card.name: Exit(y - card.depth + OVERLAP, fsum(spans[card.name]) / 2, spans[card.name][1] - spans[card.name][0])
        for card, y in zip(following, steps, strict=True)
        if card.name in spans
    }


def _stairs(row: Sequence[Card], back: float, process: Process) -> tuple[list[float], list[int]]:
    """y of each card's sill, one behind the other from `back` on, and the tray that it hangs on.

    A new tray begins where the next card's landing would lie beyond the bed; the card's ears then stand wholly on it.
    """
    reach, first = _reach(process), back
    ys: list[float] = []
    pieces: list[int] = []
    start, lip, up, before = 0.0, 0.0, 0.0, None
    for card in row:
        y = back + card.wall + card.depth
        y = max(y, lip + CALM, lip + HEEL - card.foot[0], _behind_jet(before, lip, up, card, process)) if before else y
        start = start if ys else y + ear(card)[0] - _head(row, process)
        number = pieces[-1] if pieces else 0
        if ys and y + card.lip_y + LANDING - start > reach:
            assert before is not None
            joint = lip + _past(before)
            start, number = joint - LAP, number + 1
            y = max(y, joint + _after_joint(card))
            up += _step(process)  # the tray before lies higher
            ahead = max(y - card.depth - card.wall - lip - _thickest(before) / 2**0.5, 0.0)
            bent = GRAVITY * ahead**2 / AT_LIP**2  # below the straight line that the edge is seen along
            if y + bent < _behind_jet(before, lip, up - _up_over(card, y, start + LAP, process), card, process):
                y = max(y, _behind_jet(before, lip, up, card, process))
        if y + card.lip_y + LANDING - start > reach:
            bed = process.printer.bed
            told: tuple[float, ...] = (
                ceil(max(bed[:2]) + y + card.lip_y + LANDING - start - reach),
                min(bed[:2]),
                bed[2],
            )
            printer = process.printer.model_copy(update={"bed": told})
            try:  # on which the cards behind it may want more
                _stairs(row, first, process.model_copy(update={"printer": printer}))
            except BedError as longer:
                told = longer.bed
            raise BedError(card.name, f"needs a tray {told[0]:.0f} mm long, the bed takes {max(bed[:2]):g}", told)
        ys.append(on_grid(y))
        pieces.append(number)
        up = _up_over(card, ys[-1], start + LAP, process) if number else 0.0
        lip, before = ys[-1] + card.lip_y, card
        back = lip + BETWEEN
    return ys, pieces


def _past(card: Card) -> float:
    """From a card's lip to the joint behind it, at least."""
    return LONE_BREAK if len(card.mouths) == 1 else BREAK


def _after_joint(card: Card) -> float:
    """From a joint's lip to the next card's sill, at least: its ears stand on that tray, its foot behind what lands."""
    return max(EAR_CLEAR - ear(card)[0], HEEL_AFTER - card.foot[0])


def _up_over(card: Card, y: float, end: float, process: Process) -> float:
    """How much higher than usual a card at `y` stands, whose foot or slant lies over the `end` of the tray before."""
    slope = slope_deg(process)
    heel, fallen = y + card.foot[0], tan(radians(slope))
    above = (process.printer.floor + STEP) / cos(radians(slope)) + (y + card.lip_y - min(heel, end)) * fallen + UNDER
    return max(above - max(heel - end - GUTTER_WALL * sin(radians(slope)), 0.0) - fall(card, slope), 0.0)


def _behind_jet(before: Card, lip: float, up: float, card: Card, process: Process) -> float:
    """y of the next card's sill, at least, so that the lower edge of its back clears a jug dumped into the one before.

    That one stands `up` higher than usual. The sheet keeps its thickness t at the lip, down at 45 degrees; the edge is
    seen from there.
    """
    slope, fallen = slope_deg(process), tan(radians(slope_deg(process)))
    behind = card.depth + card.wall
    level = fall(card, slope) - fall(before, slope) - up - before.comb.lip  # of the foot above the lip, on one level
    edge = level + card.foot[0] + behind
    return (_thickest(before) * 2**0.5 + JET_AIR - edge + (card.lip_y - lip) * fallen + behind + lip) / (1.0 - fallen)


def _thickest(card: Card) -> float:
    """How thick a dumped jug leaves the spout that it crowds most."""
    sections = [mouth.section[1] - mouth.section[0] for mouth in card.mouths]  # as the shares
    spouts = [mouth.spout[1] - mouth.spout[0] for mouth in card.mouths]
    crowded = max(section / spout for section, spout in zip(sections, spouts, strict=True)) / fsum(sections)
    return card.design_flow * DUMPED * crowded / AT_LIP


def ear(card: Card) -> Span:
    """Local y of a card's ears: what they stand on, under its weight, no further back than the card; under a bucket
    behind its comb.
    """
    if card.spread:
        return on_grid(-HALF_WAY * card.depth), on_grid(card.comb_y + EAR[1])
    return on_grid(max(min(EAR[0], card.middle + FORWARD), EAR_BEHIND - card.depth)), EAR[1]


def _lowered(slope: Slope, piece: int, process: Process) -> Slope:
    """The floor of a staircase's further trays: each passes under the one before."""
    return replace(slope, top=slope.top - piece * _step(process))


def _step(process: Process) -> float:
    """From a tray's floor down to the next one's, which it passes over."""
    return (process.printer.floor + STEP) / cos(radians(slope_deg(process)))


def fall(card: Card, slope_deg: float) -> float:
    """From a card's foot to its gutter's floor below the lip: enough for the jet, and for water under its heel."""
    heel = min(card.foot[0], ear(card)[0] - SEAT_AIR)
    return on_grid(max(FALL, UNDER + (card.foot[1] - heel) * tan(radians(slope_deg))))


def _stand(
    row: Sequence[Card],
    ys: Sequence[float],
    pieces: Sequence[int],
    slope: Slope,
    courses: Sequence[Course],
    process: Process,
) -> tuple[PlacedCard, ...]:
    half = _half(row, courses, process)
    placed: list[PlacedCard] = []
    for card, y, piece in zip(row, ys, pieces, strict=True):
        bottom = _lowered(slope, piece, process).z(y + card.lip_y) + fall(card, slope.degrees)
        if piece and placed:
            end = max(p.y + p.card.lip_y + _past(p.card) for p, n in zip(placed, pieces, strict=False) if n < piece)
            bottom += _up_over(card, y, end, process)
        z = bottom - card.under.bottom_z
        reach = half + EAR_OUT + SIDE_AIR
        placed.append(PlacedCard(card, y, on_grid(z), ear(card), (-on_grid(reach), on_grid(reach))))
    return tuple(placed)


def _half(row: Sequence[Card], courses: Sequence[Course], process: Process) -> float:
    """From the middle to the inner face of a tray's outer walls, whose ears' seats leave gutters' walls whole."""
    bodies = [edge for card in row for edge in card.body]
    edge = max(-courses[0].span[0], courses[-1].span[1])
    return on_grid(max(edge + process.printer.slanting + TIP_OVER, *(abs(b) + RELIEF + SIDE_AIR for b in bodies)))


def _below(
    trays: Sequence[Tray],
    row: Sequence[Card],
    ys: Sequence[float],
    pieces: Sequence[int],
    courses: Sequence[Course],
    process: Process,
) -> Slope:
    """The slope of the next staircase: its cards' rims just clear the gutters that pass over and end in them."""
    flat = Slope(0.0, trays[0].slope_deg)
    placed = _stand(row, ys, pieces, flat, courses, process)
    return replace(flat, top=on_grid(min(_above(p, trays, process) - p.z - p.card.rim_z for p in placed)))


def _above(placed: PlacedCard, trays: Sequence[Tray], process: Process) -> float:
    """Elevation up to which a card may stand below the gutters that pass over it or end in it; inf where none do."""
    card, lowest = placed.card, inf
    front, back = placed.y + card.sill, placed.y - card.depth - card.wall
    for tray in trays:
        first, last = tray.head[0], tray.at(max(gutter.end.along for gutter in tray.gutters))[0]
        if first < front + BEYOND and last > back:
            wall = front if last > front else placed.y - card.depth  # where it would come to lie
            lowest = min(lowest, tray.floor_z(wall) - process.printer.floor / cos(radians(tray.slope_deg)) - OVER)
    return lowest


def _up_to(placed: Sequence[PlacedCard], trays: Sequence[Tray], process: Process) -> tuple[PlacedCard, ...]:
    """Cards with their rims up to the gutters over them, which so come to lie on every one; and no jet over a crest."""
    lips = {g.target: tray.at(g.end.along)[1] for tray in trays for g in tray.gutters}
    found = []
    for one in placed:
        gap = _above(one, trays, process) - one.z - one.card.rim_z
        raised = replace(one.card, rim_z=on_grid(one.card.rim_z + gap)) if 0.0 < gap < MOST_RAISED else one.card
        crest = lips.get(one.card.name, -inf) - one.z + OVER_JET
        if raised.crest:
            raised = replace(raised, crest=(*raised.crest[:2], on_grid(max(crest, raised.rim_z))))
        found.append(
            replace(one, card=replace(raised, plates=tuple(_crested(plate, crest) for plate in raised.plates)))
        )
    return tuple(found)


def _crested(plate: Plate, least: float) -> Plate:
    """The plate, its crest at least so high."""
    if not plate.crest:
        return plate
    x0, x1, top = plate.crest
    return replace(plate, crest=(x0, x1, on_grid(max(top, least))))


def _side_by_side(sized: Sized, after: float, process: Process) -> dict[str, Exit]:
    """Gutters fan out to what stands side by side: the row's cards over their cups, or the cups."""
    room = sized.cups[0].width if sized.courses[-1] else sized.layers[-1][0].x1 - sized.layers[-1][0].x0
    courses, groups = _order(sized)
    goals: dict[str, float] = {}
    for number, group in enumerate(groups):
        middle = sized.cup_pitch * (number - (len(groups) - 1) / 2)
        for k, name in enumerate(group):
            goals[name] = middle + sized.pitch * (k - (len(group) - 1) / 2)
    aside = (min(goals.values()) + max(goals.values())) / 2  # what lies farthest aside lies as near as it can
    goals = {name: x - aside for name, x in goals.items()}
    if not courses:
        return {name: Exit(after, on_grid(x), room) for name, x in goals.items()}
    spans = {course.target: course.span for course in courses}
    ends = {name: min(span[1] - span[0], room - 2 * WITHIN) for name, span in spans.items()}
    moves = {n: (abs(goals[n] - fsum(s) / 2), (s[1] - s[0] - ends[n]) / 2) for n, s in spans.items()}
    run = max(max(moved / KINK, closing * LEAD, 6.0) for moved, closing in moves.values())
    straight = AIMED if sized.courses[-1] else 0.0
    if not straight:  # where its lip reaches in, a gutter is within the walls beside it
        beside = {n: (room - end) / 2 - process.printer.slanting - SIDE_AIR for n, end in ends.items()}
        run = max(run, *((OVERLAP + SIDE_AIR) * fsum(moves[n]) / beside[n] for n in spans))
    return {n: Exit(on_grid(after + run + straight), on_grid(goals[n]), on_grid(ends[n]), straight) for n in spans}


def _order(sized: Sized) -> tuple[tuple[Course, ...], list[list[str]]]:
    """The courses that lead to what stands side by side, and its names from left to right, by cup."""
    if sized.courses[-1]:
        courses = sized.courses[-1]
        return courses, [[course.target] for course in courses]
    courses = sized.courses[-2] if len(sized.courses) > 1 else ()
    names = [course.target for course in courses] or [card.name for card in sized.layers[-1]]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(sized.cards[name].mouths[0].target, []).append(name)
    return courses, list(groups.values())


def _reach(process: Process) -> float:
    """How far along y a tray may reach that the bed takes."""
    return max(process.printer.bed[:2]) * cos(radians(slope_deg(process))) - GUTTER_WALL


def _head(row: Sequence[Card], process: Process) -> float:
    """Of tray before the first ear: its outer walls lean over it with the slope, and keep a blade at their tops."""
    slope = slope_deg(process)
    fallen, turn = tan(radians(slope)), cos(radians(slope))
    up = max(fall(card, slope) - (card.lip_y - ear(card)[1]) * fallen for card in row) * turn + OVER_EAR
    return on_grid(max(HEAD, EAR_ROOM + up * sin(radians(slope)) + process.printer.blade / turn))


def _starts(placed: Sequence[PlacedCard], pieces: Sequence[int], process: Process) -> list[float]:
    """Heads of the trays that a staircase's cards hang on."""
    starts = [placed[0].y + placed[0].ear[0] - _head([one.card for one in placed], process)]
    for one, (a, b) in zip(placed, pairwise(pieces), strict=False):
        if a != b:
            starts.append(one.y + one.card.lip_y + _past(one.card) - LAP)
    return starts


def _trays(
    name: str,
    placed: Sequence[PlacedCard],
    pieces: Sequence[int],
    courses: Sequence[Course],
    on: _Onward,
    slope: Slope,
    process: Process,
) -> list[Tray]:
    """The pieces of one staircase's floor, head to tail, each passing its water on to the next, a step lower."""
    half = _half([p.card for p in placed], courses, process)
    starts = on.starts
    ends = [*(start + LAP for start in starts[1:]), max(out.y for out in on.exits.values())]
    made, names = [], lettered(name, len(starts))
    for number, (y0, y1) in enumerate(zip(starts, ends, strict=True)):
        plane = _lowered(slope, number, process)
        tray = Tray(
            name=names[number],
            head=(on_grid(y0), on_grid(plane.z(y0))),
            slope_deg=slope.degrees,
            gutters=(),
            wall_height=on_grid(
                max([GUTTER_WALL, *(_splash(p, plane) for p, n in zip(placed, pieces, strict=True) if n == number)])
                + (CROWDED if _is_crowded(placed, courses) else 0.0)
            ),
            wall=process.printer.slanting,
            side=on_grid(EAR_OUT + 2 * SIDE_AIR + process.printer.wall),  # what an ear stands on, and what stops it
            floor=process.printer.floor,
            length=0.0,
        )
        if number:
            before = _lowered(slope, number - 1, process).z(y0 + LAP)
            tray = replace(tray, lap=on_grid(tray.to((y0 + LAP, before))[0]))
        gutters = tuple(g for course in courses if (g := _gutter(course, on.exits[course.target], on.fan, tray, y1)))
        length = max(g.end.along for g in gutters)
        made.append(replace(tray, gutters=gutters, length=length, half=half))
    return made


def _is_crowded(placed: Sequence[PlacedCard], courses: Sequence[Course]) -> bool:
    """Whether all that two cards pass on runs in one gutter."""
    lone = [one.card.mouths[0].target for one in placed if len(one.card.mouths) == 1]
    return len(courses) == 1 or len(set(lone)) < len(lone)


def _joints(
    start: float, free: float, exits: Mapping[str, Exit], fan: float, room: Span, reach: float
) -> tuple[list[float], bool]:
    """Where trays from `start` on pass on to the next (y), from `free` on; and whether no gutter ends where water of
    another lands, and each tray is long enough to stand.

    `room` is how far before a gutter's end none may begin, and behind it up to where the wall ends that its jet meets
    and that is as high; from `fan` on gutters run aside, and what falls where they bend would meet their walls.
    """
    end = max(out.y for out in exits.values())
    longest = reach - 1.0
    joints, lie_well = [], True

    def is_free(joint: float) -> bool:
        bends = fan - LANDING < joint < fan + AFTER_BEND
        return not bends and all(not out.y - room[0] < joint - LAP < out.y + room[1] for out in exits.values())

    while end - start > reach:
        more = ceil((end - start - LAP) / (longest - LAP))
        even = start + (end - start + (more - 1) * LAP) / more
        wanted, least = min(max(even, free), start + longest), max(start + SHORTEST, free)
        straight = fan - LANDING  # rather where gutters run straight, and where what falls there lands
        soonest = end - (more - 1) * (longest - LAP)  # before it, one tray more is needed
        if wanted > straight >= max(soonest, start + SHORTEST):
            wanted = straight
        before = (wanted - k for k in range(int(max(wanted - least, 0.0)) + 1))
        behind = (wanted + k for k in range(1, int(max(start + longest - wanted, 0.0)) + 1))
        tries = sorted((*before, *behind), key=lambda tried: tried < soonest)
        joint = next((on_grid(tried) for tried in tries if is_free(tried)), None)
        lie_well &= joint is not None
        joints.append(on_grid(wanted) if joint is None else joint)
        start = joints[-1] - LAP
    return joints, lie_well and end - start >= SHORTEST


def _splash(placed: PlacedCard, plane: Slope) -> float:
    """How high a dumped jug climbs beside where it lands: about what it fell, and its speed across the floor."""
    lip_y, lip_z = placed.at((placed.card.lip_y, placed.card.lip_z))
    return lip_z - plane.z(lip_y) + SPLASH


def _gutter(course: Course, out: Exit, fan: float, tray: Tray, end: float) -> Gutter | None:
    """The part of a gutter that lies on this tray, from its head to `end` or the gutter's own lip."""
    straight = (course.middle, course.span[1] - course.span[0])
    kink, led = min(fan, out.y), out.y - out.straight

    def span(y: float) -> Span:
        part = 0.0 if led <= kink or y <= kink else min((y - kink) / (led - kink), 1.0)
        x = straight[0] + (out.x - straight[0]) * part
        width = straight[1] + (out.width - straight[1]) * part
        return on_grid(x - width / 2), on_grid(x + width / 2)

    first, last = tray.head[0], min(end, out.y)
    if last - first < LAP:
        return None
    (x0, x1), (further, less) = span(last), span(last + FLIGHT)
    closing = FORGIVES + max((x1 - x0 - (less - further)) / 2, 0.0)  # of what it falls into, where that is narrower
    taper = TAPER * closing / FORGIVES
    bends = (kink, led) if out.straight else (kink,)
    ys = [first, *(y for y in bends if first + 1.0 < y < last - (taper if last < out.y else 0.0) - 1.0), last]
    stations = [Station(on_grid(tray.to((y, tray.floor_z(y)))[0]), *span(y)) for y in ys]
    if last < out.y:  # it passes its water on: a lip narrower than the gutter below forgives a tray that stands aside
        before = Station(on_grid(stations[-1].along - taper), *span(last - taper))
        lip = stations[-1]
        narrow = replace(lip, x0=on_grid(lip.x0 + closing), x1=on_grid(lip.x1 - closing))
        stations = [*stations[:-1], before, narrow]
    return Gutter(course.target, tuple(stations))


def _row(
    row: Sequence[Card], exits: Mapping[str, Exit], trays: Sequence[Tray], process: Process
) -> tuple[PlacedCard, ...]:
    """Cards side by side, each before its gutter's lip, or where a hand pours."""
    placed = []
    for card in row:
        out = exits[card.name]
        y = on_grid(out.y - OVERLAP + card.depth)
        z = on_grid(trays[-1].floor_z(out.y) - trays[-1].floor - ENTRY) if trays else 0.0
        moved = card.moved(out.x - (card.x0 + card.x1) / 2)
        if trays:
            (left, right), thin = moved.body, process.printer.blade  # no less stands beside it
            low, high = _over_back(trays[-1], card, out.y, process.printer.slanting)
            low = low if low > left + thin else left - 1.0
            high = high if high < right - thin else right + 1.0
            moved = replace(moved, notch=(on_grid(low), on_grid(high), on_grid(ENTRY - NOTCH)))
        reach = (on_grid(moved.body[0] - ROW_EAR), on_grid(moved.body[1] + ROW_EAR))
        placed.append(
            PlacedCard(moved, y, z, (on_grid(-0.8 * card.depth), on_grid(max(-0.12 * card.depth, -2.4))), reach)
        )
    return tuple(placed)


def _over_back(tray: Tray, card: Card, lip_y: float, wall: float) -> Span:
    """Where a card's gutter lies between its lip and the back wall it comes in over, its own walls and some air too."""
    (gutter,) = (gutter for gutter in tray.gutters if gutter.target == card.name)
    ends = [gutter.at(tray.to((y, tray.floor_z(y)))[0]) for y in (lip_y - OVERLAP - 2.0 * card.wall, lip_y)]
    return min(end.x0 for end in ends) - wall - SIDE_AIR, max(end.x1 for end in ends) + wall + SIDE_AIR


def _ending(
    hung: tuple[PlacedCard, ...],
    exits: Mapping[str, Exit],
    trays: Sequence[Tray],
    sized: Sized,
    process: Process,
) -> tuple[tuple[PlacedCup, ...], Rack]:
    """Cups, and the rack round them."""
    wall, floor = process.printer.wall, process.printer.floor
    end = max(out.y for out in exits.values())
    cup = sized.cups[0]
    xs: dict[str, list[float]] = {}
    if hung:
        for p in hung:
            xs.setdefault(p.card.mouths[0].target, []).append((p.card.x0 + p.card.x1) / 2)
        rim = min(p.z + p.card.under.bottom_z for p in hung) - CUP_UNDER
        front, seat = max(p.y for p in hung) + hung[0].card.sill, rim + CUP_UNDER
        back = min(p.y - p.card.depth - wall for p in hung)
    else:
        xs = {name: [out.x] for name, out in exits.items()}
        rim = trays[-1].floor_z(end) - floor * 1.1 - CUP_UNDER
        front = back = end - OVERLAP - wall
        seat = rim
    for port in (c.port for c in sized.cups if c.port not in xs):  # a cup that nothing feeds
        xs[port] = [max(x for row in xs.values() for x in row) + sized.cup_pitch]
    back_under = DRIP if hung else 0.0  # what runs back below a lip drips inside
    middles = {port: (min(row) + max(row)) / 2 for port, row in xs.items()}
    cups = tuple(
        PlacedCup(
            one,
            on_grid(middles[one.port] - one.width / 2),
            on_grid(middles[one.port] + one.width / 2),
            on_grid(front + wall - back_under),
            on_grid(front + wall - back_under + one.depth),
            on_grid(rim - one.height),
        )
        for one in sized.cups
    )
    edges = sorted({on_grid(m + side * sized.cup_pitch / 2) for m in middles.values() for side in (-1, 1)})
    between = sorted({on_grid(x + side * sized.pitch / 2) for row in xs.values() for x in row for side in (-1, 1)})
    rack = Rack(
        tuple(edges),
        tuple(x for x in between if all(abs(x - e) > 0.01 for e in edges)) if hung else (),
        rack_plate(process),
        (on_grid(back - process.printer.web - 0.4), on_grid(back - 0.4)),
        on_grid(front - back_under - CUP_UNDER),
        on_grid(front),
        on_grid(front + wall + cup.depth * 0.6),
        on_grid(seat),
        on_grid(trays[-1].floor_z(back - 0.4) - floor * 1.1 if trays else seat),
    )
    return cups, rack


def _of_sheets(
    rack: Rack, hung: tuple[PlacedCard, ...], trays: Sequence[Tray], sized: Sized, sheet: Sheet
) -> tuple[Rack, tuple[PlacedCard, ...]]:
    """The rack as flat plates that cross, and the row's cards with ears for slots cut through, and pads beside those.

    Two ears share a plate's thickness; before and behind them the plate stops the pads.
    """
    back = (on_grid(rack.back[1] - sheet.thickness), rack.back[1])
    rack = replace(rack, thickness=sheet.thickness, back=back, tail=TAIL[0] if hung else TAIL[1])
    if trays:  # it lies on the wall's front edge
        floor = trays[-1].floor / cos(radians(trays[-1].slope_deg))
        rack = replace(rack, back_z=on_grid(trays[-1].floor_z(back[1]) - floor))
    placed = []
    for one in hung:
        middle, half = (one.card.x0 + one.card.x1) / 2, sized.pitch / 2 - BESIDE
        low, high = one.ear
        if rack.between:  # these end behind the cups, and hold the ear before that
            high = min(high, on_grid(rack.cups - LANDED - one.y))
        aside = half - sheet.thickness / 2
        pad = (-one.card.depth, one.card.sill), (on_grid(middle - aside), on_grid(middle + aside))
        reach = on_grid(middle - half), on_grid(middle + half)
        placed.append(replace(one, ear=(low, high), reach=reach, pad=pad))
    return rack, tuple(placed)


def _with_trestles(layout: Layout, process: Process, sheet: Sheet | None) -> Layout:
    """The device with a trestle under each tray's head, clear of each other, and wings where they stand apart."""
    trestles: list[Trestle] = []
    trays = {tray.name: tray for tray in layout.trays}
    for tray in sorted(layout.trays, key=lambda tray: tray.head[0]):
        after = trestles[-1].y[1] if trestles else -inf
        trestle = (
            _sheet_trestle(tray, after, layout, process, sheet) if sheet else _trestle(tray, after, layout, process)
        )
        trestles.append(trestle)
        if trestle.straddles:
            low, high = (tray.to((y, tray.floor_z(y)))[0] for y in (trestle.front - WING, trestle.front + 1.0))
            wings = Wings(on_grid(trestle.x[1] + STRADDLE), (on_grid(max(low, 0.0)), on_grid(high)))
            trays[tray.name] = replace(tray, wings=wings)
    return replace(layout, trays=tuple(trays.values()), trestles=tuple(trestles))


def _trestle(tray: Tray, after: float, layout: Layout, process: Process) -> Trestle:
    """Under a tray's head, clear of the trestle that ends at `after`; beside what passes below."""
    web = process.printer.web

    def span(start: float) -> Span:
        y = on_grid(min(max(tray.head[0] + FOOTING, start) + web, layout.rack.back[0] - RACK_AIR))
        return on_grid(y - TRESTLE), y

    y = span(after + 1.0)
    below = _passing(layout, tray, y)
    if not below:
        y = (max(y[0], on_grid(after + 1.0)), y[1])
        y = y if y[1] - y[0] >= LEAST_TRESTLE else (y[0], span(after + 1.0 + LEAST_TRESTLE - web)[1])
        below = _passing(layout, tray, y)
    if below:  # its legs stand outside of all others'
        y = span(after + 1.0)
    own = max(_width(tray, place, layout) for place in (y[1], y[1] - web))  # its gutters may run aside here
    half = max([own, *(wide + LEG_AIR + 2 * web for wide, _ in below)])
    under = tray.floor_z(y[1]) - process.printer.floor / cos(radians(tray.slope_deg))
    return Trestle(
        (-on_grid(half), on_grid(half)), y, on_grid(under), on_grid(min(z for _, z in below)) if below else None
    )


def _sheet_trestle(tray: Tray, after: float, layout: Layout, process: Process, sheet: Sheet) -> Trestle:
    """The same of sheets: all of it clear of the trestle that ends at `after`, as a tie lies across its feet.

    These reach back, or forward where that leaves the wall nearer to the tray's head.
    """
    rack, thick = layout.rack, sheet.thickness
    head, start = tray.head[0] + FOOTING + thick, after + 1.0 + thick
    last = rack.back[0] - rack.tail - RACK_AIR
    back, ahead = max(head, start + LEG), max(head, start + TOE)
    toe = LEG if ahead < back and ahead + LEG <= last else TOE
    front = on_grid(min(ahead if toe == LEG else back, last - toe))
    y = on_grid(max(front - (TRESTLE if toe == TOE else thick + TOE), after + 1.0)), on_grid(front + toe)
    below = _passing(layout, tray, y) + [(wide, inf) for wide, _ in _passing(layout, tray, (y[0], y[0] + TOE))]
    wide = [
        *(_width(tray, place, layout) for place in (front, front - thick)),
        *(w + LEG_AIR + 2 * process.printer.web for w, _ in below),
    ]
    under = tray.floor_z(front) - process.printer.floor / cos(radians(tray.slope_deg))
    lowest = min((z for _, z in below), default=inf)
    passing = None if lowest == inf else on_grid(lowest)
    return Trestle((-on_grid(max(wide)), on_grid(max(wide))), y, on_grid(under), passing, on_grid(toe))


def _passing(layout: Layout, tray: Tray, y: Span) -> list[tuple[float, float]]:
    """(half its width, its lowest elevation) of all that lies below a tray over a span of y."""
    found = [(_width(o, y[1], layout), o.floor_z(y[1]) - 2 * o.floor) for o in layout.trays if _passes(o, tray, y)]
    for placed in layout.cards:
        first, last = placed.at((-placed.card.depth - placed.card.wall, 0.0))[0], placed.at((placed.card.lip_y, 0.0))[0]
        if first < y[1] and last > y[0] and placed.z < tray.floor_z(y[1]):
            found.append((max(abs(x) for x in placed.reach), placed.z + placed.card.under.bottom_z))
    return found


def _width(tray: Tray, y: float, layout: Layout) -> float:
    """From the middle to a tray's outermost face about y."""
    along = tray.to((y, tray.floor_z(y)))[0]
    places = [g.at(min(max(along, 0.0), g.end.along)) for g in tray.gutters]
    sides = tray.half + tray.side if any(tray.carries(placed) for placed in layout.cards) else 0.0
    return max(sides, *(abs(x) + tray.wall for s in places for x in (s.x0, s.x1)))


def _passes(other: Tray, tray: Tray, span: Span) -> bool:
    """Whether another tray lies below one where its trestle would stand."""
    first, last = other.head[0], other.at(other.length)[0]
    return other is not tray and first < span[1] and last > span[0] and other.floor_z(span[1]) < tray.floor_z(span[1])


def _on_table(layout: Layout, process: Process) -> Layout:
    """Everything moved up so that the cups stand on the table."""
    up = process.printer.floor - min(cup.floor_z for cup in layout.cups)
    return Layout(
        tuple(tuple(replace(p, z=on_grid(p.z + up)) for p in layer) for layer in layout.layers),
        tuple(replace(t, head=(t.head[0], on_grid(t.head[1] + up))) for t in layout.trays),
        tuple(replace(c, floor_z=on_grid(c.floor_z + up)) for c in layout.cups),
        replace(layout.rack, seat_z=on_grid(layout.rack.seat_z + up), back_z=on_grid(layout.rack.back_z + up)),
        tuple(
            replace(
                t, top_z=on_grid(t.top_z + up), passing_z=None if t.passing_z is None else on_grid(t.passing_z + up)
            )
            for t in layout.trestles
        ),
    )
