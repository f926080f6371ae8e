"""Training the blog's recipe (4-3-3, features x 10, Adam at 0.01, 10,000 steps): the plain loop against this one.

Run as `python benchmarks/bench_training.py`. Both start from the same parameters; wall time, one thread, best of
`--repeats`. Prints errors too: faster at another result would be no comparison.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pelu_fab.layers.pelu import PeLU
from pelu_fab.training.data import Split, read_table
from pelu_fab.training.fit import fit
from pelu_fab.training.loss import Task
from pelu_fab.training.recipe import Recipe
from pelu_fab.training.replicas import Replicas
from pelu_fab.training.train import task_of

IRIS = Path(__file__).parent.parent / "designs" / "iris" / "iris.csv"


def plain_loop(seed: int, task: Task, steps: int) -> int:
    """The blog's loop, as one writes it; errors at its end."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(PeLU(4, 3), PeLU(3, 3))
    for layer in model:
        layer.reset_parameters(generator)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        nn.functional.cross_entropy(model(task.pours), task.labels).backward()
        adam.step()
    with torch.no_grad():
        return int((model(task.pours).argmax(1) != task.labels).sum())


def batched(seeds: int, task: Task, steps: int) -> list[int]:
    """This package's loop, all seeds side by side; errors of each."""
    replicas = Replicas.started((4, 3, 3), range(seeds))
    fit(replicas, task, Recipe(hidden=[3], steps=steps))
    with torch.no_grad():
        return (replicas(task.pours)[:, 0].argmax(-1) != task.labels).sum(1).tolist()


def timed(run: Callable[[], object], repeats: int) -> tuple[float, object]:
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return best, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = read_table(IRIS, scale=10.0)
    every = np.ones(len(table.labels), dtype=bool)

    def task(count: int) -> Task:
        return task_of(table, [Split(every, ~every, ~every)] * count, Recipe())

    plain = [timed(lambda s=seed: plain_loop(s, task(1), given.steps), given.repeats) for seed in range(6)]
    alone = sum(seconds for seconds, _ in plain) / len(plain)
    print(f"plain loop: {alone:.2f} s a seed, errors {[errors for _, errors in plain]}")
    for seeds in (1, 6, 32):
        seconds, errors = timed(lambda n=seeds: batched(n, task(n), given.steps), given.repeats)
        ratio = alone * seeds / seconds
        print(f"{seeds} side by side: {seconds / seeds:.2f} s a seed, {ratio:.1f} times faster, errors {errors}")


if __name__ == "__main__":
    main()
