"""Triangle corners to shared vertices: what formats with instances need."""

import numpy as np
from numpy.typing import NDArray


def weld(corners: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """(vertices (n, 3), triangles (m, 3)) from (m, 3, 3) corners; only bit-equal corners become one."""
    points = np.ascontiguousarray(corners.reshape(-1, 3) + np.float32(0.0))  # -0.0 becomes 0.0
    keys = points.view(np.dtype((np.void, 12))).ravel()
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    return points[first], index.reshape(-1, 3).astype(np.uint32)
