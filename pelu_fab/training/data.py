"""Data to train on: in comes a CSV, out come volumes to pour, labels, and who trains, validates and tests."""

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError, warn
from pelu_fab.files import read_input, sha256
from pelu_fab.network.model import Array
from pelu_fab.network.scaling import Scaling, plain_scaling
from pelu_fab.sources.cells import Cells, counts_rows, is_number, read_cells
from pelu_fab.sources.data import MAX_UNITS
from pelu_fab.sources.tables import name_fault

Rows = NDArray[np.bool_]
MANY_CLASSES, ROWS_A_CLASS = 12, 8  # above which classes are doubted
LEAST_NUMBERS = 8  # rows of a number to learn
LEAST_POUR, FULL_POUR, MOST_POUR = 12.0, 100.0, 2000.0  # units of the fullest jug


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A data set: `pours` (rows, in) in units, `labels` (rows,) that index `classes`.

    `scaling` says what a measurement pours, one feature for each of `inputs`. Where a number is asked for, `targets`
    (rows,) holds it, in its own unit, and the one class is its name.
    """

    pours: Array
    labels: NDArray[np.int64]
    inputs: tuple[str, ...]
    classes: tuple[str, ...]
    scaling: Scaling
    sha256: str  # of the file
    targets: Array | None = None


class Split(NamedTuple):
    """Which rows (rows,) are for what. Nothing is ever chosen by `test`."""

    train: Rows
    validation: Rows
    test: Rows


def read_table(
    path: str | Path,
    *,
    scale: float = 1.0,
    label: str | None = None,
    features: Sequence[str] = (),
    is_number: bool = False,
) -> Table:
    """Read a CSV with a header; a pour is feature × `scale`.

    The label is the last column, or the one that `label` names; the features are all others, or those named. Classes
    stand in the order in which they first appear; with `is_number` the label is a number to learn instead. Raises
    `FabError` at the first bad line.
    """
    path = Path(path).expanduser()
    return parse_table(read_input(path), str(path), scale=scale, label=label, features=features, is_number=is_number)


def parse_table(
    blob: bytes,
    where: str,
    *,
    scale: float = 1.0,
    label: str | None = None,
    features: Sequence[str] = (),
    is_number: bool = False,
) -> Table:
    """`read_table` of the bytes of the file `where`."""
    cells = _arranged(read_cells(blob, where), label, features, "--target" if is_number else "--label")
    count = len(cells.header) - 1
    if count < 1:
        raise FabError(where, "has 1 column", "give the features, then the label, with commas between")
    inputs = cells.names(range(count))
    targets = _targets(cells) if is_number else None
    if targets is None:
        _check_label(cells, is_told=label is not None)
    classes = cells.names(range(count + 1))[-1:] if is_number else _classes(cells)
    _check_numbers(cells, inputs)
    values = np.array([[cells.number(row, column) for column in range(count)] for row in range(len(cells.rows))])
    for column in range(count):
        if counts_rows(cells.column(column)):
            what = "counts the rows, and is trained on like a measurement"
            warn(cells.place(cells.line, column), what, "leave that column out")
    index = {word: number for number, word in enumerate(classes)}
    labels = [0] * len(cells.rows) if is_number else [index[word] for word in cells.column(-1)]
    return Table(
        pours=values * scale,
        labels=np.array(labels, dtype=np.int64),
        inputs=inputs,
        classes=classes,
        scaling=plain_scaling(inputs, scale),
        sha256=sha256(blob),
        targets=targets,
    )


def _check_numbers(cells: Cells, inputs: Sequence[str]) -> None:
    """Refuse a feature that holds no number at all: it is none, and a choice of columns leaves it out."""
    words = [k for k in range(len(inputs)) if not any(is_number(cell.replace(",", ".")) for cell in cells.column(k))]
    if words and len(words) < len(inputs):
        line, row = cells.rows[0]
        others = shlex.quote(",".join(name for k, name in enumerate(inputs) if k not in words))
        what = f"is {row[words[0]]!r}, not a number, nor is any of its column"
        raise FabError(cells.place(line, words[0]), what, f"leave that column out: --features {others}")


def _targets(cells: Cells) -> Array:
    """The numbers of the last column; `FabError` where they are all one, or hardly any."""
    last = len(cells.header) - 1
    found = np.array([cells.number(row, last) for row in range(len(cells.rows))])
    if len(found) < LEAST_NUMBERS or not np.ptp(found) > 0:
        what = f"holds {len(found)} rows and {len(np.unique(found))} different numbers"
        remedy = f"give at least {LEAST_NUMBERS} rows of a number that changes"
        raise FabError(cells.place(cells.line, last), what, remedy)
    return found


def _arranged(cells: Cells, label: str | None, features: Sequence[str], option: str = "--label") -> Cells:
    """The chosen columns, the label last; `option` is what names it."""
    if label is None and not features:
        return cells
    last = len(cells.header) - 1 if label is None else cells.find(label, option)
    columns = [cells.find(name, "--features") for name in features]
    if last in columns or len(set(columns)) < len(columns):
        raise FabError("--features", f"names a column twice, or that of {option}", "name each feature once")
    return cells.arranged([*(columns or [k for k in range(len(cells.header)) if k != last]), last])


def _check_label(cells: Cells, *, is_told: bool) -> None:
    """Refuse a label of measurements: it stands elsewhere, or there is none."""
    column, others = cells.column(-1), range(len(cells.header) - 1)
    numbers = [float(cell.replace(",", ".")) for cell in column if is_number(cell.replace(",", "."))]
    kinds, where = len(set(column)), cells.place(cells.line, len(cells.header) - 1)
    if len(numbers) < len(column):
        return
    words = [k for k in others if _is_label(cells.column(k), kinds)]
    is_measured = not all(number.is_integer() for number in numbers)
    if not is_measured:  # whole numbers may be classes, unless other columns hold words
        words = [] if is_told else [k for k in others if not any(map(is_number, cells.column(k)))]
    if not is_measured and not words:
        return
    what = f"holds {kinds} different numbers, like a measurement and not like classes"
    name = cells.header[-1]
    remedy = f"say --target {name} to learn the number, or put words for classes into that column"
    if words:
        name = cells.header[words[0]]
        remedy = f"put the label last, or say --label {name}: it seems to be column {cells.position(words[0])} ({name})"
    raise FabError(where, what, remedy)


def _is_label(column: list[str], fewer: int) -> bool:
    """Whether a column names classes: words, or few whole numbers that come again and again."""
    kinds = set(column)
    whole = all(cell.isascii() and cell.isdigit() for cell in kinds)
    return 1 < len(kinds) < min(fewer, len(column) / 4) and (whole or not any(map(is_number, kinds)))


def _classes(cells: Cells) -> tuple[str, ...]:
    """The labels in the order in which they first appear: names, like those of inputs."""
    last = len(cells.header) - 1
    first: dict[str, int] = {}
    for line, row in cells.rows:
        word = row[-1]
        if word not in first:
            fault = name_fault(word)
            if fault is not None:
                remedy = "fill it in, or leave the row out" if not word else "rename that class"
                raise FabError(cells.place(line, last), f"has a label that {fault}", remedy)
            first[word] = line
    if len(first) < 2:
        remedy = "give at least 2 classes, or say which column holds them: --label NAME"
        raise FabError(cells.place(cells.line, last), f"has {len(first)} class", remedy)
    alone = [word for word, count in Counter(cells.column(-1)).items() if count == 1]
    if alone:
        what = f"has one row alone of class {alone[0]!r}" + (f" and of {len(alone) - 1} more" if alone[1:] else "")
        warn(cells.where, what, "nothing can be learnt and tested of one row: give more, or leave that class out")
    _warn_of_classes(cells, first)
    return tuple(first)


def _warn_of_classes(cells: Cells, first: Mapping[str, int]) -> None:
    plain: dict[str, str] = {}
    for word, line in first.items():
        other = plain.setdefault("".join(word.split()).casefold(), word)
        if other is not word:
            what = f"has the class {word!r} beside {other!r}: two cups"
            warn(cells.place(line, len(cells.header) - 1), what, "write both alike if they are one")
    if len(first) > max(MANY_CLASSES, len(cells.rows) / ROWS_A_CLASS):
        what = f"has {len(first)} classes for {len(cells.rows)} rows: as many cups"
        warn(cells.where, what, "check that the label stands last")


def check_amounts(table: Table, where: str) -> None:
    """Say where pours are too small to measure out, or too large to carry, and which scale helps."""
    largest = float(table.pours.max())
    if 0 < largest < LEAST_POUR or largest > MOST_POUR:
        factor = 10.0 ** math.floor(math.log10(FULL_POUR / largest))
        scale = table.scaling.features[0].factor * factor
        small = f", the smallest {float(table.pours[table.pours > 0].min()):.3g}" if largest < LEAST_POUR else ""
        what = f"pours at most {largest:.3g} units{small}: {'hard to measure in mL' if small else 'litres of water'}"
        warn(where, what, f"try --set scale={scale:g}, for at most {largest * factor:.3g} units")


def check_pourable(table: Table, where: str) -> None:
    """Refuse volumes that no jug holds: negative ones, and those of a swimming pool."""
    if (np.abs(table.pours) > MAX_UNITS).any():
        row, column = (int(i) for i in np.argwhere(np.abs(table.pours) > MAX_UNITS)[0])
        what = f"{table.inputs[column]} of row {row} pours {table.pours[row, column]:g} units, at most {MAX_UNITS:g}"
        raise FabError(where, what, 'lower scale, or train with scaling = "minmax"')
    if (table.pours < 0).any():
        row, column = (int(i) for i in np.argwhere(table.pours < 0)[0])
        what = f"{table.inputs[column]} of row {row} is {table.pours[row, column]:g}"
        raise FabError(where, what, 'shift it above 0, or train with scaling = "minmax"')


def check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse what a checkpoint's reader would, once jugs and cups have the names that the recipe gives them."""
    for kind, names in (("inputs", inputs), ("outputs", outputs)):
        for name in names:
            fault = name_fault(name)
            if fault is not None:
                raise FabError(kind, f"would hold the name {name!r}, which {fault}", "shorten it in the data")
            if names.count(name) > 1:
                raise FabError(kind, f"would hold the name {name!r} twice", "rename that column or class in the data")


