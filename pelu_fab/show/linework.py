"""Line drawings of parts, as in an assembly leaflet: triangles in, pixels out, no graphics library.

Parallel view: a part is drawn once, and moved anywhere by whole pixels and a depth. Arrays are (rows, columns).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = tuple[float, float, float]
Colour = tuple[int, int, int]
PAPER: Colour = (255, 255, 255)
INK: Colour = (28, 33, 40)
LIGHT = (0.30, 0.62, 0.72)  # towards the light: right, up, to the eye
SHADES = 6  # steps from a face in the dark to one in the light
DARKEST = 0.80
CREASE = 0.93  # cosine of the angle between two faces from which their edge is drawn
STEP = 0.7  # mm of depth between two pixels, beyond their faces' own slopes, from which an edge is drawn
NOTHING = -np.inf


@dataclass(frozen=True)
class View:
    """Seen from where `sight` points to, z up, at `scale` pixels a mm."""

    sight: Vector
    scale: float

    @cached_property
    def axes(self) -> Array:
        """Rows: right, up, towards the eye."""
        toward = np.array(self.sight) / np.linalg.norm(self.sight)
        right = np.cross((0.0, 0.0, 1.0), toward)
        right /= np.linalg.norm(right)
        return np.array([right, np.cross(toward, right), toward])

    def flat(self, points: Array) -> Array:
        """(n, 3) mm as (n, 2) pixels: right, down."""
        return np.asarray(points @ self.axes[:2].T * (self.scale, -self.scale))


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A part's pixels: `depth` (mm towards the eye), `shade` (0 dark .. SHADES - 1), `line` where an edge runs."""

    left: int
    top: int
    depth: NDArray[np.float32]
    shade: NDArray[np.uint8]
    line: NDArray[np.bool_]


