"""Pieces that are cut from a sheet and not printed: flat, as thick as it is, drawn as they are, and loose in no slot.

The drawings are read by code of the judge's own. Parts, manifest and a folder's SVG and DXF in, cut.* out. mm.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from shapely import LineString, Polygon, affinity, polygonize

from pelu_fab.signoff.dossier import Manifest, SheetEntry
from pelu_fab.signoff.drawings import read_dxf, read_svg
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.moving import Room
from pelu_fab.signoff.report import Check, failed, least, most, skipped
from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.stl import Array, Index, Mesh

FLAT, DRAWN = 0.01, 0.02  # mm: a piece off its planes; a line off a piece's edge, each written to a µm
APART = 1.0  # mm of sheet left between two pieces, and at its edge
SNUG = 0.1  # mm of play in a slot beyond its clearance: more, and a piece leans
READERS = {".svg": read_svg, ".dxf": read_dxf}
Loops = Sequence[Array]


def flatness(part: LoadedPart, sheet: SheetEntry | None) -> Check:
    """How far (mm) a piece is from two level faces, the sheet's thickness apart, and sides square to them."""
    where, mesh = part.entry.name, part.mesh
    if part.entry.role != "stand" or sheet is None:
        return failed("cut.flat", where, "is told to be cut from a sheet, which only pieces of a stand can be")
    z = mesh.points[:, 2]
    low, high = float(z.min()), float(z.max())
    off = np.minimum(z - low, high - z)
    rise = np.abs(mesh.normals[:, 2])
    side = (rise > FLAT) & (rise < 1.0 - FLAT)
    worst = max(float(off.max()), abs(high - low - sheet.thickness), float(side.any()) * (high - low))
    at = place_of(mesh.points[int(off.argmax())])
    why = f"off two level faces {sheet.thickness:g} mm apart with sides square to them"
    return part.located(most("cut.flat", where, worst, FLAT, "mm", why, at))


def drawings(
    blobs: Mapping[str, bytes], manifest: Manifest, parts: Sequence[LoadedPart], sheet: SheetEntry
) -> list[Check]:
    """Every drawing's pieces against the parts' sections: in all SVG together each piece once, and in all DXF."""
    pieces = [part for part in parts if part.entry.is_cut]
    wanted = {part.entry.name: _section(part.mesh) for part in pieces}
    checks: list[Check] = []
    for suffix, read in READERS.items():
        named = {name: blob for name, blob in sorted(blobs.items()) if name.lower().endswith(suffix)}
        found: list[tuple[str, Polygon]] = []
        for name, blob in named.items():
            if not name.startswith("sheets/"):
                continue
            try:
                shapes = [_cut_out(shape, sheet.kerf) for shape in regions(read(blob, sheet.size))]
            except ValueError as error:
                checks.append(failed("cut.drawing", name, f"is no plain drawing of pieces: {error}"))
                continue
            found += [(name, shape) for shape in shapes]
            checks.append(_spread(name, shapes, sheet))
        checks += _matched(suffix, found, wanted, pieces)
    return checks


def regions(loops: Loops) -> list[Polygon]:
    """What closed lines cut out: those inside of others are windows. `ValueError` where they cross."""
    rings = sorted((Polygon(loop) for loop in loops), key=lambda ring: -ring.area)
    if not all(ring.is_valid and ring.area > 0.0 for ring in rings):
        raise ValueError("a line crosses itself or encloses nothing")
    outer: list[tuple[Polygon, list[Polygon]]] = []
    for ring in rings:
        around = next((one for one in reversed(outer) if one[0].contains(ring)), None)
        if around is None:
            if any(one.intersects(ring) for one, _ in outer):
                raise ValueError("lines cross each other")
            outer.append((ring, []))
        else:
            around[1].append(ring)
    return [Polygon(one.exterior, [window.exterior for window in windows]) for one, windows in outer]


def _cut_out(drawn: Polygon, kerf: float) -> Polygon:
    """What is left of a piece when a cut `kerf` wide follows its line."""
    return drawn.buffer(-kerf / 2, join_style="mitre", mitre_limit=5.0) if kerf else drawn


