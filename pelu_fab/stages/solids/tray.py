"""A tray as a part: floor, gutters' walls, outer walls with seats. Prints flat; stands at its slope."""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, radians, sin, tan

from pelu_fab.ir.layout import NEAR, OVER_EAR, SEAT_AIR, TIP_OVER, Gutter, PlacedCard, Tray, turned
from pelu_fab.ir.process import Printer
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, bounds, box, shifted

CLEAR = 0.6  # mm of air between a card's underside and the walls below it
HEAD_WALL = 4.1  # mm: what closes a gutter's head under the tray before
AHEAD, TIP, LEAN = 1.6, 0.4, 1 / 6  # mm before and above a lip, where the walls' tops begin to lean away; mm a mm
TIE = 11.0  # mm of floor that ties gutters, as far as the horns of their trestle
BESIDE, PAST = 1.2, 0.3  # mm: air beside a body; beyond a wall
STOPPED = 0.3  # mm between an ear's end and the wall that stops it
THIN, LAP_AIR = 3.0, 0.4  # mm: nothing thinner is left beside a body; beside the tray before
INTO = 0.2  # mm that a card's air reaches into that of the card before: two that just touch may leave a film
BEYOND = 1.4  # mm from its lip to where walls begin: so far a thin stream does not reach across
RISE = 5.0  # mm that a seat's ends stand above it
SEAT_TOP, SEAT_LEAN = RISE + 9.0, 1 / 14  # mm over its floor to which a seat widens; mm a mm on each side
HOLLOW = 30.0  # mm between a gutter and what ears stand on; above, only floor is left there, which is less to print
CHEEK = 4.0  # mm: thickness of what holds a tray before, and how much higher than its floor
HELD, POCKET = 2.5, 3.0  # mm: run of that, from the head; air beside the lip then, where no slot draws its water back
UP = 300.0


def tray_part(tray: Tray, placed: Sequence[PlacedCard], printer: Printer) -> Part:
    """The tray's part; `placed` are the cards that lie over it."""
    floor, air = tray.floor, max(LAP_AIR, printer.nozzle)
    top = floor + tray.wall_height
    strips = tuple(_strip(g, tray.wall) for g in tray.gutters)
    walls = tuple(_wall(g, side, tray.wall) for g in tray.gutters for side in (0, 1))
    heads = tuple(
        box((g.stations[0].x0 - 0.3, g.stations[0].x1 + 0.3), (0.0, tray.wall), (0.0, top)) for g in tray.gutters
    )
    over = [p for p in placed if not p.card.under.is_beak and _is_over(p, tray)]
    steps = [Step("add", (Prism("z", 0.0, floor, strips), Prism("z", 0.0, top, walls), *heads))]
    steps += [*_wings(tray), *_tie(tray)]
    steps.append(Step("add", _sides(tray, over) or _cheeks(tray, air)))
    held, lapped, end = _lapped(tray, air, HELD), _lapped(tray, air, tray.lap), tray.lap + BEYOND
    pairs = zip((None, *over), over, strict=False)
    cuts = [prism for before, p in pairs for prism in _room(p, before, tray, lapped, printer.blade)]
    if tray.lap:  # it lies under the one before, whose walls stand between the outer ones
        cuts.append(box(held, (-1.0, end), (floor + HEAD_WALL, UP)))
        if lapped != held:  # gutters spread on from where it is held
            cuts.append(box(lapped, (HELD, end), (floor + HEAD_WALL, UP)))
        cuts.append(_pocket(tray, lapped, printer))
    if cuts:
        steps.append(Step("cut", tuple(cuts)))
    modules = [tuple(steps)]
    (x, _, _), _ = bounds(modules)
    c, s = cos(radians(tray.slope_deg)), sin(radians(tray.slope_deg))
    y, z = tray.at(0.0, -floor)  # part (x, along, up from the bed) to the device
    transform = ((1.0, 0.0, 0.0, x), (0.0, c, s, y), (0.0, -s, c, z))
    return Part(tray.name, "tray", shifted(modules, -x, 0.0, 0.0), transform)


def _wings(tray: Tray) -> list[Step]:
    """Floor from the outermost gutters that run on so far out to the legs."""
    if not tray.wings:
        return []
    half, along = tray.wings.half, tray.wings.along
    on = [g.at(along[1]) for g in tray.gutters if g.end.along >= along[1]] or [g.end for g in tray.gutters]
    left, right = min(s.x0 for s in on), max(s.x1 for s in on)
    return [Step("add", (box((-half, left), along, (0.0, tray.floor)), box((right, half), along, (0.0, tray.floor))))]


def _tie(tray: Tray) -> list[Step]:
    """Floor across the head of a tray whose gutters have fanned out before it."""
    heads = sorted((g.stations[0].x0 - tray.wall, g.stations[0].x1 + tray.wall) for g in tray.gutters)
    if all(b[0] < a[1] for a, b in pairwise(heads)):
        return []
    return [Step("add", (box((heads[0][0], heads[-1][1]), (0.0, TIE), (0.0, tray.floor)),))]


