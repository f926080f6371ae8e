"""A design in, its device laid out: the stages before the solids, in their order, and what its jugs would break."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from pelu_fab.errors import Violation
from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.sized import Sized
from pelu_fab.stages.lower import lower
from pelu_fab.stages.place import place
from pelu_fab.stages.pools import RIM
from pelu_fab.stages.pour import pour_findings
from pelu_fab.stages.size import size

WIDE_TOOTH = 6.0  # mm: the widest of a device that would be wider than the bed
MOST_RIMS = 8  # tries to find walls that the fullest jugs stay within


class LaidOut(NamedTuple):
    """What the stages before the solids give, and what the jugs would break in it."""

    lowered: Lowered
    sized: Sized
    layout: Layout
    findings: tuple[Violation, ...]


def lay_out(design: Design, say: Callable[[str], None] = lambda _: None) -> LaidOut:
    """Lower, size and place a design, its rims as high as its jugs ask; nothing is built.

    Where combs of usual teeth make it wider than the bed, teeth may be wider, which takes fewer of them.
    """
    say("lower")
    lowered = lower(design)
    found = _laid_out(lowered, design, say)
    printer, comb = design.process.printer, design.process.comb
    if found.layout.across(printer.web) <= max(printer.bed[:2]) or comb.max_tooth >= WIDE_TOOTH:
        return found
    wide = design.process.model_copy(update={"comb": comb.model_copy(update={"max_tooth": WIDE_TOOTH})})
    shorter = _laid_out(lowered, replace(design, process=wide), say)
    return min(found, shorter, key=lambda one: one.layout.across(printer.web))


def _laid_out(lowered: Lowered, design: Design, say: Callable[[str], None]) -> LaidOut:
    rim = RIM
    for _ in range(MOST_RIMS):  # rims follow the jugs
        say("size")
        sized = size(lowered, design, rim)
        say("place")
        layout = place(sized, lowered.netlist, design.process, design.sheet)
        say("pour")
        findings = pour_findings(lowered, sized, layout, design)
        short = max((one.limit - one.found for one in findings if one.rule == "flow.freeboard"), default=0.0)
        if short <= 0.0:
            break
        rim = float(ceil(rim + short + 0.2))
    return LaidOut(lowered, sized, layout, findings)
