"""The capacity report, against brute force and dense scans."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pelu_fab.network.algebra import outputs, predict
from pelu_fab.network.capacity import (
    activation_patterns,
    bends_along,
    branch_table,
    capacity,
    capacity_table,
    dead_buckets,
    inflows,
)
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.names import bucket_name
from pelu_fab.sources.checkpoint import read_checkpoint

seeds = st.integers(0, 2**31)
IRIS = Path(__file__).parent.parent / "designs" / "iris"
WIDGET = IRIS / "widget_iris.json"


def dry(network: Network, most: Sequence[float]) -> set[str]:
    """Buckets that the report calls dry for all pours up to `most`."""
    return {b.name for b in capacity(network, np.array([most]), input_max=most).buckets if b.is_dry}


def some_network(seed: int, widths: tuple[int, ...] = (3, 4, 2), *, high: float = 30.0) -> Network:
    rng = np.random.default_rng(seed)
    layers = []
    for a, b in pairwise(widths):
        shares = rng.dirichlet(np.ones(b), a) * (rng.random((a, b)) < 0.7) + 1e-300
        shares[shares < 1e-200] = 0.0
        shares[shares.sum(1) == 0, 0] = 1.0
        layers.append(Layer(rng.uniform(0, high, a), shares / shares.sum(1, keepdims=True)))
    return Network(tuple(layers), tuple("abc"[: widths[0]]), tuple("xy"[: widths[-1]]))


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_a_bucket_is_dead_exactly_if_the_fullest_pour_leaves_it_dry_at_the_sill(seed: int) -> None:
    network, most = some_network(seed), np.array([40.0, 25.0, 10.0])
    pours = np.random.default_rng(seed).uniform(0, 1, (500, 3)) * most
    dead = dead_buckets(network, most)
    spills = activation_patterns(network, pours)
    fullest = activation_patterns(network, most[None])[0]
    names = [bucket_name(i, u) for i, layer in enumerate(network.layers) for u in range(len(layer.retained))]
    for name, over_all, at_most in zip(names, spills.any(axis=0), fullest, strict=True):
        assert not (over_all and name in dead), "a dead bucket spilled"
        assert at_most == (name not in dead), "the fullest pour is the proof"
    assert dry(network, most) <= dead


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_plugging_the_combs_of_dead_buckets_changes_no_output(seed: int) -> None:
    network, most = some_network(seed), np.array([40.0, 25.0, 10.0])
    dead = dead_buckets(network, most)
    plugged = Network(
        tuple(
            Layer([1e9 if bucket_name(i, u) in dead else h for u, h in enumerate(layer.retained)], layer.shares)
            for i, layer in enumerate(network.layers)
        ),
        network.inputs,
        network.outputs,
    )
    pours = np.random.default_rng(seed).uniform(0, 1, (100, 3)) * most
    assert np.abs(outputs(plugged, pours) - outputs(network, pours)).max() < 1e-9


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_bends_are_all_and_only_the_places_where_a_dense_scan_changes_its_pattern(seed: int) -> None:
    network = some_network(seed, (3, 5, 4, 2), high=12.0)
    start, end = np.random.default_rng(seed).uniform(0, 40, (2, 3))
    bends = bends_along(network, start, end)
    places = np.linspace(0, 1, 20_001)
    patterns = activation_patterns(network, start + places[:, None] * (end - start))
    changes = np.flatnonzero((patterns[1:] != patterns[:-1]).any(axis=1))
    for change in changes:
        assert ((bends >= places[change] - 1e-9) & (bends <= places[change + 1] + 1e-9)).any()
    ends = np.concatenate([[0.0], bends, [1.0]])
    for a, b in pairwise(ends):
        inside = a + (b - a) * np.array([0.25, 0.5, 0.75])
        low, middle, high = outputs(network, start + inside[:, None] * (end - start))
        assert np.abs(low + high - 2 * middle).max() < 1e-9, "linear between two bends"


def test_the_report_of_the_widgets_network_is_what_the_formula_gives() -> None:
    network = read_checkpoint(WIDGET)
    pours = np.genfromtxt(IRIS / "iris.csv", delimiter=",", skip_header=1, usecols=range(4)) * 10
    report = capacity(network, pours)
    assert [b.name for b in report.buckets if b.is_always_open] == ["L0.b1", "L1.b0"]
    assert not any(b.is_dead for b in report.buckets)
    assert report.certified == pytest.approx(0.4284, abs=1e-4)
    assert report.margins[int(0.05 * 150)] == pytest.approx(1.3, abs=0.2)
    assert report.regions == 3
    idle = {b.name for b in report.branches if b.changed == 0}
    assert "L0.b3->L1.b0" in idle and "L0.b0->L1.b1" not in idle
    first = inflows(network, pours)[1]
    assert report.buckets[4].seen == pytest.approx((first[:, 0].min(), first[:, 0].max()))


def test_water_gone_astray_below_the_certified_amount_changes_no_prediction() -> None:
    network = read_checkpoint(WIDGET)
    pours = np.genfromtxt(IRIS / "iris.csv", delimiter=",", skip_header=1, usecols=range(4)) * 10
    report, rng = capacity(network, pours), np.random.default_rng(0)
    for _ in range(50):
        error = rng.normal(size=pours.shape)
        error *= 0.999 * report.certified / np.abs(error).sum(axis=1, keepdims=True)
        assert np.array_equal(predict(network, np.maximum(pours + error, 0)), predict(network, pours))


def test_a_branch_is_dropped_as_the_compiler_drops_it() -> None:
    network = some_network(3)
    pours = np.random.default_rng(0).uniform(0, 60, (200, 3))
    report = capacity(network, pours)
    place = {b.name: b for b in report.branches}
    shares = network.layers[0].shares.copy()
    unit = int(np.argmax((shares > 0).sum(axis=1)))
    target = int(np.argmax(shares[unit]))
    shares[unit, target] = 0
    shares[unit] /= shares[unit].sum()
    other = Network((Layer(network.layers[0].retained, shares), network.layers[1]), network.inputs, network.outputs)
    expected = int((predict(other, pours) != predict(network, pours)).sum())
    assert place[f"L0.b{unit}->L1.b{target}"].changed == expected


def test_tables_have_a_row_for_each_bucket_and_branch_and_say_what_is_remarkable() -> None:
    layers = (
        Layer([100.0, 0.0], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        Layer([1.0, 500.0, 2.0], [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]),
    )
    network = Network(layers, ("a", "b"), ("x", "y"))
    report = capacity(network, np.array([[30.0, 20.0], [40.0, 5.0]]), input_max=[50.0, 50.0])
    remarks = {row[0]: row[-1] for row in capacity_table(report)[1:]}
    assert remarks == {
        "L0.b0": "dead: no pour makes it spill",
        "L0.b1": "always open: retains nothing",
        "L1.b0": "dry: no pour reaches it",
        "L1.b1": "dead: no pour makes it spill",
        "L1.b2": "dry: no pour reaches it",
    }
    assert [row[0] for row in branch_table(report)[1:]] == [
        "L0.b0->L1.b0", "L0.b1->L1.b1", "L1.b0->out.y0", "L1.b0->out.y1", "L1.b1->out.y0", "L1.b2->out.y1",
    ]  # fmt: skip
    assert dead_buckets(network, [50.0, 50.0]) == {"L0.b0", "L1.b0", "L1.b1", "L1.b2"}
    assert dry(network, [50.0, 50.0]) == {"L1.b0", "L1.b2"}


def test_inspect_shows_what_a_checkpoint_a_design_or_a_network_with_other_data_can_do() -> None:
    import json

    from typer.testing import CliRunner

    from pelu_fab.cli import application

    def ran(*words: str | Path) -> str:
        result = CliRunner().invoke(application(), ["inspect", *map(str, words)])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    text = ran(IRIS)
    assert "L1.b0->out.y1  2.15%" in text and "L0.b1   0.00" in text and "always open: retains nothing" in text
    assert "lead of the fullest cup: least 0.428" in text
    assert "1000 pours drawn at random" in ran(WIDGET)
    found = json.loads(ran(WIDGET, "--data", IRIS / "iris.csv", "--json"))
    assert found["rows"] == 150 and found["regions"] == 3 and len(found["branches"]) == 21
    assert found["margins"]["least"] == pytest.approx(0.4284, abs=1e-4)
