"""`pelu-fab yield`: which share of prints still computes what was trained, and what costs most."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable, step
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from pelu_fab.commands.rig import Rig
    from pelu_fab.ir.design import Samples
    from pelu_fab.sim.forecast import Forecast
    from pelu_fab.sim.tolerance import Answers

THRESHOLDS = (0.90, 0.96, 0.98)
BAR = 30  # characters


def forecast_yield(
    source: Annotated[Path, typer.Argument(help="Design, checkpoint or compiled folder.", show_default=False)],
    data: Annotated[Path | None, typer.Option(help="CSV of samples; else the design's own.")] = None,
    sample: Annotated[
        str | None, typer.Option(help="Or one sample, in the units of the data, as 39.1,18.7,181,3750.")
    ] = None,
    beyond: Annotated[bool, typer.Option("--beyond", help="A sample may pour more than a jug holds.")] = False,
    prints: Annotated[int, typer.Option(min=1, max=10_000_000, help="Prints to draw.")] = 4096,
    at_least: Annotated[list[float] | None, typer.Option(help="Accuracy that counts as good; repeatable.")] = None,
    scale: Annotated[list[float] | None, typer.Option(help="All scatter times this; repeatable, a sweep.")] = None,
    process: Annotated[list[str] | None, typer.Option(help="Process by name or file; repeatable, a sweep.")] = None,
    unprimed: Annotated[bool, typer.Option("--unprimed", help="A dry device: walls keep film.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes on this machine.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run on instead.")] = None,
    device: Annotated[str, typer.Option(help="numpy, or a torch device such as cuda.")] = "numpy",
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value of the design.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Histogram, tornado and budget as PNG (first of a sweep).")] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Monte-Carlo over print, fluid, table and hand: the share of prints that work, and why the others don't."""
    from pelu_fab.files import write_file
    from pelu_fab.sim.forecast import to_json

    thresholds = tuple(at_least) if at_least else THRESHOLDS
    if not all(0 < t <= 1 for t in thresholds) or not all(0 <= s <= 100 for s in scale or []):
        raise FabError("--at-least or --scale", "is out of range", "give accuracies in 0 to 1, scales in 0 to 100")
    names: list[str | None] = [*process] if process else [None]
    with step("printing on paper"):
        found = _sweep(
            source,
            data,
            sample,
            beyond,
            names,
            scale or [1.0],
            setting or [],
            prints,
            seed,
            unprimed,
            workers,
            scheduler,
            _judge(device),
        )
    tables = [
        {"process": name, "scale": size, **beside, **to_json(one, thresholds)} for name, size, beside, one in found
    ]
    if plot is not None:
        from pelu_fab.show.plots import forecast_png

        write_file(plot, forecast_png(found[0][3], title=f"{source.name}, {found[0][0]}: {prints} prints"))
    if json:
        print_json(tables[0] if len(tables) == 1 else {"schema": 1, "sweep": tables})
    elif len(tables) == 1:
        _show(tables[0])
    else:
        _show_sweep(tables)


def _sweep(
    source: Path,
    data: Path | None,
    sample: str | None,
    beyond: bool,
    processes: list[str | None],
    scales: list[float],
    settings: list[str],
    prints: int,
    seed: int,
    unprimed: bool,
    workers: int,
    scheduler: str | None,
    judge: "Callable[..., Answers]",
) -> list[tuple[str, float, dict[str, Any], "Forecast"]]:
    """One forecast for each process and scale; all their chunks in one queue."""
    from pelu_fab.commands.source import rig_of
    from pelu_fab.sim.forecast import assemble, jobs_of, run_job
    from pelu_fab.sim.noise import Noise
    from pelu_fab.sim.readings import readings
    from pelu_fab.sim.sweep import runner
    from pelu_fab.sim.tilt import tilt_sensitivity

    cases = []
    for name in processes:
        rig = rig_of(source, process=name, settings=settings)
        samples = _samples(rig, data, sample, beyond=beyond)
        pours = samples.inputs * rig.unit_volume
        layers = rig.netlist.layers
        tilt = tilt_sensitivity(rig.water, rig.process)
        lean = {"share_per_degree": dict(tilt.per_degree), "level_deg": tilt.level_deg if tilt.worst > 1e-9 else None}
        for size in scales:
            noise = Noise.of(rig.process, primed=not unprimed).scaled(size)
            jobs = jobs_of(
                rig.water,
                rig.process,
                layers,
                pours,
                samples.labels,
                prints=prints,
                noise=noise,
                seed=seed,
                judge=judge,
            )
            read = readings(
                rig.water, rig.process, rig.network, pours, rig.unit_volume, prints=prints, noise=noise, seed=seed
            )
            beside = {"tilt": lean, "readouts": [one.to_json() for one in read]}
            cases.append((rig.process.name, size, beside, jobs, layers, pours, samples.labels))
    with runner(workers=workers, scheduler=scheduler) as run:
        parts: list[Any] = list(run(run_job, [job for case in cases for _, job in case[3]]))
    found = []
    for process, size, beside, jobs, layers, pours, labels in cases:
        own, parts = parts[: len(jobs)], parts[len(jobs) :]
        found.append((process, size, beside, assemble([n for n, _ in jobs], own, layers, pours, labels)))
    return found


