"""Networks of several shapes on which faults are planted and false alarms looked for."""

from itertools import pairwise

import numpy as np

from pelu_fab.ir.network import Layer, Network

SHAPES = ("1-1", "2-5-2 one-hot", "5-4-3-2", "dropped shares")


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def network(widths: tuple[int, ...], rng: np.random.Generator, *, spread: float = 1.0) -> Network:
    """Random thresholds of 0 to 12 units, a quarter of them 0, and random shares."""
    layers = []
    for here, ahead in pairwise(widths):
        retained = rng.uniform(1.0, 12.0, here) * (rng.random(here) > 0.25)
        layers.append(Layer(retained, softmax(rng.normal(0.0, spread, (here, ahead)))))
    inputs = tuple(f"x{i}" for i in range(widths[0]))
    return Network(tuple(layers), inputs, tuple(f"y{i}" for i in range(widths[-1])))


def shape(name: str) -> Network:
    """One of SHAPES, the same every time."""
    rng = np.random.default_rng(7)
    if name == "1-1":
        return Network((Layer(np.array([5.0]), np.array([[1.0]])),), ("x0",), ("y0",))
    if name == "2-5-2 one-hot":
        made = network((2, 5, 2), rng, spread=0.6)
        second = made.layers[1].shares.copy()
        second[2] = [0.0, 1.0]
        return Network((made.layers[0], Layer(made.layers[1].retained, second)), made.inputs, made.outputs)
    if name == "5-4-3-2":
        return network((5, 4, 3, 2), rng, spread=0.7)
    return network((3, 4, 2), rng, spread=2.5)
