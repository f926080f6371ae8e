"""markers.glb: where the findings are. A report's table and the export's assembly in, binary glTF out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.files import read_input, write_file
from pelu_fab.formats.glb import METRES, Y_UP
from pelu_fab.formats.stl import FACET

NAME = "markers.glb"
HEAD = 84  # bytes before the first facet
RADIUS = 2.5  # mm of a marker
BODY, FAIL = (150, 160, 170, 90), (220, 30, 40, 255)


def write_markers(directory: Path, report: Mapping[str, Any]) -> Path | None:
    """Write the device in grey with a red ball at every failed check that has a place; else take an old file away.

    Balls are named by rule and place.
    """
    path = Path(directory) / NAME
    failed = [check for check in report["checks"] if check["status"] == "fail" and check.get("at")]
    if not failed or not (Path(directory) / "assembly.stl").is_file():
        path.unlink(missing_ok=True)
        return None
    write_file(path, to_markers(read_input(Path(directory) / "assembly.stl"), failed))
    return path


def to_markers(assembly: bytes, failed: list[Mapping[str, Any]]) -> bytes:
    """Binary glTF 2.0, metres, Y up."""
    import trimesh

    scene = trimesh.Scene(base_frame="markers")
    scene.add_geometry(_shown(_triangles(assembly), BODY), node_name="device", geom_name="device")
    for number, check in enumerate(failed):
        at = np.array(check["at"], dtype=np.float64)
        ball = trimesh.creation.icosphere(subdivisions=2, radius=RADIUS)
        name = f"{number + 1} {check['id']} {check['where']}"
        scene.add_geometry(_shown(ball.vertices[ball.faces] + at, FAIL), node_name=name, geom_name=name)
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


def _triangles(stl: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(np.frombuffer(stl[HEAD:], dtype=FACET)["corners"])
