"""What people read: cups whose levels can be compared, marks that say volumes, names that are whole and differ. mm.

All from the triangles: relief is what stands on the largest flat of a part's side; a mark's upper edge is its level.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from shapely import (
    GEOSException,
    Point,
    Polygon,
    area,
    bounds,
    box,
    centroid,
    coverage_union_all,
    difference,
    get_coordinates,
    get_parts,
    intersection,
    polygons,
    unary_union,
)
from shapely.geometry.base import BaseGeometry

from pelu_fab.signoff.columns import Plan
from pelu_fab.signoff.letters import seen, unread
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.planar import solid_at
from pelu_fab.signoff.report import Check, failed, most, passed
from pelu_fab.signoff.stl import Array, Mask, Mesh

UPRIGHT = 0.999  # of a normal along a side
BROAD = 0.3  # of the largest flat of a side: what lettering stands on
PROUD = (0.15, 1.2)  # mm that lettering stands out of its wall
SECTION, FLOOR = 0.5, 0.05  # percent between inner sections, mm between floors, of cups that are compared
HEIGHTS = (0.05, 0.5, 0.95)  # of a cup's depth at which its section is taken
STEPS = tuple(d * 10.0**k for k in range(6) for d in (1, 2, 5))[1:]  # mL that marks may be apart: the finest that
LEAST_PITCH, BAR_AND_AIR = 1.6, 4.0  # mm apart can be told apart, so many nozzles can be printed: bar and air, 2 each
MARK, WHOLE = 0.1, 0.01  # mL that a mark may be off the round volume it stands for; mm2 that two labels differ at least
SPECK = 1e-6  # mm2: no area
FULL = 0.98  # of its box, that a mark fills
ALIGNED = 1e-3  # mm: marks begin or end in one line
LONG = 2.5  # times its height, that a mark is long
NO_MARKS: Array = np.zeros((0, 4))

Polygons = NDArray[np.object_]


@dataclass(frozen=True)
class Relief:
    """Lettering on one side of a part: `wall` the box round it, `pieces` what stands on it; across and up, mm.

    The side looks along `axis` (0 for x, 1 for y), in the direction of `sign`.
    """

    wall: Polygon
    pieces: Polygons
    axis: int
    sign: float

    @cached_property
    def _ends(self) -> Array:
        """Boxes (n, 4) round the pieces."""
        return np.asarray(bounds(self.pieces))

    @cached_property
    def _bars(self) -> Mask:
        """Which pieces are level bars."""
        wide, tall = (self._ends[:, 2:] - self._ends[:, :2]).T
        return np.asarray((area(self.pieces) > FULL * wide * tall) & (wide > LONG * tall))

    @cached_property
    def _ruled(self) -> Mask:
        """Which of them begin or end in one line with others."""
        ends, count = self._ends, np.zeros(len(self.pieces), np.int64)
        bars = np.flatnonzero(self._bars)
        for side in (0, 2):
            count[bars] += (np.abs(ends[bars, side][:, None] - ends[bars, side]) < ALIGNED).sum(axis=1)
        return count > 2

    @cached_property
    def marks(self) -> Array:
        """Boxes (n, 4) of the level bars of a scale, the lowest first."""
        ends = self._ends[self._ruled]
        return ends[np.argsort(ends[:, 3], kind="stable")]

    @cached_property
    def lines(self) -> Array:
        """Boxes (n, 4) of level bars that stand alone."""
        return self._ends[self._bars & ~self._ruled]

    @cached_property
    def words(self) -> Polygons:
        """Pieces that are no marks."""
        return self.pieces[~self._ruled]

    @cached_property
    def beyond(self) -> float:
        """mm2 of the words that lie beyond the side."""
        ends, side = self._ends[~self._ruled], np.array(self.wall.bounds)
        out = ((ends[:, :2] < side[:2]) | (ends[:, 2:] > side[2:])).any(axis=1)
        return float(area(difference(self.words[out], self.wall)).sum())

    def unread(self, text: str) -> str:
        """Letters and digits of a text that can't be read here, in their order, by who looks at the side."""
        return unread(self._letters, text)

    @cached_property
    def _letters(self) -> NDArray[np.float32]:
        return seen(self.words, self.sign if self.axis == 0 else -self.sign)

    @cached_property
    def looks(self) -> tuple[tuple[float, ...], ...]:
        """Where each piece of the words lies and how large it is: equal for equal words."""
        if not len(self.words):
            return ()
        places = get_coordinates(centroid(self.words)) - self._ends[~self._ruled, :2].min(axis=0)
        areas = area(self.words)
        looks = np.column_stack([places, areas]).round(1)
        return tuple(sorted(map(tuple, looks.tolist())))


