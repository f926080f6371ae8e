"""In: a fit. Out: the files of a design that compiles: checkpoint, design.toml, picture, figures."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil

import numpy as np

from pelu_fab.files import safe_name
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.layers.to_pelu_water import WaterSum
from pelu_fab.network.files import to_network_json
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.training.functions_fit import Fit
from pelu_fab.training.functions_plot import fit_png

FIGURES = "fit.json"
MOST_KEPT = 57.5  # mL that one card over the cups keeps


def design_files(fit: Fit, *, picture: bool = True) -> dict[str, bytes]:
    """Bytes by file name: `design.toml`, the checkpoint it names, `fit.json` and, if asked, `fit.png`."""
    name = safe_name(f"fit-{fit.points.name}")
    note = f"{fit.points.name} on [{fit.points.low:g}, {fit.points.high:g}], fitted with {fit.live} buckets."
    network = made_of(fit)
    return {
        "network.json": to_network_json(network),
        "design.toml": design_toml(name, network, note=note).encode(),
        FIGURES: (json.dumps(figures(fit), indent=1, sort_keys=True) + "\n").encode(),
        **({"fit.png": fit_png(fit)} if picture else {}),
    }


def design_of(fit: Fit, process: Process) -> Design:
    """The design that `design_files` write, of a process."""
    return Design(
        safe_name(f"fit-{fit.points.name}"), made_of(fit), process, input_max=(float(ceil(fit.water.volume)),)
    )


def made_of(fit: Fit) -> Network:
    """The fit as cards and cups that can be printed: the same function of x.

    A bucket that asks for more than a card keeps becomes several alike, which share its water. Where `fit.is_apart` and
    plus and minus follow each other more than once along the axis, each turn has a cup of its own: then the comb's
    branches stand as their bends do, and a table that leans moves hardly any water from plus to minus.
    """
    network = network_of(fit.water)
    if len(network.outputs) > 2:
        return network
    network = _several(network)
    return _apart(network) if fit.is_apart and turns(fit) > 2 else network


def turns(fit: Fit) -> int:
    """How many runs of bends of one sign there are along the axis."""
    return len(list(groupby(np.sign(fit.curve.bends[:, 0]))))


def _several(network: Network) -> Network:
    """Each bucket of the second row as so many like ones that a card keeps what each must."""
    first, second = network.layers
    counts = np.maximum(np.ceil(second.retained / MOST_KEPT - 1e-9).astype(int), 1)
    rows = np.repeat(np.arange(len(counts)), counts)
    return replace(
        network,
        layers=(
            Layer(first.retained, (first.shares / counts)[:, rows]),
            Layer((second.retained / counts)[rows], second.shares[rows]),
        ),
    )


def _apart(network: Network) -> Network:
    """A cup for each run of buckets that fill the same one: `plus`, `minus`, `plus 2` and so on."""
    first, second = network.layers
    sides = second.shares.argmax(axis=1).tolist()
    starts = [k for k, side in enumerate(sides) if not k or side != sides[k - 1]]
    names = [_nth(network.outputs[sides[k]], sum(sides[j] == sides[k] for j in starts if j < k)) for k in starts]
    runs = np.cumsum([k in starts for k in range(len(sides))]) - 1
    (readout,) = network.readouts
    plus, minus = ([n for n, k in zip(names, starts, strict=True) if sides[k] == side] for side in (0, 1))
    return replace(
        network,
        layers=(first, Layer(second.retained, np.eye(len(starts))[runs])),
        outputs=tuple(names),
        readouts=(replace(readout, plus=tuple(plus), minus=tuple(minus)),),
    )


def _nth(name: str, before: int) -> str:
    return f"{name} {before + 1}" if before else name


def network_of(water: WaterSum, *, inputs: str = "x", quantity: str = "y") -> Network:
    """A one-input sum as a network that knows what x pours, from an empty jug to a full one, and how y is read."""
    low, high = float(water.low[0]), float(water.high[0])
    feature = Feature(inputs, water.volume / (high - low), low, low=low, high=high)
    plus, minus = water.network.outputs[:2]
    readout = Readout(quantity, plus=(plus,), minus=(minus,), scale=water.scale, offset=float(water.offset[0]))
    return replace(water.network, scaling=Scaling((feature,)), readouts=(readout,))


def design_toml(name: str, network: Network, *, note: str, checkpoint: str = "network.json") -> str:
    """A design file for a one-input sum: its jug, its read-out, and three pours that show it."""
    (feature,), (readout,) = network.measures.features, network.readouts
    low, high = feature.low or 0.0, feature.high or 0.0
    volume = (high - low) * feature.factor
    lines = [
        f"# {note}",
        "schema = 1",
        f'name = "{name}"',
        f'checkpoint = "{checkpoint}"',
        f"input_max = [{ceil(volume - 1e-9)}]",
        "",
        f"# Pour (x - {low:.6g}) * {feature.factor:.6g} units, then read as follows.",
        "[[readout]]",
        f'name = "{readout.name}"',
        f"plus = {_cups(readout.plus)}",
        f"minus = {_cups(readout.minus)}",
        f"scale = {readout.scale!r}",
        f"offset = {readout.offset!r}",
    ]
    for part in (0.25, 0.5, 0.75):
        x = low + part * (high - low)
        lines += ["", "[[protocol]]", f'title = "x = {x:.4g}"', f"pour = [{part * volume:.6g}]"]
    return "\n".join(lines) + "\n"


def _cups(names: Sequence[str]) -> str:
    """One cup, or a list of them, as TOML."""
    return json.dumps(names[0] if len(names) == 1 else list(names))


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
