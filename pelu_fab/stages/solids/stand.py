"""What stands on the table: the rack round row cards and cups, the trestle under a tray's head. Print as they stand."""

from pelu_fab.ir.layout import Layout, Trestle
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Prism, Step, box, upright

AIR, RISE, BITE, UP = 0.2, 5.0, 0.3, 400.0
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


def trestle_part(trestle: Trestle, number: int, layout: Layout, process: Process) -> Part:
    """A U in plan, its back edge under the tray's floor, two horns beside it."""
    wall = 2 * process.printer.wall
    x0, x1 = trestle.x[0] - 0.4, trestle.x[1] + 0.4
    y0, y1 = trestle.y[1] - wall, trestle.y[1]
    web = box((x0 - wall, x1 + wall), (y0, y1), (0.0, trestle.top_z))
    legs = tuple(box(x, (trestle.y[0], y1), (0.0, trestle.top_z - 12.0)) for x in ((x0 - wall, x0), (x1, x1 + wall)))
    horns = tuple(box(x, (y0, y1), (0.0, trestle.top_z + 8.0)) for x in ((x0 - wall, x0), (x1, x1 + wall)))
    top, low = trestle.top_z - 14.0, 14.0
    middle, half = (x0 + x1) / 2, (x1 - x0) / 2 - 8.0
    window: Outline = (
        (middle - half, low),
        (middle + half, low),
        (middle + half, top - half),
        (middle, top),
        (middle - half, top - half),
    )
    steps = (Step("add", (web, *legs, *horns)), Step("cut", (Prism("y", y0 - 1.0, y0 + wall + 1.0, (window,)),)))
    return upright(f"trestle-{number + 1}", "stand", (steps,))
