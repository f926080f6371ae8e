"""A card as a part: body, inlet plates, comb, ramp with its banks, ears. Prints upright, as it hangs."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from pelu_fab.ir.card import BANK_TOP, BLADE_RUN, BLADE_TOP, Card, Mouth, Span
from pelu_fab.ir.layout import PlacedCard
from pelu_fab.ir.process import Process
from pelu_fab.ir.solid import Outline, Part, Prism, Step, box, moved, shifted, swapped, upright
from pelu_fab.stages.solids.labels import fitted, least_height
from pelu_fab.stages.solids.lettering import Line, raised
from pelu_fab.stages.solids.siphon import flush_body

BITE = 0.3  # mm: every join overlaps by this
HIGH = 200.0
NAME_FOOT = -4.0  # mm above the sill
TIP, EAR_HEIGHT = 3.6, 8.0  # mm
CHEEK = 12.0  # mm of a side wall as high as the baffle that it ends at


def card_part(placed: PlacedCard, labels: Mapping[str, str], process: Process) -> Part:
    """The card's part, named after its bucket. `labels` are people's names of buckets that have one (inputs)."""
    card = placed.card
    if card.spread:
        comb, y, z = card.comb, card.spread.y, card.spread.z
        pool = [moved(prism, 0.0, y, z) for prism in (*_room(comb), _opening(comb))]
        body = [flush_body(card, (*_room(card), *pool)), *shifted(_comb(comb), 0.0, y, z)]
    else:
        body = [flush_body(card, _room(card))] if card.siphon else [_body(card), *_comb(card)]
    modules = [*body, (Step("add", _ears(placed)),)]
    least = least_height(process.printer.nozzle)
    modules.append((Step("add", _names(card, labels.get(card.name, ""), least)),))
    part = upright(f"card-{card.name.replace('.', '-')}", "card", modules)
    assert part.transform is not None
    (rx, ry, rz) = (row[3] for row in part.transform)
    transform = ((1.0, 0.0, 0.0, rx), (0.0, 1.0, 0.0, ry + placed.y), (0.0, 0.0, 1.0, rz + placed.z))
    return replace(part, transform=transform)


def _body(card: Card) -> tuple[Step, ...]:
    x0, x1 = card.body
    room, *gap = _room(card)
    return (
        Step("add", (Prism("x", x0, x1, (card.outline,)),)),
        Step("cut", (room, _opening(card), *gap)),
    )


def _opening(card: Card) -> Prism:
    """What is open in the front wall over the sill, from the first tooth to the last; `_between` stands in it."""
    first, *_, last = (x for tooth in _teeth(card) for x in tooth)
    return box((first, last), (-BITE if card.pool > 0 else 0.0, card.sill + BITE), (0.0, HIGH))


def _teeth(card: Card) -> list[Span]:
    return sorted(tooth for mouth in card.mouths for tooth in mouth.teeth)


def _between(card: Card) -> tuple[Step, ...]:
    """The front wall between two teeth."""
    gaps = [(a[1], b[0]) for a, b in pairwise(_teeth(card))]
    return (Step("add", tuple(box(gap, (0.0, card.sill), (-BITE, card.rim_z)) for gap in gaps)),)


def _comb(card: Card) -> list[tuple[Step, ...]]:
    """All that stands inside before a comb, in it and behind it."""
    return [*_inlet(card), *_leads(card), _between(card), _banks(card)]


def _room(card: Card) -> tuple[Prism, ...]:
    """The inside, and the gap in the back wall where a gutter comes in."""
    room = Prism("x", card.x0, card.x1, (_raised(card.room),))
    if not card.notch:
        return (room,)
    return room, box(card.notch[:2], (-card.depth - card.wall - 1.0, -card.depth + BITE), (card.notch[2], HIGH))


def _raised(cavity: Outline) -> Outline:
    """The cavity with its open top drawn out, so that nothing closes it."""
    top = max(z for _, z in cavity)
    return tuple((y, z + HIGH if z == top else z) for y, z in cavity)


def _inlet(card: Card) -> list[tuple[Step, ...]]:
    """The walls of the inlet, posts and a lintel where one has holes; the fins, grown onto the last."""
    grown, up = (card.fins.y0 - BITE, card.fins.y1), (card.floor_z - BITE, card.fins.top_z)
    fins = tuple(box(span, grown, up) for span in card.fins.spans)
    made: list[tuple[Step, ...]] = []
    for plate in card.plates:
        y, sides = (plate.y0, plate.y1), (card.x0 - BITE, card.x1 + BITE)
        low = min(card.floor_at(plate.y0), card.floor_at(plate.y1)) - BITE
        edges = (sides[0], *(x for gap in sorted(plate.gaps) for x in gap), sides[1])
        posts = tuple(box(post, y, (low, plate.top_z)) for post in zip(edges[::2], edges[1::2], strict=True))
        steps = [Step("add", posts)]
        if fins and plate is card.plates[-1]:
            steps.append(Step("add", fins))
        if plate.gaps:  # they reach down into the floor
            bars = (*((a[1], b[0]) for a, b in pairwise(plate.rows)), (plate.lintel, plate.top_z))
            steps.append(Step("add", tuple(box(sides, y, bar) for bar in bars)))
        if plate.crest:
            x0, x1, top = plate.crest
            steps.append(Step("add", (box((x0, x1), y, (plate.top_z - BITE, top)),)))
            if (x0, x1) == (card.x0, card.x1):
                steps.append(Step("add", _cheeks(card, y, top)))
        made.append(tuple(steps))
    return made


def _cheeks(card: Card, y: Span, top: float) -> tuple[Prism, ...]:
    """Side walls as high as the baffle just before it: a jet that comes in aside, off a fan-out, runs up there."""
    along, up = (y[0] - CHEEK, y[1]), (card.rim_z - BITE, top)
    return box((card.body[0], card.x0), along, up), box((card.x1, card.body[1]), along, up)


def _leads(card: Card) -> list[tuple[Step, ...]]:
    """What fills the sides of a card without a pool, up to its rim; a hair into its walls, and not below its slant."""
    made: list[tuple[Step, ...]] = []
    low, behind = card.floor_z - BITE, -card.depth - card.wall - 1.0
    below: Outline = ((behind, low - 1.0), (card.slant - low + 1.0, low - 1.0), (behind, card.slant - behind))
    for (x, y), (wall, _), (_, back) in card.leads:
        beyond = wall + (BITE if wall > x else -BITE)
        outline = ((x, y), (x, y + BITE), (beyond, y + BITE), (beyond, back), (wall, back))
        steps = [Step("add", (Prism("z", low, card.rim_z, (outline,)),))]
        if card.slant - back > low:
            past = 2.0 * beyond - wall
            steps.append(Step("cut", (Prism("x", min(x, past), max(x, past), (below,)),)))
        made.append(tuple(steps))
    return made


def _banks(card: Card) -> tuple[Step, ...]:
    """What stands between the waters on the ramp, its tops falling from the blades' to the lip's."""
    floor, top = -card.run - card.lip, BLADE_TOP + 1.0  # cut below
    solids: list[Prism] = []
    mouths = sorted(card.mouths, key=lambda m: m.opening[0])
    for left, right in pairwise(mouths):
        outline = (*card.bank(left, 1), *reversed(card.bank(right, 0)))
        solids.append(Prism("z", floor, top, (_embedded(outline, card),)))
    solids.append(Prism("z", floor, top, (_embedded(_outer(card, mouths[0], 0), card),)))
    solids.append(Prism("z", floor, top, (_embedded(_outer(card, mouths[-1], 1), card),)))
    blades = tuple(
        box((a[1], b[0]), (card.sill - BITE, card.sill + BLADE_RUN), (floor, top))
        for m in mouths
        for a, b in pairwise(m.teeth)
    )
    y0, y1 = card.sill + BLADE_RUN + 1.0, card.lip_y + 1.0
    end = min(-card.run + BANK_TOP, BLADE_TOP)
    above: Outline = ((-1.0, BLADE_TOP), (y0, BLADE_TOP), (y1, end), (y1, 2 * HIGH), (-1.0, 2 * HIGH))
    below: Outline = (
        (card.sill, -0.0 - BITE),
        (card.lip_y, -card.run - BITE),
        (card.lip_y, 2 * floor),
        (card.sill, 2 * floor),
    )
    x0, x1 = card.body
    return (
        Step("add", (*solids, *blades)),
        Step("cut", (Prism("x", x0 - 1.0, x1 + 1.0, (above,)), Prism("x", x0 - 1.0, x1 + 1.0, (below,)))),
    )


def _outer(card: Card, mouth: Mouth, side: int) -> Outline:
    bank = card.bank(mouth, side)
    out = -2 * card.wall if side == 0 else 2 * card.wall
    return (*bank, *((round(x + out, 3), y) for x, y in reversed(bank)))


def _embedded(outline: Outline, card: Card) -> Outline:
    """Reaching a little into the front wall."""
    return tuple((x, y - BITE if y == card.sill else y) for x, y in outline)


def _ears(placed: PlacedCard) -> tuple[Prism, ...]:
    """Bars from the body to the walls beside it; their undersides lie on the bed."""
    card, bottom = placed.card, placed.card.under.bottom_z
    y0, y1 = placed.ear
    ears = []
    for side in (0, 1):
        end, body = placed.reach[side], card.body[side]
        inner = body + (BITE if side == 0 else -BITE)
        x = (min(end, inner), max(end, inner))
        ears.append(box(x, placed.ear_bar(side), (bottom, bottom + EAR_HEIGHT)))
        if placed.ear_bar(side) != placed.ear:  # a bar across the gutters ends in a tip as long as the seat
            tip = (end, end + TIP) if side == 0 else (end - TIP, end)
            ears.append(box(tip, (y0, y1), (bottom, bottom + EAR_HEIGHT)))
        if placed.pad:
            y, reach = placed.pad
            x = min(reach[side], inner), max(reach[side], inner)
            ears.append(box(x, y, (bottom, bottom + EAR_HEIGHT)))
    return tuple(ears)


def _names(card: Card, text: str, least: float) -> tuple[Prism, ...]:
    """The bucket's name on both sides, and above it what people call it."""
    back = card.back_at(NAME_FOOT)
    middle, room = (card.sill + back) / 2, card.sill - back - 2.0
    own = fitted(card.name, max(4.0, least), room, least=least)
    lines: list[Line] = [(line, own.height, middle, z) for line, z in zip(own.lines, own.feet(NAME_FOOT), strict=True)]
    if text:
        foot = NAME_FOOT + own.tall + 2.0
        label = fitted(text, max(4.5, least), room, least=least, tall=card.rim_z - 1.0 - foot)
        lines += [(line, label.height, middle, z) for line, z in zip(label.lines, label.feet(foot), strict=True)]
    left, right = card.body
    made = (*raised(lines, left, -1, -1), *raised(lines, right, 1, 1))
    return tuple(swapped(prism) for prism in made)
