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
from pelu_fab.ir.layout import PlacedCard
from pelu_fab.worker import run_apart

TIME_LIMIT = 300.0  # s, for both
SIZE = (1500, 1100)
SIGHT = (0.95, 1.15, 0.85)
WATER = (42, 143, 208)
EDGE = 24  # pixels of white around
INSIDE, BEHIND = 3.0, 0.2  # mm from a card's side to a cut; of water behind it, so that walls show through


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
    """The assembled device, ready to pour, from the side of its cups."""
    plotter = _plotter()
    for name, mesh, role in _meshes(device):
        plotter.add_mesh(mesh, color=COLOURS[role], name=name, specular=0.15, ambient=0.12)
    for placed in device.layout.cards:
        _add_water(plotter, placed, placed.card.x1)
    return _shot(plotter, SIGHT)


def to_section(device: Device) -> bytes:
    """Cut lengthwise through as many cards as can be, with the water that each keeps."""
    x = _cut(device)
    plotter = _plotter()
    for name, mesh, role in _meshes(device):
        _add_cut(plotter, mesh, x, name, COLOURS[role])
    for placed in device.layout.cards:
        _add_water(plotter, placed, min(placed.card.x1, x - BEHIND))
    return _shot(plotter, (1.0, 0.3, 0.3))


def _cut(device: Device) -> float:
    """Where most cards are cut, and of such places where they are deepest."""
    spans = [(card.x0 + INSIDE, card.x1 - INSIDE, -card.floor_z) for card in (p.card for p in device.layout.cards)]

    def met(x: float) -> tuple[int, float]:
        depths = [depth for x0, x1, depth in spans if x0 <= x <= x1]
        return len(depths), sum(depths)

    return max((edge for x0, x1, _ in spans for edge in (x0, x1)), key=met)


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


def _add_water(plotter: Any, placed: PlacedCard, x1: float) -> None:
    """What stands in a card below its sill, as a prism that ends at `x1`; nothing where it keeps none."""
    import pyvista

    card = placed.card
    if card.floor_z >= 0.0 or x1 <= card.x0:
        return
    section = [placed.at(place) for place in card.wet()]
    count = len(section)
    corners = [(x, y, z) for x in (card.x0, x1) for y, z in section]
    sides = [(i, (i + 1) % count, (i + 1) % count + count, i + count) for i in range(count)]
    faces = [tuple(range(count))[::-1], tuple(range(count, 2 * count)), *sides]
    water = pyvista.PolyData(np.array(corners), np.hstack([(len(face), *face) for face in faces]))
    plotter.add_mesh(water.triangulate(), color=WATER, name=f"water {card.name}", ambient=0.12)


def _add_cut(plotter: Any, mesh: Any, x: float, name: str, colour: tuple[int, int, int]) -> None:
    """What lies behind the plane, and the cut face itself, a shade lighter."""
    low, high = mesh.bounds[:2]
    if low >= x:
        return
    if high <= x:
        plotter.add_mesh(mesh, color=colour, name=name, ambient=0.12)
        return
    plotter.add_mesh(
        mesh.clip_closed_surface(normal=(-1.0, 0.0, 0.0), origin=(x, 0.0, 0.0)), color=colour, name=name, ambient=0.15
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
    rows, columns = (np.flatnonzero((pixels < 250).any(axis=(axis, 2))) for axis in (1, 0))
    top, left = max(rows[0] - EDGE, 0), max(columns[0] - EDGE, 0)
    image = Image.fromarray(np.ascontiguousarray(pixels[top : rows[-1] + EDGE, left : columns[-1] + EDGE]))
    image = image.quantize(255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
