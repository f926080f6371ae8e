"""From row coordinates (u along the row, v along the flow, z up) to a part on the bed and its place in the assembly."""

from collections.abc import Iterable
from math import cos, radians, sin

from pelu_fab.ir.layout import Plane
from pelu_fab.ir.solid import Part, Prism, Step, Transform, moved, swapped

Modules = tuple[tuple[Step, ...], ...]


def _mapped(modules: Modules, turn: bool, shift: tuple[float, float, float]) -> Modules:
    def one(prism: Prism) -> Prism:
        prism = moved(prism, *shift)
        return swapped(prism) if turn else prism

    return tuple(tuple(Step(s.op, tuple(one(p) for p in s.prisms)) for s in module) for module in modules)


def _lowest(modules: Modules) -> tuple[float, float, float]:
    """Least x, y and z over all added prisms."""
    axes = {"x": (1, 2, 0), "y": (0, 2, 1), "z": (0, 1, 2)}
    low = [float("inf")] * 3
    for prism in (p for module in modules for s in module if s.op == "add" for p in s.prisms):
        a, b, along = axes[prism.axis]
        low[along] = min(low[along], prism.start)
        low[a] = min(low[a], min(point[0] for outline in prism.outlines for point in outline))
        low[b] = min(low[b], min(point[1] for outline in prism.outlines for point in outline))
    return low[0], low[1], low[2]


def upright(name: str, role: str, modules: Iterable[tuple[Step, ...]], turn: bool, genus: int | None) -> Part:
    """A part that prints as it stands: `modules` in (u, v, z) of the assembly."""
    modules = tuple(modules)
    u, v, z = _lowest(modules)
    x, y = (v, u) if turn else (u, v)
    transform: Transform = ((1.0, 0.0, 0.0, x), (0.0, 1.0, 0.0, y), (0.0, 0.0, 1.0, z))
    return Part(name, role, _mapped(modules, turn, (-u, -v, -z)), transform, genus)


def chute_tray(name: str, modules: Modules, plane: Plane, turn: bool, genus: int | None) -> Part:
    """A flat tray in (u, t, n), set at its slope: v = head + t cos β + n sin β, z = head_z - t sin β + n cos β."""
    c, s = cos(radians(plane.slope_deg)), sin(radians(plane.slope_deg))
    u, t, _ = _lowest(modules)
    v, z = plane.head + t * c, plane.head_z - t * s
    if turn:  # part x = t, y = u
        transform: Transform = ((c, 0.0, s, v), (0.0, 1.0, 0.0, u), (-s, 0.0, c, z))
    else:
        transform = ((1.0, 0.0, 0.0, u), (0.0, c, s, v), (0.0, -s, c, z))
    return Part(name, "chutes", _mapped(modules, turn, (-u, -t, 0.0)), transform, genus)


def gutter_tray(name: str, modules: Modules, plane: Plane, turn: bool, genus: int | None) -> Part:
    """A flat tray in (s, v, n), set at its slope: u = head + s cos β + n sin β, z = head_z - s sin β + n cos β."""
    c, s = cos(radians(plane.slope_deg)), sin(radians(plane.slope_deg))
    along, v, _ = _lowest(modules)
    u, z = plane.head + along * c, plane.head_z - along * s
    if turn:  # part x = v, y = s
        transform: Transform = ((1.0, 0.0, 0.0, v), (0.0, c, s, u), (0.0, -s, c, z))
    else:
        transform = ((c, 0.0, s, u), (0.0, 1.0, 0.0, v), (-s, 0.0, c, z))
    return Part(name, "gutters", _mapped(modules, turn, (-along, -v, 0.0)), transform, genus)


def on_edge(name: str, plate: Prism, turn: bool, along_u: bool, genus: int | None) -> Part:
    """A plate printed flat that stands on edge: swept along u in (v, z), or along v in (u, z) if `along_u`."""
    a = min(point[0] for outline in plate.outlines for point in outline)
    b = min(point[1] for outline in plate.outlines for point in outline)
    flat = moved(Prism("z", 0.0, plate.end - plate.start, plate.outlines, plate.voids), -a, -b, 0.0)
    runs_along_x = along_u != turn  # in the assembly, the plate's long side
    if runs_along_x:  # part (x, y, z) -> (x, z up, -y)
        transform: Transform = ((1.0, 0.0, 0.0, a), (0.0, 0.0, -1.0, plate.end), (0.0, 1.0, 0.0, b))
    else:  # part (x, y, z) -> (y, z up, x)
        transform = ((0.0, 0.0, 1.0, plate.start), (1.0, 0.0, 0.0, a), (0.0, 1.0, 0.0, b))
    return Part(name, "frame", ((Step("add", (flat,)),),), transform, genus)
