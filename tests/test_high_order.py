import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import Basis, ProdLayer, SumLayer, chebyshev_lobatto, high_order_fc_layers, mirrored
from pelu_fab.layers.high_order_mlp import HighOrderMLP, MaxAbsNormalization
from pelu_fab.layers.refine import hp_refine_high_order_mlp, interpolate_high_order_mlp, refine

torch.set_num_threads(1)
SUMS = ("continuous", "discontinuous", "polynomial", "fourier")
PRODUCTS = ("continuous_prod", "discontinuous_prod", "polynomial_prod", "product")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer_of(layer_type: str, n: int = 4, segments: int = 5, inputs: int = 3, outputs: int = 2) -> SumLayer:
    """A layer with random weights, in float64."""
    layer = high_order_fc_layers(layer_type, n, inputs, outputs, segments, generator=seeded()).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(1), dtype=torch.float64))
    return layer


def inputs_in_range(rows: int = 200, width: int = 3) -> torch.Tensor:
    x = 2.0 * torch.rand(rows, width, generator=seeded(2), dtype=torch.float64) - 1.0
    x[0], x[1] = -1.0, 1.0
    return x


def synapse_by_numpy(layer: SumLayer, i: int, o: int, x: np.ndarray) -> np.ndarray:
    """The function f_io, fitted segment by segment through its nodes with numpy's Chebyshev polynomials."""
    basis, w = layer.basis, layer.w.detach().numpy()[i, :, o]
    nodes = -np.cos(np.pi * np.arange(basis.n) / (basis.n - 1))
    edges = np.linspace(-1, 1, basis.segments + 1)
    found = np.full_like(x, np.nan)
    step = basis.n - 1 if layer.basis.kind == "continuous" else basis.n
    for segment in range(basis.segments):
        low, high = edges[segment : segment + 2]
        inside = (x >= low) & (x <= high if segment == basis.segments - 1 else x < high)
        fit = chebyshev.chebfit(nodes, w[segment * step : segment * step + basis.n], basis.n - 1)
        found[inside] = chebyshev.chebval(2 * (x[inside] - low) / (high - low) - 1, fit)
    return found


@pytest.mark.parametrize("layer_type", ["continuous", "discontinuous", "polynomial"])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_sum_layer_adds_the_piecewise_polynomials_through_its_nodes(layer_type: str, n: int) -> None:
    layer, x = layer_of(layer_type, n, segments=1 if layer_type == "polynomial" else 6), inputs_in_range()
    by_hand = [sum(synapse_by_numpy(layer, i, o, x[:, i].numpy()) for i in range(3)) for o in range(2)]
    np.testing.assert_allclose(layer(x).detach().numpy().T, by_hand, atol=1e-10)


def test_a_fourier_layer_is_half_then_sines_and_cosines_of_period_two() -> None:
    layer, x = layer_of("fourier", 5), inputs_in_range()
    w, angle = layer.w.detach().numpy(), np.pi * x.numpy()[:, :, None]
    waves = [np.full(angle.shape, 0.5), np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    by_hand = sum((wave * w[:, j]).sum(1) for j, wave in enumerate(waves))
    np.testing.assert_allclose(layer(x).detach().numpy(), by_hand, atol=1e-12)
    torch.testing.assert_close(layer(x + 2.0), layer(x))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("layer_type", ["continuous_prod", "discontinuous_prod", "polynomial_prod"])
def test_a_product_layer_multiplies_one_plus_each_synapse(layer_type: str, alpha: float) -> None:
    layer, x = layer_of(layer_type), inputs_in_range()
    assert isinstance(layer, ProdLayer)
    layer.alpha = alpha
    values = layer.synapses(x).detach().numpy()
    torch.testing.assert_close(torch.tensor(values).sum(1), SumLayer.forward(layer, x).detach())
    by_hand = np.prod(1 + values, 1) - 1 - (1 - alpha) * values.sum(1)
    np.testing.assert_allclose(layer(x).detach().numpy(), by_hand, atol=1e-12)


def test_without_its_linear_part_a_small_product_is_of_second_order() -> None:
    layer = high_order_fc_layers("product", None, 3, 2, alpha=0.0, generator=seeded()).double()
    with torch.no_grad():
        layer.get_parameter("bias").zero_()
    x = inputs_in_range(50)
    ratio = (layer(1e-3 * x).norm() / layer(1e-4 * x).norm()).item()
    assert ratio == pytest.approx(100.0, rel=1e-2)


def test_a_continuous_layer_has_no_jump_and_a_discontinuous_one_does() -> None:
    edges = torch.linspace(-1, 1, 6, dtype=torch.float64)[1:-1, None].expand(-1, 3)
    for layer_type, jumps in (("continuous", False), ("discontinuous", True)):
        layer = layer_of(layer_type)
        gap = (layer(edges + 1e-9) - layer(edges - 1e-9)).abs().max()
        assert (gap > 0.1) == jumps


@pytest.mark.parametrize("layer_type", (*SUMS, *PRODUCTS))
def test_gradients_of_weights_and_inputs_agree_with_finite_differences(layer_type: str) -> None:
    layer = layer_of(layer_type, n=3, segments=2)
    x = (0.9 * inputs_in_range(4)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))


