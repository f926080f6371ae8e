"""Prints that differ: in go networks and deviations, out come accuracies print by print."""

import torch
from torch import Tensor

from pelu_fab.training.loss import Task
from pelu_fab.training.readout import leads, scores
from pelu_fab.training.recipe import Deviations
from pelu_fab.training.replicas import Replicas, flow

BATCH = 100  # prints at a time: memory stays small


def accuracies(
    replicas: Replicas,
    task: Task,
    deviations: Deviations,
    *,
    rows: Tensor,
    prints: int,
    generator: torch.Generator,
) -> Tensor:
    """Share of right answers (R, prints) over each replica's `rows` (R, rows) bool; each row is poured once a print.

    Prints are drawn as in training: out of the task's pool if it has one, and what `deviations` add.
    """
    found = []
    use = rows[:, None].to(task.pours.dtype)
    with torch.no_grad():
        retained, shares = replicas.retained(), replicas.shares()
        for start in range(0, prints, BATCH):
            batch = deviations.model_copy(update={"prints": min(BATCH, prints - start)})
            volumes = flow(task.pours, retained, shares, batch, generator, task.pool)
            ahead = leads(scores(volumes, task.readout), task.labels) > 0.0
            right = (ahead * use).sum(dim=-1) / use.sum(dim=-1)
            found.append(right.expand(-1, batch.prints))
    return torch.cat(found, dim=1)


def good_prints(right: Tensor, accept: float) -> Tensor:
    """Share of prints (R,) whose accuracy (R, prints) is `accept` or better."""
    return (right >= accept - 1e-6).double().mean(dim=1)
