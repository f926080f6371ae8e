"""In: a high-order sum layer. Out: two PeLU layers of water that compute it, with a bound on the error; and back.

Exact for `continuous` n = 2, which is what the water draws. Curved synapses are refined into equal straight segments
until the bound meets the tolerance.
"""

from copy import deepcopy
from dataclasses import replace
from math import ceil, inf, pi

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from torch import nn

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import Basis, ProdLayer, ProductLayer, SumLayer
from pelu_fab.layers.refine import transfer
from pelu_fab.layers.to_pelu_water import FLAT, Curve, WaterSum, add_in_water
from pelu_fab.network import algebra
from pelu_fab.network.readout import LEAST_SPAN

Array = NDArray[np.float64]
MOST_SEGMENTS = 1024
GRID = 2001  # points an input at which the error is measured


def to_pelu(layer: nn.Module, tolerance: float = 0.01, *, volume: float = 100.0, least_share: float = 0.0) -> WaterSum:
    """Convert a sum layer with inputs in [−1, 1] to water: `volume` units a jug, no first share below `least_share`.

    The largest error over all inputs in range is at most `bound` ≤ `tolerance`, in the unit of y, and is 0 for
    straight synapses. A network of several layers is converted where it has one input, as the curve that it draws,
    straightened until `error`, found on a grid, meets the tolerance (`bound` is then inf). Raises `FabError` for what
    water can't do: products, jumps, mirrored inputs, hidden neurons of several inputs, and an output whose whole range
    is less water (units of 1 mL) than an eye can read; `add_in_water(curves_of(…))` makes it all the same.
    """
    if not tolerance > 0:
        raise FabError("tolerance", f"is {tolerance}", "allow an error above 0")
    if isinstance(layer, nn.Sequential):
        curve, error = _one_curve(layer, tolerance, volume)
        drawn = add_in_water([curve], volume=volume, least_share=least_share)
        _check_readable(drawn, (curve,))
        return replace(drawn, bound=inf, error=error)
    sums = _convertible(layer)
    segments, bound = _segments(sums, tolerance)
    curves = curves_of(sums, segments)
    water = add_in_water(curves, volume=volume, least_share=least_share)
    _check_readable(water, curves)
    return replace(water, bound=bound, error=_measured(sums, curves) if bound else 0.0)


def from_pelu(water: WaterSum, segments: int | None = None) -> SumLayer:
    """The `continuous` n = 2 layer that `water` computes, float64, inputs rescaled to [−1, 1].

    Exact if every sill lies on one of `segments` equal parts of the jug, as `to_pelu` makes them. The offsets go to the
    first input's synapses.
    """
    count, inputs = segments or water.segments, len(water.low)
    layer = SumLayer(Basis("continuous", 2, count), inputs, len(water.offset)).double()
    weights = np.zeros((inputs, count + 1, len(water.offset)))
    for index in range(inputs):
        pours = np.zeros((count + 1, inputs))
        pours[:, index] = np.linspace(0.0, water.volume, count + 1)
        weights[index] = water.read(algebra.outputs(water.network, pours)) - water.offset
    weights[0] += water.offset
    with torch.no_grad():
        layer.w.copy_(torch.tensor(weights))
    return layer


def curves_of(layer: SumLayer, segments: int) -> tuple[Curve, ...]:
    """Each input's synapses through `segments` + 1 equally spaced points of the layer's axis."""
    points = np.linspace(-1.0, 1.0, segments + 1)
    same = torch.tensor(points)[:, None].expand(-1, layer.in_features)
    with torch.no_grad():
        index, factor = layer.basis.expand(same)
        # (points, in, n) factors against the (in, nodes, out) weights, each input with its own.
        table = torch.zeros(*same.shape, layer.basis.nodes, dtype=torch.float64).scatter_(-1, index, factor)
        values = torch.einsum("pik,iko->ipo", table, layer.w.double()).numpy()
    return tuple(Curve(points * (0.5 * layer.scale), layer.gain * values[i]) for i in range(layer.in_features))


def straightening_bound(layer: SumLayer, segments: int) -> float:
    """A proven bound on |y − ŷ| where ŷ joins `segments` + 1 points of each synapse by straight lines.

    Polynomials: on one segment, with Chebyshev coefficients c, |f − chord| ≤ 2 Σ_{k≥2} |c_k|, because |T_k| ≤ 1 and so
    is its chord. Fourier: h²/8 · max |f''| ≤ h²/8 · Σ (π i)² |w_i|. Inputs add up; the worst output counts.
    """
    w = layer.gain * layer.w.detach().double().numpy()
    if layer.basis.kind == "fourier":
        order = (np.arange(layer.basis.n) + 1) // 2
        curvature = np.einsum("k,iko->o", (pi * order) ** 2, np.abs(w))
        return float((2.0 / segments) ** 2 / 8.0 * curvature.max())
    if layer.basis.n <= 2:
        return 0.0
    fine = Basis("discontinuous", layer.basis.n, segments)
    nodes = np.einsum("kj,ijo->iko", transfer(layer.basis, fine).numpy(), w)
    parts = nodes.reshape(layer.in_features, segments, layer.basis.n, layer.out_features)
    at_nodes = chebyshev.chebvander(-np.cos(pi * np.arange(layer.basis.n) / (layer.basis.n - 1)), layer.basis.n - 1)
    coefficients = np.einsum("ck,isko->isco", np.linalg.inv(at_nodes), parts)
    each = 2.0 * np.abs(coefficients[:, :, 2:]).sum(axis=2)
    return float(each.max(axis=1).sum(axis=0).max())


