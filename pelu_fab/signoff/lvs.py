"""Layout against schematic: the network found in the triangles, named and compared with the one that was asked for.

The corrections for real water are undone through the process, so what is compared is what water will do:
held volume is added to what the cavity keeps, and a tooth carries what the tooth law says, not what it measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from scipy.optimize import linear_sum_assignment

from pelu_fab.hydraulics import held_on_slope, held_volume, kappa_at, tooth_widths, weir_head
from pelu_fab.ir.network import Network, bucket_name, output_name
from pelu_fab.ir.process import Process
from pelu_fab.signoff.found import NOWHERE, Extraction, Tooth, Vessel
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.stl import Array

RETAINED_FRACTION = 0.001  # of h²
RETAINED_FLOOR = 10.0  # mm3
SHARE = 0.05  # percentage points of flow share
SECTION = 0.2  # percentage points of section share
TOOTH = 0.006  # mm: from what shares, count and process call for
LEVEL = 0.01  # mm: teeth of one comb, and combs of one row


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


def name_units(found: Extraction, network: Network, unit_volume: float) -> list[tuple[int, ...]]:
    """Which vessel is which unit, row by row: inputs and cups are known, hidden ones by the best match of all.

    Hidden units of a row may stand in any order, for a permutation computes the same; so each row is assigned to the
    checkpoint's by least difference of incoming shares, outgoing shares to the cups, and retained volume.
    """
    named = [found.inputs]
    for depth in range(1, len(network.layers)):
        above = named[-1]
        below = [v for v in (found.layers[depth] if depth < len(found.layers) else ()) if v not in found.outputs]
        cost = _differences(found, network, unit_volume, depth, above, below)
        rows, columns = linear_sum_assignment(cost)
        row = [NOWHERE] * len(network.layers[depth].retained)
        for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
            row[r] = below[c]
        named.append(tuple(row))
    return named


def _differences(
    found: Extraction, network: Network, unit_volume: float, depth: int, above: Sequence[int], below: Sequence[int]
) -> Array:
    wanted = network.layers[depth]
    arriving = np.array([_shares(found.vessels[v], below) if v != NOWHERE else np.zeros(len(below)) for v in above])
    cost = np.abs(network.layers[depth - 1].shares[:, :, None] - arriving.reshape(len(above), 1, len(below))).sum(
        axis=0
    )
    volumes = np.array([found.vessels[v].volume for v in below])
    largest = max(1.0, float((wanted.retained * unit_volume).max()))
    cost += np.abs(wanted.retained[:, None] * unit_volume - volumes[None, :]) / largest
    if depth == len(network.layers) - 1:
        leaving = np.array([_shares(found.vessels[v], found.outputs) for v in below]).reshape(len(below), -1)
        cost += np.abs(wanted.shares[:, None, :] - leaving[None, :, :]).sum(axis=2)
    return np.asarray(cost)


def _shares(vessel: Vessel, targets: Sequence[int]) -> Array:
    """Open width that leads to each target, as a share of all."""
    flow = np.zeros(len(targets))
    place = {v: i for i, v in enumerate(targets)}
    for tooth in vessel.teeth:
        for goal in tooth.goals:
            if goal in place:
                flow[place[goal]] += tooth.width / len(tooth.goals)
    total = sum(t.width for t in vessel.teeth)
    return flow / total if total > 0 else flow


def hydraulic_widths(vessel: Vessel, process: Process, compensation: str, flow: float) -> Array:
    """What each tooth carries, up to a factor: (w + κ)(1 + e at the ends); the open width with the corrections off."""
    widths = np.array([t.width for t in vessel.teeth])
    if compensation == "none" or not len(widths):
        return widths
    kappa = kappa_of(vessel, process, flow)
    carried = np.where(widths > 0, widths + kappa, 0.0)
    if len(carried) > 1:
        carried[[0, -1]] *= 1.0 + process.comb.end_excess
    return np.asarray(carried)


def kappa_of(vessel: Vessel, process: Process, flow: float) -> float:
    """Extra width of a tooth at the head of the design pour."""
    return process.comb.kappa


def held(vessel: Vessel, process: Process, compensation: str) -> float:
    """Water (mm3) that surface tension keeps beyond the cavity; areas and edges as measured."""
    if compensation == "none":
        return 0.0
    if vessel.volume <= 0.0:
        width, depth, slope = vessel.bed
        return held_on_slope(width, depth, slope, process.fluid, process.comb.residual_head) if width else 0.0
    return held_volume(vessel.area, vessel.perimeter, process.fluid, process.comb.residual_head)


def recover(
    found: Extraction,
    names: Sequence[tuple[int, ...]],
    network: Network,
    process: Process,
    compensation: str,
    flow: float,
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
            retained[i] = vessel.volume + held(vessel, process, compensation)
            shares[i], sections[i] = _delivered(vessel, targets, hydraulic_widths(vessel, process, compensation, flow))
            lost[i] = 1.0 - shares[i].sum()
        layers.append(
            RecoveredLayer(tuple(row), tuple(bool(r) for r in reached), drawn, retained, shares, sections, lost)
        )
        reached = np.asarray((network.layers[depth].shares[reached] > 0).any(axis=0))
    return Recovered(tuple(layers))


def _delivered(vessel: Vessel, targets: Sequence[int], carried: Array) -> tuple[Array, Array]:
    place: dict[int, list[int]] = {}
    for i, v in enumerate(targets):
        place.setdefault(v, []).append(i)
    flow, section = np.zeros(len(targets)), np.zeros(len(targets))
    total = carried.sum()
    for tooth, part in zip(vessel.teeth, carried, strict=True):
        for goal in tooth.goals:
            for i in place.get(goal, ()) if goal != NOWHERE else ():
                flow[i] += part / len(tooth.goals) / total if total > 0 else 0.0
    for mouth in vessel.mouths:
        for i in place.get(mouth.goal, ()) if mouth.goal != NOWHERE else ():
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


def unit_name(layer: int, unit: int) -> str:
    """Name of a unit."""
    return bucket_name(layer, unit)


def duct_name(network: Network, layer: int, source: int, target: int) -> str:
    """`L0.b2->L1.b1`, cups as `out.y0`."""
    last = layer + 1 == len(network.layers)
    return f"{bucket_name(layer, source)}->{output_name(target) if last else bucket_name(layer + 1, target)}"


def compare(
    found: Extraction,
    recovered: Recovered,
    network: Network,
    process: Process,
    compensation: str,
    unit_volume: float,
    flow: float,
) -> list[Check]:
    """All lvs rules, unit by unit and branch by branch."""
    checks: list[Check] = []
    for depth, (layer, wanted) in enumerate(zip(recovered.layers, network.layers, strict=True)):
        for i, v in enumerate(layer.vessels):
            where = bucket_name(depth, i)
            if v == NOWHERE:
                if layer.reachable[i]:
                    checks.append(failed("lvs.missing", where, "no pool was found that does this unit's work"))
                continue
            vessel = found.vessels[v]
            checks.append(_retained(where, vessel, wanted.retained[i] * unit_volume, process, compensation))
            checks += _teeth(
                where, vessel, wanted.shares[i], layer, i, network, depth, process, compensation, flow, found, recovered
            )
            checks += _branches(found, vessel, layer, i, wanted.shares[i], network, depth)
    checks += _shorts(found, network, recovered)
    checks += _extras(found, recovered)
    return checks


def _retained(where: str, vessel: Vessel, wanted: float, process: Process, compensation: str) -> Check:
    holds = held(vessel, process, compensation)
    cavity = max(0.0, wanted - holds)
    limit = max(RETAINED_FRACTION * wanted, RETAINED_FLOOR)
    why = f"cavity {vessel.volume / 1000:.4f} mL, wanted {cavity / 1000:.4f} mL beside {holds / 1000:.3f} mL held up"
    return most("lvs.retained", where, abs(vessel.volume - cavity) / 1000.0, limit / 1000.0, "mL", why, vessel.at)


def _branches(
    found: Extraction, vessel: Vessel, layer: RecoveredLayer, unit: int, wanted: Array, network: Network, depth: int
) -> list[Check]:
    checks: list[Check] = []
    for j, share in enumerate(wanted):
        where = duct_name(network, depth, unit, j)
        got, section = layer.shares[unit, j], layer.sections[unit, j]
        if share > 0 and got == 0:
            checks.append(failed("lvs.open", where, f"no drop arrives; {_strays(vessel)}", vessel.at, 0.0))
        elif share == 0 and got > 0:
            checks.append(
                failed(
                    "lvs.extra", where, f"{100 * got:.2f} % of the spill goes where none should", vessel.at, float(got)
                )
            )
        elif share > 0:
            checks.append(passed("lvs.open", where))
            checks.append(
                most(
                    "lvs.share",
                    where,
                    100 * abs(got - share),
                    SHARE,
                    "pp",
                    f"delivers {100 * got:.3f} %, wanted {100 * share:.3f} %",
                    vessel.at,
                )
            )
            checks.append(
                most(
                    "lvs.section",
                    where,
                    100 * abs(section - share),
                    SECTION,
                    "pp",
                    f"section is {100 * section:.3f} %, wanted {100 * share:.3f} %",
                    vessel.at,
                )
            )
    lost = [t for t in vessel.teeth if NOWHERE in t.goals]
    if lost:
        k = lost[0].goals.index(NOWHERE)
        checks.append(
            failed(
                "lvs.stray",
                bucket_name(depth, unit),
                f"{len(lost)} teeth lose water: {lost[0].ends[k]}",
                lost[0].end_at[k],
            )
        )
    return checks


def _strays(vessel: Vessel) -> str:
    ends = sorted({e for t in vessel.teeth for e, g in zip(t.ends, t.goals, strict=True) if g == NOWHERE})
    return f"{len(vessel.teeth)} teeth; lost drops: {', '.join(ends) or 'none'}"


def _teeth(
    where: str, vessel: Vessel, wanted: Array, layer: RecoveredLayer, unit: int, network: Network, depth: int,
    process: Process, compensation: str, flow: float, found: Extraction, recovered: Recovered,
) -> list[Check]:  # fmt: skip
    """Each tooth against what eq. (8) asks of it, and the comb's sills against one level."""
    if not vessel.teeth:
        return [failed("lvs.open", where, "no mouth was found: this bucket can't spill through a comb", vessel.exit_at)]
    targets = found.outputs if depth + 1 == len(network.layers) else recovered.layers[depth + 1].vessels
    levels = np.array([t.level for t in vessel.teeth])
    checks = [
        most(
            "lvs.level",
            where,
            float(np.ptp(levels)),
            LEVEL,
            "mm",
            "highest over lowest sill of the comb",
            vessel.teeth[int(np.argmax(levels))].at,
        )
    ]
    owner = [targets.index(t.goal) if t.goal in targets else NOWHERE for t in vessel.teeth]
    asked = ideal_widths(vessel.teeth, owner, wanted, process, compensation, kappa_of(vessel, process, flow))
    for k, (tooth, width) in enumerate(zip(vessel.teeth, asked, strict=True)):
        place = f"{where}.t{k}" if owner[k] == NOWHERE else f"{duct_name(network, depth, unit, owner[k])}.t{k}"
        if not isfinite(width):
            continue
        off = max(abs(tooth.width - width), abs(tooth.widest - width))
        checks.append(
            most(
                "lvs.tooth",
                place,
                off,
                TOOTH,
                "mm",
                f"opens {tooth.width:.4f} to {tooth.widest:.4f} mm, eq. (8) asks {width:.4f}",
                tooth.at,
            )
        )
    return checks


