"""booklet.pdf: what to get, how to print, put together, get ready, pour, read and clean. A device in, bytes out.

Pictures are the parts' own meshes; numbers are those of pour.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pelu_fab.formats.bom import FILL, FLOORS, ROOFS
from pelu_fab.formats.plates import FILAMENTS, Plate, plates_of, turned_box
from pelu_fab.formats.pour import AGAIN, COVER, MORE, SEAL, Pour, level_words, listed, measures, pours, priming, siphons
from pelu_fab.formats.sheets import lying
from pelu_fab.ir.device import Device
from pelu_fab.show.assembly import Stage, Vector, called, stages
from pelu_fab.show.linework import Drawing, Patch, Piece, View, composed, drawn
from pelu_fab.show.sheets import ACCENT, GREY, HEIGHT, INK, WATER, WIDTH, Sheet, breadth, plain, to_pdf

SIGHT = (0.95, 1.25, 0.72)  # towards the eye: cups in front
FRONT, BEHIND = (0.6, -1.0, 0.8), (-0.6, 1.0, 0.8)  # the same for a piece that lies as it prints
PIXELS = 1700.0  # of the device's longest side, seen so
FINEST, COARSE = 5.0, 2.5  # pixels a mm: at most; for the pictures of pieces
LARGEST = 1.3  # times life size that a picture is at most
EDGE, TOP = 18.0, 30.0  # mm: margins of a page, foot of its title
INSIDE = WIDTH - 2 * EDGE
LOWEST = HEIGHT - 18.0  # mm: above the page's number
COLOURS = {"card": (255, 255, 255), "cup": (222, 236, 247), "jug": (222, 236, 247)}
LOOM, FRESH = (203, 209, 219), (255, 222, 173)  # stand and trays; what a step adds
MINUTES = 5  # after which a film of 15 µm on a wall has begun to dry up; after 15 it is gone
STILL: Vector = (0.0, 0.0, 0.0)
UP: Vector = (0.0, 0.0, 45.0)  # a card's way out
AHEAD: Vector = (0.0, 45.0, 8.0)  # that of one under gutters
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Every placed part as drawn, by index, and where its box's ends are (2, 3): low, high, mm."""

    view: View
    patches: dict[int, Patch]
    ends: dict[int, Array]

    def at(self, index: int, moved: Vector = STILL, up: float = 0.5, ahead: float = 0.5) -> Array:
        """Pixel of a place in a part, once it is moved: `up` from foot (0) to head (1), `ahead` from back to front."""
        low, high = self.ends[index]
        place = (low + high) / 2
        place[1] = low[1] + ahead * (high[1] - low[1])
        place[2] = low[2] + up * (high[2] - low[2])
        return np.asarray(self.view.flat((place + moved)[None])[0])

    @property
    def most(self) -> float:
        """Page mm of a pixel at the largest that anything is shown."""
        return LARGEST / self.view.scale


def to_booklet(device: Device) -> bytes:
    """A4, upright; the same device gives the same bytes."""
    with plain():
        return to_pdf(pages(device), f"{device.design.name}: put together, pour, read")


def pages(device: Device) -> list[Sheet]:
    """All of them in their order."""
    views, told = _views(device), stages(device)
    whole = composed([_piece(device, views, n) for n in views.patches], views.view)
    sheets = [_cover(device, views, whole, told), *_needed(device), *_beds(device)]
    sheets += [*_cuts(device), *_steps(device, views, told)]
    sheets += [_before(device, views, whole), _ready(device, views, whole, told), *_pouring(device, views, whole)]
    sheets.append(_after(device, views, told))
    for number, sheet in enumerate(sheets[1:], 2):
        sheet.text((WIDTH / 2, HEIGHT - 10.0), f"{number}", 8.0, colour=GREY, align="center")
    return sheets


def _views(device: Device) -> Views:
    corners = {n: device.assembled(n) for n, part in enumerate(device.parts) if part.transform is not None}
    flat = {n: c.reshape(-1, 3).astype(np.float64) for n, c in corners.items()}
    ends = {n: np.array([points.min(axis=0), points.max(axis=0)]) for n, points in flat.items()}
    seen = np.concatenate([View(SIGHT, 1.0).flat(points) for points in flat.values()])
    view = View(SIGHT, min(FINEST, PIXELS / float(np.ptp(seen, axis=0).max())))
    return Views(view, {n: drawn(c, view) for n, c in corners.items()}, ends)


