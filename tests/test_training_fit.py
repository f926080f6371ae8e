"""The training loop, against the plain loop of the blog, finite differences and its own seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pelu_fab.errors import FabError
from pelu_fab.layers.pelu import PeLU
from pelu_fab.network.algebra import outputs
from pelu_fab.training.data import Split, folds, minmax, read_table, split, with_complements
from pelu_fab.training.fit import fit, phases, rate
from pelu_fab.training.loss import Task, loss
from pelu_fab.training.readout import cups, leads, scores
from pelu_fab.training.recipe import Deviations, Recipe, recipe_of
from pelu_fab.training.replicas import Replicas
from pelu_fab.training.step import Autograd, ClosedForm, stepper
from pelu_fab.training.train import answers, cross_validate, task_of, train, without_dry

IRIS = Path(__file__).parent.parent / "designs" / "iris" / "iris.csv"


def iris_task(count: int, *, dtype: torch.dtype = torch.float32) -> Task:
    table = read_table(IRIS, scale=10.0)
    every = np.ones(len(table.labels), dtype=bool)
    return task_of(table, [Split(every, ~every, ~every)] * count, Recipe(), dtype=dtype)


def plain_loop(seed: int, task: Task, steps: int) -> nn.Sequential:
    """The blog's recipe, written as one would by hand."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(PeLU(4, 3), PeLU(3, 3)).to(task.pours.dtype)
    for layer in model:
        layer.reset_parameters(generator)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        nn.functional.cross_entropy(model(task.pours), task.labels).backward()
        adam.step()
    return model


@pytest.mark.parametrize("kind", [ClosedForm, Autograd])
def test_seeds_trained_side_by_side_are_what_the_plain_loop_gives_each_alone(kind) -> None:
    task, seeds, steps = iris_task(3, dtype=torch.float64), [5, 6, 7], 60
    replicas = Replicas.started((4, 3, 3), seeds, dtype=torch.float64)
    mover = kind(replicas, task, Recipe(), *([torch.Generator()] if kind is Autograd else []))
    for _ in range(steps):
        mover.step(0.01)
    for r, seed in enumerate(seeds):
        alone = plain_loop(seed, task, steps)
        for layer, module in enumerate(alone):
            assert torch.allclose(replicas.heights[layer][r], module.heights, atol=1e-9)
            assert torch.allclose(replicas.weights[layer][r], module.weights, atol=1e-9)


def test_the_blogs_recipe_reaches_two_percent_training_error_in_five_of_six_seeds() -> None:
    replicas, task = Replicas.started((4, 3, 3), range(6)), iris_task(6)
    fit(replicas, task, Recipe(hidden=[3]))
    wrong = (replicas(task.pours)[:, 0].argmax(-1) != task.labels).sum(1)
    assert (wrong <= 3).sum() >= 5, wrong.tolist()


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(margin=2.0),
        Recipe(entropy=0.1),
        Recipe(half=0.1),
        Recipe(readout="differential"),
        Recipe(share_function="sparsemax"),
        Recipe(noise=Deviations(height=1)),
    ],
)
def test_only_the_plain_recipe_takes_the_closed_form(recipe: Recipe) -> None:
    replicas, task = Replicas.started((4, 3, 4), [0]), iris_task(1)
    assert isinstance(stepper(replicas, task, Recipe(temperature=0.5), torch.Generator()), ClosedForm)
    assert isinstance(stepper(replicas, task, recipe, torch.Generator()), Autograd)


def test_training_twice_gives_the_same_bits_and_another_seed_others() -> None:
    table = read_table(IRIS, scale=10.0)
    noise = Deviations(height=1, share=0.1, pour=0.5)
    recipe = Recipe(hidden=[3], steps=30, restarts=2, branches=10, teeth=12, noise=noise)
    first, second = train(table, recipe), train(table, recipe)
    other = train(table, recipe.model_copy(update={"seed": 50}))
    for one, two in zip(first.network.layers, second.network.layers, strict=True):
        assert np.array_equal(one.shares, two.shares) and np.array_equal(one.retained, two.retained)
    assert repr(first.history) == repr(second.history)
    assert not np.array_equal(first.network.layers[0].retained, other.network.layers[0].retained)


