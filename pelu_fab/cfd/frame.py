"""Where a case's axes lie in the assembly: a part's own axes, so that its walls are grid planes. mm."""

from dataclasses import dataclass

import numpy as np

from pelu_fab.signoff.stl import Array

GRAVITY = 9.81  # m/s2: OpenFOAM's units


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A right-handed set of axes (rows, in assembly coordinates) about `origin`: x across, y the way water goes."""

    origin: Array
    axes: Array

    def local(self, points: Array) -> Array:
        """Points (..., 3) of the assembly in this frame."""
        return np.asarray((points - self.origin) @ self.axes.T)

    def world(self, points: Array) -> Array:
        """Points (..., 3) of this frame in the assembly."""
        return np.asarray(points @ self.axes + self.origin)

    def turned(self, directions: Array) -> Array:
        """Directions of the assembly in this frame."""
        return np.asarray(directions @ self.axes.T)

    @property
    def gravity(self) -> Array:
        """m/s2, in this frame."""
        return self.turned(np.array([0.0, 0.0, -GRAVITY]))


def frame_of(matrix: Array, forward: Array, origin: Array) -> Frame:
    """The frame of a placed part (4x4, part to assembly): z its axis nearest to up, y the one nearest to `forward`."""
    own = matrix[:3, :3].T  # rows: the part's axes as they lie in the assembly
    up = int(np.argmax(np.abs(own[:, 2])))
    z = own[up] * np.sign(own[up, 2])
    rest = [own[i] for i in range(3) if i != up]
    y = max((sign * axis for axis in rest for sign in (1.0, -1.0)), key=lambda axis: float(axis @ forward))
    return Frame(np.asarray(origin, dtype=np.float64), np.array([np.cross(y, z), y, z]))
