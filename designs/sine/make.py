"""Write this design: sin over a full turn, as water. `python designs/sine/make.py`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pelu_fab.layers.high_order import SumLayer, make_basis
from pelu_fab.layers.to_pelu import to_pelu
from pelu_fab.layers.to_pelu_water import WaterSum
from pelu_fab.network.files import to_network_json
from pelu_fab.training.functions_design import design_toml, network_of

SEGMENTS, CORNER = 40, 63.0  # degrees: a multiple of 9, next to where a trapezoid fits a sine best
JUG = 180.0  # units for a full turn: half a millilitre a degree
DATA = '# Angles in degrees; the fuller cup says the sign.\ninput_scale = 0.5\ndata = "sine.csv"\n'


def layer() -> SumLayer:
    """A continuous layer with straight synapses, x in [-1, 1] for 0 to 360 degrees: the trapezoid nearest to a sine.

    It rises to CORNER, stays level over the crest, falls to the trough and rises again: five bends of equal size, hence
    five buckets with equal shares, which a comb splits by symmetry. Its level lies half-way between sin(CORNER) and 1.
    """
    level = 0.5 * (1.0 + np.sin(np.radians(CORNER)))
    corners = [0.0, CORNER, 180.0 - CORNER, 180.0 + CORNER, 360.0 - CORNER, 360.0]
    degrees = np.linspace(0.0, 360.0, SEGMENTS + 1)
    values = np.interp(degrees, corners, level * np.array([0.0, 1.0, 1.0, -1.0, -1.0, 0.0]))
    made = SumLayer(make_basis("continuous", 2, SEGMENTS), 1, 1).double()
    with torch.no_grad():
        made.w.copy_(torch.tensor(values)[None, :, None])
    return made


def water() -> WaterSum:
    """The layer in water, with the angle in degrees as its input."""
    turned = to_pelu(layer(), volume=JUG)
    network = replace(turned.network, inputs=("angle",))
    return replace(turned, network=network, low=np.array([0.0]), high=np.array([360.0]))


def main() -> None:
    """Write the files beside this one."""
    found, folder = water(), Path(__file__).parent
    folder.joinpath("network.json").write_bytes(to_network_json(found.network))
    note = "sin(x) over a full turn, x in degrees: pour half a millilitre a degree, read plus - minus on the scale."
    toml = design_toml("sine", network_of(found, inputs="angle", quantity="sin x"), note=note)
    head, rest = toml.split("input_max", 1)
    folder.joinpath("design.toml").write_text(f"{head}{DATA}input_max{rest}")
    angles = range(5, 360, 10)
    rows = [f"{angle},{'plus' if angle < 180 else 'minus'}" for angle in angles]
    folder.joinpath("sine.csv").write_text("\n".join(["angle,cup", *rows]) + "\n")


if __name__ == "__main__":
    main()
