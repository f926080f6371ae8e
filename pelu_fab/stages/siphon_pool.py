"""Under a siphon: a pool that keeps nothing, whose comb divides what the siphon gives."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, fsum, radians, sqrt, tan

import numpy as np

from pelu_fab.hydraulics.comb import comb_head
from pelu_fab.hydraulics.siphon import bore_flow
from pelu_fab.hydraulics.weir import screen_head
from pelu_fab.ir.card import Card, Plate, Span
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.ir.siphon import Pillar
from pelu_fab.ir.units import GRAVITY, on_grid
from pelu_fab.stages.combs import predicted
from pelu_fab.stages.pools import (
    BAFFLE,
    CHAMBER,
    LEAD_IN,
    LED_RISE,
    LONE_SLOPE,
    POST,
    STOP,
    Site,
    bare_card,
    cells_of,
    foot_slots,
    inlet_cells,
    inlet_walls,
    least_pool,
)
from pelu_fab.stages.siphon import Wanted, flush_over

GAP, EVEN = 4.0, (8.0, 4.0)  # of a pool that keeps nothing: between its two walls; head to get through each
FOOT_WIDE = 1.6  # slots of the first one
LEAST_SLOT = 1.0  # its narrowest
FOOT_PITCH, CALMED = 4.0, 5.0  # of the first one's slots; from the only one to a comb of one branch
BEFORE, DEEP_IN = 5.0, 4.6  # from a siphon's pillar to the first of them; of water in which it lands, at least
DRY, ROOF = 2.6, 0.2  # from that water up to the outlet; and of its bore, for what swings


def flush_of(site: Site, design: Design) -> Card:
    """A card that flushes into a pool of its own, over gutters."""
    comb = site.comb
    wanted = Wanted(comb.bucket, "", comb.load.inflow, comb.load.rim)
    card = flush_over(wanted, site.spans, lambda span, pillar: _pool(site, span, pillar, design), design)
    if site.feed is None:
        return card
    return replace(card, crest=(on_grid(site.feed[0]), on_grid(site.feed[1]), card.rim_z))


def _pool(site: Site, span: Span, pillar: Pillar, design: Design) -> tuple[Card, float]:
    """What a siphon falls into: a floor that falls to the comb, walls that make its water even, nothing kept.

    And how high over its sill a siphon's outlet stays dry.
    """
    comb, process, mouths = site.comb, design.process, site.mouths
    landing = on_grid(pillar.front - process.printer.wall + BEFORE)  # from the back to the first wall
    flow = bore_flow(pillar.siphon, process)
    head = comb_head(flow, [w for teeth in comb.teeth for w in teeth], process)
    free = process.channels.meniscus_freeboard + process.channels.slosh_freeboard + DRY
    rim = on_grid(max(comb.load.rim, 0.0 if comb.is_lone else ceil(head + fsum(EVEN) + free)))
    aside = max(min(m.opening[0] for m in mouths) - span[0], span[1] - max(m.opening[1] for m in mouths))
    rise = on_grid(LED_RISE if comb.is_lone and aside > 0.5 else tan(radians(LONE_SLOPE)))
    walls = (
        max(STOP, process.printer.blade) if comb.is_lone else least_pool(comb) - CHAMBER - inlet_walls(comb.blade)[1]
    )
    depth = on_grid(landing + walls + (max(LEAD_IN * aside, CALMED) if comb.is_lone else GAP - CHAMBER))
    card = replace(
        bare_card(site, span, design),
        depth=depth,
        rise=rise,
        rim_z=rim,
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
    """Level (mm) before a wall that `flow` goes through, `behind` behind it; its floor is highest at its back."""
    told = card.opening(plate, plate.y0), card.x1 - card.x0, plate.top_z, flow
    opening, width, top, came = (np.asarray(v) for v in told)
    return float(screen_head(came, np.asarray(behind), opening, width, top, discharge=process.comb.discharge))


def _stopped(card: Card, landing: float, process: Process) -> Card:
    """A pool with one branch: one wall that stops the siphon's jet, open along its foot."""
    stop = max(STOP, process.printer.blade)
    y1 = on_grid(-card.depth + landing + stop)
    foot = card.floor_at(y1 - stop / 2)
    number, least = foot_slots((card.x0, card.x1), card.design_flow, process.printer)
    step = (card.x1 - card.x0 + POST) / number
    gaps = tuple((on_grid(card.x0 + k * step), on_grid(card.x0 + (k + 1) * step - POST)) for k in range(number))
    rows = ((foot - 1.0, on_grid(foot + least + 1.0)),)
    return replace(card, plates=(Plate(on_grid(y1 - stop), y1, on_grid(card.rim_z - 2.0), gaps, rows),))


def _evened(card: Card, process: Process) -> Card:
    """A pool with several: a wall with slots at its foot, none before a tooth's; then
    one with a slot for each tooth, and a cell behind each. All stand on the floor, so that all drains."""
    printer, tooth = process.printer, process.comb.tooth
    cells = cells_of(card.mouths, printer.blade, tooth)
    plates, fins = inlet_cells(cells, card.mouths, (card.x0, card.x1), printer.blade, tooth)
    even, brim = plates[-1], on_grid(card.rim_z - 2.0)
    even = _slotted(replace(even, top_z=brim), card, even.gaps, EVEN[1], process)
    y1 = on_grid(even.y0 - GAP)
    first = Plate(on_grid(y1 - BAFFLE), y1, brim)
    ends = [card.x0, *(x for gap in even.gaps for x in gap), card.x1]
    feet = []
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        count = max(1, round((high - low) / FOOT_PITCH))
        half = min(FOOT_WIDE, (high - low) / count - printer.blade) / 2
        middles = [low + (k + 0.5) * (high - low) / count for k in range(count)]
        feet += [(on_grid(x - half), on_grid(x + half)) for x in middles if half > LEAST_SLOT / 2]
    return replace(card, plates=(_slotted(first, card, feet, EVEN[0], process), even), fins=fins)


def _slotted(plate: Plate, card: Card, gaps: Sequence[Span], head: float, process: Process) -> Plate:
    """The wall with slots on the floor, so high that the card's flow takes `head` mm to go through them."""
    floor_z, speed = card.floor_at(plate.middle), process.comb.discharge * sqrt(2.0 * GRAVITY * head)
    high = card.design_flow / speed / fsum(b - a for a, b in gaps)
    return replace(plate, gaps=tuple(gaps), rows=((on_grid(floor_z - 1.0), on_grid(floor_z + high)),))
