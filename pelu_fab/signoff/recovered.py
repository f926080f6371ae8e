"""The network as built, in the checkpoint's order: which vessel is which unit, and what real water does in it.

The corrections for real water are undone through the process: held volume is added to what the cavity keeps, and a
tooth carries what eq. (8) says, not what it measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pelu_fab.hydraulics import held_on_slope, held_volume
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.network.names import bucket_name, output_name
from pelu_fab.signoff.found import NOWHERE, Extraction, Vessel
from pelu_fab.signoff.stl import Array


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """The recovered network in the checkpoint's order. `lost` (in,) is the share of each bucket that reaches no vessel.

    `retained` in mm3 of real water, `drawn` the cavity alone; `vessels` index the extraction, NOWHERE where none is.
    """

    layers: tuple["RecoveredLayer", ...]


@dataclass(frozen=True, slots=True, eq=False)
class RecoveredLayer:
    """One row. Arrays (in,) and (in, out); `reachable` is False for a unit that no share leads to."""

    vessels: tuple[int, ...]
    reachable: tuple[bool, ...]
    drawn: Array
    retained: Array
    shares: Array
    sections: Array
    lost: Array


def hydraulic_widths(vessel: Vessel, process: Process, compensation: str) -> Array:
    """What each tooth carries, up to a factor: (w + κ)(1 + e at the ends); the open width with the corrections off."""
    widths = np.array([t.width for t in vessel.teeth])
    if compensation == "none" or not len(widths):
        return widths
    carried = np.where(widths > 0, widths + process.comb.kappa, 0.0)
    if len(carried) > 1:
        carried[[0, -1]] *= 1.0 + process.comb.end_excess
    return np.asarray(carried)


def held(vessel: Vessel, process: Process, compensation: str) -> float:
    """Water (mm3) that surface tension keeps beyond the cavity; areas and edges as measured.

    Where a bed falls to the sill, only the wedge at its foot is held, whatever trench lies before it.
    """
    if compensation == "none":
        return 0.0
    width, depth, slope = vessel.bed
    if width > 0.0:
        return held_on_slope(width, depth, slope, process.fluid, process.comb.residual_head)
    return held_volume(vessel.area, vessel.perimeter, process.fluid, process.comb.residual_head)


def retained_volume(vessel: Vessel, process: Process, compensation: str) -> float:
    """Real water (mm3) that stays: below the sill, and held up by surface tension."""
    return vessel.volume + held(vessel, process, compensation)


def recover(
    found: Extraction,
    names: Sequence[tuple[int, ...]],
    network: Network,
    process: Process,
    compensation: str,
) -> Recovered:
    """The as-built network: real retained volumes and delivered shares, in the checkpoint's order."""
    layers = []
    reached = np.ones(len(names[0]), bool)
    for depth, row in enumerate(names):
        last = depth + 1 == len(names)
        targets = found.outputs if last else names[depth + 1]
        drawn, retained, lost = (np.zeros(len(row)) for _ in range(3))
        shares, sections = (np.zeros((len(row), len(targets))) for _ in range(2))
        for i, v in enumerate(row):
            if v == NOWHERE:
                lost[i] = 1.0
                continue
            vessel = found.vessels[v]
            drawn[i] = vessel.volume
            retained[i] = retained_volume(vessel, process, compensation)
            shares[i], sections[i] = delivered(vessel, targets, process, compensation)
            lost[i] = 1.0 - shares[i].sum()
        layers.append(
            RecoveredLayer(tuple(row), tuple(bool(r) for r in reached), drawn, retained, shares, sections, lost)
        )
        reached = np.asarray((network.layers[depth].shares[reached] > 0).any(axis=0))
    return Recovered(tuple(layers))


def delivered(vessel: Vessel, targets: Sequence[int], process: Process, compensation: str) -> tuple[Array, Array]:
    """Share of the spill that each target gets, and its share of the sections behind the teeth."""
    carried = hydraulic_widths(vessel, process, compensation)
    place: dict[int, list[int]] = {}
    for i, v in enumerate(targets):
        place.setdefault(v, []).append(i)  # a short gives one vessel two names; its first counts
    flow, section = np.zeros(len(targets)), np.zeros(len(targets))
    total = carried.sum()
    for tooth, part in zip(vessel.teeth, carried, strict=True):
        for goal in tooth.goals:
            for i in place.get(goal, [])[:1] if goal != NOWHERE else ():
                flow[i] += part / len(tooth.goals) / total if total > 0 else 0.0
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
    for i, v in enumerate(found.outputs):
        if v != NOWHERE:
            names.setdefault(v, output_name(i))
    return names
