"""`pelu-fab verify`: sign-off of the files in a folder, from the files alone."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, step
from pelu_fab.commands.tables import print_cfd, print_report

MOST_FLOWS = 24  # branches shown; all of them are in verify.json


def verify(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    against: Annotated[
        Path | None, typer.Option(help="The checkpoint or design it was compiled from; else the copy in the folder.")
    ] = None,
    process: Annotated[str | None, typer.Option(help="With --against: the process it was compiled with.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="With --against: as it was compiled with.")] = None,
    trace: Annotated[
        str | None, typer.Option(help="One pour, units per input with commas: every bucket trained, lowered, as built.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="Or trace what was measured, in the units of the data, with commas.")
    ] = None,
    beyond: Annotated[bool, typer.Option("--beyond", help="It may be more than a jug holds.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Recover the network from the STL files, compare it with the checkpoint; writes verify.json and report.html."""
    pour = _traced(directory, trace, sample, beyond=beyond)
    with step(f"verifying {directory}") as say:
        asked = Asked(against, process, setting or ())
        signed = signed_off(directory, say, asked, trace=pour)
    if json:
        print_json(signed.table)
    else:
        shares = "".join(f"{line}\n" for line in flow_lines(signed.table.get("recovered", {}).get("flows", [])))
        causes_first = signed.table["verdict"] != "pass"
        print("" if causes_first else shares, end="")
        print_report(signed.table)
        print(shares if causes_first else "", end="")
        print_cfd(signed.table)
        for path in signed.places:
            print(printable(f"where: {path}"))
        if pour is not None:
            print("\n".join(_trace_lines(signed.table["trace"])))
    if signed.table["verdict"] != "pass":
        raise typer.Exit(CHECK_FAILED)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a folder is held against, as `compile` was told it."""

    source: Path | None = None
    process: str | None = None
    settings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """A sign-off as `verify.json` holds it, and what it left beside: the page if the export has one, and places."""

    table: dict[str, Any]
    page: Path | None
    places: tuple[Path, ...]


def signed_off(
    directory: Path, say: Callable[[str], None], asked: Asked, *, trace: Sequence[float] | None = None
) -> Signed:
    """Sign off a folder; what could not be written there is said on stderr, and the verdict stands."""
    import pelu_fab
    from pelu_fab.files import PAGE, PLACES

    signed = pelu_fab.verify(
        directory, against=asked.source, process=asked.process, settings=asked.settings, trace=trace, progress=say
    )
    if signed.unwritten:
        print(printable(f"not written: {signed.unwritten}"), file=sys.stderr)
        return Signed(signed.to_dict(), None, ())
    page, *found = (directory / name for name in (PAGE, *PLACES))
    return Signed(signed.to_dict(), page if page.is_file() else None, tuple(path for path in found if path.is_file()))


def flow_lines(flows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Three shares of each branch side by side, in percent; of many branches those that water misses most."""
    if not flows:
        return []
    worst = sorted(flows, key=lambda row: -abs(row["predicted"] - row["printable"]))
    shown = list(flows) if len(flows) <= MOST_FLOWS else worst[:MOST_FLOWS]
    lines = [f"{'share, %':<18}{'trained':>9}{'section':>9}{'flow':>9}"]
    lines += [
        f"{row['where']:<18}" + "".join(f"{100 * row[key]:>9.2f}" for key in ("trained", "section", "predicted"))
        for row in shown
    ]
    rest = len(flows) - len(shown)
    return lines + ([f"and {rest} branches nearer, in verify.json"] if rest else [])


def _traced(directory: Path, trace: str | None, sample: str | None, *, beyond: bool) -> list[float] | None:
    """Units to trace, if any: as told, or of a sample; what is odd about them is said."""
    from pelu_fab.commands.rig import check_jugs, doubt, units_of
    from pelu_fab.commands.source import folder_jugs, folder_measures
    from pelu_fab.errors import FabError

    if trace is not None and sample is not None:
        raise FabError("--trace", "and --sample both say what to pour", "give one of them")
    if trace is None and sample is None:
        return None
    measures, where = folder_measures(directory), f"--trace {trace}" if sample is None else f"--sample {sample}"
    units = units_of(sample, measures) if sample is not None else _volumes(trace or "")
    if sample is None:
        doubt(units, measures, None, where)
    check_jugs(units, folder_jugs(directory), [feature.name for feature in measures.features], where, beyond=beyond)
    return units


def _volumes(text: str) -> list[float]:
    from pelu_fab.errors import FabError

    try:
        return [float(cell) for cell in text.split(",")]
    except ValueError as error:
        raise FabError("--trace", f"{text!r} is no list of numbers", "write volumes like 51,35,14,2") from error


def _trace_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every bucket and cup, what it holds in units: trained, lowered and as built side by side."""
    columns = ("trained", "lowered", "as_built")
    head = f"{'holds':<10}" + "".join(f"{name.replace('_', ' '):>12}" for name in columns)
    return [head, *(f"{row['where']:<10}" + "".join(f"{row[name]:>12.4f}" for name in columns) for row in rows)]
