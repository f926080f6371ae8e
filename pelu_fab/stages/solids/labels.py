"""What is written on a device: names in; words that can be drawn, differ and fit out, or a refusal by name."""

import re
import unicodedata
from collections.abc import Sequence
from math import floor, inf
from typing import NamedTuple

from pelu_fab.errors import FabError
from pelu_fab.network.scaling import quantity
from pelu_fab.stages.solids.lettering import characters, glyph, text_width

LEADING = 1.7  # capitals' heights from line to line: room for a descender and an accent
STROKES = 6.0  # nozzles that capitals are tall at least: their stems are then 1.5 nozzles wide
STEP = 0.01  # mm: heights are multiples, so that no rounding error decides what fits
RENAME = 'rename it: inputs and outputs in design.toml, or --set \'outputs=["a", "b"]\''
JOINT = re.compile(r"(?<=\w)[-_/.,:+](?=\w)|(?<=[a-z])(?=[A-Z])")  # where a name is broken that has no space
LETTER = "REGIONAL INDICATOR SYMBOL LETTER "


class Label(NamedTuple):
    """Lines of a label as they are drawn, top first, and the height of their capitals, mm."""

    lines: tuple[str, ...]
    height: float

    @property
    def tall(self) -> float:
        """From the foot of the last line to the head of the first, mm."""
        return self.height * (1.0 + LEADING * (len(self.lines) - 1))

    def feet(self, foot: float) -> tuple[float, ...]:
        """Where each line's foot is, when the last stands at `foot`."""
        return tuple(round(foot + self.height * LEADING * (len(self.lines) - 1 - k), 3) for k in range(len(self.lines)))


def labels(names: Sequence[str], *, measured: bool = False) -> tuple[str, ...]:
    """What is written for each of a device's inputs, or outputs: without its unit, as long as all stay different.

    Of what is `measured` a column's name may end in its unit: `petal_length_cm` is `petal length`.

    A symbol that the face lacks is written as its word. `FabError` names what can't be written, and two that would look
    alike.
    """
    short = [written(without_unit(quantity(name)[0] if measured and "_" in name else name)) for name in names]
    found = short if len({_looks(text) for text in short}) == len(short) else [written(name) for name in names]
    seen: dict[object, str] = {}
    for name, text in zip(names, found, strict=True):
        other = seen.setdefault(_looks(text), name)
        if other is not name:
            raise FabError(repr(name), f"would look like {other!r} on the device", RENAME)
    return tuple(found)


def without_unit(name: str) -> str:
    """The name without the unit behind it in brackets: `petal length (cm)` is `petal length`."""
    return name.split(" (")[0].replace("_", " ").strip() or name


def written(name: str) -> str:
    """A name in characters that the face draws: what draws nothing left out, a symbol it lacks as its word.

    Scripts that the face lacks, that join their letters or run from right to left raise `FabError`.
    """
    out = []
    for character in unicodedata.normalize("NFC", name):
        if unicodedata.bidirectional(character) in ("R", "AL", "AN"):
            raise FabError(repr(name), f"holds {character!r}, of a script that runs from right to left", RENAME)
        out.append(_drawn(character, name))
    text = " ".join("".join(out).split())
    if not any(glyph(character).regions for character in text):
        raise FabError(repr(name), "has nothing that can be drawn", RENAME)
    return text


def _drawn(character: str, name: str) -> str:
    category = unicodedata.category(character)
    if character in characters():
        return character if glyph(character).regions or category[0] not in "CMS" else ""
    if category in ("Cc", "Cf", "Mn", "Me") or 0x1F3FB <= ord(character) <= 0x1F3FF:  # joiners, skin tones
        return ""
    plain = unicodedata.normalize("NFKD", character)
    if plain != character and characters().issuperset(plain):
        return plain
    word = unicodedata.name(character, "").removeprefix(LETTER)
    if category[0] != "S" or not word:
        raise FabError(repr(name), f"holds {character!r}, which the typeface lacks", RENAME)
    return f" {word.lower()} "


def fitted(
    text: str, height: float, room: float, *, least: float, tall: float = inf, lines: int = 2, what: str = ""
) -> Label:
    """`text` in as large letters as fit `room` mm along the wall and `tall` mm up it: whole words, on 1 or 2 lines.

    One that no space helps is broken where its words were joined: `Iris-/versicolor`, `SepalLength/Cm`. Capitals are at
    most `height` tall; where they would have to be smaller than `least`, what the nozzle prints,
    `FabError` names the text, or `what` it stands for.
    """
    words = text.split()
    ways: list[tuple[str, ...]] = [(text,)]
    if lines > 1:
        ways += [(" ".join(words[:k]), " ".join(words[k:])) for k in range(1, len(words))]
    best = _largest(ways, height, room, tall)
    if best.height < least - STEP / 2 and lines > 1:
        ways += [(text[: joint.end()], text[joint.end() :]) for joint in JOINT.finditer(text)]
        best = _largest(ways, height, room, tall)
    if best.height < least - STEP / 2:
        fit = [way for way in ways if Label(way, least).tall <= tall + STEP] or ways[:1]
        need = min(max(text_width(line, least) for line in way) for way in fit)
        raise FabError(
            what or repr(text),
            f"takes {need:.1f} mm in the smallest letters that print ({least:g} mm), there is room for {room:.1f} mm",
            f"shorten it, or break it with a space; {RENAME}",
        )
    return best


def least_height(nozzle: float) -> float:
    """The smallest capitals that a nozzle prints, mm."""
    return round(STROKES * nozzle, 3)


def _largest(ways: Sequence[tuple[str, ...]], height: float, room: float, tall: float) -> Label:
    return max((_set(way, height, room, tall) for way in ways), key=lambda one: (one.height, -len(one.lines)))


def _set(lines: tuple[str, ...], height: float, room: float, tall: float) -> Label:
    widest = max(text_width(line, 1.0) for line in lines)
    most = min(room / widest, tall / (1.0 + LEADING * (len(lines) - 1)))
    return Label(lines, min(height, round(floor(round(most / STEP, 3)) * STEP, 3)))


def _looks(text: str) -> object:
    """What a text looks like: Latin A and Greek Α are one."""
    return tuple(glyph(character).regions for character in text)
