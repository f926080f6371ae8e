"""The algebra: what a network of weirs and flushes computes, as arrays (rows, in). The oracle of all that follows.

Volumes come back in the unit they came in: units for a `Network`, mm3 for a `Netlist`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.network.model import Layer

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Where each row of pours ends: `kept[l]` (rows, in_l) in the buckets, `outputs` (rows, out) in the cups.

    >>> network = [Layer(np.array([5.0]), np.array([[0.25, 0.75]]))]
    >>> outcome = run(network, np.array([[3.0], [25.0]]))
    >>> outcome.kept[0].tolist(), outcome.outputs.tolist()
    ([[3.0], [5.0]], [[0.0, 0.0], [5.0, 15.0]])
    """

    kept: tuple[Array, ...]
    outputs: Array


class Layered(Protocol):
    """What has layers: a `Network`, in units, or a netlist, in mm3."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Upstream first."""


Source = Layered | Sequence[Layer]


def softmax(logits: Array) -> Array:
    """Shares (in, out) of logits (in, out), row by row: exact for a one-hot row, and safe for any finite logits.

    A logit of -inf is a share of exactly 0.
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def spilled(layer: Layer, arrived: Array) -> Array:
    """What each bucket of a layer lets out of what `arrived` (..., in): (v - r)·[v ≥ θ], so of a weir ReLU(v - h²)."""
    return np.where(arrived >= layer.thresholds, arrived - layer.retained, 0.0)


def inflows(source: Source, pours: Array) -> tuple[Array, ...]:
    """What reaches each row of buckets (rows, in), and the cups last, of `pours` (rows, in), which are not checked."""
    layers = source if isinstance(source, Sequence) else source.layers
    levels = [np.asarray(pours, dtype=np.float64)]
    for layer in layers:
        levels.append(spilled(layer, levels[-1]) @ layer.shares)
    return tuple(levels)


def run(source: Source, pours: Array) -> Outcome:
    """`spilled` · softmax(A), layer after layer, for each row of `pours` (rows, in)."""
    layers = source if isinstance(source, Sequence) else source.layers
    volumes = np.atleast_2d(np.asarray(pours, dtype=np.float64))
    if volumes.ndim != 2 or volumes.shape[1] != len(layers[0].retained):
        raise FabError(
            "pour", f"has {volumes.shape[-1]} volumes", f"give one for each of the {len(layers[0].retained)} inputs"
        )
    if not np.isfinite(volumes).all() or (volumes < 0).any():
        raise FabError("pour", "has a negative or infinite volume", "pour finite volumes of at least 0")
    *arrived, cups = inflows(layers, volumes)
    kept = (water - spilled(layer, water) for water, layer in zip(arrived, layers, strict=True))
    return Outcome(tuple(kept), cups)


def outputs(source: Source, pours: Array) -> Array:
    """What reaches the cups, (rows, out)."""
    return run(source, pours).outputs


def predict(source: Source, pours: Array) -> NDArray[np.int64]:
    """Index of the fullest cup of each row; the first of equals."""
    return np.asarray(outputs(source, pours).argmax(axis=1), dtype=np.int64)


def distances(source: Source, pours: Array) -> Array:
    """How far (rows,) the nearest flush is from answering otherwise, |v - θ|; infinite where there is none."""
    layers = source if isinstance(source, Sequence) else source.layers
    nearest = np.full(len(np.atleast_2d(pours)), np.inf)
    for layer, arrived in zip(layers, inflows(layers, np.atleast_2d(pours)), strict=False):
        off = np.where(layer.flushes, np.abs(arrived - layer.thresholds), np.inf)
        nearest = np.minimum(nearest, off.min(axis=1))
    return nearest


def gaps(source: Source, pours: Array) -> Array:
    """By row, how far the fullest cup leads the next, or a flush is from its threshold: the certified error budget.

    As long as every flush answers as it does, the map is non-expansive in L1, and so is each layer in what it keeps:
    no set of errors with Σ|pour errors| + Σ|errors of r and θ| + 2 Σ|misdirected water| below this can change the
    answer.
    """
    found, far = outputs(source, pours), distances(source, pours)
    if found.shape[1] < 2:
        return far
    top = np.sort(found, axis=1)[:, -2:]
    return np.minimum(top[:, 1] - top[:, 0], far)


def pours_up_to(input_max: Sequence[float], *, count: int = 101, seed: int = 0) -> Array:
    """Pours (rows, in) that stand for all where there are no data: along one jug, else at random up to each mark."""
    most = np.asarray(input_max, dtype=np.float64)
    if len(most) == 1:
        return np.linspace(0.0, most, count)
    return np.asarray(np.random.default_rng(seed).uniform(0.0, 1.0, (count, len(most))) * most)