def _section(mesh: Mesh) -> Polygon | None:
    """A flat piece half-way up; None where its edge is not closed."""
    z = (mesh.points[:, 2].min() + mesh.points[:, 2].max()) / 2.0
    segments, _ = cut(mesh.corners, float(z))
    faces = polygonize([LineString(segment) for segment in segments.tolist()]).geoms
    return max(faces, key=lambda face: Polygon(face.exterior).area, default=None)


def _matched(
    suffix: str,
    found: Sequence[tuple[str, Polygon]],
    wanted: Mapping[str, Polygon | None],
    pieces: Sequence[LoadedPart],
) -> list[Check]:
    """Each piece with the drawn shape that is nearest to it, turned by quarters, and each shape with one piece."""
    kind, checks, free = suffix[1:].upper(), list[Check](), list(found)
    for part in pieces:
        name, shape = part.entry.name, wanted[part.entry.name]
        if shape is None:
            checks.append(skipped("cut.drawing", name, "its edge is not closed"))
            continue
        offs = [_off(one, shape) for _, one in free]
        if not offs or min(offs) == np.inf:
            checks.append(failed("cut.drawing", name, f"no {kind} cuts it out"))
            continue
        drawn = free.pop(int(np.argmin(offs)))[0]
        why = "between its edge and the line that cuts it out"
        checks.append(most("cut.drawing", f"{drawn}: {name}", min(offs), DRAWN, "mm", why))
    return checks + [failed("cut.drawing", name, "cuts out what is no piece of this device") for name, _ in free]


def _off(drawn: Polygon, wanted: Polygon) -> float:
    """Greatest distance (mm) between two shapes' edges, the best of four turns; inf where they are quite other ones."""
    best = np.inf
    for quarter in range(4):
        turned = affinity.rotate(drawn, 90.0 * quarter, origin=(0.0, 0.0))
        low, size = np.array(turned.bounds[:2]), np.subtract(turned.bounds[2:], turned.bounds[:2])
        goal = np.array(wanted.bounds[:2])
        if np.abs(size - np.subtract(wanted.bounds[2:], wanted.bounds[:2])).max() > 2.0:
            continue
        if len(turned.interiors) != len(wanted.interiors):
            continue
        moved = affinity.translate(turned, *(goal - low))
        best = min(best, float(moved.boundary.hausdorff_distance(wanted.boundary)))
    return best


def _spread(name: str, shapes: Sequence[Polygon], sheet: SheetEntry) -> Check:
    """Least sheet left between two pieces, and between a piece and the sheet's edge."""
    edge = Polygon([(0.0, 0.0), (sheet.size[0], 0.0), sheet.size, (0.0, sheet.size[1])])
    if not all(edge.contains(shape) for shape in shapes):
        return failed("cut.sheet", name, "a piece reaches beyond the sheet")
    gaps = [edge.exterior.distance(shape) for shape in shapes]
    gaps += [one.distance(other) for n, one in enumerate(shapes) for other in shapes[:n]]
    why = "of sheet left between two pieces, or at its edge"
    return least("cut.sheet", name, min(gaps, default=APART), APART, "mm", why)


def laps(here: Room, sheet: SheetEntry) -> list[Check]:
    """How far each piece can be pushed through its face, both ways together, before those that cross it stop it."""
    pieces = np.array([k for k, part in enumerate(here.parts) if part.entry.is_cut], dtype=np.int64)
    checks = []
    for number in pieces.tolist():
        part = here.parts[number]
        across = np.abs(part.matrix[:3, 2]) if part.matrix is not None else np.zeros(3)
        axis = np.eye(3)[int(across.argmax())]
        others = pieces[pieces != number]
        play = sum(_pushed(here, number, sign * axis, others) for sign in (1.0, -1.0))
        why = f"of play in slots, {sheet.clearance:g} mm wider than the sheet"
        at = place_of(part.placed.centre)
        checks.append(_within(part.entry.name, play, sheet, why, at))
    return checks


def _within(name: str, play: float, sheet: SheetEntry, why: str, at: tuple[float, float, float]) -> Check:
    """Neither tighter than the clearance nor loose."""
    if play < sheet.clearance - DRAWN:
        return least("cut.lap", name, play, sheet.clearance - DRAWN, "mm", why, at)
    return most("cut.lap", name, play, sheet.clearance + SNUG, "mm", why, at)


def _pushed(here: Room, number: int, way: Array, others: Index) -> float:
    return min(here.free(number, tuple(way.tolist()), 6.0, others), 6.0)
