"""The buckets' energy in the Lagrangian sense: what is still to spill. A flow in, a curve over time out.

A bucket is the neuron L = ½ relu(x − θ)² of volume x, threshold θ (docs/theory.md): its activation is what spills, its
energy x·relu(x − θ) − L = ½ (x² − θ²) above the sill and 0 below. Not joules: those are in `energy`.
"""

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.flow import Flow

Array = NDArray[np.float64]


def bucket_energy(found: Flow) -> Array:
    """Σ ½ (x² − θ²) over the buckets that hold more than they keep, by sample of the first run, in mL²: (times,).

    x and θ count from what is in a bucket when it is ready.
    """
    p = found.plumbing
    poured, threshold = (found.trace.volumes - p.start_volume) / MM3_PER_ML, p.thresholds / MM3_PER_ML
    return np.asarray(0.5 * np.maximum(poured**2 - threshold**2, 0.0).sum(axis=1))
