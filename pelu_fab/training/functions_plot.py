"""In: fits and descents. Out: bytes of PNGs, the same for the same input."""

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pelu_fab.network import algebra
from pelu_fab.training.functions_fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, WATER, EARTH = "#333333", "#1f5f99", "#c2571a"


def blank(width: float, height: float) -> "Figure":
    """A figure that needs no display; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure") -> bytes:
    """The figure as a PNG without a time stamp."""
    blob = io.BytesIO()
    figure.savefig(blob, format="png", dpi=110, metadata={"Software": None})
    return blob.getvalue()


def fit_png(fit: Fit) -> bytes:
    """Target, fit with its linear segments in turn of colour, residual, and loss over the looks at it."""
    figure = blank(8.0, 6.0)
    above, below = figure.subplots(2, 2, width_ratios=(2.2, 1.0), height_ratios=(2.0, 1.0))
    _draw_curve(above[0], fit)
    _draw_cups(above[1], fit)
    residual = fit.water(fit.points.x[:, None])[:, 0] - fit.points.y
    for index, (low, high) in enumerate(pairwise(fit.curve.breakpoints)):
        below[0].axvspan(low, high, color=_colour(index), alpha=0.12, linewidth=0)
    below[0].plot(fit.points.x, residual, color=INK, linewidth=1.2)
    below[0].axhline(0.0, color=INK, linewidth=0.5)
    below[0].set_xlabel("x")
    below[0].set_ylabel("residual")
    below[1].semilogy(np.linspace(0, 100, len(fit.history)), fit.history, color=WATER)
    below[1].set_xlabel("training, %")
    below[1].set_ylabel("mean squared error")
    figure.suptitle(f"{fit.points.name}: {fit.segments} linear segments, {fit.live} of {fit.buckets} buckets")
    return png(figure)


def _colour(index: int) -> str:
    return (WATER, EARTH)[index % 2]


def _draw_curve(axes: Any, fit: Fit) -> None:
    axes.plot(fit.points.x, fit.points.y, color="#999999", linewidth=4.0, alpha=0.6, label="target")
    edges = fit.curve.breakpoints
    for index, (low, high) in enumerate(pairwise(edges)):
        ends = np.array([low, high])
        label = "water, one colour a segment" if index == 0 else None
        axes.plot(ends, fit.curve(ends)[:, 0], color=_colour(index), linewidth=1.8, marker=".", label=label)
    axes.set_ylabel("y")
    axes.legend()


def _draw_cups(axes: Any, fit: Fit) -> None:
    x = np.linspace(fit.points.low, fit.points.high, 200)
    cups = algebra.outputs(fit.water.network, fit.water.volumes(x[:, None]))
    for name, column, colour in zip(fit.water.network.outputs, cups.T, (WATER, EARTH, "#aaaaaa"), strict=False):
        axes.plot(x, column, color=colour, label=name)
    axes.set_xlabel("x")
    axes.set_ylabel("cup, units")
    axes.legend()
