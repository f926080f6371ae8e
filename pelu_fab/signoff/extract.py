"""Mesh to network, blind: pour points to pools, pools to combs, combs to spouts, spouts to where their drops end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pelu_fab.signoff import comb
from pelu_fab.signoff.drops import BASIN, CLING, ENDS, STUCK, Drops, trace
from pelu_fab.signoff.found import NOWHERE, Extraction, Mouth, Puddle, Tooth, Trails, Vessel, place_of
from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.siphon import siphon_of
from pelu_fab.signoff.stl import Array, Index, cross
from pelu_fab.signoff.surface import Surface

PUDDLE_LIMIT = 300.0  # mm3: a pool without teeth and above this is a bucket whose mouths are shut, not a puddle
DROPS_PER_TOOTH = 3
JUST_BELOW = 1e-3  # mm under a pool's level, where its edge is looked at
FLOOR_UP, SPECK = 0.3, 2.0  # upward part of the normal, and mm2, of floor triangles that tell the rooms of a vessel
MOST_PUDDLES = 12  # on one way down; more is no way

Key = tuple[str, int]
Progress = Callable[[str], None]


@dataclass(eq=False)
class _Search:
    """Growing list of vessels by their key; private to one extraction."""

    surface: Surface
    index: dict[Key, int] = field(default_factory=dict)
    vessels: list[Vessel] = field(default_factory=list)
    sills: list[list[comb.Sill]] = field(default_factory=list)
    puddles: dict[int, Puddle] = field(default_factory=dict)
    bed_of_face: dict[int, int] = field(default_factory=dict)
    trails: list[Trails] = field(default_factory=list)


def extract(surface: Surface, inputs: Array, outputs: Array, progress: Progress) -> Extraction:
    """Recover the network from the assembled surface; `inputs` and `outputs` (n, 3) are points in the air inside."""
    search = _Search(surface)
    cups, sources = _pour(search, outputs, inputs)
    layers: list[tuple[int, ...]] = []
    ahead = sorted(set(sources) - {NOWHERE})
    known, pools = set(cups), dict[int, int]()
    while ahead:
        layers.append(tuple(ahead))
        progress(f"extract: row {len(layers) - 1}, {len(ahead)} buckets")
        known |= set(ahead)
        _follow(search, ahead)
        below = _pools(search, ahead)
        if below:
            pools |= below
            layers.append(tuple(below.values()))
            known |= set(below.values())
            _follow(search, layers[-1])
        leaving = [search.vessels[below.get(v, v)] for v in ahead]
        goals = {g for vessel in leaving for tooth in vessel.teeth for g in tooth.goals}
        ahead = sorted(goals - known - {NOWHERE})
    return Extraction(
        tuple(search.vessels),
        tuple(sources),
        tuple(cups),
        tuple(layers),
        tuple(search.puddles.values()),
        _joined(search.trails),
        pools,
    )


def _pools(search: _Search, row: Sequence[int]) -> dict[int, int]:
    """Of a row's siphons, the vessel with a comb on the same part that all the water of one falls into."""
    found = {}
    for v in (v for v in row if search.vessels[v].siphon and search.vessels[v].teeth):
        goal = search.vessels[v].teeth[0].goal
        if goal != NOWHERE and search.vessels[goal].part == search.vessels[v].part and search.sills[goal]:
            found[v] = goal
    return found


def _pour(search: _Search, outputs: Array, inputs: Array) -> tuple[list[int], list[int]]:
    """Vessel that water poured at each point collects in: cups, which have no comb, then buckets."""
    surface, points, cups = search.surface, np.concatenate([outputs, inputs]), len(outputs)
    face, z = surface.columns.below(points)
    hit = np.flatnonzero(face >= 0)
    at = points[hit].copy()
    at[:, 2] = z[hit]
    drops = trace(surface, at, face[hit])
    found = [NOWHERE] * len(points)
    for k, i in enumerate(hit.tolist()):
        found[i] = _vessel(search, drops, k, is_cup=i < cups)
    return found[:cups], found[cups:]


