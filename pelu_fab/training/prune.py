"""Which branches a network can spare: in go replicas and a task, cut are those that carry least."""

import torch
from torch import Tensor

from pelu_fab.layers.sparse import keep_largest
from pelu_fab.training.loss import Task
from pelu_fab.training.replicas import Replicas

DRY = -0.5  # what a branch that only stands for form's sake carries


def prune(replicas: Replicas, task: Task, keep: int, *, least_share: float = 0.0) -> None:
    """Cut every replica to `keep` branches: those that carry most water over its training rows, one a bucket at least.

    A branch whose share is below `least_share` goes in any case. A bucket that no water reaches keeps one branch for
    form's sake, which doesn't count: it is not built.
    """
    with torch.no_grad():
        carried = _carried(replicas, task, least_share)
        chosen = keep_largest(torch.cat([flows.flatten(1) for flows in carried], dim=1), keep)
        parts = chosen.split([flows[0].numel() for flows in carried], dim=1)  # type: ignore[no-untyped-call]
        for layer, (flows, mask) in enumerate(zip(carried, parts, strict=True)):
            spared = mask.view_as(flows) & (flows > 0)
            replicas.cut(layer, spared | (flows == torch.inf) | (flows == DRY))


def _carried(replicas: Replicas, task: Task, least_share: float) -> list[Tensor]:
    """Mean flow of each branch by layer, (R, in, out); inf for a bucket's last branch, -1 for one that must go."""
    weight = task.train.to(task.pours.dtype)
    volumes = task.pours[None].expand(replicas.count, *task.pours.shape)
    found = []
    for h2, a, kept in zip(replicas.retained(), replicas.shares(), replicas.kept, strict=True):
        spilled = torch.relu(volumes - h2[:, None])
        flows = a * (weight[:, None] @ spilled).transpose(1, 2)
        largest = a.masked_fill(~kept, -1.0).argmax(dim=-1, keepdim=True)
        is_last = torch.zeros_like(kept).scatter(-1, largest, True)
        is_wet = flows.amax(dim=-1, keepdim=True) > 0
        flows = flows.masked_fill(~kept | (a < least_share), -1.0)
        found.append(torch.where(is_last, torch.where(is_wet, torch.inf, DRY), flows))
        volumes = spilled @ a
    return found
