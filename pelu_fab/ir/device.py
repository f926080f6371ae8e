"""What compile gives: the design, every stage's result, and the triangles of each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist, fsum

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import Violation
from pelu_fab.ir.design import Design
from pelu_fab.ir.layout import Layout
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.sized import Sized
from pelu_fab.ir.solid import Part

# What a slicer lays down, by two sliced devices: so much under every face, mm, and of what lies deeper.
SKIN, INFILL = 0.79, 0.18


def printed_volume(corners: NDArray[np.float32], volume: float) -> float:
    """About how much plastic (mm3) a part of triangles (n, 3, 3) that holds `volume` (mm3) takes, infill and all."""
    one, two, three = corners.astype(np.float64).transpose(1, 0, 2)
    area = float(np.linalg.norm(np.cross(two - one, three - one), axis=1).sum()) / 2.0
    skin = min(volume, SKIN * area)
    return skin + INFILL * (volume - skin)


def cut_length(part: Part) -> float:
    """How far the cut goes round a piece and through its windows, mm."""
    rings = (pairwise((*line, line[0])) for line in part.cut_lines)
    return fsum(dist(a, b) for ring in rings for a, b in ring)


def pieces_of(parts: Sequence[Part]) -> int:
    """How many there are to print."""
    return sum(part.count for part in parts if not part.is_cut)


def figures_of(design: Design, parts: Sequence[Part], cm3: float, height: float) -> str:
    """What a device asks of a maker and of a table: plastic in cm3, height in mm."""
    cut, process = [part for part in parts if part.is_cut], design.process
    grams, hours = cm3 * process.material.density, cm3 * process.printer.hours_per_cm3
    metres = fsum(map(cut_length, cut)) / 1000.0
    told = f"to print: {pieces_of(parts)} pieces, about {grams:.0f} g and {hours:.0f} h by the profile {process.name}"
    if design.sheet:
        told += f"; to cut: {len(cut)} pieces, {metres:.1f} m of cut in {design.sheet.thickness:g} mm sheet"
    return f"{told}; it stands {height / 10.0:.0f} cm tall"


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangles of one part in its print pose. `corners` (triangles, 3, 3) float32, mm; `volume` in mm3."""

    corners: NDArray[np.float32]
    volume: float
    genus: int

    @property
    def printed_volume(self) -> float:
        """About how much plastic it takes, mm3."""
        return printed_volume(self.corners, self.volume)

    @property
    def extents(self) -> tuple[float, float, float]:
        """Size of the bounding box along x, y and z, mm."""
        flat = self.corners.reshape(-1, 3)
        x, y, z = (flat.max(axis=0) - flat.min(axis=0)).tolist()
        return x, y, z


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A compiled device; `meshes` go with `parts`, one by one. `findings`: what its jugs would break in it.

    >>> import pelu_fab
    >>> device = pelu_fab.compile(pelu_fab.load("designs/drip"))
    >>> device.pieces, device.assembled(0).shape[1:]  # triangles (n, 3, 3), mm
    (4, (3, 3))
    """

    design: Design
    lowered: Lowered
    sized: Sized
    layout: Layout
    parts: tuple[Part, ...]
    meshes: tuple[Mesh, ...]
    findings: tuple[Violation, ...] = ()

    @property
    def pieces(self) -> int:
        """How many there are to print."""
        return pieces_of(self.parts)

    @property
    def cut(self) -> tuple[Part, ...]:
        """Pieces that are cut from a sheet."""
        return tuple(part for part in self.parts if part.is_cut)

    @property
    def cut_length(self) -> float:
        """How far the cut goes round all of them, mm."""
        return fsum(cut_length(part) for part in self.cut)

    @property
    def grams(self) -> float:
        """About what all pieces weigh as a slicer fills them."""
        return self._printed_cm3 * self.design.process.material.density

    @property
    def hours(self) -> float:
        """About what they take to print, one after the other."""
        return self._printed_cm3 * self.design.process.printer.hours_per_cm3

    @property
    def height(self) -> float:
        """From the table to the highest point, mm."""
        placed = (self.assembled(k) for k in range(len(self.parts)))
        return max(float(corners[..., 2].max()) for corners in placed if len(corners))

    @property
    def figures(self) -> str:
        """What it asks of a maker and of a table, as estimated without a slicer."""
        return figures_of(self.design, self.parts, self._printed_cm3, self.height)

    @property
    def _printed_cm3(self) -> float:
        pairs = zip(self.parts, self.meshes, strict=True)
        return fsum(part.count * mesh.printed_volume for part, mesh in pairs if not part.is_cut) / 1000.0

    def assembled(self, index: int) -> NDArray[np.float32]:
        """Corners of a part at its place in the assembly; a loose part has none."""
        transform = self.parts[index].transform
        if transform is None:
            return np.zeros((0, 3, 3), dtype=np.float32)
        matrix = np.array(transform)
        return np.asarray(self.meshes[index].corners @ matrix[:, :3].T + matrix[:, 3], dtype=np.float32)
