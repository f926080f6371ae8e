"""From somebody's table to an answer in its own units: train, compile, verify, simulate, by held-out row."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from exports import DESIGNS, ran
from pelu_fab.cli import application
from pelu_fab.commands.source import rig_of
from pelu_fab.network import algebra
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import one_by_one
from pelu_fab.training.data import read_table

TABLES = {"penguins": "penguins/penguins.csv", "wine": "wine/wine.csv", "flowers": "iris/iris.csv"}


def done(*words: str | Path) -> str:
    result = CliRunner().invoke(application(), [*map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_table_becomes_a_device_that_answers_every_held_out_row_as_trained(name: str, tmp_path: Path) -> None:
    done("train", DESIGNS / TABLES[name], "-o", tmp_path / "d", "--no-plot")
    done("compile", tmp_path / "d", "-o", tmp_path / "out", "--formats", "stl")
    assert "verdict: pass" in done("verify", tmp_path / "out", "--against", tmp_path / "d")
    held, rig = read_table(tmp_path / "d" / "held-out.csv"), rig_of(tmp_path / "out")
    pours = rig.measures.pours(held.pours)
    found = flow(rig.water, rig.process, one_by_one(pours * rig.unit_volume, rig.pour_flow), Conditions(mode="real"))
    answers, trained = found.cups.argmax(axis=1), algebra.predict(rig.network, pours)
    assert len(pours) >= 30 and np.flatnonzero(answers != trained).tolist() == []
    for row in range(0, len(pours), 10):
        sample = ",".join(map(str, held.pours[row].tolist()))
        said = ran("simulate", tmp_path / "out", "--sample", sample)
        assert said["answer"] == rig.network.outputs[trained[row]] == said["readouts"][0]["trained_says"]
        for one, value in zip(said["measured"], held.pours[row].tolist(), strict=True):
            assert one["value"] == pytest.approx(value) or (one["value"] is None and one["units"] == 0.0)
