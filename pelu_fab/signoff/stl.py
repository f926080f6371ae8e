"""Strict STL reader: bytes in, triangles out, or a clear refusal. Nothing is repaired and nothing is left out.

Binary and ASCII. Welding is exact: two corners are one vertex if and only if their float32 coordinates are equal.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.files import MEBIBYTE, read_input
from pelu_fab.kinds import kind_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")])
HEADER = 84
MAX_STL = 512 * MEBIBYTE
BOM = b"\xef\xbb\xbf"
WRITTEN = 0.015  # mm: two decimals, as some programs write them, move each of two faces by up to 7 µm
ROUND = 2e-3  # of 0.01 mm: single precision at 200 mm
ROUNDED = "; it is rounded to {} mm: save it with three decimals, or as binary"
LARGEST = 1e5  # mm: a coordinate beyond 100 m is no part of a desk toy
# Possessive quantifiers: no text makes these look at a byte twice. A normal is not used, and may be `-nan(ind)`.
# No group here is possessive: Python up to 3.11.4 keeps what such a group read before it failed, "e" without digits.
NUMBER = rb"[+-]?+(?:(?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?+\d++)?|nan|inf(?:inity)?)"
VERTEX = rb"\s++vertex" + rb"\s++(" + NUMBER + rb")" + rb"\s++(" + NUMBER + rb")" + rb"\s++(" + NUMBER + rb")"
FACET = re.compile(
    rb"\s*+facet\s++normal\s++\S++\s++\S++\s++\S++\s++outer\s++loop"
    + 3 * VERTEX
    + rb"\s++end[ \t]*+loop\s++end[ \t]*+facet(?!\S)",
    re.IGNORECASE,
)
SOLID = re.compile(rb"\s*+solid(?!\S)[^\r\n]*+", re.IGNORECASE)
ENDSOLID = re.compile(rb"\s*+end[ \t]*+solid(?!\S)[^\r\n]*+", re.IGNORECASE)
WORD = re.compile(rb"(\s*+)(\S*+)")
END = re.compile(rb"(\s*+)(end[ \t]+\S*+|\S*+)", re.IGNORECASE)
NUMBER_WORD = re.compile(NUMBER, re.IGNORECASE)
COMMA = re.compile(rb"[+-]?\d+,\d+")
FACET_WORDS = (
    ("facet", "normal", "any", "any", "any", "outer", "loop")
    + 3
    * (
        "vertex",
        "a number",
        "a number",
        "a number",
    )
    + ("endloop", "endfacet")
)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Welded triangles: `points` (n, 3) mm, `faces` (m, 3) indices, counter-clockwise seen from outside.

    `normals` are the unit normals of the corners' order; zero where a triangle has no area.
    """

    points: Array
    faces: Index
    normals: Array

    @cached_property
    def corners(self) -> Array:
        """(m, 3, 3): the corners of each triangle."""
        return self.points.take(self.faces, axis=0)  # of rows four times as fast as an index

    @cached_property
    def boxes(self) -> tuple[Array, Array]:
        """(m, 3) lowest and (m, 3) highest coordinates of each triangle."""
        return boxes_of(self.corners)

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """Lowest and highest coordinates of all."""
        return ends_of(self.points)

    @cached_property
    def areas(self) -> Array:
        """(m,) area of each triangle, mm2."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return lengths(cross(b - a, c - a)) / 2.0

    @cached_property
    def decimals(self) -> int | None:
        """One or two where all coordinates have no more."""
        return decimals(self.points)

    @property
    def volume(self) -> float:
        """Signed volume, mm3 (divergence theorem)."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return float(np.einsum("ij,ij->", a, cross(b, c)) / 6.0)

    @cached_property
    def centre(self) -> Array:
        """Centre of mass; of its box where it encloses nothing."""
        low, high = self.box
        a, b, c = (self.corners - low).transpose(1, 0, 2)
        volumes = np.einsum("ij,ij->i", a, cross(b, c))
        total = float(volumes.sum())
        if abs(total) < 1e-9:
            return np.asarray((low + high) / 2)
        return np.asarray(low + (volumes[:, None] * (a + b + c)).sum(axis=0) / (4.0 * total))

    def placed(self, transform: Array | None) -> "Mesh":
        """The same mesh after a 4x4 rotation and translation."""
        if transform is None:
            return self
        turn, shift = transform[:3, :3], transform[:3, 3]
        placed = Mesh(self.points @ turn.T + shift, self.faces, self.normals @ turn.T)
        vars(placed)["areas"] = self.areas  # known already
        return placed


