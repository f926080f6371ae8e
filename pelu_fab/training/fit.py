"""The training loop: in go a recipe and data, out come trained replicas and their history. Draws and prints nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import cos, pi
from typing import NamedTuple

import torch
from torch import Tensor

from pelu_fab.training.loss import Task, loss
from pelu_fab.training.prints import Workshop
from pelu_fab.training.prune import prune
from pelu_fab.training.readout import lines, scores
from pelu_fab.training.recipe import Recipe
from pelu_fab.training.replicas import Replicas
from pelu_fab.training.step import Autograd, stepper

CHECKS = 100  # times a phase looks at losses and at the validation rows
PHASE_SEED = 7919  # apart from the starts' seeds, so that noise never repeats a start's draw
LOOK_SEED = 31_337


class Point(NamedTuple):
    """One look at a run, of the replica that leads: training loss and errors, validation loss (NaN without).

    Of numbers to learn, `errors` is the rms in % of their spread.
    """

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
        found += [Phase(f"prune to {count}", each, branches=count) for count in counts]
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


def polish(
    replicas: Replicas, task: Task, recipe: Recipe, workshop: Workshop, *, done: int = 0, watch: Watch | None = None
) -> tuple[Point, ...]:
    """Train on through prints of the devices that the replicas become, printed anew every round; in place.

    At a third of the recipe's rate, falling to 0. Ends with what the last step gives: the rows choose nothing here.
    """
    table, generator = recipe.device, torch.Generator().manual_seed(PHASE_SEED + 1 + recipe.seed)
    mover = Autograd(replicas, task, recipe, generator)
    each = max(1, table.steps // table.rounds)
    history = []
    for turn in range(table.rounds):
        pool = workshop.pool(replicas.unnamed(), table.pool, seed=PHASE_SEED * (turn + 1))
        mover.task = replace(task, pool=pool)
        for step in range(1, each + 1):
            fraction = (turn * each + step) / (each * table.rounds)
            mover.step(recipe.learning_rate / 6 * (1 + cos(pi * fraction)))
        point, _ = _look(replicas, mover.task, recipe, None)
        step = done + (turn + 1) * each
        history.append(point._replace(step=step, total=done + each * table.rounds, phase="device"))
        if watch is not None:
            watch(history[-1])
    return tuple(history)


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of step 1..steps: constant, or up in a tenth of the phase and down to 0 in a half cosine."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    rise = max(1, steps // 10)
    if step <= rise:
        return recipe.learning_rate * step / rise
    return recipe.learning_rate * 0.5 * (1 + cos(pi * (step - rise) / max(1, steps - rise)))


def _run(replicas: Replicas, task: Task, recipe: Recipe, phase: Phase, generator: torch.Generator) -> Iterator[Point]:
    """Train through one phase, looking at it now and then; with validation rows, end at each replica's best look."""
    mover = stepper(replicas, task, recipe, generator)
    best = _Best(replicas) if task.validation.any() else None
    every = max(10, phase.steps // CHECKS)
    last_gain = 0
    for step in range(1, phase.steps + 1):
        mover.step(rate(recipe, step, phase.steps))
        if step % every and step != phase.steps:
            continue
        point, improved = _look(replicas, task, recipe, best)
        yield point._replace(step=step, phase=phase.name)
        last_gain = step if improved else last_gain
        if recipe.patience and step - last_gain >= recipe.patience:
            break
    if best is not None:
        best.restore(replicas)


def _look(replicas: Replicas, task: Task, recipe: Recipe, best: "_Best | None") -> tuple[Point, bool]:
    def found(rows: Tensor) -> Tensor:
        # The same prints at every look: the curve then shows the network, not the draw.
        return loss(replicas, replace(task, train=rows), recipe, torch.Generator().manual_seed(LOOK_SEED))

    with torch.no_grad():
        losses, improved, checked = found(task.train), False, torch.full((replicas.count,), torch.nan)
        leader = int(losses.argmin())
        if best is not None:
            checked = found(task.validation)
            improved, leader = best.take(replicas, checked), int(checked.argmin())
        errors = _errors(replicas, task)
        branches = int(replicas.branches()[leader])
    return Point(0, 0, "", float(losses[leader]), int(errors[leader]), float(checked[leader]), branches), improved


def _errors(replicas: Replicas, task: Task) -> Tensor:
    """Wrong answers of each replica's training rows (R,); of numbers the rms, in % of their spread, rounded."""
    volumes = replicas(task.pours)
    if task.targets is not None:
        return (100 * lines(volumes, task.targets, task.train)[2].clamp_min(0).sqrt()).round()
    answers = scores(volumes[:, 0], task.readout).argmax(dim=-1)
    return ((answers != task.labels) & task.train).sum(dim=1)


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
