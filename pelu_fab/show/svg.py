"""layout.svg: the device in plan and two elevations, to scale and named, for people. A device in, SVG bytes out."""

from html import escape

from pelu_fab.ir.device import Device
from pelu_fab.show.views import VIEWS, Drawing, Shape, View, Word, draw

MARGIN, GAP, HEAD = 14.0, 26.0, 24.0  # mm
TITLES: dict[View, str] = {
    "plan": "plan, from above; water runs to the right",
    "front": "front, from the cups",
    "side": "side, in section; water runs to the right",
}
STYLE = """
.sheet{fill:#fbfaf7}
.stand{fill:#59626f;fill-opacity:.5;stroke:#3a4252;stroke-width:.25}
.gutter{fill:#b9c1cb;fill-opacity:.9;stroke:#2e3644;stroke-width:.35}
.card{fill:#f6f2e9;fill-opacity:.95;stroke:#8d8471;stroke-width:.35}
.plate{fill:#d9d2c1;stroke:#8d8471;stroke-width:.2}
.cup{fill:#dcebf5;fill-opacity:.9;stroke:#5f87a3;stroke-width:.4}
.room{fill:#fff;stroke:#8d8471;stroke-width:.25}
.water{fill:#2f88c5;fill-opacity:.55}
.tooth{fill:#2f88c5;fill-opacity:.35;stroke:#1d5f8f;stroke-width:.15}
text{font-family:"Helvetica Neue",Helvetica,Arial,sans-serif;fill:#26313b}
.bucket,.title{font-weight:600}
.note,.caption{fill:#5d6872}
.rule{stroke:#26313b;stroke-width:.5;fill:none}
"""


def to_svg(device: Device) -> bytes:
    """One sheet, 1 unit = 1 mm: what one sees along x, beside it along y, and below it the plan."""
    drawings: dict[View, Drawing] = {view: draw(device, view) for view in VIEWS}
    places, (width, height) = _sheet(drawings)
    body = [_view(view, drawings[view], *places[view]) for view in VIEWS]
    extent = " x ".join(f"{length:.0f}" for length in _extents(drawings))
    title, note = (
        escape(device.design.name),
        f"{extent} mm; blue: what the cards keep, V0 with it, and the teeth of the combs",
    )
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1f} {height:.1f}" width="{width:.1f}mm" '
        f'height="{height:.1f}mm" role="img" aria-label="{title}: plan and elevations to scale">',
        f"<title>{title}: layout</title><style>{STYLE}</style>",
        f'<rect class="sheet" width="{width:.1f}" height="{height:.1f}"/>',
        f'<text class="title" x="{MARGIN}" y="{MARGIN}" font-size="7">{title}</text>',
        f'<text class="caption" x="{MARGIN}" y="{MARGIN + 6}" font-size="3.6">{note}</text>',
        _ruler(width),
    ]
    return ("\n".join([*head, *body, "</svg>"]) + "\n").encode()


def _extents(drawings: dict[View, Drawing]) -> tuple[float, float, float]:
    left, low, right, high = drawings["plan"].box
    _, bottom, _, top = drawings["front"].box
    return right - left, high - low, top - bottom


def _sheet(drawings: dict[View, Drawing]) -> tuple[dict[View, tuple[float, float]], tuple[float, float]]:
    """Left upper corner of each view, and the sheet's size: side above, front to its right, plan below the side."""
    size = {view: (d.box[2] - d.box[0], d.box[3] - d.box[1]) for view, d in drawings.items()}
    left = max(size["side"][0], size["plan"][0])
    top = max(size["front"][1], size["side"][1])
    start = drawings["plan"].box[0]
    places: dict[View, tuple[float, float]] = {
        "side": (MARGIN + drawings["side"].box[0] - start, HEAD + MARGIN + top - size["side"][1]),
        "front": (MARGIN + left + GAP, HEAD + MARGIN + top - size["front"][1]),
        "plan": (MARGIN, HEAD + MARGIN + top + GAP),
    }
    return places, (2 * MARGIN + left + GAP + size["front"][0], places["plan"][1] + size["plan"][1] + MARGIN + 4.0)


def _view(view: View, drawing: Drawing, x: float, y: float) -> str:
    """A view as a group; y turned so that up is up. In plan the back stands at the top."""
    left, low, _, high = drawing.box
    shift, drop = x - left, y + high
    shapes = "\n".join(_shape(shape, shift, drop) for shape in drawing.shapes)
    words = "\n".join(_word(word, shift, drop) for word in drawing.words if word.text)
    caption = f'<text class="caption" x="{x:.2f}" y="{drop - low + 9:.2f}" font-size="3.6">{TITLES[view]}</text>'
    return f'<g id="{view}">\n{shapes}\n{words}\n{caption}\n</g>'


def _shape(shape: Shape, shift: float, drop: float) -> str:
    points = " ".join(f"{a + shift:.2f},{drop - b:.2f}" for a, b in shape.points)
    title = f"<title>{escape(shape.name)}</title>" if shape.name else ""
    return f'<polygon class="{shape.kind}" points="{points}">{title}</polygon>'


def _word(word: Word, shift: float, drop: float) -> str:
    a, b = word.place[0] + shift, drop - word.place[1]
    turn = f' transform="rotate(-90 {a:.2f} {b:.2f})"' if word.turned else ""
    return (
        f'<text class="{word.kind}" x="{a:.2f}" y="{b:.2f}" font-size="{word.size:g}" text-anchor="{word.anchor}" '
        f'dominant-baseline="middle"{turn}>{escape(word.text)}</text>'
    )


def _ruler(width: float) -> str:
    """A bar of 50 mm to measure with."""
    right, y = width - MARGIN, MARGIN
    return (
        f'<path class="rule" d="M{right - 50:.2f} {y - 2:.2f}v4m0 -2h50m0 -2v4"/>'
        f'<text class="caption" x="{right - 25:.2f}" y="{y + 6:.2f}" font-size="3.6" text-anchor="middle">50 mm</text>'
    )
