"""The stand as flat pieces cut from a sheet, that cross in half-laps and stand without glue.

What runs along y (ribs, legs) is slotted from above, what runs along x (walls, ties) from below: stand the former up,
and push the latter down onto them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, cos, pi, sin
from typing import Literal

from shapely import Polygon, box, prepare, unary_union

from pelu_fab.errors import FabError
from pelu_fab.ir.layout import AIR_BESIDE, STRADDLE, Layout, Rack, Trestle
from pelu_fab.ir.sheet import Sheet
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, Transform
from pelu_fab.stages.solids.lettering import raised, text_width
from pelu_fab.stages.solids.stand import AIR, GUIDE, HORN, SHOULDER, SILL

RISE = 9.0  # mm of a plate above its seats
EDGE, POST = 8.0, 9.0  # mm of sheet: beyond a slot at a piece's end; between two openings, and beside a slot
TIE, FOOT = 24.0, 14.0  # mm: height of a tie; below an opening
LAND = 4.0  # mm of a plate before the row's front, that stops ears
WITHIN, BESIDE = 0.6, 3.0  # mm of a tray beyond where it lies; that a wall is lower beside it
WIDEST, LEAST = 80.0, 8.0  # mm: widest and narrowest opening
ROUND, SOFT, CHORDS = 3.0, 8, 14  # mm of a corner; chords of a quarter of it; of a curve
UP = 4000.0
CAPITALS, CLEAR = (6.0, 5.0, 4.0, 3.0, 2.2), 1.2  # mm: heights of a name, the first that has room; and round it
STEP = 3.0  # mm in which that room is looked for

Slot = tuple[float, float]  # middle of what stands in it, and elevation of its inner end


def sheet_stand(layout: Layout, sheet: Sheet) -> list[Part]:
    """Every piece of the stand, what is slotted from above before what is from below. `FabError` where no sheet takes
    one.
    """
    parts = _rack(layout, sheet)
    for number, trestle in enumerate(layout.trestles):
        parts += _trestle(trestle, number, sheet)
    sizes = [sorted(max(ends) for ends in zip(*part.cut_lines[0], strict=True)) for part in parts]
    room, edge = sorted(sheet.room), max(sheet.size) - max(sheet.room)
    most = [max(size[k] for size in sizes) for k in (0, 1)]
    large = [k for k, size in enumerate(sizes) if size[0] > room[0] or size[1] > room[1]]
    if large:
        a, b = sizes[large[0]]
        least = [ceil((max(pair) + edge) / 10.0) * 10 for pair in zip(most, room, strict=True)]
        raise FabError(
            parts[large[0]].name,
            f"measures {b:.0f} x {a:.0f} mm, a sheet takes {room[1]:g} x {room[0]:g} mm ({len(large)} of {len(parts)} "
            "pieces are too large)",
            f"take a larger sheet (--set 'sheet.size=[{least[1]}, {least[0]}]'), or print the stand (--frame printed)",
        )
    return parts


def _rack(layout: Layout, sheet: Sheet) -> list[Part]:
    """Ribs beside the cups and between cards, from the left as seen from the cups; then what crosses them: a rail or a
    tie, and the wall that carries the tray.
    """
    rack, hung = layout.rack, bool(layout.hung)
    t = sheet.thickness
    wall_y, (high, own) = (rack.back[0] + rack.back[1]) / 2, _heads(rack, hung=hung)
    rail_y = rack.cups - t / 2 if hung else rack.back[0] - rack.tail + EDGE + t / 2
    wall_lap, rail_lap = own / 2, (rack.seat_z if hung else TIE) / 2
    parts = []
    ribs = sorted((*((x, True) for x in rack.plates), *((x, False) for x in rack.between)), reverse=True)
    for number, (x, to_front) in enumerate(ribs, 1):
        body = _rib(rack, high, hung=hung, to_front=to_front)
        if hung:
            body = body.difference(unary_union([_window((wall_y + t / 2 + POST, rail_y - t / 2 - POST), _up(rack))]))
            body = body.difference(_seats(layout, rack.cups if not to_front else rack.middle + LAND))
        slots = [_slot(y, (lap, UP), sheet) for y, lap in ((wall_y, wall_lap), (rail_y, rail_lap))]
        parts.append(_piece(f"rack-rib-{number}", "x", x - t / 2, body.difference(unary_union(slots)), sheet))
    left, right = ribs[-1][0] - t / 2 - EDGE, ribs[0][0] + t / 2 + EDGE
    tall = rack.seat_z - AIR - 0.1 if hung else TIE
    for name, y, top, lap in (
        ("rail" if hung else "tie", rail_y, tall, rail_lap),
        ("wall", wall_y, rack.back_z, wall_lap),
    ):
        body = _rounded(box(left, 0.0, right, top))
        if name == "wall" and layout.trays:
            body = _crown(body, layout)
        for (b, _), (a, _) in pairwise(ribs):
            body = body.difference(_window((a + t / 2 + POST, b - t / 2 - POST), (FOOT, top - FOOT)))
        slots = [_slot(x, (-1.0, lap + AIR), sheet) for x, _ in ribs]
        parts.append(_piece(f"rack-{name}", "y", y + t / 2, body.difference(unary_union(slots)), sheet))
    return parts


def _crown(body: Polygon, layout: Layout) -> Polygon:
    """A wall in (x, z) that is lower beside the tray which lies on it."""
    tray, (y, top) = layout.trays[-1], (layout.rack.back[1], layout.rack.back_z)
    along = tray.to((y, tray.floor_z(y)))[0]
    on = [gutter.at(min(along, gutter.end.along)) for gutter in tray.gutters]
    low, high = min(s.x0 for s in on) - tray.wall + WITHIN, max(s.x1 for s in on) + tray.wall - WITHIN
    beside = unary_union([box(-UP, top - BESIDE, low, UP), box(high, top - BESIDE, UP, UP)])
    return _rounded(body.difference(beside), BESIDE / 2)


def _heads(rack: Rack, *, hung: bool) -> tuple[float, float]:
    """How high ribs stand, and how much of that beside the wall: over its seats, or most of the way up to the tray."""
    high = rack.seat_z + RISE if hung else min(max(0.7 * rack.back_z, GUIDE + TIE), rack.back_z - EDGE / 2)
    return high, min(high, rack.back_z)


def _up(rack: Rack) -> Point:
    """From where to where a rib may be open."""
    return FOOT, rack.seat_z - FOOT


def _rib(rack: Rack, high: float, *, hung: bool, to_front: bool) -> Polygon:
    """A rib in (y, z): its tail behind the wall, its head, a sweep down to what guides the cups."""
    tail, wall = rack.back[0] - rack.tail, rack.back
    if not hung:
        behind = _curve((tail, TIE), (wall[0] - EDGE, TIE), (wall[0] - EDGE, high))
        before = _curve((wall[1] + EDGE, high), (wall[1] + EDGE, GUIDE), (rack.front, GUIDE))
        return _rounded(Polygon([(tail, 0.0), *behind, *before, (rack.front, 0.0)]))
    if not to_front:
        return _rounded(box(tail, 0.0, rack.cups, high))
    land = rack.middle + LAND
    before = _curve((land, high), (land, GUIDE), (max(rack.front, land + EDGE), GUIDE))
    return _rounded(Polygon([(tail, 0.0), (tail, high), *before, (before[-1][0], 0.0)]))


def _seats(layout: Layout, land: float) -> Polygon:
    """The air of the row's ears, and of their way out: forwards, once they are a little up."""
    one, seat = layout.hung[0], layout.rack.seat_z
    y0, y1 = one.y + one.ear[0] - AIR, one.y + one.ear[1] + AIR
    return unary_union([box(y0, seat, y1, UP), box(y0, seat + SILL, max(land, y1) + 60.0, UP)])


