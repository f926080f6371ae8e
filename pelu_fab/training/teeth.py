"""Shares as whole teeth: round them to n/N of a comb so that equal teeth give the trained split exactly.

In go shares (..., in, out) whose zeros have no branch; out come shares that are multiples of 1/N, N per bucket.
"""

import torch
from torch import Tensor

LEAST_TEETH = 5  # fewer make no comb: end teeth are no longer the exception


def round_to_teeth(shares: Tensor, most: int) -> Tensor:
    """The nearest shares (largest error of a row) of the form n/N with 5 <= N <= `most`, every branch n >= 1.

    Zeros stay zero. Of several N that are as near the smallest wins. A row of more branches than `most` stays.
    """
    combs = [_apportion(shares, teeth) for teeth in range(min(LEAST_TEETH, most), most + 1)]
    candidates = torch.stack(combs)
    errors = (candidates - shares).abs().amax(dim=-1)
    # Ties in exact arithmetic differ by float dust, and then the smaller comb shall win.
    best = (errors - errors.amin(dim=0) < 1e-6).int().argmax(dim=0)
    chosen = best[None, ..., None].expand(1, *shares.shape)
    rounded = candidates.gather(0, chosen)[0]
    return torch.where(errors.amin(dim=0).unsqueeze(-1) < 1.0, rounded, shares)


def straight_through(shares: Tensor, most: int) -> Tensor:
    """Rounded shares forward, the gradient of the unrounded ones backward (Bengio, Léonard and Courville 2013)."""
    return shares + (round_to_teeth(shares.detach(), most) - shares.detach())


def _apportion(shares: Tensor, teeth: int) -> Tensor:
    """Largest remainders: whole teeth by quota, at least one a branch; rows of too many branches are filled with 2."""
    has_branch = shares > 0
    quota = shares * teeth
    counts = torch.maximum(quota.floor(), has_branch.to(shares.dtype))
    for _ in range(shares.shape[-1]):
        left = teeth - counts.sum(dim=-1, keepdim=True)
        if not left.any():
            break
        short = torch.where(has_branch, quota - counts, -torch.inf)
        over = torch.where(counts > 1, counts - quota, -torch.inf)
        gain = _rank(short) < left
        lose = (_rank(over) < -left) & (counts > 1)
        counts = counts + gain.to(shares.dtype) * has_branch - lose.to(shares.dtype)
    fits = counts.sum(dim=-1, keepdim=True) == teeth
    return torch.where(fits, counts / teeth, torch.where(has_branch, 2.0, 0.0))


def _rank(values: Tensor) -> Tensor:
    """Place of each value in its row, 0 for the largest; ties by position."""
    return values.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
