"""In: states x (..., D). Out: the Lagrangian of each, reduced over D: convex, its gradient is an activation.

After D. Krotov, "Hierarchical Associative Memory" (2021, arXiv:2107.06446), table 1; L, its gradient g = ∇L and the
energy x·g − L belong together. `D` is always the last axis.
"""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

from pelu_fab.errors import FabError

Lagrangian = Callable[[Tensor], Tensor]
"""Takes x (..., D), gives L (...,): one number for each group of D neurons."""

Number = float | Tensor
LEAST: dict[str, tuple[float, bool]] = {"beta": (0.0, False), "power": (1.0, False), "gain": (0.0, True)}
"""Options below which L is not convex, and whether the bound itself will do."""


def identity(x: Tensor) -> Tensor:
    """L = ½ Σ x²; g = x."""
    return 0.5 * (x**2).sum(-1)


def repu(x: Tensor, *, power: Number = 2.0) -> Tensor:
    """L = Σ relu(x)^p / p; g = relu(x)^(p−1). `power` above 1, so that g is continuous."""
    return x.relu().pow(power).sum(-1) / power


def relu(x: Tensor) -> Tensor:
    """L = ½ Σ relu(x)²; g = relu(x). With a threshold θ = h² as bias this is a bucket: g is what spills."""
    return repu(x)


def exp(x: Tensor, *, beta: Number = 1.0, floor: float | None = None) -> Tensor:
    """L = Σ exp(βx) / β; g = exp(βx). Below `floor` L runs on as a straight line, so g stays at exp(β·floor)."""
    if floor is None:
        return (beta * x).exp().sum(-1) / beta
    above, below = x.clamp(min=floor), (x - floor).clamp(max=0.0)
    lowest = torch.as_tensor(beta * floor, dtype=x.dtype, device=x.device).exp()
    return ((beta * above).exp() / beta + lowest * below).sum(-1)


def softmax(x: Tensor, *, beta: Number = 1.0) -> Tensor:
    """L = log Σ exp(βx) / β; g = softmax(βx) over D."""
    return torch.logsumexp(beta * x, -1) / beta


def tanh(x: Tensor, *, beta: Number = 1.0) -> Tensor:
    """L = Σ log cosh(βx) / β; g = tanh(βx)."""
    # log((e^z + e^-z) / 2) by logaddexp does not overflow.
    return (torch.logaddexp(beta * x, -beta * x) - log(2.0)).sum(-1) / beta


def sigmoid(x: Tensor, *, beta: Number = 1.0) -> Tensor:
    """L = Σ log(1 + exp(βx)) / β; g = 1 / (1 + exp(−βx))."""
    return torch.logaddexp(beta * x, x.new_zeros(())).sum(-1) / beta


def layer_norm(x: Tensor, *, gain: Number = 1.0, shift: Number = 0.0, eps: float = 1e-5) -> Tensor:
    """L = D·γ·sqrt(var(x) + ε) + δ Σ x; g = γ (x − mean) / sqrt(var + ε) + δ. `gain` γ at least 0."""
    variance = x.var(-1, unbiased=False)
    return x.shape[-1] * gain * (variance + eps).sqrt() + shift * x.sum(-1)


def spherical_norm(x: Tensor, *, gain: Number = 1.0, shift: Number = 0.0, eps: float = 1e-5) -> Tensor:
    """L = γ·sqrt(Σ x² + ε) + δ Σ x; g = γ x / sqrt(Σ x² + ε) + δ. `gain` γ at least 0."""
    return gain * ((x**2).sum(-1) + eps).sqrt() + shift * x.sum(-1)


def gradient(lagrangian: Lagrangian, x: Tensor) -> Tensor:
    """∇L at x, same shape; by autograd, so also of a Lagrangian that a user wrote."""
    with torch.enable_grad():
        state = x.detach().requires_grad_()
        total = lagrangian(state).sum()
        (found,) = torch.autograd.grad(total, state)
    return found


def check_convex(lagrangian: Lagrangian, width: int, where: str, *, pairs: int = 64) -> None:
    """Refuse a Lagrangian whose gradient is not monotone: (∇L(x) − ∇L(y))·(x − y) ≥ 0 on seeded random pairs.

    Random pairs can miss a dent; they never refuse a convex function.
    """
    generator = torch.Generator().manual_seed(0)
    for scale in (0.1, 1.0, 3.0):
        x, y = scale * torch.randn(2, pairs, width, generator=generator, dtype=torch.float64)
        values = lagrangian(x)
        if values.shape != (pairs,):
            raise FabError(
                where, f"gives shape {tuple(values.shape)} for x {tuple(x.shape)}", "sum over the last axis only"
            )
        rise = ((gradient(lagrangian, x) - gradient(lagrangian, y)) * (x - y)).sum(-1)
        if not torch.isfinite(rise).all():
            raise FabError(
                where, "is not finite for states of ordinary size", "use a Lagrangian that is finite everywhere"
            )
        size = (gradient(lagrangian, x).abs() * (x - y).abs()).sum(-1)
        if (rise < -1e-9 * (1.0 + size)).any():
            worst = float(rise.min())
            raise FabError(
                where,
                f"is not convex: (∇L(x) − ∇L(y))·(x − y) = {worst:.3g} < 0",
                "use a convex Lagrangian, or its energy may have no bottom",
            )
