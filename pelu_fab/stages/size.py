"""Netlist in, cards and gutters' widths out: comb, pool, inlet and spouts of every bucket. No places along y and z."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, islice, pairwise, permutations
from math import ceil, floor, hypot, inf, radians, sqrt, tan

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.capillary import held_on_slope, held_volume
from pelu_fab.hydraulics.comb import comb_head
from pelu_fab.hydraulics.siphon import bore_flow
from pelu_fab.hydraulics.weir import screen_head, weir_head
from pelu_fab.ir.card import LED, Card, Fin, Mouth, Plate, Span, Underside, spread_mouths
from pelu_fab.ir.design import Design
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.ir.process import Printer, Process
from pelu_fab.ir.ruler import Ruler
from pelu_fab.ir.siphon import Pillar
from pelu_fab.ir.sized import Course, Jug, Sized, SizedCup
from pelu_fab.ir.units import GRAVITY, MM3_PER_ML, on_grid
from pelu_fab.network.algebra import outputs
from pelu_fab.network.names import input_name
from pelu_fab.stages.combs import Load, cut_comb, predicted, trimmed_teeth
from pelu_fab.stages.siphon import (
    SHORTEST,
    Wanted,
    first_and_last,
    flush_over,
    flush_row,
    full_bore,
    no_flush,
    on_one_bed,
)

LOAD = 400.0  # mm3/s per mm of open teeth: more, and the pool is not calm
LONE_TEETH = 5  # of a bucket with one branch
# The inlet, found by CFD (docs/cfd.md): a channel where the water lands, slots at the foot of a baffle, a low wall that
# their jets rise over, a plate with one slot a tooth, and behind each slot a cell of its own that ends OPEN before the
# sill. What reaches the comb has no sideways speed, and the same flow in every cell. mm, from the floor or the sill.
POOL_DEPTH, INLET = 12.0, 8.0  # below the sill; the channel, whose floor rises at 45 degrees to the back
BAFFLE, BAFFLE_TOP, FOOT_SLOT, FOOT_HEIGHT = 2.0, 13.0, 2.25, 3.6  # thickness, top, width and height of its slots
CHAMBER, LOW_WALL, LOW_HEIGHT = 2.2, 1.0, 8.0  # between two walls; thickness and height of the low one
SLOT_PLATE, SLOT_TOP, SLOT, SLOT_HEIGHT = 1.2, 9.0, 1.5, 7.0  # plate; its slots, for a tooth of 3 mm
CELL, OPEN, FIN_TOP = 5.2, 3.6, 6.0
STOP, STOP_GAP, POST, POST_PITCH = 1.2, 4.0, 1.6, 9.6  # the one baffle of a card with one branch, and its foot
BARE_GAP = 7.0  # of that foot where no pool lies behind
OVERFLOW, LINTEL = 9.0, 2.4  # of that baffle below the rim: a dumped jug runs over it; above its slots
LEAST_WAY, UNSEEN = 60.0, 1.2  # mm2 through it; its top, so low over the sill that no jet goes straight to the comb
GAP, EVEN = 4.0, (8.0, 4.0)  # of a pool that keeps nothing: between its two walls; head to get through each
FOOT_WIDE = 1.6  # slots of the first one
LEAST_SLOT = 1.0  # its narrowest
FOOT_PITCH, CALMED = 4.0, 5.0  # of the first one's slots; from the only one to a comb of one branch
BEFORE, DEEP_IN = 5.0, 4.6  # from a siphon's pillar to the first of them; of water in which it lands, at least
DRY, ROOF = 2.6, 0.2  # from that water up to the outlet; and of its bore, for what swings
CREST = 10.0  # above the rim, where a gutter's jet runs against a baffle
LONE_INLET, LONE_LEAST, RIM, BROW = 10.0, 16.0, 21.0, 4.0  # rising floor and length of a card with one branch; rim
ROW_LEAST = 22.0  # mm: length of a row's card, whose ramp hangs before its ears
RUN, LIP = 17.2, 0.8  # mm: of the ramp; height of its lip
LEAD_IN, LED_RISE = 0.4, 0.42  # run of a bare floor per mm that it leads water aside; its least rise
LONE_RUN = 8.0  # mm: ramp of a card that hangs over its target
CLOSING = 2.5  # run of a bank per mm that it moves in
SPOUT, MARGIN = 9.0, 2.0  # mm: led in to this at most; between a spout and its gutter's wall
MAX_DEPTH, LONE_DEEP = 70.0, 28.0  # mm: of a card along y; of a row's cards below the sill
LONE_SLOPE = 12.0  # degrees: of a floor that falls to the sill
CUP_WIDTH, CUP_DEPTH, CUP_TALL, CUP_FREEBOARD, CUP_RESERVE = 30.0, 40.0, 120.0, 9.0, 1.05
CUP_LEAST, BED_EDGE = 20.0, 2.0  # width of a cup where many stand side by side; of a bed that stays free
WITHIN = 6.0  # mm between a gutter's water and the walls of the vessel that it ends over
JUG_SIDES, JUG_SIDE, SLENDER = 4, 34.5, 2.2  # rulers a jug; the narrowest, with marks every 2 mL; height to width
LEAST_JUG, LEAST_RULER = 20e3, 8e3  # mm3
TITLE, BESIDE = 16.2, 2.6  # nozzles that two lines of the smallest letters take over a jug's marks; mm round them
PLATE, CUP_AIR = 4.4, 0.5  # mm: the rack's plates between cups; air beside a cup
LEANING = 0.06  # mm more between two sections than between teeth: their banks lean in plan
EDGE, AROUND = 1.5, 0.3  # mm between a gutter's inside where it comes in and the walls beside it; outside of its own
EXACT = 4.0  # mm3: a card keeps what is wanted; walls that touch the surface make steps, over which it takes another
ROOFED, OPEN_WALL = 0.3, 2.6  # mm that a card reaches past a gutter's wall; air beside one that it leaves open
CLEAR_OF = 0.1  # mm between an edge and the surface, which would cling to it or not
USUAL_SPANS = 2  # of those that would do: a card is rather longer than wider
GROWTH = (0.0, 10.0, 20.0, 40.0)  # mm that a card reaches beyond the gutters on either side
LEAST_KEPT = 500.0  # mm3: less may fall between a bare sill and the smallest pool
MOST_PASSES, SETTLED = 5, 0.002  # until pools' areas change by less
MOST_ORDERS = 6  # gutters whose every order is tried


@dataclass(frozen=True, slots=True)
class _Comb:
    """Teeth of a bucket by branch, before they have a place."""

    bucket: Bucket
    ducts: tuple[Duct, ...]
    teeth: tuple[tuple[float, ...], ...]
    load: Load
    blade: float

    @property
    def is_lone(self) -> bool:
        """Whether there is but one branch, and nothing to share."""
        return len(self.ducts) == 1

    @property
    def groups(self) -> list[float]:
        """Width of each branch's teeth, blades between."""
        return [sum(teeth) + self.blade * (len(teeth) - 1) for teeth in self.teeth]

    @property
    def sections(self) -> list[float]:
        """Width of each branch's walled channel: exactly proportional to its share, about as wide as its teeth."""
        return [on_grid(duct.share * sum(self.groups)) for duct in self.ducts]

    @property
    def spouts(self) -> list[float]:
        """Width at the lip: led in as far as the ramp's banks may close."""
        closing = 2 * (RUN - LED) / CLOSING
        return [on_grid(min(s, max(SPOUT, s - closing))) for s in self.sections]


