"""Vertical lines through triangles: what lies below a point. A plan grid of triangles answers thousands at once."""

from itertools import pairwise

import numpy as np

from pelu_fab.signoff.boxes import in_cells, runs
from pelu_fab.signoff.stl import Array, Index, boxes_of, ends_of, touching

MOST_CELLS = 8192  # along x and along y
CROWDED, HELPS = 12, 0.7  # triangles in a cell, on average, beyond which cells are halved, if that parts them enough
MOST_MEMBERS = 4_000_000  # in all cells
EDGE_ON = 1e-9  # mm2: twice the plan area of a triangle that has none
INSIDE = -1e-9  # weight of a corner: on an edge, to round-off
WHOLE = (-np.inf, np.inf)  # mm
HAIR = 1e-6  # mm: more than round-off moves a height
BLOCK = 60_000  # pairs of point and triangle looked at together


class Plan:
    """Triangles (n, 3, 3) as seen from above. Those that are upright have no inside there, and are met nowhere."""

    def __init__(self, corners: Array) -> None:
        (ax, ay), (ux, uy), (vx, vy) = _sides(corners)
        self.twice = ux * vy - uy * vx  # of their area, above 0 where they face up
        # A sliver seen edge-on would only give noisy heights.
        area = np.where(np.abs(self.twice) > EDGE_ON, self.twice, np.nan)
        self._lines = tuple(np.ascontiguousarray(k) for k in (ax, ay, ux, uy, vx, vy, area))
        self._heights = np.ascontiguousarray(corners[:, :, 2].T)

    def meets(self, triangles: Index, places: Array) -> tuple[Index, Array]:
        """Which of these triangles (m,) lie straight over or under their place (m, 2 or 3), and z of each there."""
        # Array by array, most out at once: this is where sign-off of a large device spends its time.
        first_x, first_y, ux, uy, vx, vy, area = self._lines
        x, y = places[:, 0] - first_x.take(triangles), places[:, 1] - first_y.take(triangles)
        second = (x * vy.take(triangles) - y * vx.take(triangles)) / area.take(triangles)
        near = np.flatnonzero((second >= INSIDE) & (second <= 1.0 - 3.0 * INSIDE))
        among, second, x, y = triangles.take(near), second.take(near), x.take(near), y.take(near)
        third = (ux.take(among) * y - uy.take(among) * x) / area.take(among)
        first = 1.0 - second - third
        within = np.flatnonzero((first >= INSIDE) & (third >= INSIDE))
        among, (a, b, c) = among.take(within), self._heights
        z = first.take(within) * a.take(among) + third.take(within) * c.take(among)
        return near.take(within), z + second.take(within) * b.take(among)


def _sides(corners: Array) -> tuple[Array, Array, Array]:
    """Plan (2, n) of the first corners, and from these to the second and third."""
    a, b, c = corners[:, :, :2].transpose(1, 2, 0)
    return a, b - a, c - a


def _twice(corners: Array) -> Array:
    """Twice the plan area of triangles (n, 3, 3), above 0 where they face up."""
    _, (ux, uy), (vx, vy) = _sides(corners)
    return np.asarray(ux * vy - uy * vx)


