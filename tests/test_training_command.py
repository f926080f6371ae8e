"""`pelu-fab train`: what it writes, and what it refuses; and training through prints of the device itself."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pelu_fab.cli import application
from pelu_fab.commands.train import _workshop
from pelu_fab.errors import FabError, FabWarning
from pelu_fab.files import WORK, alone_in
from pelu_fab.network.algebra import predict
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.design import load, read_design_file
from pelu_fab.training.data import read_table, split
from pelu_fab.training.folder import proposed, spoken
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


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's table of flowers: in cm, the species first, a column of words beside."""
    rows = (DESIGNS / "iris" / "iris.csv").read_text().splitlines()[1:]
    table = tmp_path_factory.mktemp("theirs") / "My flowers.csv"
    lines = [",".join([cells[4], *cells[:4], "north"]) for cells in (row.split(",") for row in rows)]
    table.write_text("\n".join(["species,sl_cm,sw_cm,petal_length_cm,pw_cm,meadow", *lines]) + "\n")
    return table


CHOSEN = ("--label", "Species", "--features", "petal_length_cm,pw_cm,sl_cm")


def test_a_csv_becomes_a_design_that_trains_again_to_the_same_bytes(
    flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text, errors = ran(flowers, *CHOSEN, *QUICK)
    assert code == 0 and "petal length (cm): 1 to 6.9 cm pours 0 to 50 units" in text, errors
    folder = tmp_path / "trained" / "My-flowers"
    names = {"design.toml", "data.csv", "held-out.csv", "My-flowers.safetensors"}
    assert {path.name for path in folder.iterdir()} == names
    design = load(folder)
    assert design.network.inputs == ("petal length (cm)", "pw (cm)", "sl (cm)") and design.samples is not None
    assert len(design.samples.inputs) == 150 and design.network.scaling is not None
    held = parse_samples((folder / "held-out.csv").read_bytes(), "held-out.csv", design.network)
    assert len(held.inputs) == 30 and set(map(tuple, held.inputs)) <= set(map(tuple, design.samples.inputs))
    bytes_before = (folder / "My-flowers.safetensors").read_bytes()
    assert ran(folder, "--no-plot")[0] == 0
    assert (folder / "My-flowers.safetensors").read_bytes() == bytes_before
    code, _, errors = ran(flowers, *CHOSEN, *QUICK)
    assert code == 2 and "holds a design.toml already; pelu-fab train" in errors.replace("\n", " ")
    assert ran(flowers, *CHOSEN, *QUICK, "--force", "--set", "scale=10.0")[0] == 0
    assert {(f.offset, f.factor) for f in load(folder).network.measures.features} == {(0.0, 10.0)}


def test_a_design_is_trained_anew_whole_or_not_at_all(
    flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in home.iterdir()}

    home = tmp_path / "home"
    words = (flowers, *CHOSEN, "-o", home, *QUICK[:2], "--set", "restarts=1")
    assert ran(*words)[0] == 0
    (home / "my notes.txt").write_text("keep me")
    before = content()
    assert {"home.png", "My-flowers.png", "held-out.csv"} & set(before) == {"My-flowers.png", "held-out.csv"}
    monkeypatch.setattr(os, "fsync", full)
    code, _, errors = ran(*words, "--force", "--set", "seed=5")
    assert code == 2 and "can't be written: No space left on device" in errors and content() == before
    monkeypatch.undo()
    with alone_in(home):
        code, _, errors = ran(*words, "--force")
    assert code == 2 and "another build is writing here; wait until it is done" in errors and content() == before
    assert ran(*words, "--force", "--no-plot", "--set", "test=0")[0] == 0
    assert set(content()) == {"design.toml", "data.csv", "My-flowers.safetensors", "my notes.txt"}, "nothing stale"


def test_two_trainings_into_one_folder_at_once_leave_one_design(flowers: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pelu_fab", "train", str(flowers), *CHOSEN, "-o", str(tmp_path / "home"), *QUICK]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [child.communicate(timeout=120)[1] for child in both]
    codes = [child.returncode for child in both]
    assert sorted(codes) == [0, 2], told
    refused = told[codes.index(2)]
    assert "another build is writing here" in refused or "holds a design.toml already" in refused
    assert load(tmp_path / "home").samples is not None and not (tmp_path / "home" / WORK).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "column 6 (meadow): has 1 class"),
        (("--label", "specis"), "--label specis: names no column of"),
        (("--label", "species"), "column 6 (meadow): is 'north', not a number"),
        (("--label", "species", "--features", "sl_cm,sl_cm"), "--features: names a column twice"),
        (("--label", "species", "--features", "sl_cm,length"), "--features length: names no column of"),
        (
            ("--label", "Petal length (cm)", "--features", "sl_cm"),
            "column 4 (petal_length_cm): holds 43 different numbers",
        ),
    ],
)
def test_columns_that_can_t_be_are_refused_by_their_place_in_the_file(
    flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = ran(flowers, *words, *QUICK)
    assert code == 2 and message in errors.replace("\n", " "), errors
    assert not list(tmp_path.iterdir())


def test_a_year_behind_words_is_no_class_unless_one_says_so(tmp_path: Path) -> None:
    rows = [f"{'ab'[k % 2]},{k % 7}.5,{2000 + k % 3}" for k in range(60)]
    (tmp_path / "d.csv").write_text("\n".join(["kind,x,year", *rows]))
    with pytest.raises(FabError, match=r"column 3 \(year\): holds 3 different .*say --label kind"):
        read_table(tmp_path / "d.csv")
    found = read_table(tmp_path / "d.csv", label="year", features=["x"])
    assert found.classes == ("2000", "2001", "2002") and found.inputs == ("x",)


def test_a_class_of_one_row_is_said(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x,kind\n1,a\n2,a\n3,b\n4,c\n")
    with pytest.warns(FabWarning, match="has one row alone of class 'b' and of 1 more; nothing can be learnt"):
        read_table(tmp_path / "d.csv")


def test_what_is_proposed_is_a_recipe_for_any_table() -> None:
    for scale, name in ((1e-6, "wine"), (1e6, "iris")):
        table = read_table(DESIGNS / name / f"{name}.csv")
        table = replace(table, pours=table.pours * scale)
        recipe = recipe_of(proposed(table), "x")
        poured = as_poured(table, recipe, np.ones(len(table.labels), dtype=bool))
        assert poured.pours.min() == 0.0 and np.allclose(poured.pours.max(axis=0), 50.0)
        assert recipe.test == 0.2 and recipe.branches >= len(table.inputs) + recipe.hidden[0]
    few = replace(table, labels=np.array([0] * 146 + [1] * 4))
    assert "test" not in proposed(few), "nothing to hold out"


def test_names_are_spoken_unless_two_would_be_one() -> None:
    assert spoken(["bill_length_mm", "body mass", "pH", "width [cm]"]) == (
        "bill length (mm)",
        "body mass",
        "pH",
        "width [cm]",
    )
    assert spoken(["a_b", "a b"]) == ("a_b", "a b") and spoken(["_", "x"]) == ("_", "x")
