"""Plates as OrcaSlicer and Bambu Studio read them: neither runs here, so the rules of their reader are written down.

Both read a 3MF with one importer (src/libslic3r/Format/bbs_3mf.cpp; read in November 2026, OrcaSlicer at 00fcb7e, Bambu
Studio at 0067891). What it refuses, mends in silence or asks the user about is a complaint here.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from xml.parsers import expat

import numpy as np
import pytest

from exports import device
from pelu_fab.formats.threemf import to_plates

SAME_HEIGHT = (
    1e-4  # mm: pieces that stand at other heights are taken for one object of several parts, if the user agrees
)
INCHES = 8.0  # mm3: smaller than this, a model is asked whether it is in inches


@dataclass
class Found:
    """What stays of a plate: objects by id, items, and what goes wrong on the way."""

    names: dict[int, str] = field(default_factory=dict)
    places: dict[int, list[list[float]]] = field(default_factory=dict)
    corners: dict[int, list[list[int]]] = field(default_factory=dict)
    items: list[tuple[int, np.ndarray]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def whole(text: str) -> int:
    """A number as the importer reads it: what is none is 0."""
    return int(text) if text.lstrip("-").isdigit() else 0


def parsed(blob: bytes, start: Callable[[str, dict[str, str]], None]) -> None:
    """Names of elements and attributes are compared as they are written, prefixes and all."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(blob, True)


def model_of(archive: zipfile.ZipFile) -> str:
    """The first relationship to a model; `_rels` beside it would bring parts of the model from elsewhere."""
    targets: list[str] = []

    def start(name: str, told: dict[str, str]) -> None:
        kind = told.get("Type", "")
        if name == "Relationship" and kind.startswith("http://schemas.microsoft.com/3dmanufacturing/"):
            targets.extend([told["Target"].lstrip("/")] if kind.endswith("3dmodel") else [])

    parsed(archive.read("_rels/.rels"), start)
    return targets[0]


def imported(blob: bytes) -> Found:
    found, unit, now = Found(), [1.0], [0]
    say = found.complaints.append
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        for name in sorted(set(archive.namelist()) - {"3D/3dmodel.model", "[Content_Types].xml", "_rels/.rels"}):
            say(f"{name}: settings, or parts from elsewhere")
        model = archive.read(model_of(archive))

    def start(name: str, told: dict[str, str]) -> None:
        if name == "model":
            unit[0] = {"micron": 1e-3, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1e3}.get(
                told.get("unit", ""), 1.0
            )
            if unit[0] != 1.0:
                say("is scaled")
        elif name == "metadata":
            if told.get("name") in ("OrcaSlicer", "BambuStudio:3mfVersion"):
                say("claims to be a project of theirs")
        elif name == "object":
            now[0] = whole(told.get("id", ""))
            if told.get("type", "") not in ("", "model", "other"):
                say("an object of no such type ends the import")
            if now[0] in found.names:
                say(f"object {now[0]} is there twice")
            found.names[now[0]] = told.get("name", "")
            found.places[now[0]], found.corners[now[0]] = [], []
        elif name == "vertex":
            found.places.setdefault(now[0], []).append([unit[0] * float(told.get(axis, 0)) for axis in "xyz"])
        elif name == "triangle":
            found.corners.setdefault(now[0], []).append([whole(told.get(f"v{k}", "")) for k in (1, 2, 3)])
            if painted := [key for key in told if key.startswith("paint_") or key == "face_property"]:
                say(f"a triangle is painted: {painted}")
        elif name == "m:color":
            say("colours are filaments to be mapped")
        elif name == "component":
            say("an object of several parts")
        elif name == "item":
            if whole(told.get("objectid", "")) not in found.names:
                say(f"an item of object {told.get('objectid')}, which is not there")
            if told.get("printable", "1") != "1" or "p:path" in told:
                say("an item that is not printed, or from elsewhere")
            numbers = told.get("transform", "").split(" ")
            if len(numbers) != 12:
                say("a transform that is none is left out in silence")
                numbers = ["1", "0", "0", "0"] * 2 + ["1", "0", "0", "0"]
            found.items.append((whole(told.get("objectid", "")), np.array(numbers, float).reshape(4, 3)))

    parsed(model, start)
    if b">BambuStudio-" in model or b">OrcaSlicer-" in model:
        say("claims to be a project of theirs")
    found.complaints += judged(found)
    return found