class Columns:
    """Plan index of the triangles that are not vertical."""

    def __init__(self, corners: Array) -> None:
        self._kept = np.flatnonzero(np.abs(_twice(corners)) > EDGE_ON)
        corners = corners.take(self._kept, axis=0)
        self._triangles, plan = Plan(corners), corners[:, :, :2]
        self._up = self._triangles.twice > 0
        least, greatest = boxes_of(corners)
        bottom, top = (np.ascontiguousarray(end[:, 2]) for end in (least, greatest))
        self._ends = {1.0: top, -1.0: -bottom}
        low, high = ends_of(plan.reshape(-1, 2) if len(plan) else np.zeros((1, 2)))
        self._origin, span = low, np.maximum(high - low, 1e-6)
        pitch = np.sqrt(span[0] * span[1] / max(len(plan), 1))
        sizes, area = (greatest - least)[:, :2], np.abs(self._triangles.twice).sum() / 2.0
        before = np.inf
        for finer in (1.0, 2.0, 4.0, 8.0):  # long slivers cross many cells: only small cells tell them apart
            self._cells = np.clip(span * finer / pitch, 1, MOST_CELLS).astype(int)
            self._pitch = span / self._cells
            members = area / self._pitch.prod() + (sizes / self._pitch).sum() + len(plan)  # nearly
            crowd = members / self._cells.prod()
            if crowd < CROWDED or crowd > HELPS * before or members > MOST_MEMBERS:
                break
            before = crowd
        self._fill(plan, least[:, :2], greatest[:, :2])

    def _fill(self, plan: Array, low: Array, high: Array) -> None:
        """Note each triangle in the cells that it touches: row by row, from its left end there to its right."""
        first, last = self._cell(low)[:, 1], self._cell(high)[:, 1]
        owner, row = runs(first, last - first + 1)
        left, right = _within_band(plan.take(owner, axis=0), self._origin[1] + row * self._pitch[1], self._pitch[1])
        start = np.clip(np.floor((left - self._origin[0]) / self._pitch[0]), 0, self._cells[0] - 1).astype(np.int64)
        end = np.clip(np.floor((right - self._origin[0]) / self._pitch[0]), 0, self._cells[0] - 1).astype(np.int64)
        strip, cell = runs(row * self._cells[0] + start, end - start + 1)
        order, self._starts = in_cells(cell, int(self._cells.prod()))
        self._members = owner[strip[order]]

    def _cell(self, points: Array) -> Index:
        raw = np.floor((points - self._origin) / self._pitch)
        return np.asarray(np.clip(raw, 0, self._cells - 1), dtype=np.int64)

    def crossings(self, points: Array, within: tuple[float, float] = WHOLE) -> tuple[Index, Index, Array, Array]:
        """Every triangle over or under each point: (query, triangle, z, +1 facing up or -1), unordered.

        Those that lie all below or above what is `within` so far above a point may be left out.
        """
        reach = self._origin + self._pitch * self._cells
        inside = touching(points[:, :2], points[:, :2], self._origin - 1e-6, reach + 1e-6)
        cell = self._cell(points[:, :2])
        flat = cell[:, 1] * self._cells[0] + cell[:, 0]
        counts = np.where(inside, self._starts[flat + 1] - self._starts[flat], 0)
        # So many at a time that memory stays bounded, however many triangles lie in a cell.
        blocks = np.searchsorted(np.cumsum(counts), np.arange(BLOCK, counts.sum(), BLOCK))
        bounds = pairwise([0, *blocks.tolist(), len(points)])
        found = [self._crossed(points, flat, counts, np.arange(a, b), within) for a, b in bounds]
        query, triangle, z = (np.concatenate([f[k] for f in found]) for k in range(3))
        return query, self._kept[triangle], z, np.where(self._up[triangle], 1.0, -1.0)

    def _crossed(
        self, points: Array, flat: Index, counts: Index, who: Index, within: tuple[float, float]
    ) -> tuple[Index, Index, Array]:
        owner, place = runs(self._starts[flat[who]], counts[who])
        found = self._members.take(place)
        for bound, sense in zip(within, (1.0, -1.0), strict=True):  # the most drop out here, for the least work
            if np.isfinite(bound):
                height, ends = sense * (points[who, 2] + bound) - HAIR, self._ends[sense]
                near = np.flatnonzero(ends.take(found) >= height.take(owner))
                owner, found = owner.take(near), found.take(near)
        hit, z = self._triangles.meets(found, points.take(who, axis=0).take(owner, axis=0))
        return who[owner[hit]], found[hit], z

    def below(self, points: Array, gap: float = 1e-6, among: slice | None = None) -> tuple[Index, Array]:
        """First triangle facing up more than `gap` below each point in air (-1: none), and its z there.

        `among` tells which triangles count.

        A point straight above the edge of a wall is not stopped by the wall's underside.
        """
        query, face, z, side = self.crossings(points, (-np.inf, 0.0))
        under = (side > 0) & (z < points[query, 2] - gap)
        if among is not None:
            under &= (face >= among.start) & (face < among.stop)
        query, face, z = query[under], face[under], z[under]
        order = np.lexsort((face, -z, query))
        query, face, z = query[order], face[order], z[order]
        leads = np.concatenate([[True], query[1:] != query[:-1]]) if len(query) else np.zeros(0, bool)
        triangle = np.full(len(points), -1, np.int64)
        level = np.full(len(points), -np.inf)
        triangle[query[leads]], level[query[leads]] = face[leads], z[leads]
        return triangle, level


def _within_band(plan: Array, low: Array, height: float) -> tuple[Array, Array]:
    """Least and greatest x of each plan triangle between y = `low` and `low + height`, a hair more."""
    x, y = plan[:, :, 0], plan[:, :, 1]
    slack = 1e-9 * (1.0 + np.abs(low)) + 1e-7 * height
    left, right = np.full(len(plan), np.inf), np.full(len(plan), -np.inf)
    for k in range(3):
        x0, y0, x1, y1 = x[:, k], y[:, k], x[:, (k + 1) % 3], y[:, (k + 1) % 3]
        rise = np.where(np.abs(y1 - y0) > 1e-12, y1 - y0, 1.0)
        for at in (low - slack, low + height + slack):
            share = (at - y0) / rise
            cuts = (np.minimum(y0, y1) <= at) & (at <= np.maximum(y0, y1))
            place = x0 + np.clip(share, 0.0, 1.0) * (x1 - x0)
            left, right = np.where(cuts, np.minimum(left, place), left), np.where(cuts, np.maximum(right, place), right)
        inside = (y0 >= low - slack) & (y0 <= low + height + slack)
        left, right = np.where(inside, np.minimum(left, x0), left), np.where(inside, np.maximum(right, x0), right)
    return left - 1e-9 * (1.0 + np.abs(left)), right + 1e-9 * (1.0 + np.abs(right))
