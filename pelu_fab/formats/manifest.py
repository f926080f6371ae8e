"""The manifest: what is in the folder, how parts stack, where to pour and which cup is which."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from pelu_fab.files import sha256
from pelu_fab.ir.device import Device, Mesh
from pelu_fab.ir.units import MM3_PER_ML, on_grid

SCHEMA = 1


def to_manifest(device: Device, files: Mapping[str, bytes], key: str) -> bytes:
    """manifest.json over all other `files`; `key` identifies what went in."""
    design = device.design
    table = {
        "schema": SCHEMA,
        "generator": "pelu_fab",
        "name": design.name,
        "key": key,
        "unit_ml": design.unit_ml,
        "design_flow": design.pour_flow_ml * 1000.0,
        "priming_ml": device.sized.priming_volume / MM3_PER_ML,
        "compensation": design.compensation,
        "process": design.process.model_dump(mode="json"),
        "input_max": list(design.input_max),
        "max_teeth": design.max_teeth,
        "frame": "sheet" if design.sheet else "printed",
        "sheet": design.sheet and asdict(design.sheet),
        "lowering_ml": device.lowered.l1_bound * design.unit_ml,
        "sources": {kind: {"file": name, "sha256": digest} for kind, name, digest in design.sources},
        "parts": [_part(device, index, files) for index in range(len(device.parts))],
        "inputs": _inputs(device),
        "outputs": _outputs(device),
        "changes": [str(change) for change in device.lowered.changes],
        "files": {name: sha256(blob) for name, blob in sorted(files.items())},
    }
    return to_json(table)


def to_json(table: Any) -> bytes:
    """Stable, readable JSON."""
    return (json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _part(device: Device, index: int, files: Mapping[str, bytes]) -> dict[str, Any]:
    part, mesh = device.parts[index], device.meshes[index]
    file = f"parts/{part.name}.stl"
    return (
        {
            "name": part.name,
            "role": part.role,
            "file": file,
            "sha256": sha256(files[file]),
            "count": part.count,
            "transform": None if part.transform is None else [*map(list, part.transform), [0.0, 0.0, 0.0, 1.0]],
            "volume": round(mesh.volume, 3),
            "bodies": 1,
            "genus": mesh.genus if part.genus is None else part.genus,
            "clearance": device.design.process.printer.clearance,
            "pose": _pose(mesh),
        }
        | _rulers(device, part.name)
        | ({"made": "cut"} if part.is_cut else {})
    )


def _rulers(device: Device, name: str) -> dict[str, list[str]]:
    """Of a jug: the input that each side measures, from the front round to the right; "" for plain mL."""
    jug = next((jug for jug in device.sized.jugs if jug.name == name), None)
    return {"rulers": [ruler.port for ruler in jug.rulers]} if jug else {}


def _pose(mesh: Mesh) -> dict[str, list[float]]:
    """Box and centre of mass as the part lies in its file: how to find it again once another program moved it."""
    corners = mesh.corners.astype(np.float64)
    a, b, c = corners.transpose(1, 0, 2)
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0
    centre = (volume[:, None] * (a + b + c)).sum(axis=0) / (4.0 * volume.sum())
    points = corners.reshape(-1, 3)
    ends = {"low": points.min(axis=0), "high": points.max(axis=0), "centre": centre}
    return {name: [round(float(v), 4) for v in place] for name, place in ends.items()}


def _inputs(device: Device) -> list[dict[str, Any]]:
    """Behind the inlet's walls, below the rim, in the middle of each first card; and what its jug stands for."""
    labels = dict(device.lowered.netlist.inputs)
    measures = device.design.network.measures.to_table()
    return [
        {"port": port, "label": labels[port], "at": [on_grid(v) for v in placed.inlet], "pours": measure}
        for port, placed, measure in zip(labels, device.layout.layers[0], measures, strict=True)
    ]


def _outputs(device: Device) -> list[dict[str, Any]]:
    cups = {cup.cup.port: cup for cup in device.layout.cups}
    labels = dict(device.lowered.netlist.outputs)
    return [
        {"port": port, "label": label, "at": [on_grid(v) for v in cups[port].middle]} for port, label in labels.items()
    ]
