"""Solids in, triangles out, by manifold3d: module by module, never one global boolean."""

from collections.abc import Sequence

import numpy as np

from pelu_fab.errors import FabBug
from pelu_fab.ir.device import Mesh
from pelu_fab.ir.solid import Outline, Part, Prism, Step


def build_mesh(part: Part) -> Mesh:
    """Triangulate a part; its float32 corners, read back, are one closed body.

    Raises `FabBug` when the kernel gives several bodies, nothing, or another genus than the part must have.
    """
    from manifold3d import Manifold, Mesh64, OpType

    modules = [_module(steps) for steps in part.modules]
    solid = modules[0] if len(modules) == 1 else Manifold.batch_boolean(modules, OpType.Add)
    if solid.is_empty() or solid.volume() <= 0.0:
        raise FabBug(f"{part.name}: the kernel built nothing")
    # STL is float32: vertices that fall together there must be merged before, or the file is not what was checked.
    mesh = solid.to_mesh64()
    snapped = np.array(mesh.vert_properties[:, :3].astype(np.float32), dtype=np.float64)
    triangles = np.array(mesh.tri_verts, dtype=np.uint64)  # the kernel refuses its own read-only view
    solid = Manifold(Mesh64(snapped, triangles)).as_original().simplify(SNAP)
    bodies = len(solid.decompose())
    if bodies != 1:
        raise FabBug(f"{part.name}: {bodies} bodies instead of one")
    if part.genus is not None and solid.genus() != part.genus:
        raise FabBug(f"{part.name}: genus {solid.genus()} instead of {part.genus}")
    mesh = solid.to_mesh64()
    points = np.asarray(mesh.vert_properties)[:, :3].astype(np.float32)
    return Mesh(corners=points[np.asarray(mesh.tri_verts)], volume=float(solid.volume()), genus=int(solid.genus()))


SNAP = 2e-4  # mm: edges shorter than this are float32 dust


def _module(steps: Sequence[Step]):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold, OpType

    solid = Manifold()
    for step in steps:
        prisms = [_prism(prism) for prism in step.prisms]
        if step.op == "add":
            solid = Manifold.batch_boolean([solid, *prisms] if not solid.is_empty() else prisms, OpType.Add)
        else:
            solid = Manifold.batch_boolean([solid, *prisms], OpType.Subtract)
    return solid


def _prism(prism: Prism):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold

    # The plane's axes are taken in cyclic order, so that no sweep mirrors: (z, x) for a sweep along y.
    flip = prism.axis == "y"
    region = _region(prism.outlines, flip)
    if prism.voids:
        region = region - _region(prism.voids, flip)
    solid = Manifold.extrude(region, prism.end - prism.start)
    matrices = {
        "z": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, prism.start]],
        "x": [[0, 0, 1, prism.start], [1, 0, 0, 0], [0, 1, 0, 0]],
        "y": [[0, 1, 0, 0], [0, 0, 1, prism.start], [1, 0, 0, 0]],
    }
    return solid.transform(np.array(matrices[prism.axis], dtype=np.float64))


def _region(outlines: Sequence[Outline], flip: bool):  # type: ignore[no-untyped-def]
    from manifold3d import CrossSection, FillRule

    loops = []
    for outline in outlines:
        loop = np.array(outline, dtype=np.float64)
        if flip:
            loop = loop[:, ::-1]
        x, y = loop.T
        area = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
        loops.append(loop if area > 0 else loop[::-1])
    return CrossSection(loops, FillRule.Positive)
