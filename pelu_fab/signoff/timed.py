"""The third book: water stepped through time in the device as measured. Recovered network in, mass checks out."""

import numpy as np

from pelu_fab.ir.process import Process
from pelu_fab.network.model import bucket_name, output_name
from pelu_fab.signoff.found import NOWHERE, Extraction, Vessel
from pelu_fab.signoff.mass import BALANCE, Book
from pelu_fab.signoff.recovered import Recovered
from pelu_fab.signoff.report import Check, most, skipped
from pelu_fab.signoff.stl import Array
from pelu_fab.sim.flow import flow
from pelu_fab.sim.schedule import all_at_once, in_portions, side_by_side
from pelu_fab.sim.water import WaterBucket, WaterMouth, WaterNetwork

RUNS = 100  # each poured at once, and again in portions of which every run has its own order
LARGEST = 60  # buckets; beyond, stepping through time takes longer than all other checks together
AGREES = 1e-6  # of what was poured, between the stepped water and the recovered network's arithmetic
RULES = ("mass.water", "mass.water_agrees")
HIGH_RIM = 200.0  # mm: freeboard is drc.freeboard's business, here nothing may leave another way


def balance_over_time(
    found: Extraction, recovered: Recovered, process: Process, book: Book, portions: Array, design_flow: float
) -> list[Check]:
    """Poured = retained + delivered + in transit, all jugs at once and portion by portion; and the same cups."""
    reason = _cannot_run(recovered)
    if reason:
        return [skipped(rule, "device", reason) for rule in RULES]
    water = water_of(found, recovered, process)
    portions = portions[:, :RUNS]
    poured = portions.sum(axis=0)
    rate = max(design_flow, 1000.0)
    both = side_by_side(
        all_at_once(poured, float(poured.max()) / rate), in_portions(portions, float(portions.max()) / rate)
    )
    run = flow(water, process, both)
    total = np.maximum(run.poured.sum(axis=1), 1.0)
    error = float((np.abs(run.mass_error()) / total).max())
    cups = np.tile(book.pour(poured)[1], (2, 1))
    apart = float((np.abs(run.cups - cups).max(axis=1) / total).max())
    return [
        most("mass.water", "device", error, BALANCE, "", f"water stepped through time, {2 * len(poured)} pours"),
        most("mass.water_agrees", "device", apart, AGREES, "", "its cups against the recovered network's arithmetic"),
    ]


def _cannot_run(recovered: Recovered) -> str:
    for depth, layer in enumerate(recovered.layers):
        for i, (vessel, lost) in enumerate(zip(layer.vessels, layer.lost, strict=True)):
            if layer.reachable[i] and (vessel == NOWHERE or abs(lost) > BALANCE):
                return f"{bucket_name(depth, i)} is missing or loses water; see mass.leak"
    if sum(len(layer.vessels) for layer in recovered.layers) > LARGEST:
        return f"more than {LARGEST} buckets; `pelu-fab simulate DIR` runs it"
    return ""


def water_of(found: Extraction, recovered: Recovered, process: Process) -> WaterNetwork:
    """The recovered device as water sees it, with the retained volumes and shares that were recovered."""
    rows = []
    for depth, layer in enumerate(recovered.layers):
        row = []
        for i, v in enumerate(layer.vessels):
            if v != NOWHERE:
                targets = _targets(recovered, depth, len(found.outputs))
                shares = tuple((t, float(a)) for t, a in zip(targets, layer.shares[i], strict=True) if a > 0)
                row.append(_bucket(found.vessels[v], bucket_name(depth, i), float(layer.retained[i]), shares, process))
        rows.append(tuple(row))
    inputs = tuple((f"in.x{i}", "") for i in range(len(rows[0])))
    return WaterNetwork("as built", tuple(rows), inputs, tuple((output_name(j), "") for j in range(len(found.outputs))))


def _targets(recovered: Recovered, depth: int, cups: int) -> list[str]:
    if depth + 1 == len(recovered.layers):
        return [output_name(j) for j in range(cups)]
    return [bucket_name(depth + 1, j) for j in range(len(recovered.layers[depth + 1].vessels))]


def _bucket(
    vessel: Vessel, name: str, retained: float, shares: tuple[tuple[str, float], ...], process: Process
) -> WaterBucket:
    teeth = [t.width for t in vessel.teeth]
    width, depth, slope = vessel.bed
    area = vessel.area if slope <= 0 else width * depth
    # In the ideal mode only the shares count; the mouths carry the timing.
    mouths = tuple(
        WaterMouth(
            t, tuple(w * a for w in teeth), 60.0, process.channels.min_width, process.channels.min_wall_height, 15.0
        )
        for t, a in shares
    )
    return WaterBucket(
        name=name,
        retained_volume=retained,
        shares=shares,
        drawn_volume=vessel.volume,
        area=max(area, 50.0),
        perimeter=vessel.perimeter,
        width=width or area**0.5,
        depth=depth or area**0.5,
        sill_z=vessel.level,
        sill_height=vessel.level - vessel.floor_z,
        rim_height=HIGH_RIM,
        floor_slope=slope,
        blade=process.printer.blade,
        design_head=3.0,
        mouths=mouths,
    )