def _piece(device: Device, views: Views, index: int, moved: Vector = STILL, *, fresh: bool = False) -> Piece:
    colour = FRESH if fresh else COLOURS.get(device.parts[index].role, LOOM)
    return Piece(views.patches[index], colour, moved)


def _headed(title: str, words: str = "") -> Sheet:
    sheet = Sheet()
    sheet.text((EDGE, TOP), title, 20.0, bold=True)
    sheet.text((WIDTH - EDGE, TOP), words, 9.0, colour=GREY, align="right")
    sheet.rule((EDGE, TOP + 4.0), (WIDTH - EDGE, TOP + 4.0), INK, 1.0)
    return sheet


def _numbered(sheet: Sheet, y: float, number: int, title: str, *words: str) -> float:
    sheet.disc((EDGE + 5.0, y + 0.5), 5.0, f"{number}")
    sheet.text((EDGE + 14.0, y), title, 12.0, bold=True)
    return sheet.paragraph((EDGE + 14.0, y + 7.0), " ".join(words), INSIDE - 14.0, 10.0) + 2.0


def _fitting(words: str, width: float, size: float) -> float:
    """The size (points) at which a bold line is no wider than `width` mm."""
    return min(size, size * width / max(breadth(words, size, bold=True), 1e-9))


# ---- before there is anything to put together ----


def _cover(device: Device, views: Views, whole: Drawing, told: Sequence[Stage]) -> Sheet:
    sheet = Sheet()
    sheet.text((EDGE, 40.0), device.design.name, _fitting(device.design.name, INSIDE, 40.0), bold=True)
    words = "A neural network that runs on water. Print it, put it together, pour."
    sheet.text((EDGE, 50.0), words, 11.0, colour=GREY)
    sheet.picture(whole, (EDGE, 62.0), (INSIDE, 185.0), views.most)
    plates = len(plates_of(device))
    pieces = f"{device.pieces} pieces" if not device.cut else f"{device.pieces} + {len(device.cut)} pieces"
    facts = [pieces, f"{plates} plates" if plates > 1 else "1 plate", f"{len(told)} steps"]
    sheet.rule((EDGE, 262.0), (WIDTH - EDGE, 262.0), INK, 1.0)
    for number, fact in enumerate([*facts, "no tools, no glue"]):
        sheet.text((EDGE + number * INSIDE / 4, 270.0), fact, 11.0, bold=True)
    words = "L0.b1 is bucket 1 of layer 0; its card bears that name. pour.md has the same numbers."
    sheet.text((EDGE, 280.0), words, 8.0, colour=GREY)
    return sheet


def _needed(device: Device) -> list[Sheet]:
    """Shopping list, then every piece that the plates hold."""
    sheets = [_headed("You need")]
    y = TOP + 14.0
    for words in _shopping(device):
        sheets[0].box((EDGE, y - 3.2), (3.6, 3.6))
        y = sheets[0].paragraph((EDGE + 7.0, y), words, INSIDE - 7.0, 10.0) + 2.0
    y += 8.0
    made = "printed and cut" if device.cut else "printed"
    sheets[0].text((EDGE, y), f"and these pieces, once they are {made}", 12.0, bold=True)
    y += 5.0
    abreast = 5 if len(device.parts) <= 20 else 6
    wide, tall, column = INSIDE / abreast, 36.0, 0
    for index, part in enumerate(device.parts):
        if column == abreast:
            column, y = 0, y + tall
        if y + tall > LOWEST:
            sheets.append(_headed("You need", "pieces, continued"))
            column, y = 0, TOP + 8.0
        stands = part.transform is not None
        corners = device.assembled(index) if stands else device.meshes[index].corners
        view = View(SIGHT if stands else FRONT, COARSE)
        drawing = composed([Piece(drawn(corners, view), COLOURS.get(part.role, LOOM))], view)
        left = EDGE + column * wide
        sheets[-1].picture(drawing, (left + 2.0, y), (wide - 4.0, tall - 10.0), 0.28 / COARSE)
        name = called(device, part)
        size = _fitting(name, wide - 2.0, 8.0)
        sheets[-1].text((left + wide / 2, y + tall - 6.0), name, size, bold=True, align="center")
        file = (f"{part.count} x " if part.count > 1 else "") + (part.name if part.name != name else "")
        file = "cut" if part.is_cut else file
        sheets[-1].text((left + wide / 2, y + tall - 2.8), file, 6.5, colour=GREY, align="center")
        column += 1
    return sheets


