"""Horizontal cuts through triangles, and distances measured in them. mm."""

from itertools import pairwise

import numpy as np

from pelu_fab.signoff.boxes import in_cells, runs
from pelu_fab.signoff.stl import Array, Index, Mask, ends_of, spans_of


def cut(corners: Array, z: float) -> tuple[Array, Index]:
    """Segments (k, 2, 2) where triangles cross the plane at `z`, material on the left, and the triangle of each."""
    segments, chosen, _ = cuts(corners, np.array([z]))
    return segments, chosen


def cuts(corners: Array, heights: Array) -> tuple[Array, Index, Index]:
    """As `cut`, at all heights (ascending) at once; and which of them each segment lies at, in their order."""
    low, high = spans_of(corners, 2)
    first, after = np.searchsorted(heights, low, "right"), np.searchsorted(heights, high, "right")
    chosen, level = runs(first, after - first)
    order = np.argsort(level, kind="stable")
    chosen, level = chosen[order], level[order]
    z = heights[level]
    first_up, second_up, third_up = (corners[:, :, 2].take(chosen, axis=0) >= z[:, None]).T
    single = first_up ^ second_up ^ third_up  # whether one corner lies above, or two
    lone = np.where(first_up == single, 0, np.where(second_up == single, 1, 2))
    tip, ends = corners[chosen, lone].T, np.empty((len(chosen), 2, 2))
    for end, ahead in enumerate((np.where(single, 1, 2), np.where(single, 2, 1))):
        ends[:, end, 0], ends[:, end, 1] = _crossing(tip, corners[chosen, (lone + ahead) % 3].T, single, z)
    return ends, chosen, level


def _crossing(tip: Array, other: Array, upward: Mask, z: Array) -> tuple[Array, Array]:
    """x and y where edges (3, k) meet the plane, from their lower ends up: both triangles get the same to the bit."""
    (x, y, bottom), (x_up, y_up, top) = np.where(upward, other, tip), np.where(upward, tip, other)
    part = (z - bottom) / (top - bottom)
    return x + (x_up - x) * part, y + (y_up - y) * part


RAYS, BLOCK = 4096, 60_000  # rays, and pairs of ray and segment, looked at together: they stay in the processor's cache
STEPS = (6.0, 30.0)  # mm that a ray looks ahead at first, and then


class Segments:
    """Plan index of line segments, for many short rays at once; `sheets` tells which of `count` plans each lies in."""

    def __init__(self, segments: Array, sheets: Index | None = None, count: int = 1, pitch: float = 4.0) -> None:
        start, way = segments[:, 0], segments[:, 1] - segments[:, 0]
        self._lines = tuple(np.ascontiguousarray(k) for k in (start[:, 0], start[:, 1], way[:, 0], way[:, 1]))
        ends = segments[:, 0], segments[:, 1]
        low, high = np.minimum(*ends), np.maximum(*ends)
        self._origin = ends_of(low)[0] - 1.0 if len(low) else np.zeros(2)
        span = ends_of(high)[1] + 1.0 - self._origin if len(low) else np.ones(2)
        sheet = np.zeros(len(segments), np.int64) if sheets is None else sheets
        self._pitch = max(pitch, float(np.sqrt(count * span[0] * span[1] / 1e6)))
        self._cells = np.ceil(span / self._pitch).astype(int) + 1
        owner, cell = self._spread(low, high, sheet)
        order, self._starts = in_cells(cell, count * int(self._cells.prod()))
        self._members = owner[order]

    def _spread(self, low: Array, high: Array, sheet: Index) -> tuple[Index, Index]:
        left, right = (self._cell(end[:, 0], 0) for end in (low, high))
        bottom, top = (self._cell(end[:, 1], 1) for end in (low, high))
        owner, row = runs(sheet * self._cells[1] + bottom, top - bottom + 1)
        line, cell = runs(row * self._cells[0] + left.take(owner), (right - left + 1).take(owner))
        return owner.take(line), cell

    def _cell(self, place: Array, axis: int) -> Index:
        """Column (axis 0) or row in which each place lies, the outermost for those beyond."""
        number = ((place - self._origin[axis]) / self._pitch).astype(np.int64)
        return np.asarray(np.minimum(np.maximum(number, 0), self._cells[axis] - 1))

    def reach(
        self, origins: Array, directions: Array, limit: float, sheets: Index | None = None, *, leaving: bool = False
    ) -> Array:
        """Distance from each plan point along its unit direction to where it enters material; inf beyond `limit`.

        `leaving` looks for where it leaves material instead. A point on a wall is at distance 0 from it.
        """
        sheet = np.zeros(len(origins), np.int64) if sheets is None else sheets
        blocks = [slice(start, start + RAYS) for start in range(0, max(len(origins), 1), RAYS)]
        found = [self._nearest(origins[some], directions[some], limit, sheet[some], leaving) for some in blocks]
        return np.concatenate(found)

    def _nearest(self, origins: Array, directions: Array, limit: float, sheet: Index, leaving: bool) -> Array:
        distance = np.full(len(origins), np.inf)
        waiting = np.arange(len(origins))
        for step in (*(s for s in STEPS if s < limit), limit):  # nearly all meet a wall within the first
            found = self._reach(origins[waiting], directions[waiting], step, sheet[waiting], leaving)
            distance[waiting] = found
            waiting = waiting[~np.isfinite(found)]
            if not len(waiting):
                break
        return distance

    def _reach(self, origins: Array, directions: Array, limit: float, sheet: Index, leaving: bool) -> Array:
        ends = origins + directions * limit
        query, cell = self._spread(np.minimum(origins, ends), np.maximum(origins, ends), sheet)
        counts = self._starts[cell + 1] - self._starts[cell]
        distance = np.full(len(origins), np.inf)
        blocks = np.searchsorted(np.cumsum(counts), np.arange(BLOCK, counts.sum(), BLOCK)).tolist()
        for first, after in pairwise([0, *blocks, len(cell)]):
            some = slice(first, after)
            self._met(distance, origins, directions, limit, query[some], cell[some], counts[some], leaving)
        return distance

    def _met(
        self,
        distance: Array,
        origins: Array,
        directions: Array,
        limit: float,
        query: Index,
        cell: Index,
        counts: Index,
        leaving: bool,
    ) -> None:
        """Lower each query's distance to that of the nearest segment in its cells."""
        of, number = runs(self._starts.take(cell), counts)
        query, found = query.take(of), self._members.take(number)
        ax, ay, ex, ey = (k.take(found) for k in self._lines)
        dx, dy = directions[:, 0].take(query), directions[:, 1].take(query)
        ax, ay = ax - origins[:, 0].take(query), ay - origins[:, 1].take(query)
        cross = dx * ey - dy * ex
        facing = np.flatnonzero(cross > 1e-12 if leaving else cross < -1e-12)  # material lies left of each segment
        query = query.take(facing)
        ax, ay, ex, ey, dx, dy, cross = (k.take(facing) for k in (ax, ay, ex, ey, dx, dy, cross))
        along, place = (ax * ey - ay * ex) / cross, (ax * dy - ay * dx) / cross
        hit = np.flatnonzero((along > -1e-5) & (along <= limit) & (place >= -1e-9) & (place <= 1 + 1e-9))
        np.minimum.at(distance, query[hit], along[hit])
