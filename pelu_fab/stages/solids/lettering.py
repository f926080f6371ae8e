"""Names and marks as raised outlines: text in, polygons out. Typeface: DejaVu Sans Bold, as matplotlib ships it."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pelu_fab.errors import FabBug
from pelu_fab.ir.solid import Outline, Prism

RELIEF = 0.6  # mm that letters stand proud
EMBED = 0.3  # mm that they reach into the wall
STEPS = 2  # chords per curve
TRACKING = 0.06  # em between letters: a nozzle's width more than on paper


@lru_cache(maxsize=1)
def _face():  # type: ignore[no-untyped-def]
    from fontTools.ttLib import TTFont

    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FabBug("matplotlib, which ships the typeface, is not installed")
    return TTFont(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", lazy=True)


@lru_cache(maxsize=256)
def _glyph(character: str) -> tuple[float, tuple[Outline, ...], tuple[Outline, ...]]:
    """Advance, outlines and holes of a character, in em."""
    from fontTools.pens.recordingPen import DecomposingRecordingPen

    face = _face()
    glyphs, names, em = face.getGlyphSet(), face.getBestCmap(), face["head"].unitsPerEm
    name = names.get(ord(character)) or names[ord("?")]
    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    loops: list[list[tuple[float, float]]] = []
    for verb, points in pen.value:
        if verb == "moveTo":
            loops.append([points[0]])
        elif verb == "lineTo":
            loops[-1].append(points[0])
        elif verb == "qCurveTo":
            loops[-1] += _chords(loops[-1][-1], points)
    outer: list[Outline] = []
    inner: list[Outline] = []
    for loop in loops:
        scaled = tuple((round(x / em, 5), round(y / em, 5)) for x, y in dict.fromkeys(loop))
        (outer if _area(scaled) < 0 else inner).append(scaled)  # TrueType fills clockwise loops
    return glyphs[name].width / em, tuple(outer), tuple(inner)


def _chords(start: tuple[float, float], points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
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


def _area(loop: Outline) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(loop, loop[1:] + loop[:1], strict=True)) / 2


def text_width(text: str, height: float) -> float:
    """Length of a line whose capitals are `height` tall, mm."""
    return sum(_glyph(c)[0] + TRACKING for c in text) * height / CAPITAL


CAPITAL = 0.729  # of DejaVu's capitals, in em


def fitted(text: str, height: float, room: float, least: float = 3.8) -> tuple[str, float]:
    """The text and capital height that fit `room`: smaller letters first, then fewer."""
    text = " ".join(text.split()) or "?"
    height = max(min(height, height * room / text_width(text, height)), least)
    while len(text) > 1 and text_width(text, height) > room:
        text = text[:-1].rstrip()
    return text, height


Line = tuple[str, float, float, float]  # text, height of its capitals, middle along the wall, z of its foot


def raised(lines: Sequence[Line], face: float, outward: int, rightward: int, more: Sequence[Outline] = ()) -> Prism:
    """Letters, and `more` outlines, on an upright wall at `face`, swept along v towards `outward` (±1).

    `rightward` ±1 is the direction along the wall in which the lines read.
    """
    outlines: list[Outline] = list(more)
    voids: list[Outline] = []
    for text, height, centre, foot in lines:
        scale = height / CAPITAL
        pen = -text_width(text, height) / 2
        for character in text:
            advance, outer, inner = _glyph(character)
            for loops, bucket in ((outer, outlines), (inner, voids)):
                bucket += [
                    tuple(
                        (round(centre + rightward * (pen + x * scale), 3), round(foot + y * scale, 3)) for x, y in loop
                    )
                    for loop in loops
                ]
            pen += (advance + TRACKING) * scale
    start, end = sorted((face - outward * EMBED, face + outward * RELIEF))
    return Prism("y", round(start, 3), round(end, 3), tuple(outlines), tuple(voids), is_lettering=True)
