"""Judge prints on a torch device: prints and pours in, answers out, as `sim.tolerance.answers` does with numpy."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.tolerance import Answers, Prints, hand_errors


def check_device(name: str) -> None:
    """Refuse a device that torch does not know or can't reach."""
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise FabError(
            f"--device {name}", f"can't be used ({reason})", "use numpy, cpu, or a device of this machine"
        ) from error


def torch_answers(
    prints: Prints,
    pours: NDArray[np.float64],
    noise: Noise,
    rng: np.random.Generator,
    *,
    pool: NDArray[np.float32] | None = None,
    device: str = "cpu",
) -> Answers:
    """Index of the fullest cup, (prints, samples). Draws the hand's errors on the device, so `pool` is not used."""
    del pool
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    exact = torch.as_tensor(np.asarray(pours, dtype=np.float32), device=device)
    volumes = exact.expand(len(prints.retained[0]), -1, -1)
    *hand, reading = hand_errors(prints, noise)

    def missed(volumes: torch.Tensor, deviations: NDArray[np.floating[Any]]) -> torch.Tensor:
        if not deviations.any():
            return volumes
        errors = torch.randn(volumes.shape, generator=generator, device=device)
        return volumes + errors * torch.as_tensor(deviations, device=device)

    for deviations, retained, shares, film in zip(hand, prints.retained, prints.shares, prints.film, strict=True):
        kept, split, lost = (torch.as_tensor(a.astype(np.float32), device=device) for a in (retained, shares, film))
        volumes = torch.relu(missed(volumes, deviations) - kept[:, None, :]) @ split
        if film.any():
            volumes = torch.relu(volumes - lost[:, None, :])
    return np.asarray(missed(volumes, reading).argmax(dim=2).cpu().numpy())