def _shopping(device: Device) -> Iterator[str]:
    process = device.design.process
    amounts = listed([f"{ceil(_grams(device, f) / 10.0) * 10} g {f}" for f in FILAMENTS if _grams(device, f)])
    yield f"{process.material.name} filament: about {amounts}. One colour does; clear cups show their water"
    bed = " x ".join(f"{length:g}" for length in process.printer.bed)
    hours = f"about {device.hours:.0f} hours by the profile {process.name}"
    yield f"a printer of {bed} mm with a nozzle of {process.printer.nozzle:g} mm: {hours}"
    if sheet := device.design.sheet:
        size = f"{sheet.size[0]:g} x {sheet.size[1]:g} mm"
        count = max(piece.sheet for piece in lying(device)) + 1
        sheets = f"{count} sheets" if count > 1 else "a sheet"
        yield (
            f"{sheets} of plywood or acrylic, {sheet.thickness:g} mm as measured, {size}, and a laser: "
            f"sheets/sheet-N.svg or .dxf, {device.cut_length / 1000.0:.1f} m of cut"
        )
    v0 = priming(device)
    most = max((sum(jug.ml for jug in pour.jugs) for pour in pours(device)), default=0.0) + v0.ml * len(v0.cards)
    drop = ", with one drop of dish detergent in each half litre" if "detergent" in process.fluid.name else ""
    yield f"{max(ceil(most / 100.0) / 10.0, 0.5):.1f} litres of clean tap water for a pour{drop}"
    yield "the printed jug, or a cup and a kitchen scale: grams are told beside millilitres"
    yield "a bubble level, or a phone that shows one; paper or card to lay under the feet"
    yield f"a {'ruler, a ' if device.layout.trestles else ''}tray or towel beneath, a soft brush, and a sink near by"
    sealed = " and for a siphon" if siphons(device) else ""
    yield f"clear varnish, for a card that weeps{sealed} (not on sills and teeth)"


def _grams(device: Device, filament: str, plate: Plate | None = None) -> float:
    """About what all pieces of a filament weigh, or those on one plate."""
    if plate is None:
        owners = [
            n
            for n, part in enumerate(device.parts)
            if part.role in FILAMENTS[filament] and not part.is_cut
            for _ in range(part.count)
        ]
    else:
        owners = [piece.part for piece in plate.pieces]
    return sum(device.meshes[n].printed_volume for n in owners) / 1000.0 * device.design.process.material.density


def _beds(device: Device) -> list[Sheet]:
    """What lies on which bed, and the settings that matter."""
    bed = device.design.process.printer.bed
    sheets = [_headed("Print", "open each plates/plate-N.3mf in your slicer: one bed, one filament")]
    wide = (INSIDE - 10.0) / 2
    scale = min(wide / bed[0], 72.0 / bed[1])
    step = bed[1] * scale + 16.0
    y = TOP + 14.0
    for number, plate in enumerate(plates_of(device)):
        if number and number % 2 == 0:
            y += step
        if y + step > LOWEST:
            sheets.append(_headed("Print", "continued"))
            y = TOP + 14.0
        _bed(sheets[-1], device, plate, number + 1, (EDGE + number % 2 * (wide + 10.0), y), scale)
    y += step
    if y + 58.0 > LOWEST:
        sheets.append(_headed("Print", "continued"))
        y = TOP + 16.0
    _settings(sheets[-1], device, y)
    return sheets


