"""Networks worth printing: the layer, and what trains it. The only importer of torch, and only where it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pelu_fab.training.layer import PeLU, to_network

__all__ = ["PeLU", "to_network"]


def __getattr__(name: str) -> Any:
    """`PeLU` and `to_network` on first use: what reads recipes and data needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pelu_fab.training import layer

    return getattr(layer, name)
