"""Shares rounded to combs by what it does to the answers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pelu_fab.network.algebra import outputs, predict
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.teeth import choose_combs, round_shares, round_to_combs
from pelu_fab.sources.checkpoint import read_checkpoint

IRIS = Path(__file__).parent.parent / "designs" / "iris"


def flowers() -> tuple[np.ndarray, np.ndarray]:
    pours = np.genfromtxt(IRIS / "iris.csv", delimiter=",", skip_header=1, usecols=range(4)) * 10
    return pours, np.repeat([0, 1, 2], 50)


@pytest.mark.parametrize(("teeth", "errors"), [(10, 16), (12, 3), (20, 3), (24, 32)])
def test_one_number_of_teeth_for_all_can_be_far_off(teeth: int, errors: int) -> None:
    pours, labels = flowers()
    network = round_to_combs(read_checkpoint(IRIS / "widget_iris.json"), teeth)
    assert (predict(network, pours) != labels).sum() == errors


@pytest.mark.parametrize("most", [10, 12, 14])
def test_combs_chosen_by_the_answers_lose_none_of_them(most: int) -> None:
    pours, labels = flowers()
    network = read_checkpoint(IRIS / "widget_iris.json")
    found = choose_combs(network, pours, labels, most=most)
    assert found.wrong == (predict(found.network, pours) != labels).sum() <= 3
    assert choose_combs(network, pours, most=most).wrong == 0, "and by its own answers, without labels, none changes"
    moved = np.abs(outputs(found.network, pours) - outputs(network, pours)).sum(axis=1).mean()
    assert found.moved == pytest.approx(moved)
    for layer, counts in zip(found.network.layers, found.teeth, strict=True):
        for row, teeth in zip(layer.shares, counts, strict=True):
            assert 5 <= teeth <= most and np.abs(row * teeth - np.round(row * teeth)).max() < 1e-12


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=6), st.integers(1, 40))
def test_largest_remainders_keep_the_sum_and_stay_within_a_tooth(raw: list[float], teeth: int) -> None:
    row = np.array(raw) / sum(raw)
    found = round_shares(row, teeth)
    assert found.sum() == pytest.approx(1) and np.abs(found - row).max() < 1 / teeth + 1e-12


def test_no_single_comb_changed_would_be_better() -> None:
    rng = np.random.default_rng(2)
    network = Network((Layer(rng.uniform(0, 9, 3), rng.dirichlet(np.ones(3), 3)),), tuple("abc"), tuple("xyz"))
    pours = rng.uniform(0, 40, (60, 3))
    found = choose_combs(network, pours, most=9)
    for unit in range(3):
        for teeth in range(5, 10):
            shares = found.network.layers[0].shares.copy()
            shares[unit] = round_shares(network.layers[0].shares[unit], teeth)
            other = Network((Layer(network.layers[0].retained, shares),), network.inputs, network.outputs)
            wrong = (predict(other, pours) != predict(network, pours)).sum()
            moved = np.abs(outputs(other, pours) - outputs(network, pours)).sum(axis=1).mean()
            assert (wrong, round(moved, 9)) >= (found.wrong, round(found.moved, 9))
