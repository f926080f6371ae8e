"""`pelu-fab view`: the report of an export, in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import printable, step
from pelu_fab.errors import FabError


def view(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open it, or only say where it is.")] = True,
) -> None:
    """Open DIR/report.html: the device in 3-D with live water, the proof, what to print. Plots beside it come in."""
    import webbrowser

    import pelu_fab
    from pelu_fab.files import PAGE, recover
    from pelu_fab.show.report import write_report

    recover(directory)
    page = directory / PAGE
    if not (directory / "verify.json").is_file():
        with step(f"verifying {directory}") as say:
            pelu_fab.verify(directory, progress=say)
    with step(f"writing {page}"):
        if write_report(directory) is None:
            raise FabError(str(directory), "was compiled without its report", "compile again with --formats report")
    print(printable(str(page)))
    if browser and not webbrowser.open(page.resolve().as_uri()):
        print("no browser found: open that file yourself")
