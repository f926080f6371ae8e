"""`pelu-fab train`: what it writes, and what it refuses; and training through prints of the device itself."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pelu_fab.cli import application
from pelu_fab.commands.train import _workshop
from pelu_fab.network.algebra import predict
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.design import load, read_design_file
from pelu_fab.training.data import read_table, split
from pelu_fab.training.loss import Task
from pelu_fab.training.recipe import Deviations, Recipe, recipe_of
from pelu_fab.training.replicas import SILENT, Replicas
from pelu_fab.training.tolerance import accuracies, good_prints
from pelu_fab.training.train import as_poured

DESIGNS = Path(__file__).parent.parent / "designs"
QUICK = ["--set", "steps=60", "--set", "restarts=2", "--no-plot"]


def ran(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(application(), ["train", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def test_a_csv_becomes_a_checkpoint_that_says_where_it_comes_from(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    code, text, _ = ran(
        DESIGNS / "iris" / "iris.csv", "-o", out, *QUICK, "--set", "hidden=[3]", "--set", "scale=10.0", "--json"
    )
    assert code == 0
    network, table = read_checkpoint(out), read_table(DESIGNS / "iris" / "iris.csv", scale=10.0)
    assert network.inputs == table.inputs and network.outputs == table.classes and network.input_scale == 10.0
    found = json.loads(text)
    wrong = int((predict(network, table.pours) != table.labels).sum())
    assert found["errors"]["train"] == {"wrong": wrong, "rows": 150}
    header = json.loads(out.read_bytes()[8 : 8 + int.from_bytes(out.read_bytes()[:8], "little")])["__metadata__"]
    assert header["data_sha256"] == table.sha256
    assert json.loads(header["recipe"])["hidden"] == [3] and header["seed"] == str(found["seed"])


def test_the_same_command_writes_the_same_bytes_the_plot_too(tmp_path: Path) -> None:
    blobs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        out = tmp_path / name / "net.safetensors"
        assert ran(DESIGNS / "iris" / "iris.csv", "-o", out, *QUICK[:-1], "--set", "noise.height=1.0")[0] == 0
        blobs.append((out.read_bytes(), out.with_suffix(".png").read_bytes()))
    assert blobs[0] == blobs[1]
    assert blobs[0][1].startswith(b"\x89PNG")


def test_a_design_trains_into_its_own_checkpoint_and_loads_with_it(tmp_path: Path) -> None:
    folder = DESIGNS / "iris-robust"
    for name in ("design.toml", "iris.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    quick = [*QUICK, "--set", "device.steps=12", "--set", "device.rounds=2", "--set", "device.pool=16"]
    code, text, _ = ran(tmp_path, *quick)
    assert code == 0 and "prints of this device in its process with at least" in text
    design = load(tmp_path)
    assert design.network.widths[0] == 4 and design.network.branches <= 10


def test_the_checkpoint_in_the_repository_is_the_one_worth_printing() -> None:
    design, recipe = load(DESIGNS / "iris-robust"), recipe_of(read_design_file(DESIGNS / "iris-robust").training, "x")
    network, samples = design.network, design.samples
    assert samples is not None and samples.labels is not None
    assert network.branches <= 10
    assert (predict(network, samples.inputs) != samples.labels).mean() <= 0.03
    for layer in network.layers:
        for row in layer.shares:
            assert any(np.abs(row * n - np.round(row * n)).max() < 1e-9 for n in range(5, recipe.teeth + 1))
    weights = [torch.tensor(x.shares, dtype=torch.float32).log().clamp_min(-1e30)[None] for x in network.layers]
    one = Replicas([torch.tensor(x.retained, dtype=torch.float32).sqrt()[None] for x in network.layers], weights)
    every = torch.ones(1, 150, dtype=torch.bool)
    task = Task(torch.tensor(samples.inputs, dtype=torch.float32), torch.tensor(samples.labels), every, ~every)
    noise = Deviations(height=0.5, share=0.05, pour=0.5)
    found = accuracies(one, task, noise, rows=every, prints=4000, generator=torch.Generator().manual_seed(123))
    assert good_prints(found, 0.96).item() >= 0.95


def test_prints_of_the_device_in_training_scatter_as_the_yield_forecast_draws_them() -> None:
    from pelu_fab.sim.noise import Noise
    from pelu_fab.sim.tolerance import blank, draw
    from pelu_fab.sim.water import water_of
    from pelu_fab.stages.lower import lower
    from pelu_fab.stages.place import place
    from pelu_fab.stages.size import size

    folder = DESIGNS / "iris-robust"
    design = load(folder)
    workshop = _workshop(folder, read_table(folder / "iris.csv", scale=10.0), 1.0)
    pool = workshop.pool([design.network], 4000, seed=5)
    lowered = lower(design)
    sized = size(lowered, design)
    water = water_of(lowered.netlist, sized, place(sized, lowered.netlist, design.process))
    prints = draw(blank(water, design.process), Noise.of(design.process), 4000, np.random.default_rng(1))
    assert pool.pour == pytest.approx(design.process.scatter.pour_ml)
    for index, layer in enumerate(design.network.layers):
        kept = prints.retained[index] / 1000 - layer.retained
        with_hand = np.hypot(kept.std(0), design.process.scatter.priming_ml * prints.primed[index])
        apart = np.abs(pool.shift[index][0].numpy().mean(0) - kept.mean(0))
        assert (apart < 4 * with_hand * (2 / 4000) ** 0.5).all()  # four standard errors
        assert np.abs(pool.shift[index][0].numpy().std(0) / with_hand - 1).max() < 0.1
        shares = pool.factor[index][0].numpy() * layer.shares
        assert np.abs(shares.mean(0) - prints.shares[index].mean(0)).max() < 1e-3


def test_pouring_through_a_pool_of_faultless_prints_is_the_ideal_device() -> None:
    from pelu_fab.training.replicas import Pool, flow

    replicas, pours = Replicas.started((4, 3, 3), [0, 1]), torch.rand(6, 4) * 40
    shift = (torch.zeros(2, 5, 4), torch.zeros(2, 5, 3))
    pool = Pool(shift, (torch.ones(2, 5, 4, 3), torch.ones(2, 5, 3, 3)), 0.0)
    poured = flow(pours, replicas.retained(), replicas.shares(), SILENT, torch.Generator(), pool)
    assert torch.allclose(poured, replicas(pours).expand_as(poured), atol=1e-4)
    lifted = Pool((shift[0] + 3.0, shift[1]), pool.factor, 0.0)
    higher = [replicas.retained()[0] + 3.0, replicas.retained()[1]]
    poured = flow(pours, replicas.retained(), replicas.shares(), SILENT, torch.Generator(), lifted)
    assert torch.allclose(poured[:, :1], flow(pours, higher, replicas.shares()), atol=1e-4)


def test_a_checkpoint_knows_what_a_measurement_pours_and_from_where_to_where(tmp_path: Path) -> None:
    source, out = DESIGNS / "iris" / "iris.csv", tmp_path / "net.safetensors"
    told = ["--set", 'scaling="minmax"', "--set", "complements=true", "--set", "test=0.2"]
    assert ran(source, "-o", out, *QUICK, *told)[0] == 0
    network, table = read_checkpoint(out), read_table(source)
    rows = split(table.labels, validation=0.0, test=0.2, seed=0).train
    expected = as_poured(table, Recipe(scaling="minmax", complements=True), rows)
    assert network.inputs == expected.inputs and network.scaling is not None
    assert np.abs(network.scaling.pours(table.pours) - expected.pours).max() < 1e-9
    ranges = [(feature.low, feature.high) for feature in network.scaling.measured]
    low, high = table.pours[rows].min(axis=0), table.pours[rows].max(axis=0)
    assert np.allclose(ranges, np.stack([low, high], axis=1)) and (high < table.pours.max(axis=0)).any()
    assert (
        parse_samples(source.read_bytes(), "iris.csv", network).inputs.tolist()
        == network.scaling.pours(table.pours).tolist()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.csv", "-o", "x.safetensors"], "nowhere.csv: does not exist"),
        ([str(DESIGNS / "iris" / "iris.csv")], "is a CSV, and no checkpoint is named; add -o NAME.safetensors"),
        ([str(DESIGNS / "iris" / "iris.csv"), "-o", "x.pt"], "x.pt: is no .safetensors file; name one with -o"),
        ([str(DESIGNS / "iris")], "has no [training] table; add one, or train from a CSV"),
        ([str(DESIGNS / "iris" / "iris.csv"), "-o", "x.safetensors", "--set", "stepz=5"], "did you mean 'steps'?"),
        (
            [str(DESIGNS / "iris" / "iris.csv"), "-o", "x.safetensors", "--set", "device.steps=5"],
            "is a CSV, and training.device needs a process; train from a design folder",
        ),
    ],
)
def test_what_it_cannot_do_it_says_and_writes_nothing(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = ran(*words)
    assert code == 2 and message in errors.replace("\n", " ")
    assert not list(tmp_path.iterdir())
