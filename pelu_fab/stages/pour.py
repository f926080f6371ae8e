"""Would it stay inside? A placed layout in, what full jugs would break out: nothing is built for it."""

import numpy as np

from pelu_fab.errors import Violation
from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized
from pelu_fab.network.names import duct_name
from pelu_fab.sim.limits import pour_violations
from pelu_fab.sim.water import WaterNetwork, water_from_sized


def pour_findings(lowered: Lowered, sized: Sized, layout: Layout, design: Design) -> tuple[Violation, ...]:
    """What full jugs would break, at the design pour and when dumped; empty where nothing."""
    water = placed_water(lowered, sized, layout, design.process)
    jugs = np.asarray(design.input_max, dtype=np.float64) * design.unit_volume
    return tuple(pour_violations(water, design.process, jugs, design.pour_flow_ml * 1000.0))


def placed_water(lowered: Lowered, sized: Sized, layout: Layout, process: Process) -> WaterNetwork:
    """The water network of a device that has its places."""
    return water_from_sized(lowered.netlist, sized, process, chutes=_chutes(layout), sill_z=_sills(layout))


def _sills(layout: Layout) -> dict[str, float]:
    """Elevation of each bucket's sill above the cups' floor."""
    floor = min(cup.floor_z for cup in layout.cups)
    return {placed.bucket.name: row.sill_z - floor for row in layout.rows for placed in row.buckets}


def _chutes(layout: Layout) -> dict[str, tuple[float, float]]:
    """(length, inner width) of each duct: its chute and half of its gutter, or in a matching its spout alone."""
    runs: dict[str, tuple[float, float]] = {}
    ramps = {placed.bucket.name: row.sized for row in layout.rows for placed in row.buckets}
    for bar in layout.crossbars:
        gutters = {gutter.target: abs(gutter.end - gutter.start) for gutter in bar.gutters}
        ends = {(chute.lane.source, chute.lane.mouth): abs(chute.end) for chute in bar.chutes}
        for lane in bar.lanes:
            name = duct_name(lane.source, lane.target)
            row = ramps[lane.source]
            if (lane.source, lane.mouth) in ends:
                length, width = ends[lane.source, lane.mouth] + gutters.get(lane.target, 0.0) / 2.0, lane.c1 - lane.c0
            else:
                length, width = row.ramp * 2.0**0.5 + row.spout_height, lane.u1 - lane.u0
            before = runs.get(name, (0.0, width))
            runs[name] = (max(before[0], length), min(before[1], width))
    return runs
