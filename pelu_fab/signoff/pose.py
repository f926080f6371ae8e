"""Where a part lies in its file: one that another program moved or turned about the vertical prints the same.

A file's mesh and the pose that the manifest states in, the way back out. The manifest says how parts lie and stack, and
is believed in that; what the part is, is measured afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pelu_fab.signoff.stl import Array, Mesh, cross

MOVED = 0.05  # mm: less is no move
BETTER = 0.25  # of the misfit as it lies: a way back must fit so much better
MISFIT = 0.1  # of the part's size: what is cut off or added may take so much from the box
UNITS = {"inches": 25.4, "metres": 1000.0, "centimetres": 10.0, "µm": 1e-3}  # mm each
ALIKE = 0.02  # of a size, within which it is another one in another unit
BINS = 3600  # of a quarter turn


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A part's box and centre of mass, mm, as it lies in its file."""

    low: Array
    high: Array
    centre: Array

    def misfit(self, other: "Pose", shift: Array) -> float:
        """Sum of all distances to `other` after this one is shifted."""
        gaps = (other.low - self.low, other.high - self.high, other.centre - self.centre)
        return float(sum(np.abs(gap - shift).sum() for gap in gaps))


def pose_of(mesh: Mesh) -> Pose:
    """Pose of a mesh as it lies."""
    return Pose(*mesh.box, mesh.centre)


def unit_mistaken(mesh: Mesh, stated: Pose) -> str:
    """Which unit a part's numbers seem to be in, whose sizes are all the stated ones in that unit; '' if in mm."""
    low, high = mesh.box
    ratio = np.sort(high - low) / np.maximum(np.sort(stated.high - stated.low), 1e-9)
    for unit, mm in UNITS.items():
        for times, how in ((ratio * mm, f"its numbers seem to be {unit}"), (ratio / mm, f"it was taken for {unit}")):
            if (np.abs(times - 1.0) < ALIKE).all():
                less = ratio.mean() < 1.0
                factor = max(mm, 1.0 / mm)
                return f"is {factor:g} times too {'small' if less else 'large'}: {how}; export it in mm"
    return ""


def way_back(mesh: Mesh, stated: Pose) -> Array | None:
    """4x4 that brings a moved mesh to the stated pose; None where it lies there already, or nothing fits better."""
    as_is = pose_of(mesh).misfit(stated, np.zeros(3))
    if as_is < MOVED:
        return None
    best: tuple[float, Array] = (np.inf, np.eye(4))
    for turn in _turns(mesh):
        matrix = np.eye(4)
        matrix[:3, :3] = turn
        pose = pose_of(mesh.placed(matrix))
        # What was cut off or added spoils one of the three, not their median.
        shift = np.median([stated.low - pose.low, stated.high - pose.high, stated.centre - pose.centre], axis=0)
        matrix[:3, 3] = shift
        best = min(best, (pose.misfit(stated, shift), matrix), key=lambda pair: pair[0])
    size = float((stated.high - stated.low).sum())
    return best[1] if best[0] < min(BETTER * as_is, MISFIT * size) else None


def _turns(mesh: Mesh) -> Iterator[Array]:
    """Four turns about the vertical after which the most upright face looks along an axis, as parts are drawn."""
    a, b, c = mesh.corners.transpose(1, 0, 2)
    square = cross(b - a, c - a)
    area = np.linalg.norm(square, axis=1)
    upright = (np.abs(mesh.normals[:, 2]) < 0.01) & (area > 0)
    quarter = np.arctan2(square[upright, 1], square[upright, 0]) % (np.pi / 2)
    bins = np.round(quarter / (np.pi / 2) * BINS).astype(np.int64) % BINS
    fullest = int(np.argmax(np.bincount(bins, area[upright], BINS))) if upright.any() else 0
    middle = fullest / BINS * np.pi / 2
    off = (quarter - middle + np.pi / 4) % (np.pi / 2) - np.pi / 4
    near = np.abs(off) < 1.5 * np.pi / 2 / BINS
    angle = middle + (float(np.average(off[near], weights=area[upright][near])) if near.any() else 0.0)
    for quarters in range(4):
        turn = -(angle + quarters * np.pi / 2)
        cos, sin = np.cos(turn), np.sin(turn)
        yield np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
