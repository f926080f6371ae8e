"""What a solver found about the files as they are now, for verify.json, the terminal and the page."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.cfd.result import fresh, read_results
from pelu_fab.network.names import branch_name, duct_name
from pelu_fab.signoff.dossier import PartEntry, read_dossier

TOLD = (
    "at",
    "kind",
    "pour",
    "process",
    "flow",
    "poured",
    "kept",
    "delivered",
    "shares",
    "steady",
    "left",
    "lands",
    "pictures",
)
ON_ITS_WAY = ("back",)  # thrown back up its gutter, from where it comes again


def digests(folder: Path, entries: Iterable[PartEntry]) -> dict[str, str]:
    """sha256 of parts' files as they are now; parts whose file is gone are left out."""
    files = {entry.name: folder / entry.file for entry in entries}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}


def compared(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """`{"cfd": rows}` of a folder's results; nothing where there are none, or all of them are of other files."""
    outcomes = read_results(folder)
    if not outcomes:
        return {}
    known = fresh(outcomes, digests(folder, read_dossier(folder).manifest.parts))
    rows = [{key: _plain(getattr(one, key)) for key in TOLD} for _, one in sorted(known.items())]
    return {"cfd": rows} if rows else {}


def share_lines(report: Mapping[str, Any]) -> list[str]:
    """Trained, section, predicted and solved shares (whole run, later half of the pour) of every branch solved, in %.

    `report` is verify.json's table.
    """
    rows = [row for row in report.get("cfd", []) if row["kind"] == "bucket"]
    told = {row["where"]: row for row in report.get("recovered", {}).get("flows", [])}
    lines = []
    for row in rows:
        for goal, share in row["shares"].items():
            where = duct_name(row["at"], goal)
            asked = [told[where][key] if where in told else None for key in ("trained", "section", "predicted")]
            cells = (None if v is None else 100 * v for v in (*asked, share, row["steady"].get(goal)))
            shares = "".join(f"{'-' if v is None else format(v, '.2f'):>9}" for v in cells)
            lines.append(f"{where:<18}{shares}  {row['pour']}, {row['process']}")
    head = f"{'share, %':<18}{'trained':>9}{'section':>9}{'flow':>9}{'CFD':>9}{'steady':>9}  pour"
    return [head, *lines] if lines else []


def table_lines(folder: Path) -> list[str]:
    """The results of a folder's files as they are, as a Markdown table; buckets with how far off the trained shares."""
    network = read_dossier(folder).trained
    count = len(network.layers)
    trained = {
        branch_name(depth, i, j, layers=count): float(share)
        for depth, layer in enumerate(network.layers)
        for (i, j), share in np.ndenumerate(layer.shares)
    }
    lines = [
        "| where | pour | fluid | goes to, % | points off | astray, mL |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in compared(folder).get("cfd", []):
        off = [abs(share - trained.get(duct_name(row["at"], goal), share)) for goal, share in row["shares"].items()]
        told = " / ".join(f"{goal} {100 * share:.2f}" for goal, share in row["shares"].items())
        astray = sum(volume for name, volume in row["left"].items() if name not in ON_ITS_WAY)
        points = f"{100 * max(off):.2f}" if row["kind"] == "bucket" and off else ""
        if row["kind"] == "transfer":
            told, astray = _arrives(row, astray)
        pour = f"{row['pour']}, {row['flow']:.1f} mL/s"
        lines.append(f"| {row['at']} | {pour} | {row['process']} | {told} | {points} | {astray:.3f} |")
    return lines


def _arrives(row: Mapping[str, Any], astray: float) -> tuple[str, float]:
    """How much of what has left a tray, or come to a pool, arrives where it should, and the mL that do not.

    Of the water `astray` of a pool none arrives; off a tray it flies on, and some may.
    """
    flown = sum(row["left"].values())
    if " into " in row["at"]:
        came = row["poured"] - (flown - astray)
    else:
        (goal,) = row["delivered"]
        came, astray = row["delivered"][goal] + flown, flown * (1.0 - row["lands"].get(goal, 0.0))
    return f"{100 * (1.0 - astray / max(came, 1e-9)):.2f} arrive", astray


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
