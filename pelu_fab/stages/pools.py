"""One bucket's card: a pool that keeps what is wanted, behind the inlet that CFD found. Its span, depth and length."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, pairwise, takewhile
from math import ceil, fsum, hypot, inf, radians, tan
from typing import NamedTuple

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.capillary import held_on_slope, held_volume
from pelu_fab.hydraulics.weir import weir_head
from pelu_fab.ir.card import Card, Fins, Mouth, Plate, Span, Underside
from pelu_fab.ir.design import Design
from pelu_fab.ir.netlist import Bucket
from pelu_fab.ir.process import Printer, Process
from pelu_fab.ir.sized import Course
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.courses import FORGIVES, LIP, OVERLAP, RUN, BucketComb, comb_extent, mouths_of, tooth_places

# The inlet, found by CFD (docs/cfd.md): a channel where the water lands, slots at the foot of a baffle, a low wall that
# their jets rise over, a plate with two slots a tooth, one above the other, and behind them a cell of its own that ends
# OPEN before the sill. What reaches the comb has no sideways speed, and the same flow in every cell. mm, from the
# floor or the sill.
POOL_DEPTH, INLET = 12.0, 8.0  # of water at rest; the channel, whose floor rises at 45 degrees to the back
BAFFLE, BAFFLE_TOP, FOOT_SLOT, FOOT_HEIGHT = 2.0, 13.0, 2.25, 3.6  # thickness, top, width and height of its slots
CHAMBER, LOW_WALL, LOW_HEIGHT = 2.2, 1.0, 8.0  # between two walls; thickness and height of the low one
SLOT_PLATE, SLOT_TOP, SLOT = 1.2, 9.0, 1.5  # plate; its slots, for a tooth of 3 mm
SLOTS = (0.0, 2.2), (4.8, 7.0)  # heights of their two rows: more resistance than one 7 mm high, without its jet
CELL, OPEN, FIN_TOP = 5.2, 3.6, 6.0
ASIDE = 2.5  # from a comb to the side walls: an end tooth flush with one takes 9 % more
STOP, STOP_GAP, POST, POST_PITCH = 1.2, 4.0, 1.6, 9.6  # the one baffle of a card with one branch, and its foot
BARE_GAP = 7.0  # of that foot where no pool lies behind
OVERFLOW, LINTEL = 9.0, 2.4  # of that baffle below the rim: a dumped jug runs over it; above its slots
LEAST_WAY, A_FLOW, LEAST_SLOT = 60.0, 5e-3, 1.0  # mm2 through it, or for each mm3/s (0.2 m/s); mm high at least
UNSEEN, TIGHTER = 1.2, 0.9  # its slots' top, so low over the sill that no jet sees the comb; of their height, for that
OVER_SLOTS, UNDER_SILL = 0.6, 1.0  # mm that a shallow pool's low wall ends above those slots, and below the sill
CREST = 10.0  # above the rim, where a gutter's jet runs against a baffle
LONE_INLET, LONE_LEAST, RIM, BROW = 10.0, 16.0, 21.0, 4.0  # rising floor and length of a card with one branch; rim
BEFORE_LIP = OVERLAP - 4.0  # mm more of either where a gutter's lip reaches in
ROW_LEAST = 22.0  # mm: length of a row's card, whose ramp hangs before its ears
LEAD_IN, LED_RISE = 0.4, 0.42  # run of a bare floor per mm that it leads water aside; its least rise
MAX_DEPTH, LONE_DEEP = 70.0, 28.0  # mm: of a card along y; of water at rest in a row's cards
LONE_SLOPE = 12.0  # degrees: of a floor that falls to the sill
EDGE, AROUND = 5.0, 0.3  # mm from a gutter's inside to the walls beside it: a jet is thrown aside; outside of its own
EXACT = 4.0  # mm3: a card keeps what is wanted; walls that touch the surface make steps, over which it takes another
ROOFED, OPEN_WALL = 0.3, 2.6  # mm that a card reaches past a gutter's wall; air beside one that it leaves open
CLEAR_OF = 0.1  # mm between an edge and the surface, which would cling to it or not
USUAL_SPANS = 2  # of those that would do: a card is rather longer than wider
GROWTH = (0.0, 10.0, 20.0, 40.0)  # mm that a card reaches beyond the gutters on either side
ABOUT = 4.0, 8.0, 12.0, 16.0, 20.0, 24.0  # mm beyond its comb on either side, where that is over the gutters
LEAST_KEPT = 500.0  # mm3: less may fall between a bare sill and the smallest pool


class Cells(NamedTuple):
    """What of an inlet hangs on the teeth alone: the last plate's slots, and the fins between its cells."""

    slots: tuple[Span, ...]
    fins: frozenset[Span]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a comb's card may lie: its mouths, the spans that it may take (the least first), and what feeds it.

    `about` are spans about the comb, so that what is poured into the middle comes down before it.
    """

    comb: BucketComb
    mouths: tuple[Mouth, ...]
    spans: tuple[Span, ...]
    about: tuple[Span, ...]
    feed: Span | None
    cells: Cells

    @property
    def inlet(self) -> float:
        """Length of the channel where water lands, from the back to the first wall across."""
        return (LONE_INLET if self.comb.is_lone else INLET) + _before_lip(self.feed)

    @property
    def shortest(self) -> float:
        """Length of a card, at least."""
        return LONE_LEAST + _before_lip(self.feed)


def _before_lip(feed: Span | None) -> float:
    return BEFORE_LIP if feed else 0.0


def site_of(
    comb: BucketComb, courses: Sequence[Course], feeds: Mapping[str, Span], width: float, process: Process
) -> Site:
    """`width` is that of a row's card."""
    mouths, feed = mouths_of(comb, courses, process), _feed(comb, courses, feeds, width)
    cells = cells_of(mouths, process.printer.blade, process.comb.tooth)
    if not courses:
        return Site(comb, mouths, ((-width / 2, width / 2),), (), feed, cells)
    low, high = _span(comb, courses, feeds, process.printer)
    wider = _spans((low, high), (courses[0].span[0], courses[-1].span[1]))
    (left, right), steps = wider[1], () if comb.is_lone or feed else ABOUT
    about = [(max(left, low - more), min(right, high + more)) for more in steps]
    spans, about = ([_roofing(s, mouths, courses, process.printer) for s in some] for some in (wider, about))
    return Site(comb, mouths, tuple(spans), tuple(about), feed, cells)


