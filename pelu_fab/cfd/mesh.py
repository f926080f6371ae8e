"""Masked blocks of a rectilinear grid as OpenFOAM's polyMesh. Cells and labels in, points and faces out. mm.

Boxes along the axes only: Debian's interFoam 1912 gives wrong cell velocities on any other cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pelu_fab.cfd.grid import Grid
from pelu_fab.errors import FabBug
from pelu_fab.signoff.stl import Array, Index, Mask

WALLS = 0  # label of material


@dataclass(frozen=True, eq=False)
class PolyMesh:
    """Points (n, 3) mm, quads (m, 4), owner (m,), neighbour of the inner faces, and how many faces each patch has.

    Faces are ordered as OpenFOAM wants them: inner ones by owner, then patch by patch. Normals point out of the owner.
    """

    points: Array
    faces: Index
    owner: Index
    neighbour: Index
    patches: tuple[tuple[str, int, int], ...]  # name, first face, faces
    cells: int

    @cached_property
    def areas(self) -> Array:
        """(m, 3) area vectors, mm2."""
        a, b, c, d = self.points[self.faces].transpose(1, 0, 2)
        return np.asarray(np.cross(c - a, d - b) / 2.0)

    def faces_of(self, name: str) -> slice:
        """Faces of a patch; an empty slice if it has none."""
        for patch, first, count in self.patches:
            if patch == name:
                return slice(first, first + count)
        return slice(0, 0)

    def check(self, volume: float) -> None:
        """Every cell closed, owner before neighbour, volumes as on the grid (`volume`, mm3); else `FabBug`."""
        inner = len(self.neighbour)
        closed = np.zeros((self.cells, 3))
        np.add.at(closed, self.owner, self.areas)
        np.add.at(closed, self.neighbour, -self.areas[:inner])
        if np.abs(closed).max(initial=0.0) > 1e-6:
            raise FabBug(f"a cell of the mesh is open by {np.abs(closed).max():.3g} mm2")
        if (self.owner[:inner] >= self.neighbour).any():
            raise FabBug("a face of the mesh has its owner after its neighbour")
        middles = self.points[self.faces].mean(axis=1)
        outer = slice(inner, None)
        found = float(np.einsum("ij,ij->", middles[outer], self.areas[outer]) / 3.0)
        if abs(found - volume) > 1e-6 * volume:
            raise FabBug(f"the mesh holds {found:.6g} mm3, the grid {volume:.6g}")


def numbered(fluid: Mask, groups: Sequence[tuple[Index, Index, Mask]] = ()) -> Index:
    """(I, J, K) which cell each place of the grid belongs to, -1 where it is dry.

    Each of `groups` has columns (I,) and layers (K,) that it puts together, both ascending, and where (I, J, K) it
    holds: such a block is one cell if all of it is wet. Of two that hold somewhere the later one does.
    """
    number = np.full(fluid.shape, -1, np.int64)
    number[fluid] = np.flatnonzero(fluid)
    for columns, layers, where in groups:
        (left, column), (low, layer) = (
            np.unique(np.searchsorted(group, group), return_inverse=True) for group in (columns, layers)
        )
        whole = np.logical_and.reduceat(np.logical_and.reduceat(fluid & where, left, axis=0), low, axis=2)
        heads = np.arange(fluid.size).reshape(fluid.shape)[left][:, :, low]
        number = np.where(whole[column][:, :, layer], heads[column][:, :, layer], number)
    used = np.unique(number[fluid])
    return np.where(fluid, np.searchsorted(used, number), -1)


def poly_mesh(grid: Grid, number: Index, labels: Index, names: Sequence[str]) -> PolyMesh:
    """Mesh of the cells that `numbered` gives.

    `labels` (I+2, J+2, K+2), on the grid with a rim of one cell, tells which patch the faces to a dry cell belong to,
    and `names` the patches by label; material is `WALLS`.
    """
    shape = np.array(number.shape)
    padded = np.pad(number, 1, constant_values=-1)
    vertex = np.arange(int(np.prod(shape + 1))).reshape(shape + 1)
    inner: list[tuple[Index, Index, Index]] = []
    outer: list[tuple[Index, Index, Index]] = []
    for axis in range(3):
        low, high = (np.moveaxis(v, axis, 0) for v in (padded, padded))
        core = (slice(None), slice(1, -1), slice(1, -1))
        a, b = low[:-1][core], high[1:][core]
        label = np.moveaxis(labels, axis, 0)[core]
        quads = _quads(np.moveaxis(vertex, axis, 0), reverse=axis == 1)
        both = (a >= 0) & (b >= 0) & (a != b)
        inner.append(_united(*_in_order(a[both], b[both], quads[both]), shape + 1))
        up, down = (a >= 0) & (b < 0), (a < 0) & (b >= 0)
        outer.append((label[1:][up], a[up], quads[up]))
        outer.append((label[:-1][down], b[down], quads[down][:, ::-1]))
    owner, neighbour, faces = (np.concatenate(v) for v in zip(*inner, strict=True))
    order = np.lexsort((neighbour, owner))
    patch, cell, skin = (np.concatenate(v) for v in zip(*outer, strict=True))
    by_patch = np.lexsort((cell, patch))
    counts = np.bincount(patch, minlength=len(names))
    firsts = len(owner) + np.cumsum(counts) - counts
    all_faces = np.concatenate([faces[order], skin[by_patch]])
    used, renumbered = np.unique(all_faces, return_inverse=True)
    x, y, z = np.meshgrid(grid.x, grid.y, grid.z, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)[used]
    return PolyMesh(
        points,
        renumbered.reshape(-1, 4),
        np.concatenate([owner[order], cell[by_patch]]),
        neighbour[order],
        tuple((n, int(f), int(c)) for n, f, c in zip(names, firsts, counts, strict=True) if c),
        int(number.max(initial=-1)) + 1,
    )


def _in_order(a: Index, b: Index, quads: Index) -> tuple[Index, Index, Index]:
    """Owner, neighbour and quad of inner faces: the lower number owns."""
    swap = a > b
    return np.minimum(a, b), np.maximum(a, b), np.where(swap[:, None], quads[:, ::-1], quads)


def _united(one: Index, other: Index, quads: Index, shape: Index) -> tuple[Index, Index, Index]:
    """All faces between the same two cells as one: both are boxes, so they share a rectangle."""
    order = np.lexsort((other, one))
    one, other, quads = one[order], other[order], quads[order]
    starts = np.flatnonzero((np.diff(one, prepend=-1) != 0) | (np.diff(other, prepend=-1) != 0))
    if not len(starts):
        return one, other, quads
    places = np.stack(np.unravel_index(quads, shape), axis=-1)  # (n, 4, 3)
    low = np.minimum.reduceat(places.min(axis=1), starts)[:, None]
    high = np.maximum.reduceat(places.max(axis=1), starts)[:, None]
    first = places[starts]
    corners = np.where(first == first.min(axis=1, keepdims=True), low, high)
    return one[starts], other[starts], np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), tuple(shape))


def _quads(vertex: Index, *, reverse: bool) -> Index:
    """Corners of the faces square to the first axis, counter-clockwise seen from its far end."""
    ring = [vertex[:, :-1, :-1], vertex[:, 1:, :-1], vertex[:, 1:, 1:], vertex[:, :-1, 1:]]
    return np.stack(ring[::-1] if reverse else ring, axis=-1)


def mesh_files(mesh: PolyMesh, zones: Mapping[str, Index]) -> dict[str, str]:
    """Files of constant/polyMesh, lengths in m. `zones` name sets of cells."""
    inner = len(mesh.neighbour)
    note = f"nPoints:{len(mesh.points)} nCells:{mesh.cells} nFaces:{len(mesh.faces)} nInternalFaces:{inner}"
    patches = "".join(
        f"    {name}\n    {{ type {'wall' if name == 'walls' else 'patch'}; nFaces {count}; startFace {first}; }}\n"
        for name, first, count in mesh.patches
    )
    cells = "".join(
        f"{name} {{ type cellZone; cellLabels List<label> {len(who)} ({' '.join(map(str, who.tolist()))}); }}\n"
        for name, who in zones.items()
    )
    points = "\n".join("({:.9g} {:.9g} {:.9g})".format(*p) for p in (mesh.points * 1e-3).tolist())
    faces = "\n".join(f"{len(loop)}({' '.join(map(str, loop))})" for loop in _loops(mesh))
    return {
        "points": _list("vectorField", "points", len(mesh.points), points),
        "faces": _list("faceList", "faces", len(mesh.faces), faces),
        "owner": _list("labelList", "owner", len(mesh.owner), "\n".join(map(str, mesh.owner.tolist())), note),
        "neighbour": _list("labelList", "neighbour", inner, "\n".join(map(str, mesh.neighbour.tolist())), note),
        "boundary": _list("polyBoundaryMesh", "boundary", len(mesh.patches), patches),
        "cellZones": _list("regIOobject", "cellZones", len(zones), cells),
    }


def _loops(mesh: PolyMesh) -> Iterator[list[int]]:
    """Corners of every face, and between them the points of smaller faces beside it, on its edges."""
    starts, ends = mesh.faces, np.roll(mesh.faces, -1, axis=1)
    axis = np.abs(mesh.points[ends] - mesh.points[starts]).argmax(axis=2)
    orders = [np.lexsort((mesh.points[:, k], *np.delete(mesh.points, k, axis=1).T)) for k in range(3)]
    ranks = np.empty((3, len(mesh.points)), np.int64)
    for k, order in enumerate(orders):
        ranks[k, order] = np.arange(len(order))
    froms, tos = ranks[axis, starts], ranks[axis, ends]
    plain = (np.abs(tos - froms) == 1).all(axis=1)
    for face, ways, here, there, whole in zip(
        mesh.faces.tolist(), axis.tolist(), froms.tolist(), tos.tolist(), plain.tolist(), strict=True
    ):
        if whole:
            yield face
            continue
        loop: list[int] = []
        for corner, k, p, q in zip(face, ways, here, there, strict=True):
            between = orders[k][p + 1 : q] if p < q else orders[k][q + 1 : p][::-1]
            loop += [corner, *between.tolist()]
        yield loop


def _list(kind: str, name: str, count: int, body: str, note: str = "") -> str:
    told = f' note "{note}";' if note else ""
    head = f'FoamFile {{ version 2.0; format ascii; class {kind};{told} location "constant/polyMesh"; object {name}; }}'
    return f"{head}\n{count}\n(\n{body}\n)\n"
