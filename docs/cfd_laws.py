"""The combs' law beside the solver: `python docs/cfd_laws.py` fits it on half of the recorded cards, tests the rest.

A card of a design is a row of its cfd.csv with a share for every branch, solved with six cells a tooth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
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


def told() -> list[str]:
    """The lines of docs/cfd.md: each half's law on itself and on the others, and the law that teeth are cut by."""
    lines, found = [], runs()
    even = [run for run in found if run.pour == "middle"]  # no law of a comb knows a stream at one end
    halves = [even[::2], even[1::2]]
    laws = [fitted(half) for half in halves]
    for half, law, other in zip(halves, laws, reversed(halves), strict=True):
        there, elsewhere = (
            ", ".join(f"{run.name} {off(run, shares(run.teeth, law, run.excess)):.2f}" for run in group)
            for group in (half, other)
        )
        lines.append(f"kappa {law:.2f} mm, fitted on {there}")
        lines.append(f"    tested on {elsewhere}")
    cut = ", ".join(f"{run.name} {off(run, run.predicted):.2f}" for run in found)
    return [*lines, f"the law that teeth are cut by: {cut}"]


if __name__ == "__main__":
    print("\n".join(told()))