@dataclass(frozen=True)
class Legible:
    """A part as people read it."""

    part: LoadedPart

    @property
    def name(self) -> str:
        """The manifest's for it."""
        return self.part.entry.name

    @cached_property
    def sides(self) -> tuple[Relief, ...]:
        """What stands out of its four upright sides, as it lies in the assembly."""
        return reliefs(self.part.placed)

    @cached_property
    def inside(self) -> "Inside | None":
        """What holds water, if it is an open box."""
        return inside_of(self.part.placed)


def read_checks(parts: Sequence[Legible], texts: Mapping[str, Sequence[str]], nozzle: float) -> list[Check]:
    """All read rules but rulers. `texts`: what is to be read on parts, each on a part as a whole; `nozzle` in mm."""
    cups, jugs, cards = ([one for one in parts if one.part.entry.role == role] for role in ("cup", "jug", "card"))
    checks = [*_levels(cups), *_labels([*cups, *jugs, *cards], texts)]
    for one in (*cups, *(jug for jug in jugs if not jug.part.entry.rulers)):
        checks += _marks(one, least_pitch(nozzle))
    return checks


def least_pitch(nozzle: float) -> float:
    """mm between marks that can be printed and told apart."""
    return max(LEAST_PITCH, BAR_AND_AIR * nozzle)


def reliefs(mesh: Mesh) -> tuple[Relief, ...]:
    """What stands out of each of a part's four upright sides, as it lies in the assembly."""
    return tuple(relief for axis in (0, 1) for sign in (-1.0, 1.0) for relief in _relief(mesh, axis, sign))


def _relief(mesh: Mesh, axis: int, sign: float) -> Iterator[Relief]:
    own = np.flatnonzero(mesh.normals[:, axis] * sign > UPRIGHT)
    if not len(own):
        return
    corners = mesh.corners.take(own, axis=0)
    depth = np.round(corners[:, :, axis].mean(axis=1) * sign, 2)
    levels, level = np.unique(depth, return_inverse=True)
    owned = np.bincount(level, mesh.areas[own])
    wall = levels[owned > BROAD * owned.max()].max()  # inner faces look the same way, and lie deeper
    out = (depth > wall + PROUD[0]) & (depth < wall + PROUD[1])
    if out.any():
        flat = _flat(corners[depth == wall], axis).reshape(-1, 2)
        side = box(*flat.min(axis=0), *flat.max(axis=0))
        pieces = get_parts(_joined(_flat(corners[out], axis)))
        on_it = area(intersection(pieces, side)) > area(pieces) / 2.0  # an ear that ends here begins elsewhere
        yield Relief(side, pieces[(area(pieces) > WHOLE) & on_it], axis, sign)


def _joined(triangles: Array) -> BaseGeometry:
    """The area that triangles cover: at once where they meet edge to edge, which those of one flat do."""
    each = polygons(triangles)
    try:
        whole = coverage_union_all(each)
    except GEOSException:  # some overlap
        return unary_union(each)
    return whole if whole.is_valid and abs(whole.area - area(each).sum()) < SPECK else unary_union(each)


def _flat(corners: Array, axis: int) -> Array:
    return np.round(corners[:, :, [1 - axis, 2]], 4)


@dataclass(frozen=True, slots=True)
class Inside:
    """An open box's inside: floor, rim, and its section at `HEIGHTS`, mm2."""

    floor: float
    rim: float
    sections: tuple[float, ...]


def inside_of(mesh: Mesh) -> Inside | None:
    """What holds water in a part that is an open box, z up; None if it is none."""
    low, high = mesh.box
    middle = (low + high)[:2] / 2
    up = np.flatnonzero(mesh.normals[:, 2] > UPRIGHT)
    _, floors = Plan(mesh.corners.take(up, axis=0)).meets(np.arange(len(up)), np.tile(middle, (len(up), 1)))
    if not len(floors):
        return None
    floor = float(floors.max())
    sections = []
    for part in HEIGHTS:
        solid = solid_at(mesh.corners, floor + part * (high[2] - floor))
        holes = [Polygon(ring) for g in getattr(solid, "geoms", [solid]) for ring in getattr(g, "interiors", [])]
        sections.append(sum(hole.area for hole in holes if hole.contains(Point(middle))))
    return Inside(floor, float(high[2]), tuple(sections)) if min(sections) > 0.0 else None


