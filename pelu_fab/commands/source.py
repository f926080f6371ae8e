"""What a water verb is told on the command line: a design, a checkpoint or a compiled folder in, its rig out."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from pelu_fab.commands.rig import Rig
from pelu_fab.errors import FabError
from pelu_fab.files import read_input, recover
from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import Gutter, Layout
from pelu_fab.ir.process import Process
from pelu_fab.network.scaling import Scaling

ASIDE = 2.0  # mm that a gutter may lead aside before a joint between trays


def rig_of(source: Path, *, process: str | None = None, settings: Sequence[str] = ()) -> Rig:
    """A compiled folder, read back from its STL; or a design or checkpoint, sized and placed."""
    recover(source)
    if (source / "manifest.json").is_file():
        if settings:
            raise FabError("--set", "can't change a folder that is compiled", "give it to the design instead")
        from pelu_fab.commands.recovered import rig_of_folder

        return rig_of_folder(source, process=process)
    from pelu_fab.sources.design import load

    return rig_of_design(load(source, process=process, settings=settings))


def rig_of_design(design: Design, *, is_strict: bool = False) -> Rig:
    """Lower, size and place a design; no solids are built. `is_strict` refuses one whose jugs would spill, whose trays
    no bed takes, or whose gutters fan out over more than one tray.
    """
    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lay_out import lay_out

    lowered, sized, layout, findings = lay_out(design)
    if findings and is_strict:
        raise FabError(findings[0].where, f"would break {findings[0].rule}: {findings[0].why}", "use smaller jugs")
    if is_strict:
        _check_trays(layout, design.process)
    return Rig(
        network=design.network,
        netlist=lowered.netlist,
        process=design.process,
        water=water_of(lowered.netlist, sized, layout),
        unit_volume=design.unit_volume,
        pour_flow=design.pour_flow_ml * 1000.0,
        samples=design.samples,
        input_max=design.input_max,
        origin="drawing",
        device=Device(design, lowered, sized, layout, (), (), findings),
    )


def _check_trays(layout: Layout, process: Process) -> None:
    """Refuse trays wider than the bed, and a joint between trays where gutters already lead aside."""
    widest = max(process.printer.bed[:2])
    for tray in layout.trays:
        ends = [x for gutter in tray.gutters for station in gutter.stations for x in (station.x0, station.x1)]
        width = max(ends) - min(ends) + 2 * tray.wall
        if width > widest:
            raise FabError(
                tray.name, f"is {width:.0f} mm wide, the bed {widest:g} mm", "use fewer buckets or a larger bed"
            )
    for tray, after in pairwise(layout.trays):
        onward = {gutter.target for gutter in after.gutters}
        if any(gutter.target in onward and _aside(gutter) > ASIDE for gutter in tray.gutters):
            what = "passes on gutters that lead aside: they fan out over more than one tray"
            raise FabError(tray.name, what, "use fewer buckets, fewer cups or a larger bed")


def _aside(gutter: Gutter) -> float:
    """How far a gutter leads aside from its head to its end, mm."""
    first, last = gutter.stations[0], gutter.stations[-1]
    return abs(first.x0 + first.x1 - last.x0 - last.x1) / 2


def folder_jugs(folder: Path) -> tuple[float, ...]:
    """What each jug of a compiled folder holds, in units; none where its manifest doesn't say so."""
    try:
        told = json.loads(read_input(folder / "manifest.json"))["input_max"]
        return tuple(float(most) for most in told)
    except (FabError, ValueError, TypeError, KeyError):  # sign-off says what is wrong with it
        return ()


def folder_measures(folder: Path) -> Scaling:
    """From a measurement to a pour, as a compiled folder's own files say."""
    from pelu_fab.network.files import from_network_json, from_samples_csv

    network, samples = folder / "network.json", folder / "samples.csv"
    measures = from_network_json(read_input(network), str(network)).measures
    return measures.ranged(from_samples_csv(read_input(samples), str(samples))[0]) if samples.is_file() else measures
