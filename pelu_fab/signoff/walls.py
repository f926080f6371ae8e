"""The thinnest material and the narrowest air between two faces of a part. A mesh in, widths and their places out.

Faces are looked at from places spread over them, straight into the material and straight out. Pairs of faces whose
boxes lie nearest come first; once the least width found is below what the next pair could give, the rest is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pelu_fab.signoff.boxes import counted, meeting
from pelu_fab.signoff.columns import height_at
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.stl import Array, Index, Mesh

PITCH, MOST_STEPS = 3.0, 12  # mm between the places at which a large face is probed, and how many along it at most
SPECK, SPECK_LINES = 3.0, 19.0  # mm2, and squares of a nozzle's width: thinner stuff on less than either is lettering
FAMILY = 40.0  # mm2: directions with less face than this are lettering
FLUSH = 1.0 - 1e-4  # cosine of the angle between a face and the direction in which it is probed
FACING = 0.94  # two faces within 20 degrees of back to back are a wall
SQUARE = 0.999  # a wedge of air closes by itself and means nothing
FARTHEST = 12.0  # mm: faces further apart are no wall worth measuring
TOUCHING = 1e-3  # mm
ROUNDED = 2e-3  # of a cosine: what rounding a normal to three decimals can change
BATCH = 512  # pairs of faces looked at together once only the least counts


def spots(area: Array) -> tuple[Index, Index, Array, Array]:
    """Places on triangles of these areas, one for every few mm: whose, which of its places, and two of its weights."""
    steps = np.clip(np.ceil(np.sqrt(area) / PITCH), 1, MOST_STEPS).astype(np.int64)
    owner, number = counted(steps * (steps + 1) // 2)
    u, v = _SPOTS[:, steps[owner] * MOST_SPOTS + number]
    return owner, number, u, v


def _all_spots() -> Array:
    table = np.zeros((2, MOST_STEPS + 1, MOST_SPOTS))
    for n in range(1, MOST_STEPS + 1):
        i, j = np.meshgrid(np.arange(n), np.arange(n))
        kept = (i + j) < n
        table[:, n, : kept.sum()] = (i[kept] + 1 / 3) / n, (j[kept] + 1 / 3) / n
    return table.reshape(2, -1)


MOST_SPOTS = MOST_STEPS * (MOST_STEPS + 1) // 2
_SPOTS = _all_spots()


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A part's faces along one direction, turned so that it points up. Arrays by face, of those that may matter."""

    faces: Index
    corners: Array
    low: Array
    high: Array
    lean: Array
    area: Array
    turn: Array


@dataclass(eq=False)
class _Search:
    """For the least of one kind of width; private to one call of `narrowest`."""

    limit: float  # below it every place is noted
    air: bool
    speck: float  # mm2 of one flat piece: what is thinner on no more than this does not count
    width: float = FARTHEST  # least so far of all that is not below the limit
    at: Array | None = None
    thin: list[tuple[Array, Index, Array, Array]] = field(default_factory=list)  # widths, faces, areas, places


def narrowest(mesh: Mesh, plane: Index, material: float, air: float) -> tuple[tuple[float, Array] | None, ...]:
    """Least thickness of material, and least width of air, with the place of each; None where it exceeds `FARTHEST`.

    What is thinner than its limit (`material`, `air`) counts only where it holds on more than a speck of one flat piece
    of surface; `plane` numbers the piece that each triangle belongs to. Letters of a wide nozzle, `air`, are larger.
    """
    speck = max(SPECK, SPECK_LINES * air**2)
    searches = _Search(material, air=False, speck=speck), _Search(air, air=True, speck=speck)
    for view in _views(mesh):
        for sense in (1.0, -1.0):
            front = np.flatnonzero(view.lean * sense > FLUSH)
            for search in searches if len(front) else ():
                back = np.flatnonzero(view.lean * sense < -(SQUARE if search.air else FACING))
                _look(search, view, front, back, up=(sense > 0) == search.air)
    return tuple(_result(search, plane) for search in searches)


