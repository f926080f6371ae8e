"""What training minimises: in go replicas and a task, out comes a loss (R,), one a replica."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pelu_fab.layers.sparse import PENALTIES
from pelu_fab.training.readout import answer_loss, lines, scores
from pelu_fab.training.recipe import Readout, Recipe
from pelu_fab.training.replicas import Pool, Replicas, flow


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What R replicas are trained on: pours (rows, in), labels (rows,), and who uses which row, (R, rows) bool.

    For the read-out `number`, `targets` (rows,) are the numbers.
    """

    pours: Tensor
    labels: Tensor
    train: Tensor
    validation: Tensor
    readout: Readout = "argmax"
    pool: Pool | None = None  # prints to pour through, besides what the recipe draws
    targets: Tensor | None = None


def loss(replicas: Replicas, task: Task, recipe: Recipe, generator: torch.Generator | None = None) -> Tensor:
    """What each replica minimises, (R,): mean over its training rows and prints, and the penalties of its shares.

    Without a generator nothing is drawn: the ideal device.
    """
    deviations, pool = (None, None) if generator is None else (recipe.noise, task.pool)
    shares = replicas.shares()
    poured = flow(task.pours, replicas.retained(), shares, deviations, generator, pool)
    if task.targets is not None:
        found = lines(poured, task.targets, task.train)[2]
    else:
        scored = scores(poured, task.readout)
        each = answer_loss(scored, task.labels, temperature=recipe.temperature, margin=recipe.margin)
        found = mean_over(each.mean(dim=1), task.train)
    for weight, penalty in ((recipe.entropy, "entropy"), (recipe.half, "half")):
        if weight:
            found = found + weight * torch.stack([PENALTIES[penalty](s) for s in shares]).sum(dim=0)
    return found


def mean_over(values: Tensor, rows: Tensor) -> Tensor:
    """Mean (R,) of values (R, rows) over the rows in use, (R, rows) bool."""
    weight = rows.to(values.dtype)
    return (values * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)
