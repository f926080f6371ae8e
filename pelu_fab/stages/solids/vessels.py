"""Read-out cups and input jugs: open boxes with marks in mL and a name."""

from math import floor

from pelu_fab.ir.layout import PlacedCup
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import SizedCup
from pelu_fab.ir.solid import Outline, Part, Prism, Step, box, rectangle, upright
from pelu_fab.stages.solids.labels import fitted, least_height
from pelu_fab.stages.solids.lettering import Line, raised, text_width

TICK, TICK_LONG, TICK_SHORT = 0.8, 9.0, 5.0  # mm: height and lengths of a mark
SPOUT = 9.0  # mm that a jug's lip reaches beyond its wall
NUMERAL, NAME = 3.6, 5.0  # mm: heights of capitals
CLEAR = 0.4  # mm between a numeral and the name
FINEST = 2.0  # mL between ticks


def cup_part(placed: PlacedCup, label: str, process: Process) -> Part:
    """A read-out cup in its place; marks and `label` on the side away from the device."""
    wall, bottom = process.printer.wall, process.printer.floor
    x, y, z = (placed.x0, placed.x1), (placed.y0, placed.y1), placed.floor_z
    top = z + placed.cup.height
    body = box((x[0] - wall, x[1] + wall), (y[0] - wall, y[1] + wall), (z - bottom, top))
    room = box(x, y, (z, top + 1.0))
    least = least_height(process.printer.nozzle)
    marks = _marks(
        placed.cup, label, least, (x[0] + x[1]) / 2, x[1] - x[0], z, y[1] + wall, 1, -1, process.printer.nozzle
    )
    modules = [(Step("add", (body,)), Step("cut", (room,))), (Step("add", marks),)]
    return upright(f"cup-{placed.cup.port.split('.')[1]}", "cup", modules, 0)


def jug_part(jug: SizedCup, label: str, process: Process) -> Part:
    """A loose measuring jug with a lip in front and marks on its side; the same inside as its marks say."""
    wall, bottom = process.printer.wall, process.printer.floor
    width, depth, top = jug.width, jug.depth, bottom + jug.height
    outer = _pointed(-wall, width + wall, -wall, depth + wall, SPOUT)
    inner = _pointed(0.0, width, 0.0, depth, SPOUT)
    area = width * depth + width * SPOUT / 2
    body = Prism("z", 0.0, top, (outer,))
    room = Prism("z", bottom, top + 1.0, (inner,))
    tall = SizedCup(jug.port, jug.label, jug.capacity, width, area / width, jug.height)
    least = least_height(process.printer.nozzle)
    marks = _marks(tall, label, least, width / 2, width, bottom, -wall, -1, 1, process.printer.nozzle)
    modules = [(Step("add", (body,)), Step("cut", (room,))), (Step("add", marks),)]
    part = upright(f"jug-{jug.port.split('.')[1]}", "jug", modules, 0)
    return Part(part.name, part.role, part.modules, None, 0)


def _pointed(u0: float, u1: float, v0: float, v1: float, lip: float) -> Outline:
    """A box in plan whose far side runs out to a point: what pours without dribbling."""
    return ((u0, v0), (u1, v0), (u1, v1), ((u0 + u1) / 2, v1 + lip), (u0, v1))


def _marks(
    cup: SizedCup,
    label: str,
    least: float,
    centre: float,
    width: float,
    floor_z: float,
    face: float,
    outward: int,
    right: int,
    nozzle: float,
) -> tuple[Prism, ...]:
    """Ticks every 2 mL (or the next round step that leaves room), numerals at every few, and the name at the top.

    A numeral that would meet a line of the name is left out, and its tick is a short one.
    """
    area, tick = cup.width * cup.depth, max(TICK, 2.0 * nozzle)
    step = _round_step(2.0 * tick * area / 1000.0)
    numbered = _round_step((NUMERAL + 1.4) * area / 1000.0, step)
    left = centre - right * (width / 2 - 1.5)
    name = fitted(label, NAME, width - 2.0, least=least)
    feet = name.feet(floor_z + cup.height - name.tall - 0.6)  # a p keeps clear of the highest numeral
    named: list[Line] = [(line, name.height, centre, foot) for line, foot in zip(name.lines, feet, strict=True)]
    words: list[Line] = []
    ticks: list[Outline] = []
    for number in range(1, floor(cup.capacity / 1000.0 / step + 1e-9) + 1):
        ml = number * step
        z = floor_z + ml * 1000.0 / area
        at, foot = left + right * (TICK_LONG + 6.5), round(z - NUMERAL / 2 - tick / 2, 3)
        numeral: Line = (str(ml), NUMERAL, at, foot)
        is_numbered = ml % numbered == 0 and not any(_meet(numeral, line) for line in named)
        a, b = sorted((left, left + right * (TICK_LONG if is_numbered else TICK_SHORT)))
        ticks.append(rectangle(round(a, 3), round(b, 3), round(z - tick, 3), round(z, 3)))  # the upper edge is the mark
        if is_numbered:
            words.append(numeral)
    return raised([*named, *words], face, outward, right, ticks)


def _meet(one: Line, other: Line) -> bool:
    """Whether two lines on a wall come nearer than a stroke, below the line and above capitals counted in."""
    (text, height, centre, foot), (text2, height2, centre2, foot2) = one, other
    aside = abs(centre - centre2) - (text_width(text, height) + text_width(text2, height2)) / 2.0
    below, above = foot2 - 0.3 * height2, foot2 + 1.3 * height2
    return aside < CLEAR and foot - CLEAR < above and foot + height + CLEAR > below


def _round_step(least: float, multiple: int = 1) -> int:
    """The least of 2, 5, 10, 20, 50, 100 ... mL that is at least `least` and a multiple of `multiple`."""
    decade = 1
    while True:
        for digit in (1, 2, 5):
            step = digit * decade
            if step >= max(least, FINEST) and step % multiple == 0:
                return step
        decade *= 10