def _views(mesh: Mesh) -> Iterator[_View]:
    """One for each direction (up to sign) that owns enough face."""
    normals, area = mesh.normals, mesh.areas
    sign = np.where(normals[:, 0] + 1e-3 * normals[:, 1] + 1e-6 * normals[:, 2] < 0, -1.0, 1.0)
    axes, family = np.unique(np.round(normals * sign[:, None], 3) + 0.0, axis=0, return_inverse=True)
    family = family.reshape(-1)
    owned = np.bincount(family, area)
    order = np.argsort(family, kind="stable")
    starts = np.searchsorted(family[order], np.arange(len(axes) + 1))
    for i in np.flatnonzero((owned > FAMILY) & (np.abs(axes).sum(axis=1) > 0)):
        axis = axes[i] / np.linalg.norm(axes[i])
        kin = np.flatnonzero(np.abs(axes @ axis) > FACING - ROUNDED)
        owner, local = counted(starts[kin + 1] - starts[kin])
        faces = np.sort(order[starts[kin][owner] + local])
        turn = upright(axis)
        corners = mesh.corners[faces] @ turn.T
        low, high = corners.min(axis=1), corners.max(axis=1)
        yield _View(faces, corners, low, high, normals[faces] @ axis, area[faces], turn)


def _look(search: _Search, view: _View, front: Index, back: Index, *, up: bool) -> None:
    """From the faces `front` straight up, or down, to the faces `back`."""
    far = np.array([0.0, 0.0, max(search.limit, search.width)])
    low, high = view.low[front] - (0.0 if up else far), view.high[front] + (far if up else 0.0)
    back = back[_touch(view.low[back, 2], view.high[back, 2], low[:, 2], high[:, 2])]
    one, other = meeting(low, high, view.low[back], view.high[back])
    one, other = front[one], back[other]
    below, above = (one, other) if up else (other, one)
    least = view.low[above, 2] - view.high[below, 2]  # that a place on the one can be away from the other
    kept = np.flatnonzero(view.high[above, 2] - view.low[below, 2] > TOUCHING)
    kept = kept[np.lexsort((other[kept], one[kept], least[kept]))]
    one, other, least = one[kept], other[kept], least[kept]
    end = int(np.searchsorted(least, search.limit))
    spot, face, width, at = _widths(view, one[:end], other[:end], up=up)
    noted = _note_thin(search, view, spot, face, width, at)
    while True:
        counts = np.flatnonzero((width >= search.limit) & (width < search.width))
        counts = counts[~np.isin(spot[counts], noted)]
        if len(counts):
            k = counts[np.argmin(width[counts])]
            search.width, search.at = float(width[k]), at[k] @ view.turn
        if end >= len(least) or least[end] >= search.width:
            return
        spot, face, width, at = _widths(view, one[end : end + BATCH], other[end : end + BATCH], up=up)
        end += BATCH


def _touch(low: Array, high: Array, bottom: Array, top: Array) -> Index:
    """Which intervals (low, high) share a point with any of (bottom, top)."""
    order = np.argsort(bottom, kind="stable")
    reach = np.maximum.accumulate(top[order])
    before = np.searchsorted(bottom[order], high, "right") - 1
    return np.flatnonzero((before >= 0) & (reach[before] >= low))


def _widths(view: _View, one: Index, other: Index, *, up: bool) -> tuple[Index, Index, Array, Array]:
    """Places on the faces `one` that lie straight over or under `other`: their numbers, faces, widths and points."""
    pair, number, u, v = spots(view.area[one])
    face, beyond = one[pair], other[pair]
    a, b, c = view.corners[face].transpose(1, 0, 2)
    at = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    width = (height_at(view.corners[beyond], at) - at[:, 2]) * (1.0 if up else -1.0)
    hit = np.flatnonzero(width > TOUCHING)
    return view.faces[face[hit]] * MOST_SPOTS + number[hit], face[hit], width[hit], at[hit]


def _note_thin(search: _Search, view: _View, spot: Index, face: Index, width: Array, at: Array) -> Index:
    """Keep the least width below the limit at each place; the numbers of these places."""
    near = np.flatnonzero(width < search.limit)
    near = near[np.lexsort((width[near], spot[near]))]
    near = near[np.diff(spot[near], prepend=-1) > 0]
    if len(near):
        own = face[near]
        steps = np.bincount(spots(view.area[own])[0], minlength=len(own))
        search.thin.append((width[near], view.faces[own], view.area[own] / steps, at[near] @ view.turn))
    return spot[near]


def _result(search: _Search, plane: Index) -> tuple[float, Array] | None:
    """Least of what counts."""
    if search.thin:
        width, face, area, at = (np.concatenate(column) for column in zip(*search.thin, strict=True))
        large = np.flatnonzero(np.bincount(plane[face], area, plane.max() + 1)[plane[face]] > search.speck)
        if len(large):
            k = large[np.argmin(width[large])]
            return float(width[k]), at[k]
    return None if search.at is None else (search.width, search.at)