def _judge(device: str) -> "Callable[..., Answers]":
    """Who judges the prints: numpy, or torch on a device."""
    from functools import partial

    from pelu_fab.sim.tolerance import answers

    if device == "numpy":
        return answers
    try:
        from pelu_fab.training.judge import check_device, torch_answers
    except ModuleNotFoundError as error:
        raise FabError(f"--device {device}", "PyTorch is not installed", "pip install 'pelu_fab[train]'") from error
    check_device(device)
    return partial(torch_answers, device=device)


def _samples(rig: "Rig", data: Path | None, sample: str | None, *, beyond: bool) -> "Samples":
    import numpy as np

    from pelu_fab.commands.rig import pour_of
    from pelu_fab.files import read_input
    from pelu_fab.ir.design import Samples
    from pelu_fab.sources.data import parse_samples

    if sample is not None:
        if data is not None:
            raise FabError("--sample", "and --data both say what to pour", "give one of them")
        return Samples(np.array([pour_of(rig, None, None, sample, beyond=beyond)]))
    if data is not None:
        return parse_samples(read_input(data), str(data), rig.network)
    if rig.samples is None and rig.network.readouts and rig.input_max:
        from pelu_fab.network.algebra import pours_up_to

        return Samples(pours_up_to(rig.input_max))
    if rig.samples is None:
        raise FabError("yield", "there are no samples to try the prints with", "add --data CSV, or --sample")
    return rig.samples


def _show(table: dict[str, Any]) -> None:
    accuracy, certified = table["accuracy"], table["certified"]
    print(
        f"{table['prints']} prints, {printable(table['process'])}, scatter x {table['scale']:g}, "
        f"against {'trained network' if table['readouts'] else table['against']}"
    )
    if table["readouts"]:
        print("\n".join(printable(line) for line in _reading_lines(table["readouts"])))
        return
    print(
        f"accuracy: {accuracy['asked']:.1%} by the algebra, {accuracy['drawn']:.1%} as drawn in real water, "
        f"{accuracy['mean']:.1%} mean of the prints, 5 % of prints below {accuracy['p05']:.1%}"
    )
    for threshold, share in table["yield"].items():
        print(f"prints with at least {float(threshold):.0%} right: {share:.1%}")
    most = max([*table["changed_by_cause"].values(), *table["changed_by_bucket"].values(), 1e-9])
    for kind in ("cause", "bucket"):
        print(f"answers changed by each {kind} alone, %")
        for name, lost in table[f"changed_by_{kind}"].items():
            print(f"  {name:<14} {100 * lost:6.2f} {'█' * round(BAR * max(lost, 0.0) / most)}")
    gap = certified["gap_ml"]
    budget = "none can be lost to another cup, there is one"
    if gap is not None:
        budget = f"{gap['min']:.2f} mL smallest, {gap['p05']:.2f} mL at 5 %, {gap['median']:.2f} mL median"
    print(
        f"certified budget: {budget}; {certified['pairs']:.1%} of answers certain: the print's own errors stay inside"
    )

    tilt = table["tilt"]
    worst = max(tilt["share_per_degree"], key=tilt["share_per_degree"].__getitem__)
    if tilt["level_deg"] is not None:
        print(
            f"tilt: the worst comb, {worst}, moves {100 * tilt['share_per_degree'][worst]:.1f} points per degree; "
            f"level to {tilt['level_deg']:.2f} degrees for one point"
        )
    else:
        print("tilt: no comb's shares depend on it, to first order")


def _reading_lines(readouts: list[dict[str, Any]]) -> list[str]:
    """How far each number is read wrong, and how often each yes or no."""
    lines = []
    for told in readouts:
        percent = "" if told["rms_percent"] is None else " ({:.1f} % of its range)"
        rms, within = (f"{told[key]:.3g}" + percent.format(told[f"{key}_percent"]) for key in ("rms", "within_95"))
        unit = told["unit"] or ("units" if told["kind"] == "above" else "")
        lines.append(f"{told['name']}: {told['low']:.4g} to {told['high']:.4g} {unit}".rstrip())
        if "right" in told:
            lines.append(f"  yes and no as trained: {told['right']:.1%} of readings")
        lines.append(f"  read off by rms {rms}; 95 % of readings within {within}")
        lines.append(f"  95 % of prints have an rms below {told['print_rms_95']:.3g}")
    return lines


def _show_sweep(tables: list[dict[str, Any]]) -> None:
    for table in tables:
        if table["readouts"]:
            print(f"{printable(table['process'])} x {table['scale']:g}:")
            print("\n".join(printable(line) for line in _reading_lines(table["readouts"])))
            continue
        shares = ", ".join(f"{float(t):.0%}: {s:.1%}" for t, s in table["yield"].items())
        mean = f"mean {table['accuracy']['mean']:.1%}"
        print(f"{printable(table['process'])} x {table['scale']:g}: {mean}; prints at least {shares}")