def size(lowered: Lowered, design: Design, rim: float = RIM) -> Sized:
    """Give every bucket its card, at the design pour of one jug at a time; walls stand `rim` mm above their sill."""
    full: dict[str, tuple[float, float]] = {}
    for _ in range(MOST_PASSES):  # what a siphon passes hangs on its height, and that on the comb that it feeds
        sized = _sized(lowered, design, rim, full)
        over = [card for card in sized.cards.values() if card.siphon and card.spread]
        before, full = full, {c.name: first_and_last(c.siphon.siphon, design) for c in over if c.siphon}
        if all(abs(first - before.get(name, (0.0,))[0]) <= SETTLED * first for name, (first, _) in full.items()):
            break
    return sized


def _sized(lowered: Lowered, design: Design, rim: float, full: Mapping[str, tuple[float, float]]) -> Sized:
    """The device whose siphons over pools pass what `full` says, or as of usual height where it says nothing."""
    netlist, process = lowered.netlist, design.process
    loads = _loads(netlist, design, rim, full)
    orders, combs = _combs(netlist, loads, design)
    cards, drains = _cards(netlist, orders, combs, 0.0, design), dict[str, float]()
    for _ in range(MOST_PASSES):  # a comb is trimmed for the pool that drains over it, whose walls follow the comb
        before, drains = drains, {card.name: _drains(card) for row in cards.layers for card in row}
        if before and all(abs(drains[name] - area) <= SETTLED * area for name, area in before.items()):
            break
        combs = [[_trimmed(comb, drains[comb.bucket.name], design) for comb in row] for row in combs]
        cards = _cards(netlist, orders, combs, cards.priming_volume, design)
    width = _cup_width(netlist, process)
    pitch = on_grid(width + _between_cups(process))
    sized = Sized(cards.layers, cards.courses, (), _jugs(design, cards.priming_volume), cards.priming_volume, pitch)
    return replace(sized, cups=_cups(lowered, sized.cup_pitch - (pitch - width), design))


def _between_cups(process: Process) -> float:
    """From the inside of a cup to the inside of the next: two walls, a plate, air."""
    return 2 * process.printer.wall + 2 * CUP_AIR + PLATE


def _cup_width(netlist: Netlist, process: Process) -> float:
    """Inside of a cup, and of a row's card: less than usual where the tray that fans out to many fits the bed so."""
    last = netlist.rows[-1]
    fed = [duct.target for bucket in last for duct in netlist.leaving[bucket.name]]
    abreast = max(map(fed.count, fed)) if _is_row(netlist, len(netlist.rows) - 1) else 1
    number, between = len(set(fed)) * abreast, _between_cups(process)
    most = process.printer.bed[0] - BED_EDGE - 2 * process.printer.slanting
    fan = (most - (number - 1) * between + 2 * WITHIN) / number  # the outer gutters end within their vessels
    rack = (process.printer.bed[0] - BED_EDGE - PLATE) / abreast - between if abreast > 1 else fan  # round one cup
    width = floor(min(fan, rack))
    least = max(CUP_LEAST, LONE_TEETH * (process.comb.tooth + process.printer.blade))
    return min(float(width), CUP_WIDTH) if width >= least else CUP_WIDTH


def _drains(card: Card) -> float:
    """What a comb is trimmed for: the area (mm2) of the pool that drains over it, or the flow of the siphon before."""
    return card.comb.design_flow if card.spread else card.water_area()


@dataclass(frozen=True, slots=True)
class _Cards:
    """Every layer's cards and gutters, and the volume that primes those with several branches."""

    layers: tuple[tuple[Card, ...], ...]
    courses: tuple[tuple[Course, ...], ...]
    priming_volume: float


def _combs(
    netlist: Netlist, loads: Mapping[str, Load], design: Design
) -> tuple[list[Sequence[str]], list[list[_Comb]]]:
    """The order of gutters under each layer, and its buckets' combs in that order."""
    combs = [[_comb_of(b, netlist.leaving[b.name], loads[b.name], design) for b in row] for row in netlist.rows]
    are_in_order = any(readout.kind == "difference" for readout in design.network.readouts)
    orders = [_order(row, netlist, layer, design.process, are_in_order) for layer, row in enumerate(combs)]
    return orders, [[_in_order(comb, orders[layer], design) for comb in row] for layer, row in enumerate(combs)]


def _cards(
    netlist: Netlist,
    orders: Sequence[Sequence[str]],
    combs: Sequence[Sequence[_Comb]],
    least_priming: float,
    design: Design,
) -> _Cards:
    """The cards for these combs."""
    process = design.process
    courses = [_side_by_side(order, _widths(combs[n], process), process) for n, order in enumerate(orders)]
    width = _cup_width(netlist, process)
    feeds: dict[str, Span] = {course.target: course.span for row in courses for course in row}
    sites = [[_site(comb, courses[n], feeds, width, process) for comb in row] for n, row in enumerate(combs)]
    calm = [site for row in sites for site in row if not site.comb.is_lone and not site.comb.load.inflow]
    several = [_least_room(site, design) for site in calm]
    priming = max(ceil(max(several, default=0.0) / 500.0) * 500.0, least_priming)  # whole half millilitres
    layers = tuple(_layer(row, courses[n], priming, design) for n, row in enumerate(sites))
    return _Cards(layers, tuple(courses), priming)


