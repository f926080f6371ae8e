"""What the water verbs pour into: a device, drawn or recovered, with its network, its water and its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from pelu_fab.errors import FabError, warn
from pelu_fab.ir.design import Samples
from pelu_fab.ir.device import Device
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.sim.schedule import Pour
from pelu_fab.sim.water import WaterNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """A trained network, the netlist built of it, and its water network; `origin`: drawing or STL.

    `device` is the drawing itself, without solids; a compiled folder has none.
    """

    network: Network
    netlist: Netlist
    process: Process
    water: WaterNetwork
    unit_volume: float
    pour_flow: float  # mm3/s from each jug
    samples: Samples | None
    input_max: tuple[float, ...]  # units: the fullest jug of each input; none where not known
    origin: str
    device: Device | None = None

    @property
    def inputs(self) -> int:
        """Number of jugs."""
        return len(self.water.inputs)

    @property
    def measures(self) -> Scaling:
        """From a measurement to a pour; ranges from the samples where training left none."""
        measures = self.network.measures
        return measures if self.samples is None else measures.ranged(self.samples.inputs)


def numbers(text: str, count: int, what: str) -> list[float]:
    """`62,34,54,23` as that many finite numbers of at least 0."""
    found = _finite(text)
    if len(found) != count or not all(x >= 0 for x in found):
        raise FabError(f"{what} {text!r}", f"is not {count} numbers of at least 0", f"give {count}, parted by commas")
    return found


def _finite(text: str) -> list[float]:
    """Numbers between commas, or with decimal commas between semicolons; none where one is no finite number."""
    parts = text.replace(",", ".").split(";") if ";" in text else text.split(",")
    try:
        found = [float(part) for part in parts]
    except ValueError:
        return []
    return found if all(map(isfinite, found)) else []


def pour_of(
    rig: Rig, pour: str | None, row: int | None, sample: str | None = None, *, beyond: bool = False
) -> list[float]:
    """Units for each jug: as told, or of a sample, or a row of its data, or its first row; `beyond` its jugs if asked.

    What is out of the data's range is said, and so is what looks like another unit.
    """
    given = {"--pour": pour, "--row": row, "--sample": sample}
    told = [name for name, value in given.items() if value is not None]
    if len(told) > 1:
        raise FabError(told[0], f"and {told[1]} both say what to pour", "give one of them")
    if sample is not None:
        units = units_of(sample, rig.measures)
        check_jugs(units, rig.input_max, rig.network.inputs, f"--sample {sample}", beyond=beyond)
        return units
    if pour is not None:
        units = numbers(pour, rig.inputs, "--pour")
        doubt(units, rig.measures, rig.samples, f"--pour {pour}")
        check_jugs(units, rig.input_max, rig.network.inputs, f"--pour {pour}", beyond=beyond)
        return units
    if rig.samples is None:
        raise FabError("simulate", "there is nothing to pour", "add --pour, one number for each jug, or --sample")
    chosen = 0 if row is None else row
    if not 0 <= chosen < len(rig.samples.inputs):
        raise FabError(f"--row {chosen}", f"the data has {len(rig.samples.inputs)} rows", "count rows from 0")
    return [float(x) for x in rig.samples.inputs[chosen]]


def units_of(sample: str, measures: Scaling) -> list[float]:
    """What a sample in the user's own units pours into each jug; what is odd about it is said."""
    values, measured = _finite(sample), measures.measured
    if len(values) != len(measured):
        names = ", ".join(feature.title for feature in measured)
        what, remedy = f"is not {len(measured)} numbers", f"give, parted by commas, with decimal points, {names}"
        raise FabError(f"--sample {sample!r}", what, remedy)
    for doubt in measures.doubts(values):
        warn(f"--sample {sample}", doubt, "the network never saw that, and its answer means little")
    return [float(units) for units in measures.pours(np.array([values]))[0]]


def check_jugs(
    units: Sequence[float], jugs: Sequence[float], inputs: Sequence[str], where: str, *, beyond: bool
) -> None:
    """Refuse more than a jug holds; none known, none refused."""
    for volume, most, name in zip(units, jugs, inputs, strict=False):
        if volume > most * (1.0 + 1e-9) and not beyond:
            what = f"pours {volume:.4g} units of {name}, its jug holds {most:g}"
            remedy = "check the units it is given in, or add --beyond to pour it all the same"
            raise FabError(where, what, remedy)


def doubt(units: Sequence[float], measures: Scaling, samples: Samples | None, where: str) -> None:
    """Say where units look like measurements that nobody has scaled yet."""
    measured, pours = measures.measured, samples.inputs if samples is not None else None
    known = [f for f in measured if f.low is not None and (f.factor, f.offset) != (1.0, 0.0)]
    if len(known) == len(measured) == len(units) and all(map(_is_measurement, measured, units)):
        warn(where, "looks like measurements, and is poured as units", "say --sample for measurements")
    elif pours is not None and len(units) > 1 and (np.array(units) < pours.min(axis=0)).all():
        least = ", ".join(f"{volume:.3g}" for volume in pours.min(axis=0).tolist())
        warn(where, f"is less of everything than any row of the data pours ({least})", "are these units? see --sample")


def _is_measurement(feature: Feature, value: float) -> bool:
    return feature.low is not None and feature.high is not None and feature.low <= value <= feature.high


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
