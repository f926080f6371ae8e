"""Compile a trained PeLU network into a printable device that runs on water, and prove it from the STL.

    PeLU(v; A, h) = ReLU(v - h²) · softmax(A)        h (in,), A (in, out); v in units: 1 mL, or as a design says

From a checkpoint to files to print, and from these files back to the network:

    >>> import pelu_fab
    >>> design = pelu_fab.load("designs/drip")  # a folder, a design.toml or a bare checkpoint
    >>> device = pelu_fab.compile(design)  # every part as triangles, mm
    >>> [part.name for part in device.parts]
    ['rack', 'card-L0-b0', 'cup-y0', 'jug']
    >>> pelu_fab.write(device, "exports/drip")  # all files or none; what had to be left out, here nothing
    ()
    >>> report = pelu_fab.verify("exports/drip", against="designs/drip")
    >>> report.verdict
    'pass'

What a pour becomes, in units, row by row:

    >>> pelu_fab.simulate(design.network, [20.0]).outputs
    array([[15.]])

The verbs, each with an example further down (units at the edges; mm, mm2, mm3, s and g inside):

    load      a design folder, a design.toml or a bare checkpoint -> Design (its Network, Samples, Process)
    compile   a Design -> Device: netlist, sized, layout, parts, meshes; nothing is written
    write     a Device -> files in a folder, all or none; the formats that this machine can't make -> Skipped
    verify    a folder, against what was asked for -> Report of Checks; believes the files alone
    simulate  a Network or Netlist and a pour -> Outcome: what each bucket keeps, what each cup gets
    inspect   any STL, or a folder of them -> what it is

What lies beneath, by import: `pelu_fab.layers` (torch modules: PeLU, Flush, layers with an energy), `pelu_fab.training`
(recipes, prints, functions), `pelu_fab.sim.flow` (water over time), `pelu_fab.hydraulics` (laws and their sources),
`pelu_fab.cfd` (cases for OpenFOAM). `pelu-fab --help` has all of it and more on the command line: train, fit, yield,
coupon, calibrate, slice, view, cfd.

What a user can mend is a `FabError`: where, what, and the remedy.

    >>> pelu_fab.load("designs/drop")
    Traceback (most recent call last):
    pelu_fab.errors.FabError: designs/drop: does not exist; did you mean drip?

Nothing heavy is imported until one of these is called.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pelu_fab.errors import FabBug, FabError, Violation
    from pelu_fab.exports import Skipped
    from pelu_fab.ir.design import Design, Samples
    from pelu_fab.ir.device import Device
    from pelu_fab.ir.netlist import Netlist
    from pelu_fab.ir.process import Process
    from pelu_fab.network.algebra import Outcome
    from pelu_fab.network.model import Layer, Network
    from pelu_fab.network.readout import Readout
    from pelu_fab.remembered import State
    from pelu_fab.signoff import Check, Inspection, Report

__version__ = "0.1.0"
__all__ = [
    "Check",
    "Design",
    "Device",
    "FabBug",
    "FabError",
    "Layer",
    "Netlist",
    "Network",
    "Outcome",
    "Process",
    "Readout",
    "Report",
    "Samples",
    "Skipped",
    "Violation",
    "compile",
    "inspect",
    "load",
    "simulate",
    "verify",
    "write",
]

_HOMES = {
    "errors": ("FabBug", "FabError", "Violation"),
    "exports": ("Skipped",),
    "ir.design": ("Design", "Samples"),
    "ir.device": ("Device",),
    "ir.netlist": ("Netlist",),
    "ir.process": ("Process",),
    "network.algebra": ("Outcome",),
    "network.model": ("Layer", "Network"),
    "network.readout": ("Readout",),
    "signoff": ("Check", "Report"),
}


def __getattr__(name: str) -> Any:
    """The types on first use."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"pelu_fab.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(path: str | PathLike[str], *, process: str | None = None, settings: Sequence[str] = ()) -> "Design":
    """Read a design folder, a design.toml or a bare checkpoint; `settings` are `key=value`, over the file's.

    `process` names a profile or is the path of one. Raises `FabError` for what can't be read, with file, place, value
    and what is allowed.

    >>> load("designs/drip", settings=["pour_flow_ml=6"]).pour_flow_ml  # mL/s
    6.0
    """
    from pelu_fab.sources.design import load

    return load(Path(path), process=process, settings=settings)


def compile(  # noqa: A001
    design: "Design", progress: Callable[[str], None] | None = None, *, force: bool = False
) -> "Device":
    """Turn a design into a device; one that would spill when its jugs are poured is refused unless `force`.

    Pure: no file is written. `progress` is told each stage as it begins. Raises `FabError` where no such device can be
    printed, and names the setting that helps.

    >>> stages = []
    >>> device = compile(load("designs/drip"), stages.append)
    >>> device.sized.priming_volume, [round(length) for length in device.meshes[0].extents]  # mm3; mm
    (0.0, [42, 52, 55])
    """
    from pelu_fab.pipeline import compile_design
    from pelu_fab.show.notebook import device_bundle, show_as

    device = compile_design(design, progress, force=force)
    show_as(type(device), device_bundle)
    return device


