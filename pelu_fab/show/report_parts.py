"""Parts for the report: packed triangles for the viewer, pictures for paper and for browsers without WebGL."""

import gzip
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pelu_fab.show.painter import to_png
from pelu_fab.show.report_data import PrintedPart, Table

COLOURS = {"stand": (58, 66, 82), "tray": (46, 54, 68), "cup": (176, 208, 232)}
PORCELAIN = (243, 239, 230)
SIGHT = (0.95, 1.25, 0.72)  # towards the eye: spouts and cups in front
PART_SIGHT = (0.6, -1.0, 0.8)
MOST_PAINTED = 400_000  # triangles: larger devices get no painted pictures, which would take longer than the build
Corners = NDArray[np.float32]
UNKNOWN_SYSTEM = b"\xff"  # in the header of a gzip, which Python 3.13 fills otherwise than 3.11


def pack(parts: Sequence[PrintedPart]) -> tuple[list[Table], str]:
    """(a table a placed part, base64 of gzip of all their corners and indices), as the viewer's mesh.js reads it.

    Corners are 16-bit steps of each part's own box: at 220 mm, 3 µm.
    """
    tables, blobs = [], []
    for part in parts:
        if part.placed is None or len(part.placed) == 0:
            continue
        points = part.placed.reshape(-1, 3).astype(np.float64)
        low, high = points.min(0), points.max(0)
        steps = np.rint((points - low) / np.maximum(high - low, 1e-9) * 65535).astype(np.uint64)
        keys = (steps[:, 0] << np.uint64(32)) | (steps[:, 1] << np.uint64(16)) | steps[:, 2]
        unique, index = np.unique(keys, return_inverse=True)
        corners = np.stack([(unique >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (32, 16, 0)], axis=1)
        blobs.append(corners.astype("<u2").tobytes() + index.astype("<u4").tobytes())
        box = [np.round(low, 4).tolist(), np.round(high, 4).tolist()]
        told = {"name": part.name, "role": part.role, "grams": round(part.grams, 2), "hours": round(part.hours, 3)}
        tables.append(told | {"corners": len(unique), "triangles": len(part.placed), "box": box})
    packed = gzip.compress(b"".join(blobs), 6, mtime=0)
    return tables, b64encode(packed[:9] + UNKNOWN_SYSTEM + packed[10:]).decode()


def picture_of(part: PrintedPart) -> bytes:
    """A part as it lies on the bed."""
    return _paint([(part.corners, PORCELAIN)], (208, 140), PART_SIGHT)


def picture_of_device(parts: Sequence[PrintedPart], exploded: float = 0.0) -> bytes | None:
    """The assembly, or its parts drawn apart; None where no part has a place."""
    placed = [part for part in parts if part.placed is not None]
    if not placed:
        return None
    whole = np.concatenate([part.placed.reshape(-1, 3) for part in placed if part.placed is not None])
    low, middle = whole.min(0), (whole.min(0) + whole.max(0)) / 2
    shown = []
    for part in placed:
        assert part.placed is not None
        points = part.placed.reshape(-1, 3)
        away = (points.min(0) + points.max(0)) / 2 - (middle[0], middle[1], low[2])
        shift = away * (0.7, 0.7, 0.9) * exploded
        shown.append((part.placed + shift.astype(np.float32), COLOURS.get(part.role, PORCELAIN)))
    return _paint(shown, (720, 540), SIGHT)


def _paint(
    meshes: Sequence[tuple[Corners, tuple[int, int, int]]], size: tuple[int, int], sight: tuple[float, float, float]
) -> bytes:
    colours = np.concatenate([np.tile(np.array(colour, np.uint8), (len(mesh), 1)) for mesh, colour in meshes])
    return to_png(np.concatenate([mesh for mesh, _ in meshes]), colours, size, sight)
