"""Every design passes sign-off; penguins and xor: from a measurement to an answer, on rows that nobody trained on and
on all four.
"""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pelu_fab
from exports import DESIGNS, ran
from pelu_fab.cli import application
from pelu_fab.commands.source import rig_of
from pelu_fab.network import algebra
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import all_at_once
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.design import load, read_design_file
from pelu_fab.training.data import read_table, split
from pelu_fab.training.recipe import recipe_of

BIRDS = DESIGNS / "penguins"
HELD_OUT = BIRDS / "held-out.csv"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.parent.name, marks=[] if path.parent.name == "iris-robust" else pytest.mark.slow)
        for path in sorted(DESIGNS.glob("*/design.toml"))
    ],
)
def test_every_design_passes_sign_off(name: str, tmp_path: Path) -> None:
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(DESIGNS / name)), tmp_path / name, formats=["stl"])
    report = pelu_fab.verify(tmp_path / name, against=DESIGNS / name)
    assert report.verdict == "pass" and not report.failures


def test_the_held_out_birds_chose_nothing_and_are_told_apart() -> None:
    network, recipe = load(BIRDS).network, recipe_of(read_design_file(BIRDS).training, "x")
    table, held = read_table(BIRDS / "penguins.csv"), read_table(HELD_OUT)
    rows = split(table.labels, validation=recipe.validation, test=recipe.test, seed=recipe.seed).test
    assert np.array_equal(table.pours[rows], held.pours) and rows.sum() == 69
    samples = parse_samples(HELD_OUT.read_bytes(), "held-out.csv", network)
    assert (algebra.predict(network, samples.inputs) != samples.labels).sum() <= 1
    assert network.scaling is not None
    train = table.pours[~rows]
    for feature, low, high in zip(network.scaling.features, train.min(axis=0), train.max(axis=0), strict=True):
        assert (feature.low, feature.high) == (pytest.approx(low), pytest.approx(high))


def test_a_bird_in_the_wrong_unit_is_said() -> None:
    words = ["simulate", str(BIRDS), "--mode", "ideal", "--sample", "39.1,18.7,181,3.75"]
    done = CliRunner().invoke(application(), words)
    assert done.exit_code == 0
    said = done.stderr.replace("\n", " ")
    among = "body mass (g) is 3.75 g, the data go from 2700 to 6300, and 3750 would be among them"
    assert f"{among}: likely another unit; " in said
    right = ran("simulate", BIRDS, "--mode", "ideal", "--sample", "39.1,18.7,181,3750")
    assert right["answer"] == "Adelie" and right["measured"][3]["value"] == pytest.approx(3750)
    as_units = CliRunner().invoke(application(), [*words[:4], "--pour", "39.1,18.7,181,37.5"])
    assert as_units.exit_code == 2 and "pours 181 units of flipper length (mm), its jug holds 86" in as_units.stderr


@pytest.mark.slow
def test_every_held_out_bird_gets_the_trained_answer_from_the_stl(tmp_path: Path) -> None:
    out = tmp_path / "penguins"
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(BIRDS)), out, formats=["stl"])
    assert pelu_fab.verify(out, against=BIRDS).verdict == "pass"
    rig = rig_of(out)
    pours = parse_samples(HELD_OUT.read_bytes(), "held-out.csv", rig.network).inputs
    found = flow(rig.water, rig.process, all_at_once(pours * rig.unit_volume, 10.0), Conditions(mode="real"))
    assert (found.cups.argmax(axis=1) == algebra.predict(rig.network, pours)).all()


@pytest.mark.parametrize(("pour", "said"), [("0,0", "no"), ("40,0", "yes"), ("0,40", "yes"), ("40,40", "no")])
def test_two_cups_say_exclusive_or(pour: str, said: str) -> None:
    (row,) = ran("simulate", DESIGNS / "xor", "--pour", pour)["readouts"]
    assert row["says"].startswith(f"one of both: {said} ") and row["trained_says"].startswith(f"one of both: {said} ")


def test_nearly_every_print_says_exclusive_or() -> None:
    (row,) = ran("yield", DESIGNS / "xor", "--prints", "256")["readouts"]
    assert row["right"] > 0.99 and (row["low"], row["high"]) == (pytest.approx(-10), pytest.approx(10))
