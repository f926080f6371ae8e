"""Write this design's network.json and design.toml: sin over a full turn, as water. `python designs/sine/make.py`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pelu_fab.sources.checkpoint import to_widget
from pelu_fab.training.functions_design import design_toml
from pelu_fab.training.high_order import SumLayer, make_basis
from pelu_fab.training.to_pelu import to_pelu
from pelu_fab.training.to_pelu_water import WaterSum

SEGMENTS = 8
JUG = 180.0  # units for a full turn: half a millilitre a degree


def layer() -> SumLayer:
    """A continuous layer with straight synapses: x in [-1, 1] for 0 to 360 degrees."""
    nodes = np.linspace(0.0, 2.0 * np.pi, SEGMENTS + 1)
    steepest = np.linspace(np.pi / 4, np.pi / 2, 1001)
    chord = np.interp(steepest, nodes, np.sin(nodes))
    # Nodes are lifted off the sine by half of what the chords miss, so that the error is the same above and below.
    lift = 0.5 * float((np.sin(steepest) - chord).max())
    values = np.where(np.abs(np.sin(nodes)) < 1e-9, 0.0, np.sin(nodes) + lift * np.sign(np.sin(nodes)))
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
    """Write both files beside this one."""
    found, folder = water(), Path(__file__).parent
    folder.joinpath("network.json").write_text(to_widget(found.network))
    note = "sin(x) over a full turn, x in degrees: pour half a millilitre a degree, read plus - minus on the scale."
    folder.joinpath("design.toml").write_text(design_toml("sine", found, note=note, quantity="sin x"))


if __name__ == "__main__":
    main()
