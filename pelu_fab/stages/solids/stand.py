"""What stands on the table: the rack round row cards and cups, the trestle under a tray's head. Print as they stand."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Literal

from pelu_fab.ir.layout import AIR_BESIDE, Layout, Trestle, lettered
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, box, rectangle, upright

AIR, RISE, BITE, UP = 0.2, 5.0, 0.3, 4000.0
TENON, HORN, SHOULDER = 8.0, 8.0, 12.0  # mm: into the storey above; beside a tray; legs end so far below it
POST, WIDEST_ARCH, LEAST_ARCH = 7.0, 40.0, 5.0  # mm: between two arches; the widest one; half of the narrowest
TIE = 10.0  # mm: height of what ties legs
HEAD = 8.0  # mm below the seats from which on a rack's plates are as thick as two ears
SILL = 2.2  # mm before a row card's ear: over it the card comes out forwards, under the gutter that ends in it
GUIDE = 14.0  # mm: height of the plates that guide the cups


def rack_parts(layout: Layout, process: Process) -> list[Part]:
    """Plates from the back wall to the front, notched for the cards' ears; the tray lies on the back wall.

    A rack wider than the bed comes in several, which stand side by side: each takes half of the plate between them.
    """
    rack, cells = layout.rack, len(layout.rack.plates) - 1
    most = max(process.printer.bed[:2]) - 2.0
    count = max(1, ceil((rack.plates[-1] - rack.plates[0] + rack.thickness) / most))
    while (
        count < cells and max(rack.plates[b] - rack.plates[a] for a, b in _split(cells, count)) + rack.thickness > most
    ):
        count += 1
    spans = _split(cells, count)
    names = ["rack"] if len(spans) == 1 else [f"rack-{k + 1}" for k in range(len(spans))]
    web = process.printer.web
    return [_rack(layout, name, rack.plates[a : b + 1], web) for name, (a, b) in zip(names, spans, strict=True)]


def _split(cells: int, count: int) -> list[tuple[int, int]]:
    """First and last plate of each of `count` racks, as equal as can be."""
    ends = [round(cells * k / count) for k in range(count + 1)]
    return list(pairwise(ends))


def _rack(layout: Layout, name: str, plates: Sequence[float], web: float) -> Part:
    """The rack between its first and its last plate."""
    rack, hung, half = layout.rack, layout.hung, layout.rack.thickness / 2
    high = rack.seat_z + RISE + 4.0 if hung else rack.seat_z
    low = min(GUIDE, high)
    left = -half if plates[0] == rack.plates[0] else AIR
    right = half if plates[-1] == rack.plates[-1] else -AIR
    spans = [(p + (left if p == plates[0] else -half), p + (right if p == plates[-1] else half)) for p in plates]
    between = [p for p in rack.between if plates[0] < p < plates[-1]]
    leg, foot = (rack.front, rack.back[0], rack.back[1] + POST), rack.middle - BITE if hung else rack.back[0]
    if hung:
        head = (rack.seat_z - HEAD, high)
        solids = [_plate(span, (rack.back[0], rack.middle), head, web) for span in spans]
        solids += [_plate((p - half, p + half), (rack.back[0], rack.cups), head, web) for p in between]
    else:
        solids = [Prism("x", *_middle(span, web), (_leg(leg, (0.0, rack.back_z)),)) for span in spans]
    solids += [box((a, b), (foot, rack.front), (0.0, low)) for a, b in spans]
    back = box((spans[0][0], spans[-1][1]), rack.back, (0.0, rack.back_z))
    steps = [Step("add", (back, *solids))]
    cuts: list[Prism] = []
    webs = sorted(_middle(span, web) for span in (*spans, *((p - half, p + half) for p in between)))
    for one, other in pairwise(webs):  # light, and water that went astray runs out
        cuts += _arcade("y", rack.back, (one[1] + POST, other[0] - POST), (TIE, rack.back_z - TIE))
    deep = (rack.back[1] + POST, rack.middle - POST)
    for span in spans:
        if hung:
            cuts += _arcade("x", span, deep, (TIE, rack.seat_z - HEAD - POST))
        else:
            cuts += _brace(span, (leg[0], leg[2]), (low, rack.back_z))
    if hung:
        y0, y1 = hung[0].y + hung[0].ear[0] - AIR, hung[0].y + hung[0].ear[1] + AIR
        thin = [*between, *([plates[0]] if left > 0.0 else []), *([plates[-1]] if right < 0.0 else [])]  # cut through
        for r0, r1 in (p.reach for p in hung):
            x0 = r0 - (rack.thickness if any(abs(r0 - p) < half for p in thin) else AIR)
            x1 = r1 + (rack.thickness if any(abs(r1 - p) < half for p in thin) else AIR)
            cuts.append(box((x0, x1), (y0, y1), (rack.seat_z, UP)))
            cuts.append(box((x0, x1), (y1 - BITE, rack.middle + BITE), (rack.seat_z + SILL, UP)))
    if layout.trays:  # the last one lies on the back wall
        ends = [g.end for g in layout.trays[-1].gutters]
        low_x, high_x = min(e.x0 for e in ends) - 8.0, max(e.x1 for e in ends) + 8.0
        cuts.append(box((low_x, high_x), (rack.back[0] - 1.0, rack.back[1]), (rack.back_z, UP)))
    steps.append(Step("cut", tuple(cuts)))
    return upright(name, "stand", (tuple(steps),))


def _plate(x: Point, y: Point, head: Point, web: float) -> Prism:
    """A rack's plate: a web over its middle, and as thick as `x` between the elevations `head`, where ears stand."""
    (a, b), (c, d) = x, _middle(x, web)
    low, corbel = head[0], head[0] - (c - a)  # 45 degrees
    outline = ((c, 0.0), (d, 0.0), (d, corbel), (b, low), (b, head[1]), (a, head[1]), (a, low), (c, corbel))
    return Prism("y", *y, (tuple((round(p, 3), round(q, 3)) for p, q in dict.fromkeys(outline)),))


