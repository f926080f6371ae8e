"""Torch modules to import: PeLU, neurons with an energy, layers of high order. Torch comes with the first of them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pelu_fab.layers.pelu import PeLU, to_network

__all__ = ["PeLU", "to_network"]


def __getattr__(name: str) -> Any:
    """`PeLU` and `to_network` on first use: what only reads a checkpoint needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pelu_fab.layers import pelu

    return getattr(pelu, name)
