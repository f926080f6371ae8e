"""Gutters under a layer, in which order and how wide; the teeth, sections and spouts of every bucket over them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from math import fsum, hypot, inf

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.card import LED, Mouth, Span, spread_mouths
from pelu_fab.ir.design import Design
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Course
from pelu_fab.ir.units import GRID_DIGITS, on_grid
from pelu_fab.stages.combs import Comb, Load, cut_comb, is_steady, trimmed_teeth

LONE_TEETH = 5  # of a bucket with one branch
RUN, LIP = 17.2, 0.8  # mm: of the ramp; height of its lip
OVERLAP = 9.0  # mm of a gutter inside what it feeds: a thin stream hangs under its lip, up to 7 mm back (docs/cfd.md)
FORGIVES = 1.0  # mm that each wall of a gutter moves in before a joint
CLOSING = 2.5  # run of a bank per mm that it moves in
SPOUT, MARGIN = 9.0, 2.0  # mm: led in to this at most; between a spout and its gutter's wall
LEANING = 0.06  # mm more between two sections than between teeth: their banks lean in plan
MOST_ORDERS, ALIKE = 6, 0.01  # gutters whose every order is tried; mm by which two orders' combs are equally long


@dataclass(frozen=True, slots=True)
class BucketComb:
    """Teeth of a bucket by branch, before they have a place."""

    bucket: Bucket
    ducts: tuple[Duct, ...]
    teeth: tuple[tuple[float, ...], ...]
    load: Load
    blade: float
    groups: tuple[float, ...] = field(init=False, repr=False, compare=False)  # width of each branch's, blades between

    def __post_init__(self) -> None:
        groups = tuple(fsum(teeth) + self.blade * (len(teeth) - 1) for teeth in self.teeth)
        object.__setattr__(self, "groups", groups)

    @property
    def is_lone(self) -> bool:
        """Whether there is but one branch, and nothing to share."""
        return len(self.ducts) == 1

    @property
    def sections(self) -> list[float]:
        """Width of each branch's walled channel: exactly proportional to its share, about as wide as its teeth."""
        whole = fsum(self.groups)
        return [on_grid(duct.share * whole) for duct in self.ducts]

    @property
    def spouts(self) -> list[float]:
        """Width at the lip: led in as far as the ramp's banks may close."""
        closing = 2 * (RUN - LED) / CLOSING
        return [on_grid(min(s, max(SPOUT, s - closing))) for s in self.sections]


def bucket_comb(bucket: Bucket, ducts: Sequence[Duct], load: Load, design: Design) -> BucketComb:
    """The comb of a bucket with these branches, cut for its load."""
    process = design.process
    if len(ducts) == 1:
        teeth: tuple[tuple[float, ...], ...] = ((process.comb.tooth,) * LONE_TEETH,)
    else:
        teeth = cut_comb(bucket.name, [duct.share for duct in ducts], load, design).by_branch
    return BucketComb(bucket, tuple(ducts), teeth, load, process.printer.blade)


def trimmed(comb: BucketComb, drains: float, design: Design) -> BucketComb:
    """The comb for what `drain_area` says: its teeth as many as before, if those still share steadily."""
    load = replace(comb.load, flow=drains) if comb.load.inflow else replace(comb.load, area=drains)
    if comb.is_lone:
        return replace(comb, load=load) if comb.load.inflow else comb
    counts, shares = [len(teeth) for teeth in comb.teeth], [duct.share for duct in comb.ducts]
    cut = Comb(counts, trimmed_teeth(shares, counts, load, design))
    if not is_steady(cut, shares, load, design):
        return bucket_comb(comb.bucket, comb.ducts, load, design)
    return replace(comb, teeth=cut.by_branch, load=load)


def gutter_order(
    combs: Sequence[BucketComb],
    netlist: Netlist,
    layer: int,
    feeds: Mapping[str, float],
    process: Process,
    are_in_order: bool,
) -> Sequence[str]:
    """Targets of a layer in the order of their gutters: the one that keeps the combs shortest; none under a row.

    `feeds` is x of what comes into each bucket. Over a row's cups gutters stand by cup; `are_in_order`: cups as the
    network names them, which says what a lean costs.
    """
    if is_row(netlist, layer):
        return ()
    need = gutter_widths(combs, process)
    order = _shortest([target for target in netlist.targets(layer) if target in need], combs, need, feeds, process)
    if is_row(netlist, layer + 1):  # what shares a cup stands together
        cups = netlist.targets(layer + 1) if are_in_order else [netlist.leaving[t][0].target for t in order]
        order = sorted(order, key=lambda target: cups.index(netlist.leaving[target][0].target))
    return order


