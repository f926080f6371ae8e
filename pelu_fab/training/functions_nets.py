"""In: a place u in [0, 1] on an axis. Out: a number, by a small net: of water, of leaky water, of ReLUs or leaky ReLUs.

All take (rows, 1) and give (rows, 1), and have about the same number of weights for the same `buckets`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from pelu_fab.errors import FabError
from pelu_fab.layers.pelu import PeLU

Kind = Literal["pelu", "leaky pelu", "relu", "leaky relu"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Readout = Literal["differential", "single"]
LEAK = 0.05  # share of a leaky bucket's inflow that goes past it
SLOPE = 0.01  # of a leaky ReLU below 0, torch's default
DEEP = (10, 10, 10)  # units of each hidden row of a deep net


class WaterNet(nn.Module):
    """One jug split over `buckets` that spill to cups plus, minus and waste; y = (plus − minus)·scale + offset.

    "single" has no minus cup: y is convex or concave, and monotone. With `leak`, that share of a bucket's inflow
    passes by it; in water this is a second, open bucket beside each. At first the sills stand evenly along the axis.
    """

    def __init__(
        self,
        buckets: int,
        *,
        readout: Readout = "differential",
        leak: float = 0.0,
        scale: float = 1.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if buckets < 1:
            raise FabError("buckets", f"is {buckets}", "use at least 1")
        cups = 3 if readout == "differential" else 2
        self.buckets, self.readout, self.leak = buckets, readout, leak
        self.split, self.spread = PeLU(1, buckets, init="open"), PeLU(buckets, cups)
        self.scale, self.offset = nn.Parameter(torch.full((1,), float(scale))), nn.Parameter(torch.zeros(1))
        with torch.no_grad():
            # A jug of `buckets` units gives each bucket about 1; the split retains nothing, and its h of 0 stays 0.
            self.split.heights.zero_()
            self.split.weights.normal_(generator=generator).mul_(0.1)
            places = (torch.arange(buckets) + torch.rand(buckets, generator=generator)) / buckets
            places[0] = 0.01
            self.spread.heights.copy_((places * self.split.shares()[0] * buckets).sqrt())
            self.spread.weights.normal_(generator=generator)

    def spilled(self, u: Tensor) -> Tensor:
        """What leaves each bucket, (rows, buckets), in units of the jug's `buckets`-th part."""
        arrived = self.split(u * self.buckets)
        retained = self.spread.heights**2
        if self.leak:
            passing: Tensor = self.leak * arrived
            return passing + torch.relu((1.0 - self.leak) * arrived - retained)
        return torch.relu(arrived - retained)

    def forward(self, u: Tensor) -> Tensor:
        """y at u (rows, 1)."""
        cups = self.spilled(u) @ self.spread.shares()
        difference = cups[:, :1] - cups[:, 1:2] if self.readout == "differential" else cups[:, :1]
        found: Tensor = difference * self.scale + self.offset
        return found


class ReluNet(nn.Module):
    """1 – hidden – 1 with ReLUs, or leaky ones of `slope`; as many hidden units as give `weights` weights, about."""

    def __init__(self, weights: int, *, slope: float = 0.0, generator: torch.Generator) -> None:
        hidden = max(1, round((weights - 1) / 3))
        super().__init__()
        self.first, self.last, self.slope = nn.Linear(1, hidden), nn.Linear(hidden, 1), slope
        with torch.no_grad():
            for layer in (self.first, self.last):
                bound = layer.in_features**-0.5  # torch's own, from a seed
                for parameter in (layer.weight, layer.bias):
                    parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, u: Tensor) -> Tensor:
        """y at u (rows, 1); the net sees [−1, 1]."""
        out: Tensor = self.last(functional.leaky_relu(self.first(2.0 * u - 1.0), self.slope))
        return out


class DeepNet(nn.Module):
    """1 – 10 – 10 – 10 – 1 with ReLUs, or leaky ones of `slope`, of x itself: u in [0, 1] is a place on `axis`."""

    def __init__(self, axis: tuple[float, float], *, slope: float = 0.0, generator: torch.Generator) -> None:
        super().__init__()
        sizes = (1, *DEEP, 1)
        self.layers = nn.ModuleList(nn.Linear(one, other) for one, other in pairwise(sizes))
        self.axis, self.slope = axis, slope
        with torch.no_grad():
            for layer, fan in zip(self.layers, sizes, strict=False):
                for parameter in layer.parameters():
                    parameter.uniform_(-(fan**-0.5), fan**-0.5, generator=generator)  # torch's own, from a seed

    def bent(self, u: Tensor) -> list[Tensor]:
        """What enters each hidden row's units, (rows, 10) each."""
        low, high = self.axis
        x, found = low + u * (high - low), []
        for layer in self.layers[:-1]:
            found.append(layer(x))
            x = functional.leaky_relu(found[-1], self.slope)
        return found

    def forward(self, u: Tensor) -> Tensor:
        """y at u (rows, 1)."""
        out: Tensor = self.layers[-1](functional.leaky_relu(self.bent(u)[-1], self.slope))
        return out


