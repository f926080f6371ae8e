"""What a welded mesh is as a surface: edges, shells, genus. Triangles in, facts out; no opinion of what is allowed."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pelu_fab.signoff.stl import Array, Index, Mesh, cross

FLAT = 0.99999  # cosine of the angle between two triangles of one flat piece: a quarter of a degree


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """One connected piece of surface. A negative volume is a hollow inside a body."""

    volume: float
    genus: float
    faces: int
    at: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
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
    faces, count = mesh.faces, len(mesh.points)
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    key = start * count + end
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    copies = _run_length(ordered)[np.argsort(order, kind="stable")]
    back, returns = _look_up(ordered, order, end * count + start)
    collapsed = start == end
    owner = np.arange(len(key)) // 3
    crowded = ~collapsed & (copies + returns > 2)
    turned = ~collapsed & (copies == 2) & (returns == 0)
    lonely = ~collapsed & (copies == 1) & (returns == 0)
    neighbours = np.where((copies == 1) & (returns == 1), back // 3, -1).reshape(-1, 3)
    shells, shell_of_face = _shells(mesh)
    return Topology(
        degenerate=np.flatnonzero(~mesh.normals.any(axis=1)),
        duplicate=_duplicates(faces),
        open_edges=owner[lonely],
        crowded_edges=owner[crowded],
        turned_edges=owner[turned],
        shells=shells,
        shell_of_face=shell_of_face,
        neighbours=neighbours,
    )


def _run_length(ordered: Index) -> Index:
    """For each entry of a sorted array, how many equal it."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(ordered)))
    return np.repeat(lengths, lengths)


def _look_up(ordered: Index, order: Index, wanted: Index) -> tuple[Index, Index]:
    """Place of the first half-edge with each wanted key (or 0), and how many there are."""
    left = np.searchsorted(ordered, wanted, "left")
    right = np.searchsorted(ordered, wanted, "right")
    return order[np.minimum(left, len(order) - 1)], right - left


def _duplicates(faces: Index) -> Index:
    """Triangles on the same three vertices as an earlier one, in any order."""
    key = np.sort(faces, axis=1)
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    repeated = first[inverse.reshape(-1)] != np.arange(len(faces))
    return np.flatnonzero(repeated)


def _shells(mesh: Mesh) -> tuple[tuple[Shell, ...], Index]:
    faces, count = mesh.faces, len(mesh.points)
    a, b, c = faces.T
    link = coo_matrix((np.ones(2 * len(faces), bool), (np.r_[a, b], np.r_[b, c])), shape=(count, count))
    number, of_vertex = connected_components(link, directed=False)
    of_face = of_vertex[a].astype(np.int64)
    corners = mesh.corners - mesh.points.mean(axis=0)  # a hollow far from the origin must not drown in round-off
    signed = np.einsum("ij,ij->i", corners[:, 0], cross(corners[:, 1], corners[:, 2])) / 6.0
    volumes = np.bincount(of_face, signed, number)
    vertices = np.bincount(of_vertex, minlength=number)
    face_counts = np.bincount(of_face, minlength=number)
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    unique_edges = np.unique(edges[:, 0] * count + edges[:, 1])
    edge_counts = np.bincount(of_vertex[unique_edges // count], minlength=number)
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
    kept = beyond >= 0
    kept[kept] = np.einsum("ij,ij->i", normals[row[kept]], normals[beyond[kept]]) > FLAT
    link = coo_matrix((np.ones(kept.sum(), bool), (row[kept], beyond[kept])), (count, count))
    return np.asarray(connected_components(link, directed=False)[1], dtype=np.int64)


def place(mesh: Mesh, face: int) -> tuple[float, float, float]:
    """Middle of a triangle, for a report."""
    x, y, z = mesh.points[mesh.faces[face]].mean(axis=0)
    return (round(float(x), 3), round(float(y), 3), round(float(z), 3))
