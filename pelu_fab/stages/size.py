"""Netlist in, cards and gutters' widths out: comb, pool, inlet and spouts of every bucket. No places along y and z."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf

from pelu_fab.ir.card import Card, Span, Underside
from pelu_fab.ir.design import Design
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.sized import Course, Sized
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.combs import Load, predicted
from pelu_fab.stages.courses import (
    LIP,
    RUN,
    BucketComb,
    bucket_comb,
    gutter_order,
    gutter_widths,
    in_order,
    is_row,
    side_by_side,
    trimmed,
)
from pelu_fab.stages.pools import (
    LONE_DEEP,
    MAX_DEPTH,
    RIM,
    Room,
    Site,
    held_water,
    least_depth,
    least_room,
    no_room,
    site_of,
)
from pelu_fab.stages.siphon import SHORTEST, Wanted, first_and_last, flush_row, full_bore, no_flush, on_one_bed
from pelu_fab.stages.siphon_pool import flush_of
from pelu_fab.stages.vessels import between_cups, cup_width, cups_of, jugs_of

LOAD = 400.0  # mm3/s per mm of open teeth: more, and the pool is not calm
LONE_RUN = 8.0  # mm: ramp of a card that hangs over its target
MOST_PASSES, SETTLED = 5, 0.002  # until pools' areas change by less
CHOSEN = 1  # turn from which a pool keeps its span, level and length: two that each ask for the other would never end


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
    for turn in range(MOST_PASSES):  # a comb is trimmed for the pool that drains over it, whose walls follow the comb
        before, drains = drains, {card.name: drain_area(card) for layer in cards.layers for card in layer.cards}
        if before and all(abs(drains[name] - area) <= SETTLED * area for name, area in before.items()):
            break
        combs = [[trimmed(comb, drains[comb.bucket.name], design) for comb in row] for row in combs]
        cards = _cards(netlist, orders, combs, cards.priming_volume, design, cards if turn >= CHOSEN else None)
    width = cup_width(netlist, process, design.sheet)
    pitch = on_grid(width + between_cups(process, design.sheet))
    sized = Sized(
        tuple(layer.cards for layer in cards.layers),
        cards.courses,
        (),
        jugs_of(design, cards.priming_volume),
        cards.priming_volume,
        pitch,
    )
    return replace(sized, cups=cups_of(lowered, sized.cup_pitch - (pitch - width), design))


def drain_area(card: Card) -> float:
    """What a comb is trimmed for: the area (mm2) of the pool that drains over it, or the flow of the siphon before."""
    return card.comb.design_flow if card.spread else card.water_area()


@dataclass(frozen=True, slots=True)
class _Layer:
    """The cards of one layer in order, and the length that its weirs were given."""

    cards: tuple[Card, ...] = ()
    length: float = 0.0

    def card(self, name: str) -> Card | None:
        """The card of a bucket."""
        return next((card for card in self.cards if card.name == name), None)


NONE = _Layer()


@dataclass(frozen=True, slots=True)
class _Cards:
    """Every layer's cards and gutters, and the volume that primes those with several branches."""

    layers: tuple[_Layer, ...]
    courses: tuple[tuple[Course, ...], ...]
    priming_volume: float


def _combs(
    netlist: Netlist, loads: Mapping[str, Load], design: Design
) -> tuple[list[Sequence[str]], list[list[BucketComb]]]:
    """The order of gutters under each layer, and its buckets' combs in that order."""
    combs = [[bucket_comb(b, netlist.leaving[b.name], loads[b.name], design) for b in row] for row in netlist.rows]
    are_in_order = any(readout.kind == "difference" for readout in design.network.readouts)
    orders, feeds = list[Sequence[str]](), dict[str, float]()
    for layer, row in enumerate(combs):
        orders.append(gutter_order(row, netlist, layer, feeds, design.process, are_in_order))
        courses = side_by_side(orders[-1], gutter_widths(row, design.process), design.process)
        feeds = {course.target: course.middle for course in courses}
    return orders, [[in_order(comb, orders[layer], design) for comb in row] for layer, row in enumerate(combs)]


def _cards(
    netlist: Netlist,
    orders: Sequence[Sequence[str]],
    combs: Sequence[Sequence[BucketComb]],
    least_priming: float,
    design: Design,
    before: _Cards | None = None,
) -> _Cards:
    """The cards for these combs, no shorter than `before` and their pools of its kind where they do."""
    process = design.process
    courses = [side_by_side(order, gutter_widths(combs[n], process), process) for n, order in enumerate(orders)]
    width = cup_width(netlist, process, design.sheet)
    feeds: dict[str, Span] = {course.target: course.span for row in courses for course in row}
    sites = [[site_of(comb, courses[n], feeds, width, process) for comb in row] for n, row in enumerate(combs)]
    calm = [site for row in sites for site in row if not site.comb.is_lone and not site.comb.load.inflow]
    several = [least_room(site, design) for site in calm]
    priming = max(ceil(max(several, default=0.0) / 500.0) * 500.0, least_priming)  # whole half millilitres
    olds = before.layers if before else [NONE] * len(sites)
    layers = tuple(_layer(row, courses[n], priming, olds[n], design) for n, row in enumerate(sites))
    return _Cards(layers, tuple(courses), priming)


