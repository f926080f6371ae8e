"""simulate and yield from the command line: from the drawing, from the STL, and with bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pelu_fab
from pelu_fab.cli import application
from pelu_fab.commands.source import folder_jugs, rig_of
from pelu_fab.network import algebra
from pelu_fab.sim.flow import flow
from pelu_fab.sim.limits import pour_violations
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import design_pour

IRIS = str(Path(__file__).parent.parent / "designs" / "iris")


def run(*arguments):
    return CliRunner().invoke(application(), [str(a) for a in arguments])


def table(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("water") / "iris"
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(IRIS)), folder)
    return folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A random 8-6-4 network as the widget's json."""
    rng = np.random.default_rng(864)
    layers = []
    for size, below in ((8, 6), (6, 4)):
        shares = np.array([rng.multinomial(10, rng.dirichlet(np.full(below, 0.4))) for _ in range(size)]) / 10.0
        layers.append({"h": rng.uniform(2, 12, size).tolist(), "w": shares.tolist()})
    names = {"inputs": [f"in {i}" for i in range(8)], "outputs": [f"class {j}" for j in range(4)]}
    path = tmp_path_factory.mktemp("wide") / "wide.json"
    path.write_text(json.dumps({"format": "pelu-widget", "input_scale": 1, "layers": layers, **names}))
    return path


def test_real_water_in_the_drawing_stays_near_the_algebra():
    found = table("simulate", IRIS, "--row", 100)
    assert found["from"] == "drawing" and found["violations"] == []
    assert abs(found["mass_error_ml"]) < 1e-9
    assert 15.0 < found["readout_s"] < 60.0 and found["settled_s"] < 60.0  # the protocol says about a minute
    for cup in found["cups"]:
        assert cup["ml"] == pytest.approx(cup["asked_ml"], abs=0.4)
    for bucket in found["buckets"]:
        assert bucket["freeboard"] > 7 and bucket["spilled_ml"] == 0


def test_compensation_leaves_60_microlitres_a_branch_and_10_a_threshold_for_iris_at_the_design_pour():
    """And 0.2 points: combs are trimmed for half of the fullest pour, at 2 mm and more; one runs at 1.9 mm."""
    rig = rig_of(Path(IRIS))
    pours = rig.samples.inputs[::5] * rig.unit_volume
    asked = {(b.name, t): s for b in rig.water.buckets for t, s in b.shares}
    real = Conditions(mode="real")
    found = flow(rig.water, rig.process, design_pour(pours, rig.pour_flow), real, sample_every=1.0)
    spilled = found.delivered @ found.plumbing.leaves
    for (bucket, target), share in found.shares().items():
        spill = spilled[:, found.plumbing.buckets.index(bucket)]
        off = np.abs(np.nan_to_num(share - asked[bucket, target]))
        assert (off * spill).max() < 60  # mm3
        assert off[spill > 15_000].max() < 0.002
    for b, bucket in enumerate(rig.water.buckets):
        assert np.abs(found.kept[spilled[:, b] > 100, b] - bucket.retained_volume).max() < 10


def test_the_stl_and_the_drawing_hold_the_same_water(export):
    drawing, stl = table("simulate", IRIS, "--row", 60), table("simulate", export, "--row", 60)
    assert stl["from"] == "STL" and stl["answer"] == drawing["answer"]
    for one, other in zip(stl["cups"], drawing["cups"], strict=True):
        assert one["ml"] == pytest.approx(other["ml"], abs=0.05)
    kept = [{b["name"]: b["kept_ml"] for b in found["buckets"]} for found in (stl, drawing)]
    assert kept[0] == pytest.approx(kept[1], abs=0.03)


def test_yield_is_the_same_from_the_stl(export):
    drawing, stl = (table("yield", source, "--prints", 512)["accuracy"] for source in (IRIS, export))
    assert stl["mean"] == pytest.approx(drawing["mean"], abs=0.005)


def test_ideal_water_is_the_algebra_to_a_millionth_of_a_ml():
    found = table("simulate", IRIS, "--pour", "62,34,54,23", "--mode", "ideal", "--rate", 8, "--order", "3,1,0,2")
    for cup in found["cups"]:
        assert cup["ml"] == pytest.approx(cup["asked_ml"], abs=1e-6)


