"""Whether a surface runs through itself: pairs of triangles that cross. A welded mesh in, crossed pairs out."""

import numpy as np
from numpy.typing import NDArray
from shapely import STRtree

from pelu_fab.signoff.boxes import diagonals
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh, cross

BLOCK = 500_000  # pairs looked at together
DEPTH = 2e-3  # mm that an edge must reach through a triangle on either side; float32 at 500 mm resolves 3e-5


def intersections(where: str, mesh: Mesh) -> Check:
    """No triangle passes through another: within one shell or between two."""
    pairs, at = crossings(mesh)
    place = place_of(at[0]) if len(pairs) else None
    return most("mesh.intersect", where, len(pairs), 0.0, "", "pairs of triangles that cross", place)


def crossings(mesh: Mesh) -> tuple[Index, Array]:
    """Pairs (k, 2) of triangles of which an edge of one passes through the other, and a point (k, 3) of each."""
    one, other = _near(mesh)
    found = [_crossed(mesh, one[k : k + BLOCK], other[k : k + BLOCK]) for k in range(0, len(one), BLOCK)]
    if not found:
        return np.zeros((0, 2), np.int64), np.zeros((0, 3))
    return np.concatenate([pairs for pairs, _ in found]), np.concatenate([at for _, at in found])


def _crossed(mesh: Mesh, one: Index, other: Index) -> tuple[Index, Array]:
    # Triangles of which one lies wholly on one side of the other can't cross: nearly all pairs.
    meet = np.flatnonzero(_straddles(mesh, one, other) & _straddles(mesh, other, one))
    one, other = one[meet], other[meet]
    pairs, places = [], []
    for a, b in ((one, other), (other, one)):
        for corner in range(3):
            start, end = mesh.corners[a, corner], mesh.corners[a, (corner + 1) % 3]
            hit, at = _pierces(start, end, mesh.corners[b], mesh.normals[b])
            pairs.append(np.sort(np.stack([a[hit], b[hit]], axis=1), axis=1))
            places.append(at[hit])
    table, first = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    return table, np.concatenate(places)[first]


def _straddles(mesh: Mesh, one: Index, other: Index) -> Mask:
    """Whether triangle `one` has corners on both sides of the plane of `other`."""
    normal = mesh.normals[other]
    level = np.einsum("ij,ij->i", mesh.points[mesh.faces[other, 0]], normal)
    heights = np.einsum("ikj,ij->ik", mesh.corners[one], normal) - level[:, None]
    return np.asarray((heights.min(axis=1) < -DEPTH) & (heights.max(axis=1) > DEPTH))


def _near(mesh: Mesh) -> tuple[Index, Index]:
    """Pairs of triangles whose boxes, shrunk by the depth, share space. Faces that only touch do not; nor do two that
    lie square to one axis, which can't cross: nearly all whose boxes would.
    """
    low, high = mesh.boxes
    flat = low == high
    square = np.where(flat.any(axis=1), np.argmax(flat, axis=1), 3)  # to which axis; 3 stands for none
    middle = (low + high) / 2
    low, high = np.minimum(low + DEPTH / 2, middle), np.maximum(high - DEPTH / 2, middle)
    plan = diagonals(low[:, :2], high[:, :2])
    pairs = [_meeting(low, high, plan, 2, np.flatnonzero(square == k), np.flatnonzero(square > k)) for k in (0, 1)]
    slanted, rest = np.flatnonzero(square == 3), np.flatnonzero(square > 1)
    pairs.append(_meeting(low, high, plan, 2, slanted, slanted))
    aside = int(np.argmin((high - low)[rest, :2].sum(axis=0)))  # x or y, beside z: level ones are sharp only there
    from_side = np.empty_like(plan)
    from_side[rest] = diagonals(low[rest][:, [aside, 2]], high[rest][:, [aside, 2]])
    pairs.append(_meeting(low, high, from_side, 1 - aside, np.flatnonzero(square == 2), slanted))
    one, other = np.sort(np.concatenate(pairs, axis=1), axis=0)
    return one[one < other], other[one < other]


def _meeting(low: Array, high: Array, lines: NDArray[np.object_], third: int, own: Index, others: Index) -> Index:
    """Pairs (2, k) of boxes, of `own` and of `others`: `lines` are their diagonals but along the `third` axis."""
    one, other = STRtree(lines[others]).query(lines[own])
    one, other = own[one], others[other]
    return np.stack([one, other])[:, (low[one, third] <= high[other, third]) & (low[other, third] <= high[one, third])]


def _pierces(start: Array, end: Array, triangle: Array, normal: Array) -> tuple[Index, Array]:
    """Which edges pass through their triangle from one side to the other, and where each meets its plane."""
    before = np.einsum("ij,ij->i", start - triangle[:, 0], normal)
    after = np.einsum("ij,ij->i", end - triangle[:, 0], normal)
    through = (np.minimum(before, after) < -DEPTH) & (np.maximum(before, after) > DEPTH)
    share = np.divide(before, before - after, out=np.zeros_like(before), where=through)
    at = start + share[:, None] * (end - start)
    for corner in range(3):
        edge = triangle[:, (corner + 1) % 3] - triangle[:, corner]
        side = cross(edge, at - triangle[:, corner])
        through &= np.einsum("ij,ij->i", side, normal) >= 0.0  # on the edge of two triangles, too
    return np.flatnonzero(through), at
