"""In: a Lagrangian and a shape. Out: a layer of neurons with an activation and an energy, and its way down to rest.

The HAMUX view (Hoover, Chau, Strobelt, Krotov, "A Universal Abstraction for Hierarchical Hopfield Networks", 2022):
activation g = ∇L(x), energy E(x) = Σ x·g − L(x), and τ dx/dt = −dE/dx. For convex L, E(x) ≥ E(0) = −L(0): the energy
has a bottom.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pelu_fab.errors import FabError
from pelu_fab.layers import lagrangians

Scheme = Literal["explicit", "implicit"]
FIXED = ("eps", "floor")  # options of a Lagrangian that are no weights: they keep it finite
BISECTIONS = 60  # halvings of a bracket: beyond the last bit of a float64


class NeuronLayer(nn.Module):
    """Neurons of `shape` (D,) or (H, W, D) under one Lagrangian, which reduces over D; states are (..., *shape).

    With `use_bias` a threshold b of the layer's `shape`, one a neuron, is taken off first: L(x − b). A bucket is the
    relu layer with b = h², in units: its activation is the volume that spills. Calling the layer gives its energy. A
    `lagrangian` that isn't convex is refused by `FabError`.

    Layers with their Lagrangian built in take its options by name (`beta=2.0`) or in `init_lagrangian`, a table; with
    `train_lagrangian` these numbers are parameters, where they start and not where they stay.

    >>> layer = NeuronLayer(lagrangians.relu, shape=2)
    >>> x = torch.tensor([3.0, -1.0])
    >>> layer.activation(x).tolist(), layer(x).item()  # energy: 3 · 3 - ½ 3²
    ([3.0, 0.0], 4.5)
    """

    def __init__(
        self,
        lagrangian: lagrangians.Lagrangian,
        shape: int | Sequence[int],
        tau: float = 1.0,
        use_bias: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.label = name or type(self).__name__
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if not self.shape or min(self.shape) < 1:
            raise FabError(self.label, f"has shape {self.shape}", "give one or more sizes of at least 1")
        if not (isfinite(tau) and tau > 0):
            raise FabError(self.label, f"has tau {tau}", "use a time constant above 0")
        lagrangians.check_convex(lagrangian, self.shape[-1], f"{self.label}: the Lagrangian")
        self._lagrangian = lagrangian
        self.tau = tau
        self.bias = nn.Parameter(torch.zeros(self.shape)) if use_bias else None
        self.options: tuple[str, ...] = ()  # of the Lagrangian, that train: parameters by these names

    def lagrangian(self, x: Tensor) -> Tensor:
        """L of states (..., *shape), one number a state: (...)."""
        self._check(x)
        shifted = x if self.bias is None else x - self.bias
        values = self._lagrangian(shifted, **{name: self._option(name) for name in self.options})
        return values.sum(tuple(range(-(len(self.shape) - 1), 0))) if len(self.shape) > 1 else values

    def _option(self, name: str) -> Tensor:
        """A number of the Lagrangian that trains; `FabError` where it would bend L the wrong way."""
        value = self.get_parameter(name)
        least, is_least_in = lagrangians.LEAST.get(name, (-inf, True))
        if not (value > least or (is_least_in and value == least)):
            where = f"{self.label}: {name}"
            raise FabError(
                where, f"has trained to {float(value.detach()):.4g}, L isn't convex there", f"keep it above {least:g}"
            )
        return value

    def activation(self, x: Tensor) -> Tensor:
        """g = ∇L(x), by autograd: (..., *shape), the same as x. Differentiable once more where L is, also by what
        trains (bias, options) unless under `torch.no_grad`.
        """
        trains = torch.is_grad_enabled() and any(one.requires_grad for one in self.parameters())
        with torch.enable_grad():
            state = x if x.requires_grad else x.detach().requires_grad_()
            total = self.lagrangian(state).sum()
            (found,) = torch.autograd.grad(total, state, create_graph=x.requires_grad or trains)
        return found

    def g(self, x: Tensor) -> Tensor:
        """The activation, by its letter in the formula."""
        return self.activation(x)

    def energy(self, x: Tensor) -> Tensor:
        """E = Σ x·g(x) − L(x) of states (..., *shape), one number a state: (...)."""
        axes = tuple(range(-len(self.shape), 0))
        energy: Tensor = (x * self.activation(x)).sum(axes) - self.lagrangian(x)
        return energy

    def forward(self, x: Tensor) -> Tensor:
        """The energy of x."""
        return self.energy(x)

    def slope(self, x: Tensor) -> Tensor:
        """dE/dx, (..., *shape): the Hessian of L times x."""
        with torch.enable_grad():
            state = x.detach().requires_grad_()
            (found,) = torch.autograd.grad(self.energy(state).sum(), state)
        return found

    def init_state(self, batch: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Zeros, or standard normal numbers if a `generator` is given: (*shape) or (batch, *shape)."""
        size = self.shape if batch is None else (batch, *self.shape)
        return torch.zeros(size) if generator is None else torch.randn(size, generator=generator)

    def extra_repr(self) -> str:
        """Shape, tau and bias, for printing."""
        made_by: Any = getattr(self._lagrangian, "func", self._lagrangian)
        told = getattr(self._lagrangian, "keywords", {})
        told = told | {name: f"{float(self._option(name).detach()):.6g}" for name in self.options}
        options = "".join(f", {name}={value}" for name, value in told.items())
        label = "" if self.label == type(self).__name__ else f", name={self.label!r}"
        bias = self.bias is not None
        name = getattr(made_by, "__name__", made_by)
        return f"{name}{options}, shape={self.shape}, tau={self.tau:g}, use_bias={bias}{label}"

    def _check(self, x: Tensor) -> None:
        if tuple(x.shape[-len(self.shape) :]) != self.shape:
            raise FabError(self.label, f"got states of shape {tuple(x.shape)}", f"make them end in {self.shape}")
        if torch.isnan(x).any():
            raise FabError(self.label, "got a state that is NaN", "check where the states come from")


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """The way down: `states` (steps + 1, ..., *shape) and `energies` (steps + 1, ...), the start first."""

    states: Tensor
    energies: Tensor

    @property
    def rest(self) -> Tensor:
        """The last state."""
        return self.states[-1]


