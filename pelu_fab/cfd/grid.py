"""Lines of a rectilinear grid: on walls where there are any, as fine as a size function asks between. mm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pelu_fab.signoff.stl import Array, Mask, unit_normals

NEAREST = 0.3  # mm between two lines: nearer walls become one
DUST = 0.02  # mm: no cell is so thin
RIM = 0.4  # mm: cells just outside of a grid, looked at to tell wall from opening
PLANE = 2.0  # mm2 of wall on one plane that deserve a grid line
Size = Callable[[float], float]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Three sets of ascending lines; cell (i, j, k) lies between lines i and i + 1, and so on."""

    x: Array
    y: Array
    z: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells along each axis."""
        return (len(self.x) - 1, len(self.y) - 1, len(self.z) - 1)

    @property
    def middles(self) -> tuple[Array, Array, Array]:
        """Middles of the cells along each axis."""
        return tuple((v[1:] + v[:-1]) / 2 for v in (self.x, self.y, self.z))  # type: ignore[return-value]

    @property
    def centres(self) -> tuple[Array, Array, Array]:
        """(I, J, K) coordinates of every cell's centre."""
        x, y, z = np.meshgrid(*self.middles, indexing="ij")
        return x, y, z

    @property
    def rimmed(self) -> "Grid":
        """The same grid with a rim of one more cell all round."""
        return Grid(*(np.concatenate([[v[0] - RIM], v, [v[-1] + RIM]]) for v in (self.x, self.y, self.z)))

    @property
    def volumes(self) -> Array:
        """(I, J, K) mm3."""
        dx, dy, dz = (np.diff(v) for v in (self.x, self.y, self.z))
        return np.asarray(dx[:, None, None] * dy[None, :, None] * dz[None, None, :])


def walls(corners: Array, low: Array, high: Array, axis: int) -> list[float]:
    """Coordinates along `axis` of the planes square to it that hold enough wall inside a box, largest first."""
    normals = unit_normals(corners)
    inside = (corners.max(axis=1) > low).all(axis=1) & (corners.min(axis=1) < high).all(axis=1)
    chosen = corners[inside & (np.abs(normals[:, axis]) > 0.9999)]
    a, b, c = np.clip(chosen, low, high).transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0
    places, which = np.unique(np.round(chosen[:, :, axis].mean(axis=1), 2), return_inverse=True)
    total = np.bincount(which, areas, len(places))
    return [float(places[i]) for i in np.argsort(-total, kind="stable") if total[i] > PLANE]


def lines(low: float, high: float, fixed: Sequence[float], wished: Sequence[float], size: Size) -> Array:
    """Ascending lines from `low` to `high`: through all of `fixed`, through `wished` where there is room, in order.

    Between two of them cells are about `size(place)` wide, smoothly changing.
    """
    taken = [low, high]
    for place, room in (*((v, DUST) for v in fixed), *((v, NEAREST) for v in wished)):
        if low < place < high and min(abs(place - t) for t in taken) >= room:
            taken.append(place)
    taken.sort()
    return np.concatenate([*(_between(a, b, size)[:-1] for a, b in pairwise(taken)), [high]])


def _between(a: float, b: float, size: Size) -> Array:
    fine = np.linspace(a, b, 65)
    density = np.array([1.0 / size(v) for v in (fine[1:] + fine[:-1]) / 2])
    passed = np.concatenate([[0.0], np.cumsum(density * np.diff(fine))])
    count = max(1, round(float(passed[-1]) - 0.1))
    return np.asarray(np.interp(np.linspace(0.0, passed[-1], count + 1), passed, fine))


def growing(near: float, low: float, high: float, most: float, rate: float = 0.25) -> Size:
    """A size function: `near` between `low` and `high`, growing with the distance from there, up to `most`."""
    return lambda v: min(most, near + rate * max(low - v, v - high, 0.0))


def spread_from(seeds: Mask, allowed: Mask) -> Mask:
    """Cells of `allowed` that hang together with a seed through faces."""
    from scipy.ndimage import label

    number, _ = label(allowed)
    reached = np.unique(number[seeds & allowed])
    return np.asarray(np.isin(number, reached[reached > 0]))
