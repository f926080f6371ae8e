"""The pour protocol: how to prime, level and pour, and what each cup should then hold."""

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device
from pelu_fab.network.algebra import outputs

Array = NDArray[np.float64]


def to_pour(device: Device) -> str:
    """Markdown for the person with the jug. Volumes in mL; expectations from the printable network."""
    design, network = device.design, device.lowered.network
    unit = design.unit_ml
    lines = [f"# Pouring {design.name}", "", *_preparation(device), "", "## Pour", ""]
    lines += [
        f"About {design.pour_flow_ml:g} mL a second into each bucket, behind its grille; all jugs at once is fine.",
        "",
    ]
    for title, units in design.protocol:
        held = outputs(network, np.array([units]))[0]
        trained = outputs(design.network, np.array([units]))[0]
        winner = design.network.outputs[int(held.argmax())]
        lines += [f"### {title}", "", "| jug | pour |", "|---|---|"]
        lines += [
            f"| {_cell(name)} | {volume * unit:.1f} mL |" for name, volume in zip(network.inputs, units, strict=True)
        ]
        lines += ["", "| cup | should hold | trained network |", "|---|---|---|"]
        lines += [
            f"| {_cell(name)} | {found * unit:.1f} mL | {asked * unit:.1f} mL |"
            for name, found, asked in zip(network.outputs, held, trained, strict=True)
        ]
        lines += ["", *_answer(design, winner, held), ""]
    lines += [
        "Wait until the last drop has fallen (about a minute), then read the cups at eye level. Poured too little?",
        "Pour the rest now: the answer depends on how much, not on when.",
    ]
    return "\n".join(lines) + "\n"


def _answer(design: Design, winner: str, held: Array) -> list[str]:
    """What the cups say: a number for each read-out where there are any, else the name of the fullest."""
    if not design.readouts:
        return [f"The fullest cup says **{_cell(winner)}**."]
    cups = dict(zip(design.network.outputs, held.tolist(), strict=True))
    lines = []
    for readout in design.readouts:
        difference = _cell(readout.plus) + (f" - {_cell(readout.minus)}" if readout.minus else "")
        formula = f"({difference}) x {readout.scale / design.unit_ml:.4g} + {readout.offset:.4g}"
        lines.append(f"{_cell(readout.name)} = {formula} = **{readout.value(cups):.3f}**, cups in mL.")
    return lines


def _preparation(device: Device) -> list[str]:
    fluid = device.design.process.fluid
    drop = (
        "Stir one drop of dish detergent into half a litre of water."
        if "detergent" in fluid.name
        else "Use clean tap water."
    )
    return [
        "## Before the first pour",
        "",
        f"1. {drop}",
        "2. Level: fill the trough on the back of the top row until the water touches one of the two marks in it,",
        "   then slide the wedges under the frame until it touches both at once.",
        "3. Prime: pour a full jug through every bucket, let it drain, empty the cups. A dry device keeps 1 mL.",
        "4. Empty the buckets between pours with a sponge or by tipping the row; wet walls are fine, standing water is",
        "   not.",
    ]


def _cell(text: str) -> str:
    """Text that stays one table cell."""
    return " ".join(text.replace("|", "/").split())
