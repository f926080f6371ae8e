"""The comb: what shares a set of teeth delivers, and which teeth deliver given shares. mm; shares sum to 1."""

from collections.abc import Callable, Sequence
from math import fsum

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.tooth import REFERENCE_HEAD, ToothLaw, excess_at, kappa_at, tooth_law
from pelu_fab.ir.process import Process

Array = NDArray[np.float64]
LEAST_HEAD = 2.0  # mm: the lowest at which shares are predicted to better than 1 point
DRAIN_NODES, DRAIN_WEIGHTS = np.polynomial.legendre.leggauss(7)
Heads = float | Sequence[tuple[float, float]]  # one head, or (head, weight) pairs


def tooth_centres(widths: Sequence[float], blade: float) -> Array:
    """Place of each tooth along the sill (mm), from the comb's middle, blades between."""
    sizes = np.asarray(widths, dtype=np.float64)
    left = np.concatenate([[0.0], np.cumsum(sizes + blade)[:-1]])
    return np.asarray(left + sizes / 2.0 - (sizes.sum() + blade * (len(sizes) - 1)) / 2.0)


def end_flags(count: int) -> Array:
    """1 for the first and the last of `count` teeth, else 0."""
    flags = np.zeros(count)
    flags[[0, -1]] = 1.0
    return flags


def tooth_flows(law: ToothLaw, widths: Array, heads: Heads) -> Array:
    """Flow (mm3/s) of each tooth of a comb, averaged over (head, weight) pairs where given."""
    pairs = [(heads, 1.0)] if isinstance(heads, (int, float)) else list(heads)
    ends = end_flags(len(widths))
    flows = [weight * law.flows(widths, np.full(len(widths), head), ends) for head, weight in pairs]
    return np.asarray(np.sum(flows, axis=0))


def predicted_shares(mouths: Sequence[Sequence[float]], head: Heads, process: Process) -> list[float]:
    """Share of the flow that each mouth takes, mouths and their teeth in comb order, on a level table.

    `head` is one head (mm), or (head, weight) pairs for a drain: the weights say how much *volume* leaves at each head.
    """
    widths = np.array([w for teeth in mouths for w in teeth])
    owner = np.repeat(np.arange(len(mouths)), [len(teeth) for teeth in mouths])
    total = np.bincount(owner, _taken(tooth_law(process), widths, _pairs(head)), minlength=len(mouths))
    return [float(s) for s in total / total.sum()]


def _pairs(heads: Heads) -> Array:
    return np.array([(heads, 1.0)] if isinstance(heads, (int, float)) else heads, dtype=np.float64)


def _taken(law: ToothLaw, widths: Array, pairs: Array) -> Array:
    """What each tooth takes at (head, weight) pairs, in parts that add up to all weights under which water runs."""
    teeth = law.flows(widths, pairs[:, :1], end_flags(len(widths)))
    flows = teeth.sum(axis=1)
    runs = flows > 0.0  # a drain may end below the head at which the last tooth stops
    if not runs.any():
        dry = pairs[0, 0]
        raise FabError("comb", f"no tooth flows at a head of {dry:g} mm", "give a larger head")
    return np.asarray((pairs[runs, 1] / flows[runs]) @ teeth[runs])


def comb_head(flow: float, teeth: Sequence[float], process: Process) -> float:
    """Head (mm) at which a real comb carries `flow` (mm3/s): the tooth law turned round."""
    from scipy.optimize import brentq  # slow to load

    law, widths, ends = tooth_law(process), np.asarray(teeth, dtype=np.float64), end_flags(len(teeth))

    flows = law.of(widths, ends)

    def over(head: float) -> float:
        return float(flows(np.array(head)).sum()) - flow

    low = float(law.residual_heads(widths).max())
    high = low + 1.0
    while over(high) < 0.0:
        high *= 2.0
    return float(brentq(over, low, high, xtol=1e-12)) if over(low) < 0.0 else low


def design_head(flow: float, teeth: Sequence[float], process: Process) -> float:
    """Head (mm) for which a comb that carries `flow` is drawn: its own, or REFERENCE_HEAD where it runs too low."""
    head = comb_head(flow, teeth, process)
    return head if head >= LEAST_HEAD else REFERENCE_HEAD


