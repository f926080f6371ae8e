"""What hands do with the parts: whether each stands where it is put. Meshes in, findings out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from shapely import MultiPoint, Point

from pelu_fab.signoff.boxes import meeting
from pelu_fab.signoff.columns import height_at
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh
from pelu_fab.signoff.walls import spots

HANGS = 0.5  # mm that a part may drop before it is held: a tray's edge on a slanting seat, no seat that is missed
NEAR, FARTHEST = 1.0, 20.0  # mm within which nearly every part stands; and to which is looked, to tell by how much
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
BATCH = 256  # pairs of faces looked at together once only the least air counts
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
    air, plan = [np.zeros(0)], [np.zeros((0, 2))]
    for other in _under(boxes, boxes[part], part, reach):
        for pairs in _facing(meshes[part], meshes[other], np.zeros(3), reach):
            found = pairs.air(reach)
            air.append(found[0])
            plan.append(found[1])
    return np.concatenate(air), np.concatenate(plan)


def nearest(meshes: Sequence[Mesh], boxes: Array, part: int, reach: float, among: Sequence[int], shift: Array) -> float:
    """Least air (mm) below a part that is moved by `shift`, over those `among` others; `reach` or inf where none is."""
    least = np.inf
    for other in _under(boxes[among], boxes[part] + shift, None, reach):
        for pairs in _facing(meshes[part], meshes[among[other]], shift, reach):
            least = min(least, pairs.least(min(reach, least)))
            if least <= 0.0:
                return 0.0
    return least


def _under(boxes: Array, box: Array, part: int | None, reach: float) -> list[int]:
    """Which boxes a box lies over within `reach`, beside its own."""
    low, high = boxes[:, 0], boxes[:, 1]
    under = (low[:, :2] <= box[1, :2]).all(axis=1) & (box[0, :2] <= high[:, :2]).all(axis=1)
    under &= (box[0, 2] - high[:, 2] < reach) & (box[1, 2] - low[:, 2] > -LEEWAY)
    if part is not None:
        under[part] = False
    return np.flatnonzero(under).tolist()


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Level faces of one mesh, from which is looked down (`looks` -1) or up, and faces of another that look back."""

    one: Mesh
    two: Mesh
    face: Index
    other: Index
    shift: Array  # of `one` against `two`
    looks: float

    def air(self, reach: float) -> tuple[Array, Array]:
        """Air (k,) from places on the faces straight to the others, and their plan (k, 2)."""
        pair, _, u, v = spots(self.one.areas[self.face])
        a, b, c = self.one.corners[self.face[pair]].transpose(1, 0, 2)
        at = a + u[:, None] * (b - a) + v[:, None] * (c - a) + self.shift
        air = (height_at(self.two.corners[self.other[pair]], at) - at[:, 2]) * self.looks
        meets = (air > -LEEWAY) & (air < reach)
        return air[meets], at[meets, :2]

    def least(self, reach: float) -> float:
        """Least air, inf where none is below `reach`; those pairs first that lie nearest."""
        low, high = self.one.boxes[0][self.face, 2] + self.shift[2], self.one.boxes[1][self.face, 2] + self.shift[2]
        bottom, top = self.two.boxes[0][self.other, 2], self.two.boxes[1][self.other, 2]
        bound = np.maximum(bottom - high if self.looks > 0 else low - top, 0.0)
        order, found, start = np.argsort(bound, kind="stable"), np.inf, 0
        while start < len(order) and bound[order[start]] < min(reach, found):
            some = order[start : start + BATCH]
            air, _ = replace(self, face=self.face[some], other=self.other[some]).air(reach)
            found, start = min(found, float(air.min(initial=np.inf))), start + BATCH
        return found


def _facing(one: Mesh, two: Mesh, shift: Array, reach: float) -> Iterator[_Pairs]:
    """From undersides of `one` down to `two`, and from tops of `two` up to it: either may be the smaller."""
    yield _pairs(one, two, shift, -1.0, reach)
    yield _pairs(two, one, -shift, 1.0, reach)


def _pairs(one: Mesh, two: Mesh, shift: Array, looks: float, reach: float) -> _Pairs:
    room = np.array([[0.0, 0.0, reach if looks < 0 else LEEWAY], [0.0, 0.0, LEEWAY if looks < 0 else reach]])
    (low, high), (bottom, top) = one.boxes, two.boxes
    low, high = low + shift - room[0], high + shift + room[1]
    level, back = one.normals[:, 2] * looks > LEVEL, two.normals[:, 2] * looks < 0
    face = np.flatnonzero(level & _in(low, high, bottom.min(axis=0), top.max(axis=0)))
    other = np.flatnonzero(back & _in(bottom, top, low.min(axis=0), high.max(axis=0)))
    own, met = meeting(low[face], high[face], bottom[other], top[other])
    return _Pairs(one, two, face[own], other[met], shift, looks)


def _in(low: Array, high: Array, bottom: Array, top: Array) -> Mask:
    """Which boxes share space with one."""
    return np.asarray(((low <= top) & (high >= bottom)).all(axis=1))
