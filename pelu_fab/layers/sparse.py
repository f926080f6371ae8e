"""Fewer pipes: penalties on shares that a softmax can feel, sparsemax, and pruning by what a branch carries.

In go shares (..., in, out) with rows that sum to 1; out come numbers (...,) to add to the loss, or masks of branches.
"""

import torch
from torch import Tensor


def entropy(shares: Tensor) -> Tensor:
    """Sum over rows of -Σ s ln s: 0 where every bucket has one branch, ln(out) a row where shares are even."""
    return -(shares * shares.clamp_min(1e-12).log()).sum(dim=(-2, -1))


def half_norm(shares: Tensor) -> Tensor:
    """Sum over rows of (Σ √s) - 1, the ℓ½ penalty: 0 for one branch, √out - 1 for even shares.

    Its slope grows without bound as a share nears 0, so small branches die first; the floor 1e-12 keeps it finite.
    """
    return (shares.clamp_min(1e-12).sqrt().sum(dim=-1) - 1).sum(dim=-1)


PENALTIES = {"entropy": entropy, "half": half_norm}


def sparsemax(logits: Tensor) -> Tensor:
    """Euclidean projection of each row onto the simplex: shares that reach exactly 0 (Martins and Astudillo 2016)."""
    ordered = logits.sort(dim=-1, descending=True).values
    count = torch.arange(1, logits.shape[-1] + 1, dtype=logits.dtype, device=logits.device)
    sums = ordered.cumsum(dim=-1)
    support = (1 + count * ordered > sums).sum(dim=-1, keepdim=True)
    threshold = (sums.gather(-1, support - 1) - 1) / support.to(logits.dtype)
    return torch.relu(logits - threshold)


def keep_largest(carried: Tensor, keep: int) -> Tensor:
    """Mask (..., branches) of the `keep` branches that carry most, by `carried` (..., branches); ties: the first.

    The largest of each bucket must be given as infinite by the caller where a bucket may not lose its last branch.
    """
    order = carried.argsort(dim=-1, descending=True, stable=True)
    mask = torch.zeros_like(carried, dtype=torch.bool)
    return mask.scatter(-1, order[..., :keep], True)
