"""Parts as kernel-neutral solids: prisms along an axis, added and cut in order. Two kernels build the same from it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Point = tuple[float, float]
Place = tuple[float, float, float]
Outline = tuple[Point, ...]
Axis = Literal["x", "y", "z"]
Transform = tuple[tuple[float, float, float, float], ...]  # 3 rows: rotation and translation, part -> assembly
PLANE: dict[Axis, tuple[int, int, int]] = {"x": (1, 2, 0), "y": (0, 2, 1), "z": (0, 1, 2)}  # an outline's, the sweep's
IDENTITY: Transform = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Prism:
    """The region (union of `outlines`, less `voids`) swept along `axis` from `start` to `end`.

    Outlines are in (x, y) for axis z, (y, z) for x, and (x, z) for y; either winding.
    """

    axis: Axis
    start: float
    end: float
    outlines: tuple[Outline, ...]
    voids: tuple[Outline, ...] = ()
    is_lettering: bool = False  # relief that a B-rep may leave out


@dataclass(frozen=True, slots=True)
class Step:
    """Prisms to add to what there is, or to cut from it."""

    op: Literal["add", "cut"]
    prisms: tuple[Prism, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece in its print pose, or flat as it is cut: on z = 0, near the origin.

    `modules` overlap and are joined. `genus` is the number of handles it must have, None where nobody counted. A piece
    that `is_cut` is one prism along z, whose outlines are its cut; `engraved` is written on its face.
    """

    name: str
    role: str  # card | tray | cup | jug | stand
    modules: tuple[tuple[Step, ...], ...]
    transform: Transform | None  # None: a loose part, not in the assembly
    genus: int | None = None
    count: int = 1  # how many to make
    is_cut: bool = False  # out of a sheet, not printed
    engraved: tuple[Outline, ...] = ()

    @property
    def extents(self) -> Place:
        """Size of the box round all that is added, mm."""
        (x, y, z), (right, back, top) = bounds(self.modules)
        return right - x, back - y, top - z

    @property
    def cut_lines(self) -> tuple[Outline, ...]:
        """Of a piece that is cut: its outline, then its windows."""
        ((step,),) = self.modules
        (prism,) = step.prisms
        return (*prism.outlines, *prism.voids)


def rectangle(a0: float, a1: float, b0: float, b1: float) -> Outline:
    """Corners of a box in a plane."""
    return ((a0, b0), (a1, b0), (a1, b1), (a0, b1))


def box(x: Point, y: Point, z: Point) -> Prism:
    """An upright box."""
    return Prism("z", z[0], z[1], (rectangle(*x, *y),))


def swapped(prism: Prism) -> Prism:
    """The prism with x and y exchanged: a mirror image, for rows that run along y."""

    def flip(outlines: tuple[Outline, ...]) -> tuple[Outline, ...]:
        return tuple(tuple((b, a) for a, b in outline) for outline in outlines)

    if prism.axis == "z":
        return replace(prism, outlines=flip(prism.outlines), voids=flip(prism.voids))
    return replace(prism, axis="y" if prism.axis == "x" else "x")


def shifted(modules: Iterable[tuple[Step, ...]], x: float, y: float, z: float) -> tuple[tuple[Step, ...], ...]:
    """Every prism of some modules shifted by (x, y, z)."""
    by = _Shifted(x), _Shifted(y), _Shifted(z)
    return tuple(tuple(Step(s.op, tuple(_moved(p, by) for p in s.prisms)) for s in module) for module in modules)


def upright(name: str, role: str, modules: Iterable[tuple[Step, ...]], genus: int | None = None) -> Part:
    """A part that prints as it stands: `modules` in device coordinates."""
    modules = tuple(modules)
    (x, y, z), _ = bounds(modules)
    transform: Transform = ((1.0, 0.0, 0.0, x), (0.0, 1.0, 0.0, y), (0.0, 0.0, 1.0, z))
    return Part(name, role, shifted(modules, -x, -y, -z), transform, genus)


def bounds(modules: Iterable[tuple[Step, ...]]) -> tuple[Place, Place]:
    """Least and largest x, y and z over all added prisms; cuts may leave less."""
    x, y, z = found = set[float](), set[float](), set[float]()
    for prism in (p for module in modules for s in module if s.op == "add" for p in s.prisms):
        i, j, k = PLANE[prism.axis]
        found[k].update((prism.start, prism.end))
        for outline in prism.outlines:
            found[i].update([a for a, _ in outline])
            found[j].update([b for _, b in outline])
    return (min(x), min(y), min(z)), (max(x), max(y), max(z))


def moved(prism: Prism, x: float, y: float, z: float) -> Prism:
    """The prism shifted by (x, y, z)."""
    return _moved(prism, (_Shifted(x), _Shifted(y), _Shifted(z)))


class _Shifted(dict[float, float]):
    """Each coordinate shifted along one axis; the same ones are asked for again and again."""

    def __init__(self, by: float) -> None:
        self.by = by

    def __missing__(self, at: float) -> float:
        self[at] = moved = round(at + self.by, 6)
        return moved


def _moved(prism: Prism, by: tuple[_Shifted, _Shifted, _Shifted]) -> Prism:
    i, j, k = PLANE[prism.axis]
    first, second, along = by[i], by[j], by[k]

    def shift(outlines: tuple[Outline, ...]) -> tuple[Outline, ...]:
        return tuple(tuple([(first[a], second[b]) for a, b in outline]) for outline in outlines)

    start, end = along[prism.start], along[prism.end]
    return Prism(prism.axis, start, end, shift(prism.outlines), shift(prism.voids), prism.is_lettering)