def _loads(netlist: Netlist, design: Design, rim: float, full: Mapping[str, tuple[float, float]]) -> dict[str, Load]:
    """The most that each bucket's comb carries: one jug after another at the design pour, nothing retained.

    A flush over gutters passes on what its full bore does, whatever comes in.
    """
    jugs = [{poured.name: design.pour_flow_ml * 1000.0} for poured in netlist.rows[0]]
    spills, loads = _spills(netlist, design), {}
    pooled = {b.name for depth, row in enumerate(netlist.rows) if not is_row(netlist, depth) for b in row}
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


def _layer(sites: Sequence[Site], courses: Sequence[Course], priming: float, before: _Layer, design: Design) -> _Layer:
    """Cards of one layer in order: weirs all equally long, and so are all cards of a row; flushes as they need."""
    weirs = [site for site in sites if not site.comb.bucket.flush_volume]
    flushes = [site for site in sites if site.comb.bucket.flush_volume]
    if not courses:  # nothing to trim: one branch each
        made, length = _row(weirs, flushes, design), 0.0
    else:
        length, rooms = _length(weirs, courses, priming, design, before)
        made = [*_weirs(rooms, length, courses, design, before), *(flush_of(site, design) for site in flushes)]
    cards = {card.name: card for card in made}
    return _Layer(tuple(cards[site.comb.bucket.name] for site in sites), length)


def _length(
    sites: Sequence[Site], courses: Sequence[Course], priming: float, design: Design, before: _Layer = NONE
) -> tuple[float, list[Room]]:
    """The shortest for which each weir of a layer finds a pool, at least that of `before`, and what they must hold."""
    wanted = [s.comb.bucket.retained_volume + (0.0 if s.comb.is_lone else priming) for s in sites]
    tried = [Room(site, want, not courses, design) for site, want in zip(sites, wanted, strict=True)]
    if before.cards and all(_like(before, room, before.length) for room in tried if not room.site.comb.is_lone):
        return before.length, tried
    deepest = _deepest(courses, design)
    deep_enough = [least_depth(room, deepest) for room in tried]
    if inf in deep_enough:
        raise no_room(sites[deep_enough.index(inf)].comb.bucket, deepest)
    return max([before.length, *deep_enough]), tried


def _like(before: _Layer, room: Room, depth: float) -> Card | None:
    """The card `depth` long whose pool is of the kind that it was before; None if there is none."""
    old = before.card(room.site.comb.bucket.name)
    return room.like(old, depth) if old else None


def _deepest(courses: Sequence[Course], design: Design) -> float:
    """Of a weir's floor below its sill, mm."""
    printer = design.process.printer
    deep = RUN + LIP - printer.floor if courses else LONE_DEEP - design.process.comb.drawn_on
    return on_grid(floor(deep / printer.layer_height + 1e-9) * printer.layer_height)


def _weirs(
    rooms: Sequence[Room], depth: float, courses: Sequence[Course], design: Design, before: _Layer = NONE
) -> list[Card]:
    """Their cards, `depth` long, or as little longer as one needs that is found shorter and longer, but not at it."""
    process, deepest = design.process, _deepest(courses, design)
    step = process.printer.layer_height

    def of(room: Room, depth: float) -> Card | None:
        return _like(before, room, depth) or room.narrowest(deepest, depth)

    cards = list[Card]()
    while len(cards) < len(rooms):
        cards = [card for room in rooms if (card := of(room, depth))]
        depth += 1.0
    bottom = max([*(-card.floor_z + process.printer.floor for card in cards), 2 * LONE_RUN + LIP])  # room for a beak
    under = Underside(-on_grid(ceil(bottom / step - 1e-9) * step), True)
    return [
        replace(
            card,
            retained_volume=room.wanted,
            drawn_volume=card.volume_below(),
            held_volume=held_water(card, design),
            under=card.under if courses else under,
            run=RUN if courses else LONE_RUN,
            predicted=tuple(predicted(room.site.comb.teeth, room.site.comb.load.flow, design)),
        )
        for room, card in zip(rooms, cards, strict=True)
    ]


def _row(weirs: Sequence[Site], flushes: Sequence[Site], design: Design) -> list[Card]:
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
