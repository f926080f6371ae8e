"""Parts on beds: which pieces are printed together, of which filament, and where each lies. A device in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin

from pelu_fab.ir.device import Device

PART_GAP = 6.0  # mm between two parts on a plate
MARGIN = 3.0  # mm kept free at the edge of the bed
FILAMENTS: Mapping[str, tuple[str, ...]] = {  # one each plate: white cards on a dark loom, cups that show their water
    "dark": ("stand", "tray"),
    "white": ("card",),
    "clear": ("cup", "jug"),
}

Spot = tuple[int, float, float]  # plate, x, y of the left front corner on it
Size = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the part with this index, turned by `turn` degrees; the left front corner of its box, mm."""

    part: int
    left: float
    front: float
    turn: int


@dataclass(frozen=True, slots=True)
class Plate:
    """What one bed holds: pieces of one filament."""

    filament: str
    pieces: tuple[Piece, ...]


def plates_of(device: Device) -> tuple[Plate, ...]:
    """All pieces on beds, each bed's in its middle; in the order to print them: stand and trays, cards, vessels."""
    x, y, _ = device.design.process.printer.bed
    found = []
    for filament, roles in FILAMENTS.items():
        owners = [
            n
            for n, part in enumerate(device.parts)
            if part.role in roles and not part.is_cut
            for _ in range(part.count)
        ]
        sizes = [device.meshes[n].extents[:2] for n in owners]
        slants = [slant(size, (x, y)) or 0 for size in sizes]
        spots = packed([turned_box(size, turn) for size, turn in zip(sizes, slants, strict=True)], (x, y))
        for number in sorted({plate for (plate, _, _), _ in spots}):
            pieces = [
                Piece(n, left, front, turn + 90 * turned)
                for n, turn, ((plate, left, front), turned) in zip(owners, slants, spots, strict=True)
                if plate == number
            ]
            found.append(Plate(filament, _centred(device, pieces, (x, y))))
    return tuple(found)


def _centred(device: Device, pieces: Sequence[Piece], bed: tuple[float, float]) -> tuple[Piece, ...]:
    sizes = [turned_box(device.meshes[piece.part].extents[:2], piece.turn) for piece in pieces]
    wide = max(p.left + x for p, (x, _) in zip(pieces, sizes, strict=True)) - MARGIN
    deep = max(p.front + y for p, (_, y) in zip(pieces, sizes, strict=True)) - MARGIN
    right, back = (bed[0] - wide) / 2 - MARGIN, (bed[1] - deep) / 2 - MARGIN
    return tuple(
        replace(piece, left=round(piece.left + right, 3), front=round(piece.front + back, 3)) for piece in pieces
    )


def slant(size: Size, bed: Size) -> int | None:
    """Degrees by which a piece that is too long for a bed lies aslant; 0 where it lies square, None if neither."""
    (a, b), (x, y) = size, bed
    if (a <= x and b <= y) or (a <= y and b <= x):
        return 0
    boxes = ((turn, turned_box(size, turn)) for turn in range(1, 90))
    return next((t for t, (a, b) in boxes if a <= x - 2 * MARGIN and b <= y - 2 * MARGIN), None)


def way(turn: int) -> tuple[float, float]:
    """Cosine and sine of a turn in degrees, those of a quarter exact."""
    return round(cos(radians(turn)), 12), round(sin(radians(turn)), 12)


def turned_box(size: Size, turn: int) -> Size:
    """x and y of the box round a rectangle that is turned."""
    (a, b), (c, s) = size, way(turn)
    return a * abs(c) + b * abs(s), a * abs(s) + b * abs(c)


def packed(sizes: Sequence[Size], bed: Size, gap: float = PART_GAP, margin: float = MARGIN) -> list[tuple[Spot, bool]]:
    """A spot on a plate for each (x, y) size, and whether it is turned by a quarter. First shelf that fits."""
    width, depth = bed[0] - 2 * margin, bed[1] - 2 * margin
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
            used[plate] += y + gap
        spots[number] = (int(shelf[0]), round(shelf[3] + margin, 3), round(shelf[1] + margin, 3))
        shelf[3] += x + gap
    return [(spots[number], turned[number]) for number in range(len(sizes))]
