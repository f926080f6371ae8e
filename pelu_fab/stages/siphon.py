"""Buckets that flush in, cards with a printed siphon out: side by side over the cups, or over gutters with a pool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, radians, tan

from pelu_fab.errors import FabError
from pelu_fab.hydraulics import bore_flow, flush_volume, held_volume, priming_flow, priming_head
from pelu_fab.ir.card import Card, Fins, Mouth, Span, Spread, Underside
from pelu_fab.ir.design import Design
from pelu_fab.ir.netlist import Bucket
from pelu_fab.ir.process import Process
from pelu_fab.ir.siphon import NARROW, STEEP, Pillar, Siphon, peak
from pelu_fab.ir.units import on_grid

BORES = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0)  # mm: the narrowest that passes the inflow; narrower ones prime sooner
LOWEST, USUAL, HIGHEST = 16.0, 24.0, 44.0  # mm: crown above the floor
SHORTEST, LONGEST = 20.0, 70.0  # mm inside along the flow
GENTLEST, STEEPEST = tan(radians(12.0)), 1.0  # rise of the floor to the back
LINES = 3  # side by side in a wall that must hold air
LEAST_TRENCH, USUAL_TRENCH = 2.5, 5.0  # mm: narrower starves the intake; longer only where the pit is as wide as can be
FORWARD = 4.0  # mm that the legs stand out further, so that a cup may be pushed forward
UNDER_WATER = 3.0  # mm that the floor's back end lies below the crown, at least
ROOFED = 1.42  # times a floor, from a ridge of 45 degrees up
SOLE = 0.1  # mm that a passage's floor ends over the pool's
QUICKER = 2.0  # times the priming flow that the inflow must be


@dataclass(frozen=True, slots=True)
class Wanted:
    """One bucket's card: what flows in at the design pour (mm3/s), its rim above the crown, what it feeds."""

    bucket: Bucket
    target: str
    flow: float
    rim: float


Pool = Callable[[Span, Pillar], tuple[Card, float]]  # and how high over its sill a dry outlet ends


def flush_row(wanted: Sequence[Wanted], inside: Span, depth: float, design: Design) -> list[Card] | None:
    """Cards of one row, `inside` wide and `depth` long, each down to its own outlet; None where one can't be so long.

    Give them one foot with `on_one_bed`.
    """
    cards = [_card(one, inside, depth, design, pooled=False) for one in wanted]
    return [card for card in cards if card] if all(cards) else None


def flush_over(one: Wanted, spans: Sequence[Span], pool: Pool, design: Design) -> Card:
    """The shortest card that keeps what is asked over one of the spans, and falls into a pool of its own."""
    for depth in range(int(SHORTEST), int(LONGEST) + 1):
        for inside in spans:
            card = _card(one, inside, float(depth), design, pooled=True)
            if card is not None:
                return _over(card, pool, design)
    raise no_flush([one], spans[0], design, pooled=True)


def no_flush(wanted: Sequence[Wanted], inside: Span, design: Design, pooled: bool) -> FabError:
    """Why there is no card for one of them."""
    for one in wanted:
        pillars = [_pillar(one, crown, inside, design.process, pooled) for crown in _crowns(design)]
        least = min(_least_residue(pillar, inside) for pillar in pillars)
        if one.bucket.retained_volume < least:
            what = f"leaves {one.bucket.retained_volume / 1e3:.2f} mL of a flush, and any siphon leaves more"
            remedy = f"train with a residue of at least {least / 1e3:.2f} mL, or pour more slowly (pour_flow_ml)"
            return FabError(one.bucket.name, what, remedy)
    most = max(wanted, key=lambda one: one.bucket.flush_volume)
    what = f"flushes at {most.bucket.flush_volume / 1e3:.2f} mL: no card {LONGEST:g} mm long holds just that"
    return FabError(most.bucket.name, what, "make the unit smaller or larger (unit_ml), or train another threshold")


def full_bore(bucket: Bucket, inflow: float, design: Design) -> tuple[float, float]:
    """`first_and_last` of a siphon of usual height over a pool, whose bucket takes in `inflow` (mm3/s)."""
    one = Wanted(bucket, "", inflow, 0.0)
    return first_and_last(_pillar(one, _crowns(design)[0], (0.0, 0.0), design.process, pooled=True).siphon, design)


def first_and_last(siphon: Siphon, design: Design) -> tuple[float, float]:
    """What a full bore passes (mm3/s) with the water at its crown, and just before it breaks."""
    return bore_flow(siphon, design.process), bore_flow(siphon, design.process, siphon.break_z)


