"""Does it stay inside? Flows in, violations out: spills, freeboard, chutes that back up; design pour and dump."""

import numpy as np

from pelu_fab.errors import Violation
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.names import duct_name
from pelu_fab.sim.flow import Array, Flow, flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import Schedule, all_at_once
from pelu_fab.sim.water import WaterNetwork

DUMP_TIME = 3.0  # s in which an impatient hand empties every jug at once
DESIGN_FILL, DUMP_FILL = 0.5, 0.8  # of a chute's wall
SPILL = 1.0  # mm3 over a rim that count as a spill


def flow_violations(found: Flow, process: Process, *, pour: str, fill: float = DESIGN_FILL) -> list[Violation]:
    """What a flow broke: `flow.spill` (mL over a rim), `flow.freeboard` (mm), `flow.chute` (depth over wall height)."""
    p = found.plumbing
    broken = []
    for b, name in enumerate(p.buckets):
        spilled, free = float(found.spilled[:, b].max()), float(found.freeboard[:, b].min())
        if spilled > SPILL:
            why = f"{pour}: water goes over the rim"
            broken.append(Violation("flow.spill", name, spilled / MM3_PER_ML, 0.0, "mL", why=why))
        elif free < process.channels.slosh_freeboard:
            why = f"{pour}: too little rim above the highest water"
            broken.append(Violation("flow.freeboard", name, free, process.channels.slosh_freeboard, "mm", why=why))
    names = [*p.buckets, *p.cups]
    for m, full in enumerate(found.peak_chutes.max(axis=0) / p.chute_capacity):
        if full / 2.0 > fill:
            where = duct_name(names[p.mouth_bucket[m]], names[p.mouth_target[m]])
            why = f"{pour}: the chute backs up"
            broken.append(Violation("flow.chute", where, float(full) / 2.0, fill, "of its wall", why=why))
    return broken


def design_pour(volumes: Array, pour_flow: float) -> Schedule:
    """All jugs at once, each at `pour_flow` (mm3/s) until it is empty; `volumes` (inputs,) or (runs, inputs), mm3."""
    amounts = np.atleast_2d(np.asarray(volumes, dtype=np.float64))[:, :, None]
    return Schedule(np.zeros_like(amounts), amounts / pour_flow, np.full_like(amounts, pour_flow))


def pour_violations(water: WaterNetwork, process: Process, volumes: Array, pour_flow: float) -> list[Violation]:
    """Both pours of full jugs through the real device: the design pour, and all jugs dumped within DUMP_TIME."""
    real = Conditions(mode="real")
    calm = flow(water, process, design_pour(volumes, pour_flow), real)
    dumped = flow(water, process, all_at_once(np.asarray(volumes)[None], DUMP_TIME), real)
    return [
        *flow_violations(calm, process, pour="design pour"),
        *flow_violations(dumped, process, pour=f"jugs dumped in {DUMP_TIME:g} s", fill=DUMP_FILL),
    ]
