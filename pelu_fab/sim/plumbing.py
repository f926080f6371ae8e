"""The network as flat arrays over buckets, mouths and teeth, with its laws of flow: water network in, flows out.

Two modes: `ideal` (shares exact, weir and film for the timing, sill exactly at the retained volume) and `real` (the
tooth law: capillarity, κ, end teeth, tilt; sill where it was drawn).
"""

from dataclasses import dataclass
from math import radians, tan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.hydraulics import (
    ToothLaw,
    end_flags,
    start_head,
    tooth_centres,
    tooth_law,
    transit_time,
    weir_coefficient,
)
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import GRAVITY, MM3_PER_ML
from pelu_fab.network.names import duct_name
from pelu_fab.sim.water import WaterBucket, WaterNetwork, check_water

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mode = Literal["ideal", "real"]
DENSE = 200_000  # entries of an incidence matrix, above which it is stored sparse
LEAST_TRANSIT = 0.05  # s: a chute is at least this long in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the device stands and what has run through it before."""

    mode: Mode = "ideal"
    tilt_deg: tuple[float, float] = (0.0, 0.0)  # about the axes across row 0's and row 1's combs
    primed: bool = True  # wetted before: no dry teeth, no film to fill


@dataclass(frozen=True, slots=True, eq=False)
class Plumbing:
    """Flat arrays. Buckets B, mouths M, teeth T, cups C; a mouth's `target` counts buckets first, then cups."""

    mode: Mode
    buckets: tuple[str, ...]
    cups: tuple[str, ...]
    inputs: int
    area: Array  # B
    base: Array  # B: volume at which the level stands at the sill
    keeps: Array  # B: volume kept when all has drained
    wedge: Array  # B: width / (2 slope) of a floor that falls to the sill, else 0
    wedge_volume: Array  # B: of that wedge when full
    rim: Array  # B, above the sill
    rim_length: Array  # B
    sill_z: Array  # B
    floor_z: Array  # B
    row: Index  # B
    mouth_bucket: Index  # M
    mouth_target: Index  # M
    leaves: Any  # (M, B): 1 where the mouth is the bucket's
    reaches: Any  # (M, B + C): 1 where the chute ends
    mouth_share: Array  # M, of its bucket's spill, ideal
    transit: Array  # M, s
    film: Array  # M, mm3 that the first run leaves on the walls
    chute_capacity: Array  # M: volume in transit at half of the wall
    tooth_mouth: Index  # T
    gather: Any  # (T, M): 1 where the tooth is the mouth's
    tooth_bucket: Index  # T
    tooth_width: Array  # T
    tooth_end: Array  # T
    tooth_place: Array  # T: along the sill from its middle, mm
    tooth_lift: Array  # T: how much lower than the middle the tilt puts its sill, mm
    most_lift: float  # mm, above 0
    start: Array  # T: head at which a dry tooth starts
    law: ToothLaw
    width: Array  # B: all teeth

    def heads(self, volumes: Array) -> Array:
        """Level above the middle of the sill by bucket (runs, B), mm; below 0 in a pool that is not full."""
        above = volumes - self.base
        sloped = self.wedge > 0.0
        width = np.where(sloped, self.wedge, 1.0)
        prism = (above - self.wedge_volume) / self.area + np.sqrt(self.wedge_volume / width)
        shallow = np.sqrt(np.maximum(above, 0.0) / width)
        return np.asarray(np.where(sloped & (above < self.wedge_volume), shallow, prism))

    def local_heads(self, heads: Array) -> Array:
        """Head at each tooth (runs, T): a leaning table lowers one side; on a sloped floor as far as water stands."""
        level = heads[:, self.tooth_bucket]
        reach = np.where(self.wedge[self.tooth_bucket] > 0.0, np.clip(level / self.most_lift, 0.0, 1.0), 1.0)
        return np.asarray(level + self.tooth_lift * reach)

    def flows(self, heads: Array, wet: NDArray[np.bool_]) -> Array:
        """Flow (runs, M) of every mouth, mm3/s."""
        if self.mode == "ideal":
            return self._ideal(heads)
        local = self.local_heads(heads)
        flows = self.law.flows(self.tooth_width, local, self.tooth_end) * (wet | (local >= self.start))
        return np.asarray(flows @ self.gather)

    def _ideal(self, heads: Array) -> Array:
        heads = np.maximum(heads, 0.0)
        quick = self.law.coefficient * heads * np.sqrt(heads)
        film = np.square(np.square(heads)) * (GRAVITY / (12.0 * self.law.viscosity * self.law.sill_length))
        flow = self.width * quick * film / (quick + film + 1e-300)
        return np.asarray(flow[:, self.mouth_bucket] * self.mouth_share)


