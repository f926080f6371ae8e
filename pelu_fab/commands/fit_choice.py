"""Of the fits of one curve the one whose prints read it best; and what prints of a fit read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import hypot, inf, sqrt
from typing import Any

import numpy as np

from pelu_fab.commands.source import rig_of_design
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.network.algebra import pours_up_to
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.readings import readings
from pelu_fab.training.functions_design import dealt, design_of, made_of
from pelu_fab.training.functions_fit import Fit, evened, reduced, refilled

MOST_EVEN = 6  # buckets that are tried with whole teeth: more make shares too small for one
VOLUMES = (100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 380.0, 400.0)  # of jugs, of which one is chosen
LARGER = (440.0, 475.0)  # that only cards dealt out evenly have room for
SCATTER, TRADED = 0.035, 1.2  # of y's range that prints may scatter; times the least miss that keeping to it may cost
FINALISTS, AS_GOOD = 4, 1.05  # that are tried in larger ones; times the least miss, above which one is worse


@dataclass(frozen=True, slots=True)
class Prints:
    """How a choice is forecast: its process, how many prints, and whom to tell."""

    process: Process
    count: int
    say: Callable[[str], None]


def best(found: Fit, prints: Prints, *, fewer: bool, jugs: Sequence[float]) -> tuple[Fit, list[dict[str, Any]]]:
    """The fit with `fewer` buckets if asked, shares of whole teeth and one of some `jugs` whose prints read y best.

    First by buckets and shares in its own jug, or the next smaller one that can be made; the best few then in larger
    ones; curves of several turns with their cards dealt out evenly, and the best of all with its cups together. Of what
    scatters little from print to print (if any does, and misses hardly more) and is as good as the best of these the
    one of fewest cards. Each look is a row of figures.
    """
    looks: list[_Look] = []
    for one in _drawn(found, fewer=fewer):
        if _curve(one) < min((look.both for look in looks), default=inf):
            smaller = [jug for jug in reversed(jugs) if jug < one.water.volume]
            looks += _until(one, [one.water.volume, *smaller], prints, is_made=True)
    for look in sorted(looks, key=lambda look: look.both)[:FINALISTS]:
        if look.both < inf:
            larger = [jug for jug in jugs if jug > look.fit.water.volume]
            looks += _until(look.fit, larger, prints, is_made=False)
    least = min(looks, key=lambda look: look.both)
    if least.both < inf and least.fit.turns > 2:
        looks.append(_look(replace(least.fit, cups="together"), prints))
        looks += _balanced(looks, prints, jugs)
    chosen = _chosen(looks, float(np.ptp(found.points.y)))
    return chosen.fit, [look.row for look in looks]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A fit, its figures, and by how much its curve and its prints miss; inf where it can't be made."""

    fit: Fit
    row: dict[str, Any]

    @property
    def both(self) -> float:
        return float(self.row.get("both", inf))


def _chosen(looks: Sequence[_Look], span: float) -> _Look:
    """Of what scatters little, or else of all, the look of fewest cards that is as good as the best; `span` is y's."""
    dear = TRADED * min(look.both for look in looks)
    steady = [look for look in looks if look.both <= dear and look.row.get("prints", inf) <= SCATTER * span] or looks
    best_of = min(look.both for look in steady)
    as_good = [look for look in steady if look.both <= AS_GOOD * best_of]
    return min(as_good, key=lambda look: (look.row["cards"], look.both))


def _until(one: Fit, jugs: Sequence[float], prints: Prints, *, is_made: bool) -> list[_Look]:
    """Looks at a fit in one jug after the other, until one can be made, or can't."""
    looks: list[_Look] = []
    for jug in jugs:
        looks.append(_look(refilled(one, jug) if jug != one.water.volume else one, prints))
        if (looks[-1].both < inf) == is_made or " mm wide, the bed" in looks[-1].row.get("refused", ""):
            break  # a tray that is too wide stays so
    return looks


def _balanced(looks: Sequence[_Look], prints: Prints, jugs: Sequence[float]) -> list[_Look]:
    """Each curve of whole teeth with its cards dealt out evenly, in the largest jug that they have room for."""
    found: list[_Look] = []
    least = min(look.both for look in looks)
    for one in {look.fit.curve: look.fit for look in looks if look.fit.teeth and look.fit.turns > 2}.values():
        even, sizes = replace(one, cups="balanced"), (*jugs, *LARGER) if jugs else (one.water.volume,)
        room = [size for size in reversed(sizes) if dealt(refilled(even, size))]
        if _curve(one) < least:
            found += _until(even, room, prints, is_made=True)
    return found


def _drawn(found: Fit, *, fewer: bool) -> list[Fit]:
    """The fit, and if asked with fewer buckets; each with the shares that draw best, and with whole teeth."""
    counts = range(1, found.live) if fewer else ()
    fits = {one.live: one for one in (*(reduced(found, n) for n in counts), found)}
    both = [each for one in fits.values() for each in (one, *(evened(one) if 1 < one.live <= MOST_EVEN else ()))]
    return [replace(one, cups="apart") for one in both]


def _curve(one: Fit) -> float:
    """By how much the curve misses the function, rms."""
    return sqrt(one.losses["compiled"] / len(one.points.x))


def _look(one: Fit, prints: Prints) -> _Look:
    """How a fit's prints miss the function: what misses is the curve and, independent of it, the prints, whose mean
    squares add up.
    """
    prints.say(f"{one.live} buckets, {one.water.volume:g} units")
    row: dict[str, Any] = {"buckets": one.live, "volume": one.water.volume, "curve": _curve(one)}
    made = made_of(one)
    row |= {"teeth": one.teeth, "cards": made.widths[1], "cups": len(made.outputs)}
    told = forecast(design_of(one, prints.process), prints.count)
    if "refused" in told:
        return _Look(one, {**row, "refused": told["refused"]})
    return _Look(one, {**row, "prints": told["rms"], "both": hypot(row["curve"], told["rms"])})


def forecast(design: Design, prints: int) -> dict[str, Any]:
    """How far y is read off prints; or why there can be none."""
    try:
        rig = rig_of_design(design, is_strict=True)
    except FabError as error:
        return {"refused": str(error)}
    pours, noise = pours_up_to(rig.input_max) * rig.unit_volume, Noise.of(design.process, primed=True)
    (read,) = readings(rig.water, rig.process, rig.network, pours, rig.unit_volume, prints=prints, noise=noise)
    return {"prints": prints, "process": rig.process.name, **read.to_json()}
