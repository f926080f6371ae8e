"""What a printed coupon tells about its printer and fluid: weighings and calliper readings in, a fitted comb out.

The coupon is one bucket whose teeth differ in width: κ moves water between wide and narrow teeth, the end excess moves
it to the sides, the residual head shows in what stays, the calliper tells the print's XY error.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.hydraulics import pour_heads, predicted_shares
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.water import WaterBucket

Array = NDArray[np.float64]
FITTED = ("kappa", "end_excess", "residual_head", "xy")
PLAUSIBLE = {"kappa": (-1.5, 6.0), "end_excess": (-0.05, 0.45), "residual_head": (-4.0, 4.0), "xy": (-0.5, 0.5)}
CALLIPER_SD = 0.05  # mm, of one reading
FEWEST_RUNS = 3
CHI2_LIMIT = 6.0  # per degree of freedom: beyond, the readings contradict each other
BALANCE = 1.02  # the cups may weigh this much more than was poured


@dataclass(frozen=True, slots=True)
class Weighing:
    """One pour: grams poured, at `flow` mm3/s, and grams in each cup, in the netlist's order."""

    poured: float
    flow: float
    cups: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """All readings. `widths` and `depths` are of the bucket inside, mm; `scale_sd` of one weighing, g."""

    weighings: tuple[Weighing, ...]
    widths: tuple[float, ...]
    depths: tuple[float, ...]
    scale_sd: float = 0.1


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted values and their standard deviations, by name; `chi2` per degree of freedom."""

    value: Mapping[str, float]
    sd: Mapping[str, float]
    chi2: float
    runs: int


def parse_measured(blob: bytes, where: str, *, cups: Sequence[str], flow: float) -> Measured:
    """Read the coupon's CSV: columns `run,what,value`; `what` is poured, a cup's port, width, depth, or scale_sd.

    Grams and mm. `flow` (mm3/s) is what the protocol asks for; a row `flow` (mL/s) of a run overrides it.
    """
    runs: dict[str, dict[str, float]] = {}
    lengths: dict[str, list[float]] = {"width": [], "depth": [], "scale_sd": []}
    try:
        reader = csv.DictReader(io.StringIO(blob.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise FabError(where, "is no UTF-8 text", "save it as CSV UTF-8") from error
    if reader.fieldnames is None or not {"run", "what", "value"} <= set(reader.fieldnames):
        raise FabError(
            where, f"has columns {reader.fieldnames}", "give run,what,value, as in the coupon's measured.csv"
        )
    for number, row in enumerate(reader, start=2):
        what, text = (row["what"] or "").strip(), (row["value"] or "").strip()
        if not text:
            continue
        value = _number(text, f"{where}:{number}: {what}")
        if what in lengths:
            lengths[what].append(value)
        elif what in ("poured", "flow", *cups):
            runs.setdefault((row["run"] or "").strip(), {})[what] = value
        else:
            raise FabError(
                f"{where}:{number}", f"{what!r} is no reading", f"use poured, {', '.join(cups)}, width or depth"
            )
    return Measured(
        weighings=tuple(_weighing(name, table, where, cups, flow) for name, table in runs.items()),
        widths=tuple(lengths["width"]),
        depths=tuple(lengths["depth"]),
        scale_sd=lengths["scale_sd"][-1] if lengths["scale_sd"] else 0.1,
    )


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise FabError(where, f"{text!r} is no number", "write it with a decimal point") from error
    if not (np.isfinite(value) and value >= 0):
        raise FabError(where, f"{text} is negative or infinite", "weigh again")
    return value


def _weighing(name: str, table: Mapping[str, float], where: str, cups: Sequence[str], flow: float) -> Weighing:
    for what in ("poured", *cups):
        if what not in table:
            raise FabError(f"{where}: run {name}", f"lacks {what}", "weigh what was poured and every cup")
    rate = table["flow"] * MM3_PER_ML if "flow" in table else flow
    return Weighing(table["poured"], rate, tuple(table[cup] for cup in cups))


def expected(bucket: WaterBucket, process: Process, run: Weighing, cups: Sequence[str], xy: float) -> Array:
    """Grams in each cup of a run on a coupon whose openings printed wider by `xy`, by the tooth law over the pour."""
    density = process.fluid.density / MM3_PER_ML
    area = bucket.area + xy * bucket.perimeter / 2.0
    drawn = bucket.drawn_volume * area / bucket.area
    held = replace(bucket, area=area).held(process.fluid, process.comb.residual_head)
    spilled = run.poured / density - drawn - held
    if spilled <= 0.0:
        return np.zeros(len(cups))
    mouths = [[w + xy for w in mouth.teeth] for mouth in bucket.mouths]
    heads = pour_heads(run.flow, spilled, area, [w for teeth in mouths for w in teeth], process)
    shares = np.zeros(len(cups))
    for mouth, share in zip(bucket.mouths, predicted_shares(mouths, heads, process), strict=True):
        shares[list(cups).index(mouth.target)] += share
    return np.asarray(shares * spilled * density)


def with_values(process: Process, value: Mapping[str, float]) -> Process:
    """The process with a fitted comb; κ as drawn, without the print's XY error."""
    comb = process.comb.model_copy(update={k: float(value[k]) for k in ("kappa", "end_excess", "residual_head")})
    return process.model_copy(update={"comb": comb})


