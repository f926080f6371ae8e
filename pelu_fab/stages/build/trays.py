"""Chutes and gutters as flat trays: a floor with holes and upright walls, printed flat, sloped by the side frames."""

from collections.abc import Sequence
from math import atan2, cos, radians, sin, tan

from pelu_fab.errors import FabBug
from pelu_fab.ir.frames import SIDE, SIDE_GAP, TAB_OUT
from pelu_fab.ir.layout import Chute, ChuteTray, Crossbar, Gutter, PlacedRow, Plane
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Prism, Step, rectangle
from pelu_fab.stages.build.poses import Modules, chute_tray, gutter_tray
from pelu_fab.stages.build.row import row_ends
from pelu_fab.stages.route import LANDING

STRIP, LEAST_STRIP = 8.0, 4.0  # mm: a bar of floor with a rib that joins the channels of a tray
STRIP_GAP = 2.0  # mm between a strip and the hole below it
GUTTER_TAB = 10.0  # mm


def chute_parts(row: PlacedRow, crossbar: Crossbar, process: Process) -> list[Part]:
    """The trays of chutes below a row, in (u, t, n): t down the slope from the head, n up from the underside."""
    wall, sized = process.printer.wall, row.sized
    u0, u1 = row_ends(row, wall)
    reach = SIDE_GAP + SIDE + TAB_OUT
    parts = []
    for number, tray in enumerate(crossbar.chute_trays):
        outer = [_chute_plan(chute, row, wall) for chute in tray.chutes]
        inner = [_chute_plan(chute, row, 0.0) for chute in tray.chutes]
        holes = [
            rectangle(round(chute.h0, 3), round(chute.h1, 3), chute.end - sized.hole, chute.end)
            for chute in tray.chutes
        ]
        strips, ribs = [], []
        for t0, t1 in chute_strips(tray, sized.hole, wall):
            strips.append(rectangle(u0 - reach, u1 + reach, t0, t1))
            ribs.append(rectangle(u0 - SIDE_GAP / 2, u1 + SIDE_GAP / 2, t0, t0 + wall))
            ribs.append(rectangle(u0 - reach, u0 - SIDE_GAP + 1.5, t0, t1))
            ribs.append(rectangle(u1 + SIDE_GAP - 1.5, u1 + reach, t0, t1))
        modules = _tray(outer + strips, holes, outer + ribs, inner, process.printer.floor, sized.chute_wall)
        suffix = f"-{number + 1}" if len(crossbar.chute_trays) > 1 else ""
        parts.append(chute_tray(f"chutes-{crossbar.tag}{suffix}", modules, tray.plane, crossbar.swapped, None))
    return parts


def _chute_plan(chute: Chute, row: PlacedRow, wall: float) -> Outline:
    """Outline of a chute grown by `wall`: as wide as its lane where water lands, then narrowed to its hole."""
    lane, end = chute.lane, chute.end
    narrowed = chute.h0 - lane.c0
    run = narrowed * row.sized.narrowing
    corner = wall * tan(atan2(narrowed, run) / 2)  # a mitre: the wall keeps its thickness round the bend
    t0, t1 = LANDING + corner, LANDING + run + corner
    left = ((chute.h0 - wall, t1), (lane.c0 - wall, t0)) if narrowed else ()
    right = ((lane.c1 + wall, t0), (chute.h1 + wall, t1)) if narrowed else ()
    points = [(lane.c0 - wall, -wall), (lane.c1 + wall, -wall), *right]
    points += [(chute.h1 + wall, end + wall), (chute.h0 - wall, end + wall), *left]
    return tuple((round(u, 3), round(t, 3)) for u, t in points)


def chute_strips(tray: ChuteTray, hole: float, wall: float) -> tuple[tuple[float, float], ...]:
    """Where the tray's two strips run, along the slope: at the head, and before the last holes."""
    ends = sorted({chute.end for chute in tray.chutes}, reverse=True)
    last = ends[0] - hole - STRIP_GAP
    first = last - STRIP
    if len(ends) > 1 and first < ends[1] + STRIP_GAP:  # holes of a relay lie close behind the last gutter's
        first = ends[1] + STRIP_GAP
    if last - first < LEAST_STRIP - 1e-6:
        last = ends[1] - hole - STRIP_GAP
        first = last - STRIP
    return ((-wall, STRIP - wall), (round(first, 3), round(last, 3)))