def test_eight_six_four_simulates_and_forecasts(wide, tmp_path):
    pour = ",".join(["30"] * 8)
    found = table("simulate", wide, "--pour", pour)
    assert len(found["cups"]) == 4 and abs(found["mass_error_ml"]) < 1e-9
    data = tmp_path / "data.csv"
    rng = np.random.default_rng(1)
    rows = [",".join(f"{v:.1f}" for v in rng.uniform(0, 50, 8)) for _ in range(40)]
    data.write_text(",".join(f"in {i}" for i in range(8)) + "\n" + "\n".join(rows) + "\n")
    forecast = table("yield", wide, "--data", data, "--prints", 256)
    assert forecast["against"] == "trained network" and 0.5 < forecast["accuracy"]["mean"] <= 1


def test_pictures_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr("pelu_fab.show.animation.FRAMES", 12)
    plot, gif, chart = tmp_path / "flow.png", tmp_path / "iris.gif", tmp_path / "yield.png"
    assert run("simulate", IRIS, "--row", 0, "--plot", plot, "--gif", gif).exit_code == 0
    assert run("yield", IRIS, "--prints", 64, "--plot", chart).exit_code == 0
    assert plot.read_bytes()[:8] == chart.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    from PIL import Image

    with Image.open(gif) as image:
        assert image.n_frames > 12
        first = np.asarray(image.convert("RGB")).copy()
        image.seek(image.n_frames - 1)
        last = np.asarray(image.convert("RGB"))
    blue = [(frame[..., 2].astype(int) - frame[..., 0] > 80).sum() for frame in (first, last)]
    assert blue[0] > 500, "cards are ready: the priming volume is in them"
    assert blue[1] > blue[0] + 1000, "cups fill"


def test_a_film_of_a_compiled_folder_is_refused_and_told_how(export, tmp_path):
    done = run("simulate", export, "--row", 0, "--gif", tmp_path / "iris.gif")
    assert done.exit_code == 2 and "simulate the design or checkpoint" in done.stderr
    assert not (tmp_path / "iris.gif").exists()


def test_a_sweep_lists_each_process_and_scale():
    found = table(
        "yield", IRIS, "--process", "fdm-pla-water", "--process", "resin", "--scale", 1, "--scale", 3, "--prints", 64
    )
    cases = [(one["process"], one["scale"]) for one in found["sweep"]]
    assert cases == [("fdm-pla-water", 1), ("fdm-pla-water", 3), ("resin", 1), ("resin", 3)]


def test_the_text_names_cups_shares_and_energy():
    output = run("simulate", IRIS, "--row", 0).stdout
    for word in ("setosa", "L0.b0", "answer: setosa", "mass error", "dissipated"):
        assert word in output
    output = run("yield", IRIS, "--prints", 64).stdout
    for word in ("prints with at least 96% right", "certified budget", "points per degree"):
        assert word in output


def test_the_design_pour_and_a_dump_of_iris_break_nothing():
    rig = rig_of(Path(IRIS))
    fullest = rig.samples.inputs.max(axis=0) * rig.unit_volume
    assert pour_violations(rig.water, rig.process, fullest, rig.pour_flow) == []


def test_the_device_computes_what_was_trained_for_all_flowers_in_real_water():
    rig = rig_of(Path(IRIS))
    pours = rig.samples.inputs * rig.unit_volume
    from pelu_fab.sim.schedule import all_at_once

    found = flow(rig.water, rig.process, all_at_once(pours, 5.0), Conditions(mode="real"), sample_every=1.0)
    exact = algebra.predict(rig.netlist, pours)
    assert (found.cups.argmax(axis=1) != exact).sum() <= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pour", "1,2"], "is not 4 numbers"),
        (["--pour", "1,2,3,nan"], "is not 4 numbers"),
        (["--row", "150"], "the data has 150 rows"),
        (["--pour", "1,2,3,4", "--row", "1"], "both say what to pour"),
        (["--mode", "wet"], "use ideal or real"),
        (["--over", "5", "--rate", "3"], "contradicts"),
        (["--over", "0"], "above 0"),
        (["--tilt", "45,0"], "leans more than 10 degrees"),
        (["--later", "2-10-30"], "is not INPUT:UNITS@SECOND"),
        (["--later", "9:10@30"], "the network has 4"),
        (["--order", "0,0,1,2"], "name each of the 4 inputs once"),
    ],
)
def test_bad_options_end_in_exit_2_and_a_remedy(arguments, message):
    result = run("simulate", IRIS, *arguments)
    assert result.exit_code == 2
    assert message in result.output.replace("\n", " ")


