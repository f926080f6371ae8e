"""The device in section, filling and spilling: a flow in, an animated GIF out. To scale: one pixel size for both axes.

Each layer is seen from its combs, its cards moved side by side to the right at their true widths and elevations.
Streams show where water runs, not the gutters' true courses: this knows the water alone, as it is read back from STL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.flow import Flow
from pelu_fab.sim.schedule import Schedule
from pelu_fab.sim.water import WaterBucket, WaterNetwork

Array = NDArray[np.float64]
FRAMES, FRAME_MS, HOLD_MS = 72, 90, 2500
WALL, GAP, ABOVE, BELOW = 1.6, 9.0, 26.0, 18.0  # mm
WIDEST = 900  # px
LETTER = 6.0  # mm
PAPER, INK, PLASTIC, WATER = (252, 251, 248), (40, 44, 52), (176, 168, 158), (66, 135, 214)
OVERSAMPLE = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """A vessel in the drawing: inside from `left` to `right`, floor, top; mm, z up."""

    left: float
    right: float
    floor: float
    top: float


@dataclass(frozen=True, slots=True)
class _Canvas:
    """From mm to pixels."""

    scale: float
    width: float  # mm
    height: float

    def at(self, x: float, z: float) -> tuple[float, float]:
        """Pixel of a point."""
        return x * self.scale, (self.height - z) * self.scale


def section_gif(found: Flow, water: WaterNetwork, schedule: Schedule) -> bytes:
    """The first run, from the pour until its cups can be read, in real proportions; time runs evenly."""
    from PIL import Image, ImageDraw

    buckets, cups, width = _places(water, found)
    height = max(place.top for place in buckets) + ABOVE
    scale = min(OVERSAMPLE * WIDEST / width, 8.0)
    canvas = _Canvas(scale, width, height)
    size = (round(width * scale), round((height + BELOW) * scale))
    frames = []
    for time in np.linspace(0.0, float(found.readout_times()[0]) * 1.1, FRAMES):
        image = Image.new("RGB", size, PAPER)
        draw = ImageDraw.Draw(image)
        _frame(draw, canvas, found, water, schedule, buckets, cups, float(time))
        small = image.resize((size[0] // OVERSAMPLE, size[1] // OVERSAMPLE), Image.Resampling.LANCZOS)
        frames.append(small.quantize(48, dither=Image.Dither.NONE))
    stream = BytesIO()
    durations = [FRAME_MS] * (len(frames) - 1) + [HOLD_MS]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return stream.getvalue()


def _places(water: WaterNetwork, found: Flow) -> tuple[list[_Place], list[_Place], float]:
    """Where each bucket and each cup is drawn, row after row to the right, and how wide the drawing is."""
    x, buckets = GAP, []
    for row in water.rows:
        for bucket in row:
            floor, top = bucket.sill_z - bucket.sill_height, bucket.sill_z + bucket.rim_height
            buckets.append(_Place(x + WALL, x + WALL + bucket.width, floor, top))
            x += bucket.width + 2 * WALL + GAP
        x += GAP
    wide = float(np.sqrt(water.cup_area))
    high = WALL + float(found.cups[0].max()) / water.cup_area + 8.0
    cups = []
    for _ in water.outputs:
        cups.append(_Place(x + WALL, x + WALL + wide, WALL, high))
        x += wide + 2 * WALL + 2 * GAP
    return buckets, cups, x


def _frame(
    draw: Any,
    canvas: _Canvas,
    found: Flow,
    water: WaterNetwork,
    schedule: Schedule,
    buckets: Sequence[_Place],
    cups: Sequence[_Place],
    time: float,
) -> None:
    trace = found.trace
    k = min(int(np.searchsorted(trace.times, time)), len(trace.times) - 1)
    _streams(draw, canvas, found, water, buckets, cups, trace.mouth_flows[k])
    for place, rate in zip(buckets, schedule.rates(time)[0], strict=False):
        if rate > 0.0:
            middle = (place.left + place.right) / 2.0
            _line(draw, canvas, [(middle, canvas.height), (middle, place.floor)], rate)
    for index, (place, bucket) in enumerate(zip(buckets, water.buckets, strict=True)):
        _bucket(draw, canvas, place, bucket, float(trace.heads[k, index]))
    _cups(draw, canvas, water, cups, trace.cups[k, 0])
    _text(draw, canvas, 3.0, canvas.height - 2.0, f"{time:4.1f} s", LETTER)
    for place, (_, label) in zip(buckets, water.inputs, strict=False):
        _text(draw, canvas, place.left, place.top + 10.0, label, LETTER)


def _bucket(draw: Any, canvas: _Canvas, place: _Place, bucket: WaterBucket, level: float) -> None:
    surface = min(bucket.sill_z + level, place.top)
    if surface > place.floor + 0.05:
        _box(draw, canvas, place.left, place.floor, place.right, surface, WATER)
    _walls(draw, canvas, place)
    middle = (place.left + place.right) / 2.0
    teeth = [] if bucket.siphon else zip(bucket.places, bucket.teeth, strict=True)
    openings = [(middle + x - w / 2.0, middle + x + w / 2.0) for x, w in teeth]
    for (_, left), (right, _) in pairwise([(0.0, place.left), *openings, (place.right, 0.0)]):
        if right > left:
            _box(draw, canvas, left, bucket.sill_z, right, place.top, PLASTIC)
    draw.line([canvas.at(place.left, bucket.sill_z), canvas.at(place.right, bucket.sill_z)], fill=INK, width=2)
    _text(draw, canvas, place.left, place.floor - WALL - 0.5, bucket.name, 0.85 * LETTER)


def _walls(draw: Any, canvas: _Canvas, place: _Place) -> None:
    _box(draw, canvas, place.left - WALL, place.floor - WALL, place.right + WALL, place.floor, PLASTIC)
    _box(draw, canvas, place.left - WALL, place.floor - WALL, place.left, place.top, PLASTIC)
    _box(draw, canvas, place.right, place.floor - WALL, place.right + WALL, place.top, PLASTIC)


def _cups(draw: Any, canvas: _Canvas, water: WaterNetwork, cups: Sequence[_Place], volumes: Array) -> None:
    for place, volume, (_, label) in zip(cups, volumes, water.outputs, strict=True):
        _box(draw, canvas, place.left, place.floor, place.right, place.floor + float(volume) / water.cup_area, WATER)
        _walls(draw, canvas, place)
        _text(draw, canvas, place.left - WALL, place.floor - WALL - 1.0, label, LETTER)
        _text(draw, canvas, place.left - WALL, place.floor - WALL - 8.0, f"{volume / MM3_PER_ML:.1f} mL", LETTER)


def _streams(
    draw: Any,
    canvas: _Canvas,
    found: Flow,
    water: WaterNetwork,
    buckets: Sequence[_Place],
    cups: Sequence[_Place],
    flows: Array,
) -> None:
    p = found.plumbing
    goals = [*buckets, *cups]
    for m, rate in enumerate(flows):
        source, goal = int(p.mouth_bucket[m]), goals[int(p.mouth_target[m])]
        if rate < 30.0:
            continue
        teeth = np.flatnonzero(p.tooth_mouth == m)
        start = buckets[source]
        x = (start.left + start.right) / 2.0 + float(p.tooth_place[teeth].mean())
        end = goal.left + (goal.right - goal.left) * (0.15 + 0.7 * x / canvas.width)
        sill, lip = water.buckets[source].sill_z, max(goal.top + 3.0, 0.0)
        turn = min(start.floor - 6.0, sill - 6.0)
        _line(draw, canvas, [(x, sill), (x, max(turn, lip)), (end, lip), (end, goal.floor)], float(rate))


def _line(draw: Any, canvas: _Canvas, points: Sequence[tuple[float, float]], rate: float) -> None:
    """A stream as wide (mm) as a square jet of 300 mm/s would be."""
    width = max(round(float(np.sqrt(rate / 300.0)) * 0.35 * canvas.scale), 2)
    draw.line([canvas.at(x, z) for x, z in points], fill=WATER, width=width, joint="curve")


def _box(
    draw: Any, canvas: _Canvas, left: float, low: float, right: float, high: float, colour: tuple[int, int, int]
) -> None:
    (x0, y0), (x1, y1) = canvas.at(left, high), canvas.at(right, low)
    draw.rectangle((x0, y0, max(x1, x0), max(y1, y0)), fill=colour)


def _text(draw: Any, canvas: _Canvas, x: float, z: float, text: str, height: float) -> None:
    draw.text(canvas.at(x, z), text, fill=INK, font=_font(height * canvas.scale))


@cache
def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
