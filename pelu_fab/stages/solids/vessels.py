"""Read-out cups with marks in mL and a name; jugs with rulers in the unit that people measure in."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from shapely import Polygon

from pelu_fab.errors import FabError
from pelu_fab.ir.layout import PlacedCup
from pelu_fab.ir.process import Process
from pelu_fab.ir.ruler import Ruler
from pelu_fab.ir.sized import Jug
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, box, rectangle, swapped, upright
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.stages.solids.labels import Label, fitted, least_height
from pelu_fab.stages.solids.lettering import Line, raised, text_width

TICK, TICK_LONG, TICK_SHORT = 0.8, 9.0, 5.0  # mm: height and lengths of a mark
NUMERAL, NAME = 3.6, 5.0  # mm: heights of capitals
EDGE, GAP, CLEAR = 1.5, 0.8, 0.4  # mm: before a tick, from it to its numeral, between a numeral and other words
V0, V0_LINE = "V0", 7.0  # what a card is got ready with, and the length of its line


def cup_part(placed: PlacedCup, label: str, process: Process) -> Part:
    """A read-out cup in its place; marks and `label` on the side away from the device."""
    wall, bottom, cup = process.printer.wall, process.printer.floor, placed.cup
    x, y, z = (placed.x0, placed.x1), (placed.y0, placed.y1), placed.floor_z
    top = z + cup.height
    body = box((x[0] - wall, x[1] + wall), (y[0] - wall, y[1] + wall), (z - bottom, top))
    room = box(x, y, (z, top + 1.0))
    side = _Side((x[0] + x[1]) / 2, cup.width / 2, cup.width / 2, y[1] + wall, 1, -1)
    ruler = Ruler("", "mL", 0.0, 1.0 / MM3_PER_ML, cup.capacity)
    rooms = (cup.height - cup.capacity / cup.area, cup.height)  # rather above the marks, else over some of them
    marks = _marks(ruler, cup.area, label, side, (z, top), process.printer.nozzle, rooms=rooms)
    modules = [(Step("add", (body,)), Step("cut", (room,))), (Step("add", marks),)]
    return upright(f"cup-{cup.port.split('.')[1]}", "cup", modules, 0)


def jug_part(jug: Jug, labels: Mapping[str, str], process: Process) -> Part:
    """A loose measuring jug, a ruler on each side. `labels` are what is written for each input, by its port."""
    wall, bottom = process.printer.wall, process.printer.floor
    top = bottom + jug.height
    inner = jug.inside
    outer = Polygon(inner).buffer(wall, join_style="mitre", mitre_limit=5.0).exterior.coords[:-1]
    body = Prism("z", 0.0, top, (tuple((round(x, 3), round(y, 3)) for x, y in outer),))
    room = Prism("z", bottom, top + 1.0, (inner,))
    modules: list[tuple[Step, ...]] = [(Step("add", (body,)), Step("cut", (room,)))]
    above, nozzle = jug.height - jug.capacity / jug.area - 1.0, process.printer.nozzle
    for number, ruler in enumerate(jug.rulers):
        face = jug.side + wall if number in (1, 2) else -wall
        ahead = 1 if number in (0, 1) else -1  # reading goes on along x in front, along y on the right, and back
        (left, right), outward = jug.flat(number), 1 if face > 0 else -1
        side = _Side(jug.side / 2, -left, right, face, outward, ahead)
        title = ", ".join(word for word in (labels.get(ruler.port, ""), ruler.unit) if word)
        marks = _marks(ruler, jug.area, title, side, (bottom, top), nozzle, rooms=(above,), priming=jug.priming_volume)
        modules.append((Step("add", tuple(map(swapped, marks)) if number in (1, 3) else marks),))
    part = upright(jug.name, "jug", modules, 0)
    return Part(part.name, part.role, part.modules, None, 0)


class _Side(NamedTuple):
    """A wall to write on: its middle along it, how far it reaches to the reader's left and right; where it faces."""

    middle: float
    left: float
    right: float
    face: float
    outward: int
    ahead: int  # reading from left to right goes along the axis, or against it


