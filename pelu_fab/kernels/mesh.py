"""Solids in, triangles out: as columns where prisms allow it, else by manifold3d, never by one global boolean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.ir.device import Mesh
from pelu_fab.ir.solid import Part, Prism, Step
from pelu_fab.kernels.columns import surface as columns
from pelu_fab.kernels.needles import without_needles
from pelu_fab.kernels.region import grouped, region
from pelu_fab.kernels.relief import Points, Surface, with_relief

DUST = 1e-3  # mm3: what is left between two cuts that meet on the grid of 1 µm
SNAP = 1e-3  # mm: edges shorter than this are dust, which folds up where another program writes three decimals


def build_mesh(part: Part) -> Mesh:
    """Triangulate a part; its float32 corners, read back, are one closed body.

    Raises `FabBug` when the kernel gives several bodies, nothing, or another genus than the part must have.
    """
    letters = [steps for steps in part.modules[1:] if all(p.is_lettering for step in steps for p in step.prisms)]
    surface, genus = _body(part, [steps for steps in part.modules if steps not in letters])
    written = with_relief(surface, [prism for steps in letters for step in steps for prism in step.prisms])
    if written is None:
        written, genus = _body(part, part.modules)
    points, triangles = written
    triangles = without_needles(points, triangles, part.name)
    corners = points[triangles]
    return Mesh(corners=corners, volume=_volume(corners), genus=genus)


def _body(part: Part, modules: Sequence[Sequence[Step]]) -> tuple[Surface, int]:
    """The surface of some of a part's modules joined, and its genus."""
    solid = _columns(modules) or _joined(part.name, modules).simplify(SNAP)
    pieces = solid.decompose()
    if len(pieces) != 1:
        pieces = [piece for piece in pieces if piece.volume() > DUST]
        if len(pieces) != 1:
            raise FabBug(f"{part.name}: {len(pieces)} bodies instead of one")
        solid = pieces[0]
    if part.genus is not None and solid.genus() != part.genus:
        raise FabBug(f"{part.name}: genus {solid.genus()} instead of {part.genus}")
    mesh = solid.to_mesh64()
    points = np.asarray(mesh.vert_properties)[:, :3].astype(np.float32)
    return Surface(points, np.array(mesh.tri_verts, dtype=np.int64)), int(solid.genus())


def _columns(modules: Sequence[Sequence[Step]]):  # type: ignore[no-untyped-def]
    """Modules joined without a boolean; None where columns don't make them, or make no closed body of them."""
    from manifold3d import Error

    made = columns(modules)
    solid = made and _closed(made.points, made.triangles)
    if made is None or not solid or solid.status() != Error.NoError:
        return None
    return solid.simplify(SNAP) if _has_dust(made) else solid


def _has_dust(surface: Surface) -> bool:
    corners = surface.points[surface.triangles]
    sides = corners - corners[:, [1, 2, 0]]
    return bool((np.einsum("ijk,ijk->ij", sides, sides) < SNAP**2).any())


def _joined(name: str, modules: Sequence[Sequence[Step]]):  # type: ignore[no-untyped-def]
    """Modules joined by booleans."""
    from manifold3d import Manifold, OpType

    first, *others = [_module(steps) for steps in modules]
    # What all others stand on comes last: a large face that was cut often has long triangles, and is slow to cut again.
    solid = first + Manifold.batch_boolean(others, OpType.Add) if others else first
    if solid.is_empty() or solid.volume() <= 0.0:
        raise FabBug(f"{name}: the kernel built nothing")
    # STL is float32: vertices that fall together there must be merged before, or the file is not what was checked.
    mesh = solid.to_mesh64()
    return _closed(mesh.vert_properties[:, :3].astype(np.float32), mesh.tri_verts)


def _closed(points: Points, triangles: NDArray[Any]):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold, Mesh64

    # The kernel refuses its own read-only view.
    return Manifold(Mesh64(np.array(points, dtype=np.float64), np.array(triangles, dtype=np.uint64)))


def _volume(corners: NDArray[np.float32]) -> float:
    a, b, c = corners.astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def _module(steps: Sequence[Step]):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold, OpType

    solid = Manifold()
    for step in steps:
        prisms = [_swept(prism) for prism in grouped(step.prisms)]
        if step.op == "add":
            solid = Manifold.batch_boolean([solid, *prisms] if not solid.is_empty() else prisms, OpType.Add)
        else:
            solid = Manifold.batch_boolean([solid, *prisms], OpType.Subtract)
    return solid


def _swept(prism: Prism):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold

    solid = Manifold.extrude(region(prism), prism.end - prism.start)
    matrices = {
        "z": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, prism.start]],
        "x": [[0, 0, 1, prism.start], [1, 0, 0, 0], [0, 1, 0, 0]],
        "y": [[0, 1, 0, 0], [0, 0, 1, prism.start], [1, 0, 0, 0]],
    }
    return solid.transform(np.array(matrices[prism.axis], dtype=np.float64))
