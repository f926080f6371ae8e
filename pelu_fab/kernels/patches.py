"""Patches between chains of corners in, triangles out: what goes on level and straight is one, without the corners
between. Slopes keep theirs, in rows of one height: a cut through them is level however their corners are rounded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
STRAIGHT = 1e-5  # mm that a corner may lie beside the line between its neighbours; float32 at 250 mm
LONG = 40.0  # mm: about as far apart corners are left on a straight edge, or triangles would be needles


class Patches(NamedTuple):
    """Flat pieces, each between two chains: corners next to each other in `order`, from and to, from and to.

    Some are seen from behind. `at` is where each corner of `order` lies along the chains.
    """

    order: Ints
    at: Floats
    chains: tuple[Ints, Ints, Ints, Ints]
    is_turned: Flags


class _Links(NamedTuple):
    """Pairs of patches on one side of which a level edge goes straight on from the first to the second."""

    one: Ints
    other: Ints


def triangles(patches: Patches, points: Floats) -> tuple[Flags, Ints]:
    """Which points are still corners, and triangles between those: none where only level straight edges go on."""
    links = [_links(patches, side, points) for side in (0, 1)]
    kept = _kept(patches, links, len(points))
    here = kept[patches.order]
    order, left = patches.order[here], _left(patches, here)
    sides = [_open(patches, side, own, here) for side, own in enumerate(links)]
    corners = [_zipped(left, sides[0]), *_beside(left, sides, points[order])]
    return kept, (np.cumsum(kept) - 1)[order[np.concatenate(corners)]]


def _links(patches: Patches, side: int, points: Floats) -> _Links:
    a0, a1, b0, b1 = patches.chains
    begins, ends = (2 * patches.chains[n] + patches.is_turned for n in (side, 2 + side))
    begins[a0 == a1] = -1  # a tip
    order = begins.argsort()
    place = np.minimum(begins[order].searchsorted(ends), len(order) - 1)
    one = np.flatnonzero((begins[order[place]] == ends) & (b0 < b1))
    other = order[place[one]]
    own = patches.chains[side][one], patches.chains[2 + side][one], patches.chains[2 + side][other]
    a, b, c = (points[patches.order[at]] for at in own)
    part, before = (np.floor((at[:, 0] + at[:, 1]) / LONG) for at in (a, b))
    is_level = (a[:, 2] == b[:, 2]) & (b[:, 2] == c[:, 2])
    seen = (np.bincount(other, minlength=len(a0))[other] == 1) & is_level & _is_straight(a, b, c) & (part == before)
    return _Links(one[seen], other[seen])


def _is_straight(a: Floats, b: Floats, c: Floats) -> Flags:
    """Whether b lies on the line from a to c."""
    along = c - a
    return np.asarray(_off(b - a, along) <= STRAIGHT**2 * (along * along).sum(axis=1))


def _off(a: Floats, b: Floats) -> Floats:
    """Square of how far vectors point aside of others, times their lengths."""
    (x, y, z), (u, v, w) = a.T, b.T
    return np.asarray((y * w - z * v) ** 2 + (z * u - x * w) ** 2 + (x * v - y * u) ** 2)


def _kept(patches: Patches, links: Sequence[_Links], count: int) -> Flags:
    """Of all corners those at which a patch begins or ends on one side, or bends."""
    kept = np.zeros(count, dtype=bool)
    for (one, other), a, b in zip(links, patches.chains[:2], patches.chains[2:], strict=True):
        for chain, linked in ((a, other), (b, one)):
            is_end = np.ones(len(chain), dtype=bool)
            is_end[linked] = False
            kept[patches.order[chain[is_end]]] = True
    return kept


def _open(patches: Patches, side: int, links: _Links, here: Flags) -> _Links:
    """The links whose corner is not kept."""
    is_open = ~here[patches.chains[2 + side][links.one]]
    return _Links(links.one[is_open], links.other[is_open])


def _left(patches: Patches, here: Flags) -> Patches:
    """The same between the corners that are kept; a chain of none ends before it begins."""
    before = np.concatenate([[0], np.cumsum(here)])
    a0, a1, b0, b1 = patches.chains
    chains = before[a0], before[a1 + 1] - 1, before[b0], before[b1 + 1] - 1
    return Patches(patches.order[here], patches.at[here], chains, patches.is_turned)


def spread(first: Ints, count: Ints) -> tuple[Ints, Ints]:
    """All numbers of some ranges: whose each is, and the number."""
    which = np.repeat(np.arange(len(first)), count)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(count) - count - first, count)


def _zipped(patches: Patches, links: _Links) -> Ints:
    """Triangles between the two chains of each patch, or of some that follow each other and have none between."""
    a0, a1, b0, b1 = patches.chains
    after, is_open = np.arange(len(a0)), b0[links.one] > b1[links.one]
    after[links.one[is_open]] = links.other[is_open]
    while (after[after] != after).any():
        after = after[after]
    first = np.flatnonzero(a0 <= a1)
    last = after[first]
    a0, a1, b0, b1 = a0[first], a1[first], b0[last], b1[last]
    (one, i), (other, j) = spread(a0, a1 - a0), spread(b0, b1 - b0)
    which, edge = np.concatenate([one, other]), np.concatenate([i, j])
    order = np.lexsort((patches.at[edge] + patches.at[edge + 1], which))
    which, edge, is_second = which[order], edge[order], order >= len(one)
    begin, before = which.searchsorted(which), np.cumsum(is_second, dtype=np.int64) - is_second
    seconds = before - before[begin]
    facing = np.where(is_second, a0[which] + np.arange(len(which)) - begin - seconds, b0[which] + seconds)
    corners = np.stack([edge, np.where(is_second, edge + 1, facing), np.where(is_second, facing, edge + 1)], axis=1)
    return _turned(corners, patches.is_turned[first][which])


def _beside(patches: Patches, links: Sequence[_Links], points: Floats) -> list[Ints]:
    """Triangles between straight sides and the chains that end before them, those that reach farthest first."""
    corner, is_end, is_turned = map(np.concatenate, zip(*(_side(patches, n, links[n]) for n in (0, 1)), strict=True))
    ends = np.flatnonzero(is_end)
    low, high, made = ends[::2], ends[1::2], []
    while len(low := low[wide := high > low + 1]):
        high = high[wide]
        which, near = _nearest(low, high, points[corner])
        begin = which.searchsorted(np.arange(len(low) + 1))
        middle = near[(begin[:-1] + begin[1:]) // 2]
        made.append(np.stack([low, high, middle], axis=1))
        bay, place = np.concatenate([which, *2 * [np.arange(len(low))]]), np.concatenate([near, low, high])
        order = np.lexsort((place, bay))
        same = np.flatnonzero(bay[order[1:]] == bay[order[:-1]])
        bay, a, b = bay[order[same]], place[order[same]], place[order[same + 1]]
        apex = np.where(b <= middle[bay], low[bay], high[bay])
        made.append(np.stack([apex, b, a], axis=1)[(apex != a) & (apex != b)])
        low, high = a, b
    return [_turned(corner[found], is_turned[found[:, 0]]) for found in made]


def _side(patches: Patches, side: int, links: _Links) -> tuple[Ints, Flags, Flags]:
    """Strip by strip of linked patches the corners of chains nearest to that side, whether they lie on it, and whether
    triangles are turned there.
    """
    first, place = np.arange(len(patches.is_turned)), np.zeros(len(patches.is_turned), dtype=np.int64)
    first[links.other], place[links.other] = links.one, 1
    while (first[first] != first).any():
        first, place = first[first], place + place[first]
    own = np.concatenate([links.one, links.other[~np.isin(links.other, links.one)]])
    own = own[np.lexsort((place[own], first[own]))]
    _, _, b0, b1 = patches.chains
    begins, ends = place[own] == 0, np.append(place[own][1:], 0) == 0
    corner, is_end, some = (
        np.stack(pair, axis=1).ravel()
        for pair in (
            (patches.chains[side][own], patches.chains[2 + side][own]),
            (begins, ends),
            (begins, (b0 <= b1)[own]),
        )
    )
    return corner[some], is_end[some], (patches.is_turned[own].repeat(2) != (side == 1))[some]


def _nearest(low: Ints, high: Ints, places: Floats) -> tuple[Ints, Ints]:
    """Between each two of some places those that lie nearest to the line between these: nothing is in their way."""
    which, between = spread(low + 1, high - low - 1)
    off = _off(places[between] - places[low][which], (places[high] - places[low])[which])
    least = np.minimum.reduceat(off, which.searchsorted(np.arange(len(low))))
    near = off <= least[which] * (1.0 + 1e-9)
    return which[near], between[near]


def _turned(corners: Ints, are: Flags) -> Ints:
    corners[are] = corners[are, ::-1]
    return corners
