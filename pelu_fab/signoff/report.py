"""The verdict: every check that ran, every check that could not, worst first. Findings in, table and JSON out."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf, isfinite, nan
from typing import Any, Literal

Status = Literal["pass", "fail", "skipped"]
Place = tuple[float, float, float]
SCHEMA = 1
_ORDER = {"fail": 0, "skipped": 1, "pass": 2}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule at one place. `found` and `limit` in `unit`; `at` in assembly coordinates, mm.

    >>> print(Check("lvs.share", "L0.b0->out.y0", "fail", 9.6, 0.05, "pp"))
    FAIL    lvs.share L0.b0->out.y0; found 9.6 pp; limit 0.05 pp
    """

    id: str
    where: str
    status: Status
    found: float | str | None = None
    limit: float | str | None = None
    unit: str = ""
    at: Place | None = None
    why: str = ""

    @property
    def badness(self) -> float:
        """How far beyond its limit, as a ratio; for sorting only."""
        if isinstance(self.found, str) or isinstance(self.limit, str) or self.found is None or self.limit is None:
            return 0.0
        return abs(self.found) / abs(self.limit) if self.limit else abs(self.found)

    def to_dict(self) -> dict[str, Any]:
        """As `verify.json` holds it."""
        return {
            "id": self.id,
            "where": self.where,
            "status": self.status,
            "found": _plain(self.found),
            "limit": _plain(self.limit),
            "unit": self.unit,
            "at": list(self.at) if self.at else None,
            "why": self.why,
        }

    def __str__(self) -> str:
        parts = [f"{self.status.upper():7} {self.id} {self.where}"]
        if self.found is not None:
            parts.append(f"found {_show(self.found)}{' ' + self.unit if self.unit else ''}")
        if self.limit is not None:
            parts.append(f"limit {_show(self.limit)}{' ' + self.unit if self.unit else ''}")
        if self.at and self.status != "pass":
            parts.append("at (" + ", ".join(f"{v:.1f}" for v in self.at) + ")")
        if self.why:
            parts.append(self.why)
        return "; ".join(parts)


_NAMES = tuple(field.name for field in fields(Check))
_ENDLESS = {"inf": inf, "-inf": -inf, "nan": nan}  # numbers that JSON has no word for


def _plain(value: float | str | None) -> float | str | None:
    return f"{value}" if isinstance(value, float) and not isfinite(value) else value


def check_of(row: Mapping[str, Any]) -> Check:
    """A check as `to_dict` gave it; `KeyError` for anything else."""
    at = row["at"]
    measured = {name: _ENDLESS.get(row[name], row[name]) for name in ("found", "limit")}
    return Check(**{name: row[name] for name in _NAMES} | measured | {"at": tuple(at) if at else None})


def to_line(checks: Sequence[Check]) -> str:
    """Checks as one line of JSON."""
    return json.dumps([check.to_dict() for check in checks])


def from_line(line: str) -> list[Check]:
    """The checks that `to_line` wrote; `ValueError`, `TypeError` or `KeyError` for anything else."""
    return [check_of(row) for row in json.loads(line)]


