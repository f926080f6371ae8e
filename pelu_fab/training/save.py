"""A trained network to the bytes of a `.safetensors` checkpoint.

Tensors are `<n>.heights` = h and `<n>.weights` = ln share in float64 (-inf where there is no branch), so whoever
squares and softmaxes them gets back the trained volumes and shares.
"""

import json
import struct
from collections.abc import Mapping

import numpy as np

from pelu_fab.network.model import Network


def checkpoint_bytes(network: Network, metadata: Mapping[str, str] | None = None) -> bytes:
    """Bytes of a checkpoint with the network's names and scaling, and `metadata` beside them."""
    # The safetensors library writes metadata in an order that changes from run to run; its format is these few lines.
    tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    for index, layer in enumerate(network.layers):
        tensors[f"{index}.heights"] = np.sqrt(layer.retained)
        with np.errstate(divide="ignore"):
            tensors[f"{index}.weights"] = np.log(layer.shares)
    texts = {
        **(metadata or {}),
        "inputs": json.dumps(network.inputs, ensure_ascii=False),
        "outputs": json.dumps(network.outputs, ensure_ascii=False),
        "input_scale": json.dumps(network.input_scale),
    }
    if network.scaling is not None:
        texts["scaling"] = json.dumps(network.scaling.to_table(), ensure_ascii=False)
    if network.readouts:
        texts["readouts"] = json.dumps([readout.to_table() for readout in network.readouts], ensure_ascii=False)
    header: dict[str, object] = {"__metadata__": dict(sorted(texts.items()))}
    place = 0
    for name in sorted(tensors):
        end = place + tensors[name].nbytes
        header[name] = {"dtype": "F64", "shape": list(tensors[name].shape), "data_offsets": [place, end]}
        place = end
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    body = b"".join(np.ascontiguousarray(tensors[name], dtype="<f8").tobytes() for name in sorted(tensors))
    return struct.pack("<Q", len(head)) + head + body
