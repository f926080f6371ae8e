"""The pour protocol: how to wet, level, get ready and pour, and what each cup should then hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import radians, tan
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.algebra import outputs
from pelu_fab.network.scaling import Feature

Array = NDArray[np.float64]
MORE = "Pour the rest now: the answer depends on how much, not on when."
ANY_ORDER = "Their order does not matter."
AT_ONCE = "In any order, but without a pause: what comes after a flush fills its card anew."
AGAIN = "Empty all and start again: a card with a siphon answers once, and then starts to fill anew."
COVER = "what is above first, and pour V0 into what wants it before you put that back."
PAPER = 0.1  # mm: a sheet of 80 g/m2
LEVEL_DEG = 0.2  # what a bubble level or a phone reads, and what a comb stands: about a point of share


@dataclass(frozen=True, slots=True)
class Jug:
    """What to pour into one card, and the measurement that it stands for in the user's unit, where that differs."""

    name: str
    card: str
    measured: str
    ml: float
    grams: float


@dataclass(frozen=True, slots=True)
class Cup:
    """What one cup then holds, as built; and what the trained network says."""

    name: str
    ml: float
    grams: float
    trained_ml: float


@dataclass(frozen=True, slots=True)
class Pour:
    """One answer to pour, jug after jug; `answer` in Markdown, a line for each number that the cups say."""

    title: str
    jugs: tuple[Jug, ...]
    cups: tuple[Cup, ...]
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Priming:
    """V0 and the cards that it goes into; none where `ml` is 0."""

    ml: float
    grams: float
    cards: tuple[str, ...]


def pours(device: Device) -> tuple[Pour, ...]:
    """The design's protocol with its numbers."""
    design, network = device.design, device.lowered.network
    unit, density, measures = design.unit_ml, design.process.fluid.density, _is_measured(design)
    found = []
    for title, units in design.protocol:
        held = outputs(network, np.array([units]))[0]
        trained = outputs(design.network, np.array([units]))[0]
        jugs = [
            Jug(
                name,
                bucket.name,
                _measured(feature, volume) if measures else "",
                volume * unit,
                volume * unit * density,
            )
            for name, bucket, feature, volume in zip(
                network.inputs, device.lowered.netlist.rows[0], design.network.measures.features, units, strict=True
            )
        ]
        cups = [
            Cup(name, ml * unit, ml * unit * density, asked * unit)
            for name, ml, asked in zip(network.outputs, held.tolist(), trained.tolist(), strict=True)
        ]
        found.append(Pour(title, tuple(jugs), tuple(cups), tuple(_answer(design, held))))
    return tuple(found)


def priming(device: Device) -> Priming:
    """How much to pour into which cards before each answer."""
    ml = device.sized.priming_volume / MM3_PER_ML
    primed = tuple(card.name for card in device.sized.cards.values() if card.is_primed)
    return Priming(ml, ml * device.design.process.fluid.density, primed if ml > 0.0 else ())


def to_pour(device: Device) -> str:
    """Markdown for the person with the jug. Volumes in mL, grams for who has a scale; expectations of what is built."""
    design = device.design
    lines = [f"# Pouring {design.name}", "", *_preparation(device), "", *_ready(device), "", "## Pour", ""]
    flushes = design.network.has_flush
    lines += [
        "Fill the jug for one card after the other, by the ruler on its side, and pour about",
        f"{design.pour_flow_ml:g} mL a second, behind the walls of its card, in their middle.",
        AT_ONCE if flushes else ANY_ORDER,
        "Grams are for who has a scale.",
        "",
    ]
    measures = _is_measured(design)
    lines += _measures(design) if measures else []
    for pour in pours(device):
        head = "| for | card | measured | pour | or |" if measures else "| for | card | pour | or |"
        lines += [f"### {pour.title}", "", head, re.sub(r"[^|]+", "---", head)]
        lines += [
            f"| {_cell(jug.name)} | {jug.card}{f' | {jug.measured}' if measures else ''} "
            f"| {jug.ml:.1f} mL | {jug.grams:.1f} g |"
            for jug in pour.jugs
        ]
        lines += ["", "| cup | should hold | or | trained network |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(cup.name)} | {cup.ml:.1f} mL | {cup.grams:.1f} g | {cup.trained_ml:.1f} mL |"
            for cup in pour.cups
        ]
        lines += ["", *pour.answer, ""]
    lines += [
        "Wait until the last drop has fallen (about a minute), then read the cups at eye level. Poured too little?",
        AGAIN if flushes else MORE,
    ]
    return "\n".join(lines) + "\n"


