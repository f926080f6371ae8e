"""What the printer can make, part by part in its print pose: walls, gaps, overhangs, bridges, islands, hollows."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely import LineString, MultiLineString, Point

from pelu_fab.ir.process import Printer
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.flood import hanging_tips
from pelu_fab.signoff.found import Place
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.report import Check, least, most, passed
from pelu_fab.signoff.stl import Array, Index, Mesh
from pelu_fab.signoff.topology import Topology

PITCH = 3.0  # mm between the places at which a large face is probed
SPECK = 3.0  # mm2: thinner stuff on less than this is lettering
FAMILY = 40.0  # mm2: directions with less face than this are lettering
LEAST_OVERHANG = 0.3  # mm2
ON_BED = 0.05  # mm above the bed
FACING = 0.94  # two faces within 20 degrees of back to back are a wall
SQUARE = 0.999  # a wedge of air closes by itself and means nothing
SLAB, FARTHEST = 12.0, 4.0  # mm: faces further apart than the second are no wall worth measuring
FEW = 1000  # places that are not worth a slab of their own
FROM_WALL = 0.2  # mm: an overhang shorter than nozzle plus this needs no bridge


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Thickness of material behind, and width of air before, the face at many places; inf where there is nothing."""

    at: Array
    face: Index
    area: Array
    thickness: Array
    gap: Array


