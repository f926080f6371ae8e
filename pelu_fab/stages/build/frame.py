"""Side frames and rails: flat plates whose windows hold rows level and trays at their slopes; wedges to level them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin, tan

from shapely import Polygon, unary_union
from shapely.geometry import LineString
from shapely.geometry import box as rect

from pelu_fab.ir.frames import SIDE, SIDE_GAP, letters
from pelu_fab.ir.layout import Crossbar, Layout, PlacedCup, PlacedRow, Plane
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Axis, Outline, Part, Prism, Step
from pelu_fab.stages.build.joints import split
from pelu_fab.stages.build.poses import on_edge, upright
from pelu_fab.stages.build.row import row_ends, tab_profile
from pelu_fab.stages.build.trays import GUTTER_TAB, chute_strips, gutter_groups, tab_places

BAR, LEG, PAD, FILLET = 10.0, 7.0, 3.0, 4.0  # mm: base bar, legs, rims of windows, rounding of inner corners
BRACE, STEEPEST = 6.0, 1.8  # of a brace: width, and slope up to which a cut through it can dovetail
CROSSING = 10.0  # mm above the bars that stays free where a frame of the segment before stands
FAR = 1e6
SLENDER = 30.0  # a leg's height per mm of its width, at most
END = 3.0  # mm of bar beyond a crossing
CUP_STOP = 0.8  # mm between the cups and the rail before them
SIDES = ("left", "right")
WEDGE = (40.0, 12.0, 1.0, 4.0)  # mm: length, width, heights of a levelling wedge


@dataclass(frozen=True, slots=True)
class Bay:
    """What one pair of side frames holds: a row, or rows one before the other, and the trays below the last."""

    rows: tuple[PlacedRow, ...]
    crossbar: Crossbar | None
    u0: float  # inner faces of the side frames
    u1: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Bays side by side that share two rails, and the cups if they stand here."""

    swapped: bool
    bays: tuple[Bay, ...]
    cups: tuple[PlacedCup, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a segment's base bars and rails run in v, and the frames of its neighbours that cross them."""

    start: float
    end: float
    rails: tuple[tuple[float, float], ...]
    link: tuple[float, float] | None  # the right frame of the segment before
    crossings: tuple[tuple[float, float], ...]  # the frames of the segment after


def frame_parts(layout: Layout, process: Process) -> list[Part]:
    """Side frames, rails and wedges of the whole device, in assembly order."""
    segments = _segments(layout, process)
    parts: list[Part] = []
    for number, segment in enumerate(segments):
        before = segments[number - 1] if number else None
        after = segments[number + 1] if number + 1 < len(segments) else None
        parts += _segment_parts(number, segment, before, after, process)
    length, width, low, high = WEDGE
    low = max(low, 2.0 * process.printer.nozzle)
    profile: Outline = ((0.0, 0.0), (length, 0.0), (length, high), (0.0, low))
    wedge = upright("foot-wedge", "foot", ((Step("add", (Prism("y", 0.0, width, (profile,)),)),),), False, 0)
    parts.append(Part(wedge.name, wedge.role, wedge.modules, None, 0, 4))
    return parts


def _segments(layout: Layout, process: Process) -> list[Segment]:
    """Rows that run the same way one after the other, by bay; and the cups alone where the last crossbar turns them."""
    wall = process.printer.wall
    runs: list[list[int]] = []
    for index, row in enumerate(layout.rows):
        if runs and layout.rows[runs[-1][-1]].swapped == row.swapped:
            runs[-1].append(index)
        else:
            runs.append([index])
    segments = []
    for run in runs:
        bays = []
        for number in sorted({layout.rows[index].bay for index in run}):
            here = [index for index in run if layout.rows[index].bay == number]
            rows = tuple(layout.rows[index] for index in here)
            crossbar = layout.crossbars[here[-1]]
            ends = [row_ends(row, wall) for row in rows]
            u0, u1 = min(e[0] for e in ends) - SIDE_GAP, max(e[1] for e in ends) + SIDE_GAP
            bays.append(Bay(rows, crossbar if crossbar.gutters else None, u0, u1))
        last = run is runs[-1] and bays[-1].crossbar is None
        segments.append(Segment(layout.rows[run[0]].swapped, tuple(bays), layout.cups if last else ()))
    if segments[-1].bays[-1].crossbar is not None:
        u0, u1 = layout.cups[0].u0 - wall - SIDE_GAP, layout.cups[-1].u1 + wall + SIDE_GAP
        segments.append(Segment(layout.cups[0].swapped, (Bay((), None, u0, u1),), layout.cups))
    return segments


def _segment_parts(
    number: int, segment: Segment, before: Segment | None, after: Segment | None, process: Process
) -> list[Part]:
    gap = process.printer.clearance
    link = (before.bays[-1].u1, before.bays[-1].u1 + SIDE) if before else None
    least = link[1] + gap + FILLET if link else -FAR
    drawn = [(bay, side, *_drawing(bay, side, least, process)) for bay in segment.bays for side in SIDES]
    ground = _ground(segment, link, after, [s for _, _, struts, _ in drawn for s in struts], process)
    bar = rect(ground.start, 0.0, ground.end, BAR)
    parts = []
    for index, (bay, side, struts, windows) in enumerate(drawn):
        plate = _plate(bar, struts, windows)
        is_last = index + 1 == len(drawn)
        for a, b in (*ground.rails, *(ground.crossings if is_last else ())):
            plate = plate.difference(rect(a - gap, -1.0, b + gap, BAR / 2 + gap))
        if ground.link is not None:
            a, b = ground.link
            plate = plate.difference(rect(a - gap, BAR / 2 - gap, b + gap, BAR + CROSSING))
        tag = f"{number}" + (letters(index // 2) if len(segment.bays) > 1 else "")
        u = bay.u1 if side == "right" else bay.u0 - SIDE
        parts += _flat(f"side-{tag}-{side}", plate, u, segment.swapped, False, process)
    frames = [u for bay in segment.bays for u in (bay.u0 - SIDE, bay.u1)]
    rail = rect(frames[0] - END, 0.0, frames[-1] + SIDE + END, BAR)
    for u in frames:
        rail = rail.difference(rect(u - gap, BAR / 2 - gap, u + SIDE + gap, BAR + 1.0))
    for index, (a, _) in enumerate(ground.rails):
        parts += _flat(f"rail-{number}-{index}", rail, a, segment.swapped, True, process)
    return parts


def _drawing(bay: Bay, side: str, least: float, process: Process) -> tuple[list[Polygon], list[Polygon]]:
    """Struts of a side frame, none of them behind the line v = `least`, and its windows with their clearance."""
    gap = process.printer.clearance
    windows = [_grown(_tab_window(row), gap) for row in bay.rows]
    if bay.crossbar is None:
        return [leg for row in bay.rows for leg in _trestle(row, least)], windows
    chutes = [_grown(w, gap) for w in _chute_windows(bay.rows[-1], bay.crossbar, process)]
    gutters = [_grown(w, gap) for w in _gutter_windows(bay, process, at_right=side == "right")]
    struts = [leg for row in bay.rows[:-1] for leg in _trestle(row, least)]
    return struts + _portal(bay, chutes, gutters, least, process), windows + chutes + gutters


def _ground(
    segment: Segment,
    link: tuple[float, float] | None,
    after: Segment | None,
    struts: Sequence[Polygon],
    process: Process,
) -> Ground:
    beyond = process.printer.wall + CUP_STOP
    front = max([*(cup.v1 + beyond for cup in segment.cups), *(s.bounds[2] for s in struts)])
    crossings: tuple[tuple[float, float], ...] = ()
    if after is not None:
        ends = [u for bay in after.bays for u in (bay.u0 - SIDE, bay.u1)]
        crossings = tuple((u, u + SIDE) for u in ends)
    tabs = [_tab_window(row).bounds[0] - PAD - 1.0 for bay in segment.bays for row in bay.rows]
    cups = [cup.v0 - beyond + END for cup in segment.cups]
    back = min([*tabs, *cups, *(a - 2 * END - SIDE for a, _ in crossings)], default=front)
    ahead = max([front, *(b + 2 * END for _, b in crossings)])
    rails: list[tuple[float, float]] = [(ahead, ahead + SIDE)]
    if link is None:
        rails.insert(0, (back - SIDE - END, back - END))
        return Ground(rails[0][0] - END, ahead + SIDE + END, tuple(rails), None, crossings)
    return Ground(link[0] - END, ahead + SIDE + END, tuple(rails), link, crossings)


def _plate(bar: Polygon, struts: Sequence[Polygon], windows: Sequence[Polygon]) -> Polygon:
    """All bars in one plate, inner corners rounded, windows cut last and sharp."""
    solid = unary_union([bar, *struts, *(_grown(w, PAD) for w in windows)])
    rounded = solid.buffer(FILLET, quad_segs=6).buffer(-FILLET, quad_segs=6)
    keep = rect(-FAR, 0.0, FAR, FAR)
    return rounded.intersection(keep).difference(unary_union([*windows]))


def _flat(name: str, plate: Polygon, start: float, turn: bool, along_u: bool, process: Process) -> list[Part]:
    """The plate as parts: one, or several with dovetails where it is longer than the bed."""
    pieces = split(plate.simplify(0.002), process.printer.bed[:2], process.printer.clearance)
    axis: Axis = "y" if along_u else "x"
    parts = []
    for number, piece in enumerate(pieces):
        voids = tuple(_ring(hole.coords) for hole in piece.interiors)
        prism = Prism(axis, round(start, 3), round(start + SIDE, 3), (_ring(piece.exterior.coords),), voids)
        suffix = f"-{number + 1}" if len(pieces) > 1 else ""
        parts.append(on_edge(name + suffix, prism, turn, along_u, len(voids)))
    return parts


def _ring(points: Sequence[tuple[float, ...]]) -> Outline:
    return tuple((round(p[0], 3), round(p[1], 3)) for p in list(points)[:-1])


def _grown(window: Polygon, by: float) -> Polygon:
    grown: Polygon = window.buffer(by, join_style="mitre")
    return grown


def _tab_window(row: PlacedRow) -> Polygon:
    v0, v1, z0, z1 = tab_profile(row)
    return rect(v0, z0, v1, z1)


def _chute_windows(row: PlacedRow, crossbar: Crossbar, process: Process) -> list[Polygon]:
    """Where the chute tray's strips pass the side frames, in (v, z)."""
    height = process.printer.floor + row.sized.chute_wall
    return [
        Polygon([_on_plane(tray.plane, t, n) for t, n in ((t0, 0), (t1, 0), (t1, height), (t0, height))])
        for tray in crossbar.chute_trays
        for t0, t1 in chute_strips(tray, row.sized.hole, process.printer.wall)
    ]


def _on_plane(plane: Plane, t: float, n: float) -> tuple[float, float]:
    c, s = cos(radians(plane.slope_deg)), sin(radians(plane.slope_deg))
    return plane.head + t * c + n * s, plane.head_z - t * s + n * c


def _gutter_windows(bay: Bay, process: Process, *, at_right: bool) -> list[Polygon]:
    """Where gutters, or at the left of the first bay their tabs, pass a side frame `SIDE` thick, in (v, z)."""
    crossbar, sized = bay.crossbar, bay.rows[-1].sized
    assert crossbar is not None and crossbar.gutter_plane is not None
    plane = crossbar.gutter_plane
    height = process.printer.floor + sized.gutter_wall
    slope = radians(plane.slope_deg)
    near, far = (bay.u1, bay.u1 + SIDE) if at_right else (bay.u0 - SIDE, bay.u0)
    low = plane.head_z - (far - plane.head) * tan(slope)
    high = plane.head_z - (near - plane.head) * tan(slope) + height / cos(slope)
    whole = at_right or bay.rows[-1].bay > 0
    half = sized.gutter_width / 2 + process.printer.wall if whole else GUTTER_TAB / 2
    groups = gutter_groups(bay.rows[-1], crossbar, process)
    places = [g.v for g in crossbar.gutters] if whole else [v for group in groups for v in tab_places(group)]
    return [rect(v - half, low, v + half, high) for v in places]


def _portal(
    bay: Bay, chutes: Sequence[Polygon], gutters: Sequence[Polygon], least: float, process: Process
) -> list[Polygon]:
    """Legs under the row and at the far end, a bar along the chutes' slope, one under the gutters, and a brace."""
    crossbar, row = bay.crossbar, bay.rows[-1]
    assert crossbar is not None
    v0, v1, z0, _ = tab_profile(row)
    back = (v0 + v1) / 2
    last = crossbar.gutters[-1].v + row.sized.gutter_width / 2 + process.printer.wall + PAD + LEG / 2
    knots = [(w.centroid.x, w.centroid.y) for w in chutes]
    (x0, z0_), (x1, z1_) = knots[-2:]
    top = z1_ + (z1_ - z0_) / (x1 - x0) * (last - x1)
    half = max(LEG, z0 / SLENDER) / 2
    foot = max(back - half, least)
    struts = [rect(foot, 0.0, foot + 2 * half, z0), rect(last - half, 0.0, last + half, top)]
    beam = LineString([(back, z0), *knots, (last, top)]).buffer(half, join_style="mitre")
    struts.append(beam.intersection(rect(least, 0.0, FAR, FAR)))
    low = gutters[0].bounds[1]
    struts.append(rect(back, low - BRACE, last, low))
    joint = min(low - BRACE / 2, BAR / 2 + STEEPEST * (last - back))
    struts.append(LineString([(back, BAR / 2), (last, joint)]).buffer(BRACE / 2, cap_style="flat"))
    return struts


def _trestle(row: PlacedRow, least: float) -> list[Polygon]:
    """Two legs that spread from a row's tab to the base bar."""
    v0, v1, z0, _ = tab_profile(row)
    middle, spread = (v0 + v1) / 2, min(22.0, (z0 - BAR) / 2)
    return [
        LineString([(middle, z0 + 2.0), (foot, BAR / 2)]).buffer(BRACE / 2, cap_style="flat")
        for foot in (max(middle - spread, least + BRACE), middle + spread)
    ]