def _one_curve(net: nn.Sequential, tolerance: float, volume: float) -> tuple[Curve, float]:
    """What a network of one input draws, straightened, and the largest error on a grid; more inputs are refused."""
    name, layers = type(net).__name__, [m for m in net if isinstance(m, SumLayer | ProductLayer)]
    if not layers:
        raise FabError(name, "has no high-order layer", "convert one made by high_order_fc_layers")
    if layers[0].in_features > 1:
        raise FabError(name, _why_no_rows(layers, volume), "convert one sum layer, or a network of one input")
    first = layers[0]
    half = 0.5 * first.scale if isinstance(first, SumLayer) else 1.0
    if any(layer.periodicity is not None for layer in layers):
        raise FabError(name, "mirrors its inputs, and a jug can't", "convert a network without periodicity")

    exact = deepcopy(net).double()

    def drawn(x: Array) -> Array:
        with torch.no_grad():
            return np.asarray(exact(torch.tensor(x)[:, None]).numpy())

    grid = np.linspace(-half, half, GRID)
    wanted, count = drawn(grid), 1
    while count <= MOST_SEGMENTS:
        points = np.linspace(-half, half, count + 1)
        curve = Curve(points, drawn(points))
        error = float(np.abs(curve(grid) - wanted).max())
        if error <= tolerance:
            return curve, error
        count *= 2
    what = f"{tolerance:g} needs more than {MOST_SEGMENTS} segments (off by {error:.3g} with so many)"
    raise FabError("tolerance", what, "allow a larger error; a jump is never drawn")


def _why_no_rows(layers: list[SumLayer | ProductLayer], volume: float) -> str:
    """Why a hidden neuron of several inputs makes no row of water, and what range the pairs would leave."""
    left = volume
    for layer in layers:
        if isinstance(layer, SumLayer) and not isinstance(layer, ProdLayer):
            curves = curves_of(layer, 8 * layer.basis.segments)
            spans = np.sum([np.ptp(curve.values, axis=0) for curve in curves], axis=0)
            left *= float(spans.min()) / add_in_water(curves, volume=volume).scale / volume
    hidden = sum(layer.out_features for layer in layers[:-1])
    return (
        f"has {hidden} hidden neurons, each plus - minus of two cups; a bucket that both run into adds them, and bends "
        f"where one replaces the other, never where they differ; and its rows would leave {left:.2g} mL of {volume:g} "
        "to read"
    )


def _convertible(layer: nn.Module) -> SumLayer:
    name = type(layer).__name__
    if isinstance(layer, ProdLayer | ProductLayer):
        raise FabError(name, "multiplies its inputs, and water only adds", "use a sum layer, or add up logarithms")
    if not isinstance(layer, SumLayer):
        raise FabError(name, "is no high-order layer", "convert one made by high_order_fc_layers")
    if layer.basis.kind == "discontinuous" and layer.basis.segments > 1:
        raise FabError(name, "may jump, and no cup fills by a jump", "use a continuous layer")
    if layer.periodicity is not None:
        raise FabError(name, "mirrors its inputs, and a jug can't", "convert a layer without periodicity")
    if not bool(torch.isfinite(layer.w).all()):
        raise FabError(name, "has a weight that is NaN or infinite", "retrain it")
    return layer


def _check_readable(water: WaterSum, curves: tuple[Curve, ...]) -> None:
    """Refuse an output that runs through less than `LEAST_SPAN` units of plus - minus; a constant is no output."""
    spans = np.sum([np.ptp(curve.values, axis=0) for curve in curves], axis=0) / water.scale
    told = np.where(spans > FLAT * water.volume, spans, np.inf)
    least = int(told.argmin())
    if told[least] < LEAST_SPAN:
        what = f"runs through {told[least]:.2g} mL of plus - minus in all, at least {LEAST_SPAN:g} can be read"
        enough = ceil(water.volume * LEAST_SPAN / told[least])
        raise FabError(f"output {least}", what, f"pour more (volume={enough}), or bend less")


def _segments(layer: SumLayer, tolerance: float) -> tuple[int, float]:
    """Fewest segments, a multiple of the layer's, that meet the tolerance, and the bound with them."""
    step, high = layer.basis.segments, 1
    while straightening_bound(layer, high * step) > tolerance:
        high *= 2
        if high * step > MOST_SEGMENTS:
            what = f"{tolerance:g} needs more than {MOST_SEGMENTS} segments"
            raise FabError("tolerance", what, "allow a larger error")
    low = high // 2  # too coarse, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if straightening_bound(layer, middle * step) <= tolerance else (middle, high)
    return high * step, straightening_bound(layer, high * step)


def _measured(layer: SumLayer, curves: tuple[Curve, ...]) -> float:
    """The largest error of the curves' sum: the worst of each input, with one sign, adds up."""
    x = np.linspace(-0.5, 0.5, GRID) * layer.scale
    exact = curves_of(layer, GRID - 1)
    gaps = np.stack([curve(x) - fine(x) for curve, fine in zip(curves, exact, strict=True)])
    return float(np.maximum(gaps.max(axis=1).sum(axis=0), -gaps.min(axis=1).sum(axis=0)).max())
