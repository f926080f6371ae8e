"""Cases of a folder: built, kept if known, solved here or elsewhere, and written down. A folder in, outcomes out."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pelu_fab.cfd import foam
from pelu_fab.cfd.case import Case, case_files
from pelu_fab.cfd.figures import pictures
from pelu_fab.cfd.flight import Flight
from pelu_fab.cfd.read import leaving, outcome
from pelu_fab.cfd.result import Outcome
from pelu_fab.errors import FabError
from pelu_fab.ir.process import Process

KEY = "key.txt"  # beside a case: what it was written for


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One case to solve. `parts` are the sha256 of the files it was cut from; `folder` None lets the worker choose."""

    name: str
    case: Case
    process: Process
    parts: Mapping[str, str]
    folder: Path | None
    limit: float  # s by the clock
    flight: Flight  # the whole device, for water that leaves the case

    @property
    def files(self) -> dict[str, str]:
        """The case's files."""
        return case_files(self.case, self.process.fluid)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job: its outcome and pictures, or why there is none."""

    name: str
    outcome: Outcome | None
    pictures: Mapping[str, bytes]
    error: tuple[str, str, str] | None = None


def key_of(files: Mapping[str, str]) -> str:
    """sha256 of a case: equal files have equal results."""
    told = hashlib.sha256()
    for name in sorted(files):
        told.update(f"{name}\0{files[name]}\0".encode())
    return told.hexdigest()


def prepare(folder: Path, files: Mapping[str, str]) -> None:
    """Leave a case in its folder; one that is there already, solved in part, stays as it is."""
    note, key = folder / KEY, key_of(files)
    if not note.exists() or note.read_text() != key:
        foam.write_case(folder, {**files, KEY: key})


def run_job(job: Job, say: Callable[[str], None] = lambda _: None) -> Done:
    """Write, solve and read one case; what fails is told, not raised, so that the others go on."""
    with tempfile.TemporaryDirectory() as own:
        folder = job.folder or Path(own) / "case"
        try:
            files = job.files
            prepare(folder, files)
            cpu = foam.solve(folder, job.case.end, job.limit, lambda told: say(f"{job.name}: {told}"))
            found = outcome(job.case, folder, job.process, key=key_of(files), parts=job.parts, cpu=cpu)
            if job.case.kind != "siphon":
                found = replace(found, lands=job.flight.shares(leaving(job.case, folder)))
            drawn = pictures(job.case, folder, found)
        except FabError as error:
            return Done(job.name, None, {}, (error.where, error.what, error.remedy))
        return Done(job.name, replace(found, pictures=tuple(sorted(drawn))), drawn)


def known(jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Jobs whose very case has been solved before, with that result."""
    return {
        job.name: outcomes[job.name]
        for job in jobs
        if job.name in outcomes and outcomes[job.name].key == key_of(job.files)
    }


def run_all(
    jobs: Sequence[Job],
    run: Callable[..., Iterable[Any]] | None,
    say: Callable[[str], None],
) -> Iterable[Done]:
    """Solve jobs in order: by `run` (`sim.sweep.runner`), or one after the other with progress.

    `FabError` if a job has its folder here and there is no solver; the cases are then left in their folders.
    """
    here = [job for job in jobs if job.folder is not None]
    if here and not foam.installed():
        for job in here:
            prepare(job.folder or Path(), job.files)
        left = ", ".join(str(job.folder) for job in here)
        raise FabError(foam.SOLVER, f"is not installed; cases were left in {left}", f"install {foam.PACKAGE}")
    return run(run_job, jobs) if run is not None else (run_job(job, say) for job in jobs)
