"""`pelu-fab fit`: a function of one variable, or a CSV of points, to a PeLU net that compiles."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable, step
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from pelu_fab.files import Put
    from pelu_fab.training.functions_fit import Fit

MOST_BUCKETS = 8  # that are learnt with where none are told
PLAIN, VOLUME = 100.0, 200.0  # units of the jug where nothing is forecast, and where buckets are chosen
READABLE = 0.12  # of y's range by which the best choice may miss; a curve that misses more is none for a weir
FEW = 200  # prints that a choice of buckets is made by


def fit(
    function: Annotated[str, typer.Argument(help="exp, exp(-x), log, 1/x, 2x+8, sin, step, or a CSV of x,y.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the design; fits/NAME if not given.")
    ] = None,
    span: Annotated[str | None, typer.Option("--range", help="A,B: where to learn it.")] = None,
    buckets: Annotated[
        int | None,
        typer.Option(min=1, max=200, help="Buckets to learn with; else of up to 8 those whose prints read y best."),
    ] = None,
    readout: Annotated[str, typer.Option(help="differential (plus and minus cups) or single.")] = "differential",
    steps: Annotated[int, typer.Option(min=1, max=1_000_000, help="Training steps.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Of the first of four starts.")] = 0,
    volume: Annotated[
        float | None,
        typer.Option(min=1.0, max=10_000.0, help="Units in a full jug; else of 100 to 400 what reads y best."),
    ] = None,
    prints: Annotated[int, typer.Option(min=0, max=1_000_000, help="Prints to forecast; 0: none.")] = 1000,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Teach a PeLU net a function of one variable, and write a design that compiles."""
    if readout not in ("differential", "single"):
        raise FabError("--readout", f"is {readout!r}", "use differential or single")
    try:
        from pelu_fab.commands.fit_choice import VOLUMES, Prints, best, forecast
        from pelu_fab.training.functions import read_points
        from pelu_fab.training.functions_design import design_files, design_of, figures
        from pelu_fab.training.functions_fit import fit as run
        from pelu_fab.training.functions_step import jump_design, jump_figures, jump_files, jump_of
    except ModuleNotFoundError as error:
        raise FabError("fit", "PyTorch is not installed", "pip install 'pelu_fab[train]'") from error
    from pelu_fab.files import safe_name
    from pelu_fab.sources.design import DESIGN_FILE
    from pelu_fab.sources.process import DEFAULT, process_and_bytes

    points = read_points(function, None if span is None else _span(span))
    folder = out or Path("fits") / safe_name(points.name)
    process = process_and_bytes(DEFAULT)[0]
    jump = jump_of(points) if buckets is None and readout == "differential" else None
    if jump is not None:
        with _own_folder(folder) as put:
            put(jump_files(jump), DESIGN_FILE, ())
        result = {**jump_figures(jump), "written": str(folder)}
        if prints:
            with step("printing on paper"):
                result["prints"] = forecast(jump_design(jump, process), prints)
        _tell(result, _jump_lines, json=json)
        return
    choices: list[dict[str, Any]] = []
    with _own_folder(folder) as put:
        with _progress(steps) as watch:
            kind: Any = readout
            jug = volume or (VOLUME if prints else PLAIN)
            found = run(
                points, buckets=buckets or MOST_BUCKETS, readout=kind, steps=steps, seed=seed, volume=jug, watch=watch
            )
        if prints:
            with step("printing on paper") as say:
                told = Prints(process, min(prints, FEW), say)
                found, choices = best(found, told, fewer=buckets is None, jugs=VOLUMES if volume is None else ())
                if buckets is None:
                    _check_readable(found, choices)
        put(design_files(found), DESIGN_FILE, ())
    result = {**figures(found), "written": str(folder)}
    if prints:
        with step("printing on paper"):
            result["prints"] = forecast(design_of(found, process), prints)
    result["choices"] = choices
    _tell(result, _lines, json=json)


def _tell(result: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]], *, json: bool) -> None:
    if json:
        print_json(result)
    else:
        print("\n".join(printable(line) for line in lines(result)))