def _is_over(placed: PlacedCard, tray: Tray) -> bool:
    """Whether a card's ears stand on this tray's walls, or its body lies over them."""
    first = min(along for along, _ in turned(placed.card.outline, tray, placed)) - 2 * CLEAR
    last, up = tray.to((placed.y + placed.card.lip_y, placed.z + placed.card.under.bottom_z))
    return last > 0.0 and first < tray.length and 0.0 < up < NEAR


def _strip(gutter: Gutter, wall: float) -> Outline:
    left = [(round(s.x0 - wall, 3), s.along) for s in gutter.stations]
    right = [(round(s.x1 + wall, 3), s.along) for s in reversed(gutter.stations)]
    return (*left, *right)


def _wall(gutter: Gutter, side: int, wall: float) -> Outline:
    inner = [((s.x0, s.x1)[side], s.along) for s in gutter.stations]
    out = -wall if side == 0 else wall
    return (*inner, *((round(x + out, 3), a) for x, a in reversed(inner)))


def _sides(tray: Tray, over: Sequence[PlacedCard]) -> tuple[Prism, ...]:
    """The outer walls on which the cards' ears stand, from the first ear to past the last."""
    if not over:
        return ()
    edges = (
        min(s.x0 for g in tray.gutters for s in g.stations[:1]),
        max(s.x1 for g in tray.gutters for s in g.stations[:1]),
    )
    ends = [tray.to((p.y + p.ear[1], p.z + p.card.under.bottom_z)) for p in over if tray.carries(p)]
    if not ends:
        return ()
    high = max(up for _, up in ends) + OVER_EAR
    stop = max(a for a, _ in ends) + 5.0
    along, up = (0.0, round(min(stop, tray.length), 3)), (0.0, tray.floor + high)
    out, made = tray.half + tray.side, []
    for beside, sign in ((edges[0] - 0.2, -1.0), (edges[1] + 0.2, 1.0)):
        inner = sign * tray.half if tray.half - sign * beside > HOLLOW else beside
        made.append(box(_span(inner, sign * out), along, up))
        if inner != beside:
            made.append(box(_span(beside, sign * out), along, (0.0, tray.floor)))
    return tuple(made)


def _span(one: float, other: float) -> Point:
    return min(one, other), max(one, other)


def _cheeks(tray: Tray, air: float) -> tuple[Prism, ...]:
    """What holds the tray before between it, where no outer walls do; on a strip of floor."""
    if not tray.lap:
        return ()
    low, high = _lapped(tray, air, HELD)
    along, held, top = (0.0, tray.lap + CHEEK), (0.0, HELD), tray.floor + HEAD_WALL + CHEEK
    strip = box((low - CHEEK, high + CHEEK), along, (0.0, tray.floor))
    return strip, box((low - CHEEK, low), held, (0.0, top)), box((high, high + CHEEK), held, (0.0, top))


def _pocket(tray: Tray, lapped: Point, printer: Printer) -> Prism:
    """The air beside the lip of the tray before, whose sides lie within `lapped`: as far out as the outer wall's own
    face where that is near. Its end leans back as seats do, so that what stands before an ear keeps its thickness.
    """
    most = tray.half + tray.side - 2 * printer.wall
    far = [edge + POCKET for edge in (-lapped[0], lapped[1])]
    left, right = (min(tray.half if abs(x - tray.half) < POCKET / 2 else x, most) for x in far)
    foot, end = tray.floor + HEAD_WALL, tray.lap + LAP_AIR
    high = foot + (end - HELD) / (tan(radians(tray.slope_deg)) + SEAT_LEAN)
    outline = ((HELD, foot), (round(end, 3), foot), (HELD, round(high, 3)))
    return Prism("x", min(-left, lapped[0]), max(right, lapped[1]), (outline,))


def _lapped(tray: Tray, air: float, along: float) -> tuple[float, float]:
    """Where the outer faces of the tray before stand on this one's head, up to `along`, with `air` beside them."""
    edge = [x for g in tray.gutters for s in (g.stations[0], g.at(along)) for x in (s.x0, s.x1)]
    return round(min(edge) - tray.wall - air, 3), round(max(edge) + tray.wall + air, 3)


