"""Rules on each file as a solid: mesh.file, closed, oriented, degenerate, duplicate, intersect, bodies, genus, bed.

A folder and a part's entry in, the part as it lies in the assembly and what is wrong with it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.process import Printer
from pelu_fab.signoff.dossier import PartEntry, PoseEntry, digest
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.intersections import intersections
from pelu_fab.signoff.pose import Pose, unit_mistaken, way_back
from pelu_fab.signoff.printable import part_checks
from pelu_fab.signoff.report import Check, equal, failed, most, passed, skipped
from pelu_fab.signoff.stl import ROUNDED, WRITTEN, Array, Index, Mesh, read_stl_file, weld
from pelu_fab.signoff.topology import Topology, place, topology

VOLUME_TOLERANCE = 1e-3  # of the volume: float32 corners and any re-triangulation stay far below
BED_MARGIN = 0.01  # mm
SURFACE_RULES = (
    "mesh.closed",
    "mesh.degenerate",
    "mesh.duplicate",
    "mesh.oriented",
    "mesh.intersect",
    "mesh.bodies",
    "mesh.genus",
    "mesh.volume",
    "mesh.bed",
)


@dataclass(frozen=True, eq=False)
class LoadedPart:
    """One part as read, in its file's coordinates; `matrix` takes it to the assembly, None for a loose part."""

    entry: PartEntry
    blob: bytes
    mesh: Mesh
    shape: Topology
    matrix: Array | None
    changed: bool = False  # since it was compiled

    @cached_property
    def sha256(self) -> str:
        """Of its file."""
        return digest(self.blob)

    @cached_property
    def placed(self) -> Mesh:
        """The part at its place in the assembly, a loose one as it lies."""
        return self.mesh.placed(self.matrix)

    def located(self, check: Check) -> Check:
        """The same finding with its place in the assembly, where the part has one; its place in the file in words."""
        if check.at is None:
            return check
        turn = self.matrix
        place = None if turn is None else place_of(turn[:3, :3] @ np.array(check.at) + turn[:3, 3])
        own = ", ".join(f"{v:.1f}" for v in check.at)
        return replace(check, at=place, why=f"{check.why}; in {self.entry.file} at ({own})")


def read_part(folder: Path, entry: PartEntry) -> tuple[LoadedPart | None, list[Check]]:
    """Read one part's file; without a readable file the other rules of it are skipped."""
    where = entry.name
    try:
        blob, corners = read_stl_file(folder / entry.file, entry.file)
        mesh = weld(corners)
    except FabError as error:
        reason = f"{entry.file} can't be read"
        return None, [failed("mesh.file", where, str(error)), *(skipped(r, where, reason) for r in SURFACE_RULES)]
    matrix, state, sha256 = entry.matrix, "as written", digest(blob)
    changed = entry.sha256 != sha256
    checks = []
    if entry.pose is not None:
        mistaken = unit_mistaken(mesh, _stated(entry.pose))
        checks.append(failed("mesh.unit", where, mistaken) if mistaken else passed("mesh.unit", where, "in mm"))
    if changed:
        state = "changed since it was compiled; judged as it is now"
        back = None if entry.pose is None else way_back(mesh, _stated(entry.pose))
        if back is not None:
            matrix = None if matrix is None else matrix @ back
            state += f", moved back by {_in_words(back)}"
    part = LoadedPart(entry, blob, mesh, topology(mesh), matrix, changed)
    vars(part)["sha256"] = sha256  # known already
    return part, [passed("mesh.file", where, state, len(mesh.faces)), *checks]


