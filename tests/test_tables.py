"""The report on a terminal: counts by group, findings with their place, no name that becomes markup."""

import io
from typing import Any

from rich.console import Console

from pelu_fab.commands.tables import MOST, finding_table, group_table


def check(rule: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": rule,
        "where": "L0.b0",
        "status": status,
        "found": None,
        "limit": None,
        "unit": "",
        "at": None,
        **more,
    }


def shown(table: Any) -> str:
    text = io.StringIO()
    Console(file=text, width=160, color_system=None).print(table)
    return text.getvalue()


def test_groups_are_counted() -> None:
    checks = [
        check("lvs.share", "pass"),
        check("lvs.open", "pass"),
        check("lvs.open", "fail"),
        check("mesh.file", "skipped"),
    ]
    rows = [line.split() for line in shown(group_table({"checks": checks})).splitlines() if line.strip()]
    assert rows[0] == ["checks", "pass", "fail", "skipped"]
    assert rows[2:] == [["lvs", "2", "1"], ["mesh", "1"]]


def test_findings_stay_in_order_with_place_and_text_as_written() -> None:
    worst = check(
        "lvs.share", "fail", found=0.61, limit=0.5, unit="mm", at=[1.0, 2.0, 3.04], why="[red]wide[/red]\x1b[2J"
    )
    lines = shown(finding_table({"checks": [worst, check("mass.leak", "skipped", why="dry"), check("a.b", "pass")]}))
    assert "0.61 mm" in lines and "[red]wide[/red]\\x1b[2J at (1.0, 2.0, 3.0) mm" in lines
    assert lines.index("lvs.share") < lines.index("mass.leak") and "a.b" not in lines


def test_many_findings_are_cut_and_it_says_so() -> None:
    lines = shown(finding_table({"checks": [check("lvs.open", "fail")] * (MOST + 3)}))
    assert lines.count("lvs.open") == MOST and "and 3 more in verify.json" in lines
