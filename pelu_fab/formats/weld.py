"""Triangle corners to shared vertices, and parts laid out on plates: what formats with instances need."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PLATE_GAP = 20.0  # mm between two plates
PART_GAP = 6.0  # mm between two parts on a plate
MARGIN = 3.0  # mm kept free at the edge of the bed

Spot = tuple[int, float, float]  # plate, x, y of the left front corner on it


def weld(corners: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """(vertices (n, 3), triangles (m, 3)) from (m, 3, 3) corners; only bit-equal corners become one."""
    points = np.ascontiguousarray(corners.reshape(-1, 3) + np.float32(0.0))  # -0.0 becomes 0.0
    keys = points.view(np.dtype((np.void, 12))).ravel()
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    return points[first], index.reshape(-1, 3).astype(np.uint32)


def plates(sizes: Sequence[tuple[float, float]], bed: tuple[float, float]) -> list[tuple[Spot, bool]]:
    """A spot on a plate for each (x, y) size, and whether it is turned by a quarter. First shelf that fits."""
    width, depth = bed[0] - 2 * MARGIN, bed[1] - 2 * MARGIN
    turned = [not (x <= width and y <= depth) or (y > x and y <= width and x <= depth) for x, y in sizes]
    lying = [(y, x) if turn else (x, y) for (x, y), turn in zip(sizes, turned, strict=True)]
    shelves: list[list[float]] = []  # plate, front, depth, left end of what stands on it
    used: list[float] = []  # depth taken on each plate
    spots: dict[int, Spot] = {}
    for number in sorted(range(len(sizes)), key=lambda n: (-lying[n][1], n)):
        x, y = lying[number]
        shelf = next((s for s in shelves if s[2] >= y and s[3] + x <= width), None)
        if shelf is None:
            plate = next((p for p, taken in enumerate(used) if taken + y <= depth), len(used))
            if plate == len(used):
                used.append(0.0)
            shelf = [plate, used[plate], y, 0.0]
            shelves.append(shelf)
            used[plate] += y + PART_GAP
        spots[number] = (int(shelf[0]), round(shelf[3] + MARGIN, 3), round(shelf[1] + MARGIN, 3))
        shelf[3] += x + PART_GAP
    return [(spots[number], turned[number]) for number in range(len(sizes))]