def make_net(
    kind: Kind, buckets: int, seed: int, *, readout: Readout = "differential", scale: float = 1.0
) -> nn.Module:
    """A fresh net of one kind. ReLU nets get as many weights as a water net of `buckets` has; `scale` is water's."""
    generator = torch.Generator().manual_seed(seed)
    if kind in ("pelu", "leaky pelu"):
        leak = LEAK if kind == "leaky pelu" else 0.0
        return WaterNet(buckets, readout=readout, leak=leak, scale=scale, generator=generator)
    return ReluNet(water_weights(buckets), slope=SLOPE if kind == "leaky relu" else 0.0, generator=generator)


def water_scale(u: Tensor, y: Tensor, buckets: int) -> float:
    """The scale at which `buckets` of a differential net can just draw y (rows,) at u (rows,) without waste: Σ|bends|.

    Bends are those of straight pieces between `buckets` + 1 equally spaced places; a unit is a bucket's part of a jug.
    """
    places = np.linspace(float(u[0]), float(u[-1]), buckets + 1)
    slopes = np.diff(np.interp(places, u.numpy(), y.numpy())) / np.diff(places)
    return float(np.abs(np.diff(slopes, prepend=0.0)).sum()) / buckets or 1.0


def water_weights(buckets: int) -> int:
    """Numbers that a differential water net learns: a share and a sill, three shares each, scale and offset."""
    return 5 * buckets + 2


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Nets of one shape, trained side by side: `state` holds each parameter with a leading axis of nets."""

    skeleton: nn.Module
    state: Mapping[str, Tensor]

    def __call__(self, u: Tensor) -> Tensor:
        """y of every net at u (rows,): (nets, rows)."""

        def one(state: Mapping[str, Tensor]) -> Tensor:
            found: Tensor = functional_call(self.skeleton, dict(state), (u[:, None],))
            return found[:, 0]

        out: Tensor = vmap(one)(dict(self.state))
        return out

    @property
    def count(self) -> int:
        """Number of nets."""
        return len(next(iter(self.state.values())))

    def net(self, index: int) -> nn.Module:
        """The skeleton with the parameters of one net."""
        with torch.no_grad():
            for name, parameter in self.skeleton.named_parameters():
                parameter.copy_(self.state[name][index])
        return self.skeleton


def gather(nets: Sequence[nn.Module]) -> Ensemble:
    """Nets of the same shape as one ensemble, with its own copy of their parameters."""
    params, _ = stack_module_state(list(nets))
    return Ensemble(nets[0], {name: value.detach().clone().requires_grad_() for name, value in params.items()})


def restart_idle(ensemble: Ensemble, u: Tensor, generator: torch.Generator, *, open_too: bool = False) -> int:
    """Put the sills of idle buckets of water nets back among the places u (rows,); returns how many.

    Idle is a dead bucket, which spills nowhere, and with `open_too` every open one but the first, which spills
    everywhere: neither bends the curve, and hardly a gradient moves its sill. A restarted bucket gives plus and minus
    alike. So a dead one comes back without a jump; what an open one gave, the next steps have to make up for.
    """
    if not isinstance(ensemble.skeleton, WaterNet):
        return 0
    state, low, high = ensemble.state, float(u.min()), float(u.max())
    with torch.no_grad():
        reach = torch.softmax(state["split.weights"][:, 0], -1) * (
            ensemble.skeleton.buckets * (1.0 - ensemble.skeleton.leak)
        )
        sills = state["spread.heights"] ** 2 / reach
        is_open = sills <= low + 1e-3
        first = is_open & (is_open.cumsum(-1) == 1)
        idle = (sills >= high) | (is_open & ~first) if open_too else sills >= high
        places = low + (high - low) * (0.1 + 0.8 * torch.rand(idle.shape, generator=generator))
        state["spread.heights"].copy_(torch.where(idle, (places * reach).sqrt(), state["spread.heights"]))
        weights = state["spread.weights"]
        weights.copy_(torch.where(idle[..., None], torch.zeros_like(weights), weights))
        return int(idle.sum())
