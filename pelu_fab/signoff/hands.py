"""What hands do with the parts: whether each stands where it is put. Meshes in, findings out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from shapely import STRtree, buffer, convex_hull, covers, linestrings, multipoints, points

from pelu_fab.signoff.boxes import inside
from pelu_fab.signoff.columns import Plan
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.report import Check, most
from pelu_fab.signoff.stl import Array, Index, Mask, Mesh, boxes_of, ends_of, touching
from pelu_fab.signoff.walls import spots

HANGS = 0.5  # mm that a part may drop before it is held: a tray's edge on a slanting seat, no seat that is missed
NEAR, FARTHEST = 1.0, 20.0  # mm within which nearly every part stands; and to which is looked, to tell by how much
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
BATCH, MORE = 64, 8  # places looked at together at first, once only the least air counts; times as many each time
ON_EDGE = 1e-6  # mm
LARGE, INSIDE = 10.0, 0.03  # mm2: of such a triangle the corners are probed as well, so far towards its middle
LEEWAY = 0.5  # mm in plan: places of contact are probed, not known to the last edge
DROPS = "drops so far until it stands: on other parts or the table, its centre of mass between the contacts"
ALONE = "drops so far until it stands alone on a table"


def stands(parts: Sequence[LoadedPart], bodies: "Bodies") -> list[Check]:
    """How far each part drops until it stands where it is placed, all of these being `bodies`; a loose part stands
    alone, as it lies in its file.
    """
    fixed = [part for part in parts if part.matrix is not None]
    table = min((float(body.mesh.box[0][2]) for body in bodies.each), default=0.0)
    checks = []
    for number, (part, mesh) in enumerate(zip(fixed, (body.mesh for body in bodies.each), strict=True)):
        drop = _drop(contacts(bodies, number, NEAR), mesh, table)
        if drop > HANGS:  # look further, and where edges cross: places miss a narrow gutter on a thin wall
            drop = _drop(contacts(bodies, number, FARTHEST, edges=True), mesh, table)
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
    gaps, places = np.append(contacts[0], mesh.points[:, 2] - table), np.append(contacts[1], mesh.points[:, :2], axis=0)
    middle = points(mesh.centre[:2])
    for gap in np.unique(np.ceil(gaps[gaps < FARTHEST] * 100.0) / 100.0):
        hull = convex_hull(multipoints(places[gaps <= gap]))
        if covers(buffer(hull, LEEWAY), middle):
            return max(0.0, float(gap))
    return FARTHEST


@dataclass(frozen=True)
class Bodies:
    """Meshes side by side, each with its box: lowest and highest coordinates (n, 2, 3)."""

    each: tuple["Body", ...]
    boxes: Array

    @classmethod
    def of(cls, meshes: Iterable[Mesh]) -> "Bodies":
        """As they lie."""
        each = tuple(Body(mesh) for mesh in meshes)
        return cls(each, np.array([body.mesh.box for body in each]).reshape(-1, 2, 3))

    def near(self, part: int, among: Index, shift: Array, looks: float, reach: float) -> list[int]:
        """Those `among` others before which one that is moved by `shift` and looks down (-1) or up may lie with less
        than `reach` of air.
        """
        (low, high), (bottom, top) = self.boxes[part] + shift, self.boxes[among].transpose(1, 0, 2)
        below, above = _sights(looks, reach)
        over = ((bottom <= high) & (low <= top))[:, :2].all(axis=1) & (among != part)
        over &= (low[2] - top[:, 2] < below[2]) & (bottom[:, 2] - high[2] < above[2])
        return list(among[over].tolist())


@dataclass(frozen=True)
class Body:
    """A mesh, and which of its faces stand on something (`looks` -1: down) or carry it (1: up)."""

    mesh: Mesh

    @cached_property
    def _sides(self) -> dict[float, tuple["_Faces", ...]]:
        up = self.mesh.normals[:, 2]
        return {k: tuple(_Faces(self.mesh, some) for some in (up * k > LEVEL, up * k < 0)) for k in (1.0, -1.0)}

    def level(self, looks: float) -> "_Faces":
        """Faces nearly level that look this way."""
        return self._sides[looks][0]

    def back(self, looks: float) -> "_Faces":
        """Faces that look at what looks this way."""
        return self._sides[looks][1]


@dataclass(frozen=True)
class _Faces:
    """Some triangles of a mesh."""

    mesh: Mesh
    chosen: Mask

    @cached_property
    def corners(self) -> Array:
        """(n, 3, 3) of each."""
        return self.mesh.points.take(self.mesh.faces.compress(self.chosen, axis=0), axis=0)

    @property
    def edges(self) -> Array:
        """(3 n, 2, 3) of each."""
        return self.corners.take([[0, 1], [1, 2], [2, 0]], axis=1).reshape(-1, 2, 3)

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        """Lowest and highest coordinates of each, a hair wider in plan."""
        low, high = boxes_of(self.corners)
        hair = np.array([ON_EDGE, ON_EDGE, 0.0])
        return low - hair, high + hair

    @cached_property
    def _box(self) -> tuple[Array, Array]:
        """Of all."""
        low, high = self._ends
        return low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf)

    @cached_property
    def places(self) -> Array:
        """Places (n, 3) spread over each triangle, and near the corners of large ones."""
        areas = self.mesh.areas[self.chosen]
        owner, _, u, v = spots(areas)
        a, b, c = self.corners.take(owner, axis=0).transpose(1, 0, 2)
        ends = self.corners.compress(areas > LARGE, axis=0)
        ends = ends + (ends.mean(axis=1, keepdims=True) - ends) * INSIDE
        return np.append(a + u[:, None] * (b - a) + v[:, None] * (c - a), ends.reshape(-1, 3), axis=0)

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.corners)

    def air(self, places: Array, looks: float, reach: float) -> tuple[Array, Array]:
        """Air (k,) less than `reach` straight down (`looks` -1) or up from places (n, 3) to these faces, their plan."""
        if not len(places):
            return np.zeros(0), np.zeros((0, 2))
        low, high = self._ends
        below, above = _sights(looks, reach)
        lowest, highest = ends_of(places)
        bottom, top = lowest - below, highest + above
        face = np.flatnonzero(touching(low, high, bottom, top))
        place, one = inside(places[:, :2], low.take(face, axis=0)[:, :2], high.take(face, axis=0)[:, :2])
        face, at = face[one], places.take(place, axis=0)
        near = (low[face, 2] < at[:, 2] + above[2]) & (high[face, 2] > at[:, 2] - below[2])
        at = at.compress(near, axis=0)
        hit, z = self._plan.meets(face[near], at)
        at = at.take(hit, axis=0)
        air = (z - at[:, 2]) * looks
        meets = (air > -LEEWAY) & (air < reach)
        return air[meets], at[meets, :2]

    def least(self, places: Array, looks: float, reach: float, enough: float) -> float:
        """Least air, inf where none is below `reach`: the farthest down (or up) of the places first. What is less than
        `enough` need not be the least.
        """
        places = places.take(np.argsort(-looks * places[:, 2], kind="stable"), axis=0)
        found, start, count = np.inf, 0, BATCH
        while start < len(places) and found > enough and self._ahead(places[start, 2], looks) < min(reach, found):
            air, _ = self.air(places[start : start + count], looks, min(reach, found))
            found, start, count = min(found, float(air.min(initial=np.inf))), start + count, MORE * count
        return found

    def _ahead(self, z: float, looks: float) -> float:
        """Air that is left at least from a place at this height."""
        low, high = self._box
        return float(low[2] - z if looks > 0 else z - high[2])

    def near(self, places: Array, looks: float, reach: float) -> Array:
        """Those places (n, 3) that lie before the box round all faces."""
        (low, high), (below, above) = self._box, _sights(looks, reach)
        return places.compress(touching(places, places, low - above, high + below), axis=0)


def _sights(looks: float, reach: float) -> tuple[Array, Array]:
    """How far (3,) below and above a place faces matter to who looks that way."""
    below, above = (reach, LEEWAY) if looks < 0 else (LEEWAY, reach)
    return np.array([0.0, 0.0, below]), np.array([0.0, 0.0, above])


def contacts(bodies: Bodies, part: int, reach: float, *, edges: bool = False) -> tuple[Array, Array]:
    """Air (k,), less than `reach` mm, and plan (k, 2) of places where a part lies over another; with `edges` also of
    all where their edges cross.
    """
    found: list[tuple[Array, Array]] = [(np.zeros(0), np.zeros((0, 2)))]
    each = np.arange(len(bodies.each))
    for places, looks, faces in _before(bodies, part, -1.0, each, np.zeros(3), reach):
        found.append(faces.air(places, looks, reach))
    for other in bodies.near(part, each, np.zeros(3), -1.0, reach) if edges else ():
        gaps, places = _crossings(bodies.each[part].level(-1.0).edges, bodies.each[other].level(1.0).edges)
        meets = (gaps > -LEEWAY) & (gaps < reach)
        found.append((gaps[meets], places[meets]))
    air, plan = zip(*found, strict=True)
    return np.concatenate(air), np.concatenate(plan)


def _crossings(upper: Array, lower: Array) -> tuple[Array, Array]:
    """Air (k,) between edges (n, 2, 3) and (m, 2, 3) that cross in plan, and where (k, 2)."""
    one, other = STRtree(linestrings(lower[..., :2])).query(linestrings(upper[..., :2]), predicate="crosses")
    (start, end), (first, last) = (edges.transpose(1, 0, 2) for edges in (upper[one], lower[other]))
    along, across, apart = end - start, last - first, first - start
    turn = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    t, u = ((apart[:, 0] * way[:, 1] - apart[:, 1] * way[:, 0]) / turn for way in (across, along))
    at = start + t[:, None] * along
    return at[:, 2] - (first[:, 2] + u * across[:, 2]), at[:, :2]


def nearest(
    bodies: Bodies, part: int, looks: float, reach: float, among: Index, shift: Array, *, enough: float = 0.0
) -> float:
    """Least air (mm) below (`looks` -1) or above a part that is moved by `shift`, to others `among` all; inf where it
    is `reach` or more.

    Air that is less than `enough` need not be the least.
    """
    least = np.inf
    for places, way, faces in _before(bodies, part, looks, among, shift, reach):
        least = min(least, faces.least(places, way, min(reach, least), enough))
        if least <= enough:
            break
    return max(least, 0.0)


def _before(
    bodies: Bodies, part: int, looks: float, among: Index, shift: Array, reach: float
) -> Iterator[tuple[Array, float, _Faces]]:
    """Places on faces of a part that look one way, to look from to others, and on those of others that look back, to
    look up or down to it: either may be the smaller.
    """
    one, others = bodies.each[part], bodies.near(part, among, shift, looks, reach)
    moved = one.level(looks).places + shift if others else np.zeros((0, 3))
    for two in (bodies.each[other] for other in others):
        yield two.back(looks).near(moved, looks, reach), looks, two.back(looks)
        yield one.back(-looks).near(two.level(-looks).places - shift, -looks, reach), -looks, one.back(-looks)
