"""Solids in, triangles out: as columns where prisms allow it, else by manifold3d, never by one global boolean."""

from collections.abc import Sequence
from math import dist, hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.ir.device import Mesh
from pelu_fab.ir.solid import Part, Prism, Step
from pelu_fab.kernels.columns import surface as columns
from pelu_fab.kernels.region import grouped, region
from pelu_fab.kernels.relief import Points, Surface, Triangles, with_relief

Place = list[float]
LEAST_AREA = 1e-9  # mm2
NEEDLE = 0.03  # mm: two decimals flatten triangles up to 14 µm high, and those beside them may be in their way
PLANE = 2e-5  # mm: float32 at 250 mm
DUST = 1e-3  # mm3: what is left between two cuts that meet on the grid of 1 µm
TILTED = 5.0  # mm3: no dust is worth so much
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
    solid = _columns(modules) or _simplified(_joined(part.name, modules))
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


def _simplified(solid: Any):  # type: ignore[no-untyped-def]
    """Without dust; where two faces lie so near together that this tilts or tears them, without the finest alone."""
    made = solid.simplify(SNAP)
    is_whole = len(made.decompose()) == len(solid.decompose()) and abs(made.volume() - solid.volume()) < TILTED
    return made if is_whole else solid.simplify(SNAP / 10.0)


def _closed(points: Points, triangles: NDArray[Any]):  # type: ignore[no-untyped-def]
    from manifold3d import Manifold, Mesh64

    # The kernel refuses its own read-only view.
    return Manifold(Mesh64(np.array(points, dtype=np.float64), np.array(triangles, dtype=np.uint64)))


def without_needles(points: Points, triangles: Triangles, name: str) -> Triangles:
    """Turn triangles so thin that two decimals may flatten them into wider ones, the surface unchanged.

    A needle's middle vertex lies near its longest edge: that is flipped with the neighbour's in the same plane, which
    splits the neighbour there. `FabBug` where a triangle keeps no area.
    """
    triangles, heights = triangles.copy(), _heights(points[triangles])
    needles = np.flatnonzero(heights < NEEDLE)
    tries, waiting, owners = needles[np.argsort(-heights[needles])].tolist(), dict[int, set[int]](), _Owners(triangles)
    while tries:
        needle = tries.pop()
        if heights[needle] >= NEEDLE:
            continue
        beside, flipped, wider = _flip(points, triangles, needle, owners)
        if min(wider, default=0.0) > heights[needle]:
            for one, corners, height in zip((needle, beside), flipped, wider, strict=True):
                triangles[one], heights[one] = corners, height
                owners.turn(one, corners)
            tries += [needle, beside, *waiting.pop(needle, ()), *waiting.pop(beside, ())]
        else:
            waiting.setdefault(beside, set()).add(needle)  # which may be a needle itself
    if (_areas(points[triangles[heights < NEEDLE]]) < LEAST_AREA).any():
        raise FabBug(f"{name}: a triangle without area could not be removed")
    return triangles


class _Owners:
    """Which triangle has an edge that begins and ends at two points, while some are turned; none on an open border."""

    def __init__(self, triangles: Triangles) -> None:
        self._points, self._turned = int(triangles.max()) + 1, dict[int, int]()
        ways = np.concatenate([triangles[:, n] * self._points + triangles[:, n - 2] for n in range(3)])
        order = ways.argsort()
        self._ways, self._owners = ways[order], order % len(triangles)

    def __call__(self, start: int, end: int) -> int | None:
        way = start * self._points + end
        if way not in self._turned:
            place = int(self._ways.searchsorted(way))
            found = place < len(self._ways) and self._ways[place] == way
            return int(self._owners[place]) if found else None
        return self._turned[way]

    def turn(self, triangle: int, corners: list[int]) -> None:
        """Take note of a triangle's new corners."""
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            self._turned[start * self._points + end] = triangle


def _flip(
    points: Points, triangles: Triangles, needle: int, owners: _Owners
) -> tuple[int, list[list[int]], list[float]]:
    """The needle's neighbour, the two triangles that their flip makes, and the heights of those, mm.

    No triangles where the two don't lie in one plane, make no convex piece, or would be there twice; the needle itself
    where it has no neighbour.
    """
    corners = triangles[needle].tolist()
    places = points[corners].tolist()
    longest = max(range(3), key=lambda n: dist(places[n], places[n - 2]))
    p, q, k = corners[longest:] + corners[:longest]
    beside = owners(q, p)
    if beside is None:
        return needle, [], []
    d = next(v for v in triangles[beside].tolist() if v not in (p, q))
    if any(one is not None and {k, d} <= set(triangles[one].tolist()) for one in (owners(k, d), owners(d, k))):
        return beside, [], []  # where two faces touch along a fold, their edge is there already
    at_p, at_q, at_k = places[longest:] + places[:longest]
    at_d = points[d].tolist()
    plane = _normal(at_q, at_p, at_d)
    off = abs(_along(plane, [a - b for a, b in zip(at_k, at_p, strict=True)]))
    if off > PLANE * hypot(*plane):
        return beside, [], []
    turned = _normal(at_k, at_p, at_d), _normal(at_d, at_q, at_k)
    if any(_along(plane, one) <= 0.0 for one in turned):
        return beside, [], []
    across = dist(at_k, at_d)
    longest_sides = (max(across, dist(at_k, at_p), dist(at_p, at_d)), max(across, dist(at_d, at_q), dist(at_q, at_k)))
    heights = [hypot(*one) / side for one, side in zip(turned, longest_sides, strict=True)]
    return beside, [[k, p, d], [d, q, k]], heights


def _normal(a: Place, b: Place, c: Place) -> Place:
    """Of a triangle, twice its area long."""
    x, y, z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    u, v, w = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return [y * w - z * v, z * u - x * w, x * v - y * u]


def _along(a: Place, b: Place) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _edges(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = corners.astype(np.float64)
    return np.asarray(np.linalg.norm(np.roll(wide, -1, axis=1) - wide, axis=2))


def _normals(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = corners.astype(np.float64)
    return np.asarray(np.cross(wide[:, 1] - wide[:, 0], wide[:, 2] - wide[:, 0]))


def _areas(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(_normals(corners), axis=1) / 2.0)


def _volume(corners: NDArray[np.float32]) -> float:
    a, b, c = corners.astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def _heights(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """Over the longest edge, mm."""
    return np.asarray(2.0 * _areas(corners) / _edges(corners).max(axis=1))


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
