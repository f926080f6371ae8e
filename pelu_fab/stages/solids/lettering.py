"""Names and marks as raised outlines: text in, polygons out. Typeface: DejaVu Sans Bold, as matplotlib ships it."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from math import fsum
from pathlib import Path
from typing import NamedTuple

from shapely import MultiPolygon, Polygon, polygonize, unary_union
from shapely.geometry import LinearRing

from pelu_fab.errors import FabBug
from pelu_fab.ir.solid import Outline, Prism

RELIEF = 0.6  # mm that letters stand proud
EMBED = 0.3  # mm that they reach into the wall
STEPS = 2  # chords per curve
TRACKING = 0.06  # em between letters: a nozzle's width more than on paper
CAPITAL = 0.729  # of DejaVu's capitals, in em
KISS = 0.003  # em that strokes draw back from where they meet in a point
GRID = 5  # digits of an em that an outline keeps

Loop = list[tuple[float, float]]


class Region(NamedTuple):
    """Outlines less voids, in em; islands inside the voids are another region."""

    outlines: tuple[Outline, ...]
    voids: tuple[Outline, ...]


class Glyph(NamedTuple):
    """A character as drawn: its advance in em, and its ink, regions inside out of one another's voids."""

    advance: float
    regions: tuple[Region, ...]


