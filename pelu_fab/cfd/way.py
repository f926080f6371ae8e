"""The way that water takes from a comb to what it feeds, part by part, as sign-off's drops ran. mm, mL/s, m/s."""

from dataclasses import dataclass

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.signoff.found import Trails
from pelu_fab.signoff.stl import Array
from pelu_fab.signoff.surface import Surface
from pelu_fab.signoff.water import speed_after

STEP = 0.5  # mm: of the march along a channel


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Where drops ran on one part: `path` (n, 3) from where they came down on it (or its sill) to its lip."""

    part: str
    path: Array

    @property
    def start(self) -> Array:
        """Where it begins."""
        return np.asarray(self.path[0])

    @property
    def lip(self) -> Array:
        """Where it ends."""
        return np.asarray(self.path[-1])

    @property
    def length(self) -> float:
        """mm along the way."""
        return float(np.linalg.norm(np.diff(self.path, axis=0), axis=1).sum())

    @property
    def forward(self) -> Array:
        """Level unit direction over the later half of the run."""
        way = self.lip - self.path[len(self.path) // 2 if len(self.path) > 2 else 0]
        way = way if np.hypot(way[0], way[1]) > 1e-6 else self.lip - self.start
        level = np.array([way[0], way[1], 0.0])
        return np.asarray(level / max(float(np.linalg.norm(level)), 1e-9))

    @property
    def heading(self) -> Array:
        """Level unit direction from where it begins to where it ends."""
        way = (self.lip - self.start) * [1.0, 1.0, 0.0]
        return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))


def parted(run: Run, last: float) -> tuple[Run, Run]:
    """A longer run up to a place `last` mm before its lip, level, and from there on; that place is in both."""
    level = np.linalg.norm(np.diff(run.path[:, :2], axis=0), axis=1)
    before = np.r_[np.cumsum(level[::-1])[::-1], 0.0]  # of each point, to the lip
    first = int((before > last).sum())
    at = [np.interp(-last, -before, run.path[:, axis]) for axis in range(3)]
    return Run(run.part, np.r_[run.path[:first], [at]]), Run(run.part, np.r_[[at], run.path[first:]])


def way_of(trails: Trails, surface: Surface, source: int, goal: int, near: Array) -> tuple[Run, ...]:
    """The runs of the drop from `source` to `goal` that starts nearest to `near`; `FabError` if there is none."""
    own = np.flatnonzero((trails.source == source) & (trails.goal == goal))
    if not len(own):
        raise FabError("transfer", "no drop of sign-off's goes that way", "run pelu-fab verify and look at lvs.open")
    firsts = np.searchsorted(trails.drop, own)
    drop = own[np.argmin(np.linalg.norm(trails.at[firsts] - near, axis=1))]
    own_steps = trails.drop == drop
    runs: list[tuple[str, list[Array]]] = []
    for at, face in zip(trails.at[own_steps], trails.face[own_steps], strict=True):
        if face < 0:
            continue
        part = surface.names[surface.part_of_face[face]]
        if not runs or runs[-1][0] != part:
            runs.append((part, []))
        runs[-1][1].append(at)
    return tuple(Run(part, np.array(path)) for part, path in runs)


def speed_at_end(run: Run, flow: float, width: float, start: float, viscosity: float) -> tuple[float, float]:
    """Speed (m/s) and depth (mm) at the lip of a channel `width` mm wide that water enters at `start` m/s."""
    way = -np.diff(run.path, axis=0)
    lengths = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
    counts = np.maximum(1, np.rint(lengths / STEP).astype(np.int64))
    sines, steps = (np.repeat(each, counts) for each in (way[:, 2] / lengths, lengths / counts))
    begin, flows = np.array([start * 1e3, flow * 1e3])
    speed = float(speed_after(begin, flows, np.full(len(steps), width), sines, steps, viscosity)) / 1e3
    return speed, flow / (width * speed)  # mL/s over mm times m/s is mm
