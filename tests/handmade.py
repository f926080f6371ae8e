"""A device made by hand from boxes and wedges: a crossbar of rows, chutes and gutters, sharing no code with the maker.

It exists so that sign-off is proven on meshes whose drawn dimensions are known from here alone. It is sound at rest, as
the first device was: water with speed leaves its chutes, nothing holds it up or stands on it. See `at_rest`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from manifold3d import Manifold

from pelu_fab.ir.process import Process
from pelu_fab.signoff.report import Check

WALL, FLOOR, SILL, SHELF, RIM, RAMP, BLADE = 1.2, 1.2, 30.0, 1.6, 15.0, 14.0, 0.8
SETTLED = 5.0  # mm down the ramp from where a branch's channel is as wide as its section
CHANNEL_WALL, SLOPE, DEPTH, GAP = 8.0, 15.0, 24.0, 4.1


USED = ("flow.", "hands.", "read.")  # rules that look at water with speed, at hands and at eyes


def at_rest(checks: Iterable[Check]) -> list[Check]:
    """Checks of everything but moving water, hands and eyes."""
    return [check for check in checks if not check.id.startswith(USED)]


def box(low: Sequence[float], high: Sequence[float]) -> Manifold:
    return Manifold.cube([float(b - a) for a, b in zip(low, high, strict=True)]).translate([float(v) for v in low])


@dataclass(frozen=True)
class Branch:
    """Teeth side by side that lead to target `target`."""

    target: int
    teeth: tuple[float, ...]
    section: float


@dataclass(frozen=True)
class Unit:
    """One bucket: mm3 drawn below the sill, and its branches along the sill."""

    drawn: float
    branches: tuple[Branch, ...]

    @property
    def width(self) -> float:
        return sum(sum(b.teeth) for b in self.branches) + BLADE * (sum(len(b.teeth) for b in self.branches) - 1)


@dataclass
class Part:
    name: str
    role: str
    solid: Manifold
    transform: np.ndarray


@dataclass
class Device:
    parts: list[Part] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)


def shift(x: float, y: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def turn(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if degrees % 90 == 0:
        c, s = round(c), round(s)
    matrix = np.eye(4)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def comb(unit: Unit) -> list[tuple[int, list[tuple[float, float]], float]]:
    """(target, tooth spans, spout middle) along the sill, from 0."""
    spans, x = [], 0.0
    for branch in unit.branches:
        own = []
        for width in branch.teeth:
            own.append((x, x + width))
            x += width + BLADE
        spans.append((branch.target, own, (own[0][0] + own[-1][1]) / 2))
    return spans


def bucket(unit: Unit, x: float) -> Manifold:
    """Solid of one bucket whose inside starts at x, y = WALL; floor set by the drawn volume."""
    width, back = unit.width, WALL + DEPTH
    face = back + SHELF + RAMP
    solid = box((x - WALL, 0, 0), (x + width + WALL, face, SILL + RIM))
    if unit.drawn > 0:
        floor = SILL - unit.drawn / (width * DEPTH)
        solid -= box((x, WALL, floor), (x + width, back, SILL + RIM + 1))
    else:
        high = SILL + DEPTH * 0.3
        corners = [(u, v, z) for u in (x, x + width) for v, w in ((WALL, high), (back, SILL)) for z in (w, 99.0)]
        solid -= Manifold.hull_points(np.array(corners)) ^ box((-1e3, -1e3, 0), (1e3, 1e3, SILL + RIM + 1))
    for branch, (_, teeth, middle) in zip(unit.branches, comb(unit), strict=True):
        for left, right in teeth:
            solid -= box((x + left, back - 0.5, SILL), (x + right, back + SHELF + 0.01, SILL + RIM + 1))
        left, right = x + teeth[0][0], x + teeth[-1][1]
        low, high = x + middle - branch.section / 2, x + middle + branch.section / 2
        y, top = back + SHELF, SILL + RIM + 1
        for (u0, u1), (v0, v1), (w0, w1) in (
            ((left, right), (low, high), (0.0, SETTLED)),
            ((low, high), (low, high), (SETTLED, RAMP + 0.01)),
        ):  # on a ramp of 45 degrees: led from the teeth to the section, then straight to the lip
            solid -= Manifold.hull_points(np.array([
                (u0, y + w0, SILL - w0), (u1, y + w0, SILL - w0), (u0, y + w0, top), (u1, y + w0, top),
                (v0, y + w1, SILL - w1), (v1, y + w1, SILL - w1), (v0, y + w1, top), (v1, y + w1, top),
            ]))  # fmt: skip
    return solid


def tray(channels: Sequence[tuple[float, float, float, float]]) -> Manifold:
    """Flat channels along +y: (middle x, start y, end y, inner width), closed at the start, open at the end."""
    solid = Manifold()
    for middle, start, end, width in channels:
        half = width / 2
        one = box((middle - half - WALL, start - WALL, 0), (middle + half + WALL, end, FLOOR + CHANNEL_WALL))
        solid += one - box((middle - half, start, FLOOR), (middle + half, end + 1, FLOOR + CHANNEL_WALL + 1))
    first, last = min(c[0] for c in channels), max(c[0] for c in channels)
    start = max(c[1] for c in channels)
    bar = box((first, start - WALL, 0), (last, start + WALL, FLOOR))
    return solid + bar


def row_of(units: Sequence[Unit]) -> tuple[Manifold, list[float]]:
    """All buckets side by side, and where each inside starts."""
    solid, starts, x = Manifold(), [], WALL
    for unit in units:
        starts.append(x)
        x += unit.width + GAP
        x = max(x, starts[-1] + 22.0)
    for unit, start in zip(units, starts, strict=True):
        solid += bucket(unit, start)
    solid += box((0, 0, 0), (x - WALL, WALL, 10))
    return solid, starts


def cups(count: int, pitch: float) -> tuple[Manifold, list[float]]:
    solid, middles = Manifold(), []
    for k in range(count):
        x = k * pitch
        one = box((x, 0, 0), (x + pitch - 2, 30, 60)) - box(
            (x + WALL, WALL, FLOOR), (x + pitch - 2 - WALL, 30 - WALL, 61)
        )
        solid += one + (box((x - 2.5, 0, 0), (x + 1, 30, 2)) if k else Manifold())
        middles.append(x + (pitch - 2) / 2)
    return solid, middles


def device(rows: Sequence[Sequence[Unit]], outputs: int) -> Device:
    """Rows upstream first, each turned by 90 degrees against the one above."""
    made, frame = Device(), np.eye(4)
    for layer, units in enumerate(rows):
        solid, starts = row_of(units)
        made.parts.append(Part(f"row{layer}", "row", solid, frame))
        if layer == 0:
            made.inputs += [
                frame @ (s + u.width / 2, WALL + 3, SILL + RIM + 5, 1) for s, u in zip(starts, units, strict=True)
            ]
        if layer + 1 < len(rows):
            goal, below = row_of(rows[layer + 1])
            middles = [s + u.width / 2 for s, u in zip(below, rows[layer + 1], strict=True)]
        else:
            goal, middles = cups(outputs, 40.0)
        frame = crossbar(made, frame, units, starts, middles, layer, goal)
    made.parts.append(Part("cups", "cup", goal, frame))
    made.outputs = [frame @ (m, 15, 70, 1) for m in middles]
    return made


def crossbar(
    made: Device,
    frame: np.ndarray,
    units: Sequence[Unit],
    starts: Sequence[float],
    middles: Sequence[float],
    layer: int,
    goal: Manifold,
) -> np.ndarray:
    """Chutes from each spout to the gutter of its target, gutters to the next row; returns the next row's frame."""
    lip = WALL + DEPTH + SHELF + RAMP
    first = lip + 25.0
    incline, tangent = turn("x", -SLOPE), np.tan(np.radians(SLOPE))
    spouts = [
        (s + m, t, b.section)
        for s, u in zip(starts, units, strict=True)
        for b, (t, _, m) in zip(u.branches, comb(u), strict=True)
    ]
    reach = [(x, lip - 6, first + middles[t] - lip, width + 1.0) for x, t, width in spouts]
    chutes = tray([(x, 0.0, (length + 6) / np.cos(np.radians(SLOPE)), width) for x, start, length, width in reach])
    top = -15.0
    made.parts.append(Part(f"chutes{layer}", "chutes", chutes, frame @ shift(0, lip - 6, top) @ incline))
    span = max(x + w / 2 for x, _, w in spouts) + 14
    fall = top - (first + max(middles) - lip + 6) * tangent - 16.0
    beyond = span + 12.0
    turned = frame @ turn("z", 90.0)
    gutters = tray([(first + m, 0.0, beyond / np.cos(np.radians(SLOPE)), 16.0) for m in middles])
    made.parts.append(Part(f"gutters{layer}", "gutters", gutters, turned @ shift(0, -span, fall) @ incline))
    height = goal.bounding_box()[5]
    end = fall - beyond * tangent - 6.0
    return turned @ shift(first, beyond - span - 8, end - height)


