"""markers.glb: where the findings are. Placed triangles and a report's table in, binary glTF out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pelu_fab.formats.glb import METRES, Y_UP

RADIUS = 2.5  # mm of a marker
BODY, FAIL = (150, 160, 170, 90), (220, 30, 40, 255)


def to_markers(parts: Sequence[tuple[str, np.ndarray[Any, Any]]], failed: Sequence[Mapping[str, Any]]) -> bytes:
    """Binary glTF 2.0, metres, Y up: the parts in grey and a red ball at every finding, named by rule and place."""
    import trimesh

    scene = trimesh.Scene(base_frame="markers")
    for name, corners in parts:
        scene.add_geometry(_shown(corners, BODY), node_name=name, geom_name=name)
    for number, check in enumerate(failed):
        ball = trimesh.creation.icosphere(subdivisions=2, radius=RADIUS)
        name = f"{number + 1} {check['id']} {check['where']}"
        placed = ball.vertices[ball.faces] + np.array(check["at"], dtype=np.float64)
        scene.add_geometry(_shown(placed, FAIL), node_name=name, geom_name=name)
    return bytes(scene.export(file_type="glb", include_normals=False))


def _shown(corners: np.ndarray[Any, Any], colour: tuple[int, int, int, int]) -> Any:
    import trimesh

    points = (corners.reshape(-1, 3).astype(np.float64) * METRES) @ Y_UP[:3, :3].T
    mesh = trimesh.Trimesh(points, np.arange(len(points)).reshape(-1, 3), process=False, validate=False)
    mesh.visual = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(
            baseColorFactor=colour, metallicFactor=0.0, alphaMode="BLEND" if colour[3] < 255 else "OPAQUE"
        )
    )
    return mesh