def test_only_the_active_segment_gets_a_gradient() -> None:
    layer = layer_of("discontinuous", n=2, segments=10, inputs=1, outputs=1)
    layer(torch.tensor([[0.05]]).double()).backward()
    assert layer.w.grad is not None
    assert layer.w.grad[0, :, 0].nonzero().flatten().tolist() == [10, 11]


def test_mirrored_inputs_walk_back_and_forth() -> None:
    x = torch.tensor([-1.5, -1.0, 0.5, 1.0, 1.25, 3.0, 3.5])
    torch.testing.assert_close(mirrored(x, 2.0), torch.tensor([-0.5, -1.0, 0.5, 1.0, 0.75, -1.0, -0.5]))
    layer = high_order_fc_layers("continuous", 3, 1, 1, 4, periodicity=2.0, generator=seeded())
    torch.testing.assert_close(layer(x[:, None]), layer(mirrored(x, 2.0)[:, None]))


def test_nodes_are_chebyshev_lobatto_points() -> None:
    np.testing.assert_allclose(chebyshev_lobatto(5), [-1, -np.sqrt(0.5), 0, np.sqrt(0.5), 1], atol=1e-15)
    assert Basis("continuous", 3, 4).nodes == 9
    assert Basis("discontinuous", 3, 4).nodes == 12


@pytest.mark.parametrize("layer_type", ["continuous", "discontinuous"])
def test_a_forward_pass_touches_as_many_weights_for_200_segments_as_for_2(layer_type: str) -> None:
    touched = []
    for segments in (2, 200):
        layer = layer_of(layer_type, n=3, segments=segments)
        index, factor = layer.active(inputs_in_range())
        touched.append((index.shape, factor.shape))
    assert touched[0] == touched[1] == (torch.Size([200, 3, 3]), torch.Size([200, 3, 3]))


