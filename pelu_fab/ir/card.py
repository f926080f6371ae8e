"""A card: one bucket as a printed piece that lies across its gutters. mm, mm2, mm3.

Local coordinates: x along the comb (absolute in the device), y down the gutters with 0 at the sill's inner edge, z up
with 0 at the sill. Water comes in behind (y < 0), runs over the sill, down a 45 degree ramp and off a lip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from math import atan, cos, fsum, inf, sin

from pelu_fab.ir.siphon import Pillar
from pelu_fab.ir.solid import Outline

Span = tuple[float, float]
LEAST_HEEL = 12.0  # mm that a foot reaches back from the sill, at least
BLADE_TOP, BANK_TOP = 9.0, 13.0  # mm above the sill at the comb; above the ramp at the lip
BLADE_RUN, SETTLE, STRAIGHT, LAST = 2.4, 3.0, 2.0, 2.0  # mm of ramp: blades, to the section, of it, of the spout
EARLY, STEEP = 0.2, 0.18  # mm that a bank closes earlier where it does so by more than this a mm
LED = BLADE_RUN + SETTLE + STRAIGHT + LAST  # mm of ramp in which banks do not close


@dataclass(frozen=True, slots=True)
class Mouth:
    """One branch's opening: adjacent `teeth` along x, the walled `section` behind them, the `spout` at the lip."""

    target: str
    teeth: tuple[Span, ...]
    section: Span  # its width is exactly proportional to the share
    spout: Span

    @property
    def opening(self) -> Span:
        """From the first tooth's edge to the last one's."""
        return self.teeth[0][0], self.teeth[-1][1]

    @property
    def narrowest(self) -> float:
        """The least width that its water is led through, mm."""
        return round(min(b - a for a, b in (self.opening, self.section, self.spout)), 3)

    def closes(self, side: int) -> float:
        """How far (mm) its left (0) or right (1) bank moves in from the opening to the section."""
        return (self.section[side] - self.opening[side]) * (1 - 2 * side)


@dataclass(frozen=True, slots=True)
class Plate:
    """A wall across the inlet, y0 to y1 and up to `top_z`, with holes that water goes through: one for each of `gaps`
    along x in each of `rows`, spans of heights from low to high.

    `crest` (x0, x1, z) is where it stands higher: what a gutter's jet runs against.
    """

    y0: float
    y1: float
    top_z: float
    gaps: tuple[Span, ...] = ()
    rows: tuple[Span, ...] = ()
    crest: tuple[float, float, float] | None = None
    wide: float = field(init=False, repr=False, compare=False)  # all gaps together

    def __post_init__(self) -> None:
        object.__setattr__(self, "wide", fsum(b - a for a, b in self.gaps))

    @property
    def holes(self) -> tuple[tuple[float, float, float, float], ...]:
        """x0, x1, z0 and z1 of each."""
        return tuple((*gap, *row) for gap in self.gaps for row in self.rows)

    def open_between(self, low: float, high: float) -> float:
        """mm2 of holes between two heights."""
        return self.wide * fsum(max(min(b, high) - max(a, low), 0.0) for a, b in self.rows)

    def is_open_at(self, level: float) -> bool:
        """Whether a row of its holes is cut by a level surface."""
        return any(low < level < high for low, high in self.rows)

    @property
    def lintel(self) -> float:
        """Where its holes end."""
        return self.rows[-1][1]

    @property
    def middle(self) -> float:
        """y of its middle plane."""
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class Fins:
    """Walls along the flow between two cells, each a span along x, grown onto the last plate; y0 to y1."""

    spans: tuple[Span, ...] = ()
    y0: float = 0.0
    y1: float = 0.0
    top_z: float = 0.0
    area: float = field(init=False, repr=False, compare=False)  # of all in plan

    def __post_init__(self) -> None:
        object.__setattr__(self, "area", fsum(b - a for a, b in self.spans) * (self.y1 - self.y0))


