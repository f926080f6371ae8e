"""What extraction finds: buckets, teeth and mouths as measured on the triangles. Plain data, mm, mm2, mm3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pelu_fab.signoff.siphon import FoundSiphon
from pelu_fab.signoff.stl import Array, Index

Place = tuple[float, float, float]


def place_of(point: Array) -> Place:
    """A point (3,) to the micrometre, for a report."""
    x, y, z = (round(float(v), 3) for v in point)
    return x, y, z


NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Tooth:
    """One opening of a comb. `goals` are the vessels (index into `Extraction.vessels`) that its drops reach.

    NOWHERE stands for a drop that ended on the table, on a flat or in the frame; `ends` tells in words.
    `slope` is the least sine on the way, met at `slope_at`.
    """

    width: float
    widest: float
    level: float
    at: Place
    outward: tuple[float, float]
    goals: tuple[int, ...]
    ends: tuple[str, ...]
    end_at: tuple[Place, ...]
    section_width: float
    section_depth: float
    section_area: float
    section_most: float
    section_left: tuple[float, float]
    section_right: tuple[float, float]
    section_z: tuple[float, float]
    lip: tuple[float, float]  # from where to where along the comb its water leaves
    lip_z: float
    slope: float
    slope_at: Place

    @property
    def goal(self) -> int:
        """Where its water goes, if all its drops agree; else NOWHERE."""
        return self.goals[0] if len(set(self.goals)) == 1 else NOWHERE


@dataclass(frozen=True, slots=True)
class Mouth:
    """Adjacent teeth that share one spout. `teeth` index into the vessel's teeth; its section is the least found, mm2.

    `section_most` is the greatest, where no wall is open about as much.
    """

    goal: int
    teeth: tuple[int, ...]
    section_width: float
    section_area: float
    section_most: float


@dataclass(frozen=True, slots=True)
class Vessel:
    """A pool: bucket (it has teeth) or cup. `volume` is what lies below the level it spills at.

    `basin` is its number on the surface, -1 for a bed that keeps nothing; `inside` a point of its plan in air, `floors`
    places on its floor under open sky, in every room that plates and walls part it into.
    """

    part: str
    basin: int
    level: float
    floor_z: float
    volume: float
    area: float
    perimeter: float  # of the water's edge on walls that hold a meniscus: all but the comb's side
    at: Place
    inside: tuple[float, float]
    floors: tuple[Place, ...]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    exit_at: Place
    bed: tuple[float, float, float]  # width, depth and slope of a bed that keeps nothing; zeros elsewhere
    teeth: tuple[Tooth, ...] = ()
    mouths: tuple[Mouth, ...] = ()
    siphon: FoundSiphon | None = None  # in place of a comb: it has one tooth, the mouth of its falling leg
    primed: float = 0.0  # mm3 that are poured in to get it ready: its share of the network's pour begins beyond

    @property
    def branches(self) -> int:
        """Vessels that its teeth feed."""
        return len({goal for tooth in self.teeth for goal in tooth.goals if goal != NOWHERE})


@dataclass(frozen=True, slots=True)
class Puddle:
    """A hollow on the wet way that is no vessel."""

    part: str
    volume: float
    depth: float
    at: Place


@dataclass(frozen=True, slots=True, eq=False)
class Trails:
    """Where the drops ran, in order of time: place, triangle (-1: leaving a lip), drop, and each drop's way as a whole.

    `source` and `goal` give, for each drop, the vessel it came from and the one it ended in.
    """

    at: Array
    face: Index
    drop: Index
    source: Index
    goal: Index


@dataclass(frozen=True, eq=False)
class Extraction:
    """The network as built: vessels, which input pours into which, which vessel is which cup, in layers downstream.

    `pools` tells of a siphon's vessel into which other one of its part it falls, whose comb then divides the flush; in
    `layers` these are rows of their own.
    """

    vessels: tuple[Vessel, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    layers: tuple[tuple[int, ...], ...]
    puddles: tuple[Puddle, ...]
    trails: Trails
    pools: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The layers without the pools between them."""
        pools = set(self.pools.values())
        return tuple(row for row in self.layers if not pools.issuperset(row))

    def comb(self, vessel: int) -> Vessel:
        """The one whose teeth divide what leaves a vessel: itself, or the pool that its siphon falls into."""
        return self.vessels[self.pools.get(vessel, vessel)]
