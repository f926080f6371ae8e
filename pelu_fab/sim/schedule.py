"""What is poured, where, when and how fast: pours in, arrays of events out. mm3, s, mm3/s."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pour:
    """One jug emptied evenly: `volume` (mm3) into input `unit`, from `start` for `duration` seconds."""

    unit: int
    volume: float
    start: float
    duration: float


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Events of many runs side by side, each (runs, inputs, events): constant `rate` from `start` to `end`."""

    start: Array
    end: Array
    rate: Array

    @property
    def poured(self) -> Array:
        """Total by run and input, (runs, inputs), mm3."""
        return np.asarray((self.rate * (self.end - self.start)).sum(axis=2))

    @property
    def breaks(self) -> Array:
        """Times at which some rate changes, ascending; the integrator steps exactly onto them."""
        return np.unique(np.concatenate([self.start.ravel(), self.end.ravel()]))

    def rates(self, time: float) -> Array:
        """Flow (runs, inputs) in the interval that begins at `time`, mm3/s."""
        return np.asarray(np.where((self.start <= time) & (time < self.end), self.rate, 0.0).sum(axis=2))


def all_at_once(volumes: Array, duration: float) -> Schedule:
    """Every input poured evenly over the same `duration`; `volumes` (runs, inputs) in mm3."""
    volumes = np.atleast_2d(volumes)[:, :, None]
    return Schedule(np.zeros_like(volumes), np.full_like(volumes, duration), volumes / duration)


def one_by_one(volumes: Array, rate: float, *, pause: float = 1.0, order: Sequence[int] | None = None) -> Schedule:
    """One jug after the other at `rate` (mm3/s), `pause` seconds apart, in `order` (default: as numbered)."""
    volumes = np.atleast_2d(volumes)
    sequence = list(order) if order is not None else list(range(volumes.shape[1]))
    if sorted(sequence) != list(range(volumes.shape[1])):
        raise FabError("pour order", f"is {sequence}", f"name each of the {volumes.shape[1]} inputs once")
    start, end = np.zeros_like(volumes), np.zeros_like(volumes)
    now = np.zeros(len(volumes))
    for unit in sequence:
        start[:, unit] = now
        end[:, unit] = now + volumes[:, unit] / rate
        now = end[:, unit] + pause
    return Schedule(start[:, :, None], end[:, :, None], np.full_like(volumes, rate)[:, :, None])


def design_pour(volumes: Array, pour_flow: float) -> Schedule:
    """What a device is designed for: one jug after the other, each at `pour_flow` (mm3/s) until it is empty."""
    return one_by_one(volumes, pour_flow)


def from_pours(pours: Sequence[Pour], inputs: int) -> Schedule:
    """One run from any list of pours: orders, pauses and later top-ups."""
    for pour in pours:
        if not 0 <= pour.unit < inputs:
            raise FabError(f"pour into input {pour.unit}", f"the network has {inputs}", "count inputs from 0")
        if not (np.isfinite([pour.volume, pour.start, pour.duration]).all() and pour.volume >= 0 and pour.start >= 0):
            raise FabError(f"pour into input {pour.unit}", "is negative or infinite", "give finite volumes and times")
        if pour.duration <= 0:
            raise FabError(f"pour into input {pour.unit}", f"takes {pour.duration} s", "give a time above 0")
    events = max([sum(p.unit == i for p in pours) for i in range(inputs)] + [1])
    start, end, rate = (np.zeros((1, inputs, events)) for _ in range(3))
    for unit in range(inputs):
        for k, pour in enumerate(p for p in pours if p.unit == unit):
            start[0, unit, k], end[0, unit, k] = pour.start, pour.start + pour.duration
            rate[0, unit, k] = pour.volume / pour.duration
    return Schedule(start, end, rate)


def with_pours(first: Schedule, more: Schedule) -> Schedule:
    """Both schedules' events together, for the same runs."""
    parts = [(getattr(first, name), getattr(more, name)) for name in ("start", "end", "rate")]
    start, end, rate = (np.concatenate(pair, axis=2) for pair in parts)
    return Schedule(start, end, rate)
