"""What hands do with the parts: whether each stands where it is put. Meshes in, findings out."""

from collections.abc import Sequence

import numpy as np
from shapely import MultiPoint, Point

from pelu_fab.signoff.boxes import meeting
from pelu_fab.signoff.columns import height_at
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Mesh
from pelu_fab.signoff.walls import spots

HANGS = 0.5  # mm that a part may drop before it is held: a tray's edge on a slanting seat, no seat that is missed
NEAR, FARTHEST = 1.0, 20.0  # mm within which nearly every part stands; and to which is looked, to tell by how much
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
LEEWAY = 0.5  # mm in plan: places of contact are probed, not known to the last edge
DROPS = "drops so far until it stands: on other parts or the table, its centre of mass between the contacts"
ALONE = "drops so far until it stands alone on a table"


def stands(parts: Sequence[LoadedPart]) -> list[Check]:
    """How far each part drops until it stands where it is placed; a loose part stands alone, as it lies in its file."""
    fixed = [part for part in parts if part.matrix is not None]
    meshes = [part.placed for part in fixed]
    table = min((float(mesh.points[:, 2].min()) for mesh in meshes), default=0.0)
    boxes = np.array([(mesh.points.min(axis=0), mesh.points.max(axis=0)) for mesh in meshes])
    checks = []
    for number, (part, mesh) in enumerate(zip(fixed, meshes, strict=True)):
        drop = _drop(contacts(meshes, boxes, number, NEAR), mesh, table)
        if drop >= NEAR:  # nothing so near: look on
            drop = _drop(contacts(meshes, boxes, number, FARTHEST), mesh, table)
        checks.append(most("hands.stand", part.entry.name, drop, HANGS, "mm", DROPS, place_of(mesh.centre)))
    for part in parts:
        if part.matrix is None:
            drop = _drop((np.zeros(0), np.zeros((0, 2))), part.mesh, float(part.mesh.points[:, 2].min()))
            checks.append(most("hands.stand", part.entry.name, drop, HANGS, "mm", ALONE))
    return checks


def _drop(contacts: tuple[Array, Array], mesh: Mesh, table: float) -> float:
    """Least gap (mm) within which contacts in plan, those with the table too, surround the centre of mass; `FARTHEST`
    where none do.
    """
    corners = mesh.corners.reshape(-1, 3)
    gaps, places = np.append(contacts[0], corners[:, 2] - table), np.append(contacts[1], corners[:, :2], axis=0)
    middle = Point(mesh.centre[:2])
    for gap in np.unique(np.ceil(gaps[gaps < FARTHEST] * 100.0) / 100.0):
        hull = MultiPoint(places[gaps <= gap]).convex_hull
        if hull.buffer(LEEWAY).covers(middle):
            return max(0.0, float(gap))
    return FARTHEST


def contacts(meshes: Sequence[Mesh], boxes: Array, part: int, reach: float) -> tuple[Array, Array]:
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
