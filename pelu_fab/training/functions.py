"""In: the name of a function, or a CSV of points. Out: points of a curve in one variable, for a net to learn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.files import read_input
from pelu_fab.sources.cells import read_cells
from pelu_fab.sources.tables import nearest

Array = NDArray[np.float64]
ROWS = 200  # points taken of a named function


def _step(x: Array) -> Array:
    return (x >= 0.0).astype(np.float64)


FUNCTIONS: Mapping[str, tuple[Callable[[Array], Array], tuple[float, float]]] = {
    "exp": (np.exp, (-1.0, 1.0)),
    "exp(-x)": (lambda x: np.exp(-x), (-1.0, 1.0)),
    "log": (np.log, (0.1, 3.0)),
    "1/x": (lambda x: 1.0 / x, (0.25, 2.0)),
    "2x+8": (lambda x: 2.0 * x + 8.0, (-5.0, 5.0)),
    "sin": (np.sin, (0.0, 2.0 * np.pi)),
    "step": (_step, (-1.0, 1.0)),
}
"""Each function and the range it is learnt on where the user names none."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A curve to learn: `x` (rows,) rising, `y` (rows,), finite; `name` is what people call it."""

    name: str
    x: Array
    y: Array

    @property
    def low(self) -> float:
        """Where the axis begins: an empty jug."""
        return float(self.x[0])

    @property
    def high(self) -> float:
        """Where the axis ends: a full jug."""
        return float(self.x[-1])

    @property
    def width(self) -> float:
        """Of the axis."""
        return self.high - self.low

    @property
    def places(self) -> Array:
        """x as a part of the range, in [0, 1]."""
        return (self.x - self.low) / self.width


def read_points(source: str, span: tuple[float, float] | None = None) -> Points:
    """Points of a function of `FUNCTIONS`, or of a CSV with a header and columns x and y, within `span`.

    A value that is not finite, a range without points, and names that no one knows raise `FabError`.
    """
    if span is not None and not (np.isfinite(span).all() and span[0] < span[1]):
        raise FabError("--range", f"is {span[0]:g},{span[1]:g}", "give two numbers, the smaller first")
    name = source.replace(" ", "")
    if name in FUNCTIONS:
        function, usual = FUNCTIONS[name]
        x = np.linspace(*(span or usual), ROWS)
        with np.errstate(all="ignore"):
            return checked_points(name, x, function(x))
    if not source.lower().endswith(".csv"):
        raise FabError(source, "is neither a function that is known nor a .csv", nearest(name, list(FUNCTIONS)))
    return _from_csv(Path(source).expanduser(), span)


def checked_points(name: str, x: Array, y: Array) -> Points:
    """Points in order of x, once those of one x are averaged; `FabError` if there is nothing to learn from them."""
    if not np.isfinite(y).all():
        bad = float(x[~np.isfinite(y)][0])
        raise FabError(name, f"is not finite at x = {bad:g}", "choose a range where it is")
    places, inverse = np.unique(x, return_inverse=True)
    if len(places) < 2:
        raise FabError(name, f"has points at {len(places)} place(s)", "give two or more different x in the range")
    return Points(name, places, np.bincount(inverse, y) / np.bincount(inverse))


def _from_csv(path: Path, span: tuple[float, float] | None) -> Points:
    cells = read_cells(read_input(path), str(path))
    if len(cells.header) != 2:
        raise FabError(str(path), f"has {len(cells.header)} columns", "give two: x and y")
    table = np.array([[cells.number(row, column) for column in (0, 1)] for row in range(len(cells.rows))])
    if span is not None:
        table = table[(table[:, 0] >= span[0]) & (table[:, 0] <= span[1])]
    return checked_points(path.stem, table[:, 0], table[:, 1])
