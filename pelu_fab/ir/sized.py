"""The device in dimensions but without places along its slopes: cards, gutters' widths, cups and jugs. mm, mm3."""

from dataclasses import dataclass

from pelu_fab.ir.card import Card, Span


@dataclass(frozen=True, slots=True)
class Course:
    """A gutter as the cards of its layer see it: inner walls along x, straight past all of them."""

    target: str
    span: Span


@dataclass(frozen=True, slots=True)
class SizedCup:
    """A graduated vessel: a read-out cup or an input jug."""

    port: str
    label: str
    capacity: float  # mm3, to the highest mark
    width: float
    depth: float
    height: float  # inside, with freeboard


@dataclass(frozen=True, slots=True)
class Sized:
    """Cards of each layer upstream first, the courses under each woven layer (none under a row), cups and jugs.

    `priming_volume` (V0) is what every card with several branches is filled with before it is ready.
    """

    layers: tuple[tuple[Card, ...], ...]
    courses: tuple[tuple[Course, ...], ...]
    cups: tuple[SizedCup, ...]
    jugs: tuple[SizedCup, ...]
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
            whole = sum(mouth.section[1] - mouth.section[0] for mouth in card.mouths)
            for mouth, share in zip(card.mouths, card.predicted, strict=True):
                table[card.name, mouth.target] = ((mouth.section[1] - mouth.section[0]) / whole, share)
        return table