@dataclass(frozen=True, slots=True)
class _Site:
    """Where a comb's card may lie: its mouths, the spans that it may take (the least first), and what feeds it."""

    comb: _Comb
    mouths: tuple[Mouth, ...]
    spans: tuple[Span, ...]
    feed: Span | None


def _site(comb: _Comb, courses: Sequence[Course], feeds: Mapping[str, Span], width: float, process: Process) -> _Site:
    """`width` is that of a row's card."""
    mouths, feed = _mouths(comb, courses, process), _feed(comb, courses, feeds, width)
    if not courses:
        return _Site(comb, mouths, ((-width / 2, width / 2),), feed)
    spans = _spans(_span(comb, courses, feeds, process.printer), (courses[0].span[0], courses[-1].span[1]))
    return _Site(comb, mouths, tuple(_roofing(s, mouths, courses, process.printer) for s in spans), feed)


def _comb_of(bucket: Bucket, ducts: Sequence[Duct], load: Load, design: Design) -> _Comb:
    process = design.process
    if len(ducts) == 1:
        teeth: tuple[tuple[float, ...], ...] = ((process.comb.tooth,) * LONE_TEETH,)
    else:
        comb = cut_comb(bucket.name, [duct.share for duct in ducts], load, design)
        owned = [[w for w, o in zip(comb.teeth, comb.order, strict=True) if o == i] for i in range(len(ducts))]
        teeth = tuple(map(tuple, owned))
    return _Comb(bucket, tuple(ducts), teeth, load, process.printer.blade)


def _trimmed(comb: _Comb, drains: float, design: Design) -> _Comb:
    """The comb, its teeth as many as before, for what `_drains` says."""
    load = replace(comb.load, flow=drains) if comb.load.inflow else replace(comb.load, area=drains)
    if comb.is_lone:
        return replace(comb, load=load) if comb.load.inflow else comb
    counts = [len(teeth) for teeth in comb.teeth]
    widths = iter(trimmed_teeth([duct.share for duct in comb.ducts], counts, load, design))
    return replace(comb, teeth=tuple(tuple(next(widths) for _ in teeth) for teeth in comb.teeth), load=load)


def _loads(netlist: Netlist, design: Design, rim: float, full: Mapping[str, tuple[float, float]]) -> dict[str, Load]:
    """The most that each bucket's comb carries: one jug after another at the design pour, nothing retained.

    A flush over gutters passes on what its full bore does, whatever comes in.
    """
    jugs = [{poured.name: design.pour_flow_ml * 1000.0} for poured in netlist.rows[0]]
    spills, loads = _spills(netlist, design), {}
    pooled = {b.name for depth, row in enumerate(netlist.rows) if not _is_row(netlist, depth) for b in row}
    for bucket in netlist.buckets:
        name, here = bucket.name, [flow.get(bucket.name, 0.0) for flow in jugs]
        passes, most = here, max(here)
        loads[name] = Load(most, spills[name], most / LOAD, rim)
        if bucket.flush_volume and name in pooled:
            first, last = full.get(name) or full_bore(bucket, most, design)
            passes = [first if came else 0.0 for came in here]
            loads[name] = Load(first, spills[name], first / LOAD, rim, inflow=most, last=last)
        for duct in netlist.leaving[bucket.name]:
            for flow, passed in zip(jugs, passes, strict=True):
                flow[duct.target] = flow.get(duct.target, 0.0) + duct.share * passed
    return loads


def _spills(netlist: Netlist, design: Design) -> dict[str, float]:
    """What each bucket spills (mm3) of the fullest jugs."""
    ports = zip(netlist.rows[0], design.input_max, strict=True)
    arrives = {bucket.name: most * design.unit_volume for bucket, most in ports}
    spills = {}
    for bucket in netlist.buckets:
        here = arrives.get(bucket.name, 0.0)
        spills[bucket.name] = here - bucket.retained_volume if here >= bucket.threshold else 0.0
        for duct in netlist.leaving[bucket.name]:
            arrives[duct.target] = arrives.get(duct.target, 0.0) + duct.share * spills[bucket.name]
    return spills


def _order(combs: Sequence[_Comb], netlist: Netlist, layer: int, process: Process, are_in_order: bool) -> Sequence[str]:
    """Targets of a layer in the order of their gutters: the one that keeps the combs shortest; none under a row.

    Over a row's cups they stand by cup; `are_in_order`: cups as the network names them, which says what a lean costs.
    """
    if _is_row(netlist, layer):
        return ()
    need = _widths(combs, process)
    order = _shortest([target for target in netlist.targets(layer) if target in need], combs, need, process)
    if _is_row(netlist, layer + 1):  # what shares a cup stands together
        cups = netlist.targets(layer + 1) if are_in_order else [netlist.leaving[t][0].target for t in order]
        order = sorted(order, key=lambda target: cups.index(netlist.leaving[target][0].target))
    return order


def _widths(combs: Sequence[_Comb], process: Process) -> dict[str, float]:
    """Inner width of each gutter under some combs: what the widest spout above it asks."""
    need: dict[str, float] = {}
    for comb in combs:
        for duct, spout in zip(comb.ducts, comb.spouts, strict=True):
            least = need.get(duct.target, process.channels.min_width)
            need[duct.target] = max(least, spout + 2 * _margin(process))
    return need


def _margin(process: Process) -> float:
    """Between a spout and its gutter's wall, mm: waters of two gutters keep apart at their lips."""
    return on_grid(max(MARGIN, (process.channels.spout_gap - process.printer.slanting) / 2))


def _is_row(netlist: Netlist, layer: int) -> bool:
    """Whether a layer's cards hang side by side over the cups: the last one, one branch a bucket."""
    return layer + 1 == len(netlist.rows) and all(len(netlist.leaving[b.name]) == 1 for b in netlist.rows[layer])


