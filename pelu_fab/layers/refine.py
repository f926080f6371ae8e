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
