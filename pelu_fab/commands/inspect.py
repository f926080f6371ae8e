"""`pelu-fab inspect`: what a mesh is, without asking what it was meant to be; or what a network can do."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import print_json, step, tree_lines


def inspect(
    path: Annotated[
        Path, typer.Argument(help="An STL file, a folder of them, a checkpoint or a design.", show_default=False)
    ],
    data: Annotated[Path | None, typer.Option(help="CSV to pour through a network; else the design's own.")] = None,
    key: Annotated[str | None, typer.Option(help="Which network, where the checkpoint holds several.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Tell what a mesh is: closed, volume, bodies, genus, walls, buckets; or what a network's buckets can do."""
    import pelu_fab
    from pelu_fab.commands.capacity import is_network, show_capacity

    if is_network(path):
        show_capacity(path, json=json, data=data, key=key)
        return
    with step(f"inspecting {path}"):
        table = pelu_fab.inspect(path).to_dict()
    if json:
        print_json(table)
    else:
        print("\n".join(tree_lines(table)))
