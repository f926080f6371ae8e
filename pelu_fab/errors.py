"""The three things that can go wrong, kept apart: the user's error, our bug, and a finding."""

from dataclasses import dataclass


class FabError(Exception):
    """The design, a file or the process must change; the message says where, what and how.

    `where` names the file or the object (`L1.b0`), `what` says what was found and what is allowed,
    `remedy` is one next step.
    """

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}; {remedy}")
        self.where = where
        self.what = what
        self.remedy = remedy


class FabBug(Exception):
    """A stage broke its own promise. Not the user's fault."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule at one place: data, never raised."""

    rule: str
    where: str
    found: float
    limit: float
    unit: str = ""
    at: tuple[float, float, float] | None = None
    why: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.rule} at {self.where}: {self.found:.4g}{unit}, limit {self.limit:.4g}{unit}"