def _spans(span: Span, bundle: Span) -> list[Span]:
    """Where a card may lie, the least first: over its comb, over all gutters, and beyond for a big threshold."""
    low, high = min(span[0], bundle[0]), max(span[1], bundle[1])
    return [span, *((low - more, high + more) for more in GROWTH)]


def _span(comb: BucketComb, courses: Sequence[Course], feeds: Mapping[str, Span], printer: Printer) -> Span:
    """The inside along x: the comb and what keeps its ends off the walls, and where a gutter brings water in."""
    low, high = comb_extent(comb, tooth_places(comb, courses))
    if not (comb.is_lone or comb.load.inflow):
        low, high = low - ASIDE, high + ASIDE
    if comb.bucket.name in feeds and courses:
        edge = max(EDGE, printer.slanting + AROUND)
        low, high = min(low, feeds[comb.bucket.name][0] - edge), max(high, feeds[comb.bucket.name][1] + edge)
    return low, high


def _roofing(span: Span, mouths: Sequence[Mouth], courses: Sequence[Course], printer: Printer) -> Span:
    """The span with each end far enough out that the card's body lies over the whole of a gutter's wall, or none of it.

    What climbs a wall that is cut for the card then meets the card.
    """
    (low, high), wall, gutter = span, printer.wall, printer.slanting
    edges = [x for mouth in mouths for s in (mouth.opening, mouth.section, mouth.spout) for x in s]
    left, right = min(low - wall, min(edges) - 2 * wall), max(high + wall, max(edges) + 2 * wall)
    for course in courses:
        first, last = course.span
        for a, b, moves in ((first - gutter, first, (0.0, FORGIVES)), (last, last + gutter, (-FORGIVES, 0.0))):
            under, over = a + moves[0] - ROOFED, b + moves[1] + ROOFED  # where it ends before a joint, too
            low = min(low, under + wall) if under < left < b + OPEN_WALL else low
            high = max(high, over - wall) if a - OPEN_WALL < right < over else high
    return on_grid(low), on_grid(high)


