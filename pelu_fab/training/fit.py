"""The training loop: in go a recipe and data, out come trained replicas and their history. Draws and prints nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pelu_fab.training.readout import answer_loss, scores
from pelu_fab.training.recipe import Readout, Recipe
from pelu_fab.training.replicas import Replicas, flow
from pelu_fab.training.sparse import PENALTIES, keep_largest

CHECKS = 100  # times a phase looks at losses and at the validation rows
PHASE_SEED = 7919  # apart from the starts' seeds, so that noise never repeats a start's draw


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What R replicas are trained on: pours (rows, in), labels (rows,), and who uses which row, (R, rows) bool."""

    pours: Tensor
    labels: Tensor
    train: Tensor
    validation: Tensor
    readout: Readout = "argmax"


class Point(NamedTuple):
    """One look at a run, of the replica that leads: training loss and errors, validation loss (NaN without)."""

    step: int
    total: int  # steps of all phases, if none stops early
    phase: str
    loss: float
    errors: int
    validation_loss: float
    branches: int


Watch = Callable[[Point], None]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of training with one learning-rate cycle; `branches` and `teeth` hold from its start."""

    name: str
    steps: int
    branches: int = 0
    teeth: int = 0


def phases(recipe: Recipe, full: int) -> tuple[Phase, ...]:
    """The stretches of a recipe: fit; then cut branches in rounds; then round shares to teeth. `full`: branches uncut.

    Each later stretch is half as long as the fit in all.
    """
    found = [Phase("fit", recipe.steps)]
    if 0 < recipe.branches < full:
        # A third of what is still too many at a time: small cuts heal, one big cut leaves the network elsewhere.
        counts, left = [], full
        while left > recipe.branches:
            left = max(recipe.branches, left - max(1, -(-(left - recipe.branches) // 3)))
            counts.append(left)
        each = max(1, recipe.steps // (2 * len(counts)))
        found += [Phase("prune", each, branches=count) for count in counts]
    if recipe.teeth:
        found.append(Phase("teeth", max(1, recipe.steps // 2), teeth=recipe.teeth))
    return tuple(found)


def fit(replicas: Replicas, task: Task, recipe: Recipe, *, watch: Watch | None = None) -> tuple[Point, ...]:
    """Train all replicas in place; returns their history. Deterministic for one machine, seed and thread count."""
    generator = torch.Generator(device=task.pours.device).manual_seed(PHASE_SEED + recipe.seed)
    plan = phases(recipe, sum(w[0].numel() for w in replicas.weights))
    total = sum(phase.steps for phase in plan)
    history: list[Point] = []
    done = 0
    for phase in plan:
        if phase.branches:
            least = recipe.least_share if phase.branches == recipe.branches else 0.0
            prune(replicas, task, phase.branches, least_share=least)
        if phase.teeth:
            replicas.teeth = phase.teeth
        for point in _run(replicas, task, recipe, phase, generator):
            history.append(point._replace(step=done + point.step, total=total))
            if watch is not None:
                watch(history[-1])
        done = history[-1].step
    return tuple(history)


def _run(replicas: Replicas, task: Task, recipe: Recipe, phase: Phase, generator: torch.Generator) -> Iterator[Point]:
    """Train through one phase, looking at it now and then; with validation rows, end at each replica's best look."""
    optimiser = torch.optim.Adam(replicas.parameters(), lr=recipe.learning_rate, fused=True)
    cycle = None
    if recipe.schedule == "cycle" and phase.steps > 1:
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, phase.steps, pct_start=0.1)
    best = _Best(replicas) if task.validation.any() else None
    every = max(1, phase.steps // CHECKS)
    last_gain = 0
    for step in range(1, phase.steps + 1):
        optimiser.zero_grad(set_to_none=True)
        losses = loss(replicas, task, recipe, generator)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if cycle is not None:
            cycle.step()
        if step % every and step != phase.steps:
            continue
        point, improved = _look(replicas, task, recipe, losses.detach(), best)
        yield point._replace(step=step, phase=phase.name)
        last_gain = step if improved else last_gain
        if recipe.patience and step - last_gain >= recipe.patience:
            break
    if best is not None:
        best.restore(replicas)


def loss(replicas: Replicas, task: Task, recipe: Recipe, generator: torch.Generator | None = None) -> Tensor:
    """What each replica minimises, (R,): mean over its training rows and prints, and the penalties of its shares.

    Without a generator nothing is drawn: the ideal device.
    """
    deviations = None if generator is None else recipe.noise
    shares = replicas.shares()
    poured = flow(task.pours, replicas.retained(), shares, deviations, generator)
    each = answer_loss(
        scores(poured, task.readout), task.labels, temperature=recipe.temperature, margin=recipe.margin
    ).mean(dim=1)
    found = _mean(each, task.train)
    for weight, penalty in ((recipe.entropy, "entropy"), (recipe.half, "half")):
        if weight:
            found = found + weight * torch.stack([PENALTIES[penalty](s) for s in shares]).sum(dim=0)
    return found


def prune(replicas: Replicas, task: Task, keep: int, *, least_share: float = 0.0) -> None:
    """Cut every replica to `keep` branches: those that carry most water over its training rows, one a bucket at least.

    A branch whose share is below `least_share` goes in any case. A bucket that no water reaches keeps one
    branch for form's sake, which doesn't count: it is not built.
    """
    with torch.no_grad():
        shares = replicas.shares()
        weight = task.train / task.train.sum(dim=1, keepdim=True)
        volumes = task.pours[None].expand(replicas.count, *task.pours.shape)
        carried = []
        for h2, a, kept in zip(replicas.retained(), shares, replicas.kept, strict=True):
            spilled = torch.relu(volumes - h2[:, None])
            flows = a * (weight[:, None] @ spilled).transpose(1, 2)
            flows = flows.masked_fill(~kept | (a < least_share), -1.0)
            last = torch.zeros_like(kept).scatter(-1, a.masked_fill(~kept, -1.0).argmax(-1, keepdim=True), True)
            is_reached = flows.amax(dim=-1, keepdim=True) > 0
            carried.append(torch.where(last, torch.where(is_reached, torch.inf, -0.5), flows).flatten(1))
            volumes = spilled @ a
        chosen = keep_largest(torch.cat(carried, dim=1), keep)
        start = 0
        for kept, flows in zip(replicas.kept, carried, strict=True):
            mask = chosen[:, start : start + flows.shape[1]] & (flows > 0)
            kept &= (mask | (flows == torch.inf) | (flows == -0.5)).view_as(kept)
            start += flows.shape[1]


def _mean(values: Tensor, use: Tensor) -> Tensor:
    """Mean of values (R, rows) over the rows in use (R, rows)."""
    weight = use.to(values.dtype)
    return (values * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)


class _Best:
    """Each replica's parameters at its lowest validation loss so far."""

    def __init__(self, replicas: Replicas) -> None:
        self.loss = torch.full((replicas.count,), torch.inf)
        self.state = [p.detach().clone() for p in replicas.parameters()]

    def take(self, replicas: Replicas, found: Tensor) -> bool:
        """Keep those that have improved; whether any has."""
        better = found < self.loss
        self.loss = torch.where(better, found, self.loss)
        for kept, now in zip(self.state, replicas.parameters(), strict=True):
            kept[better] = now.detach()[better]
        return bool(better.any())

    def restore(self, replicas: Replicas) -> None:
        with torch.no_grad():
            for kept, now in zip(self.state, replicas.parameters(), strict=True):
                now.copy_(kept)


def _look(replicas: Replicas, task: Task, recipe: Recipe, losses: Tensor, best: _Best | None) -> tuple[Point, bool]:
    with torch.no_grad():
        scored = scores(replicas(task.pours)[:, 0], task.readout)
        errors = ((scored.argmax(dim=-1) != task.labels) & task.train).sum(dim=1)
        leader, improved, checked = int(losses.argmin()), False, torch.full_like(losses, torch.nan)
        if best is not None:
            each = answer_loss(scored, task.labels, temperature=recipe.temperature, margin=recipe.margin)
            checked = _mean(each, task.validation)
            improved = best.take(replicas, checked)
            leader = int(checked.argmin())
        branches = int(replicas.branches()[leader])
    return (
        Point(0, 0, "", float(losses[leader]), int(errors[leader]), float(checked[leader]), branches),
        improved,
    )
