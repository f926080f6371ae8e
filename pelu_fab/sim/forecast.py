"""Will it work when it is printed? A device, data and a noise in; yield, causes and the certified budget out.

Work is cut into chunks of prints with seeds of their own, so that any number of workers gives the same numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network import algebra
from pelu_fab.network.model import Layer
from pelu_fab.sim.noise import BY_HAND, CAUSES, Noise
from pelu_fab.sim.tolerance import Answers, Blank, Prints, answers, blank, draw, pour_errors
from pelu_fab.sim.water import WaterNetwork

Array = NDArray[np.float64]
Map = Callable[[Callable[["Job"], "Part"], Sequence["Job"]], Iterable["Part"]]
CHUNK = 256
POOL = 1 << 20
CAUSE_PRINTS = 512  # for each bar of the tornado


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One chunk of prints. Everything that a worker needs, and nothing that depends on which worker it is."""

    device: Blank
    noise: Noise
    layers: tuple[Layer, ...]  # mm3: what was asked for
    pours: Array  # (samples, in) mm3
    truth: NDArray[np.int64]  # labels, or the trained network's answers
    prints: int
    seed: tuple[int, ...]
    judge: Callable[..., Answers] = answers  # or its like on another device
    bucket: str | None = None  # only this bucket's errors count


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one chunk found: accuracy by print, and how many (print, sample) pairs are certified, of how many."""

    accuracy: Array
    certified: int
    pairs: int
    wrong: NDArray[np.int64]  # by sample


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Accuracy is the share of samples answered right, against labels where there are any, else the trained network."""

    against: str  # labels | trained network
    accuracy: Array  # (prints,)
    asked: float  # the network that is built, by the algebra
    drawn: float  # the device as drawn, in real water, without errors
    gaps: Array  # (samples,) mL: the certified budget of each sample
    certified: float  # share of (print, sample) pairs whose device errors stay inside the budget
    by_cause: Mapping[str, float]  # share of the drawn device's answers that this cause alone changes
    by_bucket: Mapping[str, float]  # and that the errors of this bucket alone change
    wrong: Array  # (samples,): share of prints that get it wrong

    def share_at_least(self, accuracy: float) -> float:
        """Share of prints whose accuracy is `accuracy` or better."""
        return float((self.accuracy >= accuracy - 1e-12).mean())


def certified_pairs(layers: Sequence[Layer], prints: Prints, pours: Array) -> NDArray[np.bool_]:
    """(prints, samples): whether a print's errors add up to less than the sample's gap, so that no answer can change.

    Σ |error of what is kept, and of a flush's threshold| + Σ spill |share error|₁ + film < gap; each is the most that
    it moves the outputs in L1, with the spill of the network asked for. What is left of it is the budget for the pours.
    """
    moved = np.zeros((len(prints.retained[0]), len(pours)))
    volumes = pours
    for index, (layer, retained, shares, film) in enumerate(
        zip(layers, prints.retained, prints.shares, prints.film, strict=True)
    ):
        spill = algebra.spilled(layer, volumes)
        moved += np.abs(retained - layer.retained).sum(axis=1)[:, None] + film.sum(axis=1)[:, None]
        if prints.jumps:
            met = np.abs(retained + prints.jumps[index] - layer.thresholds) * layer.flushes
            moved += met.sum(axis=1)[:, None]
        moved += np.abs(shares - layer.shares).sum(axis=2) @ spill.T
        volumes = spill @ layer.shares
    return np.asarray(moved < algebra.gaps(layers, pours))


def run_job(job: Job) -> Part:
    """Print, pour and count."""
    rng = np.random.default_rng(job.seed)
    by_hand = any(getattr(job.noise, name) > 0 for name in BY_HAND)
    pool = pour_errors(POOL, np.random.default_rng(job.seed[0])) if by_hand else None
    prints = draw(job.device, job.noise, job.prints, rng)
    if job.bucket is not None:
        prints = _only(prints, draw(job.device, Noise(), 1, rng), job)
    right = job.judge(prints, job.pours, job.noise, rng, pool=pool) == job.truth
    certified = certified_pairs(job.layers, prints, job.pours)
    return Part(right.mean(axis=1), int(certified.sum()), certified.size, (~right).sum(axis=0))


def _only(prints: Prints, drawn: Prints, job: Job) -> Prints:
    """The drawn device with the errors of one bucket, its threshold and its comb."""
    names = job.device.plumbing.buckets
    index = names.index(str(job.bucket))
    retained, shares, jumps, first = [], [], [], 0
    for row, (noisy_r, noisy_s, clean_r, clean_s) in enumerate(
        zip(prints.retained, prints.shares, drawn.retained, drawn.shares, strict=True)
    ):
        own = np.arange(first, first + noisy_r.shape[1]) == index
        retained.append(np.where(own, noisy_r, clean_r))
        shares.append(np.where(own[:, None], noisy_s, clean_s))
        jumps += [np.where(own, prints.jumps[row], drawn.jumps[row])] if prints.jumps else []
        first += noisy_r.shape[1]
    return Prints(
        tuple(retained),
        tuple(shares),
        tuple(np.broadcast_to(f, n.shape) for f, n in zip(drawn.film, prints.film, strict=True)),
        prints.primed,
        tuple(jumps),
    )


