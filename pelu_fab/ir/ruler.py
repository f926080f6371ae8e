"""A scale on the side of a vessel: what the water's level says, in the unit that people read. mm, mm3."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from math import ceil, floor, log10

FINEST_ML = Decimal(2)  # between two marks of plain millilitres


@dataclass(frozen=True, slots=True)
class Mark:
    """A level above the floor, and the numeral that stands there ("" where none does)."""

    z: float
    numeral: str


@dataclass(frozen=True, slots=True)
class Ruler:
    """What so much water stands for: `offset + per_mm3 * volume`, up to `most` mm3.

    `port` is the input that it measures, in `unit` ("" where none is known); "" where it tells plain mL.
    """

    port: str
    unit: str
    offset: float
    per_mm3: float
    most: float

    def marks(self, area: float, pitch: float, numbered: float) -> tuple[Mark, ...]:
        """Marks of a vessel with this inner section, `pitch` mm apart at least, and numerals at every few of them.

        They stand at multiples of 1, 2 or 5 of a decade, the lowest first.
        """
        fine = pitch * area * abs(self.per_mm3)
        step = next(s for s in _round_steps(fine) if self.port or s >= FINEST_ML)
        told = next(s for s in _round_steps(numbered * area * abs(self.per_mm3)) if s % step == 0)
        ends = sorted((self.offset, self.offset + self.most * self.per_mm3))
        numbers = range(floor(ends[0] / float(step)) - 1, ceil(ends[1] / float(step)) + 2)
        found = []
        for value in (number * step for number in numbers):
            volume = (float(value) - self.offset) / self.per_mm3
            if 1e-6 < volume <= self.most * (1.0 + 1e-9):
                found.append(Mark(volume / area, f"{value.normalize():f}" if value % told == 0 else ""))
        return tuple(sorted(found, key=lambda mark: mark.z))


def _round_steps(least: float) -> Iterator[Decimal]:
    """1, 2 and 5 of every decade, from the first that is at least so large."""
    for power in count(floor(log10(least)) - 1):
        for digit in (1, 2, 5):
            step = Decimal(digit).scaleb(power)
            if float(step) >= least * (1.0 - 1e-9):
                yield Decimal(f"{step:f}")
