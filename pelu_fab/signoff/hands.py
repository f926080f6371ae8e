"""What hands do with the parts: whether each stands where it is put. Meshes in, findings out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from shapely import MultiPoint, Point

from pelu_fab.signoff.boxes import counted, meeting
from pelu_fab.signoff.columns import Columns, height_at
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh
from pelu_fab.signoff.walls import spots

HANGS = 0.5  # mm that a part may drop before it is held: a tray's edge on a slanting seat, no seat that is missed
NEAR, FARTHEST = 1.0, 20.0  # mm within which nearly every part stands; and to which is looked, to tell by how much
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
BATCH = 256  # pairs of faces looked at together once only the least air counts
MANY = 200_000  # places times faces that are sooner looked up in a grid than compared
ON_EDGE = 1e-6  # mm
LARGE, INSIDE = 10.0, 0.03  # mm2: of such a triangle the corners are probed as well, so far towards its middle
LEEWAY = 0.5  # mm in plan: places of contact are probed, not known to the last edge
DROPS = "drops so far until it stands: on other parts or the table, its centre of mass between the contacts"
ALONE = "drops so far until it stands alone on a table"


def stands(parts: Sequence[LoadedPart]) -> list[Check]:
    """How far each part drops until it stands where it is placed; a loose part stands alone, as it lies in its file."""
    fixed = [part for part in parts if part.matrix is not None]
    meshes = [part.placed for part in fixed]
    table = min((float(mesh.points[:, 2].min()) for mesh in meshes), default=0.0)
    bodies = [Body(mesh) for mesh in meshes]
    checks = []
    for number, (part, mesh) in enumerate(zip(fixed, meshes, strict=True)):
        drop = _drop(contacts(bodies, number, NEAR), mesh, table)
        if drop >= NEAR:  # nothing so near: look on
            drop = _drop(contacts(bodies, number, FARTHEST), mesh, table)
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


@dataclass(frozen=True)
class Body:
    """A mesh, and which of its faces stand on something (`looks` -1: down) or carry it (1: up)."""

    mesh: Mesh

    @cached_property
    def box(self) -> Array:
        """Its lowest and highest coordinates (2, 3)."""
        return np.array([self.mesh.points.min(axis=0), self.mesh.points.max(axis=0)])

    @cached_property
    def _sides(self) -> dict[float, tuple["_Faces", "_Faces"]]:
        up = self.mesh.normals[:, 2]
        return {k: (_faces(self.mesh, up * k > LEVEL), _faces(self.mesh, up * k < 0)) for k in (1.0, -1.0)}

    def level(self, looks: float) -> "_Faces":
        """Faces nearly level that look this way."""
        return self._sides[looks][0]

    def back(self, looks: float) -> "_Faces":
        """Faces that look at what looks this way."""
        return self._sides[looks][1]


@dataclass(frozen=True)
class _Faces:
    """Some triangles of a mesh."""

    corners: Array
    low: Array
    high: Array
    areas: Array

    @cached_property
    def places(self) -> tuple[Array, Index]:
        """Places (n, 3) spread over each triangle and in its corners, and where those of each start (m + 1)."""
        owner, _, u, v = spots(self.areas)
        a, b, c = self.corners[owner].transpose(1, 0, 2)
        large = np.flatnonzero(self.areas > LARGE)
        ends = self.corners[large]
        ends = ends + (ends.mean(axis=1, keepdims=True) - ends) * INSIDE
        owner = np.append(owner, np.repeat(large, 3))
        places = np.append(a + u[:, None] * (b - a) + v[:, None] * (c - a), ends.reshape(-1, 3), axis=0)
        order = np.argsort(owner, kind="stable")
        return places[order], np.searchsorted(owner[order], np.arange(len(self.areas) + 1))

    @cached_property
    def columns(self) -> Columns:
        """Plan index of them."""
        return Columns(self.corners)


def _faces(mesh: Mesh, chosen: Mask) -> _Faces:
    low, high = mesh.boxes
    return _Faces(mesh.corners[chosen], low[chosen], high[chosen], mesh.areas[chosen])


def contacts(bodies: Sequence[Body], part: int, reach: float) -> tuple[Array, Array]:
    """Air (k,), less than `reach` mm, and plan (k, 2) of places where a part lies over another."""
    air, plan = [np.zeros(0)], [np.zeros((0, 2))]
    for pairs in _over(bodies, part, range(len(bodies)), np.zeros(3), reach):
        found = pairs.every_air(reach)
        air.append(found[0])
        plan.append(found[1])
    return np.concatenate(air), np.concatenate(plan)


def nearest(
    bodies: Sequence[Body], part: int, reach: float, among: Iterable[int], shift: Array, *, enough: float = 0.0
) -> float:
    """Least air (mm) below a part that is moved by `shift`, over others `among` all; inf where it is `reach` or more.

    Air that is less than `enough` need not be the least.
    """
    least = np.inf
    for pairs in _over(bodies, part, among, shift, reach):
        least = min(least, pairs.least(min(reach, least), enough))
        if least <= enough:
            break
    return max(least, 0.0)


def _over(bodies: Sequence[Body], part: int, among: Iterable[int], shift: Array, reach: float) -> Iterator["_Pairs"]:
    """From undersides of a part down to others, and from tops of these up to it: either may be the smaller."""
    one, (low, high) = bodies[part], bodies[part].box + shift
    for other in among:
        two, (bottom, top) = bodies[other], bodies[other].box
        plan = (bottom[:2] <= high[:2]).all() and (low[:2] <= top[:2]).all()
        if other != part and plan and low[2] - top[2] < reach and high[2] - bottom[2] > -LEEWAY:
            yield _pairs(one.level(-1.0), two.back(-1.0), shift, -1.0, reach)
            yield _pairs(two.level(1.0), one.back(1.0), -shift, 1.0, reach)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Level faces that look down (`looks` -1) or up, and faces that look back at them, paired where boxes allow it."""

    one: _Faces
    two: _Faces
    face: Index
    other: Index
    shift: Array  # of `one` against `two`
    looks: float

    def air(self, face: Index, other: Index, reach: float) -> tuple[Array, Array]:
        """Air (k,) from places on faces straight to the others, and their plan (k, 2)."""
        places, starts = self.one.places
        pair, number = counted(starts[face + 1] - starts[face])
        beyond = other[pair]
        at = places[starts[face][pair] + number] + self.shift
        near = np.ones(len(at), bool)
        for axis in (0, 1):
            near &= (at[:, axis] >= self.two.low[beyond, axis] - ON_EDGE) & (
                at[:, axis] <= self.two.high[beyond, axis] + ON_EDGE
            )
        at, beyond = at[near], beyond[near]
        air = (height_at(self.two.corners[beyond], at) - at[:, 2]) * self.looks
        meets = (air > -LEEWAY) & (air < reach)
        return air[meets], at[meets, :2]

    def every_air(self, reach: float) -> tuple[Array, Array]:
        """Air and plan of all pairs; where slanting slivers pair with everything, by a grid of them instead."""
        _, starts = self.one.places
        if (starts[self.face + 1] - starts[self.face]).sum() <= MANY:
            return self.air(self.face, self.other, reach)
        places, face = self.one.places[0], np.unique(self.face)
        owner, number = counted(starts[face + 1] - starts[face])
        at = places[starts[face][owner] + number] + self.shift
        query, _, z, _ = self.two.columns.crossings(at)
        air = (z - at[query, 2]) * self.looks
        meets = (air > -LEEWAY) & (air < reach)
        return air[meets], at[query[meets], :2]

    def least(self, reach: float, enough: float) -> float:
        """Least air, inf where none is below `reach`; those pairs first that lie nearest."""
        _, starts = self.one.places
        if (starts[self.face + 1] - starts[self.face]).sum() > MANY:
            return float(self.every_air(reach)[0].min(initial=np.inf))
        low, high = self.one.low[self.face, 2] + self.shift[2], self.one.high[self.face, 2] + self.shift[2]
        bottom, top = self.two.low[self.other, 2], self.two.high[self.other, 2]
        bound = np.maximum(bottom - high if self.looks > 0 else low - top, 0.0)
        order, found, start, count = np.argsort(bound, kind="stable"), np.inf, 0, BATCH
        while start < len(order) and bound[order[start]] < min(reach, found) and found > enough:
            some = order[start : start + count]
            air, _ = self.air(self.face[some], self.other[some], reach)
            found, start, count = min(found, float(air.min(initial=np.inf))), start + count, 2 * count
        return found


def _pairs(one: _Faces, two: _Faces, shift: Array, looks: float, reach: float) -> _Pairs:
    below, above = (reach, LEEWAY) if looks < 0 else (LEEWAY, reach)
    low, high = one.low + shift - [0.0, 0.0, below], one.high + shift + [0.0, 0.0, above]
    face = _within(low, high, two)
    other = _within(two.low, two.high, replace(one, low=low[face], high=high[face])) if len(face) else face
    own, met = meeting(low[face], high[face], two.low[other], two.high[other])
    return _Pairs(one, two, face[own], other[met], shift, looks)


def _within(low: Array, high: Array, all_of: _Faces) -> Index:
    """Boxes that share space with the box round some faces."""
    if not len(all_of.low):
        return np.zeros(0, np.int64)
    bottom, top = all_of.low.min(axis=0), all_of.high.max(axis=0)
    meets = np.ones(len(low), bool)
    for axis in range(3):
        meets &= (low[:, axis] <= top[axis]) & (high[:, axis] >= bottom[axis])
    return np.flatnonzero(meets)
