"""Letters on a part's flat walls: triangles in, the same with relief out, closed by construction. No 3-D boolean."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.solid import Prism
from pelu_fab.kernels.region import region

Points = NDArray[np.float32]
Triangles = NDArray[np.int64]
MARGIN = 0.01  # mm that relief keeps from a wall's edge
ABOUT = {"x": (1, 2, 0), "y": (2, 0, 1), "z": (0, 1, 2)}  # the plane's axes in cyclic order, and the sweep's


class Surface(NamedTuple):
    """Points (n, 3) and triangles (m, 3) of a closed surface."""

    points: Points
    triangles: Triangles


def with_relief(body: Surface, prisms: Sequence[Prism]) -> Surface | None:
    """The surface of `body` joined with relief on its walls, prisms that begin in a wall and end before it.

    Each wall is cut along its letters and cut into triangles anew; letters get sides and a front. None where that
    would not be their union: a letter that reaches past its wall, or meets something else.
    """
    sites: dict[tuple[str, float, float], list[Prism]] = {}
    for prism in prisms:
        sites.setdefault((prism.axis, prism.start, prism.end), []).append(prism)
    found: Surface | None = body
    for site in sites.values():
        found = found and _raised(found, site)
    return found


def _raised(body: Surface, prisms: Sequence[Prism]) -> Surface | None:
    """The surface with the letters of one wall, all swept alike."""
    from manifold3d import CrossSection, FillRule, JoinType, triangulate

    (i, j, k), start, end = ABOUT[prisms[0].axis], np.float32(prisms[0].start), np.float32(prisms[0].end)
    points, triangles = body
    plan, height = points[:, [i, j]].astype(np.float64), points[:, k][triangles]
    low, high = height.min(axis=1), height.max(axis=1)
    (a, b), (c, d) = ((plan[triangles[:, n]] - plan[triangles[:, 0]]).T for n in (1, 2))
    turns = a * d - b * c
    level = (low == high) & (start < low) & (low < end)
    if not level.any():
        return None
    face = low[level][np.abs(turns[level]).argmax()]
    flat = level & (low == face)
    letters = region(prisms[0])
    for prism in prisms[1:]:
        letters = letters + region(prism)
    loops = letters.to_polygons()
    outward = bool(turns[flat][0] > 0.0)
    edges = _rings(triangles[flat] if outward else triangles[flat][:, ::-1])
    if not loops or not edges or ((turns[flat] > 0.0) != outward).any():
        return None
    rings, corners = [plan[ring] for ring in edges], np.concatenate(loops)
    inside = CrossSection(rings, FillRule.Positive).offset(-MARGIN, JoinType.Miter)
    if not (letters - inside).is_empty() or len(np.unique(corners.round(3) @ (1.0, 1.0j))) < len(corners):
        return None
    beside = ~flat & (low < end) & (high > start)
    if _meet(plan[triangles[beside]], np.array([(loop.min(axis=0), loop.max(axis=0)) for loop in loops])):
        return None
    made = np.empty((2, len(corners), 3), dtype=np.float32)
    made[:, :, [i, j]], made[0, :, k], made[1, :, k] = corners, face, end if outward else start
    foot = len(points) + np.arange(len(corners))
    rows = np.split(foot, np.cumsum([len(loop) for loop in loops])[:-1])
    after, count = np.concatenate([np.roll(row, -1) for row in rows]), len(corners)
    around = np.concatenate([*edges, *(row[::-1] for row in rows)])
    added = np.concatenate(
        [
            around[triangulate([*rings, *(loop[::-1] for loop in loops)])],
            foot[triangulate(loops)] + count,
            np.stack([foot, after, after + count], axis=1),
            np.stack([foot, after + count, foot + count], axis=1),
        ]
    )
    added = added if outward else added[:, ::-1]
    return Surface(np.concatenate([points, made.reshape(-1, 3)]), np.concatenate([triangles[~flat], added]))


def _meet(triangles: NDArray[np.float64], boxes: NDArray[np.float64]) -> bool:
    """Whether any of some triangles (n, 3, 2) in a plane meets any of some boxes (m, low and high, 2)."""
    apart = (triangles.min(axis=1)[:, None] > boxes[:, 1]) | (triangles.max(axis=1)[:, None] < boxes[:, 0])
    one, other = np.nonzero(~apart.any(axis=2))
    sides = np.roll(triangles[one], -1, axis=1) - triangles[one]
    normals = np.stack([-sides[..., 1], sides[..., 0]], axis=2)
    own = np.einsum("nax,ncx->nac", normals, triangles[one])
    theirs = np.einsum("nax,ncx->nac", normals, _corners(boxes[other]))
    parted = (own.min(axis=2) > theirs.max(axis=2)) | (own.max(axis=2) < theirs.min(axis=2))
    return bool((~parted.any(axis=1)).any())


def _corners(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.stack([boxes[:, a, 0], boxes[:, b, 1]], axis=1) for a in (0, 1) for b in (0, 1)], axis=1)


def _rings(triangles: Triangles) -> list[NDArray[np.int64]] | None:
    """The outline of some triangles that lie in one plane, counter-clockwise as they are; None where rings touch."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    size = int(edges.max()) + 1
    ways = edges[:, 0] * size + edges[:, 1]
    outer = edges[~np.isin(ways, edges[:, 1] * size + edges[:, 0])]
    onward = dict(outer.tolist())
    if len(onward) < len(outer):
        return None
    rings = []
    while onward:
        first, at = onward.popitem()
        ring = [first]
        while at != first:
            ring.append(at)
            at = onward.pop(at)
        rings.append(np.array(ring, dtype=np.int64))
    return rings