def descend(layer: NeuronLayer, x0: Tensor, dt: float, steps: int, *, scheme: Scheme = "explicit") -> Descent:
    """Follow τ dx/dt = −dE/dx from `x0` (..., *shape) for `steps` of `dt` (in the unit of τ).

    "explicit" is Euler's step: the energy falls where dt/τ is below 2 over the largest curvature of E. "implicit"
    solves x' + dt/τ·dE/dx(x') = x for each neuron by bisection between x and 0; it is stable for any dt and stops dead
    on a threshold, but needs a Lagrangian that is a sum over neurons.

    >>> way = descend(NeuronLayer(lagrangians.identity, shape=1), torch.tensor([8.0]), dt=0.5, steps=3)
    >>> way.states.flatten().tolist(), bool((way.energies.diff() < 0).all())
    ([8.0, 4.0, 2.0, 1.0], True)
    """
    if not (isfinite(dt) and dt > 0) or steps < 1:
        raise FabError(layer.label, f"descends with dt {dt} in {steps} steps", "use dt above 0 and at least 1 step")
    step = _euler if scheme == "explicit" else _implicit
    states = [x0.detach()]
    for _ in range(steps):
        states.append(step(layer, states[-1], dt / layer.tau))
    path = torch.stack(states)
    return Descent(path, layer.energy(path).detach())


def _euler(layer: NeuronLayer, x: Tensor, dt: float) -> Tensor:
    return x - dt * layer.slope(x)


def _implicit(layer: NeuronLayer, x: Tensor, dt: float) -> Tensor:
    near, far = torch.zeros_like(x), x.clone()
    for _ in range(BISECTIONS):
        middle = 0.5 * (near + far)
        too_far = (middle + dt * layer.slope(middle) - x) * x.sign() > 0
        near, far = torch.where(too_far, near, middle), torch.where(too_far, middle, far)
    # Where nothing pulls, the state stays: bisection alone would come back an ulp short.
    return torch.where(layer.slope(x) == 0, x, far)


def make_layer(name: str, lagrangian: Callable[..., Tensor]) -> Callable[..., NeuronLayer]:
    """A subclass of `NeuronLayer` with its Lagrangian built in, whose docstring and options it keeps."""
    base = inspect.signature(NeuronLayer.__init__).parameters
    options = [p for p in inspect.signature(lagrangian).parameters.values() if p.kind is p.KEYWORD_ONLY]
    known = {option.name for option in options}

    def __init__(self: NeuronLayer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        signature.bind(*args, **kwargs)
        table, trains = kwargs.pop("init_lagrangian", None) or {}, kwargs.pop("train_lagrangian", False)
        for key in table:
            if key not in known:
                remedy = f"use {', '.join(sorted(known))}" if known else "leave it out: this Lagrangian has none"
                raise FabError(f"{name}: init_lagrangian", f"holds {key!r}", remedy)
        chosen = {**table, **{key: kwargs.pop(key) for key in sorted(known & kwargs.keys())}}
        start = {option.name: option.default for option in options} | chosen if trains else {}
        numbers = {key: float(value) for key, value in start.items() if value is not None and key not in FIXED}
        NeuronLayer.__init__(self, partial(lagrangian, **chosen), *args, **kwargs)
        for key, value in numbers.items():
            self.register_parameter(key, nn.Parameter(torch.tensor(value)))
        self._lagrangian = partial(lagrangian, **{k: v for k, v in chosen.items() if k not in numbers})
        self.options = tuple(numbers)

    kept = [p for p in base.values() if p.name not in ("self", "lagrangian")]
    extra = (("init_lagrangian", None, "Mapping[str, float] | None"), ("train_lagrangian", False, "bool"))
    more = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=d, annotation=a) for key, d, a in extra]
    signature = inspect.Signature([*kept, *options, *more])
    contract = f"{lagrangian.__doc__}\n\n    A `NeuronLayer` of `shape` (D,) or (H, W, D); calling it gives its energy."
    body = {"__init__": __init__, "__doc__": contract, "__signature__": signature, "__module__": __name__}
    return type(name, (NeuronLayer,), body)


IdentityLayer = make_layer("IdentityLayer", lagrangians.identity)
RepuLayer = make_layer("RepuLayer", lagrangians.repu)
ReluLayer = make_layer("ReluLayer", lagrangians.relu)
ExpLayer = make_layer("ExpLayer", lagrangians.exp)
SoftmaxLayer = make_layer("SoftmaxLayer", lagrangians.softmax)
TanhLayer = make_layer("TanhLayer", lagrangians.tanh)
SigmoidLayer = make_layer("SigmoidLayer", lagrangians.sigmoid)
LayerNormLayer = make_layer("LayerNormLayer", lagrangians.layer_norm)
SphericalNormLayer = make_layer("SphericalNormLayer", lagrangians.spherical_norm)
