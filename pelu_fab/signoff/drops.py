"""Where a drop ends: slide down the steepest way, run along valleys, fall at edges, stop in a pool.

Start points on a surface in, paths and ends out. Thousands of drops move together, one triangle a step.
"""

from dataclasses import dataclass, field

import numpy as np

from pelu_fab.signoff.stl import Array, Index, Mask, cross
from pelu_fab.signoff.surface import Surface

CLING = -0.1  # water keeps to a face that leans back by up to 6 degrees, and leaves one that leans further
FLAT = 2e-3  # a slope under 0.1 degrees moves no drop
LEAST_SPREAD = 5.0  # mm: water that runs further along a level foot runs on no slope
OFFSET = 0.3  # mm: half the thickness of a film that leaves a lip
MAX_STEPS = 20_000

SLIDING, BASIN, STUCK, GROUND, LOST = 0, 1, 2, 3, 4
ENDS = ("still moving", "in a basin", "stuck on a flat", "on the table", "through an open mesh")


@dataclass(eq=False)
class Drops:
    """State of all drops, one entry each; the only mutable record of sign-off, private to one call of `trace`."""

    at: Array
    face: Index
    vertex: Index
    state: Index
    basin: Index
    slope: Array  # steepest sine is 1; this is the least met on the way
    slope_at: Array
    other_end: Index  # vertex at the other end of a wall met straight on; -1 none, -2 tried in vain
    spread_from: Array
    run_top: Array  # (n, 3) top of the first vertical run of at least `RUN` mm
    run_end: Array
    run_side: Array  # (n, 2) horizontal direction from the wall into the air there
    falls: list[tuple[Index, Array, Array, Index]] = field(default_factory=list)  # drops, from, to, triangle
    trail: list[tuple[Index, Array, Index]] = field(default_factory=list)  # drops, places, triangles

    def resume(self, who: Index, other: "Drops") -> None:
        """Continue the drops `who` with what became of them later, drop by drop of `other`."""
        for name in ("at", "face", "vertex", "state", "basin"):
            getattr(self, name)[who] = getattr(other, name)
        lower = other.slope < self.slope[who]
        self.slope[who[lower]], self.slope_at[who[lower]] = other.slope[lower], other.slope_at[lower]
        self.falls += [(who[w], a, b, f) for w, a, b, f in other.falls]
        self.trail += [(who[w], a, f) for w, a, f in other.trail]


RUN = 2.0  # mm


def trace(surface: Surface, at: Array, face: Index, *, pools: frozenset[int] | None = None) -> Drops:
    """Let drops go from points `at` (n, 3) on triangles `face`.

    A drop that reaches water of a basin in `pools` (default: any basin) stops there; smaller hollows let it pass over
    the saddle, as if they had filled.
    """
    count = len(at)
    drops = Drops(
        at=at.astype(np.float64).copy(),
        face=face.astype(np.int64).copy(),
        vertex=np.full(count, -1, np.int64),
        state=np.zeros(count, np.int64),
        basin=np.full(count, -1, np.int64),
        slope=np.ones(count),
        slope_at=at.astype(np.float64).copy(),
        other_end=np.full(count, -1, np.int64),
        spread_from=at.astype(np.float64).copy(),
        run_top=np.full((count, 3), np.nan),
        run_end=np.full((count, 3), np.nan),
        run_side=np.zeros((count, 2)),
    )
    drops.trail.append((np.arange(count), drops.at.copy(), drops.face.copy()))
    stops = np.ones(len(surface.basins), bool)
    if pools is not None:
        stops[:] = False
        stops[sorted(pools)] = True
    for _ in range(MAX_STEPS):
        _arrive(surface, drops, stops)
        moving = np.flatnonzero(drops.state == SLIDING)
        if not len(moving):
            break
        on_vertex = drops.vertex[moving] >= 0
        _leave_vertices(surface, drops, moving[on_vertex])
        _cross_faces(surface, drops, moving[~on_vertex], stops)
    return drops


def _arrive(surface: Surface, drops: Drops, stops: Array) -> None:
    moving = np.flatnonzero((drops.state == SLIDING) & (drops.face >= 0))
    under = moving[_under_water(surface, drops, moving, stops)]
    drops.basin[under] = surface.basin_of_face[drops.face[under]]
    drops.state[under] = BASIN


def _under_water(surface: Surface, drops: Drops, who: Index, stops: Array) -> Mask:
    """Whether each drop lies, on its face, below the water of a basin that stops it."""
    basin = surface.basin_of_face[drops.face[who]]
    known = basin >= 0
    under = np.zeros(len(who), bool)
    level = surface.basin_levels[basin[known]]
    under[known] = stops[basin[known]] & (drops.at[who[known], 2] <= level + 1e-6)
    return under


