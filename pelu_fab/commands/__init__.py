"""The verbs of the command line, one a file, and how they speak: results on stdout, progress on stderr."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DONE, CHECK_FAILED, USER_ERROR, OUR_BUG, INTERRUPTED = 0, 1, 2, 70, 130


def printable(text: str) -> str:
    """`text` with every control character escaped: a name can't move a terminal's cursor or forge a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def key_setting(key: str | None) -> list[str]:
    """`--key NAME` as the setting that it stands for."""
    return [] if key is None else [f"key={json.dumps(key)}"]


def frame_settings(frame: str | None, thickness: float | None) -> list[str]:
    """`--frame` and `--sheet-thickness` as the settings that they stand for."""
    told = [] if frame is None else [f"frame={json.dumps(frame)}"]
    return told if thickness is None else [*told, f"sheet.thickness={thickness!r}"]


def print_json(table: Mapping[str, Any]) -> None:
    """One JSON object on stdout: keys sorted, no NaN, plain ASCII."""
    print(json.dumps(table, indent=1, sort_keys=True, allow_nan=False))


@contextlib.contextmanager
def step(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is going on while it goes on; on a terminal only, and on stderr. Yields what tells the next detail."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(printable(what))) as status:
        yield lambda detail: status.update(escape(printable(f"{what}: {detail}")))


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """A sign-off report for people: what failed, what was skipped and why, then one line of counts."""
    checks = report["checks"]
    lines = [_check_line("FAILED", check) for check in checks if check["status"] == "fail"]
    lines += [_check_line("SKIPPED", check) for check in checks if check["status"] == "skipped"]
    groups: dict[str, int] = {}
    for check in checks:
        if check["status"] == "pass":
            group = str(check["id"]).split(".")[0]
            groups[group] = groups.get(group, 0) + 1
    passed = ", ".join(f"{group} {count}" for group, count in sorted(groups.items()))
    lines.append(f"checks passed: {sum(groups.values())} of {len(checks)}" + (f" ({passed})" if passed else ""))
    return [*lines, verdict_line(report)]


def verdict_line(report: Mapping[str, Any]) -> str:
    """The verdict, what it was held against, and how many checks it had to do without."""
    skipped = sum(check["status"] == "skipped" for check in report["checks"])
    missing = f", {skipped} of {len(report['checks'])} checks skipped" if skipped else ""
    return f"verdict: {report['verdict']}{against(report)}{missing}"


def against(report: Mapping[str, Any]) -> str:
    """What the trained network was read from: the file that was asked about, or the copy in the folder."""
    match report.get("against", {}):
        case {"kind": "copy"}:
            return ", against the copy in the folder"
        case {"file": file, "sha256": digest}:
            return printable(f", against {file} (sha256 {digest[:12]}…)")
    return ""


def _check_line(word: str, check: Mapping[str, Any]) -> str:
    line = f"{word} {check['id']} at {check['where']}"
    unit = f" {check['unit']}" if check.get("unit") else ""
    if check.get("found") is not None:
        line += f": found {_value(check['found'])}{unit}"
    if check.get("limit") is not None:
        line += f", limit {_value(check['limit'])}{unit}"
    if check.get("at"):
        line += " at (" + ", ".join(_value(x) for x in check["at"]) + ") mm"
    return printable(line + (f": {check['why']}" if check.get("why") else ""))


def tree_lines(value: object, indent: int = 0) -> list[str]:
    """Nested tables and lists for people, one value a line."""
    pad = "  " * indent
    if isinstance(value, Mapping):
        lines = []
        for key, below in value.items():
            if isinstance(below, Mapping) or (isinstance(below, list) and any(isinstance(x, Mapping) for x in below)):
                lines += [f"{pad}{printable(str(key))}:", *tree_lines(below, indent + 1)]
            else:
                lines.append(f"{pad}{printable(str(key))}: {_value(below)}")
        return lines
    if isinstance(value, list):
        items = [tree_lines(below, indent + 1) for below in value]
        return [pad + "- " + line[len(pad) + 2 :] if n == 0 else line for item in items for n, line in enumerate(item)]
    return [pad + _value(value)]


def _value(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(_value(below) for below in value) or "none"
        case None:
            return "none"
    return printable(str(value))