def _marks(
    ruler: Ruler,
    area: float,
    title: str,
    side: _Side,
    z: tuple[float, float],
    nozzle: float,
    *,
    rooms: tuple[float, ...],
    priming: float = 0.0,
) -> tuple[Prism, ...]:
    """Ticks whose upper edges are the marks, numerals at every few, the title, V0's line.

    The title stays within the first of `rooms` (mm from the top) that takes it. A numeral that would meet it or V0, or
    reach past the wall, is left out, and its tick is a short one; a tick that would meet it is left out too.
    """
    tick, least = max(TICK, 2.0 * nozzle), least_height(nozzle)

    def along(at: float) -> float:
        """mm from the middle, to the reader's right, as a place on the wall."""
        return side.middle + side.ahead * at

    def bar(start: float, end: float, top: float) -> Outline:
        a, b = sorted((along(start), along(end)))
        return rectangle(round(a, 3), round(b, 3), round(top - tick, 3), round(top, 3))

    name = _title(title, side.left + side.right - 2.0, least, rooms)
    centre = along((side.right - side.left) / 2)
    feet = name.feet(z[1] - name.tall - 0.6)  # a p keeps clear of the highest numeral
    lines: list[Line] = [(line, name.height, centre, foot) for line, foot in zip(name.lines, feet, strict=True)]
    bars: list[Outline] = []
    if priming:
        level, end = z[0] + priming / area, side.right - 1.0
        above = (V0, least, along(end - text_width(V0, least) / 2), round(level + CLEAR, 3))
        below = (*above[:3], round(level - tick - CLEAR - least, 3))
        lines.append(below if any(_meet(above, line) for line in lines) else above)
        bars.append(bar(end - V0_LINE, end, level))
    left = EDGE - side.left
    for mark in ruler.marks(area, 2.0 * tick, NUMERAL + 1.4):
        level = z[0] + mark.z
        wide = text_width(mark.numeral, NUMERAL)
        long = min(TICK_LONG, side.right - CLEAR - wide - GAP - left)  # on a narrow wall, shorter before many digits
        at = left + long + GAP + wide / 2
        numeral: Line = (mark.numeral, NUMERAL, along(at), round(level - NUMERAL / 2 - tick / 2, 3))
        fits = bool(mark.numeral) and long >= TICK_SHORT
        is_numbered = fits and not any(_meet(numeral, line) for line in lines)
        if any(_crosses((along(left), along(left + TICK_SHORT)), (level - tick, level), line) for line in lines):
            continue
        bars.append(bar(left, left + (long if is_numbered else TICK_SHORT), level))
        if is_numbered:
            lines.append(numeral)
    return raised(lines, side.face, side.outward, side.ahead, bars)


def _title(title: str, room: float, least: float, rooms: tuple[float, ...]) -> Label:
    """A title as large as it can be, `room` mm wide, within the first of `rooms` that takes it."""
    *first, last = (tall - 0.6 for tall in rooms)
    for tall in first:
        with suppress(FabError):
            return fitted(title, NAME, room, least=least, tall=tall)
    return fitted(title, NAME, room, least=least, tall=last)


def _crosses(across: Point, up: Point, line: Line) -> bool:
    """Whether a bar on a wall meets a line."""
    text, height, centre, foot = line
    half = text_width(text, height) / 2.0 + CLEAR
    aside = min(across) < centre + half and max(across) > centre - half
    return aside and up[0] < foot + height + CLEAR and up[1] > foot - 0.3 * height - CLEAR


def _meet(one: Line, other: Line) -> bool:
    """Whether two lines on a wall come nearer than a stroke, below the line and above capitals counted in."""
    (text, height, centre, foot), (text2, height2, centre2, foot2) = one, other
    aside = abs(centre - centre2) - (text_width(text, height) + text_width(text2, height2)) / 2.0
    below, above = foot2 - 0.3 * height2, foot2 + 1.3 * height2
    return aside < CLEAR and foot - CLEAR < above and foot + height + CLEAR > below
