"""`pelu-fab inspect`: what a mesh is, without asking what it was meant to be."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import print_json, step, tree_lines


def inspect(
    path: Annotated[Path, typer.Argument(help="An STL file, or a folder of them.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Tell what a mesh is: closed, volume, bodies, genus, bounding box, walls, buckets found."""
    import pelu_fab

    with step(f"inspecting {path}"):
        table = pelu_fab.inspect(path).to_dict()
    if json:
        print_json(table)
    else:
        print("\n".join(tree_lines(table)))
