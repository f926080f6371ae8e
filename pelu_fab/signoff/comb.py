"""Combs, found blind: the flat sills that a pool spills over, the open width of each tooth, the spout behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from scipy.spatial import cKDTree

from pelu_fab.signoff.drops import Drops
from pelu_fab.signoff.groups import groups
from pelu_fab.signoff.openings import in_rows, open_widths
from pelu_fab.signoff.sections import Segments, cuts
from pelu_fab.signoff.stl import Array, Index, Mask, cross, turned
from pelu_fab.signoff.surface import Surface

BAND = (-1.0, 1.0)  # mm about the spill level in which a flat counts as this pool's sill
LEVEL = 0.9999  # upward part of the normal of a face that counts as level
JOINT = 0.02  # mm: edges and flats nearer than this hang together
LEAST_BED = 20.0  # mm2: a smaller slope beside a pool is a chamfer or a sliver
CLOSED_AT = 0.6  # mm before the outer edge: where a line across the tooth parts inside from outside
WIDEST_SPOUT = 500.0  # mm: no spout is wider
SECTION_AT = (5.6, 6.3, 7.0)  # mm behind the sill's outer edge, where each branch's channel is straight
BEFORE_LIP, FALL = 0.6, 2.0  # mm before a lip where its width is measured; that a drop falls at once there
SECTION_UP = (0.6, 2.0, 4.0)  # mm above the channel's floor at which its width is measured; the last is its depth


@dataclass(frozen=True, slots=True, eq=False)
class Sill:
    """One tooth's flat: `level` of the sill, the middle of its outer edge, the way out, the edge's length and how far
    the flat reaches back from it, and where drops may start.

    `starts` (k, 3) lie on the outer edge, `start_faces` are the triangles that fall away behind it.
    """

    level: float
    middle: Array
    outward: Array
    edge: float
    length: float
    starts: Array
    start_faces: Index


@dataclass(frozen=True, slots=True)
class Spout:
    """Section of the walled groove that a tooth's water falls down: width and depth, mm; area the least, mm2.

    `most` is the greatest area: a wall that is open somewhere shows there.
    """

    width: float
    depth: float
    area: float
    most: float
    left: tuple[float, float]
    right: tuple[float, float]
    top_z: float
    bottom_z: float
    lip: tuple[float, float] = (0.0, 0.0)  # from where to where its water leaves, along the comb


def sills_of_pool(surface: Surface, part: int, level: float, under: Index) -> list[Sill]:
    """Teeth of a pool that spills at `level`, `under` being its triangles under water, in order along the comb."""
    return _sills(surface, part, level, under)


def bed_at(surface: Surface, face: int, level: float) -> Index:
    """Sloping bed that falls to `level` where a drop stopped on `face`: the floor of a bucket that keeps nothing."""
    part, up = int(surface.part_of_face[face]), surface.mesh.normals[:, 2]
    allowed = _sloping(surface, part, level)
    if up[face] < 0.99999:
        bed = spread(surface, np.array([face]), allowed)
    else:
        bed = _beside(surface, spread(surface, np.array([face]), _flats(surface, part, level)), allowed)
    sloped = bed[up[bed] > 0.02]
    if not len(sloped):
        return sloped
    # The foot of the slope, whatever flat the drop stopped on, is where this bed ends.
    return spread(surface, sloped, _sloping(surface, part, float(surface.corners[sloped][:, :, 2].min())))


def bed_beside(surface: Surface, part: int, level: float, pool: Index) -> Index:
    """Sloping bed that falls to a pool (triangles under water) which spills at `level`."""
    bed = _beside(surface, pool, _sloping(surface, part, level))
    a, b, c = surface.corners[bed].transpose(1, 0, 2)
    plan = cross(b - a, c - a)[:, 2].sum() / 2
    return bed if plan > LEAST_BED else np.zeros(0, np.int64)


def _sloping(surface: Surface, part: int, level: float) -> Index:
    own = surface.faces_of_part(part)
    low, high, up = surface.spans[0][own], surface.spans[1][own], surface.mesh.normals[own, 2]
    # A low step between bed and sill is no wall.
    step = (np.abs(up) < 0.02) & (high < level + BAND[1]) & (low > level + BAND[0])
    sloping = (up > 0.02) & (up < 0.99999) & (low > level - 1e-3)
    return np.asarray(own.start + np.flatnonzero(sloping | step))


def _beside(surface: Surface, faces: Index, allowed: Index) -> Index:
    around = np.unique(surface.neighbours[faces])
    seeds = around[np.isin(around, allowed)]
    return spread(surface, seeds, allowed) if len(seeds) else np.zeros(0, np.int64)


def _flats(surface: Surface, part: int, level: float) -> Index:
    """Level triangles near the spill level, and the low upright steps from one of them down to another."""
    own = surface.faces_of_part(part)
    low, high, up = surface.spans[0][own], surface.spans[1][own], surface.mesh.normals[own, 2]
    near = (low > level + BAND[0]) & (high < level + BAND[1])
    # A micro-step or sliver that an edit or float32 left on a sill is part of the flat; a corner of a slope is not.
    flat = own.start + np.flatnonzero(near & ((up > LEVEL) | (high - low < JOINT)))
    upright = own.start + np.flatnonzero(near & (np.abs(up) < 0.02) & (high - low >= JOINT))
    if not len(upright):
        return np.asarray(flat)
    z, up = surface.corners[:, :, 2], surface.mesh.normals[:, 2]
    number, label = _hanging(surface, upright)
    foot = np.full(number, np.inf)
    np.minimum.at(foot, label, z[upright].min(axis=1))
    beyond = surface.neighbours[upright]
    lands = (beyond >= 0) & (up[beyond] > LEVEL) & (np.abs(z[beyond].mean(axis=2) - foot[label][:, None]) < JOINT)
    steps = np.zeros(number, bool)
    steps[label[lands.any(axis=1)]] = True
    return np.sort(np.concatenate([flat, upright[steps[label]]]))


def spread(surface: Surface, seeds: Index, allowed: Index) -> Index:
    """All triangles among `allowed` (ascending) that hang together with the seeds."""
    if not len(seeds) or not len(allowed):
        return np.asarray(seeds, np.int64)
    _, label = _hanging(surface, allowed)
    inside = _position(allowed, seeds)
    return allowed[np.isin(label, np.unique(label[inside[inside >= 0]]))]


def _position(members: Index, wanted: Index) -> Index:
    """Where each wanted number stands among `members` (ascending), -1 where it does not."""
    if not len(members):
        return np.full(wanted.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(members, wanted), len(members) - 1)
    return np.where(members[place] == wanted, place, -1)


def _hanging(surface: Surface, allowed: Index) -> tuple[int, Index]:
    """How many groups of neighbours triangles (ascending) make, and the number of each one's."""
    row, column = np.repeat(np.arange(len(allowed)), 3), _position(allowed, surface.neighbours[allowed]).reshape(-1)
    kept = column >= 0
    return groups(len(allowed), row[kept], column[kept])


