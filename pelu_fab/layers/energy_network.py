"""In: a PeLU network and a pour. Out: buckets as energy layers, and an energy whose descent ends where water does."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pelu_fab.errors import FabError
from pelu_fab.layers.energy import Descent, NeuronLayer, ReluLayer
from pelu_fab.network.model import Network
from pelu_fab.network.names import bucket_name


def bucket_layer(thresholds: Sequence[float], name: str | None = None) -> NeuronLayer:
    """Buckets as one layer: L = ½ Σ relu(x − θ)², θ = h² in units, in float64.

    The activation is what PeLU passes on; the energy is ½ (x² − θ²) where x > θ, else 0; the descent of a disconnected
    bucket stops at min(x, θ), the water it retains.
    """
    layer = ReluLayer(len(thresholds), use_bias=True, name=name).double().requires_grad_(False)
    with torch.no_grad():
        layer.get_parameter("bias").copy_(torch.tensor(list(thresholds), dtype=torch.float64))
    return layer


def _split(volumes: Tensor, widths: Sequence[int]) -> tuple[Tensor, ...]:
    return tuple(torch.split_with_sizes(volumes, list(widths), -1))


class NetworkEnergy:
    """Energy of a PeLU network over the volumes X that have arrived at each bucket and each cup, in units.

        E(X) = Σ_ℓ ½ ‖X_ℓ − A_ℓ₋₁ᵀ g_ℓ₋₁(X_ℓ₋₁)‖²,     with the pour for ℓ = 0

    Written out this is a sum over layers of the identity's energy ½‖X‖², of a synapse −X·Aᵀg that aligns what arrives
    with what spilled above, and of ½‖Aᵀg‖², its own cost. Its only stationary point is the forward pass: the last
    residual must vanish, then the one before, and so on up. There the buckets hold min(X, θ).

    >>> from pelu_fab.network.model import Layer
    >>> drip = NetworkEnergy(Network((Layer([5.0], [[1.0]]),), ("water",), ("cup",)))
    >>> pour, arrived = torch.tensor([20.0]), torch.tensor([[20.0, 15.0], [20.0, 11.0]])  # at rest; 4 mL under way
    >>> drip.energy(arrived.double(), pour.double()).tolist()
    [0.0, 8.0]
    """

    def __init__(self, network: Network) -> None:
        if network.has_flush:
            raise FabError("NetworkEnergy", "is of weirs, and the network has a flush", "use PeLU layers alone")
        self.layers = tuple(
            bucket_layer(layer.retained.tolist(), f"L{index}") for index, layer in enumerate(network.layers)
        )
        self.shares = tuple(torch.tensor(layer.shares) for layer in network.layers)
        self.widths = network.widths

    def energy(self, arrived: Tensor, pour: Tensor) -> Tensor:
        """E of `arrived` (..., buckets and cups, upstream first) under `pour` (..., inputs), units²: (...)."""
        parts = _split(arrived, self.widths)
        energy: Tensor = 0.5 * ((parts[0] - pour) ** 2).sum(-1)
        for above, below, layer, shares in zip(parts, parts[1:], self.layers, self.shares, strict=False):
            spilled = layer.activation(above)
            energy = energy + 0.5 * ((below - spilled @ shares) ** 2).sum(-1)
        return energy

    @property
    def stable_step(self) -> float:
        """A step of explicit descent below which the energy falls: 1 / (1 + ‖A‖)², ‖A‖ the largest singular value."""
        norm = max(float(torch.linalg.matrix_norm(shares, 2)) for shares in self.shares)
        return 1.0 / (1.0 + norm) ** 2

    def descend(self, pour: Tensor, *, steps: int = 4000, dt: float | None = None) -> Descent:
        """Follow dX/dt = −dE/dX from a dry device under `pour` (rows, inputs), units; keeps every state."""
        if pour.shape[-1] != self.widths[0] or not bool((pour >= 0).all()):
            raise FabError(
                "pour", f"has shape {tuple(pour.shape)}", f"give {self.widths[0]} volumes of at least 0 a row"
            )
        pour = pour.double()
        step = self.stable_step if dt is None else dt
        states = [pour.new_zeros(*pour.shape[:-1], sum(self.widths))]
        for _ in range(steps):
            state = states[-1].requires_grad_()
            (slope,) = torch.autograd.grad(self.energy(state, pour).sum(), state)
            states.append((state - step * slope).detach())
            states[-2] = state.detach()
        path = torch.stack(states)
        return Descent(path, self.energy(path, pour).detach())

    def retained(self, arrived: Tensor) -> dict[str, Tensor]:
        """What each bucket keeps of what arrived, by its name: min(X, θ), units, (...)."""
        found = {}
        for index, (part, layer) in enumerate(zip(_split(arrived, self.widths), self.layers, strict=False)):
            threshold = layer.get_parameter("bias").detach()
            for unit in range(len(threshold)):
                found[bucket_name(index, unit)] = torch.minimum(part[..., unit], threshold[unit])
        return found

    def cups(self, arrived: Tensor) -> Tensor:
        """What the cups hold, units, (..., outputs)."""
        return arrived[..., -self.widths[-1] :]
