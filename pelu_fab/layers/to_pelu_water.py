"""In: piecewise-linear functions, one curve an input. Out: two PeLU layers and a read-out that add them in water.

Each input, scaled to a volume, is split over buckets with sills at the breakpoints; what bucket k spills,
a_k·relu(v − v_k), goes to plus and minus cups in proportion to the *change* of slope there, the rest to a waste cup.
Then y_j = (cup⁺_j − cup⁻_j)·scale + offset_j. Needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.network import algebra
from pelu_fab.network.model import Layer, Network, check_network

Array = NDArray[np.float64]
FLAT = 1e-12  # a change of slope this far below the largest is rounding, and gets no bucket


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A piecewise-linear function of one input: `breakpoints` (S + 1,) rising, `values` there, (S + 1, outputs)."""

    breakpoints: Array
    values: Array

    def __post_init__(self) -> None:
        for name in ("breakpoints", "values"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        if self.values.ndim == 1:
            object.__setattr__(self, "values", self.values[:, None])
        points, values = self.breakpoints, self.values
        if points.ndim != 1 or len(points) < 2 or len(values) != len(points):
            raise FabError("curve", f"has {points.shape} breakpoints, {values.shape} values", "give 2 or more of each")
        if not (np.isfinite(points).all() and np.isfinite(values).all()):
            raise FabError("curve", "has a NaN or an infinite number", "check where the function is defined")
        if (np.diff(points) <= 0).any():
            raise FabError("curve", "has breakpoints out of order", "sort them, and give each once")

    def __call__(self, x: Array) -> Array:
        """Values at x (rows,), (rows, outputs)."""
        return np.stack([np.interp(x, self.breakpoints, column) for column in self.values.T], axis=-1)

    @property
    def bends(self) -> Array:
        """Change of slope at each breakpoint but the last, (S, outputs); the first slope counts as a change from 0."""
        slopes = np.diff(self.values, axis=0) / np.diff(self.breakpoints)[:, None]
        return np.diff(slopes, axis=0, prepend=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class WaterSum:
    """Two PeLU layers that add curves: pour `volumes(x)` units, read `read(cups)`.

    Cups stand as all plus, all minus, then waste if there is any. `bound` is a proven bound on |y − wanted|, `error`
    the largest found on a grid, both in the unit of y; 0 for both where the conversion is exact, a bound of inf where
    none is proven.
    """

    network: Network
    low: Array
    high: Array
    volume: float
    scale: float
    offset: Array
    segments: int
    bound: float = 0.0
    error: float = 0.0

    def volumes(self, x: Array) -> Array:
        """What to pour for x (rows, inputs), in units: 0 at the low end of each input, `volume` at the high one."""
        x = np.atleast_2d(np.asarray(x, dtype=np.float64))
        if np.isnan(x).any() or (x < self.low - 1e-9).any() or (x > self.high + 1e-9).any():
            what = f"leaves [{', '.join(map(str, self.low))}] to [{', '.join(map(str, self.high))}]"
            raise FabError("input", what, "stay within the range that was compiled")
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0) * self.volume

    def read(self, cups: Array) -> Array:
        """(cup⁺ − cup⁻)·scale + offset of cups (rows, cups) in units: (rows, outputs)."""
        count = len(self.offset)
        return (cups[:, :count] - cups[:, count : 2 * count]) * self.scale + self.offset

    def __call__(self, x: Array) -> Array:
        """y (rows, outputs) for x (rows, inputs), by the algebra of the water."""
        return self.read(algebra.outputs(self.network, self.volumes(x)))


def add_in_water(
    curves: Sequence[Curve],
    *,
    volume: float = 100.0,
    least_share: float = 0.0,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> WaterSum:
    """Build the sum of `curves`, one an input, all with the same outputs. `volume` units fill each jug.

    Shares of the first splits are proportional to the changes of slope, so that the least water is wasted; none is
    below `least_share` (what a printer can make), and where that binds the rest of that bucket's spill is wasted.
    """
    low, high = (np.array([curve.breakpoints[end] for curve in curves]) for end in (0, -1))
    changes = [_kept(curve, volume) for curve in curves]
    splits = [_split(np.abs(change).sum(axis=1), least_share) for change, _ in changes]
    scale = max(
        float((np.abs(change).sum(axis=1) / split).max()) for (change, _), split in zip(changes, splits, strict=True)
    )
    scale = scale if scale > 0 else 1.0
    first, second = _layers(changes, splits, scale)
    count = curves[0].values.shape[1]
    names = list(outputs) or ([""] if count == 1 else [f"y{j}" for j in range(count)])
    cups = [f"{name} {sign}".strip() for sign in ("plus", "minus") for name in names]
    if second.shares.shape[1] > 2 * count:
        cups.append("waste")
    network = Network((first, second), tuple(inputs) or tuple(f"x{i}" for i in range(len(curves))), tuple(cups))
    check_network(network, "sum of curves")
    offset = np.sum([curve.values[0] for curve in curves], axis=0)
    segments = max(len(curve.breakpoints) - 1 for curve in curves)
    return WaterSum(network, low, high, volume, scale, offset, segments)


def _kept(curve: Curve, volume: float) -> tuple[Array, Array]:
    """Changes of slope per unit of volume that need a bucket, (K, outputs), and the volume where each sits, (K,)."""
    width = curve.breakpoints[-1] - curve.breakpoints[0]
    bends = curve.bends * (width / volume)
    places = (curve.breakpoints[:-1] - curve.breakpoints[0]) * (volume / width)
    sizes = np.abs(bends).sum(axis=1)
    used = sizes > FLAT * max(float(sizes.max()), float(np.abs(curve.values).max()) / volume)
    if not used.any():
        used[0] = True  # a constant still needs a bucket for its water, and wastes it all
    return np.where(used[:, None], bends, 0.0)[used], places[used]


def _split(wanted: Array, least: float) -> Array:
    """Shares ∝ `wanted`, none below `least`, that add up to 1."""
    if least * len(wanted) > 1:
        most = int(1 / least)
        raise FabError("least_share", f"leaves room for {most} buckets, {len(wanted)} are needed", "use fewer segments")
    if wanted.sum() == 0:
        return np.full(len(wanted), 1.0 / len(wanted))
    shares = wanted / wanted.sum()
    for _ in range(len(wanted)):
        small = shares <= least
        if not (shares < least).any():
            break
        rest = np.where(small, 0.0, wanted)
        shares = np.where(small, least, rest * ((1.0 - least * small.sum()) / max(rest.sum(), 1e-300)))
    total: Array = shares / shares.sum()
    return total


def _layers(changes: Sequence[tuple[Array, Array]], splits: Sequence[Array], scale: float) -> tuple[Layer, Layer]:
    sizes = [len(split) for split in splits]
    first = np.zeros((len(splits), sum(sizes)))
    retained, spread = [], []
    start = 0
    for row, ((change, places), split) in enumerate(zip(changes, splits, strict=True)):
        first[row, start : start + len(split)] = split
        start += len(split)
        retained.append(split * places)
        part = change / (split[:, None] * scale)
        spread.append(np.hstack([np.maximum(part, 0.0), np.maximum(-part, 0.0)]))
    shares = np.vstack(spread)
    waste = 1.0 - shares.sum(axis=1, keepdims=True)
    waste[waste < 1e-9] = 0.0
    if waste.any():
        shares = np.hstack([shares, waste])
    return Layer(np.zeros(len(splits)), first), Layer(np.concatenate(retained), shares / shares.sum(1, keepdims=True))
