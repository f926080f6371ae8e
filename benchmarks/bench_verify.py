"""How long sign-off takes: Iris against its own compile, a file of a million triangles, and wide networks.

    python benchmarks/bench_verify.py [64-32-10 …] [--dense 16-16-10 …]

Prints a line for each: seconds of CPU, processes of its own included, and the ratio that the goals speak of. Wide
networks have three branches a bucket (what pruning leaves) on a bed of 1 m, dense ones all branches and a bed of 3 m.
"""

import os
import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from manifold3d import Manifold

import pelu_fab
from pelu_fab.ir.design import Design
from pelu_fab.network.model import Layer, Network
from pelu_fab.signoff import verify
from pelu_fab.signoff.stl import RECORD, read_stl, weld
from pelu_fab.signoff.topology import topology
from pelu_fab.sources.process import read_process

BRANCHES, BED, WIDE_BED = 3, (1e3, 1e3, 9e5), (3e3, 3e3, 9e5)
IRIS = Path(__file__).parents[1] / "designs" / "iris"


def cpu(action):
    """What the action gave, and its seconds of CPU, those of processes that it waited for included."""
    before = os.times()
    given = action()
    after = os.times()
    return given, sum(after[:4]) - sum(before[:4])


def remembering(folder: Path | None) -> None:
    """Where checks are remembered from now on; None nowhere."""
    os.environ["PELU_FAB_CACHE"] = "" if folder is None else str(folder)


def iris(folder: Path) -> None:
    design = pelu_fab.load(IRIS)
    device, made = cpu(lambda: pelu_fab.compile(design))
    _, written = cpu(lambda: pelu_fab.write(device, folder))
    report, judged = cpu(lambda: verify(folder))
    ratio = judged / (made + written)
    checks = report.counts["run"]
    print(f"iris: compile {made:.2f} s, write {written:.2f} s, verify {judged:.2f} s = {ratio:.1f} x, {checks} checks")
    remembering(folder.parent / "kept")
    verify(folder)
    _, again = cpu(lambda: verify(folder))
    remembering(None)
    print(f"iris, its parts remembered: verify {again:.2f} s = {again / judged:.2f} x")


def million() -> None:
    mesh = (Manifold.sphere(30.0, 1440) - Manifold.cylinder(100.0, 5.0, 5.0, 64, True)).to_mesh64()
    corners = np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts)]
    record = np.zeros(len(corners), RECORD)
    record["corners"] = corners
    blob = b"\0" * 80 + len(corners).to_bytes(4, "little") + record.tobytes()
    shape, spent = cpu(lambda: topology(weld(read_stl(blob, "sphere"))))
    print(f"reader: {len(corners)} triangles read and checked in {spent:.1f} s, closed {shape.is_closed}")


def wide(widths: list[int], folder: Path, *, dense: bool) -> None:
    rng = np.random.default_rng(0)
    layers = []
    for here, ahead in pairwise(widths):
        shares = rng.uniform(0.5, 1.5, (here, ahead)) if dense else np.exp(rng.normal(0.0, 1.0, (here, ahead)))
        if not dense:
            shares *= shares >= np.sort(shares, axis=1)[:, [-min(BRANCHES, ahead)]]
        layers.append(Layer(rng.uniform(0.5, 10.0, here), shares / shares.sum(axis=1, keepdims=True)))
    names = tuple(f"x{i}" for i in range(widths[0])), tuple(f"y{i}" for i in range(widths[-1]))
    process = read_process("fdm-pla-detergent")
    process = process.model_copy(
        update={"printer": process.printer.model_copy(update={"bed": WIDE_BED if dense else BED})}
    )
    design = Design("wide", Network(tuple(layers), *names), process, input_max=(40.0,) * widths[0])
    device, made = cpu(lambda: pelu_fab.compile(design))
    pelu_fab.write(device, folder, formats=())
    start = time.perf_counter()
    report, judged = cpu(lambda: verify(folder))
    clock = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    triangles = sum(len(m.corners) for m in device.meshes)
    print(
        f"{'-'.join(map(str, widths))}: {triangles} triangles in {len(device.parts)} parts, compile {made:.1f} s, "
        f"verify {judged:.1f} s = {judged / made:.1f} x, {1e6 * judged / triangles:.0f} us a triangle, "
        f"{clock:.1f} s by the clock, {report.counts['run']} checks, {report.verdict}, "
        f"peak {peak:.2f} GiB"
    )


if __name__ == "__main__":
    remembering(None)
    with tempfile.TemporaryDirectory() as scratch:
        iris(Path(scratch) / "iris")
        million()
        dense = False
        for number, argument in enumerate(sys.argv[1:]):
            if argument == "--dense":
                dense = True
            else:
                wide([int(w) for w in argument.split("-")], Path(scratch) / str(number), dense=dense)