def jobs_of(
    water: WaterNetwork,
    process: Process,
    layers: Sequence[Layer],
    pours: Array,
    labels: NDArray[np.int64] | None,
    *,
    prints: int,
    noise: Noise,
    seed: int,
    causes: bool = True,
    judge: Callable[..., Answers] = answers,
) -> list[tuple[str, Job]]:
    """All chunks of one forecast, each with what it is for: `yield`, `drawn`, `cause:xy`, `bucket:L0.b0`."""
    truth = labels if labels is not None else algebra.predict(layers, pours)
    start = Job(blank(water, process), noise, tuple(layers), pours, truth, CHUNK, (seed,), judge)
    named = []
    for chunk, first in enumerate(range(0, prints, CHUNK)):
        named.append(("yield", replace(start, prints=min(CHUNK, prints - first), seed=(seed, 0, chunk))))
    named.append(("drawn", replace(start, prints=1, noise=Noise(), seed=(seed, 1, 0))))
    if causes:
        few = min(prints, CAUSE_PRINTS)
        rng = np.random.default_rng((seed, 1, 0))
        drawn = answers(draw(start.device, Noise(), 1, rng), pours, Noise(), rng)[0]
        start = replace(start, truth=np.asarray(drawn, dtype=np.int64))
        asked = [c for c in CAUSES if c != "siphon" or start.device.plumbing.siphons is not None]
        named += [(f"cause:{c}", replace(start, prints=few, noise=noise.only(c), seed=(seed, 2, 0))) for c in asked]
        still = replace(noise, film_ml=0.0, **dict.fromkeys(BY_HAND, 0.0))
        for bucket in water.buckets:
            named.append(
                (
                    f"bucket:{bucket.name}",
                    replace(start, prints=few, noise=still, seed=(seed, 2, 0), bucket=bucket.name),
                )
            )
    return named


def forecast(
    water: WaterNetwork,
    process: Process,
    layers: Sequence[Layer],
    pours: Array,
    labels: NDArray[np.int64] | None = None,
    *,
    prints: int = 4096,
    noise: Noise | None = None,
    seed: int = 0,
    causes: bool = True,
    run: Map | None = None,
) -> Forecast:
    """Print the device `prints` times on paper. `layers` (mm3) is the network asked for, `pours` (samples, in) mm3.

    `run` maps `run_job` over jobs in order, here or on other machines (`sim.sweep`).
    """
    named = jobs_of(
        water, process, layers, pours, labels, prints=prints, noise=noise or Noise.of(process), seed=seed, causes=causes
    )
    parts = list((run or map)(run_job, [job for _, job in named]))
    return assemble([name for name, _ in named], parts, layers, pours, labels)


def assemble(
    names: Sequence[str],
    parts: Sequence[Part],
    layers: Sequence[Layer],
    pours: Array,
    labels: NDArray[np.int64] | None,
) -> Forecast:
    """Put the chunks of one forecast together again."""
    pairs = list(zip(names, parts, strict=True))
    printed = [part for name, part in pairs if name == "yield"]
    drawn = next(float(part.accuracy[0]) for name, part in pairs if name == "drawn")
    accuracy = np.concatenate([part.accuracy for part in printed])
    answers_trained = algebra.predict(layers, pours)

    def changed(prefix: str) -> dict[str, float]:
        found = {
            name.removeprefix(prefix): 1.0 - float(p.accuracy.mean()) for name, p in pairs if name.startswith(prefix)
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    return Forecast(
        against="trained network" if labels is None else "labels",
        accuracy=accuracy,
        asked=1.0 if labels is None else float((answers_trained == labels).mean()),
        drawn=drawn,
        gaps=algebra.gaps(layers, pours) / MM3_PER_ML,
        certified=sum(p.certified for p in printed) / sum(p.pairs for p in printed),
        by_cause=changed("cause:"),
        by_bucket=changed("bucket:"),
        wrong=np.sum([p.wrong for p in printed], axis=0) / len(accuracy),
    )


def to_json(found: Forecast, thresholds: Sequence[float]) -> dict[str, Any]:
    """The forecast as plain numbers; volumes in mL."""
    gaps = found.gaps
    return {
        "schema": 1,
        "against": found.against,
        "prints": len(found.accuracy),
        "accuracy": {
            "asked": found.asked,
            "drawn": found.drawn,
            "mean": float(found.accuracy.mean()),
            "p05": float(np.quantile(found.accuracy, 0.05)),
        },
        "yield": {f"{t:g}": found.share_at_least(t) for t in thresholds},
        "changed_by_cause": dict(found.by_cause),
        "changed_by_bucket": dict(found.by_bucket),
        "certified": {
            "pairs": found.certified,
            "gap_ml": {  # None with one cup, which nothing can overtake
                "min": float(gaps.min()),
                "p05": float(np.quantile(gaps, 0.05)),
                "median": float(np.median(gaps)),
            }
            if np.isfinite(gaps).all()
            else None,
        },
        "histogram": {
            f"{value:.6g}": int(count)
            for value, count in zip(*np.unique(found.accuracy, return_counts=True), strict=True)
        },
    }
