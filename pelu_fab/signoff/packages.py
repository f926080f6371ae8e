"""3MF packages by the judge's own reading: bytes in, meshes and how they lie on the plates out.

Nothing is unpacked beyond a limit, and no document may declare an entity or a type.
"""

import io
import re
import zipfile
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.signoff.stl import Array

MODEL = "3D/3dmodel.model"
LARGEST = 1 << 30  # bytes of a model; the largest of ours are a tenth of it
RATIO = 200  # how often smaller a zip may be than what it holds; XML of numbers stays below 20
DEEPEST = 32  # elements inside each other
AGAIN = "compile it again"
LISTS = re.compile(rb"<(vertices|triangles)>(.*?)</\1>", re.DOTALL)  # long: read apart from the document round them
ROWS = {
    "vertices": re.compile(rb'<vertex x="([^"<]+)" y="([^"<]+)" z="([^"<]+)" ?/>'),
    "triangles": re.compile(rb'<triangle v1="([^"<]+)" v2="([^"<]+)" v3="([^"<]+)" ?/>'),
}


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
    lots = iter(LISTS.findall(text))
    found, stack, tables = Package(), [""], dict.fromkeys(ROWS, np.zeros((0, 3)))
    current = ""

    def start(name: str, told: dict[str, str]) -> None:
        nonlocal current, tables
        kind = name.rpartition(":")[2]
        stack.append(kind)
        if len(stack) > DEEPEST:
            raise ValueError("its elements lie too deep")
        if kind in ROWS:
            tables[kind] = _rows(kind, next(lots, (b"", b"")))
        elif kind == "object":
            current, tables = told["id"], dict.fromkeys(ROWS, np.zeros((0, 3)))
            found.names[current] = told.get("name", "")
        elif kind == "item":
            found.items.append((told["objectid"], _transform(told.get("transform"))))
        elif kind == "component":
            raise ValueError("it puts objects together, ours don't")

    def end(_: str) -> None:
        if stack.pop() == "mesh":
            places, corners = tables["vertices"], tables["triangles"].astype(np.int64)
            if (corners != tables["triangles"]).any():
                raise ValueError("a corner's number is not whole")
            if len(corners) and (corners.min() < 0 or corners.max() >= len(places)):
                raise ValueError("a triangle has a corner that is not there")
            found.meshes[current] = places[corners.reshape(-1, 3)]

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.Parse(LISTS.sub(rb"<\1/>", text), True)
    if next(lots, None) is not None:
        raise ValueError("a list of corners or triangles lies outside the document")
    return found


def _rows(kind: str, lot: tuple[bytes, bytes]) -> Array:
    """Numbers (n, 3) of a list in which nothing else stands."""
    told, body = lot
    rows = ROWS[kind].findall(body)
    if told.decode() != kind or len(rows) != body.count(b"<"):
        raise ValueError(f"its {kind} are not written as such")
    return np.array(rows, dtype=np.bytes_).astype(np.float64).reshape(-1, 3)


def _transform(text: str | None) -> Array:
    """Twelve numbers, for row vectors, as a matrix for column vectors."""
    matrix = np.eye(4)
    if text is not None:
        matrix[:3] = np.array(text.split(), dtype=np.float64).reshape(4, 3).T
    return matrix