def _trestle(trestle: Trestle, number: int, sheet: Sheet) -> list[Part]:
    """Two legs, a tie across their feet behind, and the wall that carries the tray between its horns."""
    t, name = sheet.thickness, f"trestle-{number + 1}"
    inner, wall_y = trestle.x[1] + AIR_BESIDE, trestle.front - t / 2
    passing = trestle.passing_z if trestle.passing_z is not None else UP
    leg, tie_y = _leg(trestle, wall_y, t)
    lap = max(min((trestle.top_z - SHOULDER) / 2, passing - EDGE - 2.0), EDGE)
    leg = leg.difference(_slot(wall_y, (lap, UP), sheet)).difference(_slot(tie_y, (TIE / 2, UP), sheet))
    parts = [_piece(f"{name}-{side}", "x", x, leg, sheet) for side, x in (("left", inner), ("right", -inner - t))]
    legs = (-inner - t / 2, inner + t / 2)
    tie = _rounded(box(legs[0] - t / 2 - EDGE, 0.0, legs[1] + t / 2 + EDGE, TIE))
    tie = tie.difference(unary_union([_slot(x, (-1.0, TIE / 2 + AIR), sheet) for x in legs]))
    parts.append(_piece(f"{name}-tie", "y", tie_y + t / 2, tie, sheet))
    wall = _wall(trestle, t, inner, passing)
    wall = wall.difference(unary_union([_slot(x, (-1.0, lap + AIR), sheet) for x in legs]))
    return [*parts, _piece(f"{name}-wall", "y", trestle.front, wall, sheet)]


