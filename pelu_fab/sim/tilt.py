"""What a leaning table does to the shares, and how level it must stand. A water network in, degrees out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.sim.tolerance import blank
from pelu_fab.sim.water import WaterNetwork

STEP_DEG = 0.1  # the difference quotient's
SHARE_LIMIT = 0.01  # a share may move by one percentage point


@dataclass(frozen=True, slots=True)
class Tilt:
    """By bucket, at the design pour: how far its worst share moves per degree."""

    per_degree: Mapping[str, float]

    @property
    def worst(self) -> float:
        """The worst bucket's share error per degree."""
        return max(self.per_degree.values())

    @property
    def level_deg(self) -> float:
        """Level the device to this, so that no share moves by more than SHARE_LIMIT."""
        return SHARE_LIMIT / self.worst if self.worst > 0 else float("inf")


def tilt_sensitivity(water: WaterNetwork, process: Process) -> Tilt:
    """|d share / d tilt| along each comb, by the tooth law at the design pour.

    The law is smooth; just after a dry start plain water follows (H - h_res)^1.5 instead and moves up to five times
    more (CFD), so level to a fifth of this for slow pours of plain water.
    """
    device = blank(water, process)
    p = device.plumbing
    rise = np.tan(np.radians(STEP_DEG)) * np.array([-1.0, 1.0])[:, None]
    heads = device.heads[p.tooth_bucket] + rise * p.tooth_place
    flows = p.law.flows(p.tooth_width, heads, p.tooth_end) @ p.gather + 1e-9
    shares = flows / ((flows @ p.leaves) @ p.leaves.T)
    moved: dict[tuple[int, int], float] = {}
    for m, (bucket, target) in enumerate(zip(p.mouth_bucket, p.mouth_target, strict=True)):
        key = (int(bucket), int(target))
        moved[key] = moved.get(key, 0.0) + float(shares[1, m] - shares[0, m]) / (2.0 * STEP_DEG)
    worst: dict[str, float] = dict.fromkeys(p.buckets, 0.0)
    for (bucket, _), slope in moved.items():
        worst[p.buckets[bucket]] = max(worst[p.buckets[bucket]], abs(slope))
    return Tilt(worst)
