"""What is read off prints where cups mean numbers: a device, pours and a noise in; errors of each read-out out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.process import Process
from pelu_fab.network import algebra
from pelu_fab.network.model import Network
from pelu_fab.network.readout import Readout
from pelu_fab.sim.noise import BY_HAND, Noise
from pelu_fab.sim.tolerance import blank, draw, pour_errors, read_cups
from pelu_fab.sim.water import WaterNetwork

Array = NDArray[np.float64]
CHUNK, POOL = 256, 1 << 20
MOST = 0.95  # of all readings lie within the error that is told


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One read-out over prints: `rms` (prints,) of its error over the pours, `within` the error that 95 % of all
    readings stay in, both in its unit; `right` (prints,) the share of yes and no told as trained, for `above`.

    `low` and `high`: what the trained network says over the same pours.
    """

    readout: Readout
    low: float
    high: float
    rms: Array
    within: float
    right: Array | None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; errors also in % of the range."""
        span = self.high - self.low
        errors = {"rms": float(np.sqrt((self.rms**2).mean())), "within_95": self.within}
        table: dict[str, Any] = {"name": self.readout.name, "kind": self.readout.kind, "unit": self.readout.unit}
        table |= {"low": self.low, "high": self.high, **errors}
        table |= {f"{key}_percent": 100.0 * value / span if span > 0 else None for key, value in errors.items()}
        table["print_rms_95"] = float(np.quantile(self.rms, MOST))
        return table if self.right is None else table | {"right": float(self.right.mean())}


def readings(
    water: WaterNetwork,
    process: Process,
    network: Network,
    pours: Array,
    unit_volume: float,
    *,
    prints: int,
    noise: Noise,
    seed: int = 0,
) -> tuple[Reading, ...]:
    """Print the device `prints` times on paper and read each of `network.readouts` at `pours` (samples, in), mm3.

    Errors are against the trained network's own numbers. Read-outs of the kind `fullest` say no number and are left
    out.
    """
    told = [readout for readout in network.readouts if readout.kind != "fullest"]
    wanted = algebra.outputs(network, pours / unit_volume)
    truths = [readout.values(wanted, network.outputs) for readout in told]
    device = blank(water, process)
    by_hand = any(getattr(noise, name) > 0 for name in BY_HAND)
    pool = pour_errors(POOL, np.random.default_rng(seed)) if by_hand else None
    errors: list[list[Array]] = [[] for _ in told]
    for chunk, first in enumerate(range(0, prints, CHUNK)):
        rng = np.random.default_rng((seed, 3, chunk))
        printed = draw(device, noise, min(CHUNK, prints - first), rng)
        for cups in read_cups(printed, pours, noise, rng, pool=pool):
            held = np.moveaxis(cups, 1, 2).astype(np.float64) / unit_volume
            for errors_of, readout, truth in zip(errors, told, truths, strict=True):
                errors_of.append(readout.values(held, network.outputs) - truth)
    return tuple(_reading(r, t, np.concatenate(e)) for r, t, e in zip(told, truths, errors, strict=True))


def _reading(readout: Readout, truth: Array, errors: Array) -> Reading:
    right = None
    if readout.kind == "above":
        right = ((truth + errors > readout.above) == (truth > readout.above)).mean(axis=1)
    within = float(np.quantile(np.abs(errors), MOST))
    return Reading(readout, float(truth.min()), float(truth.max()), np.sqrt((errors**2).mean(axis=1)), within, right)
