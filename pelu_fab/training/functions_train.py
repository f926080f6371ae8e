"""In: nets and a curve's points. Out: the nets trained, and how the loss went. Draws nothing, prints nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pelu_fab.training.functions_nets import Ensemble, restart_idle

Watch = Callable[[int, float], None]
Snap = Callable[[int, Ensemble], None]
CHECKS = 100  # losses kept of a run
RESTARTS = 6  # times that dead buckets are looked for


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread meanwhile: on nets this small, threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    ensemble: Ensemble,
    u: Tensor,
    y: Tensor,
    *,
    steps: int = 3000,
    learning_rate: float = 0.03,
    revive: int | None = None,
    anneal: bool = True,
    watch: Watch | None = None,
    snap: Snap | None = None,
) -> Tensor:
    """Train all nets in place on y (rows,) at u (rows,) by Adam; returns mean squared errors (checks, nets).

    `anneal` lets the learning rate fall to 0 along a cosine. With a seed in `revive` dead buckets are restarted in the
    first half of the run. `snap` sees the nets at every look at their losses.
    """
    parameters = list(ensemble.state.values())
    optimiser = torch.optim.Adam(parameters, learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps) if anneal else None
    generator = torch.Generator().manual_seed(revive or 0)
    every, look = max(1, steps // CHECKS), max(1, steps // (2 * RESTARTS))
    history = []
    for step in range(steps):
        losses = ((ensemble(u) - y) ** 2).mean(1)
        if step % every == 0:
            history.append(losses.detach())
            if watch is not None:
                watch(step, float(losses.detach().min()))
            if snap is not None:
                snap(step, ensemble)
        optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if schedule is not None:
            schedule.step()
        if revive is not None and step < steps // 2 and step % look == look - 1:
            restart_idle(ensemble, u, generator)
    with torch.no_grad():
        history.append(((ensemble(u) - y) ** 2).mean(1))
    return torch.stack(history)