def pour_heads(
    flow: float,
    volume: float,
    area: float | Callable[[float], float],
    teeth: Sequence[float],
    process: Process,
    *,
    steady: float | None = None,
) -> list[tuple[float, float]]:
    """(head, weight) pairs of a pour of `volume` (mm3) at `flow` (mm3/s) over a comb: steady, then draining.

    The level rises to the head that carries `flow` and stays; what then stands above the sill drains, at heads of a
    Gauss-Legendre rule; `area` (mm2) of the water may depend on the head. The rise is counted as steady, at the head
    that carries the flow or as given. Weights sum to 1; hand the pairs to `predicted_shares`.
    """
    stop = float(tooth_law(process).residual_heads(np.asarray(teeth, dtype=np.float64)).max())
    high = comb_head(flow, teeth, process) if steady is None else steady

    def drain(top: float) -> tuple[Array, Array]:
        heads = stop + (top - stop) * (DRAIN_NODES + 1.0) / 2.0
        areas = np.array([area(float(head)) for head in heads]) if callable(area) else area
        return heads, areas * DRAIN_WEIGHTS * (top - stop) / 2.0

    low, top = stop, high
    is_little = bool(drain(high)[1].sum() > volume)  # so little that it never rises so high
    while is_little and top - low > 1e-6:
        middle = (low + top) / 2.0
        low, top = (middle, top) if drain(middle)[1].sum() < volume else (low, middle)
    heads, volumes = drain(top)
    pairs = list(zip(heads.tolist(), (volumes / volume).tolist(), strict=True))
    rest = 1.0 - float(volumes.sum()) / volume
    return [(high, rest), *pairs] if rest > 1e-6 else pairs


def tooth_widths(
    shares: Sequence[float],
    counts: Sequence[int],
    total_width: float,
    kappa: float,
    *,
    end_excess: float = 0.0,
    ends: tuple[int, int] | None = None,
) -> list[tuple[float, float]]:
    """Widths (inner tooth, end tooth) of each branch so that `counts` teeth deliver `shares`: eq. (8).

    Each tooth carries w + κ, an end tooth (w + κ)(1 + e), so it is drawn w_e = (w + κ)/(1 + e) - κ. All widths add up
    to `total_width`. `ends` names the branches that own the first and the last tooth (default: first and last branch).
    κ = 0 and e = 0 give open widths exactly proportional to the shares.
    """
    first, last = ends if ends is not None else (0, len(shares) - 1)
    count = sum(counts)
    at_end = [float((i == first) + (i == last)) if count > 1 else 0.0 for i in range(len(shares))]
    saved = end_excess / (1.0 + end_excess)
    weight = fsum(a * (1.0 - saved * m / n) for a, n, m in zip(shares, counts, at_end, strict=True))
    unit = (total_width + count * kappa) / weight
    carried = [a * unit / n for a, n in zip(shares, counts, strict=True)]
    return [(c - kappa, c / (1.0 + end_excess) - kappa) for c in carried]


def share_slack(shares: Sequence[float], counts: Sequence[int], total_width: float, kappa: float) -> float:
    """Worst |d share / d κ| (1/mm) of a comb: max |n_i - N A_i| / (W + N κ), eq. (5). Zero for equal teeth."""
    count = sum(counts)
    worst = max(abs(n - count * a) for a, n in zip(shares, counts, strict=True))
    return worst / (total_width + count * kappa)


def compensated_widths(
    shares: Sequence[float],
    counts: Sequence[int],
    total_width: float,
    head: Heads,
    process: Process,
    *,
    order: Sequence[int] | None = None,
) -> list[tuple[float, float]]:
    """Widths (inner, end) of each branch whose *predicted real* shares equal `shares` at `head` (or over a drain).

    `order`: the branch of each tooth along the sill (default: branches side by side). Starts from eq. (8) and corrects
    each tooth by what the full tooth law says it takes, so that all teeth of a branch take alike; good to 1e-6 where
    the law is monotone in the width, that is above 1 mm of head. All widths add up to `total_width`.
    """
    owners = np.array(order if order is not None else [i for i, n in enumerate(counts) for _ in range(n)])
    mean = head if isinstance(head, (int, float)) else fsum(h * w for h, w in head) / fsum(w for _, w in head)
    mean = max(mean, LEAST_HEAD)
    kappa, excess = kappa_at(mean, process), excess_at(mean, process)
    wanted = np.asarray(shares, dtype=np.float64)[owners] / np.asarray(counts, dtype=np.float64)[owners]
    ends = (int(owners[0]), int(owners[-1]))
    teeth = np.array(
        comb_teeth(tooth_widths(shares, counts, total_width, kappa, end_excess=excess, ends=ends), owners.tolist())
    )
    law, pairs = tooth_law(process), _pairs(head)
    for _ in range(100):
        taken = _taken(law, teeth, pairs)
        taken /= taken.sum()
        if np.abs(taken - wanted).max() < 1e-10:
            break
        carried = (teeth + kappa) * wanted / np.maximum(taken, wanted / 2.0)
        teeth = carried * (total_width + len(teeth) * kappa) / carried.sum() - kappa
    inner: dict[int, float] = {}
    outer: dict[int, float] = {}
    last = len(teeth) - 1
    for place, (branch, width) in enumerate(zip(owners.tolist(), teeth.tolist(), strict=True)):
        (outer if place in (0, last) else inner).setdefault(branch, width)
    own = outer | inner
    return [(own[branch], outer.get(branch, own[branch])) for branch in range(len(shares))]


def comb_teeth(widths: Sequence[tuple[float, float]], order: Sequence[int]) -> list[float]:
    """Width of each tooth along the sill, from (inner, end) widths by branch and the branch of each tooth."""
    last = len(order) - 1
    return [widths[b][1] if i in (0, last) and last > 0 else widths[b][0] for i, b in enumerate(order)]
