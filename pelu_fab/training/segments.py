"""Where a net's bends lie while it learns: points of a curve in, the way of every bend out, as figure and as film."""

import io
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.training.functions import Points
from pelu_fab.training.functions_fit import sills
from pelu_fab.training.functions_nets import Ensemble, WaterNet, gather, make_net, water_scale
from pelu_fab.training.functions_plot import EARTH, INK, WATER, blank, png
from pelu_fab.training.functions_train import one_thread, train

Array = NDArray[np.float64]
FRAMES, SECONDS, LAST = 40, 0.12, 1.5  # of the film; how long its last frame stays


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A net at some looks while it learnt `points`: `steps` (looks,), `drawn` (looks, rows) in y's unit, and `bends`.

    `bends`: at each look where along x its buckets start to spill, those within the range, sorted.
    """

    points: Points
    steps: Array
    drawn: Array
    bends: tuple[Array, ...]

    @property
    def rms(self) -> Array:
        """How far the net missed at each look, (looks,)."""
        return np.asarray(np.sqrt(((self.drawn - self.points.y) ** 2).mean(axis=1)))


def watched(points: Points, *, buckets: int = 8, steps: int = 1500, seed: int = 0) -> Watched:
    """Train one water net on `points`, its dead buckets restarted, and keep what it drew on the way; by `seed`."""
    spread, middle = float(points.y.std()) or 1.0, float(points.y.mean())
    u = torch.tensor(points.places, dtype=torch.float32)
    y = torch.tensor((points.y - middle) / spread, dtype=torch.float32)
    nets = gather([make_net("pelu", buckets, seed, scale=water_scale(u, y, buckets))])
    seen: list[tuple[int, Array, Array]] = []

    def look(step: int, ensemble: Ensemble) -> None:
        with torch.no_grad():
            drawn = ensemble(u)[0].double().numpy() * spread + middle
        net = ensemble.net(0)
        if not isinstance(net, WaterNet):
            raise FabBug("no water net was trained")
        seen.append((step, drawn, points.low + sills(net) * (points.high - points.low)))

    with one_thread():
        train(nets, u, y, steps=steps, revive=seed, snap=look)
    look(steps, nets)
    return Watched(
        points,
        np.array([step for step, _, _ in seen], dtype=np.float64),
        np.stack([drawn for _, drawn, _ in seen]),
        tuple(bends for _, _, bends in seen),
    )


def segments_png(found: Watched) -> bytes:
    """Every bend's place against the step, beside how far the net missed."""
    figure = blank(8.0, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(2.0, 1.0))
    for step, bends in zip(found.steps, found.bends, strict=True):
        left.plot([step] * len(bends), bends, ".", color=WATER, markersize=3)
    left.set_ylim(found.points.low, found.points.high)
    left.set_xlabel("step")
    left.set_ylabel("x at which a bucket starts to spill")
    right.semilogy(found.steps, found.rms, color=EARTH)
    right.set_xlabel("step")
    right.set_ylabel("rms miss")
    figure.suptitle(f"{found.points.name}: the bends of {len(found.bends[-1])} buckets while it is learnt")
    return png(figure)


def segments_gif(found: Watched) -> bytes:
    """The curve and its bends from the first step to the last; most frames where most moves, at the beginning."""
    from PIL import Image

    looks = np.unique(np.round((len(found.steps) - 1) * np.linspace(0.0, 1.0, FRAMES) ** 2).astype(int)).tolist()
    low, high = float(found.points.y.min()), float(found.points.y.max())
    room = 0.25 * (high - low)
    frames = []
    for look in looks:
        figure = blank(4.6, 3.0)
        axes = figure.subplots()
        axes.plot(found.points.x, found.points.y, color="#999999", linewidth=4.0, alpha=0.6)
        axes.plot(found.points.x, found.drawn[look], color=WATER)
        bends = found.bends[look]
        axes.plot(bends, np.interp(bends, found.points.x, found.drawn[look]), "o", color=EARTH, markersize=4)
        axes.set(xlim=(found.points.low, found.points.high), ylim=(low - room, high + room))
        axes.set_title(f"step {found.steps[look]:.0f}", fontsize=9, color=INK)
        with Image.open(io.BytesIO(png(figure))) as image:
            frames.append(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=32))
    stream = io.BytesIO()
    durations = [round(1000 * SECONDS)] * (len(frames) - 1) + [round(1000 * LAST)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return stream.getvalue()
