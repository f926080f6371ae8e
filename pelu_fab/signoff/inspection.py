"""What a mesh is, without asking what it was meant to be: facts for `pelu-fab inspect`. A path in, facts out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.files import entries, is_folder
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.flood import flood
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.pose import UNITS
from pelu_fab.signoff.stl import Mesh, read_stl_file, weld
from pelu_fab.signoff.topology import Topology, topology

LEAST_BUCKET = 300.0  # mm3: smaller hollows are puddles and lettering
USUAL = (5.0, 3000.0)  # mm: the longest side of a part that one prints; outside, its unit is in doubt


@dataclass(frozen=True, slots=True)
class Hollow:
    """A pool that the mesh holds as it stands in its file, z up: mm, mm3."""

    level: float
    depth: float
    volume: float
    area: float
    spills_at: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MeshFacts:
    """Facts of one file. `thinnest` is a wall estimate, mm; `puddles` counts hollows below 0.3 mL; `hint` is a doubt of
    its unit."""

    name: str
    triangles: int
    closed: bool
    oriented: bool
    degenerate: int
    duplicate: int
    bodies: int
    hollow_shells: int
    genus: float | None
    volume: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    thinnest: float | None
    buckets: tuple[Hollow, ...]
    puddles: int
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For people and for JSON; lengths in mm, volumes in mL."""
        return {
            "file": self.name,
            "triangles": self.triangles,
            "closed": self.closed,
            "oriented": self.oriented,
            "degenerate": self.degenerate,
            "duplicate": self.duplicate,
            "bodies": self.bodies,
            "trapped_hollows": self.hollow_shells,
            "genus": self.genus,
            "volume_ml": round(self.volume / 1000.0, 4),
            "low_mm": list(self.low),
            "high_mm": list(self.high),
            "thinnest_wall_mm": self.thinnest,
            "buckets": [
                {
                    "holds_ml": round(b.volume / 1000.0, 4),
                    "spills_at_mm": list(b.spills_at),
                    "depth_mm": round(b.depth, 3),
                    "area_mm2": round(b.area, 2),
                }
                for b in self.buckets
            ],
            "puddles": self.puddles,
            **({} if self.hint is None else {"hint": self.hint}),
        }


@dataclass(frozen=True, slots=True)
class Inspection:
    """Facts of every mesh in a path."""

    path: str
    meshes: tuple[MeshFacts, ...]

    def to_dict(self) -> dict[str, Any]:
        """For people and for JSON."""
        return {"path": self.path, "meshes": [mesh.to_dict() for mesh in self.meshes]}


def inspect(path: Path) -> Inspection:
    """Look at one STL, or at every STL of a folder (its `parts` too); no file, or a broken one, raises `FabError`."""
    path = Path(path)
    files = _meshes(path) if is_folder(path) else [path]
    if not files:
        raise FabError(str(path), "holds no .stl file", "give an STL file, or a folder that compile wrote")
    return Inspection(str(path), tuple(_facts(file) for file in files))


def _meshes(folder: Path) -> list[Path]:
    """Its STL files and those of its `parts`, by name, whatever the case of their suffix."""
    places = [folder, *(place for place in [folder / "parts"] if is_folder(place))]
    return [file for place in places for file in entries(place) if file.suffix.lower() == ".stl"]


def _facts(file: Path) -> MeshFacts:
    _, corners = read_stl_file(file, str(file))
    mesh = weld(corners)
    shape = topology(mesh)
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    hollows = _hollows(mesh) if shape.is_closed else ()
    return MeshFacts(
        name=file.name,
        triangles=len(mesh.faces),
        closed=not (len(shape.open_edges) or len(shape.crowded_edges)),
        oriented=not len(shape.turned_edges) and mesh.volume > 0,
        degenerate=len(shape.degenerate),
        duplicate=len(shape.duplicate),
        bodies=shape.bodies,
        hollow_shells=shape.hollows,
        genus=shape.genus if shape.is_closed else None,
        volume=mesh.volume,
        low=place_of(low),
        high=place_of(high),
        thinnest=_thinnest(mesh, shape),
        buckets=tuple(h for h in hollows if h.volume >= LEAST_BUCKET),
        puddles=sum(h.volume < LEAST_BUCKET for h in hollows),
        hint=unit_hint(float((high - low).max())),
    )


def unit_hint(longest: float) -> str | None:
    """A doubt of a mesh's unit, where its longest side (mm) is not that of a part to print, with units that fit."""
    if USUAL[0] <= longest <= USUAL[1]:
        return None
    fitting = [f"{name} ({longest * mm:.4g} mm)" for name, mm in UNITS.items() if 10.0 <= longest * mm <= 1000.0]
    asked = f": is it in {' or '.join(fitting)}? An STL is read in mm" if fitting else ", if an STL is in mm"
    return f"the longest side is {longest:.3g} mm{asked}"


def _hollows(mesh: Mesh) -> tuple[Hollow, ...]:
    found = flood(mesh, Columns(mesh.corners)).basins
    ordered = sorted(found, key=lambda b: -b.volume)
    return tuple(Hollow(b.level, b.depth, b.volume, b.area, b.exit_at) for b in ordered)


def _thinnest(mesh: Mesh, shape: Topology) -> float | None:
    """Thinnest upright wall or level floor: least distance between faces back to back, seen along x, y and z."""
    if not shape.is_closed:
        return None
    found = []
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        turned = mesh.corners[:, :, order]
        facing = np.abs(mesh.normals[:, axis]) > 0.99
        if not facing.any():
            continue
        middles = turned[facing].mean(axis=1)
        query, _, z, up = Columns(turned).crossings(middles)
        gap = middles[query, 2] - z
        outward = mesh.normals[facing][query, axis] > 0
        # Into the material from a face that looks up: the next face below that looks down.
        inside = outward & (up < 0) & (gap > 1e-3)
        if inside.any():
            found.append(float(gap[inside].min()))
    return round(min(found), 3) if found else None
