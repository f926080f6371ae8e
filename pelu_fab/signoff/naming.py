"""Which vessel is which unit: an extraction and the network asked for in, the vessel of every unit out.

Inputs and cups are known. Hidden units of a row may stand in any order, for a permutation computes the same, so they
are told apart by what they compute: what reaches them from each input, what they send to each cup, what they keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.signoff.found import NOWHERE, Extraction
from pelu_fab.signoff.recovered import comb_law, delivered, retained_volume
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.water import STANDARD

MERGED = 0.03  # of a bucket's spill: two units' shares that arrive together, to this, are one water
SWEEPS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A network row by row, cups last: `keeps` of each row's members, and `shares` from each row to the next."""

    keeps: tuple[Array, ...]
    shares: tuple[Array, ...]

    @property
    def signatures(self) -> list[Array]:
        """For each row (members, features): from each input, to each cup, kept further up and down, kept here.

        No feature depends on the order of any hidden row.
        """
        up, above = [np.eye(len(self.keeps[0]))], [np.zeros(len(self.keeps[0]))]
        for keeps, shares in zip(self.keeps, self.shares, strict=False):
            up.append(shares.T @ up[-1])
            above.append(shares.T @ (keeps + above[-1]))
        down, below = [np.eye(len(self.keeps[-1]))], [self.keeps[-1]]
        for keeps, shares in zip(self.keeps[-2::-1], self.shares[::-1], strict=True):
            down.append(shares @ down[-1])
            below.append(keeps + shares @ below[-1])
        return [
            np.column_stack([u, d, a, b, k])
            for u, d, a, b, k in zip(up, down[::-1], above, below[::-1], self.keeps, strict=True)
        ]


def name_units(
    found: Extraction, network: Network, process: Process, compensation: str, unit_volume: float
) -> list[tuple[int, ...]]:
    """Vessel of every unit, row by row; NOWHERE for one that has none, or that no share leads to.

    First by signature, then each row again against its named neighbours until nothing changes: least sum of all
    differences of shares and retained volumes.
    """
    members = [found.inputs, *_hidden(found, len(network.layers)), found.outputs]
    scale = max([1.0, *(float(layer.thresholds.max(initial=0.0)) * unit_volume for layer in network.layers)])
    built = _built(found, members, process, compensation, scale)
    asked = Rows(
        (*(layer.thresholds * unit_volume / scale for layer in network.layers), np.zeros(len(found.outputs))),
        tuple(layer.shares for layer in network.layers),
    )
    reached = _reached(network)
    hidden = range(1, len(network.layers))
    ours, theirs = asked.signatures, built.signatures
    chosen = [np.arange(len(row)) for row in members]
    for depth in hidden:
        chosen[depth] = _assigned(cdist(ours[depth], theirs[depth], "cityblock"), reached[depth])
    for _ in range(SWEEPS):
        before = [row.copy() for row in chosen]
        for depth in hidden:
            chosen[depth] = _assigned(_differences(asked, built, chosen, depth), reached[depth])
        if all(np.array_equal(a, b) for a, b in zip(before, chosen, strict=True)):
            break
    named = [[members[d][c] if c >= 0 else NOWHERE for c in chosen[d]] for d in range(len(network.layers))]
    for depth in hidden:
        arriving = _rows(built.shares[depth - 1], chosen[depth - 1])
        _share_vessels(named[depth], asked.shares[depth - 1], arriving, chosen[depth], chosen[depth - 1] >= 0)
    return [tuple(row) for row in named]


def _hidden(found: Extraction, layers: int) -> list[tuple[int, ...]]:
    """Vessels met at each depth below the inputs, cups apart."""
    rows = [tuple(v for v in row if v not in found.outputs) for row in found.rows[1:layers]]
    return rows + [()] * (layers - 1 - len(rows))


def _built(
    found: Extraction, members: Sequence[Sequence[int]], process: Process, compensation: str, scale: float
) -> Rows:
    """What was found, in the order of `members`; a vessel that is nowhere keeps and sends nothing."""
    law = comb_law(process, compensation)

    def keeps(v: int) -> float:
        return 0.0 if v == NOWHERE else retained_volume(found.vessels[v], process, compensation) / scale

    def sends(v: int, targets: Sequence[int]) -> Array:
        if v == NOWHERE:
            return np.zeros(len(targets))
        return delivered(found.comb(v), targets, law, STANDARD)[0]

    last = np.zeros(len(members[-1]))
    return Rows(
        (*(np.array([keeps(v) for v in row]) for row in members[:-1]), last),
        tuple(
            np.array([sends(v, below) for v in row]).reshape(len(row), len(below)) for row, below in pairwise(members)
        ),
    )


def _reached(network: Network) -> list[Mask]:
    """Units of each row that some share leads to."""
    reached = [np.ones(len(network.layers[0].retained), bool)]
    for layer in network.layers[:-1]:
        reached.append(np.asarray((layer.shares[reached[-1]] > 0).any(axis=0)))
    return reached


def _assigned(cost: Array, reached: Mask) -> Index:
    """Best member for each unit that is reached, -1 for the others and where there are too few."""
    chosen = np.full(len(cost), -1, np.int64)
    units = np.flatnonzero(reached)
    rows, columns = linear_sum_assignment(cost[units])
    chosen[units[rows]] = columns
    return chosen


def _differences(asked: Rows, built: Rows, chosen: Sequence[Index], depth: int) -> Array:
    """(units, members) of a row: shares from the row above and to the row below, as named, and what is kept."""
    above, below = chosen[depth - 1], chosen[depth + 1]
    # What no bucket sends, or no bucket takes, can't tell anyone apart.
    wanted = asked.shares[depth - 1] * (above >= 0)[:, None]
    cost = cdist(wanted.T, _rows(built.shares[depth - 1], above).T, "cityblock")
    cost += cdist(asked.shares[depth] * (below >= 0), _rows(built.shares[depth].T, below).T, "cityblock")
    cost += np.abs(asked.keeps[depth][:, None] - built.keeps[depth][None, :])
    return np.asarray(cost)


def _rows(table: Array, chosen: Index) -> Array:
    """Rows of a table in the chosen order, zeros where none is."""
    return np.where((chosen >= 0)[:, None], table[chosen] if len(table) else np.zeros((len(chosen), table.shape[1])), 0)


def _share_vessels(row: list[int], wanted: Array, arriving: Array, chosen: Index, sent: Mask) -> None:
    """Give a unit that has no vessel of its own the vessel that takes its water too, if there is one: a short."""
    wanted = wanted * sent[:, None]
    for unit, vessel in enumerate(row):
        if vessel != NOWHERE or not wanted[:, unit].any():
            continue
        for other, column in enumerate(chosen):
            if column < 0 or other == unit:
                continue
            both = wanted[:, unit] + wanted[:, other]
            if np.abs(arriving[:, column] - both).max() < MERGED:
                row[unit] = row[other]
                break
