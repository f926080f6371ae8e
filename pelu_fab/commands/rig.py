"""What the water verbs pour into: a device, drawn or recovered, with its network, its water and its data."""

from dataclasses import dataclass
from math import isfinite

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.sim.schedule import Pour
from pelu_fab.sim.water import WaterNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """A trained network, the netlist built of it, and its water network; `origin`: drawing or STL."""

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


def numbers(text: str, count: int, what: str) -> list[float]:
    """`62,34,54,23` as that many finite numbers of at least 0."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(isfinite(x) and x >= 0 for x in found):
        raise FabError(f"{what} {text!r}", f"is not {count} numbers of at least 0", f"give {count}, parted by commas")
    return found


def pour_of(rig: Rig, pour: str | None, row: int | None) -> list[float]:
    """Units for each jug: as told, or a row of its data, or its first row."""
    if pour is not None and row is not None:
        raise FabError("--pour", "and --row both say what to pour", "give one of them")
    if pour is not None:
        return numbers(pour, rig.inputs, "--pour")
    if rig.samples is None:
        raise FabError("simulate", "there is nothing to pour", "add --pour, one number for each jug")
    chosen = 0 if row is None else row
    if not 0 <= chosen < len(rig.samples.inputs):
        raise FabError(f"--row {chosen}", f"the data has {len(rig.samples.inputs)} rows", "count rows from 0")
    return [float(x) for x in rig.samples.inputs[chosen]]


def leaning(text: str) -> tuple[float, float]:
    """`0.5,0` as two angles, degrees."""
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError as error:
        raise FabError(f"--tilt {text!r}", "is not two angles", "give degrees, as 0.5,0") from error
    if not (abs(first) <= 10 and abs(second) <= 10):
        raise FabError(f"--tilt {text!r}", "leans more than 10 degrees", "stand the device on a table")
    return first, second


def top_up(text: str, rig: Rig, flow: float) -> Pour:
    """`2:10@30` as a pour of 10 units into input 2 from second 30, at `flow` mm3/s."""
    try:
        unit, rest = text.split(":")
        units, start = rest.split("@")
        volume = float(units) * rig.unit_volume
        return Pour(int(unit), volume, float(start), volume / flow)
    except ValueError as error:
        raise FabError(f"--later {text!r}", "is not INPUT:UNITS@SECOND", "write for example 2:10@30") from error
