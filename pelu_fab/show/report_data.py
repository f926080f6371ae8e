"""What the report tells, read from an export folder after its sign-off: files in, plain facts out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.files import read_input
from pelu_fab.formats.stl import FACET
from pelu_fab.ir.device import printed_volume
from pelu_fab.network import algebra
from pelu_fab.network.files import from_network_json, from_samples_csv
from pelu_fab.network.model import Layer, Network

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class PrintedPart:
    """One part as its STL has it; `corners` (triangles, 3, 3) in print pose, `placed` in the assembly or None."""

    name: str
    role: str
    count: int
    corners: NDArray[np.float32]
    placed: NDArray[np.float32] | None
    grams: float
    hours: float
    is_sliced: bool  # grams and hours are the slicer's
    is_cut: bool = False  # from a sheet, and not printed: grams and hours are 0

    @property
    def size(self) -> tuple[float, float, float]:
        """Bounding box in print pose, mm."""
        flat = self.corners.reshape(-1, 3)
        x, y, z = (flat.max(0) - flat.min(0)).tolist()
        return x, y, z


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """An export and its verdict. `files` holds texts and pictures beside it, by name."""

    manifest: Table
    verify: Table
    trained: Network
    lowered: Network
    scene: Table
    samples: tuple[NDArray[np.float64], NDArray[np.int64] | None] | None
    parts: tuple[PrintedPart, ...]
    files: dict[str, bytes]

    @property
    def name(self) -> str:
        """The design's name."""
        return str(self.manifest["name"])

    @property
    def recovered(self) -> tuple[Layer, ...]:
        """The network that sign-off found in the STL, in units; empty if it found none."""
        layers = self.verify.get("recovered", {}).get("layers", [])
        return tuple(
            Layer(np.array(one["retained_units"]), np.array(one["shares"]), one.get("flush_units")) for one in layers
        )


SOLVED = "cfd"  # folder of the solver's pictures
BESIDE = ("layout.svg", "pour.md", "yield.png", "tolerance.png", "hero.png", "section.png")


def read_facts(directory: Path) -> Facts:
    """Read a signed-off export; an unreadable STL is left out. Raises `FabError` where a needed table is missing."""
    manifest, verify, scene = (_table(directory / f"{name}.json") for name in ("manifest", "verify", "scene"))
    trained, lowered = (_network(directory / f"{name}.json") for name in ("network", "lowered"))
    rows = directory / "samples.csv"
    slices = _table(directory / "slices.json") if (directory / "slices.json").is_file() else {}
    parts = [_part(directory, manifest, entry, slices) for entry in manifest["parts"]]
    return Facts(
        manifest=manifest,
        verify=verify,
        trained=trained,
        lowered=lowered,
        scene=scene,
        samples=from_samples_csv(read_input(rows), str(rows)) if rows.is_file() else None,
        parts=tuple(part for part in parts if part is not None),
        files={name: read_input(directory / name) for name in _beside(verify) if (directory / name).is_file()},
    )


def _beside(verify: Table) -> list[str]:
    """Names of the texts and pictures that the page shows, the solver's among them."""
    return [*BESIDE, *(f"{SOLVED}/{name}" for row in verify.get("cfd", []) for name in row["pictures"])]


def _table(path: Path) -> Table:
    try:
        table = json.loads(read_input(path))
    except ValueError as error:
        raise FabError(str(path), f"is no JSON: {error}", "compile the design again") from error
    if not isinstance(table, dict):
        raise FabError(str(path), "holds no table", "compile the design again")
    return table


def _network(path: Path) -> Network:
    return from_network_json(read_input(path), str(path))


def _part(directory: Path, manifest: Table, entry: Table, slices: Table) -> PrintedPart | None:
    corners = _corners(directory / str(entry["file"]))
    if corners is None:
        return None
    process = manifest["process"]
    cm3 = printed_volume(corners, float(entry["volume"])) / 1000.0
    sliced = slices.get(entry["name"])
    grams, hours = cm3 * process["material"]["density"], cm3 * process["printer"]["hours_per_cm3"]
    if sliced:
        grams, hours = float(sliced["grams"]), float(sliced["hours"])
    matrix = None if entry["transform"] is None else np.array(entry["transform"], dtype=np.float64).reshape(4, 4)
    placed = None if matrix is None else (corners @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    count = int(entry.get("count", 1))
    if entry.get("made") == "cut":
        return PrintedPart(entry["name"], entry["role"], count, corners, placed, 0.0, 0.0, is_sliced=True, is_cut=True)
    return PrintedPart(entry["name"], entry["role"], count, corners, placed, grams, hours, bool(sliced))


def _corners(path: Path) -> NDArray[np.float32] | None:
    """Triangles of a binary STL; None where the file is not whole (sign-off says so)."""
    try:
        blob = read_input(path, limit=1 << 30)
    except FabError:
        return None
    if len(blob) < 84 + 50 or len(blob) != 84 + 50 * int.from_bytes(blob[80:84], "little"):
        return None
    corners = np.frombuffer(blob, dtype=FACET, offset=84)["corners"]
    return np.ascontiguousarray(corners) if np.isfinite(corners).all() else None


def confusion(layers: tuple[Layer, ...], facts: Facts) -> NDArray[np.int64] | None:
    """How often each label (row) fills each cup (column) most; None without labels or network."""
    if facts.samples is None or facts.samples[1] is None or not layers:
        return None
    inputs, labels = facts.samples[0], np.asarray(facts.samples[1])
    found = algebra.predict(layers, inputs)
    size = len(facts.manifest["outputs"])
    table = np.zeros((size, size), dtype=np.int64)
    np.add.at(table, (labels, found), 1)
    return table
