"""A device seen along the three axes, as flat shapes to scale: what `layout.svg` and the pour's animation draw. mm."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import Crossbar, PlacedCup, PlacedRow, Plane
from pelu_fab.ir.sized import SizedBucket
from pelu_fab.ir.solid import Outline, Part
from pelu_fab.network.names import duct_name, input_name, unit_of

View = Literal["plan", "front", "side"]
VIEWS: tuple[View, ...] = ("plan", "front", "side")
Flat = tuple[float, float]
Array = NDArray[np.float64]
LANDING = 16.0  # mm of full chute width where water lands


@dataclass(frozen=True, slots=True)
class Shape:
    """A polygon (or a line, if `is_open`) in a view: (right, up), mm. `kind` says what it is, `name` whose."""

    kind: str
    points: tuple[Flat, ...]
    name: str = ""
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A text in a view. `size` mm; `kind` as in `Shape`; `turned` reads upwards."""

    text: str
    place: Flat
    size: float
    kind: str = "name"
    anchor: Literal["start", "middle", "end"] = "middle"
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """One view."""

    shapes: tuple[Shape, ...]
    words: tuple[Word, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of all shapes."""
        points = [p for shape in self.shapes for p in shape.points]
        (left, right), (low, high) = [(min(axis), max(axis)) for axis in zip(*points, strict=True)]
        return left, low, right, high


def draw(device: Device, view: View) -> Drawing:
    """The device from above (`plan`), along y (`front`) or along x (`side`)."""
    layout, floor = device.layout, device.design.process.printer.floor
    shapes = [s for part in device.parts if part.role == "frame" for s in _frame(part, view)]
    for row, crossbar in zip(layout.rows, layout.crossbars, strict=False):
        shapes += _trays(row, crossbar, floor, view)
    wall = device.design.process.printer.wall
    rows = [s for row in layout.rows for s in _row(row, wall, view)]
    cups = [s for cup in layout.cups for s in _cup(cup, wall, view)]
    shapes += [*cups, *rows] if view == "plan" else [*rows, *cups]
    return Drawing(tuple(shapes), tuple(_words(device, view)))


def seen(view: View, swapped: bool, u: float, v: float, z: float) -> Flat:
    """A point in row coordinates as a view shows it."""
    x, y = (v, u) if swapped else (u, v)
    return {"plan": (x, y), "front": (x, z), "side": (y, z)}[view]


def faces_us(view: View, swapped: bool) -> bool:
    """Whether a view shows a row's buckets side by side."""
    return (view == "front") != swapped


def _frame(part: Part, view: View) -> Iterator[Shape]:
    """A flat plate's outline at its place; on edge, its thickness."""
    if part.transform is None:
        return
    matrix = np.array(part.transform)
    keep = {"plan": (0, 1), "front": (0, 2), "side": (1, 2)}[view]
    for prism in (p for module in part.modules for step in module if step.op == "add" for p in step.prisms):
        if prism.axis != "z":
            continue
        for outline in prism.outlines:
            ends = [_placed(outline, z, matrix) for z in (prism.start, prism.end)]
            flat = ends[1][:, keep]
            if _area(flat) > 1.0:
                yield Shape("frame", _points(flat), part.name)
            else:
                both = np.concatenate(ends)[:, keep]
                (left, low), (right, high) = both.min(0), both.max(0)
                yield Shape("frame", ((left, low), (right, low), (right, high), (left, high)), part.name)
        for void in prism.voids:
            flat = _placed(void, prism.end, matrix)[:, keep]
            if _area(flat) > 1.0:
                yield Shape("gap", _points(flat), part.name)


def _placed(outline: Outline, z: float, matrix: Array) -> Array:
    return np.asarray(np.array([[a, b, z] for a, b in outline]) @ matrix[:, :3].T + matrix[:, 3])


def _area(flat: Array) -> float:
    x, y = flat[:, 0], flat[:, 1]
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _points(flat: Array) -> tuple[Flat, ...]:
    return tuple((float(a), float(b)) for a, b in flat)


def _box(view: View, swapped: bool, u: Flat, v: Flat, z: Flat) -> tuple[Flat, ...]:
    corners = [seen(view, swapped, a, b, c) for a in u for b in v for c in z]
    (left, right), (low, high) = [(min(axis), max(axis)) for axis in zip(*corners, strict=True)]
    return ((left, low), (right, low), (right, high), (left, high))


def _trays(row: PlacedRow, crossbar: Crossbar, floor: float, view: View) -> Iterator[Shape]:
    sized, swapped = row.sized, crossbar.swapped
    if crossbar.chute_plane is None or crossbar.gutter_plane is None:
        return
    for gutter in crossbar.gutters:
        half, high = sized.gutter_width / 2, floor + sized.gutter_wall
        sides = (gutter.v - half, gutter.v + half)
        channel = _channel(view, swapped, crossbar.gutter_plane, gutter.end, sides, high, True)
        yield Shape("gutter", channel, f"gutter to {gutter.target}")
    for chute in crossbar.chutes:
        lane = chute.lane
        sides, name = (lane.c0, lane.c1), duct_name(lane.source, lane.target)
        if view == "plan":
            yield Shape("chute", _chute_plan(row, crossbar.chute_plane, chute.end, sides, swapped), name)
        else:
            high = floor + sized.chute_wall
            yield Shape("chute", _channel(view, swapped, crossbar.chute_plane, chute.end, sides, high, False), name)


def _channel(
    view: View, swapped: bool, plane: Plane, end: float, sides: Flat, high: float, along_u: bool
) -> tuple[Flat, ...]:
    """A tray's channel: in plan a strip, from its side a sloping bar, end on a box."""
    slope = radians(plane.slope_deg)

    def point(t: float, n: float, side: float) -> Flat:
        along = plane.head + t * cos(slope) + n * sin(slope)
        z = plane.head_z - t * sin(slope) + n * cos(slope)
        return seen(view, swapped, along, side, z) if along_u else seen(view, swapped, side, along, z)

    if view != "plan" and faces_us(view, swapped) == along_u:
        return (point(0, 0, sides[0]), point(end, 0, sides[0]), point(end, high, sides[0]), point(0, high, sides[0]))
    corners = [point(t, n, side) for t in (0, end) for n in (0, high) for side in sides]
    (left, right), (low, top) = [(min(axis), max(axis)) for axis in zip(*corners, strict=True)]
    return ((left, low), (right, low), (right, top), (left, top))


def _chute_plan(row: PlacedRow, plane: Plane, end: float, sides: Flat, swapped: bool) -> tuple[Flat, ...]:
    """As wide as its lane where water lands, then narrowed."""
    c0, c1 = sides
    middle, half = (c0 + c1) / 2, row.sized.min_lane / 2
    run = ((c1 - c0) / 2 - half) * row.sized.narrowing
    cosine = cos(radians(plane.slope_deg))
    if (c1 - c0) / 2 - half < 0.25 or LANDING + run > end - row.sized.hole:
        stations = [(0.0, c0, c1), (end, c0, c1)]
    else:
        stations = [
            (0.0, c0, c1),
            (LANDING, c0, c1),
            (LANDING + run, middle - half, middle + half),
            (end, middle - half, middle + half),
        ]
    left = [seen("plan", swapped, a, plane.head + t * cosine, 0.0) for t, a, _ in stations]
    right = [seen("plan", swapped, b, plane.head + t * cosine, 0.0) for t, _, b in reversed(stations)]
    return (*left, *right)


def _row(row: PlacedRow, wall: float, view: View) -> Iterator[Shape]:
    face = row.v + row.front + row.sized.ramp
    ends = (row.buckets[0].u0 - wall / 2, row.buckets[-1].u1 + wall / 2)
    back = min(row.v - b.bucket.depth for b in row.buckets) - wall
    side_on = view != "plan" and not faces_us(view, row.swapped)
    ends_v = (back, face + row.sized.spout_depth)
    if side_on:
        lip = face + row.sized.spout_depth
        low = ((back, row.bottom_z), (lip, row.bottom_z), (lip, row.sill_z - row.sized.ramp))
        high = ((row.v + row.front, row.sill_z), (row.v + row.front, row.rim_z), (back, row.rim_z))
        profile = (*low, *high)
        yield Shape("row", tuple(seen(view, row.swapped, 0.0, v, z) for v, z in profile), row.tag)
    else:
        yield Shape("row", _box(view, row.swapped, ends, ends_v, (row.bottom_z, row.rim_z)), row.tag)
    deepest = max(row.buckets, key=lambda b: b.bucket.depth * 100 + b.bucket.sill_height)
    for placed in [deepest] if side_on else row.buckets:
        bucket = placed.bucket
        floor_z = row.sill_z - bucket.sill_height
        u = (placed.u - bucket.width / 2, placed.u + bucket.width / 2)
        v = (row.v - bucket.depth, row.v)
        yield Shape("room", _box(view, row.swapped, u, v, (floor_z, row.rim_z)), bucket.name)
        if bucket.sill_height > 0:
            pool = (row.v - bucket.pool_depth, row.v)
            yield Shape("water", _box(view, row.swapped, u, pool, (floor_z, row.sill_z)), bucket.name)
        if side_on:
            continue
        yield from _teeth(row, bucket, u, view)


def _teeth(row: PlacedRow, bucket: SizedBucket, u: Flat, view: View) -> Iterator[Shape]:
    """The open widths of a comb, blades evenly between them."""
    teeth = [(mouth.target, width) for mouth in bucket.mouths for width in mouth.teeth]
    blade = (u[1] - u[0] - sum(width for _, width in teeth)) / max(len(teeth) - 1, 1)
    left, sill = u[0], (row.v, row.v + row.front)
    for target, width in teeth:
        opening = _box(view, row.swapped, (left, left + width), sill, (row.sill_z, row.rim_z))
        yield Shape("tooth", opening, duct_name(bucket.name, target))
        left += width + blade


def _cup(cup: PlacedCup, wall: float, view: View) -> Iterator[Shape]:
    top = cup.floor_z + cup.cup.height
    grown = ((cup.u0 - wall, cup.u1 + wall), (cup.v0 - wall, cup.v1 + wall), (cup.floor_z - wall, top))
    yield Shape("cup", _box(view, cup.swapped, *grown), cup.cup.port)
    yield Shape("room", _box(view, cup.swapped, (cup.u0, cup.u1), (cup.v0, cup.v1), (cup.floor_z, top)), cup.cup.port)


def _words(device: Device, view: View) -> Iterator[Word]:
    labels = dict(device.lowered.netlist.inputs)
    for row in device.layout.rows:
        in_view = view == "plan" or faces_us(view, row.swapped)
        for placed in row.buckets if in_view else ():
            bucket = placed.bucket
            if view == "plan":
                place = seen(view, row.swapped, placed.u, row.v - bucket.depth / 2, 0.0)
                outside = seen(view, row.swapped, placed.u, row.v - bucket.depth - 6.0, 0.0)
            else:
                place = outside = seen(view, row.swapped, placed.u, row.v, row.rim_z + 3.0)
            turned = view == "plan" and row.swapped
            kept = "" if view == "plan" else f" keeps {bucket.retained_volume / 1000.0:.1f} mL"
            yield Word(bucket.name + kept, place, 4.0 if view == "plan" else 3.2, "bucket", turned=turned)
            port = input_name(unit_of(bucket.name))
            if row.layer == 0 and view == "plan":
                yield Word(labels.get(port, ""), outside, 3.6, "port", turned=turned)
    for cup in device.layout.cups:
        if view != "front" and (view == "plan" or faces_us(view, cup.swapped)):
            middle = ((cup.u0 + cup.u1) / 2, (cup.v0 + cup.v1) / 2, cup.floor_z + cup.cup.height / 2)
            yield Word(
                cup.cup.label, seen(view, cup.swapped, *middle), 4.0, "port", turned=view == "plan" and cup.swapped
            )
