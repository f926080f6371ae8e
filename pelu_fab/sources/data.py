"""Data for a network: in comes a CSV, out come volumes to pour and the cup that should win."""

from collections.abc import Sequence

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.network.model import Network
from pelu_fab.sources.cells import Cells, plain_name, read_cells
from pelu_fab.sources.tables import nearest

MAX_UNITS = 1e6  # of one pour: a cubic metre where a unit is a mL


def parse_samples(blob: bytes, where: str, network: Network) -> Samples:
    """Rows of a CSV with a header: one column a measurement, in order, and the label last, or no label at all.

    A last column by the name of a number that the cups say holds what was measured of it: it is checked, and no label.

    The network's scaling makes measurements into units. A label is the name of an output, or its index. Values must
    be finite; where only a factor is known, not negative either: water can't be.
    """
    cells = read_cells(blob, where)
    scaling = network.measures
    header, names = cells.header, [feature.name for feature in scaling.measured]
    count = len(names)
    if len(header) not in (count, count + 1):
        takes = f"{count} inputs" if network.scaling is None else f"{count} measurements"
        what = f"has {len(header)} columns, the network takes {takes}"
        raise FabError(where, what, f"give {count} feature columns in order, then the label")
    _check_order(header[:count], names, where)
    is_signed = network.scaling is not None
    values = np.array(
        [[_value(cells, row, k, is_signed=is_signed) for k in range(count)] for row in range(len(cells.rows))]
    )
    inputs = scaling.pours(values)
    if (inputs > MAX_UNITS).any():
        row, unit = (int(i) for i in np.argwhere(inputs > MAX_UNITS)[0])
        column, factor = scaling.columns[unit], scaling.features[unit].factor
        what = f"pours {inputs[row, unit]:g} units ({factor:g} a value), at most {MAX_UNITS:g}"
        raise FabError(cells.place(cells.rows[row][0], column), what, "scale that feature")
    if len(header) == count:
        return Samples(inputs)
    if any(readout.is_column(header[-1]) for readout in network.readouts):
        for row in range(len(cells.rows)):
            cells.number(row, count)
        return Samples(inputs)
    labels = [_label(row[-1], network.outputs, cells.place(line, count)) for line, row in cells.rows]
    return Samples(inputs, np.array(labels, dtype=np.int64))


def _check_order(columns: Sequence[str], inputs: Sequence[str], where: str) -> None:
    """Columns that carry the inputs' names in another order would pour the wrong jugs, without a word."""
    plain_columns, plain_inputs = [[plain_name(name) for name in names] for names in (columns, inputs)]
    if plain_columns != plain_inputs and sorted(plain_columns) == sorted(plain_inputs):
        what = f"has its columns in the order {', '.join(columns)}; the network's inputs are {', '.join(inputs)}"
        raise FabError(where, what, "put the columns in the order of the inputs")


def _value(cells: Cells, row: int, column: int, *, is_signed: bool) -> float:
    """A measurement."""
    value = cells.number(row, column)
    if value < 0 and not is_signed:
        line, texts = cells.rows[row]
        what = f"is {texts[column]}, allowed: 0 or more"
        raise FabError(cells.place(line, column), what, "water can't be negative: shift or scale that feature")
    return value


def _label(cell: str, outputs: Sequence[str], where: str) -> int:
    if cell in outputs:
        return outputs.index(cell)
    if cell.isascii() and cell.isdigit() and int(cell) < len(outputs):
        return int(cell)
    raise FabError(where, f"has the label {cell!r}, which names no output", nearest(cell, outputs))
