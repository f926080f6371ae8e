"""What a solver found about the files as they are now, for verify.json, the terminal and the page."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pelu_fab.cfd.result import fresh, read_results
from pelu_fab.network.names import bucket_name, duct_name, target_name
from pelu_fab.signoff.dossier import PartEntry, read_dossier

TOLD = ("at", "kind", "pour", "process", "flow", "poured", "kept", "shares", "steady", "left", "lands", "pictures")


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


def share_lines(report: Mapping[str, Any], trained: Sequence[Mapping[str, Any]]) -> list[str]:
    """Trained, section, predicted and solved shares of every branch that was solved, in points of 100.

    `report` is verify.json's table, `trained` the layers of network.json.
    """
    rows = [row for row in report.get("cfd", []) if row["kind"] == "bucket"]
    if not rows:
        return []
    lines = [f"{'share, %':<18}{'trained':>9}{'section':>9}{'predicted':>11}{'CFD':>9}{'steady':>9}  pour"]
    places = {
        (bucket_name(depth, i), target_name(depth, j, layers=len(trained))): (depth, i, j)
        for depth, layer in enumerate(trained)
        for i, shares in enumerate(layer["w"])
        for j in range(len(shares))
    }
    for row in rows:
        for goal, share in row["shares"].items():
            if (row["at"], goal) not in places:
                continue
            depth, i, j = places[row["at"], goal]
            found = [100 * trained[depth]["w"][i][j], *(_found(report, key, depth, i, j) for key in FOUND)]
            found += [100 * share, 100 * row["steady"].get(goal, 0.0)]
            told = "".join(f"{'-' if c is None else format(c, '.2f'):>{w}}" for c, w in zip(found, WIDTHS, strict=True))
            lines.append(f"{duct_name(row['at'], goal):<18}{told}  {row['pour']}, {row['process']}")
    return lines


FOUND = ("sections", "predicted")  # of verify.json's recovered layers; the second where sign-off predicts flow
WIDTHS = (9, 9, 11, 9, 9)


def _found(report: Mapping[str, Any], key: str, depth: int, unit: int, target: int) -> float | None:
    layers = report.get("recovered", {}).get("layers", [])
    table = layers[depth].get(key) if depth < len(layers) else None
    return None if not table else 100 * float(table[unit][target])


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
