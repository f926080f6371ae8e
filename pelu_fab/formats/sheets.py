"""Pieces that are cut, on sheets: SVG and DXF (R12), mm, cut lines and names on layers of their own. A device in.

Lines lie half a kerf outside of the pieces, so that these come out as large as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from pelu_fab.formats.plates import packed
from pelu_fab.ir.device import Device
from pelu_fab.ir.sheet import GAP, MARGIN, Sheet
from pelu_fab.ir.solid import Outline, Part

CUT, ENGRAVE = "cut", "engrave"  # layers
COLOURS = {ENGRAVE: ("#0000ff", 5), CUT: ("#ff0000", 1)}  # of lines: SVG, DXF; engraved first
HAIR = 0.1  # mm: a line in SVG
MITRE = 5.0


@dataclass(frozen=True, slots=True)
class Lying:
    """A piece on a sheet (from 0): closed lines with x to the right and y up from the sheet's lower left corner, mm."""

    part: Part
    sheet: int
    cut: tuple[Outline, ...]
    engraved: tuple[Outline, ...]


def lying(device: Device) -> tuple[Lying, ...]:
    """Every piece that is cut, in rows on as few sheets as these take; none of a stand that is printed."""
    sheet = device.design.sheet
    if sheet is None:
        return ()
    drawn = [_drawn(part, sheet) for part in device.cut]
    ends = [(max(x for x, _ in lines[0]), max(y for _, y in lines[0])) for lines in drawn]
    spots = packed(
        [(round(x + sheet.kerf / 2, 3), round(y + sheet.kerf / 2, 3)) for x, y in ends], sheet.size, GAP, MARGIN
    )
    found = []
    for part, lines, (_, high), ((number, left, front), turned) in zip(device.cut, drawn, ends, spots, strict=True):
        at = left + (0.0 if turned else sheet.kerf / 2), front + sheet.kerf / 2

        def placed(loops: Sequence[Outline], at=at, high=high, turned=turned) -> tuple[Outline, ...]:  # type: ignore[no-untyped-def]
            return tuple(
                tuple(
                    (round(at[0] + (high - y if turned else x), 3), round(at[1] + (x if turned else y), 3))
                    for x, y in loop
                )
                for loop in loops
            )

        found.append(Lying(part, number, placed(lines), placed(part.engraved)))
    return tuple(found)


def _drawn(part: Part, sheet: Sheet) -> tuple[Outline, ...]:
    """A piece's lines, half a kerf outside of it."""
    if not sheet.kerf:
        return part.cut_lines
    from shapely import Polygon

    outline, *windows = part.cut_lines
    wider = Polygon(outline, windows).buffer(sheet.kerf / 2, join_style="mitre", mitre_limit=MITRE)
    return tuple(tuple((x, y) for x, y in ring.coords[:-1]) for ring in (wider.exterior, *wider.interiors))


def to_sheets(device: Device) -> dict[str, bytes]:
    """Every sheet twice, as SVG and as DXF; nothing where the stand is printed."""
    sheet, pieces = device.design.sheet, lying(device)
    if sheet is None:
        return {}
    files, count = {}, max(piece.sheet for piece in pieces) + 1
    for number in range(count):
        own = [piece for piece in pieces if piece.sheet == number]
        title = f"{device.design.name}, sheet {number + 1} of {count}, {sheet.thickness:g} mm"
        files[f"sheets/sheet-{number + 1}.svg"] = _svg(own, sheet, title)
        files[f"sheets/sheet-{number + 1}.dxf"] = _dxf(own, sheet)
    return files


def _loops(piece: Lying, layer: str) -> tuple[Outline, ...]:
    return piece.cut if layer == CUT else piece.engraved


def _svg(pieces: Sequence[Lying], sheet: Sheet, title: str) -> bytes:
    """1 unit is 1 mm; y runs down."""
    wide, tall = sheet.size
    told = f"Lines are drawn {sheet.kerf / 2:g} mm outside of the pieces, for a kerf of {sheet.kerf:g} mm."
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
        f'width="{wide:g}mm" height="{tall:g}mm" viewBox="0 0 {wide:g} {tall:g}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{told}</desc>",
    ]
    for layer, (colour, _) in COLOURS.items():
        lines.append(
            f'<g id="{layer}" inkscape:groupmode="layer" inkscape:label="{layer}" fill="none" stroke="{colour}" '
            f'stroke-width="{HAIR:g}">'
        )
        for piece in pieces:
            ways = " ".join(
                "M" + " L".join(f"{x:.3f} {tall - y:.3f}" for x, y in loop) + " Z" for loop in _loops(piece, layer)
            )
            if ways:
                lines.append(f'<path id={quoteattr(f"{layer}-{piece.part.name}")} d="{ways}"/>')
        lines.append("</g>")
    return ("\n".join([*lines, "</svg>"]) + "\n").encode()


def _dxf(pieces: Sequence[Lying], sheet: Sheet) -> bytes:
    """AutoCAD R12: closed polylines, which every laser's software reads. y runs up."""
    codes: list[tuple[int, object]] = [
        *((0, "SECTION"), (2, "HEADER"), (9, "$ACADVER"), (1, "AC1009"), (9, "$INSUNITS"), (70, 4)),
        *((9, "$EXTMIN"), (10, 0.0), (20, 0.0), (30, 0.0)),
        *((9, "$EXTMAX"), (10, sheet.size[0]), (20, sheet.size[1]), (30, 0.0), (0, "ENDSEC")),
        *((0, "SECTION"), (2, "TABLES"), (0, "TABLE"), (2, "LTYPE"), (70, 1), (0, "LTYPE"), (2, "CONTINUOUS")),
        *((70, 0), (3, "Solid line"), (72, 65), (73, 0), (40, 0.0), (0, "ENDTAB")),
        *((0, "TABLE"), (2, "LAYER"), (70, len(COLOURS))),
    ]
    for layer, (_, colour) in COLOURS.items():
        codes += [(0, "LAYER"), (2, layer.upper()), (70, 0), (62, colour), (6, "CONTINUOUS")]
    codes += [(0, "ENDTAB"), (0, "ENDSEC"), (0, "SECTION"), (2, "ENTITIES")]
    for layer in COLOURS:
        for piece in pieces:
            for loop in _loops(piece, layer):
                codes += _polyline(loop, layer.upper())
    codes += [(0, "ENDSEC"), (0, "EOF")]
    return "".join(f"{code:3d}\r\n{_value(value)}\r\n" for code, value in codes).encode("ascii")


def _polyline(loop: Outline, layer: str) -> Iterator[tuple[int, object]]:
    yield from ((0, "POLYLINE"), (8, layer), (66, 1), (10, 0.0), (20, 0.0), (30, 0.0), (70, 1))
    for x, y in loop:
        yield from ((0, "VERTEX"), (8, layer), (10, x), (20, y), (30, 0.0))
    yield from ((0, "SEQEND"), (8, layer))


def _value(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
