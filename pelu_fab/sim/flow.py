"""Water over time: a network, a schedule and conditions in, levels, flows and cups out. Mass exact to round-off.

Explicit Heun steps; every flux is worked out once, taken from one store and given to the next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.ir.process import Process
from pelu_fab.sim.plumbing import Conditions, Plumbing, plumb
from pelu_fab.sim.schedule import Schedule
from pelu_fab.sim.water import WaterNetwork

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MOST_STEPS = 400_000
STILL = 0.01  # mm3/s: a drop in an hour
STEP = 0.2  # of the shortest time in which a store empties
LONGEST_STEP = 0.1  # s
FILM_TIME = 0.3  # s in which a wet gutter takes up its film
CALM = {"ideal": 0.1, "real": 0.01}  # mm of head above the stop, below which the rest is delivered at once
DRAWN, DRAWN_FOR = 0.3, 10.0  # mm that wet teeth draw off a pool, and s that they take (docs/cfd.md); a film an hour


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Samples over time, (times, ...): of the first run, unless said otherwise."""

    times: Array  # (n,)
    volumes: Array  # (n, B)
    heads: Array  # (n, B)
    mouth_flows: Array  # (n, M)
    gutters: Array  # (n, M): on the way down
    cups: Array  # (n, runs, C)


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What happened, by run (runs, ...): volumes in mm3, heads in mm, times in s. `plumbing` names the columns."""

    plumbing: Plumbing
    poured: Array  # (runs, inputs)
    kept: Array  # (runs, B)
    delivered: Array  # (runs, M): through each mouth
    cups: Array  # (runs, C)
    film: Array  # (runs,)
    spilled: Array  # (runs, B): over a rim
    peak_heads: Array  # (runs, B)
    peak_inflows: Array  # (runs, B + C), mm3/s: pours, and what the gutters bring
    settled: Array  # (runs,): when nothing moved any more
    trace: Trace

    @property
    def freeboard(self) -> Array:
        """Least height (runs, B) of a rim above its water, which stands highest where it comes in."""
        p = self.plumbing
        return np.asarray(p.rim - p.inlet_heads(self.peak_heads, self.peak_inflows[:, : len(p.buckets)]))

    def mass_error(self) -> Array:
        """Poured, and there from the start, less all that is found again, by run, mm3."""
        found = self.kept.sum(1) + self.cups.sum(1) + self.film + self.spilled.sum(1)
        return np.asarray(self.poured.sum(1) + self.plumbing.start_volume.sum() - found)

    def shares(self) -> dict[tuple[str, str], Array]:
        """Delivered share of each duct (bucket, target) by run; NaN where its bucket delivered nothing."""
        p = self.plumbing
        names = [*p.buckets, *p.cups]
        total = np.stack([self.delivered[:, p.mouth_bucket == b].sum(1) for b in range(len(p.buckets))], axis=1)
        shares: dict[tuple[str, str], Array] = {}
        for m, (b, t) in enumerate(zip(p.mouth_bucket, p.mouth_target, strict=True)):
            key = (names[b], names[t])
            part = self.delivered[:, m] / np.where(total[:, b] > 1e-6, total[:, b], np.nan)
            shares[key] = shares[key] + part if key in shares else part
        return shares

    def readout_times(self, within: float = 100.0) -> Array:
        """When, by run, no cup misses more than `within` mm3 of its final volume, s."""
        left = np.abs(self.cups[None] - self.trace.cups).max(axis=2)
        late = np.where(left > within, np.arange(len(left))[:, None], -1).max(axis=0)
        return np.asarray(self.trace.times[np.minimum(late + 1, len(left) - 1)])


@dataclass(slots=True)
class _State:
    """Stores (runs, ...), local to one call of `flow`."""

    volumes: Array
    gutters: Array
    film: Array
    delivered: Array
    cups: Array
    spilled: Array


def flow(
    water: WaterNetwork,
    process: Process,
    schedule: Schedule,
    conditions: Conditions | None = None,
    *,
    sample_every: float = 0.05,
) -> Flow:
    """Run every row of the schedule side by side until nothing moves."""
    p = plumb(water, process, conditions or Conditions())
    runs = len(schedule.rate)
    state = _State(*(np.zeros((runs, n)) for n in (len(p.buckets), *[len(p.transit)] * 3, len(p.cups), len(p.buckets))))
    wet = np.broadcast_to(p.start <= 0.0, (runs, len(p.start))).copy()
    running = np.broadcast_to(p.at_rest, (runs, len(p.at_rest)))
    state.volumes += p.start_volume
    peak_heads, settled = np.zeros_like(state.volumes), np.zeros(runs)
    peak_inflows = np.zeros((runs, p.reaches.shape[1]))
    breaks, time, next_sample = schedule.breaks, 0.0, 0.0
    samples: list[tuple[float, Array, Array, Array, Array, Array]] = []
    for _ in range(MOST_STEPS):
        heads = p.heads(state.volumes)
        wet |= p.local_heads(heads) >= p.start
        if p.siphons is not None:
            running = p.siphons.running(state.volumes, running)
        stops = p.kept(running)
        flows = p.flows(heads, wet, running)
        np.maximum(peak_heads, heads, out=peak_heads)
        arriving = (state.gutters / p.transit) @ p.reaches
        arriving[:, : p.inputs] += schedule.rates(time)
        np.maximum(peak_inflows, arriving, out=peak_inflows)
        moving = _moving(p, state, flows, heads, stops) | (schedule.end > time).any(axis=(1, 2))
        settled[moving] = time
        if time >= next_sample or not moving.any():
            samples.append(_sample(time, state, heads, flows))
            next_sample = time + sample_every
        if not moving.any():
            break
        later = breaks[breaks > time]
        step = min(_step(p, state, flows, heads, stops), float(later[0]) - time if len(later) else np.inf)
        _advance(p, state, schedule.rates(time), flows, heads, (wet, running), step)
        time = float(later[0]) if len(later) and step == float(later[0]) - time else time + step
    else:
        raise FabBug(f"{water.name}: water still moves after {MOST_STEPS} steps, at {time:.1f} s")
    _close(p, state)
    last = DRAWN_FOR if _draws(p) else 0.0
    samples.append(_sample(time + last, state, p.heads(state.volumes), np.zeros_like(flows)))
    return Flow(
        plumbing=p,
        poured=schedule.poured,
        kept=state.volumes,
        delivered=state.delivered,
        cups=state.cups,
        film=state.film.sum(1),
        spilled=state.spilled,
        peak_heads=peak_heads,
        peak_inflows=peak_inflows,
        settled=settled + last,
        trace=Trace(*(np.array(column) for column in zip(*samples, strict=True))),
    )


def _sample(time: float, state: _State, heads: Array, flows: Array) -> tuple[float, Array, Array, Array, Array, Array]:
    return time, state.volumes[0].copy(), heads[0], flows[0], state.gutters[0].copy(), state.cups.copy()


def _draws(p: Plumbing) -> bool:
    """Whether wet teeth draw a pool on, below its sill."""
    return p.mode == "real" and bool(p.law.residual < 0.0)


def _moving(p: Plumbing, state: _State, flows: Array, heads: Array, stops: Array) -> NDArray[np.bool_]:
    """Runs in which some bucket stands above its stop, or some gutter still carries more than a hundredth of a mL.

    A bucket may stay above: the tooth that stops last never started where all are dry.
    """
    above = (heads - p.heads(stops) > (DRAWN if _draws(p) else CALM[p.mode])) & (state.volumes > stops)
    above &= flows @ p.leaves + _over(p, heads) > STILL
    if p.mode == "real":
        above &= state.volumes - stops > 1.0
    if p.siphons is not None and not p.siphons.trickles:  # between crown and threshold ideal water waits
        own = p.siphons.bucket
        above[:, own] &= stops[:, own] < p.keeps[own]
    return np.asarray(above.any(axis=1) | (state.gutters > 10.0).any(axis=1))


def _step(p: Plumbing, state: _State, flows: Array, heads: Array, stops: Array) -> float:
    """A fifth of the shortest emptying time, of buckets above their stop and of gutters."""
    leaving = flows @ p.leaves + _over(p, heads)
    movable = np.maximum(state.volumes - stops, 1.0)
    rate = float((leaving / movable).max(initial=0.0))
    shortest = float(p.transit.min())
    return min(LONGEST_STEP, 2.0 * STEP * shortest, STEP / rate if rate > 0 else np.inf)


def _fluxes(p: Plumbing, state: _State, flows: Array, heads: Array) -> tuple[Array, Array, Array, Array]:
    """(through mouths, onto walls, out of gutters, over rims), mm3/s."""
    wetting = np.minimum(flows / 2.0, np.maximum(p.film - state.film, 0.0) / FILM_TIME)
    arriving = state.gutters / p.transit
    return flows, wetting, arriving, _over(p, heads)


def _over(p: Plumbing, heads: Array) -> Array:
    """Flow over the rims, a weir all round."""
    return np.asarray(p.law.coefficient * p.rim_length * np.maximum(heads - p.rim, 0.0) ** 1.5)


def _advance(
    p: Plumbing, state: _State, inflow: Array, flows: Array, heads: Array, how: tuple[Mask, Mask], step: float
) -> None:
    """`how`: which teeth are wet, and which siphons flush."""
    first = _fluxes(p, state, flows, heads)
    trial = _State(*(getattr(state, name).copy() for name in _State.__slots__))
    _move(p, trial, inflow, first, step)
    heads2 = p.heads(trial.volumes)
    second = _fluxes(p, trial, p.flows(heads2, *how), heads2)
    mean = tuple((a + b) / 2.0 for a, b in zip(first, second, strict=True))
    _move(p, state, inflow, (mean[0], mean[1], mean[2], mean[3]), step)


def _move(p: Plumbing, state: _State, inflow: Array, fluxes: tuple[Array, Array, Array, Array], step: float) -> None:
    """Take every flux from one store and give the same number to the next."""
    through, wetting, arriving, over = (flux * step for flux in fluxes)
    buckets = len(p.buckets)
    state.volumes[:, : p.inputs] += inflow * step
    state.volumes -= through @ p.leaves + over
    state.delivered += through
    state.film += wetting
    state.gutters += through - wetting - arriving
    arrived = arriving @ p.reaches
    state.volumes += arrived[:, :buckets]
    state.cups += arrived[:, buckets:]
    state.spilled += over


def _close(p: Plumbing, state: _State) -> None:
    """Deliver what little still stands above the sills or runs down, row by row; shares as the mouths flow."""
    buckets = len(p.buckets)
    for row in range(int(p.row.max()) + 1):
        own = p.row[p.mouth_bucket] == row
        left = np.maximum(state.volumes - p.keeps, 0.0)
        if p.siphons is not None and not p.siphons.trickles:
            left[:, p.siphons.bucket] = 0.0
        portion = (left @ p.leaves.T) * p.mouth_share * own
        arriving = (state.gutters + portion) * own
        state.volumes -= portion @ p.leaves
        state.delivered += portion
        state.gutters[:, own] = 0.0
        arrived = arriving @ p.reaches
        state.volumes += arrived[:, :buckets]
        state.cups += arrived[:, buckets:]
