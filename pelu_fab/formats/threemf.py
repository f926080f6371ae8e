"""plates/plate-N.3mf: one bed each, parts named and coloured, nothing about a printer. A device in, bytes out."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pelu_fab.formats.plates import Piece, Plate, plates_of, way
from pelu_fab.formats.weld import weld
from pelu_fab.ir.device import Device

COLOURS = {
    "card": (243, 239, 230),
    "cup": (176, 208, 232),
    "jug": (176, 208, 232),
    "tray": (46, 54, 68),
    "stand": (58, 66, 82),
}
NAMES = "https://pelu-fab.invalid/plate"  # that identifiers are made from; nothing is ever fetched from it


def to_plates(device: Device) -> dict[str, bytes]:
    """3MF core with materials, mm, by file name: together they hold every piece. The same device, the same bytes."""
    plates = plates_of(device)
    return {
        f"plates/plate-{number}.3mf": _to_3mf(device, plate, f"{number} of {len(plates)}")
        for number, plate in enumerate(plates, 1)
    }


def _to_3mf(device: Device, plate: Plate, number: str) -> bytes:
    import lib3mf

    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    model.SetUnit(lib3mf.ModelUnit.MilliMeter)
    model.SetLanguage("en-US")
    title = f"{device.design.name}, plate {number}, {plate.filament} filament"
    group = model.GetMetaDataGroup()
    group.AddMetaData("", "Title", title, "xs:string", True)
    group.AddMetaData("", "Application", "pelu_fab", "xs:string", True)
    materials = model.AddBaseMaterialGroup()
    rows = {
        role: materials.AddMaterial(role, lib3mf.Color(Red=red, Green=green, Blue=blue, Alpha=255))
        for role, (red, green, blue) in COLOURS.items()
    }
    objects: dict[int, Any] = {}
    for copy, piece in enumerate(plate.pieces):
        part = device.parts[piece.part]
        if piece.part not in objects:
            item = _object(lib3mf, model, device.meshes[piece.part].corners)
            item.SetName(part.name)
            item.SetPartNumber(part.name)
            item.SetObjectLevelProperty(materials.GetResourceID(), rows[part.role])
            item.SetUUID(_uuid(title, part.name))
            objects[piece.part] = item
        transform = lib3mf.Transform()
        for i, row in enumerate(_place(device, piece)):
            for j, value in enumerate(row):
                transform.Fields[i][j] = value
        model.AddBuildItem(objects[piece.part], transform).SetUUID(_uuid(title, f"item {copy}"))
    model.SetBuildUUID(_uuid(title, "build"))
    return bytes(model.QueryWriter("3mf").WriteToBuffer())


def _object(lib3mf: Any, model: Any, corners: Any) -> Any:
    vertices, triangles = weld(corners)
    item = model.AddMeshObject()
    item.SetGeometry(
        [lib3mf.Position(Coordinates=tuple(point)) for point in vertices.tolist()],
        [lib3mf.Triangle(Indices=tuple(corner)) for corner in triangles.tolist()],
    )
    return item


def _place(device: Device, piece: Piece) -> Sequence[Sequence[float]]:
    """Rows of a 4 x 3 matrix for row vectors: turned, and the box round it at its place."""
    mesh, (c, s) = device.meshes[piece.part], way(piece.turn)
    x, y, z = mesh.corners.reshape(-1, 3).min(axis=0).tolist()
    wide, deep, _ = mesh.extents
    places = [(a * c - b * s, a * s + b * c) for a in (x, x + wide) for b in (y, y + deep)]
    shift = (piece.left - min(a for a, _ in places), piece.front - min(b for _, b in places), -z)
    return (c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0), shift


def _uuid(title: str, what: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{NAMES}/{title}/{what}"))
