"""A compiled folder as water sees it: everything measured on the STL, nothing taken from the drawing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pelu_fab.commands.rig import Rig
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.ir.layout import Leg
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.siphon import Siphon
from pelu_fab.network.names import bucket_name, input_name, output_name, target_name
from pelu_fab.signoff.channels import freeboards
from pelu_fab.signoff.found import Tooth, Vessel
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.recovery import Recovery, recover_folder
from pelu_fab.sim.water import WaterBucket, WaterMouth, WaterNetwork
from pelu_fab.sources.process import read_process

HIGHEST_RIM = 60.0  # mm above a sill: as far as a rim is looked for


def rig_of_folder(folder: Path, *, process: str | None = None) -> Rig:
    """Recover the network from the parts. `process` replaces the manifest's: another fluid in the same print."""
    recovery = recover_folder(folder)
    manifest, dossier = recovery.dossier.manifest, recovery.dossier
    chosen = manifest.process if process is None else read_process(process)
    samples = None
    if dossier.samples is not None:
        samples = Samples(*dossier.samples)
    netlist = _netlist(recovery)
    return Rig(
        network=dossier.trained,
        netlist=netlist,
        process=chosen,
        water=_water(recovery, netlist, chosen),
        unit_volume=dossier.unit_volume,
        pour_flow=manifest.design_flow,
        samples=samples,
        input_max=() if dossier.jugs is None else tuple(dossier.jugs.tolist()),
        origin="STL",
    )


def _netlist(recovery: Recovery) -> Netlist:
    """What was asked for: the lowered network's buckets that some share reaches."""
    dossier, layers = recovery.dossier, recovery.recovered.layers
    rows, ducts = [], []
    for depth, (asked, built) in enumerate(zip(dossier.lowered.layers, layers, strict=True)):
        live = [i for i, reached in enumerate(built.reachable) if reached]
        unit = dossier.unit_volume
        met = np.where(asked.flushes, asked.thresholds, 0.0) * unit
        kept = asked.retained * unit
        rows.append(tuple(Bucket(bucket_name(depth, i), float(kept[i]), float(met[i])) for i in live))
        for i in live:
            for j in np.flatnonzero(asked.shares[i]):
                target = target_name(depth, int(j), layers=len(layers))
                ducts.append(Duct(bucket_name(depth, i), target, float(asked.shares[i, j])))
    manifest = dossier.manifest
    return Netlist(
        manifest.name,
        tuple(rows),
        tuple(ducts),
        tuple((input_name(i), p.label) for i, p in enumerate(manifest.inputs)),
        tuple((output_name(j), p.label) for j, p in enumerate(manifest.outputs)),
    )


def _water(recovery: Recovery, netlist: Netlist, process: Process) -> WaterNetwork:
    names = recovery.names
    vessel_of = {name: vessel for vessel, name in names.items()}
    missing = [b.name for b in netlist.buckets if b.name not in vessel_of]
    if missing:
        raise FabError(missing[0], "was not found in the STL", "run pelu-fab verify on the folder")
    rims = _rims(recovery)
    cups = [recovery.found.vessels[v] for v in recovery.found.outputs]
    ground = min(cup.floor_z for cup in cups)
    built = _built(recovery)
    rows = tuple(
        tuple(_bucket(recovery, vessel_of[b.name], built[b.name], rims, ground, process) for b in row)
        for row in netlist.rows
    )
    flow, area = recovery.dossier.manifest.design_flow, min(cup.area for cup in cups)
    return WaterNetwork(netlist.name, rows, netlist.inputs, netlist.outputs, flow, area)


@dataclass(frozen=True, slots=True)
class _Built:
    """A unit of the recovered network: what the algebra, and so ideal water, computes with."""

    name: str
    retained_volume: float
    shares: tuple[tuple[str, float], ...]
    flush_volume: float


def _built(recovery: Recovery) -> dict[str, _Built]:
    """The recovered network by bucket, mm3."""
    layers = recovery.recovered.layers
    table = {}
    for depth, layer in enumerate(layers):
        for i, row in enumerate(layer.shares):
            shares = [(target_name(depth, j, layers=len(layers)), float(s)) for j, s in enumerate(row)]
            name = bucket_name(depth, i)
            kept, met = float(layer.retained[i]), max(float(layer.flushes[i]), 0.0)
            table[name] = _Built(name, kept, tuple(pair for pair in shares if pair[1] > 0), met)
    return table


