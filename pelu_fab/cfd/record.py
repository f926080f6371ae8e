"""What a solver said of a design's parts, as rows for people: cfd.csv beside a design outlives the files."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pelu_fab.cfd.case import BACK
from pelu_fab.cfd.compare import digests
from pelu_fab.cfd.result import FILE, Outcome, fresh, read_results
from pelu_fab.cfd.run import Job, key_of
from pelu_fab.errors import FabError
from pelu_fab.network.names import branch_name, duct_name, source_of, target_of
from pelu_fab.signoff.dossier import read_dossier

RECORD = "cfd.csv"
COLUMNS = ("date", "at", "pour", "fluid", "cells", "CPU min", "found", "points off", "astray, mL", "key", "parts")
DIGITS = 12  # of a sha256, enough to tell it from another
BEGUN = 0.05  # mL: a comb that has given so much runs
LAST, TRICKLE = 0.2, 0.15  # s, mL/s: a pool that gave less than that in its last moments has run off


@dataclass(frozen=True, slots=True)
class Said:
    """One case. `found` tells shares in %, trained ones in brackets; `off` is the worst in points, `astray` is in mL.

    `parts` are the first digits of the sha256 of the files that were solved, `key` those of the case that was cut from
    them (`run.key_of`); none where nobody wrote them down.
    """

    date: str
    at: str
    pour: str
    fluid: str
    cells: int
    minutes: float
    found: str
    off: float | None
    astray: float | None
    key: str
    parts: Mapping[str, str]

    @property
    def case(self) -> tuple[str, str, str, int]:
        """What was asked: of two answers the later one is kept."""
        return self.at, self.pour, self.fluid, self.cells

    def is_of(self, digests: Mapping[str, str]) -> bool:
        """Whether these parts (sha256 by name) are the ones that were solved."""
        return bool(self.parts) and all(digests.get(part, "").startswith(told) for part, told in self.parts.items())


def still_so(rows: Iterable[Said], jobs: Iterable[Job]) -> tuple[list[Said], list[Job]]:
    """Rows whose very case is one of `jobs`, as of that job's parts, and the jobs that no row knows.

    A part may change where no water runs: the case that is cut from it stays the same, and so does its result.
    """
    known = {row.key: row for row in rows if row.key}
    stamped, others = [], []
    for job in jobs:
        row = known.get(key_of(job.files)[:DIGITS])
        if row is None:
            others.append(job)
        else:
            stamped.append(replace(row, parts=_digits(job.parts)))
    return stamped, others


def said(folder: Path, *, stale: bool = True) -> list[Said]:
    """What is known of an export: cfd.json as rows, dated by that file; results of files that are gone if `stale`."""
    outcomes = read_results(folder)
    if not outcomes:
        return []
    dossier = read_dossier(folder)
    if not stale:
        outcomes = fresh(outcomes, digests(folder, dossier.manifest.parts))
    layers = dossier.trained.layers
    trained = {
        branch_name(depth, i, j, layers=len(layers)): float(share)
        for depth, layer in enumerate(layers)
        for (i, j), share in np.ndenumerate(layer.shares)
    }
    date = datetime.fromtimestamp((folder / FILE).stat().st_mtime, UTC).date().isoformat()
    return [_said(one, trained, date) for _, one in sorted(outcomes.items())]


def _said(one: Outcome, trained: Mapping[str, float], date: str) -> Said:
    astray = sum(volume for name, volume in one.left.items() if name != BACK)
    astray *= 1.0 - one.lands.get(target_of(one.at) or one.at, 0.0)  # what splashes up and falls back
    off: float | None = None
    lacked = one.kind == "bucket" and one.below > 0.0
    if one.kind == "transfer":
        found, astray = _arrives(one, astray)
    elif one.kind == "siphon":
        out = sum(one.delivered.values())
        found = f"{out:.1f} of {one.start + one.poured:.1f} mL out when it ended"
    elif lacked:
        found = _begins(one)
    else:
        asked = {goal: trained.get(duct_name(one.at, goal)) for goal in one.shares}
        gaps = [abs(share - told) for goal, share in one.shares.items() if (told := asked[goal]) is not None]
        off = 100 * max(gaps) if gaps else None
        found = " / ".join(
            f"{goal} {100 * share:.2f}" + ("" if (told := asked[goal]) is None else f" ({100 * told:.2f})")
            for goal, share in one.shares.items()
        )
    return Said(
        date=date,
        at=one.at,
        pour=f"{one.pour}, {one.flow:.1f} mL/s, {one.poured:.1f} mL" + (f", {one.below:.1f} short" if lacked else ""),
        fluid=one.process,
        cells=one.cells,
        minutes=one.cpu_s / 60,
        found=found,
        off=off,
        astray=astray,
        key=one.key[:DIGITS],
        parts=_digits(one.parts),
    )


def _begins(one: Outcome) -> str:
    """When a comb begins to run whose pool was not full: how much leaves too early, what the pool then lacks, and, once
    all has run off, how much more the bucket keeps than its pool holds up to the sill.
    """
    t, *out = (np.array(series) for series in (one.series["t"], *(one.series[goal] for goal in one.delivered)))
    poured, gone = one.flow * t, np.sum(out, axis=0)
    early = float(np.interp(one.below, poured, gone))
    if gone[-1] < BEGUN:
        return f"{gone[-1]:.2f} mL out of a pool that lacked {one.below:.1f} and got {one.poured:.1f}"
    lacks = one.below - float(poured[np.argmax(gone >= BEGUN)])
    begun = f"; begins {lacks:.1f} mL early" if lacks > 0 else ""  # later than that, a head has to build up first
    stopped = np.interp(t[-1] - LAST, t, gone)
    kept = one.poured - sum(one.delivered.values()) - one.below
    drained = f"; drained, it keeps {kept:+.2f} mL over its sill" if gone[-1] - stopped < TRICKLE * LAST else ""
    return f"{early:.2f} mL out before its pool is full{begun}{drained}"


def _digits(parts: Mapping[str, str]) -> dict[str, str]:
    return {part: digest[:DIGITS] for part, digest in parts.items()}


def _arrives(one: Outcome, astray: float) -> tuple[str, float]:
    """How much of what has left a tray, or come to a pool, arrives where it should, and the mL that do not.

    Water that flies off may still come down where it should. What falls back into the bucket that it came from passes
    its comb again, and counts then.
    """
    if " into " in one.at:
        came = one.poured - one.left.get(BACK, 0.0)
    else:
        (goal,) = one.delivered
        flown = sum(one.left.values())
        gone = flown * (1.0 - one.lands.get(source_of(one.at), 0.0))
        came, astray = one.delivered[goal] + gone, gone - flown * one.lands.get(goal, 0.0)
    return f"{100 * (1.0 - astray / max(came, 1e-9)):.2f} arrive", astray


def table_lines(folder: Path) -> list[str]:
    """The results of a folder's files as they are, as a Markdown table."""
    lines = [
        "| where | pour | fluid | goes to, % (trained) | points off | astray, mL |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in said(folder, stale=False):
        lines.append("| " + " | ".join((row.at, row.pour, row.fluid, row.found, *_numbers(row))) + " |")
    return lines


def _numbers(row: Said) -> tuple[str, str]:
    off, astray = row.off, row.astray
    return "" if off is None else f"{off:.2f}", "" if astray is None else f"{astray:.3f}"


def merged(old: Iterable[Said], new: Iterable[Said]) -> list[Said]:
    """Rows in the order of their cases, of each case the latest."""
    rows = sorted([*old, *new], key=lambda row: row.date)
    return [row for _, row in sorted({row.case: row for row in rows}.items())]


def to_csv(rows: Iterable[Said]) -> str:
    """cfd.csv."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        parts = " ".join(f"{part} {digest}" for part, digest in sorted(row.parts.items()))
        told = (row.date, row.at, row.pour, row.fluid, str(row.cells), f"{row.minutes:.1f}", row.found)
        writer.writerow((*told, *_numbers(row), row.key, parts))
    return stream.getvalue()


def read_record(path: Path) -> list[Said]:
    """Rows of a cfd.csv; none if there is no such file, `FabError` if it can't be read."""
    if not path.exists():
        return []
    try:
        head, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if tuple(head) != COLUMNS:
            raise ValueError(f"its columns are {', '.join(head)}")
        return [_read(*row) for row in rows if row]
    except (OSError, ValueError, TypeError) as error:
        raise FabError(str(path), f"can't be read ({error})", "delete it, and record the results again") from error


def _read(
    date: str,
    at: str,
    pour: str,
    fluid: str,
    cells: str,
    minutes: str,
    found: str,
    off: str,
    astray: str,
    key: str,
    parts: str,
) -> Said:
    datetime.fromisoformat(date)
    words = parts.split()
    return Said(
        date=date,
        at=at,
        pour=pour,
        fluid=fluid,
        cells=int(cells),
        minutes=float(minutes),
        found=found,
        off=float(off) if off else None,
        astray=float(astray) if astray else None,
        key=key,
        parts=dict(zip(words[::2], words[1::2], strict=True)),
    )
