"""The coupon: what goes in as truth comes out of noisy weighings, and nonsense is refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from pelu_fab.commands.calibrate import calibrate as calibrate_verb
from pelu_fab.commands.coupon import POUR_ML_S, coupon_design, coupon_water
from pelu_fab.commands.coupon import coupon as coupon_verb
from pelu_fab.errors import FabError
from pelu_fab.formats.profile import to_profile
from pelu_fab.sim.calibrate import (
    FITTED,
    Measured,
    Weighing,
    calibrate,
    calibrated,
    expected,
    parse_measured,
    with_values,
)
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import design_pour
from pelu_fab.sources.process import read_process

BASE = read_process("fdm-pla-detergent")
WATER = coupon_water(coupon_design(BASE))
BUCKET = WATER.rows[0][0]
CUPS = [port for port, _ in WATER.outputs]
TRUTH = {"kappa": 1.5, "end_excess": 0.13, "residual_head": 0.3, "xy": -0.12}


def weighed(truth, rng, *, scale_sd=0.05, runs=6):
    """What a coupon with these values would weigh."""
    process = with_values(BASE, truth)
    weighings = []
    for k in range(runs):
        run = Weighing(60.0, 12_000.0 if k % 2 == 0 else 6_000.0, (0.0, 0.0, 0.0))
        cups = expected(BUCKET, process, run, CUPS, truth["xy"]) + rng.normal(0, scale_sd, 3)
        weighings.append(replace(run, cups=tuple(float(c) for c in cups)))
    lengths = [
        tuple(float(x) for x in drawn + truth["xy"] + rng.normal(0, 0.03, 3)) for drawn in (BUCKET.width, BUCKET.depth)
    ]
    return Measured(tuple(weighings), lengths[0], lengths[1], scale_sd)


def test_the_truth_comes_back_within_its_own_uncertainty():
    pulls = []
    for seed in range(6):
        found = calibrate(weighed(TRUTH, np.random.default_rng(seed)), BUCKET, BASE, CUPS)
        pulls.append([(found.value[name] - TRUTH[name]) / found.sd[name] for name in FITTED])
        assert found.sd["kappa"] < 0.5 and found.sd["end_excess"] < 0.03
        assert found.sd["residual_head"] < 0.1 and found.sd["xy"] < 0.03
    pulls = np.array(pulls)
    assert np.abs(pulls).max() < 4.5
    assert np.abs(pulls.mean(0)).max() < 1.5 and pulls.std() < 1.6


def test_without_noise_the_truth_comes_back_exactly():
    exact = weighed(TRUTH, np.random.default_rng(0), scale_sd=1e-9)
    exact = replace(exact, widths=(BUCKET.width + TRUTH["xy"],), depths=(BUCKET.depth + TRUTH["xy"],), scale_sd=0.01)
    found = calibrate(exact, BUCKET, BASE, CUPS)
    for name in FITTED:
        assert found.value[name] == pytest.approx(TRUTH[name], abs=2e-3)


def test_the_time_stepped_water_of_the_coupon_agrees_with_what_calibrate_expects():
    run = Weighing(60.0, 12_000.0, (0.0, 0.0, 0.0))
    volume = np.array([60.0 / BASE.fluid.density * 1000])
    poured = flow(WATER, BASE, design_pour(volume, 12_000.0), Conditions(mode="real"))
    assert poured.cups[0] * BASE.fluid.density / 1000 == pytest.approx(expected(BUCKET, BASE, run, CUPS, 0.0), abs=0.1)


def test_the_profile_carries_the_fit_and_reads_back_the_same(tmp_path):
    found = calibrate(weighed(TRUTH, np.random.default_rng(1)), BUCKET, BASE, CUPS)
    profile = calibrated(BASE, found, name="mine")
    path = tmp_path / "mine.toml"
    path.write_bytes(to_profile(profile))
    again = read_process(path)
    assert again == profile
    assert again.comb.kappa == pytest.approx(TRUTH["kappa"] + TRUTH["xy"], abs=0.6)
    assert again.scatter.kappa == pytest.approx(np.hypot(found.sd["kappa"], found.sd["xy"]))
    assert "coupon, 6 runs" in again.sources["comb.kappa"] and again.printer == BASE.printer


def csv_of(measured):
    rows = ["run,what,value"]
    for k, run in enumerate(measured.weighings, start=1):
        rows += [f"{k},poured,{run.poured}", f"{k},flow,{run.flow / 1000}"]
        rows += [f"{k},{cup},{grams}" for cup, grams in zip(CUPS, run.cups, strict=True)]
    rows += [f",width,{w}" for w in measured.widths] + [f",depth,{d}" for d in measured.depths]
    return "\n".join([*rows, f",scale_sd,{measured.scale_sd}"]) + "\n"


def test_the_verb_reads_a_filled_table_and_writes_a_profile(tmp_path, capsys):
    measured = weighed(TRUTH, np.random.default_rng(2))
    table, out = tmp_path / "measured.csv", tmp_path / "mine.toml"
    table.write_text(csv_of(measured))
    parsed = parse_measured(table.read_bytes(), "t", cups=CUPS, flow=POUR_ML_S * 1000)
    assert parsed == measured
    calibrate_verb("fdm-pla-detergent", table, out)
    assert read_process(out).name == "mine"
    assert "end_excess" in capsys.readouterr().out


GOOD = weighed(TRUTH, np.random.default_rng(3))
FIRST = GOOD.weighings[0]


REST = GOOD.weighings[1:]


def first(**changes):
    return replace(GOOD, weighings=(replace(FIRST, **changes), *REST))


IMPLAUSIBLE = [
    (replace(GOOD, weighings=REST[:2]), r"^measured: has 2 runs; pour and weigh at least 3$"),
    (replace(GOOD, widths=()), "no calliper reading"),
    (replace(GOOD, widths=(BUCKET.width / 25.4,)), r"^measured: width: is 1\.\d+ mm, drawn"),
    (first(cups=(30.0, 30.0, 30.0)), r"run 1: 90 g came of 60 g"),
    (first(poured=8.0, cups=(0.1, 0.1, 0.1)), "pour at least"),
    (first(cups=FIRST.cups[::-1]), "contradict each other|came out"),
    (replace(GOOD, weighings=tuple(replace(r, cups=r.cups[::-1]) for r in GOOD.weighings)), "came out|contradict"),
]


@pytest.mark.parametrize(("bad", "message"), IMPLAUSIBLE)
def test_implausible_readings_are_refused(bad, message):
    with pytest.raises(FabError, match=message):
        calibrate(bad, BUCKET, BASE, CUPS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "run,what,value"),
        ("run,what,value\n1,poured,sixty\n", r"t:2: poured: 'sixty' is no number"),
        ("run,what,value\n1,poured,-3\n", "negative or infinite"),
        ("run,what,value\n1,out.y9,3\n", r"t:2: 'out\.y9' is no reading"),
        ("run,what,value\n1,poured,60\n", r"t: run 1: lacks out\.y0"),
    ],
)
def test_broken_tables_are_refused_by_line(text, message):
    with pytest.raises(FabError, match=message):
        parse_measured(text.encode(), "t", cups=CUPS, flow=12_000.0)


@pytest.mark.slow
@pytest.mark.parametrize("process", ["fdm-pla-detergent", "fdm-pla-water", "resin"])
def test_the_coupon_compiles_and_passes_sign_off(process, tmp_path):
    coupon_verb(tmp_path / "coupon", process)
    names = {path.name for path in (tmp_path / "coupon").iterdir()}
    assert {"parts", "weigh.md", "measured.csv", "manifest.json", "verify.json"} <= names
