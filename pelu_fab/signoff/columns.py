"""Vertical lines through triangles: what lies below a point. A plan grid of triangles answers thousands at once."""

import numpy as np

from pelu_fab.signoff.stl import Array, Index


class Columns:
    """Plan index of the triangles that are not vertical."""

    def __init__(self, corners: Array) -> None:
        a, b, c = corners.transpose(1, 0, 2)
        twice = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        # A sliver seen edge-on has no inside in plan and would only give noisy heights.
        self._kept = np.flatnonzero(np.abs(twice) > 1e-9)
        self._corners = corners[self._kept]
        self._up = twice[self._kept] > 0
        low = self._corners[:, :, :2].min(axis=1)
        high = self._corners[:, :, :2].max(axis=1)
        self._origin = low.min(axis=0) if len(low) else np.zeros(2)
        span = high.max(axis=0) - self._origin if len(low) else np.ones(2)
        self._cells = np.maximum(1, np.minimum(1024, np.sqrt(len(low)) * span / max(span.max(), 1e-9))).astype(int)
        self._pitch = np.maximum(span / self._cells, 1e-9)
        self._fill(low, high)

    def _fill(self, low: Array, high: Array) -> None:
        first, last = self._cell(low), self._cell(high)
        wide = last - first + 1
        counts = wide[:, 0] * wide[:, 1]
        owner = np.repeat(np.arange(len(counts)), counts)
        local = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        column = first[owner, 0] + local % wide[owner, 0]
        row = first[owner, 1] + local // wide[owner, 0]
        cell = row * self._cells[0] + column
        order = np.argsort(cell, kind="stable")
        self._members = owner[order]
        self._starts = np.searchsorted(cell[order], np.arange(self._cells[0] * self._cells[1] + 1))

    def _cell(self, points: Array) -> Index:
        raw = np.floor((points - self._origin) / self._pitch)
        return np.asarray(np.clip(raw, 0, self._cells - 1), dtype=np.int64)

    def crossings(self, points: Array) -> tuple[Index, Index, Array, Array]:
        """Every triangle over or under each point: (query, triangle, z, +1 facing up or -1), unordered."""
        inside = (
            (points[:, :2] >= self._origin - 1e-6) & (points[:, :2] <= self._origin + self._pitch * self._cells + 1e-6)
        ).all(axis=1)
        cell = self._cell(points[:, :2])
        flat = cell[:, 1] * self._cells[0] + cell[:, 0]
        counts = np.where(inside, self._starts[flat + 1] - self._starts[flat], 0)
        query = np.repeat(np.arange(len(points)), counts)
        local = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found = self._members[np.repeat(self._starts[flat], counts) + local]
        weights = barycentric(self._corners[found, :, :2], points[query, :2])
        hit = (weights >= -1e-9).all(axis=1)
        query, found, weights = query[hit], found[hit], weights[hit]
        z = np.einsum("ij,ij->i", weights, self._corners[found, :, 2])
        return query, self._kept[found], z, np.where(self._up[found], 1.0, -1.0)

    def below(self, points: Array, gap: float = 1e-6) -> tuple[Index, Array]:
        """First triangle facing up more than `gap` below each point in air (-1: none), and its z there.

        A point straight above the edge of a wall is not stopped by the wall's underside.
        """
        query, face, z, side = self.crossings(points)
        under = (side > 0) & (z < points[query, 2] - gap)
        query, face, z = query[under], face[under], z[under]
        order = np.lexsort((face, -z, query))
        query, face, z = query[order], face[order], z[order]
        leads = np.concatenate([[True], query[1:] != query[:-1]]) if len(query) else np.zeros(0, bool)
        triangle = np.full(len(points), -1, np.int64)
        level = np.full(len(points), -np.inf)
        triangle[query[leads]], level[query[leads]] = face[leads], z[leads]
        return triangle, level


def barycentric(corners: Array, points: Array) -> Array:
    """(m, 3) weights of plan points (m, 2) in plan triangles (m, 3, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, points - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    second = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    return np.stack([1.0 - second - third, second, third], axis=1)