def least_room(site: Site, design: Design) -> float:
    """What the smallest calm pool before this comb keeps, mm3."""
    least = least_pool(site.comb)
    deep = on_grid(_shallowest(design.process) * design.process.printer.layer_height)
    on_floor = _floored(site, _walled(site, site.spans[0], design), deep)
    card = _inside(site, on_floor, deep, least, least + site.inlet, design)
    return card.volume_below() + held_water(card, design)


def _shallowest(process: Process) -> int:
    """Layers that a calm pool's floor lies below the sill, at least."""
    return ceil((POOL_DEPTH - process.comb.drawn_on) / process.printer.layer_height - 1e-9)


def held_water(card: Card, design: Design) -> float:
    """mm3 that stay above the sill by surface tension; none where nothing is compensated."""
    if design.compensation != "process":
        return 0.0
    fluid, head = design.process.fluid, design.process.comb.residual_head
    if card.is_bare:
        return held_on_slope(card.x1 - card.x0, card.depth, card.rise, fluid, head)
    return held_volume(card.water_area(), card.edge(), fluid, head)


def foot_slots(span: Span, flow: float, printer: Printer) -> tuple[int, float]:
    """Number of slots at the foot of a lone card's baffle, each a bridge that prints, and their least height for a
    `flow` (mm3/s).
    """
    width = span[1] - span[0]
    number = max(1, round(width / POST_PITCH), ceil((width + POST) / (printer.max_bridge + POST)))
    return number, max(min(LEAST_WAY, A_FLOW * flow) / (width - (number - 1) * POST), LEAST_SLOT)


def _floored(site: Site, card: Card, deep: float) -> Card:
    """A walled card, its floor `deep` below the sill and the walls on it."""
    floor = -on_grid(deep)
    if not card.plates:
        return replace(card, floor_z=floor)
    first, low, last = card.plates
    first = replace(first, rows=((floor, on_grid(floor + FOOT_HEIGHT)),), crest=_crest(card, site.feed))
    low = replace(low, top_z=on_grid(floor + LOW_HEIGHT))
    last = replace(last, rows=tuple((on_grid(floor + a), on_grid(floor + b)) for a, b in SLOTS))
    return replace(card, floor_z=floor, plates=(first, low, last))


def _crest(card: Card, feed: Span | None) -> tuple[float, float, float] | None:
    """Where along x, and how high, a wall stands higher than the rim."""
    return feed and (on_grid(max(feed[0], card.x0)), on_grid(min(feed[1], card.x1)), card.rim_z + CREST)


def _stops(card: Card, feed: Span | None, process: Process) -> tuple[Plate, ...]:
    """The baffle of a card with one branch; in a pool so shallow that a sheet which runs along its floor would climb
    over the sill while the pool is still empty, a low wall behind it that stops the sheet.
    """
    stop = _stop(card, feed, process)
    y0, thick = on_grid(stop.y1 + CHAMBER), inlet_walls(process.printer.blade)[1]
    top = on_grid(min(stop.lintel + OVER_SLOTS, -UNDER_SILL))
    if card.is_bare or card.floor_z <= process.comb.drawn_on - POOL_DEPTH or top <= card.floor_z or y0 + thick > -OPEN:
        return (stop,)
    return stop, Plate(y0, on_grid(y0 + thick), top)


