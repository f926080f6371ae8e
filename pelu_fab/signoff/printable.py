"""What the printer can make, part by part in its print pose: walls, gaps, overhangs, bridges, islands, hollows."""

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely import LineString, MultiLineString, Point

from pelu_fab.ir.process import Printer
from pelu_fab.signoff.flood import hanging_tips
from pelu_fab.signoff.found import Place
from pelu_fab.signoff.report import Check, least, most, passed
from pelu_fab.signoff.stl import Array, Index, Mesh
from pelu_fab.signoff.topology import Topology
from pelu_fab.signoff.walls import narrowest

MADE = 2e-3  # mm: of a wall drawn as thin as its limit, float32 may take so much
LEAST_OVERHANG = 0.3  # mm2
ON_BED = 0.05  # mm above the bed
FROM_WALL = 0.2  # mm: an overhang shorter than nozzle plus this needs no bridge


def part_checks(name: str, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Every rule on one part as it lies on the bed."""
    thin, narrow = printer.blade - MADE, printer.nozzle - MADE
    material, air = narrowest(mesh, _planes(mesh, shape), thin, narrow)
    return [
        _width("drc.wall", name, material, thin, "thinnest material"),
        _width("drc.gap", name, air, narrow, "narrowest air between two walls"),
        *overhangs(name, mesh, shape, printer),
        islands(name, mesh),
        most("drc.trapped", name, float(shape.hollows), 0.0, "", "closed hollows that no water or powder leaves"),
    ]


def _planes(mesh: Mesh, shape: Topology) -> Index:
    """Number of the flat piece of surface that each triangle belongs to."""
    count = len(mesh.faces)
    row, beyond = np.repeat(np.arange(count), 3), shape.neighbours.reshape(-1)
    kept = beyond >= 0
    kept[kept] = np.einsum("ij,ij->i", mesh.normals[row[kept]], mesh.normals[beyond[kept]]) > 0.99999
    link = coo_matrix((np.ones(kept.sum(), bool), (row[kept], beyond[kept])), (count, count))
    return np.asarray(connected_components(link, directed=False)[1], dtype=np.int64)


def _width(rule: str, name: str, found: tuple[float, Array] | None, limit: float, why: str) -> Check:
    if found is None:
        return passed(rule, name, "nothing to measure")
    width, at = found
    x, y, z = (round(float(v), 3) for v in at)
    return least(rule, name, width, limit, "mm", why, (x, y, z))


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
