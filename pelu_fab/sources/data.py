"""Data for a network: in comes a CSV, out come volumes to pour and the cup that should win."""

import re
from collections.abc import Sequence

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.network.model import Network
from pelu_fab.sources.cells import Cells, read_cells
from pelu_fab.sources.tables import nearest

MAX_UNITS = 1e6  # of one pour: a cubic metre where a unit is a mL


def parse_samples(blob: bytes, where: str, network: Network) -> Samples:
    """Rows of a CSV with a header: one column a network input, in order, and the label last, or no label at all.

    A feature times `input_scale` is the volume in units. A label is the name of an output, or its index. Values must
    be finite and not negative: water can't be.
    """
    cells = read_cells(blob, where)
    header, count = cells.header, len(network.inputs)
    if len(header) not in (count, count + 1):
        what = f"has {len(header)} columns, the network takes {count} inputs"
        raise FabError(where, what, f"give {count} feature columns in order, then the label")
    _check_order(header[:count], network.inputs, where)
    inputs = np.array([[_volume(cells, row, k, network) for k in range(count)] for row in range(len(cells.rows))])
    if len(header) == count:
        return Samples(inputs)
    labels = [_label(row[-1], network.outputs, cells.place(line, count)) for line, row in cells.rows]
    return Samples(inputs, np.array(labels, dtype=np.int64))


def _check_order(columns: Sequence[str], inputs: Sequence[str], where: str) -> None:
    """Columns that carry the inputs' names in another order would pour the wrong jugs, without a word."""
    plain_columns, plain_inputs = [[_plain(name) for name in names] for names in (columns, inputs)]
    if plain_columns != plain_inputs and sorted(plain_columns) == sorted(plain_inputs):
        what = f"has its columns in the order {', '.join(columns)}; the network's inputs are {', '.join(inputs)}"
        raise FabError(where, what, "put the columns in the order of the inputs")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _volume(cells: Cells, row: int, column: int, network: Network) -> float:
    """What a cell pours, units."""
    value = cells.number(row, column)
    line, texts = cells.rows[row]
    if value < 0:
        what = f"is {texts[column]}, allowed: 0 or more"
        raise FabError(cells.place(line, column), what, "water can't be negative: shift or scale that feature")
    units = value * network.input_scale
    if units > MAX_UNITS:
        what = f"pours {units:g} units (input_scale {network.input_scale:g}), at most {MAX_UNITS:g}"
        raise FabError(cells.place(line, column), what, "scale that feature")
    return units


def _label(cell: str, outputs: Sequence[str], where: str) -> int:
    if cell in outputs:
        return outputs.index(cell)
    if cell.isascii() and cell.isdigit() and int(cell) < len(outputs):
        return int(cell)
    raise FabError(where, f"has the label {cell!r}, which names no output", nearest(cell, outputs))
