"""A jug's sides: whether each mark says a round value of its measurement, and V0's line the priming volume. mm, mL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np

from pelu_fab.signoff.reading import MARK, STEPS, Inside, Legible, Relief, least_pitch
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.stl import Array

SIDES = ((1, -1.0), (0, 1.0), (1, 1.0), (0, -1.0))  # front, right, back, left: axis and direction that each looks
EQUAL = 1.0 - 1e-5  # two lengths in single precision
LONGER = 1.2  # times the shortest mark's length, that one with a numeral is


@dataclass(frozen=True, slots=True)
class Scale:
    """What a pour stands for: `offset + per_ml * volume`; the letters of its name and unit; the `fullest` pour, mL."""

    offset: float
    per_ml: float
    name: str
    fullest: float


def ruler_checks(jugs: Sequence[Legible], scales: Mapping[str, Scale], priming_ml: float, nozzle: float) -> list[Check]:
    """Every ruler of every jug, by the ports that the manifest names; and that each input can be measured."""
    checks: list[Check] = []
    plain = Scale(0.0, 1.0, "mL", max(scale.fullest for scale in scales.values()))
    for jug in jugs:
        sides = {(one.axis, one.sign): one for one in jug.sides}
        for number, port in enumerate(jug.part.entry.rulers):
            where = f"{jug.name} {port or 'mL'}"
            scale = scales.get(port) if port else plain
            if scale is None or number >= len(SIDES):
                checks.append(failed("read.ruler", where, "is no input, or a fifth side"))
            else:
                standard = _Standard(scale, not port, priming_ml, least_pitch(nozzle))
                checks += _ruler(jug.inside, sides.get(SIDES[number]), standard, where)
    told = {port for jug in jugs for port in jug.part.entry.rulers}
    lost = [port for port in scales if port not in told and "" not in told]
    if told:
        checks += [failed("read.ruler", port, "no jug has a ruler for it") for port in lost]
    return checks


@dataclass(frozen=True, slots=True)
class _Standard:
    """What a side is held to: its scale, plain mL or not; V0, mL; mm that marks may be apart at least."""

    scale: Scale
    is_plain: bool
    priming_ml: float
    pitch: float

    def widest(self, section: float) -> float:
        """mL between two marks at most, in a jug of this section: the finest round step that can be printed."""
        finest = self.pitch * section / 1e3
        if self.is_plain:
            return next(s for s in STEPS if s >= finest * EQUAL)
        return _round_up(finest * abs(self.scale.per_ml)) / abs(self.scale.per_ml)


def _ruler(inside: Inside | None, relief: Relief | None, standard: _Standard, where: str) -> Iterator[Check]:
    scale, priming_ml = standard.scale, standard.priming_ml
    if inside is None or relief is None or len(relief.marks) < 2:
        yield failed("read.ruler", where, "no two marks stand on its side")
        return
    section = inside.sections[1]
    volumes = (relief.marks[:, 3] - inside.floor) * section / 1e3
    values = scale.offset + scale.per_ml * volumes
    step = _nearest_round(float(np.median(np.abs(np.diff(values)))))
    off = np.abs(values - np.round(values / step) * step) / abs(scale.per_ml)
    yield most("read.ruler", where, float(off.max()), MARK, "mL", f"that a mark of every {step:g} is off")
    limit = standard.widest(section)
    gaps = np.diff([0.0, *volumes, max(scale.fullest, float(volumes[-1]))])
    yield most(
        "read.ruler", f"{where} steps", float(gaps.max()), limit + MARK, "mL", "between two marks, to the fullest"
    )
    yield _words(relief, values, step, scale, where, priming_ml)
    if priming_ml:
        levels = np.abs((relief.lines[:, 3] - inside.floor) * section / 1e3 - priming_ml)
        nearest = float(levels.min()) if len(levels) else priming_ml
        yield most("read.ruler", f"{where} V0", nearest, MARK, "mL", f"that its line is off V0, {priming_ml:g} mL")


def _words(relief: Relief, values: Array, step: float, scale: Scale, where: str, priming_ml: float) -> Check:
    """Letters of the name and unit, digits of the longer marks' values, V and 0."""
    lengths = relief.marks[:, 2] - relief.marks[:, 0]
    digits = max(-floor(log10(step)), 0)
    told = [f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}" for value in values]
    longer = [text for text, length in zip(told, lengths, strict=True) if length > LONGER * lengths.min()]
    wanted = sum(c.isdigit() for text in longer for c in text) + sum(c.isalnum() for c in scale.name)
    wanted += 3 if priming_ml else 0  # V, 0 and the line
    found = len(relief.words)
    if found < wanted:
        return failed(
            "read.ruler", f"{where} words", f"{found} letters and digits stand on its side, {wanted} belong there"
        )
    for text in (scale.name, " ".join(reversed(longer)), "V0" if priming_ml else ""):
        if lost := relief.unread(text):
            why = f"{text!r} is to be read on its side; {lost!r} can't: other letters, or mirrored ones"
            return failed("read.ruler", f"{where} words", why)
    return passed("read.ruler", f"{where} words", f"{found} letters and digits, {wanted} at least", None)


def _nearest_round(value: float) -> float:
    """Of 1, 2 and 5 times a power of ten."""
    power = floor(log10(value))
    return min((d * 10.0**k for k in (power, power + 1) for d in (1, 2, 5)), key=lambda step: abs(step - value))


def _round_up(value: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = floor(log10(value))
    return min(step for k in (power, power + 1) for d in (1, 2, 5) if (step := d * 10.0**k) >= value * EQUAL)
