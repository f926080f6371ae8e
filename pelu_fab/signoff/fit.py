"""Whether assembled parts leave each other room. Placed meshes in, findings out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from manifold3d import Error, Manifold, Mesh64

from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.planar import upright
from pelu_fab.signoff.report import Check, failed, passed, skipped
from pelu_fab.signoff.stl import WRITTEN, Array, Mesh

OVERLAP = 0.5  # mm3; and where faces touch, what their corners may be off as some programs write them


@dataclass(frozen=True)
class _Solid:
    """A placed part as manifold3d has it."""

    name: str
    mesh: Mesh
    body: Manifold

    @cached_property
    def low(self) -> Array:
        """Lowest coordinates."""
        return np.array(self.body.bounding_box()[:3])

    @cached_property
    def high(self) -> Array:
        """Highest coordinates."""
        return np.array(self.body.bounding_box()[3:])

    @cached_property
    def turn(self) -> Array:
        """Rotation (3, 3) after which its largest triangle lies level: boxes round a slanting tray's are small then."""
        return upright(self.mesh.normals[np.argmax(self.mesh.areas)])

    def turned(self, turn: Array) -> Manifold:
        """Its body after a rotation."""
        return self.body.transform(np.column_stack([turn, np.zeros(3)]))


def collisions(parts: Sequence[tuple[str, Mesh]]) -> list[Check]:
    """Every pair of assembled parts that share space; a part that is no solid is skipped by name."""
    checks: list[Check] = []
    solids: list[_Solid] = []
    for name, mesh in parts:
        body = Manifold(Mesh64(np.ascontiguousarray(mesh.points), np.ascontiguousarray(mesh.faces, dtype=np.uint64)))
        if body.status() != Error.NoError or body.is_empty():
            checks.append(skipped("mesh.collide", name, "is no closed solid"))
        else:
            solids.append(_Solid(name, mesh, body))
    pairs = 0
    for i, one in enumerate(solids):
        for other in solids[i + 1 :]:
            if (one.low < other.high).all() and (other.low < one.high).all():
                pairs += 1
                checks += _shared(one, other)
    return checks or [passed("mesh.collide", "assembly", f"{pairs} neighbouring pairs leave each other room")]


def _shared(one: _Solid, other: _Solid) -> list[Check]:
    """What fails where two parts share more space than touching faces may."""
    turn = max(one, other, key=lambda solid: float(np.linalg.norm(solid.high - solid.low))).turn
    if not _is_much(one.turned(turn) ^ other.turned(turn)):
        return []
    shared = one.body ^ other.body
    low, high = np.array(shared.bounding_box()).reshape(2, 3)
    where, why = f"{one.name} | {other.name}", "mm3 belong to both"
    return [failed("mesh.collide", where, why, place_of((low + high) / 2), float(shared.volume()))]


def _is_much(shared: Manifold) -> bool:
    return bool(shared.volume() > OVERLAP + WRITTEN * shared.surface_area() / 2.0)
