"""network.json and samples.csv: networks and rows of data to bytes, and back. The maker's only writer and reader."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.network.model import Array, Layer, Network, check_network
from pelu_fab.network.names import input_name
from pelu_fab.network.readout import readouts_from
from pelu_fab.network.scaling import scaling_from

FORMAT, SCHEMA = "pelu-widget", 1
LABEL = "label"
AGAIN = "compile the design again"


def to_network_json(network: Network) -> bytes:
    """The network in the widget's form: `h` already squared, `w` already shares. Reads back to the same numbers.

    A layer with a flush has `r` too: what each unit keeps once its threshold `h` is met. A weir's is its `h`.
    """
    table = {
        "format": FORMAT,
        "schema": SCHEMA,
        "inputs": list(network.inputs),
        "outputs": list(network.outputs),
        "input_scale": network.input_scale,
        **({} if network.scaling is None else {"scaling": network.scaling.to_table()}),
        **({"readouts": [readout.to_table() for readout in network.readouts]} if network.readouts else {}),
        "layers": [
            {
                "h": layer.thresholds.tolist(),
                **({"r": layer.retained.tolist()} if layer.flushes.any() else {}),
                "w": layer.shares.tolist(),
            }
            for layer in network.layers
        ],
    }
    return (json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def from_network_json(blob: bytes, where: str) -> Network:
    """What `to_network_json` wrote; anything that is no network raises `FabError`. Checkpoints have another reader."""
    try:
        table: Any = json.loads(blob)
        layers = tuple(
            Layer(np.array(one.get("r", one["h"]), float), np.array(one["w"], float), np.array(one["h"], float))
            for one in table["layers"]
        )
        names = [tuple(str(name) for name in table[ends]) for ends in ("inputs", "outputs")]
        scaling = scaling_from(table["scaling"]) if table.get("scaling") is not None else None
        network = Network(layers, names[0], names[1], float(table.get("input_scale", 1.0)), scaling)
        network = replace(network, readouts=readouts_from(table.get("readouts") or ()))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        raise FabError(where, f"is no network ({error!r})", AGAIN) from error
    check_network(network, where)
    return network


def to_samples_csv(inputs: Array, labels: NDArray[np.int64] | None) -> bytes:
    """Rows of `inputs` (rows, in) as poured, in units, and each one's label last, by the index of its output."""
    names = [input_name(i) for i in range(inputs.shape[1])]
    rows = [",".join(names if labels is None else [*names, LABEL])]
    for index, row in enumerate(inputs.tolist()):
        cells = [repr(value) for value in row]
        rows.append(",".join(cells if labels is None else [*cells, str(int(labels[index]))]))
    return ("\n".join(rows) + "\n").encode()


def from_samples_csv(blob: bytes, where: str) -> tuple[Array, NDArray[np.int64] | None]:
    """What `to_samples_csv` wrote; NaN, a negative volume, a ragged row or no rows raise `FabError`."""
    try:
        head, *rows = blob.decode().splitlines()
        cells = np.array([[float(cell) for cell in row.split(",")] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise FabError(where, f"is no table of numbers ({error})", AGAIN) from error
    if cells.ndim != 2 or cells.shape[1] != len(head.split(",")) or not (np.isfinite(cells) & (cells >= 0)).all():
        raise FabError(where, "has no rows of as many finite volumes as its first line names", AGAIN)
    if head.split(",")[-1] != LABEL:
        return cells, None
    return cells[:, :-1], cells[:, -1].astype(np.int64)