def _middle(x: Point, web: float) -> Point:
    """The web in the middle of a plate that spans `x`; all of a plate that is hardly thicker."""
    middle = (x[0] + x[1]) / 2
    return x if x[1] - x[0] < 2 * web else (middle - web / 2, middle + web / 2)


def trestle_parts(trestle: Trestle, number: int, process: Process) -> list[Part]:
    """A U in plan, its back edge under the tray's floor, two horns beside it; what is too tall stands on another."""
    cuts = _storeys(trestle, process.printer.bed[2] - TENON - 1.0)
    names = lettered(f"trestle-{number + 1}", len(cuts))
    ends = [*cuts[1:], None]
    return [_storey(one, trestle, low, high, process) for one, low, high in zip(names, cuts, ends, strict=True)]


def _storeys(trestle: Trestle, most: float) -> list[float]:
    """Feet of a trestle's storeys, none taller than `most`; the last one's below all that passes, for its tie."""
    count = max(1, ceil((trestle.top_z + HORN) / most))
    last = trestle.top_z * (count - 1) / count
    if trestle.passing_z is not None and count > 1:
        last = min(last, trestle.passing_z - TIE - 1.0)
    below = max(1, ceil(last / most))
    return [*(round(last * k / below, 3) for k in range(below)), round(last, 3)] if count > 1 else [0.0]


