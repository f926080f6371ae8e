"""Networks of several shapes on which faults are planted and false alarms looked for."""

from itertools import pairwise

import numpy as np

from pelu_fab.network.model import Layer, Network

SHAPES = ("1-2", "1-1", "2-5-2 one-hot", "5-4-3-2", "dropped shares")


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
    if name == "1-2":
        return Network((Layer(np.array([6.0]), np.array([[0.3, 0.7]])),), ("x0",), ("y0", "y1"))
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


PATTERNS = ("dense", "even", "graded", "one-hot", "matching", "sparse", "pruned", "unfed")


def shares(pattern: str, here: int, ahead: int, rng: np.random.Generator) -> np.ndarray:
    """A (here, ahead) table of shares of one of PATTERNS; each row adds up to 1."""
    weights = np.exp(rng.normal(0.0, 0.8, (here, ahead)))
    match pattern:
        case "even":
            weights[:] = 1.0
        case "graded":  # up to thousands to one
            weights = np.exp(rng.normal(0.0, 2.5, (here, ahead)))
        case "one-hot":
            weights = np.eye(ahead)[rng.integers(0, ahead, here)]
        case "matching":
            weights = np.eye(ahead)[rng.permutation(max(here, ahead))[:here] % ahead]
        case "sparse":
            weights *= rng.random((here, ahead)) < 0.5
        case "pruned":  # the two largest of each row
            weights *= weights >= np.sort(weights, axis=1)[:, [-min(2, ahead)]]
        case "unfed":  # a target that nothing feeds
            weights[:, rng.integers(ahead)] = 0.0
    weights[np.arange(here), rng.integers(0, ahead, here)] += 1e-9 * ~weights.any(axis=1)
    return weights / weights.sum(axis=1, keepdims=True)


def drawn(widths: tuple[int, ...], patterns: tuple[str, ...], most_retained: float, seed: int) -> Network:
    """A network with a share pattern a layer; a quarter of its thresholds are 0, the others up to a most (units)."""
    rng = np.random.default_rng(seed)
    layers = []
    for (here, ahead), pattern in zip(pairwise(widths), patterns, strict=True):
        retained = rng.uniform(0.0, most_retained, here) * (rng.random(here) > 0.25)
        layers.append(Layer(retained, shares(pattern, here, ahead, rng)))
    inputs = tuple(f"x{i}" for i in range(widths[0]))
    return Network(tuple(layers), inputs, tuple(f"y{i}" for i in range(widths[-1])))
