"""Flat plates larger than the bed, cut into pieces that dovetail: polygon in, polygons out."""

from collections.abc import Sequence

from shapely import Polygon, affinity, unary_union
from shapely.geometry import LineString
from shapely.geometry import box as rect

DEPTH, NECK, HEAD, WIDEST = 5.0, 0.35, 0.55, 12.0  # mm and fractions of the bar's width: a dovetail
MIN_BAR = 5.5  # mm: narrowest bar that takes a dovetail
STEP, MARGIN = 1.0, 0.38  # mm between tried cuts; how far from the middle, as a fraction of the length
FAR = 1e5


def split(plate: Polygon, bed: Sequence[float], gap: float) -> list[Polygon]:
    """Cut a plate until each piece fits the bed (either way round); one that can't be cut stays as it is.

    Each bar that a cut crosses gets a dovetail, `gap` wider on the far side; the pieces keep their places.
    """
    x0, y0, x1, y1 = plate.bounds
    short, long = sorted((x1 - x0, y1 - y0))
    if short <= min(bed) and long <= max(bed):
        return [plate]
    upright = (y1 - y0) > (x1 - x0)
    turned = affinity.affine_transform(plate, [0, 1, 1, 0, 0, 0]) if upright else plate
    pair = _cut(turned, gap)
    if pair is None:
        return [plate]
    pieces = [piece for half in pair for piece in getattr(half, "geoms", [half])]
    if upright:
        pieces = [affinity.affine_transform(piece, [0, 1, 1, 0, 0, 0]) for piece in pieces]
    return [part for piece in pieces for part in split(piece, bed, gap)]


def _cut(plate: Polygon, gap: float) -> tuple[Polygon, Polygon] | None:
    """Cut across x near the middle, where the fewest plain bars are crossed."""
    x0, _, x1, _ = plate.bounds
    middle, reach = (x0 + x1) / 2, (x1 - x0) * MARGIN
    best: tuple[tuple[float, float], float, list[tuple[float, float]]] | None = None
    steps = int(reach / STEP)
    for k in range(-steps, steps + 1):
        x = round(middle + k * STEP, 3)
        bars = _bars(plate, x)
        around = [_bars(plate, x + d) for d in (-gap - 1.0, DEPTH / 2, DEPTH + 1.0)]
        plain = all(len(other) == len(bars) for other in around)
        if not bars or not plain or min(b - a for a, b in bars) < MIN_BAR:
            continue
        key = (float(len(bars)), abs(k) * STEP)
        if best is None or key < best[0]:
            best = (key, x, bars)
    if best is None:
        return None
    _, x, bars = best
    tails = unary_union([_tail(plate, x, a, b) for a, b in bars])
    left = plate.intersection(rect(-FAR, -FAR, x, FAR)).union(tails)
    right = plate.intersection(rect(x + gap, -FAR, FAR, FAR)).difference(tails.buffer(gap, join_style="mitre"))
    return left, right


def _bars(plate: Polygon, x: float) -> list[tuple[float, float]]:
    """Intervals of y in which the line at x crosses material."""
    crossed = plate.intersection(LineString([(x, -FAR), (x, FAR)]))
    lines = [line for line in getattr(crossed, "geoms", [crossed]) if line.length > 0]
    return sorted((line.bounds[1], line.bounds[3]) for line in lines)


def _tail(plate: Polygon, x: float, a: float, b: float) -> Polygon:
    """A dovetail that grows to the right, in the middle of a bar, following it where it slopes."""
    width = min(b - a, WIDEST / HEAD)
    near = (a + b) / 2
    ahead = min(_bars(plate, x + DEPTH), key=lambda bar: abs(sum(bar) / 2 - near))
    far = sum(ahead) / 2
    neck, head = width * NECK / 2, width * HEAD / 2
    return Polygon([(x - 0.5, near - neck), (x + DEPTH, far - head), (x + DEPTH, far + head), (x - 0.5, near + neck)])
