"""A device seen along the three axes, as flat shapes to scale: what `layout.svg` and the pour's animation draw. mm."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import Layout, PlacedCard, PlacedCup, Tray
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.names import duct_name, input_name, unit_of

View = Literal["plan", "front", "side"]
VIEWS: tuple[View, ...] = ("plan", "front", "side")
Flat = tuple[float, float]


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
    """The device from above (`plan`, downstream to the right), from the front, or from its side, in section."""
    layout, wall = device.layout, device.design.process.printer.wall
    stand = list(_stand(layout, view))
    trays = [shape for tray in layout.trays for shape in _tray(tray, view)]
    cards = [shape for placed in (cut(layout) if view == "side" else layout.cards) for shape in _card(placed, view)]
    cups = [shape for cup in layout.cups for shape in _cup(cup, wall, view)]
    return Drawing((*stand, *trays, *cards, *cups), tuple(_words(device, view)))


def seen(view: View, x: float, y: float, z: float) -> Flat:
    """A point of the device as a view shows it: downstream is to the right, in front it comes towards us."""
    return {"plan": (y, x), "front": (-x, z), "side": (y, z)}[view]


def cut(layout: Layout) -> list[PlacedCard]:
    """The cards that a section along the gutters goes through: of those abreast the deepest."""
    deepest = {placed.y: placed for placed in sorted(layout.cards, key=lambda placed: -placed.card.floor_z)}
    return [placed for placed in layout.cards if deepest[placed.y] is placed]


def water(placed: PlacedCard, level: float = 0.0) -> Shape:
    """What stands in a card up to `level` (mm above its sill), from the side."""
    return Shape("water", tuple(placed.at(point) for point in placed.card.wet(level)), placed.card.name)


def _box(view: View, x: Flat, y: Flat, z: Flat) -> tuple[Flat, ...]:
    corners = [seen(view, a, b, c) for a in x for b in y for c in z]
    (left, right), (low, high) = [(min(axis), max(axis)) for axis in zip(*corners, strict=True)]
    return ((left, low), (right, low), (right, high), (left, high))


def _stand(layout: Layout, view: View) -> Iterator[Shape]:
    for number, trestle in enumerate(layout.trestles):
        yield Shape("stand", _box(view, trestle.x, trestle.y, (0.0, trestle.top_z)), f"trestle-{number + 1}")
    rack = layout.rack
    half = rack.thickness / 2
    across = (rack.plates[0] - half, rack.plates[-1] + half)
    yield Shape("stand", _box(view, across, rack.back, (0.0, rack.back_z)), "rack")
    if view != "side":
        for x in rack.plates:
            yield Shape(
                "stand", _box(view, (x - half, x + half), (rack.back[0], rack.front), (0.0, rack.seat_z)), "rack"
            )


def _tray(tray: Tray, view: View) -> Iterator[Shape]:
    """Its gutters: in plan their inner walls, from the front boxes; from the side the whole tray, a sloping bar."""
    high = tray.wall_height
    if view == "side":
        corners = [(0.0, -tray.floor), (tray.length, -tray.floor), (tray.length, high), (0.0, high)]
        yield Shape("gutter", tuple(tray.at(along, up) for along, up in corners), tray.name)
        return
    for gutter in tray.gutters:
        name, end = f"gutter to {gutter.target}", gutter.end.along
        if view == "plan":
            left = [seen(view, s.x0, tray.at(s.along)[0], 0.0) for s in gutter.stations]
            right = [seen(view, s.x1, tray.at(s.along)[0], 0.0) for s in reversed(gutter.stations)]
            yield Shape("gutter", (*left, *right), name)
        else:
            z = (tray.at(end, -tray.floor)[1], tray.at(0.0, high)[1])
            x = (min(s.x0 for s in gutter.stations), max(s.x1 for s in gutter.stations))
            yield Shape("gutter", _box(view, x, (0.0, 1.0), z), name)


def _card(placed: PlacedCard, view: View) -> Iterator[Shape]:
    card = placed.card
    floor_z, rim_z = placed.z + card.floor_z, placed.z + card.rim_z
    inside, room = (card.x0, card.x1), (placed.y - card.depth, placed.y)
    if view == "side":
        yield Shape("card", tuple(placed.at(point) for point in card.outline), card.name)
        yield Shape("room", tuple(placed.at(point) for point in card.cavity), card.name)
        yield water(placed)
        for plate in card.plates:
            across = (placed.y + plate.y0, placed.y + plate.y1)
            foot = placed.z + card.floor_at(plate.middle)
            yield Shape("plate", _box(view, inside, across, (foot, placed.z + plate.top_z)), card.name)
        yield from _spread(placed, view)
        yield from _siphon(placed, view)
        return
    body = (placed.y + card.outline[0][0], placed.y + card.lip_y)
    yield Shape("card", _box(view, card.body, body, (placed.z + card.under.bottom_z, rim_z)), card.name)
    yield Shape("room", _box(view, inside, room, (floor_z, rim_z)), card.name)
    yield Shape("water", _box(view, inside, (placed.y - card.reach(), placed.y), (floor_z, placed.z)), card.name)
    for plate in card.plates if view == "plan" else ():
        yield Shape("plate", _box(view, inside, (placed.y + plate.y0, placed.y + plate.y1), (0.0, 1.0)), card.name)
    yield from _spread(placed, view)
    yield from _siphon(placed, view)
    comb, y, z = card.comb, placed.y + card.comb_y, placed.z + (card.spread.z if card.spread else 0.0)
    sill, up = (y, y + comb.sill), (z, z + comb.rim_z)
    for mouth in card.mouths if card.siphon is None or card.spread else ():
        for tooth in mouth.teeth:
            yield Shape("tooth", _box(view, tooth, sill, up), duct_name(card.name, mouth.target))


def _spread(placed: PlacedCard, view: View) -> Iterator[Shape]:
    """The pool that a siphon falls into, and its walls."""
    card = placed.card
    if card.spread is None:
        return
    pool, (y, z) = card.spread.card, placed.at((card.spread.y, card.spread.z))
    inside = (pool.x0, pool.x1)
    if view == "side":
        yield Shape("room", tuple(placed.at(point) for point in card.spread.at(pool.cavity)), card.name)
    elif view == "plan":
        yield Shape("room", _box(view, inside, (y - pool.depth, y), (z, z + pool.rim_z)), card.name)
    for plate in pool.plates if view != "front" else ():
        up = (z + pool.floor_at(plate.middle), z + plate.top_z)
        yield Shape("plate", _box(view, inside, (y + plate.y0, y + plate.y1), up), card.name)


def _siphon(placed: PlacedCard, view: View) -> Iterator[Shape]:
    """The pillar before a card with a siphon, and the two legs in it."""
    card, pillar = placed.card, placed.card.siphon
    if pillar is None:
        return
    siphon, half = pillar.siphon, pillar.siphon.bore / 2
    front, foot = (placed.y + card.sill, placed.y + pillar.front), placed.z + siphon.outlet_z
    if pillar.sole is not None:  # it stands in the pool
        foot = placed.z + pillar.sole
    yield Shape("card", _box(view, pillar.span, front, (foot, placed.z + pillar.top_z)), card.name)
    along = (placed.y + pillar.y - half, placed.y + pillar.y + half)
    for x, low in ((pillar.x_up, pillar.trench_z), (pillar.x_down, siphon.outlet_z)):
        up = (placed.z + low, placed.z + siphon.bore)
        yield Shape("room", _box(view, (x - half, x + half), along, up), card.name)


def _cup(cup: PlacedCup, wall: float, view: View) -> Iterator[Shape]:
    top = cup.floor_z + cup.cup.height
    grown = ((cup.x0 - wall, cup.x1 + wall), (cup.y0 - wall, cup.y1 + wall), (cup.floor_z - wall, top))
    yield Shape("cup", _box(view, *grown), cup.cup.port)
    yield Shape("room", _box(view, (cup.x0, cup.x1), (cup.y0, cup.y1), (cup.floor_z, top)), cup.cup.port)


def _words(device: Device, view: View) -> Iterator[Word]:
    labels = dict(device.lowered.netlist.inputs)
    for layer, row in enumerate(device.layout.layers):
        for number, placed in enumerate(row):
            card = placed.card
            middle, label = (card.x0 + card.x1) / 2, labels.get(input_name(unit_of(card.name)), "")
            if view == "plan":
                yield Word(card.name, seen(view, middle, placed.y - card.depth / 2, 0.0), 4.0, "bucket", turned=True)
                if layer == 0:
                    outside = seen(view, card.body[1] + 6.0, placed.y - card.depth / 2, 0.0)
                    yield Word(label, outside, 3.6, "port")
            elif view == "side":
                kept = f"{card.name} keeps {card.retained_volume / MM3_PER_ML:.1f} mL"
                stacked = sum(other.y == placed.y for other in row[:number])
                above = seen(view, middle, placed.y - 4.0, placed.z + card.rim_z + 4.0 + 4.5 * stacked)
                yield Word(kept, above, 3.2, "bucket")
    for cup in device.layout.cups:
        if view != "side":
            place = seen(view, *cup.middle)
            yield Word(cup.cup.label, place, 4.0, "port", turned=view == "plan")
