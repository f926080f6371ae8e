"""In: numbers in [−1, 1], (rows, in). Out: (rows, out), by layers whose synapses are functions instead of numbers.

Each synapse is a piecewise Lagrange polynomial on Chebyshev-Lobatto points or a Fourier series (J. Loverich,
"Discontinuous Piecewise Polynomial Neural Networks", 2015, arXiv:1505.04211); a neuron adds or multiplies what arrives.
A weight is the value of the function at a node. Only the active segment is evaluated: the cost of a forward pass knows
nothing of segments.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from math import pi
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from pelu_fab.errors import FabError

Kind = Literal["continuous", "discontinuous", "polynomial", "fourier"]
LayerType = Literal[
    "continuous",
    "continuous_prod",
    "discontinuous",
    "discontinuous_prod",
    "polynomial",
    "polynomial_prod",
    "product",
    "fourier",
]
REACH = 1.0 + 1e-6  # inputs may leave [-1, 1] by rounding, no more


def chebyshev_lobatto(n: int) -> Tensor:
    """`n` points −cos(π j / (n − 1)) from −1 to 1, float64, (n,); one alone lies in the middle."""
    if n == 1:
        return torch.zeros(1, dtype=torch.float64)
    points = -torch.cos(torch.arange(n, dtype=torch.float64) * pi / (n - 1))
    return 0.5 * (points - points.flip(0))  # symmetric to the last bit


def lagrange(x: Tensor, n: int) -> Tensor:
    """The n Lagrange polynomials on Chebyshev-Lobatto points at x (...): (..., n); each row sums to 1."""
    points = chebyshev_lobatto(n).to(x)
    itself = torch.eye(n, dtype=torch.bool, device=x.device)
    gaps = (points[:, None] - points).masked_fill(itself, 1.0)
    factors = (x[..., None, None] - points) / gaps
    return factors.masked_fill(itself, 1.0).prod(-1)


def fourier(x: Tensor, n: int) -> Tensor:
    """½, sin πx, cos πx, sin 2πx, …: the first n components of period 2 at x (...): (..., n)."""
    order = torch.arange(n, device=x.device)
    angle = pi * ((order + 1) // 2).to(x) * x[..., None]
    waves = torch.where(order % 2 == 1, angle.sin(), angle.cos())
    return torch.where(order == 0, torch.full_like(waves, 0.5), waves)


@dataclass(frozen=True, slots=True)
class Basis:
    """Which function a synapse is: its kind, `n` nodes a segment (or components), and equal `segments` of [−1, 1]."""

    kind: Kind
    n: int
    segments: int = 1

    @property
    def nodes(self) -> int:
        """Weights of one synapse."""
        return {
            "continuous": (self.n - 1) * self.segments + 1,
            "discontinuous": self.n * self.segments,
            "polynomial": self.n,
            "fourier": self.n,
        }[self.kind]

    @property
    def stride(self) -> int:
        """Nodes from the start of one segment to the start of the next."""
        return self.n - 1 if self.kind == "continuous" else self.n

    def segment(self, x: Tensor) -> Tensor:
        """Index of the segment that holds x, same shape; a breakpoint belongs to the segment on its right."""
        return (0.5 * (x + 1.0) * self.segments).long().clamp(0, self.segments - 1)

    def expand(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes active at x (...), (..., n), and their weight there, (..., n)."""
        every = torch.arange(self.n, device=x.device)
        if self.kind == "fourier":
            return every.expand(*x.shape, self.n), fourier(x, self.n)
        segment = self.segment(x)
        local = (x + 1.0) * self.segments - 2.0 * segment - 1.0
        return segment[..., None] * self.stride + every, lagrange(local, self.n)


def mirrored(x: Tensor, period: float) -> Tensor:
    """x folded back into [−period/2, period/2] as between two mirrors."""
    turned = torch.remainder(x + 0.5 * period, 2.0 * period)
    return torch.where(turned > period, 2.0 * period - turned, turned) - 0.5 * period


