"""The three things that can go wrong, kept apart: the user's error, our bug, and a finding. And a word in passing."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass


class FabError(Exception):
    """The design, a file or the process must change; the message says where, what and how.

    `where` names the file or the object (`L1.b0`), `what` says what was found and what is allowed,
    `remedy` is one next step.

    >>> raise FabError("L1.b0", "keeps -2 mL, 0 or more are allowed", "give h; its square is kept")
    Traceback (most recent call last):
    pelu_fab.errors.FabError: L1.b0: keeps -2 mL, 0 or more are allowed; give h; its square is kept
    """

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}; {remedy}")
        self.where = where
        self.what = what
        self.remedy = remedy


class BedError(FabError):
    """What does not fit the printer's bed, and the lengths (mm) of a `bed` that would take it; `besides` what else."""

    def __init__(self, where: str, what: str, bed: Sequence[float], besides: str = "") -> None:
        self.bed, self.besides = tuple(bed), besides
        told = ",".join(f"{length:g}" for length in bed)
        super().__init__(where, what, f"use a larger bed (--set 'process_overrides.printer.bed=[{told}]'){besides}")


class FabWarning(UserWarning):
    """Something read or done otherwise than one might think; no error. The command line says it on stderr."""


def warn(where: str, what: str, remedy: str) -> None:
    """Say so as a `FabWarning`, in an error's three parts."""
    warnings.warn(FabWarning(f"{where}: {what}; {remedy}"), stacklevel=2)


class FabBug(Exception):
    """A stage broke its own promise. Not the user's fault.

    >>> issubclass(FabBug, FabError)  # who catches the user's errors does not hide ours
    False
    """


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule at one place: data, never raised.

    >>> print(Violation("flow.depth", "tray-L0", 9.2, 8.0, "mm"))
    flow.depth at tray-L0: 9.2 mm, limit 8 mm
    """

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
