"""SVG and DXF by the judge's own reading: bytes in, closed cut lines out (n, 2), x to the right, y up, mm.

Nothing but plain paths and polylines on two layers, cut and engrave, is understood; all else is a `ValueError`.
"""

import re
from collections.abc import Iterator
from xml.parsers import expat

import numpy as np

from pelu_fab.signoff.stl import Array

LAYERS = ("cut", "engrave")
SAID = ("title", "desc")
NUMBER = r"[-+]?\d+(?:\.\d+)?"
LOOP = re.compile(rf"M ?({NUMBER}) ({NUMBER})((?: L ?{NUMBER} {NUMBER})+) Z ?")
SIZE = re.compile(rf"({NUMBER})mm")
ENTITIES = ("POLYLINE", "VERTEX", "SEQEND")
MILLIMETRES, CLOSED = 4, 1


def read_svg(blob: bytes, size: tuple[float, float]) -> list[Array]:
    """Loops of the layer `cut`; the drawing must be as large as the sheet of `size`, 1 unit a mm."""
    loops: list[Array] = []
    stack: list[str] = []

    def start(name: str, told: dict[str, str]) -> None:
        stack.append(told.get("id", "") if name == "g" else name)
        if "transform" in told or "style" in told:
            raise ValueError("it moves or hides some of its lines")
        if name == "svg":
            _check_size(told, size)
        elif name == "g" and stack[-1] not in LAYERS:
            raise ValueError(f"it has a layer {stack[-1]!r}")
        elif name == "path":
            found = list(_loops(told.get("d", ""), size[1]))
            loops.extend(found if "cut" in stack else ())
        elif name not in (*SAID, "g"):
            raise ValueError(f"it holds a {name}")

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: stack.pop()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(blob, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(str(error)) from error
    return loops


def _check_size(told: dict[str, str], size: tuple[float, float]) -> None:
    sides = [SIZE.fullmatch(told.get(key, "")) for key in ("width", "height")]
    stated = tuple(float(side[1]) for side in sides if side)
    box = tuple(float(word) for word in told.get("viewBox", "").split())
    if stated != size or box != (0.0, 0.0, *size):
        raise ValueError(f"it is not {size[0]:g} x {size[1]:g} mm at 1 unit a mm")


def _loops(way: str, tall: float) -> Iterator[Array]:
    """Closed loops of a path of straight lines, its y turned up."""
    at = 0
    while at < len(way):
        found = LOOP.match(way, at)
        if found is None:
            raise ValueError(f"it has a path that is no closed polygon: {way[at : at + 20]!r}")
        numbers = re.findall(NUMBER, found[0])
        points = np.array(numbers, dtype=np.float64).reshape(-1, 2)
        yield np.column_stack([points[:, 0], tall - points[:, 1]])
        at = found.end()


def read_dxf(blob: bytes, size: tuple[float, float]) -> list[Array]:
    """Closed polylines of the layer `CUT` of an R12 file; `size` is for the same shape of call."""
    try:
        lines = blob.decode("ascii").split("\n")
        codes = [int(code) for code in lines[0:-1:2]]
        values = [value.strip() for value in lines[1::2]]
        return list(_polylines(list(zip(codes, values, strict=False))))
    except LookupError as error:
        raise ValueError(f"it ends in the middle ({error!r})") from error


def _polylines(pairs: list[tuple[int, str]]) -> Iterator[Array]:
    """Loops of the entities' section; `ValueError` for anything else that would be cut."""
    if (9, "$INSUNITS") in pairs and pairs[pairs.index((9, "$INSUNITS")) + 1] != (70, str(MILLIMETRES)):
        raise ValueError("it is not in mm")
    start = pairs.index((2, "ENTITIES")) + 1
    end = pairs.index((0, "ENDSEC"), start)
    records: list[tuple[str, dict[int, str]]] = []
    for code, value in pairs[start:end]:
        if code == 0:
            records.append((value, {}))
        else:
            records[-1][1][code] = value
    points: list[tuple[float, float]] = []
    for kind, told in records:
        layer = told.get(8, "").lower()
        if kind not in ENTITIES or layer not in LAYERS:
            raise ValueError(f"it holds a {kind} on the layer {layer!r}")
        if kind == "POLYLINE":
            points = []
            if int(told.get(70, "0")) != CLOSED:
                raise ValueError("it has a line that does not close")
        elif kind == "VERTEX":
            if float(told.get(42, "0")):
                raise ValueError("it has an arc")
            points.append((float(told[10]), float(told[20])))
        elif layer == "cut":
            yield np.array(points, dtype=np.float64)
