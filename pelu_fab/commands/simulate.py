"""`pelu-fab simulate`: where the water goes, over time, in ideal and in real water."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pelu_fab.commands import print_json, printable, step
from pelu_fab.errors import FabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pelu_fab.commands.rig import Rig
    from pelu_fab.network.model import Network
    from pelu_fab.sim.energy import Energy
    from pelu_fab.sim.flow import Flow
    from pelu_fab.sim.schedule import Schedule

BARS = " ▁▂▃▄▅▆▇█"
CHART = 48  # characters

CURVE_POINTS = 100  # of a curve in the JSON, about


def simulate(
    source: Annotated[Path, typer.Argument(help="Design, checkpoint or compiled folder.", show_default=False)],
    pour: Annotated[str | None, typer.Option(help="Units into each jug, as 62,34,54,23.")] = None,
    sample: Annotated[
        str | None, typer.Option(help="Or what was measured, in the units of the data, as 39.1,18.7,181,3750.")
    ] = None,
    row: Annotated[int | None, typer.Option(help="Or the row of the design's data, from 0.")] = None,
    beyond: Annotated[bool, typer.Option("--beyond", help="Pour more than a jug holds.")] = False,
    over: Annotated[float | None, typer.Option(help="Pour all at once, in this many seconds.")] = None,
    rate: Annotated[float | None, typer.Option(help="mL/s of each jug; the design's if not given.")] = None,
    order: Annotated[str | None, typer.Option(help="Order of the jugs, as 2,0,1,3.")] = None,
    pause: Annotated[float, typer.Option(min=0.0, help="Seconds between jugs.")] = 1.0,
    later: Annotated[list[str] | None, typer.Option(help="A later top-up INPUT:UNITS@SECOND; repeatable.")] = None,
    mode: Annotated[str, typer.Option(help="ideal or real water.")] = "real",
    tilt: Annotated[str, typer.Option(help="Degrees that the table leans: along the combs, down the gutters.")] = "0,0",
    unprimed: Annotated[
        bool,
        typer.Option("--unprimed", help="A dry device (V0 is in it): teeth start late, walls keep film."),
    ] = False,
    process: Annotated[str | None, typer.Option(help="A process by name or file.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value of the design.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write levels, flows and cups over time as PNG.")] = None,
    gif: Annotated[
        Path | None, typer.Option(help="Write a film of the pour, in section, as GIF (of a design or checkpoint).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Pour water through the device: levels, heads, shares, cups, freeboard, spill, read-out time, energy."""
    from pelu_fab.commands.rig import leaning, pour_of
    from pelu_fab.commands.source import rig_of
    from pelu_fab.files import write_file
    from pelu_fab.sim.energy import energy
    from pelu_fab.sim.flow import flow
    from pelu_fab.sim.plumbing import Conditions

    rig = rig_of(source, process=process, settings=setting or [])
    if gif is not None and rig.device is None:
        what = f"can't be drawn of {source}: STL files hold the water's ways, not the drawing"
        raise FabError("--gif", what, "simulate the design or checkpoint that it was compiled from")
    units = pour_of(rig, pour, row, sample, beyond=beyond)
    schedule = _schedule(rig, units, over, rate, order, pause, later or [])
    if mode not in ("ideal", "real"):
        raise FabError(f"--mode {mode}", "is unknown", "use ideal or real")
    conditions = Conditions(mode="real" if mode == "real" else "ideal", tilt_deg=leaning(tilt), primed=not unprimed)
    with step("pouring"):
        found = flow(rig.water, rig.process, schedule, conditions)
    books = energy(found, rig.water, schedule, density=rig.process.fluid.density)
    result = _result(rig, schedule, found, books, mode)
    result["measured"] = _measured(rig, units)
    if plot is not None:
        from pelu_fab.show.plots import flow_png

        write_file(plot, flow_png(found, rig.water, title=rig.water.name))
    if gif is not None:
        from pelu_fab.show.animation import film

        assert rig.device is not None
        with step("drawing the film"):
            told = ", ".join(f"{volume:g}" for volume in units)
            write_file(gif, film(rig.device, schedule, found, f"pour {told}"))
    if json:
        print_json(result)
    else:
        _show(rig, found, result)