def _cuts(device: Device) -> list[Sheet]:
    """What lies on which sheet, and how to cut it; nothing where the stand is printed."""
    sheet, pieces = device.design.sheet, lying(device)
    if sheet is None:
        return []
    words = (
        f"Measure your sheet: slots are {sheet.slot:g} mm wide, for {sheet.thickness:g} mm. Engrave the blue names, "
        f"then cut the red lines. These lie {sheet.kerf / 2:g} mm outside of the pieces, for a kerf of {sheet.kerf:g} "
        "mm: if your software offsets by itself, compile with --set sheet.kerf=0. Cut one leg and its tie first: they "
        "slide together by hand, and hold. Varnish plywood."
    )
    pages = [_headed("Cut", "sheets/sheet-N.svg or .dxf, at 1:1")]
    scale = min(INSIDE / sheet.size[0], 104.0 / sheet.size[1])
    y = pages[0].paragraph((EDGE, TOP + 14.0), words, INSIDE, 10.0) + 8.0
    for number in sorted({piece.sheet for piece in pieces}):
        if y + 4.0 + sheet.size[1] * scale > LOWEST:
            pages.append(_headed("Cut", "continued"))
            y = TOP + 14.0
        pages[-1].text((EDGE, y), f"sheet {number + 1}", 10.0, bold=True)
        y += 4.0 + sheet.size[1] * scale  # its foot
        pages[-1].box(
            (EDGE, y - sheet.size[1] * scale), (sheet.size[0] * scale, sheet.size[1] * scale), "#f4f5f7", GREY
        )
        for piece in pieces:
            if piece.sheet == number:
                lines = [[(EDGE + a * scale, y - b * scale) for a, b in line] for line in piece.cut]
                pages[-1].loops(lines, "#f3dfc0")
                left, right, high, low = (end(p[k] for p in lines[0]) for k in (0, 1) for end in (min, max))
                size = _fitting(piece.part.name, right - left - 2.0, 6.5)
                middle = (left + right) / 2, (high + low) / 2 + 0.8
                pages[-1].text(middle, piece.part.name, size, bold=True, align="center")
        y += 10.0
    return pages


def _bed(sheet: Sheet, device: Device, plate: Plate, number: int, at: tuple[float, float], scale: float) -> None:
    """One bed from above, its front below; its title's foot at `at`."""
    x, y, _ = device.design.process.printer.bed
    left, top = at[0], at[1] + 3.0
    sheet.text(at, f"plate {number}", 10.0, bold=True)
    grams, process = _grams(device, plate.filament, plate), device.design.process
    hours = grams / process.material.density * process.printer.hours_per_cm3
    words = f"{plate.filament} filament, about {grams:.0f} g, {hours:.1f} h"
    sheet.text((left + 18.0, at[1]), words, 9.0, colour=GREY)
    sheet.box((left, top), (x * scale, y * scale), "#f4f5f7", GREY)
    for piece in plate.pieces:
        size = device.meshes[piece.part].extents[:2]
        wide, deep = turned_box(size, piece.turn)
        middle = left + (piece.left + wide / 2) * scale, top + (y - piece.front - deep / 2) * scale
        own = size[0] * scale, size[1] * scale
        part = device.parts[piece.part]
        fill = "#{:02x}{:02x}{:02x}".format(*COLOURS.get(part.role, LOOM))
        sheet.box((middle[0] - own[0] / 2, middle[1] - own[1] / 2), own, fill, turn=piece.turn)
        name = called(device, part)
        sheet.text((middle[0], middle[1] + 0.8), name, _fitting(name, wide * scale - 1.0, 7.0), align="center")


def _settings(sheet: Sheet, device: Device, y: float) -> None:
    printer = device.design.process.printer
    sheet.text((EDGE, y), "Five settings matter; the rest is your printer's own", 12.0, bold=True)
    for key, words in (
        ("layers", f"{printer.layer_height:g} mm high, the first one too: sills stand on layer lines"),
        ("walls", f"{printer.perimeters} perimeters, each {printer.nozzle:g} mm wide: they hold the water"),
        ("floors", f"{FLOORS} layers below, {ROOFS} above"),
        ("infill", f"{FILL} %"),
        ("supports", "none; parts lie as they should print. Seam aligned, or to the back"),
    ):
        y += 6.0
        sheet.text((EDGE, y), key, 9.5, bold=True)
        sheet.text((EDGE + 26.0, y), words, 9.5)
    first = "trays" if device.design.sheet else "stand and trays"
    loose = f"--set process_overrides.printer.clearance={printer.clearance + 0.05:.2f}"
    words = (
        "PrusaSlicer takes them from print-preset.ini (File, Import, Import Config); your printer and filament stay. "
        f"In another slicer set these five by hand. Print {first} first, then one card, and hang it in its seat. If it "
        f"is tight, compile again with more clearance ({loose}) before you print the rest."
    )
    sheet.paragraph((EDGE, y + 9.0), words, INSIDE, 9.5, colour=GREY)