def _storey(name: str, trestle: Trestle, foot: float, head: float | None, process: Process) -> Part:
    """A trestle between two elevations; below another, its tenons hold that one's legs from inside."""
    wall = process.printer.web
    x0, x1 = trestle.x[0] - AIR_BESIDE, trestle.x[1] + AIR_BESIDE
    y0, y1 = trestle.y[1] - wall, trestle.y[1]
    top = trestle.top_z if head is None else head
    left, right = trestle.outer(wall)
    legs_top = min(top, trestle.top_z - SHOULDER)
    solids = [box((left, right), (y0, y1), (foot, top))]
    sides = ((x0 - wall, x0), (x1, x1 + wall))
    if head is None:
        solids += [Prism("x", *x, (_leg((trestle.y[0], y1, y0 - POST), (foot, legs_top)),)) for x in sides]
        solids += [box(x, (y0, y1), (foot, top + HORN)) for x in ((left, left + wall), (right - wall, right))]
        cuts = [cut for x in sides for cut in _brace(x, (trestle.y[0], y0 - POST), (foot + TIE, legs_top))]
    else:
        solids += [box(x, (trestle.y[0], y1), (foot, legs_top)) for x in sides]
        rib, thick = (trestle.y[0] + 1.0, y0 - 1.0), max(wall, AIR + process.printer.blade)
        solids += [_tenon(x, side, rib, top, thick) for x, side in ((x0, 1.0), (x1, -1.0))]
        across, held = (trestle.y[0] + POST, y0 - POST), 3 * TENON + wall  # where a leg's tenon stands
        cuts = [cut for x in sides for cut in _arcade("x", x, across, (foot + TIE, legs_top - POST - held))]
    if window := _window(trestle.straddles and head is None, (x0, x1), (foot, top)):
        cuts.append(Prism("y", y0 - 1.0, y1 + 1.0, (window,)))
    steps = [Step("add", tuple(solids)), *([Step("cut", tuple(cuts))] if cuts else [])]
    return upright(name, "stand", (tuple(steps),))


def _leg(y: tuple[float, float, float], z: Point) -> Outline:
    """A leg's (y, z): from its foot's front and back, `y[:2]`, its front leans up to `y[2]`."""
    (front, back, head), (foot, top) = y, z
    return ((front, foot), (back, foot), (back, top), (head, top), (front, foot + TIE))


def _brace(through: Point, y: Point, z: Point) -> list[Prism]:
    """What is left open in a leg whose front leans from `(y[0], z[0])` to `(y[1], z[1])`: a triangle, if its roof is as
    steep as prints.
    """
    (front, back), (low, top) = y, z
    run = abs(back - front) - POST
    if run < 2 * LEAST_ARCH or top - low < abs(back - front):
        return []
    corner = back - run if back > front else back + run
    outline = ((corner, low), (back, low), (back, round(low + (top - low) * run / abs(back - front), 3)))
    return [Prism("x", through[0] - 1.0, through[1] + 1.0, (outline,))]


def _tenon(x: float, side: float, y: Point, top: float, thick: float) -> Prism:
    """A rib on a leg's inner face at `x`, which leans out at 45 degrees and stands into the storey above."""
    inner = x + side * thick
    low = top - 2 * TENON - thick
    own, above = x - side * BITE, x + side * AIR
    outline = (
        (own, low - BITE),
        (inner, low + thick),
        (inner, top + TENON),
        (above, top + TENON),
        (above, top),
        (own, top),
    )
    return Prism("y", *y, (tuple((round(a, 3), round(b, 3)) for a, b in outline),))


def _window(straddles: bool, x: Point, z: Point) -> Outline | None:
    """What is left open between the legs: a pointed arch, or all above the tie that holds them together."""
    (x0, x1), (foot, top) = x, z
    if straddles:
        return rectangle(x0, x1, foot + TIE, UP)
    return _arch((x0 + SHOULDER, x1 - SHOULDER), (foot + TIE, top - TIE))


def _arch(across: Point, z: Point) -> Outline | None:
    """An opening with a roof of 45 degrees, as high as there is room; None where there is too little."""
    (a, b), (low, high) = across, z
    half = (b - a) / 2
    if half < LEAST_ARCH or high - half <= low + LEAST_ARCH:
        return None
    return ((a, low), (b, low), (b, high - half), (a + half, high), (a, high - half))


def _arcade(axis: Literal["x", "y"], through: Point, across: Point, z: Point) -> list[Prism]:
    """Arches side by side in a wall that stands from `through[0]` to `through[1]` along `axis`."""
    (a, b), count = across, max(1, ceil((across[1] - across[0] + POST) / (WIDEST_ARCH + POST)))
    wide = (b - a - (count - 1) * POST) / count
    spans = [(a + k * (wide + POST), a + k * (wide + POST) + wide) for k in range(count)]
    arches = [arch for span in spans if (arch := _arch(span, z))]
    return [Prism(axis, through[0] - 1.0, through[1] + 1.0, (arch,)) for arch in arches]
