"""The device as water sees it: areas, sills, rims, teeth and chutes, without places. mm, mm2, mm3.

Made from the sizing (`water_from_sized`), or from what sign-off recovers from the STL: fill the same classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import radians, sin

from pelu_fab.errors import FabError
from pelu_fab.hydraulics import held_on_slope, held_volume
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Fluid, Process
from pelu_fab.ir.sized import Sized, SizedBucket, SizedRow
from pelu_fab.network.names import duct_name


@dataclass(frozen=True, slots=True)
class WaterMouth:
    """Adjacent teeth that lead into one chute, in comb order. `slope_deg` and `chute_wall` are the chute's."""

    target: str
    teeth: tuple[float, ...]
    chute_length: float
    chute_width: float
    chute_wall: float
    slope_deg: float


@dataclass(frozen=True, slots=True)
class WaterBucket:
    """One bucket. `retained_volume` and `shares` are what is wanted; `drawn_volume` and `mouths` what is built."""

    name: str
    retained_volume: float
    shares: tuple[tuple[str, float], ...]  # by target; they sum to 1
    drawn_volume: float  # of the cavity below the sill
    area: float  # of the water's surface just above the sill
    perimeter: float  # of the walls that it wets there
    width: float  # inside, along the comb
    depth: float  # inside, along the flow
    sill_z: float  # elevation above the cups' floor
    sill_height: float  # above the bucket's floor; 0 where the floor falls to the sill
    rim_height: float  # above the sill
    floor_slope: float  # of a floor that falls to the sill, else 0
    blade: float
    design_head: float
    mouths: tuple[WaterMouth, ...]

    @property
    def teeth(self) -> tuple[float, ...]:
        """Widths of all teeth in comb order."""
        return tuple(w for mouth in self.mouths for w in mouth.teeth)

    def held(self, fluid: Fluid, residual_head: float) -> float:
        """Water (mm3) that stays above the drawn cavity when the last drop has left."""
        if self.floor_slope > 0.0:
            return held_on_slope(self.width, self.depth, self.floor_slope, fluid, residual_head)
        return held_volume(self.area, self.perimeter, fluid, residual_head)


@dataclass(frozen=True, slots=True)
class WaterNetwork:
    """Rows of buckets upstream first; `inputs` and `outputs` pair each port with people's name for it.

    Port `in.x<i>` pours into the i-th bucket of the first row.
    """

    name: str
    rows: tuple[tuple[WaterBucket, ...], ...]
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    cup_area: float = 900.0  # mm2, of one read-out cup

    @property
    def buckets(self) -> tuple[WaterBucket, ...]:
        """All buckets, upstream first."""
        return tuple(bucket for row in self.rows for bucket in row)

    def targets(self, layer: int) -> tuple[str, ...]:
        """What row `layer` feeds: the next row's buckets, or the cups."""
        if layer + 1 < len(self.rows):
            return tuple(bucket.name for bucket in self.rows[layer + 1])
        return tuple(port for port, _ in self.outputs)


def check_water(water: WaterNetwork) -> None:
    """Refuse a description that can't run: no teeth, no area, a mouth that leads nowhere."""
    if not water.rows or len(water.inputs) != len(water.rows[0]):
        raise FabError(water.name, "has no row of buckets for its inputs", "give one bucket for each input")
    for index, row in enumerate(water.rows):
        targets = set(water.targets(index))
        for bucket in row:
            if bucket.area <= 0 or bucket.rim_height <= 0 or not bucket.teeth:
                raise FabError(bucket.name, "has no area, no rim or no tooth", "give each bucket all three")
            for target in {m.target for m in bucket.mouths} | {t for t, _ in bucket.shares}:
                if target not in targets:
                    raise FabError(duct_name(bucket.name, target), "leads to nothing in the row below", "rename it")


def water_from_sized(
    netlist: Netlist,
    sized: Sized,
    process: Process,
    *,
    chutes: Mapping[str, tuple[float, float]] | None = None,
    sill_z: Mapping[str, float] | None = None,
) -> WaterNetwork:
    """The sized device. `chutes` (length, inner width) by duct name and `sill_z` by bucket name, mm, once placed.

    Unplaced, a chute is as long as a crossbar's mean run, and each row stands as far above the next as its chutes fall.
    """
    rows: list[tuple[WaterBucket, ...]] = []
    base = max(cup.height for cup in sized.cups)
    for index in reversed(range(len(sized.rows))):
        row, wanted = sized.rows[index], netlist.rows[index]
        run = 20.0 + row.gutter_width * len(netlist.targets(index))
        fall = run * (sin(radians(row.chute_slope_deg)) + sin(radians(row.gutter_slope_deg)))
        base += row.ramp + row.spout_height + fall + row.chute_wall + row.gutter_wall
        buckets = []
        for bucket, kept in zip(row.buckets, wanted, strict=True):
            runs = {
                m.target: (chutes or {}).get(duct_name(bucket.name, m.target), (run, row.min_lane))
                for m in bucket.mouths
            }
            shares = tuple((d.target, d.share) for d in netlist.leaving[kept.name])
            buckets.append(_bucket(bucket, row, process, shares, runs, (sill_z or {}).get(bucket.name, base)))
        rows.append(tuple(buckets))
        base += row.rim_height
    cup = sized.cups[0]
    return WaterNetwork(netlist.name, tuple(rows[::-1]), netlist.inputs, netlist.outputs, cup.width * cup.depth)


def _bucket(
    bucket: SizedBucket,
    row: SizedRow,
    process: Process,
    shares: tuple[tuple[str, float], ...],
    runs: Mapping[str, tuple[float, float]],
    sill_z: float,
) -> WaterBucket:
    return WaterBucket(
        name=bucket.name,
        retained_volume=bucket.retained_volume,
        shares=shares,
        drawn_volume=bucket.drawn_volume,
        area=bucket.width * bucket.depth - bucket.slats * bucket.slat * bucket.slat_depth,
        perimeter=2.0 * (bucket.width + bucket.depth + (bucket.slat + bucket.slat_depth) * bucket.slats),
        width=bucket.width,
        depth=bucket.depth,
        sill_z=sill_z,
        sill_height=bucket.sill_height,
        rim_height=row.rim_height,
        floor_slope=bucket.floor_slope,
        blade=process.printer.blade,
        design_head=bucket.design_head,
        mouths=tuple(
            WaterMouth(m.target, m.teeth, *runs[m.target], row.chute_wall, row.chute_slope_deg) for m in bucket.mouths
        ),
    )
