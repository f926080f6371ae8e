import pytest
import torch
from torch import nn
from torch.nn import functional

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import SumLayer
from pelu_fab.layers.high_order_conv import (
    HighOrderConvolution,
    high_order_convolution_layers,
    high_order_convolution_transpose_layers,
)
from pelu_fab.layers.high_order_mlp import HighOrderMLP, MaxAbsNormalization
from pelu_fab.layers.refine import refine

torch.set_num_threads(1)
KINDS = ("continuous", "discontinuous", "polynomial", "fourier")
every_kind = pytest.mark.parametrize("kind", KINDS)
GEOMETRIES = [
    {"kernel_size": 3},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "dilation": 3, "padding": 4, "stride": 3},
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(network: nn.Module) -> nn.Module:
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(1), dtype=torch.float64))
    return network


def image(*shape: int) -> torch.Tensor:
    return 2.0 * torch.rand(*shape, generator=seeded(2), dtype=torch.float64) - 1.0


def expanded(layer: HighOrderConvolution, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every node's share of every pixel as channels, and the kernel that torch's own convolution needs for them."""
    synapses = layer.synapses
    pixels = x.movedim(1, -1)
    index, factor = synapses.basis.expand(pixels)
    dense = torch.zeros(*pixels.shape, synapses.basis.nodes, dtype=x.dtype).scatter_(-1, index, factor)
    outputs = synapses.out_features // int(torch.tensor(layer.kernel_size).prod())
    kernel = synapses.w.detach().reshape(-1, outputs, *layer.kernel_size)
    return dense.flatten(-2).movedim(-1, 1), kernel


@every_kind
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dims", [1, 2])
def test_a_convolution_is_torchs_convolution_of_the_expanded_image(
    kind: str, geometry: dict[str, int], dims: int
) -> None:
    layer = randomised(high_order_convolution_layers(f"{kind}{dims}d", 3, 2, 4, segments=4, **geometry))
    x = image(3, 2, *(9, 11)[:dims])
    channels, kernel = expanded(layer, x)
    options = {key: value for key, value in geometry.items() if key != "kernel_size"}
    convolve = functional.conv1d if dims == 1 else functional.conv2d
    torch.testing.assert_close(layer(x).detach(), convolve(channels, kernel.transpose(0, 1), **options))


@every_kind
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dims", [1, 2])
def test_a_transposed_convolution_is_torchs_of_the_expanded_image(
    kind: str, geometry: dict[str, int], dims: int
) -> None:
    layer = randomised(high_order_convolution_transpose_layers(f"{kind}{dims}d", 3, 2, 4, segments=4, **geometry))
    x = image(3, 2, *(5, 6)[:dims])
    channels, kernel = expanded(layer, x)
    options = {key: value for key, value in geometry.items() if key != "kernel_size"}
    convolve = functional.conv_transpose1d if dims == 1 else functional.conv_transpose2d
    torch.testing.assert_close(layer(x).detach(), convolve(channels, kernel, **options))


def networks() -> list[tuple[nn.Module, torch.Tensor]]:
    """Layers, an MLP and a small convnet, each with inputs for it."""
    found: list[tuple[nn.Module, torch.Tensor]] = []
    for kind in ("continuous", "discontinuous"):
        found.append((HighOrderMLP(kind, 3, 2, 2, 2, 5, segments=2), image(100, 2)))
        found.append((HighOrderMLP(f"{kind}_prod", 2, 2, 2, 1, 3, segments=3), image(100, 2)))
        convnet = nn.Sequential(
            high_order_convolution_layers(f"{kind}2d", 2, 1, 3, 3, segments=2, padding=1),
            MaxAbsNormalization(),
            high_order_convolution_transpose_layers(f"{kind}2d", 3, 3, 2, 2, segments=3, stride=2),
            nn.Flatten(),
            nn.Linear(2 * 12 * 12, 4),
        )
        found.append((convnet, image(5, 1, 6, 6)))
    return found


@pytest.mark.parametrize(("n", "segments"), [(5, None), (None, 12), (4, 6)])
@pytest.mark.parametrize("which", range(6))
def test_refinement_leaves_the_function_of_a_random_network_unchanged(
    which: int, n: int | None, segments: int | None
) -> None:
    network, x = networks()[which]
    finer = refine(randomised(network), n=n, segments=segments)
    before, after = network(x), finer(x)
    scale = before.abs().max()
    assert (before - after).abs().max() <= 1e-9 * scale
    assert sum(p.numel() for p in finer.parameters()) > sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("kind", ["polynomial", "fourier"])
def test_global_synapses_are_refined_in_order(kind: str) -> None:
    network = randomised(HighOrderMLP(kind, 3, 2, 2, 1, 4))
    torch.testing.assert_close(refine(network, n=7)(image(50, 2)), network(image(50, 2)))


def test_single_precision_is_refined_to_a_millionth() -> None:
    network = HighOrderMLP("continuous", 3, 2, 2, 1, 4, segments=2, generator=seeded())
    x = image(200, 2).float()
    assert (refine(network, n=5, segments=8)(x) - network(x)).abs().max() < 1e-6


def test_a_jump_stays_where_it_was() -> None:
    layer = SumLayer(
        refine_basis := high_order_convolution_layers("discontinuous1d", 2, 1, 1, 1, 2).synapses.basis, 1, 1
    )
    assert refine_basis.segments == 2
    with torch.no_grad():
        layer.w.copy_(torch.tensor([0.0, 0.0, 1.0, 1.0])[None, :, None])
    x = torch.tensor([[-1e-6], [1e-6]])
    torch.testing.assert_close(refine(layer, n=4, segments=6)(x), torch.tensor([[0.0], [1.0]]))


def test_what_cannot_be_refined_is_refused() -> None:
    layer = HighOrderMLP("continuous", 3, 1, 1, 0, 1, segments=4)
    with pytest.raises(FabError, match=r"^n: is 2, below the 3 of the layer; refine upwards"):
        refine(layer, n=2)
    with pytest.raises(FabError, match=r"^segments: is 6, the layer has 4; use a multiple of that"):
        refine(layer, segments=6)
    with pytest.raises(FabError, match=r"^segments: is 4, but a fourier synapse has none"):
        refine(HighOrderMLP("fourier", 3, 1, 1, 0, 1), segments=4)
    with pytest.raises(FabError, match=r"^Linear: has no polynomial or Fourier synapses"):
        refine(nn.Linear(1, 1), n=3)


def test_wrong_convolutions_are_refused() -> None:
    with pytest.raises(FabError, match=r"^layer_type: is 'continuous3d'; did you mean 'continuous[12]d'"):
        high_order_convolution_layers("continuous3d", 2, 1, 1, 1, 1)
    with pytest.raises(FabError, match=r"^kernel_size: is \(3, 3, 3\); give 2 whole number"):
        high_order_convolution_layers("fourier2d", 2, 1, 1, (3, 3, 3))
    with pytest.raises(FabError, match="is smaller than the kernel"):
        high_order_convolution_layers("polynomial1d", 2, 1, 1, 5)(torch.zeros(1, 1, 3))
    with pytest.raises(FabError, match=r"^input: has shape \(1, 2, 3\); give \(rows, 1, and 1 sizes\)"):
        high_order_convolution_layers("polynomial1d", 2, 1, 1, 1)(torch.zeros(1, 2, 3))


def test_a_rescaled_convolution_divides_by_the_synapses_that_add_up() -> None:
    plain, rescaled = (
        high_order_convolution_layers("continuous2d", 3, 2, 4, (3, 5), 2, rescale_output=told, scale=2.0 + 2.0 * told)
        for told in (False, True)
    )
    rescaled.load_state_dict(plain.state_dict())
    x = 2.0 * torch.rand(3, 2, 9, 9, generator=torch.Generator().manual_seed(3)) - 1.0
    torch.testing.assert_close(rescaled(2.0 * x), plain(x) / (2 * 3 * 5))
