"""Layout in, parts out: every printed piece as a kernel-neutral solid with its place in the assembly."""

from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.sized import Sized
from pelu_fab.ir.solid import Part
from pelu_fab.network.names import bucket_name, input_name, output_name
from pelu_fab.stages.solids.card import card_part
from pelu_fab.stages.solids.labels import labels
from pelu_fab.stages.solids.sheet import sheet_stand
from pelu_fab.stages.solids.stand import rack_parts, trestle_parts
from pelu_fab.stages.solids.tray import tray_part
from pelu_fab.stages.solids.vessels import cup_part, jug_part


def build(layout: Layout, sized: Sized, design: Design) -> tuple[Part, ...]:
    """Every part, in assembly order from the table up: stand, each layer's trays and cards, cups; then the jugs."""
    process = design.process
    jugs = {input_name(i): label for i, label in enumerate(labels(design.network.inputs, measured=True))}
    cups = {output_name(i): label for i, label in enumerate(labels(design.network.outputs))}
    heads = {bucket_name(0, i): label for i, label in enumerate(jugs.values())}
    sheet = design.sheet
    parts = sheet_stand(layout, sheet) if sheet else rack_parts(layout, process)
    for number, trestle in enumerate(() if sheet else layout.trestles):
        parts += trestle_parts(trestle, number, process)
    for depth in reversed(
        range(len(layout.layers))
    ):  # a staircase stands before gutters pass over it, and head on tail
        own = [tray for tray in layout.trays if tray.name.rstrip("abcdefghij") == f"tray-L{depth}"]
        parts += [tray_part(tray, layout.cards, process.printer) for tray in reversed(own)]
        parts += [card_part(placed, heads, process) for placed in layout.layers[depth]]
    parts += [cup_part(cup, cups[cup.cup.port], process) for cup in layout.cups]
    parts += [jug_part(jug, jugs, process) for jug in sized.jugs]
    return tuple(parts)
