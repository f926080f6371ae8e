"""The weave: cards across gutters, a staircase; then a row of cards side by side over the cups. mm, device coordinates.

x across (along every comb), y downstream (gutters and falls run that way), z up, the table at 0.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import cos, fsum, hypot, radians, sin, tan

from pelu_fab.ir.card import BANK_TOP, Card, Span
from pelu_fab.ir.sized import SizedCup
from pelu_fab.ir.solid import Outline, Point

SHORT_EAR, EAR_BAR = 6.1, 6.0  # mm: an ear up to this long passes over no gutter, and is solid; bar to a longer one
TIP_OVER = 1.2  # mm that an ear's tip reaches inwards beyond the outer wall that it stands on
SEAT_AIR, NEAR = 0.2, 40.0  # mm: before and behind an ear; a card further above a floor belongs to another tray
OVER_EAR = 9.0  # mm that the walls which carry ears stand above those' undersides
AIR_BESIDE = 0.2  # mm between a tray and the legs of its trestle
STRADDLE = 8.0  # mm: breadth of a leg beside what passes below, on which a tray's wing lies


@dataclass(frozen=True, slots=True)
class PlacedCard:
    """A card at its place; `ears` (y from, to; local) rest on the walls beside it."""

    card: Card
    y: float
    z: float
    ear: Span
    reach: Span  # along x, ears included
    pad: tuple[Span, Span] | None = None  # y (local) and x of what a rack of sheets stops aside: its ears go into slots

    def at(self, point: Point) -> Point:
        """A local (y, z) in the device."""
        return point[0] + self.y, point[1] + self.z

    def ear_bar(self, side: int) -> Span:
        """y (local) of what reaches from the body to an ear: a short one is solid, a long one a bar over gutters."""
        short = abs(self.reach[side] - self.card.body[side]) < SHORT_EAR
        return self.ear if short else (self.ear[1] - EAR_BAR, self.ear[1])

    @property
    def inlet(self) -> tuple[float, float, float]:
        """Where a hand pours: in the middle behind the inlet's walls, a mm below the rim."""
        card = self.card
        front = min([plate.y0 for plate in card.plates], default=-card.pool if card.plates else 0.0)
        y, z = self.at(((front - card.depth) / 2, card.rim_z - 1.0))
        return (card.x0 + card.x1) / 2 + 1.1, y, z


@dataclass(frozen=True, slots=True)
class Station:
    """A gutter's inner walls where it passes `along` (of the tray's slope, from its head)."""

    along: float
    x0: float
    x1: float


@dataclass(frozen=True, slots=True)
class Gutter:
    """Carries a target's water down a tray, between walls that bend at its stations."""

    target: str
    stations: tuple[Station, ...]

    @property
    def end(self) -> Station:
        """Its lip."""
        return self.stations[-1]

    def leg(self, along: float, tray: "Tray") -> "Leg":
        """What is left of it, on its tray, for water that comes in at `along`."""
        ahead = [s for s in self.stations if s.along > along]
        way = [self.at(along), *ahead]
        middles = [(s.along, (s.x0 + s.x1) / 2) for s in way]
        length = fsum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(middles))
        return Leg(round(length, 3), round(min(s.x1 - s.x0 for s in way), 3), tray.wall_height, tray.slope_deg)

    def at(self, along: float) -> Station:
        """Its inner walls at any place, straight between the stations."""
        before, after = next(
            ((a, b) for a, b in pairwise(self.stations) if along <= b.along), (self.stations[-2], self.stations[-1])
        )
        part = min(max((along - before.along) / (after.along - before.along), 0.0), 1.0)
        return Station(along, *(a + (b - a) * part for a, b in ((before.x0, after.x0), (before.x1, after.x1))))


@dataclass(frozen=True, slots=True)
class Leg:
    """A straight piece of a duct's way: its length, least inner width, height of its walls, slope."""

    length: float
    width: float
    wall: float
    slope_deg: float


