"""What a network's buckets and branches can ever do, exactly: in goes a `Network` (and data), out goes a report.

Water only adds up and leaves, all the more the more comes, so every inflow is a monotone function of every pour, with
flushes too: its largest value over all pours up to `input_max` is reached by pouring `input_max`, without a search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.network.algebra import distances, inflows, spilled
from pelu_fab.network.model import Array, Layer, Network
from pelu_fab.network.names import branch_name, bucket_name

EPSILON = 1e-9  # units: float dust; a bucket that would spill less than this never spills


@dataclass(frozen=True, slots=True)
class BucketReport:
    """What one bucket sees, in units. `seen` is over the data, `possible` over all pours up to `input_max`."""

    name: str
    retained: float
    threshold: float  # at which it spills: above what it retains, it is a flush
    seen: tuple[float, float]
    possible: tuple[float, float]
    open_share: float  # of the data rows in which it spills

    @property
    def is_flush(self) -> bool:
        """Whether it answers all at once."""
        return self.threshold > self.retained

    @property
    def is_dead(self) -> bool:
        """Whether no pour up to `input_max` makes it spill."""
        return self.possible[1] <= self.threshold + (-EPSILON if self.is_flush else EPSILON)

    @property
    def is_dry(self) -> bool:
        """Whether no pour up to `input_max` even reaches it."""
        return self.possible[1] <= EPSILON

    @property
    def is_always_open(self) -> bool:
        """Whether it holds nothing back: its retained volume is no more than dust."""
        return self.threshold <= EPSILON


@dataclass(frozen=True, slots=True)
class BranchReport:
    """What one branch carries, in units, and what dropping it (the others of its comb scaled up) changes."""

    name: str
    share: float
    seen: float  # the most over the data
    possible: float  # the most over all pours up to `input_max`
    changed: int  # predictions changed over the data when it is dropped; -1 for the only branch of its comb


@dataclass(frozen=True, slots=True)
class Capacity:
    """All buckets and branches in design order; `margins` in units, sorted, one for each row of the data.

    A margin is the gap between the two fullest cups, or from a flush to its threshold where that is less.
    """

    buckets: tuple[BucketReport, ...]
    branches: tuple[BranchReport, ...]
    margins: tuple[float, ...]
    regions: int  # linear regions that the data rows visit

    @property
    def certified(self) -> float:
        """Units of water that may go astray anywhere, in total, before the first prediction of the data can change.

        The network never widens an L1 difference while its flushes answer alike: see `algebra.gaps`.
        """
        return self.margins[0] if self.margins else 0.0


def dead_buckets(network: Network, input_max: Sequence[float]) -> frozenset[str]:
    """Names of the buckets that never spill for any pour up to `input_max` (units per input).

    A dead bucket needs no comb and no chutes, but where water reaches it (it is not dry) it must stay as a
    tank: without it that water would go elsewhere.
    """
    most = inflows(network, np.asarray(input_max, dtype=np.float64)[None])
    return frozenset(
        bucket_name(index, int(unit))
        for index, layer in enumerate(network.layers)
        for unit in np.flatnonzero(most[index][0] <= _dust(layer))
    )


def _dust(layer: Layer) -> Array:
    """Inflow (in,) up to which a bucket surely never spills more than dust: a flush would send all at once."""
    return np.asarray(layer.thresholds + np.where(layer.flushes, -EPSILON, EPSILON))


def capacity(network: Network, pours: Array, *, input_max: Sequence[float] | None = None) -> Capacity:
    """Report every bucket and branch over `pours` (rows, in; units) and over all pours up to `input_max`.

    `input_max` defaults to the largest pour of each input in the data.
    """
    pours = np.asarray(pours, dtype=np.float64)
    most = np.asarray(pours.max(axis=0) if input_max is None else input_max, dtype=np.float64)
    seen, possible = inflows(network, pours), inflows(network, most[None])
    patterns = activation_patterns(network, pours)
    outputs = np.sort(seen[-1], axis=1)
    margins = outputs[:, -1] - outputs[:, -2] if outputs.shape[1] > 1 else outputs[:, -1]
    margins = np.minimum(margins, distances(network, pours))
    return Capacity(
        buckets=_bucket_reports(network, seen, possible, patterns),
        branches=_branch_reports(network, pours, seen, possible),
        margins=tuple(float(m) for m in np.sort(margins)),
        regions=len(np.unique(patterns, axis=0)),
    )


def _bucket_reports(
    network: Network, seen: Sequence[Array], possible: Sequence[Array], patterns: NDArray[np.bool_]
) -> tuple[BucketReport, ...]:
    opened = iter(patterns.mean(axis=0))
    return tuple(
        BucketReport(
            name=bucket_name(index, unit),
            retained=float(layer.retained[unit]),
            threshold=float(layer.thresholds[unit]),
            seen=(float(seen[index][:, unit].min()), float(seen[index][:, unit].max())),
            possible=(0.0, float(possible[index][0, unit])),
            open_share=float(next(opened)),
        )
        for index, layer in enumerate(network.layers)
        for unit in range(len(layer.retained))
    )


def _branch_reports(
    network: Network, pours: Array, seen: Sequence[Array], possible: Sequence[Array]
) -> tuple[BranchReport, ...]:
    predicted = seen[-1].argmax(axis=1)
    reports = []
    for index, layer in enumerate(network.layers):
        spill = spilled(layer, seen[index]).max(axis=0)
        spill_most = spilled(layer, possible[index][0])
        for unit, target in np.argwhere(layer.shares > 0):
            share = float(layer.shares[unit, target])
            reports.append(
                BranchReport(
                    name=branch_name(index, int(unit), int(target), layers=len(network.layers)),
                    share=share,
                    seen=float(share * spill[unit]),
                    possible=float(share * spill_most[unit]),
                    changed=_changed_without(network, index, int(unit), int(target), seen[index], predicted),
                )
            )
    return tuple(reports)


def _changed_without(
    network: Network, index: int, unit: int, target: int, arrived: Array, predicted: NDArray[np.int64]
) -> int:
    row = network.layers[index].shares[unit]
    if np.count_nonzero(row) == 1:
        return -1
    shares = network.layers[index].shares.copy()
    shares[unit, target] = 0.0
    shares[unit] /= shares[unit].sum()
    layers = (replace(network.layers[index], shares=shares), *network.layers[index + 1 :])
    return int((inflows(layers, arrived)[-1].argmax(axis=1) != predicted).sum())


def activation_patterns(network: Network, pours: Array) -> NDArray[np.bool_]:
    """Which buckets spill, (rows, buckets) upstream first: rows with equal patterns share one linear map."""
    levels = inflows(network, pours)
    return np.concatenate(
        [spilled(layer, level) > 0.0 for level, layer in zip(levels[:-1], network.layers, strict=True)], axis=1
    )


def bends_along(network: Network, start: Array, end: Array) -> Array:
    """Exact places t in (0, 1), sorted, at which some bucket starts or stops spilling on the way `start` to `end`.

    Between two of them the network is linear, so the line crosses len(bends) + 1 linear regions. Each layer is
    linear between the bends found upstream of it, so its own bends are the roots of straight pieces. A flush jumps
    instead, and is refused.
    """
    if network.has_flush:
        raise FabError("bends", "are those of weirs, and the network has a flush", "count regions over data instead")
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    places = np.array([0.0, 1.0])
    bends = np.empty(0)
    for index, layer in enumerate(network.layers):
        over = inflows(network, start + places[:, None] * (end - start))[index] - layer.retained
        before, after = over[:-1], over[1:]
        piece, unit = np.nonzero((before > 0) != (after > 0))
        fraction = before[piece, unit] / (before[piece, unit] - after[piece, unit])
        roots = places[piece] + fraction * (places[piece + 1] - places[piece])
        bends = np.unique(np.concatenate([bends, roots[(roots > 0) & (roots < 1)]]))
        places = np.concatenate([[0.0], bends, [1.0]])
    return bends


def capacity_table(report: Capacity) -> list[tuple[str, ...]]:
    """Rows of text for people, headings first: one row a bucket, in units."""
    rows: list[tuple[str, ...]] = [("bucket", "retains", "inflow in data", "inflow at most", "spills", "remark")]
    for bucket in report.buckets:
        rows.append(
            (
                bucket.name,
                f"{bucket.threshold:.2f}" + (f", then {bucket.retained:.2f}" if bucket.is_flush else ""),
                f"{bucket.seen[0]:.2f} to {bucket.seen[1]:.2f}",
                f"{bucket.possible[1]:.2f}",
                f"{bucket.open_share:.0%} of rows",
                _remark(bucket),
            )
        )
    return rows


def branch_table(report: Capacity) -> list[tuple[str, ...]]:
    """Rows of text for people, headings first: one row a branch, in units."""
    rows: list[tuple[str, ...]] = [("branch", "share", "carries in data", "carries at most", "dropped, it changes")]
    for branch in report.branches:
        changed = "is the only one" if branch.changed < 0 else f"{branch.changed} predictions"
        rows.append((branch.name, f"{branch.share:.2%}", f"{branch.seen:.3f}", f"{branch.possible:.3f}", changed))
    return rows


def _remark(bucket: BucketReport) -> str:
    if bucket.is_dry:
        return "dry: no pour reaches it"
    if bucket.is_dead:
        return "dead: no pour makes it spill"
    if bucket.open_share == 0:
        return "never spills in the data"
    if bucket.is_always_open:
        return "always open: retains nothing"
    if bucket.open_share == 1:
        return "spills in every row"
    return ""
