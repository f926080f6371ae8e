"""Where water stands and runs, for pictures: a device in, plain boxes and streams out. mm, assembly coordinates."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import cos, radians, sin
from typing import Any, Literal

from pelu_fab.hydraulics import transit_time, weir_coefficient
from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import Chute, Crossbar, Gutter, PlacedCup, PlacedRow, Plane
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.names import duct_name

SCHEMA = 1
Point = tuple[float, float, float]
Line = Literal["x", "y"]


@dataclass(frozen=True, slots=True)
class Pool:
    """A bucket's water room: `along` is the line of its comb; the floor falls to the sill beyond `pool_depth`."""

    name: str
    along: Line
    u: float  # middle along the row
    v: float  # line of the sill
    width: float
    depth: float
    pool_depth: float
    slope: float
    floor_z: float
    sill_z: float
    rim_z: float
    facing: int  # +1: water leaves towards larger v
    area: float
    open_width: float
    inlet: Point  # where a jug pours


@dataclass(frozen=True, slots=True)
class Glass:
    """A read-out cup's inside."""

    port: str
    label: str
    x: tuple[float, float]
    y: tuple[float, float]
    floor_z: float
    height: float
    capacity_ml: float


@dataclass(frozen=True, slots=True)
class Stream:
    """A straight run of water `width` wide across `across`, carrying what flows in all its `ducts`."""

    ducts: tuple[str, ...]
    start: Point
    end: Point
    width: float
    across: Line
    is_fall: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it; `seconds` a drop takes through each duct, by name; the weir's constants for live water."""

    pools: tuple[Pool, ...]
    glasses: tuple[Glass, ...]
    streams: tuple[Stream, ...]
    seconds: tuple[tuple[str, float], ...]
    coefficient: float  # of the weir, mm^0.5/s
    viscosity: float  # mm2/s
    sill_length: float  # mm


def scene_of(device: Device) -> Scene:
    """Collect what the pictures need."""
    layout, process = device.layout, device.design.process
    streams = tuple(_streams(device))
    coefficient = weir_coefficient(process.comb.discharge)
    return Scene(
        pools=tuple(_pool(device, row, index) for row in layout.rows for index in range(len(row.buckets))),
        glasses=tuple(_glass(cup) for cup in layout.cups),
        streams=streams,
        seconds=tuple(_seconds(device, streams, coefficient)),
        coefficient=coefficient,
        viscosity=process.fluid.viscosity,
        sill_length=process.comb.sill_length,
    )


def to_scene_table(scene: Scene) -> dict[str, Any]:
    """The scene as JSON takes it."""
    return {"schema": SCHEMA, **asdict(scene), "seconds": dict(scene.seconds)}


def at(swapped: bool, u: float, v: float, z: float) -> Point:
    """Row coordinates to assembly coordinates."""
    x, y = (v, u) if swapped else (u, v)
    return round(x, 3), round(y, 3), round(z, 3)


def _line(swapped: bool) -> Line:
    return "y" if swapped else "x"


def _pool(device: Device, row: PlacedRow, index: int) -> Pool:
    placed = row.buckets[index]
    bucket = placed.bucket
    return Pool(
        name=bucket.name,
        along=_line(row.swapped),
        u=placed.u,
        v=row.v,
        width=bucket.width,
        depth=bucket.depth,
        pool_depth=bucket.pool_depth,
        slope=bucket.floor_slope,
        floor_z=round(row.sill_z - bucket.sill_height, 3),
        sill_z=row.sill_z,
        rim_z=row.rim_z,
        facing=1,
        area=bucket.width * bucket.depth - bucket.slats * bucket.slat * bucket.slat_depth,
        open_width=sum(width for mouth in bucket.mouths for width in mouth.teeth),
        inlet=at(row.swapped, placed.u, row.v - bucket.depth + bucket.inlet_depth / 2, row.rim_z),
    )


def _glass(cup: PlacedCup) -> Glass:
    u, v = (cup.u0, cup.u1), (cup.v0, cup.v1)
    x, y = (v, u) if cup.swapped else (u, v)
    return Glass(cup.cup.port, cup.cup.label, x, y, cup.floor_z, cup.cup.height, cup.cup.capacity / MM3_PER_ML)


def _streams(device: Device) -> Iterator[Stream]:
    floors = _floors(device)
    carried: dict[str, tuple[str, ...]] = {}  # ducts already in the gutters of a target, from bays before
    layout = device.layout
    for number, (row, crossbar) in enumerate(zip(layout.rows, layout.crossbars, strict=False)):
        yield from _spouts(device, row, crossbar, floors)
        if crossbar.chute_plane is None or crossbar.gutter_plane is None:
            continue
        for chute in crossbar.chutes:
            yield from _chute(device, row, crossbar, chute, crossbar.chute_plane, crossbar.gutter_plane)
        following = layout.crossbars[number + 1] if number + 1 < len(layout.crossbars) else None
        for gutter in crossbar.gutters:
            end_z = _gutter_end(gutter, following, device.design.process.printer.floor, floors)
            before = carried.get(gutter.target, ())
            runs = tuple(_gutter(device, row, crossbar, gutter, before, end_z))
            yield from runs
            carried[gutter.target] = runs[-1].ducts


def _floors(device: Device) -> Mapping[str, float]:
    """Where a drop ends that falls into a vessel."""
    table = {b.bucket.name: row.sill_z - b.bucket.sill_height for row in device.layout.rows for b in row.buckets}
    return table | {cup.cup.port: cup.floor_z for cup in device.layout.cups}


