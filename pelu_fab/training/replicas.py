"""Many networks of one shape trained side by side: in go pours (rows, in), out come cups (R, K, rows, out).

R counts the replicas (seeds, folds, starts), K the prints drawn of each. One optimiser step moves all of them, and
none knows of the others: replica r is what its seed alone would have given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

import torch
from torch import Tensor, nn

from pelu_fab.layers.pelu import Init, PeLU, ShareFunction, spill
from pelu_fab.layers.sparse import sparsemax
from pelu_fab.network.model import Layer, Network
from pelu_fab.training.recipe import Deviations
from pelu_fab.training.teeth import round_to_teeth, straight_through

SILENT = Deviations.model_validate({})
NEVER = -1e30  # logit of a branch that is cut: its share is exactly 0 in float32 and float64


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """P prints of each of R devices, to draw from.

    `shift[l]` (R, P, in): units that a bucket keeps beyond what was asked of it. `factor[l]` (R, P, in, out): share
    delivered over share asked. `pour`: standard deviation of a jug, units.
    """

    shift: tuple[Tensor, ...]
    factor: tuple[Tensor, ...]
    pour: float

    @property
    def prints(self) -> int:
        """P."""
        return self.shift[0].shape[1]

    def of(self, layer: int, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Shifts (R, K, in) and factors (R, K, in, out) of the `chosen` prints (R, K)."""
        replica = torch.arange(len(chosen)).unsqueeze(-1)
        return self.shift[layer][replica, chosen], self.factor[layer][replica, chosen]