def _bucket(
    recovery: Recovery,
    index: int,
    built: _Built,
    rims: dict[str, float],
    ground: float,
    process: Process,
) -> WaterBucket:
    vessel = recovery.found.vessels[index]
    found = vessel.siphon
    siphon = None
    if found is not None:
        siphon = Siphon(found.bore, found.crest, found.intake_z - found.crown_z, -found.head, found.length)
    comb = recovery.found.comb(index)
    mouths = tuple(
        _mouth(recovery, comb, [comb.teeth[t] for t in mouth.teeth], mouth.goal, process) for mouth in comb.mouths
    )
    if not mouths:
        raise FabError(built.name, "has no comb in the STL", "run pelu-fab verify on the folder")
    bed_width, bed_depth, slope = vessel.bed
    is_bed = slope > 0.0
    width = bed_width or _extent(vessel)
    return WaterBucket(
        name=built.name,
        retained_volume=built.retained_volume + vessel.primed,
        shares=built.shares,
        drawn_volume=vessel.volume,
        area=0.0 if is_bed else vessel.area,
        perimeter=vessel.perimeter,
        width=width,
        depth=0.0 if is_bed else vessel.area / width,
        sill_z=vessel.level - ground,
        sill_height=vessel.level - vessel.floor_z,
        rim_height=rims[built.name],
        mouths=mouths,
        priming_volume=vessel.primed,
        flare=bed_width / slope if is_bed else 0.0,
        brim=bed_depth * slope,
        siphon=siphon,
        flush_volume=built.flush_volume,
        residue=found.residue if found else 0.0,
        foot=found.foot if found else 0.0,
        pool=comb.bed[0] * comb.bed[1] if comb is not vessel else 0.0,
    )


def _mouth(recovery: Recovery, vessel: Vessel, teeth: list[Tooth], goal: int, process: Process) -> WaterMouth:
    """Teeth as measured; the way down as plan distance to its target, its section as the process's least."""
    names = recovery.names
    if goal not in names:
        raise FabError(f"{names.get(recovery.found.vessels.index(vessel), '?')}", "loses water", "run pelu-fab verify")
    target = recovery.found.vessels[goal]
    run = float(np.hypot(*(np.array(teeth[0].at[:2]) - target.at[:2])))
    fall = max(vessel.level - target.level, 1.0)
    slope = float(np.degrees(np.arctan2(fall, max(run, 1.0))).clip(1.0, 70.0))
    channels = process.channels
    return WaterMouth(
        target=names[goal],
        teeth=tuple(t.width for t in teeth),
        places=tuple(_along(vessel, t) for t in teeth),
        legs=(Leg(run, channels.min_width, channels.min_wall_height, slope),),
    )


def _along(vessel: Vessel, tooth: Tooth) -> float:
    """Where a tooth stands along the sill, from the middle of its pool."""
    along = np.array([-tooth.outward[1], tooth.outward[0]])
    middle = np.array([(low + high) / 2.0 for low, high in zip(*vessel.bounds, strict=True)])
    return float((np.array(tooth.at[:2]) - middle) @ along)


def _extent(vessel: Vessel) -> float:
    """Inside, along the comb, mm."""
    x, y = (high - low for low, high in zip(*vessel.bounds, strict=True))
    out = vessel.teeth[0].outward
    return float(y if abs(out[0]) > abs(out[1]) else x)


def _rims(recovery: Recovery) -> dict[str, float]:
    """How high above its sill each bucket is walled in: sign-off's freeboard with no head and no limit."""
    process = recovery.dossier.manifest.process
    channels = process.channels.model_copy(update={"meniscus_freeboard": HIGHEST_RIM, "slosh_freeboard": 0.0})
    wet = Wet(recovery.surface, recovery.found, recovery.names, process.model_copy(update={"channels": channels}))
    return {check.where: float(check.found) for check in freeboards(wet, 0.0) if isinstance(check.found, float)}