def _spouts(device: Device, row: PlacedRow, crossbar: Crossbar, floors: Mapping[str, float]) -> Iterator[Stream]:
    """Over the sill, down the ramp, and the fall from the spout's lip."""
    sized, floor = row.sized, device.design.process.printer.floor
    face = row.v + row.front + sized.ramp
    ends = {(c.lane.source, c.lane.target, c.lane.mouth): c for c in crossbar.chutes}
    across = _line(row.swapped)
    for lane in crossbar.lanes:
        if lane.source not in {b.bucket.name for b in row.buckets}:
            continue
        duct, u, width = (duct_name(lane.source, lane.target),), (lane.u0 + lane.u1) / 2, lane.u1 - lane.u0
        crest = at(row.swapped, u, row.v, row.sill_z)
        brink = at(row.swapped, u, row.v + row.front, row.sill_z)
        foot = at(row.swapped, u, face, row.sill_z - sized.ramp)
        plane = crossbar.chute_plane
        if plane is not None and (lane.source, lane.target, lane.mouth) in ends:
            landing = _on_plane(plane, face, floor)
        else:
            landing = floors[lane.target]
        yield Stream(duct, crest, brink, width, across, False)
        yield Stream(duct, brink, foot, width, across, False)
        yield Stream(duct, foot, at(row.swapped, u, face, landing), width, across, True)


def _on_plane(plane: Plane, along: float, floor: float) -> float:
    """Elevation of a tray's floor above a point of its run."""
    slope = radians(plane.slope_deg)
    t = (along - plane.head - floor * sin(slope)) / cos(slope)
    return plane.head_z - t * sin(slope) + floor * cos(slope)


def _run(plane: Plane, t: float, floor: float) -> float:
    """Horizontal place of a point `t` down a tray's floor."""
    slope = radians(plane.slope_deg)
    return plane.head + t * cos(slope) + floor * sin(slope)


def _chute(
    device: Device, row: PlacedRow, crossbar: Crossbar, chute: Chute, plane: Plane, below: Plane
) -> Iterator[Stream]:
    sized, floor, lane = row.sized, device.design.process.printer.floor, chute.lane
    duct, u = (duct_name(lane.source, lane.target),), (lane.c0 + lane.c1) / 2
    v0 = row.v + row.front + sized.ramp
    v1 = _run(plane, chute.end - sized.hole / 2, floor)
    z1 = _on_plane(plane, v1, floor)
    width, across = min(lane.c1 - lane.c0, sized.min_lane), _line(row.swapped)
    end = at(row.swapped, u, v1, z1)
    yield Stream(duct, at(row.swapped, u, v0, _on_plane(plane, v0, floor)), end, width, across, False)
    yield Stream(duct, end, at(row.swapped, u, v1, _on_plane(below, u, floor)), width, across, True)


def _gutter(
    device: Device, row: PlacedRow, crossbar: Crossbar, gutter: Gutter, before: tuple[str, ...], end_z: float
) -> Iterator[Stream]:
    """A gutter's water thickens at every chute that joins; then it falls."""
    floor, plane = device.design.process.printer.floor, crossbar.gutter_plane
    assert plane is not None
    across: Line = "x" if row.swapped else "y"
    joins = sorted(
        ((c.lane.c0 + c.lane.c1) / 2, duct_name(c.lane.source, c.lane.target))
        for c in crossbar.chutes
        if c.lane.target == gutter.target
    )
    last = _run(plane, gutter.end - row.sized.hole / 2, floor)
    start = _run(plane, gutter.start, floor) if before else joins[0][0]
    places = ([start] if before else []) + [u for u, _ in joins] + [last]
    carried = before
    names = ([()] if before else []) + [(name,) for _, name in joins]
    for u0, u1, joining in zip(places, places[1:], names, strict=False):
        carried = tuple(dict.fromkeys((*carried, *joining)))
        ends = [at(row.swapped, u, gutter.v, _on_plane(plane, u, floor)) for u in (u0, u1)]
        yield Stream(carried, ends[0], ends[1], row.sized.gutter_width, across, False)
    lip = at(row.swapped, last, gutter.v, _on_plane(plane, last, floor))
    yield Stream(carried, lip, (lip[0], lip[1], round(end_z, 3)), row.sized.gutter_width, across, True)


def _gutter_end(gutter: Gutter, following: Crossbar | None, floor: float, floors: Mapping[str, float]) -> float:
    """Where the water of a gutter falls to: the head of the next bay's gutter for the same target, or the vessel."""
    plane = following.gutter_plane if following is not None else None
    if following is None or plane is None or gutter.target not in {other.target for other in following.gutters}:
        return floors[gutter.target]
    return plane.head_z + floor


def _seconds(device: Device, streams: tuple[Stream, ...], coefficient: float) -> Iterator[tuple[str, float]]:
    """Time through a duct's sloping runs at its design flow (as `sim` has it), and through its falls (free fall)."""
    process = device.design.process
    for row in device.layout.rows:
        for placed in row.buckets:
            for mouth in placed.bucket.mouths:
                name = duct_name(placed.bucket.name, mouth.target)
                own = [s for s in streams if name in s.ducts]
                flow = coefficient * sum(mouth.teeth) * max(placed.bucket.design_head, 1.0) ** 1.5
                sliding = sum(_length(s) for s in own if not s.is_fall)
                falling = sum((2.0 * _length(s) / 9810.0) ** 0.5 for s in own if s.is_fall)
                sized = row.sized
                slide = transit_time(sliding, flow, sized.min_lane, sized.chute_slope_deg, process.channels.friction)
                yield name, round(max(slide + falling, 0.05), 4)


def _length(stream: Stream) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(stream.start, stream.end, strict=True)) ** 0.5)