def read_stl_file(path: Path, where: str) -> tuple[bytes, Array]:
    """Bytes and corners of an STL file, named `where` in errors; what is no STL is refused by its first bytes."""
    blob = read_input(
        path, limit=MAX_STL, too_big="simplify the mesh", judge=lambda head, size: check_head(head, size, where)
    )
    return blob, read_stl(blob, where)


def read_stl(blob: bytes, where: str) -> Array:
    """Corners (m, 3, 3) in mm of a binary or ASCII STL.

    A wrong size or count, a text that breaks the grammar, an empty mesh, numbers that are not finite or absurdly large
    raise `FabError`; so does a file that is something else, by what it is.
    """
    if not blob:
        raise FabError(where, "is empty (0 bytes)", "export it again")
    corners = _read_ascii(blob, where) if _is_text(blob) else _read_binary(blob, where)
    if len(corners) == 0:
        raise FabError(where, "holds 0 triangles", "export it again")
    if not (finite := np.isfinite(corners)).all():
        bad = int(np.argmin(finite.all(axis=(1, 2))))
        raise FabError(where, f"triangle {bad} has a coordinate that is not finite", "export it again")
    if (reach := max(corners.max(), -corners.min())) > LARGEST:
        raise FabError(where, f"reaches {reach:.3g} mm, at most {LARGEST:g}", "check its unit")
    return corners


def check_head(head: bytes, size: int, where: str) -> None:
    """Refuse by its first bytes what would be read in vain: another kind of file, or a size that is no STL's."""
    if size >= HEADER and size == HEADER + 50 * int.from_bytes(head[80:84], "little"):
        return
    kind = kind_of(head)
    if kind is not None:
        raise FabError(where, f"is {kind.is_}", kind.remedy)
    if not _is_text(head):
        _check_count(head, size, where)


def _is_text(blob: bytes) -> bool:
    """Whether the grammar of the ASCII form decides: a size that fits the binary form wins, whatever the header says.

    A binary file's count holds a zero byte (below 16.7 million triangles), which no text has.
    """
    if len(blob) >= HEADER and len(blob) == HEADER + 50 * int.from_bytes(blob[80:84], "little"):
        return False
    start = blob[:4096].removeprefix(BOM).lstrip()[:5].lower()
    return start == b"solid" and b"\0" not in blob[:HEADER]


def _read_binary(blob: bytes, where: str) -> Array:
    check_head(blob[:4096], len(blob), where)
    count = int.from_bytes(blob[80:84], "little")
    return np.asarray(np.frombuffer(blob, RECORD, count, HEADER)["corners"], dtype=np.float64)


def _check_count(head: bytes, size: int, where: str) -> None:
    if size < HEADER:
        raise FabError(where, f"has {size} bytes, an STL needs at least {HEADER}", "export it again")
    count = int.from_bytes(head[80:84], "little")
    over = size - (HEADER + 50 * count)
    if over > 0 and 50 * count >= size // 2:
        raise FabError(where, f"has {over} bytes too many behind its {count} triangles", "export it again as binary")
    if over:
        whole = (size - HEADER) // 50
        what = f"announces {count} triangles ({HEADER + 50 * count} bytes) but has {size} bytes, {whole} triangles"
        raise FabError(where, what, "copy or export it again, it was cut off, changed, or is no STL")


def _read_ascii(blob: bytes, where: str) -> Array:
    """By the grammar: `solid NAME`, facets, `endsolid NAME`, once or more; a name ends with its line."""
    text = blob.removeprefix(BOM).rstrip()
    numbers: list[float] = []
    at = 0
    while at < len(text):
        opened = SOLID.match(text, at)
        if opened is None:
            raise _wrong(text, at, ("solid",), where)
        at = opened.end()
        while (facet := FACET.match(text, at)) is not None:
            numbers += map(float, facet.groups())
            at = facet.end()
        closed = ENDSOLID.match(text, at)
        if closed is None:
            raise _wrong(text, at, FACET_WORDS, where)
        at = closed.end()
    # Binary STL holds float32; equal corners must weld whichever form they came in.
    with np.errstate(over="ignore"):
        return np.asarray(np.array(numbers, dtype=np.float32).astype(np.float64).reshape(-1, 3, 3))


def _wrong(text: bytes, at: int, expected: Sequence[str], where: str) -> FabError:
    """What stands in a text instead of what the grammar wants there, with its line."""
    for want in expected:
        space, word = (END if want.startswith("end") else WORD).match(text, at).groups()  # type: ignore[union-attr]
        line = text.count(b"\n", 0, at + len(space)) + 1
        due = "`facet` or `endsolid`" if want == "facet" else f"`{want}`"
        if not word:
            return FabError(
                where, f"ends in line {line}, where {due} is due", "copy or export it again, it was cut off"
            )
        plain = b"".join(word[:20].split()).lower().decode("latin-1")
        fits = NUMBER_WORD.fullmatch(word) if want == "a number" else want in ("any", plain)
        if not fits:
            found = word[:40].decode("latin-1")
            remedy = "export it again"
            if want == "a number" and COMMA.fullmatch(word):
                remedy = "export it with decimal points, not commas"
            return FabError(f"{where}, line {line}", f"has {found!r} where {due} is due", remedy)
        at += len(space) + len(word)
    return FabError(where, "breaks the grammar of an ASCII STL", "export it again")


