"""Prints that differ: in go networks and deviations, out come accuracies print by print."""

import torch
from torch import Tensor

from pelu_fab.training.loss import Task
from pelu_fab.training.readout import scores
from pelu_fab.training.recipe import Deviations
from pelu_fab.training.replicas import Replicas

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
    """Share of right answers (R, prints) over each replica's `rows` (R, rows) bool; each row is poured once a print."""
    found = []
    use = rows[:, None].to(task.pours.dtype)
    with torch.no_grad():
        for start in range(0, prints, BATCH):
            batch = deviations.model_copy(update={"prints": min(BATCH, prints - start)})
            answers = scores(replicas(task.pours, batch, generator), task.readout).argmax(dim=-1)
            found.append(((answers == task.labels) * use).sum(dim=-1) / use.sum(dim=-1))
    return torch.cat(found, dim=1)
