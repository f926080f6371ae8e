"""Combs, found blind: the flat sills that a pool spills over, the open width of each tooth, the spout behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pelu_fab.signoff.drops import Drops
from pelu_fab.signoff.openings import in_rows, open_widths
from pelu_fab.signoff.sections import Segments, cut
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.surface import Surface

BAND = (-1.0, 1.0)  # mm about the spill level in which a flat counts as this pool's sill
LEVEL = 0.9999  # upward part of the normal of a face that counts as level
JOINT = 0.02  # mm: edges and flats nearer than this hang together
LEAST_BED = 20.0  # mm2: a smaller slope beside a pool is a chamfer or a sliver
CLOSED_AT = 0.6  # mm before the outer edge: where a line across the tooth parts inside from outside
WIDEST_SPOUT = 500.0  # mm: no spout is wider
SPOUT_LEVELS = (0.08, 0.3, 0.5, 0.7, 0.92)  # of a spout's fall, and beside every corner between the first and last
ROUND_SPOUT = 12.0  # mm from where water runs, within which a corner may belong to its spout


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
    plan = np.cross(b - a, c - a)[:, 2].sum() / 2
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
    number, label = connected_components(_adjacency(surface, upright), directed=False)
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
    _, label = connected_components(_adjacency(surface, allowed), directed=False)
    inside = _position(allowed, seeds)
    return allowed[np.isin(label, np.unique(label[inside[inside >= 0]]))]


def _position(members: Index, wanted: Index) -> Index:
    """Where each wanted number stands among `members` (ascending), -1 where it does not."""
    if not len(members):
        return np.full(wanted.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(members, wanted), len(members) - 1)
    return np.where(members[place] == wanted, place, -1)


def _adjacency(surface: Surface, allowed: Index) -> coo_matrix:
    row, column = np.repeat(np.arange(len(allowed)), 3), _position(allowed, surface.neighbours[allowed]).reshape(-1)
    kept = column >= 0
    return coo_matrix((np.ones(kept.sum(), bool), (row[kept], column[kept])), shape=(len(allowed), len(allowed)))


def _sills(surface: Surface, part: int, level: float, under: Index) -> list[Sill]:
    flats = _flats(surface, part, level)
    if not len(flats):
        return []
    number, label = connected_components(_adjacency(surface, flats), directed=False)
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
    graph = coo_matrix((np.ones(len(one), bool), (one, other)), shape=(2 * k, 2 * k))
    number, of_end = connected_components(graph, directed=False)
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
    """Section of the groove that each tooth's drop ran down; None where it met no vertical wall."""
    found: list[list[tuple[float, float, Array, Array, float]]] = [[] for _ in sills]
    top, end = drops.run_top[drop_of_sill, 2], drops.run_end[drop_of_sill, 2]
    valid = np.flatnonzero(np.isfinite(top) & (top - end > 1.0))
    own = surface.corners[surface.faces_of_part(part)]
    outward = np.array([s.outward for s in sills]).reshape(-1, 2)
    along = np.stack([-outward[:, 1], outward[:, 0]], axis=1)
    spans = np.round(np.stack([top, end], axis=1), 1)
    for span in np.unique(spans[valid], axis=0):
        who = valid[(spans[valid] == span).all(axis=1)]
        side = drops.run_side[drop_of_sill[who]]
        origin = drops.run_top[drop_of_sill[who], :2] + 0.2 * side + 0.2 * outward[who]
        for z in _spout_levels(own, origin, float(span[0]), float(span[1])):
            lines = Segments(cut(own, z)[0])
            for i, section in zip(who, _groove(lines, origin, outward[who], along[who]), strict=True):
                found[i].append(section)
    return [_narrowest(sections, top[i], end[i]) for i, sections in enumerate(found)]


def _spout_levels(own: Array, origins: Array, top: float, end: float) -> list[float]:
    """Heights at which to cut spouts that fall from `top` to `end`: some, and beside each corner near them."""
    high, low = (float(top + (end - top) * f) + 0.0137 for f in (SPOUT_LEVELS[0], SPOUT_LEVELS[-1]))
    near = (own[:, :, :2].max(axis=1) > origins.min(axis=0) - ROUND_SPOUT).all(axis=1)
    near &= (own[:, :, :2].min(axis=1) < origins.max(axis=0) + ROUND_SPOUT).all(axis=1)
    bends = np.unique(np.round(own[near][:, :, 2], 3))
    bends = bends[(bends > low + 0.02) & (bends < high - 0.02)]
    bends = bends[np.diff(bends, prepend=-np.inf) > 0.02]
    usual = [float(top + (end - top) * f) + 0.0137 for f in SPOUT_LEVELS]
    return [*usual, *(bends - 0.005).tolist(), *(bends + 0.005).tolist()]


def _groove(
    lines: Segments, origin: Array, outward: Array, along: Array
) -> list[tuple[float, float, Array, Array, float]]:
    """(width, depth, left, right, area) of the groove round each origin."""
    left, right = lines.reach(origin, -along, WIDEST_SPOUT), lines.reach(origin, along, WIDEST_SPOUT)
    width = left + right
    closed = np.isfinite(width)
    left, right = np.where(closed, left, 0.0), np.where(closed, right, 0.0)
    # From the middle, where the drop may not have run: the back wall, and the tips of the fins.
    centre = origin + along * ((right - left) / 2)[:, None]
    back = lines.reach(centre, -outward, WIDEST_SPOUT)
    wall = centre - outward * np.where(np.isfinite(back), back, 0.0)[:, None]
    half = (width / 2)[:, None]
    half = np.where(np.isfinite(half), half, 0.0)
    tips = [
        lines.reach(wall + outward * 0.05 + s * along * (half + 0.1), outward, WIDEST_SPOUT, leaving=True) + 0.05
        for s in (-1.0, 1.0)
    ]
    depth = np.minimum(tips[0], tips[1])
    ok = closed & np.isfinite(back) & np.isfinite(depth)
    depth = np.where(ok, depth, 0.0)
    width = np.where(ok, width, 0.0)
    area = width * depth
    for share in (0.15, 0.5, 0.85):
        place = wall + outward * (depth * share)[:, None]
        across = lines.reach(place, along, WIDEST_SPOUT) + lines.reach(place, -along, WIDEST_SPOUT)
        area = np.where(ok, np.minimum(area, np.where(np.isfinite(across), across, 0.0) * depth), 0.0)
    return [
        (
            float(width[i]) if ok[i] else 0.0,
            float(depth[i]) if ok[i] else 0.0,
            wall[i] - along[i] * half[i],
            wall[i] + along[i] * half[i],
            float(area[i]),
        )
        for i in range(len(origin))
    ]


def _narrowest(sections: list[tuple[float, float, Array, Array, float]], top: float, end: float) -> Spout | None:
    if not sections:
        return None
    width, depth, left, right, area = min(sections, key=lambda s: s[4])
    most = max(s[4] for s in sections)
    return Spout(
        width,
        depth,
        area,
        most,
        (float(left[0]), float(left[1])),
        (float(right[0]), float(right[1])),
        float(top),
        float(end),
    )