def stl_bytes(solid: Manifold) -> bytes:
    mesh = solid.to_mesh64()
    corners = np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts)].astype("<f4")
    record = np.zeros(len(corners), np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("p", "<u2")]))
    record["c"] = corners
    return b"handmade, mm".ljust(80, b"\0") + len(corners).to_bytes(4, "little") + record.tobytes()


def write(made: Device, folder: Path, process: Process, network: dict, *, compensation: str = "none") -> Path:
    """Lay the files out as the compiler does."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    listed = []
    for part in made.parts:
        blob = stl_bytes(part.solid)
        (folder / "parts" / f"{part.name}.stl").write_bytes(blob)
        listed.append({
            "name": part.name, "role": part.role, "file": f"parts/{part.name}.stl",
            "sha256": hashlib.sha256(blob).hexdigest(), "transform": np.asarray(part.transform).tolist(),
            "volume": part.solid.volume(), "bodies": 1, "genus": part.solid.genus(), "clearance": 0.2,
        })  # fmt: skip
    manifest = {
        "schema": 1,
        "name": "handmade",
        "unit_ml": 1.0,
        "design_flow": 12000.0,
        "process": process.model_dump(mode="json"),
        "compensation": compensation,
        "parts": listed,
        "inputs": ports("in.x", made.inputs),
        "outputs": ports("out.y", made.outputs),
        "input_max": [60.0] * len(made.inputs),
    }
    for name in ("network.json", "lowered.json"):
        (folder / name).write_text(json.dumps(network))
    written = {part["file"]: part["sha256"] for part in listed}
    copy = hashlib.sha256(json.dumps(network).encode()).hexdigest()
    manifest["files"] = written | {"network.json": copy, "lowered.json": copy}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def rehash(folder: Path) -> None:
    """Make the manifest vouch for the files as they are now, but for the parts: what a thief would do."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        if not name.startswith("parts/") and (folder / name).is_file():
            manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def ports(kind: str, points: Sequence[np.ndarray]) -> list[dict]:
    return [
        {"port": f"{kind}{i}", "label": f"{kind}{i}", "at": [float(v) for v in point[:3]]}
        for i, point in enumerate(points)
    ]