def _side_by_side(order: Sequence[str], widths: Mapping[str, float], process: Process) -> tuple[Course, ...]:
    wall = process.printer.slanting
    left = -(sum(widths[t] for t in order) + (len(order) - 1) * wall) / 2
    courses = []
    for target in order:
        courses.append(Course(target, (on_grid(left), on_grid(left + widths[target]))))
        left += widths[target] + wall
    return tuple(courses)


def _shortest(
    targets: list[str], combs: Sequence[_Comb], widths: Mapping[str, float], process: Process
) -> Sequence[str]:
    """The order of gutters whose combs add up to the least length: all orders of a few, else swaps while they help."""

    def length(order: Sequence[str]) -> float:
        courses = _side_by_side(order, widths, process)
        ends = [_extent(comb, _places(comb, courses)) for comb in combs if not comb.is_lone]
        return round(sum(high - low for low, high in ends), 6)

    if len(targets) <= MOST_ORDERS:
        return min(permutations(targets), key=length)
    best, least = list(targets), length(targets)
    helped = True
    while helped:
        helped = False
        for i, j in combinations(range(len(best)), 2):
            tried = best.copy()
            tried[i], tried[j] = tried[j], tried[i]
            if (found := length(tried)) < least:
                best, least, helped = tried, found, True
    return best


def _extent(comb: _Comb, lefts: Sequence[float]) -> Span:
    """From the first tooth's edge to the last one's along x."""
    ends = [(left, left + group) for left, group in zip(lefts, comb.groups, strict=True)]
    return min(a for a, _ in ends), max(b for _, b in ends)


def _spans(span: Span, bundle: Span) -> list[Span]:
    """Where a card may lie, the least first: over its comb, over all gutters, and beyond for a big threshold."""
    low, high = min(span[0], bundle[0]), max(span[1], bundle[1])
    return [span, *((low - more, high + more) for more in GROWTH)]


def _places(comb: _Comb, courses: Sequence[Course]) -> list[float]:
    """Left edge of each branch's teeth: over its gutter, as near as its neighbours let it."""
    goals = {course.target: sum(course.span) / 2 for course in courses}
    ranked = sorted(range(len(comb.ducts)), key=lambda i: goals.get(comb.ducts[i].target, 0.0))
    wanted = [goals.get(comb.ducts[i].target, 0.0) for i in ranked]
    lefts = spread_mouths([comb.groups[i] for i in ranked], wanted, comb.blade)
    return [on_grid(left) for _, left in sorted(zip(ranked, lefts, strict=True))]


def _in_order(comb: _Comb, order: Sequence[str], design: Design) -> _Comb:
    """The comb with its branches as their gutters lie, so that its end teeth are where they will be."""
    if comb.is_lone:
        return comb
    ducts = sorted(comb.ducts, key=lambda duct: order.index(duct.target))
    return _comb_of(comb.bucket, ducts, comb.load, design)


def _span(comb: _Comb, courses: Sequence[Course], feeds: Mapping[str, Span], printer: Printer) -> Span:
    """The inside along x: the comb, and where a gutter brings water in."""
    low, high = _extent(comb, _places(comb, courses))
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
        for a, b in ((course.span[0] - gutter, course.span[0]), (course.span[1], course.span[1] + gutter)):
            low = a - ROOFED + wall if a - ROOFED < left < b + OPEN_WALL else low
            high = b + ROOFED - wall if a - OPEN_WALL < right < b + ROOFED else high
    return on_grid(low), on_grid(high)


def _least_room(site: _Site, design: Design) -> float:
    """What the smallest calm pool before this comb keeps, mm3."""
    least = _least_pool(site.comb)
    card = _inside(replace(site, feed=None), site.spans[0], POOL_DEPTH, least, least + INLET, design)
    return card.volume_below() + _held(card, design)


def _held(card: Card, design: Design) -> float:
    if design.compensation != "process":
        return 0.0
    fluid, head = design.process.fluid, design.process.comb.residual_head
    if card.is_bare:
        return held_on_slope(card.x1 - card.x0, card.depth, card.rise, fluid, head)
    return held_volume(card.water_area(), card.edge(), fluid, head)


def _foot_slots(span: Span) -> tuple[int, float]:
    """Number of slots at the foot of a lone card's baffle, and their least height."""
    number = max(1, round((span[1] - span[0]) / POST_PITCH))
    return number, LEAST_WAY / (span[1] - span[0] - (number - 1) * POST)


def _inlet(mouths: Sequence[Mouth], card: Card, feed: Span | None, process: Process) -> Card:
    """The card with the walls of its inlet; `feed` is where along x a gutter's jet comes in."""
    crest = (on_grid(max(feed[0], card.x0)), on_grid(min(feed[1], card.x1)), card.rim_z + CREST) if feed else None
    floor = card.floor_z
    if len(mouths) == 1:
        stop = max(STOP, process.printer.blade)
        y1 = on_grid(-card.depth + LONE_INLET + stop)
        foot = card.floor_at(y1 - stop / 2)
        number, least = _foot_slots((card.x0, card.x1))
        if card.is_bare:  # nothing to be jumped over; its sides are filled up to the rim
            top, brim = foot + BARE_GAP, on_grid(card.rim_z - 2.0)
        else:
            top = max(foot + least, min(foot + STOP_GAP, UNSEEN))
            brim = on_grid(max(card.rim_z - OVERFLOW, top + LINTEL))
        step = (card.x1 - card.x0 + POST) / number
        holes = tuple(
            (on_grid(card.x0 + k * step), on_grid(card.x0 + (k + 1) * step - POST), foot - 1.0, top)
            for k in range(number)
        )
        return replace(card, plates=(Plate(on_grid(y1 - stop), y1, brim, holes, crest),))
    plates, fins = _cells(tuple(mouths), (card.x0, card.x1), floor, process.printer.blade, process.comb.tooth)
    first = replace(plates[0], crest=crest) if crest else plates[0]
    return replace(card, plates=(first, *plates[1:]), fins=fins)


