"""Prints of the device that a network becomes, drawn by the yield forecast's own model: networks in, errors out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.model import Array, Layer, Network
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.tolerance import Prints, blank, draw
from pelu_fab.sim.water import water_of
from pelu_fab.sources.design import DesignFile, jug_sizes
from pelu_fab.stages.lay_out import lay_out
from pelu_fab.training.data import Table
from pelu_fab.training.replicas import Pool


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """Where prints come from: a design (its network is replaced by the one in training), and how much they scatter."""

    design: Design
    scale: float = 1.0  # of the process's scatter

    @property
    def noise(self) -> Noise:
        """The process's scatter, of a primed device."""
        return Noise.of(self.design.process).scaled(self.scale)

    def pool(self, networks: Sequence[Network], prints: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Pool:
        """Lower, size and print each network `prints` times; the mean error is what compensation leaves over."""
        drawn = [self._errors(network, prints, [seed, r]) for r, network in enumerate(networks)]
        layers = range(len(networks[0].layers))
        return Pool(
            shift=tuple(torch.tensor(np.stack([one[0][i] for one in drawn]), dtype=dtype) for i in layers),
            factor=tuple(torch.tensor(np.stack([one[1][i] for one in drawn]), dtype=dtype) for i in layers),
            pour=self.noise.pour_ml * MM3_PER_ML / self.design.unit_volume,
        )

    def _errors(self, network: Network, prints: int, seed: list[int]) -> tuple[list[Array], list[Array]]:
        design = replace(self.design, network=network)
        lowered, sized, layout, _ = lay_out(design)
        water = water_of(lowered.netlist, sized, layout)
        rng = np.random.default_rng(seed)
        found = draw(blank(water, design.process), self.noise, prints, rng)
        priming = self.noise.priming_ml * MM3_PER_ML
        misread = [
            own * rng.normal(0.0, priming, kept.shape) for own, kept in zip(found.primed, found.retained, strict=True)
        ]
        kept = tuple(a - b for a, b in zip(found.retained, misread, strict=True))
        found = replace(found, retained=kept)
        built = [[int(bucket.name.rpartition(".b")[2]) for bucket in row] for row in lowered.netlist.rows]
        return _against(network, built, found, design.unit_volume)


def design_of(file: DesignFile, process: Process, table: Table) -> Design:
    """The design that a network trained on `table` will be compiled in; its own network is only a stand-in."""
    inputs = len(table.inputs)
    stand_in = Network((Layer(np.zeros(inputs), np.eye(inputs)),), table.inputs, table.inputs)
    return Design(
        name=file.name,
        network=stand_in,
        process=process,
        unit_ml=file.unit_ml,
        pour_flow_ml=file.pour_flow_ml,
        input_max=tuple(file.input_max or jug_sizes(table.pours.max(axis=0).tolist())),
        compensation=file.compensation,
        max_teeth=file.max_teeth,
    )


def _against(
    network: Network, built: Sequence[Sequence[int]], prints: Prints, unit: float
) -> tuple[list[Array], list[Array]]:
    """What the prints do beyond what was asked, by layer; what is not built has no error."""
    count = len(prints.retained[0])
    shifts, factors = [], []
    for index, layer in enumerate(network.layers):
        units = np.array(built[index])
        below = np.array(built[index + 1]) if index + 1 < len(built) else np.arange(layer.shares.shape[1])
        shift, factor = np.zeros((count, len(layer.retained))), np.ones((count, *layer.shares.shape))
        shift[:, units] = prints.retained[index] / unit - layer.retained[units]
        asked = layer.shares[np.ix_(units, below)]
        ratio = np.where(asked > 0, prints.shares[index] / np.where(asked > 0, asked, 1.0), 1.0)
        factor[:, units[:, None], below[None, :]] = ratio
        shifts.append(shift)
        factors.append(factor)
    return shifts, factors