def _cross_faces(surface: Surface, drops: Drops, who: Index, stops: Array) -> None:
    """One triangle further down, or into water on it."""
    if not len(who):
        return
    face = drops.face[who]
    normal = surface.mesh.normals.take(face, axis=0)
    down = normal * normal[:, 2:3]
    down[:, 2] -= 1.0
    sine = np.linalg.norm(down, axis=1)
    flat = sine < FLAT
    _stop(drops, who[flat])
    who, face, normal, down, sine = who[~flat], face[~flat], normal[~flat], down[~flat], sine[~flat]
    if not len(who):
        return
    corners = surface.corners.take(face, axis=0)
    edges = corners[:, [1, 2, 0]] - corners
    inward = cross(normal[:, None, :], edges)
    inward /= np.maximum(np.linalg.norm(inward, axis=2, keepdims=True), 1e-12)
    distance = np.einsum("nkj,nkj->nk", drops.at[who][:, None, :] - corners, inward)
    rate = np.einsum("nj,nkj->nk", down, inward)
    time = np.where(rate < -1e-9, np.maximum(distance, 0.0) / np.maximum(-rate, 1e-12), np.inf)
    exit_edge = np.argmin(time, axis=1)
    rows = np.arange(len(who))
    step = time[rows, exit_edge]
    step = np.where(np.isfinite(step), step, 0.0)
    before = drops.at[who].copy()
    drops.at[who] = before + down * step[:, None]
    _note(drops, who, face, before, sine, np.linalg.norm(down, axis=1) * step, normal[:, :2])
    on = ~_under_water(surface, drops, who, stops)
    _over_edge(surface, drops, who[on], face[on], exit_edge[on], normal[on], down[on])


def _over_edge(
    surface: Surface, drops: Drops, who: Index, face: Index, edge: Index, normal: Array, down: Array
) -> None:
    a, b = surface.mesh.faces[face, edge], surface.mesh.faces[face, (edge + 1) % 3]
    beyond = surface.neighbours[face, edge]
    lost = beyond < 0
    drops.state[who[lost]] = LOST
    next_normal = surface.mesh.normals.take(beyond, axis=0)
    falling = ~lost & (next_normal[:, 2] < CLING)
    _fall(surface, drops, who[falling], normal[falling], down[falling])
    line = surface.mesh.points.take(b, axis=0) - surface.mesh.points.take(a, axis=0)
    inward = cross(next_normal, -line)
    next_down = next_normal * next_normal[:, 2:3]
    next_down[:, 2] -= 1.0
    level = np.linalg.norm(next_down, axis=1) < FLAT
    onward = (np.einsum("ij,ij->i", next_down, inward) > 1e-9 * np.linalg.norm(inward, axis=1)) | level
    go = ~lost & ~falling & onward
    drops.face[who[go]] = beyond[go]
    valley = ~lost & ~falling & ~onward
    heights = surface.mesh.points[:, 2]
    lower = np.where(heights[a] < heights[b], a, b)
    sides = normal[:, :2] + next_normal[:, :2]
    across = np.abs(line[:, 2]) < FLAT * np.linalg.norm(line, axis=1)
    _meet_wall(surface, drops, who[valley & across], a[valley & across], b[valley & across])
    valley &= ~across
    _run_along(surface, drops, who[valley], lower[valley], sides[valley], face[valley])


def _meet_wall(surface: Surface, drops: Drops, who: Index, a: Index, b: Index) -> None:
    """At a wall straight across: water spreads along its foot, to the nearer end first, then to the other."""
    if not len(who):
        return
    points, at = surface.mesh.points, drops.at[who]
    far_a, far_b = np.linalg.norm(points[a] - at, axis=1), np.linalg.norm(points[b] - at, axis=1)
    near, other = np.where(far_a <= far_b, a, b), np.where(far_a <= far_b, b, a)
    drops.spread_from[who] = at
    drops.vertex[who], drops.other_end[who] = near, other
    drops.at[who] = points[near]
    long = np.minimum(far_a, far_b) > LEAST_SPREAD
    drops.slope[who[long]] = 0.0
    drops.slope_at[who[long]] = at[long]


def _run_along(surface: Surface, drops: Drops, who: Index, to: Index, side: Array, face: Index) -> None:
    """Slide along a valley to its lower end."""
    if not len(who):
        return
    goal = surface.mesh.points[to]
    way = goal - drops.at[who]
    length = np.linalg.norm(way, axis=1)
    level = (-way[:, 2] < FLAT * length) & (length > 1e-6)
    _stop(drops, who[level])
    moved = ~level
    who, goal, way, length = who[moved], goal[moved], way[moved], length[moved]
    before = drops.at[who].copy()
    drops.at[who] = goal
    drops.vertex[who] = to[moved]
    sine = np.where(length > 1e-6, -way[:, 2] / np.maximum(length, 1e-12), 1.0)
    _note(drops, who, face[moved], before, sine, length, side[moved])