@lru_cache(maxsize=1)
def _face():  # type: ignore[no-untyped-def]
    from fontTools.ttLib import TTFont

    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FabBug("matplotlib, which ships the typeface, is not installed")
    return TTFont(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", lazy=True)


@lru_cache(maxsize=1)
def characters() -> frozenset[str]:
    """Every character that the face has, those that draw nothing too."""
    return frozenset(map(chr, _face().getBestCmap()))


@lru_cache(maxsize=512)
def glyph(character: str) -> Glyph:
    """A character of the face; asking for one that it lacks is our bug."""
    from fontTools.pens.recordingPen import DecomposingRecordingPen

    face = _face()
    glyphs, em = face.getGlyphSet(), face["head"].unitsPerEm
    name = face.getBestCmap().get(ord(character))
    if name is None:
        raise FabBug(f"the face has no {character!r}")
    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    loops: list[Loop] = []
    for verb, points in pen.value:
        if verb == "moveTo":
            loops.append([points[0]])
        elif verb == "lineTo":
            loops[-1].append(points[0])
        elif verb == "qCurveTo" and points[-1] is None:  # a loop of controls alone begins midway between two of them
            (a, b), (c, d) = points[-2], points[0]
            start = ((a + c) / 2, (b + d) / 2)
            loops.append([start, *_chords(start, (*points[:-1], start))])
        elif verb == "qCurveTo":
            loops[-1] += _chords(loops[-1][-1], points)
    scaled = [[(round(x / em, GRID), round(y / em, GRID)) for x, y in loop] for loop in loops]
    return Glyph(glyphs[name].width / em, _regions([list(dict.fromkeys(loop)) for loop in scaled]))


def _chords(start: tuple[float, float], points: tuple[tuple[float, float], ...]) -> Loop:
    """A TrueType spline (implied points midway between controls) as chords."""
    out = []
    controls, last = points[:-1], points[-1]
    for k, control in enumerate(controls):
        end = last
        if k + 1 < len(controls):
            end = ((control[0] + controls[k + 1][0]) / 2, (control[1] + controls[k + 1][1]) / 2)
        for i in range(1, STEPS + 1):
            t = i / STEPS
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            out.append((a * start[0] + b * control[0] + c * end[0], a * start[1] + b * control[1] + c * end[1]))
        start = end
    return out


def _regions(loops: Sequence[Loop]) -> tuple[Region, ...]:
    """Ink is where loops wind about a point (TrueType's rule): strokes that cross, mirrored parts, islands in holes."""
    loops = [loop for loop in loops if len(loop) > 2]
    if not loops:
        return ()
    edges = unary_union([LinearRing(loop) for loop in loops])
    cells = sorted(polygonize([edges]).geoms, key=lambda cell: cell.bounds)
    ink = unary_union([cell for cell in cells if _winding(cell.representative_point().coords[0], loops)])
    if _touches_itself(ink):
        ink = ink.buffer(-KISS, join_style="mitre")
    polygons = list(ink.geoms) if isinstance(ink, MultiPolygon) else [ink]
    depths = [_depth(polygon, polygons) for polygon in polygons]
    return tuple(
        _region([p for p, depth in zip(polygons, depths, strict=True) if depth == level])
        for level in sorted(set(depths))
    )


def _touches_itself(ink: Polygon | MultiPolygon) -> bool:
    """Whether a corner belongs to two rings: such parts kiss along an edge, which no closed body may (▒)."""
    polygons = list(ink.geoms) if isinstance(ink, MultiPolygon) else [ink]
    corners = [corner for p in polygons for ring in (p.exterior, *p.interiors) for corner in ring.coords[:-1]]
    return len(set(corners)) < len(corners)


def _region(polygons: Sequence[Polygon]) -> Region:
    rings = [[tuple(ring.coords)[:-1] for ring in (p.exterior, *p.interiors)] for p in polygons]
    return Region(tuple(outer for outer, *_ in rings), tuple(hole for _, *holes in rings for hole in holes))


def _depth(polygon: Polygon, polygons: Sequence[Polygon]) -> int:
    """In how many others' holes a polygon lies."""
    at = polygon.representative_point()
    return sum(Polygon(hole).contains(at) for other in polygons for hole in other.interiors)


def _winding(at: tuple[float, ...], loops: Sequence[Loop]) -> int:
    """How often all loops together go round a point that lies on none of them."""
    x, y = at[:2]
    found = 0
    for loop in loops:
        for (x0, y0), (x1, y1) in zip(loop, loop[1:] + loop[:1], strict=True):
            if (y0 <= y) != (y1 <= y):
                left = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
                found += 1 if y1 > y0 and left > 0 else -1 if y1 <= y0 and left < 0 else 0
    return found


def text_width(text: str, height: float) -> float:
    """Length of a line whose capitals are `height` tall, mm, to 1e-6: the same on every Python."""
    return round(fsum(glyph(c).advance + TRACKING for c in text) * height / CAPITAL, 6)


Line = tuple[str, float, float, float]  # text, height of its capitals, middle along the wall, z of its foot


def raised(
    lines: Sequence[Line], face: float, outward: int, rightward: int, more: Sequence[Outline] = ()
) -> tuple[Prism, ...]:
    """Letters, and `more` outlines, on an upright wall at `face`, swept along v towards `outward` (±1).

    `rightward` ±1 is the direction along the wall in which the lines read. Letters with an island in a hole, as in ©,
    take a second prism.
    """
    levels: list[tuple[list[Outline], list[Outline]]] = [(list(more), [])]
    for text, height, centre, foot in lines:
        scale = height / CAPITAL
        pen = -text_width(text, height) / 2
        for character in text:
            advance, regions = glyph(character)

            def placed(
                loop: Outline, pen: float = pen, scale: float = scale, line: Line = (text, height, centre, foot)
            ) -> Outline:
                return tuple(
                    (round(line[2] + rightward * (pen + x * scale), 3), round(line[3] + y * scale, 3)) for x, y in loop
                )

            for level, region in enumerate(regions):
                if level == len(levels):
                    levels.append(([], []))
                levels[level][0].extend(map(placed, region.outlines))
                levels[level][1].extend(map(placed, region.voids))
            pen += (advance + TRACKING) * scale
    start, end = sorted((face - outward * EMBED, face + outward * RELIEF))
    return tuple(
        Prism("y", round(start, 3), round(end, 3), tuple(outlines), tuple(voids), is_lettering=True)
        for outlines, voids in levels
        if outlines
    )
