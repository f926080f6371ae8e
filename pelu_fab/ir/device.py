"""What compile gives: the design, every stage's result, and the triangles of each part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import Violation
from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.sized import Sized
from pelu_fab.ir.solid import Part


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangles of one part in its print pose. `corners` (triangles, 3, 3) float32, mm; `volume` in mm3."""

    corners: NDArray[np.float32]
    volume: float
    genus: int

    @property
    def extents(self) -> tuple[float, float, float]:
        """Size of the bounding box along x, y and z, mm."""
        flat = self.corners.reshape(-1, 3)
        x, y, z = (flat.max(axis=0) - flat.min(axis=0)).tolist()
        return x, y, z


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A compiled device; `meshes` go with `parts`, one by one. `findings`: what its jugs would break in it."""

    design: Design
    lowered: Lowered
    sized: Sized
    layout: Layout
    parts: tuple[Part, ...]
    meshes: tuple[Mesh, ...]
    findings: tuple[Violation, ...] = ()

    @property
    def grams(self) -> float:
        """Mass of all parts if they were solid: an upper bound on what the slicer will say."""
        density = self.design.process.material.density
        return sum(m.volume * p.count for p, m in zip(self.parts, self.meshes, strict=True)) / 1000.0 * density

    def assembled(self, index: int) -> NDArray[np.float32]:
        """Corners of a part at its place in the assembly; a loose part has none."""
        transform = self.parts[index].transform
        if transform is None:
            return np.zeros((0, 3, 3), dtype=np.float32)
        matrix = np.array(transform)
        return np.asarray(self.meshes[index].corners @ matrix[:, :3].T + matrix[:, 3], dtype=np.float32)
