"""`pelu-fab train`: a CSV or a design's `[training]` table to a checkpoint and a plot of how it was learnt."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from pelu_fab.files import Put
    from pelu_fab.training.data import Table
    from pelu_fab.training.fit import Point
    from pelu_fab.training.prints import Workshop
    from pelu_fab.training.recipe import Recipe
    from pelu_fab.training.train import Trained


def train(
    source: Annotated[Path, typer.Argument(help="Design folder, design.toml, or a CSV.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A .safetensors file, or of a CSV a folder for its design; the design's checkpoint, or trained/NAME.",
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The CSV's column of classes; the last if not given.")] = None,
    target: Annotated[str | None, typer.Option(help="Or the CSV's column of a number, to be read as one.")] = None,
    features: Annotated[
        str | None, typer.Option(help="The CSV's columns to measure, with commas; all others if not given.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value, over the training table.")] = None,
    plot: Annotated[bool, typer.Option(help="Draw the curve beside the checkpoint.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Write over a design that is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Train a network worth printing, and write its checkpoint; of a CSV, a design that compiles."""
    try:
        from pelu_fab.training.data import check_amounts, parse_table
        from pelu_fab.training.train import cross_validate
        from pelu_fab.training.train import train as run
    except ModuleNotFoundError as error:
        raise FabError("train", "PyTorch is not installed", "pip install 'pelu_fab[train]'") from error
    task = _task(source, out, setting or [], _chosen(source, label, target, features))
    recipe, is_number = task.recipe, task.recipe.readout == "number"
    table = parse_table(task.data, task.where, scale=recipe.scale, is_number=is_number)
    if recipe.scaling == "none":
        check_amounts(table, task.where)
    workshop = _workshop(source, table, recipe.device.scale) if recipe.device.steps else None
    with ExitStack() as stack:
        put = stack.enter_context(_new_folder(task.checkpoint.parent, force=force)) if task.is_folder else None
        with _progress() as watch:
            trained = run(table, recipe, workshop=workshop, watch=watch)
        held_out = cross_validate(table, recipe) if recipe.folds > 1 else ()
        result = _figures(trained, recipe)
        if held_out:
            result["folds"] = {"wrong": [e.wrong for e in held_out], "rows": sum(e.rows for e in held_out)}
        result["written"] = [str(path) for path in _write(trained, task, put, plot=plot)]
    if json:
        print_json(result)
    else:
        print("\n".join(printable(line) for line in _lines(result)))


@dataclass(frozen=True, slots=True)
class _Task:
    """What to train, on which bytes of data, and where the checkpoint goes; `is_folder`: with a design around it."""

    recipe: "Recipe"
    data: bytes
    where: str
    checkpoint: Path
    is_folder: bool = False


def _chosen(source: Path, label: str | None, target: str | None, features: str | None) -> dict[str, Any]:
    """Columns that the options name."""
    if source.suffix.lower() != ".csv" and (label, target, features) != (None, None, None):
        what = "is a design, whose data have their label last"
        raise FabError(str(source), what, "leave --label, --target, --features out")
    if label is not None and target is not None:
        raise FabError("--target", "and --label name two columns to learn", "give one of them")
    chosen = [] if features is None else [name.strip() for name in features.split(",")]
    return {"label": target or label, "features": chosen, "is_number": target is not None}


def _task(source: Path, out: Path | None, settings: list[str], columns: dict[str, Any]) -> _Task:
    """Recipe, data and where the checkpoint goes."""
    from pelu_fab.files import read_input
    from pelu_fab.sources.design import read_design_file, setting_table
    from pelu_fab.sources.tables import merged
    from pelu_fab.training.recipe import recipe_of

    told: dict[str, Any] = {}
    for setting in settings:
        told = merged(told, setting_table(setting))
    where = f"{source}: training"
    if source.suffix.lower() == ".csv":
        if out is None or out.suffix != ".safetensors":
            return _folder_task(source, out, told, columns)
        if columns["is_number"]:
            told = merged({"readout": "number"}, told)
        return _Task(recipe_of(told, where), _plain_csv(source, columns), str(source), out)
    design = read_design_file(source)
    folder = source if source.is_dir() else source.parent
    table = dict(design.training)
    if not table:
        raise FabError(str(source), "has no [training] table", "add one, or train from a CSV")
    named = table.get("data") or design.data
    if not named:
        raise FabError(str(source), "names no data", 'add data = "file.csv"')
    checkpoint, data = out or folder / design.checkpoint, folder / str(named)
    if checkpoint.suffix != ".safetensors":
        raise FabError(str(checkpoint), "is no .safetensors file", "name one with -o")
    return _Task(recipe_of(merged(table, told), where), read_input(data), str(data), checkpoint)