# ---- with hands ----


def _steps(device: Device, views: Views, told: Sequence[Stage]) -> list[Sheet]:
    """Two steps a page, the last one may have its own: what stands already, what comes in, and which way."""
    sheets: list[Sheet] = []
    half = (HEIGHT - TOP - 24.0) / 2
    standing: list[int] = []
    for number, stage in enumerate(told):
        second = number % 2 == 1
        if not second:
            sheets.append(_headed("Put together"))
        sheet, y = sheets[-1], TOP + 8.0 + second * half
        tall = half if second or number + 1 < len(told) else 2 * half
        if second:
            sheet.rule((EDGE, y - 2.0), (WIDTH - EDGE, y - 2.0))
        sheet.disc((EDGE + 5.0, y + 7.0), 5.0, f"{number + 1}")
        end = sheet.paragraph((EDGE + 14.0, y + 6.0), stage.words, INSIDE - 14.0, 10.5) + 4.0  # a tag's height
        away = stage.away if number else STILL
        pieces = [_piece(device, views, n) for n in standing]
        pieces += [_piece(device, views, n, away, fresh=True) for n in stage.parts]
        box = INSIDE, y + tall - 12.0 - end
        to_page = sheet.picture(composed(pieces, views.view), (EDGE, end), box, 0.5 / views.view.scale)
        for n in stage.parts:
            if number:
                near: Vector = (away[0] * 0.15, away[1] * 0.15, away[2] * 0.15)
                sheet.arrow(to_page(views.at(n, away, up=0.0)), to_page(views.at(n, near, up=0.0)))
            below = device.parts[n].role == "cup"  # in front of all others
            x, foot = to_page(views.at(n, away, up=0.0, ahead=1.0) if below else views.at(n, away, up=1.0))
            sheet.tag((x, foot + (4.5 if below else -3.0)), called(device, device.parts[n]), down=below)
        standing += stage.parts
    return sheets


def _before(device: Device, views: Views, whole: Drawing) -> Sheet:
    sheet = _headed("Before the first pour", "once")
    placed = device.layout.layers[0][0]
    name = placed.card.name
    first = next(n for n in views.patches if called(device, device.parts[n]) == name)
    trays = "Pour down one gutter of a tray: its neighbours stay dry." if device.layout.trays else ""
    words = (
        "Over the sink, fill each card to its sill, which is the lower edge of its teeth, and cups and jug to their "
        "highest mark. Wipe them, wait five minutes, and feel the corners and the floor. Coat one that weeps with "
        f"clear varnish inside, never on the sill or the teeth. {trays}"
    )
    y = _numbered(sheet, TOP + 14.0, 1, "Does it leak?", words)
    card = composed([_piece(device, views, first)], views.view)
    to_page = sheet.picture(card, (EDGE + 14.0, y + 4.0), (INSIDE - 14.0, 36.0), views.most)
    sheet.tag((to_page(views.at(first, up=1.0))[0], y + 2.0), f"{name}: fill to the teeth", colour=WATER)
    y, level = y + 48.0, 2
    if sealed := siphons(device):
        title = f"Seal {listed(sealed)}: {'each has' if len(sealed) > 1 else 'it has'} a siphon"
        y, level = _numbered(sheet, y, 2, title, SEAL[0].upper() + SEAL[1:]) + 3.0, 3
    row = " Then look at one in the rack." if device.layout.hung and device.layout.trays else ""
    words = (
        f"Lay a bubble level or a phone on the rim of {name}: along its comb, then across it. Push paper under the "
        f"feet until both stay within {level_words(device)}. So much moves about 1 % of the water from one branch to "
        "another."
    )
    y = _numbered(sheet, y, level, "Is it level, both ways?", words + row)
    tall = LOWEST - 34.0 - y
    to_page = sheet.picture(whole, (EDGE + 20.0, y + 10.0), (INSIDE - 40.0, tall - 8.0), views.most)
    low, high = views.ends[first]
    for direction, words in (((1.0, 0.0, 0.0), "along"), ((0.0, 1.0, 0.0), "across")):
        reach = np.array(direction) * ((high - low) / 2 + 14.0)
        rim = np.array([*(low + high)[:2] / 2, high[2] + 8.0])
        ends = sorted(to_page(views.view.flat(point[None])[0]) for point in (rim - reach, rim + reach))
        sheet.arrow(ends[0], ends[1], WATER, both=True)
        sheet.tag((ends[0][0] - 7.5, ends[0][1]), words, colour=WATER)
    upper = [placed.card.name for placed in device.layout.layers[0]]
    takers = listed(upper) if len(upper) <= 6 else f"the {len(upper)} cards of the first row"
    each = "each of " if len(upper) > 1 else ""
    words = (
        f"Pour a full jug into {each}{takers}, let it drain, empty cups and cards. A dry device keeps about "
        f"1 mL on its walls. A wet one is dry again in {MINUTES} to 15 minutes: then wet it once more."
    )
    _numbered(sheet, LOWEST - 18.0, level + 1, "Wet it", words)
    return sheet


