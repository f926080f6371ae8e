"""The theory's buckets and the simulated ones are the same buckets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pelu_fab.commands.rig import Rig
from pelu_fab.commands.source import rig_of
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.layers.energy import descend
from pelu_fab.layers.energy_network import NetworkEnergy, bucket_layer
from pelu_fab.network.model import Network
from pelu_fab.sim.flow import Flow, flow
from pelu_fab.sim.lagrangian import bucket_energy
from pelu_fab.sim.schedule import Schedule, all_at_once

torch.set_num_threads(1)
FLOWERS = ([51.0, 35.0, 14.0, 2.0], [70.0, 32.0, 47.0, 14.0], [63.0, 33.0, 60.0, 25.0])
POUR_TIME = 5.0  # s


@pytest.fixture(scope="module")
def rig() -> Rig:
    return rig_of(Path("designs/iris"), process=None, settings=[])


@pytest.fixture(scope="module", params=range(len(FLOWERS)), ids=["setosa", "versicolor", "virginica"])
def run(request: pytest.FixtureRequest, rig: Rig) -> tuple[np.ndarray, Flow, Schedule]:
    pour = np.array(FLOWERS[request.param])
    schedule = all_at_once(pour * rig.unit_volume, POUR_TIME)
    return pour, flow(rig.water, rig.process, schedule), schedule


def as_network(rig: Rig) -> Network:
    """What the device was asked to be, in units: shares too small to print are gone from it."""
    layers = rig.netlist.layers
    scaled = tuple(type(layer)(layer.retained / rig.unit_volume, layer.shares) for layer in layers)
    return Network(scaled, rig.network.inputs, rig.network.outputs)


def test_the_network_energy_descends_to_what_every_simulated_bucket_keeps(
    rig: Rig, run: tuple[np.ndarray, Flow, Schedule]
) -> None:
    pour, found, _ = run
    theory = NetworkEnergy(as_network(rig))
    rest = theory.descend(torch.tensor(pour)[None], steps=3000).rest
    kept = theory.retained(rest)
    assert set(kept) == set(found.plumbing.buckets)
    for column, name in enumerate(found.plumbing.buckets):
        simulated = (found.kept - found.plumbing.start_volume)[0, column] / rig.unit_volume
        assert simulated == pytest.approx(float(kept[name][0]), abs=1e-6), name
    np.testing.assert_allclose(theory.cups(rest)[0].numpy() * rig.unit_volume, found.cups[0], atol=0.01)


def test_each_bucket_alone_descends_from_its_inflow_to_what_the_simulated_one_keeps(
    rig: Rig, run: tuple[np.ndarray, Flow, Schedule]
) -> None:
    _, found, _ = run
    p = found.plumbing
    kept = found.kept[0] - p.start_volume
    inflow = kept + np.array([found.delivered[0, p.mouth_bucket == b].sum() for b in range(len(p.buckets))])
    layer = bucket_layer((p.thresholds / rig.unit_volume).tolist())
    rest = descend(layer, torch.tensor(inflow / rig.unit_volume), dt=9.0, steps=20, scheme="implicit").rest
    np.testing.assert_allclose(rest.numpy(), kept / rig.unit_volume, atol=1e-6)


def test_the_reported_curve_is_the_layers_energy_and_ends_at_rest(
    rig: Rig, run: tuple[np.ndarray, Flow, Schedule]
) -> None:
    _, found, _ = run
    p = found.plumbing
    layer = bucket_layer((p.thresholds / MM3_PER_ML).tolist())
    by_theory = layer.energy(torch.tensor((found.trace.volumes - p.start_volume) / MM3_PER_ML)).detach().numpy()
    reported = bucket_energy(found)
    np.testing.assert_allclose(reported, by_theory, atol=1e-9)
    assert reported[0] == 0.0
    assert reported.max() > 10.0
    assert reported[-1] == pytest.approx(0.0, abs=1e-9)


def test_what_is_still_to_spill_only_falls_once_the_jugs_are_empty(run: tuple[np.ndarray, Flow, Schedule]) -> None:
    _, found, schedule = run
    p, trace = found.plumbing, found.trace
    # relu(x − θ) summed with weights that fall from row to row: each spill moves water to a smaller weight.
    weights = p.row.max() + 1.0 - p.row
    to_fall = np.maximum(trace.volumes - p.keeps, 0.0) @ weights
    transit = trace.gutters @ weights[p.mouth_bucket]
    after = trace.times > float(schedule.end.max())
    assert (np.diff((to_fall + transit)[after]) <= 1e-6).all()
