"""Solids in, triangles out, by manifold3d: module by module, never one global boolean."""

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.ir.device import Mesh
from pelu_fab.ir.solid import Outline, Part, Prism, Step

Points = NDArray[np.float32]
Triangles = NDArray[np.int64]
LEAST_AREA = 1e-9  # mm2
NEEDLE = 0.015  # mm: two decimals move a corner by up to 7 µm, and so flatten triangles less high than twice that
PLANE = 2e-5  # mm: float32 at 250 mm
SNAP = 1e-3  # mm: edges shorter than this are dust, which folds up where another program writes three decimals


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
    corners = np.array(mesh.tri_verts, dtype=np.uint64)  # the kernel refuses its own read-only view
    solid = Manifold(Mesh64(snapped, corners)).as_original().simplify(SNAP)
    bodies = len(solid.decompose())
    if bodies != 1:
        raise FabBug(f"{part.name}: {bodies} bodies instead of one")
    if part.genus is not None and solid.genus() != part.genus:
        raise FabBug(f"{part.name}: genus {solid.genus()} instead of {part.genus}")
    mesh = solid.to_mesh64()
    points = np.asarray(mesh.vert_properties)[:, :3].astype(np.float32)
    triangles = without_needles(points, np.array(mesh.tri_verts, dtype=np.int64), part.name)
    return Mesh(corners=points[triangles], volume=float(solid.volume()), genus=int(solid.genus()))


def without_needles(points: Points, triangles: Triangles, name: str) -> Triangles:
    """Turn triangles so thin that two decimals may flatten them into wider ones, the surface unchanged.

    A needle's middle vertex lies near its longest edge: that is flipped with the neighbour's in the same plane, which
    splits the neighbour there. `FabBug` where a triangle keeps no area.
    """
    triangles, heights = triangles.copy(), _heights(points[triangles])
    while heights.min(initial=inf) < NEEDLE:
        needle = int(heights.argmin())
        pair, flipped, least = _flip(points, triangles, needle)
        if least > heights[needle]:
            triangles[pair], heights[pair] = flipped, _heights(points[flipped])
        else:
            heights[needle] = inf
    if (_areas(points[triangles]) < LEAST_AREA).any():
        raise FabBug(f"{name}: a triangle without area could not be removed")
    return triangles


def _flip(points: Points, triangles: Triangles, needle: int) -> tuple[list[int], Triangles, float]:
    """The needle and its neighbour, the two triangles that their flip makes, and the lesser height of those, mm.

    It is -inf where the two don't lie in one plane, or make no convex piece.
    """
    longest = int(_edges(points[triangles[[needle]]]).argmax())
    p, q, k = np.roll(triangles[needle], -longest).tolist()
    has = (triangles == q).any(axis=1) & (triangles == p).any(axis=1)
    has[needle] = False
    pair = [needle, *np.flatnonzero(has).tolist()]
    if len(pair) != 2:
        return pair, triangles[pair], -inf
    d = next(v for v in triangles[pair[1]].tolist() if v not in (p, q))
    flipped = np.array([(k, p, d), (d, q, k)])
    plane, *turned = _normals(points[np.array([triangles[pair[1]], *flipped])])
    off = abs(float((points[k].astype(np.float64) - points[p]) @ plane))
    is_flat = off <= PLANE * np.linalg.norm(plane) and all(float(plane @ one) > 0.0 for one in turned)
    return pair, flipped, float(_heights(points[flipped]).min()) if is_flat else -inf


def _edges(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = corners.astype(np.float64)
    return np.asarray(np.linalg.norm(np.roll(wide, -1, axis=1) - wide, axis=2))


def _normals(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = corners.astype(np.float64)
    return np.asarray(np.cross(wide[:, 1] - wide[:, 0], wide[:, 2] - wide[:, 0]))


def _areas(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(_normals(corners), axis=1) / 2.0)


def _heights(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """Over the longest edge, mm."""
    return np.asarray(2.0 * _areas(corners) / _edges(corners).max(axis=1))


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