def _ready(device: Device, views: Views, whole: Drawing, told: Sequence[Stage]) -> Sheet:
    v0 = priming(device)
    sheet = _headed("Get ready", "before every answer")
    words = "Lift out the cards, tip them out, hang them back. Empty the cups. Wet walls are fine."
    y = _numbered(sheet, TOP + 14.0, 1, "Empty it", words, _undone(device, told, COVER))
    if not v0.cards:
        words = "No card of this device divides its water, so none needs priming."
        y = _numbered(sheet, y + 6.0, 2, "That is all", words)
        sheet.picture(whole, (EDGE, y + 6.0), (INSIDE, 166.0), views.most)
        return sheet
    y = _numbered(
        sheet,
        y + 6.0,
        2,
        f"Prime it: V0 = {v0.ml:.1f} mL ({v0.grams:.1f} g) into each of {len(v0.cards)}",
        f"Pour V0 into every card that divides its water: {listed(v0.cards)}. A comb shares rightly only over a full",
        "pool. Nothing runs over; now each card lacks just what it learned to keep. Too much or too little counts",
        "like water poured, so weigh it, or fill the jug to its line V0.",
    )
    to_page = sheet.picture(whole, (EDGE, y + 16.0), (INSIDE, LOWEST - y - 42.0), views.most)
    for n in views.patches:
        name = called(device, device.parts[n])
        if device.parts[n].role == "card" and name in v0.cards:
            _poured(sheet, to_page(views.at(n, up=0.9)), f"{name}: V0")
    sheet.box((EDGE, LOWEST - 20.0), (INSIDE, 15.0), "#fff4e3", ACCENT)
    words = (
        f"Go on within {MINUTES} minutes. Wet walls dry in {MINUTES} to 15, and a dry device keeps about 1 mL more: "
        "when it has stood, wet it, tip it out and prime it anew."
    )
    sheet.paragraph((EDGE + 4.0, LOWEST - 14.0), words, INSIDE - 8.0, 10.0, bold=True)
    return sheet


def _undone(device: Device, told: Sequence[Stage], words: str) -> str:
    """How to come to cards under a tray; nothing where there are none."""
    under = [placed.card.name for placed in device.layout.covered]
    if not under:
        return ""
    hidden = {n for n, part in enumerate(device.parts) if called(device, part) in under}
    last = max(k for k, stage in enumerate(told, 1) if hidden & {*stage.parts})
    upper = max(k for k, stage in enumerate(told, 1) if device.parts[stage.parts[0]].role == "card")
    steps = f"undo steps {upper} to {last + 1}" if upper > last + 1 else f"undo step {upper}"
    return f"{listed(under)} {'lie' if len(under) > 1 else 'lies'} under a tray: {steps}, that is take off {words}"


def _poured(sheet: Sheet, goal: tuple[float, float], words: str) -> None:
    """Water from above, and what it is."""
    sheet.arrow((goal[0], goal[1] - 15.0), (goal[0], goal[1] - 1.0), WATER)
    sheet.tag((goal[0], goal[1] - 17.5), words, colour=WATER)