def gutter_widths(combs: Sequence[BucketComb], process: Process) -> dict[str, float]:
    """Inner width of each gutter under some combs: what the widest spout above it asks."""
    need: dict[str, float] = {}
    for comb in combs:
        for duct, spout in zip(comb.ducts, comb.spouts, strict=True):
            least = need.get(duct.target, process.channels.min_width)
            need[duct.target] = max(least, spout + 2 * _margin(process))
    return need


def _margin(process: Process) -> float:
    """Between a spout and its gutter's wall, mm: waters of two gutters keep apart at their lips."""
    return on_grid(max(MARGIN, (process.channels.spout_gap - process.printer.slanting) / 2))


def is_row(netlist: Netlist, layer: int) -> bool:
    """Whether a layer's cards hang side by side over the cups: the last one, one branch a bucket."""
    return layer + 1 == len(netlist.rows) and all(len(netlist.leaving[b.name]) == 1 for b in netlist.rows[layer])


def side_by_side(order: Sequence[str], widths: Mapping[str, float], process: Process) -> tuple[Course, ...]:
    """Gutters of these inner widths in this order, a wall between each two, about x = 0."""
    wall = process.printer.slanting
    left = -(fsum(widths[t] for t in order) + (len(order) - 1) * wall) / 2
    courses = []
    for target in order:
        courses.append(Course(target, (on_grid(left), on_grid(left + widths[target]))))
        left += widths[target] + wall
    return tuple(courses)


def _shortest(
    targets: Sequence[str],
    combs: Sequence[BucketComb],
    widths: Mapping[str, float],
    feeds: Mapping[str, float],
    process: Process,
) -> Sequence[str]:
    """The order of gutters whose combs add up to the least length: all orders of a few, else swaps while they help.

    Of those that are alike, the one that leads the water of single branches least aside; with nothing to lead, of an
    order and its mirror image the one whose first target the network names before its last.
    """
    several = [comb for comb in combs if not comb.is_lone]
    led = [
        (comb.ducts[0].target, feeds[comb.bucket.name]) for comb in combs if comb.is_lone and comb.bucket.name in feeds
    ]

    def placed(order: Sequence[str]) -> float:
        courses = side_by_side(order, widths, process)
        ends = [comb_extent(comb, tooth_places(comb, courses)) for comb in several]
        return round(fsum(high - low for low, high in ends), 6)

    def aside(order: Sequence[str]) -> float:
        middles = {course.target: course.middle for course in side_by_side(order, widths, process)}
        return round(fsum(abs(middles[target] - x) for target, x in led), 1)

    if len(targets) > MOST_ORDERS:
        swapped = _swapped(Lengths(several, targets, widths, process), len(targets))
        return min(([targets[n] for n in order] for order in sorted((swapped, swapped[::-1]))), key=aside)
    named = {target: n for n, target in enumerate(targets)}
    orders = [o for o in permutations(targets) if led or named[o[0]] <= named[o[-1]]]
    lengths = {order: placed(order) for order in orders}
    alike = min(lengths.values()) + (ALIKE if led else 0.0)
    return min((order for order, length in lengths.items() if length <= alike), key=aside)


def _swapped(length: Callable[[Sequence[int]], float], number: int) -> list[int]:
    """An order that no exchange of two makes shorter."""
    best = list(range(number))
    least, helped = length(best), True
    while helped:
        helped = False
        for i, j in combinations(range(number), 2):
            tried = best.copy()
            tried[i], tried[j] = tried[j], tried[i]
            if (found := length(tried)) < least:
                best, least, helped = tried, found, True
    return best


class Lengths:
    """How long some combs are together over gutters in any order, to some µm; asked thousands of times, it places none.

    The first teeth stand at the least mean of what the first few are shifted by, the last ones at the largest of the
    last few: that is what `spread_mouths` comes to.
    """

    def __init__(
        self, combs: Sequence[BucketComb], targets: Sequence[str], widths: Mapping[str, float], process: Process
    ) -> None:
        self.widths, self.wall = np.array([widths[target] for target in targets]), process.printer.slanting
        self.blade, self.groups = process.printer.blade, np.zeros((len(combs), len(targets)))
        for row, comb in zip(self.groups, combs, strict=True):
            own = {duct.target: group for duct, group in zip(comb.ducts, comb.groups, strict=True)}
            row[:] = [own.get(target, 0.0) for target in targets]

    def __call__(self, order: Sequence[int]) -> float:
        """mm, all combs together."""
        order = list(order)
        widths, groups = self.widths[order], self.groups[:, order]
        lefts = np.cumsum(widths + self.wall) - widths - self.wall - (widths.sum() + (len(order) - 1) * self.wall) / 2
        goals = (np.round(lefts, GRID_DIGITS) + np.round(lefts + widths, GRID_DIGITS)) / 2
        are = groups > 0.0
        steps = np.where(are, groups + self.blade, 0.0)
        offsets = np.cumsum(steps, axis=1) - steps
        shifts = np.where(are, goals - groups / 2 - offsets, 0.0)
        first = _means(shifts, are, np.inf).min(axis=1)
        last = -_means(-shifts[:, ::-1], are[:, ::-1], np.inf).min(axis=1)
        whole = steps.sum(axis=1) - self.blade
        return round(float((np.round(last, GRID_DIGITS) + whole - np.round(first, GRID_DIGITS)).sum()), 6)