def _schedule(
    rig: "Rig",
    volumes: "Sequence[float]",
    over: float | None,
    rate: float | None,
    order: str | None,
    pause: float,
    later: list[str],
) -> "Schedule":
    """The pours that the options tell; by default one jug after the other at the design's pour flow."""
    import numpy as np

    from pelu_fab.commands.rig import numbers, top_up
    from pelu_fab.ir.units import MM3_PER_ML
    from pelu_fab.sim.schedule import all_at_once, from_pours, one_by_one, with_pours

    if over is not None and (rate is not None or order is not None):
        raise FabError("--over", "contradicts --rate and --order", "pour all at once, or one by one")
    if (over is not None and not 0 < over < 1e5) or (rate is not None and not 0 < rate < 1e6):
        raise FabError("--over or --rate", "is not a number above 0", "give seconds or mL/s above 0")
    poured = np.array(volumes) * rig.unit_volume
    pour_flow = rig.pour_flow if rate is None else rate * MM3_PER_ML
    if over is not None:
        schedule = all_at_once(poured, over)
    else:
        sequence = None if order is None else [int(n) for n in numbers(order, rig.inputs, "--order")]
        schedule = one_by_one(poured, pour_flow, pause=pause, order=sequence)
    if not later:
        return schedule
    extra = [top_up(text, rig, pour_flow) for text in later]
    return with_pours(schedule, from_pours(extra, rig.inputs))


def _measured(rig: "Rig", units: "Sequence[float]") -> list[dict[str, Any]]:
    """Each jug: its units, and the measurement that they stand for, where only one pours them."""
    return [
        {"jug": jug, "units": volume, "name": f.name, "unit": f.unit, "value": f.value(volume) if volume > 0 else None}
        for jug, volume, f in zip(rig.network.inputs, units, rig.measures.features, strict=True)
    ]


def _read(network: "Network", cups: "Mapping[str, Any]", unit_ml: float) -> list[dict[str, Any]]:
    """What each read-out says of cups in units, as poured and as trained; a number where it says one."""
    rows = []
    for readout in network.answers:
        row: dict[str, Any] = {"name": readout.name, "kind": readout.kind}
        for kind, volumes in cups.items():
            row[kind] = readout.says(volumes, network.outputs, unit_ml=unit_ml)
            if readout.kind != "fullest":
                row[kind.replace("says", "value")] = float(readout.values(volumes, network.outputs))
        rows.append(row)
    return rows


