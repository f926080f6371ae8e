"""Prisms along x and z in, the surface of what they make out: columns over a plan, closed by construction."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.solid import Outline, Step
from pelu_fab.kernels.patches import Patches, spread, triangles
from pelu_fab.kernels.region import grouped
from pelu_fab.kernels.relief import Surface

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Chains = list[tuple[Ints, Ints]]  # where two begin and end, one after the other: place in height, and in plan
SAME = 2e-4  # mm: what lies nearer together is one, for all is drawn on a grid of 1 µm
PASSES = 6  # in which lines that cross are cut there
FEW, MOST = 6, 62  # kinds of prism: fewer are joined as fast by booleans; each is a bit
WORTH = 6.0  # pieces that a line is cut into, on average: of more booleans are as fast


def surface(modules: Sequence[Sequence[Step]]) -> Surface | None:
    """The surface of some modules joined; None where a prism lies along y, or too much would have to be cut.

    In plan the part is cut into strips along x in which no two lines cross, neither in plan nor in section. Over each
    piece between two lines stand layers: their faces, and walls where those of two pieces differ, share all corners
    over a place in plan.
    """
    kinds = [(n, step.op, prism) for n, steps in enumerate(modules) for step in steps for prism in grouped(step.prisms)]
    if not FEW <= len(kinds) <= MOST or any(prism.axis == "y" or prism.voids for _, _, prism in kinds):
        return None
    plan, section = [], []
    for kind, (_, _, prism) in enumerate(kinds):
        outlines = _outlines(prism.outlines, prism.axis == "z", kind)
        ends = _ends(outlines.y0.min(), outlines.y1.max(), (prism.start, prism.end), kind)
        plan.append(outlines if prism.axis == "z" else ends)
        section.append(ends if prism.axis == "z" else outlines)
    cut = _cut(_joined(plan), _joined(section))
    if cut is None:
        return None
    ys, drawn, across = cut
    layers = _Layers(across, [(module, op) for module, op, _ in kinds])
    shared = _shared(drawn, layers, len(kinds))
    return _closed(ys, shared, layers, across.at) if len(shared.x) else None


class _Lines(NamedTuple):
    """Lines from (y0, at0) to (y1, at1), y0 < y1, at which the prism of a kind begins (1) or ends (-1)."""

    y0: Floats
    y1: Floats
    at0: Floats
    at1: Floats
    weight: Ints
    kind: Ints


def _ends(y0: float, y1: float, at: tuple[float, float], kind: int) -> _Lines:
    return _Lines(np.full(2, y0), np.full(2, y1), np.array(at), np.array(at), np.array([1, -1]), np.full(2, kind))


def _outlines(outlines: Sequence[Outline], is_plan: bool, kind: int) -> _Lines:
    """What bounds outlines in (x, y), or in (y, z), along the other axis than y."""
    points = np.array([point for outline in outlines for point in outline])
    y, at = points.T[::-1] if is_plan else points.T
    sizes = np.array([len(outline) for outline in outlines])
    begin, after = np.cumsum(sizes) - sizes, np.arange(len(points)) + 1
    after[begin + sizes - 1] = begin
    turns = np.repeat(np.add.reduceat(y * at[after] - y[after] * at, begin), sizes)
    a = np.flatnonzero(y != y[after])
    b = after[a]
    weight = np.where((y[b] > y[a]) == (turns[a] > 0.0), 1, -1)
    a, b = np.where(y[b] > y[a], a, b), np.where(y[b] > y[a], b, a)
    return _Lines(y[a], y[b], at[a], at[b], weight, np.full(len(a), kind))


def _joined(lines: Iterable[_Lines]) -> _Lines:
    return _Lines(*(np.concatenate(column) for column in zip(*lines, strict=True)))


class _Pieces(NamedTuple):
    """Lines as far as they lie in a strip, strip by strip and from the least: the places where they begin and end."""

    strip: Ints
    first: Ints
    last: Ints
    weight: Ints
    kind: Ints
    at: Floats  # of each place, in order
    on: Ints  # number of the y that it lies on


def _cut(plan: _Lines, section: _Lines) -> tuple[Floats, _Pieces, _Pieces] | None:
    """Each y at which strips end, and the lines of plan and section in them; None where that is not worth while."""
    ys = _apart(np.concatenate([plan.y0, plan.y1, section.y0, section.y1]))
    for _ in range(PASSES):
        (drawn, crossed), (across, also) = _pieces(plan, ys), _pieces(section, ys)
        if len(drawn.strip) > WORTH * len(plan.y0):
            return None
        if not len(crossed) and not len(also):
            return ys, drawn, across
        ys = _apart(np.concatenate([ys, crossed, also]))
    return None


def _apart(values: Floats) -> Floats:
    values = np.sort(values)
    return values[np.diff(values, prepend=-np.inf) > SAME]


def _distinct(values: Ints) -> Ints:
    """In order; sooner than by hashes."""
    values = np.sort(values)
    return values[np.diff(values, prepend=-1) > 0]


def _pieces(lines: _Lines, ys: Floats) -> tuple[_Pieces, Floats]:
    """Lines cut at `ys`, and where two neighbours of a strip cross."""
    begin = ys.searchsorted(lines.y0 - SAME)
    which, strip = spread(begin, ys.searchsorted(lines.y1 - SAME) - begin)
    slope = (lines.at1 - lines.at0) / (lines.y1 - lines.y0)
    at = np.concatenate([lines.at0[which] + slope[which] * (ys[strip + n] - lines.y0[which]) for n in (0, 1)])
    on = np.concatenate([strip, strip + 1])
    order = np.lexsort((at, on))
    new = (np.diff(on[order], prepend=-1) > 0) | (np.diff(at[order], prepend=-np.inf) > SAME)
    place = np.empty_like(order)
    place[order] = np.cumsum(new) - 1
    own, (first, last), (low, high) = order[new], np.split(place, 2), np.split(at, 2)
    order = np.lexsort((last, first, strip))
    strip, first, last = strip[order], first[order], last[order]
    pieces = _Pieces(strip, first, last, lines.weight[which[order]], lines.kind[which[order]], at[own], on[own])
    one = np.flatnonzero((strip[1:] == strip[:-1]) & (last[1:] < last[:-1]))
    before, after = ((side[order[one + 1]] - side[order[one]]) for side in (low, high))
    return pieces, ys[strip[one]] + np.diff(ys)[strip[one]] * before / (before - after)


def _alike(*keys: Ints) -> tuple[Ints, Ints]:
    """Where each combination of keys comes first, in order of the last key; and which of them each is."""
    order = np.lexsort(keys)
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    which = np.empty_like(order)
    which[order] = np.cumsum(new) - 1
    return order[new], which


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """From the lowest, where each run of ones begins and ends."""
    while bits:
        low = bits & -bits
        above = bits + low
        yield low.bit_length() - 1, (above & -above).bit_length() - 1
        bits &= above


def _filled(low: int, high: int) -> int:
    return (1 << high) - (1 << low)


class _Layers:
    """Levels of all strips in order, and what is solid: a bit for all between a level and the next of its strip."""

    def __init__(self, section: _Pieces, kinds: Sequence[tuple[int, str]]) -> None:
        own, level = _alike(section.last, section.first, section.strip)
        self.first, self.last, self._kinds = section.first[own], section.last[own], kinds
        order = np.lexsort((level, section.kind, section.strip))
        inside = np.flatnonzero(np.cumsum(section.weight[order]) > 0)
        ways = (section.strip[order], section.kind[order], level[order], level[np.roll(order, -1)])
        self._of: dict[tuple[int, int], int] = {}
        for strip, kind, low, high in zip(*(way[inside].tolist() for way in ways), strict=True):
            self._of[strip, kind] = self._of.get((strip, kind), 0) | _filled(low, high)

    def solid(self, strip: int, present: int) -> int:
        """Where prisms of some kinds are, a bit each: added and cut in the order of their module, modules joined."""
        joined = here = module = 0
        while present:
            kind = (present & -present).bit_length() - 1
            present &= present - 1
            of, op = self._kinds[kind]
            if of != module:
                joined, here, module = joined | here, 0, of
            bits = self._of.get((strip, kind), 0)
            here = here | bits if op == "add" else here & ~bits
        return joined | here


class _Plan(NamedTuple):
    """Lines between pieces of the plan with other layers, in order, each from place to place; what is solid there."""

    first: Ints
    last: Ints
    left: Ints
    right: Ints
    solids: list[int]  # of each number on the left or the right; nothing of 0
    x: Floats  # of each place
    on: Ints


def _shared(drawn: _Pieces, layers: _Layers, kinds: int) -> _Plan:
    here = np.zeros((len(drawn.kind), kinds), dtype=np.int16)
    here[np.arange(len(here)), drawn.kind] = drawn.weight
    present = (here.cumsum(axis=0) > 0) @ (1 << np.arange(kinds))
    ends = np.ones(len(here), dtype=bool)  # of lines that lie on each other the last
    ends[:-1] = np.any([np.diff(key) != 0 for key in (drawn.strip, drawn.first, drawn.last)], axis=0)
    strip, present = drawn.strip[ends], present[ends]
    own, which = _alike(present, strip)
    found = [layers.solid(*one) for one in zip(strip[own].tolist(), present[own].tolist(), strict=True)]
    numbers = {bits: n for n, bits in enumerate(dict.fromkeys([0, *found]))}
    right = np.array([numbers[bits] for bits in found])[which]
    left = np.roll(right, 1)  # nothing is right of a strip's last line
    seen = right != left
    first, last = drawn.first[ends][seen], drawn.last[ends][seen]
    used = _distinct(np.concatenate([first, last]))
    return _Plan(
        used.searchsorted(first),
        used.searchsorted(last),
        left[seen],
        right[seen],
        list(numbers),
        drawn.at[used],
        drawn.on[used],
    )


def _closed(ys: Floats, plan: _Plan, layers: _Layers, z: Floats) -> Surface:
    """Triangles between the chains of all faces and walls, which take up each corner that lies on them."""
    (faces, is_top), (walls, is_turned) = _faces(plan, layers), _walls(plan, layers)
    places = len(plan.x)
    corner = _distinct(np.concatenate([level * places + place for level, place in (*faces, *walls)]))
    level, place = np.divmod(corner, places)
    points = np.stack([plan.x[place], ys[plan.on[place]], z[level]], axis=1)
    order = np.lexsort((level, place))
    above = (place * len(z) + level)[order]
    flat = [corner.searchsorted(at * places + over) for at, over in faces]
    upright = [above.searchsorted(over * len(z) + at) + len(corner) for at, over in walls]
    a0, a1, b0, b1 = map(np.concatenate, zip(flat, upright, strict=True))
    patches = Patches(
        np.concatenate([np.arange(len(corner)), order]),
        np.concatenate([points[:, 0], points[order, 2]]),
        (a0, a1, b0, b1),
        np.concatenate([is_top, is_turned]) == 1,
    )
    kept, made = triangles(patches, points)
    return Surface(points[kept].astype(np.float32), made)


def _faces(plan: _Plan, layers: _Layers) -> tuple[Chains, Ints]:
    """Each layer's two faces, as far as they run along a strip; and whether it is the upper one."""
    cell = np.flatnonzero(plan.right > 0)
    levels = [[level for run in _runs(bits) for level in run] for bits in plan.solids]
    count = np.array([len(of) for of in levels])
    begin = (np.cumsum(count) - count)[plan.right[cell]]
    which, row = spread(begin, count[plan.right[cell]])
    level, is_top, at = np.array([one for of in levels for one in of])[row], (row - begin[which]) % 2, cell[which]
    order = np.lexsort((at, is_top, level))
    level, is_top, at = level[order], is_top[order], at[order]
    new = np.ones(len(at) + 1, dtype=bool)
    new[1:-1] = (np.diff(level) != 0) | (np.diff(is_top) != 0) | (np.diff(at) != 1)
    level, left, right = level[new[:-1]], at[new[:-1]], at[new[1:]] + 1
    ends = ((layers.first[level], plan.first), (layers.last[level], plan.last))
    return [(height, along[side]) for height, along in ends for side in (left, right)], is_top[new[:-1]]


