"""From a measurement to a pour, and back: what each jug stands for, in the user's own unit. The map, written once.

A jug pours (value - offset) × factor units of its measurement, and nothing below 0. A complement is a second jug of the
same measurement, with a negative factor.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError

Array = NDArray[np.float64]
LENGTHS, WEIGHTS = r"[nuµmcd]?m|km|in|inch|ft", r"[uµm]?g|kg|t|lb|oz"
OTHERS = r"[uµmcd]?l|ms|s|min|h|deg|rad|pct|percent|hz|h?pa|v"
AT_END = re.compile(rf".*[^_ ][_ ]+(?P<unit>{LENGTHS}|{WEIGHTS}|{OTHERS})", re.IGNORECASE)
BRACKETS = re.compile(r".*?[(\[]\s*(?P<unit>[^()\[\]]{1,12}?)\s*[)\]]\s*")
OTHER_UNITS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001, 2.54, 1 / 2.54)  # what one measures in, of what was meant
AROUND = 0.1  # of the data's span: how far beyond it a value still passes without a word


@dataclass(frozen=True, slots=True)
class Feature:
    """What one jug stands for: a measurement by `name`, in `unit` ("" where none is known).

    `low` and `high`: the range of the data that the network was trained on, in that unit; None where not known.
    """

    name: str
    factor: float
    offset: float = 0.0
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def value(self, units: float) -> float | None:
        """The measurement that pours so many units; None where every measurement pours the same."""
        return self.offset + units / self.factor if self.factor else None

    @property
    def is_plain(self) -> bool:
        """Whether the units poured are themselves the measurement."""
        return (self.offset, self.factor) == (0.0, 1.0)

    @property
    def title(self) -> str:
        """Its name, and its unit where the name does not tell it."""
        return self.name if not self.unit or unit_in(self.name) else f"{self.name} in {self.unit}"

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.5g} {self.unit}".rstrip()

    def is_inside(self, value: float) -> bool:
        """Whether a value lies in the range of the data, or a little beyond; True where no range is known."""
        if self.low is None or self.high is None:
            return True
        slack = AROUND * (self.high - self.low)
        return self.low - slack <= value <= self.high + slack


@dataclass(frozen=True, slots=True)
class Scaling:
    """One feature for each input, in order; complements among them."""

    features: tuple[Feature, ...]

    @property
    def measured(self) -> tuple[Feature, ...]:
        """What there is to measure, in order, each once: by the first jug that it fills."""
        first: dict[str, Feature] = {}
        for feature in self.features:
            first.setdefault(feature.name, feature)
        return tuple(first.values())

    @property
    def columns(self) -> tuple[int, ...]:
        """For each input the index of its measurement."""
        names = [feature.name for feature in self.measured]
        return tuple(names.index(feature.name) for feature in self.features)

    def pours(self, values: Array) -> Array:
        """Units (rows, inputs) that measurements (rows, measured) pour."""
        table = np.atleast_2d(np.asarray(values, dtype=np.float64))[:, list(self.columns)]
        offset, factor = (np.array([getattr(f, name) for f in self.features]) for name in ("offset", "factor"))
        return np.asarray(np.maximum((table - offset) * factor, 0.0))

    def ranged(self, pours: Array) -> "Scaling":
        """The same map; a range that is not known is taken from units poured (rows, inputs)."""
        if not len(pours):
            return self
        ends = zip(self.features, pours.min(axis=0).tolist(), pours.max(axis=0).tolist(), strict=True)
        return Scaling(tuple(_ranged(feature, least, most) for feature, least, most in ends))

    def doubts(self, values: Sequence[float]) -> list[str]:
        """What is odd about one sample, a value for each measurement: out of the data's range, likely another unit."""
        told = []
        pairs = list(zip(self.measured, values, strict=True))
        for feature, value in pairs:
            if feature.low is None or feature.high is None or feature.is_inside(value):
                continue
            what = f"{feature.name} is {feature.shown(value)}, the data go from {feature.low:.5g} to {feature.high:.5g}"
            inside = [k for k in OTHER_UNITS if value > 0 and feature.low <= value * k <= feature.high]
            known = f", and {value * inside[0]:.5g} would be among them: likely another unit" if inside else ""
            told.append(what + known)
        if len(pairs) > 1 and all(f.low is not None and value < f.low for f, value in pairs):
            told.append(f"all {len(pairs)} measurements are below the data's: are they in other units?")
        return told

    def to_table(self) -> list[dict[str, Any]]:
        """Plain tables, as files hold them; unknown ranges and units are left out."""
        return [
            {
                "name": f.name,
                "offset": f.offset,
                "factor": f.factor,
                **({"unit": f.unit} if f.unit else {}),
                **({"low": f.low, "high": f.high} if f.low is not None and f.high is not None else {}),
            }
            for f in self.features
        ]


def _ranged(feature: Feature, least: float, most: float) -> Feature:
    ends = [value for units in (least, most) if (value := feature.value(units)) is not None]
    if feature.low is not None or len(ends) < 2:
        return feature
    return replace(feature, low=min(ends), high=max(ends))


def scaling_from(table: Sequence[Mapping[str, Any]]) -> Scaling:
    """What `Scaling.to_table` wrote; a number that is none raises `ValueError`, `TypeError` or `KeyError`."""
    features = []
    for entry in table:
        numbers = {key: float(entry[key]) for key in ("offset", "factor", "low", "high") if entry.get(key) is not None}
        if not isinstance(entry["name"], str) or not all(map(isfinite, numbers.values())):
            raise ValueError(f"{entry!r} is no feature")
        low, high = numbers.get("low"), numbers.get("high")
        offset, unit = numbers.get("offset", 0.0), str(entry.get("unit") or "")
        features.append(Feature(entry["name"], numbers["factor"], offset, unit, low, high))
    return Scaling(tuple(features))


def plain_scaling(inputs: Sequence[str], factor: float) -> Scaling:
    """The map of a network that knows only one factor for all: each input is its own measurement."""
    return Scaling(tuple(Feature(name, factor, unit=unit_in(name)) for name in inputs))


def check_scaling(scaling: Scaling, inputs: Sequence[str], where: str) -> None:
    """Refuse a map that is not one of these inputs, or of numbers that are none."""
    if len(scaling.features) != len(inputs):
        what = f"scales {len(scaling.features)} features, the network has {len(inputs)} inputs"
        raise FabError(where, what, "give one for each input, complements too")
    for feature in scaling.features:
        ends = [end for end in (feature.low, feature.high) if end is not None]
        if not all(map(isfinite, [feature.factor, feature.offset, *ends])):
            what = f"scales {feature.name!r} by numbers that are not finite"
            raise FabError(where, what, "give offset and factor as finite numbers")
        if len(ends) == 1 or ends != sorted(ends):
            raise FabError(where, f"gives {feature.name!r} a range from {feature.low} to {feature.high}", "swap them")


def quantity(column: str) -> tuple[str, str]:
    """What a column measures, and its unit: `tide (m)` is tide in m; a name without a unit is all name."""
    unit, words = unit_in(column), re.split(r"[_ ]*[(\[]", column)[0] if BRACKETS.fullmatch(column) else column
    name = re.sub(rf"[_ ]+{re.escape(unit)}$", "", words).replace("_", " ").strip() if unit else words
    return name or column, unit


def unit_in(name: str) -> str:
    """The unit that a name tells: mm of `bill length (mm)`, `bill_length_mm` and `length [mm]`; "" where none."""
    found = BRACKETS.fullmatch(name) or AT_END.fullmatch(name)
    return found["unit"] if found else ""
