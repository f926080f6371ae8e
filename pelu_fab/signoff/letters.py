"""Whether lettering reads as it should: pieces on a wall, as they are seen from outside, against the typeface. mm.

A mirrored letter is another shape, and mirrored words run from right to left: neither reads.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import area, bounds, get_coordinates, get_rings, polygons, transform

from pelu_fab.signoff.stl import Array

TALL, WIDE = 48, 96  # px of the picture in which two letters are compared
ALIKE = 0.78  # of the area of two shapes together, that both cover where they are one letter
DOT, NEAR, OVER = 0.5, 0.4, 0.8  # of a letter's height that a dot is tall and above it at most; of its width over it
FACE = ("mpl-data", "fonts", "ttf", "DejaVuSans-Bold.ttf")  # as matplotlib ships it: the device's typeface
LACKING = "\uffff"  # is in no typeface
DRAWN = 128  # px that a letter of the typeface is drawn tall

Mask = NDArray[np.float32]


def seen(pieces: NDArray[np.object_], rightward: float) -> Mask:
    """Pictures (n, px) of the letters on a wall, line by line, as one reads; `rightward` (±1) is where to.

    `pieces`: polygons, across and up.
    """
    if not len(pieces):
        return np.zeros((0, TALL * WIDE), np.float32)
    return _pictures(*_letters(pieces, rightward))


def unread(found: Mask, text: str) -> str:
    """Letters and digits of `text` that are not among those `seen` in their order. Other letters may stand between; a
    character that the typeface lacks is not looked for.
    """
    wanted = [c for character in text for c in _in_face(character) if c.isalnum()]
    if not wanted or not len(found):
        return "".join(wanted)
    asked = np.stack([_drawn(character) for character in wanted])
    both = asked @ found.T
    alike = both > ALIKE * (asked.sum(axis=1)[:, None] + found.sum(axis=1) - both)
    return "".join(wanted[k] for k in _missed(alike))


def _letters(pieces: NDArray[np.object_], rightward: float) -> tuple[NDArray[np.object_], list[NDArray[np.int64]]]:
    """The pieces as one sees them, and which of them each letter is made of, as one reads."""
    turned = transform(pieces, lambda places: places * [-1.0, 1.0]) if rightward < 0.0 else pieces
    boxes = bounds(turned)
    head = _below(boxes)
    whole = boxes.copy()
    np.minimum.at(whole[:, :2], head, boxes[:, :2])
    np.maximum.at(whole[:, 2:], head, boxes[:, 2:])
    left, low, _, high = whole.T
    line, foot, lines = 0, np.inf, np.zeros(len(boxes), np.int64)
    for k in np.argsort(-high, kind="stable").tolist():
        if high[k] <= foot and np.isfinite(foot):
            line, foot = line + 1, np.inf
        lines[k], foot = line, min(foot, low[k])
    return turned, [np.flatnonzero(head == k) for k in np.lexsort((left, lines)).tolist() if head[k] == k]


def _below(boxes: Array) -> NDArray[np.int64]:
    """For each piece that of the letter it belongs to: a dot or accent, the one that it stands over; else its own."""
    left, low, right, high = boxes.T
    tall = high - low
    gap = low[:, None] - high
    over = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    narrow = np.minimum((right - left)[:, None], right - left)
    is_dot = (gap > 0.0) & (gap < NEAR * tall) & (tall[:, None] < DOT * tall) & (over > OVER * narrow)
    is_dot &= ~_hangs(boxes)[:, None]
    nearest = np.argmin(np.where(is_dot, gap, np.inf), axis=1)
    return np.where(is_dot.any(axis=1), nearest, np.arange(len(boxes)))


def _hangs(boxes: Array) -> NDArray[np.bool_]:
    """Whether a piece ends below the foot of a taller one beside it: a comma, which is nothing's dot."""
    left, low, right, high = boxes.T
    tall = high - low
    beside = np.maximum(left[:, None], left) - np.minimum(right[:, None], right) < DOT * tall
    level = np.minimum(high[:, None], high) > np.maximum(low[:, None], low)
    return np.asarray((beside & level & (low >= low[:, None]) & (DOT * tall > tall[:, None])).any(axis=1))