def _show(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"


def most(rule: str, where: str, found: float, limit: float, unit: str, why: str = "", at: Place | None = None) -> Check:
    """Passes if `found` is at most `limit` (a NaN never passes)."""
    return Check(rule, where, "pass" if found <= limit else "fail", float(found), float(limit), unit, at, why)


def least(
    rule: str, where: str, found: float, limit: float, unit: str, why: str = "", at: Place | None = None
) -> Check:
    """Passes if `found` is at least `limit`, to a millionth."""
    return Check(rule, where, "pass" if found >= limit - 1e-6 else "fail", float(found), float(limit), unit, at, why)


def equal(
    rule: str, where: str, found: float | str, wanted: float | str, why: str = "", at: Place | None = None
) -> Check:
    """Passes if `found` is exactly what is wanted."""
    return Check(rule, where, "pass" if found == wanted else "fail", found, wanted, "", at, why)


def failed(rule: str, where: str, why: str, at: Place | None = None, found: float | str | None = None) -> Check:
    """A finding that needs no measure."""
    return Check(rule, where, "fail", found, None, "", at, why)


def passed(rule: str, where: str, why: str = "", found: float | str | None = None) -> Check:
    """A rule that looked everywhere and found nothing."""
    return Check(rule, where, "pass", found, None, "", None, why)


def skipped(rule: str, where: str, why: str) -> Check:
    """A rule that could not run: never counts as passed."""
    return Check(rule, where, "skipped", None, None, "", None, why)


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, worst first, what was recovered and how it computes. `extra` holds further parts of verify.json.

    `against` says what the trained network was read from: `kind` is "copy" (in the folder), "checkpoint" or "design",
    the latter two with `file` and `sha256` of the checkpoint. `unwritten` says why verify.json and the page could not
    be left beside the files, where they could not.

    >>> report = Report((Check("mesh.bed", "rack", "pass", 118.0, 220.0, "mm"),))
    >>> report.verdict, report.counts["run"], "lvs.share" in report.unproven  # what did not run proves nothing
    ('fail', 1, True)
    """

    checks: tuple[Check, ...]
    recovered: Mapping[str, Any] = field(default_factory=dict)
    as_built: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    netlist_text: str = ""
    unwritten: str = ""
    against: Mapping[str, str] = field(default_factory=lambda: {"kind": "copy"})

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """`pass` only if something ran and nothing failed and no mandatory rule was skipped."""
        ran = [c for c in self.checks if c.status != "skipped"]
        return "pass" if ran and all(c.status == "pass" for c in ran) and not self.unproven else "fail"

    @property
    def unproven(self) -> tuple[str, ...]:
        """Rules without which there is no proof, and that did not run."""
        ran = {c.id for c in self.checks if c.status != "skipped"}
        return tuple(rule for rule in MANDATORY if ran.isdisjoint({rule, OF_SIPHONS.get(rule, rule)}))

    @property
    def counts(self) -> dict[str, Any]:
        """How many checks ran with which end, in all and by rule."""
        by_status = Counter(c.status for c in self.checks)
        rules = {
            rule: dict(sorted(Counter(c.status for c in self.checks if c.id == rule).items()))
            for rule in sorted({c.id for c in self.checks})
        }
        return {
            "run": by_status["pass"] + by_status["fail"],
            "passed": by_status["pass"],
            "failed": by_status["fail"],
            "skipped": by_status["skipped"],
            "rules": rules,
        }

    def to_dict(self) -> dict[str, Any]:
        """`verify.json`, schema 1."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "against": dict(self.against),
            "checks": [c.to_dict() for c in self.checks],
            "recovered": dict(self.recovered),
            "counts": self.counts,
            "as_built": dict(self.as_built),
            **self.extra,
        }

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that failed."""
        return tuple(c for c in self.checks if c.status == "fail")

    def to_text(self) -> str:
        """All of it, as `report_of` reads it."""
        told = (self.recovered, self.as_built, self.extra, self.netlist_text, self.unwritten, self.against)
        return json.dumps([[check.to_dict() for check in self.checks], *told])


def report_of(text: str) -> Report:
    """The report whose `to_text` this is."""
    checks, *told = json.loads(text)
    return Report(tuple(check_of(row) for row in checks), *told)


MANDATORY = (
    "file.hash",
    "lower.threshold",
    "lower.share",
    "mesh.file",
    "mesh.closed",
    "mesh.bodies",
    "lvs.open",
    "lvs.retained",
    "lvs.share",
    "lvs.flow",
    "lvs.section",
    "mass.recovered",
    "equivalence.lowering",
    "flow.reach",
    "flow.inlet",
    "hands.stand",
    "hands.path",
    "hands.slack",
    "read.level",
    "read.label",
    "read.marks",
)
OF_SIPHONS = {"lvs.retained": "lvs.threshold", "lvs.flow": "lvs.siphon", "lvs.section": "lvs.siphon"}  # no weir in it
CAUSES = (
    "file.read",
    "file.missing",
    "mesh.file",
    "mesh.unit",
    "manifest.",
    "source.",
)  # what fails because of them comes after


def report(
    checks: Iterable[Check],
    *,
    recovered: Mapping[str, Any] | None = None,
    as_built: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    netlist_text: str = "",
) -> Report:
    """Sort the checks: failed, then skipped, then passed; causes first, then the farthest beyond its limit."""

    def rank(check: Check) -> tuple[int, int, float, str, str]:
        cause = next((k for k, group in enumerate(CAUSES) if check.id.startswith(group)), len(CAUSES))
        worst = -check.badness if check.status == "fail" else 0.0
        return _ORDER[check.status], cause if check.status == "fail" else 0, worst, check.id, check.where

    ordered = sorted(checks, key=rank)
    return Report(tuple(ordered), recovered or {}, as_built or {}, extra or {}, netlist_text)
