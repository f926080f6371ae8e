"""What the water verbs start from: a source on the command line in, the device as water sees it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design
from pelu_fab.ir.lowered import Lowered
from pelu_fab.sim.schedule import Pour
from pelu_fab.sim.water import WaterNetwork


@dataclass(frozen=True, slots=True)
class Device:
    """A design and the water network that it becomes; `origin` says whether that is the drawing or the STL."""

    design: Design
    lowered: Lowered
    water: WaterNetwork
    origin: str

    @property
    def inputs(self) -> int:
        """Number of jugs."""
        return len(self.water.inputs)


def device_of(source: Path, *, process: str | None = None, settings: Sequence[str] = ()) -> Device:
    """Load, lower and size a design; or read a compiled folder back from its STL."""
    from pelu_fab.sim.water import water_from_sized
    from pelu_fab.sources.design import load
    from pelu_fab.stages.lower import lower
    from pelu_fab.stages.size import size

    design = load(source, process=process, settings=settings)
    lowered = lower(design)
    sized = size(lowered, design)
    return Device(design, lowered, water_from_sized(lowered.netlist, sized, design.process), "drawing")


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
    """Units for each jug: as told, or a row of the design's data, or its first row."""
    samples = device.design.samples
    if pour is not None and row is not None:
        raise FabError("--pour", "and --row both say what to pour", "give one of them")
    if pour is not None:
        return numbers(pour, device.inputs, "--pour")
    if samples is None:
        raise FabError("simulate", "there is nothing to pour", "add --pour, one number for each jug")
    chosen = 0 if row is None else row
    if not 0 <= chosen < len(samples.inputs):
        raise FabError(f"--row {chosen}", f"the data has {len(samples.inputs)} rows", "count rows from 0")
    return [float(x) for x in samples.inputs[chosen]]


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
        volume = float(units) * device.design.unit_volume
        return Pour(int(unit), volume, float(start), volume / flow)
    except ValueError as error:
        raise FabError(f"--later {text!r}", "is not INPUT:UNITS@SECOND", "write for example 2:10@30") from error
