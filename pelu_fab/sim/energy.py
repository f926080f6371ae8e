"""Joules of one inference: what the water had in the jugs, still has, and lost to friction. A flow in, books out."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pelu_fab.network import algebra
from pelu_fab.network.model import Network
from pelu_fab.sim.flow import Flow
from pelu_fab.sim.schedule import Schedule
from pelu_fab.sim.water import WaterNetwork

Array = NDArray[np.float64]
CPU_WATTS = 15.0  # of a laptop's processor at work: an assumption, said beside the result
JUG_LIFT = 30.0  # mm that a jug is held above the first row's rims
JOULE = 9.81e-9  # per g/cm3, mm3 and mm: 1e-6 kg/mm3 * 9.81 m/s2 * 1e-3 m/mm


@dataclass(frozen=True, slots=True, eq=False)
class Energy:
    """Joules of the first run, above the cups' floor. `potential` (times,) counts the water in the jugs too.

    `primed`: of the water that stood in the buckets when they were ready.
    """

    times: Array
    potential: Array
    jugs: float
    primed: float
    retained: float
    cups: float

    @property
    def dissipated(self) -> float:
        """What friction and splashing took."""
        return self.jugs + self.primed - self.retained - self.cups


def energy(found: Flow, water: WaterNetwork, schedule: Schedule, *, density: float) -> Energy:
    """Potential energy over time. It never rises: water only falls, and each store gives from its surface."""
    p, trace = found.plumbing, found.trace
    unit = density * JOULE
    jug_z = max(b.sill_z + b.rim_height for b in water.rows[0]) + JUG_LIFT
    left = np.array([_left(schedule, t) for t in trace.times])
    buckets = p.potential(trace.volumes)
    gutters = trace.gutters * p.sill_z[p.mouth_bucket]
    cups = trace.cups[:, 0] ** 2 / (2.0 * water.cup_area)
    potential = unit * (left * jug_z + buckets.sum(1) + gutters.sum(1) + cups.sum(1))
    return Energy(
        times=trace.times,
        potential=potential,
        jugs=float(unit * schedule.poured[0].sum() * jug_z),
        primed=float(unit * p.potential(p.start_volume).sum()),
        retained=float(unit * buckets[-1].sum()),
        cups=float(unit * cups[-1].sum()),
    )


def _left(schedule: Schedule, time: float) -> float:
    """Water (mm3) of the first run still in the jugs."""
    start, end, rate = schedule.start[0], schedule.end[0], schedule.rate[0]
    return float((rate * np.clip(end - np.maximum(start, time), 0.0, None)).sum())


def forward_cost(network: Network) -> tuple[float, float]:
    """(seconds, watts) of one forward pass on this processor: measured time, assumed power."""
    pour = np.ones((1, network.widths[0]))
    algebra.outputs(network, pour)
    start = perf_counter()
    for _ in range(100):
        algebra.outputs(network, pour)
    return (perf_counter() - start) / 100, CPU_WATTS
