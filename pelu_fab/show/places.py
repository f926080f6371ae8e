"""Where findings are, beside the report: balls in 3-D, sections on paper. A report and parts in, paths out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pelu_fab.files import PLACES, write_file
from pelu_fab.show import findings, markers
from pelu_fab.show.findings import Parts


def write_places(directory: Path, report: Mapping[str, Any], parts: Parts) -> list[Path]:
    """Write both for the failed checks that have a place in the assembly; where there are none, take old files away.

    `parts` are the placed triangles of the device as it was judged.
    """
    paths = [Path(directory) / name for name in PLACES]
    failed = placed_failures(report)
    if not failed or not parts:
        for path in paths:
            path.unlink(missing_ok=True)
        return []
    for path, blob in zip(paths, (markers.to_markers(parts, failed), findings.to_findings(parts, failed)), strict=True):
        write_file(path, blob)
    return paths


def placed_failures(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Failed checks with a place, in the report's order: worst first."""
    return [check for check in report["checks"] if check["status"] == "fail" and check.get("at")]
