"""What the cups say: read-outs by kind, volumes of cups in, a number or words out. Written once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from math import ceil, isfinite, log10
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError

Array = NDArray[np.float64]
Kind = Literal["fullest", "difference", "above"]
NUMBERS = ("scale", "offset", "above", "limit")
SIDES = ("plus", "minus")
KINDS: tuple[Kind, ...] = ("fullest", "difference", "above")
WASTE = "waste"  # the cup for water that says nothing: it wins no contest
EVEN = 1e-6  # units within which two cups are equally full, or one is empty
READABLE = 0.1  # mL: what an eye tells apart, and so the last digit of a number that is read
LEAST_SPAN = 5.0  # mL between the least and the most that a number says: 50 times what an eye tells apart


@dataclass(frozen=True, slots=True)
class Readout:
    """What cups mean, by `kind`; cups in units.

    `fullest`: the one of `cups` (none named: all but the waste) that holds most is the answer. `difference`: the number
    (plus - minus) × scale + offset, in `unit`; several cups of a side add up, none counts as 0. `above`: yes, where
    plus - minus is more than `above` units. `limit`: how far the device's number (difference, in its unit) or volume
    (above, units) may lie off the trained network's; None leaves it to the judge.

    >>> height = Readout("height", plus=("up",), minus=("down",), scale=0.1, offset=1.1, unit="m")
    >>> height.values(np.array([[20.0, 5.0]]), ("up", "down")).tolist()
    [2.6]
    """

    name: str
    kind: Kind = "difference"
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    above: float = 0.0
    cups: tuple[str, ...] = ()
    limit: float | None = None

    def is_column(self, header: str) -> bool:
        """Whether a column of a table holds this number: it bears its name, with its unit or without."""
        names = {self.name, f"{self.name} {self.unit}"}
        return self.kind == "difference" and _plain(header) in {_plain(name) for name in names}

    def rivals(self, outputs: Sequence[str]) -> list[int]:
        """Indices of the cups among which the fullest is the answer."""
        chosen = [j for j, name in enumerate(outputs) if (name in self.cups if self.cups else name != WASTE)]
        return chosen or list(range(len(outputs)))

    def gaps(self, cups: Array, outputs: Sequence[str]) -> Array:
        """plus - minus of volumes (..., cups) in the order of `outputs`, in their unit, (...)."""
        sides = ([outputs.index(name) for name in names] for names in (self.plus, self.minus))
        plus, minus = (np.asarray(cups)[..., side].sum(axis=-1) for side in sides)
        return np.asarray(plus - minus)

    @property
    def gap(self) -> str:
        """What is read, in words: `plus + more - minus`."""
        return " - ".join(" + ".join(names) for names in (self.plus, self.minus) if names)

    def values(self, cups: Array, outputs: Sequence[str]) -> Array:
        """What is read of cups (..., cups) in units: the number of a difference, the volume of what must be above."""
        gaps = self.gaps(cups, outputs)
        return gaps * self.scale + self.offset if self.kind == "difference" else gaps

    def says(self, cups: Array, outputs: Sequence[str], *, unit_ml: float = 1.0) -> str:
        """The answer of one pour in words; cups (cups,) in units. Equal cups and empty ones are said as such."""
        if self.kind == "fullest":
            return self._fullest(cups, outputs, READABLE / unit_ml)
        value = float(self.values(cups, outputs))
        if self.kind == "difference":
            return f"{self.name} = {self.number(value, unit_ml)}"
        gap = value - self.above
        told = f"{value * unit_ml:.1f} mL, the mark is {self.above * unit_ml:.3g}"
        return f"{self.name}: {'on the line' if abs(gap) <= EVEN else 'yes' if gap > 0 else 'no'} ({told})"

    def number(self, value: float, unit_ml: float = 1.0) -> str:
        """A number with the digits that can be read, and its unit."""
        step = READABLE / unit_ml * abs(self.scale)
        digits = min(max(ceil(-log10(step)), 0), 9) if step > 0 else 3
        return f"{value + 0.0:.{digits}f} {self.unit}".rstrip()

    def _fullest(self, cups: Array, outputs: Sequence[str], drop: float) -> str:
        """`drop`: units that no eye tells from an empty cup; real water leaves some."""
        rivals = self.rivals(outputs)
        held = np.asarray(cups)[rivals]
        first = [outputs[j] for j, volume in zip(rivals, held.tolist(), strict=True) if volume >= held.max() - EVEN]
        if held.max() < drop:
            return "none, every cup is empty"
        return first[0] if len(first) == 1 else f"none, {' and '.join(first)} are equally full"

    def renamed(self, names: Mapping[str, str]) -> "Readout":
        """The same read-out of cups by other names, by their old ones."""
        plus, minus, cups = (tuple(names.get(cup, cup) for cup in told) for told in (self.plus, self.minus, self.cups))
        return replace(self, plus=plus, minus=minus, cups=cups)

    def to_table(self) -> dict[str, Any]:
        """A plain table, as files hold it, without what is left to its default; one cup of a side by its name alone."""
        plain = asdict(Readout(""))
        return {"name": self.name, "kind": self.kind} | {
            key: _listed(key, value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if key not in ("name", "kind") and value != plain[key]
        }


def _listed(key: str, names: tuple[str, ...]) -> str | list[str]:
    return names[0] if key in SIDES and len(names) == 1 else list(names)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


FULLEST = Readout("answer", "fullest")
"""What is read where nothing else was told."""


def readouts_from(tables: Sequence[Mapping[str, Any]]) -> tuple[Readout, ...]:
    """What `Readout.to_table` wrote; what is none raises `ValueError`, `TypeError` or `KeyError`."""
    return tuple(map(_readout_from, tables))


def _readout_from(table: Mapping[str, Any]) -> Readout:
    told = {key: value for key, value in table.items() if value is not None}
    numbers: dict[str, Any] = {key: float(told.pop(key)) for key in NUMBERS if key in told}
    named = {key: told.pop(key, ()) for key in (*SIDES, "cups")}
    cups: dict[str, Any] = {
        key: (names,) if key in SIDES and isinstance(names, str) else tuple(names) for key, names in named.items()
    }
    texts = [*told.values(), *(name for names in cups.values() for name in names)]
    if not all(isinstance(text, str) for text in texts) or not all(map(isfinite, numbers.values())):
        raise ValueError(f"{table!r} is no read-out")
    return Readout(**told, **numbers, **cups)


def check_readouts(readouts: Sequence[Readout], outputs: Sequence[str], where: str) -> None:
    """Refuse a read-out of cups that are not there, or of a kind that is none."""
    for readout in readouts:
        if readout.kind not in KINDS:
            raise FabError(where, f"read-out {readout.name!r} is of kind {readout.kind!r}", f"use {', '.join(KINDS)}")
        for cup in (*readout.plus, *readout.minus, *readout.cups):
            if cup not in outputs:
                what = f"read-out {readout.name!r} names the cup {cup!r}"
                close = get_close_matches(cup, outputs, n=1)
                remedy = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(outputs)}"
                raise FabError(where, what, remedy)
        sides = [*readout.plus, *readout.minus]
        if len(set(sides)) < len(sides):
            raise FabError(where, f"read-out {readout.name!r} names a cup twice", "name each cup once, plus or minus")
        if readout.limit is not None and not readout.limit > 0:
            raise FabError(where, f"read-out {readout.name!r} has the limit {readout.limit}", "give one above 0")
