"""`pelu-fab cfd`: the exported part in a solver that others wrote."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, step

if TYPE_CHECKING:
    from pelu_fab.cfd.result import Outcome
    from pelu_fab.cfd.run import Job
    from pelu_fab.ir.process import Process


def solve_water(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    at: Annotated[list[str] | None, typer.Option(help="A bucket (L0.b1) or a way (L0.b1->L1.b0); repeatable.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every bucket of several branches, and every way.")] = False,
    pour: Annotated[
        list[str] | None, typer.Option(help="even, middle, end or dump; repeatable. Default: middle.")
    ] = None,
    flow: Annotated[float | None, typer.Option(help="mL/s, instead of the pour's own.")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long it pours; 3 s by default.")] = None,
    drain: Annotated[float | None, typer.Option(help="How long it runs on after the pour, s.")] = None,
    below: Annotated[float | None, typer.Option(help="How far below full a pool starts, mL; 0 by default.")] = None,
    process: Annotated[str | None, typer.Option(help="Fluid of another process, such as fdm-pla-water.")] = None,
    cells: Annotated[
        int | None, typer.Option(min=3, max=24, help="Across a tooth; 6 in a card and 8 on a tray by default.")
    ] = None,
    limit: Annotated[float, typer.Option(min=0.01, help="Minutes by the clock for each case.")] = 120.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell cells and CPU minutes, and run nothing.")] = False,
    case_only: Annotated[bool, typer.Option("--case-only", help="Write the cases, and run nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Run what is known already, too.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Cases at a time on this machine.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run on instead.")] = None,
    table: Annotated[
        bool, typer.Option("--table", help="What is known of these files as Markdown; runs nothing.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="A design's cfd.csv: add what is known, dated; with --at or --all run what it lacks first."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The results as JSON on stdout.")] = False,
) -> None:
    """Cut cases for OpenFOAM's interFoam from the STL, run them, and tell where the water went; writes cfd.json."""
    from pelu_fab.cfd.plan import Device, jobs_of, wanted
    from pelu_fab.cfd.pour import pour_of
    from pelu_fab.cfd.run import prepare
    from pelu_fab.files import recover
    from pelu_fab.signoff.recovery import recover_folder

    recover(directory)
    if table:
        from pelu_fab.cfd.record import table_lines

        print("\n".join(printable(line) for line in table_lines(directory)))
        return
    tell = print if not json else lambda _: None  # stdout is the JSON's alone
    if record is not None and not (at or all_):
        tell(_record(directory, record))
        return
    pours = [
        pour_of(kind, flow=flow, seconds=seconds, drain=drain, below=below)
        for kind in dict.fromkeys(pour or ["middle"])
    ]
    with step(f"reading {directory}") as say:
        device = Device(recover_folder(directory, say))
        fluid = _process(process) or device.recovery.dossier.manifest.process
        jobs = jobs_of(device, wanted(device, at or [], everything=all_), pours, fluid, cells, limit * 60.0)
    if record is not None and not again:
        jobs, known = _lacking(record, jobs, keep=not dry_run)
        tell(known)
    if dry_run:
        _plan(jobs, json=json)
        return
    if case_only:
        for job in jobs:
            prepare(job.folder or directory, job.files)
            print(printable(f"{job.name}: {job.folder}"))
        return
    with step("solving") as say:
        failed = _solve(directory, jobs, say, again=again, workers=workers, scheduler=scheduler)
    _show(directory, jobs, json=json)
    if record is not None:
        tell(_record(directory, record))
    for line in failed:
        print(printable(line))
    if failed:
        raise typer.Exit(CHECK_FAILED)


def _record(directory: Path, path: Path) -> str:
    """Results of a folder, also of files that are gone, into a table that is kept; how many, in words."""
    from pelu_fab.cfd.record import merged, read_record, said, to_csv
    from pelu_fab.files import write_file

    old, new = read_record(path), said(directory)
    if new:
        write_file(path, to_csv(merged(old, new)).encode())
    return printable(f"{path}: {len(new)} results of {directory} beside {len(old)} that were there")