def _means(values: NDArray[np.float64], are: NDArray[np.bool_], otherwise: float) -> NDArray[np.float64]:
    """Along each row the mean of all values so far that `are`; `otherwise` where there is none."""
    counts = np.cumsum(are, axis=1)
    return np.where(are, np.cumsum(values, axis=1) / np.maximum(counts, 1), otherwise)


def comb_extent(comb: BucketComb, lefts: Sequence[float]) -> Span:
    """From the first tooth's edge to the last one's along x."""
    ends = [(left, left + group) for left, group in zip(lefts, comb.groups, strict=True)]
    return min(a for a, _ in ends), max(b for _, b in ends)


def tooth_places(comb: BucketComb, courses: Sequence[Course]) -> list[float]:
    """Left edge of each branch's teeth: over its gutter, as near as its neighbours let it."""
    goals = {course.target: course.middle for course in courses}
    ranked = sorted(range(len(comb.ducts)), key=lambda i: goals.get(comb.ducts[i].target, 0.0))
    wanted = [goals.get(comb.ducts[i].target, 0.0) for i in ranked]
    lefts = spread_mouths([comb.groups[i] for i in ranked], wanted, comb.blade)
    return [on_grid(left) for _, left in sorted(zip(ranked, lefts, strict=True))]


def in_order(comb: BucketComb, order: Sequence[str], design: Design) -> BucketComb:
    """The comb with its branches as their gutters lie, so that its end teeth are where they will be."""
    if comb.is_lone:
        return comb
    ducts = sorted(comb.ducts, key=lambda duct: order.index(duct.target))
    return comb if ducts == list(comb.ducts) else bucket_comb(comb.bucket, ducts, comb.load, design)


def _behind(comb: BucketComb, middles: Sequence[float], aims: Sequence[float]) -> list[float]:
    """Left edges of the sections, so far apart that the banks between, which lean to the spouts, stay thick enough."""
    behind = spread_mouths(comb.sections, middles, comb.blade + LEANING)
    slopes = [
        max(abs(aim - at - section / 2 + side * (spout - section) / 2) for side in (-1, 1)) / (RUN - LED)
        for aim, at, section, spout in zip(aims, behind, comb.sections, comb.spouts, strict=True)
    ]
    steep = max(slopes) > 1.0 / CLOSING + 0.01  # steeper than they close by themselves, for which LEANING is made
    return behind if not steep else spread_mouths(comb.sections, middles, comb.blade * hypot(1.0, max(slopes)) + 0.01)


def mouths_of(comb: BucketComb, courses: Sequence[Course], process: Process) -> tuple[Mouth, ...]:
    """Teeth, section and spout of each branch, along x, over these gutters."""
    lefts, margin = tooth_places(comb, courses), _margin(process)
    goals = {course.target: course.span for course in courses}
    middles = [left + group / 2 for left, group in zip(lefts, comb.groups, strict=True)]
    aims = []
    for duct, middle, spout in zip(comb.ducts, middles, comb.spouts, strict=True):
        low, high = goals.get(duct.target, (-inf, inf))
        aims.append(min(max(middle, low + margin + spout / 2), high - margin - spout / 2))
    behind = _behind(comb, middles, aims)
    mouths = []
    for duct, teeth, left, section, start, spout, aim in zip(
        comb.ducts, comb.teeth, lefts, comb.sections, behind, comb.spouts, aims, strict=True
    ):
        x, spans = left, []
        for width in teeth:
            spans.append((on_grid(x), on_grid(x + width)))
            x += width + comb.blade
        mouths.append(
            Mouth(
                duct.target,
                tuple(spans),
                (on_grid(start), on_grid(on_grid(start) + section)),
                (on_grid(aim - spout / 2), on_grid(aim + spout / 2)),
            )
        )
    return tuple(mouths)
