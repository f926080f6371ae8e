"""Judge prints on a torch device: prints and pours in, answers out, as `sim.tolerance.answers` does with numpy."""

import numpy as np
import torch
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.tolerance import Answers, Prints


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
    """Index of the fullest cup, (prints, samples). Draws its own pour errors on the device, so `pool` is not used."""
    del pool
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    exact = torch.as_tensor(np.asarray(pours, dtype=np.float32), device=device)
    volumes = exact.expand(len(prints.retained[0]), -1, -1)
    if noise.pour_ml > 0.0:
        errors = torch.randn(volumes.shape, generator=generator, device=device)
        volumes = volumes + errors * (noise.pour_ml * MM3_PER_ML)
    for retained, shares, film in zip(prints.retained, prints.shares, prints.film, strict=True):
        kept, split, lost = (torch.as_tensor(a.astype(np.float32), device=device) for a in (retained, shares, film))
        volumes = torch.relu(volumes - kept[:, None, :]) @ split
        if film.any():
            volumes = torch.relu(volumes - lost[:, None, :])
    return np.asarray(volumes.argmax(dim=2).cpu().numpy())
