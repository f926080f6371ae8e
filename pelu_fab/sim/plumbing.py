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
    bore_flow,
    comb_head,
    crest_flow,
    end_flags,
    full_flow,
    priming_flow,
    priming_head,
    screen_head,
    start_head,
    tooth_law,
    transit_time,
)
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import GRAVITY, MM3_PER_ML
from pelu_fab.network.names import duct_name
from pelu_fab.sim.water import Screen, WaterBucket, WaterMouth, WaterNetwork, check_water

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mode = Literal["ideal", "real"]
DENSE = 200_000  # entries of an incidence matrix, above which it is stored sparse
LEAST_TRANSIT = 0.05  # s: a way down is at least this long in time
HIGHEST, FINE = 20.0, 401  # mm of head over a comb in a siphon's pool, and steps up to there
BROKEN = 10.0  # mm3 above what a flush leaves, at which it has broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the device stands and what has run through it before."""

    mode: Mode = "ideal"
    tilt_deg: tuple[float, float] = (0.0, 0.0)  # falls along the combs, and down the gutters
    primed: bool = True  # a pour has run through it before: no dry teeth, no film to fill


@dataclass(frozen=True, slots=True, eq=False)
class Siphons:
    """The buckets that flush: arrays over them (F). Volumes mm3, lengths mm."""

    bucket: Index
    mouths: Index  # K, of all of them
    owner: Index  # K: which siphon's
    shares: Array  # K, ideal
    bore: Array
    crest: Array
    length: Array
    drop: Array  # from the crown to the outlet
    trickle: Array  # flow over the crown at which it primes
    primes: Array  # volume at which that is reached
    breaks: Array  # volume at which a flush ends
    foot: Array  # area of the surface there
    process: Process
    trickles: bool  # real water runs over a crown before it primes; ideal water waits
    levels: Array  # heads (G,) of a comb in a pool downstream, and what each such comb (F, G) carries at them
    carried: Array

    @property
    def full(self) -> Array:
        """Flow (F,) of each full bore with water at its crown, mm3/s."""
        return full_flow(self.drop, self.bore, self.length, self.process.fluid.viscosity)

    def pools(self, flows: Array) -> Array:
        """Head (runs, F) over each comb downstream that carries these flows; a pool holds little, and follows."""
        return np.stack([np.interp(flows[:, f], own, self.levels) for f, own in enumerate(self.carried)], axis=1)

    def split(self, flows: Array, taken: Array) -> Array:
        """Flow (runs, K) of each mouth: their siphons' `flows` (runs, F), in parts as their teeth have `taken`."""
        whole = np.stack([taken[:, self.owner == f].sum(axis=1) for f in range(len(self.bucket))], axis=1)
        whole = whole[:, self.owner]
        parts = np.where(whole > 0.0, taken / np.maximum(whole, 1e-9), self.shares)
        return np.asarray(parts * flows[:, self.owner])

    def running(self, volumes: Array, before: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which flush (runs, F) at these volumes of all buckets, given which did `before`."""
        own = volumes[:, self.bucket]
        return np.asarray(np.where(before, own - self.breaks > BROKEN, own >= self.primes))

    def flows(self, heads: Array, running: NDArray[np.bool_]) -> Array:
        """Flow (runs, F) at the heads of all buckets over their sills, mm3/s."""
        own = heads[:, self.bucket]
        over = crest_flow(own, self.crest, self.process) * self.trickles
        full = full_flow(own + self.drop, self.bore, self.length, self.process.fluid.viscosity)
        return np.where(running, full, np.minimum(over, full))


@dataclass(frozen=True, slots=True, eq=False)
class Plumbing:
    """Flat arrays. Buckets B, mouths M, teeth T, cups C; a mouth's `target` counts buckets first, then cups."""

    mode: Mode
    buckets: tuple[str, ...]
    cups: tuple[str, ...]
    inputs: int
    start_volume: Array  # B: what is in it when it is ready
    area: Array  # B: of the surface at the sill
    base: Array  # B: volume at which the level stands at the middle of the sill
    keeps: Array  # B: volume kept when all has drained
    flare: Array  # B: widening above the sill, mm2 a mm
    hollow: Array  # B: narrowing below it
    brim: Array  # B: head up to which it widens
    rim: Array  # B, above the sill
    rim_length: Array  # B
    sill_z: Array  # B
    sill_height: Array  # B
    row: Index  # B
    inside: Array  # B: width along the comb
    screen_opening: Array  # (most, B): mm2 of each wall's holes from the comb back; inf where there is none
    screen_top: Array  # (most, B): above the sill
    discharge: float  # of weirs and holes
    mouth_bucket: Index  # M
    mouth_target: Index  # M
    leaves: Any  # (M, B): 1 where the mouth is the bucket's
    reaches: Any  # (M, B + C): 1 where its gutter ends
    mouth_share: Array  # M, of its bucket's spill, ideal
    transit: Array  # M, s
    film: Array  # M, mm3 that the first run leaves on the walls
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
    siphons: Siphons | None = None

    @property
    def at_rest(self) -> NDArray[np.bool_]:
        """No siphon runs: (F,)."""
        return np.zeros(0 if self.siphons is None else len(self.siphons.bucket), dtype=np.bool_)

    def kept(self, running: NDArray[np.bool_]) -> Array:
        """Volume (runs, B) below which nothing leaves, while these siphons (runs, F) flush."""
        stops = np.broadcast_to(self.keeps, (len(running), len(self.keeps))).copy()
        if self.siphons is not None:
            own = self.siphons.bucket
            stops[:, own] = np.where(running, self.siphons.breaks, stops[:, own])
        return stops

    @property
    def thresholds(self) -> Array:
        """What each bucket keeps of the pour (B), mm3."""
        return np.asarray(self.keeps - self.start_volume)

    def above(self, heads: Array) -> Array:
        """Volume (runs, B) between the sill and a level `heads` above it, mm3; below 0 under the sill."""
        flare = np.where(heads > 0.0, self.flare, self.hollow)
        wide = np.minimum(heads, np.where(heads > 0.0, self.brim, 0.0))
        return np.asarray(self.area * heads + flare * (wide * heads - wide**2 / 2.0))

    def heads(self, volumes: Array) -> Array:
        """Level above the middle of the sill by bucket (runs, B), mm; below 0 in a pool that is not full."""
        above = volumes - self.base
        up = above > 0.0
        flare = np.where(up, self.flare, self.hollow)
        root = np.sqrt(np.maximum(self.area**2 + 2.0 * flare * above, 0.0))
        bent = 2.0 * above / np.maximum(self.area + root, 1e-9)
        full = self.area * self.brim + self.flare * self.brim**2 / 2.0
        upright = self.brim + (above - full) / np.maximum(self.area + self.flare * self.brim, 1e-9)
        return np.asarray(np.maximum(np.where(up & (above > full), upright, bent), -self.sill_height))

    def potential(self, volumes: Array) -> Array:
        """Volume times the elevation of its middle (runs, B), mm4: what lifting the water in there took."""

        def lifted(heads: Array) -> Array:
            flare = np.where(heads > 0.0, self.flare, self.hollow)
            wide = np.minimum(heads, np.where(heads > 0.0, self.brim, 0.0))
            upright = (self.area + flare * wide) * (heads**2 - wide**2) / 2.0
            return np.asarray(self.area * wide**2 / 2.0 + flare * wide**3 / 3.0 + upright)

        return np.asarray(volumes * self.sill_z + lifted(self.heads(volumes)) - lifted(self.heads(volumes * 0.0)))

    def inlet_heads(self, heads: Array, inflows: Array) -> Array:
        """Level above the sill before the inlet's walls (runs, B), mm, for `inflows` (runs, B), mm3/s."""
        levels = np.asarray(heads, dtype=np.float64)
        for opening, top in zip(self.screen_opening, self.screen_top, strict=True):
            levels = screen_head(inflows, levels, opening, self.inside, top, discharge=self.discharge)
        return levels

    def local_heads(self, heads: Array) -> Array:
        """Head at each tooth (runs, T): a leaning table lowers one side; on a sloped floor as far as water stands."""
        level = heads[:, self.tooth_bucket]
        reach = np.where(self.area[self.tooth_bucket] > 0.0, 1.0, np.clip(level / self.most_lift, 0.0, 1.0))
        return np.asarray(level + self.tooth_lift * reach)

    def flows(self, heads: Array, wet: NDArray[np.bool_], running: NDArray[np.bool_]) -> Array:
        """Flow (runs, M) of every mouth, mm3/s, while these siphons (runs, F) flush."""
        s = self.siphons
        through, levels = (heads, heads) if s is None else (s.flows(heads, running), heads.copy())
        if s is not None:
            levels[:, s.bucket] = s.pools(through)
        if self.mode == "ideal":
            flows = self._ideal(levels)
        else:
            local = self.local_heads(levels)
            teeth = self.law.flows(self.tooth_width, local, self.tooth_end) * (wet | (local >= self.start))
            flows = np.asarray(teeth @ self.gather)
        if s is not None:
            flows[:, s.mouths] = s.split(through, flows[:, s.mouths])
        return flows

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
    law = tooth_law(process)
    real = conditions.mode == "real"
    mouths = [(i, m) for i, b in enumerate(buckets) for m in b.mouths]
    teeth = [(k, i, w) for k, (i, m) in enumerate(mouths) for w in m.teeth]
    across, down = (tan(radians(angle)) for angle in conditions.tilt_deg)
    place = np.array([x for _, m in mouths for x in m.places])
    lift = place * across
    widths = np.array([w for _, _, w in teeth])
    lifts = np.split(lift, np.cumsum([len(b.teeth) for b in buckets])[:-1])
    volumes = [_volumes(b, law, process, real, down, own) for b, own in zip(buckets, lifts, strict=True)]
    base = np.array([v[0] for v in volumes])
    film = 0.0 if conditions.primed or not real else process.scatter.film_ml * MM3_PER_ML
    shares = np.concatenate([_mouth_shares(b) for b in buckets])
    most = max(len(b.screens) for b in buckets)
    screens = [(*b.screens, *[Screen(np.inf, 0.0)] * (most - len(b.screens))) for b in buckets]
    return Plumbing(
        mode=conditions.mode,
        buckets=tuple(b.name for b in buckets),
        cups=cups,
        inputs=len(water.rows[0]),
        start_volume=np.array([b.priming_volume for b in buckets]),
        area=np.array([b.area for b in buckets]),
        base=base,
        keeps=np.array([v[1] for v in volumes]),
        flare=np.array([b.flare for b in buckets]),
        hollow=np.array([_hollow(b, v) for b, v in zip(buckets, base, strict=True)]),
        brim=np.array([b.brim for b in buckets]),
        rim=np.array([b.rim_height for b in buckets]),
        rim_length=np.array([2.0 * (b.width + b.depth) for b in buckets]),
        sill_z=np.array([b.sill_z for b in buckets]),
        sill_height=np.array([b.sill_height for b in buckets]),
        row=np.array([r for r, members in enumerate(water.rows) for _ in members], dtype=np.int64),
        inside=np.array([b.width for b in buckets]),
        screen_opening=np.array([[s.opening for s in own] for own in screens]).T,
        screen_top=np.array([[s.top for s in own] for own in screens]).T,
        discharge=process.comb.discharge,
        mouth_bucket=np.array([i for i, _ in mouths], dtype=np.int64),
        mouth_target=np.array([number[m.target] for _, m in mouths], dtype=np.int64),
        leaves=_incidence([i for i, _ in mouths], len(buckets)),
        reaches=_incidence([number[m.target] for _, m in mouths], len(number)),
        mouth_share=shares,
        transit=np.array(
            [
                _transit(m, water.design_flow * shares[k], process) + _filling(buckets[i], process)
                for k, (i, m) in enumerate(mouths)
            ]
        ),
        film=np.full(len(mouths), film),
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
        siphons=_siphons(buckets, np.array([i for i, _ in mouths]), shares, volumes, process, real),
    )


def _siphons(
    buckets: tuple[WaterBucket, ...],
    owners: Index,
    shares: Array,
    volumes: list[tuple[float, float]],
    process: Process,
    real: bool,
) -> Siphons | None:
    """Ideal water primes and breaks exactly where it is wanted to; real water by the crown's sill and the intake."""
    found = [(i, b, b.siphon) for i, b in enumerate(buckets) if b.siphon]
    if not found:
        return None
    primes = [volumes[i][0] + b.area * priming_head(s, process) if real else b.flush_volume for i, b, s in found]
    place = {i: f for f, (i, _, _) in enumerate(found)}
    mouths = np.flatnonzero(np.isin(owners, list(place)))
    levels = np.linspace(0.0, HIGHEST, FINE)
    carried = [_carried(b, levels, process) for _, b, _ in found]
    return Siphons(
        bucket=np.array([i for i, _, _ in found]),
        mouths=mouths,
        owner=np.array([place[int(i)] for i in owners[mouths]]),
        shares=shares[mouths],
        bore=np.array([s.bore for _, _, s in found]),
        crest=np.array([s.crest for _, _, s in found]),
        length=np.array([s.length for _, _, s in found]),
        drop=np.array([-s.outlet_z for _, _, s in found]),
        trickle=np.array([priming_flow(s.bore, process.fluid) for _, _, s in found]),
        primes=np.array(primes),
        breaks=np.array([b.residue if real else b.retained_volume for _, b, _ in found]),
        foot=np.array([b.foot or b.area for _, b, _ in found]),
        process=process,
        trickles=real,
        levels=levels,
        carried=np.array(carried),
    )


def _carried(bucket: WaterBucket, levels: Array, process: Process) -> Array:
    """What a comb carries (mm3/s) at each of some heads."""
    widths, ends = np.array(bucket.teeth), end_flags(len(bucket.teeth))
    return np.asarray(tooth_law(process).flows(widths, levels[:, None], ends).sum(axis=1))


def _filling(bucket: WaterBucket, process: Process) -> float:
    """Seconds that a flush needs to raise the pool downstream to the head that carries it."""
    if bucket.siphon is None or not bucket.pool:
        return 0.0
    flow = bore_flow(bucket.siphon, process)
    return bucket.pool * comb_head(flow, bucket.teeth, process) / flow


def _incidence(columns: list[int], count: int) -> Any:
    """(len(columns), count): 1 at each row's column. `array @ matrix` then sums by column."""
    if len(columns) * count <= DENSE:
        return np.eye(count)[columns]
    from scipy.sparse import csr_matrix

    rows = np.arange(len(columns))
    return csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(columns), count))