def judged(found: Found) -> list[str]:
    """What is said, or done in silence, once all is read."""
    told, floors = [], []
    if not found.items:
        told.append("nothing to build")
    for number, name in found.names.items():
        copies = [matrix for item, matrix in found.items if item == number]
        if len(copies) != 1:  # without an item it is dropped; copies of a second one are made before names are given
            told.append(f"{name} is built {len(copies)} times: not one name each")
        if not name:
            told.append(f"object {number} has no name")
        places, corners = np.array(found.places[number]), np.array(found.corners[number])
        if not len(corners) or corners.min() < 0 or corners.max() >= len(places):
            told.append(f"{name} has no triangles, or corners that are not there")
            continue
        a, b, c = places[corners].swapaxes(0, 1)
        volume = float((np.cross(a, b) * c).sum() / 6)
        if volume < 0:
            told.append(f"{name} is inside out, and turned in silence")
        elif volume < INCHES:
            told.append(f"{name} is so small: is it in inches?")
        floors += [(places @ matrix[:3] + matrix[3])[:, 2].min() for matrix in copies]
    if floors and np.ptp(floors) > SAME_HEIGHT:
        told.append("pieces at several heights: one object of several parts?")
    return told


@pytest.mark.parametrize("name", ["and-or", "iris"])
def test_plates_come_in_without_a_question_piece_by_piece_with_their_names(name: str) -> None:
    found = device(name)
    names, volumes = [], {}
    for blob in to_plates(found).values():
        read = imported(blob)
        assert read.complaints == []
        names += read.names.values()
        for number, matrix in read.items:
            places = np.array(read.places[number]) @ matrix[:3] + matrix[3]
            a, b, c = places[np.array(read.corners[number])].swapaxes(0, 1)
            volumes[read.names[number]] = float((np.cross(a, b) * c).sum() / 6)
            low, high = places.min(axis=0), places.max(axis=0)
            assert low[2] == pytest.approx(0.0, abs=1e-6)
            assert (low[:2] > 0).all() and (high < found.design.process.printer.bed).all()
    assert sorted(names) == sorted(part.name for part in found.parts for _ in range(part.count))
    assert volumes == {
        part.name: pytest.approx(mesh.volume, rel=1e-4) for part, mesh in zip(found.parts, found.meshes, strict=True)
    }


@cache
def plate() -> bytes:
    return to_plates(device("and-or"))["plates/plate-2.3mf"]


def spoiled(change: Callable[[str], str], added: str = "") -> bytes:
    """The plate of cards of and-or with its model's text changed, or with another file in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plate())) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, change(text) if name.endswith(".model") else text)
        if added:
            new.writestr(added, "<config/>")
    return stream.getvalue()


FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "another prefix": (
        lambda text: text.replace("<object", "<c:object").replace("</object", "</c:object"),
        "which is not there",
    ),
    "a type": (lambda text: text.replace('type="model"', 'type="support"', 1), "no such type"),
    "an id twice": (lambda text: text.replace('object id="3"', 'object id="2"'), "there twice"),
    "a second copy": (
        lambda text: text.replace('<item objectid="2"', '<item objectid="2"/><item objectid="2"'),
        "built 2 times",
    ),
    "eleven numbers": (lambda text: text.replace('transform="1 0 0 ', 'transform="1 0 ', 1), "left out in silence"),
    "inches": (lambda text: text.replace('unit="millimeter"', 'unit="inch"'), "is scaled"),
    "no name": (lambda text: text.replace('name="card-L0-b0"', 'name=""'), "has no name"),
    "their name": (lambda text: text.replace(">pelu_fab<", ">OrcaSlicer-2.3.0<"), "a project of theirs"),
    "raised": (lambda text: text.replace(' -0"/>', ' 0.2"/>', 1), "several heights"),
    "inside out": (
        lambda text: text.replace(' v2="', ' v4="').replace(' v3="', ' v2="').replace(' v4="', ' v3="'),
        "out",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_their_reader_would_stumble_over_is_seen(fault: str) -> None:
    change, words = FAULTS[fault]
    assert [told for told in imported(spoiled(change)).complaints if words in told], imported(
        spoiled(change)
    ).complaints


def test_settings_of_a_printer_in_a_plate_are_seen_and_nothing_else_in_one_that_is_not_spoiled() -> None:
    assert imported(spoiled(lambda text: text)).complaints == []
    blob = spoiled(lambda text: text, "Metadata/project_settings.config")
    assert imported(blob).complaints == ["Metadata/project_settings.config: settings, or parts from elsewhere"]
