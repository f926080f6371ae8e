"""Layout against schematic: every unit and branch found in the triangles against the network that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.network.names import branch_name, bucket_name
from pelu_fab.signoff.found import NOWHERE, Extraction, Place, Vessel
from pelu_fab.signoff.recovered import Demand, Recovered, comb_law, held, met, open_widths
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.siphons import Flush, pool_checks, siphon_checks
from pelu_fab.signoff.stl import Array, decimals
from pelu_fab.signoff.water import asked_widths

RETAINED_FRACTION = 0.001  # of h²
RETAINED_FLOOR = 10.0  # mm3
FINEST_TRENCH = 1.0  # mm along the flow: a bed can't be given less to keep than this, one layer deep
SHARE = 0.05  # percentage points of flow share over a usual pour
FLOW, POURED = 0.5, 0.3  # percentage points at the design head; mL over the fullest jugs' pour
SECTION = 0.2  # percentage points of section share
TOOTH = 0.006  # mm, from what shares and the tooth law call for in this comb
REWRITTEN = 0.02  # mm: two decimals change a tooth by half of that, and as much what its share asks beside the others
SIPHON_SLACK = 60.0  # mm3: of a threshold and of what a flush leaves, as lvs.threshold and lvs.siphon let pass
LEVEL = 0.01  # mm: teeth of one comb, and combs of one row


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found, named, and what was asked for: the trained network, and what of it can be printed."""

    found: Extraction
    recovered: Recovered
    trained: Network
    network: Network
    process: Process
    compensation: str
    unit_volume: float
    asked: Demand

    def targets(self, depth: int) -> Sequence[int]:
        """Vessels that row `depth` should feed, in the checkpoint's order."""
        last = depth + 1 == len(self.network.layers)
        return self.found.outputs if last else self.recovered.layers[depth + 1].vessels

    def duct(self, depth: int, unit: int, target: int) -> str:
        """`L0.b2->L1.b1`."""
        return branch_name(depth, unit, target, layers=len(self.network.layers))


def compare(case: Comparison) -> list[Check]:
    """All lvs rules, unit by unit and branch by branch."""
    checks: list[Check] = []
    for depth, layer in enumerate(case.recovered.layers):
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE:
                checks += [*_keeps(case, depth, i), *_branches(case, depth, i)]
            elif layer.reachable[i]:
                checks.append(failed("lvs.missing", bucket_name(depth, i), "no pool was found that does its work"))
    return [*checks, *_shorts(case), *_extras(case)]


def _number(case: Comparison, depth: int, unit: int) -> int:
    return case.recovered.layers[depth].vessels[unit]


def _vessel(case: Comparison, depth: int, unit: int) -> Vessel:
    return case.found.vessels[_number(case, depth, unit)]


def _comb(case: Comparison, depth: int, unit: int) -> Vessel:
    """The vessel whose comb divides what a unit lets go."""
    return case.found.comb(_number(case, depth, unit))


def retained_limit(vessel: Vessel, wanted: float, process: Process) -> float:
    """How far (mm3) a cavity may be from what is wanted; a bed has none that is smaller than the finest trench."""
    trench = vessel.bed[0] * process.printer.layer_height * FINEST_TRENCH
    return max(RETAINED_FRACTION * wanted, RETAINED_FLOOR, trench)


def _keeps(case: Comparison, depth: int, unit: int) -> list[Check]:
    """What a unit keeps, and how it lets the rest go: over a comb, or through a siphon."""
    asked, vessel = case.network.layers[depth], _vessel(case, depth, unit)
    where, flushes, v = bucket_name(depth, unit), bool(asked.flushes[unit]), _number(case, depth, unit)
    if flushes != (vessel.siphon is not None):
        kinds = "a flush is asked for, and no siphon", "a weir is asked for, and a siphon"
        return [failed("lvs.siphon", where, f"{kinds[not flushes]} was found that holds air", vessel.exit_at)]
    if vessel.siphon is None:
        return [_retained(case, depth, unit), *_teeth(case, depth, unit)]
    flow = float(case.asked.flows[depth][unit])
    wanted = Flush(float(asked.thresholds[unit]) * case.unit_volume, float(asked.retained[unit]) * case.unit_volume)
    holds = met(vessel, case.process, case.compensation, flow) - vessel.volume
    below = [case.found.vessels[goal] for goal in {g for tooth in vessel.teeth for g in tooth.goals} if goal != NOWHERE]
    checks = siphon_checks(where, vessel, wanted, holds, flow, below, case.process)
    if (asked.shares[unit] > 0).sum() > 1 or v in case.found.pools:
        checks += [*pool_checks(where, case.found.comb(v), v in case.found.pools), *_teeth(case, depth, unit)]
    return checks


