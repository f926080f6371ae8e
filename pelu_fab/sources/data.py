"""Data for a network: in comes a CSV, out come volumes to pour and the cup that should win."""

import csv
import io
import math
import re
from collections.abc import Sequence

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.network.model import Network
from pelu_fab.sources.tables import nearest, text_of

MAX_ROWS = 100_000


def parse_samples(blob: bytes, where: str, network: Network) -> Samples:
    """Rows of a CSV with a header: one column a network input, in order, and the label last, or no label at all.

    A feature times `input_scale` is the volume in units. A label is the name of an output, or its index. Values must
    be finite and not negative: water can't be.
    """
    header, rows = csv_cells(blob, where)
    count = len(network.inputs)
    if len(header) not in (count, count + 1):
        what = f"has {len(header)} columns, the network takes {count} inputs"
        raise FabError(where, what, f"give {count} feature columns in order, then the label")
    _check_order(header[:count], network.inputs, where)
    features = np.empty((len(rows), count))
    for row, (line, cells) in enumerate(rows):
        if len(cells) != len(header):
            raise FabError(f"{where}, line {line}", f"has {len(cells)} cells, not {len(header)}", "complete the row")
        features[row] = [_volume(cells[k], f"{where}, line {line}, {header[k]}") for k in range(count)]
    if len(header) == count:
        return Samples(features * network.input_scale)
    labels = [_label(cells[-1], network.outputs, f"{where}, line {line}") for line, cells in rows]
    return Samples(features * network.input_scale, np.array(labels, dtype=np.int64))


def csv_cells(blob: bytes, where: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and each row that isn't blank with its line number."""
    reader = csv.reader(io.StringIO(text_of(blob, where), newline=""), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise FabError(f"{where}, line {reader.line_num}", f"is not valid CSV: {error}", "correct it there") from error
    if len(lines) < 2:
        raise FabError(where, "holds no rows of data", "give a header and at least one row")
    if len(lines) > MAX_ROWS + 1:
        raise FabError(where, f"holds {len(lines) - 1:,} rows, at most {MAX_ROWS:,} are read", "give a sample of them")
    (_, header), *rows = lines
    if all(_is_number(cell) for cell in header[:-1] or header):  # the last may be a label
        raise FabError(where, "has no header, its first line holds numbers", "name the columns in the first line")
    return header, rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_order(columns: Sequence[str], inputs: Sequence[str], where: str) -> None:
    """Columns that carry the inputs' names in another order would pour the wrong jugs, without a word."""
    plain_columns, plain_inputs = [[_plain(name) for name in names] for names in (columns, inputs)]
    if plain_columns != plain_inputs and sorted(plain_columns) == sorted(plain_inputs):
        what = f"has its columns in the order {', '.join(columns)}; the network's inputs are {', '.join(inputs)}"
        raise FabError(where, what, "put the columns in the order of the inputs")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _volume(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise FabError(where, f"is {cell!r}, not a number", "give a decimal number with a point") from None
    if not math.isfinite(value) or value < 0:
        raise FabError(where, f"is {cell}, allowed: 0 or more", "water can't be negative: shift or scale that feature")
    return value


def _label(cell: str, outputs: Sequence[str], where: str) -> int:
    if cell in outputs:
        return outputs.index(cell)
    if cell.isascii() and cell.isdigit() and int(cell) < len(outputs):
        return int(cell)
    raise FabError(where, f"has the label {cell!r}, which names no output", nearest(cell, outputs))
