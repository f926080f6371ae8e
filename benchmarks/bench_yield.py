"""How fast prints are judged: (print × flower) evaluations a second on one core, against the bare matrix products.

python benchmarks/bench_yield.py [SOURCE]      default: designs/iris
"""

import os
import sys
from pathlib import Path
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core, whatever BLAS would like
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from pelu_fab.commands.source import rig_of
from pelu_fab.sim.forecast import CHUNK, POOL
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.tolerance import answers, blank, draw, pour_errors

ROUNDS = 40


def best(work, repeats=5):
    """Shortest of several timings, seconds: the machine's other work only ever adds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        for _ in range(ROUNDS):
            work()
        times.append((perf_counter() - start) / ROUNDS)
    return min(times)


def main(source="designs/iris"):
    rig = rig_of(Path(source))
    pours = rig.samples.inputs * rig.unit_volume
    noise, rng = Noise.of(rig.process), np.random.default_rng(0)
    start = blank(rig.water, rig.process)
    pool = pour_errors(POOL, rng)
    prints = draw(start, noise, CHUNK, rng)
    exact = np.random.default_rng(1).random((CHUNK, *pours.shape), dtype=np.float32)
    matrices = [s.astype(np.float32) for s in prints.shares]
    turned = [np.ascontiguousarray(m.transpose(0, 2, 1)) for m in matrices]
    exact_turned = np.ascontiguousarray(exact.transpose(0, 2, 1))

    def whole():
        answers(draw(start, noise, CHUNK, rng), pours, noise, rng, pool=pool)

    def judged():
        answers(prints, pours, noise, rng, pool=pool)

    stores = [np.empty((CHUNK, len(pours), m.shape[2]), np.float32) for m in matrices]
    stores_turned = [np.empty((CHUNK, m.shape[1], len(pours)), np.float32) for m in turned]

    def products():
        volumes = exact
        for matrix, store in zip(matrices, stores, strict=True):
            volumes = np.matmul(volumes, matrix, out=store)

    def products_turned():
        volumes = exact_turned
        for matrix, store in zip(turned, stores_turned, strict=True):
            volumes = np.matmul(matrix, volumes, out=store)

    evaluations = CHUNK * len(pours)
    timed = {f.__name__: best(f) for f in (whole, judged, products, products_turned)}
    for name, seconds in timed.items():
        print(f"{name:<16} {seconds / evaluations * 1e9:7.2f} ns each, {evaluations / seconds / 1e6:7.2f} M/s")
    for name in ("whole", "judged"):
        ratios = [timed[name] / timed[bare] for bare in ("products", "products_turned")]
        shapes = ("(samples, in) @ (in, out)", "(out, in) @ (in, samples)")
        print(f"{name} / products: " + ", ".join(f"{r:.2f} as {s}" for r, s in zip(ratios, shapes, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
