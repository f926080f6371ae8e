"""In: a fit. Out: the files of a design that compiles: checkpoint, design.toml, picture, figures."""

import json
from dataclasses import replace
from math import ceil

import numpy as np

from pelu_fab.files import safe_name
from pelu_fab.layers.to_pelu_water import WaterSum
from pelu_fab.network.files import to_network_json
from pelu_fab.network.model import Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.training.functions_fit import Fit
from pelu_fab.training.functions_plot import fit_png

FIGURES = "fit.json"


def design_files(fit: Fit, *, picture: bool = True) -> dict[str, bytes]:
    """Bytes by file name: `design.toml`, the checkpoint it names, `fit.json` and, if asked, `fit.png`."""
    name = safe_name(f"fit-{fit.points.name}")
    note = f"{fit.points.name} on [{fit.points.low:g}, {fit.points.high:g}], fitted with {fit.live} buckets."
    return {
        "network.json": to_network_json(network_of(fit.water)),
        "design.toml": design_toml(name, fit.water, note=note).encode(),
        FIGURES: (json.dumps(figures(fit), indent=1, sort_keys=True) + "\n").encode(),
        **({"fit.png": fit_png(fit)} if picture else {}),
    }


def network_of(water: WaterSum, *, inputs: str = "x", quantity: str = "y") -> Network:
    """A one-input sum as a network that knows what x pours, from an empty jug to a full one, and how y is read."""
    low, high = float(water.low[0]), float(water.high[0])
    feature = Feature(inputs, water.volume / (high - low), low, low=low, high=high)
    plus, minus = water.network.outputs[:2]
    readout = Readout(quantity, plus=plus, minus=minus, scale=water.scale, offset=float(water.offset[0]))
    return replace(water.network, scaling=Scaling((feature,)), readouts=(readout,))


def design_toml(name: str, water: WaterSum, *, note: str, quantity: str = "y", checkpoint: str = "network.json") -> str:
    """A design file for a one-input sum: its jug, its read-out, and three pours that show it."""
    low, high = float(water.low[0]), float(water.high[0])
    lines = [
        f"# {note}",
        "schema = 1",
        f'name = "{name}"',
        f'checkpoint = "{checkpoint}"',
        f"input_max = [{ceil(water.volume)}]",
        "",
        f"# Pour (x - {low:.6g}) * {water.volume / (high - low):.6g} units, then read as follows.",
        "[[readout]]",
        f'name = "{quantity}"',
        f'plus = "{water.network.outputs[0]}"',
        f'minus = "{water.network.outputs[1]}"',
        f"scale = {water.scale!r}",
        f"offset = {float(water.offset[0])!r}",
    ]
    for part in (0.25, 0.5, 0.75):
        x = low + part * (high - low)
        lines += ["", "[[protocol]]", f'title = "x = {x:.4g}"', f"pour = [{part * water.volume:.6g}]"]
    return "\n".join(lines) + "\n"


def figures(fit: Fit) -> dict[str, object]:
    """What a fit achieved, for people and scripts; losses are sums of squares over the points."""
    return {
        "function": fit.points.name,
        "range": [fit.points.low, fit.points.high],
        "points": len(fit.points.x),
        "readout": fit.readout,
        "segments": fit.segments,
        "bends": [float(place) for place in fit.curve.breakpoints[1:-1]],
        "buckets": {"asked": fit.buckets, "live": fit.live},
        "branches": fit.water.network.branches,
        "loss": fit.losses,
        "loss_summed_over_training": fit.learning,
        "scale": fit.water.scale,
        "range_units": float(np.ptp(fit.curve.values)) / fit.water.scale,
        "offset": float(fit.water.offset[0]),
        "unit_per_x": fit.water.volume / (fit.points.high - fit.points.low),
    }