def plumb(water: WaterNetwork, process: Process, conditions: Conditions) -> Plumbing:
    """Flatten the network for one process and one set of conditions."""
    check_water(water)
    if conditions.mode not in ("ideal", "real"):
        raise FabError(f"mode {conditions.mode!r}", "is unknown", "use ideal or real")
    buckets = water.buckets
    cups = tuple(port for port, _ in water.outputs)
    number = {name: i for i, name in enumerate([*(b.name for b in buckets), *cups])}
    row = np.array([r for r, members in enumerate(water.rows) for _ in members], dtype=np.int64)
    law = tooth_law(process)
    real = conditions.mode == "real"
    mouths = [(i, m) for i, b in enumerate(buckets) for m in b.mouths]
    teeth = [(k, i, w) for k, (i, m) in enumerate(mouths) for w in m.teeth]
    tilt = [tan(radians(angle)) for angle in conditions.tilt_deg]
    place = np.concatenate([tooth_centres(b.teeth, b.blade) for b in buckets])
    lift = place * np.array([tilt[row[i] % 2] for _, i, _ in teeth])
    widths = np.array([w for _, _, w in teeth])
    lifts = np.split(lift, np.cumsum([len(b.teeth) for b in buckets])[:-1])
    tilts = [tilt[(r + 1) % 2] for r in row]
    volumes = [_volumes(b, law, process, real, t, own) for b, t, own in zip(buckets, tilts, lifts, strict=True)]
    wedge = [b.width / (2.0 * b.floor_slope) if real and b.floor_slope > 0 else 0.0 for b in buckets]
    film = 0.0 if conditions.primed or not real else process.scatter.film_ml * MM3_PER_ML
    transit = [_transit(m.chute_length, b, m.target, process) for b in buckets for m in b.mouths]
    return Plumbing(
        mode=conditions.mode,
        buckets=tuple(b.name for b in buckets),
        cups=cups,
        inputs=len(water.rows[0]),
        area=np.array([b.area for b in buckets]),
        base=np.array([v[0] for v in volumes]),
        keeps=np.array([v[1] for v in volumes]),
        wedge=np.array(wedge),
        wedge_volume=np.array([w * (b.floor_slope * b.depth) ** 2 for w, b in zip(wedge, buckets, strict=True)]),
        rim=np.array([b.rim_height for b in buckets]),
        rim_length=np.array([2.0 * (b.width + b.depth) for b in buckets]),
        sill_z=np.array([b.sill_z for b in buckets]),
        floor_z=np.array([b.sill_z - (b.drawn_volume if real else b.retained_volume) / b.area for b in buckets]),
        row=row,
        mouth_bucket=np.array([i for i, _ in mouths], dtype=np.int64),
        mouth_target=np.array([number[m.target] for _, m in mouths], dtype=np.int64),
        leaves=_incidence([i for i, _ in mouths], len(buckets)),
        reaches=_incidence([number[m.target] for _, m in mouths], len(number)),
        mouth_share=np.concatenate([_mouth_shares(b) for b in buckets]),
        transit=np.array(transit),
        film=np.full(len(mouths), film),
        chute_capacity=np.array([0.5 * m.chute_wall * m.chute_width * m.chute_length for _, m in mouths]),
        gather=_incidence([k for k, _, _ in teeth], len(mouths)),
        tooth_mouth=np.array([k for k, _, _ in teeth], dtype=np.int64),
        tooth_bucket=np.array([i for _, i, _ in teeth], dtype=np.int64),
        tooth_width=widths,
        tooth_end=np.concatenate([end_flags(len(b.teeth)) for b in buckets]),
        tooth_place=place,
        tooth_lift=lift,
        most_lift=float(np.abs(lift).max()) + 1e-9,
        start=np.zeros(len(widths))
        if conditions.primed
        else np.array([start_head(process.fluid, w, brim_deg=45.0) for w in widths]),
        law=law,
        width=np.array([sum(b.teeth) for b in buckets]),
    )


def _incidence(columns: list[int], count: int) -> Any:
    """(len(columns), count): 1 at each row's column. `array @ matrix` then sums by column."""
    if len(columns) * count <= DENSE:
        return np.eye(count)[columns]
    from scipy.sparse import csr_matrix

    rows = np.arange(len(columns))
    return csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(columns), count))


def _volumes(
    bucket: WaterBucket, law: ToothLaw, process: Process, real: bool, tilt: float, lift: Array
) -> tuple[float, float]:
    """(volume with the level at the middle of the sill, volume kept).

    A table that falls towards the sill lowers it by half the depth; the last tooth to stop is the lowest one.
    """
    if not real:
        return bucket.retained_volume, bucket.retained_volume
    stops = law.residual_heads(np.asarray(bucket.teeth))
    if bucket.floor_slope > 0.0:
        most = float(np.abs(lift).max()) + 1e-9
        low = np.where(stops - lift > most, stops - lift, stops / np.maximum(1.0 + lift / most, 1e-9))
        stop = float(low.min())
        wedge = bucket.width / (2.0 * bucket.floor_slope) * min(stop, bucket.floor_slope * bucket.depth) ** 2
        keeps = bucket.drawn_volume + bucket.held(process.fluid, stop)
        return keeps - wedge, keeps
    stop = float((stops - lift).min())
    base = bucket.drawn_volume + bucket.held(process.fluid, 0.0) - bucket.area * bucket.depth / 2.0 * tilt
    return base, base + bucket.area * stop


def _mouth_shares(bucket: WaterBucket) -> Array:
    """Ideal share of each mouth: its branch's share, split by open width where a branch has several mouths."""
    share = dict(bucket.shares)
    open_width: dict[str, float] = {}
    for mouth in bucket.mouths:
        open_width[mouth.target] = open_width.get(mouth.target, 0.0) + sum(mouth.teeth)
    missing = set(share) - set(open_width)
    if missing:
        raise FabError(duct_name(bucket.name, min(missing)), "has a share but no mouth", "give it teeth")
    return np.array([share.get(m.target, 0.0) * sum(m.teeth) / open_width[m.target] for m in bucket.mouths])


def _transit(length: float, bucket: WaterBucket, target: str, process: Process) -> float:
    mouth = next(m for m in bucket.mouths if m.target == target)
    flow = weir_coefficient(process.comb.discharge) * sum(mouth.teeth) * max(bucket.design_head, 1.0) ** 1.5
    seconds = transit_time(length, flow, mouth.chute_width, mouth.slope_deg, process.channels.friction)
    return max(seconds, LEAST_TRANSIT)
