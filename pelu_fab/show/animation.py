"""One pour in section, to scale, looped: the time-stepped simulation's water. A device and its flow in, GIF bytes out.

What the device is drawn from are its views and its scene: no solids are needed.
"""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import PlacedCard
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.names import duct_name, input_name, unit_of
from pelu_fab.show.scene import Scene, Stream, scene_of
from pelu_fab.show.views import Drawing, Flat, View, cut, draw, water
from pelu_fab.sim.flow import Flow, flow
from pelu_fab.sim.schedule import Schedule, design_pour
from pelu_fab.sim.water import water_of

Array = NDArray[np.float64]
WIDTH = 920  # pixels
FRAMES, SHOWN, HOLD = 84, 0.1, 16  # frames that move, seconds that each is shown, frames that the end stands still
GAP, MARGIN, HEAD, FOOT = 14.0, 8.0, 34.0, 14.0  # mm
INK, SOFT, PAPER, WATER, STREAM = (38, 49, 59), (110, 122, 133), (251, 250, 247), (47, 136, 197), (95, 176, 228)
FILLS = {
    "stand": (196, 200, 207),
    "gutter": (126, 135, 148),
    "card": (246, 242, 233),
    "plate": (217, 210, 193),
    "cup": (220, 235, 245),
    "room": (255, 255, 255),
}
LINES = {
    "stand": (160, 166, 176),
    "gutter": (58, 66, 82),
    "card": (141, 132, 113),
    "plate": (141, 132, 113),
    "cup": (95, 135, 163),
    "room": (170, 163, 148),
}
PANELS: tuple[View, ...] = ("side", "front")


def to_gif(device: Device) -> bytes:
    """`film` of the first pour of the design's protocol, or of jugs half full."""
    design = device.design
    network = water_of(device.lowered.netlist, device.sized, device.layout)
    title, units = design.protocol[0] if design.protocol else ("a pour", tuple(value / 2 for value in design.input_max))
    schedule = design_pour(np.array(units) * design.unit_volume, design.pour_flow_ml * MM3_PER_ML)
    return film(device, schedule, flow(network, design.process, schedule), title)


def film(device: Device, schedule: Schedule, found: Flow, title: str) -> bytes:
    """The first run of a flow from the pour until its cups are still, from the side and from the front."""
    from PIL import Image

    scene = scene_of(device)
    drawings = {view: draw(device, view) for view in PANELS}
    boxes = {view: drawing.box for view, drawing in drawings.items()}
    widths = [boxes[view][2] - boxes[view][0] for view in PANELS]
    scale = WIDTH / (sum(widths) + GAP + 2 * MARGIN)
    low = min(box[1] for box in boxes.values())
    high = max(box[3] for box in boxes.values())
    height = round((high - low + 2 * MARGIN + HEAD + FOOT) * scale)
    first, second = PANELS
    offset = {first: MARGIN - boxes[first][0], second: MARGIN + widths[0] + GAP - boxes[second][0]}
    sheet = _Sheet(
        Image.new("RGB", (WIDTH, height), PAPER),
        scale,
        {str(view): at for view, at in offset.items()},
        high + MARGIN + HEAD,
    )
    for view in PANELS:
        _shapes(sheet, view, drawings[view], FILLS)
    _heading(sheet, f"{device.design.name}: {title}")
    last = int(np.searchsorted(found.trace.times, found.readout_times()[0] * 1.05 + 0.5))
    end = float(found.trace.times[min(last, len(found.trace.times) - 2)])  # what stands at last is a frame more
    times = end * np.linspace(0.0, 1.0, FRAMES) ** 2.1  # slow while much happens, faster as it settles
    frames = [
        _frame(device, drawings, scene, schedule, found, sheet, float(time)) for time in [*times, found.trace.times[-1]]
    ]
    return _encoded(frames)


class _Sheet:
    """A picture with millimetres: `point` takes a view's (right, up) to pixels."""

    def __init__(self, image: Any, scale: float, offset: dict[str, float], top: float) -> None:
        self.image, self.scale, self.offset, self.top = image, scale, offset, top

    def copy(self) -> "_Sheet":
        return _Sheet(self.image.copy(), self.scale, self.offset, self.top)

    def point(self, view: View, place: Flat) -> Flat:
        return ((place[0] + self.offset[view]) * self.scale, (self.top - place[1]) * self.scale)

    @property
    def pen(self) -> Any:
        from PIL import ImageDraw

        return ImageDraw.Draw(self.image)

    def font(self, millimetres: float) -> Any:
        from PIL import ImageFont

        return ImageFont.load_default(millimetres * self.scale)


def _shapes(sheet: _Sheet, view: View, drawing: Drawing, kinds: Iterable[str]) -> None:
    for shape in drawing.shapes:
        if shape.kind not in kinds:
            continue
        points = [sheet.point(view, place) for place in shape.points]
        sheet.pen.polygon(points, fill=FILLS[shape.kind], outline=LINES[shape.kind])


