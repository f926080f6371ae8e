"""How high walls stand beside places in channels: their crests, what closes them from above, and slits in them. mm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from pelu_fab.signoff.flight import inside
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.ways import Channel

SLIT = 0.8  # mm along a wall to both sides: a narrower gap in it lets nothing but spray through
SHUT, TOUCHING = 1.2, 0.05  # mm of air between a wall's top and a part right above, through which only spray gets
ROOFED = 99.0  # mm: a wall that ends right under another part
AT_A_TIME = 6  # places of a look at which walls are looked at closely together, at first

Look = tuple[Channel, Array, Array]  # into a channel at places (n, 3), each under a heading (n, 3)
Measure = Callable[[Channel, Array, Array], tuple[Any, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Places (n, 3) in channels, each under a heading (n, 3), one look after the other.

    `channel` (n,) numbers the channel of each place, `look` (n,) the look that it belongs to.
    """

    channels: tuple[Channel, ...]
    channel: Index
    look: Index
    at: Array
    heading: Array

    @classmethod
    def of(cls, looks: Sequence[Look]) -> Self:
        """At least one."""
        number = {channel: k for k, channel in enumerate(dict.fromkeys(over for over, _, _ in looks))}
        counts = [len(at) for _, at, _ in looks]
        of_look = [number[over] for over, _, _ in looks]
        at, heading = (np.concatenate([look[column] for look in looks]) for column in (1, 2))
        return cls(tuple(number), np.repeat(of_look, counts), np.repeat(np.arange(len(looks)), counts), at, heading)

    def some(self, chosen: Index, shift: float = 0.0) -> Self:
        """Some of the places, moved along their headings."""
        at, heading = self.at[chosen], self.heading[chosen]
        return replace(
            self, channel=self.channel[chosen], look=self.look[chosen], at=at + shift * heading, heading=heading
        )

    def measured(self, measure: Measure) -> list[Any]:
        """What is found at each place: all places in one channel are looked at together."""
        own = [np.flatnonzero(self.channel == k) for k in range(len(self.channels))]
        found = [measure(over, self.at[k], self.heading[k]) for over, k in zip(self.channels, own, strict=True)]
        back = np.argsort(np.concatenate(own))
        return [np.concatenate(column)[back] for column in zip(*found, strict=True)]

    def parted(self, column: Any) -> list[Any]:
        """What was found, look by look."""
        return np.split(column, np.flatnonzero(np.diff(self.look)) + 1)


def up_walls(over: Channel, at: Array, heading: Array) -> tuple[Array, Array, Array, Mask]:
    """Distance and height of the walls (n, 2), places on and before their tops, and whether there is a floor at all."""
    return *over.sides(at, heading), over.has_floor(at)


def lowest(wet: Wet, looks: Looks, sides: Sequence[Any], stands: Array) -> Array:
    """Height (n,) of the lower wall beside each place, given its `up_walls`: as high as can be under a roof, and where
    there is no floor; it is the higher one of what stands there and a slit on both sides.

    Walls are looked at closely only where one stands least above what `stands` (n,) there; elsewhere inf.
    """
    _, high, _, floor = sides
    least = np.where(floor[:, None], high, ROOFED).min(axis=1) - stands  # that a wall is above the water
    found, best = np.full(len(least), np.inf), np.full(looks.look[-1] + 1, np.inf)
    order = np.lexsort((least, looks.look))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(looks.look, looks.look)
    start, many = 0, AT_A_TIME
    while len(chosen := np.flatnonzero((rank >= start) & (rank < start + many) & (least <= best[looks.look]))):
        found[chosen] = _crests(wet, looks.some(chosen), [column[chosen] for column in sides])
        np.minimum.at(best, looks.look[chosen], found[chosen] - stands[chosen])
        start, many = start + many, 2 * many
    return found


def _crests(wet: Wet, looks: Looks, sides: Sequence[Any]) -> Array:
    """Height (n,) of the lower of the two walls beside each place, whose `sides` are known."""
    walls = _roofed(wet, looks, sides)
    open_ = np.flatnonzero(walls.min(axis=1) < ROOFED)
    for shift in (-SLIT, SLIT):
        beside = looks.some(open_, shift)
        walls[open_] = np.maximum(walls[open_], _roofed(wet, beside, beside.measured(up_walls)))
    return np.asarray(walls.min(axis=1))


def _roofed(wet: Wet, looks: Looks, sides: Sequence[Any]) -> Array:
    """Height of each wall (n, 2), with what stands on it or less than a slit ahead; `ROOFED` where another part hangs
    right over it, and where there is no floor.
    """
    _, high, tops, floor = sides
    part = np.array([over.frame.part for over in looks.channels])[looks.channel]
    closed, more = np.broadcast_to(~floor[:, None], high.shape).copy(), np.zeros_like(high)
    for top in (tops[:, :, 0], tops[:, :, 1]):
        place, side = np.nonzero(~closed & np.isfinite(top[:, :, 0]))
        closed[place, side] = is_under = _hung_over(wet, top[place, side], part[place])
        place, side = place[~is_under], side[~is_under]
        for ahead in (0.0, SLIT):
            stands = _standing(wet, top[place, side] + ahead * looks.heading[place], part[place])
            more[place, side] = np.maximum(more[place, side], stands)
    return np.where(closed, ROOFED, high + more)


def _hung_over(wet: Wet, tops: Array, part: Index) -> Mask:
    """Whether a face of another part than `part` (n,) lies right above each place, with a slit between."""
    query, face, z, facing = wet.surface.columns.crossings(tops, (-TOUCHING, SHUT))
    air = z - tops[query, 2]
    over = (facing < 0) & (air > TOUCHING) & (air < SHUT) & (wet.surface.part_of_face[face] != part[query])
    return np.bincount(query[over], minlength=len(tops)) > 0


def _standing(wet: Wet, tops: Array, part: Index) -> Array:
    """How high (n,) another part than `part` (n,) stands on each place, or ends above it: that is more wall."""
    is_in = inside(wet.surface, tops + np.array([0.0, 0.0, TOUCHING]), part)
    query, face, z, facing = wet.surface.columns.crossings(tops[is_in], (TOUCHING, np.inf))
    air = z - tops[is_in][query, 2]
    ends = (facing > 0) & (air > TOUCHING) & (wet.surface.part_of_face[face] != part[is_in][query])
    found, stands = np.full(int(is_in.sum()), np.inf), np.zeros(len(tops))
    np.minimum.at(found, query[ends], air[ends])
    stands[is_in] = found
    return stands