def network_of(rows: Sequence[Sequence[Unit]], outputs: int) -> dict:
    """What the drawn dimensions compute with corrections off: shares by open width, h squared by drawn volume."""
    layers = []
    for layer, units in enumerate(rows):
        count = len(rows[layer + 1]) if layer + 1 < len(rows) else outputs
        shares = np.zeros((len(units), count))
        for i, unit in enumerate(units):
            for branch in unit.branches:
                shares[i, branch.target] += sum(branch.teeth)
        layers.append(
            {"h": [u.drawn / 1000 for u in units], "w": (shares / shares.sum(axis=1, keepdims=True)).tolist()}
        )
    return {
        "format": "pelu-widget", "inputs": [f"in.x{i}" for i in range(len(rows[0]))],
        "outputs": [f"out.y{i}" for i in range(outputs)], "input_scale": 1.0, "layers": layers,
    }  # fmt: skip


def unit(drawn: float, *branches: tuple[int, int, float]) -> Unit:
    """Branches as (target, number of teeth, tooth width); sections in proportion to the open widths."""
    total = sum(n * w for _, n, w in branches)
    # The narrowest gap between two spouts sets how much of the comb the sections may fill.
    scale = 1.0
    while True:
        made = Unit(drawn, tuple(Branch(t, (w,) * n, scale * n * w) for t, n, w in branches))
        middles = [(m, b.section) for b, (_, _, m) in zip(made.branches, comb(made), strict=True)]
        gaps = [b[0] - b[1] / 2 - a[0] - a[1] / 2 for a, b in pairwise(middles)]
        if min(gaps, default=GAP) >= GAP or scale < 0.05 or total <= 0:
            return made
        scale *= 0.97