def _walls(plan: _Plan, layers: _Layers) -> tuple[Chains, Ints]:
    """Walls along lines between two columns, then along strips' ends.

    With each whether it is turned: what is solid lies on the right, or before.
    """
    wall, low, high, is_right = _differing(plan.left, plan.right, plan.solids, plan.solids)
    ends = ((layers.first, plan.first[wall]), (layers.last, plan.last[wall]))
    along = [(height[level], place) for height, place in ends for level in (low, high)]
    cell = np.flatnonzero(plan.right > 0)
    beyond, before = np.zeros_like(plan.on), np.zeros_like(plan.on)  # what is solid from a place to the next along x
    for side, chain in ((beyond, plan.first), (before, plan.last)):
        which, place = spread(chain[cell], chain[cell + 1] - chain[cell])
        side[place] = plan.right[cell][which]
    at = np.flatnonzero(beyond != before)
    bits = [[_standing(one, side) for one in plan.solids] for side in (layers.first.tolist(), layers.last.tolist())]
    wall, low, high, is_before = _differing(beyond[at], before[at], *bits)
    across = [(level, at[wall] + n) for n in (0, 1) for level in (low, high)]
    joined = [(np.concatenate([a, c]), np.concatenate([b, d])) for (a, b), (c, d) in zip(along, across, strict=True)]
    return joined, np.concatenate([is_right, is_before])


def _standing(bits: int, places: list[int]) -> int:
    """What is solid at one end of a strip, a bit for all between a place and the next, of its levels' places there."""
    there = 0
    for low, high in _runs(bits):
        there |= _filled(places[low], places[high])
    return there


def _differing(one: Ints, other: Ints, bits: list[int], others: list[int]) -> tuple[Ints, ...]:
    """Where one of two is solid alone: which pair, from where to where, and whether it is the other (1)."""
    own, which = _alike(one, other)
    pairs = [(bits[a], others[b]) for a, b in zip(one[own].tolist(), other[own].tolist(), strict=True)]
    alone = [[(*run, n) for n, more in enumerate((a & ~b, b & ~a)) for run in _runs(more)] for a, b in pairs]
    count = np.array([len(of) for of in alone])
    pair, row = spread((np.cumsum(count) - count)[which], count[which])
    return pair, *np.array([one for of in alone for one in of], dtype=np.int64).reshape(-1, 3)[row].T