@contextmanager
def _own_folder(folder: Path) -> Iterator["Put"]:
    """A folder held alone until its design is written; one with a design that was not fitted is refused."""
    from pelu_fab.files import alone_in
    from pelu_fab.sources.design import DESIGN_FILE
    from pelu_fab.training.functions_design import FIGURES

    with alone_in(folder) as put:
        if (folder / DESIGN_FILE).exists() and not (folder / FIGURES).exists():
            raise FabError(str(folder), f"holds a {DESIGN_FILE} that is no fit's", "choose another folder with -o")
        yield put


def _check_readable(best: "Fit", choices: list[dict[str, Any]]) -> None:
    """Refuse a function whose best choice still misses by much of its range: a jump, which no weir makes."""
    import numpy as np

    points = best.points
    span, made = float(np.ptp(points.y)), [row for row in choices if "both" in row]
    if not made or min(row["both"] for row in made) <= READABLE * span:
        return
    nearest, finest = min(made, key=lambda row: row["both"]), min(made, key=lambda row: row["curve"])
    what = (
        f"is no function for weirs: the best, {nearest['buckets']} of {best.buckets} buckets, misses by "
        f"{nearest['both'] / span:.0%} of its range in prints (the {finest['buckets']} that draw it best by "
        f"{finest['both'] / span:.0%})"
    )
    remedy = "a weir only bends; one jump upwards, fitted without --buckets, is made by a flush; or --prints 0"
    raise FabError(points.name, what, remedy)


def _jump_lines(result: dict[str, Any]) -> list[str]:
    (low, high), jump = result["range"], result["jump"]
    lines = [
        f"{result['function']} on [{low:g}, {high:g}]: from {jump['from']:g} to {jump['to']:g} at x = {jump['at']:.4g}",
        "no weir makes a jump: a flush does, a bucket that a siphon empties at once (--buckets N asks for weirs)",
    ]
    told = result.get("prints")
    if told and "refused" in told:
        lines.append(f"can't be made so: {told['refused']}")
    elif told:
        right = f"says yes and no as it should in {told['right']:.1%} of readings, x spread evenly"
        lines.append(f"{told['prints']} prints, {told['process']}: {right}")
    return [*lines, f"wrote {result['written']}"]


def _forecast_line(told: dict[str, Any]) -> str:
    if "refused" in told:
        return f"can't be made so: {told['refused']}; or try fewer --buckets"
    within = f"95 % of readings within {told['within_95']:.3g}"
    return (
        f"{told['prints']} prints, {told['process']}: y is read off by rms {told['rms']:.3g}, "
        f"{told['rms_percent']:.1f} % of its range; {within}"
    )


def _span(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise FabError(f"--range {text}", "is not two numbers", "write it as in --range 0,6.28") from error
    return low, high


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int, float], None] | None]:
    """The loss, live on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=steps)

        def watch(step: int, loss: float) -> None:
            bar.update(task, completed=step, description=f"loss {loss:.5f} of the variance")

        yield watch


def _lines(result: dict[str, Any]) -> list[str]:
    live, asked = result["buckets"]["live"], result["buckets"]["asked"]
    low, high = result["range"]
    lines = [
        f"{result['function']} on [{low:g}, {high:g}]: {result['segments']} linear segments, "
        f"{live} of {asked} buckets live, {result['branches']} branches",
        "bends at x = " + (", ".join(f"{place:.4g}" for place in result["bends"]) or "none"),
    ]
    width = max(len(name) for name in result["loss"])
    lines += [f"{name:<{width}}  sum of squares {loss:.3g}" for name, loss in result["loss"].items()]
    lines.append(f"y = (plus - minus) * {result['scale']:.6g} + {result['offset']:.6g}")
    lines.append(f"all of y's range is {result['range_units']:.3g} units of plus - minus")
    if live < asked and not result["choices"]:
        lines.append(f"{asked - live} buckets bought nothing: --buckets {live} should do as well")
    for row in result["choices"]:
        whole = f" of {row['teeth']} teeth" if row["teeth"] else ""
        head = f"{row['buckets']} buckets{whole}: {row['cards']} cards, {row['cups']} cups, {row['volume']:g} units; "
        end = row.get("refused") or f"prints by {row['prints']:.3g}, both by {row['both']:.3g}"
        lines.append(f"{head}the curve misses by rms {row['curve']:.3g}, {end}")
    if "prints" in result:
        lines.append(_forecast_line(result["prints"]))
    return [*lines, f"wrote {result['written']}"]
