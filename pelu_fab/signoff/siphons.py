"""Whether a siphon does what its unit asks: fills to the threshold, primes, passes the inflow, empties, is tight."""

from collections.abc import Sequence
from dataclasses import dataclass

from pelu_fab.ir.process import Process
from pelu_fab.signoff.found import Vessel
from pelu_fab.signoff.report import Check, failed, least, most
from pelu_fab.signoff.siphon import passes, priming
from pelu_fab.signoff.stl import WRITTEN

THRESHOLD, FRACTION = 10.0, 0.001  # mm3, or of the threshold
LEFT = 50.0  # mm3 of what a flush leaves: a bore's polygon, and half a bore above the intake
SHORT = 2.0  # mm from the highest place where air gets in down to the outlet
QUICKER = 2.0  # times the priming flow that the inflow must be
LINES = 3  # of the nozzle side by side hold air
DRY = 2.0  # mm of air between an outlet and what is below it
STAYS = 10.0  # mm3 that a pool may keep below its sills


@dataclass(frozen=True, slots=True)
class Flush:
    """What is asked, mm3: the threshold, and what stays."""

    threshold: float
    residue: float


def siphon_checks(
    where: str, vessel: Vessel, asked: Flush, holds: float, flow: float, below: Sequence[Vessel], process: Process
) -> list[Check]:
    """lvs.threshold and lvs.siphon of one unit. `holds` is what flows in beyond the cavity before it flushes, mm3;
    `flow` the design inflow, mm3/s; `below` what it lets its water go to.
    """
    found = vessel.siphon
    assert found is not None
    off, limit = abs(vessel.volume + holds - asked.threshold), max(THRESHOLD, FRACTION * asked.threshold)
    prime = priming(found.bore, process)
    why = f"cavity {vessel.volume / 1e3:.4f} mL below the crown, {holds / 1e3:.3f} mL on walls and above it"
    air = f"air gets in {found.crown_z - found.intake_z:.2f} mm under the crown; then {found.residue / 1e3:.3f} mL stay"
    full = f"the full bore, {found.bore:.2f} mm at its narrowest, with water at the crown"
    over, wall = found.intake_z - found.outlet_z, LINES * process.printer.nozzle - WRITTEN
    dry = min((found.outlet_z - cup.level for cup in below), default=0.0)
    at = vessel.exit_at
    return [
        most("lvs.threshold", where, off / 1e3, limit / 1e3, "mL", why, at),
        most("lvs.siphon", f"{where} leaves", abs(found.residue - asked.residue) / 1e3, LEFT / 1e3, "mL", air, at),
        least("lvs.siphon", f"{where} passes", passes(found, process) / 1e3, flow / 1e3, "mL/s", full, found.bore_at),
        most("lvs.siphon", f"{where} primes", QUICKER * prime / 1e3, flow / 1e3, "mL/s", "twice its priming flow", at),
        least(
            "lvs.siphon", f"{where} leg", over, SHORT - WRITTEN, "mm", "from where air gets in down to the outlet", at
        ),
        least("lvs.siphon", f"{where} outlet", dry, DRY - WRITTEN, "mm", "air below the outlet", at),
        least("lvs.siphon", f"{where} tight", found.wall, wall, "mm", "thinnest wall round its air", found.wall_at),
    ]


def pool_checks(where: str, pool: Vessel, is_pool: bool) -> list[Check]:
    """lvs.siphon of what a siphon with several branches falls into: a pool that keeps nothing back."""
    if not is_pool:
        why = "several branches are asked for, and its siphon falls into no pool with a comb"
        return [failed("lvs.siphon", f"{where} pool", why, pool.exit_at)]
    why = "stays below the sills of the pool that it flushes into"
    return [most("lvs.siphon", f"{where} drains", pool.volume / 1e3, STAYS / 1e3, "mL", why, pool.at)]
