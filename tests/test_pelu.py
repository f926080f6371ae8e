"""The PeLU layer against the algebra written out elsewhere, and its way into the compiler."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pelu_fab.errors import FabError
from pelu_fab.layers.pelu import PeLU, to_network
from pelu_fab.network.algebra import outputs
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.training.save import checkpoint_bytes


def stack(seed: int, widths: tuple[int, ...], **settings) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(*(PeLU(a, b, **settings) for a, b in pairwise(widths)))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
    kind=st.sampled_from(["softmax", "sparsemax"]),
)
def test_forward_equals_the_reference_algebra(seed: int, widths: tuple[int, ...], kind: str) -> None:
    module = stack(seed, widths, share_function=kind)
    pours = np.random.default_rng(seed).uniform(0, 60, (7, widths[0]))
    found = module(torch.tensor(pours, dtype=torch.float32)).detach().numpy()
    exact = copy.deepcopy(module).double()(torch.tensor(pours)).detach().numpy()
    expected = outputs(to_network(module), pours)
    assert np.abs(exact - expected).max() < 1e-12
    assert np.abs(found - expected).max() < 1e-6 * max(60, pours.sum(axis=1).max())


def test_parameters_carry_the_names_of_the_blog_and_of_the_compiler() -> None:
    module = stack(0, (4, 3, 3))
    assert list(module.state_dict()) == ["0.heights", "0.weights", "1.heights", "1.weights"]
    assert tuple(module[0].weights.shape) == (4, 3)


def test_a_pt_file_a_safetensors_file_and_the_module_are_one_network(tmp_path) -> None:
    module = stack(3, (4, 3, 3)).double()
    network = to_network(module, ("a", "b", "c", "d"), ("x", "y", "z"), input_scale=10.0)
    torch.save(module.state_dict(), tmp_path / "net.pt")
    (tmp_path / "net.safetensors").write_bytes(checkpoint_bytes(network))
    pours = np.random.default_rng(1).uniform(0, 60, (20, 4))
    for name in ("net.pt", "net.safetensors"):
        found = read_checkpoint(tmp_path / name)
        assert np.abs(outputs(found, pours) - outputs(network, pours)).max() < 1e-12
    found = read_checkpoint(tmp_path / "net.safetensors")
    assert (found.inputs, found.outputs, found.input_scale) == (network.inputs, network.outputs, 10.0)


def test_a_cut_branch_comes_back_from_the_checkpoint_as_exactly_none(tmp_path) -> None:
    module = PeLU(2, 3, share_function="sparsemax")
    with torch.no_grad():
        module.weights.copy_(torch.tensor([[5.0, 0.0, 0.0], [1.0, 0.9, -3.0]]))
    network = module.network()
    (tmp_path / "net.safetensors").write_bytes(checkpoint_bytes(network))
    found = read_checkpoint(tmp_path / "net.safetensors").layers[0].shares
    assert (found == 0).tolist() == [[False, True, True], [False, False, True]]
    assert found[0, 0] == 1.0


def test_the_same_network_gives_the_same_bytes_and_metadata_in_any_order_too() -> None:
    network = stack(5, (3, 2))[0].network()
    first = checkpoint_bytes(network, {"seed": "1", "data_sha256": "abc"})
    assert first == checkpoint_bytes(network, {"data_sha256": "abc", "seed": "1"})


def test_the_safetensors_library_reads_what_is_written() -> None:
    from safetensors.numpy import load

    network = stack(5, (3, 2, 2))[0].network()
    tensors = load(checkpoint_bytes(network, {"note": "größer"}))
    assert np.allclose(tensors["0.heights"] ** 2, network.layers[0].retained, rtol=1e-15)


def test_leading_dimensions_pass_through() -> None:
    module = PeLU(4, 3)
    volumes = torch.rand(2, 5, 4) * 40
    assert torch.equal(module(volumes)[1, 2], module(volumes[1, 2]))
    assert module(volumes).shape == (2, 5, 3)


@pytest.mark.parametrize("kind", ["softmax", "sparsemax"])
def test_gradients_equal_finite_differences(kind: str) -> None:
    torch.manual_seed(0)
    module = PeLU(3, 4, share_function=kind, dtype=torch.float64)
    volumes = (torch.rand(5, 3, dtype=torch.float64) * 20).requires_grad_()
    assert torch.autograd.gradcheck(lambda v, h, w: torch.func.functional_call(module, {"heights": h, "weights": w}, v),
                                    (volumes, module.heights, module.weights))  # fmt: skip


def test_export_keeps_the_formula_and_finds_no_break() -> None:
    module = stack(2, (4, 3, 3))
    volumes = torch.rand(6, 4) * 40
    exported = torch.export.export(module, (volumes,))
    assert torch.equal(exported.module()(volumes), module(volumes))


def test_compiled_by_torch_it_is_one_graph_and_the_same_function() -> None:
    module = stack(2, (4, 3, 3))
    volumes = torch.rand(6, 4) * 40
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(volumes), module(volumes), atol=1e-5)


@pytest.mark.parametrize(("init", "spills"), [("open", 4), ("even", 4)])
def test_these_starts_leave_no_bucket_dead(init: str, spills: int) -> None:
    module = PeLU(4, 3, init=init)
    assert int((torch.full((4,), 0.05) > module.heights**2).sum()) == spills
    assert (module.heights != 0).all(), "at h = 0 the gradient of h² is 0"


def test_a_seeded_start_repeats_itself() -> None:
    first, second = (PeLU(4, 3) for _ in range(2))
    for module in (first, second):
        module.reset_parameters(torch.Generator().manual_seed(8))
    assert torch.equal(first.weights, second.weights) and torch.equal(first.heights, second.heights)


def test_a_layer_that_no_water_computes_is_refused_by_name() -> None:
    with pytest.raises(FabError, match=r"layer 1 is a Linear; use PeLU and Flush layers only"):
        to_network(nn.Sequential(PeLU(2, 2), nn.Linear(2, 2)))
    with pytest.raises(FabError, match=r"PeLU: has 0 inputs and 3 outputs; give at least 1 of each"):
        PeLU(0, 3)
    with pytest.raises(FabError, match=r"names 1 inputs, but the network has 2"):
        PeLU(2, 2).network(["a"])


def test_a_network_that_diverged_is_refused() -> None:
    module = PeLU(2, 2)
    with torch.no_grad():
        module.heights[1] = torch.nan
    with pytest.raises(FabError, match=r"heights\[1\] is nan"):
        module.network()


def test_the_package_gives_the_layer_but_loads_torch_only_for_it() -> None:
    import subprocess
    import sys

    import pelu_fab.layers

    assert pelu_fab.layers.PeLU is PeLU and pelu_fab.layers.to_network is to_network
    with pytest.raises(AttributeError, match=r"has no attribute 'Relu'"):
        _ = pelu_fab.layers.Relu
    code = "import sys, pelu_fab.layers, pelu_fab.training.recipe, pelu_fab.training.data, pelu_fab.training.save"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)