def _stop(card: Card, feed: Span | None, process: Process) -> Plate:
    """The baffle of a card with one branch, open along its foot."""
    crest = _crest(card, feed)
    stop = max(STOP, process.printer.blade)
    y1 = on_grid(-card.depth + LONE_INLET + _before_lip(feed) + stop)
    number, least = foot_slots((card.x0, card.x1), card.design_flow, process.printer)
    least = max(min(least, UNSEEN - card.floor_z), TIGHTER * least)
    flat = card.pool + (UNSEEN - least - card.floor_z) / card.rise  # from there on its slots would end too high
    ahead, wet = stop / 2 - flat, -card.reach()
    ahead = wet + stop + 2 * CLEAR_OF if wet < ahead < wet + stop + 2 * CLEAR_OF else ahead  # nor at the waterline
    y1 = on_grid(ahead) if y1 < ahead <= -OPEN and not card.is_bare else y1
    foot = card.floor_at(y1 - stop / 2)
    if card.is_bare:  # nothing to be jumped over; its sides are filled up to the rim
        brim = on_grid(card.rim_z - 2.0)
        top = min(foot + BARE_GAP, brim - LINTEL)
    else:
        top = max(foot + least, min(foot + STOP_GAP, UNSEEN))
        brim = on_grid(max(card.rim_z - OVERFLOW, top + LINTEL))
    step = (card.x1 - card.x0 + POST) / number
    gaps = tuple((on_grid(card.x0 + k * step), on_grid(card.x0 + (k + 1) * step - POST)) for k in range(number))
    return Plate(on_grid(y1 - stop), y1, brim, gaps, ((foot - 1.0, top),), crest)


def cells_of(mouths: Sequence[Mouth], blade: float, tooth: float) -> Cells:
    """A slot for each tooth, and the fins between two."""
    slots = []
    for a, b in (span for mouth in mouths for span in mouth.teeth):
        half = SLOT * (b - a) / tooth / 2
        slots.append((on_grid((a + b) / 2 - half), on_grid((a + b) / 2 + half)))
    fins = {(a[1], b[0]) for mouth in mouths for a, b in pairwise(mouth.teeth)}
    for left, right in pairwise(sorted(mouths, key=lambda mouth: mouth.opening)):
        gap = (left.opening[1], right.opening[0])
        apart = gap[1] - gap[0] > 3 * blade
        fins |= {(gap[0], on_grid(gap[0] + blade)), (on_grid(gap[1] - blade), gap[1])} if apart else {gap}
    return Cells(tuple(slots), frozenset(fins))


def inlet_cells(
    cells: Cells, mouths: Sequence[Mouth], inside: Span, blade: float, tooth: float
) -> tuple[tuple[Plate, ...], Fins]:
    """The three walls across the inlet of a card with several branches, and the fins between its cells; floor at 0."""
    width, front = inside[1] - inside[0], -OPEN - CELL
    plate, wall = inlet_walls(blade)
    last = Plate(on_grid(front - plate), front, SLOT_TOP, cells.slots, SLOTS)
    low = Plate(on_grid(last.y0 - CHAMBER - wall), on_grid(last.y0 - CHAMBER), LOW_HEIGHT)
    number = max(3, round(width / (tooth + blade)))
    centres = [inside[0] + width * (k + 0.5) / number for k in range(number)]
    feet = tuple((on_grid(c - FOOT_SLOT / 2), on_grid(c + FOOT_SLOT / 2)) for c in centres)
    y1 = on_grid(low.y0 - CHAMBER)
    first = Plate(on_grid(y1 - BAFFLE), y1, BAFFLE_TOP, feet, ((0.0, FOOT_HEIGHT),))
    fins = set(cells.fins)
    first_tooth, last_tooth = min(m.opening[0] for m in mouths), max(m.opening[1] for m in mouths)
    fins |= {(on_grid(first_tooth - blade), first_tooth)} if first_tooth - inside[0] > 2 * blade else set()
    fins |= {(last_tooth, on_grid(last_tooth + blade))} if inside[1] - last_tooth > 2 * blade else set()
    return (first, low, last), Fins(tuple(sorted(fins)), front, -OPEN, FIN_TOP)


def least_pool(comb: BucketComb) -> float:
    """Flat floor that a comb needs before it."""
    return 0.0 if comb.is_lone else on_grid(OPEN + CELL + fsum(inlet_walls(comb.blade)) + 2 * CHAMBER + BAFFLE)


def inlet_walls(blade: float) -> tuple[float, float]:
    """Thickness of an inlet's slotted plate, and of its low wall: two lines at least."""
    return max(SLOT_PLATE, blade), max(LOW_WALL, blade)


