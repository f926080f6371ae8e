"""Three books of water: the checkpoint's arithmetic, the recovered network's, and water stepped through time.

In each, for random pours in random order: poured = retained + delivered, to 1e-9 of what was poured.
"""

from dataclasses import dataclass

import numpy as np

from pelu_fab.network.model import Network, bucket_name
from pelu_fab.signoff.recovered import Recovered
from pelu_fab.signoff.report import Check, failed, most, passed, skipped
from pelu_fab.signoff.stl import Array

BALANCE = 1e-9
POURS = 300
STEPS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Retained volumes (in,) and shares (in, out) of each layer, in mm3."""

    layers: tuple[tuple[Array, Array], ...]

    def pour(self, inputs: Array) -> tuple[list[Array], Array]:
        """What each layer keeps (rows, in) and what the cups get (rows, out) of `inputs` (rows, in), mm3."""
        kept, water = [], inputs
        for retained, shares in self.layers:
            kept.append(np.minimum(water, retained))
            water = np.maximum(water - retained, 0.0) @ shares
        return kept, water

    def pour_slowly(self, portions: Array) -> tuple[list[Array], Array]:
        """The same for `portions` (steps, rows, in), poured one after the other onto what already stands there."""
        rows = portions.shape[1]
        kept = [np.zeros((rows, len(retained))) for retained, _ in self.layers]
        cups = np.zeros((rows, self.layers[-1][1].shape[1]))
        for portion in portions:
            water = portion
            for i, (retained, shares) in enumerate(self.layers):
                stands = kept[i] + water
                kept[i] = np.minimum(stands, retained)
                water = (stands - kept[i]) @ shares
            cups = cups + water
        return kept, cups


def book_of(network: Network, unit_volume: float) -> Book:
    """The checkpoint's own arithmetic; rows of shares that float32 left off 1 by an ulp are scaled to 1."""
    return Book(
        tuple(
            (one.retained * unit_volume, one.shares / one.shares.sum(axis=1, keepdims=True)) for one in network.layers
        )
    )


def book_of_recovered(recovered: Recovered) -> Book:
    """What the triangles compute. Nothing is scaled: shares that don't add up to 1 are a leak."""
    return Book(tuple((one.retained, one.shares) for one in recovered.layers))


def pours(input_max: Array, seed: int = 0) -> Array:
    """Random portions (STEPS, POURS, in), mm3: each pour up to the fullest jug, some jugs left out."""
    rng = np.random.default_rng(seed)
    total = rng.uniform(0.0, 1.0, (POURS, len(input_max))) * (rng.random((POURS, len(input_max))) > 0.1) * input_max
    cuts = rng.dirichlet(np.ones(STEPS), (POURS, len(input_max)))
    return np.asarray(np.moveaxis(cuts, 2, 0) * total)


def balance(book: Book, portions: Array, rule: str) -> list[Check]:
    """Poured against retained plus delivered, in one pour and in portions; and that the order makes no difference."""
    poured = portions.sum(axis=0)
    kept, cups = book.pour(poured)
    slow_kept, slow_cups = book.pour_slowly(portions)
    total = np.maximum(poured.sum(axis=1), 1.0)
    error = max(
        float((np.abs(poured.sum(axis=1) - sum(k.sum(axis=1) for k in stands) - out.sum(axis=1)) / total).max())
        for stands, out in ((kept, cups), (slow_kept, slow_cups))
    )
    order = float((np.abs(cups - slow_cups).max(axis=1) / total).max())
    return [
        most(rule, "device", error, BALANCE, "", f"poured less retained less delivered, worst of {len(total)} pours"),
        most(f"{rule}_order", "device", order, BALANCE, "", "cups after one pour and after portions"),
    ]


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


def skip(rule: str, why: str) -> Check:
    """A book that could not be kept."""
    return skipped(rule, "device", why)