@pytest.mark.parametrize("layer_type", SUMS)
def test_an_mlp_of_every_sum_type_runs_and_learns(layer_type: str) -> None:
    net = HighOrderMLP(layer_type, 3, 2, 1, 1, 4, segments=3, in_segments=2, generator=seeded())
    x = inputs_in_range(200, 2).float()
    target = x[:, :1] * x[:, 1:]
    optimiser = torch.optim.Adam(net.parameters(), 0.03)
    losses = []
    for _ in range(200):
        loss = ((net(x) - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * target.var().item()


def test_max_abs_normalisation_scales_each_sample_by_its_largest_number() -> None:
    x = torch.tensor([[[1.0, -4.0]], [[0.0, 0.5]]])
    torch.testing.assert_close(
        MaxAbsNormalization()(x), torch.tensor([[[0.25, -1.0]], [[0.0, 1.0]]]), atol=1e-5, rtol=0
    )
    assert not MaxAbsNormalization()(torch.zeros(2, 3)).isnan().any()


def test_wrong_settings_are_refused_with_a_remedy() -> None:
    with pytest.raises(FabError, match=r"^layer_type: is 'contnuous'; did you mean 'continuous'\?$"):
        high_order_fc_layers("contnuous", 2, 1, 1, 2)
    with pytest.raises(FabError, match=r"^layer_type: is 'x'; use one of continuous, continuous_prod, "):
        high_order_fc_layers("x", 2, 1, 1, 2)
    with pytest.raises(FabError, match=r"^n: is 0; use at least 1 node"):
        high_order_fc_layers("polynomial", 0, 1, 1)
    with pytest.raises(FabError, match=r'^n: is 1: .* one constant; use "discontinuous" for a piecewise constant'):
        high_order_fc_layers("continuous", 1, 1, 1, 4)
    with pytest.raises(FabError, match=r"^scale: is 0; give the length of the axis"):
        high_order_fc_layers("continuous", 2, 1, 1, 4, scale=0)
    with pytest.raises(FabError, match=r"^input: reaches 2.1; scale it into \[-2, 2\], or mirror it by periodicity=4"):
        high_order_fc_layers("continuous", 2, 1, 1, 4, scale=4.0)(torch.tensor([[2.1]]))
    for segments in (0, None):
        with pytest.raises(FabError, match=rf"^segments: is {segments}; cut \[-1, 1\] into at least 1"):
            high_order_fc_layers("continuous_prod", 2, 1, 1, segments)
    with pytest.raises(FabError, match=r"^periodicity: is 3; mirror at a period above 0 and at most 2"):
        high_order_fc_layers("continuous", 2, 1, 1, 2, periodicity=3)
    with pytest.raises(FabError, match=r"^in_features: is 0; use at least 1"):
        high_order_fc_layers("product", None, 0, 1)


def test_inputs_that_no_polynomial_should_see_are_refused() -> None:
    layer = layer_of("continuous", inputs=1)
    with pytest.raises(FabError, match=r"^input: reaches 1\.2; scale it into \[-1, 1\]"):
        layer(torch.tensor([[1.2]]))
    with pytest.raises(FabError, match=r"^input: has a NaN"):
        layer(torch.tensor([[torch.nan]]))
    with pytest.raises(FabError, match=r"^input: has shape \(3,\); give \(rows, 1\)"):
        layer(torch.zeros(3))
    assert layer(torch.tensor([[1.0 + 1e-9]]).double()).isfinite().all()


def test_one_node_a_segment_is_a_constant_piece() -> None:
    layer = high_order_fc_layers("discontinuous", 1, 1, 1, 4).double()
    with torch.no_grad():
        layer.get_parameter("w").copy_(torch.tensor([3.0, -1.0, 4.0, 0.5])[None, :, None])
    x = torch.tensor([-1.0, -0.51, -0.5, 0.49, 0.5, 1.0], dtype=torch.float64)[:, None]
    assert layer(x)[:, 0].tolist() == [3.0, 3.0, -1.0, 4.0, 0.5, 0.5]
    assert refine(layer, n=3, segments=8)(x)[:, 0].tolist() == pytest.approx([3.0, 3.0, -1.0, 4.0, 0.5, 0.5])
    assert high_order_fc_layers("polynomial", 1, 1, 1)(x.float()).unique().numel() == 1


@pytest.mark.parametrize("layer_type", SUMS)
def test_a_longer_axis_a_rescaled_sum_and_a_device_are_as_the_published_names_say(layer_type: str) -> None:
    plain = layer_of(layer_type)
    made = high_order_fc_layers(layer_type, 4, 3, 2, 5, rescale_output=True, scale=5.0, device="cpu").double()
    made.load_state_dict(plain.state_dict())
    x = inputs_in_range()
    torch.testing.assert_close(made(2.5 * x), plain(x) / 3)
    there = high_order_fc_layers(layer_type, 4, 3, 2, 5, device="meta")
    assert all(parameter.device.type == "meta" for parameter in there.parameters())
    both = HighOrderMLP(layer_type, 3, 3, 1, 1, 4, segments=2, scale=4.0, rescale_output=True, periodicity=4.0)
    assert both(torch.full((2, 3), 1.9)).shape == (2, 1)


def test_a_mirrored_long_axis_walks_back_and_forth_on_it() -> None:
    layer = high_order_fc_layers("continuous", 3, 1, 1, 4, periodicity=4.0, scale=4.0, generator=seeded())
    torch.testing.assert_close(layer(torch.tensor([[2.5]])), layer(torch.tensor([[1.5]])))


@pytest.mark.parametrize("layer_type", ["continuous", "discontinuous", "polynomial"])
def test_networks_are_refined_into_others_by_the_published_names(layer_type: str) -> None:
    def net(n: int, segments: int, seed: int) -> HighOrderMLP:
        made = HighOrderMLP(layer_type, n, 2, 1, 1, 4, segments=segments, generator=seeded(seed)).double()
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=seeded(seed + 1), dtype=torch.float64))
        return made

    x, coarse = inputs_in_range(width=2), net(3, 2, 0)
    finer = net(5, 2, 10)
    assert not torch.allclose(finer(x), coarse(x))
    interpolate_high_order_mlp(coarse, finer)
    torch.testing.assert_close(finer(x), coarse(x))
    both = net(4, 6, 20)
    hp_refine_high_order_mlp(coarse, both)
    torch.testing.assert_close(both(x), coarse(x))
    if layer_type != "polynomial":
        with pytest.raises(FabError, match=r"^network_out: has other segments; use hp_refine_high_order_mlp"):
            interpolate_high_order_mlp(coarse, net(3, 6, 0))
    with pytest.raises(FabError, match=r"^n: is 2, below the 3 of the layer"):
        hp_refine_high_order_mlp(coarse, net(2, 2, 0))
    with pytest.raises(FabError, match=r"^network_out: has high-order layers of .*; make both of the same widths"):
        hp_refine_high_order_mlp(coarse, HighOrderMLP(layer_type, 3, 2, 1, 0, 4, segments=2))