def _sills(surface: Surface, part: int, level: float, under: Index) -> list[Sill]:
    flats = _flats(surface, part, level)
    if not len(flats):
        return []
    number, label = _hanging(surface, flats)
    beyond = surface.neighbours[flats]
    inner = _position(under, beyond) >= 0
    fed = np.zeros(number, bool)
    fed[label[inner.any(axis=1)]] = True
    points, faces = surface.mesh.points, surface.mesh.faces
    third = surface.corners[beyond][:, :, :, 2].min(axis=2)  # lowest corner of each neighbour
    edge_z = np.minimum(points[faces[flats], 2], points[np.roll(faces[flats], -1, axis=1), 2])
    tall = surface.spans[1][flats] - surface.spans[0][flats]
    level_face = ((surface.mesh.normals[flats, 2] > LEVEL) | (tall < JOINT))[:, None]
    falls_away = (
        level_face
        & (beyond >= 0)
        & ~inner
        & (_position(flats, beyond) < 0)
        & (third < edge_z - 1e-3)
        & fed[label][:, None]
    )
    return _chains(surface, flats, falls_away, label, inner)


def _chains(surface: Surface, flats: Index, outer: Mask, label: Index, inner: Mask) -> list[Sill]:
    """Group outer edges that touch: blades part them, so each group is a tooth."""
    faces, points = surface.mesh.faces, surface.mesh.points
    row, corner = np.nonzero(outer)
    if not len(row):
        return []
    a, b = faces[flats[row], corner], faces[flats[row], (corner + 1) % 3]
    way = points[b, :2] - points[a, :2]
    length = np.linalg.norm(way, axis=1)
    k = len(row)
    pairs = cKDTree(points[np.r_[a, b]]).query_pairs(JOINT, output_type="ndarray").reshape(-1, 2)
    one, other = np.r_[np.arange(k), pairs[:, 0]], np.r_[np.arange(k, 2 * k), pairs[:, 1]]
    number, of_end = groups(2 * k, one, other)
    group = of_end[:k]
    teeth = []
    for g in range(number):
        own = np.flatnonzero(group == g)
        straight = own[np.argmax(length[own])]
        skew = way[own, 0] * way[straight, 1] - way[own, 1] * way[straight, 0]
        own = own[np.abs(skew) < 0.02 * length[own] * length[straight]]
        if np.linalg.norm(way[own].sum(axis=0)) > JOINT:  # edges that run to and fro are a crack, no tooth
            teeth.append(_sill(surface, flats, own, row, corner, label, inner))
    return teeth