def _pouring(device: Device, views: Views, whole: Drawing) -> list[Sheet]:
    """Where each jug goes, then a table for each answer of the protocol."""
    sheets, flow = [_headed("Pour, then read")], device.design.pour_flow_ml
    most = max((jug.ml for pour in pours(device) for jug in pour.jugs), default=flow)
    seconds = f"{most:.0f} mL in {most / flow:.0f} seconds"
    rulers = any(ruler.port for jug in device.sized.jugs for ruler in jug.rulers)
    goal = "your number on the side that bears the card's name" if rulers else "the mark of so many mL"
    words = (
        f"Stand the jug level, and fill it to {goal}. Pour about {flow:g} mL a second ({seconds}) "
        "behind the walls of that card, in their middle; then the next. Their order does not matter. "
        f"Poured too little? {AGAIN if device.design.network.has_flush else MORE}"
    )
    y = _numbered(sheets[0], TOP + 14.0, 1, "Fill the jug by its rulers, for one card after another", words)
    aside = 48.0
    to_page = sheets[0].picture(whole, (EDGE, y + 14.0), (INSIDE - aside - 6.0, 104.0), views.most)
    for placed, label in zip(device.layout.layers[0], device.design.network.inputs, strict=True):
        _poured(sheets[0], to_page(views.view.flat(np.array([placed.inlet]))[0]), _short(label))
    _jug(sheets[0], device, (WIDTH - EDGE - aside, y + 8.0), (aside, 108.0))
    words = f"After the last drop has fallen, about a minute. {_reading(device)}"
    y = _numbered(sheets[0], y + 126.0, 2, "Wait, and read at eye level", words) + 5.0
    if rows := measures(device.design):
        head = ("with a scale, for any sample", "pour, mL (grams, nearly)", "from", "to")
        bare = not any(low or high for _, _, low, high in rows)
        table = [(*row[:2], "", "") if bare else row for row in (head, *rows)]
        y = sheets[0].table((EDGE, y), table, (0.0, 60.0, -140.0, -INSIDE + 1.0)) + 4.0
    for pour in pours(device):
        if y + 18.0 + 5.4 * (max(len(pour.jugs), len(pour.cups)) + 1) + 5.0 * len(pour.answer) > LOWEST:
            sheets.append(_headed("Pour, then read", "try these"))
            y = TOP + 14.0
        y = _table(sheets[-1], y, pour) + 6.0
    return sheets


def _jug(sheet: Sheet, device: Device, at: tuple[float, float], size: tuple[float, float]) -> None:
    """The first jug from two sides, or from one if it has no more rulers, and what they are."""
    index = next(n for n, part in enumerate(device.parts) if part.role == "jug")
    jug, corners = device.sized.jugs[0], device.meshes[index].corners
    names = dict(device.lowered.netlist.inputs)
    titles = [_short(names[ruler.port]) if ruler.port else "mL" for ruler in jug.rulers]
    sides = [(FRONT, titles[:2]), *([(BEHIND, titles[2:])] if titles[2:] else [])]
    tall = size[1] / len(sides)
    for number, (sight, told) in enumerate(sides):
        view, top = View(sight, FINEST), at[1] + number * tall
        drawing = composed([Piece(drawn(corners, view), COLOURS["jug"])], view)
        sheet.picture(drawing, (at[0], top), (size[0], min(tall - 8.0, 72.0)), 0.85 / FINEST)
        foot = top + min(tall - 8.0, 72.0) + 3.5
        words = listed(told)
        sheet.text((at[0] + size[0] / 2, foot), words, _fitting(words, size[0], 8.0), bold=True, align="center")
    if jug.priming_volume and len(sides) == 1:
        sheet.text(
            (at[0] + size[0] / 2, foot + 4.0), "the line V0 is for getting ready", 7.5, colour=GREY, align="center"
        )


def _reading(device: Device) -> str:
    if any(readout.kind != "fullest" for readout in device.design.network.answers):
        return "What the levels mean stands under each pour."
    if len(device.design.network.outputs) == 1:
        return "The cup's level is the answer."
    close = 2 * device.design.process.scatter.read_ml
    return (
        "All cups have one inner section, so the highest water is the fullest cup, and that is the answer; two within "
        f"{close:g} mL are too close to tell."
    )


def _short(name: str) -> str:
    return name.split(" (")[0]