def gutter_parts(row: PlacedRow, crossbar: Crossbar, process: Process) -> list[Part]:
    """The gutters below the chutes, as many side by side on a tray as fit the bed, in (s, v, n): s down the slope."""
    groups = gutter_groups(row, crossbar, process)
    parts = []
    for number, group in enumerate(groups):
        suffix = f"-{number + 1}" if len(groups) > 1 else ""
        modules = _gutters(row, crossbar, group, process)
        name = f"gutters-{crossbar.tag}{suffix}"
        parts.append(gutter_tray(name, modules, _plane(crossbar.gutter_plane), crossbar.swapped, None))
    return parts


def gutter_groups(row: PlacedRow, crossbar: Crossbar, process: Process) -> list[list[Gutter]]:
    """Gutters side by side, by the tray they are printed on."""
    groups: list[list[Gutter]] = []
    width = row.sized.gutter_width + 2 * process.printer.wall
    for gutter in crossbar.gutters:
        if groups and gutter.v - groups[-1][0].v + width <= min(process.printer.bed[:2]):
            groups[-1].append(gutter)
        else:
            groups.append([gutter])
    return groups


def _gutters(row: PlacedRow, crossbar: Crossbar, gutters: list[Gutter], process: Process) -> Modules:
    wall, sized, plane = process.printer.wall, row.sized, _plane(crossbar.gutter_plane)
    half = sized.gutter_width / 2
    outer = [rectangle(-wall, g.end + wall, g.v - half - wall, g.v + half + wall) for g in gutters]
    inner = [rectangle(0.0, g.end, g.v - half, g.v + half) for g in gutters]
    holes = [rectangle(g.end - sized.hole, g.end, g.v - half, g.v + half) for g in gutters]
    u0, u1 = row_ends(row, wall)
    cosine, sine = cos(radians(plane.slope_deg)), sin(radians(plane.slope_deg))
    height = process.printer.floor + sized.gutter_wall
    first, last = gutters[0].v, gutters[-1].v
    low = max(4.0, (u0 - plane.head) / cosine + 2.0)
    tail = (u1 - plane.head - height * sine) / cosine - STRIP
    strips, ribs = [], []
    for s0 in (round(low, 3), round(tail, 3)) if len(gutters) > 1 else ():
        strips.append(rectangle(s0, s0 + STRIP, first, last))
        ribs.append(rectangle(s0, s0 + wall, first, last))
    tabs = [
        rectangle(
            (u0 - SIDE_GAP - SIDE - TAB_OUT - plane.head) / cosine, -wall / 2, v - GUTTER_TAB / 2, v + GUTTER_TAB / 2
        )
        for v in tab_places(gutters)
        if row.bay == 0
    ]
    return _tray(outer + strips + tabs, holes, outer + ribs + tabs, inner, process.printer.floor, sized.gutter_wall)


def tab_places(gutters: Sequence[Gutter]) -> list[float]:
    """Which gutters of a tray have a tab at their head: the first and the last."""
    return sorted({gutters[0].v, gutters[-1].v})


def _tray(
    floors: list[Outline], holes: list[Outline], walls: list[Outline], rooms: list[Outline], floor: float, height: float
) -> Modules:
    """A plate `floor` thick with holes, and walls up to `floor + height` that leave the rooms free."""
    plate = Prism("z", 0.0, floor, tuple(floors), tuple(holes))
    fence = Prism("z", 0.0, round(floor + height, 3), tuple(walls), tuple(rooms))
    return ((Step("add", (plate, fence)),),)


def _plane(plane: Plane | None) -> Plane:
    if plane is None:
        raise FabBug("a matching has no trays")
    return plane