def _lacking(path: Path, jobs: Sequence["Job"], *, keep: bool) -> tuple[list["Job"], str]:
    """The jobs that a record does not know yet, and of how many others it does, in words.

    `keep` notes that the rows of those are of the present parts.
    """
    from pelu_fab.cfd.record import merged, read_record, still_so, to_csv
    from pelu_fab.files import write_file

    rows = read_record(path)
    known, lacking = still_so(rows, jobs)
    if known and keep:
        write_file(path, to_csv(merged(rows, known)).encode())
    return lacking, printable(f"{path}: knows {len(known)} of {len(jobs)}")


def _process(name: str | None) -> "Process | None":
    if name is None:
        return None
    from pelu_fab.sources.process import read_process

    return read_process(name)


def _plan(jobs: Sequence["Job"], *, json: bool) -> None:
    """What the cases would cost."""
    table = {job.name: {"cells": job.case.cells, "cpu_minutes": round(job.case.expected_minutes, 1)} for job in jobs}
    if json:
        print_json(table)
        return
    for name, row in table.items():
        print(printable(f"{name}: {row['cells']} cells, about {row['cpu_minutes']} CPU minutes"))
    print(f"in all: {sum(row['cpu_minutes'] for row in table.values()):.0f} CPU minutes, within a factor of two")


def _solve(
    directory: Path, jobs: Sequence["Job"], say: Any, *, again: bool, workers: int, scheduler: str | None
) -> list[str]:
    """Run what is not known; each result is written as it comes. Lines that tell what failed."""
    from dataclasses import replace

    from pelu_fab.cfd.plan import WORK
    from pelu_fab.cfd.result import FILE, read_results, to_text
    from pelu_fab.cfd.run import known, run_all
    from pelu_fab.files import write_file
    from pelu_fab.sim.sweep import runner

    outcomes = read_results(directory)
    ready = {} if again else known(jobs, outcomes)
    todo = [job if scheduler is None else replace(job, folder=None) for job in jobs if job.name not in ready]
    failed = []
    elsewhere = scheduler is not None or workers > 1
    with runner(workers=workers, scheduler=scheduler) if elsewhere else nullcontext() as run:
        for done in run_all(todo, run, say) if todo else ():
            if done.outcome is None:
                where, what, remedy = done.error or (done.name, "failed", "run it again")
                failed.append(f"FAILED {done.name}: {where}: {what}; {remedy}")
                continue
            for name, blob in done.pictures.items():
                write_file(directory / WORK / name, blob)
            there = read_results(directory)  # again: another command may have run meanwhile
            write_file(directory / FILE, to_text({**there, done.name: done.outcome}).encode())
    return failed


def _show(directory: Path, jobs: Sequence["Job"], *, json: bool) -> None:
    from pelu_fab.cfd.result import read_results, to_text

    outcomes = read_results(directory)
    found = {job.name: outcomes[job.name] for job in jobs if job.name in outcomes}
    if json:
        print(to_text(found), end="")
        return
    for one in found.values():
        print("\n".join(printable(line) for line in lines_of(one)))


def lines_of(one: "Outcome") -> list[str]:
    """An outcome for people."""
    shares = ", ".join(f"{goal} {100 * share:.2f} %" for goal, share in one.shares.items())
    steady = ", ".join(f"{goal} {100 * share:.2f} %" for goal, share in one.steady.items())
    left = ", ".join(f"{name} {volume:.2f}" for name, volume in one.left.items() if volume > 5e-3) or "none"
    lands = ", ".join(f"{name} {100 * share:.0f} %" for name, share in one.lands.items())
    return [
        f"{one.at}, {one.pour} at {one.flow:g} mL/s for {one.seconds:g} s, {one.process}: {one.cells} cells, "
        f"{one.cpu_s / 60:.1f} CPU minutes",
        f"  got: {shares}",
        f"  later half of the pour: {steady}",
        *([f"  of what leaves by open faces comes down: {lands}"] if lands else []),
        *([f"  stands {one.climb:.1f} mm high at the walls beyond its landing"] if one.climb else []),
        f"  mL: poured {one.poured:.2f}, kept {one.kept:.2f} ({one.start:.2f} at the start), left elsewhere: {left}",
    ]
