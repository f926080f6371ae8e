"""A run's history as a picture: in go the looks that training took, out come the bytes of a PNG."""

import io
from collections.abc import Sequence

from pelu_fab.training.fit import Point

ANSWERS, NUMBERS = "training errors, ideal device (grey)", "rms in % of the spread, ideal device (grey)"


def curve_png(history: Sequence[Point], *, title: str, beside: str = ANSWERS) -> bytes:
    """Losses and training errors over steps, the phases shaded; the same history, the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [point.step for point in history]
    axes.plot(steps, [point.loss for point in history], color="#1f5f99", label="training loss")
    if any(point.validation_loss == point.validation_loss for point in history):
        losses = [point.validation_loss for point in history]
        axes.plot(steps, losses, color="#c2571a", label="validation loss")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of the leading start")
    count = axes.twinx()
    count.step(steps, [point.errors for point in history], color="#777777", linewidth=0.9, where="post")
    count.set_ylabel(beside)
    count.set_ylim(bottom=0, top=max(10, *(point.errors for point in history[len(history) // 5 :])))
    _mark_phases(axes, history)
    axes.set_title(title)
    axes.legend(loc="upper right")
    blob = io.BytesIO()
    figure.savefig(blob, format="png", dpi=120, metadata={"Software": None})
    return blob.getvalue()


def _mark_phases(axes, history: Sequence[Point]) -> None:  # type: ignore[no-untyped-def]
    """Shade every other phase and write its name at its foot."""
    start = 0
    names = list(dict.fromkeys(point.phase for point in history))
    for index, name in enumerate(names if len(names) > 1 else ()):
        end = max(point.step for point in history if point.phase == name)
        axes.axvspan(start, end, color="#1f5f99", alpha=0.07 * (index % 2), linewidth=0)
        middle, upright = (start + end) / 2, name.startswith("prune")
        place = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        axes.text(middle, 0.02, name, fontsize=7, rotation=90 if upright else 0, **place)
        start = end
