"""In: (rows, in) in [−1, 1]. Out: (rows, out), through several high-order layers with a normalisation between them."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import high_order_fc_layers


class MaxAbsNormalization(nn.Module):
    """x / (max |x| + ε) over all axes of a sample but the first: (rows, …) → the same, within [−1, 1]."""

    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Each sample by its own largest size."""
        return x / (x.abs().amax(tuple(range(1, x.ndim)), keepdim=True) + self.eps)


class HighOrderMLP(nn.Sequential):
    """An input layer, `hidden_layers` hidden ones and an output layer, all of one `layer_type`, normalised in between.

    x (rows, in_width) in [−1, 1] → (rows, out_width). Segments may differ at the input and the output. Without
    `normalize` values may leave [−1, 1] between layers, which the next layer refuses unless `periodicity` mirrors them.
    `rescale_output`, `scale` and `device` are each layer's.

    >>> module = HighOrderMLP("continuous", 3, in_width=2, out_width=1, hidden_layers=1, hidden_width=8, segments=4)
    >>> module(torch.zeros(7, 2)).shape
    torch.Size([7, 1])
    """

    def __init__(
        self,
        layer_type: str,
        n: int,
        in_width: int,
        out_width: int,
        hidden_layers: int,
        hidden_width: int,
        segments: int | None = None,
        in_segments: int | None = None,
        out_segments: int | None = None,
        alpha: float = 1.0,
        periodicity: float | None = None,
        normalize: bool = True,
        rescale_output: bool = False,
        scale: float = 2.0,
        device: torch.device | str | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        if hidden_layers < 0:
            raise FabError("hidden_layers", f"is {hidden_layers}", "use at least 0")
        widths = [in_width, *[hidden_width] * (hidden_layers + 1), out_width]
        counts = [in_segments or segments, *[segments] * hidden_layers, out_segments or segments]
        modules: list[nn.Module] = []
        for (before, after), count in zip(pairwise(widths), counts, strict=True):
            if modules and normalize:
                modules.append(MaxAbsNormalization())
            width = (layer_type, n, before, after, count, alpha, periodicity)
            modules.append(high_order_fc_layers(*width, rescale_output, scale, device, generator=generator))
        super().__init__(*modules)
