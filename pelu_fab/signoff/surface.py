"""All parts of the assembled device as one indexed surface. Placed meshes in, arrays for tracing water out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.flood import Basin, Flood
from pelu_fab.signoff.stl import Array, Index, Mesh, spans_of
from pelu_fab.signoff.topology import Topology


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of every assembled part: corners, normals, neighbours across edges, and whose they are.

    `basin_of_face` names the basin (index into `basins`) that a triangle lies under, -1 where it drains. `columns` is
    the plan index of all triangles.
    """

    names: tuple[str, ...]
    mesh: Mesh
    neighbours: Index
    part_of_face: Index
    basin_of_face: Index
    basins: tuple[Basin, ...]
    part_of_basin: Index
    columns: Columns
    shapes: tuple[Topology, ...]  # of each part

    @cached_property
    def corners(self) -> Array:
        """(m, 3, 3) corners."""
        return self.mesh.corners

    @cached_property
    def spans(self) -> tuple[Array, Array]:
        """Lowest and highest z of the flat piece of surface that each triangle belongs to."""
        before = np.cumsum([0, *(shape.pieces.max(initial=-1) + 1 for shape in self.shapes)])
        piece = np.concatenate([shape.pieces + first for shape, first in zip(self.shapes, before, strict=False)])
        order, (bottom, top) = np.argsort(piece, kind="stable"), spans_of(self.corners, 2)
        starts = np.searchsorted(piece[order], np.arange(piece.max() + 1))
        low = np.minimum.reduceat(bottom[order], starts)
        high = np.maximum.reduceat(top[order], starts)
        return low[piece], high[piece]

    @cached_property
    def _bounds_of_parts(self) -> Index:
        return np.searchsorted(self.part_of_face, np.arange(len(self.names) + 1))

    def faces_of_part(self, part: int) -> slice:
        """Triangles of a part: they lie side by side."""
        start, stop = self._bounds_of_parts[part : part + 2].tolist()
        return slice(start, stop)

    @cached_property
    def _by_basin(self) -> tuple[Index, Index]:
        order = np.argsort(self.basin_of_face, kind="stable")
        return order, np.searchsorted(self.basin_of_face[order], np.arange(len(self.basins) + 1))

    def faces_of_basin(self, number: int) -> Index:
        """Triangles that lie under a basin, in order."""
        order, starts = self._by_basin
        return order[starts[number] : starts[number + 1]]

    @cached_property
    def basin_levels(self) -> Array:
        """Spill level of each basin."""
        return np.array([basin.level for basin in self.basins])

    @cached_property
    def fans(self) -> tuple[Index, Index]:
        """Triangles around each vertex: starts and members."""
        flat = self.mesh.faces.reshape(-1)
        order = np.argsort(flat, kind="stable")
        return np.searchsorted(flat[order], np.arange(len(self.mesh.points) + 1)), order // 3


def join(
    names: Sequence[str],
    meshes: Sequence[Mesh],
    shapes: Sequence[Topology],
    floods: Sequence[Flood],
    columns: Columns,
) -> Surface:
    """Put placed parts side by side in one index space; their surfaces stay apart. `columns`: of all triangles."""
    points_before = np.cumsum([0, *(len(m.points) for m in meshes)])
    faces_before = np.cumsum([0, *(len(m.faces) for m in meshes)])
    basins_before = np.cumsum([0, *(len(f.basins) for f in floods)])
    mesh = Mesh(
        np.concatenate([m.points for m in meshes]),
        np.concatenate([m.faces + shift for m, shift in zip(meshes, points_before, strict=False)]),
        np.concatenate([m.normals for m in meshes]),
    )
    owner = []
    for one, filled, shift in zip(meshes, floods, basins_before, strict=False):
        lowest = one.faces[np.arange(len(one.faces)), np.argmin(one.points[:, 2].take(one.faces), axis=1)]
        local = filled.of_vertex[lowest]
        owner.append(np.where(local >= 0, local + shift, -1))
    return Surface(
        names=tuple(names),
        mesh=mesh,
        neighbours=np.concatenate(
            [np.where(s.neighbours >= 0, s.neighbours + n, -1) for s, n in zip(shapes, faces_before, strict=False)]
        ),
        part_of_face=np.repeat(np.arange(len(meshes)), [len(m.faces) for m in meshes]),
        basin_of_face=np.concatenate(owner),
        basins=tuple(
            replace(basin, exit_vertex=basin.exit_vertex + int(shift))
            for filled, shift in zip(floods, points_before, strict=False)
            for basin in filled.basins
        ),
        part_of_basin=np.repeat(np.arange(len(meshes)), [len(f.basins) for f in floods]),
        columns=columns,
        shapes=tuple(shapes),
    )