def _leg(trestle: Trestle, wall_y: float, t: float) -> tuple[Polygon, float]:
    """A leg in (y, z), its foot long on one side of the wall; and the middle of the tie across that."""
    ends, top = trestle.y, trestle.top_z - SHOULDER
    side = -1.0 if wall_y - ends[0] > ends[1] - wall_y else 1.0  # the long one
    far, near = ends if side < 0 else ends[::-1]
    tie_y, neck = far - side * (EDGE + t / 2), wall_y + side * (t / 2 + EDGE)
    shelf = tie_y - side * (t / 2 + EDGE)  # before the tie's slot
    sweep = _curve((shelf, TIE), (neck, TIE), (neck, top)) if (neck - shelf) * side < 0 else [(neck, TIE), (neck, top)]
    around = [(far, 0.0), (far, TIE), *sweep, (wall_y - side * (t / 2 + 0.75 * EDGE), top), (near, 0.0)]
    return _rounded(Polygon(around)), tie_y


def _wall(trestle: Trestle, t: float, inner: float, passing: float) -> Polygon:
    """A trestle's wall in (x, z): horns beside the tray, an opening below it; a fork where others pass."""
    out = trestle.outer(EDGE if trestle.straddles else t + EDGE)[1]
    lies = inner + (STRADDLE if trestle.straddles else 0.0)  # half of what lies on it
    body = _rounded(box(-out, 0.0, out, trestle.top_z + HORN))
    body = body.difference(box(-lies, trestle.top_z, lies, UP))
    low = min(passing - 1.0, trestle.top_z)
    opening = _window((-inner + POST, inner - POST), (FOOT, low - FOOT))
    if trestle.straddles:
        fork = _rounded(box(-inner, low, inner, UP), EDGE / 2)
        opening = unary_union([opening, fork])
    return body.difference(opening)


def _slot(middle: float, up: Point, sheet: Sheet) -> Polygon:
    return box(middle - sheet.slot / 2, up[0], middle + sheet.slot / 2, up[1])


