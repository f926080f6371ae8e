"""High-order layers: forward values beside the published package, and time against segments and against the package.

    python benchmarks/bench_high_order.py [FOLDER]

FOLDER holds `high_order_layers_torch` (github.com/jloveric/high-order-layers-torch, MIT): a checkout, say.
It is no dependency: without it the comparisons are printed as SKIPPED.
"""

import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pelu_fab.layers.high_order import high_order_fc_layers
from pelu_fab.layers.high_order_conv import HighOrderConvolution, high_order_convolution_layers
from pelu_fab.layers.high_order_mlp import MaxAbsNormalization

FULL = (
    "continuous",
    "continuous_prod",
    "discontinuous",
    "discontinuous_prod",
    "polynomial",
    "polynomial_prod",
    "fourier",
)
CONVOLUTIONS = ("continuous2d", "discontinuous2d", "polynomial2d", "fourier2d")
PACKAGE = "high_order_layers_torch"


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    theirs, reason = published()
    print(f"{'layer':<22}{'largest difference of forward values, same weights, as a part of the largest value'}")
    if theirs is None:
        print(f"SKIPPED: {reason}")
    else:
        for layer_type in (*FULL, "product"):
            print(f"{layer_type:<22}{compared(full_difference, theirs, layer_type)}")
        for layer_type in CONVOLUTIONS:
            print(f"{layer_type:<22}{compared(convolution_difference, theirs, layer_type)}")
        x = torch.randn(50, 7)
        difference = float((MaxAbsNormalization()(x) - theirs.MaxAbsNormalization()(x)).abs().max())
        print(f"{'max-abs':<22}{difference:.1e}")
    print("\nforward pass, 1024 rows, 64 -> 64, n = 3, ms (median of 15)")
    print(f"{'segments':<10}{'continuous':>12}{'discontinuous':>15}{'published continuous':>22}")
    for segments in (1, 2, 20, 200):
        ours = [
            milliseconds(high_order_fc_layers(kind, 3, 64, 64, segments)) for kind in ("continuous", "discontinuous")
        ]
        other = "SKIPPED"
        if theirs is not None:
            made = theirs.high_order_fc_layers("continuous", n=3, in_features=64, out_features=64, segments=segments)
            other = f"{milliseconds(made):.2f}"
        print(f"{segments:<10}{ours[0]:>12.2f}{ours[1]:>15.2f}{other:>22}")


def published() -> tuple[Any, str]:
    """The package's `layers` module, or None and why not."""
    if len(sys.argv) > 1:
        sys.path.insert(0, sys.argv[1])
    try:
        return importlib.import_module(f"{PACKAGE}.layers"), ""
    except ModuleNotFoundError as error:
        if error.name == PACKAGE or not str(error.name).startswith(PACKAGE):
            return None, f"{PACKAGE} is not importable ({error}); give the folder that holds it"
        raise


def compared(difference: Callable[[types.ModuleType, str], float], theirs: types.ModuleType, layer_type: str) -> str:
    """The difference, or how the published layer fails: some of its types have never been run."""
    try:
        return f"{difference(theirs, layer_type):.1e}"
    except (AttributeError, TypeError, RuntimeError) as error:
        return f"SKIPPED: the published one fails ({type(error).__name__}: {error})"


def random_weights(parameter: nn.Parameter) -> torch.Tensor:
    with torch.no_grad():
        return parameter.copy_(torch.randn(parameter.shape))


def full_difference(theirs: types.ModuleType, layer_type: str) -> float:
    ours = high_order_fc_layers(layer_type, 4, 5, 3, 6)
    other = theirs.high_order_fc_layers(layer_type, n=4, in_features=5, out_features=3, segments=6)
    weights = random_weights(ours.w)
    with torch.no_grad():
        if layer_type == "product":
            other.weight.copy_(weights[:, 0].T)
            other.bias.copy_(ours.bias)
        else:
            other.w.copy_(weights.permute(2, 0, 1))
        x = 2.0 * torch.rand(500, 5) - 1.0
        return float((ours(x) - other(x)).abs().max() / ours(x).abs().max())


def convolution_difference(theirs: types.ModuleType, layer_type: str) -> float:
    sizes = {"n": 3, "in_channels": 2, "out_channels": 4, "kernel_size": 3, "segments": 5, "padding": 1, "stride": 2}
    ours: HighOrderConvolution = high_order_convolution_layers(layer_type, **sizes)
    other = theirs.high_order_convolution_layers(layer_type, **sizes)
    weights = random_weights(ours.synapses.w)
    with torch.no_grad():
        # Theirs: (out, in · nodes, kernel); ours: (in, nodes, out · kernel).
        other.conv.weight.copy_(weights.reshape(-1, 4, 3, 3).transpose(0, 1))
        x = 2.0 * torch.rand(6, 2, 9, 9) - 1.0
        return float((ours(x) - other(x)).abs().max() / ours(x).abs().max())


def milliseconds(layer: Callable[[torch.Tensor], torch.Tensor]) -> float:
    x = 2.0 * torch.rand(1024, 64) - 1.0
    times = []
    with torch.no_grad():
        for _ in range(18):
            start = time.perf_counter()
            layer(x)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[3:])


if __name__ == "__main__":
    main()
