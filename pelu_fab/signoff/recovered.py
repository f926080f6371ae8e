"""The network as built, in the checkpoint's order: which vessel is which unit, and what real water does in it.

What surface tension holds is added to what the cavity keeps, and a tooth takes what the forward law says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.network.names import bucket_name, output_name
from pelu_fab.signoff.found import NOWHERE, Extraction, Vessel
from pelu_fab.signoff.siphon import over_crown, passes
from pelu_fab.signoff.stl import Array
from pelu_fab.signoff.water import (
    STANDARD,
    USUAL_POUR,
    Heads,
    Store,
    ToothLaw,
    heads_of_pour,
    held_in_pool,
    held_on_bed,
    meniscus,
    tooth_shares,
)

POOL = ".pool"  # behind a bucket's name: what its siphon falls into


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """The recovered network in the checkpoint's order. `lost` (in,) is the share of each bucket that reaches no vessel.

    `retained` in mm3 of real water, `drawn` the cavity alone; `vessels` index the extraction, NOWHERE where none is.
    """

    layers: tuple["RecoveredLayer", ...]


@dataclass(frozen=True, slots=True, eq=False)
class RecoveredLayer:
    """One row. Arrays (in,) and (in, out); `reachable` is False for a unit that no share leads to.

    `shares` over a usual pour, whose (head, part) pairs are `pours`: half the fullest jugs', 20 mL at least; `steady`
    at the design head alone, `fullest` over the fullest jugs' pour.
    """

    vessels: tuple[int, ...]
    reachable: tuple[bool, ...]
    drawn: Array
    retained: Array
    shares: Array
    steady: Array
    fullest: Array
    sections: Array
    lost: Array
    pours: tuple[Heads, ...]
    flushes: Array  # mm3 that must flow in before it flushes; -inf of a weir


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What each unit of each row must pass: `flows` (mm3/s) at the design pour, `spills` (mm3) of the fullest jugs."""

    flows: tuple[Array, ...]
    spills: tuple[Array, ...]


def demand(
    network: Network, input_max: Array, design_flow: float, unit_volume: float, full: Sequence[Array] = ()
) -> Demand:
    """Of a network, one jug after another at `design_flow`, all of the fullest jugs' water; `input_max` in mm3.

    `full` tells what each unit's full bore passes on (mm3/s), whatever comes in; 0 of a weir.
    """
    arrives, flow = input_max, np.eye(len(input_max)) * design_flow  # a row a jug
    flows, spills = [], []
    for depth, layer in enumerate(network.layers):
        flows.append(flow.max(axis=0))
        stays = np.where(arrives >= layer.thresholds * unit_volume, layer.retained * unit_volume, arrives)
        spills.append(np.maximum(arrives - stays, 0.0))
        leaves = np.where((full[depth] > 0.0) & (flow > 0.0), full[depth], flow) if full else flow
        arrives, flow = spills[-1] @ layer.shares, leaves @ layer.shares
    return Demand(tuple(flows), tuple(spills))


def full_bores(found: Extraction, names: Sequence[tuple[int, ...]], process: Process) -> list[Array]:
    """What the full siphon of each unit passes (mm3/s), row by row; 0 where there is none."""

    def full(v: int) -> float:
        siphon = None if v == NOWHERE else found.vessels[v].siphon
        return 0.0 if siphon is None else passes(siphon, process)

    return [np.array([full(v) for v in row]) for row in names]


def held(vessel: Vessel, process: Process, compensation: str) -> float:
    """Water (mm3) that surface tension keeps beyond the cavity; areas and edges as measured.

    Where a bed falls to the sill, only the wedge at its foot is held, whatever trench lies before it.
    """
    if compensation == "none":
        return 0.0
    if vessel.siphon is not None:
        return vessel.perimeter * meniscus(process.fluid)
    width, depth, slope = vessel.bed
    if width > 0.0 and slope > 0.0:
        return held_on_bed(width, depth, slope, process)
    return held_in_pool(vessel.area, vessel.perimeter, process)


def retained_volume(vessel: Vessel, process: Process, compensation: str) -> float:
    """Real water (mm3) that stays of a pour: below the sill and held up by surface tension, less what primed it."""
    return vessel.volume + held(vessel, process, compensation) - vessel.primed


def met(vessel: Vessel, process: Process, compensation: str, flow: float) -> float:
    """What must flow in (mm3) at `flow` before a siphon flushes; -inf of a weir."""
    if vessel.siphon is None:
        return -np.inf
    full = vessel.volume + held(vessel, process, compensation)
    return full + over_crown(vessel.siphon, vessel.area, flow, process)


def primed(found: Extraction, volume: float) -> Extraction:
    """The extraction with every bucket of several branches holding `volume` (mm3) before the pour; no siphon's pool."""
    pools = set(found.pools.values())
    ready = tuple(
        replace(v, primed=volume) if v.branches > 1 and i not in pools else v for i, v in enumerate(found.vessels)
    )
    return replace(found, vessels=ready)