def _volumes(
    bucket: WaterBucket, law: ToothLaw, process: Process, real: bool, down: float, lift: Array
) -> tuple[float, float]:
    """(volume with the level at the middle of the sill, volume kept).

    A table that falls towards the sill lowers it by half the depth; the last tooth to stop is the lowest one.
    """
    if bucket.siphon is not None:
        if not real:
            return bucket.flush_volume, bucket.flush_volume
        full = bucket.drawn_volume + bucket.held(process.fluid, 0.0) - bucket.area * bucket.depth / 2.0 * down
        return full, full
    if not real:
        return bucket.retained_volume, bucket.retained_volume
    stops = law.residual_heads(np.asarray(bucket.teeth))
    resting = bucket.held(process.fluid, process.comb.drawn_on)  # heads count from where the pool comes to rest
    base = bucket.drawn_volume + resting - bucket.area * bucket.depth / 2.0 * down
    if bucket.area > 0.0:
        stop = float((stops - lift).min())
    else:  # a floor that falls to the sill: the tilt counts as far as water stands
        most = float(np.abs(lift).max()) + 1e-9
        stop = float(np.where(stops - lift > most, stops - lift, stops / np.maximum(1.0 + lift / most, 1e-9)).min())
    wide = min(max(stop, 0.0), bucket.brim)
    return base, base + bucket.area * stop + bucket.flare * (wide * stop - wide**2 / 2.0)


def _hollow(bucket: WaterBucket, base: float) -> float:
    """How fast (mm2 a mm) the water narrows below the sill, taken as even, so that `base` fills it from its floor."""
    if bucket.sill_height <= 0.0:
        return 0.0
    even = 2.0 * (bucket.area * bucket.sill_height - base) / bucket.sill_height**2
    return min(even, bucket.area / bucket.sill_height)


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


def _transit(mouth: WaterMouth, flow: float, process: Process) -> float:
    """Seconds from the sill to the vessel, leg by leg, of a flow of `flow` mm3/s."""
    friction = process.channels.friction
    own = [transit_time(leg.length, flow, leg.width, leg.slope_deg, friction) for leg in mouth.legs if leg.length > 0.0]
    return max(sum(own), LEAST_TRANSIT)
