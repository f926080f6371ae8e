"""The judge's own water: what surface tension holds, and what a comb really delivers. mm, mm2, mm3, s.

Written from the formulas (notes on each), not from the maker's code: two books that must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, log2, radians, sin, sqrt

import numpy as np

from pelu_fab.ir.process import Fluid, Process
from pelu_fab.signoff.stl import Array

GRAVITY = 9810.0  # mm/s2
PULL, REST, HALF = 0.67, 0.3, 0.5  # of the walls' pull; mm to come to rest; of eq. (6)'s dependence on width
STATED_AT = 2.6  # mm of head: where a process states kappa and end excess
KNEE, ENDS_OVER = 3.0, 2.0  # mm: the end excess doubles in the first mm below the knee, trebles in two, and stays
NODES, WEIGHTS = np.polynomial.legendre.leggauss(9)

LEAST_HEAD = 2.0  # mm: below, the law tells shares to 1 or 2 points only; such a comb is judged at `STATED_AT`
USUAL_POUR = 20e3  # mm3 spilled, or half of what the fullest jugs spill
STANDARD = ((STATED_AT, 1.0),)  # where a comb is looked at whose pour is not known

Heads = Sequence[tuple[float, float]]


def capillary_square(fluid: Fluid) -> float:
    """l_c² = γ / (ρ g), mm2."""
    return fluid.surface_tension * 1e6 / (fluid.density * GRAVITY)


def held_in_pool(area: float, edge: float, process: Process) -> float:
    """Water (mm3) beyond the cavity of a pool at rest: its level over the sill, l_c² cos θ_R on each mm of wet wall.

    Below the sill, and so less than none, where the teeth draw on when the pool stands level with it.
    """
    return area * process.comb.residual_head + edge * meniscus(process.fluid)


def held_on_bed(width: float, depth: float, slope: float, process: Process) -> float:
    """Water (mm3) at the foot of a bed that falls to the sill by `slope` (rise over run).

    A wedge of the residual head; a meniscus along the sill and the wedge's two ends, less where the wedge is shorter
    than l_c.
    """
    head, fluid = max(process.comb.residual_head, 0.0), process.fluid
    run = min(depth, head / slope)
    grown = min(1.0, run / sqrt(capillary_square(fluid)))
    return width * run * (head - slope * run / 2.0) + (width + 2.0 * run) * meniscus(fluid) * grown


def meniscus(fluid: Fluid) -> float:
    """Water (mm2) that a mm of wet wall holds up: l_c² cos θ_R."""
    return capillary_square(fluid) * cos(radians(fluid.receding_deg))


def weir_head(flow: float, width: float, discharge: float) -> float:
    """Head (mm) at which a plain sill of `width` carries `flow`: Q = (2/3) C_d √(2 g) b H^1.5."""
    return (flow / (2.0 / 3.0 * discharge * sqrt(2.0 * GRAVITY) * width)) ** (2.0 / 3.0) if flow > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class ToothLaw:
    """Flow of one tooth: c (w + κ0) [(H + p)^1.5 - (h + p)^1.5 e^(-(H - h)/0.3)], p = 0.67 · 2 l_c² cos θ / w.

    h is the head at which it stops, θ between advancing and receding; in series with the film g H⁴ / (12 ν L_s).
    An end tooth takes 1 + e. `plain`: all that off, flow in proportion to the open width.
    """

    process: Process
    plain: bool

    @property
    def _suction(self) -> float:
        fluid = self.process.fluid
        mean = (cos(radians(fluid.advancing_deg)) + cos(radians(fluid.receding_deg))) / 2.0
        return PULL * 2.0 * capillary_square(fluid) * mean

    @property
    def kappa0(self) -> float:
        """κ without its capillary part: (w + κ0)(H + p)^1.5 has the slope in w that w + κ has, where κ is stated."""
        comb = self.process.comb
        pull = self._suction / comb.tooth
        lost = 1.5 * pull / (comb.tooth * (STATED_AT + pull))
        return 1.0 / (1.0 / (comb.tooth + comb.kappa) + lost) - comb.tooth

    def stops(self, widths: Array) -> Array:
        """Head at which each tooth stops: the process's, and half of what eq. (6) makes of another width."""
        comb = self.process.comb
        if self.plain:
            return np.zeros(len(widths))
        tongues = self._tongue(np.maximum(widths, 1e-3)) - self._tongue(np.array([comb.tooth]))
        return np.asarray(np.clip(comb.residual_head + HALF * tongues, 0.0, None))

    def _tongue(self, widths: Array) -> Array:
        """Eq. (6): h = √(a² + (2 l_c sin θ/2)²) - a, a = 2 l_c² cos θ / w, θ receding."""
        fluid = self.process.fluid
        square, angle = capillary_square(fluid), radians(fluid.receding_deg)
        a = 2.0 * square * cos(angle) / widths
        return np.asarray(np.sqrt(a**2 + 4.0 * square * sin(angle / 2.0) ** 2) - a)

    def flows(self, widths: Array, ends: Array, heads: float | Array) -> Array:
        """mm3/s of each tooth at a head above the sill, or at each of several (k, 1); `ends` is 1 for the two teeth at
        the side walls.
        """
        comb = self.process.comb
        factor = 2.0 / 3.0 * comb.discharge * sqrt(2.0 * GRAVITY)
        if self.plain:
            return np.asarray(factor * widths * np.maximum(heads, 0.0) ** 1.5)
        wide = np.maximum(widths, 1e-3)
        stop, pull = self.stops(wide), self._suction / wide
        over = np.maximum(heads - stop, 0.0)
        free = (stop + over + pull) ** 1.5 - (stop + pull) ** 1.5 * np.exp(-over / REST)
        weir = factor * np.maximum(widths + self.kappa0, 0.0) * free
        film = GRAVITY / (12.0 * self.process.fluid.viscosity * comb.sill_length) * wide * np.maximum(heads, 1e-9) ** 4
        excess = comb.end_excess * _growth(heads) / _growth(STATED_AT) * np.minimum(1.0, comb.tooth / wide)
        return np.asarray(np.where(widths > 0, weir / (1.0 + weir / film) * (1.0 + ends * excess), 0.0))


