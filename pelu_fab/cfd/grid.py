"""Lines of a rectilinear grid: on walls where there are any, as fine as a size function asks between. mm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from pelu_fab.signoff.stl import Array, Mask, unit_normals

NEAREST = 0.3  # mm between two lines: nearer walls become one
DUST = 0.02  # mm: no cell is so thin
RIM = 0.4  # mm: cells just outside of a grid, looked at to tell wall from opening
NARROW, SLOT_CELLS = 2.6, 3  # mm: in a gap narrower than this water meets at least so many cells
NARROWEST = 0.5  # mm: two walls nearer than that bound no gap, they belong to different places of one plane
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
    places, areas, _ = _planes(corners, low, high, axis, 0)
    return [float(places[i]) for i in np.argsort(-areas, kind="stable") if areas[i] > PLANE]


def slots(corners: Array, low: Array, high: Array, axis: int) -> list[tuple[float, float]]:
    """Narrow gaps along `axis`: between a wall and the next one that faces it and stands opposite."""
    starts, areas, boxes = _planes(corners, low, high, axis, 1)
    stops, other_areas, others = _planes(corners, low, high, axis, -1)
    sides = [k for k in range(3) if k != axis]
    found = []
    for start, area, box in zip(starts, areas, boxes, strict=True):
        shared = np.minimum(box[1], others[:, 1]) - np.maximum(box[0], others[:, 0])
        facing = (stops > start + NARROWEST) & (shared[:, sides] > DUST).all(axis=1) & (other_areas > PLANE)
        if area > PLANE and facing.any() and stops[facing].min() - start < NARROW:
            found.append((float(start), float(stops[facing].min())))
    return found


def _planes(corners: Array, low: Array, high: Array, axis: int, facing: int) -> tuple[Array, Array, Array]:
    """Planes square to `axis` with wall in a box that looks up the axis (+1), down it (-1) or either way (0).

    Where they are, how much wall they hold, and its bounds (n, 2, 3), which are cut off at the box.
    """
    normals = unit_normals(corners)[:, axis]
    inside = (corners.max(axis=1) > low).all(axis=1) & (corners.min(axis=1) < high).all(axis=1)
    chosen = np.clip(corners[inside & ((facing * normals if facing else np.abs(normals)) > 0.9999)], low, high)
    a, b, c = chosen.transpose(1, 0, 2)
    places, which = np.unique(np.round(chosen[:, :, axis].mean(axis=1), 2), return_inverse=True)
    areas = np.asarray(
        np.bincount(which, np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0, len(places)), np.float64
    )
    boxes = np.empty((len(places), 2, 3))
    boxes[:, 0], boxes[:, 1] = np.inf, -np.inf
    np.minimum.at(boxes[:, 0], which, chosen.min(axis=1))
    np.maximum.at(boxes[:, 1], which, chosen.max(axis=1))
    return places, areas, boxes


def finer_in(gaps: Sequence[tuple[float, float]], size: Size) -> Size:
    """A size function that gives each gap at least `SLOT_CELLS` cells."""

    def asked(v: float) -> float:
        own = [(b - a) / SLOT_CELLS for a, b in gaps if a <= v <= b]
        return min([size(v), *own])

    return asked


def lines(low: float, high: float, fixed: Sequence[float], wished: Sequence[float], size: Size) -> Array:
    """Ascending lines from `low` to `high`: through all of `fixed`, through `wished` where there is room, in order.

    Between two of them cells are about `size(place)` wide, smoothly changing.
    """
    taken = [float(low), float(high)]
    for place, room in (*((v, DUST) for v in fixed), *((v, NEAREST) for v in wished)):
        if low < place < high and min(abs(place - t) for t in taken) >= room:
            taken.append(place)
    taken.sort()
    return np.concatenate([*(_between(a, b, size)[:-1] for a, b in pairwise(taken)), [high]])


def _between(a: float, b: float, size: Size) -> Array:
    fine = np.linspace(a, b, 65)
    density = np.array([1.0 / size(v) for v in (fine[1:] + fine[:-1]) / 2])
    passed = np.concatenate([[0.0], np.cumsum(density * np.diff(fine))])
    count = max(1, ceil(float(passed[-1]) - 0.55))
    return np.asarray(np.interp(np.linspace(0.0, passed[-1], count + 1), passed, fine))


def fitting(low: float, high: float, fixed: Sequence[float], cells: int) -> float:
    """The largest size, by steps of a twentieth, that gives at least so many cells between two of the fixed places."""

    def found(size: float) -> int:
        return len(lines(low, high, fixed, [], lambda _: size)) - 1

    size = (high - low) / cells
    while found(size) < cells:
        size *= 0.95
    return size


def growing(near: float, low: float, high: float, most: float, rate: float = 0.25) -> Size:
    """A size function: `near` between `low` and `high`, growing with the distance from there, up to `most`."""
    return lambda v: min(most, near + rate * max(low - v, v - high, 0.0))


def spread_from(seeds: Mask, allowed: Mask) -> Mask:
    """Cells of `allowed` that hang together with a seed through faces."""
    from scipy.ndimage import label

    number, _ = label(allowed)
    reached = np.unique(number[seeds & allowed])
    return np.asarray(np.isin(number, reached[reached > 0]))