def comb_law(process: Process, compensation: str) -> ToothLaw:
    """How this device's teeth are meant to share: as real water does, or by open width where nothing is corrected."""
    return ToothLaw(process, plain=compensation == "none")


def open_widths(vessel: Vessel) -> Array:
    """Width (mm) of each tooth along the sill."""
    return np.array([t.width for t in vessel.teeth])


def pour_of(vessel: Vessel, law: ToothLaw, flow: float, volume: float, steady: float | None = None) -> Heads:
    """(head, part) pairs of a pour that spills `volume` (mm3); the first head is that while it runs, `steady`."""
    widths = open_widths(vessel)
    if not (widths > 0).any() or flow <= 0.0 or volume <= 0.0:
        return STANDARD
    return heads_of_pour(law, widths, Store(max(vessel.area, 1.0), *vessel.bed), flow, volume, steady)


def recover(
    found: Extraction,
    names: Sequence[tuple[int, ...]],
    network: Network,
    process: Process,
    compensation: str,
    asked: Demand,
) -> Recovered:
    """The as-built network: real retained volumes and delivered shares, in the checkpoint's order."""
    layers, law = [], comb_law(process, compensation)
    reached = np.ones(len(names[0]), bool)
    for depth, row in enumerate(names):
        last = depth + 1 == len(names)
        targets = found.outputs if last else names[depth + 1]
        drawn, retained, lost = (np.zeros(len(row)) for _ in range(3))
        flushes = np.full(len(row), -np.inf)
        shares, steady, fullest, sections = (np.zeros((len(row), len(targets))) for _ in range(4))
        pours: list[Heads] = [STANDARD] * len(row)
        for i, v in enumerate(row):
            if v == NOWHERE:
                lost[i] = 1.0
                continue
            vessel = found.vessels[v]
            drawn[i] = vessel.volume
            retained[i] = retained_volume(vessel, process, compensation)
            flow, spill = float(asked.flows[depth][i]), float(asked.spills[depth][i])
            if vessel.siphon is not None:
                retained[i], flushes[i] = vessel.siphon.residue, met(vessel, process, compensation, flow)
            comb, whole = found.comb(v), vessel.siphon if v in found.pools else None
            if whole is not None:  # its full bore: half of the water as with that at the crown, half as before it ends
                full = (passes(whole, process, below) for below in (0.0, whole.breaks))
                pours[i] = [(pour_of(comb, law, flow, max(spill, USUAL_POUR))[0][0], 0.5) for flow in full]
            else:
                pours[i] = pour_of(comb, law, flow, max(spill / 2.0, USUAL_POUR))
            shares[i], sections[i] = delivered(comb, targets, law, pours[i])
            head = pours[i][0][0]
            steady[i], _ = delivered(comb, targets, law, [(head, 1.0)])
            fullest[i], _ = delivered(comb, targets, law, pours[i] if whole else pour_of(comb, law, flow, spill, head))
            lost[i] = 1.0 - shares[i].sum()
        live = tuple(bool(r) for r in reached)
        layers.append(
            RecoveredLayer(
                tuple(row), live, drawn, retained, shares, steady, fullest, sections, lost, tuple(pours), flushes
            )
        )
        reached = np.asarray((network.layers[depth].shares[reached] > 0).any(axis=0))
    return Recovered(tuple(layers))


def delivered(vessel: Vessel, targets: Sequence[int], law: ToothLaw, heads: Heads) -> tuple[Array, Array]:
    """Share of the spill that each target gets over (head, part) pairs, and of the sections behind the teeth."""
    taken = tooth_shares(law, open_widths(vessel), heads)
    place: dict[int, list[int]] = {}
    for i, v in enumerate(targets):
        place.setdefault(v, []).append(i)  # a short gives one vessel two names; its first counts
    flow, section = np.zeros(len(targets)), np.zeros(len(targets))
    for tooth, part in zip(vessel.teeth, taken, strict=True):
        for goal in tooth.goals:
            for i in place.get(goal, [])[:1] if goal != NOWHERE else ():
                flow[i] += part / len(tooth.goals)
    for mouth in vessel.mouths:
        for i in place.get(mouth.goal, [])[:1] if mouth.goal != NOWHERE else ():
            section[i] += mouth.section_area
    whole = sum(m.section_area for m in vessel.mouths)
    return flow, section / whole if whole > 0 else section


def vessel_names(found: Extraction, recovered: Recovered) -> dict[int, str]:
    """Name of each vessel that was found; a vessel with two names is a short, and keeps its first."""
    names: dict[int, str] = {}
    for depth, layer in enumerate(recovered.layers):
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE:
                names.setdefault(v, bucket_name(depth, i))
            if v in found.pools:
                names.setdefault(found.pools[v], bucket_name(depth, i) + POOL)
    for i, v in enumerate(found.outputs):
        if v != NOWHERE:
            names.setdefault(v, output_name(i))
    return names