def _growth(heads: float | Array) -> Array:
    """Of the end excess, below the knee."""
    return np.asarray(1.0 + np.clip(KNEE - np.asarray(heads), 0.0, ENDS_OVER))


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """What stands over a sill: a pool of `area`, or a bed `width` wide that rises by `slope` for `depth`."""

    area: float
    width: float = 0.0
    depth: float = 0.0
    slope: float = 0.0

    def surface(self, head: float) -> float:
        """Area (mm2) of the water when it stands `head` above the sill."""
        if self.slope <= 0.0:
            return self.area
        return self.width * min(self.depth, head / self.slope)


def ends_of(count: int) -> Array:
    """1 for the first and last of `count` teeth, if there are several."""
    ends = np.zeros(count)
    if count > 1:
        ends[[0, -1]] = 1.0
    return ends


def steady_head(law: ToothLaw, widths: Array, flow: float) -> float:
    """Head (mm) at which the comb carries `flow`, by bisection, five halves at a time."""
    ends, low = ends_of(len(widths)), 0.0
    high = 1.0
    while law.flows(widths, ends, high).sum() < flow and high < 1e3:
        low, high = high, 2.0 * high
    halves = max(ceil(log2((high - low) / 1e-6)), 0)
    while halves:
        together = min(halves, 5)
        heads = np.linspace(low, high, 2**together + 1)
        k = int((law.flows(widths, ends, heads[1:-1, None]).sum(axis=1) < flow).sum())
        low, high, halves = float(heads[k]), float(heads[k + 1]), halves - together
    return high


