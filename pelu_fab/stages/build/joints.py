"""Flat plates larger than the bed, cut into pieces that dovetail: polygon in, polygons out."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import Polygon, affinity, unary_union
from shapely.geometry import box as rect

DEPTH, NECK, HEAD, WIDEST = 5.0, 0.35, 0.55, 12.0  # mm and fractions of the bar's width: a dovetail
STEEPEST = 2.0  # slope of a bar against the cut's normal, beyond which a dovetail's neck would be too thin
AROUND = 0.8  # mm of material that a dovetail leaves on either side, beside the gap; where it can't, a bar is only cut
CLEAR, MOST_CHANGE = 8.0, 0.1  # mm beyond a dovetail in which bars run plain; of their width
MIN_BAR = 5.5  # mm: narrowest bar that takes a dovetail
TRIALS, MARGIN = 40, 0.38  # cuts tried on either side of the middle; how far from it, as a fraction of the length
FAR = 1e6
SLIVER, TIP = 0.8, 0.6  # mm, mm2: nothing thinner stays on a piece, but for the tips of corners
CRUMB = 20.0  # mm2: what a cut chips off a corner
Interval = tuple[float, float]


def split(plate: Polygon, bed: Sequence[float], gap: float) -> list[Polygon]:
    """Cut a plate until each piece fits the bed (either way round); one that can't be cut stays as it is.

    Each bar that a cut crosses gets a dovetail, `gap` wider on the far side; the pieces keep their places.
    """
    x0, y0, x1, y1 = plate.bounds
    short, long = sorted((x1 - x0, y1 - y0))
    if short <= min(bed) and long <= max(bed):
        return [plate]
    is_tall = (y1 - y0) > (x1 - x0)
    halves = _cut_along(plate, gap, turn=is_tall) or _cut_along(plate, gap, turn=not is_tall)
    pieces = [piece for half in halves for piece in getattr(half, "geoms", [half])]
    return [part for piece in pieces if piece.area > CRUMB for part in split(piece, bed, gap)] or [plate]


def _cut_along(plate: Polygon, gap: float, *, turn: bool) -> list[Polygon]:
    """Both halves of a plate cut across x, or across y if `turn`; empty where no cut is possible."""
    if not turn:
        return list(_cut(plate, gap) or ())
    return [_turned(half) for half in _cut(_turned(plate), gap) or ()]


def _turned(shape: Polygon) -> Polygon:
    """A shape with x and y exchanged."""
    return affinity.affine_transform(shape, [0, 1, 1, 0, 0, 0])


def _cut(plate: Polygon, gap: float) -> tuple[Polygon, Polygon] | None:
    """Cut across x near the middle, where the fewest plain bars are crossed; nearer to corners if need be."""
    return _cut_clear(plate, gap, CLEAR, MOST_CHANGE) or _cut_clear(plate, gap, CLEAR / 4, 3 * MOST_CHANGE)


def _cut_clear(plate: Polygon, gap: float, clear: float, change: float) -> tuple[Polygon, Polygon] | None:
    x0, _, x1, _ = plate.bounds
    middle, reach = (x0 + x1) / 2, (x1 - x0) * MARGIN
    offsets = np.arange(-TRIALS, TRIALS + 1) * (reach / TRIALS)
    order = np.argsort(np.abs(offsets), kind="stable")
    tried = np.round(middle + offsets[order], 3)
    around = [_crossings(plate, tried + d) for d in (-clear, 0.0, -gap - 1.0, DEPTH / 2, DEPTH + 1.0, DEPTH + clear)]
    counts = np.array([[len(bars) for bars in column] for column in around])
    plain = (counts == counts[1]).all(axis=0) & (counts[1] > 0)
    able = np.flatnonzero(plain)
    able = able[[_is_plain([column[k] for column in around], change) for k in able]] if len(able) else able
    if not len(able):
        return None
    for best in able[np.argsort(counts[1][able], kind="stable")].tolist():
        halves = _halves(plate, float(tried[best]), around[1][best], gap)
        if not any(_has_sliver(half) for half in halves):
            return halves
    return None


def _halves(plate: Polygon, x: float, bars: Sequence[Interval], gap: float) -> tuple[Polygon, Polygon]:
    ahead = _crossings(plate, [x + DEPTH])[0]
    level = [bar for bar in bars if abs(sum(_nearest(bar, ahead)) - sum(bar)) / 2 < STEEPEST * DEPTH]
    able_tails = [_tail(x, bar, ahead) for bar in level]
    tails = unary_union([tail for tail in able_tails if plate.covers(tail.buffer(gap + AROUND, join_style="mitre"))])
    left = plate.intersection(rect(-FAR, -FAR, x, FAR)).union(tails)
    right = plate.intersection(rect(x + gap, -FAR, FAR, FAR)).difference(tails.buffer(gap, join_style="mitre"))
    return left, right


def _has_sliver(half: Polygon) -> bool:
    """Whether a cut left something too thin to print, more than the tip of a corner."""
    core = half.buffer(-SLIVER / 2, join_style="mitre").buffer(SLIVER / 2 + 1e-3, join_style="mitre")
    return any(piece.area > TIP for piece in getattr(half.difference(core), "geoms", [half.difference(core)]))


def _is_plain(stations: Sequence[Sequence[Interval]], change: float) -> bool:
    """Whether bars are wide enough for a dovetail and keep their widths from before the cut to behind it."""
    widths = np.array([[b - a for a, b in bars] for bars in stations])
    return bool(widths.min() >= MIN_BAR and (np.ptp(widths, axis=0) <= change * widths.min(axis=0)).all())


def _crossings(plate: Polygon, places: Sequence[float]) -> list[list[Interval]]:
    """For each x, the intervals of y in which a line there crosses material."""
    lines = shapely.linestrings([[(x, -FAR), (x, FAR)] for x in places])
    parts, owner = shapely.get_parts(shapely.intersection(lines, plate), return_index=True)
    found: list[list[Interval]] = [[] for _ in places]
    for line, index in zip(parts, owner, strict=True):
        if line.length > 0:
            found[index].append((line.bounds[1], line.bounds[3]))
    return [sorted(bars) for bars in found]


def _nearest(bar: Interval, others: Sequence[Interval]) -> Interval:
    return min(others, key=lambda other: abs(sum(other) - sum(bar)))


def _tail(x: float, bar: Interval, ahead: Sequence[Interval]) -> Polygon:
    """A dovetail that grows to the right, in the middle of a bar, following it where it slopes."""
    width = min(bar[1] - bar[0], WIDEST / HEAD)
    near = sum(bar) / 2
    far = sum(_nearest(bar, ahead)) / 2
    neck, head = width * NECK / 2, width * HEAD / 2
    return Polygon([(x - 0.5, near - neck), (x + DEPTH, far - head), (x + DEPTH, far + head), (x - 0.5, near + neck)])
