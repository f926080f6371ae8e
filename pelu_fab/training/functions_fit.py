"""In: points of a curve. Out: a PeLU net that draws it and compiles: trained, tidied, and put into printable shares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pelu_fab.errors import FabBug, FabError
from pelu_fab.layers.to_pelu_water import Curve, WaterSum, add_in_water
from pelu_fab.network.capacity import bends_along
from pelu_fab.training.functions import Points
from pelu_fab.training.functions_nets import Kind, Readout, WaterNet, gather, make_net, water_scale
from pelu_fab.training.functions_train import Watch, one_thread, train

Array = NDArray[np.float64]
NEAREST = 0.01  # two sills closer than this part of the axis become one: a steeper step leaves too little to read
WORTH = 1.02  # a bucket without which the loss is at most this many times as large is dropped
LEAST_BEND = 0.012  # so is one whose bend is below this part of all bends: no printer would make its share
LEAST_SHARE = 0.05  # of the jug that a bucket gets: half a tooth of ten is what a comb can still make
TEETH, RATIOS = range(5, 14), 3  # of a comb with whole teeth; ratios of them that are looked at
SEEDS = 4  # nets trained side by side; the best is kept


Cups = Literal["together", "apart", "balanced"]
"""One plus and one minus; a cup for each turn of them along the axis; so too, with its cards dealt out for a lean."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was learnt: `curve` of x, `water` that computes it, losses as sums of squares over the points."""

    points: Points
    readout: Readout
    curve: Curve
    water: WaterSum
    losses: dict[str, float]  # sum over the points of (y − ŷ)²: trained, compiled, and the nets beside it
    learning: dict[str, float]  # sum of the losses on the way, mean squared errors over the looks at it
    history: Array  # (looks,) mean squared error of the best net, in y's unit²
    buckets: int  # asked for
    cups: Cups = "together"

    @property
    def segments(self) -> int:
        """Linear pieces over the range: bends solved for, exactly, plus one."""
        return 1 + len(bends_along(self.water.network, np.zeros(1), np.array([self.water.volume])))

    @property
    def live(self) -> int:
        """Buckets that bend the curve, out of those asked for."""
        return int(self.water.network.widths[1])

    @property
    def turns(self) -> int:
        """How many runs of bends of one sign there are along the axis."""
        return len(list(groupby(np.sign(self.curve.bends[:, 0]))))

    @property
    def teeth(self) -> int | None:
        """Of how many whole teeth the first comb's shares are, if of any."""
        shares = self.water.network.layers[0].shares[0]
        return next((n for n in TEETH if abs(shares * n - (shares * n).round()).max() < 1e-6), None)


def fit(
    points: Points,
    *,
    buckets: int = 10,
    readout: Readout = "differential",
    steps: int = 3000,
    seed: int = 0,
    volume: float = 100.0,
    beside: Sequence[Kind] = ("relu", "leaky relu"),
    watch: Watch | None = None,
) -> Fit:
    """Train `SEEDS` water nets on `points`, keep the best, and compile it; train the `beside` nets for comparison.

    Dead buckets are restarted on the way. Then the sills are polished by least squares, those that buy nothing dropped,
    the heights between them solved for, and shares made printable where the curve allows. `volume` units fill
    the jug. Deterministic by `seed`.
    """
    if buckets < 1 or steps < 1:
        raise FabError("fit", f"has {buckets} buckets and {steps} steps", "use at least 1 of each")
    run = _Run(points, buckets, readout, steps, seed)
    net, history = run.best("pelu", watch)
    if not isinstance(net, WaterNet):
        raise FabBug("no water net was trained")
    histories: dict[str, Array] = {"trained": history}
    for kind in beside:
        histories[kind] = run.best(kind)[1]
    losses = {name: float(path[-1]) * len(points.x) for name, path in histories.items()}
    curve = tidied(points, sills(net), rising=_single_sign(readout, points), budget=buckets)
    water = _water(curve, volume)
    losses["compiled"] = _loss(water, points)
    learning = {name: float(path.sum()) for name, path in histories.items()}
    return Fit(points, readout, curve, water, losses, learning, history, buckets)


def reduced(found: Fit, buckets: int) -> Fit:
    """The curve drawn again with at most so many buckets: with those that buy most, or from none on; the better one."""
    points, rising = found.points, _single_sign(found.readout, found.points)
    places = (found.curve.breakpoints[1:-1] - points.low) / (points.high - points.low)
    drawn = [tidied(points, start, rising=rising, budget=buckets) for start in (places, np.zeros(0))]
    return _redrawn(found, min(drawn, key=lambda one: float(((one(points.x)[:, 0] - points.y) ** 2).sum())))


