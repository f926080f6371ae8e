"""Faces that lean out too far to print: how far each bridge spans, and how far anything else hangs. One part in, checks
out."""

from dataclasses import dataclass

import numpy as np
import shapely

from pelu_fab.ir.process import Printer
from pelu_fab.signoff.boxes import runs
from pelu_fab.signoff.found import Place, place_of
from pelu_fab.signoff.groups import groups
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh, cross
from pelu_fab.signoff.topology import Topology

LEAST_OVERHANG = 0.3  # mm2
ON_BED = 0.05  # mm above the bed
FROM_WALL = 0.2  # mm: an overhang shorter than nozzle plus this needs no bridge
CLOSE = 0.01  # mm to which the farthest place is found


@dataclass(frozen=True, slots=True, eq=False)
class _Hanging:
    """Faces that lean out too far, in groups that hang together, and the edges that hold each group.

    Arrays by face: `corners` (n, 3, 3), `plan` mm2, `group`; by edge, in order of groups: `edges` (k, 2, 2) in plan,
    `starts` of each group's edges.
    """

    corners: Array
    plan: Array
    group: Index
    edges: Array
    starts: Index


def overhangs(name: str, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Bridges between two supports may span so much, anything else may reach out next to nothing."""
    hanging = _hanging(mesh, shape, printer)
    lone, bridge = _farthest(hanging, _are_bridges(hanging))
    limit = 2 * printer.nozzle + FROM_WALL
    return [
        most("drc.bridge", name, 2 * bridge[0], printer.max_bridge + 0.01, "mm", "widest bridge", bridge[1]),
        most("drc.overhang", name, lone[0], limit, "mm", "farthest overhang from what holds it", lone[1]),
    ]


def _hanging(mesh: Mesh, shape: Topology, printer: Printer) -> _Hanging:
    steep = mesh.normals[:, 2] < -np.sin(np.radians(printer.max_overhang_deg)) - 1e-4
    steep &= mesh.boxes[0][:, 2] > mesh.box[0][2] + ON_BED
    faces = np.flatnonzero(steep)
    position = np.full(len(steep) + 1, -1, np.int64)  # the last stands for no neighbour
    position[faces] = np.arange(len(faces))
    row, column = np.repeat(np.arange(len(faces)), 3), position[shape.neighbours[faces]].reshape(-1)
    number, label = groups(len(faces), row[column >= 0], column[column >= 0])
    corners = mesh.corners.take(faces, axis=0)
    plan = -cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    large = np.bincount(label, plan, number) >= LEAST_OVERHANG
    kept = large[label]
    group = (np.cumsum(large) - 1)[label[kept]]
    edges, owner = _supports(mesh, shape, faces[kept], steep)
    owner = group[owner]
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(large.sum() + 1))
    return _Hanging(corners[kept], plan[kept], group, edges[order], starts)


def _supports(mesh: Mesh, shape: Topology, faces: Index, steep: Mask) -> tuple[Array, Index]:
    """Edges (k, 2, 2) in plan below which there is material, an inside corner with the neighbour; the face of each."""
    beyond = shape.neighbours[faces]
    start, normal = mesh.corners.take(faces, axis=0), mesh.normals.take(faces, axis=0)
    face, corner = np.nonzero((beyond >= 0) & ~steep[beyond])
    a, b, c = np.einsum(
        "nkj,nj->kn",
        mesh.corners.take(beyond[face, corner], axis=0) - start[face, corner][:, None],
        normal.take(face, axis=0),
    )
    inside = np.flatnonzero(np.maximum(np.maximum(a, b), c) > 1e-3)
    face, corner = face[inside], corner[inside]
    ends = np.stack([start[face, corner], start[face, (corner + 1) % 3]], axis=1)
    return ends[:, :, :2], face


def _are_bridges(hanging: _Hanging) -> Mask:
    """Groups that supports hold on more than one side of their middle."""
    counts = np.diff(hanging.starts)
    held = np.flatnonzero(counts)
    owner = np.repeat(np.arange(len(held)), counts[held])
    hull = shapely.convex_hull(shapely.multilinestrings(shapely.linestrings(hanging.edges), indices=owner))
    wide = shapely.area(hull) > 1e-3
    held, hull = held[wide], hull[wide]
    middle = hanging.corners[:, :, :2].mean(axis=1) * hanging.plan[:, None]
    whole = np.bincount(hanging.group, hanging.plan, len(counts))
    centre = np.stack([np.bincount(hanging.group, middle[:, k], len(counts)) / whole for k in (0, 1)], axis=1)
    bridges = np.zeros(len(counts), bool)
    bridges[held] = shapely.covers(hull, shapely.points(centre[held]))
    near = ~bridges[held]
    bridges[held[near]] = shapely.covers(shapely.buffer(hull[near], 0.05), shapely.points(centre[held[near]]))
    return bridges


def _farthest(hanging: _Hanging, bridges: Mask) -> list[tuple[float, Place | None]]:
    """Greatest distance in plan of a place from what holds its group, among groups that are no `bridges` and among
    those that are; a group's size if nothing does.
    """
    best: list[tuple[float, Array | None]] = [(0.0, None), (0.0, None)]
    held = np.diff(hanging.starts) > 0
    for number in np.flatnonzero(~held):
        corners, kind = hanging.corners[hanging.group == number], int(bridges[number])
        size = float(np.ptp(corners[:, :, :2].reshape(-1, 2), axis=0).max())
        best[kind] = max(best[kind], (size, corners[0, 0]), key=lambda pair: pair[0])
    kept = held[hanging.group]
    pieces, group = hanging.corners[kept], hanging.group[kept]
    while len(pieces):
        counts = hanging.starts[group + 1] - hanging.starts[group]
        owner, edge = runs(hanging.starts[group], counts)
        apart = _apart(pieces.take(owner, axis=0), hanging.edges.take(edge, axis=0)[:, None])
        # No place on a piece is farther from an edge than one of its corners is.
        first = np.cumsum(counts) - counts
        bound, corner = np.minimum.reduceat(apart.max(axis=1), first), np.minimum.reduceat(apart, first)
        kept, is_bridge = np.zeros(len(pieces), bool), bridges[group]
        for kind in (0, 1):
            own = np.flatnonzero(is_bridge == kind)
            if len(own):
                piece, k = np.unravel_index(int(np.argmax(corner[own])), (len(own), 3))
                found = float(corner[own[piece], k]), pieces[own[piece], k]
                best[kind] = max(best[kind], found, key=lambda pair: pair[0])
                kept[own] = bound[own] > best[kind][0] + CLOSE
        pieces, group = _halved(pieces[kept]), np.tile(group[kept], 2)
    return [(far, None if at is None else place_of(at)) for far, at in best]


def _halved(corners: Array) -> Array:
    """Each triangle (n, 3, 3) cut in two across its longest side, the first halves before the second."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
    turned = corners[np.arange(len(corners))[:, None], (np.argmax(sides, axis=1)[:, None] + np.arange(3)) % 3]
    a, b, c = turned.transpose(1, 0, 2)
    middle = (a + b) / 2
    return np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])


def _apart(points: Array, edges: Array) -> Array:
    """Distance of plan points (..., 2) from segments (..., 2, 2)."""
    x, y = points[..., 0] - edges[..., 0, 0], points[..., 1] - edges[..., 0, 1]
    u, v = edges[..., 1, 0] - edges[..., 0, 0], edges[..., 1, 1] - edges[..., 0, 1]
    along = np.clip((x * u + y * v) / np.maximum(u * u + v * v, 1e-18), 0.0, 1.0)
    return np.asarray(np.hypot(x - along * u, y - along * v))
