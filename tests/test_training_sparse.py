"""Penalties, sparsemax, pruning and teeth: what each does to shares, against brute force."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pelu_fab.layers.sparse import entropy, half_norm, keep_largest, sparsemax
from pelu_fab.training.loss import Task, loss
from pelu_fab.training.prune import prune
from pelu_fab.training.recipe import Recipe
from pelu_fab.training.replicas import Replicas
from pelu_fab.training.teeth import round_to_teeth, straight_through

logits = st.integers(0, 2**31).map(lambda seed: torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)))


@given(logits)
def test_an_l1_norm_of_shares_is_constant_so_it_trains_nothing(weights: torch.Tensor) -> None:
    weights = weights.double().requires_grad_()
    penalty = weights.softmax(-1).abs().sum()  # what the blog suggests
    penalty.backward()
    assert penalty.item() == pytest.approx(3.0, abs=1e-12)
    assert weights.grad is not None and weights.grad.abs().max() < 1e-12


def descended(penalty, weights: torch.Tensor, *, rate: float, steps: int = 400) -> torch.Tensor:
    weights = weights.clone().requires_grad_()
    adam = torch.optim.Adam([weights], lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        penalty(weights).backward()
        adam.step()
    return weights.detach().softmax(-1)


def test_an_l1_norm_of_logits_drives_shares_to_uniform_and_entropy_drives_them_to_one_branch() -> None:
    weights = torch.randn(6, 3, generator=torch.Generator().manual_seed(4))
    assert (descended(lambda w: w.abs().sum(), weights, rate=0.05) - 1 / 3).abs().max() < 0.05
    for penalty in (entropy, half_norm):
        sparse = descended(lambda w, p=penalty: p(w.softmax(-1)), weights, rate=0.05)
        assert sparse.amax(-1).min() > 0.99
        assert torch.equal(sparse.argmax(-1), weights.argmax(-1)), "the largest share wins"


def test_the_penalties_are_zero_for_one_branch_and_largest_for_even_shares() -> None:
    one, even = torch.eye(3, dtype=torch.float64), torch.full((3, 3), 1 / 3, dtype=torch.float64)
    assert entropy(one).item() == pytest.approx(0, abs=1e-9) and half_norm(one).item() == pytest.approx(0, abs=1e-4)
    assert entropy(even).item() == pytest.approx(3 * np.log(3)) and half_norm(even).item() == pytest.approx(
        3 * (3**0.5 - 1)
    )
    between = torch.randn(3, 3, dtype=torch.float64).softmax(-1)
    assert 0 < entropy(between) < entropy(even) and 0 < half_norm(between) < half_norm(even)


def projected_by_bisection(row: np.ndarray) -> np.ndarray:
    low, high = row.min() - 1, row.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(row - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(row - low, 0)


@given(logits)
def test_sparsemax_is_the_projection_onto_the_simplex(weights: torch.Tensor) -> None:
    found = sparsemax(weights.double()).numpy()
    expected = np.array([projected_by_bisection(row) for row in weights.double().numpy()])
    assert np.abs(found - expected).max() < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.05, 1), min_size=1, max_size=3), st.integers(6, 13))
def test_rounding_finds_the_comb_that_brute_force_finds(raw: list[float], most: int) -> None:
    shares = np.array(raw) / sum(raw)
    best = min(
        np.abs(np.array(counts) / teeth - shares).max()
        for teeth in range(5, most + 1)
        for counts in product(range(1, teeth + 1), repeat=len(shares))
        if sum(counts) == teeth
    )
    found = round_to_teeth(torch.tensor(shares)[None], most)[0].numpy()
    assert np.abs(found - shares).max() == pytest.approx(best, abs=1e-9 + 1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_rounded_shares_are_whole_teeth_and_zeros_have_none() -> None:
    shares = torch.tensor([[0.9, 0.1, 0.0], [0.335, 0.333, 0.332], [0.998, 0.001, 0.001]], dtype=torch.float64)
    found = round_to_teeth(shares, 14)
    expected = [[9 / 10, 1 / 10, 0], [2 / 6] * 3, [12 / 14, 1 / 14, 1 / 14]]
    assert torch.equal(found, torch.tensor(expected, dtype=torch.float64))


def test_a_row_of_more_branches_than_teeth_stays() -> None:
    shares = torch.full((1, 20), 0.05)
    assert torch.equal(round_to_teeth(shares, 14), shares)


def test_the_gradient_goes_straight_through_the_rounding() -> None:
    weights = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, 4, dtype=torch.float64)
    rounded = straight_through(weights.softmax(-1), 12)
    through = torch.autograd.grad((rounded * direction).sum(), weights)[0]
    plain = torch.autograd.grad((weights.softmax(-1) * direction).sum(), weights)[0]
    assert torch.allclose(rounded, round_to_teeth(weights.detach().softmax(-1), 12))
    assert torch.allclose(through, plain)


def a_task(count: int, *, rows: int = 40, width: int = 4, classes: int = 3) -> Task:
    generator = torch.Generator().manual_seed(11)
    every = torch.ones(count, rows, dtype=torch.bool)
    pours = torch.rand(rows, width, generator=generator) * 50
    return Task(pours, torch.randint(classes, (rows,), generator=generator), every, ~every)


def test_pruning_leaves_the_number_asked_for_and_the_branches_that_carry_most() -> None:
    replicas, task = Replicas.started((4, 3, 3), range(5), init="open"), a_task(5)
    before = [s.detach() for s in replicas.shares()]
    prune(replicas, task, 10)
    after = replicas.shares()
    assert replicas.branches().tolist() == [10] * 5
    for was, now in zip(before, after, strict=True):
        assert torch.allclose(now.sum(-1), torch.ones(now.shape[:-1]))
        assert torch.equal(now.argmax(-1), was.argmax(-1)), "a bucket keeps its largest branch"
    first = before[0] * (task.pours - replicas.retained()[0][:, None]).clamp_min(0).mean(1).unsqueeze(-1)
    kept = first[(after[0] > 0) & (after[0] < 1)].min()
    top = torch.zeros_like(first).scatter(-1, before[0].argmax(-1, keepdim=True), 1).bool()
    assert kept > first[(after[0] == 0) & ~top].quantile(0.5)


def test_what_is_cut_stays_cut_through_training() -> None:
    from pelu_fab.training.fit import fit

    replicas, task = Replicas.started((4, 3, 3), range(2), init="open"), a_task(2)
    prune(replicas, task, 9)
    cut = [s == 0 for s in replicas.shares()]
    fit(replicas, task, Recipe(steps=60, learning_rate=0.1))
    assert all(torch.equal(s == 0, c) for s, c in zip(replicas.shares(), cut, strict=True))


def test_a_share_too_small_to_print_is_cut_whatever_it_carries() -> None:
    weights = torch.log(torch.tensor([[[0.96, 0.03, 0.01], [0.5, 0.3, 0.2]]]))
    replicas = Replicas([torch.zeros(1, 2)], [weights])
    prune(replicas, a_task(1, width=2), 6, least_share=0.046)
    assert torch.allclose(replicas.shares()[0][0], torch.tensor([[1.0, 0, 0], [0.5, 0.3, 0.2]]))


def test_each_replica_feels_its_own_penalty_alone() -> None:
    recipe, task = Recipe(entropy=0.3, half=0.1), a_task(3)
    three = Replicas.started((4, 3, 3), range(3))
    together = loss(three, task, recipe)
    apart = [loss(three.taken([r]), a_task(1), recipe)[0] for r in range(3)]
    assert torch.allclose(together, torch.stack(apart), atol=1e-6)


def test_keep_largest_keeps_the_first_of_equals() -> None:
    assert keep_largest(torch.tensor([[2.0, 1.0, 2.0, 2.0]]), 2).tolist() == [[True, False, True, False]]
