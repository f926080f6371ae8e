"""Data to train on: in comes a CSV, out come volumes to pour, labels, and who trains, validates and tests."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.files import read_input, sha256
from pelu_fab.network.model import Array
from pelu_fab.sources.data import csv_cells

Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A data set: `pours` (rows, in) in units, `labels` (rows,) that index `classes`.

    A pour is (feature - offset) × factor.
    """

    pours: Array
    labels: NDArray[np.int64]
    inputs: tuple[str, ...]
    classes: tuple[str, ...]
    factor: tuple[float, ...]
    offset: tuple[float, ...]
    sha256: str  # of the file


class Split(NamedTuple):
    """Which rows (rows,) are for what. Nothing is ever chosen by `test`."""

    train: Rows
    validation: Rows
    test: Rows


def read_table(path: str | Path, *, scale: float = 1.0) -> Table:
    """Read a CSV with a header, features first and the label last; a pour is feature × `scale`.

    Classes stand in the order in which they first appear. Raises `FabError` at the first bad line.
    """
    path = Path(path).expanduser()
    blob = read_input(path)
    header, lines = csv_cells(blob, str(path))
    if len(header) < 2:
        raise FabError(str(path), "has 1 column", "give the features, then the label")
    for line, cells in lines:
        if len(cells) != len(header):
            what = f"has {len(cells)} cells, the header {len(header)}"
            raise FabError(f"{path}, line {line}", what, "complete the row")
    words = [cells[-1] for _, cells in lines]
    classes = tuple(dict.fromkeys(words))
    if len(classes) < 2:
        raise FabError(str(path), f"has {len(classes)} class in its last column", "give at least 2 classes")
    features = np.array(
        [
            [_number(cell, f"{path}, line {line}, {name}") for cell, name in zip(cells[:-1], header, strict=False)]
            for line, cells in lines
        ]
    )
    index = {word: label for label, word in enumerate(classes)}
    count = len(header) - 1
    return Table(
        pours=features * scale,
        labels=np.array([index[word] for word in words], dtype=np.int64),
        inputs=tuple(header[:-1]),
        classes=classes,
        factor=(scale,) * count,
        offset=(0.0,) * count,
        sha256=sha256(blob),
    )


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise FabError(where, f"is {cell!r}, not a number", "give a decimal number with a point") from None
    if not math.isfinite(value):
        raise FabError(where, f"is {cell}", "give a finite number")
    return value


def check_pourable(table: Table, where: str) -> None:
    """Refuse negative volumes: no jug holds them."""
    if (table.pours < 0).any():
        row, column = (int(i) for i in np.argwhere(table.pours < 0)[0])
        what = f"{table.inputs[column]} of row {row} is {table.pours[row, column]:g}"
        raise FabError(where, what, 'shift it above 0, or train with scaling = "minmax"')


def minmax(table: Table, *, full: float, rows: Rows) -> Table:
    """Stretch each feature so that its range over `rows` pours 0 to `full` units; others are cut off at 0.

    Only training rows may be given as `rows`: the range is learnt like any weight. A feature that never changes
    there pours 0.
    """
    low, high = table.pours[rows].min(axis=0), table.pours[rows].max(axis=0)
    span = np.where(high > low, high - low, np.inf)
    factor = full / span
    return replace(
        table,
        pours=np.maximum((table.pours - low) * factor, 0.0),
        factor=tuple((np.array(table.factor) * factor).tolist()),
        offset=tuple((np.array(table.offset) + low / np.array(table.factor)).tolist()),
    )


def with_complements(table: Table, maxima: Array) -> Table:
    """Add a jug of `maxima` - pour for every input, named `<input>~`: what lets an output fall as a feature grows."""
    rest = np.maximum(np.asarray(maxima) - table.pours, 0.0)
    factor = np.array(table.factor)
    full_at = np.array(table.offset) + np.divide(maxima, factor, out=np.zeros(len(factor)), where=factor != 0)
    return replace(
        table,
        pours=np.concatenate([table.pours, rest], axis=1),
        inputs=(*table.inputs, *(f"{name}~" for name in table.inputs)),
        factor=(*table.factor, *(-factor).tolist()),
        offset=(*table.offset, *full_at.tolist()),
    )


def split(labels: NDArray[np.int64], *, validation: float, test: float, seed: int) -> Split:
    """Draw validation and test rows of every class alike, in these fractions; the rest trains."""
    rng = np.random.default_rng(seed)
    found = Split(*(np.zeros(len(labels), dtype=bool) for _ in range(3)))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        tests = round(test * len(rows))
        checks = round(validation * len(rows))
        found.test[rows[:tests]] = True
        found.validation[rows[tests : tests + checks]] = True
        found.train[rows[tests + checks :]] = True
    return found


def folds(labels: NDArray[np.int64], count: int, *, seed: int) -> tuple[Split, ...]:
    """`count` splits whose test rows are disjoint and together all rows, every class dealt out evenly."""
    rng = np.random.default_rng(seed)
    home = np.empty(len(labels), dtype=np.int64)
    dealt = 0
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        home[rows] = (dealt + np.arange(len(rows))) % count
        dealt += len(rows)
    if count > len(labels):
        raise FabError("folds", f"is {count}, the data have {len(labels)} rows", "use fewer folds")
    nothing = np.zeros(len(labels), dtype=bool)
    return tuple(Split(home != fold, nothing, home == fold) for fold in range(count))
