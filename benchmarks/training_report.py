"""The figures of docs/training.md, measured: `python benchmarks/training_report.py [SECTION …]`, by default all.

Minutes each on one core. Every section prints a table and returns nothing; seeds are fixed, so a rerun repeats it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pelu_fab.network.algebra import predict
from pelu_fab.network.teeth import choose_combs, round_to_combs
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.training.data import Split, Table, folds, read_table, split
from pelu_fab.training.fit import fit
from pelu_fab.training.loss import Task
from pelu_fab.training.readout import cups, scores
from pelu_fab.training.recipe import Deviations, Recipe
from pelu_fab.training.replicas import Replicas
from pelu_fab.training.tolerance import accuracies, good_prints
from pelu_fab.training.train import as_poured, task_of

ROOT = Path(__file__).parent.parent
IRIS = ROOT / "designs" / "iris" / "iris.csv"
DATA = ROOT / "benchmarks" / "data"
ROBUST = {"learning_rate": 0.03, "schedule": "cycle", "hidden": [3]}


def fitted(table: Table, parts: Sequence[Split], recipe: Recipe, seeds: Sequence[int]) -> tuple[Replicas, Task]:
    widths = (len(table.inputs), *recipe.hidden, len(cups(table.classes, recipe.readout)))
    replicas = Replicas.started(widths, seeds, init=recipe.init, share_function=recipe.share_function)
    task = task_of(table, parts, recipe)
    fit(replicas, task, recipe)
    return replicas, task


def right(replicas: Replicas, task: Task, rows: Tensor) -> Tensor:
    """Accuracy (R,) of the ideal devices over `rows` (R, rows)."""
    with torch.no_grad():
        answers = scores(replicas(task.pours)[:, 0], task.readout).argmax(-1)
    return ((answers == task.labels) & rows).sum(1) / rows.sum(1)


def everything(table: Table) -> Split:
    every = np.ones(len(table.labels), dtype=bool)
    return Split(every, ~every, ~every)


def pipes() -> None:
    """Branches against accuracy on Iris: all 150 flowers, best and median of 16 starts, and 10 folds held out."""
    table = read_table(IRIS, scale=10.0)
    print("branches | errors of 150, best / median of 16 starts | held-out errors of 150 (10 folds)")
    for branches in (0, 14, 12, 11, 10, 9, 8, 7):
        recipe = Recipe(**ROBUST, steps=2000, branches=branches, init="open", least_share=0.05 if branches else 0.0)
        replicas, task = fitted(table, [everything(table)] * 16, recipe, range(16))
        wrong = ((1 - right(replicas, task, task.train)) * 150).round().int().sort().values
        parts = folds(table.labels, 10, seed=0)
        starts = [part for part in parts for _ in range(4)]
        replicas, task = fitted(table, starts, recipe, [start for _ in parts for start in range(4)])
        best = right(replicas, task, task.train).view(10, 4).argmax(1) + 4 * torch.arange(10)
        networks = replicas.taken(best).networks(table.inputs, table.classes, input_scale=1.0)
        held = [
            int((predict(network, table.pours) != table.labels)[part.test].sum())
            for network, part in zip(networks, parts, strict=True)
        ]
        print(f"{branches or 21:8d} | {wrong[0]} / {wrong[8]} | {sum(held)}")


def penalties() -> None:
    """What each penalty leaves on Iris: shares above 2 %, errors, after the blog's 10,000 steps; 6 seeds."""
    table = read_table(IRIS, scale=10.0)
    print("penalty | shares above 2 % by seed | errors of 150 by seed")
    cases: list[tuple[str, dict[str, object]]] = [
        ("none", {}),
        *((f"entropy {w:g}", {"entropy": w}) for w in (0.003, 0.01, 0.03)),
        *((f"l1/2 {w:g}", {"half": w}) for w in (0.003, 0.01, 0.03)),
        ("sparsemax", {"share_function": "sparsemax"}),
    ]
    for name, more in cases:
        recipe = Recipe.model_validate({"hidden": [3], "steps": 10_000, **more})
        replicas, task = fitted(table, [everything(table)] * 6, recipe, range(6))
        with torch.no_grad():
            left = sum((s > 0.02).sum(dim=(1, 2)) for s in replicas.shares())
        wrong = ((1 - right(replicas, task, task.train)) * 150).round().int()
        print(f"{name} | {left.tolist()} | {wrong.tolist()}")


