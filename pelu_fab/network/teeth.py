"""Shares rounded to whole teeth by what that does to the answers: in go a network and pours, out comes a network.

Equal teeth give n/N exactly, whatever surface tension does; but the nearest n/N of every bucket need not be the best
of all together, so the combs are chosen one after the other by the answers that they change.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pelu_fab.network.algebra import inflows
from pelu_fab.network.model import Array, Layer, Network

LEAST_TEETH = 5  # fewer make no comb: end teeth are no longer the exception


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """`teeth[l][i]` is N of bucket i in layer l; `wrong` counts answers that differ from `wanted`."""

    network: Network
    teeth: tuple[tuple[int, ...], ...]
    wrong: int
    moved: float  # mean L1 distance of the outputs from the unrounded ones, units


def round_shares(row: Array, teeth: int) -> Array:
    """The multiples of 1/`teeth` nearest to a row of shares, by largest remainders; small shares may become 0."""
    quota = np.asarray(row, dtype=np.float64) * teeth
    counts = np.floor(quota + 1e-9)
    order = np.argsort(counts - quota, kind="stable")
    counts[order[: round(teeth - counts.sum())]] += 1
    return np.asarray(counts / teeth)


def round_to_combs(network: Network, teeth: int) -> Network:
    """Every row rounded to multiples of 1/`teeth`: the naive way, one N for all."""
    layers = (replace(x, shares=np.array([round_shares(row, teeth) for row in x.shares])) for x in network.layers)
    return replace(network, layers=tuple(layers))


def choose_combs(network: Network, pours: Array, wanted: NDArray[np.int64] | None = None, *, most: int = 14) -> Rounded:
    """Round each bucket's shares to n/N, its own N from 5 to `most`, so that the fewest answers are wrong.

    `wanted` (rows,) are labels, or by default the unrounded network's own answers; ties go to the smaller L1 change
    of the outputs. Coordinate descent from the nearest combs: no bucket alone can be improved when it ends.
    """
    true = inflows(network, pours)[-1]
    wanted = true.argmax(axis=1) if wanted is None else wanted
    choices = [[_combs(row, most) for row in layer.shares] for layer in network.layers]
    picked = [
        [_nearest(row, c) for row, c in zip(x.shares, cs, strict=True)]
        for x, cs in zip(network.layers, choices, strict=True)
    ]

    def layers() -> list[Layer]:
        return [
            replace(layer, shares=np.array([c[p][1] for c, p in zip(cs, ps, strict=True)]))
            for layer, cs, ps in zip(network.layers, choices, picked, strict=True)
        ]

    def cost() -> tuple[int, float]:
        found = inflows(layers(), pours)[-1]
        return int((found.argmax(axis=1) != wanted).sum()), round(float(np.abs(found - true).sum(axis=1).mean()), 12)

    best, improved = cost(), True
    while improved:
        improved = False
        for index, unit in ((i, u) for i, ps in enumerate(picked) for u in range(len(ps))):
            held = picked[index][unit]
            for option in range(len(choices[index][unit])):
                picked[index][unit] = option
                if (found := cost()) < best:
                    best, held, improved = found, option, True
            picked[index][unit] = held
    counts = tuple(tuple(c[p][0] for c, p in zip(cs, ps, strict=True)) for cs, ps in zip(choices, picked, strict=True))
    return Rounded(replace(network, layers=tuple(layers())), counts, *best)


def _combs(row: Array, most: int) -> list[tuple[int, Array]]:
    """Every different rounding of a row, with the smallest N that makes it."""
    found: dict[bytes, tuple[int, Array]] = {}
    for teeth in range(min(LEAST_TEETH, most), most + 1):
        shares = round_shares(row, teeth)
        found.setdefault(np.round(shares, 9).tobytes(), (teeth, shares))
    return list(found.values())


def _nearest(row: Array, combs: list[tuple[int, Array]]) -> int:
    return int(np.argmin([round(float(np.abs(shares - row).max()), 9) for _, shares in combs]))
