"""`pelu-fab fit`: a function of one variable, or a CSV of points, to a PeLU net that compiles."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import hypot, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable, step
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from pelu_fab.files import Put
    from pelu_fab.training.functions_fit import Fit

MOST_BUCKETS = 8  # that are learnt with where none are told
MOST_EVEN = 6  # buckets that are tried with whole teeth: more make shares too small for one
PLAIN, VOLUME = 100.0, 200.0  # units of the jug where nothing is forecast, and where buckets are chosen
VOLUMES = (100.0, 150.0, 200.0, 250.0, 300.0, 400.0)  # of which one is chosen
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
        from pelu_fab.training.functions import read_points
        from pelu_fab.training.functions_design import design_files, figures
        from pelu_fab.training.functions_fit import fit as run
    except ModuleNotFoundError as error:
        raise FabError("fit", "PyTorch is not installed", "pip install 'pelu_fab[train]'") from error
    from pelu_fab.files import safe_name
    from pelu_fab.sources.design import DESIGN_FILE

    points = read_points(function, None if span is None else _span(span))
    folder = out or Path("fits") / safe_name(points.name)
    choices: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = []
    with _own_folder(folder) as put:
        with _progress(steps) as watch:
            kind: Any = readout
            jug = volume or (VOLUME if prints else PLAIN)
            found = run(
                points, buckets=buckets or MOST_BUCKETS, readout=kind, steps=steps, seed=seed, volume=jug, watch=watch
            )
        if prints:
            with step("printing on paper") as say:
                few, drawn = min(prints, FEW), _by_buckets(found)
                if buckets is None:
                    found, choices = _chosen(drawn, few, say)
                    _check_readable(found, choices)
                if volume is None:
                    found, volumes = _chosen(_by_volume([found]), few, say)
                if buckets is None and volume is None:
                    beside = [one for one in drawn if abs(one.live - found.live) <= 1]
                    found, more = _chosen([found, *_by_volume(beside, found.water.volume)], few, say)
                    volumes += more[1:]
        put(design_files(found), DESIGN_FILE, ())
    result = {**figures(found), "written": str(folder)}
    if prints:
        with step("printing on paper"):
            result["prints"] = _forecast(folder, prints)
    result |= {"choices": choices, "volumes": volumes}
    if json:
        print_json(result)
    else:
        print("\n".join(printable(line) for line in _lines(result)))


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


def _by_buckets(found: "Fit") -> list["Fit"]:
    """The fit with fewer buckets, and with all of them; each with the shares that draw best, and with whole teeth."""
    from pelu_fab.training.functions_fit import evened, reduced

    fits = {one.live: one for one in (*(reduced(found, n) for n in range(1, found.live)), found)}
    return [each for one in fits.values() for each in ((one, evened(one)) if 1 < one.live <= MOST_EVEN else (one,))]


def _by_volume(fits: Sequence["Fit"], *volumes: float) -> list["Fit"]:
    """Fits in jugs of several sizes: the more water, the finer its scale, until a card can't keep it."""
    from pelu_fab.training.functions_fit import refilled

    return [refilled(one, volume) for one in fits for volume in volumes or VOLUMES]


def _teeth(one: "Fit") -> int | None:
    """Of how many whole teeth the first comb's shares are, if of any."""
    from pelu_fab.training.functions_fit import TEETH

    shares = one.water.network.layers[0].shares[0]
    return next((n for n in TEETH if abs(shares * n - (shares * n).round()).max() < 1e-6), None)


def _chosen(fits: Sequence["Fit"], prints: int, say: Callable[[str], None]) -> tuple["Fit", list[dict[str, Any]]]:
    """Of some fits the one whose prints miss the function least; and what each does.

    What misses is the curve and, independent of it, the prints: their mean squares add up.
    """
    from tempfile import TemporaryDirectory

    from pelu_fab.files import write_file
    from pelu_fab.training.functions_design import design_files

    rows: list[dict[str, Any]] = []
    for one in fits:
        say(f"{one.live} buckets, {one.water.volume:g} units")
        curve = sqrt(one.losses["compiled"] / len(one.points.x))
        with TemporaryDirectory() as home:
            for name, blob in design_files(one, picture=False).items():
                write_file(Path(home) / name, blob)
            told = _forecast(Path(home), prints)
        row: dict[str, Any] = {"buckets": one.live, "volume": one.water.volume, "curve": curve}
        row["teeth"] = _teeth(one)
        if "refused" in told:
            rows.append({**row, "refused": told["refused"].replace(home, "it")})
        else:
            rows.append({**row, "prints": told["rms"], "both": hypot(curve, told["rms"])})
    best = min((row for row in rows if "both" in row), key=lambda row: float(row["both"]), default=rows[-1])
    return fits[rows.index(best)], rows


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
    remedy = "a weir only bends; a jump takes a flush unit, a siphon that empties at once; --prints 0 writes it anyway"
    raise FabError(points.name, what, remedy)


def _forecast(folder: Path, prints: int) -> dict[str, Any]:
    """How far y is read off prints of the default process; or why there can be none."""
    from pelu_fab.commands.source import rig_of_design
    from pelu_fab.network.algebra import pours_up_to
    from pelu_fab.sim.noise import Noise
    from pelu_fab.sim.readings import readings
    from pelu_fab.sources.design import load

    try:
        rig = rig_of_design(load(folder), is_strict=True)
    except FabError as error:
        return {"refused": str(error)}
    pours, noise = pours_up_to(rig.input_max) * rig.unit_volume, Noise.of(rig.process, primed=True)
    (read,) = readings(rig.water, rig.process, rig.network, pours, rig.unit_volume, prints=prints, noise=noise)
    return {"prints": prints, "process": rig.process.name, **read.to_json()}


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
        head = f"{row['buckets']} buckets{whole}: the curve misses by rms {row['curve']:.3g}, "
        end = row.get("refused") or f"prints by {row['prints']:.3g}, both by {row['both']:.3g}"
        lines.append(head + end)
    for row in result["volumes"]:
        end = row.get("refused") or f"prints miss by {row['prints']:.3g}, with the curve by {row['both']:.3g}"
        lines.append(f"a jug of {row['volume']:g} units, {row['buckets']} buckets: {end}")
    if "prints" in result:
        lines.append(_forecast_line(result["prints"]))
    return [*lines, f"wrote {result['written']}"]