@lru_cache(maxsize=4096)  # a pool's length is searched with the same walls
def _cells(
    mouths: tuple[Mouth, ...], inside: Span, floor: float, blade: float, tooth: float
) -> tuple[tuple[Plate, ...], tuple[Fin, ...]]:
    """The three walls across the inlet of a card with several branches, and the fins between its cells."""
    width, front = inside[1] - inside[0], -OPEN - CELL
    slots = []
    for a, b in (span for mouth in mouths for span in mouth.teeth):
        half = SLOT * (b - a) / tooth / 2
        slots.append((on_grid((a + b) / 2 - half), on_grid((a + b) / 2 + half), floor, on_grid(floor + SLOT_HEIGHT)))
    plate, wall = _across(blade)
    last = Plate(on_grid(front - plate), front, SLOT_TOP, tuple(slots))
    low = Plate(on_grid(last.y0 - CHAMBER - wall), on_grid(last.y0 - CHAMBER), on_grid(floor + LOW_HEIGHT))
    number = max(3, round(width / (tooth + blade)))
    centres = [inside[0] + width * (k + 0.5) / number for k in range(number)]
    feet = tuple(
        (on_grid(c - FOOT_SLOT / 2), on_grid(c + FOOT_SLOT / 2), floor, on_grid(floor + FOOT_HEIGHT)) for c in centres
    )
    first = Plate(on_grid(low.y0 - CHAMBER - BAFFLE), on_grid(low.y0 - CHAMBER), BAFFLE_TOP, feet)
    edges = {(a[1], b[0]) for mouth in mouths for a, b in pairwise(mouth.teeth)}
    for left, right in pairwise(sorted(mouths, key=lambda mouth: mouth.opening)):
        gap = (left.opening[1], right.opening[0])
        apart = gap[1] - gap[0] > 3 * blade
        edges |= {(gap[0], on_grid(gap[0] + blade)), (on_grid(gap[1] - blade), gap[1])} if apart else {gap}
    first_tooth, last_tooth = min(m.opening[0] for m in mouths), max(m.opening[1] for m in mouths)
    edges |= {(on_grid(first_tooth - blade), first_tooth)} if first_tooth - inside[0] > 2 * blade else set()
    edges |= {(last_tooth, on_grid(last_tooth + blade))} if inside[1] - last_tooth > 2 * blade else set()
    fins = tuple(Fin(a, b, front, -OPEN, FIN_TOP) for a, b in sorted(edges))
    return (first, low, last), fins


def _least_pool(comb: _Comb) -> float:
    """Flat floor that a comb needs before it."""
    return 0.0 if comb.is_lone else on_grid(OPEN + CELL + sum(_across(comb.blade)) + 2 * CHAMBER + BAFFLE)


def _across(blade: float) -> tuple[float, float]:
    """Thickness of an inlet's slotted plate, and of its low wall: two lines at least."""
    return max(SLOT_PLATE, blade), max(LOW_WALL, blade)


def _inside(
    site: _Site,
    span: Span,
    deep: float,
    pool: float,
    depth: float,
    design: Design,
    in_row: bool = False,
    rise: float = 0.0,
) -> Card:
    """A card with this pool: flat floor `pool` long and `deep` below the sill, in all `depth` long.

    Its floor rises by `rise` a mm, or as is usual.
    """
    comb, mouths = site.comb, site.mouths
    process = design.process
    teeth = sum(w for teeth in comb.teeth for w in teeth)
    rise = rise or (on_grid(tan(radians(LONE_SLOPE))) if in_row else 1.0)
    if deep == 0.0 and not in_row:  # no pool: a floor that falls to the comb, and leads what lands beside it there
        aside = max(mouths[0].opening[0] - span[0], span[1] - mouths[0].opening[1])
        pool, depth = 0.0, max(LONE_LEAST, on_grid(LONE_INLET + LEAD_IN * aside))
        rise = on_grid(min(rise, (comb.load.rim - BROW) / depth))
    card = Card(
        name=comb.bucket.name,
        retained_volume=0.0,
        drawn_volume=0.0,
        held_volume=0.0,
        x0=on_grid(span[0]),
        x1=on_grid(span[1]),
        pool=on_grid(pool),
        depth=on_grid(min(depth, pool + (comb.load.rim - BROW + deep) / rise)),
        floor_z=-on_grid(deep),
        rise=rise,
        rim_z=comb.load.rim,
        plates=(),
        fins=(),
        mouths=tuple(mouths),
        wall=process.printer.wall,
        sill=process.comb.sill_length,
        run=RUN,
        lip=LIP,
        under=Underside(-on_grid(RUN + LIP), False),
        design_flow=comb.load.flow,
        design_head=weir_head(comb.load.flow, teeth, discharge=process.comb.discharge),
        predicted=(),
    )
    return _inlet(mouths, card, site.feed, process)


def _layer(sites: Sequence[_Site], courses: Sequence[Course], priming: float, design: Design) -> tuple[Card, ...]:
    """Cards of one layer in order: weirs all equally long, and so are all cards of a row; flushes as they need."""
    weirs = [site for site in sites if not site.comb.bucket.flush_volume]
    flushes = [site for site in sites if site.comb.bucket.flush_volume]
    if not courses:
        made = _row(weirs, flushes, design)
    else:
        length, rooms = _length(weirs, courses, priming, design)
        made = [*_weirs(rooms, length, courses, design), *(_flush(site, design) for site in flushes)]
    cards = {card.name: card for card in made}
    return tuple(cards[site.comb.bucket.name] for site in sites)


def _length(
    sites: Sequence[_Site], courses: Sequence[Course], priming: float, design: Design
) -> tuple[float, list["_Room"]]:
    """The shortest for which each weir of a layer finds a pool, and what they must hold; 0 of none."""
    wanted = [s.comb.bucket.retained_volume + (0.0 if s.comb.is_lone else priming) for s in sites]
    tried = [_Room(site, want, not courses, design) for site, want in zip(sites, wanted, strict=True)]
    deepest = _deepest(courses, design)
    deep_enough = [_least_depth(room, deepest) for room in tried]
    if inf in deep_enough:
        raise _no_room(sites[deep_enough.index(inf)].comb.bucket, deepest)
    return max(deep_enough, default=0.0), tried