def _room(placed: PlacedCard, before: PlacedCard | None, tray: Tray, lapped: Point, blade: float) -> list[Prism]:
    """The air that a card takes: its body between the outer walls, its ears and all above them in the walls.

    It goes back to the air of the card `before` where next to nothing would stand between. Within `lapped` the tray's
    walls begin beyond the tray before.
    """
    card, bottom = placed.card, placed.card.under.bottom_z
    y0, y1 = placed.ear[0] - SEAT_AIR, placed.ear[1] + SEAT_AIR
    half, far = tray.half, 60.0
    # Body and everything above it: from behind its back wall to its lip, half a millimetre clear.
    foot = card.foot
    slant = card.slant - CLEAR * 2**0.5
    back = -card.depth - card.wall - CLEAR
    if before:  # its air leans this way, so that what stands between is thinnest at the walls' tops
        ahead = before.y + before.card.lip_y + AHEAD
        tip = before.z + before.card.under.bottom_z + TIP
        above = tray.wall_height - tray.to((ahead, tip))[1]
        ahead -= placed.y
        into = INTO if slant - ahead < tip - placed.z else 0.0  # where that air does not lean over this one's yet
        back = ahead - into if 0.0 < back - ahead < max(THIN, tray.wall + above * LEAN) else back
    head = tray.at(tray.lap and tray.lap + BEYOND)[0] - placed.y  # where walls begin
    back = head - 1.0 if head < back < head + THIN + tray.wall_height * sin(radians(tray.slope_deg)) else back
    held = tray.at(HELD)[0] - placed.y  # the pocket reaches back to there
    back = held if tray.lap and held < back <= head else back
    ((first, _),) = turned(((back, slant - back),), tray, placed)
    back -= first + 1.0 if 0.0 < first < THIN else 0.0  # no spike of the outer walls at the tray's head
    air: Outline = (
        (back, slant - back),
        (slant - bottom + CLEAR, bottom - CLEAR),
        (foot[1] + AHEAD, bottom - CLEAR),
        (foot[1] + AHEAD, bottom + TIP),
        (foot[1] + AHEAD + far * LEAN, bottom + TIP + far),
        (back, bottom + TIP + far),
    )
    low, high = _past(card.body[0] - BESIDE, -1.0, tray, blade), _past(card.body[1] + BESIDE, 1.0, tray, blade)
    low, high = (-half if low < THIN - half else low), (half if high > half - THIN else high)
    prisms = [Prism("x", low, high, (_on_bed(air, tray, placed),))]
    for span, y in _ears(placed, tray, (y0, y1), blade):
        seat = _on_bed(_seat(y, bottom), tray, placed)
        prisms += [Prism("x", *span, (seat,)), *_blunted(span, seat, tray, 0.0, blade)]
        if tray.lap:
            within = max(span[0], lapped[0]), min(span[1], lapped[1])
            prisms += _blunted(within, seat, tray, tray.lap + BEYOND, blade)
    return prisms


def _blunted(span: Point, seat: Outline, tray: Tray, front: float, blade: float) -> list[Prism]:
    """The air over what begins at `front` along the tray, a gutter's head or wall, from where a seat that leans over it
    would leave less than a blade.
    """
    back = (seat[0], seat[5], seat[4])  # from its foot up
    for (a, up), (b, over) in pairwise(back):
        if b < front + blade < a and span[0] < span[1]:
            foot = up + (over - up) * (a - front - blade) / (a - b)
            is_met = foot < tray.floor + tray.wall_height
            return [box(span, (front - 1.0, front + blade), (round(foot, 3), UP))] if is_met else []
    return []


def _seat(y: Point, bottom: float) -> Outline:
    """The air of an ear between `y`, and all above it."""
    (y0, y1), top, far, aside = y, bottom + SEAT_TOP, 60.0, SEAT_LEAN * SEAT_TOP
    return ((y0, bottom), (y1, bottom), (y1 + aside, top), (y1 + aside, far), (y0 - aside, far), (y0 - aside, top))


def _ears(placed: PlacedCard, tray: Tray, y: Point, blade: float) -> list[tuple[Point, Point]]:
    """Spans along x, and y of each, that a card's ears need: on the outer walls, and from there to its body."""
    inner = tray.half - TIP_OVER
    low, high = placed.reach[0] - STOPPED, placed.reach[1] + STOPPED
    spans = [((low, _past(-inner, 1.0, tray, blade)), y), ((_past(inner, -1.0, tray, blade), high), y)]
    for side, sign in ((0, -1.0), (1, 1.0)):
        bar = placed.ear_bar(side)
        reach = sorted((_past(placed.card.body[side] - 0.5 * sign, -sign, tray, blade), sign * tray.half))
        spans.append(((reach[0], reach[1]), (bar[0] - SEAT_AIR, bar[1] + SEAT_AIR)))
    return spans


def _past(x: float, sign: float, tray: Tray, blade: float) -> float:
    """`x`, or, where a cut up to it would leave less than `blade` of a gutter's wall on the side of `sign`, beyond."""
    for gutter in tray.gutters:
        first = gutter.stations[0]
        for a, b in ((first.x0 - tray.wall, first.x0), (first.x1, first.x1 + tray.wall)):
            if sign < 0 and a < x < a + blade:
                x = a - PAST
            elif sign > 0 and b - blade < x < b:
                x = b + PAST
    return round(x, 3)


def _on_bed(outline: Outline, tray: Tray, placed: PlacedCard) -> Outline:
    """A card's (y, z) outline in a tray's print pose."""
    return tuple((round(a, 3), round(b + tray.floor, 3)) for a, b in turned(outline, tray, placed))
