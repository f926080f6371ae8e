"""How water is poured: as the protocol says, as a hand does it, or as nobody should. mL, mL/s, s, mm."""

from dataclasses import dataclass
from math import sqrt

from pelu_fab.errors import FabError

DESIGN_FLOW = 12.0  # mL/s: one jug
DUMP_FLOW = 36.0  # a jug tipped over in 3 s
STREAM = 5.0  # mm: diameter of a hand's stream at DESIGN_FLOW; 0.6 m/s, as water that has fallen 20 mm
KINDS = {
    "even": "through the floor, as calm as water can come: what the comb itself does",
    "middle": "a hand's 5 mm stream where the manifest says to pour",
    "end": "the same stream near the end of the inlet",
    "dump": "a jug tipped over in 3 s, 36 mL/s where the manifest says to pour, in a stream as much thicker",
}


@dataclass(frozen=True, slots=True)
class Pour:
    """One pour: `seconds` at `flow`, then `drain` seconds. The pool starts `below` mL short of full."""

    kind: str
    flow: float
    seconds: float
    drain: float
    below: float

    @property
    def stream(self) -> float:
        """Diameter of a hand's stream, mm: of any flow as fast, since it has fallen as far."""
        return STREAM * sqrt(self.flow / DESIGN_FLOW)

    @property
    def end(self) -> float:
        """When the run ends, s."""
        return self.seconds + self.drain


@dataclass(frozen=True, slots=True)
class Asked:
    """A pour as someone asks for it; what is left open depends on where it goes."""

    kind: str
    flow: float
    seconds: float | None = None
    drain: float | None = None
    below: float | None = None

    @property
    def into_bucket(self) -> Pour:
        """Poured into a bucket that is full: 3 s, since a pool's eddies take most of one to set in, and some drain."""
        told = [_or(v, usual) for v, usual in ((self.seconds, 3.0), (self.drain, 0.8), (self.below, 0.0))]
        return Pour(self.kind, self.flow, *told)

    def through(self, share: float) -> Pour:
        """What a branch with that share of it passes on: 0.7 s, for sheets settle in 0.3 s.

        The pool at its end starts so low that it is not full when the run ends: whatever leaves has cheated its sill.
        """
        flow, seconds = self.flow * share, _or(self.seconds, 0.7)
        kind = "dump" if self.kind == "dump" else "design"
        return Pour(kind, flow, seconds, _or(self.drain, 0.0), _or(self.below, 1.2 * flow * seconds))


def _or(value: float | None, usual: float) -> float:
    return usual if value is None else value


def pour_of(
    kind: str,
    *,
    flow: float | None = None,
    seconds: float | None = None,
    drain: float | None = None,
    below: float | None = None,
) -> Asked:
    """A pour by its name; `FabError` for an unknown one or a number out of range."""
    if kind not in KINDS:
        raise FabError("--pour", f"{kind!r} is no pour", f"choose one of {', '.join(KINDS)}")
    ranges = ((flow, 0.1, 200.0), (seconds, 0.02, 60.0), (drain, 0.0, 60.0), (below, 0.0, 1e6))
    if not all(low <= value <= high for value, low, high in ranges if value is not None):
        raise FabError("--pour", "a number is out of range", "flow 0.1 to 200 mL/s, at most 60 s, nothing below 0")
    return Asked(kind, _or(flow, DUMP_FLOW if kind == "dump" else DESIGN_FLOW), seconds, drain, below)