def _result(rig: "Rig", schedule: "Schedule", found: "Flow", books: "Energy", mode: str) -> dict[str, Any]:
    """Plain numbers; volumes in mL."""
    import numpy as np

    from pelu_fab.ir.units import MM3_PER_ML
    from pelu_fab.network import algebra
    from pelu_fab.network.names import duct_name
    from pelu_fab.sim.energy import forward_cost
    from pelu_fab.sim.lagrangian import bucket_energy
    from pelu_fab.sim.limits import flow_violations

    p = found.plumbing
    stride = max(1, len(found.trace.times) // CURVE_POINTS)
    asked = algebra.outputs(rig.netlist, schedule.poured)[0]
    network = rig.network
    trained = algebra.outputs(network, schedule.poured / rig.unit_volume)[0] * rig.unit_volume
    told = {"says": found.cups[0], "trained_says": trained}
    read = _read(network, {kind: cups / rig.unit_volume for kind, cups in told.items()}, rig.unit_volume / MM3_PER_ML)
    wanted = {(duct.source, duct.target): duct.share for duct in rig.netlist.ducts}
    seconds, watts = forward_cost(network)
    ducts = {
        duct_name(b, t): {"asked": wanted.get((b, t), 0.0), "delivered": None if np.isnan(s[0]) else float(s[0])}
        for (b, t), s in found.shares().items()
    }
    return {
        "schema": 1,
        "network": rig.water.name,
        "from": rig.origin,
        "mode": mode,
        "poured_ml": (schedule.poured[0] / MM3_PER_ML).tolist(),
        "cups": [
            {
                "port": port,
                "label": label,
                "ml": float(found.cups[0, c] / MM3_PER_ML),
                "asked_ml": float(asked[c] / MM3_PER_ML),
                "trained_ml": float(trained[c] / MM3_PER_ML),
            }
            for c, (port, label) in enumerate(rig.water.outputs)
        ],
        "answer": "; ".join(row["says"] for row in read),
        "readouts": read,
        "buckets": [
            {
                "name": name,
                "kept_ml": float(found.kept[0, b] / MM3_PER_ML),
                "priming_ml": float(p.start_volume[b] / MM3_PER_ML),
                "peak_head": float(found.peak_heads[0, b]),
                "freeboard": float(found.freeboard[0, b]),
                "spilled_ml": float(found.spilled[0, b] / MM3_PER_ML),
            }
            for b, name in enumerate(p.buckets)
        ],
        "ducts": ducts,
        "readout_s": float(found.readout_times()[0]),
        "settled_s": float(found.settled[0]),
        "film_ml": float(found.film[0] / MM3_PER_ML),
        "mass_error_ml": float(found.mass_error()[0] / MM3_PER_ML),
        "violations": [str(v) for v in flow_violations(found, rig.water, rig.process, pour="this pour")],
        "bucket_energy": {
            "times_s": found.trace.times[::stride].tolist(),
            "ml2": bucket_energy(found)[::stride].tolist(),
        },
        "energy_j": {
            "jugs": books.jugs,
            "primed": books.primed,
            "retained": books.retained,
            "cups": books.cups,
            "dissipated": books.dissipated,
            "cpu_forward": seconds * watts,
            "cpu_watts_assumed": watts,
        },
    }


def _show(rig: "Rig", found: "Flow", result: dict[str, Any]) -> None:
    """Tables and a chart of levels for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    cups = Table(
        "cup",
        "mL",
        "built, by the algebra",
        "trained",
        title=f"{printable(result['network'])}: {result['mode']} water, from the {result['from']}",
    )
    for cup in result["cups"]:
        cups.add_row(printable(cup["label"]), f"{cup['ml']:.2f}", f"{cup['asked_ml']:.2f}", f"{cup['trained_ml']:.2f}")
    console.print(cups)
    buckets = Table(
        "bucket", "V0 mL", "kept mL", "peak head mm", "freeboard mm", f"head over {found.trace.times[-1]:.0f} s"
    )
    for b, bucket in enumerate(result["buckets"]):
        chart = _chart(found.trace.times, found.trace.heads[:, b])
        buckets.add_row(
            bucket["name"],
            f"{bucket['priming_ml']:.1f}",
            f"{bucket['kept_ml']:.2f}",
            f"{bucket['peak_head']:.2f}",
            f"{bucket['freeboard']:.1f}",
            chart,
        )
    console.print(buckets)
    ducts = Table("duct", "share asked", "delivered", "off by, points")
    for name, duct in result["ducts"].items():
        got = duct["delivered"]
        ducts.add_row(
            name,
            f"{duct['asked']:.4f}",
            *(("dry", "") if got is None else (f"{got:.4f}", f"{100 * (got - duct['asked']):+.2f}")),
        )
    console.print(ducts)
    joules = result["energy_j"]
    times = f"read it after {result['readout_s']:.1f} s (still at {result['settled_s']:.1f} s)"
    for row in result["readouts"]:
        of_trained = "" if row["says"] == row["trained_says"] else f"; trained: {row['trained_says']}"
        print(f"answer: {printable(row['says'] + of_trained)}")
    print(times)
    print(f"mass error {result['mass_error_ml']:.1e} mL; film on walls {result['film_ml']:.2f} mL")
    print(
        f"energy: {joules['jugs'] * 1e3:.0f} mJ in the jugs, {joules['dissipated'] * 1e3:.0f} mJ dissipated; "
        f"a CPU at {joules['cpu_watts_assumed']:g} W (assumed): {joules['cpu_forward'] * 1e3:.2f} mJ for the same pass"
    )
    for violation in result["violations"]:
        print(f"WARNING {violation}")


def _chart(times: Any, values: Any) -> str:
    """Eight-level bars of a curve, scaled to its own peak."""
    import numpy as np

    sampled = np.maximum(np.interp(np.linspace(times[0], times[-1], CHART), times, values), 0.0)
    top = max(float(sampled.max()), 1e-9)
    return "".join(BARS[round(float(v) / top * 8)] for v in sampled)