def calibrate(measured: Measured, bucket: WaterBucket, process: Process, cups: Sequence[str]) -> Calibration:
    """Least squares over all readings. Refuses readings that no coupon can give.

    Each cup of each run counts with the scale's deviation, each calliper reading with CALLIPER_SD; where the readings
    scatter more than that, the deviations grow accordingly.
    """
    from scipy.optimize import least_squares

    _check(measured, bucket, process)

    def misfit(theta: Array) -> Array:
        value = dict(zip(FITTED, theta, strict=True))
        fluid = with_values(process, value)
        cup_misfit = [
            (np.array(run.cups) - expected(bucket, fluid, run, cups, value["xy"])) / measured.scale_sd
            for run in measured.weighings
        ]
        lengths = [(w - bucket.width - value["xy"]) / CALLIPER_SD for w in measured.widths]
        lengths += [(d - bucket.depth - value["xy"]) / CALLIPER_SD for d in measured.depths]
        return np.concatenate([*cup_misfit, lengths])

    low, high = (np.array([PLAUSIBLE[name][k] for name in FITTED]) for k in (0, 1))
    comb = process.comb
    start = np.clip([comb.kappa, comb.end_excess, comb.residual_head, 0.0], low + 1e-3, high - 1e-3)
    result = least_squares(misfit, start, bounds=(low, high), x_scale=[1.0, 0.05, 0.1, 0.05], diff_step=1e-4)
    chi2 = 2.0 * float(result.cost) / max(len(result.fun) - len(FITTED), 1)
    covariance = np.linalg.pinv(result.jac.T @ result.jac) * max(chi2, 1.0)
    found = Calibration(
        value={name: float(x) for name, x in zip(FITTED, result.x, strict=True)},
        sd={name: float(s) for name, s in zip(FITTED, np.sqrt(np.diag(covariance)), strict=True)},
        chi2=chi2,
        runs=len(measured.weighings),
    )
    _check_fit(found)
    return found


def _check(measured: Measured, bucket: WaterBucket, process: Process) -> None:
    if len(measured.weighings) < FEWEST_RUNS:
        raise FabError("measured", f"has {len(measured.weighings)} runs", f"pour and weigh at least {FEWEST_RUNS}")
    if not measured.widths or not measured.depths:
        raise FabError("measured", "has no calliper reading of width or depth", "measure the bucket inside, both ways")
    for name, drawn, found in (("width", bucket.width, measured.widths), ("depth", bucket.depth, measured.depths)):
        for length in found:
            if abs(length - drawn) > PLAUSIBLE["xy"][1]:
                raise FabError(f"measured: {name}", f"is {length:g} mm, drawn {drawn:.2f}", "measure inside, in mm")
    least = (
        (bucket.drawn_volume + bucket.held(process.fluid, process.comb.residual_head)) * process.fluid.density / 1000
    )
    for number, run in enumerate(measured.weighings, start=1):
        total = sum(run.cups)
        if total > BALANCE * run.poured:
            raise FabError(
                f"measured: run {number}", f"{total:g} g came of {run.poured:g} g", "tare the cups, in grams"
            )
        if run.poured < 2.0 * least:
            raise FabError(f"measured: run {number}", f"pours {run.poured:g} g", f"pour at least {2 * least:.0f} g")


def _check_fit(found: Calibration) -> None:
    for name, (low, high) in PLAUSIBLE.items():
        value = found.value[name]
        edge = 1e-3 * (high - low)
        if not low + edge < value < high - edge:
            raise FabError(
                f"calibration: {name}", f"came out at {value:.3g}, allowed {low:g} to {high:g}", "weigh again"
            )
    if found.chi2 > CHI2_LIMIT:
        raise FabError(
            "calibration",
            f"the readings contradict each other (chi² {found.chi2:.1f} per degree of freedom, limit {CHI2_LIMIT:g})",
            "level the coupon, wet it first, and weigh again",
        )


def calibrated(process: Process, found: Calibration, *, name: str) -> Process:
    """The profile that compile then uses: κ refers to the drawn width, so it takes up the print's XY error."""
    comb = process.comb.model_copy(
        update={
            "kappa": found.value["kappa"] + found.value["xy"],
            "end_excess": max(found.value["end_excess"], 0.0),
            "residual_head": found.value["residual_head"],
        }
    )
    kappa_sd = float(np.hypot(found.sd["kappa"], found.sd["xy"]))
    scatter = process.scatter.model_copy(update={"kappa": kappa_sd, "residual_head": found.sd["residual_head"]})
    told = f"coupon, {found.runs} runs"
    sources = {
        "comb.kappa": f"{told}: {found.value['kappa']:.3f} and {found.value['xy']:+.3f} of the print's XY error",
        "comb.end_excess": told,
        "comb.residual_head": told,
        "scatter.kappa": f"{told}: of the fit",
        "scatter.residual_head": f"{told}: of the fit",
    }
    update = {"name": name, "comb": comb, "scatter": scatter, "sources": {**process.sources, **sources}}
    return Process.model_validate(process.model_copy(update=update).model_dump())