def bare_card(site: Site, span: Span, design: Design) -> Card:
    """The card of a site over a span: its mouths, walls and ramp; no pool, no depth and no inlet yet."""
    comb, process = site.comb, design.process
    return Card(
        name=comb.bucket.name,
        retained_volume=0.0,
        drawn_volume=0.0,
        held_volume=0.0,
        x0=on_grid(span[0]),
        x1=on_grid(span[1]),
        pool=0.0,
        depth=0.0,
        floor_z=0.0,
        rise=1.0,
        rim_z=comb.load.rim,
        plates=(),
        fins=Fins(),
        mouths=site.mouths,
        wall=process.printer.wall,
        sill=process.comb.sill_length,
        run=RUN,
        lip=LIP,
        under=Underside(-on_grid(RUN + LIP), False),
        design_flow=comb.load.flow,
        design_head=0.0,
        predicted=(),
    )


def _walled(site: Site, span: Span, design: Design) -> Card:
    """The bare card of a site over a span, with the walls of its inlet as they are whatever its pool is."""
    card, process = bare_card(site, span, design), design.process
    teeth = fsum(w for teeth in site.comb.teeth for w in teeth)
    card = replace(card, design_head=weir_head(site.comb.load.flow, teeth, discharge=process.comb.discharge))
    if len(site.mouths) == 1:
        return card
    blade, tooth = process.printer.blade, process.comb.tooth
    plates, fins = inlet_cells(site.cells, site.mouths, (card.x0, card.x1), blade, tooth)
    return replace(card, plates=plates, fins=fins)


def _inside(
    site: Site,
    card: Card,
    deep: float,
    pool: float,
    depth: float,
    design: Design,
    in_row: bool = False,
    rise: float = 0.0,
) -> Card:
    """A walled card on its floor with this pool: the floor flat for `pool`, `deep` below the sill, in all `depth` long.

    Its floor rises by `rise` a mm, or as is usual.
    """
    rim = site.comb.load.rim
    rise = rise or (on_grid(tan(radians(LONE_SLOPE))) if in_row else 1.0)
    if deep == 0.0 and not in_row:  # no pool: a floor that falls to the comb, and leads what lands beside it there
        opening = site.mouths[0].opening
        aside = max(opening[0] - card.x0, card.x1 - opening[1])
        pool, depth = 0.0, max(site.shortest, on_grid(site.inlet + LEAD_IN * aside))
        tried = card.with_pool(pool, depth, rise)
        led = _led_rise(replace(tried, plates=_stops(tried, site.feed, design.process)), design.process)
        rise = min(rise, (rim - BROW) / depth)
        if led > rise:  # so wide that its floor must rise higher, to fall enough along its leads
            rise, rim = led, on_grid(max(rim, led * depth + BROW))
            card = replace(card, rim_z=rim)
        rise = on_grid(rise)
    depth = on_grid(min(depth, pool + (rim - BROW + deep) / rise))
    made = card.with_pool(on_grid(pool), depth, rise)
    if made.plates:
        return made
    return made.with_pool(made.pool, depth, rise, _stops(made, site.feed, design.process))


def no_room(short: Bucket, deepest: float) -> FabError:
    """Why no card keeps what a bucket is to keep, and what helps."""
    if short.retained_volume < LEAST_KEPT:
        what = f"keeps {short.retained_volume / 1000:.3f} mL: a bare sill keeps less, and the smallest pool keeps more"
        return FabError(short.name, what, f"train a threshold of 0, or one above {LEAST_KEPT / 1000:g} mL")
    what = f"keeps {short.retained_volume / 1000:.1f} mL, more than a card of {MAX_DEPTH:g} x {deepest:g} mm holds"
    return FabError(short.name, what, "make the unit smaller (unit_ml), or train smaller thresholds")


def _feed(comb: BucketComb, courses: Sequence[Course], feeds: Mapping[str, Span], width: float) -> Span | None:
    """Where along x a gutter's jet comes in: over a staircase its own span, in a row the whole width."""
    if comb.bucket.name not in feeds:
        return None
    low, high = feeds[comb.bucket.name]
    return (low + 0.4, high - 0.4) if courses else (-width / 2, width / 2)


