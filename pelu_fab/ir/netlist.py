"""Which bucket feeds which, how much each keeps, and in which shares it spills. No lengths, no places."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import fsum, isclose

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.model import Layer
from pelu_fab.network.names import duct_name


@dataclass(frozen=True, slots=True)
class Bucket:
    """Keeps up to `retained_volume` (mm3); the rest leaves over its sill.

    A flush keeps everything up to `flush_volume` (0: it is none); once that is met, all but `retained_volume` leaves.
    """

    name: str
    retained_volume: float
    flush_volume: float = 0.0

    @property
    def threshold(self) -> float:
        """Volume above which something leaves."""
        return max(self.retained_volume, self.flush_volume)


@dataclass(frozen=True, slots=True)
class Duct:
    """Carries `share` of what `source` spills down to `target` (a bucket or a cup)."""

    source: str
    target: str
    share: float

    @property
    def name(self) -> str:
        """`L0.b2->L1.b1`, the same in netlist, mesh, error and report."""
        return duct_name(self.source, self.target)


@dataclass(frozen=True)
class Netlist:
    """Rows of buckets upstream first; ducts by source, then target; cups last. Ports carry people's names.

    >>> row, ducts = (Bucket("L0.b0", 5000.0),), (Duct("L0.b0", "out.y0", 1.0),)
    >>> drip = Netlist("drip", (row,), ducts, (("in.x0", "water"),), (("out.y0", "cup"),))
    >>> drip.targets(0), drip.layers[0].retained
    (('out.y0',), array([5000.]))
    """

    name: str
    rows: tuple[tuple[Bucket, ...], ...]
    ducts: tuple[Duct, ...]
    inputs: tuple[tuple[str, str], ...]  # (in.x0, "petal length"); in.x<i> pours into L0.b<i>
    outputs: tuple[tuple[str, str], ...]  # (out.y0, "setosa")

    @cached_property
    def leaving(self) -> Mapping[str, tuple[Duct, ...]]:
        """Ducts by the bucket that they leave."""
        table: dict[str, list[Duct]] = {b.name: [] for row in self.rows for b in row}
        for duct in self.ducts:
            table[duct.source].append(duct)
        return {name: tuple(ducts) for name, ducts in table.items()}

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Retained volumes (mm3) and shares as arrays, row by row."""
        layers = []
        for index, row in enumerate(self.rows):
            column = {name: j for j, name in enumerate(self.targets(index))}
            shares = np.zeros((len(row), len(column)))
            for i, bucket in enumerate(row):
                for duct in self.leaving[bucket.name]:
                    shares[i, column[duct.target]] += duct.share
            kept, met = (np.array([getattr(b, n) for b in row]) for n in ("retained_volume", "flush_volume"))
            layers.append(Layer(kept, shares, met))
        return tuple(layers)

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """All buckets, upstream first."""
        return tuple(bucket for row in self.rows for bucket in row)

    def targets(self, layer: int) -> tuple[str, ...]:
        """What row `layer` feeds: the next row's buckets, or the cups; in design order."""
        if layer + 1 < len(self.rows):
            return tuple(bucket.name for bucket in self.rows[layer + 1])
        return tuple(port for port, _ in self.outputs)


def check_netlist(netlist: Netlist) -> None:
    """Refuse a netlist that would make or lose water, or that runs anywhere but one row down."""
    for layer, row in enumerate(netlist.rows):
        targets = set(netlist.targets(layer))
        for bucket in row:
            ducts = netlist.leaving[bucket.name]
            total = fsum(duct.share for duct in ducts)
            if not isclose(total, 1.0, abs_tol=1e-9):
                raise FabError(bucket.name, f"its ducts carry {total:g} of the spill", "make the shares add up to 1")
            for duct in ducts:
                if duct.target not in targets:
                    raise FabError(duct.name, "does not lead one row down", "connect each row to the next only")


def _bucket_line(bucket: Bucket) -> str:
    kept = f"bucket {bucket.name} retains {bucket.retained_volume / MM3_PER_ML:.4f} mL"
    return f"{kept} of a flush at {bucket.flush_volume / MM3_PER_ML:.4f} mL" if bucket.flush_volume else kept


Flows = Mapping[tuple[str, str], tuple[float, float]]


def to_text(netlist: Netlist, flows: Flows | None = None) -> str:
    """One item a line, in design order; volumes in mL. What golden tests and people read.

    `flows` tells of each duct, by source and target, its part of the sections and the share predicted of real water.
    """
    lines = [f"netlist {netlist.name}"]
    lines += [f"input {port} {label}" for port, label in netlist.inputs]
    lines += [_bucket_line(bucket) for bucket in netlist.buckets]
    for duct in netlist.ducts:
        line = f"duct {duct.source} -> {duct.target} carries {duct.share:.6f}"
        if flows is not None:
            section, predicted = flows[duct.source, duct.target]
            line += f", section {section:.6f}, predicted {predicted:.6f}"
        lines.append(line)
    lines += [f"output {port} {label}" for port, label in netlist.outputs]
    return "\n".join(lines) + "\n"
