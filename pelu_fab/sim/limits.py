"""Does it stay inside? A device and jugs in, violations out: spills, freeboard, gutters that back up."""

from collections.abc import Mapping

import numpy as np

from pelu_fab.errors import Violation
from pelu_fab.hydraulics import bore_flow, comb_head, full_head, normal_depth, priming_head
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.flow import Array, Flow
from pelu_fab.sim.plumbing import Conditions, Plumbing, plumb
from pelu_fab.sim.water import WaterBucket, WaterNetwork

DUMP_TIME = 3.0  # s in which an impatient hand empties a jug
DESIGN_FILL, DUMP_FILL = 0.5, 0.8  # of a gutter's wall
SPILL = 1.0  # mm3 over a rim that count as a spill


def flow_violations(
    found: Flow, water: WaterNetwork, process: Process, *, pour: str, fill: float = DESIGN_FILL
) -> list[Violation]:
    """What a flow broke: `flow.spill` (mL over a rim), `flow.freeboard` (mm), `flow.gutter` (depth over its wall)."""
    p = found.plumbing
    broken = []
    for b, name in enumerate(p.buckets):
        spilled = float(found.spilled[:, b].max())
        if spilled > SPILL:
            why = f"{pour}: water goes over the rim"
            broken.append(Violation("flow.spill", name, spilled / MM3_PER_ML, 0.0, "mL", why=why))
    over = {one.where for one in broken}
    low = _low_rims(p, found.freeboard.min(axis=0), process, pour)
    arriving = dict(zip((*p.buckets, *p.cups), found.peak_inflows.max(axis=0).tolist(), strict=True))
    return [*broken, *(one for one in low if one.where not in over), *_full(water, arriving, process, pour, fill)]


def pour_violations(water: WaterNetwork, process: Process, volumes: Array, pour_flow: float) -> list[Violation]:
    """What one full jug at a time (mm3) would break, poured at `pour_flow` (mm3/s), or dumped within DUMP_TIME.

    A bound, without time: every bucket stands full and passes on all that comes in, at the level that carries it.
    """
    p = plumb(water, process, Conditions(mode="real"))
    jugs = np.asarray(volumes, dtype=np.float64)
    calm = _steady(p, water, process, jugs, np.where(jugs > 0.0, pour_flow, 0.0), "design pour", DESIGN_FILL)
    dumped = _steady(p, water, process, jugs, jugs / DUMP_TIME, f"a jug dumped in {DUMP_TIME:g} s", DUMP_FILL)
    return [*calm, *dumped]


def steady_inflows(p: Plumbing, pours: Array) -> Array:
    """Most that ever reaches each bucket and cup (B + C), mm3/s, of one jug at a time; `pours` (inputs,)."""
    arriving = np.zeros((len(pours), p.reaches.shape[1]))
    arriving[:, : len(pours)] = np.diag(pours)
    for row in range(int(p.row.max()) + 1):
        own = p.row[p.mouth_bucket] == row
        passes = arriving[:, : len(p.buckets)].copy()
        if p.siphons is not None:  # a full bore passes what it does, whatever comes in
            here = p.siphons.bucket
            passes[:, here] = np.where(passes[:, here] > 0.0, np.maximum(passes[:, here], p.siphons.full), 0.0)
        through = (passes @ p.leaves.T) * p.mouth_share * own
        arriving += through @ p.reaches
    return np.asarray(arriving.max(axis=0))


def _steady(
    p: Plumbing, water: WaterNetwork, process: Process, volumes: Array, pours: Array, pour: str, fill: float
) -> list[Violation]:
    """Of `volumes` (inputs,) that flow at `pours`, one after the other."""
    arriving = steady_inflows(p, pours)
    inflows = arriving[: len(p.buckets)]
    most = float(volumes.max())
    heads = np.array([_head(q, most, b, process) for q, b in zip(inflows, water.buckets, strict=True)])
    low = _low_rims(p, p.rim - p.inlet_heads(heads, inflows), process, pour)
    named = dict(zip((*p.buckets, *p.cups), arriving.tolist(), strict=True))
    return [*low, *_full(water, named, process, pour, fill)]


def _head(flow: float, volume: float, bucket: WaterBucket, process: Process) -> float:
    """Level above the sill, or a siphon's crown, up to which a bucket fills that passes on `flow` of a jug's `volume`.

    A siphon passes more than at its crown, and what comes in beyond that lifts the level as long as the jug runs.
    """
    siphon = bucket.siphon
    if siphon is None:
        return comb_head(flow, bucket.teeth, process)
    rise = max(flow - bore_flow(siphon, process), 0.0) * volume / max(flow, 1e-9) / bucket.area
    return priming_head(siphon, process) + min(rise, max(full_head(flow, siphon, process) + siphon.outlet_z, 0.0))


def _low_rims(p: Plumbing, free: Array, process: Process, pour: str) -> list[Violation]:
    least = process.channels.slosh_freeboard
    why = f"{pour}: too little rim above the highest water"
    return [
        Violation("flow.freeboard", name, float(one), least, "mm", why=why)
        for name, one in zip(p.buckets, free, strict=True)
        if one < least
    ]


def _full(
    water: WaterNetwork, arriving: Mapping[str, float], process: Process, pour: str, fill: float
) -> list[Violation]:
    """Gutters by target that run deeper than `fill` of their wall, each at its narrowest."""
    beds = {
        (mouth.target, leg.width, leg.wall, leg.slope_deg)
        for bucket in water.buckets
        for mouth in bucket.mouths
        for leg in mouth.legs[1:]
    }
    worst: dict[str, float] = {}
    for target, width, wall, slope in beds:
        depth = normal_depth(arriving[target], width, slope, process.channels.friction)
        worst[target] = max(worst.get(target, 0.0), depth / wall)
    why = f"{pour}: the gutter backs up"
    return [
        Violation("flow.gutter", target, worst[target], fill, "of its wall", why=why)
        for target in arriving
        if worst.get(target, 0.0) > fill
    ]
