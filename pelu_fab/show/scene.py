"""Where water stands and runs, for pictures: a device in, plain boxes and streams out. mm, assembly coordinates."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pelu_fab.hydraulics import full_flow, transit_time, weir_coefficient, weir_flow
from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import Gutter, Layout, PlacedCard, PlacedCup, Tray
from pelu_fab.ir.siphon import Siphon
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.names import duct_name

SCHEMA = 1
REACH = 6.0  # mm before a lip where its water lands
FALL_SECONDS = 0.05  # from a lip to what lies some 10 mm below
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Pool:
    """A bucket's water room: its floor is flat from the sill back `flat`, then rises by `rise` a mm to its back."""

    name: str
    x: tuple[float, float]  # inside, along the comb
    y: float  # the sill's inner edge
    depth: float
    flat: float
    rise: float
    floor_z: float
    sill_z: float
    rim_z: float
    area: float
    flare: float  # mm2 that its surface grows by a mm above the sill, up to `brim`
    brim: float
    primed: float  # mm3 that are in it when it is ready
    open_width: float
    inlet: Point  # where a jug pours
    siphon: dict[str, float] | None = None  # `passes` mm3/s at its crown, `drop` mm from there to its outlet


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
    """A straight run of water `width` wide along x, carrying what flows in all its `ducts`."""

    ducts: tuple[str, ...]
    start: Point
    end: Point
    width: float
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
    return Scene(
        pools=tuple(
            _pool(placed, device.sized.priming_volume, device.design.process.fluid.viscosity) for placed in layout.cards
        ),
        glasses=tuple(_glass(cup) for cup in layout.cups),
        streams=tuple(_streams(layout)),
        seconds=tuple(_seconds(device)),
        coefficient=weir_coefficient(process.comb.discharge),
        viscosity=process.fluid.viscosity,
        sill_length=process.comb.sill_length,
    )


def to_scene_table(scene: Scene) -> dict[str, Any]:
    """The scene as JSON takes it."""
    return {"schema": SCHEMA, **asdict(scene), "seconds": dict(scene.seconds)}


def _pool(placed: PlacedCard, priming_volume: float, viscosity: float) -> Pool:
    card = placed.card
    x, y, z = placed.inlet
    return Pool(
        name=card.name,
        x=(card.x0, card.x1),
        y=placed.y,
        depth=card.depth,
        flat=card.pool,
        rise=card.rise,
        floor_z=round(placed.z + card.floor_z, 3),
        sill_z=placed.z,
        rim_z=round(placed.z + card.rim_z, 3),
        area=round(card.water_area(), 3),
        flare=round((card.x1 - card.x0) / card.rise, 3) if card.brim > 0.0 else 0.0,
        brim=round(max(card.brim, 0.0), 3),
        primed=priming_volume if card.is_primed else 0.0,
        open_width=round(card.open_width, 3),
        inlet=(round(x, 3), round(y, 3), round(z, 3)),
        siphon=_siphon(card.siphon.siphon, viscosity) if card.siphon else None,
    )


def _siphon(siphon: Siphon, viscosity: float) -> dict[str, float]:
    drop, bore, length = -siphon.outlet_z, np.asarray(siphon.bore), np.asarray(siphon.length)
    return {"passes": round(float(full_flow(np.asarray(drop), bore, length, viscosity)), 1), "drop": drop}


def _glass(cup: PlacedCup) -> Glass:
    x, y, one = (cup.x0, cup.x1), (cup.y0, cup.y1), cup.cup
    return Glass(one.port, one.label, x, y, cup.floor_z, one.height, one.capacity / MM3_PER_ML)


def _streams(layout: Layout) -> Iterator[Stream]:
    for placed in layout.cards:
        yield from _over_the_sill(layout, placed)
    arrived: dict[str, Stream] = {}  # by target: the fall from the tray before
    for number, tray in enumerate(layout.trays):
        for gutter in tray.gutters:
            further = [t for t in layout.trays[number + 1 :] if any(g.target == gutter.target for g in t.gutters)]
            for run in _gutter(layout, tray, gutter, arrived.get(gutter.target), further[:1]):
                yield run
                arrived[gutter.target] = run


