"""`train --target`: a number of a table, learnt as the difference of two cups, read in its own unit."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pelu_fab
from exports import DESIGNS, ran
from pelu_fab.cli import application
from pelu_fab.commands.source import rig_of
from pelu_fab.errors import FabError
from pelu_fab.network import algebra
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import quantity
from pelu_fab.signoff.question import read_question
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import all_at_once
from pelu_fab.sources.design import load
from pelu_fab.training.data import read_table
from pelu_fab.training.readout import lines

TIDE = DESIGNS / "tide"
QUICK = ["--set", "steps=60", "--set", "restarts=2", "--no-plot"]


def trained(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(application(), ["train", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr.replace("\n", " ")


def rms(off: np.ndarray) -> float:
    return float(np.sqrt((off**2).mean()))


def test_a_line_through_the_cups_is_least_squares_over_prints_and_rows_in_use() -> None:
    generator = torch.Generator().manual_seed(0)
    volumes, targets = 9 * torch.rand(2, 5, 40, 3, generator=generator), torch.randn(40, generator=generator)
    rows = torch.rand(2, 40, generator=generator) < 0.7
    scale, offset, missed = lines(volumes, targets, rows)
    for r in range(2):
        gaps = (volumes[r, :, rows[r], 0] - volumes[r, :, rows[r], 1]).double().numpy().ravel()
        wanted = np.tile(targets[rows[r]].double().numpy(), 5)
        (slope, level), (rest,), *_ = np.linalg.lstsq(np.stack([gaps, np.ones_like(gaps)], 1), wanted)
        assert (scale[r].item(), offset[r].item()) == (pytest.approx(slope, rel=1e-3), pytest.approx(level, rel=1e-3))
        assert missed[r].item() == pytest.approx(rest / len(wanted) / wanted.var(), rel=1e-4)


def test_a_straight_line_is_learnt_and_said_in_its_unit_also_where_it_falls(tmp_path: Path) -> None:
    x = np.linspace(2, 12, 60)
    table = tmp_path / "spring.csv"
    table.write_text("force_N,length (cm)\n" + "".join(f"{v:.4f},{90 - 5 * v:.4f}\n" for v in x))
    code, text, errors = trained(table, "--target", "length (cm)", "-o", tmp_path / "d", *QUICK, "--set", "steps=250")
    assert code == 0, errors
    assert "length = (plus - minus) * " in text and "cm" in text
    network = load(tmp_path / "d").network
    (readout,) = network.readouts
    assert (readout.name, readout.unit, readout.kind) == ("length", "cm", "difference") and readout.scale > 0
    pours = network.measures.pours(x[:, None])
    read = readout.values(algebra.outputs(network, pours), network.outputs)
    assert rms(read - (90 - 5 * x)) < 0.01 * 50
    sample = ran("simulate", tmp_path / "d", "--sample", "7", "--mode", "ideal")["readouts"][0]
    assert sample["value"] == pytest.approx(55, abs=1.0) and sample["says"].startswith("length = 5")


def test_a_table_becomes_a_design_that_trains_again_to_the_same_bytes_and_keeps_rows_back(tmp_path: Path) -> None:
    words = (TIDE / "tide.csv", "--target", "height (m)", "-o", tmp_path / "d", *QUICK, "--json")
    code, text, errors = trained(*words)
    assert code == 0, errors
    found = json.loads(text)
    blob = tmp_path / "d" / "tide.safetensors"
    before = blob.read_bytes()
    assert trained(tmp_path / "d", "--no-plot")[0] == 0 and blob.read_bytes() == before
    whole, held = (read_table(tmp_path / "d" / name, is_number=True) for name in ("data.csv", "held-out.csv"))
    assert whole.targets is not None and held.targets is not None and len(held.targets) == 27
    assert whole.classes == ("height (m)",) and np.ptp(whole.targets) == pytest.approx(found["number"]["span"])
    network = load(tmp_path / "d").network
    off = network.readouts[0].values(algebra.outputs(network, network.measures.pours(held.pours)), network.outputs)
    assert found["number"]["rms"]["test"] == pytest.approx(rms(off - held.targets), rel=1e-9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--target", "heigth"), "--target heigth: names no column of"),
        (("--target", "height (m)", "--label", "height (m)"), "--target: and --label name two columns to learn"),
        (("--target", "height (m)", "--set", "folds=5"), "folds: count wrong answers, a number has none"),
        ((), "say --target height (m) to learn the number"),
    ],
)
def test_what_can_t_be_learnt_is_refused(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    code, _, errors = trained(TIDE / "tide.csv", "-o", tmp_path / "d", *words, *QUICK)
    assert code == 2 and message in errors, errors
    assert not (tmp_path / "d").exists()


def test_a_number_that_never_changes_teaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x,y\n" + "".join(f"{k},3\n" for k in range(1, 30, 2)))
    with pytest.raises(FabError, match=r"column 2 \(y\): holds 15 rows and 1 different numbers"):
        read_table(tmp_path / "d.csv", is_number=True)


def test_columns_say_what_they_measure_and_are_known_again() -> None:
    assert [quantity(name) for name in ("height (m)", "mass_kg", "pH", "wind [m/s]")] == [
        ("height", "m"),
        ("mass", "kg"),
        ("pH", ""),
        ("wind", "m/s"),
    ]
    height = Readout("height", unit="m", plus=("plus",))
    assert all(height.is_column(name) for name in ("height (m)", "Height_m", "height"))
    assert not any(height.is_column(name) for name in ("height (km)", "depth (m)", "class"))
    assert not replace(height, kind="above").is_column("height")


def test_the_judge_reads_the_same_pours_of_a_table_with_a_number() -> None:
    asked, design = read_question(TIDE), load(TIDE)
    assert asked.samples is not None and design.samples is not None
    assert asked.samples[1] is None and design.samples.labels is None
    assert np.allclose(asked.samples[0], design.samples.inputs) and len(design.samples.inputs) == 135


def test_the_tides_table_is_its_formula_and_the_network_draws_it() -> None:
    made = runpy.run_path(str(TIDE / "make.py"))
    whole, held = (read_table(TIDE / name, is_number=True) for name in ("tide.csv", "held-out.csv"))
    assert whole.targets is not None and held.targets is not None
    assert np.abs([made["height"](*row) for row in whole.pours] - whole.targets).max() <= 0.0051
    network = load(TIDE).network
    (readout,) = network.readouts
    for table, most in ((whole, 0.112), (held, 0.110)):
        read = readout.values(algebra.outputs(network, network.measures.pours(table.pours)), network.outputs)
        assert rms(read - table.targets) < most
    rows = {tuple(row) for row in whole.pours}
    assert all(tuple(row) in rows for row in held.pours)


def test_a_sample_in_hours_and_days_is_answered_in_metres_and_prints_read_it_well() -> None:
    (row,) = ran("simulate", TIDE, "--sample", "3,0")["readouts"]
    assert row["says"] == "height = 2.85 m" and abs(row["value"] - 2.893) < 0.1
    (told,) = ran("yield", TIDE, "--prints", "256")["readouts"]
    assert told["unit"] == "m" and told["rms_percent"] < 2.6


@pytest.mark.slow
def test_every_held_out_tide_is_read_off_the_stl_in_metres(tmp_path: Path) -> None:
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(TIDE)), tmp_path / "tide", formats=["stl"])
    assert pelu_fab.verify(tmp_path / "tide", against=TIDE).verdict == "pass"
    rig, table = rig_of(tmp_path / "tide"), read_table(TIDE / "held-out.csv", is_number=True)
    (readout,) = rig.network.readouts
    pours = rig.measures.pours(table.pours)
    poured = flow(rig.water, rig.process, all_at_once(pours * rig.unit_volume, 10.0), Conditions(mode="real"))
    read = readout.values(poured.cups / rig.unit_volume, rig.network.outputs)
    assert rms(read - readout.values(algebra.outputs(rig.network, pours), rig.network.outputs)) < 0.06
    assert rms(read - table.targets) < 0.13
