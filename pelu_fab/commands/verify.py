"""`pelu-fab verify`: sign-off of the files in a folder, from the files alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, step
from pelu_fab.commands.tables import print_report


def verify(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    trace: Annotated[
        str | None, typer.Option(help="One pour, units per input with commas: every bucket trained, lowered, as built.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Recover the network from the STL files, compare it with the checkpoint; writes verify.json and report.html."""
    from pelu_fab.files import recover

    pour = None if trace is None else _volumes(trace)
    recover(directory)
    with step(f"verifying {directory}") as say:
        table, written = signed_off(directory, say, trace=pour)
    if json:
        print_json(table)
    else:
        print_report(table)
        for path in written.places:
            print(printable(f"where: {path}"))
        if pour is not None:
            print("\n".join(_trace_lines(table["trace"])))
    if table["verdict"] != "pass":
        raise typer.Exit(CHECK_FAILED)


@dataclass(frozen=True, slots=True)
class Written:
    """What sign-off left beside verify.json: the page, if the export is whole, and where the findings are."""

    page: Path | None
    places: tuple[Path, ...]


def signed_off(
    directory: Path, say: Callable[[str], None], *, trace: Sequence[float] | None = None
) -> tuple[dict[str, Any], Written]:
    """Sign off a folder, and write the page and the files that show findings; the report's table, and their paths."""
    import pelu_fab
    from pelu_fab.show.places import placed_failures, write_places
    from pelu_fab.show.report import write_report
    from pelu_fab.signoff.recovery import placed_parts

    table = pelu_fab.verify(directory, trace=trace, progress=say).to_dict()
    say("report")
    page = write_report(directory)
    places = write_places(directory, table, placed_parts(directory) if placed_failures(table) else ())
    return table, Written(page, tuple(places))


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
