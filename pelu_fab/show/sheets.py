"""Pages on paper: text, lines and pictures at places in mm from the upper left, out as PDF. The same each time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np

from pelu_fab.show.linework import Drawing

WIDTH, HEIGHT = 210.0, 297.0  # A4, mm
INCH = 25.4
POINT = INCH / 72.0  # mm
FACE = "DejaVu Sans"  # as on the parts
LARGE = 200.0  # points at which type is measured, too large for a rounding to matter
LEADING = 1.45  # of the type's size, from line to line
INK, GREY, RULE, ACCENT, WATER = "#1c2128", "#66707c", "#c9ced6", "#d2491e", "#2f7fb8"
Place = tuple[float, float]


class Sheet:
    """One page."""

    def __init__(self) -> None:
        from matplotlib.figure import Figure

        self.figure: Any = Figure(figsize=(WIDTH / INCH, HEIGHT / INCH))
        self.axes: Any = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0.0, WIDTH)
        self.axes.set_ylim(HEIGHT, 0.0)
        self.axes.axis("off")
        self.tags: list[tuple[float, float, float]] = []  # middle and half the breadth of each

    def text(
        self, at: Place, words: str, size: float = 10.0, *, bold: bool = False, colour: str = INK, align: str = "left"
    ) -> None:
        """One line whose foot stands at `at`; `size` in points."""
        self.axes.text(
            *at,
            words,
            size=size,
            weight="bold" if bold else "normal",
            color=colour,
            ha=align,
            va="baseline",
            parse_math=False,
        )

    def paragraph(
        self, at: Place, words: str, width: float, size: float = 10.0, *, bold: bool = False, colour: str = INK
    ) -> float:
        """Lines no wider than `width` (mm), the first one's foot at `at`; where the next paragraph's foot may stand."""
        x, y = at
        for line in wrapped(words, width, size, bold=bold):
            self.text((x, y), line, size, bold=bold, colour=colour)
            y += size * POINT * LEADING
        return y

    def tag(self, at: Place, words: str, size: float = 8.0, colour: str = INK, *, down: bool = False) -> None:
        """A name on a picture: bold, on paper, its middle at `at`, or as far above (below if `down`) as it is free."""
        half, tall = breadth(words, size, bold=True) / 2 + 1.0, size * POINT * 1.55
        x, y = at
        while any(abs(x - u) < half + other and abs(y - v) < tall for u, v, other in self.tags):
            y += 0.5 if down else -0.5
        self.tags.append((x, y, half))
        at = x, y
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour, "linewidth": 0.6}
        self.axes.text(
            *at,
            words,
            size=size,
            weight="bold",
            color=colour,
            ha="center",
            va="center",
            bbox=box,
            parse_math=False,
            zorder=5,
        )

    def rule(self, start: Place, end: Place, colour: str = RULE, width: float = 0.6) -> None:
        """A thin line."""
        self.axes.plot((start[0], end[0]), (start[1], end[1]), color=colour, linewidth=width, solid_capstyle="butt")

    def box(
        self, at: Place, size: Place, fill: str = "none", edge: str = INK, width: float = 0.6, *, turn: float = 0.0
    ) -> None:
        """A rectangle, turned to the left about its middle (degrees)."""
        from matplotlib.patches import Rectangle

        patch = Rectangle(at, *size, angle=-turn, rotation_point="center")
        patch.set(facecolor=fill, edgecolor=edge, linewidth=width)
        self.axes.add_patch(patch)

    def loops(self, outlines: Sequence[Sequence[Place]], fill: str, edge: str = INK, width: float = 0.4) -> None:
        """Closed outlines, those inside of others cut out."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        whole = Path.make_compound_path(*(Path([*one, one[0]], closed=True) for one in outlines))
        self.axes.add_patch(PathPatch(whole, facecolor=fill, edgecolor=edge, linewidth=width))

    def disc(self, at: Place, radius: float, words: str, colour: str = ACCENT) -> None:
        """A number in a circle."""
        from matplotlib.patches import Circle

        self.axes.add_patch(Circle(at, radius, facecolor=colour, edgecolor="white", linewidth=1.0, zorder=3))
        self.axes.text(
            *at, words, size=radius * 4.0, weight="bold", color="white", ha="center", va="center_baseline", zorder=4
        )

    def arrow(self, start: Place, end: Place, colour: str = ACCENT, *, both: bool = False) -> None:
        """A thick arrow, its shaft on white."""
        from matplotlib.patches import FancyArrowPatch

        style = ("<|-|>" if both else "-|>") + ",head_length=4,head_width=2.6"
        one, other = np.array(start), np.array(end)
        head = (other - one) / max(float(np.hypot(*(other - one))), 1e-9) * 2.5
        hem = np.array([one + head if both else one, other - head]).T
        self.axes.plot(*hem, color="white", linewidth=4.0, zorder=3, solid_capstyle="butt")
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle=style, linewidth=1.8, color=colour, shrinkA=0, shrinkB=0, mutation_scale=1.6,
                zorder=4, joinstyle="miter", capstyle="butt",
            )
        )  # fmt: skip

    def picture(self, drawing: Drawing, at: Place, size: Place, most: float = np.inf) -> Callable[[Any], Place]:
        """A drawing in the middle of a box, at most `most` mm a pixel; where a pixel of its view lies on the page."""
        rows, columns = drawing.pixels.shape[:2]
        scale = min(size[0] / columns, size[1] / rows, most)
        left, top = at[0] + (size[0] - columns * scale) / 2, at[1] + (size[1] - rows * scale) / 2
        extent = (left, left + columns * scale, top + rows * scale, top)
        self.axes.imshow(drawing.pixels, extent=extent, interpolation="none", aspect="auto", zorder=0)
        self.axes.set_xlim(0.0, WIDTH)
        self.axes.set_ylim(HEIGHT, 0.0)
        return lambda pixel: (left + (pixel[0] - drawing.left) * scale, top + (pixel[1] - drawing.top) * scale)

    def table(
        self, at: Place, rows: Sequence[Sequence[str]], columns: Sequence[float], size: float = 9.0, step: float = 5.4
    ) -> float:
        """Rows under a head; `columns` are their left ends from `at`, numbers flush right at negative ones."""
        x, y = at
        for number, row in enumerate(rows):
            for words, left in zip(row, columns, strict=True):
                place = (x + abs(left), y)
                colour = GREY if number == 0 else INK
                self.text(place, words, size, colour=colour, align="right" if left < 0 else "left")
            self.rule((x, y + 1.6), (x + max(map(abs, columns)) + 1.0, y + 1.6))
            y += step
        return y


def to_pdf(sheets: Sequence[Sheet], title: str) -> bytes:
    """All pages, without a clock's time."""
    from matplotlib.backends.backend_pdf import PdfPages

    stream = BytesIO()
    told = {"Title": title, "Creator": "pelu_fab", "Producer": "pelu_fab", "CreationDate": None}
    with PdfPages(stream, metadata=told) as pages:
        for sheet in sheets:
            pages.savefig(sheet.figure)
    return stream.getvalue()


def wrapped(words: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Lines of whole words, none wider than `width` mm but for a word that is."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and breadth(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def breadth(words: str, size: float, *, bold: bool = False) -> float:
    """How wide (mm) a line of text is."""
    font = _font(bold)
    font.set_text(words)
    return float(font.get_width_height()[0]) / 64.0 / LARGE * size * POINT


@cache
def _font(bold: bool) -> Any:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    font = FT2Font(findfont(FontProperties(family=FACE, weight="bold" if bold else "normal")))
    font.set_size(LARGE, 72.0)
    return font


@contextmanager
def plain() -> Iterator[None]:
    """Whatever a user's matplotlibrc says, pages look alike."""
    import matplotlib

    settings = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context(settings | {"font.family": FACE, "pdf.compression": 6}):
        yield