@dataclass(frozen=True, slots=True)
class Run:
    """A duct's way from its sill to the vessel that it feeds: the ramp, then its gutter over every tray."""

    source: str
    target: str
    legs: tuple[Leg, ...]

    @property
    def length(self) -> float:
        """All legs together, mm."""
        return fsum(leg.length for leg in self.legs)

    @property
    def width(self) -> float:
        """Where it is narrowest, mm."""
        return min(leg.width for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Wings:
    """The part of a tray's floor that reaches out to a trestle whose legs stand beside what passes below.

    `half` from the middle to their ends; `along` the tray, from and to.
    """

    half: float
    along: Span


@dataclass(frozen=True)
class Tray:
    """Gutters side by side on one sloping floor; `head` is (y, z) of the floor's upper end.

    Tray coordinates: x, `along` the slope from the head, `up` from the floor.
    """

    name: str
    head: Point
    slope_deg: float
    gutters: tuple[Gutter, ...]
    wall_height: float
    wall: float  # between gutters
    side: float  # the walls that carry cards
    floor: float
    length: float
    lap: float = 0.0  # of the head that lies under the tray before
    half: float = 0.0  # from the middle to the inner face of the outer walls
    wings: "Wings | None" = None

    @cached_property
    def _turn(self) -> tuple[float, float]:
        return cos(radians(self.slope_deg)), sin(radians(self.slope_deg))

    def at(self, along: float, up: float = 0.0) -> Point:
        """(y, z) of a place of the tray."""
        c, s = self._turn
        return self.head[0] + along * c + up * s, self.head[1] - along * s + up * c

    def to(self, point: Point) -> Point:
        """(along, up) of a place (y, z)."""
        c, s = self._turn
        y, z = point[0] - self.head[0], point[1] - self.head[1]
        return y * c - z * s, y * s + z * c

    @property
    def across(self) -> float:
        """From its left to its right, mm."""
        edges = [x for gutter in self.gutters for s in gutter.stations for x in (s.x0 - self.wall, s.x1 + self.wall)]
        return max(max(edges) - min(edges), 2 * (self.half + self.side), 2 * self.wings.half if self.wings else 0.0)

    def floor_z(self, y: float) -> float:
        """Elevation of the floor's upper face at `y`."""
        return self.head[1] - (y - self.head[0]) * tan(radians(self.slope_deg))

    def carries(self, placed: PlacedCard) -> bool:
        """Whether a card's ears stand on the outer walls."""
        along, up = self.to((placed.y + placed.ear[1], placed.z + placed.card.under.bottom_z))
        stands = 0.0 < along < self.length and 0.0 < up < NEAR
        return stands and not placed.card.under.is_beak and self.head[0] + SEAT_AIR < placed.y + placed.ear[0]


@dataclass(frozen=True, slots=True)
class PlacedCup:
    """A cup whose cavity spans x0..x1 and y0..y1, floor at `floor_z`."""

    cup: SizedCup
    x0: float
    x1: float
    y0: float
    y1: float
    floor_z: float

    @property
    def middle(self) -> tuple[float, float, float]:
        """A place in the air inside."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2, self.floor_z + self.cup.height / 2


@dataclass(frozen=True, slots=True)
class Rack:
    """Upright plates between which row cards hang and cups stand, on a back wall; plates centred at `plates`."""

    plates: tuple[float, ...]  # x of those beside the cups, which reach forward
    between: tuple[float, ...]  # x of those between row cards over one cup
    thickness: float
    back: Span  # y of the back wall
    cups: float  # y before the cups' backs, where plates between cards over one cup end
    middle: float  # y where the tall plates end, under the row's front
    front: float
    seat_z: float  # what the row cards' ears stand on
    back_z: float  # top of the back wall, on which the tray lies
    tail: float = 0.0  # that plates of a sheet reach behind the back wall, which they cross


@dataclass(frozen=True, slots=True)
class Trestle:
    """What carries a tray's head: a U in plan, open to the front, its top edge at `top_z` under the tray's floor.

    Where other trays or cards pass below, from `passing_z` on only its two legs stand up, and carry the tray's wings.
    """

    x: Span
    y: Span
    top_z: float
    passing_z: float | None = None
    toe: float = 0.0  # that legs of a sheet reach before the wall, which they cross

    @property
    def front(self) -> float:
        """y of the front of its wall, on which the tray lies."""
        return self.y[1] - self.toe

    @property
    def straddles(self) -> bool:
        """Whether something passes between its legs."""
        return self.passing_z is not None

    def outer(self, wall: float) -> Span:
        """x of its outer faces, when its walls are `wall` thick."""
        out = AIR_BESIDE + wall + (STRADDLE if self.straddles else 0.0)
        return self.x[0] - out, self.x[1] + out


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole device. `layers` hold the placed cards upstream first; a woven layer has a tray, a row has none."""

    layers: tuple[tuple[PlacedCard, ...], ...]
    trays: tuple[Tray, ...]
    cups: tuple[PlacedCup, ...]
    rack: Rack
    trestles: tuple[Trestle, ...]

    def across(self, wall: float) -> float:
        """Width of its widest tray or printed trestle, whose walls are `wall` thick."""
        trestles = (b - a for a, b in (trestle.outer(wall) for trestle in self.trestles if not trestle.toe))
        return max([0.0, *(tray.across for tray in self.trays), *trestles])

    @property
    def cards(self) -> tuple[PlacedCard, ...]:
        """Every card, upstream first."""
        return tuple(placed for layer in self.layers for placed in layer)

    def runs(self) -> tuple[Run, ...]:
        """Every duct's way, card by card and mouth by mouth."""
        laid: dict[str, list[tuple[Tray, Gutter]]] = {}
        for tray in self.trays:
            for gutter in tray.gutters:
                laid.setdefault(gutter.target, []).append((tray, gutter))
        found = []
        for placed in self.cards:
            card, lip = placed.card, placed.y + placed.card.lip_y
            for mouth in card.mouths:
                legs = [Leg(round(card.comb.sill + card.comb.run * 2**0.5, 3), mouth.narrowest, BANK_TOP, 45.0)]
                below = [] if card.under.is_beak else laid.get(mouth.target, [])
                first = max((n for n, (tray, _) in enumerate(below) if tray.head[0] <= lip), default=0)
                for tray, gutter in below[first:]:
                    y = max(lip, tray.head[0])
                    legs.append(gutter.leg(max(tray.to((y, tray.floor_z(y)))[0], tray.lap), tray))
                found.append(Run(card.name, mouth.target, tuple(legs)))
        return tuple(found)

    def floor_of(self, target: str) -> float:
        """Where water that falls into a card or cup ends: its floor's elevation."""
        table = {placed.card.name: placed.z + placed.card.floor_z for placed in self.cards}
        return (table | {cup.cup.port: cup.floor_z for cup in self.cups})[target]

    def below(self, placed: PlacedCard, target: str, ahead: float = 0.0) -> float:
        """Elevation of what lies under a card's lip, or so far `ahead` of it: its gutter's floor, or the vessel's."""
        y = placed.y + placed.card.lip_y + ahead
        if not placed.card.under.is_beak:
            for tray in reversed(self.trays):
                over = (
                    any(g.target == target for g in tray.gutters)
                    and tray.at(tray.lap)[0] <= y < tray.at(tray.length)[0]
                )
                if over and tray.floor_z(y) < placed.z:
                    return tray.floor_z(y)
        return self.floor_of(target)

    @property
    def covered(self) -> tuple[PlacedCard, ...]:
        """Cards under a tray of the layer before, which must be lifted before they can be."""
        found = []
        for placed in self.cards:
            back, front = placed.y - placed.card.depth, placed.y + placed.card.lip_y
            over = (t for t in self.trays if t.head[0] < front and t.at(t.length)[0] > back)
            if not placed.card.under.is_beak and any(tray.floor_z(placed.y) > placed.z for tray in over):
                found.append(placed)
        return tuple(found)

    @property
    def hung(self) -> tuple[PlacedCard, ...]:
        """The row's cards, which hang in the rack."""
        return tuple(placed for placed in self.cards if placed.card.under.is_beak)


def lettered(name: str, count: int) -> list[str]:
    """Names of the pieces that one thing is printed in: itself, or with a, b, c … aa behind."""
    if count == 1:
        return [name]
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [f"{name}{letters[k // 26 - 1] if k >= 26 else ''}{letters[k % 26]}" for k in range(count)]


def turned(outline: Outline, tray: Tray, placed: PlacedCard) -> Outline:
    """A card's (y, z) outline in a tray's (along, up)."""
    return tuple((round(a, 3), round(b, 3)) for a, b in (tray.to(placed.at(point)) for point in outline))


def to_text(layout: Layout) -> str:
    """Every card, tray with its gutters, run, cup and support, one a line, upstream first; mm on the table."""
    lines = []
    for placed in layout.cards:
        (y, z), (lip_y, lip_z) = placed.at((0.0, 0.0)), placed.at((placed.card.lip_y, placed.card.lip_z))
        hangs = "hangs" if placed.card.under.is_beak else "stands"
        lines.append(f"card {placed.card.name} {hangs}: sill y {y:z.2f} z {z:z.2f}, lip y {lip_y:z.2f} z {lip_z:z.2f}")
    for tray in layout.trays:
        (y, z), (end_y, end_z) = tray.head, tray.at(tray.length)
        floor = f"floor y {y:z.2f} z {z:z.2f} to y {end_y:z.2f} z {end_z:z.2f}"
        lines.append(f"tray {tray.name}: {floor}, {tray.slope_deg:z.2f} deg")
        for gutter in tray.gutters:
            ways = ", ".join(f"x {s.x0:z.2f} to {s.x1:z.2f} at {s.along:z.2f}" for s in gutter.stations)
            lines.append(f"  gutter {gutter.target} {ways}")
    for run in layout.runs():
        legs = " + ".join(f"{leg.length:z.2f}" for leg in run.legs)
        lines.append(f"run {run.source} -> {run.target}: {legs}, {run.width:z.2f} wide at least")
    for one in layout.cups:
        lines.append(
            f"cup {one.cup.port}: x {one.x0:z.2f} to {one.x1:z.2f}, y {one.y0:z.2f} to {one.y1:z.2f}, "
            f"z {one.floor_z:z.2f} to {one.floor_z + one.cup.height:z.2f}"
        )
    rack = layout.rack
    plates = " ".join(f"{x:z.2f}" for x in sorted(rack.plates + rack.between))
    lines.append(f"rack: plates at x {plates}, y {rack.back[0]:z.2f} to {rack.front:z.2f}, seats z {rack.seat_z:z.2f}")
    for trestle in layout.trestles:
        (x0, x1), (y0, y1) = trestle.x, trestle.y
        lines.append(f"trestle: x {x0:z.2f} to {x1:z.2f}, y {y0:z.2f} to {y1:z.2f}, top z {trestle.top_z:z.2f}")
    return "\n".join(lines) + "\n"
