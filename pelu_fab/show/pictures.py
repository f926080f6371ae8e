"""hero.png and section.png: the device rendered off-screen, whole and cut open. A device in, PNG bytes out."""

import pickle
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.formats.threemf import COLOURS
from pelu_fab.formats.weld import weld
from pelu_fab.ir.device import Device
from pelu_fab.show.scene import Pool, scene_of
from pelu_fab.worker import run_apart

TIME_LIMIT = 300.0  # s, for both
SIZE = (1500, 1100)
SIGHT = (0.95, 1.25, 0.72)
WATER = (42, 143, 208)
Box = tuple[float, float, float, float, float, float]


def to_pictures(device: Device, *, time_limit: float = TIME_LIMIT) -> dict[str, bytes]:
    """Both, rendered in a process of their own: where there is no OpenGL, VTK may take its process with it.

    Raises `ImportError` where pyvista or a library of it is missing, `WorkerFailed` where it can't render.
    """
    with tempfile.TemporaryDirectory(prefix="pelu-fab-") as folder:
        (Path(folder) / "device.pickle").write_bytes(pickle.dumps(device))
        run_apart(__name__, Path(folder), time_limit=time_limit)
        return {name: (Path(folder) / name).read_bytes() for name in ("hero.png", "section.png")}


def work(folder: str) -> None:
    """What the worker process does: device.pickle in, both pictures out."""
    device = pickle.loads((Path(folder) / "device.pickle").read_bytes())
    for name, picture in (("hero.png", to_hero), ("section.png", to_section)):
        (Path(folder) / name).write_bytes(picture(device))


def to_hero(device: Device) -> bytes:
    """The assembled device, from the side of its cups."""
    plotter = _plotter()
    for name, mesh, role in _meshes(device):
        plotter.add_mesh(mesh, color=COLOURS[role], name=name, specular=0.15, ambient=0.12)
    return _shot(plotter, SIGHT)


def to_section(device: Device) -> bytes:
    """Cut across the deepest bucket, with the water that stays in every bucket."""
    scene = scene_of(device)
    deepest = max(scene.pools, key=lambda pool: pool.sill_z - pool.floor_z)
    normal = (1.0, 0.0, 0.0) if deepest.along == "x" else (0.0, 1.0, 0.0)
    origin = (deepest.u, 0.0, 0.0) if deepest.along == "x" else (0.0, deepest.u, 0.0)
    plotter = _plotter()
    for name, mesh, role in _meshes(device):
        _add_cut(plotter, mesh, normal, origin, name, COLOURS[role])
    for pool in scene.pools:
        box = _water(pool)
        if box is not None:
            _add_cut(plotter, _cuboid(box), normal, origin, f"water {pool.name}", WATER)
    sight = (1.0, 0.45, 0.35) if deepest.along == "x" else (0.45, 1.0, 0.35)
    return _shot(plotter, sight)


def _meshes(device: Device) -> list[tuple[str, Any, str]]:
    """Name, mesh and role of every part that has a place."""
    import pyvista

    found = []
    for index, part in enumerate(device.parts):
        if part.transform is None:
            continue
        vertices, triangles = weld(device.assembled(index))
        faces = np.hstack([np.full((len(triangles), 1), 3), triangles]).ravel()
        found.append((part.name, pyvista.PolyData(vertices, faces), part.role))
    return found


def _water(pool: Pool) -> Box | None:
    depth = pool.pool_depth if pool.slope > 0 else pool.depth
    if depth <= 0 or pool.sill_z - pool.floor_z <= 0:
        return None
    u = (pool.u - pool.width / 2, pool.u + pool.width / 2)
    v = (pool.v - depth, pool.v)
    (x0, x1), (y0, y1) = (u, v) if pool.along == "x" else (v, u)
    return x0, x1, y0, y1, pool.floor_z, pool.sill_z


def _cuboid(box: Box) -> Any:
    import pyvista

    return pyvista.Box(bounds=box).triangulate()


def _add_cut(plotter: Any, mesh: Any, normal: Any, origin: Any, name: str, colour: tuple[int, int, int]) -> None:
    """What lies behind the plane, and the cut face itself, a shade darker."""
    low = np.array(mesh.bounds).reshape(3, 2)
    axis = int(np.argmax(np.abs(normal)))
    if low[axis, 0] >= origin[axis]:
        return
    if low[axis, 1] <= origin[axis]:
        plotter.add_mesh(mesh, color=colour, name=name, ambient=0.12)
        return
    plotter.add_mesh(
        mesh.clip_closed_surface(normal=tuple(-n for n in normal), origin=origin), color=colour, name=name, ambient=0.15
    )


def _plotter() -> Any:
    import pyvista
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # it warns where there is no screen, and needs none
    plotter = pyvista.Plotter(off_screen=True, window_size=SIZE, lighting="light kit")
    plotter.set_background("white")
    return plotter


def _shot(plotter: Any, sight: tuple[float, float, float]) -> bytes:
    from PIL import Image

    plotter.enable_parallel_projection()
    plotter.enable_anti_aliasing("ssaa")
    plotter.view_vector(sight, viewup=(0, 0, 1))
    plotter.camera.zoom(1.2)
    pixels = plotter.screenshot(None, return_img=True)
    plotter.close()
    if pixels.min() == pixels.max():
        raise RuntimeError("the picture is empty: nothing renders here")
    image = Image.fromarray(pixels).quantize(255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
