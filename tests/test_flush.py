"""The flush in a network: y = (v - r)·[v >= θ] · shares, in files, in torch and in the judge's own reader."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pelu_fab
from pelu_fab.errors import FabError
from pelu_fab.layers.energy_network import NetworkEnergy
from pelu_fab.layers.flush import Flush
from pelu_fab.layers.pelu import PeLU, to_network
from pelu_fab.network import algebra
from pelu_fab.network.capacity import bends_along, capacity, capacity_table, dead_buckets
from pelu_fab.network.files import from_network_json, to_network_json
from pelu_fab.network.model import Layer, Network
from pelu_fab.signoff.asked import network_checks
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.equivalence import l1_bound
from pelu_fab.signoff.mass import book_of
from pelu_fab.sources.checkpoint import parse_checkpoint

STEP = Layer([0.4, 5.0], [[0.25, 0.75], [1.0, 0.0]], [18.0, 5.0])  # a flush beside a weir
NETWORK = Network((STEP, Layer([1.0, 2.0], [[1.0], [1.0]])), ("a", "b"), ("y",))


def by_hand(v: float, residue: float, threshold: float) -> float:
    return v - residue if v >= threshold else 0.0


@given(v=st.floats(0, 60), w=st.floats(0, 60))
def test_a_layer_of_both_kinds_is_the_formula_written_out(v: float, w: float) -> None:
    one, two = by_hand(v, 0.4, 18.0), max(w - 5.0, 0.0)
    found = algebra.run([STEP], np.array([[v, w]]))
    assert found.outputs[0].tolist() == pytest.approx([0.25 * one + two, 0.75 * one])
    assert found.kept[0][0].tolist() == pytest.approx([v - one, w - two])
    assert found.outputs.sum() + found.kept[0].sum() == pytest.approx(v + w)
    assert STEP.flushes.tolist() == [True, False]


@given(st.floats(0, 50), st.floats(0, 50))
def test_a_flush_rises_with_its_inflow_but_no_longer_narrows_a_difference(v: float, w: float) -> None:
    """Monotone it is; convex and non-expansive it is not: 0.2 mL more are 17.6 mL more."""
    low, high = sorted((v, w))
    outs = algebra.outputs([STEP], np.array([[low, 0.0], [high, 0.0]])).sum(axis=1)
    assert outs[0] <= outs[1]
    ends = algebra.outputs([STEP], np.array([[17.9, 0.0], [18.1, 0.0]])).sum(axis=1)
    assert ends[1] - ends[0] == pytest.approx(17.7)


@settings(max_examples=200)
@given(seed=st.integers(0, 10**6))
def test_no_error_below_the_distance_and_the_lead_changes_the_answer(seed: int) -> None:
    """Errors at the jugs and of every r and θ, that together stay below the budget."""
    rng = np.random.default_rng(seed)
    retained, met = rng.uniform(0, 3, 3), rng.uniform(4, 20, 3)
    layers = [
        Layer(retained, rng.dirichlet(np.ones(3), 3), met),
        Layer(rng.uniform(0, 3, 3), rng.dirichlet(np.ones(2), 3), rng.uniform(0, 20, 3)),
    ]
    pour = rng.uniform(0, 40, (1, 3))
    budget = float(algebra.gaps(layers, pour)[0])
    errors = rng.dirichlet(np.ones(9)) * budget * 0.999 * rng.choice([-1, 1], 9)
    off = [
        replace(layers[0], retained=np.clip(retained + errors[3:6], 0, None), met=np.clip(met + errors[6:9], 0, None)),
        layers[1],
    ]
    moved = np.clip(pour + errors[:3], 0, None)
    if not ((off[0].retained < met - 1.0).all() and (off[0].met > off[0].retained).all()):
        return
    assert algebra.predict(off, moved) == algebra.predict(layers, pour)


def test_the_budget_ends_at_a_threshold_and_of_weirs_alone_it_is_the_lead() -> None:
    pours = np.array([[17.5, 0.0], [30.0, 0.0]])
    assert algebra.distances([STEP], pours).tolist() == [0.5, 12.0]
    assert algebra.gaps([STEP], pours).tolist() == pytest.approx([0.0, 12.0])
    plain = Layer([1.0, 2.0], np.eye(2))
    assert algebra.distances([plain], pours).tolist() == [np.inf, np.inf]


def test_capacity_knows_its_threshold() -> None:
    report = capacity(NETWORK, np.array([[10.0, 0.0], [20.0, 8.0]]), input_max=[40.0, 40.0])
    first, second = report.buckets[:2]
    assert (first.is_flush, first.threshold, first.retained, first.open_share) == (True, 18.0, 0.4, 0.5)
    assert not second.is_flush
    assert capacity_table(report)[1][:2] == ("L0.b0", "18.00, then 0.40")
    assert dead_buckets(NETWORK, [18.0, 5.0]) == {"L0.b1"}, "at its threshold a flush lets all go, a weir nothing"
    assert "L0.b0" in dead_buckets(NETWORK, [17.9, 40.0])
    two = replace(NETWORK, layers=(STEP,), outputs=("y", "z"))
    assert capacity(two, np.array([[30.0, 0.0], [20.0, 8.0]])).margins == (2.0, 12.0), "how far v is from 18"
    with pytest.raises(FabError, match="flush"):
        bends_along(NETWORK, np.zeros(2), np.ones(2))


def test_network_json_keeps_each_units_kind_and_old_files_read_as_weirs() -> None:
    blob = to_network_json(NETWORK)
    told = json.loads(blob)["layers"]
    assert told[0]["h"] == [18.0, 5.0] and told[0]["r"] == [0.4, 5.0] and "r" not in told[1]
    for read in (from_network_json(blob, "n"), parse_checkpoint(blob, "n.json"), read_trained(blob, "n.json")):
        first, second = read.layers
        assert first.thresholds.tolist() == [18.0, 5.0] and first.retained.tolist() == [0.4, 5.0]
        assert not second.flushes.any()
    old = json.dumps({"format": "pelu-widget", "layers": [{"h": [3.0], "w": [[1.0]]}]}).encode()
    assert not parse_checkpoint(old, "old.json").has_flush


def modules() -> nn.Sequential:
    torch.manual_seed(0)
    both = nn.Sequential(PeLU(2, 3), Flush(3, 2, residue=torch.tensor([0.4, 0.5, 99.0])))
    with torch.no_grad():
        both[1].heights.copy_(torch.tensor([2.0, 3.0, 1.5]))
    return both.double().eval()


def test_the_module_its_checkpoint_and_both_readers_are_one_network(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    module = modules()
    assert list(module.state_dict()) == ["0.heights", "0.weights", "1.heights", "1.weights", "1.residues"]
    torch.save(module.state_dict(), tmp_path / "net.pt")
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    pours = np.random.default_rng(0).uniform(0, 30, (200, 2))
    wanted = module(torch.tensor(pours)).detach().numpy()
    network = to_network(module)
    assert network.layers[1].flushes.tolist() == [True, True, False], "a residue above its threshold makes a weir"
    assert np.abs(algebra.outputs(network, pours) - wanted).max() < 1e-12
    for name in ("net.pt", "net.safetensors"):
        blob = (tmp_path / name).read_bytes()
        assert np.abs(algebra.outputs(parse_checkpoint(blob, name), pours) - wanted).max() < 1e-12
        judged = book_of(read_trained(blob, name).network(None, None, name), 1.0)
        assert np.abs(judged.pour(pours)[1] - wanted).max() < 1e-12, "the judge's own arithmetic"


def test_a_checkpoint_with_residues_of_another_length_is_refused(tmp_path: Path) -> None:
    state = modules().state_dict() | {"1.residues": torch.zeros(2, dtype=torch.float64)}
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(FabError, match="residues"):
        parse_checkpoint((tmp_path / "net.pt").read_bytes(), "net.pt")
    with pytest.raises(FabError, match="no checkpoint"):
        read_trained((tmp_path / "net.pt").read_bytes(), "net.pt")
    torch.save({"0.residues": torch.zeros(2)}, tmp_path / "half.pt")
    with pytest.raises(FabError, match=r"has no tensor 0\.heights"):
        parse_checkpoint((tmp_path / "half.pt").read_bytes(), "half.pt")


def test_the_judge_names_a_flush_that_was_read_as_a_weir() -> None:
    """A maker that drops the residues, or keeps another."""
    weir = replace(NETWORK, layers=(Layer(STEP.thresholds, STEP.shares), NETWORK.layers[1]))
    other = replace(NETWORK, layers=(replace(STEP, retained=[0.5, 5.0]), NETWORK.layers[1]))
    for copy in (weir, other):
        failed = [check for check in network_checks(NETWORK, copy) if check.status == "fail"]
        assert [(check.id, check.where) for check in failed] == [("source.residue", "L0.b0")]
    assert all(check.status == "pass" for check in network_checks(NETWORK, NETWORK))


@given(seed=st.integers(0, 10**6))
def test_the_judges_bound_holds_for_flushes_too(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def network() -> Network:
        layers = [
            Layer(kept := rng.uniform(0, 3, 2), rng.dirichlet(np.ones(2), 2), kept + rng.uniform(-5, 12, 2))
            for _ in range(2)
        ]
        return Network(tuple(layers), ("a", "b"), ("x", "y"))

    most = np.array([30.0, 40.0])
    one, two = book_of(network(), 1.0), book_of(network(), 1.0)
    pours = rng.uniform(0, 1, (300, 2)) * most
    off = np.abs(one.pour(pours)[1] - two.pour(pours)[1]).sum(axis=1)
    assert off.max() <= l1_bound(one, two, most) + 1e-9
    assert l1_bound(one, one, most) == 0.0


def test_a_flush_is_never_compiled_as_a_weir(tmp_path: Path) -> None:
    (tmp_path / "step.json").write_bytes(to_network_json(NETWORK))
    with pytest.raises(FabError, match=r"L0\.b0.*leaves 0\.40 mL of a flush, and any siphon leaves more"):
        pelu_fab.compile(pelu_fab.load(tmp_path / "step.json"))
    with pytest.raises(FabError, match="flush"):
        NetworkEnergy(NETWORK)


@pytest.mark.parametrize("soft", [False, True])
def test_it_learns_where_to_flush(soft: bool) -> None:
    """A switch at 15 units, from a start at 4: the mean square falls below a tenth of what no step reaches."""
    torch.manual_seed(1)
    module = Flush(1, 1, residue=0.4, ramp=8.0, soft=soft)
    with torch.no_grad():
        module.heights.fill_(2.0)
    volumes = torch.linspace(0, 30, 301).unsqueeze(1)
    wanted = torch.where(volumes >= 15.0, volumes - 0.4, 0.0)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for step in range(400):
        module.ramp = 8.0 * 0.99**step
        optimiser.zero_grad()
        ((module(volumes) - wanted) ** 2).mean().backward()
        optimiser.step()
    assert float(module.heights.detach() ** 2) == pytest.approx(15.0, abs=0.3)
    assert float(((module.eval()(volumes) - wanted) ** 2).mean().detach()) < 3.0


def test_trained_with_its_scatter_it_draws_a_threshold_for_every_row_and_none_in_use() -> None:
    module = Flush(1, 1, residue=0.4, scatter=(0.35, 0.6))
    with torch.no_grad():
        module.heights.fill_(18.7**0.5)
    volumes = torch.full((4000, 1), 18.7)
    torch.manual_seed(0)
    assert 0.45 < float((module(volumes) > 0).double().mean()) < 0.55
    far = module(torch.full((4000, 1), 25.0)).detach()
    left = np.maximum(np.random.default_rng(0).normal(0.4, 0.6, 10**6), 0.0)
    assert float(far.std()) == pytest.approx(left.std(), rel=0.05), "the residue's scatter, none below 0"
    assert len(torch.unique(module.eval()(volumes))) == 1


def test_what_makes_no_flush_is_refused() -> None:
    for wrong in ({"residue": -1.0}, {"ramp": 0.0}, {"scatter": (-0.1, 0.0)}):
        with pytest.raises(FabError):
            Flush(2, 2, **wrong)  # type: ignore[arg-type]