def teeth() -> None:
    """Rounding the widget's network to whole teeth: one N for all, and combs chosen by the answers."""
    table = read_table(IRIS, scale=10.0)
    widget = read_checkpoint(ROOT / "designs" / "iris" / "widget_iris.json")
    print("one N for all | errors of 150")
    for count in (10, 12, 16, 20, 24):
        wrong = (predict(round_to_combs(widget, count), table.pours) != table.labels).sum()
        print(f"{count} | {wrong}")
    print("combs of at most | errors of 150 | branches | N by bucket")
    for most in (10, 12, 14):
        found = choose_combs(widget, table.pours, table.labels, most=most)
        print(f"{most} | {found.wrong} | {found.network.branches} | {found.teeth}")


def tolerance() -> None:
    """Held-out flowers (102/48), 20 seeds, twice: prints with >= 90 % right at 10 % area, 1 unit height error."""
    table = read_table(IRIS, scale=10.0)
    asked = Deviations(height=1.0, share=0.1)
    noisy = Deviations(height=1.5, share=0.15, pour=1.0)
    print("seeds | training | good prints: median, mean, least | ideal accuracy, mean | s")
    for first in (0, 100):
        splits = [split(table.labels, validation=0.0, test=0.32, seed=first + seed) for seed in range(20)]
        for name, starts, recipe in (
            ("plain, the blog's recipe", 1, Recipe(hidden=[3])),
            ("noise, 10 branches, teeth", 1, Recipe(**ROBUST, steps=4000, branches=10, teeth=13, noise=noisy)),
            ("the same, best of 8 starts", 8, Recipe(**ROBUST, steps=4000, branches=10, teeth=13, noise=noisy)),
        ):
            begun = time.perf_counter()
            parts = [part for part in splits for _ in range(starts)]
            seeds = [1000 * seed + start for seed in range(20) for start in range(starts)]
            replicas, task = fitted(table, parts, recipe, seeds)
            test = torch.tensor(np.stack([part.test for part in parts]))
            found = {}
            for rows, use in (("train", task.train), ("test", test)):
                draw = torch.Generator().manual_seed(5)
                accuracy = accuracies(replicas, task, asked, rows=use, prints=1000, generator=draw)
                found[rows] = good_prints(accuracy, 0.9).view(20, starts)
            # The start is chosen by the same measure on the training rows.
            best = found["train"].argmax(1, keepdim=True)
            good = found["test"].gather(1, best)
            ideal = right(replicas, task, test).view(20, starts).gather(1, best).mean()
            print(
                f"{first}-{first + 19} | {name} | {good.median():.3f}, {good.mean():.3f}, {good.min():.3f} | "
                f"{ideal:.4f} | {time.perf_counter() - begun:.0f}"
            )


def prints() -> None:
    """All 150 flowers: prints with >= 96 % right at 0.5 unit height, 5 % share, 0.5 unit pour error; 20,000 prints."""
    table = read_table(IRIS, scale=10.0)
    asked = Deviations(height=0.5, share=0.05, pour=0.5)
    plain, task = fitted(table, [everything(table)] * 20, Recipe(hidden=[3]), range(20))
    found = accuracies(plain, task, asked, rows=task.train, prints=2000, generator=torch.Generator().manual_seed(77))
    good = good_prints(found, 0.96)
    print(f"plain, 20 seeds: median {good.median():.3f}, best {good.max():.3f}")
    for name in ("iris/widget_iris.json", "iris-robust/iris-robust.safetensors"):
        network = read_checkpoint(ROOT / "designs" / name)
        heights = [torch.tensor(layer.retained, dtype=torch.float32).sqrt()[None] for layer in network.layers]
        weights = [
            torch.tensor(layer.shares, dtype=torch.float32).log().clamp_min(-1e30)[None] for layer in network.layers
        ]
        one = Replicas(heights, weights)
        task = task_of(table, [everything(table)], Recipe())
        draw = torch.Generator().manual_seed(77)
        found = accuracies(one, task, asked, rows=task.train, prints=20_000, generator=draw)
        wrong = int((predict(network, table.pours) != table.labels).sum())
        print(f"{name}: {good_prints(found, 0.96).item():.4f}, {network.branches} branches, {wrong} errors ideal")


