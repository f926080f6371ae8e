"""Small pictures of parts without a graphics library: triangles in, PNG bytes out, the far ones painted first."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Colour = tuple[int, int, int]
OVERSAMPLE = 2  # painted this much larger, then scaled down
LONGEST = 12.0  # mm: edge above which a triangle is split, so that near and far can be told apart
LEAST = 0.4  # pixels: smaller triangles (of lettering) are left out
LIGHT = (0.35, 0.55, 0.76)  # towards the light, in view coordinates: right, up, to us


def to_png(
    corners: NDArray[np.float32], colours: NDArray[np.uint8], size: tuple[int, int], sight: tuple[float, float, float]
) -> bytes:
    """Parallel view of (triangles, 3, 3) corners against `sight` (towards the eye), z up, on a transparent ground."""
    from PIL import Image, ImageDraw

    axes = np.array(_axes(sight))
    low, high = _bounds(corners.reshape(-1, 3) @ axes[:2].T)
    width, height = size[0] * OVERSAMPLE, size[1] * OVERSAMPLE
    scale = 0.94 * min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    seen = corners.astype(np.float64) @ axes.T
    normal = np.cross(seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0])
    shown = np.flatnonzero(normal[:, 2] * scale**2 / 2 > LEAST)
    seen, normal = seen[shown], normal[shown]
    shade = 0.58 + 0.42 * np.clip((normal / np.linalg.norm(normal, axis=1, keepdims=True)) @ np.array(LIGHT), 0, 1)
    fill = np.clip(colours[shown] * shade[:, None], 0, 255).astype(int)
    seen, owner = _split(seen)
    flat = (seen[..., :2] - (low + high) / 2) * scale * (1, -1) + (width / 2, height / 2)
    image = Image.new("RGBA", (width, height), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    order = np.argsort(seen[..., 2].mean(1), kind="stable")
    for points, (red, green, blue) in zip(
        flat[order].reshape(-1, 6).tolist(), fill[owner[order]].tolist(), strict=True
    ):
        pen.polygon(points, fill=(red, green, blue, 255))
    stream = BytesIO()
    image.resize(size, Image.Resampling.BOX).quantize(96, method=Image.Quantize.FASTOCTREE).save(stream, "PNG")
    return stream.getvalue()


def _bounds(points: Array) -> tuple[Array, Array]:
    return points.min(0), points.max(0)


def _axes(sight: tuple[float, float, float]) -> tuple[Array, Array, Array]:
    toward = np.array(sight) / np.linalg.norm(sight)
    right = np.cross((0.0, 0.0, 1.0), toward)
    right /= np.linalg.norm(right)
    return right, np.cross(toward, right), toward


def _split(corners: Array) -> tuple[Array, NDArray[np.int64]]:
    """Halve every triangle at its longest edge until none is longer than `LONGEST`; and whose piece each is."""
    done, owners = [], []
    owner = np.arange(len(corners))
    while len(corners):
        edges = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        small = edges.max(1) <= LONGEST
        done.append(corners[small])
        owners.append(owner[small])
        large, owner, turn = corners[~small], owner[~small], edges[~small].argmax(1)
        rows = np.arange(len(large))
        a, b, c = (large[rows, (turn + k) % 3] for k in range(3))
        middle = (a + b) / 2
        corners = np.concatenate([np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)])
        owner = np.concatenate([owner, owner])
    return np.concatenate(done), np.concatenate(owners)
