"""What a water verb is told on the command line: a design, a checkpoint or a compiled folder in, its rig out."""

from collections.abc import Sequence
from pathlib import Path

from pelu_fab.commands.rig import Rig
from pelu_fab.errors import FabError
from pelu_fab.files import recover
from pelu_fab.ir.design import Design


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


def rig_of_design(design: Design) -> Rig:
    """Lower, size and place a design; no solids are built."""
    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lay_out import lay_out

    lowered, sized, layout, _ = lay_out(design)
    return Rig(
        network=design.network,
        netlist=lowered.netlist,
        process=design.process,
        water=water_of(lowered.netlist, sized, layout),
        unit_volume=design.unit_volume,
        pour_flow=design.pour_flow_ml * 1000.0,
        samples=design.samples,
        origin="drawing",
    )