def _leave_vertices(surface: Surface, drops: Drops, who: Index) -> None:
    """From a vertex, take the steepest face or edge."""
    if not len(who):
        return
    starts, members = surface.fans
    vertex = drops.vertex[who]
    counts = starts[vertex + 1] - starts[vertex]
    query = np.repeat(np.arange(len(who)), counts)
    face = members[
        np.repeat(starts[vertex], counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ]
    corner = np.argmax(surface.mesh.faces[face] == vertex[query][:, None], axis=1)
    here = surface.mesh.points[vertex[query]]
    ahead_id = surface.mesh.faces[face, (corner + 1) % 3]
    behind_id = surface.mesh.faces[face, (corner + 2) % 3]
    one, two = surface.mesh.points[ahead_id] - here, surface.mesh.points[behind_id] - here
    normal = surface.mesh.normals[face]
    down = normal * normal[:, 2:3]
    down[:, 2] -= 1.0
    steep = np.linalg.norm(down, axis=1)
    inside = (np.einsum("ij,ij->i", cross(one, down), normal) >= -1e-9) & (
        np.einsum("ij,ij->i", cross(down, two), normal) >= -1e-9
    )
    open_face = normal[:, 2] >= CLING
    by_face = np.where(inside & open_face & (steep >= FLAT), steep, -1.0)
    by_edge = np.where(open_face, -one[:, 2] / np.maximum(np.linalg.norm(one, axis=1), 1e-12), -1.0)
    by_other = np.where(open_face, -two[:, 2] / np.maximum(np.linalg.norm(two, axis=1), 1e-12), -1.0)
    score = np.maximum(np.maximum(by_face, by_edge), by_other)
    best = _best(query, score, len(who))
    good = (best >= 0) & (score[np.maximum(best, 0)] >= FLAT)
    overhang = np.zeros(len(who), bool)
    overhang[query[(normal[:, 2] < CLING)]] = True
    _turn_back(surface, drops, who[~good & ~overhang])
    drop_off = ~good & overhang
    side = np.zeros((len(who), 3))
    np.add.at(side, query[open_face], normal[open_face])
    _fall(surface, drops, who[drop_off], side[drop_off], side[drop_off])
    who, best = who[good], best[good]
    drops.vertex[who] = -1
    drops.other_end[who] = -1
    as_face = by_face[best] >= score[best] - 1e-12
    drops.face[who] = face[best]
    edge_goal = np.where(by_edge[best] >= by_other[best], ahead_id[best], behind_id[best])
    along = ~as_face
    _run_along(surface, drops, who[along], edge_goal[along], normal[best[along], :2], face[best[along]])


def _turn_back(surface: Surface, drops: Drops, who: Index) -> None:
    """No way down from this vertex: try the other end of the wall that led here, else stop where the wall was met."""
    again = drops.other_end[who] >= 0
    other = who[again]
    drops.vertex[other] = drops.other_end[other]
    drops.at[other] = surface.mesh.points[drops.vertex[other]]
    drops.other_end[other] = -2
    stop = who[~again]
    met = stop[drops.other_end[stop] == -2]
    drops.at[met] = drops.spread_from[met]
    _stop(drops, stop)


def _best(query: Index, score: Array, count: int) -> Index:
    """Index of the highest score of each query, -1 where there is none."""
    order = np.lexsort((score, query))
    last = np.concatenate([query[order][1:] != query[order][:-1], [True]]) if len(order) else np.zeros(0, bool)
    best = np.full(count, -1, np.int64)
    best[query[order][last]] = order[last]
    return best


def _stop(drops: Drops, who: Index) -> None:
    drops.state[who] = STUCK


def _fall(surface: Surface, drops: Drops, who: Index, normal: Array, down: Array) -> None:
    """Leave the surface: straight down, half a film's thickness out from the lip."""
    if not len(who):
        return
    out = normal[:, :2].copy()
    small = np.linalg.norm(out, axis=1) < 1e-3
    out[small] = down[small, :2]
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    start = drops.at[who].copy()
    lifted = start.copy()
    lifted[:, :2] += OFFSET * out
    face, z = surface.columns.below(lifted)
    grounded = face < 0
    drops.state[who[grounded]] = GROUND
    landed = lifted.copy()
    landed[:, 2] = np.where(grounded, start[:, 2], z)
    drops.at[who] = landed
    drops.face[who[~grounded]] = face[~grounded]
    drops.vertex[who] = -1
    drops.falls.append((who, start, landed, face))
    drops.trail.append((who, start, np.full(len(who), -1)))
    drops.trail.append((who, landed, face))


def _note(drops: Drops, who: Index, face: Index, before: Array, sine: Array, length: Array, side: Array) -> None:
    """Remember the way: the least slope, the first vertical run, the trail."""
    lower = (sine < drops.slope[who]) & (length > 1e-3)
    drops.slope[who[lower]] = sine[lower]
    drops.slope_at[who[lower]] = before[lower]
    now = drops.at[who]
    straight = (sine > 0.9995) & (length > 1e-6)
    open_run = np.isnan(drops.run_top[who, 0])
    done = ~open_run & (drops.run_top[who, 2] - drops.run_end[who, 2] >= RUN)
    same = ~open_run & (np.abs(drops.run_end[who] - before).max(axis=1) < 0.02)
    begin = straight & (open_run | (~done & ~same))
    drops.run_top[who[begin]] = before[begin]
    extend = straight & (begin | same)
    drops.run_end[who[extend]] = now[extend]
    side = side[begin]
    drops.run_side[who[begin]] = side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    drops.trail.append((who, now, face))