def ideal_widths(
    teeth: Sequence[Tooth], owner: Sequence[int], wanted: Array, process: Process, compensation: str, kappa: float
) -> list[float]:
    """Width of each tooth that this comb's total opening, its counts and the wanted shares call for: eq. (8)."""
    branches = sorted({b for b in owner if b != NOWHERE and wanted[b] > 0})
    if not branches or NOWHERE in owner or any(wanted[b] <= 0 for b in set(owner)):
        return [float("nan")] * len(teeth)
    shares = np.array([wanted[b] for b in branches])
    counts = [owner.count(b) for b in branches]
    total = sum(t.width for t in teeth)
    excess = process.comb.end_excess
    if compensation == "none":
        kappa, excess = 0.0, 0.0
    ends = (branches.index(owner[0]), branches.index(owner[-1]))
    pairs = tooth_widths(list(shares / shares.sum()), counts, total, kappa, end_excess=excess, ends=ends)
    last = len(teeth) - 1
    return [pairs[branches.index(b)][1 if k in (0, last) and last > 0 else 0] for k, b in enumerate(owner)]


def _shorts(found: Extraction, network: Network, recovered: Recovered) -> list[Check]:
    """Two names for one water."""
    checks = []
    for depth, layer in enumerate(recovered.layers):
        seen: dict[int, int] = {}
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE and v in seen:
                names = f"{bucket_name(depth, seen[v])}+{bucket_name(depth, i)}"
                checks.append(failed("lvs.short", names, "two buckets are one water", found.vessels[v].at))
            seen.setdefault(v, i)
    cups = [v for v in found.outputs if v != NOWHERE]
    if len(set(cups)) < len(cups):
        checks.append(failed("lvs.short", "cups", "two cups are one water"))
    return checks or [passed("lvs.short", "all vessels", f"{len(found.vessels)} waters apart")]


def _extras(found: Extraction, recovered: Recovered) -> list[Check]:
    named = {v for layer in recovered.layers for v in layer.vessels} | set(found.outputs)
    extra = [v for v in range(len(found.vessels)) if v not in named]
    checks = [
        failed(
            "lvs.extra", found.vessels[v].part, "a pool that is no unit of the network takes water", found.vessels[v].at
        )
        for v in extra
    ]
    return checks or [passed("lvs.extra", "all vessels", "every pool found is a unit or a cup")]


def head_of(vessel: Vessel, flow: float, process: Process) -> float:
    """Head at the design pour, mm."""
    width = sum(t.width for t in vessel.teeth)
    return weir_head(flow, width, discharge=process.comb.discharge) if width > 0 else 0.0


__all__ = ["Recovered", "RecoveredLayer", "compare", "kappa_at", "name_units", "recover"]
