"""How a comb is cut: teeth of each branch, and their widths."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, fsum, inf, sqrt

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.comb import (
    comb_teeth,
    compensated_widths,
    design_head,
    pour_heads,
    predicted_shares,
    share_slack,
    tooth_widths,
)
from pelu_fab.hydraulics.weir import weir_flow
from pelu_fab.ir.design import Design
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.lower import most_teeth

MAX_HEAD = 8.0  # mm at the design pour; above, the teeth no longer count as short (w 3 mm)
LEAST_POUR = 20e3  # mm3 that a comb is trimmed for, or half of its most
GOOD_SLACK = 0.005  # 1/mm: a comb whose shares move less than this per mm of kappa is good enough
LEAST_TEETH = 6
FEW_BRANCHES, MOST_NARROW = 8, 5  # up to which every number of teeth is tried; teeth of the smallest share, at most
TRIMMED = (0.98, 0.93, 0.88, 0.8)  # of the widest tooth's part to the narrowest's: room to trim them to a pour's heads
STEADY = 0.004  # that the shares at the design pour may be off, where those of a whole pour are right
MOST_TURNS = 100  # of trimming; teeth whose water runs just too low to be trimmed for go to and fro for ever
SETTLED = 4e-4  # mm: teeth that change by less from one turn of trimming to the next are done
LOOSE, TIGHT = 1.15, 0.95  # times the widest and the narrowest tooth: how far trimming to a pour's heads may go
POOL = 22.0  # mm of water before a comb that drains over it


@dataclass(frozen=True, slots=True)
class Load:
    """What a bucket must pass: mm3/s at the design pour, mm3 spilled of the fullest jugs; teeth `open` mm at least.

    Its walls stand `rim` mm above the sill. A comb below a siphon divides the `flow` of its full bore, which falls to
    `last` as the bucket empties; what the siphon takes in is then `inflow`, else 0.
    """

    flow: float
    spill: float
    open: float
    rim: float
    area: float = 0.0  # of the pool that drains over the comb, mm2; 0: not known yet
    inflow: float = 0.0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Comb:
    """How many teeth each branch has, side by side along the sill, and each tooth's width."""

    counts: Sequence[int]
    teeth: Sequence[float]

    @property
    def by_branch(self) -> tuple[tuple[float, ...], ...]:
        """The widths of each branch's teeth."""
        each = iter(self.teeth)
        return tuple(tuple(islice(each, count)) for count in self.counts)


def cut_comb(name: str, shares: Sequence[float], load: Load, design: Design) -> Comb:
    """The shortest comb whose shares hardly depend on kappa, eq. (5); else the one for which they depend least."""
    process = design.process
    comb = process.comb
    kappa, excess = (comb.kappa, comb.end_excess) if design.compensation == "process" else (0.0, 0.0)
    need = ceil(load.flow / (comb.tooth * weir_flow(1.0, MAX_HEAD, discharge=comb.discharge)))
    alike = 0 if design.compensation == "process" else ceil(load.open / comb.tooth)  # as many as are asked, uncorrected
    fewest = max(LEAST_TEETH, len(shares), need, alike)
    usual = max(most_teeth(len(shares), design), fewest)
    tried: list[tuple[float, float, list[int]]] = []  # (length, slack, counts) by eq. (8) alone
    for number in range(fewest, 2 * usual + 1) if len(shares) <= FEW_BRANCHES else ():
        if tried and alike and number > usual:
            break
        counts = _largest_remainder(shares, number)
        teeth = _drawn(shares, counts, load, design)
        if max(teeth) <= comb.max_tooth + 1e-3:
            length = fsum(teeth) + len(teeth) * process.printer.blade
            tried.append((length, share_slack(shares, counts, fsum(teeth), kappa), counts))
    unsteady: list[Comb] = []  # what would do, were it not for the design pour
    for counts in _by_merit(tried):
        teeth = trimmed_teeth(shares, counts, load, design)
        if max(teeth) <= LOOSE * comb.max_tooth:
            cut = Comb(counts, teeth)
            if is_steady(cut, shares, load, design):
                return cut
            unsteady.append(cut)
    if unsteady:
        return min(unsteady, key=lambda cut: _while_poured(cut, shares, load, design))
    for room in TRIMMED:
        few = _counts_between(shares, room * (comb.max_tooth + kappa) / (comb.min_tooth + kappa), excess)
        teeth = trimmed_teeth(shares, few, load, design) if few else [inf]
        if max(teeth) <= LOOSE * comb.max_tooth:
            return Comb(few, teeth)
    raise FabError(
        name,
        f"no comb of {fewest} to {2 * usual} teeth of {comb.min_tooth} to {comb.max_tooth} mm "
        f"carries the shares {', '.join(f'{s:.3f}' for s in shares)}",
        "raise max_teeth in design.toml, or train shares that are multiples of 1/N",
    )


def _by_merit(tried: Sequence[tuple[float, float, list[int]]]) -> list[list[int]]:
    """Good combs, the shortest first; then the others, by how little their shares depend on kappa."""
    good = sorted((length, slack, counts) for length, slack, counts in tried if slack <= GOOD_SLACK)
    others = sorted((slack, length, counts) for length, slack, counts in tried if slack > GOOD_SLACK)
    return [counts for _, _, counts in (*good, *others)]