def own_checks(mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Every rule that a part's bytes and the printer decide alone: nameless, in the file's coordinates."""
    return [*surface_checks("", mesh, shape), *part_checks("", mesh, shape, printer)]


def solid_checks(part: LoadedPart, own: Sequence[Check], printer: Printer) -> list[Check]:
    """Every rule on one part as a solid, and as the printer will make it; `own` is what `own_checks` found."""
    named = [replace(check, where=part.entry.name) for check in own]
    return [part.located(c) for c in [*named, *expected_checks(part.entry, part.mesh, part.shape, printer)]]


def cut_checks(part: LoadedPart, printer: Printer) -> list[Check]:
    """Every rule on a piece as a solid that is cut and not printed."""
    surface = surface_checks(part.entry.name, part.mesh, part.shape)
    return [part.located(c) for c in [*surface, *expected_checks(part.entry, part.mesh, part.shape, printer)]]


def _stated(pose: PoseEntry) -> Pose:
    return Pose(np.array(pose.low), np.array(pose.high), np.array(pose.centre))


def _in_words(move: Array) -> str:
    x, y, z = move[:3, 3]
    angle = np.degrees(np.arctan2(move[1, 0], move[0, 0]))
    return f"({x:.2f}, {y:.2f}, {z:.2f}) mm after a turn of {angle:.2f} degrees"


def surface_checks(where: str, mesh: Mesh, shape: Topology) -> list[Check]:
    """What every printable surface must be, whatever it is for."""
    oriented = _none("mesh.oriented", where, mesh, shape.turned_edges, "edges whose triangles disagree on the outside")
    inside_out = [s for s in shape.shells if s.volume <= 0]
    if inside_out and len(inside_out) == len(shape.shells):
        oriented = failed("mesh.oriented", where, "every face looks inwards", inside_out[0].at)
    number = mesh.decimals
    told = ROUNDED.format(f"{0.1**number:g}") if number else ""
    flat = shape.degenerate[:0] if number == 2 else shape.degenerate  # two decimals flatten what is 7 µm high
    return [
        _none(
            "mesh.closed",
            where,
            mesh,
            np.concatenate([shape.open_edges, shape.crowded_edges]),
            "edges without exactly one partner" + told,
        ),
        _none("mesh.degenerate", where, mesh, flat, "triangles without area" + told),
        _none("mesh.duplicate", where, mesh, shape.duplicate, "triangles twice in the same place"),
        oriented,
        intersections(where, mesh, shape.pieces),
    ]


def expected_checks(entry: PartEntry, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """What this part should be: its bodies, handles, volume, and whether the printer can hold it."""
    where = entry.name
    smallest = min(shape.shells, key=lambda s: abs(s.volume))
    checks = [
        equal(
            "mesh.bodies",
            where,
            shape.bodies,
            entry.bodies,
            "closed outer shells",
            smallest.at if shape.bodies != entry.bodies else None,
        )
    ]
    if entry.genus is None:
        checks.append(skipped("mesh.genus", where, "the manifest expects none"))
    elif not shape.is_closed:
        checks.append(skipped("mesh.genus", where, "not defined for an open surface"))
    else:
        checks.append(equal("mesh.genus", where, float(shape.genus), float(entry.genus), "through-holes"))
    if entry.volume is None:
        checks.append(skipped("mesh.volume", where, "the manifest expects none"))
    else:
        off = abs(mesh.volume - entry.volume) / max(entry.volume, 1e-9)
        limit, why = VOLUME_TOLERANCE, "difference to the declared volume, as a fraction"
        if mesh.decimals:
            limit += WRITTEN / 2.0 * float(mesh.areas.sum()) / max(entry.volume, 1e-9)
        checks.append(most("mesh.volume", where, off, limit, "", why))
    if entry.is_cut:
        return checks
    size = mesh.box[1] - mesh.box[0]
    over = max(_beyond(mesh.points[:, :2], printer.bed[:2]), float(size[2] - printer.bed[2]))
    checks.append(
        most(
            "mesh.bed",
            where,
            over,
            BED_MARGIN,
            "mm",
            f"size {size[0]:.1f} x {size[1]:.1f} x {size[2]:.1f}, beyond the bed by",
        )
    )
    return checks


def _beyond(plan: Array, bed: Sequence[float]) -> float:
    """How far the plan (n, 2) of a part reaches beyond a bed, turned on it as is best, mm."""
    over = float((np.sort(np.ptp(plan, axis=0)) - np.sort(bed)).max())
    if over <= BED_MARGIN:
        return over
    turns = np.radians(np.arange(0.5, 180.0, 0.5))
    cos, sin = np.cos(turns), np.sin(turns)
    x, y = np.ptp(plan @ np.array([cos, -sin]), axis=0), np.ptp(plan @ np.array([sin, cos]), axis=0)
    return min(over, float(np.maximum(x - bed[0], y - bed[1]).min()))


def _none(rule: str, where: str, mesh: Mesh, faces: Index, what: str) -> Check:
    at = place(mesh, int(faces[0])) if len(faces) else None
    return Check(rule, where, "fail" if len(faces) else "pass", float(len(faces)), 0.0, "", at, what)
