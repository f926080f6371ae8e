"""`pelu-fab verify`: sign-off of the files in a folder, from the files alone."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, step
from pelu_fab.commands.tables import print_report


def verify(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Recover the network from the STL files, compare it with the checkpoint; writes verify.json and report.html."""
    import pelu_fab
    from pelu_fab.files import recover
    from pelu_fab.formats.report import write_report

    recover(directory)
    with step(f"verifying {directory}") as say:
        report = pelu_fab.verify(directory, progress=say)
        say("report")
        write_report(directory)
    table = report.to_dict()
    if json:
        print_json(table)
    else:
        print_report(table)
    if report.verdict != "pass":
        raise typer.Exit(CHECK_FAILED)
