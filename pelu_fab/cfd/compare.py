"""What a solver found about the files as they are now, for verify.json, the terminal and the page."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pelu_fab.cfd.result import fresh, read_results
from pelu_fab.network.names import duct_name
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


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
