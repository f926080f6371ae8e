"""The printable network, and what making it printable changed: said, never silent."""

from dataclasses import dataclass

from pelu_fab.ir.netlist import Netlist
from pelu_fab.network.model import Network


@dataclass(frozen=True, slots=True)
class Change:
    """One share or bucket that could not be printed as trained. Shares, or units of what a bucket keeps."""

    where: str  # L0.b2->L1.b1, or a bucket
    kind: str  # dropped | floored | removed | idle (its bucket never spills) | levelled (it keeps nothing)
    trained: float
    lowered: float

    def __str__(self) -> str:
        return f"{self.where} {self.kind}: {self.trained:.4g} -> {self.lowered:.4g}"


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """`netlist` is what gets built; `network` is the same as arrays, with a row for every trained bucket.

    `l1_bound`: no pour within the design's jugs moves the outputs by more than this many units in sum.
    `rows`, `changed`, `errors_trained`, `errors_lowered`: over the design's data, or None without data.
    """

    netlist: Netlist
    network: Network
    changes: tuple[Change, ...]
    l1_bound: float
    rows: int | None = None
    changed: int | None = None
    errors_trained: int | None = None
    errors_lowered: int | None = None
