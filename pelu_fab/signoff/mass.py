"""Books of water: what each network keeps and delivers of a pour, and whether the recovered one loses any."""

from dataclasses import dataclass

import numpy as np

from pelu_fab.network.model import Network
from pelu_fab.network.names import bucket_name
from pelu_fab.signoff.recovered import Recovered
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.stl import Array

BALANCE = 1e-9
POURS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Retained volumes (in,) and shares (in, out) of each layer, in mm3; `flushes` are the thresholds (in,) of flushes.

    There a weir stands as -inf: whatever is above what it retains leaves it.
    """

    layers: tuple[tuple[Array, Array], ...]
    flushes: tuple[Array, ...] = ()

    def pour(self, inputs: Array) -> tuple[list[Array], Array]:
        """What each layer keeps (rows, in) and what the cups get (rows, out) of `inputs` (rows, in), mm3."""
        kept, water = [], inputs
        for depth, (retained, shares) in enumerate(self.layers):
            held = np.minimum(water, retained)
            if self.flushes:
                held = np.where(water < self.flushes[depth], water, held)
            kept.append(held)
            water = (water - held) @ shares
        return kept, water

    def jumps(self, depth: int) -> Array:
        """How much each unit of a layer lets out at once, mm3 (in,): 0 of a weir."""
        retained = self.layers[depth][0]
        return np.maximum(self.flushes[depth] - retained, 0.0) if self.flushes else np.zeros(len(retained))


def book_of(network: Network, unit_volume: float) -> Book:
    """The checkpoint's own arithmetic; rows of shares that float32 left off 1 by an ulp are scaled to 1."""
    asked = network.layers
    layers = [(one.retained * unit_volume, one.shares / one.shares.sum(axis=1, keepdims=True)) for one in asked]
    flushes = [np.where(one.thresholds > one.retained, one.thresholds, -np.inf) * unit_volume for one in asked]
    return Book(tuple(layers), tuple(flushes) if any(np.isfinite(one).any() for one in flushes) else ())


def book_of_recovered(recovered: Recovered) -> Book:
    """What the triangles compute. Nothing is scaled: shares that don't add up to 1 are a leak."""
    return Book(tuple((one.retained, one.shares) for one in recovered.layers), flushes_of(recovered))


def flushes_of(recovered: Recovered) -> tuple[Array, ...]:
    """Thresholds of its flushes; empty where there is none."""
    flushes = tuple(one.flushes for one in recovered.layers)
    return flushes if any(np.isfinite(one).any() for one in flushes) else ()


def balance(book: Book, input_max: Array, seed: int = 0) -> Check:
    """Poured against retained plus delivered, over random pours up to the fullest jugs, some jugs left out."""
    rng = np.random.default_rng(seed)
    size = (POURS, len(input_max))
    poured = rng.uniform(0.0, 1.0, size) * (rng.random(size) > 0.1) * input_max
    kept, cups = book.pour(poured)
    total = np.maximum(poured.sum(axis=1), 1.0)
    lost = np.abs(poured.sum(axis=1) - sum(k.sum(axis=1) for k in kept) - cups.sum(axis=1)) / total
    why = f"poured less retained less delivered, worst of {POURS} pours"
    return most("mass.recovered", "device", float(lost.max()), BALANCE, "", why)


def leaks(recovered: Recovered) -> list[Check]:
    """Every bucket whose spill does not all arrive."""
    found = [
        failed(
            "mass.leak", bucket_name(depth, i), f"{100 * lost:.3f} % of its spill reaches no vessel", None, float(lost)
        )
        for depth, layer in enumerate(recovered.layers)
        for i, lost in enumerate(layer.lost)
        if lost > BALANCE and layer.reachable[i]
    ]
    return found or [passed("mass.leak", "all buckets", "all that spills arrives")]
