"""What everything is called, put together and taken apart here alone: `L0.b1`, `in.x0`, `out.y2`, `L0.b1->out.y2`.

One name for life: checkpoint, netlist, layout, mesh, error and report share it.
"""

from pelu_fab.errors import FabBug

ARROW = "->"
BUCKET, INPUT, OUTPUT = ".b", "in.x", "out.y"


def bucket_name(layer: int, unit: int) -> str:
    """A unit's bucket: `L0.b1`."""
    return f"L{layer}{BUCKET}{unit}"


def input_name(unit: int) -> str:
    """Port of input `unit`: where its jug is poured."""
    return f"{INPUT}{unit}"


def output_name(unit: int) -> str:
    """Port of output `unit`: a cup."""
    return f"{OUTPUT}{unit}"


def target_name(layer: int, unit: int, *, layers: int) -> str:
    """What output `unit` of `layer` leads to: a bucket of the next layer, or a cup after the last of `layers`."""
    return output_name(unit) if layer + 1 == layers else bucket_name(layer + 1, unit)


def duct_name(source: str, target: str) -> str:
    """What leads from one to the other: `L0.b1->L1.b0`."""
    return f"{source}{ARROW}{target}"


def source_of(duct: str) -> str:
    """Where a duct begins: L0.b1 of `L0.b1->L1.b0`, whatever of its way is told after that."""
    return duct.partition(ARROW)[0]


def target_of(duct: str) -> str:
    """Where a duct leads: L1.b0 of `L0.b1->L1.b0`, whatever of its way is told after that."""
    return duct.partition(ARROW)[2].partition(" ")[0]


def branch_name(layer: int, unit: int, target: int, *, layers: int) -> str:
    """The duct by indices: share (`unit`, `target`) of `layer` flows in it."""
    return duct_name(bucket_name(layer, unit), target_name(layer, target, layers=layers))


def unit_of(bucket: str) -> int:
    """The unit that a bucket's name ends in: 1 of `L0.b1`."""
    _, mark, unit = bucket.partition(BUCKET)
    if not mark or not unit.isdecimal():
        raise FabBug(f"{bucket!r} names no bucket")
    return int(unit)
