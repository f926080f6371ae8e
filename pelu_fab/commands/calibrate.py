"""`pelu-fab calibrate`: a weighed coupon to a process profile that compile then uses."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import print_json, printable
from pelu_fab.errors import FabError


def calibrate(
    process: Annotated[str, typer.Argument(help="The process that the coupon was compiled for.", show_default=False)],
    measured: Annotated[Path, typer.Option(help="The coupon's measured.csv, filled in.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The profile to write, a .toml.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Fit kappa, end-tooth excess, residual head and XY error from a weighed coupon."""
    from pelu_fab.commands.coupon import POUR_ML_S, coupon_design, coupon_water
    from pelu_fab.files import read_input, write_file
    from pelu_fab.formats.profile import to_profile
    from pelu_fab.sim.calibrate import FITTED, calibrated, parse_measured
    from pelu_fab.sim.calibrate import calibrate as fit
    from pelu_fab.sources.process import read_process

    if out.suffix != ".toml":
        raise FabError(str(out), "is no .toml", "name the profile so, for example my-printer.toml")
    base = read_process(process)
    water = coupon_water(coupon_design(base))
    cups = [port for port, _ in water.outputs]
    readings = parse_measured(read_input(measured), str(measured), cups=cups, flow=POUR_ML_S * 1000.0)
    found = fit(readings, water.rows[0][0], base, cups)
    profile = calibrated(base, found, name=out.stem)
    write_file(out, to_profile(profile))
    if json:
        table = {name: {"value": found.value[name], "sd": found.sd[name]} for name in FITTED}
        print_json({"schema": 1, "fitted": table, "chi2": found.chi2, "runs": found.runs, "profile": str(out)})
        return
    units = {"kappa": "mm", "end_excess": "", "residual_head": "mm", "xy": "mm"}
    for name in FITTED:
        print(f"{name:<14} {found.value[name]:8.3f} ± {found.sd[name]:.3f} {units[name]}".rstrip())
    print(f"chi² {found.chi2:.2f} per degree of freedom, {found.runs} runs")
    print(
        f"openings printed {found.value['xy']:+.2f} mm wide: the profile carries it in kappa; volumes want the slicer's"
    )
    print(f"XY compensation (set it to {found.value['xy'] / 2:+.2f} mm a side), after which weigh the coupon again")
    print(printable(f"wrote {out}"))
