"""Lowering moves the network as little as it can, and says by how much."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stagework import DETERGENT, design_of, network_of, random_network

from pelu_fab import load
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples
from pelu_fab.ir.netlist import to_text
from pelu_fab.network.algebra import outputs
from pelu_fab.network.capacity import dead_buckets
from pelu_fab.network.model import Network
from pelu_fab.stages.lower import least_share, lower

IRIS = Path(__file__).parent.parent / "designs" / "iris"


def forward(network: Network, pours: np.ndarray) -> np.ndarray:
    """The formula, written out again: ReLU(v - h²) @ shares."""
    for layer in network.layers:
        pours = np.where(pours > layer.retained, pours - layer.retained, 0.0) @ layer.shares
    return pours


def test_the_netlist_of_iris_is_golden() -> None:
    assert to_text(lower(load(IRIS)).netlist) == (IRIS / "netlist.txt").read_text()


def test_the_predictions_of_iris_are_those_of_the_formula() -> None:
    design = load(IRIS)
    lowered = lower(design)
    samples = design.samples
    assert samples is not None and samples.labels is not None
    before = forward(design.network, samples.inputs).argmax(axis=1)
    after = forward(lowered.network, samples.inputs).argmax(axis=1)
    assert (lowered.rows, lowered.changed) == (150, int((before != after).sum()))
    assert lowered.errors_trained == int((before != samples.labels).sum()) == 3
    assert lowered.errors_lowered == int((after != samples.labels).sum())


def test_a_threshold_that_no_pool_keeps_goes_where_one_branch_is_left_and_is_told() -> None:
    network = network_of(([0.14, 0.16, 0.14], [[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]))
    lowered = lower(design_of(network, DETERGENT))
    assert lowered.network.layers[0].retained.tolist() == [0.0, 0.16, 0.14]
    assert [str(change) for change in lowered.changes] == ["L0.b0 levelled: 0.14 -> 0"]
    assert lowered.l1_bound == pytest.approx(0.14)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.5, 4.0))
def test_no_pour_within_the_jugs_moves_the_outputs_beyond_the_bound(seed: int, spread: float) -> None:
    design = design_of(random_network((4, 5, 3), seed, spread=spread))
    lowered = lower(design)
    pours = np.random.default_rng(seed).uniform(0.0, 80.0, (200, 4))
    pours[0] = 80.0
    moved = np.abs(forward(design.network, pours) - forward(lowered.network, pours)).sum(axis=1)
    assert moved.max() <= lowered.l1_bound + 1e-9
    assert lowered.changes or lowered.l1_bound < 1e-9


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.5, 4.0))
@example(seed=201, spread=3.0)  # a threshold that no pool keeps
@example(seed=4096, spread=3.75)  # a bucket that no jug fills as trained, and a share scaled up does as printed
def test_every_share_is_zero_or_one_that_a_comb_carries_and_every_change_is_told(seed: int, spread: float) -> None:
    design = design_of(random_network((3, 4, 4), seed, spread=spread))
    lowered = lower(design)
    told = {change.where: change for change in lowered.changes}
    networks, built = (design.network, lowered.network), {bucket.name for bucket in lowered.netlist.buckets}
    idle = frozenset.intersection(*(dead_buckets(network, design.input_max) for network in networks))
    for index, (before, after) in enumerate(zip(design.network.layers, lowered.network.layers, strict=True)):
        np.testing.assert_allclose(after.shares.sum(axis=1), 1.0, rtol=1e-12)
        for i, row in enumerate(after.shares):
            own = told.get(name := f"L{index}.b{i}")
            if name not in built:
                assert own is not None and own.kind == "removed"
                continue
            is_levelled = bool(after.retained[i] != before.retained[i])
            assert (own is not None and own.kind == "levelled") == is_levelled == (own is not None)
            if is_levelled:
                assert before.retained[i] < 0.15 and np.count_nonzero(row) == 1 and after.retained[i] == 0.0
            least = least_share(int(np.count_nonzero(before.shares[i])), design)
            assert (row[row > 0] >= least - 1e-9).all()
            for j in np.flatnonzero((row == 0) & (before.shares[i] > 0)):
                target = f"out.y{j}" if index == 1 else f"L1.b{j}"
                kind = "idle" if f"L{index}.b{i}" in idle else "dropped"
                assert told[f"L{index}.b{i}->{target}"].kind == kind
    ducts = {duct.name: duct.share for duct in lowered.netlist.ducts}
    removed = {change.where for change in lowered.changes if change.kind == "removed"}
    carried = [f"L{k}.b{i}" for k, layer in enumerate(lowered.network.layers) for i, _ in np.argwhere(layer.shares > 0)]
    assert len(ducts) == sum(name not in removed for name in carried)


def test_a_bucket_that_never_spills_keeps_one_branch_and_no_cup_notices() -> None:
    design = replace(design_of(network_of(([5.0, 200.0], [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]))), input_max=(100.0, 90.0))
    lowered = lower(design)
    assert [(c.where, c.kind) for c in lowered.changes] == [("L0.b1->out.y0", "idle"), ("L0.b1->out.y1", "idle")]
    assert lowered.l1_bound == 0.0
    pours = np.random.default_rng(0).uniform(0.0, design.input_max, (200, 2))
    np.testing.assert_array_equal(outputs(lowered.network, pours), outputs(design.network, pours))


@pytest.mark.parametrize("small", [0.002, 0.02, 0.03, 0.04])
def test_a_small_share_takes_the_way_that_moves_its_row_less(small: float) -> None:
    design = design_of(network_of(([5.0], [[small, 0.5 - small, 0.5]])))
    least = least_share(3, design)
    assert small < least
    lowered = lower(design)
    change = np.abs(lowered.network.layers[0].shares - design.network.layers[0].shares).sum()
    assert change == pytest.approx(2 * min(small, least - small), abs=1e-12)
    assert lowered.changes[0].kind == ("dropped" if small < least / 2 else "floored")
    assert lowered.l1_bound == pytest.approx(change * 75.0)


def test_zero_shares_get_no_duct_and_unreached_buckets_are_removed_by_name() -> None:
    design = design_of(network_of(([1.0, 2.0], [[0.4, 0.0, 0.6], [1.0, 0.0, 0.0]]), ([3.0] * 3, [[0.5, 0.5]] * 3)))
    lowered = lower(design)
    assert [bucket.name for bucket in lowered.netlist.rows[1]] == ["L1.b0", "L1.b2"]
    assert [str(change) for change in lowered.changes] == ["L1.b1 removed: 3 -> 0"]
    assert lowered.l1_bound == 0.0
    assert not any("L1.b1" in duct.name for duct in lowered.netlist.ducts)


def test_data_of_another_width_is_refused() -> None:
    design = replace(design_of(random_network((3, 2), 0)), samples=Samples(np.ones((5, 4))))
    with pytest.raises(FabError, match=r"^test: data has 4 features, the network takes 3;"):
        lower(design)


def test_compensation_none_counts_no_kappa() -> None:
    plain = design_of(random_network((3, 4), 1), DETERGENT, compensation="none")
    comb = DETERGENT.comb
    assert least_share(4, plain) == pytest.approx(comb.min_tooth / (comb.min_tooth + 13 * comb.max_tooth))
