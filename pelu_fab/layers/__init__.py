"""Torch modules to import: PeLU, Flush, neurons with an energy, layers of high order. Torch comes with the first."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pelu_fab.layers.energy import NeuronLayer, descend
    from pelu_fab.layers.energy_network import NetworkEnergy
    from pelu_fab.layers.flush import Flush
    from pelu_fab.layers.high_order import high_order_fc_layers
    from pelu_fab.layers.high_order_conv import high_order_convolution_layers, high_order_convolution_transpose_layers
    from pelu_fab.layers.high_order_mlp import HighOrderMLP
    from pelu_fab.layers.pelu import PeLU, to_network

__all__ = [
    "Flush",
    "HighOrderMLP",
    "NetworkEnergy",
    "NeuronLayer",
    "PeLU",
    "descend",
    "high_order_convolution_layers",
    "high_order_convolution_transpose_layers",
    "high_order_fc_layers",
    "to_network",
]

_HOMES = {
    "energy": ("NeuronLayer", "descend"),
    "energy_network": ("NetworkEnergy",),
    "flush": ("Flush",),
    "high_order": ("high_order_fc_layers",),
    "high_order_conv": ("high_order_convolution_layers", "high_order_convolution_transpose_layers"),
    "high_order_mlp": ("HighOrderMLP",),
    "pelu": ("PeLU", "to_network"),
}


def __getattr__(name: str) -> Any:
    """A name on first use: what only reads a checkpoint needs no torch."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"pelu_fab.layers.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
