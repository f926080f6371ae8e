"""What high-order layers are for, on problems with known answers."""

import numpy as np
import pytest
import torch
from torch import nn

from pelu_fab.layers.high_order import high_order_fc_layers
from pelu_fab.layers.high_order_mlp import HighOrderMLP
from pelu_fab.training.functions_nets import gather, make_net, water_weights
from pelu_fab.training.functions_train import train

torch.set_num_threads(1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def corners(rows: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of [-1, 1]² and XOR of them: +½ where the signs agree, −½ where they don't."""
    x = (2.0 * torch.rand(rows, 2, generator=seeded(3), dtype=torch.float64) - 1.0).clamp(-0.999, 0.999)
    return x, torch.where(x[:, :1] * x[:, 1:] > 0, 0.5, -0.5).double()


def trained(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Largest error after L-BFGS."""
    optimiser = torch.optim.LBFGS(
        network.parameters(), max_iter=400, line_search_fn="strong_wolfe", tolerance_grad=1e-14, tolerance_change=0.0
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = ((network(x) - y) ** 2).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    return float((network(x).detach() - y).abs().max())


def test_one_discontinuous_layer_with_a_product_learns_xor_exactly() -> None:
    layer = high_order_fc_layers("discontinuous_prod", 2, 2, 1, 2, alpha=0.0, generator=seeded()).double()
    assert trained(layer, *corners()) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_a_discontinuous_mlp_without_hidden_layers_learns_xor_exactly(seed: int) -> None:
    x, y = corners()
    network = HighOrderMLP("discontinuous", 2, 2, 1, 0, 4, segments=2, generator=seeded(seed)).double()
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(600):
        optimiser.zero_grad()
        ((network(x) - y) ** 2).mean().backward()
        optimiser.step()
    assert (network(x) - y).abs().max() < 1e-9


def test_no_sum_of_two_functions_is_xor() -> None:
    x, y = corners(4000)
    layer = high_order_fc_layers("discontinuous", 2, 2, 1, 2, generator=seeded()).double()
    # f(+)+g(+) = f(−)+g(−) = ½ and f(+)+g(−) = f(−)+g(+) = −½ would add up to 1 = −1.
    assert trained(layer, x, y) > 0.45


def best_synapse(layer_type: str, n: int, u: np.ndarray, y: np.ndarray, segments: int = 5) -> tuple[float, int]:
    """Mean squared error of the best single synapse, solved by least squares, and its weights."""
    layer = high_order_fc_layers(layer_type, n, 1, 1, segments).double()
    index, factor = layer.active(torch.tensor(2 * u - 1)[:, None])
    basis = torch.zeros(len(u), layer.basis.nodes, dtype=torch.float64).scatter_(1, index[:, 0], factor[:, 0].detach())
    with torch.no_grad():
        layer.w[0] = torch.linalg.lstsq(basis, torch.tensor(y)[:, None]).solution
        found = layer(torch.tensor(2 * u - 1)[:, None])[:, 0].numpy()
    return float(((found - y) ** 2).mean()), layer.basis.nodes


@pytest.mark.parametrize(
    ("name", "layer_type", "n"),
    [("sin", "continuous", 3), ("exp", "continuous", 3), ("step", "discontinuous", 2), ("sin", "discontinuous", 3)],
)
def test_five_pieces_beat_a_relu_net_of_as_many_weights(name: str, layer_type: str, n: int) -> None:
    u = (np.arange(200) + 0.5) / 200
    y = {"sin": np.sin(2 * np.pi * u), "exp": np.exp(2 * u - 1), "step": (u > 0.4).astype(float)}[name]
    y = (y - y.mean()) / y.std()
    error, weights = best_synapse(layer_type, n, u, y)
    buckets = next(count for count in range(1, 9) if water_weights(count) >= weights)
    relu = gather([make_net("relu", buckets, seed) for seed in range(4)])
    losses = train(relu, torch.tensor(u, dtype=torch.float32), torch.tensor(y, dtype=torch.float32), steps=1200)[-1]
    assert sum(p[0].numel() for p in relu.state.values()) >= weights - 1
    assert error < 0.1 * float(losses.min())
    if name == "step":
        assert error < 1e-20  # the jump lies on the edge of a piece
