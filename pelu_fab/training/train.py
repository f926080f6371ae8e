"""From data to a network worth printing: in go a table and a recipe, out comes the best of the starts, measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pelu_fab.errors import FabBug, FabError
from pelu_fab.network.algebra import outputs
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import quantity
from pelu_fab.training.data import (
    Rows,
    Split,
    Table,
    check_names,
    check_pourable,
    folds,
    minmax,
    split,
    with_complements,
)
from pelu_fab.training.fit import Point, Watch, fit, polish
from pelu_fab.training.loss import Task, loss
from pelu_fab.training.prints import Workshop
from pelu_fab.training.readout import cups, named, scores
from pelu_fab.training.recipe import Recipe
from pelu_fab.training.replicas import SILENT, Replicas
from pelu_fab.training.tolerance import accuracies, good_prints

CHOICE_SEED = 104_729  # prints that choose a start are drawn apart from those it was trained on
CHOICE_PRINTS = 1000


class Errors(NamedTuple):
    """Wrong answers and rows, of one part of the data."""

    wrong: int
    rows: int

    @property
    def accuracy(self) -> float:
        """Share of right answers; NaN of no rows."""
        return 1 - self.wrong / self.rows if self.rows else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The chosen network, the volumes it was trained on, and how it does on each part of the data."""

    network: Network
    table: Table
    split: Split
    history: tuple[Point, ...]
    errors: Mapping[str, Errors]  # train, validation, test
    start: int  # seed of the chosen start
    good_prints: Mapping[str, float]  # by "noise" and "device": share of prints good enough, on the rows that chose
    misses: Mapping[str, float] = field(default_factory=dict)  # of numbers: rms by part of the data, in their unit


def train(table: Table, recipe: Recipe, *, workshop: Workshop | None = None, watch: Watch | None = None) -> Trained:
    """Train `recipe.restarts` starts side by side and keep the best; the test rows choose nothing.

    Best is the lowest validation loss, or without validation rows the lowest training loss; with noise in the
    recipe, most good prints. With a `workshop`, the best few go on through prints of their own devices, and those
    count as much. One thread: bytes must not depend on how sums are cut up.
    """
    parts = split(table.labels, validation=recipe.validation, test=recipe.test, seed=recipe.seed)
    return _train(table, recipe, parts, workshop, watch)


def cross_validate(table: Table, recipe: Recipe) -> tuple[Errors, ...]:
    """Test errors of each of `recipe.folds` folds, each trained as `train` does on its other rows."""
    if recipe.folds < 2:
        raise FabError("folds", f"is {recipe.folds}", "use at least 2")
    if table.targets is not None:
        raise FabError("folds", "count wrong answers, a number has none", "leave folds out; test holds rows out")
    parts = folds(table.labels, recipe.folds, seed=recipe.seed)
    return tuple(_train(table, recipe, part, None, None).errors["test"] for part in parts)


def _train(table: Table, recipe: Recipe, parts: Split, workshop: Workshop | None, watch: Watch | None) -> Trained:
    table = as_poured(table, recipe, parts.train)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        replicas, history, seed, good = _fitted(table, recipe, parts, workshop, watch)
    finally:
        torch.set_num_threads(threads)
    alike = {(feature.offset, feature.factor) for feature in table.scaling.features}
    scale = max(factor for _, factor in alike) if len(alike) == 1 and {o for o, _ in alike} == {0.0} else 1.0
    network = replicas.networks(table.inputs, cups(table.classes, recipe.readout), input_scale=scale)[0]
    network = replace(without_dry(network), scaling=table.scaling)
    if table.targets is not None:
        network = reading(network, table, parts.train)
        off = network.readouts[0].values(outputs(network, table.pours), network.outputs) - table.targets
        misses = {name: float(np.sqrt((off[rows] ** 2).mean())) for name, rows in parts._asdict().items() if rows.any()}
        return Trained(network, table, parts, history, {}, seed, good, misses)
    wrong = answers(network, table, recipe) != table.labels
    errors = {name: Errors(int(wrong[rows].sum()), int(rows.sum())) for name, rows in parts._asdict().items()}
    return Trained(network, table, parts, history, errors, seed, good)


def reading(network: Network, table: Table, rows: Rows) -> Network:
    """The network with the scale on which plus - minus reads the table's number best over `rows`; dry cups left out."""
    if table.targets is None:
        raise FabBug("a table of classes has no number to read")
    cups = outputs(network, table.pours)
    gaps = cups[:, 0] - cups[:, 1]
    if not np.ptp(gaps[rows]) > 0:
        raise FabError("training", "ended with cups that never change", "try more restarts, or another seed")
    (scale, offset), *_ = np.linalg.lstsq(np.stack([gaps[rows], np.ones(rows.sum())], 1), table.targets[rows])
    last = network.layers[-1]
    wet = [j < 2 or bool((last.shares[:, j] > 0).any()) for j in range(len(network.outputs))]
    (column,) = table.classes
    name, unit = quantity(column)
    plus, minus, *rest = network.outputs
    named_cups = (plus, minus, *rest) if scale >= 0 else (minus, plus, *rest)
    readout = Readout(name, plus=(plus,), minus=(minus,), scale=abs(float(scale)), offset=float(offset), unit=unit)
    return replace(
        network,
        layers=(*network.layers[:-1], Layer(last.retained, last.shares[:, wet])),
        outputs=tuple(cup for cup, is_wet in zip(named_cups, wet, strict=True) if is_wet),
        readouts=(readout,),
    )