def decimals(lengths: Array) -> int | None:
    """One or two where lengths (mm) all have no more, as some programs write them; ours lie 1 µm apart."""
    for number in (1, 2):
        parts = 10.0**number * lengths
        if np.abs(parts - np.round(parts)).max(initial=0.0) < ROUND:
            return number
    return None


def weld(corners: Array) -> Mesh:
    """Join corners whose float32 coordinates are equal (-0.0 equals 0.0); keep every triangle, in order.

    But those that two decimals made a line: two edges nearer than that are one, and nothing is between them.
    """
    single = np.ascontiguousarray(corners.reshape(-1, 3), dtype=np.float32) + np.float32(0.0)
    first, inverse = _unique_rows(single.view(np.uint32))
    points = single.take(first, axis=0).astype(np.float64)
    faces = inverse.reshape(-1, 3)
    if decimals(points) == 2:
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    return Mesh(points, faces, unit_normals(points.take(faces, axis=0)))


def turned(corners: Array, turn: Array) -> Array:
    """Triangles (n, 3, k) by other axes (k, k): corner by corner, where numpy would take each triangle for a matrix."""
    return np.asarray((corners.reshape(-1, len(turn)) @ turn.T).reshape(corners.shape))


def boxes_of(corners: Array) -> tuple[Array, Array]:
    """Boxes of triangles: three at a time, coordinate by coordinate, is faster than along an axis."""
    a, b, c = np.ascontiguousarray(corners.transpose(1, 2, 0))
    return np.minimum(np.minimum(a, b), c).T, np.maximum(np.maximum(a, b), c).T


def ends_of(places: Array) -> tuple[Array, Array]:
    """Lowest and highest coordinates of places (n, k), n > 0."""
    columns = np.ascontiguousarray(places.T)
    return columns.min(axis=1), columns.max(axis=1)


def lengths(vectors: Array) -> Array:
    """Of vectors (n, 3); numpy's own goes row by row."""
    x, y, z = vectors.T
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def spans_of(corners: Array, axis: int) -> tuple[Array, Array]:
    """Least and greatest coordinate along one axis of each triangle."""
    a, b, c = corners[:, :, axis].T
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def touching(low: Array, high: Array, bottom: Array, top: Array) -> Mask:
    """Which boxes `low` to `high` (n, k) touch that from `bottom` to `top` (k,): axis by axis is faster than all()."""
    meets = (low[:, 0] <= top[0]) & (high[:, 0] >= bottom[0])
    for axis in range(1, low.shape[1]):
        meets &= low[:, axis] <= top[axis]
        meets &= high[:, axis] >= bottom[axis]
    return np.asarray(meets)


def cross(one: Array, other: Array) -> Array:
    """Vector products (..., 3); numpy's own takes longer to begin than these to end."""
    ax, ay, az = one[..., 0], one[..., 1], one[..., 2]
    bx, by, bz = other[..., 0], other[..., 1], other[..., 2]
    first = ay * bz - az * by
    found = np.empty((*first.shape, 3))
    found[..., 0], found[..., 1], found[..., 2] = first, az * bx - ax * bz, ax * by - ay * bx
    return found


def unit_normals(corners: Array) -> Array:
    """(m, 3) unit normals; zero for a triangle without area."""
    square = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = lengths(square)[:, None]
    return np.asarray(np.divide(square, length, out=np.zeros_like(square), where=length > 0))


def _unique_rows(rows: NDArray[np.uint32]) -> tuple[Index, Index]:
    """Index of the first of each distinct row, and for each row which distinct one it is, ordered by first place."""
    # One 64-bit mix per row sorts faster than rows of three; equality is confirmed, so a clash can't hide.
    wide = rows.astype(np.uint64)
    with np.errstate(over="ignore"):
        key = wide[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ wide[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
        key ^= (key >> np.uint64(29)) ^ wide[:, 2] * np.uint64(0x165667B19E3779F9)
    order = np.argsort(key)
    ordered = key.take(order)
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    first, inverse = np.minimum.reduceat(order, starts), np.empty(len(key), np.int64)
    inverse[order] = np.repeat(np.arange(len(first)), np.diff(starts, append=len(order)))
    if not np.array_equal(rows.take(first.take(inverse), axis=0), rows):
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank.take(inverse.reshape(-1))