def _over(card: Card, pool: Pool, design: Design) -> Card:
    """The card with the pool that its siphon falls into, both with their volumes and levels."""
    assert card.siphon is not None
    pillar = card.siphon
    made, dry = pool((card.x0, card.x1), pillar)
    z, y = on_grid(pillar.siphon.outlet_z - dry), on_grid(card.sill + made.depth)
    highest = made.floor_at(pillar.y - pillar.siphon.bore / 2.0 - y)  # of the pool's floor beside the passage
    sole = on_grid(z + highest + SOLE + made.rise * (pillar.x_down - pillar.span[0]))
    whole = replace(
        card,
        mouths=made.mouths,
        under=Underside(on_grid(z + made.under.bottom_z), False),
        predicted=made.predicted,
        siphon=replace(pillar, sole=sole, fall=made.rise),
        spread=Spread(made, y, z),
    )
    return replace(whole, drawn_volume=whole.volume_below(), held_volume=held(whole, design))


def held(card: Card, design: Design) -> float:
    """Water (mm3) that flows in after the cavity is full and before it flushes: on its walls, and above the crown."""
    assert card.siphon is not None
    fluid, area = design.process.fluid, card.water_area()
    walls = held_volume(area, card.edge(), fluid, 0.0) if design.compensation == "process" else 0.0
    return walls + flush_volume(card.siphon.siphon, area, 0.0, card.design_flow, design.process)


def residue(card: Card) -> float:
    """Water (mm3) that a flush leaves."""
    assert card.siphon is not None
    return card.volume_below(card.siphon.siphon.break_z)


def _card(one: Wanted, inside: Span, depth: float, design: Design, pooled: bool) -> Card | None:
    """The card of this length whose crown lies as usual, or nearest to that; None where none holds what is asked."""
    for crown in _crowns(design):
        gentle = _tried(one, inside, depth, crown, GENTLEST, design, pooled)
        if gentle is None or _lacks(gentle, one, design) > 0.0:
            continue
        steepest = min(STEEPEST, (crown - UNDER_WATER) / (depth - gentle.pool))
        steep = _tried(one, inside, depth, crown, steepest, design, pooled)
        if steep is not None and _lacks(steep, one, design) >= 0.0:
            return _between(one, inside, depth, crown, steepest, design, pooled)
    return None


def _crowns(design: Design) -> list[float]:
    """Heights of a crown over its floor that there may be, the usual one first."""
    step = design.process.printer.layer_height
    levels = range(round(LOWEST / step), round(HIGHEST / step) + 1)
    return sorted((on_grid(level * step) for level in levels), key=lambda crown: abs(crown - USUAL))


def _least_residue(pillar: Pillar, inside: Span) -> float:
    """Water (mm3) that a siphon with the shortest sump leaves."""
    level = pillar.siphon.break_z
    return pillar.volume_below(level) + LEAST_TRENCH * pillar.sump_below(level, inside[1] - inside[0])


def _lacks(card: Card, one: Wanted, design: Design) -> float:
    """How much more (mm3) is asked than flows in before the card flushes."""
    return one.bucket.flush_volume - card.volume_below() - held(card, design)


def _between(
    one: Wanted, inside: Span, depth: float, crown: float, steepest: float, design: Design, pooled: bool
) -> Card | None:
    """The card whose floor rises so that it keeps just what is asked."""
    low, high = GENTLEST, steepest
    for _ in range(40):
        middle = (low + high) / 2.0
        card = _tried(one, inside, depth, crown, middle, design, pooled)
        if card is None:
            return None
        low, high = (middle, high) if _lacks(card, one, design) < 0.0 else (low, middle)
    return _tried(one, inside, depth, crown, low, design, pooled)


