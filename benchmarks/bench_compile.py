"""How much CPU time checkpoint to STL takes, as ratios to three yardsticks measured in the same run.

    python benchmarks/bench_compile.py [iris] [16-8-4] [64-32-10] …

(a) the same solids joined one by one in cadquery, without lettering (Iris only: it takes minutes on more);
(b) one manifold3d batch boolean over all solids of the device, parts set apart, step by step;
(c) writing the same triangles with numpy alone: the floor.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab import load
from pelu_fab.formats.stl import to_stl
from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.ir.solid import moved
from pelu_fab.kernels import brep, mesh
from pelu_fab.network.model import Layer, Network
from pelu_fab.pipeline import compile_design
from pelu_fab.sources.process import process_and_bytes

IRIS = Path(__file__).parent.parent / "designs" / "iris"
LARGE_BED = 3000.0  # mm, the most that a profile may say
USUAL = ("iris", "4-4-3", "8-8-4", "16-8-4", "32-8-4", "32-16-4")
LIMIT = 900.0  # s for one design
MOST_IN_ONE = 500  # branches of which one boolean is made: it takes minutes on more


def design_named(name: str) -> Design:
    """Iris, or random shares uniform in [0.5, 1.5], normalised, on a large bed."""
    if name == "iris":
        return load(IRIS)
    widths = [int(width) for width in name.split("-")]
    rng = np.random.default_rng(0)
    layers = []
    for inputs, outputs in pairwise(widths):
        shares = rng.uniform(0.5, 1.5, (inputs, outputs))
        layers.append(Layer(rng.uniform(2.0, 20.0, inputs), shares / shares.sum(axis=1, keepdims=True)))
    ports = tuple(f"x{i}" for i in range(widths[0])), tuple(f"y{i}" for i in range(widths[-1]))
    process, _, _ = process_and_bytes("fdm-pla-detergent")
    large = process.printer.model_copy(update={"bed": (LARGE_BED, LARGE_BED, 1e6)})
    process = process.model_copy(update={"printer": large})
    return Design(name, Network(tuple(layers), *ports), process, input_max=(100.0,) * widths[0])


def best(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return min(times), result


def ours(design: Design) -> Device:
    device = compile_design(design)
    for part, made in zip(device.parts, device.meshes, strict=True):
        to_stl(made.corners, part.name)
    return device


def one_global_boolean(device: Device) -> float:
    """Volume of all parts by one batch boolean a step, every part 10 mm from the next; a yardstick, not a device."""
    from manifold3d import Manifold, OpType

    steps: dict[int, tuple[str, list[Any]]] = {}
    u = 0.0
    for part, made in zip(device.parts, device.meshes, strict=True):
        later = 0
        for module in part.modules:
            for step in module:
                while steps.setdefault(later, (step.op, []))[0] != step.op:
                    later += 1
                steps[later][1].extend(mesh._swept(moved(prism, u, 0.0, 0.0)) for prism in step.prisms)
                later += 1
        u += made.extents[0] + 10.0
    solid = Manifold()
    for _, (op, prisms) in sorted(steps.items()):
        kind = OpType.Add if op == "add" else OpType.Subtract
        solid = Manifold.batch_boolean([solid, *prisms] if not solid.is_empty() else prisms, kind)
    return float(solid.volume())


def one_by_one_in_cadquery(device: Device) -> float:
    volume = 0.0
    for part in map(brep.without_lettering, device.parts):
        whole: Any = None
        for module in part.modules:
            shape: Any = None
            for step in module:
                for solid in (solid for prism in step.prisms for solid in brep._prism(prism)):
                    shape = solid if shape is None else shape.cut(solid) if step.op == "cut" else shape.fuse(solid)
            whole = shape if whole is None else whole.fuse(shape)
        volume += whole.Volume()
    return volume


def floor_of(device: Device) -> None:
    """The same triangles, written by numpy alone."""
    for made in device.meshes:
        facets = np.zeros(len(made.corners), dtype=[("n", "<f4", 3), ("c", "<f4", (3, 3)), ("p", "<u2")])
        facets["c"] = made.corners
        a, b, c = np.moveaxis(made.corners, 1, 0)
        facets["n"] = np.cross(b - a, c - a)
        facets.tobytes()


def measure(name: str) -> dict[str, Any]:
    """One design in this process; the first compile warms imports and glyphs and is not counted for Iris."""
    design = design_named(name)
    small = name == "iris"
    first, device = best(lambda: ours(design), 1)
    seconds, device = best(lambda: ours(design), 5) if small else (first, device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    floor, _ = best(lambda: floor_of(device), 5)
    few = len(device.lowered.netlist.ducts) < MOST_IN_ONE
    bulk, _ = best(lambda: one_global_boolean(device), 3 if small else 1) if few else (None, None)
    singly = best(lambda: one_by_one_in_cadquery(device), 1)[0] if small else None
    return {
        "name": name,
        "branches": len(device.lowered.netlist.ducts),
        "teeth": sum(len(m.teeth) for row in device.sized.layers for card in row for m in card.mouths),
        "parts": len(device.parts),
        "triangles": sum(len(made.corners) for made in device.meshes),
        "seconds": seconds,
        "MB": peak,
        "cadquery": singly,
        "global": bulk,
        "floor": floor,
    }


def main() -> None:
    """Each design in a process of its own, so that memory is its own too."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    rows = []
    print("| design | branches | teeth | parts | triangles | CPU s | MB | (a) cadquery | (b) one boolean | (c) numpy |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or USUAL:
        try:
            command = [sys.executable, __file__, "--one", name]
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            print(f"| {name} | did not end within {LIMIT:g} s |")
            continue
        if done.returncode:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} |")
            continue
        row = json.loads(done.stdout)
        rows.append(row)
        cells = [name, row["branches"], row["teeth"], row["parts"], row["triangles"]]
        cells += [f"{row['seconds']:.3f}", f"{row['MB']:.0f}"]
        for yardstick in ("cadquery", "global", "floor"):
            value = row[yardstick]
            cells.append("" if value is None else f"{value:.3f} s = {value / row['seconds']:.3g} x ours")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    grown = [row for row in rows if row["name"] != "iris"]
    print()
    for small, large in pairwise(grown):
        times = log(large["seconds"] / small["seconds"])
        by = [f"{what}^{times / log(large[what] / small[what]):.2f}" for what in ("branches", "teeth")]
        print(f"From {small['name']} to {large['name']} time grows as {' or '.join(by)}.")


if __name__ == "__main__":
    main()