def _pictures(pieces: NDArray[np.object_], letters: Sequence[NDArray[np.int64]]) -> Mask:
    """Letters `TALL` px tall, each in the middle of its picture: drawn below each other, for a picture of its own takes
    longer to make than a letter to draw.
    """
    from PIL import Image, ImageDraw

    boxes = bounds(pieces)
    left, low, right, high = np.array([[*boxes[own, :2].min(axis=0), *boxes[own, 2:].max(axis=0)] for own in letters]).T
    scale = TALL / (high - low)
    wide = np.clip(np.round((right - left) * scale), 1, WIDE).astype(np.int64)
    letter = np.repeat(np.arange(len(letters)), [len(own) for own in letters])
    rings, piece = get_rings(pieces[np.concatenate(letters)], return_index=True)
    places, ring = get_coordinates(rings, return_index=True)
    of = letter[piece][ring]
    x, y = (places[:, 0] - left[of]) * scale[of] - 0.5, (high[of] - places[:, 1]) * scale[of] - 0.5
    start = (WIDE - wide) // 2
    pixels = np.column_stack([np.trunc(x) + start[of], np.trunc(y) + TALL * of]).reshape(-1).tolist()
    ends = (2 * np.searchsorted(ring, np.arange(len(rings) + 1))).tolist()
    ink = np.diff(piece, prepend=-1)  # 1 of a piece's outer ring, which comes first, 0 of its holes
    image = Image.new("1", (WIDE, TALL * len(letters)))
    pen = ImageDraw.Draw(image)
    # The largest first, for an island lies in another's hole.
    sizes = area(polygons(rings[ink > 0]))
    for k in np.lexsort((np.arange(len(rings)), -sizes[piece], letter[piece])).tolist():
        pen.polygon(pixels[ends[k] : ends[k + 1]], fill=int(ink[k]))
    found = np.asarray(image).reshape(len(letters), TALL, WIDE) & (np.arange(WIDE) < (start + wide)[:, None])[:, None]
    return np.asarray(found, np.float32).reshape(-1, TALL * WIDE)


@cache
def _drawn(character: str) -> Mask:
    """The typeface's own."""
    from PIL import Image

    ink = _face().getmask(character, mode="L")
    image = Image.frombytes("L", ink.size, bytes(ink))
    box = image.getbbox()
    if box is None:
        return np.zeros(TALL * WIDE, np.float32)
    image = image.crop(box)
    size = max(round(image.width * TALL / image.height), 1), TALL
    return _centred(np.asarray(image.resize(size, Image.Resampling.BOX)) > 127)


@cache
def _in_face(character: str) -> str:
    """A character as the typeface writes it; empty where it can't."""
    plain = unicodedata.normalize("NFKD", character)
    ways = (way for way in (character, plain) if not any((_drawn(c) == _drawn(LACKING)).all() for c in way))
    return next(ways, "")


@cache
def _face() -> Any:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None
    return ImageFont.truetype(str(Path(spec.origin).parent.joinpath(*FACE)), DRAWN)


def _centred(ink: NDArray[np.bool_]) -> Mask:
    picture = np.zeros((TALL, WIDE), np.float32)
    wide = min(ink.shape[1], WIDE)
    start = (WIDE - wide) // 2
    picture[:, start : start + wide] = ink[:, :wide]
    return picture.reshape(-1)


def _missed(alike: NDArray[np.bool_]) -> list[int]:
    """Rows of the longest way down a table (wanted, found) that find no column of their own further right."""
    (many, places), fits, at = alike.shape, alike.tolist(), 0
    for row in fits:
        if True not in row[at:]:
            break
        at = row.index(True, at) + 1
    else:  # as nearly always each finds one
        return []
    longest = [[0] * (places + 1) for _ in range(many + 1)]
    for i in range(many - 1, -1, -1):
        for j in range(places - 1, -1, -1):
            onward = longest[i + 1][j + 1] + 1 if fits[i][j] else 0
            longest[i][j] = max(onward, longest[i + 1][j], longest[i][j + 1])
    missed, i, j = [], 0, 0
    while i < many:
        if j < places and fits[i][j] and longest[i][j] == longest[i + 1][j + 1] + 1:
            i, j = i + 1, j + 1
        elif j < places and longest[i][j] == longest[i][j + 1]:
            j += 1
        else:
            missed.append(i)
            i += 1
    return missed
