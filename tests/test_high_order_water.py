import re

import numpy as np
import pytest
import torch

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import SumLayer, high_order_fc_layers
from pelu_fab.layers.high_order_mlp import HighOrderMLP
from pelu_fab.layers.to_pelu import curves_of, from_pelu, straightening_bound, to_pelu
from pelu_fab.layers.to_pelu_water import Curve, WaterSum, add_in_water
from pelu_fab.network.model import check_network

torch.set_num_threads(1)
MUCH = 3000.0  # mL: random curves bend a lot, and leave little of their water to read


def layer_of(layer_type: str, n: int, inputs: int = 3, outputs: int = 2, segments: int = 4, seed: int = 0) -> SumLayer:
    generator = torch.Generator().manual_seed(seed)
    layer = high_order_fc_layers(layer_type, n, inputs, outputs, segments).double()
    assert isinstance(layer, SumLayer)
    with torch.no_grad():
        layer.w.copy_(torch.randn(layer.w.shape, generator=generator, dtype=torch.float64))
    return layer


def inputs_in_range(width: int, rows: int = 300) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (rows, width))


def pour_by_hand(water: WaterSum, x: np.ndarray) -> np.ndarray:
    """What each cup gets, by loops over buckets: the law of a bucket and nothing else."""
    split, spread = water.network.layers
    found = []
    for row in x:
        cups = np.zeros(spread.shares.shape[1])
        for i, value in enumerate(row):
            poured = (value - water.low[i]) / (water.high[i] - water.low[i]) * water.volume
            for k, share in enumerate(split.shares[i]):
                if share:
                    cups += max(0.0, share * poured - spread.retained[k]) * spread.shares[k]
        assert cups.sum() <= water.volume * len(row) + 1e-9
        found.append(cups)
    return np.array(found)


@pytest.mark.parametrize(("inputs", "outputs", "segments"), [(1, 1, 8), (3, 2, 4), (2, 5, 1)])
def test_a_piecewise_linear_layer_becomes_water_exactly(inputs: int, outputs: int, segments: int) -> None:
    layer, x = layer_of("continuous", 2, inputs, outputs, segments), inputs_in_range(inputs)
    water = to_pelu(layer, volume=MUCH)
    check_network(water.network, "test")
    cups = pour_by_hand(water, x)
    wanted = layer(torch.tensor(x)).detach().numpy()
    plus, minus = cups[:, :outputs], cups[:, outputs : 2 * outputs]
    np.testing.assert_allclose((plus - minus) * water.scale + water.offset, wanted, atol=1e-9)
    np.testing.assert_allclose(water(x), wanted, atol=1e-9)
    assert (water.bound, water.error) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("layer_type", "n", "tolerance"),
    [("continuous", 3, 0.05), ("continuous", 6, 0.02), ("polynomial", 5, 0.01), ("fourier", 5, 0.1)],
)
def test_a_curved_layer_becomes_water_within_the_bound_it_states(layer_type: str, n: int, tolerance: float) -> None:
    layer = layer_of(layer_type, n)
    water = to_pelu(layer, tolerance, volume=MUCH)
    x = inputs_in_range(3, 20_000)
    found = np.abs(water(x) - layer(torch.tensor(x)).detach().numpy()).max()
    assert found <= water.error + 1e-9
    assert 0.2 * water.bound < water.error <= water.bound <= tolerance
    coarser = water.segments - layer.basis.segments
    assert straightening_bound(layer, coarser) > tolerance


def test_a_longer_axis_and_a_rescaled_sum_become_water_as_they_are() -> None:
    layer = layer_of("polynomial", 4)
    layer.scale, layer.gain = 6.0, 1 / 3
    water, x = to_pelu(layer, 0.02, volume=MUCH), 3.0 * inputs_in_range(3, 5000)
    assert water.low.tolist() == [-3.0] * 3 and water.high.tolist() == [3.0] * 3
    found = np.abs(water(x) - layer(torch.tensor(x)).detach().numpy()).max()
    assert 0.2 * water.bound < found <= water.error + 1e-9 <= water.bound + 1e-9 <= 0.02


@pytest.mark.parametrize("layer_type", ["continuous", "polynomial", "continuous_prod", "polynomial_prod"])
def test_a_network_of_one_input_becomes_the_curve_that_it_draws(layer_type: str) -> None:
    net = HighOrderMLP(layer_type, 3, 1, 2, 0, 3, segments=2, normalize=False, scale=8.0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    water, x = to_pelu(net, 0.02, volume=1e5), np.linspace(-4, 4, 777)[:, None]
    assert np.abs(water(x) - net(torch.tensor(x).float()).detach().numpy()).max() <= 0.02 + 1e-5
    assert water.error <= 0.02 and water.bound == np.inf and water.low.tolist() == [-4.0]


def test_hidden_neurons_of_several_inputs_are_refused_with_the_range_they_would_leave() -> None:
    net = HighOrderMLP("continuous", 2, 2, 1, 0, 3, segments=2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    with pytest.raises(FabError, match=r"^HighOrderMLP: has 3 hidden neurons, .* would leave 4\.4 mL of 100 to read"):
        to_pelu(net)
    jumps = HighOrderMLP("discontinuous", 2, 1, 1, 0, 2, segments=2, normalize=False)
    with torch.no_grad():
        for parameter in jumps.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)).clamp(-2, 2))
    with pytest.raises(FabError, match=r"^tolerance: 0.01 needs more than 1024 segments .*; .* a jump is never drawn"):
        to_pelu(jumps)