def _deepest(courses: Sequence[Course], design: Design) -> float:
    """Of a weir's floor below its sill, mm."""
    step = design.process.printer.layer_height
    return on_grid(floor((LONE_DEEP if not courses else RUN + LIP - design.process.printer.floor) / step + 1e-9) * step)


def _weirs(rooms: Sequence["_Room"], depth: float, courses: Sequence[Course], design: Design) -> list[Card]:
    """Their cards, `depth` long."""
    process, deepest = design.process, _deepest(courses, design)
    step = process.printer.layer_height
    cards = [next(card for span in r.site.spans if (card := r.card(span, deepest, depth))) for r in rooms]
    bottom = max([*(-card.floor_z + process.printer.floor for card in cards), 2 * LONE_RUN + LIP])  # room for a beak
    under = Underside(-on_grid(ceil(bottom / step - 1e-9) * step), True)
    return [
        replace(
            card,
            retained_volume=room.wanted,
            drawn_volume=card.volume_below(),
            held_volume=_held(card, design),
            under=card.under if courses else under,
            run=RUN if courses else LONE_RUN,
            predicted=tuple(predicted(room.site.comb.teeth, room.site.comb.load.flow, design)),
        )
        for room, card in zip(rooms, cards, strict=True)
    ]


def _row(weirs: Sequence[_Site], flushes: Sequence[_Site], design: Design) -> list[Card]:
    """Cards side by side over the cups, all equally long and down to one level."""
    length, rooms = _length(weirs, (), 0.0, design)
    if not flushes:
        return _weirs(rooms, length, (), design)
    wanted = [Wanted(c.bucket, c.ducts[0].target, c.load.flow, c.load.rim) for c in (site.comb for site in flushes)]
    inside = flushes[0].spans[0]
    for depth in range(int(max(length, SHORTEST)), int(MAX_DEPTH) + 1):
        deep = [any(room.card(span, _deepest((), design), depth) for span in room.site.spans) for room in rooms]
        made = flush_row(wanted, inside, float(depth), design) if all(deep) else None
        if made is not None:
            beside = _weirs(rooms, float(depth), (), design)
            bottom = min(card.under.bottom_z for card in (*made, *beside))
            level = Underside(bottom, True)
            return [*on_one_bed(made, bottom, design), *(replace(card, under=level) for card in beside)]
    raise no_flush(wanted, inside, design, pooled=False)


def _flush(site: _Site, design: Design) -> Card:
    """A card that flushes into a pool of its own, over gutters."""
    comb = site.comb
    wanted = Wanted(comb.bucket, "", comb.load.inflow, comb.load.rim)
    card = flush_over(wanted, site.spans, lambda span, pillar: _pool(site, span, pillar, design), design)
    if site.feed is None:
        return card
    return replace(card, crest=(on_grid(site.feed[0]), on_grid(site.feed[1]), card.rim_z))


def _pool(site: _Site, span: Span, pillar: Pillar, design: Design) -> tuple[Card, float]:
    """What a siphon falls into: a floor that falls to the comb, walls that make its water even, nothing kept.

    And how high over its sill a siphon's outlet stays dry.
    """
    comb, process, mouths = site.comb, design.process, site.mouths
    landing = on_grid(pillar.front - process.printer.wall + BEFORE)  # from the back to the first wall
    flow = bore_flow(pillar.siphon, process)
    head = comb_head(flow, [w for teeth in comb.teeth for w in teeth], process)
    free = process.channels.meniscus_freeboard + process.channels.slosh_freeboard + DRY
    rim = on_grid(max(comb.load.rim, 0.0 if comb.is_lone else ceil(head + sum(EVEN) + free)))
    aside = max(min(m.opening[0] for m in mouths) - span[0], span[1] - max(m.opening[1] for m in mouths))
    rise = on_grid(LED_RISE if comb.is_lone and aside > 0.5 else tan(radians(LONE_SLOPE)))
    walls = max(STOP, process.printer.blade) if comb.is_lone else _least_pool(comb) - CHAMBER - _across(comb.blade)[1]
    depth = on_grid(landing + walls + (max(LEAD_IN * aside, CALMED) if comb.is_lone else GAP - CHAMBER))
    card = Card(
        name=comb.bucket.name,
        retained_volume=0.0,
        drawn_volume=0.0,
        held_volume=0.0,
        x0=on_grid(span[0]),
        x1=on_grid(span[1]),
        pool=0.0,
        depth=depth,
        floor_z=0.0,
        rise=rise,
        rim_z=rim,
        plates=(),
        fins=(),
        mouths=tuple(mouths),
        wall=process.printer.wall,
        sill=process.comb.sill_length,
        run=RUN,
        lip=LIP,
        under=Underside(-on_grid(RUN + LIP), False),
        design_flow=flow,
        design_head=head,
        predicted=tuple(predicted(comb.teeth, flow, design)),
    )
    card = _stopped(card, landing, process) if comb.is_lone else _evened(card, process)
    level = head
    for plate in reversed(card.plates):
        level = _before(flow, level, card, plate, process)
    low = card.floor_at(-card.depth) + card.rise * (pillar.x_down - pillar.span[0]) + DEEP_IN
    step = process.printer.layer_height
    return card, on_grid(ceil((max(level, low) + DRY + ROOF * pillar.siphon.bore) / step - 1e-9) * step)


def _before(flow: float, behind: float, card: Card, plate: Plate, process: Process) -> float:
    """Level (mm) before a wall that `flow` goes through, `behind` behind it."""
    opening, width, top, came = (np.asarray(v) for v in (card.opening(plate), card.x1 - card.x0, plate.top_z, flow))
    return float(screen_head(came, np.asarray(behind), opening, width, top, discharge=process.comb.discharge))


def _stopped(card: Card, landing: float, process: Process) -> Card:
    """A pool with one branch: one wall that stops the siphon's jet, open along its foot."""
    stop = max(STOP, process.printer.blade)
    y1 = on_grid(-card.depth + landing + stop)
    foot = card.floor_at(y1 - stop / 2)
    number, least = _foot_slots((card.x0, card.x1))
    step = (card.x1 - card.x0 + POST) / number
    holes = tuple(
        (on_grid(card.x0 + k * step), on_grid(card.x0 + (k + 1) * step - POST), foot - 1.0, on_grid(foot + least + 1.0))
        for k in range(number)
    )
    return replace(card, plates=(Plate(on_grid(y1 - stop), y1, on_grid(card.rim_z - 2.0), holes),))


