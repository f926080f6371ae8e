"""`pelu-fab coupon`: one card with a comb of 1 + 3 + 6 unlike teeth for three cups, and how to weigh them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, report_lines, step

if TYPE_CHECKING:
    from pelu_fab.ir.design import Design
    from pelu_fab.ir.device import Device
    from pelu_fab.ir.process import Process
    from pelu_fab.sim.water import WaterNetwork

COUNTS = (1, 3, 6)
TEETH = (1.30, 0.83, 1.035)  # of the process's tooth, so that kappa shows; they add up to ten teeth
RETAINED_ML, JUG_ML, POUR_ML_S = 0.0, 60.0, 11.0  # a flow for which ten teeth suffice
RUNS = 5


def coupon(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("exports/coupon"),
    process: Annotated[str | None, typer.Option(help="Process by name or file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are not ours, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Compile the calibration coupon, its weighing protocol and the table to fill in."""
    import pelu_fab
    from pelu_fab.sources.process import DEFAULT, read_process

    design = coupon_design(read_process(process or DEFAULT))
    with step("compiling the coupon"):
        device = pelu_fab.compile(design)
        _write(device, out, force=force)
    with step(f"verifying {out}"):
        report = pelu_fab.verify(out)
    if json:
        print_json({"directory": str(out), "report": report.to_dict()})
    else:
        print("\n".join(report_lines(report.to_dict())))
        print(printable(f"print {out}/parts, follow {out}/weigh.md, fill in {out}/measured.csv, then run"))
        print(printable(f"pelu-fab calibrate {design.process.name} --measured {out}/measured.csv -o my-process.toml"))
    if report.verdict != "pass":
        raise typer.Exit(CHECK_FAILED)


def coupon_design(process: "Process") -> "Design":
    """One input, one bucket, three cups, drawn without corrections: what is open is what is asked."""
    import numpy as np

    from pelu_fab.ir.design import Design
    from pelu_fab.network.model import Layer, Network

    parts = np.array(COUNTS) * np.array(TEETH)
    network = Network(
        layers=(Layer(np.array([RETAINED_ML]), (parts / parts.sum())[None, :]),),
        inputs=("coupon",),
        outputs=("one tooth", "three teeth", "six teeth"),
    )
    return Design(
        name="coupon",
        network=network,
        process=process,
        pour_flow_ml=POUR_ML_S,
        input_max=(JUG_ML,),
        compensation="none",
        max_teeth=sum(COUNTS),
        protocol=(("a weighing", (JUG_ML,)),),
    )


def coupon_water(design: "Design") -> "WaterNetwork":
    """The coupon as water sees it, which calibrate fits: nothing in it at the start, `depth` as a calliper reads it."""
    from dataclasses import replace

    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lay_out import lay_out

    lowered, sized, layout, _ = lay_out(design)
    water = water_of(lowered.netlist, sized, layout)
    bucket = replace(water.rows[0][0], priming_volume=0.0, depth=sized.layers[0][0].depth)
    return replace(water, rows=((bucket,),))


def _write(device: "Device", out: Path, *, force: bool) -> None:
    """The usual export, with the protocol and an empty table beside it."""
    from pelu_fab.files import write_all
    from pelu_fab.formats.manifest import to_manifest
    from pelu_fab.pipeline import cache_key, to_files

    files, _ = to_files(device)
    files["weigh.md"] = _protocol(device).encode()
    files["measured.csv"] = _table().encode()
    files["manifest.json"] = to_manifest(device, files, cache_key(device.design, None))
    write_all(out, files, force=force)


def _protocol(device: "Device") -> str:
    card = device.sized.layers[0][0]
    return f"""# Weighing the coupon

1. Print with the settings that the device will get, in the same material. Assemble, level to 0.1 degrees.
2. Measure the card inside at its rim with a calliper, three times each: along the comb (`width`, drawn
   {card.x1 - card.x0:.2f} mm) and from the comb's wall to the back wall (`depth`, drawn {card.depth:.2f} mm).
3. Mix the fluid: {device.design.process.fluid.name}. Wet everything with one pour of {JUG_ML:g} mL, pour it away, wipe
   the cups dry. The card keeps its water: tip it out, let it drip for ten seconds.
4. Weigh {JUG_ML:g} g of fluid (`poured`), pour it into the empty card, behind its walls, in {JUG_ML / POUR_ML_S:.1f}
   seconds, evenly. What the card keeps, about {card.retained_volume / 1000:.1f} mL, is measured as well: no V0 here.
   Wait one minute. Weigh each cup, tared dry (`out.y0` has the single tooth, `out.y1`, `out.y2`), to 0.1 g or better.
   Tip the card out.
5. Do this {RUNS} times, once or twice at half the speed too (enter `flow`, mL/s, for those runs).
6. Enter the scale's deviation as `scale_sd`, in g. Then:
   pelu-fab calibrate PROCESS --measured measured.csv -o mine.toml
"""


def _table() -> str:
    rows = [f"{run},{what}," for run in range(1, RUNS + 1) for what in ("poured", "out.y0", "out.y1", "out.y2")]
    rows += [f",{what}," for what in ("width", "depth") for _ in range(3)]
    return "\n".join(["run,what,value", *rows, ",scale_sd,0.1"]) + "\n"
