"""A card with a siphon as solids: its box, the pillar before its front wall, and the water's way through it."""

from pelu_fab.ir.card import Card
from pelu_fab.ir.siphon import Pillar
from pelu_fab.ir.solid import Prism, Step, box

BITE = 0.3  # mm: every join overlaps by this


def flush_body(card: Card, inside: tuple[Prism, ...]) -> tuple[Step, ...]:
    """Everything but ears and names; `inside` is its room, and the gap through which a gutter comes in.

    Prints upright on its foot, legs upright, every ceiling a roof of 45 degrees. With a pool downstream `inside` holds
    the room of that as well, and its teeth: the pillar stands in it.
    """
    pillar, (x0, x1) = card.siphon, card.body
    assert pillar is not None
    envelope, bottom = Prism("x", x0, x1, (card.outline,)), pillar.siphon.outlet_z
    if card.spread is not None:
        bottom = card.spread.z - BITE
        assert pillar.sole is not None
    post = box(pillar.span, (card.sill - BITE, pillar.front), (bottom, pillar.top_z))
    if card.spread is None:
        return Step("add", (envelope, post)), Step("cut", (*_sumped(card, inside), *_ways(card, pillar)))
    crest: tuple[Prism, ...] = ()
    if card.crest is not None and card.crest[2] > card.rim_z:
        crest = (box(card.crest[:2], (0.0, card.sill), (card.rim_z - BITE, card.crest[2])),)
    return (
        Step("add", (envelope,)),
        Step("cut", _sumped(card, inside)),
        Step("add", (post, *crest)),
        Step("cut", _ways(card, pillar)),
    )


def _sumped(card: Card, inside: tuple[Prism, ...]) -> tuple[Prism, ...]:
    """The room, with the sump that drains it."""
    assert card.siphon is not None
    return *inside, Prism("y", -card.siphon.trench, 0.0, (_raised(card),))


def _raised(card: Card) -> tuple[tuple[float, float], ...]:
    """The sump's section, drawn up a little into the room above it."""
    assert card.siphon is not None
    *floor, right, left = card.siphon.sump(card.x0, card.x1)
    return *floor, right, (right[0], round(right[1] + BITE, 3)), (left[0], round(left[1] + BITE, 3)), left


def _ways(card: Card, pillar: Pillar) -> tuple[Prism, ...]:
    """The water's way: intake, rising leg, crown, falling leg, and the passage through which it leaves."""
    legs = pillar.leg(pillar.x_up), pillar.leg(pillar.x_down)
    sides = [x for leg in legs for x, _ in leg]
    low = pillar.siphon.outlet_z - 1.0
    out: tuple[Prism, ...] = ()
    if pillar.sole is not None:
        low = pillar.sole
        left, right = pillar.span
        out = (
            Prism("x", left - 1.0, right + 1.0, (pillar.passage,)),
            Prism("y", pillar.passage[0][0], pillar.passage[1][0], (pillar.floors,)),
        )
    return (
        Prism("y", -BITE, pillar.y, (pillar.intake,)),
        Prism("z", pillar.trench_z, BITE, (legs[0],)),
        Prism("z", low, BITE, (legs[1],)),
        Prism("x", min(sides), max(sides), (pillar.crown,)),
        *out,
    )
