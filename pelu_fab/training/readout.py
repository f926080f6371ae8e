"""Cups to an answer: in go volumes (..., cups), out come scores (..., classes) and what training minimises.

`argmax`: the fullest cup wins. `differential`: each class has a cup that speaks for it and one against it, in the
order all for, then all against, and the score is their difference. `number`: plus - minus, on a scale. Cups only
ever rise with what is poured, and only convexly; differences of convex functions approximate anything
(docs/training.md shows XOR).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pelu_fab.errors import FabError
from pelu_fab.training.recipe import Readout

NUMBER_CUPS = ("plus", "minus", "waste")
FLAT = 1e-9  # units² of variance that are none


def cups(classes: Sequence[str], readout: Readout) -> tuple[str, ...]:
    """Names of the cups that `classes` need, in order."""
    if readout == "argmax":
        return tuple(classes)
    if readout == "number":
        return NUMBER_CUPS
    return (*(f"{name}+" for name in classes), *(f"{name}-" for name in classes))


def lines(volumes: Tensor, targets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The line on which plus - minus reads `targets` (rows,) best: scale, offset, and what is missed, (R,) each.

    `volumes` (R, prints, rows, cups); least squares over all prints of the `rows` (R, rows) in use. What is missed is
    the mean square, in parts of the targets' variance.
    """
    gaps = volumes[..., 0] - volumes[..., 1]
    weight = rows.to(gaps.dtype)[:, None].expand_as(gaps)
    count = weight.sum((1, 2)).clamp_min(1)

    def mean(values: Tensor) -> Tensor:
        return (values * weight).sum((1, 2)) / count

    middle, level = mean(gaps), mean(targets.expand_as(gaps))
    gaps, wanted = gaps - middle[:, None, None], targets - level[:, None, None]
    variance, spread = mean(gaps**2), mean(wanted**2 + torch.zeros_like(gaps))
    scale = mean(gaps * wanted) / (variance + FLAT)
    return scale, level - scale * middle, 1 - scale * mean(gaps * wanted) / spread.clamp_min(FLAT)


def scores(volumes: Tensor, readout: Readout) -> Tensor:
    """Scores (..., classes) of cups (..., cups): the largest is the answer."""
    if readout == "argmax":
        return volumes
    if volumes.shape[-1] % 2:
        raise FabError("read-out", f"differential needs pairs of cups, found {volumes.shape[-1]}", "give two a class")
    speaks_for, against = volumes.chunk(2, dim=-1)
    return speaks_for - against


def leads(scored: Tensor, labels: Tensor) -> Tensor:
    """By how many units the right class leads the next best, (...,) for scores (..., classes); below 0 it is wrong."""
    right = scored.gather(-1, labels.expand(scored.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    is_right = functional.one_hot(labels, scored.shape[-1]).bool()
    return right - scored.masked_fill(is_right, -torch.inf).amax(dim=-1)


def answer_loss(scored: Tensor, labels: Tensor, *, temperature: float, margin: float) -> Tensor:
    """Cross-entropy of scores / temperature, (...,), and where `margin` > 0 the squared lack of lead, in margins."""
    flat = (scored / temperature).flatten(0, -2)
    wanted = labels.expand(scored.shape[:-1])
    found = functional.cross_entropy(flat, wanted.flatten(), reduction="none").view(wanted.shape)
    if margin:
        found = found + torch.relu(1 - leads(scored, labels) / margin) ** 2
    return found


def named(scored: Tensor) -> Tensor:
    """The answer of each row, (...): which score is ahead of all others; -1 where the highest are equal, as of empty
    cups."""
    first = scored.topk(2, dim=-1)
    return torch.where(first.values[..., 0] > first.values[..., 1], first.indices[..., 0], -1)