def test_the_result_has_the_branches_and_the_whole_teeth_that_were_asked_for() -> None:
    recipe = Recipe(hidden=[3], steps=300, learning_rate=0.05, branches=10, teeth=12, restarts=3, schedule="cycle")
    trained = train(read_table(IRIS, scale=10.0), recipe)
    assert trained.network.branches <= 10
    for layer in trained.network.layers:
        assert np.abs(layer.shares.sum(axis=1) - 1).max() < 1e-15
        for row in layer.shares:
            assert any(np.abs(row * n - np.round(row * n)).max() < 1e-12 for n in range(5, 13)), row
    assert [p.name for p in phases(recipe, 21)] == ["fit", *(f"prune to {n}" for n in (17, 14, 12, 11, 10)), "teeth"]


def test_the_reported_errors_are_those_of_the_network_in_the_checkpoint() -> None:
    table, recipe = (
        read_table(IRIS, scale=10.0),
        Recipe(hidden=[3], steps=400, learning_rate=0.05, validation=0.2, test=0.32),
    )
    trained = train(table, recipe)
    wrong = outputs(trained.network, table.pours).argmax(1) != table.labels
    for name, rows in trained.split._asdict().items():
        assert (trained.errors[name].wrong, trained.errors[name].rows) == (wrong[rows].sum(), rows.sum())
    assert {name: e.rows for name, e in trained.errors.items()} == {"train": 72, "validation": 30, "test": 48}


def test_test_rows_choose_nothing() -> None:
    table = read_table(IRIS, scale=10.0)
    recipe = Recipe(hidden=[3], steps=80, test=0.32, validation=0.2, restarts=2, branches=12)
    first = train(table, recipe)
    labels = table.labels.copy()
    labels[first.split.test] = np.roll(labels[first.split.test], 20)
    # The split is drawn by class, so it is held fast here: only what the test rows say has changed.
    one, two = (task_of(replace(table, labels=words), [first.split] * 2, recipe) for words in (table.labels, labels))
    found = []
    for task in (one, two):
        replicas = Replicas.started((4, 3, 3), [0, 1])
        history = fit(replicas, task, recipe)
        found.append((repr(history), [p.tolist() for p in replicas.parameters()]))
    assert found[0] == found[1]


def test_early_stopping_stops_and_keeps_the_best_validation_loss() -> None:
    table = read_table(IRIS, scale=10.0)
    parts = split(table.labels, validation=0.3, test=0.0, seed=1)
    recipe = Recipe(hidden=[3], steps=20_000, learning_rate=0.1, validation=0.3, patience=400)
    task, replicas = task_of(table, [parts], recipe), Replicas.started((4, 3, 3), [1])
    history = fit(replicas, task, recipe)
    assert history[-1].step < 20_000
    best = min(point.validation_loss for point in history)
    found = loss(replicas, Task(task.pours, task.labels, task.validation, task.validation), recipe)
    assert found.item() == pytest.approx(best, rel=1e-5)


def test_the_cycle_rises_and_ends_at_nothing() -> None:
    recipe = Recipe(schedule="cycle", learning_rate=0.02)
    rates = [rate(recipe, step, 100) for step in range(1, 101)]
    assert max(rates) == rates[9] == 0.02 and rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)


def test_deviations_scatter_as_much_as_they_say() -> None:
    replicas = Replicas([torch.tensor([[3.0, 2.0]])], [torch.log(torch.tensor([[[0.3, 0.7], [1.0, 1e-30]]]))])
    pours = torch.tensor([[50.0, 40.0]])

    def drawn(**settings: float) -> torch.Tensor:
        deviations = Deviations(prints=4096, **settings)
        return replicas(pours, deviations, torch.Generator().manual_seed(0))[0, :, 0].detach()

    heights = drawn(height=0.5)
    assert heights[:, 0].std().item() == pytest.approx(((0.3 * 0.5) ** 2 + 0.5**2) ** 0.5, rel=0.05)
    assert drawn(pour=0.8).sum(-1).std().item() == pytest.approx(0.8 * 2**0.5, rel=0.05)
    # a = f1 A1 / (f1 A1 + f2 A2) moves by A1 A2 √2 σ to first order
    shares = drawn(share=0.04)
    assert shares[:, 0].std().item() == pytest.approx(41 * 0.3 * 0.7 * 2**0.5 * 0.04, rel=0.05)
    assert torch.allclose(shares.sum(-1), torch.tensor(77.0), atol=1e-4), "no area error makes or loses water"


def test_noise_in_training_makes_more_prints_good() -> None:
    from pelu_fab.training.tolerance import accuracies

    noise = Deviations(height=1, share=0.1)
    task, good = iris_task(6), []
    for trained_with in (Deviations(), Deviations(height=1, share=0.1, pour=0.5, prints=2)):
        replicas = Replicas.started((4, 3, 3), range(6))
        fit(replicas, task, Recipe(hidden=[3], steps=2000, learning_rate=0.03, schedule="cycle", noise=trained_with))
        right = accuracies(
            replicas, task, noise, rows=task.train, prints=400, generator=torch.Generator().manual_seed(9)
        )
        good.append((right >= 0.9).double().mean(1).median().item())
    assert good[1] > good[0] + 0.15, good


