"""Whether assembled parts leave each other room, and hold each other. Placed meshes in, findings out."""

from collections.abc import Sequence

import numpy as np
from manifold3d import Error, Manifold, Mesh64
from shapely import MultiPoint, Point

from pelu_fab.signoff.dossier import PartEntry
from pelu_fab.signoff.printable import samples
from pelu_fab.signoff.report import Check, failed, most, passed, skipped
from pelu_fab.signoff.stl import Array, Index, Mesh
from pelu_fab.signoff.surface import Surface

OVERLAP = 0.5  # mm3: float32 corners of two faces that touch stay far below
LEVEL = 0.5  # upward part of the normal of a face that something can stand on
FARTHEST = 20.0  # mm that a part may hang above what holds it, to be told by how much
GAPES = 3.0  # times the clearance between parts: a tray that lies aslant in its window drops by a little more than one
DROPS = "drops so far until it stands on what is below"
FRAME = "frame"
LEEWAY = 0.5  # mm in plan: places of contact are probed, not known to the last edge


def collisions(parts: Sequence[tuple[str, Mesh]]) -> list[Check]:
    """Every pair of assembled parts that share space; a part that is no solid is skipped by name."""
    checks: list[Check] = []
    solids: list[tuple[str, Manifold]] = []
    for name, mesh in parts:
        solid = Manifold(Mesh64(np.ascontiguousarray(mesh.points), np.ascontiguousarray(mesh.faces, dtype=np.uint64)))
        if solid.status() != Error.NoError or solid.is_empty():
            checks.append(skipped("mesh.collide", name, "is no closed solid"))
        else:
            solids.append((name, solid))
    boxes = np.array([solid.bounding_box() for _, solid in solids]).reshape(-1, 6)
    pairs = 0
    for i, (name, solid) in enumerate(solids):
        near = (boxes[i, :3] < boxes[i + 1 :, 3:]).all(axis=1) & (boxes[i + 1 :, :3] < boxes[i, 3:]).all(axis=1)
        for j in (np.flatnonzero(near) + i + 1).tolist():
            pairs += 1
            shared = solid ^ solids[j][1]
            if shared.volume() > OVERLAP:
                low, high = np.array(shared.bounding_box()).reshape(2, 3)
                x, y, z = (round(float(v), 3) for v in (low + high) / 2)
                where = f"{name} | {solids[j][0]}"
                checks.append(failed("mesh.collide", where, "mm3 belong to both", (x, y, z), float(shared.volume())))
    return checks or [passed("mesh.collide", "assembly", f"{pairs} neighbouring pairs leave each other room")]


def gapes(surface: Surface, entries: Sequence[PartEntry]) -> list[Check]:
    """How far each part drops until it stands: on other parts or the table, its centre of mass between the contacts.

    Pieces of a frame keep each other upright by their joints, so they only have to stand somewhere.
    """
    part, air, at = _contacts(surface)
    order = np.argsort(part, kind="stable")
    bounds = np.searchsorted(part[order], np.arange(len(entries) + 1))
    table = float(surface.mesh.points[:, 2].min())
    checks = []
    for number, entry in enumerate(entries):
        faces, own = surface.faces_of_part(number), order[bounds[number] : bounds[number + 1]]
        corners = surface.corners[faces].reshape(-1, 3)
        gaps = np.concatenate([air[own], corners[:, 2] - table])
        places = np.concatenate([at[own], corners[:, :2]])
        middle = Mesh(corners, np.arange(len(corners)).reshape(-1, 3), surface.mesh.normals[faces]).centre
        least = max(0.0, float(gaps.min()))
        drop = min(least, FARTHEST) if entry.role == FRAME else _drop(gaps, places, middle)
        x, y, z = (round(float(v), 3) for v in middle)
        checks.append(most("mesh.gape", entry.name, drop, GAPES * entry.clearance, "mm", DROPS, (x, y, z)))
    return checks


def _drop(gaps: Array, places: Array, centre: Array) -> float:
    """Least gap (mm) within which contacts in plan surround the centre; `FARTHEST` where none do."""
    middle = Point(centre[:2])
    for gap in np.unique(np.ceil(gaps[gaps < FARTHEST] * 100.0) / 100.0):
        hull = MultiPoint(places[gaps <= gap]).convex_hull
        if hull.buffer(LEEWAY).covers(middle):
            return max(0.0, float(gap))
    return FARTHEST


def _contacts(surface: Surface) -> tuple[Index, Array, Array]:
    """Places (k, 2) where a part lies over another: the upper part, and the air (mm) between the two."""
    found = []
    for looks in (-1.0, 1.0):  # from undersides down, then from tops up: either may be the smaller
        faces = np.flatnonzero(surface.mesh.normals[:, 2] * looks > LEVEL)
        at, face, _ = samples(surface.corners, faces, surface.mesh.areas)
        query, other, z, side = surface.columns.crossings(at)
        own, beyond = surface.part_of_face[face[query]], surface.part_of_face[other]
        air = (z - at[query, 2]) * looks
        meets = (side == -looks) & (own != beyond) & (air > -LEEWAY) & (air < FARTHEST)
        found.append(((own if looks < 0 else beyond)[meets], air[meets], at[query[meets], :2]))
    return (
        np.concatenate([part for part, _, _ in found]),
        np.concatenate([air for _, air, _ in found]),
        np.concatenate([at for _, _, at in found]),
    )
