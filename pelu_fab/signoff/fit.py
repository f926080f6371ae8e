"""Whether assembled parts leave each other room, and hold each other. Placed meshes in, findings out."""

from collections.abc import Sequence

import numpy as np
from manifold3d import Error, Manifold, Mesh64
from shapely import MultiPoint, Point

from pelu_fab.signoff.boxes import meeting
from pelu_fab.signoff.columns import height_at
from pelu_fab.signoff.dossier import PartEntry
from pelu_fab.signoff.report import Check, failed, most, passed, skipped
from pelu_fab.signoff.stl import Array, Mesh
from pelu_fab.signoff.walls import spots

OVERLAP = 0.5  # mm3: float32 corners of two faces that touch stay far below
NEAR = 1.0  # mm within which nearly every part stands
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
FARTHEST = 20.0  # mm that a part may hang above what holds it, to be told by how much
GAPES = 3.0  # times the clearance between parts: a tray that lies aslant in its window drops by a little more than one
DROPS = "drops so far until it stands on what is below"
FRAME = "frame"
LEEWAY = 0.5  # mm in plan: places of contact are probed, not known to the last edge


def collisions(parts: Sequence[tuple[str, Mesh]]) -> list[Check]:
    """Every pair of assembled parts that share space; a part that is no solid is skipped by name."""
    checks: list[Check] = []
    solids: list[tuple[str, Manifold]] = []
    for name, mesh in parts:
        solid = Manifold(Mesh64(np.ascontiguousarray(mesh.points), np.ascontiguousarray(mesh.faces, dtype=np.uint64)))
        if solid.status() != Error.NoError or solid.is_empty():
            checks.append(skipped("mesh.collide", name, "is no closed solid"))
        else:
            solids.append((name, solid))
    boxes = np.array([solid.bounding_box() for _, solid in solids]).reshape(-1, 6)
    pairs = 0
    for i, (name, solid) in enumerate(solids):
        near = (boxes[i, :3] < boxes[i + 1 :, 3:]).all(axis=1) & (boxes[i + 1 :, :3] < boxes[i, 3:]).all(axis=1)
        for j in (np.flatnonzero(near) + i + 1).tolist():
            pairs += 1
            shared = solid ^ solids[j][1]
            if shared.volume() > OVERLAP:
                low, high = np.array(shared.bounding_box()).reshape(2, 3)
                x, y, z = (round(float(v), 3) for v in (low + high) / 2)
                where = f"{name} | {solids[j][0]}"
                checks.append(failed("mesh.collide", where, "mm3 belong to both", (x, y, z), float(shared.volume())))
    return checks or [passed("mesh.collide", "assembly", f"{pairs} neighbouring pairs leave each other room")]


def gapes(meshes: Sequence[Mesh], entries: Sequence[PartEntry]) -> list[Check]:
    """How far each part drops until it stands: on other parts or the table, its centre of mass between the contacts.

    Pieces of a frame keep each other upright by their joints, so they only have to stand somewhere.
    """
    table = min(float(mesh.points[:, 2].min()) for mesh in meshes)
    boxes = np.array([(mesh.points.min(axis=0), mesh.points.max(axis=0)) for mesh in meshes])
    checks = []
    for number, (entry, mesh) in enumerate(zip(entries, meshes, strict=True)):
        drop = _stands(_contacts(meshes, boxes, number, NEAR), mesh, table, entry.role == FRAME)
        if drop >= NEAR:  # nothing so near: look on
            drop = _stands(_contacts(meshes, boxes, number, FARTHEST), mesh, table, entry.role == FRAME)
        x, y, z = (round(float(v), 3) for v in mesh.centre)
        checks.append(most("mesh.gape", entry.name, drop, GAPES * entry.clearance, "mm", DROPS, (x, y, z)))
    return checks


def _stands(contacts: tuple[Array, Array], mesh: Mesh, table: float, is_frame: bool) -> float:
    """How far (mm) a part drops until contacts hold it, or the table."""
    corners = mesh.corners.reshape(-1, 3)
    gaps, places = np.append(contacts[0], corners[:, 2] - table), np.append(contacts[1], corners[:, :2], axis=0)
    return min(max(0.0, float(gaps.min())), FARTHEST) if is_frame else _drop(gaps, places, mesh.centre)


def _drop(gaps: Array, places: Array, centre: Array) -> float:
    """Least gap (mm) within which contacts in plan surround the centre; `FARTHEST` where none do."""
    middle = Point(centre[:2])
    for gap in np.unique(np.ceil(gaps[gaps < FARTHEST] * 100.0) / 100.0):
        hull = MultiPoint(places[gaps <= gap]).convex_hull
        if hull.buffer(LEEWAY).covers(middle):
            return max(0.0, float(gap))
    return FARTHEST


def _contacts(meshes: Sequence[Mesh], boxes: Array, part: int, reach: float) -> tuple[Array, Array]:
    """Air (k,), less than `reach` mm, and plan (k, 2) of places where a part lies over another."""
    low, high = boxes[:, 0], boxes[:, 1]
    under = (low[:, :2] <= high[part, :2]).all(axis=1) & (low[part, :2] <= high[:, :2]).all(axis=1)
    under &= (low[part, 2] - high[:, 2] < reach) & (high[part, 2] - low[:, 2] > -LEEWAY)
    under[part] = False
    air, plan = [np.zeros(0)], [np.zeros((0, 2))]
    for other in np.flatnonzero(under).tolist():
        # From undersides down, then from tops up: either may be the smaller.
        for one, two, looks in ((meshes[part], meshes[other], -1.0), (meshes[other], meshes[part], 1.0)):
            found = _between(one, two, looks, reach)
            air.append(found[0])
            plan.append(found[1])
    return np.concatenate(air), np.concatenate(plan)


def _between(one: Mesh, two: Mesh, looks: float, reach: float) -> tuple[Array, Array]:
    """From places on level faces of `one` straight down (`looks` -1) or up to faces of `two` that look back."""
    level, back = np.flatnonzero(one.normals[:, 2] * looks > LEVEL), np.flatnonzero(two.normals[:, 2] * looks < 0)
    low, high = one.corners[level].min(axis=1), one.corners[level].max(axis=1)
    low[:, 2] -= reach if looks < 0 else LEEWAY
    high[:, 2] += LEEWAY if looks < 0 else reach
    face, other = meeting(low, high, two.corners[back].min(axis=1), two.corners[back].max(axis=1))
    face, other = level[face], back[other]
    pair, _, u, v = spots(one.areas[face])
    a, b, c = one.corners[face[pair]].transpose(1, 0, 2)
    at = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    z = height_at(two.corners[other[pair]], at)
    air = (z - at[:, 2]) * looks
    meets = (air > -LEEWAY) & (air < reach)
    return air[meets], at[meets, :2]
