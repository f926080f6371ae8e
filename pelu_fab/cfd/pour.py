"""How water is poured: as the protocol says, as a hand does it, or as nobody should. mL, mL/s, s, mm."""

from dataclasses import dataclass, replace

from pelu_fab.errors import FabError

DESIGN_FLOW = 12.0  # mL/s: one jug
DUMP_FLOW = 36.0  # a jug tipped over in 3 s
STREAM = 5.0  # mm: diameter of a hand's stream
KINDS = {
    "even": "through the floor, as calm as water can come: what the comb itself does",
    "middle": "a hand's 5 mm stream where the manifest says to pour",
    "end": "the same stream near the end of the inlet",
    "dump": "a jug tipped over in 3 s, 36 mL/s where the manifest says to pour",
}


@dataclass(frozen=True, slots=True)
class Pour:
    """One pour: `seconds` at `flow`, then `drain` seconds. The pool starts `below` mL short of full."""

    kind: str = "middle"
    flow: float = DESIGN_FLOW
    seconds: float = 3.0
    drain: float = 0.8
    below: float = 1.0

    @property
    def end(self) -> float:
        """When the run ends, s."""
        return self.seconds + self.drain


def pour_of(
    kind: str,
    *,
    flow: float | None = None,
    seconds: float | None = None,
    drain: float | None = None,
    below: float | None = None,
) -> Pour:
    """A pour by its name; `FabError` for an unknown one or a number out of range."""
    if kind not in KINDS:
        raise FabError("--pour", f"{kind!r} is no pour", f"choose one of {', '.join(KINDS)}")
    told = Pour(kind, flow=DUMP_FLOW if kind == "dump" else DESIGN_FLOW)
    if flow is not None:
        told = replace(told, flow=flow)
    if seconds is not None:
        told = replace(told, seconds=seconds)
    if drain is not None:
        told = replace(told, drain=drain)
    if below is not None:
        told = replace(told, below=below)
    if not (
        0.1 <= told.flow <= 200.0 and 0.02 <= told.seconds <= 60.0 and 0.0 <= told.drain <= 60.0 and told.below >= 0
    ):
        raise FabError("--pour", "a number is out of range", "flow 0.1 to 200 mL/s, at most 60 s, nothing below 0")
    return told