class Replicas(nn.Module):
    """Parameters of R networks: `heights[l]` (R, in), `weights[l]` (R, in, out), `kept[l]` (R, in, out) bool."""

    def __init__(
        self, heights: Sequence[Tensor], weights: Sequence[Tensor], *, share_function: ShareFunction = "softmax"
    ) -> None:
        super().__init__()
        self.heights = nn.ParameterList([nn.Parameter(h.clone()) for h in heights])
        self.weights = nn.ParameterList([nn.Parameter(w.clone()) for w in weights])
        self.kept = [torch.ones_like(w, dtype=torch.bool) for w in weights]
        self.share_function: ShareFunction = share_function
        self.teeth = 0  # most teeth of a comb that shares are rounded to; 0: not rounded

    @classmethod
    def started(
        cls,
        widths: Sequence[int],
        seeds: Sequence[int],
        *,
        init: Init = "normal",
        share_function: ShareFunction = "softmax",
        dtype: torch.dtype = torch.float32,
    ) -> "Replicas":
        """One replica per seed, started as `PeLU` layers of these widths would be."""
        drawn: list[list[PeLU]] = []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            layers = [PeLU(a, b, init=init, dtype=dtype) for a, b in pairwise(widths)]
            for layer in layers:
                layer.reset_parameters(generator)
            drawn.append(layers)
        by_layer = list(zip(*drawn, strict=True))
        return cls(
            [torch.stack([layer.heights.detach() for layer in row]) for row in by_layer],
            [torch.stack([layer.weights.detach() for layer in row]) for row in by_layer],
            share_function=share_function,
        )

    @property
    def count(self) -> int:
        """How many networks."""
        return len(self.heights[0])

    def retained(self) -> list[Tensor]:
        """h² by layer, (R, in)."""
        return [h * h for h in self.heights]

    def shares(self) -> list[Tensor]:
        """Shares by layer, (R, in, out): cut branches 0, rounded to teeth where asked."""
        found = []
        for weights in self.weights:
            shares = sparsemax(weights) if self.share_function == "sparsemax" else weights.softmax(dim=-1)
            found.append(straight_through(shares, self.teeth) if self.teeth else shares)
        return found

    def forward(
        self, pours: Tensor, deviations: Deviations | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cups (R, K, rows, out) of `pours` (rows, in); K is 1 without deviations."""
        return flow(pours, self.retained(), self.shares(), deviations, generator)

    def cut(self, layer: int, spared: Tensor) -> None:
        """Leave only the `spared` branches (R, in, out) of a layer; what was cut before stays cut.

        A logit this low has no share and so no gradient: nothing brings it back.
        """
        self.kept[layer] &= spared
        with torch.no_grad():
            self.weights[layer].masked_fill_(~self.kept[layer], NEVER)

    def branches(self) -> Tensor:
        """Branches of each replica, (R,)."""
        with torch.no_grad():
            return torch.stack([(s > 0).sum(dim=(1, 2)) for s in self.shares()]).sum(dim=0)

    def networks(self, inputs: Sequence[str], outputs: Sequence[str], *, input_scale: float) -> list[Network]:
        """All replicas as the compiler's networks; rows of shares sum to 1 in float64."""
        with torch.no_grad():
            retained = [(h.double() ** 2).cpu().numpy() for h in self.heights]
            exact = [s.double() / s.double().sum(dim=-1, keepdim=True) for s in self.shares()]
            # float32 thirds are not thirds: rounded again, in float64.
            rounded = [round_to_teeth(s, self.teeth) if self.teeth else s for s in exact]
            shares = [s.cpu().numpy() for s in rounded]
        return [
            Network(
                layers=tuple(Layer(h[r], s[r]) for h, s in zip(retained, shares, strict=True)),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                input_scale=input_scale,
            )
            for r in range(self.count)
        ]

    def unnamed(self) -> list[Network]:
        """All replicas as networks whose inputs and outputs have numbers for names, and whose scale is 1."""
        ins, outs = self.weights[0].shape[1], self.weights[-1].shape[2]
        return self.networks([f"x{i}" for i in range(ins)], [f"y{i}" for i in range(outs)], input_scale=1.0)

    def taken(self, replicas: Sequence[int] | Tensor) -> "Replicas":
        """A copy of these replicas alone, in this order."""
        chosen = torch.as_tensor(replicas)
        part = Replicas(
            [h.detach()[chosen] for h in self.heights],
            [w.detach()[chosen] for w in self.weights],
            share_function=self.share_function,
        )
        part.kept = [k[chosen].clone() for k in self.kept]
        part.teeth = self.teeth
        return part


def flow(
    pours: Tensor,
    retained: Sequence[Tensor],
    shares: Sequence[Tensor],
    deviations: Deviations | None = None,
    generator: torch.Generator | None = None,
    pool: Pool | None = None,
) -> Tensor:
    """Cups (R, K, rows, out) of R networks, K prints of each.

    What is drawn: prints out of the `pool`, and what `deviations` add to them. With neither, the ideal device, K = 1.
    """
    is_silent = deviations is None or deviations.is_silent
    if is_silent and pool is None:
        volumes = pours[None]
        for h2, a in zip(retained, shares, strict=True):
            volumes = spill(volumes, h2, a)
        return volumes[:, None]
    deviations = deviations or SILENT
    size = (len(retained[0]), deviations.prints)

    def drawn(*shape: int) -> Tensor:
        return torch.randn((*size, *shape), generator=generator, dtype=pours.dtype, device=pours.device)

    volumes = pours[None, None]
    if pour := hypot(deviations.pour, pool.pour if pool else 0.0):
        volumes = torch.relu(volumes + pour * drawn(*pours.shape))
    chosen = torch.randint(pool.prints, size, generator=generator) if pool else None
    for index, (h2, a) in enumerate(zip(retained, shares, strict=True)):
        sills, areas = h2[:, None, None], a[:, None]
        if pool is not None and chosen is not None:
            shift, factor = pool.of(index, chosen)
            sills, areas = sills + shift.unsqueeze(-2), areas * factor
        if deviations.height:
            sills = sills + deviations.height * drawn(1, h2.shape[-1])
        if deviations.share:
            areas = areas * torch.relu(1 + deviations.share * drawn(*a.shape[1:]))
        areas = areas / areas.sum(dim=-1, keepdim=True).clamp_min(1e-12)
        volumes = torch.relu(volumes - torch.relu(sills)) @ areas
    return volumes