def heads_of_pour(
    law: ToothLaw, widths: Array, store: Store, flow: float, volume: float, steady: float | None = None
) -> list[tuple[float, float]]:
    """(head, part of the volume) of a pour: `flow` runs steadily until the jug is empty, then the rest drains.

    The head while it runs, where it is known: `steady`.
    """
    if steady is None:
        steady = steady_head(law, widths, flow)
        steady = steady if steady >= LEAST_HEAD else STATED_AT
    stop = float(law.stops(widths).max())
    top = _filled(store, stop, steady, volume)
    half = (top - stop) / 2.0
    heads = stop + half * (1.0 + NODES)
    parts = np.array([w * half * store.surface(float(h)) for h, w in zip(heads, WEIGHTS, strict=True)]) / volume
    return [(steady, max(0.0, 1.0 - float(parts.sum()))), *zip(heads.tolist(), parts.tolist(), strict=True)]


def _filled(store: Store, stop: float, steady: float, volume: float) -> float:
    """Head that the water reaches: the steady one, or less where so little is poured that it never gets there."""
    heads = np.linspace(stop, max(steady, stop), 65)[1:]
    step = heads[0] - stop
    stands = np.cumsum([store.surface(float(h) - step / 2.0) * step for h in heads])
    return float(np.interp(volume, np.r_[0.0, stands], np.r_[stop, heads]))


def tooth_shares(law: ToothLaw, widths: Array, heads: Heads) -> Array:
    """Part of what is spilled that each tooth takes, over (head, part) pairs."""
    at, parts = np.array(heads).reshape(-1, 2).T
    flows = law.flows(widths, ends_of(len(widths)), at[:, None])
    sums = flows.sum(axis=1)
    counts = (parts > 0.0) & (sums > 0.0)
    total = (parts[counts, None] * flows[counts] / sums[counts, None]).sum(axis=0)
    return np.asarray(total / total.sum()) if total.sum() > 0.0 else total


def asked_widths(law: ToothLaw, widths: Array, wanted: Array, heads: Heads) -> Array:
    """Width that each tooth would need to take `wanted` of the spill in this comb, its other teeth as they are."""
    ends, asked = ends_of(len(widths)), np.maximum(widths, 0.1)
    at, parts = np.array(heads).reshape(-1, 2).T
    sums = law.flows(widths, ends, at[:, None]).sum(axis=1)
    counts = (parts > 0.0) & (sums > 0.0)
    at, parts = at[counts, None], (parts[counts] / sums[counts])[:, None]

    for _ in range(6):
        tried = np.stack([asked, asked + 1e-4, asked - 1e-4])[:, None]
        now, more, less = (parts * law.flows(tried, ends, at)).sum(axis=1)
        slope = (more - less) / 2e-4
        asked = np.maximum(asked + (wanted - now) / np.maximum(slope, 1e-9), 0.05)
        asked = np.minimum(asked, 2.0 * widths.max() + 1.0)
    return asked


def speed_after(speed: Array, flow: Array, widths: Array, sines: Array, steps: Array, viscosity: float) -> Array:
    """Speed (mm/s) of streams at the end of open channels: d(u²)/ds = 2 (g sin b - f u² / 8R).

    `widths` (mm), `sines` of the slope and `steps` (mm) along each, (steps, streams); f = max(96 / Re, 0.316 / Re^¼),
    R = w d / (w + 2 d).
    """
    for width, sine, step in zip(widths, sines, steps, strict=True):
        depth = flow / (width * speed)
        radius = np.maximum(width * depth / (width + 2.0 * depth), 1e-6)
        reynolds = np.maximum(4.0 * radius * speed / viscosity, 1e-6)
        friction = np.maximum(96.0 / reynolds, 0.316 / reynolds**0.25)
        gain, loss = 2.0 * step * GRAVITY * np.maximum(sine, 0.0), step * friction / (4.0 * radius)
        speed = np.sqrt((speed**2 + gain) / (1.0 + loss))
    return speed