def evened(found: Fit) -> tuple[Fit, ...]:
    """The curve drawn again with bends in the ratio of whole teeth: a comb splits such shares whatever its skin.

    Of the ratios of combs of `TEETH` the few that draw best, the best first, and the one of fewest teeth; sills are
    moved to suit by least squares. None where nothing bends.
    """
    points = found.points
    knots = (found.curve.breakpoints[:-1] - points.low) / (points.high - points.low)
    bends = found.curve.bends[:, 0] * points.width
    counts = [_whole(np.abs(bends), teeth) for teeth in TEETH if teeth >= len(bends)] if bends.any() else []
    ratios = sorted({tuple(int(n) // int(np.gcd.reduce(count)) for n in count) for count in counts})
    drawn = {ratio: _drawn_in(points, knots, np.sign(bends) * np.array(ratio)) for ratio in ratios}
    ratios = [ratio for ratio in ratios if np.diff(drawn[ratio][0].breakpoints).min() >= 0.5 * NEAREST * points.width]
    best = sorted(ratios, key=lambda ratio: drawn[ratio][1])[:RATIOS]
    fewest = min(ratios, key=sum, default=())
    chosen = [*best, *([fewest] if fewest not in best and fewest else [])]
    return tuple(_redrawn(found, drawn[ratio][0]) for ratio in chosen)


def _redrawn(found: Fit, curve: Curve) -> Fit:
    """The fit with another curve, in its own jug."""
    water = _water(curve, found.water.volume)
    losses = {**found.losses, "compiled": _loss(water, found.points)}
    return replace(found, curve=curve, water=water, losses=losses)


def _whole(sizes: Array, teeth: int) -> list[int]:
    """So many teeth dealt out in proportion to `sizes`, one at least to each."""
    wanted = sizes / sizes.sum() * teeth
    counts = np.maximum(np.floor(wanted), 1.0)
    while counts.sum() != teeth:
        short = wanted - counts
        step = 1.0 if counts.sum() < teeth else -1.0
        counts[int((step * short - 1e9 * ((counts + step) < 1)).argmax())] += step
    return [int(count) for count in counts]


def _drawn_in(points: Points, knots: Array, ratio: Array) -> tuple[Curve, float]:
    """The curve whose bends have this ratio, signs and all, and the loss: sills by least squares from `knots`."""
    from scipy.optimize import least_squares

    def line(inner: Array) -> tuple[Array, Array, Array]:
        ramp = np.maximum(points.places[:, None] - np.append(0.0, inner), 0.0) @ ratio
        table = np.stack([np.ones_like(ramp), ramp], axis=1)
        return table, np.linalg.lstsq(table, points.y)[0], inner

    def misses(inner: Array) -> Array:
        table, found, _ = line(inner)
        return np.asarray(table @ found - points.y)

    inner = np.clip(knots[1:], NEAREST, 1.0 - NEAREST)
    if len(inner):
        bounds = (np.full(len(inner), 0.5 * NEAREST), np.full(len(inner), 1.0 - 0.5 * NEAREST))
        inner = least_squares(misses, inner, bounds=bounds, diff_step=1e-4, max_nfev=60).x
    _, (start, scale), _ = line(inner)
    order = np.argsort(inner)
    places, signed = np.append(0.0, inner[order]), np.append(ratio[:1], ratio[1:][order])
    places = np.maximum.accumulate(places + 1e-9 * np.arange(len(places)))
    edges = np.append(places, 1.0)
    heights = start + scale * np.maximum(edges[:, None] - places, 0.0) @ signed
    return Curve(points.low + edges * (points.high - points.low), heights), float((misses(inner) ** 2).sum())


def refilled(found: Fit, volume: float) -> Fit:
    """The same curve in a jug of another size."""
    return replace(found, water=_water(found.curve, volume))


def _water(curve: Curve, volume: float) -> WaterSum:
    """The curve in printable shares."""
    count = max(int(np.count_nonzero(curve.bends)), 1)
    return add_in_water([curve], volume=volume, least_share=min(LEAST_SHARE, 0.8 / count), inputs=["x"])


def _loss(water: WaterSum, points: Points) -> float:
    """Sum of squares over the points."""
    return float(((water(points.x[:, None])[:, 0] - points.y) ** 2).sum())


class _Run:
    """One curve, scaled to mean 0 and variance 1, and how nets learn it."""

    def __init__(self, points: Points, buckets: int, readout: Readout, steps: int, seed: int) -> None:
        self.buckets, self.readout, self.steps, self.seed = buckets, readout, steps, seed
        self.spread = float(points.y.std()) or 1.0
        self.u = torch.tensor(points.places, dtype=torch.float32)
        self.y = torch.tensor((points.y - points.y.mean()) / self.spread, dtype=torch.float32)
        # A single cup only rises, so the sign of its scale is the data's to say.
        self.scale = water_scale(self.u, self.y, buckets) * (_single_sign(readout, points) or 1)

    def best(self, kind: Kind, watch: Watch | None = None) -> tuple[nn.Module, Array]:
        """The best of `SEEDS` nets of a kind, and its mean squared errors on the way, in the unit of y squared."""
        seeds = range(SEEDS * self.seed, SEEDS * (self.seed + 1))
        nets = [make_net(kind, self.buckets, each, readout=self.readout, scale=self.scale) for each in seeds]
        ensemble = gather(nets)
        with one_thread():
            path = train(ensemble, self.u, self.y, steps=self.steps, revive=self.seed, watch=watch)
        chosen = int(path[-1].nan_to_num(torch.inf).argmin())
        return ensemble.net(chosen), path[:, chosen].double().numpy() * self.spread**2


def sills(net: WaterNet) -> Array:
    """Where along the axis, in [0, 1), each live bucket starts to spill: solved for, not searched. Sorted."""
    with torch.no_grad():
        reach = net.split.shares()[0].double() * net.buckets * (1.0 - net.leak)
        places = (net.spread.heights.double() ** 2 / reach).numpy()
    found: Array = np.sort(places[places < 1.0])
    return found


def tidied(points: Points, places: Array, *, rising: int = 0, budget: int) -> Curve:
    """The piecewise-linear curve with bends near `places` (in [0, 1)) that fits best, without bends that buy nothing.

    `rising` ±1 asks for bends of that one sign only: what a single cup can read. At most `budget` bends are kept; the
    one at 0 is the first slope's.
    """
    knots = _polished(points, _filled(points, _apart(places), rising, budget), rising)
    start, bends, loss = _solved(points, np.array(knots), rising)
    while len(knots) > 1:
        without = [knots[:index] + knots[index + 1 :] for index in range(1, len(knots))]
        found = [_solved(points, np.array(fewer), rising) for fewer in without]
        least = min(range(len(found)), key=lambda index: found[index][2])
        smallest = float(np.abs(bends[1:]).min() / np.abs(bends).sum()) if bends.any() else 0.0
        is_worth_all = found[least][2] > WORTH * loss + _dust(points)
        if is_worth_all and smallest >= LEAST_BEND and len(knots) <= budget:
            break
        knots, (start, bends, loss) = without[least], found[least]
    edges = np.append(knots, 1.0)
    heights = start + np.maximum(edges[:, None] - np.array(knots), 0.0) @ bends
    return Curve(points.low + edges * (points.high - points.low), heights)


def _dust(points: Points) -> float:
    """A loss that is nothing: a hundred-millionth of the points' variance."""
    return 1e-8 * float(((points.y - points.y.mean()) ** 2).sum())


def _apart(places: Array) -> list[float]:
    """0, and the places within the axis that keep their distance, sorted."""
    knots = [0.0]
    for place in np.sort(places):
        if NEAREST < place < 1.0 - NEAREST and place - knots[-1] >= NEAREST:
            knots.append(float(place))
    return knots


def _filled(points: Points, knots: list[float], rising: int, budget: int) -> list[float]:
    """Buckets that training left without a bend of their own get one, where the curve misses most, while it helps."""
    loss = _solved(points, np.array(knots), rising)[2]
    while len(knots) < budget:
        tried = [_apart(np.append(knots, place)) for place in (np.arange(40) + 0.5) / 40]
        tried = [more for more in tried if len(more) > len(knots)]
        best = min(tried, key=lambda more: _solved(points, np.array(more), rising)[2], default=knots)
        found = _solved(points, np.array(best), rising)[2]
        if found * WORTH + _dust(points) >= loss:
            break
        knots, loss = best, found
    return knots


def _polished(points: Points, knots: list[float], rising: int) -> list[float]:
    """Sills moved to where the loss is least near by: least squares over the sills, the bends solved for each."""
    from scipy.optimize import least_squares

    if len(knots) == 1:
        return knots

    def misses(places: Array) -> Array:
        return _drawn(points, np.append(0.0, places), rising) - points.y

    bounds = (np.full(len(knots) - 1, NEAREST), np.full(len(knots) - 1, 1.0 - NEAREST))
    inside = np.clip(knots[1:], bounds[0] + 1e-6, bounds[1] - 1e-6)
    moved = _apart(least_squares(misses, inside, bounds=bounds, diff_step=1e-4, max_nfev=60).x)
    better = _solved(points, np.array(moved), rising)[2] < _solved(points, np.array(knots), rising)[2]
    return moved if better else knots


def _drawn(points: Points, knots: Array, rising: int) -> Array:
    """The best curve with these sills, at the points."""
    start, bends, _ = _solved(points, knots, rising)
    drawn: Array = start + np.maximum(points.places[:, None] - knots, 0.0) @ bends
    return drawn


def _single_sign(readout: Readout, points: Points) -> int:
    if readout == "differential":
        return 0
    return 1 if points.y[-1] >= points.y[0] else -1


def _solved(points: Points, knots: Array, rising: int) -> tuple[float, Array, float]:
    """Value at the low end, bends at the knots that fit best, and the loss; bends of one sign if `rising` is ±1."""
    ramps = np.hstack([np.ones((len(points.x), 1)), np.maximum(points.places[:, None] - knots, 0.0)])
    if rising == 0:
        found = np.linalg.lstsq(ramps, points.y, rcond=None)[0]
    else:
        from scipy.optimize import lsq_linear

        sign = np.append(1.0, np.full(len(knots), float(rising)))
        found = lsq_linear(ramps * sign, points.y, bounds=(np.append(-np.inf, np.zeros(len(knots))), np.inf)).x
        found = np.where(np.append(True, found[1:] > 1e-9 * np.abs(found).max()), found, 0.0) * sign
    return float(found[0]), found[1:], float(((ramps @ found - points.y) ** 2).sum())
