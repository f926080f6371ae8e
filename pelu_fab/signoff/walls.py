"""The thinnest material and the narrowest air between two faces of a part. A mesh in, widths and their places out.

Faces are looked at from places spread over them, straight into the material and straight out. Pairs of faces whose
boxes lie nearest come first; once the least width found is below what the next pair could give, the rest is left.
"""

from dataclasses import dataclass, field

import numpy as np

from pelu_fab.signoff.boxes import counted, meeting, runs
from pelu_fab.signoff.columns import Plan
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.stl import Array, Index, Mesh, boxes_of, turned

PITCH, MOST_STEPS = 3.0, 12  # mm between the places at which a large face is probed, and how many along it at most
SPECK, SPECK_LINES = 3.0, 19.0  # mm2, and squares of a nozzle's width: thinner stuff on less than either is lettering
FAMILY = 40.0  # mm2: directions with less face than this are lettering
FLUSH = 1.0 - 1e-4  # cosine of the angle between a face and the direction in which it is probed
FACING = 0.94  # two faces within 20 degrees of back to back are a wall
SQUARE = 0.999  # a wedge of air closes by itself and means nothing
FARTHEST = 12.0  # mm: faces further apart are no wall worth measuring
USUAL = 2.0  # mm: nearly every part has a wall, and a gap, that is thinner
ROOM = 1e5  # mm that the faces of two views are kept apart, so that one search is enough for all
TOUCHING = 1e-3  # mm
ROUNDED = 2e-3  # of a cosine: what rounding a normal to three decimals can change
BATCH = 512  # pairs of faces looked at together once only the least counts


