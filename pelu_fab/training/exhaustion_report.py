"""In: outcomes of the exhaustion study. Out: docs/exhaustion.md and its figures, the same bytes for the same seeds."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pelu_fab.errors import FabError
from pelu_fab.training.exhaustion import (
    CASES,
    CONTESTANTS,
    FLOOR,
    LEARNT,
    RECOVERED,
    SEEDS,
    STEPS,
    Case,
    Outcome,
    run_all,
)
from pelu_fab.training.functions_plot import EARTH, INK, WATER, blank, png

HEAD = f"""# When a network is exhausted

A net learns one function, then, from where that left it, another. Can it? Each line is the median of {SEEDS} seeds,
{STEPS} Adam steps a phase. *Loss* is the mean squared error as a part of the target's variance, *fresh* that of a new
net trained on this phase alone; *recovered* counts nets whose loss is within {RECOVERED:g} times the fresh one, or
below {FLOOR:g}; where the fresh net stays above {LEARNT:g} there is nothing to recover. *Live* units bend within the
range, *dead* ones are inactive all over it, the others always active.

Written by `python -m pelu_fab.training.exhaustion_report docs`; not edited by hand. [What it says](theory.md).
"""


def main() -> None:
    """Run the study and write its report into the folder named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m pelu_fab.training.exhaustion_report FOLDER")
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    if not folder.is_dir():
        raise FabError(str(folder), "is no folder", "make it first")
    outcomes = run_all(say=lambda text: print(text, file=sys.stderr))
    for name, blob in files(outcomes).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(blob)


def files(outcomes: Sequence[Outcome], cases: Sequence[Case] = CASES) -> dict[str, bytes]:
    """The report and its figures by name, relative to docs/."""
    found = {}
    parts = [HEAD, *summary(outcomes)]
    for case in cases:
        name = "figures/exhaustion-" + "".join(c if c.isalnum() else "-" for c in case.name) + ".png"
        mine = [o for o in outcomes if o.case == case.name]
        found[name] = figure(case, mine)
        parts += [f"\n## {case.name}\n", *table(mine), f"\n![Bends before and after, {case.name}]({name})"]
    found["exhaustion.md"] = ("\n".join(parts) + "\n").encode()
    return found


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Recovered nets of all phases after the first that a fresh net of that kind learns, by contestant."""
    lines = [
        "| net | recovered, of switches to what a fresh net learns | dead units after the last switch, mean |",
        "|---|---|---|",
    ]
    for contestant in CONTESTANTS:
        later = [o for o in outcomes if o.contestant == contestant and o.phase > 0]
        last = [o for o in later if o.phase == max(p.phase for p in later if p.case == o.case)]
        able, dead = [o for o in later if o.fresh <= LEARNT], sum(o.dead / o.units for o in last) / len(last)
        recovered, tried = sum(o.recovered for o in able), len(able) * SEEDS
        lines.append(f"| {contestant} | {recovered} of {tried} ({recovered / max(tried, 1):.0%}) | {dead:.0%} |")
    return lines


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each contestant and phase."""
    lines = ["| net | phase | loss | fresh | recovered | live | dead | of |", "|---|---|---|---|---|---|---|---|"]
    for o in outcomes:
        counts = f"{o.live} | {o.dead} | {o.units}"
        lines.append(f"| {o.contestant} | {o.label} | {o.loss:.1e} | {o.fresh:.1e} | {verdict(o)} | {counts} |")
    return lines


def verdict(outcome: Outcome) -> str:
    """How many nets recovered; nothing to recover from in the first phase."""
    if outcome.phase == 0:
        return "first"
    if outcome.fresh > LEARNT:
        return "fresh fails too"
    word = "recovered" if 2 * outcome.recovered > SEEDS else "frozen"
    return f"{outcome.recovered}/{SEEDS} {word}"


def figure(case: Case, outcomes: Sequence[Outcome]) -> bytes:
    """A column a phase, a row a contestant: target, the first seed's curve, and its bends as ticks below."""
    rows = case.contestants
    canvas = blank(2.7 * len(case.phases), 1.45 * len(rows))
    grid = canvas.subplots(len(rows), len(case.phases), squeeze=False)
    low, high = case.axis
    for outcome in outcomes:
        axes = grid[rows.index(outcome.contestant)][outcome.phase]
        x, target, found = outcome.drawn
        axes.plot(x, target, color="#999999", linewidth=3.0, alpha=0.6)
        axes.plot(x, found, color=WATER if "pelu" in outcome.contestant else EARTH, linewidth=1.2)
        bottom = min(float(target.min()), float(found.min()))
        places = low + outcome.bends * (high - low)
        axes.plot(places, [bottom - 0.3] * len(places), "|", color=INK, markersize=8)
        axes.set_xlim(low, high)
        axes.tick_params(labelsize=6)
        axes.text(
            0.02, 0.96, f"{outcome.live} live, {outcome.dead} dead", transform=axes.transAxes, fontsize=6, va="top"
        )
        if outcome.phase == 0:
            axes.set_ylabel(outcome.contestant, fontsize=8)
        if outcome.contestant == rows[0]:
            axes.set_title(outcome.label, fontsize=8)
    return png(canvas)


if __name__ == "__main__":
    main()