def _vessel(search: _Search, drops: Drops, drop: int, *, is_cup: bool = False) -> int:
    """Vessel in which a drop ended, made known if new; NOWHERE if it ended in none."""
    if drops.state[drop] == BASIN:
        return _basin(search, int(drops.basin[drop]), is_cup=is_cup)
    if drops.state[drop] == STUCK and not is_cup:
        beds = (_bed(search, face, drops.at[drop]) for face in _around(search.surface, drops, drop))
        return next((bed for bed in beds if bed != NOWHERE), NOWHERE)
    return NOWHERE


def _around(surface: Surface, drops: Drops, drop: int) -> list[int]:
    """The face that a drop stopped on, then those round its vertex that water can lie on (a wall led it)."""
    vertex, (starts, members) = int(drops.vertex[drop]), surface.fans
    near = members[starts[vertex] : starts[vertex + 1]] if vertex >= 0 else np.zeros(0, np.int64)
    return [int(drops.face[drop]), *(int(face) for face in near if surface.mesh.normals[face, 2] > 0.02)]


def _basin(search: _Search, number: int, *, is_cup: bool) -> int:
    key = ("basin", number)
    if key in search.index:
        return search.index[key]
    if number in search.puddles and not is_cup:
        return NOWHERE
    surface, basin = search.surface, search.surface.basins[number]
    part = int(surface.part_of_basin[number])
    under = surface.faces_of_basin(number)
    under = under[surface.corners[under][:, :, 2].min(axis=1) < basin.level - 1e-4]
    siphon = None if is_cup else siphon_of(surface, number)
    sills = [] if is_cup or siphon else comb.sills_of_pool(surface, part, basin.level, under)
    middle = surface.corners[under].reshape(-1, 3)
    at = place_of(np.append((middle.min(axis=0) + middle.max(axis=0))[:2] / 2, basin.level))
    if not is_cup and not sills and not siphon and basin.volume < PUDDLE_LIMIT:
        search.puddles[number] = Puddle(surface.names[part], basin.volume, basin.depth, at)
        return NOWHERE
    vessel = Vessel(
        part=surface.names[part],
        basin=number,
        level=basin.level,
        floor_z=basin.floor_z,
        volume=basin.volume,
        area=basin.area,
        perimeter=basin.perimeter - _comb_side(surface, under, sills, basin.level),
        at=at,
        inside=_inside(surface, under, sills),
        floors=tuple(map(place_of, _under_sky(surface, under))),
        bounds=_bounds(surface, under),
        exit_at=basin.exit_at,
        bed=_bed_size(surface, comb.bed_beside(surface, part, basin.level, under), sills),
        siphon=siphon,
    )
    return _register(search, key, vessel, sills)


def _comb_side(surface: Surface, under: Index, sills: Sequence[comb.Sill], level: float) -> float:
    """Length (mm) of the water's edge along the comb, where it runs over: no wall holds it up there."""
    if not sills:
        return 0.0
    sill = sills[0]
    edge, _ = cut(surface.corners[under], level - JUST_BELOW)
    from_inside = (edge - (sill.middle[:2] - sill.length * sill.outward)) @ sill.outward
    along = np.linalg.norm(edge[:, 1] - edge[:, 0], axis=1)
    return float(along[(np.abs(from_inside) < comb.JOINT).all(axis=1)].sum())


def _bed(search: _Search, face: int, at: Array) -> int:
    """A bucket that keeps nothing: the drop stopped on the sill itself, or at the foot of its sloping bed."""
    if face in search.bed_of_face:
        return search.bed_of_face[face]
    surface = search.surface
    bed = comb.bed_at(surface, face, float(at[2]))
    if not len(bed):
        return NOWHERE
    key = ("bed", int(bed[surface.mesh.normals[bed, 2] > 0.02].min()))
    if key not in search.index:
        part = int(surface.part_of_face[face])
        level = float(surface.corners[bed][:, :, 2].min())
        sills = comb.sills_of_pool(surface, part, level, bed)
        corners = surface.corners[bed].reshape(-1, 3)
        middle = np.append((corners.min(axis=0) + corners.max(axis=0))[:2] / 2, level)
        vessel = Vessel(
            part=surface.names[part],
            basin=-1,
            level=level,
            floor_z=level,
            volume=0.0,
            area=0.0,
            perimeter=0.0,
            at=place_of(middle),
            inside=_inside(surface, bed, sills),
            floors=tuple(map(place_of, _under_sky(surface, bed))),
            bounds=_bounds(surface, bed),
            exit_at=place_of(at),
            bed=_bed_size(surface, bed, sills),
        )
        _register(search, key, vessel, sills)
    search.bed_of_face[face] = search.index[key]
    return search.index[key]


