import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pelu_fab.errors import FabError
from pelu_fab.layers.energy import descend
from pelu_fab.layers.energy_network import NetworkEnergy, bucket_layer
from pelu_fab.network.model import Layer, Network

torch.set_num_threads(1)


def iris() -> Network:
    """The blog's network, read without any reader of the project."""
    table = json.loads(Path("designs/iris/widget_iris.json").read_text())
    layers = tuple(Layer(np.array(layer["h"]), np.array(layer["w"])) for layer in table["layers"])
    return Network(layers, tuple(table["inputs"]), tuple(table["outputs"]), float(table["input_scale"]))


def flowers() -> np.ndarray:
    rows = np.loadtxt("designs/iris/iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    return 10.0 * rows[::15]


def retained_by_formula(network: Network, pour: np.ndarray) -> dict[str, np.ndarray]:
    volumes, kept = pour, {}
    for index, layer in enumerate(network.layers):
        for unit, threshold in enumerate(layer.retained):
            kept[f"L{index}.b{unit}"] = np.minimum(volumes[:, unit], threshold)
        volumes = np.maximum(volumes - layer.retained, 0.0) @ layer.shares
    return kept


def test_the_descent_of_the_network_energy_ends_in_the_retained_volumes() -> None:
    pour = flowers()
    device = NetworkEnergy(iris())
    path = device.descend(torch.tensor(pour), steps=3000)
    kept = device.retained(path.rest)
    wanted = retained_by_formula(iris(), pour)
    assert list(kept) == list(wanted)
    for name, volumes in wanted.items():
        np.testing.assert_allclose(kept[name].numpy(), volumes, atol=1e-6, err_msg=name)
    assert (path.energies[-1] < 1e-12).all()


def test_the_network_energy_falls_at_every_step_and_its_cups_give_the_known_answers() -> None:
    expected = np.loadtxt("tests/data/widget_iris_expected.csv", delimiter=",", skiprows=1, usecols=range(3))[::15]
    path = NetworkEnergy(iris()).descend(torch.tensor(flowers()), steps=3000)
    assert (path.energies.diff(dim=0) <= 1e-12).all()
    np.testing.assert_allclose(NetworkEnergy(iris()).cups(path.rest).numpy(), expected, atol=1e-5)


def test_only_the_forward_pass_has_no_slope() -> None:
    device = NetworkEnergy(iris())
    pour = torch.tensor(flowers()[:1])
    rest = device.descend(pour, steps=3000).rest
    generator = torch.Generator().manual_seed(0)
    for state in (rest, *(rest + torch.randn(rest.shape, generator=generator) for _ in range(20))):
        state = state.detach().requires_grad_()
        (slope,) = torch.autograd.grad(device.energy(state, pour).sum(), state)
        assert slope.abs().max() >= 1e-3 * (state.detach() - rest).abs().max()


def test_each_bucket_of_iris_alone_descends_to_what_it_keeps_of_its_inflow() -> None:
    network, pour = iris(), flowers()
    volumes = pour
    for layer in network.layers:
        buckets = bucket_layer(layer.retained.tolist())
        rest = descend(buckets, torch.tensor(volumes), dt=9.0, steps=30, scheme="implicit").rest
        np.testing.assert_allclose(rest.numpy(), np.minimum(volumes, layer.retained), atol=1e-9)
        volumes = np.maximum(volumes - layer.retained, 0.0) @ layer.shares


def test_a_pour_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(FabError, match=r"^pour: has shape \(1, 3\); give 4 volumes of at least 0 a row"):
        NetworkEnergy(iris()).descend(torch.ones(1, 3))