def test_halving_the_segments_quarters_the_error() -> None:
    layer = layer_of("polynomial", 4)
    ratio = straightening_bound(layer, 64) / straightening_bound(layer, 128)
    assert ratio == pytest.approx(4.0, rel=0.05)


def test_water_and_layer_convert_into_each_other_and_back() -> None:
    layer, x = layer_of("continuous", 2), inputs_in_range(3)
    water = to_pelu(layer, least_share=0.02)
    again = from_pelu(water)
    assert again.basis == layer.basis
    np.testing.assert_allclose(again(torch.tensor(x)).detach(), layer(torch.tensor(x)).detach(), atol=1e-9)
    np.testing.assert_allclose(to_pelu(again)(x), water(x), atol=1e-9)


def test_one_input_and_one_output_waste_no_water() -> None:
    water = to_pelu(layer_of("continuous", 2, 1, 1, 6), volume=MUCH)
    assert water.network.outputs == ("plus", "minus")
    assert ((water.network.layers[1].shares == 0) | (water.network.layers[1].shares == 1)).all()


def test_shares_that_no_printer_makes_are_raised_and_the_rest_is_wasted() -> None:
    curve = Curve(np.linspace(0, 1, 6), np.array([0.0, 1.0, 2.01, 3.0, 2.0, 5.0]))
    fine, printable = add_in_water([curve]), add_in_water([curve], least_share=0.1)
    shares = printable.network.layers[0].shares
    assert fine.network.layers[0].shares.min() < 0.01
    assert shares.min() == pytest.approx(0.1)
    assert printable.network.outputs == ("plus", "minus", "waste")
    x = np.linspace(0, 1, 101)[:, None]
    np.testing.assert_allclose(printable(x), curve(x[:, 0]), atol=1e-9)
    np.testing.assert_allclose(fine(x), curve(x[:, 0]), atol=1e-9)


def test_a_straight_breakpoint_gets_no_bucket_and_a_constant_wastes_everything() -> None:
    straight = add_in_water([Curve(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))])
    assert straight.network.widths == (1, 1, 2)
    constant = add_in_water([Curve(np.array([0.0, 1.0]), np.array([4.0, 4.0]))])
    assert constant.network.layers[1].shares.tolist() == [[0.0, 0.0, 1.0]]
    np.testing.assert_allclose(constant(np.array([[0.0], [0.7]])), 4.0)


def test_curves_pass_through_the_synapses() -> None:
    layer = layer_of("fourier", 4, 2, 1)
    x = np.linspace(-1, 1, 33)
    total = sum(curve(x) for curve in curves_of(layer, 32))
    both = torch.tensor(np.stack([x, x], axis=1))
    np.testing.assert_allclose(total, layer(both).detach().numpy(), atol=1e-9)


def test_an_output_of_little_water_is_refused_and_the_volume_that_is_told_is_enough() -> None:
    layer = layer_of("continuous", 2, 1, 2, 8)
    with pytest.raises(FabError, match=r"^output 0: runs through 1\.2 mL of plus - minus in all") as refused:
        to_pelu(layer)
    told = re.search(r"volume=(\d+)", refused.value.remedy)
    assert told
    enough = to_pelu(layer, volume=float(told[1]))
    x = np.linspace(-1, 1, 2001)[:, None]
    cups = pour_by_hand(enough, x)
    assert 5.0 <= min(np.ptp(cups[:, j] - cups[:, j + 2]) for j in range(2)) < 5.2
    with pytest.raises(FabError, match=r"^output 0: runs through 5 mL"):
        to_pelu(layer, volume=float(told[1]) - 1)
    flat = high_order_fc_layers("continuous", 2, 1, 1, 2)
    with torch.no_grad():
        flat.w.fill_(3.0)
    assert to_pelu(flat).network.outputs[-1] == "waste", "a constant has nothing to be read"


def test_what_water_cannot_do_is_refused_with_the_reason() -> None:
    with pytest.raises(FabError, match=r"^ProdLayer: multiplies its inputs, and water only adds"):
        to_pelu(high_order_fc_layers("continuous_prod", 2, 2, 1, 2))
    with pytest.raises(FabError, match=r"^ProductLayer: multiplies its inputs"):
        to_pelu(high_order_fc_layers("product", None, 2, 1))
    with pytest.raises(FabError, match=r"^SumLayer: may jump, and no cup fills by a jump"):
        to_pelu(high_order_fc_layers("discontinuous", 2, 1, 1, 2))
    with pytest.raises(FabError, match=r"^SumLayer: mirrors its inputs"):
        to_pelu(high_order_fc_layers("continuous", 2, 1, 1, 2, periodicity=2.0))
    with pytest.raises(FabError, match=r"^Linear: is no high-order layer"):
        to_pelu(torch.nn.Linear(1, 1))
    with pytest.raises(FabError, match=r"^tolerance: 1e-09 needs more than 1024 segments"):
        to_pelu(layer_of("polynomial", 5), 1e-9)
    with pytest.raises(FabError, match=r"^tolerance: is 0"):
        to_pelu(layer_of("polynomial", 5), 0)
    with pytest.raises(FabError, match=r"^input: leaves \[-1\.0\] to \[1\.0\]"):
        to_pelu(layer_of("continuous", 2, 1), volume=MUCH)(np.array([[1.5]]))
    with pytest.raises(FabError, match=r"^least_share: leaves room for 2 buckets"):
        to_pelu(layer_of("continuous", 2, 1), least_share=0.4)
    for points, values in (([0, 1, 1], [0, 1, 2]), ([0, 1], [0, np.nan]), ([0], [0])):
        with pytest.raises(FabError, match=r"^curve: has"):
            Curve(np.array(points, float), np.array(values, float))
