"""device.glb: the assembly for every 3-D viewer, in metres, Y up, parts named and coloured. A device in, bytes out."""

import numpy as np

from pelu_fab.formats.threemf import COLOURS
from pelu_fab.formats.weld import weld
from pelu_fab.ir.device import Device

METRES = 0.001
Y_UP = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def to_glb(device: Device) -> bytes:
    """Binary glTF 2.0 of all parts that have a place; a node and a mesh by part name, flat normals."""
    import trimesh

    scene = trimesh.Scene(base_frame=device.design.name or "device")
    for index, part in enumerate(device.parts):
        if part.transform is None:
            continue
        vertices, triangles = weld(device.assembled(index))
        colour = (*COLOURS[part.role], 255)
        look = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(
                name=part.role, baseColorFactor=colour, metallicFactor=0.0, roughnessFactor=0.7
            )
        )
        placed = (vertices.astype(np.float64) * METRES) @ Y_UP[:3, :3].T
        mesh = trimesh.Trimesh(placed, triangles, process=False, validate=False, visual=look)
        scene.add_geometry(mesh, node_name=part.name, geom_name=part.name)
    return bytes(scene.export(file_type="glb", include_normals=False))