def spots(area: Array) -> tuple[Index, Index, Array, Array]:
    """Places on triangles of these areas, one for every few mm: whose, which of its places, and two of its weights."""
    steps = np.clip(np.ceil(np.sqrt(area) / PITCH), 1, MOST_STEPS).astype(np.int64)
    owner, number = counted(steps * (steps + 1) // 2)
    u, v = _SPOTS.take(steps.take(owner) * MOST_SPOTS + number, axis=1)
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
class _Views:
    """A part's faces along each direction that owns enough face, turned so that it points up: one below the other.

    Arrays by row: the `view`, the face, and of what may matter there its corners, box, lean and area; `low` and `high`
    again, views `ROOM` apart; the same as seen from above. `turns` by view.
    """

    view: Index
    faces: Index
    corners: Array
    low: Array
    high: Array
    apart: tuple[Array, Array]
    lean: Array
    area: Array
    turns: Array
    plan: Plan

    def back_at(self, rows: Index, places: Array) -> Array:
        """Places (n, 3) of these rows as they lie in the part."""
        return np.asarray(np.einsum("ni,nij->nj", places, self.turns[self.view[rows]]))


@dataclass(eq=False)
class _Search:
    """For the least of one kind of width; private to one call of `narrowest`."""

    limit: float  # below it every place is noted
    air: bool
    width: float = FARTHEST  # least so far of all that is not below the limit
    at: Array | None = None
    thin: list[tuple[Array, Index, Array, Array]] = field(default_factory=list)  # widths, faces, areas, places


def narrowest(mesh: Mesh, plane: Index, material: float, air: float) -> tuple[tuple[float, Array] | None, ...]:
    """Least thickness of material, and least width of air, with the place of each; None where it exceeds `FARTHEST`.

    What is thinner than its limit (`material`, `air`) counts only where it holds on more than a speck of one flat piece
    of surface; `plane` numbers the piece that each triangle belongs to. Letters of a wide nozzle, `air`, are larger.
    """
    views = _views(mesh)
    speck = max(SPECK, SPECK_LINES * air**2)
    searches = (_searched(views, limit, is_air) for limit, is_air in ((material, False), (air, True)))
    return tuple(_result(search, plane, speck) for search in searches)


def _searched(views: _Views, limit: float, is_air: bool) -> _Search:
    """What is nearer than `USUAL`, or than the limit; all that is a wall where nothing is."""
    search = _Search(limit, is_air)
    for far in (max(limit, USUAL), FARTHEST):
        search = _Search(limit, is_air, width=far)
        for sense in (1.0, -1.0):
            front = np.flatnonzero(views.lean * sense > FLUSH)
            back = np.flatnonzero(views.lean * sense < -(SQUARE if is_air else FACING))
            if len(front):
                _look(search, views, front, back, up=(sense > 0) == is_air)
        if search.at is not None:
            break
    return search


def _views(mesh: Mesh) -> _Views:
    """Of each direction (up to sign) the faces that look along it, or nearly so."""
    normals, area = mesh.normals, mesh.areas
    sign = np.where(normals[:, 0] + 1e-3 * normals[:, 1] + 1e-6 * normals[:, 2] < 0, -1.0, 1.0)
    steps = np.round(normals * sign[:, None] * 1e3).astype(np.int64)
    _, first, family = np.unique(steps @ [4001**2, 4001, 1], return_index=True, return_inverse=True)
    axes = steps[first] / 1e3
    owned = np.bincount(family, area)
    order = np.argsort(family, kind="stable")
    starts = np.searchsorted(family[order], np.arange(len(axes) + 1))
    chosen = np.flatnonzero((owned > FAMILY) & (np.abs(axes).sum(axis=1) > 0))
    along = axes[chosen] / np.linalg.norm(axes[chosen], axis=1, keepdims=True)
    turns = upright(along)
    view, kin = np.nonzero(np.abs(along @ axes.T) > FACING - ROUNDED)
    owner, place = runs(starts[kin], starts[kin + 1] - starts[kin])
    view, faces = view[owner], order[place]
    corners, ends = mesh.corners.take(faces, axis=0), np.searchsorted(view, np.arange(len(along) + 1))
    for turn, start, end in zip(turns, ends[:-1], ends[1:], strict=True):
        corners[start:end] = turned(corners[start:end], turn)
    lean = (along @ normals.T)[view, faces]
    low, high = boxes_of(corners)
    apart = ROOM * view[:, None] * np.array([1.0, 0.0, 1.0])
    return _Views(view, faces, corners, low, high, (low + apart, high + apart), lean, area[faces], turns, Plan(corners))


def _look(search: _Search, views: _Views, front: Index, back: Index, *, up: bool) -> None:
    """From the faces `front` straight up, or down, to the faces `back` of the same view."""
    far = np.array([0.0, 0.0, search.width])
    (low, high), (bottom, top) = ([ends.take(rows, axis=0) for ends in views.apart] for rows in (front, back))
    low, high = (low, high + far) if up else (low - far, high)
    near = _touch(bottom[:, 2], top[:, 2], low[:, 2], high[:, 2])
    back, bottom, top = back[near], bottom.take(near, axis=0), top.take(near, axis=0)
    near = _touch(low[:, 2], high[:, 2], bottom[:, 2], top[:, 2])
    one, other = meeting(low.take(near, axis=0), high.take(near, axis=0), bottom, top)
    one, other = front[near[one]], back[other]
    below, above = (one, other) if up else (other, one)
    least = views.low[above, 2] - views.high[below, 2]  # that a place on the one can be away from the other
    kept = np.flatnonzero(views.high[above, 2] - views.low[below, 2] > TOUCHING)
    kept = kept[np.argsort(least[kept], kind="stable")]
    one, other, least = one[kept], other[kept], least[kept]
    end = int(np.searchsorted(least, search.limit))
    spot, row, width, at = _widths(views, one[:end], other[:end], up=up)
    noted = _note_thin(search, views, spot, row, width, at)
    while True:
        counts = np.flatnonzero((width >= search.limit) & (width < search.width))
        counts = counts[~np.isin(spot[counts], noted)] if len(noted) else counts
        if len(counts):
            k = counts[np.argmin(width[counts])]
            search.width, search.at = float(width[k]), views.back_at(row[k : k + 1], at[k : k + 1])[0]
        if end >= len(least) or least[end] >= search.width:
            return
        spot, row, width, at = _widths(views, one[end : end + BATCH], other[end : end + BATCH], up=up)
        end += BATCH


def _touch(low: Array, high: Array, bottom: Array, top: Array) -> Index:
    """Which intervals (low, high) share a point with any of (bottom, top)."""
    order = np.argsort(bottom, kind="stable")
    reach = np.maximum.accumulate(top[order])
    before = np.searchsorted(bottom[order], high, "right") - 1
    return np.flatnonzero((before >= 0) & (reach[before] >= low)) if len(order) else order


def _widths(views: _Views, one: Index, other: Index, *, up: bool) -> tuple[Index, Index, Array, Array]:
    """Places on the rows `one` that lie straight over or under `other`: their numbers, rows, widths and points."""
    pair, number, u, v = spots(views.area[one])
    row, beyond = one[pair], other[pair]
    a, b, c = views.corners.take(row, axis=0).transpose(1, 0, 2)
    at = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    hit, z = views.plan.meets(beyond, at)
    width = (z - at[hit, 2]) * (1.0 if up else -1.0)
    hit, width = hit[width > TOUCHING], width[width > TOUCHING]
    return row[hit] * MOST_SPOTS + number[hit], row[hit], width, at.take(hit, axis=0)


def _note_thin(search: _Search, views: _Views, spot: Index, row: Index, width: Array, at: Array) -> Index:
    """Keep the least width below the limit at each place; the numbers of these places."""
    near = np.flatnonzero(width < search.limit)
    near = near[np.lexsort((width[near], spot[near]))]
    near = near[np.diff(spot[near], prepend=-1) > 0]
    if len(near):
        own = row[near]
        steps = np.bincount(spots(views.area[own])[0], minlength=len(own))
        places = views.back_at(own, at[near])
        search.thin.append((width[near], views.faces[own], views.area[own] / steps, places))
    return spot[near]


def _result(search: _Search, plane: Index, speck: float) -> tuple[float, Array] | None:
    """Least of what counts."""
    if search.thin:
        width, face, area, at = (np.concatenate(column) for column in zip(*search.thin, strict=True))
        large = np.flatnonzero(np.bincount(plane[face], area, plane.max() + 1)[plane[face]] > speck)
        if len(large):
            k = large[np.argmin(width[large])]
            return float(width[k]), at[k]
    return None if search.at is None else (search.width, search.at)
