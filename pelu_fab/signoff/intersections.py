"""Whether a surface runs through itself: pairs of triangles that cross. A welded mesh in, crossed pairs out."""

import numpy as np

from pelu_fab.signoff.boxes import meeting, runs
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh, cross

BLOCK = 500_000  # pairs looked at together
FEW = 8  # triangles of a slanting piece of surface whose boxes are looked at as one
DEPTH = 2e-3  # mm that an edge must reach through a triangle on either side; float32 at 500 mm resolves 3e-5


def intersections(where: str, mesh: Mesh, pieces: Index) -> Check:
    """No triangle passes through another: within one shell or between two. `pieces` numbers the flat piece of surface
    that each belongs to.
    """
    pairs, at = crossings(mesh, pieces)
    place = place_of(at[0]) if len(pairs) else None
    return most("mesh.intersect", where, len(pairs), 0.0, "", "pairs of triangles that cross", place)


def crossings(mesh: Mesh, pieces: Index) -> tuple[Index, Array]:
    """Pairs (k, 2) of triangles of which an edge of one passes through the other, and a point (k, 3) of each."""
    one, other = _near(mesh, pieces)
    found = [_crossed(mesh, one[k : k + BLOCK], other[k : k + BLOCK]) for k in range(0, len(one), BLOCK)]
    if not found:
        return np.zeros((0, 2), np.int64), np.zeros((0, 3))
    return np.concatenate([pairs for pairs, _ in found]), np.concatenate([at for _, at in found])


def _crossed(mesh: Mesh, one: Index, other: Index) -> tuple[Index, Array]:
    # Triangles of which one lies wholly on one side of the other can't cross: nearly all pairs.
    for _ in range(2):
        meet = np.flatnonzero(_straddles(mesh, one, other))
        other, one = one[meet], other[meet]
    if not len(one):  # as nearly always
        return np.zeros((0, 2), np.int64), np.zeros((0, 3))
    pairs, places = [], []
    for a, b in ((one, other), (other, one)):
        for corner in range(3):
            start, end = mesh.corners[a, corner], mesh.corners[a, (corner + 1) % 3]
            hit, at = _pierces(start, end, mesh.corners[b], mesh.normals[b])
            pairs.append(np.sort(np.stack([a[hit], b[hit]], axis=1), axis=1))
            places.append(at[hit])
    both = np.concatenate(pairs)
    table, first = np.unique(both, axis=0, return_index=True)
    return table, np.concatenate(places)[first]


def _straddles(mesh: Mesh, one: Index, other: Index) -> Mask:
    """Whether triangle `one` has corners on both sides of the plane of `other`."""
    normal = mesh.normals.take(other, axis=0)
    level = np.einsum("ij,ij->i", mesh.points.take(mesh.faces[other, 0], axis=0), normal)
    a, b, c = np.einsum("ikj,ij->ki", mesh.corners.take(one, axis=0), normal) - level
    return np.asarray((np.minimum(np.minimum(a, b), c) < -DEPTH) & (np.maximum(np.maximum(a, b), c) > DEPTH))


def _near(mesh: Mesh, pieces: Index) -> tuple[Index, Index]:
    """Pairs of triangles whose boxes, shrunk by the depth, share space. Faces that only touch do not; nor do two that
    lie square to one axis, which can't cross: nearly all whose boxes would.
    """
    low, high = mesh.boxes
    flat = low == high
    square = np.where(flat.any(axis=1), np.argmax(flat, axis=1), 3)  # to which axis; 3 stands for none
    middle = (low + high) / 2
    low, high = np.minimum(low + DEPTH / 2, middle), np.maximum(high - DEPTH / 2, middle)
    order, starts = _lots(low, high, square, pieces)
    low, high, axis = low.take(order, axis=0), high.take(order, axis=0), square[order[starts]]
    bottom, top = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    lot, beyond = meeting(bottom, top, bottom, top)
    may = np.flatnonzero((lot <= beyond) & ((axis[lot] != axis[beyond]) | (axis[lot] == 3)))
    lot, beyond, counts = lot[may], beyond[may], np.diff(starts, append=len(order))
    sides = []
    for own, others in ((lot, beyond), (beyond, lot)):  # of each of the two lots what meets the other's box
        pair, one = runs(starts[own], counts[own])
        met = np.flatnonzero(_meet(low, high, one, bottom, top, others[pair]))
        sides.append((one[met], np.bincount(pair[met], minlength=len(own))))
    (one, of_one), (other, of_other) = sides
    owner, place = runs(np.repeat(np.cumsum(of_other) - of_other, of_one), np.repeat(of_other, of_one))
    one, other = one[owner], other[place]
    met = np.flatnonzero((one < other) & _meet(low, high, one, low, high, other))
    first, second = np.sort([order[one[met]], order[other[met]]], axis=0)
    return first, second


def _meet(low: Array, high: Array, one: Index, bottom: Array, top: Array, other: Index) -> Mask:
    """Whether each `one` of some boxes touches its `other` of others."""
    below = low.take(one, axis=0) <= top.take(other, axis=0)
    return np.asarray((below & (bottom.take(other, axis=0) <= high.take(one, axis=0))).all(axis=1))


def _lots(low: Array, high: Array, square: Index, pieces: Index) -> tuple[Index, Index]:
    """Triangles in an order that has those of one lot side by side, and where each lot starts: a flat piece of surface
    that is level in some axis, as it lies square to this, or a few of any other; the rest stand alone, as many boxes in
    a large one that slants, or bends, would all meet.
    """
    key = 4 * pieces + square
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    counts, axis = np.diff(starts, append=len(order)), square[order[starts]]
    bottom = np.minimum.reduceat(low.take(order, axis=0), starts)
    top = np.maximum.reduceat(high.take(order, axis=0), starts)
    level = (axis < 3) & (bottom == top)[np.arange(len(starts)), axis % 3]
    begins = np.repeat(~level & (counts > FEW), counts)
    begins[starts] = True
    return order, np.flatnonzero(begins)


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