def drawn(corners: NDArray[np.float32], view: View) -> Patch:
    """One part from its (triangles, 3, 3) corners, mm."""
    seen = corners.astype(np.float64) @ view.axes.T
    normal = np.cross(seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0])
    faces = np.flatnonzero(normal[:, 2] > 1e-9)
    normal = normal[faces] / np.linalg.norm(normal[faces], axis=1, keepdims=True)
    flat = seen[faces, :, :2] * (view.scale, -view.scale)
    left, top = np.floor(flat.reshape(-1, 2).min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(flat.reshape(-1, 2).max(axis=0)).astype(int).tolist()
    flat -= (left, top)
    width, height = right - left + 1, bottom - top + 1
    # Depth over pixels is a plane: z = z0 + a (x - x0) + b (y - y0), b against y down.
    slope = np.column_stack([-normal[:, 0], normal[:, 1]]) / normal[:, 2:] / view.scale
    z0 = seen[faces, 0, 2] - (flat[:, 0] * slope).sum(axis=1)
    face, column, row = _covered(flat, width, height)
    z = z0[face] + slope[face, 0] * column + slope[face, 1] * row
    place = row * width + column
    lowest = float(z.min()) if len(z) else 0.0
    keys = np.full(width * height, -1, np.int64)
    np.maximum.at(keys, place, (((z - lowest) * 4096.0).astype(np.int64) << 24) | face)
    owner = np.where(keys >= 0, keys & 0xFFFFFF, -1).reshape(height, width)
    is_there = owner >= 0
    depth = np.full((height, width), NOTHING, np.float32)
    rows, columns = np.nonzero(is_there)
    own = owner[rows, columns]
    depth[rows, columns] = z0[own] + slope[own, 0] * columns + slope[own, 1] * rows
    lit = np.clip(normal @ (np.array(LIGHT) / np.linalg.norm(LIGHT)), 0.0, 1.0)
    shade = np.rint(lit * (SHADES - 1)).astype(np.uint8)
    return Patch(
        left, top, depth, np.where(is_there, shade[owner], 0).astype(np.uint8), _edges(owner, depth, normal, slope)
    )


def _covered(flat: Array, width: int, height: int) -> tuple[NDArray[np.int64], ...]:
    """Face, column and row of every pixel whose centre a face covers; (faces, 3, 2) pixels, row by row of each face."""
    first = np.maximum(np.ceil(flat[..., 1].min(axis=1)), 0).astype(np.int64)
    last = np.minimum(np.floor(flat[..., 1].max(axis=1)), height - 1).astype(np.int64)
    face, row = _spread(first, last)
    low, high = np.full(len(face), -np.inf), np.full(len(face), np.inf)
    for k in range(3):
        ax, ay = flat[face, k].T
        bx, by = flat[face, (k + 1) % 3].T
        with np.errstate(divide="ignore", invalid="ignore"):
            x = ax + (row - ay) / (by - ay) * (bx - ax)
        # Counterclockwise to the eye: a side that runs down the page has the inside to its right, one up to its left.
        low = np.where(by > ay, np.maximum(low, x), low)
        high = np.where(by < ay, np.minimum(high, x), high)
    start = np.maximum(np.ceil(low - 1e-9), 0).astype(np.int64)
    end = np.minimum(np.floor(high + 1e-9), width - 1).astype(np.int64)
    span, column = _spread(start, end)
    return face[span], column, row[span]


def _spread(first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which range, and every whole number in it, of ranges first..last."""
    count = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(first)), count)
    start = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - start[owner] + first[owner]


def _edges(owner: NDArray[np.int64], depth: NDArray[np.float32], normal: Array, slope: Array) -> NDArray[np.bool_]:
    """Pixels of the same part between which its surface bends or jumps."""
    line = np.zeros(owner.shape, bool)
    for axis in (0, 1):
        one, other = (owner[:-1], owner[1:]) if axis == 0 else (owner[:, :-1], owner[:, 1:])
        rows, columns = np.nonzero((one != other) & (one >= 0) & (other >= 0))
        a, b = one[rows, columns], other[rows, columns]
        rise = depth[rows + (axis == 0), columns + (axis == 1)] - depth[rows, columns]
        jumps = (np.abs(rise - slope[a, 1 - axis]) > STEP) & (np.abs(rise - slope[b, 1 - axis]) > STEP)
        bends = (normal[a] * normal[b]).sum(axis=1) < CREASE
        drawn = jumps | bends
        line[rows[drawn], columns[drawn]] = True
    return line


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A patch, moved by a vector (mm), in a colour."""

    patch: Patch
    colour: Colour
    moved: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Pixels (rows, columns, 3) of several parts; (`left`, `top`) is their first pixel in the view."""

    left: int
    top: int
    pixels: NDArray[np.uint8]


def composed(pieces: Sequence[Piece], view: View, margin: int = 8) -> Drawing:
    """Parts before and behind each other, outlines thick, edges thin, on paper."""
    shifts = [view.flat(np.array([piece.moved]))[0] for piece in pieces]
    places = [
        (p.patch.left + round(float(x)), p.patch.top + round(float(y)))
        for p, (x, y) in zip(pieces, shifts, strict=True)
    ]
    left, top = min(x for x, _ in places) - margin, min(y for _, y in places) - margin
    right = max(x + p.patch.depth.shape[1] for p, (x, _) in zip(pieces, places, strict=True)) + margin
    bottom = max(y + p.patch.depth.shape[0] for p, (_, y) in zip(pieces, places, strict=True)) + margin
    depth = np.full((bottom - top, right - left), NOTHING, np.float32)
    who = np.zeros(depth.shape, np.uint16)
    tone = np.zeros(depth.shape, np.uint16)
    palette: list[Colour] = [PAPER, INK]
    for number, (piece, (x, y)) in enumerate(zip(pieces, places, strict=True), 1):
        patch = piece.patch
        rows, columns = patch.depth.shape
        spot = np.s_[y - top : y - top + rows, x - left : x - left + columns]
        away = np.float32(np.array(piece.moved) @ view.axes[2])
        nearer = patch.depth + away > depth[spot]
        depth[spot][nearer] = (patch.depth + away)[nearer]
        who[spot][nearer] = number
        tones = _shaded(piece.colour)
        if tones[0] not in palette:
            palette += tones
        tone[spot][nearer] = np.where(patch.line, 1, patch.shade + palette.index(tones[0]))[nearer]
    outline = np.zeros(depth.shape, bool)
    outline[:, :-1] |= who[:, :-1] != who[:, 1:]
    outline[:-1] |= who[:-1] != who[1:]
    tone[_thick(outline)] = 1
    return Drawing(left, top, np.array(palette, np.uint8)[tone])


def _shaded(colour: Colour) -> list[Colour]:
    parts = [DARKEST + (1.0 - DARKEST) * step / (SHADES - 1) for step in range(SHADES)]
    return [(round(colour[0] * part), round(colour[1] * part), round(colour[2] * part)) for part in parts]


def _thick(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A line two pixels wider."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wider = wide.copy()
    wider[:, 1:] |= wide[:, :-1]
    wider[:, :-1] |= wide[:, 1:]
    return wider