def _tried(
    one: Wanted, inside: Span, depth: float, crown: float, rise: float, design: Design, pooled: bool
) -> Card | None:
    """A card whatever it keeps; None where its sump would be too short, or take more than half of it."""
    process = design.process
    pillar = _pillar(one, crown, inside, process, pooled)
    siphon, width = pillar.siphon, inside[1] - inside[0]
    asked = one.bucket.retained_volume - pillar.volume_below(siphon.break_z)
    pillar = _widened(pillar, asked / USUAL_TRENCH, width)
    trench = on_grid(asked / pillar.sump_below(siphon.break_z, width))
    if not LEAST_TRENCH <= trench <= depth / 2.0:
        return None
    mouth = (on_grid(pillar.x_down - siphon.bore / 2.0), on_grid(pillar.x_down + siphon.bore / 2.0))
    return Card(
        name=one.bucket.name,
        retained_volume=one.bucket.flush_volume,
        drawn_volume=0.0,
        held_volume=0.0,
        x0=inside[0],
        x1=inside[1],
        pool=trench,
        depth=depth,
        floor_z=-crown,
        rise=round(rise, 6),
        rim_z=one.rim,
        plates=(),
        fins=Fins(),
        mouths=(Mouth(one.target, (mouth,), mouth, mouth),),
        wall=process.printer.wall,
        sill=process.printer.wall,
        run=0.0,
        lip=0.0,
        under=Underside(siphon.outlet_z, True),
        design_flow=one.flow,
        design_head=priming_head(siphon, process),
        predicted=(1.0,),
        siphon=replace(pillar, trench=trench),
    )


def _widened(pillar: Pillar, section: float, width: float) -> Pillar:
    """With the narrowest pit that has this section (mm2), or the widest between walls `width` apart."""
    level, steep = pillar.siphon.break_z, (pillar.floor_z - pillar.trench_z) / STEEP
    low, high = pillar.foot, (width - pillar.x_down + pillar.x_up) / 2.0 - steep
    if high <= low or pillar.sump_below(level, width) >= section:
        return pillar
    for _ in range(40):
        middle = (low + high) / 2.0
        wide = replace(pillar, foot=middle)
        low, high = (middle, high) if wide.sump_below(level, width) < section else (low, middle)
    return replace(pillar, foot=on_grid(low))


def _pillar(one: Wanted, crown: float, inside: Span, process: Process, pooled: bool) -> Pillar:
    """The siphon of a bucket whose crown lies so high over its floor: the narrowest that passes the inflow."""
    legs = (_legs(bore, crown, inside, process, pooled) for bore in BORES)
    enough = next((pillar for pillar in legs if bore_flow(pillar.siphon, process) >= one.flow), None)
    if enough is None:
        most = bore_flow(_legs(BORES[-1], crown, inside, process, pooled).siphon, process)
        what = f"takes in {one.flow / 1e3:.1f} mL/s, a siphon passes {most / 1e3:.1f}"
        raise FabError(one.bucket.name, what, "pour more slowly (pour_flow_ml)")
    priming = priming_flow(enough.siphon.bore, process.fluid)
    if one.flow < QUICKER * priming:
        what = f"takes in {one.flow / 1e3:.2f} mL/s, and its siphon primes at {priming / 1e3:.2f}: it may only trickle"
        raise FabError(one.bucket.name, what, "pour faster (pour_flow_ml), or use a fluid with less surface tension")
    return enough


def _legs(bore: float, crown: float, inside: Span, process: Process, pooled: bool) -> Pillar:
    """A siphon of this bore in the middle of the front wall; its sump has no length yet."""
    step, wall = process.printer.layer_height, max(process.printer.wall, LINES * process.printer.nozzle)
    trench_z = -on_grid(crown + ceil((peak(bore) + bore / 2.0) / step - 1e-9) * step)
    under = ROOFED * process.printer.floor if pooled else process.printer.floor  # the passage's roof is steep
    outlet_z = on_grid(trench_z - ceil(under / step - 1e-9) * step)
    pitch, y = on_grid(bore + wall), on_grid(wall + bore / 2.0 + (0.0 if pooled else FORWARD))
    middle = (inside[0] + inside[1]) / 2.0
    length = y - trench_z + pitch - outlet_z
    siphon = Siphon(bore, on_grid(NARROW * bore), on_grid(trench_z + peak(bore)), outlet_z, on_grid(length))
    x = on_grid(middle - pitch / 2.0), on_grid(middle + pitch / 2.0)
    return Pillar(siphon, *x, y, wall, 0.0, trench_z, -crown, on_grid(NARROW * bore / 2.0))


def on_one_bed(cards: Sequence[Card], bottom: float, design: Design) -> tuple[Card, ...]:
    """A row's cards with their volumes, all down to one level, on which the row hangs."""
    made = []
    for card in cards:
        assert card.siphon is not None
        longer = card.siphon.siphon.outlet_z - bottom
        siphon = replace(card.siphon.siphon, outlet_z=bottom, length=on_grid(card.siphon.siphon.length + longer))
        even = replace(card, under=Underside(bottom, True), siphon=replace(card.siphon, siphon=siphon))
        made.append(replace(even, drawn_volume=even.volume_below(), held_volume=held(even, design)))
    return tuple(made)