def as_poured(table: Table, recipe: Recipe, rows: Rows) -> Table:
    """The table as the recipe pours it: scaled and with complements as learnt from the training `rows` alone."""
    if recipe.scaling == "minmax":
        table = minmax(table, full=recipe.full, rows=rows)
    check_pourable(table, "data")
    check_names(table.inputs, cups(table.classes, recipe.readout))
    if recipe.complements:
        table = with_complements(table, table.pours[rows].max(axis=0))
    return replace(table, scaling=table.scaling.ranged(table.pours[rows]))


def _fitted(
    table: Table, recipe: Recipe, parts: Split, workshop: Workshop | None, watch: Watch | None
) -> tuple[Replicas, tuple[Point, ...], int, dict[str, float]]:
    """The best start alone, the history of all, its seed, and its shares of good prints."""
    seeds = [recipe.seed + start for start in range(recipe.restarts)]
    widths = (len(table.inputs), *recipe.hidden, len(cups(table.classes, recipe.readout)))
    replicas = Replicas.started(widths, seeds, init=recipe.init, share_function=recipe.share_function)
    if recipe.own_cup:
        replicas.cut(len(recipe.hidden), own_cups(replicas.weights[-1]))
    task = task_of(table, [parts] * len(seeds), recipe)
    history = fit(replicas, task, recipe, watch=watch)
    order, good = _ranked(replicas, task, recipe, None)
    if workshop is not None and recipe.device.steps:
        best = order[: recipe.device.starts]
        replicas, task = replicas.taken(best), task_of(table, [parts] * len(best), recipe)
        seeds = [seeds[start] for start in best]
        history += polish(replicas, task, recipe, workshop, done=history[-1].step, watch=watch)
        order, good = _ranked(replicas, task, recipe, workshop)
    shares = {kind: float(share[order[0]]) for kind, share in good.items()}
    return replicas.taken(order[:1]), history, seeds[order[0]], shares


def own_cups(last: Tensor) -> Tensor:
    """Of a last row's branches (R, in, out) those to spare when each bucket has one cup: taken in turn."""
    buckets, cups = last.shape[1:]
    return torch.eye(cups, dtype=torch.bool)[torch.arange(buckets) % cups].expand(last.shape)


def task_of(table: Table, parts: Sequence[Split], recipe: Recipe, *, dtype: torch.dtype = torch.float32) -> Task:
    """The table as tensors, replica r trained on the rows of `parts[r]`."""
    return Task(
        pours=torch.tensor(table.pours, dtype=dtype),
        labels=torch.tensor(table.labels),
        train=torch.tensor(np.stack([part.train for part in parts])),
        validation=torch.tensor(np.stack([part.validation for part in parts])),
        readout=recipe.readout,
        targets=None if table.targets is None else torch.tensor(table.targets, dtype=dtype),
    )


def _ranked(
    replicas: Replicas, task: Task, recipe: Recipe, workshop: Workshop | None
) -> tuple[list[int], dict[str, Tensor]]:
    """Replicas best first, and by the kind of prints drawn each replica's share of good ones (R,)."""
    rows = task.validation if task.validation.any() else task.train
    with torch.no_grad():
        found = loss(replicas, replace(task, train=rows), recipe).double()
    # Of starts with as many good prints the lower loss wins: it weighs less than one print.
    score = -1e-6 * found.nan_to_num(nan=1e3).clamp(0, 1e3)
    generator = torch.Generator().manual_seed(CHOICE_SEED + recipe.seed)
    noise, good = recipe.choice or recipe.noise, {}
    if task.targets is not None:
        return _nearest(replicas, replace(task, train=rows), recipe, workshop, generator), {}
    if not noise.is_silent:
        right = accuracies(replicas, task, noise, rows=rows, prints=CHOICE_PRINTS, generator=generator)
        good["noise"] = good_prints(right, recipe.accept)
    if workshop is not None:
        printed = replace(task, pool=workshop.pool(replicas.unnamed(), CHOICE_PRINTS, seed=CHOICE_SEED))
        right = accuracies(replicas, printed, SILENT, rows=rows, prints=CHOICE_PRINTS, generator=generator)
        good["device"] = good_prints(right, recipe.device.accept)
    return sum(good.values(), start=score).argsort(descending=True, stable=True).tolist(), good


def _nearest(
    replicas: Replicas, task: Task, recipe: Recipe, workshop: Workshop | None, generator: torch.Generator
) -> list[int]:
    """Replicas by how far prints read the number, least first: of the noise, or of the device if there is one."""
    noise = (recipe.choice or recipe.noise).model_copy(update={"prints": CHOICE_PRINTS // 4})
    if workshop is not None:
        task = replace(task, pool=workshop.pool(replicas.unnamed(), CHOICE_PRINTS, seed=CHOICE_SEED))
    with torch.no_grad():
        found = loss(replicas, task, recipe.model_copy(update={"noise": noise}), generator)
    return found.double().nan_to_num(nan=1e3).argsort(stable=True).tolist()


def answers(network: Network, table: Table, recipe: Recipe) -> NDArray[np.int64]:
    """Class of each row, (rows,), by the algebra in float64 and the recipe's read-out; -1 where cups are equal."""
    volumes = torch.from_numpy(outputs(network, table.pours))
    return np.asarray(named(scores(volumes, recipe.readout)), dtype=np.int64)


def without_dry(network: Network) -> Network:
    """The network less the buckets below the first row that no branch reaches: their water is 0, so nothing changes."""
    layers = list(network.layers)
    for index in range(1, len(layers)):
        wet = (layers[index - 1].shares > 0).any(axis=0)
        if not wet.all() and wet.any():
            layers[index - 1] = Layer(layers[index - 1].retained, layers[index - 1].shares[:, wet])
            layers[index] = Layer(layers[index].retained[wet], layers[index].shares[wet])
    return replace(network, layers=tuple(layers))
