"""Which cells of a grid are material: triangles in, cells out."""

import numpy as np

from pelu_fab.cfd.grid import Grid
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.stl import Array, Mask

OFF = np.array([3.1e-5, 1.7e-5, 0.0])  # mm: no column runs along a seam of triangles


def inside(corners: Array, grid: Grid) -> Mask:
    """(I, J, K): whether a cell's centre lies in the solid (triangles (m, 3, 3) of one or more closed bodies).

    The facing of all surfaces above a point adds up to the number of bodies around it.
    """
    xc, yc, zc = grid.middles
    plan = np.stack([*(v.ravel() for v in np.meshgrid(xc, yc, indexing="ij")), np.zeros(len(xc) * len(yc))], axis=1)
    faces = np.zeros((len(plan), len(zc) + 1))
    if len(corners):
        query, _, z, facing = Columns(corners).crossings(plan + OFF)
        np.add.at(faces, (query, np.searchsorted(zc, z)), facing)
    above = faces[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return np.asarray(above.reshape(grid.shape) > 0.5)
