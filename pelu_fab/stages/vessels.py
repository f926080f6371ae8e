"""What people handle: cups that compare, jugs with rulers; how wide what stands side by side is."""

from dataclasses import replace
from math import ceil, floor, sqrt

import numpy as np

from pelu_fab.ir.design import Design
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.ruler import Ruler
from pelu_fab.ir.sheet import Sheet
from pelu_fab.ir.sized import Jug, SizedCup
from pelu_fab.ir.units import MM3_PER_ML, on_grid
from pelu_fab.network.algebra import outputs
from pelu_fab.network.names import input_name
from pelu_fab.stages.courses import LONE_TEETH, is_row

CUP_WIDTH, CUP_DEPTH, CUP_TALL, CUP_FREEBOARD, CUP_RESERVE = 30.0, 40.0, 120.0, 9.0, 1.05
CUP_READ, A_NOZZLE = 8.0, 20.0  # mm that water must be able to stand in a cup, for its marks; times the nozzle
CUP_LEAST, BED_EDGE = 20.0, 2.0  # width of a cup where many stand side by side; of a bed that stays free
WITHIN = 6.0  # mm between a gutter's water and the walls of the vessel that it ends over
JUG_SIDES, JUG_SIDE, SLENDER = 4, 34.5, 2.2  # rulers a jug; the narrowest, with marks every 2 mL; height to width
LEAST_JUG, LEAST_RULER = 20e3, 8e3  # mm3
TITLE, BESIDE = 16.2, 2.6  # nozzles that two lines of the smallest letters take over a jug's marks; mm round them
PLATE, SEATS, CUP_AIR = 4.4, 3.0, 0.5  # mm: rack's plates, at least; two ears' seats on one; air beside a cup
PAD = 0.7  # mm that a card's pads stand out further than that air, to stop beside a sheet


def rack_plate(process: Process, sheet: Sheet | None = None) -> float:
    """Room for the rack's plates: a blade is left between two ears that stand on one; beside a sheet room for pads."""
    return max(PLATE, SEATS + process.printer.blade, sheet.thickness + 2 * PAD if sheet else 0.0)


def between_cups(process: Process, sheet: Sheet | None = None) -> float:
    """From the inside of a cup to the inside of the next: two walls, a plate, air."""
    return 2 * process.printer.wall + 2 * CUP_AIR + rack_plate(process, sheet)


def cup_width(netlist: Netlist, process: Process, sheet: Sheet | None = None) -> float:
    """Inside of a cup, and of a row's card: less than usual where the tray that fans out to many fits the bed so."""
    last = netlist.rows[-1]
    fed = [duct.target for bucket in last for duct in netlist.leaving[bucket.name]]
    in_row = is_row(netlist, len(netlist.rows) - 1)
    abreast = max(map(fed.count, fed)) if in_row else 1
    number, between = len(set(fed)) * abreast, between_cups(process, sheet)
    most = process.printer.bed[0] - BED_EDGE - 2 * process.printer.slanting
    fan = (most - (number - 1) * between + 2 * WITHIN) / number  # the outer gutters end within their vessels
    room = process.printer.bed[0] - BED_EDGE - rack_plate(process, sheet)  # for the rack round one cup
    rack = room / abreast - between if abreast > 1 else fan
    width = floor(min(fan, rack))
    teeth, blade = LONE_TEETH * process.comb.tooth, process.printer.blade
    banks = teeth + (LONE_TEETH - 1) * blade + 2 * process.printer.wall  # of a row's card, inside of its outer walls
    least = max(CUP_LEAST, teeth + LONE_TEETH * blade, banks if in_row else 0.0)
    return min(float(width), CUP_WIDTH) if width >= least else CUP_WIDTH


def cups_of(lowered: Lowered, width: float, design: Design) -> tuple[SizedCup, ...]:
    """Like cups, so that the highest water is the fullest cup: each holds what the fullest jugs can send to any.

    Outputs are monotone in every input.
    """
    most = outputs(lowered.network, np.asarray([design.input_max], dtype=np.float64))[0]
    fullest = float(most.max()) * design.unit_volume * CUP_RESERVE
    read = max(CUP_READ, A_NOZZLE * design.process.printer.nozzle)
    return tuple(_cup(port, label, fullest, width, read) for port, label in lowered.netlist.outputs)


def _cup(port: str, label: str, volume: float, width: float, read: float) -> SizedCup:
    """A whole number of 5 mL; deeper where it would be too tall, and so tall that in a wide one water stands up to
    `read`, which is room for marks.
    """
    capacity = max(ceil(volume / 5000.0 - 1e-9) * 5000.0, ceil(width * CUP_DEPTH * read / 5000.0) * 5000.0)
    depth = on_grid(max(CUP_DEPTH, CUP_DEPTH * CUP_WIDTH / width, capacity / (width * CUP_TALL)))
    return SizedCup(port, label, capacity, width, depth, on_grid(capacity / (width * depth) + CUP_FREEBOARD))


def jugs_of(design: Design, priming: float) -> tuple[Jug, ...]:
    """One jug for every four rulers: order does not matter, so that one is filled for each input in turn."""
    rulers = _rulers(design)
    fours = [rulers[k : k + JUG_SIDES] for k in range(0, len(rulers), JUG_SIDES)]
    names = ["jug"] if len(fours) == 1 else [f"jug-{k + 1}" for k in range(len(fours))]
    above = on_grid(max(CUP_FREEBOARD, TITLE * design.process.printer.nozzle + BESIDE))
    return tuple(_jug(name, four, priming, above) for name, four in zip(names, fours, strict=True))


def _jug(name: str, rulers: tuple[Ruler, ...], priming: float, above: float) -> Jug:
    """Holds whole steps of 5 mL below `above` mm, and is taller than wide, so that a mL stands high."""
    capacity = max(ceil(max(*(r.most for r in rulers), priming) / 5000.0 - 1e-9) * 5000.0, LEAST_JUG)
    side = on_grid(max(JUG_SIDE, (capacity / SLENDER) ** (1.0 / 3.0), sqrt(capacity / CUP_TALL)))
    jug = Jug(name, capacity, side, 0.0, priming, rulers)
    return replace(jug, height=on_grid(capacity / jug.area + above))


def _rulers(design: Design) -> tuple[Ruler, ...]:
    """One for each input that stands for a measurement; plain mL for the others, or where a side is free for them."""
    network, unit = design.network, design.unit_volume
    found = []
    for i, (most, feature) in enumerate(zip(design.input_max, network.measures.features, strict=True)):
        if not feature.is_plain and feature.factor and most * unit >= LEAST_RULER:
            found.append(Ruler(input_name(i), feature.unit, feature.offset, 1.0 / (feature.factor * unit), most * unit))
    if len(found) < len(network.inputs) or len(found) % JUG_SIDES:
        found.append(Ruler("", "mL", 0.0, 1.0 / MM3_PER_ML, max(design.input_max) * unit))
    return tuple(found)