def _inside(surface: Surface, faces: Index, sills: Sequence[comb.Sill]) -> tuple[float, float]:
    """On the sill of the middle tooth, before the blades' throat; or under open sky where there is no comb."""
    if not sills:
        return _open_point(surface, faces)
    sill = sills[len(sills) // 2]
    point = sill.middle[:2] - sill.outward * (comb.CLOSED_AT + min(sill.length, 2.0)) / 2
    return (float(point[0]), float(point[1]))


def _open_point(surface: Surface, faces: Index) -> tuple[float, float]:
    """Middle of the largest floor triangle that has nothing of its own part above it."""
    best = (*_under_sky(surface, faces), surface.corners[faces].mean(axis=(0, 1)))[0]
    return (float(best[0]), float(best[1]))


def _under_sky(surface: Surface, faces: Index) -> Array:
    """Middles (k, 3) of floor triangles, the largest first, that have nothing of their own part above them."""
    floors = faces[(surface.mesh.normals[faces, 2] > FLOOR_UP) & (surface.mesh.areas[faces] > SPECK)]
    floors = floors[np.argsort(-surface.mesh.areas[floors], kind="stable")]
    middles = surface.corners[floors].mean(axis=1)
    query, other, z, _ = surface.columns.crossings(middles)
    own = surface.part_of_face[other] == surface.part_of_face[floors[query]]
    return np.delete(middles, query[own & (z > middles[query, 2] + 1e-3)], axis=0)


def _bounds(surface: Surface, faces: Index) -> tuple[tuple[float, float], tuple[float, float]]:
    plan = surface.corners[faces].reshape(-1, 3)[:, :2]
    low, high = plan.min(axis=0), plan.max(axis=0)
    return ((float(low[0]), float(low[1])), (float(high[0]), float(high[1])))


def _bed_size(surface: Surface, bed: Index, sills: Sequence[comb.Sill]) -> tuple[float, float, float]:
    """Width along the sill, depth along the flow, rise over run."""
    if not sills or not len(bed):
        return (0.0, 0.0, 0.0)
    outward = sills[0].outward
    along = np.array([-outward[1], outward[0]])
    plan = surface.corners[bed].reshape(-1, 3)[:, :2]
    slope = bed[surface.mesh.normals[bed, 2] > 0.02]
    a, b, c = surface.corners[slope].transpose(1, 0, 2)
    normal = cross(b - a, c - a).sum(axis=0)
    width, depth = float(np.ptp(plan @ along)), float(np.ptp(plan @ outward))
    return (width, depth, float(np.hypot(normal[0], normal[1]) / max(normal[2], 1e-9)))


def _register(search: _Search, key: Key, vessel: Vessel, sills: list[comb.Sill]) -> int:
    search.index[key] = len(search.vessels)
    search.vessels.append(vessel)
    search.sills.append(sills)
    return search.index[key]


def _follow(search: _Search, row: Sequence[int]) -> None:
    """Measure the combs of a row's vessels and trace their drops."""
    _follow_siphons(search, [v for v in row if search.vessels[v].siphon])
    sills = [sill for v in row for sill in search.sills[v]]
    owner = np.repeat(row, [len(search.sills[v]) for v in row])
    if not sills:
        return
    starts = np.concatenate([s.starts for s in sills])
    faces = np.concatenate([s.start_faces for s in sills])
    drops = trace(search.surface, starts, faces)
    drops = _over_puddles(search, drops)
    goals = [_vessel(search, drops, k) for k in range(len(starts))]
    search.trails.append(_trails(drops, np.repeat(owner, DROPS_PER_TOOTH), np.array(goals, np.int64)))
    parts = {name: i for i, name in enumerate(search.surface.names)}
    for part in dict.fromkeys(search.vessels[v].part for v in row):
        own = [i for i, v in enumerate(owner) if search.vessels[v].part == part]
        if not own:
            continue
        chosen = [sills[i] for i in own]
        least, most = comb.tooth_widths(search.surface, parts[part], chosen)
        middles = np.array(own) * DROPS_PER_TOOTH + 1
        spouts = comb.spouts(search.surface, parts[part], chosen, drops, middles)
        made = [
            _tooth(s, w, m, p, i, goals, drops) for s, w, m, p, i in zip(chosen, least, most, spouts, own, strict=True)
        ]
        for v in dict.fromkeys(owner[own].tolist()):
            teeth = [t for t, i in zip(made, own, strict=True) if owner[i] == v]
            search.vessels[v] = _with_comb(search.vessels[v], teeth)


def _follow_siphons(search: _Search, row: Sequence[int]) -> None:
    """Where the falling leg of each lets its water go, as its one tooth and mouth."""
    for v in row:
        vessel = search.vessels[v]
        siphon = vessel.siphon
        assert siphon is not None
        at = np.array([[*siphon.axis, siphon.outlet_z - JUST_BELOW]])
        face, z = search.surface.columns.below(at)
        if face[0] < 0:
            continue
        landed = np.repeat(np.array([[*siphon.axis, z[0]]]), DROPS_PER_TOOTH, axis=0)
        drops = _over_puddles(search, trace(search.surface, landed, np.repeat(face, DROPS_PER_TOOTH)))
        goals = [_vessel(search, drops, k) for k in range(DROPS_PER_TOOTH)]
        search.trails.append(_trails(drops, np.full(DROPS_PER_TOOTH, v), np.array(goals, np.int64)))
        tooth = Tooth(
            width=siphon.bore,
            widest=siphon.bore,
            level=vessel.level,
            at=place_of(np.array([*siphon.axis, siphon.outlet_z])),
            outward=(0.0, 1.0),
            goals=tuple(goals),
            ends=tuple(ENDS[int(state)] for state in drops.state),
            end_at=tuple(place_of(place) for place in drops.at),
            section_width=siphon.bore,
            section_depth=siphon.bore,
            section_area=siphon.bore**2,
            section_most=siphon.bore**2,
            section_left=siphon.axis,
            section_right=siphon.axis,
            section_z=(siphon.outlet_z, vessel.level),
            lip=(siphon.axis[0] - siphon.bore / 2.0, siphon.axis[0] + siphon.bore / 2.0),
            lip_z=siphon.outlet_z,
            slope=1.0,
            slope_at=place_of(np.array([*siphon.axis, siphon.outlet_z])),
        )
        search.vessels[v] = _with_comb(vessel, [tooth])


def _trails(drops: Drops, source: Index, goal: Index) -> Trails:
    who = np.concatenate([w for w, _, _ in drops.trail])
    at = np.concatenate([a for _, a, _ in drops.trail])
    face = np.concatenate([f for _, _, f in drops.trail])
    order = np.argsort(who, kind="stable")
    return Trails(at[order], face[order], who[order], source, goal)


def _joined(trails: Sequence[Trails]) -> Trails:
    """Trails of all rows, drops numbered through."""
    before = np.cumsum([0, *(len(t.source) for t in trails)])
    if not trails:
        none = np.zeros(0, np.int64)
        return Trails(np.zeros((0, 3)), none, none, none, none)
    return Trails(
        np.concatenate([t.at for t in trails]),
        np.concatenate([t.face for t in trails]),
        np.concatenate([t.drop + shift for t, shift in zip(trails, before, strict=False)]),
        np.concatenate([t.source for t in trails]),
        np.concatenate([t.goal for t in trails]),
    )


def _over_puddles(search: _Search, drops: Drops) -> Drops:
    """Send drops that ended in a small hollow on over its saddle, as when it has filled."""
    for _ in range(MOST_PUDDLES):
        held = np.flatnonzero(drops.state == BASIN)
        hollows = np.unique(drops.basin[held]).tolist()
        exits = {n: _exit(search.surface, n) for n in hollows if _is_puddle(search, n)}
        ways = [exits.get(n, (np.zeros(3), -1)) for n in drops.basin[held].tolist()]
        face = np.array([face for _, face in ways], np.int64)
        if not (face >= 0).any():
            return drops
        at = np.array([point for point, _ in ways])[face >= 0]
        drops.resume(held[face >= 0], trace(search.surface, at, face[face >= 0]))
    return drops


def _is_puddle(search: _Search, number: int) -> bool:
    return _basin(search, number, is_cup=False) == NOWHERE


def _exit(surface: Surface, number: int) -> tuple[Array, int]:
    """Saddle of a basin, and the triangle there that falls away outside of it; -1 if there is none."""
    basin = surface.basins[number]
    starts, members = surface.fans
    around = members[starts[basin.exit_vertex] : starts[basin.exit_vertex + 1]]
    outside = around[(surface.basin_of_face[around] != number) & (surface.mesh.normals[around, 2] > CLING)]
    point = surface.mesh.points[basin.exit_vertex]
    lowest = surface.corners[outside][:, :, 2].min(axis=1) if len(outside) else np.zeros(0)
    if not len(outside) or lowest.min() > point[2] - 1e-4:
        return point, -1
    return point, int(outside[np.argmin(lowest)])


def _tooth(
    sill: comb.Sill, least: float, most: float, spout: comb.Spout | None, index: int, goals: list[int], drops: Drops
) -> Tooth:
    own = range(index * DROPS_PER_TOOTH, (index + 1) * DROPS_PER_TOOTH)
    worst = min(own, key=lambda k: drops.slope[k])
    return Tooth(
        width=float(least) if np.isfinite(least) else 0.0,
        widest=float(most),
        level=sill.level,
        at=place_of(sill.middle),
        outward=(float(sill.outward[0]), float(sill.outward[1])),
        goals=tuple(goals[k] for k in own),
        ends=tuple(ENDS[int(drops.state[k])] for k in own),
        end_at=tuple(place_of(drops.at[k]) for k in own),
        section_width=spout.width if spout else 0.0,
        section_depth=spout.depth if spout else 0.0,
        section_area=spout.area if spout else 0.0,
        section_most=spout.most if spout else 0.0,
        section_left=spout.left if spout else (0.0, 0.0),
        section_right=spout.right if spout else (0.0, 0.0),
        section_z=(spout.bottom_z, spout.top_z) if spout else (0.0, 0.0),
        lip=spout.lip if spout else (0.0, 0.0),
        lip_z=float(drops.run_end[own[1], 2]) if spout else sill.level,
        slope=float(drops.slope[worst]),
        slope_at=place_of(drops.slope_at[worst]),
    )


def _with_comb(vessel: Vessel, teeth: list[Tooth]) -> Vessel:
    """Order the teeth along the sill, side by side of the vessel, and join those that share a spout."""

    def along(tooth: Tooth) -> tuple[float, float, float]:
        x, y = tooth.outward
        return (round(x, 2), round(y, 2), -y * tooth.at[0] + x * tooth.at[1])

    teeth = sorted(teeth, key=along)
    mouths: list[Mouth] = []
    for i, tooth in enumerate(teeth):
        previous = teeth[i - 1] if i else None
        if previous is not None and mouths and _same_spout(previous, tooth):
            last = mouths[-1]
            area = min(last.section_area, tooth.section_area)
            goal = last.goal if last.goal == tooth.goal else NOWHERE
            most = max(last.section_most, tooth.section_most)
            mouths[-1] = replace(last, goal=goal, teeth=(*last.teeth, i), section_area=area, section_most=most)
        else:
            mouths.append(Mouth(tooth.goal, (i,), tooth.section_width, tooth.section_area, tooth.section_most))
    return replace(vessel, teeth=tuple(teeth), mouths=tuple(mouths))


def _same_spout(one: Tooth, other: Tooth) -> bool:
    near = np.abs(np.array([*one.section_left, *one.section_right]) - [*other.section_left, *other.section_right])
    return one.section_width > 0 and bool(near.max() < 0.05)
