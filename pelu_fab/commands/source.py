"""What a water verb is told on the command line: a design, a checkpoint or a compiled folder in, its rig out."""

from collections.abc import Sequence
from pathlib import Path

from pelu_fab.commands.rig import Rig
from pelu_fab.errors import FabError
from pelu_fab.files import read_input, recover
from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.network.scaling import Scaling


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
    """Lower, size and place a design; no solids are built. `is_strict` refuses one whose jugs would spill."""
    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lay_out import lay_out

    lowered, sized, layout, findings = lay_out(design)
    if findings and is_strict:
        raise FabError(findings[0].where, f"would break {findings[0].rule}: {findings[0].why}", "use smaller jugs")
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


def folder_measures(folder: Path) -> Scaling:
    """From a measurement to a pour, as a compiled folder's own files say."""
    from pelu_fab.network.files import from_network_json, from_samples_csv

    network, samples = folder / "network.json", folder / "samples.csv"
    measures = from_network_json(read_input(network), str(network)).measures
    return measures.ranged(from_samples_csv(read_input(samples), str(samples))[0]) if samples.is_file() else measures