def _plain_csv(source: Path, columns: dict[str, Any]) -> bytes:
    """The bytes of a CSV with its label last: its own, or of the columns that were chosen."""
    from pelu_fab.files import read_input
    from pelu_fab.training.data import parse_table
    from pelu_fab.training.folder import table_csv

    blob = read_input(source)
    chosen = columns["label"] is not None or columns["features"]
    return table_csv(parse_table(blob, str(source), **columns)) if chosen else blob


def _folder_task(source: Path, out: Path | None, told: dict[str, Any], columns: dict[str, Any]) -> _Task:
    """A CSV and what is proposed to train it with, for a folder of its own."""
    from pelu_fab.files import read_input, safe_name
    from pelu_fab.sources.tables import merged
    from pelu_fab.training.data import parse_table
    from pelu_fab.training.folder import proposed, table_csv
    from pelu_fab.training.recipe import recipe_of

    if out is not None and out.suffix in (".pt", ".pth", ".ckpt", ".json"):
        raise FabError(str(out), "is no .safetensors file", "name one with -o, or a folder for the whole design")
    name = safe_name(source.stem)
    folder = out or Path("trained") / name
    table = parse_table(read_input(source), str(source), **columns)
    proposal = proposed(table)
    if {"scale", "scaling"} & set(told):
        proposal = {key: value for key, value in proposal.items() if key not in ("scaling", "full")}
    recipe = recipe_of(merged(proposal, told), f"{source}: training")
    return _Task(recipe, table_csv(table), str(source), folder / f"{name}.safetensors", is_folder=True)


@contextmanager
def _new_folder(folder: Path, *, force: bool) -> Iterator["Put"]:
    """A folder for a new design, held alone until it is trained and written; one with a design only with `force`."""
    from pelu_fab.files import alone_in
    from pelu_fab.sources.design import DESIGN_FILE

    with alone_in(folder) as put:
        if (folder / DESIGN_FILE).exists() and not force:
            remedy = f"pelu-fab train {folder} trains it again; or --force, or another folder with -o"
            raise FabError(str(folder), f"holds a {DESIGN_FILE} already", remedy)
        yield put


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
        **(_number(trained) if trained.misses else {}),
        "widths": list(network.widths),
        "branches": network.branches,
        "seed": trained.start,
        "steps": trained.history[-1].step,
        "errors": {name: {"wrong": e.wrong, "rows": e.rows} for name, e in trained.errors.items() if e.rows},
        "good_prints": dict(trained.good_prints),
        "accept": {"noise": recipe.accept, "device": recipe.device.accept},
        "scaling": trained.table.scaling.to_table(),
    }


def _number(trained: "Trained") -> dict[str, Any]:
    """The number that the cups say: how it is read, and how far off the data it is."""
    import numpy as np

    (readout,) = trained.network.readouts
    span = float(np.ptp(trained.table.targets)) if trained.table.targets is not None else 0.0
    return {"number": {**readout.to_table(), "span": span, "rms": dict(trained.misses)}}