def _evened(card: Card, process: Process) -> Card:
    """A pool with several: a wall with slots at its foot, none before a tooth's; then
    one with a slot for each tooth, and a cell behind each. All stand on the floor, so that all drains."""
    printer, tooth = process.printer, process.comb.tooth
    plates, fins = _cells(card.mouths, (card.x0, card.x1), 0.0, printer.blade, tooth)
    even, brim = plates[-1], on_grid(card.rim_z - 2.0)
    slots = _slots(card, even.middle, [hole[:2] for hole in even.holes], EVEN[1], process)
    y1 = on_grid(even.y0 - GAP)
    first = Plate(on_grid(y1 - BAFFLE), y1, brim)
    ends = [card.x0, *(x for a, b, _, _ in slots for x in (a, b)), card.x1]
    feet = []
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        count = max(1, round((high - low) / FOOT_PITCH))
        half = min(FOOT_WIDE, (high - low) / count - printer.blade) / 2
        middles = [low + (k + 0.5) * (high - low) / count for k in range(count)]
        feet += [(on_grid(x - half), on_grid(x + half)) for x in middles if half > LEAST_SLOT / 2]
    return replace(
        card,
        plates=(
            replace(first, holes=_slots(card, first.middle, feet, EVEN[0], process)),
            replace(even, top_z=brim, holes=slots),
        ),
        fins=fins,
    )


def _slots(
    card: Card, y: float, spans: Sequence[Span], head: float, process: Process
) -> tuple[tuple[float, float, float, float], ...]:
    """Slots on the floor at `y`, so high that the card's flow takes `head` mm to go through them."""
    floor_z, speed = card.floor_at(y), process.comb.discharge * sqrt(2.0 * GRAVITY * head)
    high = card.design_flow / speed / sum(b - a for a, b in spans)
    return tuple((a, b, on_grid(floor_z - 1.0), on_grid(floor_z + high)) for a, b in spans)


def _no_room(short: Bucket, deepest: float) -> FabError:
    if short.retained_volume < LEAST_KEPT:
        what = f"keeps {short.retained_volume / 1000:.3f} mL: a bare sill keeps less, and the smallest pool keeps more"
        return FabError(short.name, what, f"train a threshold of 0, or one above {LEAST_KEPT / 1000:g} mL")
    what = f"keeps {short.retained_volume / 1000:.1f} mL, more than a card of {MAX_DEPTH:g} x {deepest:g} mm holds"
    return FabError(short.name, what, "make the unit smaller (unit_ml), or train smaller thresholds")


def _feed(comb: _Comb, courses: Sequence[Course], feeds: Mapping[str, Span], width: float) -> Span | None:
    """Where along x a gutter's jet comes in: over a staircase its own span, in a row the whole width."""
    if comb.bucket.name not in feeds:
        return None
    low, high = feeds[comb.bucket.name]
    return (low + 0.4, high - 0.4) if courses else (-width / 2, width / 2)


@dataclass(frozen=True, slots=True)
class _Room:
    """What a card must keep, for any span, depth and length of its pool."""

    site: _Site
    wanted: float  # mm3 of real water
    in_row: bool
    design: Design

    @property
    def least(self) -> Span:
        """Flat floor, and all, along y."""
        flat = _least_pool(self.site.comb)
        return flat, flat + (LONE_INLET if self.site.comb.is_lone else INLET)

    def made(self, span: Span, deep: float, pool: float, length: float) -> Card:
        """A card, whatever it keeps."""
        return _inside(self.site, span, deep, pool, length, self.design, self.in_row)

    def lacks(self, span: Span, deep: float, pool: float, length: float) -> float:
        """How much more (mm3) is wanted than a card keeps."""
        return self._off(self.made(span, deep, pool, length))

    def level(self, span: Span, deepest: float, depth: float) -> int | None:
        """Layers that the floor must lie below the sill for enough room; None where even the deepest lacks some."""
        step, (least, whole) = self.design.process.printer.layer_height, self.least
        low = ceil((step if self.site.comb.is_lone else POOL_DEPTH) / step - 1e-9)
        high = round(deepest / step)

        def lacks(level: int) -> bool:
            return self.lacks(span, on_grid(level * step), depth - (whole - least), depth) > 1e-9

        if low > high or lacks(high):
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if lacks(middle) else (low, middle)
        return low

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
        step = self.design.process.printer.layer_height
        unseen = _foot_slots(span)[1] - UNSEEN  # so deep that the baffle's slots end below what a jet aims at
        shallow = max(level, ceil(unseen / step))
        levels = (*range(shallow, round(deepest / step) + 1), *range(shallow - 1, level - 1, -1))
        tried = (self._at(span, on_grid(deep * step), depth) for deep in levels)
        return next((card for card in tried if card and self._keeps(card)), None)

    def _keeps(self, card: Card) -> bool:
        """Whether it keeps what is wanted, and what clings to its walls is certain; a bare sill may keep more."""
        off = self._off(card)
        return (abs(off) <= EXACT and _is_clear(card)) or (off < 0.0 and card.floor_z == 0.0)

    def _off(self, card: Card) -> float:
        return self.wanted - card.volume_below() - _held(card, self.design)

    def _at(self, span: Span, deep: float, depth: float) -> Card | None:
        """The card with this floor that comes nearest to what is wanted."""
        least, whole = self.least
        if self.lacks(span, deep, least, depth) >= -EXACT:
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
            return _inside(self.site, span, deep, 0.0, depth, self.design, self.in_row, rise)

        led = not self.in_row and made(1.0).leads  # it falls along the walls that lead water aside, too
        gentlest = on_grid(LED_RISE if led else tan(radians(LONE_SLOPE)))
        steepest = gentlest if self.in_row else 1.0  # its back passes under the gutter that comes in
        return made(_zero(lambda rise: -self._off(made(rise)), gentlest, steepest))