def _window(across: Point, up: Point) -> Polygon:
    """Round arches side by side, as wide as there is room; nothing where there is too little."""
    (a, b), (low, high) = across, up
    count = max(1, ceil((b - a + POST) / (WIDEST + POST)))
    wide = (b - a - (count - 1) * POST) / count
    if wide < LEAST or high - low < wide / 2 + LEAST:
        return Polygon()
    arches = []
    for k in range(count):
        left, r = a + k * (wide + POST), wide / 2
        steps = (pi * n / (4 * SOFT) for n in range(4 * SOFT + 1))
        head = [(left + r + r * cos(angle), high - r + r * sin(angle)) for angle in steps]
        arches.append(_rounded(Polygon([*head, (left, low), (left + wide, low)])))
    return unary_union(arches)


def _curve(start: Point, through: Point, end: Point) -> list[Point]:
    """From start to end, first and last along the lines to `through`."""
    found = []
    for k in range(CHORDS + 1):
        s = k / CHORDS
        a, b, c = (1 - s) ** 2, 2 * s * (1 - s), s * s
        found.append((a * start[0] + b * through[0] + c * end[0], a * start[1] + b * through[1] + c * end[1]))
    return found


def _rounded(shape: Polygon, radius: float = ROUND) -> Polygon:
    """The shape with its outward corners rounded."""
    return shape.buffer(-radius, quad_segs=SOFT).buffer(radius, quad_segs=SOFT)


def _piece(name: str, across: Literal["x", "y"], at: float, shape: Polygon, sheet: Sheet) -> Part:
    """A piece whose shape is in (y, z) or (x, z) of the device and whose face stands at `at`: lower x, or higher y."""
    left, low, _, _ = shape.bounds
    lines = [_loop(ring.coords[:-1], left, low) for ring in (shape.exterior, *shape.interiors)]
    modules = ((Step("add", (Prism("z", 0.0, sheet.thickness, (lines[0],), tuple(lines[1:])),)),),)
    u, v = round(left, 3), round(low, 3)
    transform: Transform = (
        ((0.0, 0.0, 1.0, at), (1.0, 0.0, 0.0, u), (0.0, 1.0, 0.0, v))
        if across == "x"
        else ((1.0, 0.0, 0.0, u), (0.0, 0.0, -1.0, at), (0.0, 1.0, 0.0, v))
    )
    flat = Polygon(lines[0], lines[1:])
    return Part(name, "stand", modules, transform, len(lines) - 1, is_cut=True, engraved=_engraved(name, flat))


def _loop(points: Sequence[Point], left: float, low: float) -> Outline:
    placed = [(round(round(x, 3) - round(left, 3), 3), round(round(z, 3) - round(low, 3), 3)) for x, z in points]
    return tuple(dict.fromkeys(placed))


def _engraved(name: str, shape: Polygon) -> tuple[Outline, ...]:
    """The name as outlines, as large as there is room, the lowest place; upright where it has room so alone."""
    prepare(inside := shape.buffer(-CLEAR))
    right, high = shape.bounds[2:]
    for capitals in CAPITALS:
        long = text_width(name, capitals)
        for turned in (False, True):
            wide, tall = (capitals, long) if turned else (long, capitals)
            for x, z in _places(right - wide, high - tall):
                if inside.contains(box(x, z, x + wide, z + tall)):
                    (prism, *_) = raised([(name, capitals, 0.0, 0.0)], 0.0, 1, 1)
                    return tuple(
                        _written(loop, long, (x, z), capitals, turned) for loop in (*prism.outlines, *prism.voids)
                    )
    return ()


def _places(right: float, high: float) -> Iterator[Point]:
    """From below upwards, from the left to the right."""
    for row in range(int(max(high, 0.0) / STEP) + 1):
        for column in range(int(max(right, 0.0) / STEP) + 1):
            yield column * STEP, row * STEP


def _written(loop: Outline, long: float, at: Point, capitals: float, turned: bool) -> Outline:
    """A letter's outline at its place: along, or upwards."""
    if turned:
        return tuple((round(at[0] + capitals - z, 3), round(at[1] + long / 2 + x, 3)) for x, z in loop)
    return tuple((round(at[0] + long / 2 + x, 3), round(at[1] + z, 3)) for x, z in loop)