def _retained(case: Comparison, depth: int, unit: int) -> Check:
    vessel = _vessel(case, depth, unit)
    wanted = float(case.network.layers[depth].retained[unit]) * case.unit_volume
    holds = held(vessel, case.process, case.compensation)
    cavity = max(0.0, wanted + vessel.primed - holds)
    limit = retained_limit(vessel, wanted + vessel.primed, case.process)
    why = f"cavity {vessel.volume / 1e3:.4f} mL, wanted {cavity / 1e3:.4f} mL beside {holds / 1e3:.3f} mL held up"
    off = abs(vessel.volume - cavity)
    return most("lvs.retained", bucket_name(depth, unit), off / 1e3, limit / 1e3, "mL", why, vessel.at)


def tolerances(case: Comparison) -> list[tuple[Array, Array]]:
    """For each row, how far off (mm3 kept, and share summed over branches) a unit may be that passes these rules.

    What surface tension holds in a bucket of which less is asked belongs to it: no cavity can take it away.
    """
    found = []
    for layer, asked in zip(case.recovered.layers, case.network.layers, strict=True):
        wanted = asked.retained * case.unit_volume
        kept = np.zeros(len(wanted))
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE:
                vessel = case.found.vessels[v]
                if vessel.siphon is not None:
                    kept[i] = SIPHON_SLACK
                    continue
                excess = max(0.0, held(vessel, case.process, case.compensation) - wanted[i] - vessel.primed)
                kept[i] = retained_limit(vessel, float(wanted[i]) + vessel.primed, case.process) + excess
        branches = (asked.shares > 0).sum(axis=1)
        found.append((kept, 2.0 * (branches // 2) * SHARE / 100.0))  # what some take too much, others lack
    return found


def _branches(case: Comparison, depth: int, unit: int) -> list[Check]:
    """Each branch: whether it is there, what it delivers, and its section behind the teeth."""
    vessel, layer = _comb(case, depth, unit), case.recovered.layers[depth]
    checks: list[Check] = []
    for j, share in enumerate(case.network.layers[depth].shares[unit]):
        where, got, section = case.duct(depth, unit, j), layer.shares[unit, j], layer.sections[unit, j]
        if share > 0 and got == 0:
            checks.append(failed("lvs.open", where, f"no drop arrives; {_ends(vessel)}", vessel.at, 0.0))
        elif share == 0 and got > 0:
            why = f"{100 * got:.2f} % of the spill goes where none should"
            checks.append(failed("lvs.extra", where, why, vessel.at, float(got)))
        elif share > 0:
            goal = case.targets(depth)[j]
            at = next((tooth.at for tooth in vessel.teeth if goal in tooth.goals), vessel.at)
            delivers = f"delivers {100 * got:.3f} % over a pour, wanted {100 * share:.3f} %"
            bulge = _bulge(vessel, goal)
            measures = f"section is {100 * section:.3f} %, wanted {100 * share:.3f} %"
            measures += f"; up to {100 * bulge:.2f} % wider on its way: a wall is open" if bulge > SECTION / 100 else ""
            if vessel.siphon is not None:  # one leg has no section to keep
                why = f"delivers {100 * got:.3f} % through its siphon, wanted {100 * share:.3f} %"
                checks += [
                    passed("lvs.open", where),
                    most("lvs.share", where, 100 * abs(got - share), SHARE, "pp", why),
                ]
                continue
            checks += [
                passed("lvs.open", where),
                most("lvs.share", where, 100 * abs(got - share), SHARE, "pp", delivers, at),
                most("lvs.section", where, 100 * max(abs(section - share), bulge), SECTION, "pp", measures, at),
                *_flows(case, depth, unit, j, at),
            ]
    return checks


def _bulge(vessel: Vessel, goal: int) -> float:
    """How much wider than their least the channels to a goal are where each is a section, as a part of all of them.

    A bucket with one branch has no section to keep: its channel may narrow all the way.
    """
    if len({mouth.goal for mouth in vessel.mouths}) == 1:
        return 0.0
    whole = sum(mouth.section_area for mouth in vessel.mouths)
    more = sum(mouth.section_most - mouth.section_area for mouth in vessel.mouths if mouth.goal == goal)
    return more / whole if whole > 0 else 0.0


def _flows(case: Comparison, depth: int, unit: int, j: int, at: Place) -> list[Check]:
    """One branch in water: at the design head, and the volume that goes astray of the fullest jugs' pour."""
    row = _flow_row(case, depth, unit, j)
    where, share, steady = row["where"], row["printable"], row["predicted"]
    told = ", ".join(f"{name} {100 * row[name]:.2f} %" for name in ("trained", "section", "predicted"))
    at_head = most("lvs.flow", where, 100 * abs(steady - share), FLOW, "pp", f"{told} at {row['head_mm']:.2f} mm", at)
    astray = row["spill_ml"] * abs(row["poured"] - share)
    return [at_head, most("lvs.flow", where, astray, POURED, "mL", f"astray of {row['spill_ml']:.1f} mL spilled", at)]


def _flow_row(case: Comparison, depth: int, unit: int, j: int) -> dict[str, Any]:
    layer = case.recovered.layers[depth]
    return {
        "where": case.duct(depth, unit, j),
        "trained": float(case.trained.layers[depth].shares[unit, j]),
        "printable": float(case.network.layers[depth].shares[unit, j]),
        "section": float(layer.sections[unit, j]),
        "predicted": float(layer.steady[unit, j]),
        "poured": float(layer.fullest[unit, j]),
        "head_mm": float(layer.pours[unit][0][0]),
        "spill_ml": float(case.asked.spills[depth][unit]) / 1e3,
    }


def flows(case: Comparison) -> list[dict[str, Any]]:
    """Every branch: its share as trained, as printable, of the sections, predicted at the design head and poured."""
    return [
        _flow_row(case, depth, i, int(j))
        for depth, layer in enumerate(case.recovered.layers)
        for i, v in enumerate(layer.vessels)
        if v != NOWHERE
        for j in np.flatnonzero((case.network.layers[depth].shares[i] > 0) | (layer.shares[i] > 0))
    ]


def _ends(vessel: Vessel) -> str:
    ends = sorted({e for t in vessel.teeth for e, g in zip(t.ends, t.goals, strict=True) if g == NOWHERE})
    return f"{len(vessel.teeth)} teeth; lost drops end {', '.join(ends) or 'nowhere'}"


def _teeth(case: Comparison, depth: int, unit: int) -> list[Check]:
    """Each tooth against what the tooth law asks of it, and the comb's sills against one level."""
    vessel, where = _comb(case, depth, unit), bucket_name(depth, unit)
    if not vessel.teeth:
        return [failed("lvs.open", where, "no mouth was found: it can't spill through a comb", vessel.exit_at)]
    levels = np.array([t.level for t in vessel.teeth])
    odd = vessel.teeth[int(np.argmax(np.abs(levels - np.median(levels))))]
    spread = float(np.ptp(levels))
    checks = [most("lvs.level", where, spread, LEVEL, "mm", "highest over lowest sill of the comb", odd.at)]
    targets = case.targets(depth)
    owner = [targets.index(t.goal) if t.goal in targets else NOWHERE for t in vessel.teeth]
    if len(set(owner)) == 1:  # one branch takes all, however wide its teeth
        return checks
    asked = ideal_widths(case, depth, unit, owner)
    limit = TOOTH + (REWRITTEN if decimals(open_widths(vessel)) else 0.0)
    for k, (tooth, width) in enumerate(zip(vessel.teeth, asked, strict=True)):
        place = f"{where if owner[k] == NOWHERE else case.duct(depth, unit, owner[k])}.t{k}"
        off = max(abs(tooth.width - width), abs(tooth.widest - width))
        why = f"opens {tooth.width:.4f} to {tooth.widest:.4f} mm, its share asks {width:.4f}"
        if isfinite(width):
            checks.append(most("lvs.tooth", place, off, limit, "mm", why, tooth.at))
    return checks


def ideal_widths(case: Comparison, depth: int, unit: int, owner: Sequence[int]) -> list[float]:
    """Width that each tooth needs so that its branch's teeth take alike and its share, the comb else as it is.

    NaN for all where a tooth leads where no share is wanted: then no width is right.
    """
    wanted = case.network.layers[depth].shares[unit]
    if NOWHERE in owner or any(wanted[b] <= 0 for b in owner):
        return [float("nan")] * len(owner)
    apiece = np.array([wanted[b] / owner.count(b) for b in owner])
    total = sum(wanted[b] for b in set(owner))
    law, pour = comb_law(case.process, case.compensation), case.recovered.layers[depth].pours[unit]
    return [float(w) for w in asked_widths(law, open_widths(_comb(case, depth, unit)), apiece / total, pour)]


def _shorts(case: Comparison) -> list[Check]:
    """Two names for one water."""
    checks = []
    for depth, layer in enumerate(case.recovered.layers):
        seen: dict[int, int] = {}
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE and v in seen:
                names = f"{bucket_name(depth, seen[v])}+{bucket_name(depth, i)}"
                checks.append(failed("lvs.short", names, "two buckets are one water", case.found.vessels[v].at))
            seen.setdefault(v, i)
    cups = [v for v in case.found.outputs if v != NOWHERE]
    if len(set(cups)) < len(cups):
        checks.append(failed("lvs.short", "cups", "two cups are one water"))
    return checks or [passed("lvs.short", "all vessels", f"{len(case.found.vessels)} waters apart")]


def _extras(case: Comparison) -> list[Check]:
    named = {v for layer in case.recovered.layers for v in layer.vessels} | set(case.found.outputs)
    named |= {case.found.pools[v] for v in named & case.found.pools.keys()}
    why = "a pool that is no unit of the network takes water"
    checks = [
        failed("lvs.extra", vessel.part, why, vessel.at)
        for v, vessel in enumerate(case.found.vessels)
        if v not in named
    ]
    return checks or [passed("lvs.extra", "all vessels", "every pool found is a unit or a cup")]
