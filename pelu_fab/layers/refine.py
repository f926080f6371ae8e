"""In: high-order layers or whole networks of them. Out: the same functions with more nodes (p) or more segments (h)."""

from copy import deepcopy
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import Basis, SumLayer, chebyshev_lobatto, lagrange

Network = TypeVar("Network", bound=nn.Module)


def refine(network: Network, *, n: int | None = None, segments: int | None = None) -> Network:
    """A copy of `network` that computes the same with `n` nodes a segment (or components) and `segments` segments.

    Every layer with synapses inside is refined, be it fully connected, convolutional or nested; others are kept. Exact
    up to rounding: a layer that can't be (fewer nodes, segments that don't divide) raises `FabError`.
    """
    found = [module for module in network.modules() if isinstance(module, SumLayer)]
    if not found:
        raise FabError(type(network).__name__, "has no polynomial or Fourier synapses", "refine a high-order layer")
    finer = deepcopy(network)
    for layer in finer.modules():
        if isinstance(layer, SumLayer):
            basis = finer_basis(layer.basis, n, segments)
            weights = torch.einsum("kj,ijo->iko", transfer(layer.basis, basis).to(layer.w), layer.w.detach())
            layer.basis, layer.w = basis, nn.Parameter(weights.contiguous())
    return finer


def hp_refine_high_order_mlp(network_in: nn.Module, network_out: nn.Module) -> None:
    """Make `network_out` compute what `network_in` does: more nodes, more segments, or both. In place.

    The published package's name for `refine` into a network that is there. Layers are paired in order; other layers
    than high-order ones are left alone. What can't hold the same function raises `FabError`.
    """
    pairs = [[m for m in net.modules() if isinstance(m, SumLayer)] for net in (network_in, network_out)]
    shapes = [[(layer.in_features, layer.out_features) for layer in layers] for layers in pairs]
    if shapes[0] != shapes[1] or not shapes[0]:
        what = f"has high-order layers of {shapes[1]}, the network to refine {shapes[0]}"
        raise FabError("network_out", what, "make both of the same widths")
    for coarse, fine in zip(*pairs, strict=True):
        if coarse.basis.kind != fine.basis.kind:
            raise FabError("network_out", f"is {fine.basis.kind}, not {coarse.basis.kind}", "use the same layer type")
        finer_basis(coarse.basis, fine.basis.n, fine.basis.segments)
        weights = torch.einsum("kj,ijo->iko", transfer(coarse.basis, fine.basis).to(coarse.w), coarse.w.detach())
        with torch.no_grad():
            fine.w.copy_(weights * (coarse.gain / fine.gain))


def interpolate_high_order_mlp(network_in: nn.Module, network_out: nn.Module) -> None:
    """`hp_refine_high_order_mlp` for more nodes alone, p-refinement, by the published package's name."""
    pairs = ([m.basis for m in net.modules() if isinstance(m, SumLayer)] for net in (network_in, network_out))
    if any(coarse.segments != fine.segments for coarse, fine in zip(*pairs, strict=False)):
        raise FabError("network_out", "has other segments", "use hp_refine_high_order_mlp, which refines those too")
    hp_refine_high_order_mlp(network_in, network_out)


def finer_basis(basis: Basis, n: int | None, segments: int | None) -> Basis:
    """`basis` with more nodes or segments; `FabError` where that could not hold the same function."""
    wanted = replace(basis, n=basis.n if n is None else n)
    if wanted.n < basis.n:
        raise FabError("n", f"is {n}, below the {basis.n} of the layer", "refine upwards")
    if segments is None or (segments == 1 and basis.segments == 1):
        return wanted
    if basis.kind in ("polynomial", "fourier"):
        raise FabError("segments", f"is {segments}, but a {basis.kind} synapse has none", "raise n instead")
    if segments < 1 or segments % basis.segments:
        raise FabError("segments", f"is {segments}, the layer has {basis.segments}", "use a multiple of that")
    return replace(wanted, segments=segments)


def transfer(coarse: Basis, fine: Basis) -> Tensor:
    """Matrix (fine nodes, coarse nodes) from old weights to new ones, float64.

    A new weight is the old function at the new node, taken within the old segment that the new one lies in: so jumps
    of a discontinuous synapse stay where they were.
    """
    if coarse.kind == "fourier":
        return torch.eye(fine.nodes, coarse.nodes, dtype=torch.float64)
    parts = fine.segments // coarse.segments
    matrix = torch.zeros(fine.nodes, coarse.nodes, dtype=torch.float64)
    for segment in range(fine.segments):
        parent, place = divmod(segment, parts)
        local = (chebyshev_lobatto(fine.n) + 1.0 + 2.0 * place) / parts - 1.0
        row, column = segment * fine.stride, parent * coarse.stride
        matrix[row : row + fine.n, column : column + coarse.n] = lagrange(local, coarse.n)
    return matrix
