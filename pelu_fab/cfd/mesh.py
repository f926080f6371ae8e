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


def numbered(fluid: Mask, group: Index | None = None, where: Mask | None = None) -> Index:
    """(I, J, K) which cell each place of the grid belongs to, -1 where it is dry.

    Neighbours along x that `group` (I,) puts together, ascending, are one cell wherever all of them are in `where`.
    """
    group = np.arange(len(fluid)) if group is None else group
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    own = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(fluid)))
    joined = np.logical_and.reduceat(fluid & where, starts, axis=0)[own] if where is not None else np.zeros_like(fluid)
    first = np.zeros(len(fluid), bool)
    first[starts] = True
    heads = fluid & (~joined | first[:, None, None])
    number = np.full(fluid.shape, -1, np.int64)
    number[heads] = np.arange(heads.sum())
    return np.asarray(np.where(joined, number[starts[own]], number))


def poly_mesh(grid: Grid, number: Index, labels: Index, names: Sequence[str]) -> PolyMesh:
    """Mesh of the cells that `numbered` gives.

    `labels` (I+2, J+2, K+2), on the grid with a rim of one cell, tells which patch the faces to a dry cell belong to,
    and `names` the patches by label; material is `WALLS`.
    """
    shape = np.array(number.shape)
    padded = np.pad(number, 1, constant_values=-1)
    vertex = np.arange(int(np.prod(shape + 1))).reshape(shape + 1)
    columns = np.broadcast_to(np.arange(shape[0])[:, None, None], shape)
    inner: list[tuple[Index, Index, Index]] = []
    outer: list[tuple[Index, Index, Index]] = []
    for axis in range(3):
        low, high = (np.moveaxis(v, axis, 0) for v in (padded, padded))
        core = (slice(None), slice(1, -1), slice(1, -1))
        a, b = low[:-1][core], high[1:][core]
        label = np.moveaxis(labels, axis, 0)[core]
        quads = _quads(np.moveaxis(vertex, axis, 0), reverse=axis == 1)
        along = np.moveaxis(np.concatenate([columns, columns.take([-1], axis)], axis), axis, 0)
        both = (a >= 0) & (b >= 0) & (a != b)
        inner.append(_united(*_in_order(a[both], b[both], quads[both]), along[both]))
        up, down = (a >= 0) & (b < 0), (a < 0) & (b >= 0)
        outer.append(_united(label[1:][up], a[up], quads[up], along[up]))
        outer.append(_united(label[:-1][down], b[down], quads[down][:, ::-1], along[down]))
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


def _united(one: Index, other: Index, quads: Index, column: Index) -> tuple[Index, Index, Index]:
    """Faces between the same two in columns side by side as one: a ring's first and last corner lie at its low x."""
    order = np.lexsort((column, other, one))
    one, other, quads, column = one[order], other[order], quads[order], column[order]
    broken = (np.diff(one) != 0) | (np.diff(other) != 0) | (np.diff(column) != 1)
    starts, ends = np.concatenate([[True], broken])[: len(one)], np.concatenate([broken, [True]])[: len(one)]
    first, last = quads[starts], quads[ends]
    return one[starts], other[starts], np.stack([first[:, 0], last[:, 1], last[:, 2], first[:, 3]], axis=-1)


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
    """Corners of every face, and between them the points of smaller faces beside it, on its edges along x."""
    x, y, z = mesh.points.T
    order = np.lexsort((x, y, z))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    places = rank[mesh.faces]
    level = (np.ptp(y[mesh.faces[:, :2]], axis=1) == 0) & (np.ptp(z[mesh.faces[:, :2]], axis=1) == 0)
    split = level & ((places[:, 1] - places[:, 0] > 1) | (places[:, 2] - places[:, 3] > 1))
    for corners, places_, more in zip(mesh.faces.tolist(), places.tolist(), split.tolist(), strict=True):
        if not more:
            yield corners
            continue
        (a, b, c, d), (p, q, r, s) = corners, places_
        yield [a, *order[p + 1 : q].tolist(), b, c, *order[s + 1 : r][::-1].tolist(), d]


def _list(kind: str, name: str, count: int, body: str, note: str = "") -> str:
    told = f' note "{note}";' if note else ""
    head = f'FoamFile {{ version 2.0; format ascii; class {kind};{told} location "constant/polyMesh"; object {name}; }}'
    return f"{head}\n{count}\n(\n{body}\n)\n"
