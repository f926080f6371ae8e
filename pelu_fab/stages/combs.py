"""How a comb is cut: teeth of each branch, and their widths."""

from collections.abc import Sequence
from math import ceil, inf, sqrt

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.comb import comb_teeth, share_slack, tooth_widths
from pelu_fab.hydraulics.weir import weir_flow
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.lower import most_teeth

MAX_HEAD = 8.0  # mm at the design pour; above, the teeth no longer count as short (w 3 mm)
GOOD_SLACK = 0.006  # 1/mm: a comb whose shares move less than this per mm of kappa is good enough
LEAST_TEETH = 8
FEW_BRANCHES, MOST_NARROW = 8, 5  # up to which every number of teeth is tried; teeth of the smallest share, at most


def comb_counts(
    name: str, shares: Sequence[float], flow: float, least: float, kappa: float, excess: float, design: Design
) -> tuple[list[int], list[int]]:
    """Teeth of each branch, and the branch of each tooth along the sill.

    The fewest teeth whose shares hardly depend on kappa, eq. (5); else the number for which they depend least.
    """
    process = design.process
    comb = process.comb
    need = ceil(flow / (comb.tooth * weir_flow(1.0, MAX_HEAD, discharge=comb.discharge)))
    broad = ceil((least + process.printer.blade) / (comb.tooth + process.printer.blade))
    fewest = max(LEAST_TEETH, len(shares), need, broad)
    best: tuple[float, list[int], list[int]] = (inf, [], [])
    usual = max(most_teeth(len(shares), design), fewest)
    for number in range(fewest, 2 * usual + 1) if len(shares) <= FEW_BRANCHES else ():
        counts = _largest_remainder(shares, number)
        order = _grouped(counts)
        teeth = comb_widths(shares, counts, order, kappa, excess, process)
        if max(teeth) > comb.max_tooth + 1e-3:
            continue
        slack = share_slack(shares, counts, sum(teeth), kappa)
        if slack < best[0] - 1e-12:
            best = (slack, counts, order)
        if slack <= GOOD_SLACK or number >= usual:
            break
    if not best[1] and (counts := _counts_between(shares, (comb.max_tooth + kappa) / (comb.min_tooth + kappa), excess)):
        return counts, _grouped(counts)
    if not best[1]:
        raise FabError(
            name,
            f"no comb of {fewest} to {2 * usual} teeth of {comb.min_tooth} to {comb.max_tooth} mm "
            f"carries the shares {', '.join(f'{s:.3f}' for s in shares)}",
            "raise max_teeth in design.toml, or train shares that are multiples of 1/N",
        )
    return best[1], best[2]


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


def comb_widths(
    shares: Sequence[float],
    counts: Sequence[int],
    order: Sequence[int],
    kappa: float,
    excess: float,
    process: Process,
) -> list[float]:
    """Widths along the sill: on average the process's tooth, or wider where the narrowest would be too narrow."""
    total = len(order) * process.comb.tooth
    for _ in range(2):
        widths = tooth_widths(shares, counts, total, kappa, end_excess=excess, ends=(order[0], order[-1]))
        teeth = comb_teeth(widths, order)
        narrow = (process.comb.min_tooth + kappa) / (min(teeth) + kappa)
        if narrow <= 1.0:
            break
        total = (total + len(order) * kappa) * narrow * (1.0 + 1e-4) - len(order) * kappa
    return [on_grid(w) for w in teeth]


def _grouped(counts: Sequence[int]) -> list[int]:
    """Branch of each tooth: branches side by side, each over its own gutter."""
    return [branch for branch, count in enumerate(counts) for _ in range(count)]
