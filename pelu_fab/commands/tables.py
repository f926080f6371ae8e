"""A sign-off report on the terminal: tables where someone looks, plain lines where a program reads."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pelu_fab.commands import printable, report_lines, verdict_line

if TYPE_CHECKING:
    from rich.table import Table

MOST = 25  # findings shown; all of them are in verify.json
COLOURS = {"pass": "green", "fail": "red", "skipped": "yellow"}


def print_report(report: Mapping[str, Any]) -> None:
    """Show a report on stdout."""
    if not sys.stdout.isatty():
        print("\n".join(report_lines(report)))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(group_table(report))
    if any(check["status"] != "pass" for check in report["checks"]):
        console.print(finding_table(report))
    console.print(Text(verdict_line(report), style=f"bold {COLOURS[report['verdict']]}"))


def print_cfd(report: Mapping[str, Any]) -> None:
    """Show what a solver found about these very files, beside what was trained, measured and predicted."""
    from pelu_fab.cfd.compare import share_lines

    for line in share_lines(report):
        print(printable(line))


def group_table(report: Mapping[str, Any]) -> "Table":
    """How many checks of each group passed, failed and were skipped."""
    from rich.box import SIMPLE
    from rich.table import Table

    counts = Counter((str(check["id"]).split(".")[0], check["status"]) for check in report["checks"])
    table = Table("checks", *COLOURS, box=SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for group in sorted({group for group, _ in counts}):
        table.add_row(printable(group), *(str(counts[group, status] or "") for status in COLOURS))
    return table


def finding_table(report: Mapping[str, Any]) -> "Table":
    """What failed and what was skipped, worst first, with its place."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    found = [check for check in report["checks"] if check["status"] != "pass"]
    table = Table("", "rule", "where", "found", "limit", "why", box=SIMPLE)
    for check in found[:MOST]:
        unit = f" {check['unit']}" if check.get("unit") else ""
        numbers = [_number(check.get(key), unit) for key in ("found", "limit")]
        place = f" at ({', '.join(f'{x:.1f}' for x in check['at'])}) mm" if check.get("at") else ""
        cells = [check["status"], check["id"], check["where"], *numbers, f"{check.get('why') or ''}{place}"]
        texts = [Text(printable(str(cell))) for cell in cells]
        texts[0].stylize(COLOURS[check["status"]])
        table.add_row(*texts)
    if len(found) > MOST:
        table.caption = f"and {len(found) - MOST} more in verify.json"
    return table


def _number(value: object, unit: str) -> str:
    return "" if value is None else f"{value:.5g}{unit}" if isinstance(value, float) else f"{value}{unit}"
