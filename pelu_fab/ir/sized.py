"""The device in dimensions but without places: combs, areas, heads, rims and channels. mm, mm2, mm3."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mouth:
    """Adjacent teeth of one branch: open `teeth` widths along the sill, then one chute of `section_width`.

    A branch may own several mouths of one comb (common centroid).
    """

    target: str
    teeth: tuple[float, ...]
    section_width: float  # inner width of the walled spout behind the teeth


@dataclass(frozen=True, slots=True)
class SizedBucket:
    """One bucket: `width` runs along the comb, `depth` along the flow, both inside.

    `sill_height` is above the floor and a whole number of layers; the drawn volume below the sill is
    `drawn_volume`, smaller than the `retained_volume` by what surface tension holds up (`held_volume`).
    """

    name: str
    retained_volume: float  # wanted of real water
    drawn_volume: float  # of the cavity below the sill
    held_volume: float  # above the sill and on the walls when the last drop has left
    width: float
    depth: float
    sill_height: float
    pool_depth: float  # of the floor that lies `sill_height` below the sill, along the flow, from the comb
    floor_slope: float  # rise over run of the apron behind the pool, which falls to the sill
    slats: int  # of the baffle: posts that calm the inflow, `slat` wide and `slat_depth` along the flow
    slat: float
    slat_depth: float
    inlet_depth: float  # behind the baffle, where the water falls in
    mouths: tuple[Mouth, ...]
    design_flow: float  # mm3/s
    design_head: float  # above the sill at the design pour
    predicted_shares: tuple[tuple[str, float], ...]  # of real water at the design head, by target
    share_slack: float  # |d share / d kappa|, worst branch, 1/mm

    @property
    def branch_sections(self) -> dict[str, float]:
        """Inner width of each branch's spouts, by target."""
        table: dict[str, float] = {}
        for mouth in self.mouths:
            table[mouth.target] = table.get(mouth.target, 0.0) + mouth.section_width
        return table


@dataclass(frozen=True, slots=True)
class SizedRow:
    """One row of buckets and the channels below it. All sills of a row stand at one elevation."""

    buckets: tuple[SizedBucket, ...]
    rim_height: float  # above the sill, the same for the whole row
    blade_run: float  # that blades go on behind the sill, the same for all teeth
    ramp: float  # run and drop of the 45 degree ramp behind the sill
    spout_depth: float  # of the walled spouts, the wall height of every branch's section
    spout_height: float  # of the vertical spout, below the ramp
    chute_wall: float  # inner height
    gutter_width: float
    gutter_wall: float
    hole: float  # length of the opening in a channel's floor, before its end wall, where the water falls
    chute_slope_deg: float
    gutter_slope_deg: float
    narrowing: float  # run per mm that each wall of a chute moves in, where it narrows
    lane_margin: float  # between a spout's water and its chute's walls, each side
    min_lane: float  # least inner width of a chute
    lane_gap: float  # between two chutes, walls included
    bay_gap: float  # between two bays of the row, if it has several: room for their side frames, and gutters that step


@dataclass(frozen=True, slots=True)
class SizedCup:
    """A graduated vessel: a read-out cup or an input jug."""

    port: str
    label: str
    capacity: float  # mm3, to the highest mark
    width: float
    depth: float
    height: float  # inside, with freeboard


@dataclass(frozen=True, slots=True)
class Sized:
    """All rows upstream first, the cups and the jugs."""

    rows: tuple[SizedRow, ...]
    cups: tuple[SizedCup, ...]
    jugs: tuple[SizedCup, ...]

    @property
    def flows(self) -> dict[tuple[str, str], tuple[float, float]]:
        """By source and target: a branch's part of its bucket's sections, and the share predicted of real water."""
        table = {}
        for bucket in (bucket for row in self.rows for bucket in row.buckets):
            sections = bucket.branch_sections
            for target, predicted in bucket.predicted_shares:
                table[bucket.name, target] = (sections[target] / sum(sections.values()), predicted)
        return table
