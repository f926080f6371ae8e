"""device.3mf: all parts, named and coloured, on plates for the bed; settings as metadata. A device in, bytes out."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pelu_fab.formats.bom import to_print_settings
from pelu_fab.formats.weld import PLATE_GAP, plates, weld
from pelu_fab.ir.device import Device

COLOURS = {
    "card": (243, 239, 230),
    "cup": (176, 208, 232),
    "jug": (176, 208, 232),
    "tray": (46, 54, 68),
    "stand": (58, 66, 82),
    "foot": (83, 102, 122),
}
SETTINGS = "https://pelu-fab.invalid/print"  # name space of our metadata; nothing is ever fetched from it


def to_3mf(device: Device) -> bytes:
    """3MF core with materials; mm. The same device gives the same bytes."""
    import lib3mf

    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    model.SetUnit(lib3mf.ModelUnit.MilliMeter)
    model.SetLanguage("en-US")
    _describe(model, device)
    materials = model.AddBaseMaterialGroup()
    rows = {
        role: materials.AddMaterial(role, lib3mf.Color(Red=red, Green=green, Blue=blue, Alpha=255))
        for role, (red, green, blue) in COLOURS.items()
    }
    objects = []
    for part, mesh in zip(device.parts, device.meshes, strict=True):
        item = _object(lib3mf, model, mesh.corners)
        item.SetName(part.name)
        item.SetPartNumber(part.name)
        item.SetObjectLevelProperty(materials.GetResourceID(), rows[part.role])
        item.SetUUID(_uuid(device, part.name))
        objects.append(item)
    _place(lib3mf, model, device, objects)
    model.SetBuildUUID(_uuid(device, "build"))
    writer = model.QueryWriter("3mf")
    return bytes(writer.WriteToBuffer())


def _object(lib3mf: Any, model: Any, corners: Any) -> Any:
    vertices, triangles = weld(corners)
    item = model.AddMeshObject()
    item.SetGeometry(
        [lib3mf.Position(Coordinates=tuple(point)) for point in vertices.tolist()],
        [lib3mf.Triangle(Indices=tuple(corner)) for corner in triangles.tolist()],
    )
    return item


def _place(lib3mf: Any, model: Any, device: Device, objects: list[Any]) -> None:
    """One build item a copy, on plates side by side."""
    x, y, _ = device.design.process.printer.bed
    owners = [n for n, part in enumerate(device.parts) for _ in range(part.count)]
    spots = plates([device.meshes[n].extents[:2] for n in owners], (x, y))
    for copy, (n, ((plate, left, front), turned)) in enumerate(zip(owners, spots, strict=True)):
        low = device.meshes[n].corners.reshape(-1, 3).min(axis=0).tolist()
        width = device.meshes[n].extents[1] if turned else 0.0
        left += plate * (x + PLATE_GAP)
        transform = lib3mf.Transform()
        # Rows of a 4 x 3 matrix for row vectors; a quarter turn takes (x, y) to (-y, x): right by the depth.
        rotation = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)) if turned else ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        shift = (left + width + low[1], front - low[0]) if turned else (left - low[0], front - low[1])
        for i, row in enumerate((*rotation, (0.0, 0.0, 1.0), (*shift, -low[2]))):
            for j, value in enumerate(row):
                transform.Fields[i][j] = value
        model.AddBuildItem(objects[n], transform).SetUUID(_uuid(device, f"item {copy}"))


def _describe(model: Any, device: Device) -> None:
    group = model.GetMetaDataGroup()
    group.AddMetaData("", "Title", device.design.name, "xs:string", True)
    group.AddMetaData("", "Application", "pelu_fab", "xs:string", True)
    group.AddMetaData("", "Description", "A neural network that runs on water: all parts to print", "xs:string", True)
    for line in to_print_settings(device.design.process).splitlines():
        key, value = line.split(" = ", 1)
        group.AddMetaData(SETTINGS, key, value, "xs:string", True)


def _uuid(device: Device, what: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{SETTINGS}/{device.design.name}/{what}"))