def _sill(surface: Surface, flats: Index, own: Index, row: Index, corner: Index, label: Index, inner: Mask) -> Sill:
    faces, points = surface.mesh.faces, surface.mesh.points
    a = points[faces[flats[row[own]], corner[own]]]
    b = points[faces[flats[row[own]], (corner[own] + 1) % 3]]
    way = (b - a).sum(axis=0)[:2]
    along = way / np.linalg.norm(way)
    outward = np.array([along[1], -along[0]])  # the flat lies left of its counter-clockwise edge
    middle = ((a + b) / 2 * np.linalg.norm(b - a, axis=1)[:, None]).sum(axis=0) / np.linalg.norm(b - a, axis=1).sum()
    shelf = flats[label == label[row[own[0]]]]
    back = ((surface.corners[shelf][:, :, :2] - middle[:2]) @ outward).min()
    ends = np.concatenate([a, b])
    place = (ends[:, :2] - middle[:2]) @ along
    low, high = ends[np.argmin(place)], ends[np.argmax(place)]
    fractions = np.array([0.15, 0.5, 0.85])[:, None]
    starts = low + (high - low) * fractions
    nearest = np.argmin(
        np.abs(((starts[:, None, :] - (a + b)[None] / 2)[:, :, :2]) @ along)
        / np.maximum(np.linalg.norm(b - a, axis=1), 1e-9),
        axis=1,
    )
    over = surface.neighbours[flats[row[own[nearest]]], corner[own[nearest]]]
    edge = float(place.max() - place.min())
    return Sill(float(ends[:, 2].min()), middle, outward, edge, float(-back), starts, over)


def tooth_widths(surface: Surface, part: int, sills: Sequence[Sill]) -> tuple[Array, Array]:
    """Least and greatest open width (mm) of each tooth, over its whole sill and all heads in use."""
    own = surface.corners[surface.faces_of_part(part)]
    least, most = np.zeros(len(sills)), np.zeros(len(sills))
    rows = in_rows(
        np.array([s.level for s in sills]),
        np.array([s.middle[:2] for s in sills]),
        np.array([s.outward for s in sills]),
        np.array([s.edge for s in sills]),
        np.array([s.length for s in sills]),
    )
    for members, row in rows:
        least[members], most[members] = open_widths(own, row)
    return least, most


def spouts(surface: Surface, part: int, sills: Sequence[Sill], drops: Drops, drop_of_sill: Index) -> list[Spout | None]:
    """Section of the walled channel behind each tooth, where its drop ran down; None where it is not walled in.

    It is cut upright across the flow at `SECTION_AT` behind the sill, and measured at `SECTION_UP` above its floor.
    """
    found: list[Spout | None] = [None] * len(sills)
    own = surface.corners[surface.faces_of_part(part)]
    lips = np.array([[*s.outward, s.middle[:2] @ s.outward] for s in sills]).reshape(-1, 3)
    ways = _ways(drops, drop_of_sill)
    for lip in np.unique(np.round(lips, 2), axis=0):
        who = np.flatnonzero((np.abs(lips - lip) < 0.02).all(axis=1))
        outward = sills[int(who[0])].outward
        along = np.array([-outward[1], outward[0]])
        start = float(np.median(lips[who, 2]))
        across, ahead = turned(own[:, :, :2], np.stack([along, outward])).transpose(2, 0, 1)
        upright = np.stack([across, own[:, :, 2], ahead], axis=2)
        planes = start + np.array(SECTION_AT)
        on = [
            (int(i), k, at)
            for k, plane in enumerate(planes.tolist())
            for i in who
            if (at := _crossing(ways[int(i)], outward, plane)) is not None
        ]
        for (i, _, _), spout in zip(on, _channels(upright, planes, [one[1:] for one in on], along), strict=True):
            before = found[i]
            if before is None and spout is not None:
                found[i] = replace(spout, top_z=sills[i].level)
            elif before is not None and spout is not None:
                narrow = min(before, spout, key=lambda one: one.area)
                most = max(before.most, spout.most)
                found[i] = replace(before, width=narrow.width, area=narrow.area, most=most)
        _lips(found, sills, who, ways, upright, along)
    return found