def _frame(
    device: Device,
    drawings: Mapping[View, Drawing],
    scene: Scene,
    schedule: Schedule,
    found: Flow,
    sheet: _Sheet,
    time: float,
) -> Any:
    """The sheet with all water at one moment."""
    picture, trace, plumbing = sheet.copy(), found.trace, found.plumbing
    tables = (trace.heads, trace.mouth_flows, trace.cups[:, 0])
    heads, flows, cups = (_at(time, trace.times, table) for table in tables)
    names = [*plumbing.buckets, *plumbing.cups]
    by_duct: dict[str, float] = {}
    for mouth, (b, t) in enumerate(zip(plumbing.mouth_bucket, plumbing.mouth_target, strict=True)):
        name = duct_name(names[b], names[t])
        by_duct[name] = by_duct.get(name, 0.0) + float(flows[mouth])
    for i, rate in enumerate(schedule.rates(time)[0]):
        by_duct[input_name(i)] = float(rate)
    for view in PANELS:
        for stream in (*scene.streams, *_jugs(scene)):
            _stream(picture, view, stream, sum(by_duct.get(name, 0.0) for name in stream.ducts))
        for placed in cut(device.layout) if view == "side" else device.layout.hung:
            level = float(heads[plumbing.buckets.index(placed.card.name)])
            if level > placed.card.floor_z + 0.05:
                _pool(picture, view, placed, level)
        _shapes(picture, view, drawings[view], ("plate",))
        for glass in scene.glasses:
            volume = float(cups[plumbing.cups.index(glass.port)])
            level = glass.floor_z + volume / ((glass.x[1] - glass.x[0]) * (glass.y[1] - glass.y[0]))
            if volume > 20 and view == "front":
                _fill(picture, view, (-glass.x[1], glass.floor_z), (-glass.x[0], level))
    _captions(scene, picture, cups, plumbing, time)
    return picture.image


def _at(time: float, times: Array, table: Array) -> Array:
    """A sampled table's row at some time."""
    return np.array([np.interp(time, times, column) for column in table.T])


def _jugs(scene: Scene) -> list[Stream]:
    """What falls from the jugs, by input."""
    found = []
    for pool in scene.pools:
        if pool.name.startswith("L0."):
            x, y, z = pool.inlet
            port = input_name(unit_of(pool.name))
            found.append(Stream((port,), (x, y, z + 16.0), (x, y, pool.floor_z), 3.0, True))
    return found


def _fill(sheet: _Sheet, view: View, low: Flat, high: Flat) -> None:
    (x0, y1), (x1, y0) = sheet.point(view, low), sheet.point(view, high)
    if y1 - y0 >= 0.5:
        sheet.pen.rectangle([x0, y0, x1, y1], fill=WATER)


def _pool(sheet: _Sheet, view: View, placed: PlacedCard, level: float) -> None:
    """Water up to `level` (mm above the sill)."""
    card = placed.card
    if view == "side":
        sheet.pen.polygon([sheet.point(view, place) for place in water(placed, level).points], fill=WATER)
    else:
        _fill(sheet, view, (-card.x1, placed.z + card.floor_z), (-card.x0, placed.z + level))


def _stream(sheet: _Sheet, view: View, stream: Stream, flow: float) -> None:
    """A line that thickens with flow; a stream that runs towards us is as wide as it is."""
    if flow < 40.0:
        return
    keep = (0, 2) if view == "front" else (1, 2)
    turn = -1.0 if view == "front" else 1.0
    a, b = ((turn * end[keep[0]], end[keep[1]]) for end in (stream.start, stream.end))
    thick = max(round(sheet.scale * (0.5 + 1.1 * (flow / 4000.0) ** 0.5)), 1)
    points = [sheet.point(view, place) for place in (a, b)]
    sheet.pen.line(points, fill=STREAM, width=thick)


def _heading(sheet: _Sheet, text: str) -> None:
    edge = MARGIN * sheet.scale
    sheet.pen.text((edge, edge * 0.7), text, fill=INK, font=sheet.font(8.0))


def _captions(scene: Scene, sheet: _Sheet, cups: Any, plumbing: Any, time: float) -> None:
    pen, edge = sheet.pen, MARGIN * sheet.scale
    pen.text((edge, edge * 0.7 + 10.5 * sheet.scale), f"{time:4.1f} s", fill=SOFT, font=sheet.font(6.0))
    best = int(np.argmax(cups))
    for glass in scene.glasses:
        index = plumbing.cups.index(glass.port)
        x, y = sheet.point("front", (-(glass.x[0] + glass.x[1]) / 2, -5.0))
        leads = index == best and cups[index] > 100.0
        colour = (184, 110, 0) if leads else INK
        for line, (text, size) in enumerate(((glass.label, 4.6), (f"{cups[index] / MM3_PER_ML:.1f} mL", 4.6))):
            pen.text((x, y + line * 6.2 * sheet.scale), text, fill=colour, font=sheet.font(size), anchor="mm")


def _encoded(frames: list[Any]) -> bytes:
    """One palette for all frames, so that only what moves is stored; the last frame stays a while."""
    from PIL import Image

    palette = frames[len(frames) // 2].quantize(64, method=Image.Quantize.MEDIANCUT)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    flat += [flat[-1]] * HOLD
    stream = BytesIO()
    flat[0].save(
        stream, "GIF", save_all=True, append_images=flat[1:], duration=round(SHOWN * 1000), loop=0, optimize=False
    )
    return stream.getvalue()
