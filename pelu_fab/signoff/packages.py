"""3MF packages by the judge's own reading: bytes in, meshes and how they lie on the plates out.

Nothing is unpacked beyond a limit, and no document may declare an entity or a type.
"""

import io
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.signoff.stl import Array

MODEL = "3D/3dmodel.model"
LARGEST = 1 << 30  # bytes of a model; the largest of ours are a tenth of it
RATIO = 200  # how often smaller a zip may be than what it holds; XML of numbers stays below 20
DEEPEST = 32  # elements inside each other
AGAIN = "compile it again"
ROWS = {  # what stands before, between and behind the three numbers of a row, and the mark that is put there
    "vertices": {b'<vertex x="': b"\1", b'" y="': b"\2", b'" z="': b"\3", b'" />': b"\4", b'"/>': b"\4"},
    "triangles": {b'<triangle v1="': b"\1", b'" v2="': b"\2", b'" v3="': b"\3", b'" />': b"\4", b'"/>': b"\4"},
}
BETWEEN = {"vertices": re.compile(rb'" ?/>\s*<vertex x="'), "triangles": re.compile(rb'" ?/>\s*<triangle v1="')}
FIRST = 300  # bytes of a list that show how its rows are parted
WRITTEN: dict[str, tuple[bytes, type]] = {  # what a row's numbers may be made of
    "vertices": (b"0123456789+-.eE \t\r\n", np.float64),
    "triangles": (b"0123456789 \t\r\n", np.int64),
}
MARKS = b"\1\2\3\4"
SPACES = bytes.maketrans(MARKS, b"    ")


@dataclass(slots=True)
class Package:
    """Objects by id: name and corners (triangles, 3, 3), mm. Items: object and its 4 x 4 transform."""

    names: dict[str, str] = field(default_factory=dict)
    meshes: dict[str, Array] = field(default_factory=dict)
    items: list[tuple[str, Array]] = field(default_factory=list)


def read_package(blob: bytes, where: str) -> Package:
    """The meshes of a 3MF core package; whatever is wrong with it is a `FabError`."""
    try:
        return _model(_unzipped(blob))
    except (zipfile.BadZipFile, expat.ExpatError, LookupError, ValueError, NotImplementedError, RuntimeError) as error:
        raise FabError(where, f"is no 3MF package ({error})", AGAIN) from error


def _unzipped(blob: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        size = archive.getinfo(MODEL).file_size
        if size > min(LARGEST, RATIO * len(blob)):
            raise ValueError(f"its model unpacks to {size} bytes")
        with archive.open(MODEL) as file:
            model = file.read(size + 1)
    if len(model) != size:
        raise ValueError("its model is not as long as it says")
    return model


def _model(text: bytes) -> Package:
    """Fill a package while the document goes by, its long lists cut out."""
    text, cut_out = _parted(text)
    lots = iter(cut_out)
    found, stack, current = Package(), [""], ""
    tables: dict[str, NDArray[Any]] = {}

    def start(name: str, told: dict[str, str]) -> None:
        nonlocal current, tables
        kind = name.rpartition(":")[2]
        stack.append(kind)
        if len(stack) > DEEPEST:
            raise ValueError("its elements lie too deep")
        if kind in ROWS:
            tables[kind] = _rows(kind, *next(lots, ("", b"")))
        elif kind == "object":
            current, tables = told["id"], {}
            found.names[current] = told.get("name", "")
        elif kind == "item":
            found.items.append((told["objectid"], _transform(told.get("transform"))))
        elif kind == "component":
            raise ValueError("it puts objects together, ours don't")

    def end(_: str) -> None:
        if stack.pop() == "mesh":
            places, corners = (tables.get(kind, np.zeros((0, 3), number)) for kind, (_, number) in WRITTEN.items())
            if len(corners) and (corners.min() < 0 or corners.max() >= len(places)):
                raise ValueError("a triangle has a corner that is not there")
            found.meshes[current] = places.take(corners.reshape(-1, 3), axis=0)

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.Parse(text, True)
    if next(lots, None) is not None:
        raise ValueError("a list of corners or triangles lies outside the document")
    return found


def _parted(text: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A document without what stands in its long lists; and of each list its kind and what stands in it."""
    kept: list[bytes] = []
    lots: list[tuple[str, bytes]] = []
    at = 0
    while True:
        starts = {text.find(b"<%b>" % kind.encode(), at): kind for kind in ROWS}
        starts.pop(-1, None)
        if not starts:
            return b"".join([*kept, text[at:]]), lots
        start = min(starts)
        kind = starts[start]
        end = text.find(b"</%b>" % kind.encode(), start)
        if end < 0:
            raise ValueError(f"its {kind} do not end")
        kept += [text[at:start], b"<%b/>" % kind.encode()]
        lots.append((kind, text[start + len(kind) + 2 : end]))
        at = end + len(kind) + 3


def _rows(kind: str, told: str, body: bytes) -> NDArray[Any]:
    """Numbers (n, 3) of a list in which nothing else stands."""
    rows, (numerals, number) = body.count(b"<"), WRITTEN[kind]
    between = {found[0]: b"\4\1" for found in BETWEEN[kind].finditer(body[:FIRST])}  # most at once, if rows are alike
    for words, mark in (between | ROWS[kind]).items():
        body = body.replace(words, mark)
    if told != kind or body.translate(None, numerals) != MARKS * rows:
        raise ValueError(f"its {kind} are not written as such")
    numbers: NDArray[Any] = np.fromstring(body.translate(SPACES), number, sep=" ")
    if len(numbers) != 3 * rows:
        raise ValueError(f"its {kind} are not three numbers each")
    return numbers.reshape(-1, 3)


def _transform(text: str | None) -> Array:
    """Twelve numbers, for row vectors, as a matrix for column vectors."""
    matrix = np.eye(4)
    if text is not None:
        matrix[:3] = np.array(text.split(), dtype=np.float64).reshape(4, 3).T
    return matrix
