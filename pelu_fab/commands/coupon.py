"""`pelu-fab coupon`: a one-bucket test part with a comb of 1 + 3 + 6 unlike teeth, and how to weigh what comes out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, report_lines, step

if TYPE_CHECKING:
    from pelu_fab.ir.design import Design
    from pelu_fab.ir.device import Device
    from pelu_fab.ir.lowered import Lowered
    from pelu_fab.ir.process import Process
    from pelu_fab.ir.sized import Sized
    from pelu_fab.sim.water import WaterNetwork

COUNTS = (1, 3, 6)
TEETH = (1.30, 0.83, 1.035)  # of the process's tooth, so that kappa shows; they add up to ten teeth
ROOM = 1.04  # of the usual sections: unlike teeth lean the walls between them, and these keep them thick enough
RETAINED_ML, JUG_ML, POUR_ML_S = 6.0, 50.0, 12.0
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
        device = coupon_device(design)
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

    parts = np.array(COUNTS) * np.array(_teeth(process))
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


def _teeth(process: "Process") -> list[float]:
    """Width of the teeth of each branch, on the 1 µm grid."""
    from pelu_fab.ir.units import on_grid

    return [on_grid(part * process.comb.tooth) for part in TEETH]


def coupon_sized(design: "Design") -> "tuple[Lowered, Sized]":
    """The usual sizing of ten alike teeth, with the coupon's teeth in their place."""
    from dataclasses import replace

    import numpy as np

    from pelu_fab.ir.units import on_grid
    from pelu_fab.network.model import Layer
    from pelu_fab.stages.lower import lower
    from pelu_fab.stages.size import size

    alike = Layer(design.network.layers[0].retained, np.array([COUNTS]) / sum(COUNTS))
    sized = size(lower(replace(design, network=replace(design.network, layers=(alike,)))), design)
    row = sized.rows[0]
    bucket = row.buckets[0]
    room = ROOM * sum(mouth.section_width for mouth in bucket.mouths)
    shares = design.network.layers[0].shares[0]
    mouths = tuple(
        replace(mouth, teeth=(width,) * count, section_width=on_grid(room * float(share)))
        for mouth, width, count, share in zip(bucket.mouths, _teeth(design.process), COUNTS, shares, strict=True)
    )
    uneven = replace(bucket, mouths=mouths)
    lowered = lower(design)
    return lowered, replace(sized, rows=(replace(row, buckets=(uneven,)),))


def coupon_water(design: "Design") -> "WaterNetwork":
    """The coupon as water sees it, which calibrate fits."""
    from pelu_fab.sim.water import water_from_sized

    lowered, sized = coupon_sized(design)
    return water_from_sized(lowered.netlist, sized, design.process)


def coupon_device(design: "Design") -> "Device":
    """Place, route, build and mesh, as compile does."""
    from pelu_fab.ir.device import Device
    from pelu_fab.kernels.mesh import build_mesh
    from pelu_fab.stages.build import build
    from pelu_fab.stages.place import place
    from pelu_fab.stages.route import route

    lowered, sized = coupon_sized(design)
    layout = route(place(sized, lowered.netlist, design.process), sized, design.process)
    parts = build(layout, sized, design)
    return Device(design, lowered, sized, layout, parts, tuple(build_mesh(part) for part in parts))


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
    bucket = device.sized.rows[0].buckets[0]
    return f"""# Weighing the coupon

1. Print with the settings that the device will get, in the same material. Assemble, level to 0.1 degrees.
2. Measure the bucket inside with a calliper, three times each: along the comb (drawn {bucket.width:.2f} mm) and along
   the flow (drawn {bucket.depth:.2f} mm). Enter them as `width` and `depth`.
3. Mix the fluid: {device.design.process.fluid.name}. Wet everything with one pour of {JUG_ML:g} mL, pour it away, wipe
   the cups dry. The bucket keeps its water: tip it out, let it drip for ten seconds.
4. Weigh {JUG_ML:g} g of fluid (`poured`), pour it in {JUG_ML / POUR_ML_S:g} seconds, evenly. Wait one minute. Weigh
   each cup, tared dry (`out.y0` behind the single tooth, `out.y1`, `out.y2`), to 0.1 g or better. Tip the bucket out.
5. Do this {RUNS} times, once or twice at half the speed too (enter `flow`, mL/s, for those runs).
6. Enter the scale's deviation as `scale_sd`, in g. Then:
   pelu-fab calibrate PROCESS --measured measured.csv -o mine.toml
"""


def _table() -> str:
    rows = [f"{run},{what}," for run in range(1, RUNS + 1) for what in ("poured", "out.y0", "out.y1", "out.y2")]
    rows += [f",{what}," for what in ("width", "depth") for _ in range(3)]
    return "\n".join(["run,what,value", *rows, ",scale_sd,0.1"]) + "\n"
