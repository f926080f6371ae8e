"""Every bucket, chute, gutter and cup at its place. mm, assembly coordinates: x, y in plan, z up, the table at 0.

A row lies along its `u` and its combs face its `v`. Rows whose `swapped` is false have u = x and v = y, the others
u = y and v = x: each crossbar turns the row by a quarter. Coordinates in u and v are absolute.
"""

from dataclasses import dataclass

from pelu_fab.ir.sized import SizedBucket, SizedCup, SizedRow


@dataclass(frozen=True, slots=True)
class PlacedBucket:
    """A bucket centred on `u` along its row; `u0` to `u1` is its cell, walls included."""

    bucket: SizedBucket
    u: float
    u0: float
    u1: float


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """One row, or one bay of a row that is longer than the bed. `v` is the line where all its sills begin."""

    layer: int
    bay: int
    tag: str  # L0, or L0a, L0b where the row has several bays
    swapped: bool
    v: float
    buckets: tuple[PlacedBucket, ...]
    sized: SizedRow
    front: float  # thickness of the front wall: the sill's length
    sill_z: float
    rim_z: float
    bottom_z: float  # lip of the spouts, and the bed face of the part


@dataclass(frozen=True, slots=True)
class PlacedCup:
    """A cup whose cavity spans `u0..u1` and `v0..v1` inside, floor at `floor_z`."""

    cup: SizedCup
    swapped: bool
    u0: float
    u1: float
    v0: float
    v1: float
    floor_z: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Where one mouth's water runs down: spout `u0..u1` of the row part, chute `c0..c1` (inside) of the tray."""

    source: str
    target: str
    mouth: int  # number in its comb
    u0: float
    u1: float
    c0: float
    c1: float


@dataclass(frozen=True, slots=True)
class Chute:
    """A lane of a chute tray, from its head to a hole over its target's gutter or the next tray.

    As wide as the lane at its head, it has narrowed to the hole's `h0..h1` (inside) before the hole begins.
    """

    lane: Lane
    end: float  # inner face of the end wall, along the slope from the head's inner face
    h0: float
    h1: float


@dataclass(frozen=True, slots=True)
class Gutter:
    """A channel along the row, centred on `v`, that gathers for `target`; lengths along the slope."""

    target: str
    v: float
    start: float  # inner face of the upper end wall, from the tray's head
    end: float  # inner face of the lower end wall


@dataclass(frozen=True, slots=True)
class Plane:
    """A tray's underside: `head` (v of chutes, u of gutters) and `head_z` where it is highest; `slope_deg` down."""

    head: float
    head_z: float
    slope_deg: float


@dataclass(frozen=True, slots=True)
class ChuteTray:
    """Chutes on one plane. Where the last gutters lie beyond the bed, some chutes only hand on to the next tray."""

    plane: Plane
    chutes: tuple[Chute, ...]


@dataclass(frozen=True, slots=True)
class Crossbar:
    """What leads one bay's spills on: trays of chutes above gutters on one plane. Empty for a matching.

    Gutters end over the next row, or, where another bay follows, over the head of its gutters.
    """

    tag: str
    swapped: bool
    lanes: tuple[Lane, ...]
    chute_trays: tuple[ChuteTray, ...] = ()
    gutters: tuple[Gutter, ...] = ()
    gutter_plane: Plane | None = None
    is_last_bay: bool = True

    @property
    def chutes(self) -> tuple[Chute, ...]:
        """Chutes of the uppermost tray, one a lane."""
        return self.chute_trays[0].chutes if self.chute_trays else ()

    @property
    def chute_plane(self) -> Plane | None:
        """Where the uppermost tray of chutes lies."""
        return self.chute_trays[0].plane if self.chute_trays else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole device: bays of rows from upstream down, a crossbar for each, cups last."""

    rows: tuple[PlacedRow, ...]
    crossbars: tuple[Crossbar, ...]
    cups: tuple[PlacedCup, ...]