def test_folds_are_disjoint_whole_and_even_and_splits_are_stratified() -> None:
    labels = np.repeat([0, 1, 2], [50, 50, 47])
    parts = folds(labels, 7, seed=3)
    assert (sum(part.test.astype(int) for part in parts) == 1).all()
    assert all((part.train ^ part.test).all() for part in parts)
    assert max(part.test.sum() for part in parts) - min(part.test.sum() for part in parts) <= 1
    drawn = split(labels, validation=0.1, test=0.3, seed=0)
    assert (sum(rows.astype(int) for rows in drawn) == 1).all()
    assert [drawn.test[labels == label].sum() for label in range(3)] == [15, 15, 14]


def test_cross_validation_counts_every_row_once() -> None:
    found = cross_validate(read_table(IRIS, scale=10.0), Recipe(hidden=[3], steps=300, learning_rate=0.05, folds=4))
    assert [e.rows for e in found] == [38, 38, 37, 37] and sum(e.rows for e in found) == 150
    assert sum(e.wrong for e in found) <= 15
    with pytest.raises(FabError, match=r"folds: is 200, the data have 150 rows; use fewer folds"):
        folds(np.zeros(150, dtype=np.int64), 200, seed=0)


def test_minmax_pours_full_jugs_over_the_training_rows_and_says_how(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b,c,kind\n-3,10,7,x\n1,20,7,y\n5,15,7,x\n9,99,7,y\n")
    table = read_table(tmp_path / "d.csv", scale=2.0)
    scaled = minmax(table, full=40.0, rows=np.array([True, True, True, False]))
    assert scaled.pours.tolist() == [[0, 0, 0], [20, 40, 0], [40, 20, 0], [60, 356, 0]]
    assert np.allclose(scaled.scaling.pours(table.pours / 2.0), scaled.pours)


def test_complements_pour_what_is_missing_to_the_fullest_jug() -> None:
    table = read_table(IRIS, scale=10.0)
    both = with_complements(table, table.pours.max(0))
    assert np.allclose(both.pours[:, :4] + both.pours[:, 4:], table.pours.max(0))
    assert both.inputs[4] == "sepal_length_cm~"
    assert np.allclose(both.scaling.pours(table.pours / 10), both.pours)
    assert [feature.name for feature in both.scaling.features[4:]] == list(table.inputs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,kind\n1,x\nnan,y\n", r"line 3, column 1 \(a\): is nan; give a finite number"),
        ("a,kind\n1,x\nfew,y\n", r"line 3, column 1 \(a\): is 'few', not a number"),
        ("a,kind\n1,x\n2\n", r"line 3: has 1 cells, the header 2; complete the row"),
        ("a,kind\n1,x\n2,x\n", r"column 2 \(kind\): has 1 class; give at least 2 classes"),
        ("kind\nx\ny\n", r"has 1 column; give the features, then the label"),
    ],
)
def test_bad_data_is_refused_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(FabError, match=message):
        read_table(tmp_path / "d.csv")