def test_a_device_that_would_spill_is_not_written_without_force(tmp_path, monkeypatch):
    from pelu_fab.errors import Violation

    spill = Violation("flow.spill", "L0.b2", 1.5, 0.0, "mL", why="jugs dumped in 3 s: water goes over the rim")
    monkeypatch.setattr("pelu_fab.stages.pour.pour_violations", lambda *_: [spill])
    out = tmp_path / "iris"
    refused = run("compile", IRIS, "-o", out)
    assert refused.exit_code == 2 and not out.exists()
    assert "L0.b2: 1.5 mL, limit 0 (flow.spill: jugs dumped in 3 s" in refused.output.replace("\n", " ")


FIRST = "5.1,3.5,1.4,0.2"  # row 0 of the flowers, in cm; 10 units a cm


def test_a_sample_in_the_user_s_units_pours_its_row_everywhere(export):
    row = table("simulate", IRIS, "--row", 0, "--mode", "ideal")
    for source in (IRIS, export):
        sample = table("simulate", source, "--sample", FIRST, "--mode", "ideal")
        assert sample["poured_ml"] == pytest.approx(row["poured_ml"], abs=1e-9)
        assert sample["answer"] == row["answer"]
        told = [(jug["value"], jug["unit"]) for jug in sample["measured"]]
        assert told == [(pytest.approx(value), "cm") for value in (5.1, 3.5, 1.4, 0.2)]
    traced = [table("verify", export, *told)["trace"] for told in (("--sample", FIRST), ("--trace", "51,35,14,2"))]
    assert [row["where"] for row in traced[0]] == [row["where"] for row in traced[1]]
    for key in ("trained", "lowered", "as_built"):
        assert [row[key] for row in traced[0]] == pytest.approx([row[key] for row in traced[1]], abs=1e-9)
    found = table("yield", IRIS, "--sample", FIRST, "--prints", 64)
    assert found["against"] == "trained network" and found["accuracy"]["mean"] == 1.0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            ("--sample", "51,35,14,2"),
            "is 51 cm, the data go from 4.3 to 7.9, and 5.1 would be among them",
        ),
        (("--sample", "0.05,0.03,0.01,0.002"), "all 4 measurements are below the data's: are they in other units?"),
        (("--pour", "5.1,3.5,1.4,0.2"), "looks like measurements, and is poured as units; say --sample"),
        (("--pour", "3,3,0.5,0.05"), "is less of everything than any row of the data pours (43, 20, 10, 1)"),
    ],
)
def test_what_looks_like_another_unit_is_said(told, said):
    result = run("simulate", IRIS, *told, "--beyond", "--mode", "ideal")
    assert result.exit_code == 0 and said in result.stderr.replace("\n", " "), result.stderr


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("simulate", ("--sample", "5.1,3.5,1.4,2.8", "--mode", "ideal")),
        ("simulate", ("--pour", "51,35,14,28", "--mode", "ideal")),
        ("yield", ("--sample", "5.1,3.5,1.4,2.8", "--prints", "8")),
        ("verify", ("--sample", "5.1,3.5,1.4,2.8")),
        ("verify", ("--trace", "51,35,14,28")),
    ],
)
def test_more_than_a_jug_holds_is_refused_unless_asked(verb, told, export):
    source = export if verb == "verify" else IRIS
    result = run(verb, source, *told)
    assert result.exit_code == 2 and "its jug holds 27; check the units" in result.stderr.replace("\n", " ")
    assert run(verb, source, *told, "--beyond").exit_code == 0


def test_a_trace_that_looks_like_measurements_is_said(export):
    result = run("verify", export, "--trace", "5.1,3.5,1.4,0.2")
    assert result.exit_code == 0 and "say --sample for measurements" in result.stderr.replace("\n", " ")


def test_jugs_of_a_folder_whose_manifest_says_none_refuse_nothing(tmp_path):
    assert folder_jugs(tmp_path) == ()
    (tmp_path / "manifest.json").write_text('{"input_max": "many"}')
    assert folder_jugs(tmp_path) == ()
