"""The PeLU layer as a torch module: in go volumes of any shape (..., in), out come volumes (..., out).

    PeLU(v; A, h) = ReLU(v - h²) · softmax(A)

One bucket with an overflow per input, its spill divided in fixed shares (hardmath123, "The Porcelain-Emulated Linear
Unit", Comfortably Numbered, 4 December 2021).
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pelu_fab.errors import FabError
from pelu_fab.layers.sparse import sparsemax
from pelu_fab.network.model import Layer, Network, check_network

Init = Literal["normal", "open", "even"]
ShareFunction = Literal["softmax", "sparsemax"]


def spill(volumes: Tensor, retained: Tensor, shares: Tensor) -> Tensor:
    """Water (..., rows, out) that leaves buckets (..., in) given `volumes` (..., rows, in) in shares (..., in, out)."""
    return torch.relu(volumes - retained.unsqueeze(-2)) @ shares


class PeLU(nn.Module):
    """One layer. `heights` (in,) are h, whose squares are retained; `weights` (in, out) are logits of the shares.

    `init`: "normal" draws both from N(0, 1), as the blog does; "open" retains nothing at first, so that no bucket
    starts dead; "even" also starts every branch with the same share, and then only the data break the symmetry.

    >>> layer = PeLU(2, 1)
    >>> _ = layer.heights.data.copy_(torch.tensor([2.0, 3.0]))
    >>> layer(torch.tensor([[10.0, 10.0], [3.0, 10.0]])).tolist()  # 10 - 4 + 10 - 9; 10 - 9
    [[7.0], [1.0]]
    """

    heights: nn.Parameter
    weights: nn.Parameter

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        init: Init = "normal",
        share_function: ShareFunction = "softmax",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise FabError("PeLU", f"has {in_features} inputs and {out_features} outputs", "give at least 1 of each")
        self.in_features, self.out_features = in_features, out_features
        self.init: Init = init
        self.share_function: ShareFunction = share_function
        self.heights = nn.Parameter(torch.empty(in_features, device=device, dtype=dtype))
        self.weights = nn.Parameter(torch.empty(in_features, out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new parameters by `init`; heights first, then weights."""
        with torch.no_grad():
            if self.init == "normal":
                self.heights.normal_(generator=generator)
            else:
                # Not 0: there the gradient of h² is 0, and the bucket would stay open for ever.
                self.heights.fill_(0.1)
            if self.init == "even":
                self.weights.zero_()
            else:
                self.weights.normal_(generator=generator)

    def shares(self) -> Tensor:
        """Shares (in, out); rows sum to 1."""
        return sparsemax(self.weights) if self.share_function == "sparsemax" else torch.softmax(self.weights, dim=-1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Volumes (..., in) poured in to volumes (..., out) that arrive below."""
        return torch.relu(volumes - self.heights**2) @ self.shares()

    def extra_repr(self) -> str:
        """Sizes, for `print(module)`."""
        return f"in_features={self.in_features}, out_features={self.out_features}"

    def network(self, inputs: Sequence[str] = (), outputs: Sequence[str] = (), *, input_scale: float = 1.0) -> Network:
        """The compiler's network of this one layer; see `to_network`."""
        return to_network(self, inputs, outputs, input_scale=input_scale)


def to_network(
    module: nn.Module, inputs: Sequence[str] = (), outputs: Sequence[str] = (), *, input_scale: float = 1.0
) -> Network:
    """The compiler's network of a `PeLU`, a `Flush` or an `nn.Sequential` of them; shares are computed in float64.

    Names default to x0, x1 … and y0, y1 …. Raises `FabError` for any other kind of layer: no water computes it.

    >>> network = to_network(nn.Sequential(PeLU(4, 3), PeLU(3, 2)), outputs=("no", "yes"))
    >>> network.widths, network.inputs
    ((4, 3, 2), ('x0', 'x1', 'x2', 'x3'))
    """
    layers = []
    for name, layer in _flat(module):
        if not isinstance(layer, PeLU):
            what = f"layer {name or 'itself'} is a {type(layer).__name__}"
            raise FabError(type(module).__name__, what, "use PeLU and Flush layers only: nothing else runs on water")
        layers.append(_layer(layer))
    ins = len(layers[0].retained) if layers else 0
    outs = layers[-1].shares.shape[1] if layers else 0
    network = Network(
        layers=tuple(layers),
        inputs=tuple(inputs) or tuple(f"x{i}" for i in range(ins)),
        outputs=tuple(outputs) or tuple(f"y{i}" for i in range(outs)),
        input_scale=input_scale,
    )
    check_network(network, type(module).__name__)
    return network


def _flat(module: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    if not isinstance(module, nn.Sequential):
        return [("", module)]
    return [
        (f"{name}.{inner}".rstrip("."), layer)
        for name, child in module.named_children()
        for inner, layer in _flat(child)
    ]


def _layer(module: PeLU) -> Layer:
    with torch.no_grad():
        heights = module.heights.double().cpu().numpy()
        weights = module.weights.double().cpu()
        shares = sparsemax(weights) if module.share_function == "sparsemax" else torch.softmax(weights, dim=-1)
        residues = next((b.double().cpu().numpy() for n, b in module.named_buffers() if n == "residues"), heights**2)
    return Layer(np.minimum(residues, heights**2), np.asarray(shares.numpy()), heights**2)