def _write(trained: "Trained", task: _Task, put: "Put | None", *, plot: bool) -> list[Path]:
    """Write the checkpoint and what lies around it: of a folder all or nothing, the design file last."""
    from pelu_fab.files import write_file
    from pelu_fab.sources.design import DESIGN_FILE
    from pelu_fab.training.folder import DATA, HELD_OUT
    from pelu_fab.training.save import checkpoint_bytes

    recipe, home, name = task.recipe, task.checkpoint.parent, task.checkpoint.name
    metadata = {
        "data_sha256": trained.table.sha256,
        "readout": recipe.readout,
        "recipe": recipe.model_dump_json(exclude_defaults=True),
        "seed": str(trained.start),
    }
    picture = task.checkpoint.with_suffix(".png").name
    files = {name: checkpoint_bytes(trained.network, metadata)}
    if plot:
        from pelu_fab.training.curve import ANSWERS, NUMBERS, curve_png

        beside = NUMBERS if trained.misses else ANSWERS
        files[picture] = curve_png(trained.history, title=printable(task.checkpoint.stem), beside=beside)
    if put is not None:
        files |= _design(trained, task)
        put(files, DESIGN_FILE, (name, picture, DATA, HELD_OUT))
    else:
        home.mkdir(parents=True, exist_ok=True)
        for written, blob in files.items():
            write_file(home / written, blob)
    return [home / written for written in files]


def _design(trained: "Trained", task: _Task) -> dict[str, bytes]:
    """What lies around the checkpoint: the design, its data as measured, and the rows that nothing was chosen by."""
    from pelu_fab.sources.design import DESIGN_FILE
    from pelu_fab.training.data import parse_table
    from pelu_fab.training.folder import DATA, HELD_OUT, design_toml, table_csv

    files = {DATA: task.data}
    if trained.split.test.any():
        table = parse_table(task.data, task.where, is_number=trained.table.targets is not None)
        files[HELD_OUT] = table_csv(table, trained.split.test)
    name = task.checkpoint
    toml = design_toml(name.stem, name.name, task.recipe, Path(task.where).name)
    return files | {DESIGN_FILE: toml.encode()}


def _lines(result: dict[str, Any]) -> list[str]:
    widths = "-".join(str(width) for width in result["widths"])
    lines = [f"{widths}, {result['branches']} branches, after {result['steps']} steps from seed {result['seed']}"]
    for name, found in result["errors"].items():
        accuracy = 1 - found["wrong"] / found["rows"]
        lines.append(f"{name}: {found['wrong']} of {found['rows']} wrong, {accuracy:.1%} right")
    if "number" in result:
        lines += _number_lines(result["number"])
    if "folds" in result:
        wrong, rows = result["folds"]["wrong"], result["folds"]["rows"]
        lines.append(f"folds: {sum(wrong)} of {rows} held-out rows wrong ({', '.join(map(str, wrong))})")
    for kind, share in result["good_prints"].items():
        of = {"noise": "of the noise that chose", "device": "of this device in its process"}[kind]
        lines.append(f"prints {of} with at least {result['accept'][kind]:.0%} right: {share:.1%}")
    lines += [_measure_line(feature) for feature in result["scaling"] if feature.get("low") is not None]
    return [*lines, *(f"wrote {path}" for path in result["written"])]


def _number_lines(number: dict[str, Any]) -> list[str]:
    """How a number is read, and by how much the water misses the data, ideal device."""
    name, unit, span = number["name"], number.get("unit", ""), number["span"]
    how = f"{name} = ({number['plus']} - {number['minus']}) * {number.get('scale', 1.0):.6g}"
    lines = [f"{how} + {number.get('offset', 0.0):.6g} {unit}".rstrip()]
    for part, rms in number["rms"].items():
        lines.append(f"{part}: off by rms {rms:.3g} {unit}".rstrip() + f", {rms / span:.1%} of its range")
    return lines


def _measure_line(feature: dict[str, Any]) -> str:
    """What a measurement pours, at both ends of its range."""
    low, high, offset, factor = (feature[key] for key in ("low", "high", "offset", "factor"))
    ends = [f"{max((value - offset) * factor, 0.0):.3g}" for value in (low, high)]
    unit = feature.get("unit", "")
    return f"{feature['name']}: {low:.5g} to {high:.5g} {unit}".rstrip() + f" pours {ends[0]} to {ends[1]} units"