def _owners(counts: Sequence[int]) -> list[int]:
    """The branch of each tooth along the sill."""
    return [branch for branch, count in enumerate(counts) for _ in range(count)]


def _counts_between(shares: Sequence[float], ratio: float, excess: float) -> list[int]:
    """Teeth for many branches: share by share, from the narrowest tooth's share; the largest such share that suits all.

    `ratio` is how much more the widest tooth carries than the narrowest. Empty where no number suits.
    """
    wanted = np.asarray(shares)
    narrow = np.unique(np.outer(wanted, 1.0 / np.arange(1, MOST_NARROW + 1)))[::-1]
    narrow = narrow[narrow <= wanted.min() + 1e-12]
    spread = ratio / (1.0 + excess)
    most = np.floor(wanted / narrow[:, None] + 1e-9)
    least = np.maximum(np.ceil(wanted / (narrow[:, None] * spread) - 1e-9), 1.0)
    able = np.flatnonzero((least <= most).all(axis=1))
    if not len(able):
        return []
    first = able[0]
    middle = np.round(wanted / (narrow[first] * sqrt(spread)))
    return [int(n) for n in np.clip(middle, least[first], most[first])]


def _largest_remainder(shares: Sequence[float], number: int) -> list[int]:
    """Round number × shares to whole teeth, at least one each, adding up to `number` (Hamilton's method)."""
    ideal = [number * share for share in shares]
    counts = [max(1, int(x)) for x in ideal]
    while sum(counts) < number:
        counts[max(range(len(counts)), key=lambda i: ideal[i] - counts[i])] += 1
    while sum(counts) > number:
        able = [i for i in range(len(counts)) if counts[i] > 1]
        counts[min(able, key=lambda i: ideal[i] - counts[i])] -= 1
    return counts


def _drawn(shares: Sequence[float], counts: Sequence[int], load: Load, design: Design) -> list[float]:
    """Widths along the sill by eq. (8): no tooth too narrow, all as wide as the load asks."""
    comb, order = design.process.comb, _owners(counts)
    kappa, excess = (comb.kappa, comb.end_excess) if design.compensation == "process" else (0.0, 0.0)
    ends = (order[0], order[-1])

    def teeth(total: float) -> list[float]:
        return comb_teeth(tooth_widths(shares, counts, total, kappa, end_excess=excess, ends=ends), order)

    total = max(load.open, len(order) * comb.min_tooth)
    narrow = (comb.min_tooth + kappa) / (min(teeth(total)) + kappa)
    return teeth(max(total, (total + len(order) * kappa) * narrow - len(order) * kappa))


def trimmed_teeth(shares: Sequence[float], counts: Sequence[int], load: Load, design: Design) -> list[float]:
    """Widths along the sill: eq. (8) first; for real water then what the whole tooth law asks for over a pour."""
    comb, order = design.process.comb, _owners(counts)
    teeth = _drawn(shares, counts, load, design)
    if design.compensation == "process":
        total, change = fsum(teeth), inf
        for _ in range(MOST_TURNS):
            if change <= SETTLED or max(teeth) > LOOSE * comb.max_tooth:
                break
            heads, before = _heads(teeth, load, design), teeth
            widths = compensated_widths(shares, counts, total, heads, design.process, order=order)
            teeth = comb_teeth(widths, order)
            short = TIGHT * comb.min_tooth - min(teeth)
            total += max(short, 0.0) / max(min(teeth), 0.5) * total
            change = max(abs(a - b) for a, b in zip(teeth, before, strict=True)) + max(short, 0.0)
    return [on_grid(w) for w in teeth]


def is_steady(comb: Comb, shares: Sequence[float], load: Load, design: Design) -> bool:
    """Whether teeth that are trimmed for a whole pour also share rightly while it is poured: most of it may drain, from
    a wide pool.
    """
    if load.inflow or design.compensation != "process":
        return True
    return _while_poured(comb, shares, load, design) <= STEADY


def _while_poured(comb: Comb, shares: Sequence[float], load: Load, design: Design) -> float:
    """How far off the worst branch's share is at the design pour."""
    there = predicted(comb.by_branch, load.flow, design)
    return max(abs(a - b) for a, b in zip(there, shares, strict=True))


def _heads(teeth: Sequence[float], load: Load, design: Design) -> list[tuple[float, float]]:
    """(head, weight) pairs of the pour that this comb is trimmed for."""
    process = design.process
    if load.inflow:
        return [(design_head(flow, teeth, process), 0.5) for flow in (load.flow, load.last)]
    area = load.area or POOL * (fsum(teeth) + (len(teeth) - 1) * process.printer.blade)
    volume = max(load.spill / 2.0, LEAST_POUR)
    steady = design_head(load.flow, teeth, process)
    return pour_heads(load.flow, volume, area, teeth, process, steady=steady)


def predicted(teeth: Sequence[Sequence[float]], flow: float, design: Design) -> list[float]:
    """Share of each branch by the forward tooth law at the head that carries `flow` (mm3/s)."""
    if len(teeth) == 1:
        return [1.0]
    head = design_head(flow, [w for one in teeth for w in one], design.process)
    return predicted_shares(teeth, head, design.process)
