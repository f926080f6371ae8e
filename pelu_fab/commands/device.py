"""What the water verbs start from: a source on the command line in, the device as water sees it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from pelu_fab.errors import FabError
from pelu_fab.files import recover
from pelu_fab.ir.design import Design, Samples
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.sim.schedule import Pour
from pelu_fab.sim.water import WaterNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A trained network, the netlist that was built of it, and the water network; `origin`: the drawing or the STL."""

    network: Network
    netlist: Netlist
    process: Process
    water: WaterNetwork
    unit_volume: float
    pour_flow: float  # mm3/s from each jug
    samples: Samples | None
    origin: str

    @property
    def inputs(self) -> int:
        """Number of jugs."""
        return len(self.water.inputs)


def device_of(source: Path, *, process: str | None = None, settings: Sequence[str] = ()) -> Device:
    """A compiled folder, read back from its STL; or a design or checkpoint, sized and placed."""
    recover(source)
    if (source / "manifest.json").is_file():
        if settings:
            raise FabError("--set", "can't change a folder that is compiled", "give it to the design instead")
        from pelu_fab.commands.recovered import device_of_folder

        return device_of_folder(source, process=process)
    from pelu_fab.sources.design import load

    return device_of_design(load(source, process=process, settings=settings))


def device_of_design(design: Design) -> Device:
    """Lower, size and place a design; no solids are built."""
    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lower import lower
    from pelu_fab.stages.place import place
    from pelu_fab.stages.size import size

    lowered = lower(design)
    sized = size(lowered, design)
    layout = place(sized, lowered.netlist, design.process)
    return Device(
        network=design.network,
        netlist=lowered.netlist,
        process=design.process,
        water=water_of(lowered.netlist, sized, layout),
        unit_volume=design.unit_volume,
        pour_flow=design.pour_flow_ml * 1000.0,
        samples=design.samples,
        origin="drawing",
    )


def numbers(text: str, count: int, what: str) -> list[float]:
    """`62,34,54,23` as that many finite numbers of at least 0."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(isfinite(x) and x >= 0 for x in found):
        raise FabError(f"{what} {text!r}", f"is not {count} numbers of at least 0", f"give {count}, parted by commas")
    return found


def pour_of(device: Device, pour: str | None, row: int | None) -> list[float]:
    """Units for each jug: as told, or a row of the device's data, or its first row."""
    if pour is not None and row is not None:
        raise FabError("--pour", "and --row both say what to pour", "give one of them")
    if pour is not None:
        return numbers(pour, device.inputs, "--pour")
    if device.samples is None:
        raise FabError("simulate", "there is nothing to pour", "add --pour, one number for each jug")
    chosen = 0 if row is None else row
    if not 0 <= chosen < len(device.samples.inputs):
        raise FabError(f"--row {chosen}", f"the data has {len(device.samples.inputs)} rows", "count rows from 0")
    return [float(x) for x in device.samples.inputs[chosen]]


def leaning(text: str) -> tuple[float, float]:
    """`0.5,0` as two angles, degrees."""
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError as error:
        raise FabError(f"--tilt {text!r}", "is not two angles", "give degrees, as 0.5,0") from error
    if not (abs(first) <= 10 and abs(second) <= 10):
        raise FabError(f"--tilt {text!r}", "leans more than 10 degrees", "stand the device on a table")
    return first, second


def top_up(text: str, device: Device, flow: float) -> Pour:
    """`2:10@30` as a pour of 10 units into input 2 from second 30, at `flow` mm3/s."""
    try:
        unit, rest = text.split(":")
        units, start = rest.split("@")
        volume = float(units) * device.unit_volume
        return Pour(int(unit), volume, float(start), volume / flow)
    except ValueError as error:
        raise FabError(f"--later {text!r}", "is not INPUT:UNITS@SECOND", "write for example 2:10@30") from error