def write(
    device: "Device", directory: str | PathLike[str], *, force: bool = False, formats: Sequence[str] | None = None
) -> "tuple[Skipped, ...]":
    """Write a device's files into a folder, all or none; returns the formats that can't be made on this machine.

    `formats`: names of `pelu-fab compile --formats`, or None for the usual ones. Raises `FabError` for a folder that
    holds something else (unless `force`), is locked or full; what was in it then stays.

    >>> write(compile(load("designs/drip")), "written", formats=["stl"])
    ()
    >>> sorted(path.name for path in Path("written/parts").iterdir())
    ['card-L0-b0.stl', 'cup-y0.stl', 'jug.stl', 'rack.stl']
    """
    from pelu_fab.pipeline import write

    return write(device, Path(directory), force=force, formats=formats)


def verify(
    directory: str | PathLike[str],
    *,
    against: str | PathLike[str] | None = None,
    process: str | None = None,
    settings: Sequence[str] = (),
    trace: Sequence[float] | None = None,
    progress: Callable[[str], None] | None = None,
) -> "Report":
    """Sign off the files in a folder by themselves, or `against` the checkpoint or design that was asked for.

    `process` and `settings` are those that it was compiled with, where they replaced the design's. Leaves
    `verify.json`, the page, and where findings are beside the files; where the folder can't be written to, the report
    says so in `unwritten` and is whole all the same. `trace`: a pour in units, told bucket by bucket. Raises `FabError`
    for a folder that is no export; all that a folder may hold otherwise is a finding.

    >>> _ = write(compile(load("designs/drip")), "judged", formats=["stl"])
    >>> report = verify("judged", against="designs/drip")
    >>> report.verdict, report.counts["failed"]
    ('pass', 0)
    """
    from dataclasses import replace

    from pelu_fab.files import recover
    from pelu_fab.remembered import Asked, note, recalled, state_of
    from pelu_fab.show.notebook import report_bundle, show_as
    from pelu_fab.signoff.question import read_question

    home = Path(directory)
    recover(home)
    question = None if against is None else read_question(Path(against), process=process, settings=settings)
    asked, before = Asked(str(home), question, process, settings, trace), state_of(home)
    report = recalled(asked, before)
    if report is None:
        from pelu_fab.cfd.compare import compared
        from pelu_fab.signoff import verify

        report = verify(home, against=question, trace=trace, progress=progress)
        report = replace(report, extra={**report.extra, **compared(home)})
        report = replace(report, unwritten=_leave(home, report, before))
        note(asked, before, report)
    show_as(type(report), report_bundle)
    return report


def _leave(directory: Path, report: "Report", before: "State | None") -> str:
    """Write what a sign-off leaves in its folder, if that is still as it was `before`; why it could not, or nothing."""
    from pelu_fab.errors import FabError
    from pelu_fab.files import PAGE, locked, write_file
    from pelu_fab.formats.manifest import to_json
    from pelu_fab.remembered import is_as
    from pelu_fab.show.places import placed_failures, write_places
    from pelu_fab.show.report import write_report
    from pelu_fab.signoff.recovery import placed_parts

    table = report.to_dict()
    try:
        with locked(directory):
            if not is_as(directory, before):
                return str(FabError(str(directory), "was written anew while it was judged", "verify it again"))
            write_file(directory / "verify.json", to_json(table))
            write_places(directory, table, placed_parts(directory) if placed_failures(table) else ())
            try:
                if any(check.id.startswith("manifest.") for check in report.failures):
                    raise ValueError("its manifest can't be meant")
                write_report(directory)
            except (FabError, LookupError, TypeError, ValueError) as error:  # of a folder that may hold anything
                (directory / PAGE).unlink(missing_ok=True)  # the old one tells another verdict
                return str(FabError(str(directory / PAGE), f"can't be shown ({error})", "see verify.json"))
    except (FabError, OSError) as error:
        return str(error)
    return ""


def simulate(source: "Netlist | Network", pour: Sequence[float]) -> "Outcome":
    """Where a pour ends by the algebra: what each bucket keeps and each cup gets, one row.

    `pour` (in,); `kept[l]` (1, in_l) and `outputs` (1, out). Units in and out for a network, mm3 for a netlist. The
    formula is relu(v - h²)·softmax(A), layer by layer. Raises `FabError` for another number of inputs. For water over
    time see `pelu_fab.sim.flow`.

    >>> outcome = simulate(load("designs/and-or").network, [30.0, 30.0])
    >>> outcome.kept[1].tolist(), outcome.outputs.tolist()
    ([[16.0, 4.0]], [[14.0, 26.0]])
    """
    import numpy as np

    from pelu_fab.network.algebra import run

    return run(source, np.asarray(pour, dtype=np.float64))


def inspect(path: str | PathLike[str]) -> "Inspection":
    """Tell what an STL file is, or each of a folder, whoever made it: closed, bodies, genus, walls, what it holds.

    An `Inspection`: its `meshes` hold one `MeshFacts` a file, in mm and mm3. Raises `FabError` for no file and for a
    broken one.

    >>> _ = write(compile(load("designs/drip")), "seen", formats=["stl"])
    >>> cup = inspect("seen/parts/cup-y0.stl").meshes[0]
    >>> cup.closed, cup.genus, len(cup.buckets)
    (True, 0.0, 1)
    """
    from pelu_fab.files import recover
    from pelu_fab.signoff import inspect

    for folder in (Path(path), Path(path).parent, Path(path).parent.parent):  # the export that it is or lies in
        recover(folder)
    return inspect(Path(path))