class SumLayer(nn.Module):
    """y_o = Σ_i f_io(x_i). x (rows, in) in [−1, 1] → (rows, out); weights `w` (in, nodes, out).

    With `periodicity` (at most `scale`) inputs are mirrored into ± half of it first; without it, inputs beyond [−1, 1]
    are refused, because a polynomial runs away there. NaN is refused. `scale` is the length of the axis: 4 makes it
    [−2, 2]. `gain` is what each sum is multiplied by.
    """

    def __init__(
        self,
        basis: Basis,
        in_features: int,
        out_features: int,
        *,
        periodicity: float | None = None,
        scale: float = 2.0,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_counts(in_features=in_features, out_features=out_features)
        _check_axis(scale, periodicity)
        self.basis, self.in_features, self.out_features = basis, in_features, out_features
        self.periodicity, self.scale, self.gain = periodicity, scale, gain
        # Each synapse starts as a random constant: no slope yet that could run away (Loverich's initialisation).
        start = (2.0 * torch.rand(in_features, 1, out_features, generator=generator) - 1.0) / in_features
        if basis.kind == "fourier":
            start = torch.cat([2.0 * start, start.new_zeros(in_features, basis.nodes - 1, out_features)], 1)
        self.w = nn.Parameter(start.expand(in_features, basis.nodes, out_features).clone())

    def active(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of `w` as (in · nodes, out) that x (rows, in) meets, and their factors: both (rows, in, n)."""
        x = self._inside(x).to(self.w.dtype)
        index, factor = self.basis.expand(x)
        factor = factor * self.gain if self.gain != 1.0 else factor
        offset = torch.arange(self.in_features, device=x.device)[:, None] * self.basis.nodes
        return index + offset, factor

    def forward(self, x: Tensor) -> Tensor:
        """Sum of the synapses at each neuron."""
        index, factor = self.active(x)
        table = self.w.reshape(-1, self.out_features)
        if self.basis.nodes == self.basis.n:  # every node is active: a plain product is the faster sum
            return factor.flatten(1) @ table
        return functional.embedding_bag(index.flatten(1), table, per_sample_weights=factor.flatten(1), mode="sum")

    def synapses(self, x: Tensor) -> Tensor:
        """f_io(x_i) one by one: (rows, in, out)."""
        index, factor = self.active(x)
        table = self.w.reshape(-1, self.out_features)
        values = functional.embedding_bag(
            index.flatten(0, 1), table, per_sample_weights=factor.flatten(0, 1), mode="sum"
        )
        return values.reshape(-1, self.in_features, self.out_features)

    def extra_repr(self) -> str:
        """Kind, nodes, segments and sizes, for printing."""
        kind, n, segments = self.basis.kind, self.basis.n, self.basis.segments
        return f"{kind}, n={n}, segments={segments}, in_features={self.in_features}, out_features={self.out_features}"

    def _inside(self, x: Tensor) -> Tensor:
        bounded = self.basis.kind != "fourier"
        return checked_inputs(x, self.in_features, self.periodicity, bounded=bounded, scale=self.scale)


class ProdLayer(SumLayer):
    """y_o = Π_i (1 + f_io(x_i)) − 1 − (1 − α) Σ_i f_io(x_i); α = 0 takes the linear part out. Else as `SumLayer`."""

    def __init__(
        self,
        basis: Basis,
        in_features: int,
        out_features: int,
        *,
        alpha: float = 1.0,
        periodicity: float | None = None,
        scale: float = 2.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(basis, in_features, out_features, periodicity=periodicity, scale=scale, generator=generator)
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Product of the synapses at each neuron."""
        values = self.synapses(x)
        return (1.0 + values).prod(1) - 1.0 - (1.0 - self.alpha) * values.sum(1)


class ProductLayer(nn.Module):
    """y_o = Π_i (1 + w_io x_i) − 1 − (1 − α) Σ_i w_io x_i + b_o.

    x (rows, in) of any size → (rows, out); weights `w` (in, 1, out), `bias` (out,).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        alpha: float = 1.0,
        periodicity: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_counts(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features, self.alpha, self.periodicity = (
            in_features,
            out_features,
            alpha,
            periodicity,
        )
        bound = in_features**-0.5
        self.w = nn.Parameter(bound * (2.0 * torch.rand(in_features, 1, out_features, generator=generator) - 1.0))
        self.bias = nn.Parameter(bound * (2.0 * torch.rand(out_features, generator=generator) - 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Product of the weighted inputs at each neuron."""
        x = checked_inputs(x, self.in_features, self.periodicity, bounded=False)
        values = x[..., None] * self.w[:, 0]
        return (1.0 + values).prod(1) - 1.0 - (1.0 - self.alpha) * values.sum(1) + self.bias


def checked_inputs(
    x: Tensor, in_features: int, periodicity: float | None, *, bounded: bool, scale: float = 2.0
) -> Tensor:
    """x (rows, in), mirrored if `periodicity` says so, of an axis of length `scale` as of [−1, 1].

    `FabError` for NaN, a wrong shape or, if `bounded`, what lies beyond the axis.
    """
    if x.ndim != 2 or x.shape[1] != in_features:
        raise FabError("input", f"has shape {tuple(x.shape)}", f"give (rows, {in_features})")
    if periodicity is not None:
        x = mirrored(x, periodicity)
    furthest = float(x.detach().abs().max()) if x.numel() else 0.0
    if furthest != furthest:
        raise FabError("input", "has a NaN", "check where the numbers come from")
    half = 0.5 * scale
    if bounded and furthest > REACH * half:
        remedy = f"scale it into [-{half:g}, {half:g}], or mirror it by periodicity={scale:g}"
        raise FabError("input", f"reaches {furthest:.4g}", remedy)
    return x if scale == 2.0 else x / half


def _check_axis(scale: float, periodicity: float | None) -> None:
    if not 0 < scale < float("inf"):
        raise FabError("scale", f"is {scale}", "give the length of the axis, 2 for [-1, 1]")
    if periodicity is not None and not 0 < periodicity <= scale:
        raise FabError("periodicity", f"is {periodicity}", f"mirror at a period above 0 and at most {scale:g}")


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise FabError(name, f"is {count}", "use at least 1")


def make_basis(kind: str, n: int | None, segments: int | None, kinds: tuple[str, ...] = get_args(Kind)) -> Basis:
    """A `Basis` from what a user typed; `FabError` says which of the three is wrong."""
    if kind not in kinds:
        near = get_close_matches(kind, kinds, 1)
        guess = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(kinds)}"
        raise FabError("layer_type", f"is {kind!r}", guess)
    if n is None or n < 1:
        raise FabError("n", f"is {n}", "use at least 1 node a segment (or Fourier component)")
    if n == 1 and kind == "continuous":
        what = "is 1: pieces that are constant and joined are one constant"
        raise FabError("n", what, 'use "discontinuous" for a piecewise constant function, or n = 2')
    piecewise = kind in ("continuous", "discontinuous")
    if piecewise and (segments is None or segments < 1):
        raise FabError("segments", f"is {segments}", "cut [-1, 1] into at least 1 segment")
    return Basis(kind, n, segments if piecewise and segments is not None else 1)  # type: ignore[arg-type]


def high_order_fc_layers(
    layer_type: str,
    n: int | None,
    in_features: int,
    out_features: int,
    segments: int | None = None,
    alpha: float = 1.0,
    periodicity: float | None = None,
    rescale_output: bool = False,
    scale: float = 2.0,
    device: torch.device | str | None = None,
    *,
    generator: torch.Generator | None = None,
) -> SumLayer | ProdLayer | ProductLayer:
    """A fully connected high-order layer, (rows, in) → (rows, out), as `high-order-layers-torch` names them.

    `n` nodes a segment (1: constant pieces), or Fourier components (½, sin πx, cos πx, …); `segments` for the piecewise
    types; `alpha` for the products. `product` takes neither n nor segments. `rescale_output` divides a sum by its
    number of inputs (a product is left as it is), `scale` is the length of the axis, 2 for [−1, 1], and `device` where
    the weights lie. Wrong values raise `FabError`.

    >>> layer = high_order_fc_layers("continuous", 2, in_features=4, out_features=3, segments=5)
    >>> layer(torch.zeros(7, 4)).shape
    torch.Size([7, 3])
    """
    names = get_args(LayerType)
    if layer_type == "product":
        made = ProductLayer(in_features, out_features, alpha=alpha, periodicity=periodicity, generator=generator)
        return made.to(device)
    if layer_type not in names:
        make_basis(layer_type, n, segments, names)
    basis = make_basis(layer_type.removesuffix("_prod"), n, segments)
    axis: dict[str, Any] = {"periodicity": periodicity, "scale": scale, "generator": generator}
    if layer_type.endswith("_prod"):
        return ProdLayer(basis, in_features, out_features, alpha=alpha, **axis).to(device)
    gain = 1.0 / in_features if rescale_output and in_features > 0 else 1.0
    return SumLayer(basis, in_features, out_features, gain=gain, **axis).to(device)