def part_checks(name: str, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Every rule on one part as it lies on the bed."""
    found = probe(mesh)
    plane = _planes(mesh, shape)
    return [
        _thinnest("drc.wall", name, found, found.thickness, plane, printer.blade, "thinnest material"),
        _thinnest("drc.gap", name, found, found.gap, plane, printer.nozzle, "narrowest air between two walls"),
        *overhangs(name, mesh, shape, printer),
        islands(name, mesh),
        most("drc.trapped", name, float(shape.hollows), 0.0, "", "closed hollows that no water or powder leaves"),
    ]


def probe(mesh: Mesh) -> Probes:
    """Look from every upright or level face straight into the material and straight out."""
    area = mesh.areas
    axes = _families(mesh.normals, area)
    parts = [_along(mesh, area, axis) for axis in axes]
    if not parts:
        none = np.zeros(0)
        return Probes(np.zeros((0, 3)), np.zeros(0, np.int64), none, none, none)
    return Probes(*(np.concatenate([p[k] for p in parts]) for k in range(5)))


def _families(normals: Array, area: Array) -> list[Array]:
    """Directions (up to sign) that own enough face."""
    sign = np.where(normals[:, 0] + 1e-3 * normals[:, 1] + 1e-6 * normals[:, 2] < 0, -1.0, 1.0)
    keys = np.round(normals * sign[:, None], 3) + 0.0
    axes, family = np.unique(keys, axis=0, return_inverse=True)
    owned = np.bincount(family.reshape(-1), area)
    large = np.flatnonzero((owned > FAMILY) & (np.abs(axes).sum(axis=1) > 0))
    return [axes[i] / np.linalg.norm(axes[i]) for i in large]


def _along(mesh: Mesh, area: Array, axis: Array) -> tuple[Array, Index, Array, Array, Array]:
    """Probe the faces square to `axis`, against those that face them; in slabs, for only near faces matter."""
    turn = upright(axis)
    facing = np.abs(mesh.normals @ axis)
    rivals = np.flatnonzero(facing > FACING)
    corners = mesh.corners[rivals] @ turn.T
    square = np.flatnonzero(facing[rivals] > 1.0 - 1e-4)
    at, local, share = samples(corners, square, area[rivals])
    thickness, gap = np.full(len(at), np.inf), np.full(len(at), np.inf)
    low, high = corners[:, :, 2].min(axis=1), corners[:, :, 2].max(axis=1)
    order = np.argsort(at[:, 2], kind="stable")
    start = 0
    while start < len(order):
        bottom = at[order[start], 2]
        end = max(int(np.searchsorted(at[order, 2], bottom + SLAB, "right")), min(start + FEW, len(order)))
        top = at[order[end - 1], 2]
        near = np.flatnonzero((high > bottom - FARTHEST) & (low < top + FARTHEST))
        chosen = order[start:end]
        found = _facing_each_other(corners[near], mesh.normals[rivals[near]] @ axis, at[chosen], local[chosen], near)
        outward = mesh.normals[rivals[local[chosen]]] @ axis
        thickness[chosen] = np.where(outward > 0, found[0], found[1])
        gap[chosen] = np.where(outward > 0, found[2], found[3])
        start = end
    return at @ turn, rivals[local], share, thickness, gap


def _facing_each_other(
    corners: Array, lean: Array, at: Array, face: Index, number: Index
) -> tuple[Array, Array, Array, Array]:
    """Least distance down and up to a face that looks away (material), and up and down to one that looks back (air)."""
    query, other, z, _ = Columns(corners).crossings(at)
    height, back = z - at[query, 2], lean[other]
    fresh = number[other] != face[query]
    results = []
    for sign, looks, limit in ((-1, -1, FACING), (1, 1, FACING), (1, -1, SQUARE), (-1, 1, SQUARE)):
        nearest = np.full(len(at), np.inf)
        hit = fresh & (height * sign > 1e-3) & (back * looks > limit)
        np.minimum.at(nearest, query[hit], np.abs(height[hit]))
        results.append(nearest)
    return results[0], results[1], results[2], results[3]


def samples(corners: Array, faces: Index, area: Array) -> tuple[Array, Index, Array]:
    """Places spread over faces, one for every few mm, the face of each and the area that it stands for."""
    steps = np.clip(np.ceil(np.sqrt(area[faces]) / PITCH), 1, 12).astype(int)
    places, owners, shares = [], [], []
    for n in np.unique(steps):
        own = faces[steps == n]
        i, j = np.meshgrid(np.arange(n), np.arange(n))
        keep = (i + j) < n
        u, v = (i[keep] + 1 / 3) / n, (j[keep] + 1 / 3) / n
        a, b, c = corners[own].transpose(1, 0, 2)
        points = a[:, None] + u[None, :, None] * (b - a)[:, None] + v[None, :, None] * (c - a)[:, None]
        places.append(points.reshape(-1, 3))
        owners.append(np.repeat(own, len(u)))
        shares.append(np.repeat(area[own] / len(u), len(u)))
    if not places:
        return np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(places), np.concatenate(owners), np.concatenate(shares)


def _planes(mesh: Mesh, shape: Topology) -> Index:
    """Number of the flat piece of surface that each triangle belongs to."""
    count = len(mesh.faces)
    row, beyond = np.repeat(np.arange(count), 3), shape.neighbours.reshape(-1)
    kept = beyond >= 0
    kept[kept] = np.einsum("ij,ij->i", mesh.normals[row[kept]], mesh.normals[beyond[kept]]) > 0.99999
    link = coo_matrix((np.ones(kept.sum(), bool), (row[kept], beyond[kept])), (count, count))
    return np.asarray(connected_components(link, directed=False)[1], dtype=np.int64)


def _thinnest(rule: str, name: str, found: Probes, width: Array, plane: Index, limit: float, why: str) -> Check:
    """Least width that holds on more than a speck of one flat piece of surface."""
    thin = np.flatnonzero(width < limit - 2e-3)
    owned = np.bincount(plane[found.face[thin]], found.area[thin], plane.max() + 1)
    large = owned > SPECK
    counted = np.isfinite(width)
    counted[thin] = large[plane[found.face[thin]]]
    if not counted.any():
        return passed(rule, name, "nothing to measure")
    k = int(np.flatnonzero(counted)[np.argmin(width[counted])])
    x, y, z = (round(float(v), 3) for v in found.at[k])
    return least(rule, name, float(width[k]), limit - 2e-3, "mm", why, (x, y, z))


def overhangs(name: str, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Faces that lean out too far: bridges between two supports may span so much, anything else next to nothing."""
    low = mesh.points[:, 2].min()
    steep = mesh.normals[:, 2] < -np.sin(np.radians(printer.max_overhang_deg)) - 1e-4
    faces = np.flatnonzero(steep & (mesh.corners[:, :, 2].min(axis=1) > low + ON_BED))
    bridge: tuple[float, Place | None] = (0.0, None)
    lone: tuple[float, Place | None] = (0.0, None)
    for group in _groups(shape, faces, len(mesh.faces)):
        corners = mesh.corners[group]
        plan = -np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
        if plan.sum() < LEAST_OVERHANG:
            continue
        held = _supports(mesh, shape, group)
        reach, at = _farthest(corners, held)
        found = (reach, (round(float(at[0]), 3), round(float(at[1]), 3), round(float(at[2]), 3)))
        middle = (corners[:, :, :2].mean(axis=1) * plan[:, None]).sum(axis=0) / plan.sum()
        if held is not None and _surrounded(held, Point(middle)):
            bridge = max(bridge, (2 * found[0], found[1]), key=lambda pair: pair[0])
        else:
            lone = max(lone, found, key=lambda pair: pair[0])
    limit = 2 * printer.nozzle + FROM_WALL
    return [
        most("drc.bridge", name, bridge[0], printer.max_bridge + 0.01, "mm", "widest bridge", bridge[1]),
        most("drc.overhang", name, lone[0], limit, "mm", "farthest overhang from what holds it", lone[1]),
    ]


def _surrounded(held: MultiLineString, middle: Point) -> bool:
    """Whether supports lie on more than one side of the middle."""
    hull = held.convex_hull
    return bool(hull.area > 1e-3 and hull.buffer(0.05).covers(middle))


def _groups(shape: Topology, faces: Index, count: int) -> list[Index]:
    if not len(faces):
        return []
    position = np.full(count, -1, np.int64)
    position[faces] = np.arange(len(faces))
    beyond = np.where(shape.neighbours[faces] >= 0, position[shape.neighbours[faces]], -1)
    row, column = np.repeat(np.arange(len(faces)), 3), beyond.reshape(-1)
    link = coo_matrix((np.ones((column >= 0).sum(), bool), (row[column >= 0], column[column >= 0])), (len(faces),) * 2)
    number, label = connected_components(link, directed=False)
    order = np.argsort(label, kind="stable")
    return [faces[g] for g in np.split(order, np.searchsorted(label[order], np.arange(1, number)))]


def _supports(mesh: Mesh, shape: Topology, group: Index) -> MultiLineString | None:
    """Edges of a group below which there is material: an inside corner with the neighbour."""
    inside = np.zeros(len(mesh.faces), bool)
    inside[group] = True
    lines = []
    for k in range(3):
        beyond = shape.neighbours[group, k]
        a, b = mesh.points[mesh.faces[group, k]], mesh.points[mesh.faces[group, (k + 1) % 3]]
        rise = np.einsum("nkj,nj->nk", mesh.corners[beyond] - a[:, None], mesh.normals[group]).max(axis=1)
        below = (beyond >= 0) & ~inside[beyond] & (rise > 1e-3)
        lines += [LineString([p[:2], q[:2]]) for p, q in zip(a[below], b[below], strict=True)]
    return MultiLineString(lines) if lines else None


def _farthest(corners: Array, held: MultiLineString | None) -> tuple[float, Array]:
    """Greatest distance in plan of these triangles' places from what holds them, probed every quarter mm or so."""
    size = float(np.ptp(corners.reshape(-1, 3)[:, :2], axis=0).max())
    steps = int(np.clip(size / 0.25, 2, 24))
    i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1))
    u, v = i[i + j <= steps] / steps, j[i + j <= steps] / steps
    a, b, c = corners.transpose(1, 0, 2)
    places = (a[:, None] + u[None, :, None] * (b - a)[:, None] + v[None, :, None] * (c - a)[:, None]).reshape(-1, 3)
    if held is None:
        return size, places[0]
    distances = shapely.distance(shapely.points(places[:, :2]), held)
    k = int(np.argmax(distances))
    return float(distances[k]), places[k]


def islands(name: str, mesh: Mesh) -> Check:
    """Places above the bed where printing would have to start on air."""
    tips, vertices = hanging_tips(mesh)
    high = (
        np.flatnonzero(mesh.points[vertices, 2] > mesh.points[:, 2].min() + ON_BED) if len(tips) else np.zeros(0, int)
    )
    at = None
    if len(high):
        x, y, z = (round(float(v), 3) for v in mesh.points[vertices[high[0]]])
        at = (x, y, z)
    return most("drc.island", name, float(len(high)), 0.0, "", "parts of a layer that start on air", at)