def _ready(device: Device) -> list[str]:
    """V0 into every card with several branches, by name; each time anew."""
    v0 = priming(device)
    lines = ["## Get it ready, each time", ""]
    lines.append("1. Lift out the cards, tip them out, hang them back. Empty the cups. Wet walls are fine.")
    if under := [placed.card.name for placed in device.layout.covered]:
        words = f"{listed(under)} {'lie' if len(under) > 1 else 'lies'} under a tray: take off {COVER}"
        lines += wrap(words, 110, initial_indent="   ", subsequent_indent="   ")
    if v0.cards:
        lines.append(
            f"2. Pour V0, {v0.ml:.1f} mL ({v0.grams:.1f} g), into each card that divides its water: {listed(v0.cards)}."
        )
        lines.append(
            "   They are full to just below what they keep, and nothing runs over. A V0 too much or too little"
        )
        lines.append("   counts like water poured: weigh it, or fill the jug to its line V0.")
    return lines


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _answer(design: Design, held: Array) -> list[str]:
    """What the cups say, by its read-outs: a name, a number or yes and no, and how it is worked out."""
    outputs, unit = design.network.outputs, design.unit_ml
    lines = []
    for readout in design.network.answers:
        said = _cell(readout.says(held, outputs, unit_ml=unit))
        if readout.kind == "fullest":
            lines.append(f"The fullest cup says **{said}**.")
            continue
        gap = _cell(readout.gap)
        if readout.kind == "above":
            lines.append(f"Is {gap} above {readout.above * unit:.3g} mL? **{said}**.")
        else:
            formula = f"({gap}) x {readout.scale / unit:.4g} + {readout.offset:.4g}, cups in mL"
            lines.append(f"**{said}**: {_cell(readout.name)} = {formula}.")
    return lines


def _is_measured(design: Design) -> bool:
    """Whether some jug stands for a measurement that is not its volume."""
    return any(not feature.is_plain for feature in design.network.measures.features)


def measures(design: Design) -> tuple[tuple[str, str, str, str], ...]:
    """How a measurement becomes a pour: for which input, its formula in mL, from and to which value; none if mL."""
    features = design.network.measures.features
    if all(feature.is_plain for feature in features):
        return ()
    found = []
    for name, feature in zip(design.network.inputs, features, strict=True):
        what, offset = _cell(feature.title), feature.offset
        shifted = f"({what} {'-' if offset > 0 else '+'} {abs(offset):.5g})" if offset else what
        low, high = ("" if end is None else feature.shown(end) for end in (feature.low, feature.high))
        found.append((_cell(name), f"{shifted} x {feature.factor * design.unit_ml:.5g}", low, high))
    return tuple(found)


def _measures(design: Design) -> list[str]:
    """The same for samples that nobody has written down yet, in Markdown."""
    lines = ["What you measured becomes a pour like this, and never less than nothing:", ""]
    lines += ["| for | pour, mL | for a sample from | to |", "|---|---|---|---|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in measures(design)), ""]


def _measured(feature: Feature, units: float) -> str:
    """What pours so much, in the user's unit; of an empty jug the value from which on it stays empty."""
    value = feature.value(units)
    if value is None:
        return ""
    bound = "" if units > 0.0 or not feature.offset else "up to " if feature.factor > 0 else "from "
    return bound + feature.shown(value)


def _preparation(device: Device) -> list[str]:
    fluid = device.design.process.fluid
    drop = (
        "Stir one drop of dish detergent into half a litre of water."
        if "detergent" in fluid.name
        else "Use clean tap water."
    )
    return [
        "## Before the first pour",
        "",
        f"1. {drop}",
        "2. Level it: a bubble level or a phone on a card's rim, along its comb, then across it; put paper under the",
        f"   feet until both stay within {level_words(device)}.",
        "3. Wet it: pour a full jug into every card that takes one, let it drain, empty cups and cards. A dry device",
        "   keeps about 1 mL on its walls, and dries again in a quarter of an hour.",
        *(_sealed(siphons(device)) if siphons(device) else []),
    ]


def level_words(device: Device) -> str:
    """How level is level enough, in degrees, in mm along its widest card, and in sheets of paper under its feet."""
    wide = max(placed.card.body[1] - placed.card.body[0] for placed in device.layout.cards)
    off = wide * tan(radians(LEVEL_DEG))
    return f"{LEVEL_DEG:g} degrees: {off:.1f} mm along {wide:.0f} mm, some {max(round(off / PAPER), 1)} sheets of paper"


def siphons(device: Device) -> tuple[str, ...]:
    """Cards that answer all at once."""
    return tuple(bucket.name for bucket in device.lowered.netlist.buckets if bucket.flush_volume)


SEAL = (
    "thin varnish in its bore and outside. Stop its outlet with a finger and fill it to the rim: nothing may ooze out "
    "of the pillar."
)


def _sealed(names: Sequence[str]) -> list[str]:
    """How siphons are made to hold air, and looked at."""
    what = f"{names[0]}, the card with a siphon" if len(names) == 1 else f"the cards with a siphon, {', '.join(names)}"
    words = f"4. Seal {what}: {SEAL} How to try whether it primes stands in docs/water.md."
    return wrap(words, 110, subsequent_indent="   ")


def _cell(text: str) -> str:
    """Text that stays one table cell."""
    return " ".join(text.replace("|", "/").split())
