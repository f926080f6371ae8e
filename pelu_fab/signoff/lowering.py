"""What making a network printable did to it, by a closed list: anything that is not on it fails.

A share is kept, or dropped if it is below the least that a comb carries; what is kept adds up to 1 again, none below
that least: max(least, c·share) with one c a row. A bucket that no pour up to the jugs' marks makes spill may keep any
of its branches. A bucket that no share leads to is not built. Thresholds stay; where one branch is left, one may go
that is below half of what held water scatters by.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.names import branch_name, bucket_name
from pelu_fab.signoff.report import Check, equal, failed, most, passed
from pelu_fab.signoff.stl import Array, Mask

SAME = 1e-9  # of a threshold, and of a share: both sides are float64 of the same numbers
PROVEN = 1e-6  # units by which an idle bucket may seem to spill


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What the compiler was held to: fullest jugs (units), what a comb may be, and mL a unit."""

    input_max: Array
    process: Process
    compensation: str
    max_teeth: int
    unit_ml: float

    def least(self, branches: int) -> float:
        """Least share of a comb: its narrowest tooth against all others at their widest."""
        if branches < 2:
            return 0.0
        comb = self.process.comb
        extra = comb.kappa if self.compensation != "none" else 0.0
        others = max(self.max_teeth, 2 * branches) - 1
        return (comb.min_tooth + extra) / (comb.min_tooth + extra + others * (comb.max_tooth + extra))


def lowering_checks(trained: Network, lowered: Network, terms: Terms) -> list[Check]:
    """Every bucket and branch of the printable network against the trained one."""
    if trained.widths != lowered.widths:
        return [equal("lower.shape", "network", _shape(lowered), _shape(trained), "buckets a row, and cups")]
    named = (trained.inputs, trained.outputs) == (lowered.inputs, lowered.outputs)
    idle = [a & b for a, b in zip(_idle(trained, terms.input_max), _idle(lowered, terms.input_max), strict=True)]
    checks = [] if named else [failed("lower.shape", "network", "lowered.json gives its jugs or cups other names")]
    reached = np.ones(trained.widths[0], dtype=bool)
    for depth, (asked, made) in enumerate(zip(trained.layers, lowered.layers, strict=True)):
        for i, name in enumerate(bucket_name(depth, unit) for unit in range(len(reached))):
            checks.append(_threshold(name, asked, made, i, terms))
            if not reached[i]:
                checks.append(passed("lower.share", name, "no share leads to it: it is not built"))
            else:
                layers = len(trained.layers)
                targets = [branch_name(depth, i, j, layers=layers) for j in range(made.shares.shape[1])]
                checks += _row(name, targets, asked.shares[i], made.shares[i], terms, idle=bool(idle[depth][i]))
        reached = np.asarray((made.shares[reached] > 0).any(axis=0))
    return checks


def _threshold(name: str, asked: Layer, made: Layer, i: int, terms: Terms) -> Check:
    """Both heights of one bucket, or none where one branch is left and the trained one is too small to matter."""
    if asked.thresholds[i] > 0.0 == made.thresholds[i] and (made.shares[i] > 0).sum() == 1 and not asked.flushes[i]:
        little, why = terms.process.scatter.held_ml / 2, "left out; half of what held water scatters by"
        return most("lower.threshold", name, float(asked.thresholds[i]) * terms.unit_ml, little, "mL", why)
    pairs = ((asked.thresholds[i], made.thresholds[i]), (asked.retained[i], made.retained[i]))
    off = max(abs(float(now) - float(wanted)) / max(abs(float(wanted)), 1.0) for wanted, now in pairs)
    return most("lower.threshold", name, off, SAME, "", "threshold against the trained, as a fraction")


def _row(name: str, targets: Sequence[str], asked: Array, made: Array, terms: Terms, *, idle: bool) -> list[Check]:
    """One bucket's shares."""
    added = _where((made > 0) & (asked <= 0))
    checks = [failed("lower.added", targets[j], "leads where no share was trained") for j in added]
    branches = int((asked > 0).sum())
    least = terms.least(branches)
    if idle:
        gap = abs(float(made.sum()) - 1.0)
        return [*checks, most("lower.share", name, 100 * gap, 100 * SAME, "pp", "idle: no pour makes it spill")]
    for j in _where((made <= 0) & (asked > 0)):
        why = f"dropped; a comb of {branches} branches carries {100 * least:.3f} % and more"
        checks.append(most("lower.dropped", targets[j], 100 * float(asked[j]), 100 * least, "pp", why))
    kept = (made > 0) & (asked > 0)
    wanted = np.zeros(len(asked))
    if kept.any():
        wanted[kept] = filled(asked[kept], least)
    off = np.abs(made - wanted)
    worst = int(off.argmax())
    why = (
        f"{targets[worst]} carries {100 * made[worst]:.4f} %; of what was kept, {100 * wanted[worst]:.4f} % are its own"
    )
    return [*checks, most("lower.share", name, 100 * float(off[worst]), 100 * SAME, "pp", why)]


def filled(row: Array, least: float) -> Array:
    """max(least, c·row) with the c that makes it add up to 1: the smallest are lifted, the others scaled down."""
    order = np.sort(row)
    for lifted in range(len(row)):
        scale = (1.0 - least * lifted) / order[lifted:].sum()
        if order[lifted] * scale >= least:
            return np.asarray(np.where(row * scale < least, least, row * scale))
    return np.full(len(row), 1.0 / len(row))


def _idle(network: Network, input_max: Array) -> list[Mask]:
    """By layer, which buckets no pour makes spill: inflows grow with every pour, so the fullest jugs decide."""
    found, water = [], np.asarray(input_max, dtype=np.float64)
    for layer in network.layers:
        over = water - layer.thresholds
        found.append(over <= np.where(layer.flushes, -PROVEN, PROVEN))
        water = np.where(over >= 0.0, water - layer.retained, 0.0) @ layer.shares
    return found


def _where(mask: Mask) -> list[int]:
    return [int(j) for j in np.flatnonzero(mask)]


def _shape(network: Network) -> str:
    return "-".join(map(str, network.widths))