def _lips(
    found: list[Spout | None], sills: Sequence[Sill], who: Index, ways: Sequence[Array], upright: Array, along: Array
) -> None:
    """Where each channel ends: the chord just before its drop leaves it."""
    outward = sills[int(who[0])].outward
    ends = {int(i): _end(ways[int(i)], outward) for i in who if found[int(i)] is not None}
    places = np.array(sorted({round(float(end[:2] @ outward), 1) for end in ends.values()}))
    on = [
        (i, k, at)
        for k, place in enumerate(places.tolist())
        for i, end in ends.items()
        if round(float(end[:2] @ outward), 1) == place
        and (at := _crossing(ways[i], outward, place - BEFORE_LIP)) is not None
    ]
    chords = _channels(upright, places - BEFORE_LIP, [one[1:] for one in on], along)
    for (i, _, at), chord in zip(on, chords, strict=True):
        spout = found[i]
        if spout is not None and chord is not None:
            left, right, middle = (float(np.array(end) @ along) for end in (chord.left, chord.right, at[:2]))
            found[i] = replace(spout, lip=(min(left, right, middle), max(left, right, middle)))


def _end(way: Array, outward: Array) -> Array:
    """The last place of a way before its first fall."""
    drop = (way[:-1, 2] - way[1:, 2] > FALL) & (np.linalg.norm(way[1:, :2] - way[:-1, :2], axis=1) < 1.0)
    falls = np.flatnonzero(drop)
    return np.asarray(way[falls[0]] if len(falls) else way[-1])


def _ways(drops: Drops, chosen: Index) -> list[Array]:
    """Places along the way of each chosen drop, in order."""
    who = np.concatenate([w for w, _, _ in drops.trail])
    at = np.concatenate([a for _, a, _ in drops.trail])
    order = np.argsort(who, kind="stable")
    who, at = who[order], at[order]
    first, last = np.searchsorted(who, chosen), np.searchsorted(who, chosen, side="right")
    return [at[a:b] for a, b in zip(first, last, strict=True)]


def _crossing(way: Array, outward: Array, distance: float) -> Array | None:
    """Where a way first passes a distance along `outward`."""
    reached = way[:, :2] @ outward
    beyond = np.flatnonzero(reached >= distance)
    if not len(beyond) or not beyond[0]:
        return None
    k = int(beyond[0])
    part = (distance - reached[k - 1]) / max(reached[k] - reached[k - 1], 1e-12)
    return np.asarray(way[k - 1] + part * (way[k] - way[k - 1]))


def _channels(upright: Array, planes: Array, places: Sequence[tuple[int, Array]], along: Array) -> list[Spout | None]:
    """Chords in upright `planes` (ascending) at places, each with the number of its plane, from wall to wall at every
    height; the area they make up.
    """
    if not places:
        return []
    segments, _, sheets = cuts(upright, planes)
    sheet, at = np.array([k for k, _ in places]), np.array([[at[:2] @ along, at[2]] for _, at in places])
    origins = np.concatenate([at + np.array([0.0, up]) for up in SECTION_UP])
    ways = np.repeat([[-1.0, 0.0], [1.0, 0.0]], len(origins), axis=0)
    lines, many = Segments(segments, sheets, len(planes)), 2 * len(SECTION_UP)
    found = lines.reach(np.tile(origins, (2, 1)), ways, WIDEST_SPOUT, np.tile(sheet, many))
    both = found.reshape(2, len(SECTION_UP), len(at))
    width, (left, right) = both.sum(axis=0).mean(axis=0), both[:, 0]
    outward = np.array([along[1], -along[0]])
    return [
        Spout(
            float(w),
            SECTION_UP[-1],
            float(w) * SECTION_UP[-1],
            float(w) * SECTION_UP[-1],
            _plan(place[0] - a, along, outward * planes[k]),
            _plan(place[0] + b, along, outward * planes[k]),
            float(place[1]),
            float(place[1]),
        )
        if isfinite(w)
        else None
        for w, place, k, a, b in zip(width, at, sheet, left, right, strict=True)
    ]


def _plan(across: float, along: Array, plane: Array) -> tuple[float, float]:
    x, y = across * along + plane
    return float(x), float(y)
