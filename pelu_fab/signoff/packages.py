"""3MF packages by the judge's own reading: bytes in, meshes and how they lie on the plates out.

Nothing is unpacked beyond a limit, and no document may declare an entity or a type.
"""

import io
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
    """Fill a package while the document goes by."""
    found, points, faces = Package(), [], []
    stack: list[str] = []
    current = ""

    def start(name: str, told: dict[str, str]) -> None:
        nonlocal current, points, faces
        kind = name.rpartition(":")[2]
        stack.append(kind)
        if len(stack) > DEEPEST:
            raise ValueError("its elements lie too deep")
        if kind == "vertex":
            points.append((told["x"], told["y"], told["z"]))
        elif kind == "triangle":
            faces.append((told["v1"], told["v2"], told["v3"]))
        elif kind == "object":
            current, points, faces = told["id"], [], []
            found.names[current] = told.get("name", "")
        elif kind == "item":
            found.items.append((told["objectid"], _transform(told.get("transform"))))
        elif kind == "component":
            raise ValueError("it puts objects together, ours don't")

    def end(name: str) -> None:
        if stack.pop() == "mesh":
            places, corners = np.array(points, dtype=np.float64).reshape(-1, 3), np.array(faces, dtype=np.int64)
            if len(corners) and (corners.min() < 0 or corners.max() >= len(places)):
                raise ValueError("a triangle has a corner that is not there")
            found.meshes[current] = places[corners.reshape(-1, 3)]

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.Parse(text, True)
    return found


def _transform(text: str | None) -> Array:
    """Twelve numbers, for row vectors, as a matrix for column vectors."""
    matrix = np.eye(4)
    if text is not None:
        matrix[:3] = np.array(text.split(), dtype=np.float64).reshape(4, 3).T
    return matrix
