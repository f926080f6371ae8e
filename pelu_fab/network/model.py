"""A trained PeLU network as arrays: what every checkpoint format is read into, and the oracle's input."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.network.readout import FULLEST, Readout, check_readouts
from pelu_fab.network.scaling import Scaling, check_scaling, plain_scaling

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer: `retained` (in,) in units; `shares` (in, out) = softmax(A), rows sum to 1.

    A weir keeps `retained` = h² whatever comes. A flush keeps all below `met` = h² (in,); once that is met, everything
    leaves but `retained`. No `met`, or none above `retained`: a weir.

    >>> shares = np.array([[0.25, 0.75], [1.0, 0.0]])
    >>> layer = Layer(np.array([4.0, 1.0]), shares, met=np.array([4.0, 9.0]))
    >>> layer.thresholds.tolist(), layer.flushes.tolist()
    ([4.0, 9.0], [False, True])
    """

    retained: Array
    shares: Array
    met: Array | None = None

    def __post_init__(self) -> None:
        for name in ("retained", "shares", "met"):
            given = getattr(self, name)
            if given is not None:
                frozen = np.array(given, dtype=np.float64)
                frozen.setflags(write=False)
                object.__setattr__(self, name, frozen)
        if self.met is not None and self.met.shape == self.retained.shape and (self.met <= self.retained).all():
            object.__setattr__(self, "met", None)

    @property
    def thresholds(self) -> Array:
        """Volume (in,) that a unit keeps in any case: above it something leaves."""
        return self.retained if self.met is None else np.maximum(self.retained, self.met)

    @property
    def flushes(self) -> NDArray[np.bool_]:
        """Which units (in,) answer all at once: a printed siphon in place of a comb."""
        return np.asarray(self.thresholds > self.retained)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A trained PeLU network. Volumes are in units.

    A feature becomes units by `scaling`, or where there is none by `input_scale` units a value: `measures` is either.

    >>> layer = Layer(np.array([5.0]), np.array([[0.25, 0.75]]))
    >>> network = Network((layer,), inputs=("water",), outputs=("small", "large"))
    >>> network.widths, network.branches
    ((1, 2), 2)
    """

    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_scale: float = 1.0
    scaling: Scaling | None = None
    readouts: tuple[Readout, ...] = ()

    @property
    def measures(self) -> Scaling:
        """From a measurement to a pour."""
        return self.scaling or plain_scaling(self.inputs, self.input_scale)

    @property
    def answers(self) -> tuple[Readout, ...]:
        """What its cups say: its read-outs, or else which cup is the fullest."""
        return self.readouts or (FULLEST,)

    @property
    def widths(self) -> tuple[int, ...]:
        """Buckets per layer, and the number of cups last."""
        return (*(len(layer.retained) for layer in self.layers), self.layers[-1].shares.shape[1])

    @property
    def has_flush(self) -> bool:
        """Whether some unit is a flush."""
        return any(bool(layer.flushes.any()) for layer in self.layers)

    @property
    def branches(self) -> int:
        """Number of shares that are not zero: pipes, if each were built."""
        return sum(int(np.count_nonzero(layer.shares)) for layer in self.layers)


SHARE_SUM_TOLERANCE = 1e-5  # float32 softmax rows sum to 1 within a few ulps times their length


def check_network(network: Network, where: str) -> None:
    """Refuse a network that no water could compute: shapes that don't chain, NaN, negative, shares off 1."""
    if not network.layers:
        raise FabError(where, "has 0 layers", "give at least one layer of heights and weights")
    for index, layer in enumerate(network.layers):
        _check_layer(layer, f"{where}: layer {index}")
    for index, (first, second) in enumerate(zip(network.layers, network.layers[1:], strict=False)):
        if first.shares.shape[1] != len(second.retained):
            raise FabError(
                f"{where}: layer {index + 1}",
                f"takes {len(second.retained)} inputs, but layer {index} has {first.shares.shape[1]} outputs",
                "check that every layer of the checkpoint is there and in order",
            )
    widths = network.widths
    for label, names, count in (("inputs", network.inputs, widths[0]), ("outputs", network.outputs, widths[-1])):
        if len(names) != count:
            raise FabError(where, f"names {len(names)} {label}, but the network has {count}", f"give {count} names")
    if not (np.isfinite(network.input_scale) and network.input_scale > 0):
        raise FabError(where, f"input_scale is {network.input_scale}", "use a finite number above 0")
    if network.scaling is not None:
        check_scaling(network.scaling, network.inputs, where)
    check_readouts(network.readouts, network.outputs, where)


def _check_layer(layer: Layer, where: str) -> None:
    retained, shares = layer.retained, layer.shares
    if retained.ndim != 1 or shares.ndim != 2 or shares.shape[0] != len(retained) or shares.size == 0:
        raise FabError(
            where,
            f"heights have shape {retained.shape} and weights {shares.shape}",
            "expected (in,) and (in, out), both at least 1",
        )
    if layer.met is not None and layer.met.shape != retained.shape:
        what = f"has {layer.met.size} heights and residues of shape {retained.shape}"
        raise FabError(where, what, "give each unit one residue, a weir its threshold")
    for name, values in (("heights", retained), ("heights", layer.thresholds), ("weights", shares)):
        if not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise FabError(where, f"{name}{list(place)} is {values[place]}", "retrain or repair the checkpoint")
        if (values < 0).any():
            place = tuple(int(i) for i in np.argwhere(values < 0)[0])
            raise FabError(where, f"{name}{list(place)} is {values[place]:g}", "volumes and shares can't be negative")
    sums = shares.sum(axis=1)
    if (np.abs(sums - 1) > SHARE_SUM_TOLERANCE).any():
        row = int(np.argmax(np.abs(sums - 1)))
        raise FabError(where, f"shares of unit {row} add up to {sums[row]:.6g}", "make each row of shares add up to 1")