def _over_the_sill(layout: Layout, placed: PlacedCard) -> Iterator[Stream]:
    """Over the sill, down the ramp, and the fall from the lip; before that out of a siphon into its pool."""
    card = placed.card
    sill_y, sill_z = placed.at((card.comb_y, card.spread.z if card.spread else 0.0))
    if card.spread and card.siphon and card.siphon.sole is not None:
        ducts = tuple(duct_name(card.name, mouth.target) for mouth in card.mouths)
        (y, z), (_, floor_z) = (placed.at((card.siphon.y, up)) for up in (0.0, card.siphon.sole))
        yield Stream(ducts, _point(card.siphon.x_down, y, z), _point(card.siphon.x_down, y, floor_z), 3.0, True)
    for mouth in card.mouths:
        duct, wide = (duct_name(card.name, mouth.target),), mouth.opening[1] - mouth.opening[0]
        x0, x1 = sum(mouth.opening) / 2, sum(mouth.spout) / 2
        y, z = placed.at((card.lip_y, card.lip_z))
        brink = _point(x0, sill_y + card.comb.sill, sill_z)
        lip = _point(x1, y, z)
        below = layout.below(placed, mouth.target, REACH)
        yield Stream(duct, _point(x0, sill_y, sill_z), brink, wide, False)
        yield Stream(duct, brink, lip, (wide + mouth.spout[1] - mouth.spout[0]) / 2, False)
        yield Stream(duct, lip, _point(x1, y + REACH, below), mouth.spout[1] - mouth.spout[0], True)


def _gutter(layout: Layout, tray: Tray, gutter: Gutter, before: Stream | None, further: list[Tray]) -> Iterator[Stream]:
    """A gutter's water thickens where a card spills into it; at its end it falls on."""
    first, last = tray.at(tray.lap)[0], tray.at(gutter.end.along)[0]
    joins = sorted(
        (placed.y + placed.card.lip_y + REACH, duct_name(placed.card.name, gutter.target))
        for placed in layout.cards
        if not placed.card.under.is_beak and any(mouth.target == gutter.target for mouth in placed.card.mouths)
        if first <= placed.y + placed.card.lip_y < last
    )
    bends = [(tray.at(s.along)[0], "") for s in gutter.stations[1:-1]]
    places = sorted([*([(before.end[1], "")] if before else []), *joins, *bends])
    carried = before.ducts if before else ()
    for (y0, name), (y1, _) in pairwise([*places, (last, "")]):
        carried = (*carried, name) if name else carried
        if carried and y1 - y0 > 0.5:
            start, end = (_point(_middle(tray, gutter, y), y, tray.floor_z(y)) for y in (y0, y1))
            wide = gutter.stations[0].x1 - gutter.stations[0].x0
            yield Stream(carried, start, end, wide, False)
    if carried:
        x = _middle(tray, gutter, last)
        below = further[0].floor_z(last + REACH) if further else layout.floor_of(gutter.target)
        wide = gutter.end.x1 - gutter.end.x0
        yield Stream(carried, _point(x, last, tray.floor_z(last)), _point(x, last + REACH, below), wide, True)


def _middle(tray: Tray, gutter: Gutter, y: float) -> float:
    station = gutter.at(tray.to((y, tray.floor_z(y)))[0])
    return (station.x0 + station.x1) / 2


def _point(x: float, y: float, z: float) -> Point:
    return round(x, 3), round(y, 3), round(z, 3)


def _seconds(device: Device) -> Iterator[tuple[str, float]]:
    """Time through a duct's sloping legs at its design flow (as `sim` has it), and through a fall at each end."""
    process = device.design.process
    cards = device.sized.cards
    for run in device.layout.runs():
        card = cards[run.source]
        mouth = next(m for m in card.mouths if m.target == run.target)
        open_width = sum(b - a for a, b in mouth.teeth)
        flow = weir_flow(open_width, max(card.design_head, 1.0), discharge=process.comb.discharge)
        friction = process.channels.friction
        slide = sum(transit_time(leg.length, flow, leg.width, leg.slope_deg, friction) for leg in run.legs)
        yield duct_name(run.source, run.target), round(max(slide + FALL_SECONDS, 0.05), 4)
