"""The combs' law beside the solver: `python docs/cfd_laws.py` fits it on half of the recorded cards, tests the rest.

A card of a design is a row of its cfd.csv with a share for every branch, solved with six cells a tooth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

import pelu_fab
from pelu_fab.cfd.record import RECORD, read_record
from pelu_fab.hydraulics import comb_head, predicted_shares
from pelu_fab.stages.lay_out import lay_out

DESIGNS = Path(__file__).parent.parent / "designs"
SHARE = re.compile(r"(\S+) ([\d.]+) \([\d.]+\)")
HANDS = ("middle", "end")  # pours at the flow that combs are cut for
FINE = 40_000  # cells: a card solved with six a tooth has more
START = 1.0  # mm

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a card gave in the solver, and by the law that its teeth were cut by.

    `teeth` are widths, mm, by branch along the sill; an end tooth takes `excess` more.
    """

    card: str
    pour: str
    teeth: tuple[tuple[float, ...], ...]
    solved: Shares
    predicted: Shares
    excess: float = 0.0

    @property
    def name(self) -> str:
        """Which card, and how it was poured into."""
        return f"{self.card}, {self.pour}"


def runs() -> list[Run]:
    """Every recorded card, in the order of designs, cards and pours."""
    found = []
    for path in sorted(DESIGNS.glob(f"*/{RECORD}")):
        known = (row for row in read_record(path) if row.off is not None and row.cells >= FINE)
        rows = [row for row in known if row.pour.startswith(HANDS)]
        if not rows:
            continue
        design = pelu_fab.load(path.parent)
        cards = lay_out(design).sized.cards
        for row in (row for row in rows if row.fluid == design.process.name):
            shares = {goal: float(percent) / 100.0 for goal, percent in SHARE.findall(row.found)}
            mouths = sorted(cards[row.at].mouths, key=lambda mouth: mouth.opening)
            teeth = tuple(tuple(b - a for a, b in mouth.teeth) for mouth in mouths)
            head = comb_head(1000.0 * design.pour_flow_ml, [w for mouth in teeth for w in mouth], design.process)
            solved = np.array([shares[mouth.target] for mouth in mouths])
            predicted = np.array(predicted_shares(teeth, head, design.process))
            name, pour = f"{design.name} {row.at}", row.pour.split(",")[0]
            found.append(Run(name, pour, teeth, solved, predicted, design.process.comb.end_excess))
    return found


def shares(teeth: Sequence[Sequence[float]], kappa: float, excess: float = 0.0) -> Shares:
    """Each tooth (w + kappa), an end tooth `excess` more: docs/water.md, eq. (8)."""
    flows = np.array([sum(w + kappa for w in mouth) for mouth in teeth])
    flows[0] += excess * (teeth[0][0] + kappa)
    flows[-1] += excess * (teeth[-1][-1] + kappa)
    return np.asarray(flows / flows.sum())


def off(run: Run, told: Shares) -> float:
    """Points between the solver and a law, of the branch where they differ most."""
    return 100.0 * float(np.abs(told - run.solved).max())


def fitted(known: Sequence[Run]) -> float:
    """The kappa (mm) that comes nearest to some runs."""
    gaps = least_squares(
        lambda x: np.concatenate([shares(run.teeth, x[0], run.excess) - run.solved for run in known]), START
    )
    return float(gaps.x[0])


def cards(found: Sequence[Run]) -> list[Run]:
    """Each card once, the mean of its pours: no law of a comb knows where the stream stands."""
    names = dict.fromkeys(run.card for run in found)
    pours = [[run for run in found if run.card == name] for name in names]
    return [replace(some[0], pour="mean", solved=np.mean([run.solved for run in some], axis=0)) for some in pours]


def worst(tested: Sequence[Run], kappa: float) -> float:
    """Points that a law is off on the card where it is off most."""
    return max(off(run, shares(run.teeth, kappa, run.excess)) for run in tested)


def halves(every: Sequence[Run]) -> list[tuple[float, float]]:
    """For each way to take half of the cards: kappa (mm) fitted on them, and points that it is off on the others."""
    found = []
    for chosen in combinations(range(len(every)), len(every) // 2):
        kappa = fitted([every[i] for i in chosen])
        found.append((kappa, worst([run for i, run in enumerate(every) if i not in chosen], kappa)))
    return found


def told() -> list[str]:
    """The lines of docs/cfd.md: the law fitted on all cards, on halves, and the one that teeth are cut by."""
    found = runs()
    every = cards(found)
    kappas, missed = np.array(halves(every)).T
    low, middle, high = np.quantile(kappas, (0.25, 0.5, 0.75))
    others = [fitted([run for run in every if run is not one]) for one in every]
    out = ", ".join(f"{one.card} {worst([one], kappa):.2f}" for one, kappa in zip(every, others, strict=True))
    cut = ", ".join(f"{run.name} {off(run, run.predicted):.2f}" for run in found)
    return [
        f"fitted on all {len(every)} cards: kappa {fitted(every):.2f} mm",
        f"on half of them, {len(kappas)} ways: kappa {middle:.2f} mm in the median, half {low:.2f} to {high:.2f}",
        f"    on the other half off by {np.median(missed):.2f} in the median, {missed.max():.2f} at most",
        f"each card by the law of all others: {out}",
        f"each pour by the law that teeth are cut by: {cut}",
    ]


if __name__ == "__main__":
    print("\n".join(told()))