def _is_clear(card: Card) -> bool:
    """Whether no hole's edge lies at the surface, and the waterline at no wall across the inlet."""
    edges = (z for plate in card.plates for hole in plate.holes for z in hole[2:])
    ends = -card.reach()
    across = (plate.y0 - CLEAR_OF < ends < plate.y1 + CLEAR_OF for plate in card.plates)
    return all(abs(z) > CLEAR_OF for z in edges) and not any(across)


def _zero(lacks: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function reaches zero."""
    from scipy.optimize import brentq  # slow to load, and not every device has a pool to fit

    if lacks(low) <= 0.0:
        return on_grid(low)
    return on_grid(high) if lacks(high) >= 0.0 else on_grid(float(brentq(lacks, low, high, xtol=2e-4)))


def _least_depth(room: _Room, deepest: float) -> float:
    """The shortest card (whole mm) that keeps what is wanted over one of its spans; infinite if none does."""
    low, high = int(max(ceil(room.least[1]), ROW_LEAST if room.in_row else LONE_LEAST)), int(MAX_DEPTH)
    enough = list(islice((span for span in room.site.spans if room.card(span, deepest, high)), USUAL_SPANS))
    if not enough:
        return inf
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if any(room.card(span, deepest, middle) for span in enough) else (middle + 1, high)
    return float(low)


def _behind(comb: _Comb, middles: Sequence[float], aims: Sequence[float]) -> list[float]:
    """Left edges of the sections, so far apart that the banks between, which lean to the spouts, stay thick enough."""
    behind = spread_mouths(comb.sections, middles, comb.blade + LEANING)
    slopes = [
        max(abs(aim - at - section / 2 + side * (spout - section) / 2) for side in (-1, 1)) / (RUN - LED)
        for aim, at, section, spout in zip(aims, behind, comb.sections, comb.spouts, strict=True)
    ]
    steep = max(slopes) > 1.0 / CLOSING + 0.01  # steeper than they close by themselves, for which LEANING is made
    return behind if not steep else spread_mouths(comb.sections, middles, comb.blade * hypot(1.0, max(slopes)) + 0.01)


def _mouths(comb: _Comb, courses: Sequence[Course], process: Process) -> tuple[Mouth, ...]:
    lefts, margin = _places(comb, courses), _margin(process)
    goals = {course.target: course.span for course in courses}
    middles = [left + group / 2 for left, group in zip(lefts, comb.groups, strict=True)]
    aims = []
    for duct, middle, spout in zip(comb.ducts, middles, comb.spouts, strict=True):
        low, high = goals.get(duct.target, (-inf, inf))
        aims.append(min(max(middle, low + margin + spout / 2), high - margin - spout / 2))
    behind = _behind(comb, middles, aims)
    mouths = []
    for duct, teeth, left, section, start, spout, aim in zip(
        comb.ducts, comb.teeth, lefts, comb.sections, behind, comb.spouts, aims, strict=True
    ):
        x, spans = left, []
        for width in teeth:
            spans.append((on_grid(x), on_grid(x + width)))
            x += width + comb.blade
        mouths.append(
            Mouth(
                duct.target,
                tuple(spans),
                (on_grid(start), on_grid(on_grid(start) + section)),
                (on_grid(aim - spout / 2), on_grid(aim + spout / 2)),
            )
        )
    return tuple(mouths)


def _cups(lowered: Lowered, width: float, design: Design) -> tuple[SizedCup, ...]:
    """Like cups, so that the highest water is the fullest cup: each holds what the fullest jugs can send to any.

    Outputs are monotone in every input.
    """
    most = outputs(lowered.network, np.asarray([design.input_max], dtype=np.float64))[0]
    fullest = float(most.max()) * design.unit_volume * CUP_RESERVE
    return tuple(_cup(port, label, fullest, width) for port, label in lowered.netlist.outputs)


def _cup(port: str, label: str, volume: float, width: float) -> SizedCup:
    """A whole number of 5 mL; deeper where it would be too tall."""
    capacity = max(ceil(volume / 5000.0 - 1e-9) * 5000.0, 10000.0)
    depth = on_grid(max(CUP_DEPTH, CUP_DEPTH * CUP_WIDTH / width, capacity / (width * CUP_TALL)))
    return SizedCup(port, label, capacity, width, depth, on_grid(capacity / (width * depth) + CUP_FREEBOARD))


def _jugs(design: Design, priming: float) -> tuple[Jug, ...]:
    """One jug for every four rulers: order does not matter, so that one is filled for each input in turn."""
    rulers = _rulers(design)
    fours = [rulers[k : k + JUG_SIDES] for k in range(0, len(rulers), JUG_SIDES)]
    names = ["jug"] if len(fours) == 1 else [f"jug-{k + 1}" for k in range(len(fours))]
    above = on_grid(max(CUP_FREEBOARD, TITLE * design.process.printer.nozzle + BESIDE))
    return tuple(_jug(name, four, priming, above) for name, four in zip(names, fours, strict=True))


def _jug(name: str, rulers: tuple[Ruler, ...], priming: float, above: float) -> Jug:
    """Holds whole steps of 5 mL below `above` mm, and is taller than wide, so that a mL stands high."""
    capacity = max(ceil(max(*(r.most for r in rulers), priming) / 5000.0 - 1e-9) * 5000.0, LEAST_JUG)
    side = on_grid(max(JUG_SIDE, (capacity / SLENDER) ** (1.0 / 3.0), sqrt(capacity / CUP_TALL)))
    jug = Jug(name, capacity, side, 0.0, priming, rulers)
    return replace(jug, height=on_grid(capacity / jug.area + above))


def _rulers(design: Design) -> tuple[Ruler, ...]:
    """One for each input that stands for a measurement; plain mL for the others, or where a side is free for them."""
    network, unit = design.network, design.unit_volume
    found = []
    for i, (most, feature) in enumerate(zip(design.input_max, network.measures.features, strict=True)):
        if not feature.is_plain and feature.factor and most * unit >= LEAST_RULER:
            found.append(Ruler(input_name(i), feature.unit, feature.offset, 1.0 / (feature.factor * unit), most * unit))
    if len(found) < len(network.inputs) or len(found) % JUG_SIDES:
        found.append(Ruler("", "mL", 0.0, 1.0 / MM3_PER_ML, max(design.input_max) * unit))
    return tuple(found)
