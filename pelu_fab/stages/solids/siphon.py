"""A card with a siphon as solids: its box, the pillar before its front wall, and the water's way through it."""

from pelu_fab.ir.card import Card
from pelu_fab.ir.solid import Prism, Step, box

BITE = 0.3  # mm: every join overlaps by this


def flush_body(card: Card, inside: tuple[Prism, ...]) -> tuple[Step, ...]:
    """Everything but ears and names; `inside` is its room, and the gap through which a gutter comes in.

    Prints upright on its foot, legs upright, every ceiling a roof of 45 degrees.
    """
    pillar, (x0, x1) = card.siphon, card.body
    assert pillar is not None
    bore, bottom, ends = pillar.siphon.bore, pillar.siphon.outlet_z, sorted((pillar.x_up, pillar.x_down))
    room, *gap = inside
    solids = (
        Prism("x", x0, x1, (card.outline,)),
        box(pillar.span, (card.sill - BITE, pillar.front), (bottom, pillar.top_z)),
    )
    ways = (
        room,
        Prism("y", -BITE, pillar.y, (pillar.intake,)),
        Prism("z", pillar.trench_z, BITE, (pillar.leg(pillar.x_up),)),
        Prism("z", bottom - 1.0, BITE, (pillar.leg(pillar.x_down),)),
        Prism("x", ends[0] - bore / 2.0, ends[1] + bore / 2.0, (pillar.crown,)),
    )
    return Step("add", solids), Step("cut", (*ways, *gap))