def data() -> None:
    """Other data, 5 folds: this network, logistic regression and an MLP of the same shape, held-out accuracy."""
    print("data | shape | PeLU | PeLU, complements | logistic regression | MLP | s")
    for name, hidden, steps in (("wine", 3, 1500), ("breast_cancer", 3, 1500), ("digits", 16, 1500)):
        begun = time.perf_counter()
        table = read_table(DATA / f"{name}.csv")
        parts = folds(table.labels, 5, seed=0)
        recipe = Recipe(
            hidden=[hidden], scaling="minmax", steps=steps, learning_rate=0.03, schedule="cycle", init="open"
        )
        both = recipe.model_copy(update={"complements": True, "temperature": 3.0})
        found = [
            sum(water(table, part, recipe) for part in parts),
            sum(water(table, part, both) for part in parts),
            sum(baseline(table, part, []) for part in parts),
            sum(baseline(table, part, [hidden]) for part in parts),
        ]
        shares = " | ".join(f"{count / len(table.labels):.4f}" for count in found)
        shape = f"{len(table.inputs)}-{hidden}-{len(table.classes)}"
        print(f"{name} | {shape} | {shares} | {time.perf_counter() - begun:.0f}")


def water(table: Table, part: Split, recipe: Recipe) -> int:
    """Right answers on the held-out rows of a PeLU network."""
    poured = as_poured(table, recipe, part.train)
    replicas, task = fitted(poured, [part], recipe, [0])
    rows = torch.tensor(part.test)[None]
    return round(float(right(replicas, task, rows)) * int(part.test.sum()))


def baseline(table: Table, part: Split, hidden: list[int]) -> int:
    """Right answers of an MLP with biases on standardised features; without hidden units a logistic regression."""
    torch.manual_seed(0)
    features = torch.tensor(table.pours, dtype=torch.float32)
    mean, spread = features[part.train].mean(0), features[part.train].std(0).clamp_min(1e-6)
    features, labels = (features - mean) / spread, torch.tensor(table.labels)
    widths = [features.shape[1], *hidden, len(table.classes)]
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:], strict=False):  # noqa: RUF007
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    for _ in range(600):
        adam.zero_grad()
        nn.functional.cross_entropy(model(features[part.train]), labels[part.train]).backward()
        adam.step()
    with torch.no_grad():
        return int((model(features).argmax(1) == labels)[part.test].sum())


def device() -> None:
    """The widget's network and the robust one in the default process, as `pelu-fab yield` forecasts them."""
    print("design | scatter x | mean accuracy | prints with >= 96 % | with >= 98 %")
    for name in ("iris", "iris-robust"):
        for size in ("1", "2", "3"):
            command = [sys.executable, "-m", "pelu_fab", "yield", str(ROOT / "designs" / name), "--json"]
            found = json.loads(subprocess.run([*command, "--scale", size], check=True, capture_output=True).stdout)
            good = " | ".join(f"{found['yield'][level]:.3f}" for level in ("0.96", "0.98"))
            print(f"{name} | {size} | {found['accuracy']['mean']:.4f} | {good}", flush=True)


SECTIONS: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (pipes, penalties, teeth, tolerance, prints, device, data)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=list(SECTIONS))
    torch.set_num_threads(1)
    for name in parser.parse_args().sections:
        print(f"\n## {name}: {(SECTIONS[name].__doc__ or '').splitlines()[0]}", flush=True)
        SECTIONS[name]()


if __name__ == "__main__":
    main()
