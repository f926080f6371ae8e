"""The device in dimensions but without places along its slopes: cards, gutters' widths, cups and jugs. mm, mm3."""

from dataclasses import dataclass
from math import fsum

from pelu_fab.ir.card import Card, Span
from pelu_fab.ir.ruler import Ruler
from pelu_fab.ir.solid import Outline
from pelu_fab.ir.units import MM3_PER_ML

BEAK = 5.0  # mm: of a jug's corner drawn out along both its sides


@dataclass(frozen=True, slots=True)
class Course:
    """A gutter as the cards of its layer see it: inner walls along x, straight past all of them."""

    target: str
    span: Span

    @property
    def middle(self) -> float:
        """x between its walls."""
        return fsum(self.span) / 2


@dataclass(frozen=True, slots=True)
class SizedCup:
    """A read-out cup, graduated."""

    port: str
    label: str
    capacity: float  # mm3, to the highest mark
    width: float
    depth: float
    height: float  # inside, with freeboard

    @property
    def area(self) -> float:
        """Its inner section, mm2."""
        return self.width * self.depth


@dataclass(frozen=True, slots=True)
class Jug:
    """A square measuring jug that pours over a corner. Its sides bear a ruler each, from the front round to the right.

    A line on each side tells the priming volume; none where that is 0.
    """

    name: str
    capacity: float  # mm3, to the highest mark
    side: float
    height: float  # inside, with freeboard
    priming_volume: float
    rulers: tuple[Ruler, ...]

    @property
    def inside(self) -> Outline:
        """Its section in plan: a square whose right front corner is drawn out to a beak."""
        s = self.side
        return ((0.0, 0.0), (s - BEAK, 0.0), (s + BEAK, -BEAK), (s, BEAK), (s, s), (0.0, s))

    @property
    def area(self) -> float:
        """That section, mm2."""
        return self.side**2 + BEAK**2

    def flat(self, side: int) -> Span:
        """From the middle of its square to the ends of what is flat of a side, left and right as one looks at it."""
        half = self.side / 2
        return -half + (BEAK if side == 1 else 0.0), half - (BEAK if side == 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Sized:
    """Cards of each layer upstream first, the courses under each woven layer (none under a row), cups and jugs.

    `priming_volume` (V0) is what every card with several branches is filled with before it is ready.
    """

    layers: tuple[tuple[Card, ...], ...]
    courses: tuple[tuple[Course, ...], ...]
    cups: tuple[SizedCup, ...]
    jugs: tuple[Jug, ...]
    priming_volume: float
    pitch: float  # from one card of a row to the next, or from one cup to the next where there is no row

    @property
    def cup_pitch(self) -> float:
        """From one cup to the next: a row's cards that share a cup stand over it side by side."""
        return self.pitch * self.abreast

    @property
    def abreast(self) -> int:
        """Cards of a row over one cup, at most."""
        if self.courses[-1]:
            return 1
        fed = [card.mouths[0].target for card in self.layers[-1]]
        return max(fed.count(port) for port in set(fed))

    @property
    def cards(self) -> dict[str, Card]:
        """Every card by its bucket's name."""
        return {card.name: card for row in self.layers for card in row}

    @property
    def flows(self) -> dict[tuple[str, str], tuple[float, float]]:
        """By source and target: a branch's part of its card's sections, and the share predicted of real water."""
        table = {}
        for card in self.cards.values():
            whole = fsum(mouth.section[1] - mouth.section[0] for mouth in card.mouths)
            for mouth, share in zip(card.mouths, card.predicted, strict=True):
                table[card.name, mouth.target] = ((mouth.section[1] - mouth.section[0]) / whole, share)
        return table


def to_text(sized: Sized) -> str:
    """Every card with its mouths, gutter, cup and jug, one a line, in design order; mm, volumes in mL."""
    lines = [f"priming {sized.priming_volume / MM3_PER_ML:z.2f} mL"]
    for row, courses in zip(sized.layers, sized.courses, strict=True):
        for card in row:
            lines += _card_lines(card)
        lines += [f"gutter {course.target} x {_span(course.span)}" for course in courses]
    lines += [f"cup {_vessel(cup)}" for cup in sized.cups]
    for jug in sized.jugs:
        lines.append(f"{jug.name}: {jug.capacity / MM3_PER_ML:g} mL in {jug.side:.2f} square, {jug.height:.2f} high")
        for ruler in jug.rulers:
            unit = f" {ruler.unit}" if ruler.unit else ""
            told = f"from {ruler.offset:g}{unit} on, {ruler.per_mm3 * MM3_PER_ML:.6g} a mL"
            lines.append(f"  ruler {ruler.port or 'volume'}: {told}, up to {ruler.most / MM3_PER_ML:g} mL")
    return "\n".join([*lines, f"pitch {sized.pitch:z.2f}, cups {sized.cup_pitch:z.2f}"]) + "\n"


def _card_lines(card: Card) -> list[str]:
    kept, drawn, held = (v / MM3_PER_ML for v in (card.retained_volume, card.drawn_volume, card.held_volume))
    lines = [
        f"card {card.name} keeps {kept:.3f} mL: {drawn:.3f} drawn, {held:.3f} held",
        f"  inside x {_span((card.x0, card.x1))}, {card.depth:z.2f} long, floor {card.floor_z:z.2f} flat for "
        f"{card.pool:z.2f}, rim {card.rim_z:z.2f}",
    ]
    for plate in card.plates:
        lines.append(
            f"  plate y {_span((plate.y0, plate.y1))} up to {plate.top_z:z.2f}, {card.opening(plate):.1f} mm2 open"
        )
    lines.append(f"  {card.design_flow / MM3_PER_ML:z.2f} mL/s at a head of {card.design_head:z.2f}")
    for mouth, share in zip(card.mouths, card.predicted, strict=True):
        teeth = " ".join(f"{b - a:z.2f}" for a, b in mouth.teeth)
        lines.append(f"  mouth {mouth.target} predicted {share:.4f}: teeth {teeth} from x {mouth.opening[0]:z.2f}")
        lines.append(f"    section x {_span(mouth.section)}, spout x {_span(mouth.spout)}")
    return lines


def _vessel(cup: SizedCup) -> str:
    size = f"{cup.width:.2f} x {cup.depth:.2f} x {cup.height:.2f}"
    return f"{cup.port} {cup.label}: {cup.capacity / MM3_PER_ML:g} mL in {size}"


def _span(span: Span) -> str:
    return f"{span[0]:z.2f} to {span[1]:z.2f}"
