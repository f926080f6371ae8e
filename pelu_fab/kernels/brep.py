"""Solids in, a STEP assembly out, by OCCT (cadquery) in a process of its own, which may crash or hang alone.

The same prisms as the mesh kernel's, as exact planar faces; lettering is left out, for it makes nine faces of ten.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pelu_fab.errors import FabBug
from pelu_fab.ir.solid import IDENTITY, Outline, Part, Prism, Step
from pelu_fab.worker import WorkerFailed, run_apart

TIME_LIMIT = 600.0  # s, for a whole device
LOOSE_GAP = 20.0  # mm between the assembly and the loose parts that lie beside it
COLOURS = {
    "card": (0.95, 0.94, 0.90),
    "tray": (0.18, 0.21, 0.27),
    "stand": (0.23, 0.26, 0.32),
    "cup": (0.75, 0.85, 0.70),
    "jug": (0.75, 0.85, 0.70),
}
GREY = (0.80, 0.80, 0.80)


@dataclass(frozen=True, slots=True)
class Brep:
    """A STEP file of all parts; `volumes` (mm3) as built, `reread` as measured after reading the file back."""

    step: bytes
    volumes: tuple[float, ...]
    reread: tuple[float, ...]


def without_lettering(part: Part) -> Part:
    """The part as the B-rep has it: no raised text."""
    modules = []
    for steps in part.modules:
        plain = [replace(s, prisms=tuple(p for p in s.prisms if not p.is_lettering)) for s in steps]
        modules.append(tuple(s for s in plain if s.prisms))
    return replace(part, modules=tuple(m for m in modules if m))


def build_brep(parts: Sequence[Part], name: str, *, time_limit: float = TIME_LIMIT) -> Brep:
    """Build every part as a B-rep and write all into one STEP assembly `name`, in a process of its own.

    Raises `ImportError` where cadquery or a library of it is missing, `FabBug` with the reason when the kernel crashes,
    hangs beyond `time_limit` seconds, or breaks a solid.
    """
    job = {"name": name, "parts": [asdict(without_lettering(part)) for part in parts]}
    with tempfile.TemporaryDirectory(prefix="pelu-fab-") as folder:
        (Path(folder) / "job.json").write_text(json.dumps(job))
        try:
            run_apart(__name__, Path(folder), time_limit=time_limit)
        except WorkerFailed as error:
            raise FabBug(f"{name}: the B-rep kernel {error}") from error
        told = json.loads((Path(folder) / "told.json").read_text())
        return Brep((Path(folder) / "out.step").read_bytes(), tuple(told["volumes"]), tuple(told["reread"]))


def work(folder: str) -> None:
    """What the worker process does: job.json in, out.step and told.json out."""
    import cadquery as cq

    job = json.loads((Path(folder) / "job.json").read_text())
    parts = [_part(table) for table in job["parts"]]
    solids = [build_solid(part) for part in parts]
    file = Path(folder) / "out.step"
    assembly = cq.Assembly(name=f"{job['name']} (assembly)")  # a part may have the design's name
    for part, solid, place in zip(parts, solids, _places(parts, solids), strict=True):
        assembly.add(solid, name=part.name, loc=place, color=cq.Color(*COLOURS.get(part.role, GREY)))
    cq.exporters.assembly.exportAssembly(assembly, str(file), write_pcurves=False)
    read = cq.importers.importStep(str(file)).solids().vals()
    told = {"volumes": [s.Volume() for s in solids], "reread": [s.Volume() for s in read]}
    (Path(folder) / "told.json").write_text(json.dumps(told))


def build_solid(part: Part) -> Any:
    """One cadquery Solid of a part in its print pose; `FabBug` when the kernel gives none, several or a bad one."""
    modules = [_module(steps) for steps in part.modules]
    shape = modules[0] if len(modules) == 1 else modules[0].fuse(*modules[1:])
    found = shape.clean().Solids()
    if len(found) != 1:
        raise FabBug(f"{part.name}: {len(found)} bodies instead of one")
    if not found[0].isValid() or found[0].Volume() <= 0.0:
        raise FabBug(f"{part.name}: the B-rep kernel built an invalid solid")
    return found[0]


def _module(steps: Sequence[Step]) -> Any:
    shape: Any = None
    for step in steps:
        solids = [solid for prism in step.prisms for solid in _prism(prism)]
        if step.op == "cut":
            shape = shape.cut(*solids)
        elif shape is None:
            shape = solids[0].fuse(*solids[1:]) if len(solids) > 1 else solids[0]
        else:
            shape = shape.fuse(*solids)
    return shape


def _prism(prism: Prism) -> list[Any]:
    """The prism's solids: a region may have several pieces."""
    import cadquery as cq
    from shapely.geometry.polygon import orient

    along = prism.end - prism.start
    direction = {"x": (along, 0.0, 0.0), "y": (0.0, along, 0.0), "z": (0.0, 0.0, along)}[prism.axis]
    solids = []
    for piece in _pieces(prism):
        # (x, z) is a left-handed pair of axes: turn those loops, so that every face looks along the sweep.
        turned = orient(piece, sign=-1.0 if prism.axis == "y" else 1.0)
        outer, *inner = [
            cq.Wire.makePolygon([_point(prism, a, b) for a, b in ring.coords[:-1]], close=True)
            for ring in (turned.exterior, *turned.interiors)
        ]
        solids.append(cq.Solid.extrudeLinear(cq.Face.makeFromWires(outer, inner), cq.Vector(*direction)))
    return solids


def _pieces(prism: Prism) -> list[Any]:
    from shapely import Polygon, unary_union

    region = unary_union([Polygon(outline) for outline in prism.outlines])
    if prism.voids:
        region = region.difference(unary_union([Polygon(outline) for outline in prism.voids]))
    return [piece for piece in getattr(region, "geoms", [region]) if piece.area > 0.0]


def _point(prism: Prism, a: float, b: float) -> tuple[float, float, float]:
    return {"x": (prism.start, a, b), "y": (a, prism.start, b), "z": (a, b, prism.start)}[prism.axis]


def _places(parts: Sequence[Part], solids: Sequence[Any]) -> list[Any]:
    """Each part's place in the assembly; loose parts side by side in front of it."""
    import cadquery as cq
    from OCP.gp import gp_Trsf

    places: list[Any] = []
    right = 0.0
    for part, solid in zip(parts, solids, strict=True):
        box = solid.BoundingBox()
        matrix = gp_Trsf()
        rows = part.transform or (*IDENTITY[:1], (0.0, 1.0, 0.0, -LOOSE_GAP - box.ymax), *IDENTITY[2:])
        if part.transform is None:
            rows = ((1.0, 0.0, 0.0, right - box.xmin), *rows[1:])
            right += box.xlen + LOOSE_GAP
        matrix.SetValues(*(value for row in rows for value in row))
        places.append(cq.Location(matrix))
    return places


def _part(table: dict[str, Any]) -> Part:
    """A part from its JSON form."""
    modules = tuple(
        tuple(
            Step(
                step["op"],
                tuple(
                    Prism(p["axis"], p["start"], p["end"], _loops(p["outlines"]), _loops(p["voids"]))
                    for p in step["prisms"]
                ),
            )
            for step in module
        )
        for module in table["modules"]
    )
    transform = None if table["transform"] is None else tuple(tuple(row) for row in table["transform"])
    return Part(table["name"], table["role"], modules, transform, table["genus"], table["count"])


def _loops(outlines: Sequence[Sequence[Sequence[float]]]) -> tuple[Outline, ...]:
    return tuple(tuple((a, b) for a, b in outline) for outline in outlines)
