"""One optimiser step for all replicas: by autograd for any recipe, or in closed form for the plain one.

The closed form spends no time on building a graph: for networks as small as one prints that is most of the time.
"""

from itertools import accumulate, pairwise
from typing import Protocol

import torch
from torch.nn import functional

from pelu_fab.training.loss import Task, loss
from pelu_fab.training.recipe import Recipe
from pelu_fab.training.replicas import Replicas

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's own (Kingma and Ba 2015)


class Stepper(Protocol):
    """Moves all replicas by one step of Adam at a learning rate."""

    def step(self, rate: float) -> None:
        """One step, in place."""


def stepper(replicas: Replicas, task: Task, recipe: Recipe, generator: torch.Generator) -> Stepper:
    """The fastest that computes this recipe's gradient. Its Adam starts without memory."""
    is_plain = (
        recipe.noise.is_silent
        and task.pool is None
        and recipe.readout == "argmax"
        and recipe.share_function == "softmax"
        and not (recipe.margin or recipe.entropy or recipe.half or replicas.teeth)
    )
    return ClosedForm(replicas, task, recipe) if is_plain else Autograd(replicas, task, recipe, generator)


class Autograd:
    """Torch's own gradient and Adam; draws noise from `generator`."""

    def __init__(self, replicas: Replicas, task: Task, recipe: Recipe, generator: torch.Generator) -> None:
        self.task = task  # another pool of prints may be put in its place between steps
        self._loss = lambda: loss(replicas, self.task, recipe, generator)
        self._adam = torch.optim.Adam(replicas.parameters(), lr=recipe.learning_rate, fused=True)

    def step(self, rate: float) -> None:
        """One step, in place."""
        for group in self._adam.param_groups:
            group["lr"] = rate
        self._adam.zero_grad(set_to_none=True)
        self._loss().sum().backward()  # type: ignore[no-untyped-call]
        self._adam.step()


class ClosedForm:
    """Cross-entropy of ReLU(v - h²)·softmax(A) layers, differentiated by hand; parameters lie in one flat buffer.

    With spill s, shares a, cups o = s a, and G the gradient at o: the gradient at a is sᵀG, at the volume poured it is
    (G aᵀ) where s > 0, at h its sum over rows times -2h, and at the logits a (sᵀG - Σ a sᵀG).
    """

    def __init__(self, replicas: Replicas, task: Task, recipe: Recipe) -> None:
        parameters = [p for pair in zip(replicas.heights, replicas.weights, strict=True) for p in pair]
        sizes = [p.numel() for p in parameters]
        self._flat = torch.cat([p.detach().reshape(-1) for p in parameters])
        self._gradient, self._mean, self._square = (torch.zeros_like(self._flat) for _ in range(3))
        self._steps = 0
        bounds = list(pairwise(accumulate(sizes, initial=0)))
        for parameter, (start, end) in zip(parameters, bounds, strict=True):
            parameter.data = self._flat[start:end].view(parameter.shape)
        grads = [self._gradient[a:b].view(p.shape) for p, (a, b) in zip(parameters, bounds, strict=True)]
        self._layers = [
            (h.data.unsqueeze(1), w.data, gh.unsqueeze(1), gw)
            for h, w, gh, gw in zip(parameters[::2], parameters[1::2], grads[::2], grads[1::2], strict=True)
        ]
        use = task.train.to(self._flat.dtype)
        self._use = (use / use.sum(dim=1, keepdim=True).clamp_min(1)).unsqueeze(-1) / recipe.temperature
        self._pours = task.pours
        self._wanted = functional.one_hot(task.labels, parameters[-1].shape[-1]).to(self._flat.dtype)
        self._temperature = recipe.temperature

    def step(self, rate: float) -> None:
        """One step, in place."""
        with torch.inference_mode():
            self._differentiate()
            self._steps += 1
            self._mean.lerp_(self._gradient, 1 - BETA1)
            self._square.mul_(BETA2).addcmul_(self._gradient, self._gradient, value=1 - BETA2)
            spread = (self._square / (1 - BETA2**self._steps)).sqrt_().add_(EPSILON)
            self._flat.addcdiv_(self._mean, spread, value=-rate / (1 - BETA1**self._steps))

    def _differentiate(self) -> None:
        volumes = self._pours
        spilled, shares = [], []
        for h, w, _, _ in self._layers:
            spilled.append(torch.relu(volumes - h * h))
            shares.append(w.softmax(dim=-1))
            volumes = torch.bmm(spilled[-1], shares[-1])
        back = (volumes / self._temperature).softmax(dim=-1).sub_(self._wanted).mul_(self._use)
        for (h, _, gh, gw), s, a in list(zip(self._layers, spilled, shares, strict=True))[::-1]:
            at_shares = torch.bmm(s.transpose(1, 2), back)
            torch.mul(a, at_shares - (a * at_shares).sum(dim=-1, keepdim=True), out=gw)
            back = torch.bmm(back, a.transpose(1, 2)).masked_fill_(s <= 0, 0.0)
            torch.mul(back.sum(dim=1, keepdim=True), h, out=gh).mul_(-2)
