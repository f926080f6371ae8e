"""What stands on the table: the rack round row cards and cups, the trestle under a tray's head. Print as they stand."""

from math import ceil

from pelu_fab.ir.layout import STRADDLE, Layout, Trestle
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, box, rectangle, upright

AIR, RISE, BITE, UP = 0.2, 5.0, 0.3, 400.0
TENON, HORN, SHOULDER = 8.0, 8.0, 12.0  # mm: into the storey above; beside a tray; legs end so far below it
AIR_BESIDE, TIE = 0.4, 14.0  # mm between a tray and its legs; height of what ties them
GUIDE = 24.0  # mm: height of the plates that guide the cups


def rack_part(layout: Layout) -> Part:
    """Plates from the back wall to the front, notched for the cards' ears; the tray lies on the back wall."""
    rack, hung = layout.rack, layout.hung
    x0, x1 = rack.plates[0] - rack.thickness / 2, rack.plates[-1] + rack.thickness / 2
    high = rack.seat_z + RISE + 4.0 if hung else rack.seat_z
    half, low = rack.thickness / 2, min(GUIDE, high)
    plates = [box((p - half, p + half), (rack.back[0], rack.middle), (0.0, high)) for p in rack.plates + rack.between]
    plates += [box((p - half, p + half), (rack.middle - BITE, rack.front), (0.0, low)) for p in rack.plates]
    back = box((x0, x1), rack.back, (0.0, rack.back_z))
    steps = [Step("add", (back, *plates))]
    cuts: list[Prism] = []
    if hung:
        y0, y1 = hung[0].y + hung[0].ear[0] - AIR, hung[0].y + hung[0].ear[1] + AIR
        cuts += [box((r0 - AIR, r1 + AIR), (y0, y1), (rack.seat_z, UP)) for p in hung for r0, r1 in [p.reach]]
    if layout.trays:  # the last one lies on the back wall
        ends = [g.end for g in layout.trays[-1].gutters]
        low_x, high_x = min(e.x0 for e in ends) - 8.0, max(e.x1 for e in ends) + 8.0
        cuts.append(box((low_x, high_x), (rack.back[0] - 1.0, rack.back[1]), (rack.back_z, UP)))
    steps.append(Step("cut", tuple(cuts)))
    return upright("rack", "stand", (tuple(steps),))


def trestle_parts(trestle: Trestle, number: int, process: Process) -> list[Part]:
    """A U in plan, its back edge under the tray's floor, two horns beside it; what is too tall stands on another."""
    most = process.printer.bed[2] - TENON - 1.0
    count = max(1, ceil((trestle.top_z + HORN) / most))
    cuts = [round(trestle.top_z * k / count, 3) for k in range(count)]
    name = f"trestle-{number + 1}"
    names = [name] if count == 1 else [f"{name}{'abcdefghij'[k]}" for k in range(count)]
    ends = [*cuts[1:], None]
    return [_storey(one, trestle, low, high, process) for one, low, high in zip(names, cuts, ends, strict=True)]


def _storey(name: str, trestle: Trestle, foot: float, head: float | None, process: Process) -> Part:
    """A trestle between two elevations; below another, its tenons hold that one's legs from inside."""
    wall = 2 * process.printer.wall
    x0, x1 = trestle.x[0] - AIR_BESIDE, trestle.x[1] + AIR_BESIDE
    y0, y1 = trestle.y[1] - wall, trestle.y[1]
    top = trestle.top_z if head is None else head
    out = wall + (STRADDLE if trestle.straddles else 0.0)
    legs_top = min(top, trestle.top_z - SHOULDER)
    solids = [box((x0 - out, x1 + out), (y0, y1), (foot, top))]
    solids += [box(x, (trestle.y[0], y1), (foot, legs_top)) for x in ((x0 - wall, x0), (x1, x1 + wall))]
    if head is None:
        solids += [
            box(x, (y0, y1), (foot, top + HORN)) for x in ((x0 - out, x0 - out + wall), (x1 + out - wall, x1 + out))
        ]
    else:
        solids += [_tenon(x, side, (trestle.y[0] + 1.0, y0 - 1.0), top, wall) for x, side in ((x0, 1.0), (x1, -1.0))]
    steps = [Step("add", tuple(solids))]
    if window := _window(trestle.straddles, (x0, x1), (foot, top)):
        steps.append(Step("cut", (Prism("y", y0 - 1.0, y1 + 1.0, (window,)),)))
    return upright(name, "stand", (tuple(steps),))


def _tenon(x: float, side: float, y: Point, top: float, wall: float) -> Prism:
    """A rib on a leg's inner face at `x`, which leans out at 45 degrees and stands into the storey above."""
    inner = x + side * wall
    low = top - 2 * TENON - wall
    own, above = x - side * BITE, x + side * AIR
    outline = (
        (own, low - BITE),
        (inner, low + wall),
        (inner, top + TENON),
        (above, top + TENON),
        (above, top),
        (own, top),
    )
    return Prism("y", *y, (tuple((round(a, 3), round(b, 3)) for a, b in outline),))


def _window(straddles: bool, x: Point, z: Point) -> Outline | None:
    """What is left open between the legs: a pointed arch, or all above the tie that holds them together."""
    (x0, x1), (foot, top) = x, z
    low = foot + TIE
    if straddles:
        return rectangle(x0, x1, low if foot == 0.0 else foot - 1.0, UP)
    middle, half, high = (x0 + x1) / 2, (x1 - x0) / 2 - SHOULDER, top - TIE
    if high - half <= low + 5.0:
        return None
    return (
        (middle - half, low),
        (middle + half, low),
        (middle + half, high - half),
        (middle, high),
        (middle - half, high - half),
    )
