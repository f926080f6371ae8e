"""What a welded mesh is as a surface: edges, shells, genus. Triangles in, facts out; no opinion of what is allowed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pelu_fab.signoff.groups import groups
from pelu_fab.signoff.stl import Array, Index, Mesh, cross

FLAT = 0.99999  # cosine of the angle between two triangles of one flat piece: a quarter of a degree


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """One connected piece of surface. A negative volume is a hollow inside a body."""

    volume: float
    genus: float
    faces: int
    at: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Topology:
    """Counts of everything that a printable surface must not have, with the first place of each; and its shells.

    `neighbours` (m, 3): the triangle across the edge from corner k to k + 1, -1 where there is none or more than one.
    """

    degenerate: Index
    duplicate: Index
    open_edges: Index  # triangle of each edge that no other triangle shares in the opposite direction
    crowded_edges: Index  # triangle of each edge shared by more than two triangles
    turned_edges: Index  # triangle of each edge that two triangles run in the same direction
    shells: tuple[Shell, ...]
    shell_of_face: Index
    neighbours: Index
    edges: Index  # (k, 2) vertices that some triangle joins, the lower number first; each pair once, in order
    normals: Array  # of the triangles

    @cached_property
    def pieces(self) -> Index:
        """Number of the flat piece of surface that each triangle belongs to."""
        return flat_pieces(self.normals, self.neighbours)

    @property
    def is_closed(self) -> bool:
        """Whether every edge joins exactly two triangles that agree on the outside."""
        return not (len(self.open_edges) or len(self.crowded_edges) or len(self.turned_edges))

    @property
    def bodies(self) -> int:
        """Shells that enclose material."""
        return sum(shell.volume > 0 for shell in self.shells)

    @property
    def hollows(self) -> int:
        """Shells that enclose air: trapped volumes, or a body turned inside out."""
        return sum(shell.volume <= 0 for shell in self.shells)

    @property
    def genus(self) -> float:
        """Handles of all shells together."""
        return sum(shell.genus for shell in self.shells)


def topology(mesh: Mesh) -> Topology:
    """Pair the edges, part the shells and count their handles."""
    faces = mesh.faces
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    order, group, edges = _edges(start, end, len(mesh.points))
    collapsed, upward = start == end, start < end
    up, down = (np.bincount(group, way, len(edges)).astype(np.int64)[group] for way in (upward, ~upward))
    copies = np.where(upward, up, down)
    returns = np.where(collapsed, copies, np.where(upward, down, up))
    crowded = ~collapsed & (copies + returns > 2)
    turned = ~collapsed & (copies == 2) & (returns == 0)
    lonely = ~collapsed & (copies == 1) & (returns == 0)
    paired = (copies == 1) & (returns == 1)
    partner = np.arange(len(start))
    two = order[(paired & ~collapsed)[order]]  # side by side
    partner[two] = two.reshape(-1, 2)[:, ::-1].reshape(-1)
    neighbours = np.where(paired, partner // 3, -1).reshape(-1, 3)
    shells, shell_of_face = _shells(mesh, edges)
    owner = np.arange(len(start)) // 3
    # Two triangles on the same vertices share each edge with others, or all three with each other alone.
    alike = ((copies > 1) | (returns > 1)).reshape(-1, 3).any(axis=1) | (neighbours == neighbours[:, :1]).all(axis=1)
    return Topology(
        degenerate=np.flatnonzero(~mesh.normals.any(axis=1)),
        duplicate=_duplicates(faces, np.flatnonzero(alike)),
        open_edges=owner[lonely],
        crowded_edges=owner[crowded],
        turned_edges=owner[turned],
        shells=shells,
        shell_of_face=shell_of_face,
        neighbours=neighbours,
        edges=edges[edges[:, 0] < edges[:, 1]],
        normals=mesh.normals,
    )


def edges_of(mesh: Mesh) -> Index:
    """Every edge once, as `Topology.edges`."""
    _, _, edges = _edges(mesh.faces.reshape(-1), np.roll(mesh.faces, -1, axis=1).reshape(-1), len(mesh.points))
    return edges[edges[:, 0] < edges[:, 1]]


def _edges(start: Index, end: Index, count: int) -> tuple[Index, Index, Index]:
    """Half-edges in an order that has those of one edge side by side; the edge of each half-edge; each edge's vertices,
    the lower first.
    """
    key = np.minimum(start, end) * count + np.maximum(start, end)
    order = np.argsort(key)
    ordered = key.take(order)
    first = np.diff(ordered, prepend=-1) > 0
    group = np.empty(len(key), np.int64)
    group[order] = np.cumsum(first) - 1
    return order, group, np.stack(np.divmod(ordered[first], count), axis=1)


def _duplicates(faces: Index, among: Index) -> Index:
    """Triangles on the same three vertices as an earlier one, in any order."""
    if not len(among):
        return among
    key = np.sort(faces[among], axis=1)
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return np.asarray(among[first[inverse.reshape(-1)] != np.arange(len(among))])


def _shells(mesh: Mesh, edges: Index) -> tuple[tuple[Shell, ...], Index]:
    faces = mesh.faces
    number, of_vertex = groups(len(mesh.points), *edges.T)
    of_face = of_vertex[faces[:, 0]]
    corners = mesh.corners - mesh.points.mean(axis=0)  # a hollow far from the origin must not drown in round-off
    signed = np.einsum("ij,ij->i", corners[:, 0], cross(corners[:, 1], corners[:, 2])) / 6.0
    volumes = np.bincount(of_face, signed, number)
    vertices = np.bincount(of_vertex, minlength=number)
    face_counts = np.bincount(of_face, minlength=number)
    edge_counts = np.bincount(of_vertex[edges[:, 0]], minlength=number)
    first = np.zeros(number, np.int64)
    first[of_face[::-1]] = np.arange(len(faces))[::-1]
    euler = vertices - edge_counts + face_counts
    shells = tuple(
        Shell(float(volumes[i]), float(1 - euler[i] / 2), int(face_counts[i]), place(mesh, int(first[i])))
        for i in range(number)
    )
    return shells, of_face


def flat_pieces(normals: Array, neighbours: Index) -> Index:
    """Number of the flat piece of surface that each triangle belongs to, however it is cut into triangles."""
    count = len(normals)
    row, beyond = np.repeat(np.arange(count), 3), neighbours.reshape(-1)
    kept = beyond > row  # each pair once
    kept[kept] = np.einsum("ij,ij->i", normals.take(row[kept], axis=0), normals.take(beyond[kept], axis=0)) > FLAT
    return groups(count, row[kept], beyond[kept])[1]


def place(mesh: Mesh, face: int) -> tuple[float, float, float]:
    """Middle of a triangle, for a report."""
    x, y, z = mesh.points[mesh.faces[face]].mean(axis=0)
    return (round(float(x), 3), round(float(y), 3), round(float(z), 3))