@dataclass(frozen=True, slots=True)
class Room:
    """What a card must keep, for any span, depth and length of its pool."""

    site: Site
    wanted: float  # mm3 of real water
    in_row: bool
    design: Design
    cards: dict[tuple[Span, float | None], Card] = field(default_factory=dict, repr=False, compare=False)
    told: dict[tuple[Span, float, float, float], float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def least(self) -> Span:
        """Flat floor, and all, along y."""
        flat = least_pool(self.site.comb)
        return flat, flat + self.site.inlet

    def made(self, span: Span, deep: float, pool: float, length: float) -> Card:
        """A card, whatever it keeps."""
        return _inside(self.site, self._floored(span, deep), deep, pool, length, self.design, self.in_row)

    def _floored(self, span: Span, deep: float) -> Card:
        """What stays the same while a pool's length is searched."""
        if (span, deep) not in self.cards:
            if (span, None) not in self.cards:
                self.cards[span, None] = _walled(self.site, span, self.design)
            self.cards[span, deep] = _floored(self.site, self.cards[span, None], deep)
        return self.cards[span, deep]

    def lacks(self, span: Span, deep: float, pool: float, length: float) -> float:
        """How much more (mm3) is wanted than a card keeps."""
        if (key := (span, deep, pool, length)) not in self.told:
            self.told[key] = self._off(self.made(span, deep, pool, length))
        return self.told[key]

    def may_do(self, span: Span, deepest: float, depth: float) -> bool:
        """Whether there is enough room over the deepest floor, or a comb so small that it needs none."""
        return self.site.comb.is_lone or self._is_enough(span, round(deepest / self._step), depth)

    def level(self, span: Span, deepest: float, depth: float) -> int | None:
        """Layers that the floor must lie below the sill for enough room; None where even the deepest lacks some."""
        low = 1 if self.site.comb.is_lone else _shallowest(self.design.process)
        high = round(deepest / self._step)
        if low > high or not self._is_enough(span, high, depth):
            return None
        return _first(low, high, lambda level: self._is_enough(span, level, depth))

    @property
    def _step(self) -> float:
        return self.design.process.printer.layer_height

    def _is_enough(self, span: Span, level: int, depth: float) -> bool:
        least, whole = self.least
        return self.lacks(span, on_grid(level * self._step), depth - (whole - least), depth) <= 1e-9

    def card(self, span: Span, deepest: float, depth: float) -> Card | None:
        """The shallowest card that keeps what is wanted, at most `depth` long; None if there is none.

        Its depth is a whole number of layers; the length of the flat floor makes the volume exact, or the card's length
        where even the least floor keeps too much.
        """
        if self.site.comb.is_lone and self._keeps(bare := self._wedge(span, 0.0, depth)):
            return bare
        level = self.level(span, deepest, depth)
        if level is None:
            return None
        step = self._step
        high = foot_slots(span, self.site.comb.load.flow, self.design.process.printer)[1]
        shallow = max(level, ceil((high - UNSEEN) / step))  # so deep that its slots end below what a jet aims at
        levels = range(shallow, round(deepest / step) + 1), range(shallow - 1, level - 1, -1)
        deeper, rest = ((self._at(span, on_grid(deep * step), depth) for deep in some) for some in levels)
        tried = chain(
            takewhile(bool, deeper), rest
        )  # where even the least floor keeps too much, a deeper one keeps more
        return next((card for card in tried if card and self._keeps(card)), None)

    def narrowest(self, deepest: float, depth: float) -> Card | None:
        """The card over the first of its spans that will do; about its comb, where such a card is narrower."""
        if usual := self._first(self.site.spans, deepest, depth):
            about = [span for span in self.site.about if span[1] - span[0] < usual.x1 - usual.x0]
            return self._first(about, deepest, depth) or usual
        return None

    def _first(self, spans: Sequence[Span], deepest: float, depth: float) -> Card | None:
        return next((card for span in spans if (card := self.card(span, deepest, depth))), None)

    def like(self, old: Card, depth: float) -> Card | None:
        """The card `depth` long at an old one's level and over no less, if it keeps what is wanted."""
        if self.site.comb.is_lone:
            return None
        near = min((*self.site.spans, *self.site.about), key=lambda span: hypot(span[0] - old.x0, span[1] - old.x1))
        span = min(near[0], old.x0), max(near[1], old.x1)
        card = self._at(span, -old.floor_z, depth)
        return card if card and self._keeps(card) else None

    def _keeps(self, card: Card) -> bool:
        """Whether it keeps what is wanted, and what clings to its walls is certain; a bare sill may keep more."""
        off = self._off(card)
        return (abs(off) <= EXACT and _is_clear(card)) or (off < 0.0 and card.floor_z == 0.0)

    def _off(self, card: Card) -> float:
        return self.wanted - card.volume_below() - held_water(card, self.design)

    def _at(self, span: Span, deep: float, depth: float) -> Card | None:
        """The card with this floor that comes nearest to what is wanted."""
        least, whole = self.least
        if self.lacks(span, deep, least, depth) >= 0.0:
            flat = _zero(lambda at: self.lacks(span, deep, at, depth), least, depth - (whole - least))
            return self.made(span, deep, flat, depth)
        if self.site.comb.is_lone:
            return self._wedge(span, deep, depth)
        if self.lacks(span, deep, least, whole) >= -EXACT:
            return self.made(span, deep, least, _zero(lambda at: self.lacks(span, deep, least, at), whole, depth))
        return None

    def _wedge(self, span: Span, deep: float, depth: float) -> Card:
        """No flat floor, only one that falls to the sill: so steeply that the water at its foot is what is wanted."""

        def made(rise: float) -> Card:
            return _inside(self.site, self._floored(span, deep), deep, 0.0, depth, self.design, self.in_row, rise)

        usual = tan(radians(LONE_SLOPE))
        tried = made(usual if self.in_row else 1.0)
        led = not self.in_row and tried.leads  # it falls along the walls that lead water aside, too
        gentlest = on_grid(max(LED_RISE if led else usual, _led_rise(tried, self.design.process)))
        steepest = gentlest if self.in_row else 1.0  # its back passes under the gutter that comes in
        return made(_zero(lambda rise: -self._off(made(rise)), gentlest, steepest))


def _led_rise(card: Card, process: Process) -> float:
    """Of a bare floor, so that what runs down along its leads falls at the process's least slope."""
    least = tan(radians(process.channels.min_slope_deg))
    return max((least * hypot(1.0, (wall - x) / back) for (x, _), (wall, _), (_, back) in card.leads), default=0.0)


def _is_clear(card: Card) -> bool:
    """Whether no hole's edge lies at the surface, and the waterline at no wall across the inlet."""
    edges = (z for plate in card.plates if plate.gaps for row in plate.rows for z in row)
    ends = -card.reach()
    across = (plate.y0 - CLEAR_OF < ends < plate.y1 + CLEAR_OF for plate in card.plates)
    return all(abs(z) > CLEAR_OF for z in edges) and not any(across)


def _zero(lacks: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function reaches zero."""
    from scipy.optimize import brentq  # slow to load, and not every device has a pool to fit

    told = {low: lacks(low)}
    if told[low] <= 0.0:
        return on_grid(low)
    told[high] = lacks(high)
    if told[high] >= 0.0:
        return on_grid(high)
    return on_grid(float(brentq(lambda at: told[at] if at in told else lacks(at), low, high, xtol=2e-4)))


def least_depth(room: Room, deepest: float) -> float:
    """The shortest card (whole mm) that keeps what is wanted over one of its spans; infinite if none does."""
    least = max(room.site.shortest, ROW_LEAST if room.in_row else 0.0)
    low, high = int(max(ceil(room.least[1]), least)), int(MAX_DEPTH)
    enough = list(islice((span for span in room.site.spans if room.card(span, deepest, high)), USUAL_SPANS))
    if not enough:
        return inf

    def does(depth: int) -> bool:
        return any(room.card(span, deepest, depth) for span in enough)

    low = _first(low, high, lambda depth: any(room.may_do(span, deepest, depth) for span in enough))
    return float(low if does(low) else _first(low + 1, high, does))


def _first(low: int, high: int, does: Callable[[int], bool]) -> int:
    """The first number that does, all that follow do, at most `high`."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if does(middle) else (middle + 1, high)
    return low