def _table(sheet: Sheet, y: float, pour: Pour) -> float:
    sheet.text((EDGE, y), pour.title, _fitting(pour.title, INSIDE, 11.0), bold=True)
    jugs = [("pour", "for", "into", "mL", "g")]
    jugs += [(_short(jug.name), jug.measured, jug.card, f"{jug.ml:.1f}", f"{jug.grams:.1f}") for jug in pour.jugs]
    if not any(jug.measured for jug in pour.jugs):
        jugs[0] = ("pour", "", *jugs[0][2:])
    cups = [("cup should hold", "mL", "g"), *((cup.name, f"{cup.ml:.1f}", f"{cup.grams:.1f}") for cup in pour.cups)]
    foot = sheet.table((EDGE, y + 6.5), jugs, (0.0, 32.0, 50.0, -71.0, -84.0))
    other = sheet.table((EDGE + INSIDE / 2 + 6.0, y + 6.5), cups, (0.0, -58.0, -78.0))
    y = max(foot, other) + 0.5
    for line in pour.answer:
        y = sheet.paragraph((EDGE, y), line.replace("**", ""), INSIDE, 9.5, bold=True)
    return y


def _after(device: Device, views: Views, told: Sequence[Stage]) -> Sheet:
    sheet = _headed("Again, and afterwards")
    under = device.layout.hung and device.layout.trays
    y = _numbered(
        sheet,
        TOP + 14.0,
        1,
        "Reset between two answers, or two groups",
        "Lift out every card with two fingers, tip it out, hang it back; empty the cups.",
        "Those in the rack come forwards, a little up first." if under else "",
        _undone(device, told, "what is above first."),
        "Then get ready as before." + ("" if device.layout.covered else " Nothing else is taken apart."),
    )
    cards = [stage.parts for stage in told if device.parts[stage.parts[0]].role == "card"]
    hung = {placed.card.name for placed in device.layout.hung} if under else set()
    covered = {placed.card.name for placed in device.layout.covered}
    ways = {n: AHEAD if called(device, device.parts[n]) in hung else UP for group in cards for n in group}
    ways = {n: way for n, way in ways.items() if called(device, device.parts[n]) not in covered}
    pieces = [_piece(device, views, n, ways.get(n, STILL), fresh=n in ways) for n in views.patches]
    to_page = sheet.picture(composed(pieces, views.view), (EDGE, y + 10.0), (INSIDE, 104.0), views.most)
    for n, way in ways.items():
        start = np.array(to_page(views.at(n, way, up=1.0)))
        along = np.array(to_page(views.at(n, way, up=1.0) + views.at(n, way) - views.at(n))) - start
        end = start + along / np.hypot(*along) * 11.0
        sheet.arrow((float(start[0]), float(start[1])), (float(end[0]), float(end[1])))
    y = _numbered(
        sheet,
        y + 126.0,
        2,
        "Clean",
        "Rinse cards, cups and trays with cold water and a soft brush: hot water bends them. Never scrape a sill or a",
        "tooth. Detergent that dries leaves a film, so rinse before you put it away, and let it dry open.",
    )
    sheet.text((EDGE, y + 5.0), "If something is odd", 12.0, bold=True)
    y += 11.5
    for seen, done in _odd(device):
        sheet.text((EDGE, y), seen, 9.0, bold=True)
        y = sheet.paragraph((EDGE + 62.0, y), done, INSIDE - 62.0, 9.0) + 1.4
    return sheet


def _odd(device: Device) -> Iterator[tuple[str, str]]:
    """What people see, and what to do."""
    yield "water outside a card", "varnish it inside, as after the first test"
    if "detergent" in device.design.process.fluid.name:
        yield "drops hang at the teeth", "the water lacks its drop of detergent"
    yield (
        "too little in every cup",
        f"it was dry{', or V0 was forgotten' if priming(device).cards else ''}: wet it and start again",
    )
    if siphons(device):
        yield "a siphon trickles, never runs", "pour the last of the water faster, or seal it once more: it draws air"
    yield (
        "one cup takes another's water",
        "cards or cups stand in another order than in the pictures, or it is not level",
    )
    yield "water over a gutter's wall", "pour more slowly, behind the walls of the card"
    yield "trained again", "compile into the same folder: it tells which cards changed. Print those and hang them in"
