"""Everything that a device is compiled from: the network, the process, and what the user asked for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.process import Process
from pelu_fab.ir.sheet import Sheet
from pelu_fab.network.model import Network

Compensation = Literal["process", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Rows of data: `inputs` (rows, in) in units, as poured; `labels` (rows,) index the outputs, or None.

    >>> iris = Samples(np.array([[51.0, 35.0, 14.0, 2.0]]), np.array([0]))
    >>> iris.inputs.shape, iris.labels.tolist()
    ((1, 4), [0])
    """

    inputs: NDArray[np.float64]
    labels: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A network to be made by a process. Volumes in units (see `unit_ml`), the pour flow in mL/s per jug.

    >>> import pelu_fab
    >>> design = pelu_fab.load("designs/and-or")
    >>> design.network.widths, design.unit_volume, design.input_max
    ((2, 2, 2), 1000.0, (30.0, 30.0))
    """

    name: str
    network: Network
    process: Process
    unit_ml: float = 1.0
    pour_flow_ml: float = 12.0
    input_max: tuple[float, ...] = ()  # units: the fullest jug of each input
    samples: Samples | None = None
    compensation: Compensation = "process"
    max_teeth: int = 14
    protocol: tuple[tuple[str, tuple[float, ...]], ...] = ()  # what pour.md tells to pour: title, units per jug
    sheet: Sheet | None = None  # what the stand is cut from; None: it is printed
    sources: tuple[tuple[str, str, str], ...] = ()  # kind, name and sha256 of each file that it was read from

    @property
    def unit_volume(self) -> float:
        """One unit, mm3."""
        return self.unit_ml * 1000.0