def test_a_negative_feature_is_refused_unless_it_is_scaled(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,kind\n1,x\n-2,y\n3,x\n4,y\n")
    table = read_table(tmp_path / "d.csv")
    with pytest.raises(FabError, match=r'a of row 1 is -2; shift it above 0, or train with scaling = "minmax"'):
        train(table, Recipe(steps=1))
    assert train(table, Recipe(steps=1, scaling="minmax")).network.input_scale == 1.0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"hiden": [3]}, r"hiden is no key that is known; did you mean 'hidden'\?"),
        ({"steps": 0}, r"steps is 0; allowed: greater than or equal to 1"),
        ({"steps": "many"}, r"steps is 'many'; allowed: .*integer"),
        ({"noise": {"hight": 1.0}}, r"noise.hight is no key that is known; did you mean 'height'\?"),
        ({"validation": 0.6, "test": 0.4}, r"leave no row to train on"),
        ({"patience": 5}, r"patience needs validation rows to watch"),
        ({"hidden": [3, 0]}, r"holds a row without buckets"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_by_key(table: dict[str, object], message: str) -> None:
    with pytest.raises(FabError, match=message):
        recipe_of(table, "design.toml: training")


def test_a_bucket_that_no_branch_reaches_is_left_out_without_changing_an_answer() -> None:
    from pelu_fab.network.model import Layer, Network

    network = Network(
        (Layer(np.ones(2), np.array([[0.5, 0, 0.5], [1.0, 0, 0]])), Layer(np.ones(3), np.eye(3)[:, :2] * 0 + 0.5)),
        ("a", "b"), ("y", "z"),
    )  # fmt: skip
    smaller = without_dry(network)
    pours = np.random.default_rng(0).uniform(0, 30, (9, 2))
    assert smaller.widths == (2, 2, 2)
    assert np.array_equal(outputs(smaller, pours), outputs(network, pours))


XOR_POURS = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
XOR = torch.tensor([0, 1, 1, 0])


def test_differential_cups_compute_xor_which_no_single_cup_can() -> None:
    # A quarter of the sum speaks for, three quarters less 7.5 against: 0, 2.5, 2.5, -2.5.
    module = nn.Sequential(PeLU(2, 2), PeLU(2, 2))
    with torch.no_grad():
        module[0].heights.zero_()
        module[0].weights.copy_(torch.log(torch.tensor([[0.25, 0.75]] * 2)))
        module[1].heights.copy_(torch.tensor([0.0, 7.5]).sqrt())
        module[1].weights.copy_(torch.tensor([[0.0, -60.0], [-60.0, 0.0]]))
    score = scores(module(XOR_POURS), "differential")[:, 0]
    assert torch.equal(score > 1, XOR.bool())


def test_every_cup_is_monotone_and_convex_so_xor_is_beyond_one_cup() -> None:
    generator = torch.Generator().manual_seed(0)
    replicas = Replicas.started((2, 4, 1), range(200))
    with torch.no_grad():
        low, one, other, both = replicas(XOR_POURS)[:, 0, :, 0].T
    assert (both >= torch.maximum(one, other)).all() and (torch.minimum(one, other) >= low).all()
    first, second = (torch.rand(50, 2, generator=generator) * 30 for _ in range(2))
    with torch.no_grad():
        ends = (replicas(first) + replicas(second)) / 2
        assert (replicas((first + second) / 2) <= ends + 1e-4).all()


def test_xor_is_learnt_with_differential_cups() -> None:
    every = torch.ones(16, 4, dtype=torch.bool)
    task = Task(XOR_POURS, XOR, every, ~every, "differential")
    replicas = Replicas.started((2, 4, 4), range(16))
    # No water, no score: all cups empty is a tie, so what is learnt is that 1 leads for one jug and 0 for two.
    task = Task(XOR_POURS[1:], XOR[1:], every[:, 1:], ~every[:, 1:], "differential")
    fit(replicas, task, Recipe(readout="differential", steps=800, learning_rate=0.03))
    right = scores(replicas(task.pours)[:, 0], "differential").argmax(-1) == task.labels
    assert right.all(dim=1).sum() >= 4


def test_read_outs_name_their_cups_and_measure_leads() -> None:
    assert cups(("a", "b"), "differential") == ("a+", "b+", "a-", "b-")
    volumes = torch.tensor([[5.0, 1.0, 2.0, 0.5]])
    assert torch.equal(scores(volumes, "differential"), torch.tensor([[3.0, 0.5]]))
    assert leads(torch.tensor([[3.0, 0.5, 1.0]]), torch.tensor([2])).tolist() == [-2.0]
    with pytest.raises(FabError, match=r"differential needs pairs of cups, found 3; give two a class"):
        scores(torch.zeros(1, 3), "differential")


def test_a_differential_network_answers_by_its_read_out() -> None:
    table = read_table(IRIS, scale=10.0)
    recipe = Recipe(hidden=[3], steps=600, learning_rate=0.05, readout="differential")
    trained = train(table, recipe)
    volumes = outputs(trained.network, table.pours)
    assert trained.network.outputs[3] == "setosa-"
    assert np.array_equal(answers(trained.network, table, recipe), (volumes[:, :3] - volumes[:, 3:]).argmax(1))
    assert trained.errors["train"].wrong <= 8


def test_own_cup_leaves_each_bucket_of_the_last_row_one_branch_to_its_own_cup() -> None:
    table = read_table(IRIS, scale=10.0)
    recipe = Recipe(hidden=[4], own_cup=True, steps=200, restarts=2)
    network = train(table, recipe).network
    assert np.array_equal(network.layers[-1].shares, np.eye(3)[[0, 1, 2, 0]])
    assert (network.layers[0].shares > 0).sum() > 8, "the first row keeps its branches"
    with pytest.raises(FabError, match="own_cup needs a hidden row"):
        recipe_of({"own_cup": True}, "[training]")
