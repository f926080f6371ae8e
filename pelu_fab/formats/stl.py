"""Triangles to binary STL: mm, float32, a header that says so."""

import struct

import numpy as np
from numpy.typing import NDArray

HEADER = b"binary STL, mm, by pelu_fab: "  # must not begin with "solid"
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")])


def to_stl(corners: NDArray[np.float32], name: str) -> bytes:
    """Binary STL of (triangles, 3, 3) corners; normals by the right-hand rule."""
    facets = np.zeros(len(corners), dtype=FACET)
    facets["corners"] = corners
    sides = corners[:, 1:] - corners[:, :1]
    normal = np.cross(sides[:, 0], sides[:, 1])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    facets["normal"] = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    header = (HEADER + name.encode("ascii", "replace"))[:80].ljust(80, b"\0")
    return header + struct.pack("<I", len(facets)) + facets.tobytes()