def minmax(table: Table, *, full: float, rows: Rows) -> Table:
    """Stretch each feature so that its range over `rows` pours 0 to `full` units; others are cut off at 0.

    Only training rows may be given as `rows`: the range is learnt like any weight. A feature that never changes
    there pours 0.
    """
    low, high = table.pours[rows].min(axis=0), table.pours[rows].max(axis=0)
    factor = full / np.where(high > low, high - low, np.inf)
    ends = zip(table.scaling.features, low.tolist(), factor.tolist(), strict=True)
    features = tuple(replace(f, offset=f.offset + least / f.factor, factor=f.factor * k) for f, least, k in ends)
    return replace(table, pours=np.maximum((table.pours - low) * factor, 0.0), scaling=Scaling(features))


def with_complements(table: Table, maxima: Array) -> Table:
    """Add a jug of `maxima` - pour for every input, named `<input>~`: what lets an output fall as a feature grows."""
    rest = np.maximum(np.asarray(maxima) - table.pours, 0.0)
    features = table.scaling.features
    full_at = [f.value(most) or 0.0 for f, most in zip(features, maxima.tolist(), strict=True)]
    turned = (replace(f, offset=end, factor=-f.factor) for f, end in zip(features, full_at, strict=True))
    return replace(
        table,
        pours=np.concatenate([table.pours, rest], axis=1),
        inputs=(*table.inputs, *(f"{name}~" for name in table.inputs)),
        scaling=Scaling((*features, *turned)),
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