@dataclass(frozen=True, slots=True)
class Underside:
    """What lies below a card's ramp: its foot on the bed, or a beak that leans back to the front wall."""

    bottom_z: float
    is_beak: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """What a flush falls into: a pool that keeps nothing and the comb that divides it, its sill at (`y`, `z`) of the
    bucket's card. `card` is both as a card of its own, whose back wall is the bucket's front wall."""

    card: "Card"
    y: float
    z: float

    def at(self, outline: Outline) -> Outline:
        """A (y, z) outline of the pool in the bucket's coordinates."""
        return tuple((round(y + self.y, 3), round(z + self.z, 3)) for y, z in outline)


@dataclass(frozen=True)
class Card:
    """One bucket. Inside `x0..x1` along the comb; a flat floor from the sill back `pool`, then one that rises by
    `rise` a mm to the back wall at `-depth`."""

    name: str
    retained_volume: float  # wanted of real water: threshold and priming volume
    drawn_volume: float  # of the cavity below the sill
    held_volume: float  # above the sill and on the walls when the last drop has left
    x0: float
    x1: float
    pool: float
    depth: float
    floor_z: float
    rise: float
    rim_z: float
    plates: tuple[Plate, ...]  # from the back wall to the comb
    fins: Fins
    mouths: tuple[Mouth, ...]
    wall: float
    sill: float  # length in flow direction
    run: float  # of the ramp, and its drop
    lip: float  # height of the lip's face
    under: Underside
    design_flow: float  # mm3/s
    design_head: float
    predicted: tuple[float, ...]  # share of real water at that head, by mouth
    notch: tuple[float, float, float] | None = None  # x0, x1 and foot of the back wall's gap where a gutter comes in
    siphon: Pillar | None = None  # in place of a comb: z is 0 at its crown, and a sump lies before its intake
    crest: tuple[float, float, float] | None = None  # x0, x1 and top of its front wall where a gutter's jet meets that
    spread: Spread | None = None  # downstream of the siphon, on the same piece; its mouths are the card's

    @property
    def comb(self) -> "Card":
        """The card whose comb divides the water: itself, or the pool that a flush falls into."""
        return self.spread.card if self.spread else self

    @property
    def comb_y(self) -> float:
        """Where that comb's sill begins."""
        return self.spread.y if self.spread else 0.0

    @property
    def lip_y(self) -> float:
        """Where the water leaves."""
        if self.spread:
            return round(self.spread.y + self.spread.card.lip_y, 3)
        return self.siphon.y if self.siphon else round(self.sill + self.run, 3)

    @property
    def lip_z(self) -> float:
        """Upper edge of the lip, below the sill."""
        if self.spread:
            return round(self.spread.z + self.spread.card.lip_z, 3)
        return self.siphon.siphon.outlet_z if self.siphon else -self.run

    @property
    def is_bare(self) -> bool:
        """Whether its floor falls straight to the sill: no pool."""
        return self.pool == 0.0 and self.floor_z == 0.0

    @property
    def is_primed(self) -> bool:
        """Whether its comb divides water over a pool, which is filled to make it ready; none is where a siphon runs."""
        return len(self.mouths) > 1 and self.siphon is None

    @property
    def open_width(self) -> float:
        """All teeth together."""
        return fsum(b - a for mouth in self.mouths for a, b in mouth.teeth)

    @cached_property
    def body(self) -> Span:
        """Along x, walls included."""
        spouts = [edge for mouth in self.mouths for edge in (*mouth.spout, *mouth.section, *mouth.opening)]
        return round(min(self.x0 - self.wall, *(x - 2 * self.wall for x in spouts)), 3), round(
            max(self.x1 + self.wall, *(x + 2 * self.wall for x in spouts)), 3
        )

    @cached_property
    def cavity(self) -> Outline:
        """The inside in (y, z), open at the rim."""
        back = self.depth - self.pool
        corners = [(0.0, self.rim_z), *self._front]
        corners += [(-self.pool, self.floor_z)] if self.pool > 0 else []
        corners += [(-self.depth, self.floor_z + back * self.rise)] if back > 0 else []
        return tuple((round(y, 3), round(z, 3)) for y, z in (*corners, (-self.depth, self.rim_z)))

    @property
    def room(self) -> Outline:
        """The inside in (y, z) without a siphon's sump, which is as long only at its top."""
        return self.cavity if self.siphon is None else (self.cavity[0], (0.0, self.floor_z), *self.cavity[3:])

    @property
    def _front(self) -> Outline:
        """The foot of the front wall in (y, z): before a siphon's intake the sump."""
        if self.siphon is None:
            return ((0.0, self.floor_z),)
        return ((0.0, self.siphon.trench_z), (-self.siphon.trench, self.siphon.trench_z))

    @cached_property
    def outline(self) -> Outline:
        """The whole piece in (y, z): back wall, underside, lip, ramp, front wall up to the rim; no siphon's pillar."""
        bottom, behind = self.under.bottom_z, -self.depth - self.wall
        if self.spread is not None:
            front = self.spread.at(self.spread.card.outline[-3:])  # lip, sill, rim of the pool
            foot = ((self.slant - bottom, bottom), (self.lip_y, bottom))
            step = ((self.sill, front[-1][1]), (self.sill, self.rim_z))
            box = ((behind, self.rim_z), (behind, self.slant - behind), *foot, *front, *step)
            return tuple((round(y, 3), round(z, 3)) for y, z in box)
        if self.siphon is not None:
            box = ((behind, self.rim_z), (behind, bottom), (self.sill, bottom), (self.sill, self.rim_z))
            return tuple((round(y, 3), round(z, 3)) for y, z in box)
        if self.under.is_beak:
            corners = [(behind, self.rim_z), (behind, bottom)]
        else:
            corners = [(behind, self.rim_z), (behind, self.slant - behind), (self.slant - bottom, bottom)]
        if self.under.is_beak:
            corners += [(self.sill, bottom), (self.sill, -2 * self.run - self.lip)]
            corners.append((self.lip_y, -self.run - self.lip))
        else:
            corners.append((self.lip_y, bottom))
        corners += [(self.lip_y, -self.run), (self.sill, 0.0), (self.sill, self.rim_z)]
        return tuple((round(y, 3), round(z, 3)) for y, z in corners)

    @property
    def middle(self) -> float:
        """y of the middle of its outline's area; its centre of mass lies nearer the sill."""
        ring = zip(self.outline, (*self.outline[1:], self.outline[0]), strict=True)
        parts = [(y0 * z1 - y1 * z0, y0 + y1) for (y0, z0), (y1, z1) in ring]
        return fsum(area * both for area, both in parts) / fsum(area for area, _ in parts) / 3.0

    @property
    def slant(self) -> float:
        """y + z of the underside that rises at 45 degrees behind the foot, at least a wall below the inside's."""
        inside, heel = self.cavity, LEAST_HEEL
        if self.spread is not None:
            inside, heel = (*inside, *self.spread.at(self.spread.card.cavity)), LEAST_HEEL - self.spread.y
        return min(min(y + z for y, z in inside) - self.wall * 2**0.5, self.under.bottom_z - heel)

    def back_at(self, z: float) -> float:
        """y of the outer face behind at elevation z: the back wall, or the slant below it."""
        behind = -self.depth - self.wall
        return behind if self.under.is_beak else max(behind, self.slant - z)

    @property
    def foot(self) -> Span:
        """y of the flat that stands on the bed."""
        start = -self.depth - self.wall if self.under.is_beak else self.slant - self.under.bottom_z
        return round(start, 3), self.sill if self.under.is_beak else self.lip_y

    def reach(self, level: float = 0.0) -> float:
        """How far behind the sill (mm) water at `level` reaches."""
        return self.pool + min(self.depth - self.pool, max(level - self.floor_z, 0.0) / self.rise)

    def wet(self, level: float = 0.0) -> Outline:
        """Section (y, z) of the water that stands at `level`."""
        corners = [(0.0, level), *self._front]
        corners += [(-self.pool, self.floor_z)] if self.pool > 0 else []
        corners += [(-self.depth, self.brim)] if level > self.brim else []
        return tuple((round(y, 3), round(z, 3)) for y, z in (*corners, (-self.reach(level), level)))

    @property
    def brim(self) -> float:
        """Level (mm) at which the rising floor is all under water; above it the walls are upright."""
        return self.floor_z + (self.depth - self.pool) * self.rise

    def floor_at(self, y: float) -> float:
        """Elevation of the inside's floor at y <= 0."""
        return self.floor_z + max(-y - self.pool, 0.0) * self.rise

    def opening(self, plate: Plate, y: float | None = None) -> float:
        """mm2 of a plate's holes, as far as they are above the floor, at y or in its middle."""
        floor = self.floor_at(plate.middle if y is None else y)
        return plate.open_between(floor, inf)

    def water_area(self, level: float = 0.0) -> float:
        """Water surface (mm2) at `level` above the sill, plates and fins taken out."""
        area = (self.x1 - self.x0) * self.reach(level)
        for plate in self.plates:
            if plate.top_z >= level > self.floor_at(plate.middle):
                through = plate.wide if plate.is_open_at(level) else 0.0
                area -= (self.x1 - self.x0 - through) * (plate.y1 - plate.y0)
        area += self.siphon.leg_area if self.siphon else 0.0
        return area - (self.fins.area if self.fins.top_z >= level else 0.0)

    def volume_below(self, level: float = 0.0) -> float:
        """Room (mm3) below `level`, plates and fins taken out and holes put back."""
        width, deep = self.x1 - self.x0, level - self.floor_z
        back = self.depth - self.pool
        if self.siphon is not None and deep <= 0.0:
            return self.siphon.trench_below(level, width)
        behind = back * deep - self.rise * back**2 / 2 if deep >= back * self.rise else deep**2 / (2 * self.rise)
        room = width * (self.pool * deep + behind)
        room += self.siphon.trench_below(self.floor_z, width) if self.siphon else 0.0
        room += self.siphon.volume_below(level) - self.siphon.volume_below(self.floor_z) if self.siphon else 0.0
        for plate in self.plates:
            thick, floor = plate.y1 - plate.y0, self.floor_at(plate.middle)
            room -= thick * width * max(min(plate.top_z, level) - floor, 0.0)
            room += thick * plate.open_between(floor, level)
        return room - self.fins.area * (min(self.fins.top_z, level) - self.floor_z)

    def edge(self) -> float:
        """Length (mm) of the water's edge at the sill on walls that hold a meniscus: all but a comb's side."""
        around = 2 * self.reach() + (self.x1 - self.x0)
        around += self.x1 - self.x0 + self.siphon.leg_edge if self.siphon else 0.0
        for plate in self.plates:
            if plate.top_z > 0 > self.floor_at(plate.middle):
                around += 2 * (self.x1 - self.x0 - (plate.y1 - plate.y0))
                if plate.is_open_at(0.0):
                    around += 2 * len(plate.gaps) * (plate.y1 - plate.y0) - 2 * plate.wide
        return around + (2 * len(self.fins.spans) * (self.fins.y1 - self.fins.y0) if self.fins.top_z > 0 else 0.0)

    def with_pool(self, pool: float, depth: float, rise: float, plates: tuple[Plate, ...] | None = None) -> "Card":
        """What `dataclasses.replace` makes, and a search asks for thousands of times, sooner."""
        made = object.__new__(Card)
        made.__dict__.update(self.__dict__)
        for cached in ("body", "cavity", "outline"):
            made.__dict__.pop(cached, None)
        made.__dict__.update(pool=pool, depth=depth, rise=rise, plates=self.plates if plates is None else plates)
        return made

    def moved(self, x: float) -> "Card":
        """The card `x` further along its comb."""

        def at(value: float) -> float:
            return round(value + x, 3)

        def span(s: Span) -> Span:
            return at(s[0]), at(s[1])

        mouths = tuple(
            Mouth(m.target, tuple(span(t) for t in m.teeth), span(m.section), span(m.spout)) for m in self.mouths
        )
        plates = tuple(
            replace(
                p,
                gaps=tuple(map(span, p.gaps)),
                crest=p.crest and (at(p.crest[0]), at(p.crest[1]), p.crest[2]),
            )
            for p in self.plates
        )
        fins = replace(self.fins, spans=tuple(map(span, self.fins.spans)))
        siphon = self.siphon and self.siphon.moved(x)
        spread = self.spread and replace(self.spread, card=self.spread.card.moved(x))
        crest = self.crest and (at(self.crest[0]), at(self.crest[1]), self.crest[2])
        own = replace(self, x0=at(self.x0), x1=at(self.x1), mouths=mouths, plates=plates, fins=fins)
        return replace(own, siphon=siphon, spread=spread, crest=crest)

    @property
    def leads(self) -> tuple[Outline, ...]:
        """Where a card has no pool: corners in plan (x, y) that fill its sides, so that its floor falls to the comb."""
        if not self.is_bare:
            return ()
        left, right = min(m.opening[0] for m in self.mouths), max(m.opening[1] for m in self.mouths)
        back = self.plates[0].y0 if len(self.mouths) == 1 else self.plates[-1].y1
        sides = ((left, self.x0), (right, self.x1))
        return tuple(((edge, 0.0), (wall, 0.0), (wall, back)) for edge, wall in sides if abs(edge - wall) > 0.5)

    def bank(self, mouth: Mouth, side: int) -> Outline:
        """The left (0) or right (1) bank of a mouth's water in plan (x, y), from the sill to the lip."""
        y1 = self.sill + BLADE_RUN
        y2, y3 = y1 + SETTLE, y1 + SETTLE + STRAIGHT
        if self.run < LED + 3.0:  # a short ramp leads straight to its spout
            stations = [(mouth.opening, self.sill), (mouth.opening, y1), (mouth.spout, self.lip_y)]
        else:
            last = self.lip_y - LAST
            y1 += -EARLY if mouth.closes(side) > STEEP * SETTLE else self._late(mouth, side)  # no wall gets thinner so
            stations = [(mouth.opening, self.sill), (mouth.opening, y1), (mouth.section, y2), (mouth.section, y3)]
            stations += [(mouth.spout, last), (mouth.spout, self.lip_y)]
        return tuple((round(span[side], 3), round(y, 3)) for span, y in stations)

    def _late(self, mouth: Mouth, side: int) -> float:
        """How much later a bank opens, beside one that closes early, so that the wall between them, which runs aside,
        gets no thinner than the thinnest between two waters, or than the card's own.
        """
        mouths = sorted(self.mouths, key=lambda m: m.opening)
        at = mouths.index(mouth) + (1 if side else -1)
        if not 0 <= at < len(mouths):
            return 0.0
        beside = mouths[at]
        both = min(-mouth.closes(side), beside.closes(1 - side))
        if both <= STEEP * SETTLE:
            return 0.0
        aside = atan(both / SETTLE)
        thin = min(self.wall, *(b.opening[0] - a.opening[1] for a, b in pairwise(mouths)))
        early = (thin - abs(beside.opening[1 - side] - mouth.opening[side]) * cos(aside)) / sin(aside)
        return max(early - EARLY, 0.0)


def spread_mouths(groups: Sequence[float], goals: Sequence[float], gap: float) -> list[float]:
    """Left edges of groups of teeth, each as near to its goal (a middle along x) as neighbours let it, `gap` apart.

    Pools of adjacent groups move together (isotonic regression of the shifts): the sum of squares is least.
    """
    widths = list(groups)
    offsets = [0.0]
    for width in widths[:-1]:
        offsets.append(offsets[-1] + width + gap)
    wanted = [goal - width / 2 - offset for goal, width, offset in zip(goals, widths, offsets, strict=True)]
    blocks: list[tuple[float, int]] = []  # (sum, count)
    for value in wanted:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1]))
    shifts = [total / count for total, count in blocks for _ in range(count)]
    lefts = [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]
    assert all(b - a >= w + gap - 1e-9 for (a, b), w in zip(pairwise(lefts), widths, strict=False))
    return lefts
