"""The algebra, against the blog's own numbers and against the laws that water obeys."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waterworks import random_netlist

import pelu_fab
from pelu_fab.errors import FabError
from pelu_fab.network import algebra
from pelu_fab.network.model import Layer
from pelu_fab.sources.design import load

HERE = Path(__file__).parent
NETLIST = random_netlist((4, 3, 3))
LAYERS = NETLIST.layers
pours = st.lists(st.floats(0, 60_000), min_size=4, max_size=4).map(np.array)


def test_iris_gives_the_blogs_own_volumes_and_its_three_errors():
    design = load(HERE.parent / "designs" / "iris")
    with (HERE / "data" / "widget_iris_expected.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = np.array([[float(row[label]) for label in design.network.outputs] for row in rows])
    found = algebra.outputs(design.network, design.samples.inputs)
    assert np.abs(found - expected).max() < 1e-5  # shares are stored as float32
    assert (algebra.predict(design.network, design.samples.inputs) != design.samples.labels).sum() == 3


def test_the_package_simulates_a_network_and_its_netlist_alike():
    network = pelu_fab.load(HERE.parent / "designs" / "iris").network
    found = pelu_fab.simulate(network, [51, 35, 14, 2])
    assert found.outputs[0] == pytest.approx([31.011089, 24.849590, 0.336885], abs=1e-5)
    assert sum(k.sum() for k in found.kept) + found.outputs.sum() == pytest.approx(102, abs=1e-5)
    assert pelu_fab.simulate(NETLIST, [1e4, 2e4, 3e4, 4e4]).outputs[0] == pytest.approx(by_hand([1e4, 2e4, 3e4, 4e4]))


def by_hand(volumes):
    """Bucket by bucket, in plain Python."""
    arrived = {bucket.name: float(v) for bucket, v in zip(NETLIST.rows[0], volumes, strict=True)}
    for row in NETLIST.rows:
        for bucket in row:
            spilled = max(0.0, arrived.get(bucket.name, 0.0) - bucket.retained_volume)
            for duct in NETLIST.leaving[bucket.name]:
                arrived[duct.target] = arrived.get(duct.target, 0.0) + duct.share * spilled
    return [arrived.get(port, 0.0) for port, _ in NETLIST.outputs]


@given(pours)
def test_the_arrays_say_what_the_netlist_says_bucket_by_bucket(pour):
    assert algebra.outputs(NETLIST, pour)[0] == pytest.approx(by_hand(pour), rel=1e-12, abs=1e-9)


@given(pours)
def test_no_water_is_made_or_lost(pour):
    found = algebra.run(NETLIST, pour)
    assert sum(k.sum() for k in found.kept) + found.outputs.sum() == pytest.approx(pour.sum(), rel=1e-12, abs=1e-9)


@given(pours, pours)
def test_outputs_are_monotone_and_the_map_does_not_expand(first, second):
    more = algebra.outputs(NETLIST, np.maximum(first, second))[0]
    assert (more >= algebra.outputs(NETLIST, first)[0] - 1e-6).all()
    apart = np.abs(algebra.outputs(NETLIST, first) - algebra.outputs(NETLIST, second)).sum()
    assert apart <= np.abs(first - second).sum() * (1 + 1e-12) + 1e-6


@given(pours, pours)
def test_outputs_are_convex(first, second):
    middle = algebra.outputs(NETLIST, (first + second) / 2)
    assert (middle <= (algebra.outputs(NETLIST, first) + algebra.outputs(NETLIST, second)) / 2 + 1e-6).all()


@given(pours, st.floats(0.01, 100))
def test_scaling_volumes_and_thresholds_scales_the_outputs(pour, factor):
    scaled = [Layer(layer.retained * factor, layer.shares) for layer in LAYERS]
    assert algebra.outputs(scaled, pour * factor) == pytest.approx(algebra.outputs(LAYERS, pour) * factor, abs=1e-6)


@given(pours, st.integers(0, 2**31))
@settings(max_examples=50)
def test_errors_inside_the_gap_never_change_the_answer(pour, seed):
    rng = np.random.default_rng(seed)
    gap = algebra.gaps(LAYERS, pour)[0]
    parts = rng.dirichlet(np.ones(3)) * 0.999 * gap
    poured = pour + rng.choice([-1, 1], 4) * rng.dirichlet(np.ones(4)) * parts[0]
    thresholds = [parts[1] * rng.dirichlet(np.ones(4)), parts[2] * rng.dirichlet(np.ones(3))]
    moved = [
        Layer(np.maximum(layer.retained - t, 0), layer.shares) for layer, t in zip(LAYERS, thresholds, strict=True)
    ]
    assert algebra.predict(moved, np.maximum(poured, 0)) == algebra.predict(LAYERS, pour)


def test_bad_pours_are_refused():
    with pytest.raises(FabError, match=r"^pour: has 3 volumes; give one for each of the 4 inputs$"):
        algebra.run(NETLIST, np.ones(3))
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(FabError, match="negative or infinite"):
            algebra.run(NETLIST, np.array([1.0, bad, 1.0, 1.0]))


def test_the_first_of_equal_cups_wins_and_one_cup_always_leads():
    layers = [Layer(np.zeros(1), np.array([[0.5, 0.5]]))]
    assert algebra.predict(layers, np.array([[8.0]]))[0] == 0
    assert algebra.gaps(layers, np.array([[8.0]]))[0] == 0
    assert algebra.gaps([Layer(np.zeros(1), np.ones((1, 1)))], np.array([[8.0]]))[0] == np.inf
