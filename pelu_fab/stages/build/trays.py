"""Chutes and gutters as flat trays: a floor with holes and upright walls, printed flat, set at their slope by side frames."""

from math import atan2, cos, radians, sin, tan

from pelu_fab.errors import FabBug
from pelu_fab.ir.layout import Chute, Crossbar, PlacedRow, Plane
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Prism, Step, rectangle
from pelu_fab.ir.frames import SIDE, SIDE_GAP, TAB_OUT
from pelu_fab.stages.build.poses import Modules, chute_tray, gutter_tray
from pelu_fab.stages.build.row import row_ends

STRIP = 8.0  # mm: a bar of floor with a rib that joins the channels of a tray
LANDING = 16.0  # mm of full width where water lands
STRIP_GAP = 2.0  # mm between a strip and the hole below it
GUTTER_TAB = 10.0  # mm


def chute_part(row: PlacedRow, crossbar: Crossbar, process: Process) -> Part:
    """The tray of chutes below a row, in (u, t, n): t down the slope from the head, n up from the underside."""
    wall, sized = process.printer.wall, row.sized
    plane = _plane(crossbar.chute_plane)
    outer = [_chute_plan(chute, row, wall) for chute in crossbar.chutes]
    inner = [_chute_plan(chute, row, 0.0) for chute in crossbar.chutes]
    holes = [_chute_hole(chute, row) for chute in crossbar.chutes]
    u0, u1 = row_ends(row, wall)
    reach = SIDE_GAP + SIDE + TAB_OUT
    strips, ribs = [], []
    for t0, t1 in chute_strips(crossbar, sized.hole, wall):
        strips.append(rectangle(u0 - reach, u1 + reach, t0, t1))
        ribs.append(rectangle(u0 - SIDE_GAP / 2, u1 + SIDE_GAP / 2, t0, t0 + wall))
        ribs += [rectangle(u0 - reach, u0 - SIDE_GAP + 1.5, t0, t1), rectangle(u1 + SIDE_GAP - 1.5, u1 + reach, t0, t1)]
    modules = _tray(outer + strips, holes, outer + ribs, inner, process.printer.floor, sized.chute_wall)
    return chute_tray(f"chutes-{crossbar.tag}", modules, plane, crossbar.swapped, None)


def _chute_plan(chute: Chute, row: PlacedRow, wall: float) -> Outline:
    """Outline of a chute grown by `wall`: as wide as its lane where water lands, then narrowed to what drains itself."""
    lane, end = chute.lane, chute.end
    middle = (lane.c0 + lane.c1) / 2
    excess = (lane.c1 - lane.c0 - row.sized.min_lane) / 2
    run = excess * row.sized.narrowing
    if excess < 0.5 or LANDING + run > end - row.sized.hole:
        return rectangle(lane.c0 - wall, lane.c1 + wall, -wall, end + wall)
    half = row.sized.min_lane / 2
    corner = wall * tan(atan2(excess, run) / 2)  # a mitre: the wall keeps its thickness round the bend
    t0, t1 = LANDING + corner, LANDING + run + corner
    left = ((middle - half - wall, t1), (lane.c0 - wall, t0))
    right = ((lane.c1 + wall, t0), (middle + half + wall, t1))
    points = [(lane.c0 - wall, -wall), (lane.c1 + wall, -wall), *right]
    points += [(middle + half + wall, end + wall), (middle - half - wall, end + wall), *left]
    return tuple((round(u, 3), round(t, 3)) for u, t in points)


def _chute_hole(chute: Chute, row: PlacedRow) -> Outline:
    """The opening before the end wall, as wide as the chute is there."""
    plan = _chute_plan(chute, row, 0.0)
    end = [u for u, t in plan if t > chute.end - 1e-6]
    return rectangle(min(end), max(end), chute.end - row.sized.hole, chute.end)


def chute_strips(crossbar: Crossbar, hole: float, wall: float) -> tuple[tuple[float, float], ...]:
    """Where the tray's two strips run, along the slope: at the head, and before the last holes."""
    last = max(chute.end for chute in crossbar.chutes) - hole - STRIP_GAP
    return ((-wall, STRIP - wall), (round(last - STRIP, 3), round(last, 3)))


def gutter_part(row: PlacedRow, crossbar: Crossbar, process: Process) -> Part:
    """The tray of gutters below the chutes, in (s, v, n): s down the slope from the head."""
    wall, sized = process.printer.wall, row.sized
    plane = _plane(crossbar.gutter_plane)
    half = sized.gutter_width / 2
    outer = [rectangle(-wall, g.end + wall, g.v - half - wall, g.v + half + wall) for g in crossbar.gutters]
    inner = [rectangle(0.0, g.end, g.v - half, g.v + half) for g in crossbar.gutters]
    holes = [rectangle(g.end - sized.hole, g.end, g.v - half, g.v + half) for g in crossbar.gutters]
    u0, u1 = row_ends(row, wall)
    cosine, sine = cos(radians(plane.slope_deg)), sin(radians(plane.slope_deg))
    height = process.printer.floor + sized.gutter_wall
    first, last = crossbar.gutters[0].v, crossbar.gutters[-1].v
    head = 4.0
    tail = (u1 - plane.head - height * sine) / cosine - STRIP
    strips, ribs = [], []
    for s0 in (head, tail) if len(crossbar.gutters) > 1 else ():
        strips.append(rectangle(s0, s0 + STRIP, first, last))
        ribs.append(rectangle(s0, s0 + wall, first, last))
    tabs = (
        []
        if row.bay
        else [
            rectangle(
                (u0 - SIDE_GAP - SIDE - TAB_OUT - plane.head) / cosine,
                -wall / 2,
                v - GUTTER_TAB / 2,
                v + GUTTER_TAB / 2,
            )
            for v in sorted({first, last})
        ]
    )
    modules = _tray(outer + strips + tabs, holes, outer + ribs + tabs, inner, process.printer.floor, sized.gutter_wall)
    return gutter_tray(f"gutters-{crossbar.tag}", modules, plane, crossbar.swapped, None)


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
