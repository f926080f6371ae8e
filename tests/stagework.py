"""Designs for the tests of the stages: random networks, and the run of the stages up to the layout."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized
from pelu_fab.network.model import Layer, Network
from pelu_fab.sources.process import process_and_bytes
from pelu_fab.stages.lower import lower
from pelu_fab.stages.place import place
from pelu_fab.stages.size import size


def process_named(name: str, bed: float | None = None) -> Process:
    process, _, _ = process_and_bytes(name)
    if bed is None:
        return process
    return process.model_copy(update={"printer": process.printer.model_copy(update={"bed": (bed, bed, bed)})})


DETERGENT, WATER, RESIN = (process_named(name) for name in ("fdm-pla-detergent", "fdm-pla-water", "resin"))


def network_of(*layers: tuple[list[float], list[list[float]]]) -> Network:
    """A network from (retained, shares) pairs, with ports named x0…, y0…."""
    made = tuple(Layer(np.array(h), np.array(a)) for h, a in layers)
    return Network(
        made, tuple(f"x{i}" for i in range(len(layers[0][0]))), tuple(f"y{i}" for i in range(len(layers[-1][1][0])))
    )


def random_network(widths: tuple[int, ...], seed: int, *, spread: float = 1.0, high: float = 25.0) -> Network:
    """Softmax rows of normal logits, `spread` wide; thresholds up to `high` units."""
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in pairwise(widths):
        shares = np.exp(spread * rng.normal(size=(inputs, outputs)))
        layers.append(((rng.uniform(0.0, high, inputs)).tolist(), (shares / shares.sum(1, keepdims=True)).tolist()))
    return network_of(*layers)


def design_of(network: Network, process: Process = DETERGENT, **settings: object) -> Design:
    settings.setdefault("input_max", (80.0,) * network.widths[0])
    return Design("test", network, process, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stages:
    """What the stages gave, up to the layout."""

    design: Design
    lowered: Lowered
    sized: Sized
    layout: Layout


def staged(design: Design) -> Stages:
    lowered = lower(design)
    sized = size(lowered, design)
    return Stages(design, lowered, sized, place(sized, lowered.netlist, design.process))
