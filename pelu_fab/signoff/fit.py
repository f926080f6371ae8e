"""Whether assembled parts leave each other room. Placed meshes in, findings out."""

from collections.abc import Sequence

import numpy as np
from manifold3d import Error, Manifold, Mesh64

from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.report import Check, failed, passed, skipped
from pelu_fab.signoff.stl import WRITTEN, Mesh

OVERLAP = 0.5  # mm3; and where faces touch, what their corners may be off as some programs write them


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
            if shared.volume() > OVERLAP + WRITTEN * shared.surface_area() / 2.0:
                low, high = np.array(shared.bounding_box()).reshape(2, 3)
                at = place_of((low + high) / 2)
                where = f"{name} | {solids[j][0]}"
                checks.append(failed("mesh.collide", where, "mm3 belong to both", at, float(shared.volume())))
    return checks or [passed("mesh.collide", "assembly", f"{pairs} neighbouring pairs leave each other room")]
