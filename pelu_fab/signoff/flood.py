"""Blind search for basins: which hollows of a surface hold water, to which level, and exactly how much.

A surface is flooded from below, all levels at once. Two points belong to one pool at level c if they are joined by a
path through air that stays below c. Such paths can be found on the surface alone: air's sublevel sets change only at
critical points of their boundary (Morse theory on a manifold with boundary), so mesh edges suffice, plus one link for
each tip that hangs into the air, straight down to what lies below it. A tip with nothing below opens to the outside.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.groups import groups
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh
from pelu_fab.signoff.topology import edges_of

STEP = 1e-4  # mm: heights nearer than this are one height (float32 at 500 mm resolves 3e-5)


@dataclass(frozen=True, slots=True, eq=False)
class Basin:
    """A hollow that keeps water: it spills at `level`; `volume` mm3 below it, `area` mm2 of water surface there.

    `perimeter` is the length of the water's edge just below the level, `faces` are the triangles under water and
    `exit_at` is the place of the saddle that it spills over.
    """

    level: float
    floor_z: float
    volume: float
    area: float
    perimeter: float
    faces: Index
    exit_at: tuple[float, float, float]
    exit_vertex: int

    @property
    def depth(self) -> float:
        """Deepest water, mm."""
        return self.level - self.floor_z


@dataclass(frozen=True, slots=True, eq=False)
class Flood:
    """All basins of one surface, and for each vertex the basin that it lies under (-1: it drains to the outside)."""

    basins: tuple[Basin, ...]
    of_vertex: Index


def flood(
    mesh: Mesh, columns: Columns, edges: Index | None = None, first: int = 0, *, min_depth: float = 1e-3
) -> Flood:
    """Find every hollow of a closed surface that holds at least `min_depth` mm of water.

    `columns` may hold other surfaces as well: this one's triangles are those from the `first` on; `edges` are its own.
    """
    z = _heights(mesh)
    lowest = mesh.faces[np.arange(len(mesh.faces)), np.argmin(z.take(mesh.faces), axis=1)]
    points, vertices = _tips(mesh, edges := edges_of(mesh) if edges is None else edges, z)
    below, _ = columns.below(points, among=slice(first, first + len(mesh.faces)))
    target = np.where(below >= 0, lowest[np.maximum(below - first, 0)], len(z))
    links = _links(edges, vertices, target, len(z))
    pool, levels, saddles = _pools(links, z)
    floors = np.full(len(levels), np.iinfo(np.int64).max)
    held = np.flatnonzero(pool >= 0)
    np.minimum.at(floors, pool[held], z[held])
    deep = np.flatnonzero((levels - floors) * STEP > min_depth)
    number = np.full(len(levels) + 1, -1, np.int64)  # the last stands for no pool
    number[deep] = np.arange(len(deep))
    of_vertex = number[pool]
    basins = [_placeholder(int(levels[i]), int(saddles[i]), mesh) for i in deep]
    owner = of_vertex[lowest]
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(basins) + 1))
    full = [_fill(mesh, order[bounds[k] : bounds[k + 1]], basin) for k, basin in enumerate(basins)]
    return Flood(tuple(full), of_vertex)


def _heights(mesh: Mesh) -> Index:
    """Of each vertex, in steps."""
    return np.asarray(np.round(mesh.points[:, 2] / STEP), dtype=np.int64)


def _placeholder(level: int, saddle: int, mesh: Mesh) -> Basin:
    x, y, z = (round(float(v), 3) for v in mesh.points[saddle])
    exact = float(mesh.points[saddle, 2])
    return Basin(
        exact if abs(exact - level * STEP) < STEP else level * STEP,
        0,
        0,
        0,
        0,
        np.zeros(0, np.int64),
        (x, y, z),
        saddle,
    )


def _fill(mesh: Mesh, faces: Index, basin: Basin) -> Basin:
    volume, area, perimeter = water_below(mesh.corners.take(faces, axis=0), basin.level)
    wet = faces[mesh.points[mesh.faces[faces], 2].min(axis=1) < basin.level]
    floor_z = float(mesh.points[mesh.faces[faces], 2].min()) if len(faces) else basin.level
    return Basin(basin.level, floor_z, volume, area, perimeter, wet, basin.exit_at, basin.exit_vertex)


def water_below(corners: Array, level: float) -> tuple[float, float, float]:
    """Volume, surface area and length of the edge of the water that stands on these triangles up to `level`.

    Exact: each triangle is clipped at the level and the prism between it and the water surface summed, facing up
    positive, facing down negative.
    """
    drop = level - corners[:, :, 2]
    under = drop > 0
    count = under.sum(axis=1)
    volume = area = perimeter = 0.0
    whole = corners[count == 3]
    if len(whole):
        plan = _plan_area(whole)
        volume += float(plan @ drop[count == 3].mean(axis=1))
        area += float(plan.sum())
    for wet in (1, 2):
        v, a, p = _clipped(corners[count == wet], drop[count == wet], wet)
        volume, area, perimeter = volume + v, area + a, perimeter + p
    return volume, area, perimeter


def _plan_area(corners: Array) -> Array:
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    u, v = b - a, c - a
    return np.asarray((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2.0)


def _clipped(corners: Array, drop: Array, wet: int) -> tuple[float, float, float]:
    """Triangles with one (or two) corners under water: the tip (or all but the tip) counts."""
    if not len(corners):
        return 0.0, 0.0, 0.0
    tip = np.argmax(drop > 0, axis=1) if wet == 1 else np.argmin(drop > 0, axis=1)
    rows = np.arange(len(corners))
    turn = (tip[:, None] + np.arange(3)) % 3
    ring, depth = corners[rows[:, None], turn], drop[rows[:, None], turn]
    cut1 = ring[:, 0] + (ring[:, 1] - ring[:, 0]) * (depth[:, 0] / (depth[:, 0] - depth[:, 1]))[:, None]
    cut2 = ring[:, 0] + (ring[:, 2] - ring[:, 0]) * (depth[:, 0] / (depth[:, 0] - depth[:, 2]))[:, None]
    small = _plan_area(np.stack([ring[:, 0], cut1, cut2], axis=1))
    perimeter = float(np.linalg.norm(cut1[:, :2] - cut2[:, :2], axis=1).sum())
    volume, area = float(small @ (depth[:, 0] / 3.0)), float(small.sum())
    if wet == 1:
        return volume, area, perimeter
    whole = _plan_area(ring)
    return float(whole @ depth.mean(axis=1)) - volume, float(whole.sum()) - area, perimeter


def _links(edges: Index, tips: Index, below: Index, outside: int) -> Index:
    """Pairs (k, 2) of vertices that air joins once both are under water: edges, and tips with what lies below them."""
    known, (lower, upper) = edges[:, 0] * (outside + 1) + edges[:, 1], np.sort([tips, below], axis=0)
    falls = np.unique(lower * (outside + 1) + upper)
    # A sparse matrix would add up repeats.
    falls = falls[known[np.minimum(np.searchsorted(known, falls), len(known) - 1)] != falls]
    return np.concatenate([edges, np.stack(np.divmod(falls, outside + 1), axis=1)])


def hanging_tips(mesh: Mesh, edges: Index) -> tuple[Array, Index]:
    """A point just under each local minimum of a surface whose air lies below it, and a vertex of that minimum."""
    return _tips(mesh, edges, _heights(mesh))


def _tips(mesh: Mesh, edges: Index, z: Index) -> tuple[Array, Index]:
    plateau, is_minimum = _minima(edges, z)
    touching = plateau.take(mesh.faces)  # (m, 3)
    faces = np.flatnonzero(is_minimum.take(touching).any(axis=1))  # that touch one
    touching = touching.take(faces, axis=0)
    # A face lying wholly in the plateau outweighs its neighbours: it alone says on which side the air is.
    scale = np.where((touching == touching[:, :1]).all(axis=1), 1e6, 1.0) * _plan_area(mesh.corners.take(faces, axis=0))
    weight = np.bincount(touching.T.reshape(-1), np.tile(scale, 3), len(is_minimum))
    best = np.full(len(is_minimum), -1, np.int64)
    order = np.argsort(np.abs(scale), kind="stable")
    for corner in range(3):
        # Ascending, so that the largest face on the right side is written last.
        minimum = touching[order, corner]
        right = is_minimum[minimum] & (scale[order] * weight[minimum] > 0)
        rival = best[minimum[right]]
        better = (rival < 0) | (np.abs(scale[order[right]]) >= np.abs(scale[rival]))
        best[minimum[right][better]] = order[right][better]
    hanging = np.flatnonzero(is_minimum & (weight < 0) & (best >= 0))
    chosen = best[hanging]
    corner, face = np.argmax(touching[chosen] == hanging[:, None], axis=1), faces[chosen]
    vertex = mesh.faces[face, corner]
    middle = mesh.corners[face].mean(axis=1)
    point = mesh.points[vertex] + 1e-3 * (middle - mesh.points[vertex])
    whole = (touching[chosen] == hanging[:, None]).all(axis=1)
    point[whole] = middle[whole]
    point[:, 2] -= np.where(whole, 0.0, np.abs(point[:, 2] - mesh.points[vertex, 2]))
    return point, vertex


def _minima(edges: Index, z: Index) -> tuple[Index, Mask]:
    """Of each vertex the level plateau that it lies in, the last one standing for all that have a lower neighbour; and
    which plateaus are local minima.
    """
    one, other = edges.T
    heights, count = z[one] - z[other], len(z)
    falls = np.zeros(count, bool)
    falls[one[heights > 0]] = falls[other[heights < 0]] = True
    level = np.flatnonzero(heights == 0)
    one, other = one.take(level), other.take(level)
    flat = ~(falls.take(one) | falls.take(other))
    foot = np.flatnonzero(~falls)
    place = np.full(count, len(foot), np.int64)
    place[foot] = np.arange(len(foot))
    number, label = groups(len(foot), place[one[flat]], place[other[flat]])
    label = np.append(label, number)
    is_minimum = np.ones(number + 1, bool)
    is_minimum[label[place[one[~flat]]]] = is_minimum[label[place[other[~flat]]]] = False
    is_minimum[number] = False
    return label[place], is_minimum


def _pools(links: Index, z: Index) -> tuple[Index, Index, Index]:
    """Of each vertex the largest pool that it lies in before that finds the outside, -1 where there is none; of each
    pool its spill level and saddle vertex.
    """
    outside = len(z)
    heights = np.append(z, z.min() - 1)
    weights = np.maximum(*heights.take(links.T))
    graph = coo_matrix((weights - z.min() + 1.0, links.T), shape=(outside + 1, outside + 1)).tocsr()
    branches = minimum_spanning_tree(graph, overwrite=True)
    _, toward = breadth_first_order(branches, outside, directed=False)
    tree = branches.tocoo()
    level = np.maximum(heights[tree.row], heights[tree.col])
    order = np.argsort(level, kind="stable")
    # A vertex is drained by the last edge to open of those on its way to the outside.
    last, ahead = np.full(outside + 1, -1, np.int64), np.where(toward >= 0, toward, np.arange(outside + 1))
    last[np.where(toward[tree.row] == tree.col, tree.row, tree.col)[order]] = np.arange(len(order))
    last[toward < 0] = -1
    while ((further := ahead.take(ahead)) != ahead).any():
        last, ahead = np.maximum(last, last.take(ahead)), further
    last[ahead != outside] = -1
    opened, pool, members = np.unique(last[:outside], return_inverse=True, return_counts=True)
    kept = (opened >= 0) & (members > 1)
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    edge = order[opened[kept]]
    saddles = np.where(heights[tree.row[edge]] >= heights[tree.col[edge]], tree.row[edge], tree.col[edge])
    return number[pool], level[edge], np.asarray(saddles, dtype=np.int64)
