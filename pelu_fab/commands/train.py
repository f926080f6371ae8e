"""`pelu-fab train`: a CSV or a design's `[training]` table to a checkpoint and a plot of how it was learnt."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from pelu_fab.training.data import Table
    from pelu_fab.training.fit import Point
    from pelu_fab.training.prints import Workshop
    from pelu_fab.training.recipe import Recipe
    from pelu_fab.training.train import Trained


def train(
    source: Annotated[Path, typer.Argument(help="Design folder, design.toml, or a CSV.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .safetensors file; the design's checkpoint if not given.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value, over the training table.")] = None,
    plot: Annotated[bool, typer.Option(help="Draw the curve beside the checkpoint.")] = True,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Train a network worth printing, and write its checkpoint."""
    recipe, data, checkpoint = _task(source, out, setting or [])
    try:
        from pelu_fab.training.data import check_amounts, read_table
        from pelu_fab.training.train import cross_validate
        from pelu_fab.training.train import train as run
    except ModuleNotFoundError as error:
        raise FabError("train", "PyTorch is not installed", "pip install 'pelu_fab[train]'") from error
    table = read_table(data, scale=recipe.scale)
    if recipe.scaling == "none":
        check_amounts(table, str(data))
    workshop = _workshop(source, table, recipe.device.scale) if recipe.device.steps else None
    with _progress() as watch:
        trained = run(table, recipe, workshop=workshop, watch=watch)
    held_out = cross_validate(table, recipe) if recipe.folds > 1 else ()
    result = _figures(trained, recipe)
    if held_out:
        result["folds"] = {"wrong": [e.wrong for e in held_out], "rows": sum(e.rows for e in held_out)}
    result["written"] = [str(path) for path in _write(trained, recipe, checkpoint, plot=plot)]
    if json:
        print_json(result)
    else:
        print("\n".join(printable(line) for line in _lines(result)))


def _task(source: Path, out: Path | None, settings: list[str]) -> tuple["Recipe", Path, Path]:
    """Recipe, data file and where the checkpoint goes."""
    from pelu_fab.sources.design import read_design_file, setting_table
    from pelu_fab.sources.tables import merged
    from pelu_fab.training.recipe import recipe_of

    table: dict[str, Any] = {}
    if source.suffix.lower() == ".csv":
        data, checkpoint = source, out
    else:
        design = read_design_file(source)
        folder = source if source.is_dir() else source.parent
        table = dict(design.training)
        if not table:
            raise FabError(str(source), "has no [training] table", "add one, or train from a CSV")
        named = table.get("data") or design.data
        if not named:
            raise FabError(str(source), "names no data", 'add data = "file.csv"')
        data, checkpoint = folder / str(named), out or folder / design.checkpoint
    for setting in settings:
        table = merged(table, setting_table(setting))
    if checkpoint is None:
        raise FabError(str(source), "is a CSV, and no checkpoint is named", "add -o NAME.safetensors")
    if checkpoint.suffix != ".safetensors":
        raise FabError(str(checkpoint), "is no .safetensors file", "name one with -o")
    return recipe_of(table, f"{source}: training"), data, checkpoint


def _workshop(source: Path, table: "Table", scale: float) -> "Workshop":
    """Where the design's prints come from: its process, jugs and flows, but no network yet."""
    from pelu_fab.sources.design import read_design_file
    from pelu_fab.sources.process import process_and_bytes
    from pelu_fab.training.prints import Workshop, design_of

    if source.suffix.lower() == ".csv":
        raise FabError(str(source), "is a CSV, and training.device needs a process", "train from a design folder")
    file = read_design_file(source)
    folder = source if source.is_dir() else source.parent
    named = folder / file.process if file.process.endswith(".toml") else file.process
    process, _, _ = process_and_bytes(named, overrides=file.process_overrides)
    return Workshop(design_of(file, process, table), scale)


@contextmanager
def _progress() -> Iterator["Callable[[Point], None] | None"]:
    """A live bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None)

        def watch(point: "Point") -> None:
            text = f"{point.phase}: loss {point.loss:.4f}, {point.errors} errors, {point.branches} branches"
            bar.update(task, completed=point.step, total=point.total, description=text)

        yield watch


def _figures(trained: "Trained", recipe: "Recipe") -> dict[str, Any]:
    network = trained.network
    return {
        "widths": list(network.widths),
        "branches": network.branches,
        "seed": trained.start,
        "steps": trained.history[-1].step,
        "errors": {name: {"wrong": e.wrong, "rows": e.rows} for name, e in trained.errors.items() if e.rows},
        "good_prints": dict(trained.good_prints),
        "accept": {"noise": recipe.accept, "device": recipe.device.accept},
    }


def _write(trained: "Trained", recipe: "Recipe", checkpoint: Path, *, plot: bool) -> list[Path]:
    from pelu_fab.files import write_file
    from pelu_fab.training.save import checkpoint_bytes

    metadata = {
        "data_sha256": trained.table.sha256,
        "readout": recipe.readout,
        "recipe": recipe.model_dump_json(exclude_defaults=True),
        "seed": str(trained.start),
    }
    files = {checkpoint: checkpoint_bytes(trained.network, metadata)}
    if plot:
        from pelu_fab.training.curve import curve_png

        files[checkpoint.with_suffix(".png")] = curve_png(trained.history, title=printable(checkpoint.stem))
    for path, blob in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, blob)
    return list(files)


def _lines(result: dict[str, Any]) -> list[str]:
    widths = "-".join(str(width) for width in result["widths"])
    lines = [f"{widths}, {result['branches']} branches, after {result['steps']} steps from seed {result['seed']}"]
    for name, found in result["errors"].items():
        accuracy = 1 - found["wrong"] / found["rows"]
        lines.append(f"{name}: {found['wrong']} of {found['rows']} wrong, {accuracy:.1%} right")
    if "folds" in result:
        wrong, rows = result["folds"]["wrong"], result["folds"]["rows"]
        lines.append(f"folds: {sum(wrong)} of {rows} held-out rows wrong ({', '.join(map(str, wrong))})")
    for kind, share in result["good_prints"].items():
        of = {"noise": "of the noise that chose", "device": "of this device in its process"}[kind]
        lines.append(f"prints {of} with at least {result['accept'][kind]:.0%} right: {share:.1%}")
    return [*lines, *(f"wrote {path}" for path in result["written"])]