def _levels(cups: Sequence[Legible]) -> list[Check]:
    """Whether the highest water is the fullest cup: one inner section, one floor."""
    checks = [
        failed("read.level", cup.name, "is no open box whose level tells a volume")
        for cup in cups
        if cup.inside is None
    ]
    known = [cup.inside for cup in cups if cup.inside is not None]
    if len(known) < 2:
        return checks or [passed("read.level", "cups", "none to compare")]
    sections = np.array([one.sections for one in known])
    apart = 100.0 * float(np.ptp(sections) / sections.mean())
    floors = float(np.ptp([one.floor for one in known]))
    return [
        *checks,
        most(
            "read.level", "cups", apart, SECTION, "%", "between the inner sections of cups, and of one at all heights"
        ),
        most("read.level", "floors", floors, FLOOR, "mm", "between the floors of cups"),
    ]


def _labels(parts: Sequence[Legible], texts: Mapping[str, Sequence[str]]) -> list[Check]:
    """Whether every part that has a name says it: words stand on it whole and can be read, and no two parts of a kind
    look alike.
    """
    checks: list[Check] = []
    seen: dict[tuple[str, object], str] = {}
    for one in parts:
        name, role = one.name, one.part.entry.role
        worded = [relief for relief in one.sides if len(relief.words)]
        if not worded:
            checks.append(failed("read.label", name, "no word stands on it"))
            continue
        beyond = sum(relief.beyond for relief in worded)
        looks = tuple(relief.looks for relief in worded)
        other = seen.setdefault((role, looks), name)
        wanted = [*texts.get(name, ()), *_numerals(one.inside if role == "cup" else None, worded)]
        lost = _unread(worded, wanted)
        if other != name:
            checks.append(failed("read.label", name, f"looks like {other}"))
        elif lost:
            checks.append(failed("read.label", name, lost))
        else:
            checks.append(most("read.label", name, beyond, WHOLE, "mm2", "of its words lie beyond its side"))
    return checks


def _unread(sides: Sequence[Relief], texts: Sequence[str]) -> str:
    """What can't be read on a side that has about as many letters as the fullest; '' if all can."""
    fullest = max(len(relief.words) for relief in sides)
    for relief in sides:
        for text in texts if len(relief.words) > fullest / 2 else ():
            if lost := relief.unread(text):
                return f"{text!r} is to be read on it; {lost!r} can't: other letters, or mirrored ones"
    return ""


def _numerals(one: Inside | None, sides: Sequence[Relief]) -> list[str]:
    """Those that a cup's longer marks call for, from above, as one text."""
    marks = max((relief.marks for relief in sides), key=len, default=NO_MARKS)
    if one is None or not len(marks):
        return []
    wide = marks[:, 2] - marks[:, 0]
    tops = sorted(marks[wide > 1.2 * wide.min(), 3].tolist(), reverse=True)
    return [" ".join(str(round((top - one.floor) * one.sections[1] / 1e3)) for top in tops)]


def _marks(one: Legible, pitch: float) -> list[Check]:
    """Whether marks say round volumes, close enough together."""
    name, inside = one.name, one.inside
    marks = max((relief.marks for relief in one.sides), key=len, default=NO_MARKS)
    if inside is None or len(marks) < 2:
        return [failed("read.marks", name, f"{len(marks)} marks stand on it: no volume can be read")]
    section = inside.sections[1]
    volumes = (marks[:, 3] - inside.floor) * section / 1e3
    step = round(float(np.median(np.diff(volumes))))
    off = float(np.abs(volumes - np.round(volumes / max(step, 1)) * max(step, 1)).max())
    widest = float(max(volumes[0], np.diff(volumes).max()))
    limit = next(s for s in STEPS if s >= pitch * section / 1e3)
    return [
        most("read.marks", name, off, MARK, "mL", f"that a mark of every {step} mL is off"),
        most("read.marks", f"{name} steps", widest, limit + MARK, "mL", "between two marks"),
    ]
