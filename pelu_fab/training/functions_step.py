"""In: points that jump once. Out: a design of one flush, a bucket that answers all at once."""

import json
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.files import safe_name
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.network.files import to_network_json
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.training.functions import Points
from pelu_fab.training.functions_design import FIGURES

MET, KEEPS = 18.0, 1.0  # mL that a flush empties at, and leaves: those of designs/step, which a solver has seen
POUR_FLOW = 8.0  # mL/s
EARLIEST, LATEST = 0.3, 0.9  # of the axis: where a jump may lie, or the jug is too large or holds no more than it


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """`points` that are `low` below `at` and `high` above it."""

    points: Points
    at: float
    low: float
    high: float

    @property
    def volume(self) -> float:
        """mL of a full jug: the flush empties at `at`."""
        return MET * self.points.width / (self.at - self.points.low)


def jump_of(points: Points) -> Jump | None:
    """The one jump upwards that points are all of; None if they are anything else."""
    low, high = float(points.y[0]), float(points.y[-1])
    after = points.y == high
    first = int(after.argmax())
    if not low < high or not after[first:].all() or not (points.y[:first] == low).all():
        return None
    at = round(float(points.x[first - 1 : first + 1].mean() / points.width), 12) * points.width + 0.0
    jump = Jump(points, at, low, high)
    part = (jump.at - points.low) / points.width
    if not EARLIEST <= part <= LATEST:
        what = f"jumps at {part:.0%} of its range, a flush wants {EARLIEST:.0%} to {LATEST:.0%}"
        raise FabError(points.name, what, "choose another --range")
    return jump


def network_of_jump(jump: Jump) -> Network:
    """One flush over one cup, and the volume above which that says yes."""
    points = jump.points
    feature = Feature("x", jump.volume / points.width, points.low, low=points.low, high=points.high)
    readout = Readout(f"y = {jump.high:g}", "above", plus=("y",), above=(MET - KEEPS) / 2)
    layer = Layer(np.array([KEEPS]), np.ones((1, 1)), np.array([MET]))
    return Network((layer,), ("x",), ("y",), scaling=Scaling((feature,)), readouts=(readout,))


def jump_design(jump: Jump, process: Process) -> Design:
    """The design that `jump_files` write, of a process."""
    most = float(ceil(jump.volume - 1e-9))
    return Design(_name(jump), network_of_jump(jump), process, unit_ml=1.0, pour_flow_ml=POUR_FLOW, input_max=(most,))


def jump_files(jump: Jump) -> dict[str, bytes]:
    """Bytes by file name: `design.toml`, the checkpoint it names, and `fit.json`."""
    points = jump.points
    lines = [
        f"# {points.name} on [{points.low:g}, {points.high:g}]: a flush empties at x = {jump.at:.4g}.",
        "schema = 1",
        f'name = "{_name(jump)}"',
        'checkpoint = "network.json"',
        f"pour_flow_ml = {POUR_FLOW}",
        f"input_max = [{ceil(jump.volume - 1e-9)}]",
    ]
    for x in ((points.low + jump.at) / 2, (points.high + jump.at) / 2):
        pour = (x - points.low) / points.width * jump.volume
        lines += ["", "[[protocol]]", f'title = "x = {x:.4g}"', f"pour = [{pour:.6g}]"]
    return {
        "network.json": to_network_json(network_of_jump(jump)),
        "design.toml": ("\n".join(lines) + "\n").encode(),
        FIGURES: (json.dumps(jump_figures(jump), indent=1, sort_keys=True) + "\n").encode(),
    }


def jump_figures(jump: Jump) -> dict[str, Any]:
    """What was found, for people and scripts."""
    points = jump.points
    return {
        "function": points.name,
        "range": [points.low, points.high],
        "points": len(points.x),
        "readout": "above",
        "jump": {"at": jump.at, "from": jump.low, "to": jump.high},
        "buckets": {"asked": 1, "live": 1},
        "unit_per_x": jump.volume / points.width,
    }


def _name(jump: Jump) -> str:
    return safe_name(f"fit-{jump.points.name}")
