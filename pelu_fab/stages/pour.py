"""Would it stay inside? A placed layout in, what full jugs would break out: nothing is built for it."""

import numpy as np

from pelu_fab.errors import Violation
from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.sized import Sized
from pelu_fab.sim.limits import pour_violations
from pelu_fab.sim.water import water_of


def pour_findings(lowered: Lowered, sized: Sized, layout: Layout, design: Design) -> tuple[Violation, ...]:
    """What one full jug at a time would break, at the design pour and when dumped; empty where nothing."""
    water = water_of(lowered.netlist, sized, layout)
    jugs = np.asarray(design.input_max, dtype=np.float64) * design.unit_volume
    return tuple(pour_violations(water, design.process, jugs, design.pour_flow_ml * 1000.0))
