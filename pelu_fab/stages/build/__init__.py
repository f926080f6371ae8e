"""Layout in, parts out: every printed piece as a kernel-neutral solid with its place in the assembly."""

from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.sized import Sized
from pelu_fab.ir.solid import Part
from pelu_fab.network.names import bucket_name, input_name, output_name
from pelu_fab.stages.build.frame import frame_parts
from pelu_fab.stages.build.labels import labels
from pelu_fab.stages.build.row import row_part
from pelu_fab.stages.build.trays import chute_parts, gutter_parts
from pelu_fab.stages.build.vessels import cup_part, jug_part


def build(layout: Layout, sized: Sized, design: Design) -> tuple[Part, ...]:
    """Every part, in assembly order from the table up: frame, cups, rows with their trays, jugs."""
    process = design.process
    jugs = {input_name(i): label for i, label in enumerate(labels(design.network.inputs))}
    cups = {output_name(i): label for i, label in enumerate(labels(design.network.outputs))}
    heads = {bucket_name(0, i): label for i, label in enumerate(jugs.values())}
    parts = frame_parts(layout, process)
    parts += [cup_part(cup, cups[cup.cup.port], process) for cup in layout.cups]
    for row, crossbar in zip(layout.rows, layout.crossbars, strict=True):
        if crossbar.gutters:
            parts += [*gutter_parts(row, crossbar, process), *chute_parts(row, crossbar, process)]
        parts.append(row_part(row, crossbar.lanes, heads, process))
    parts += [jug_part(jug, jugs[jug.port], process) for jug in sized.jugs]
    return tuple(parts)
