"""The trained network by the judge's own reading: bytes of a checkpoint in, what it asks for out.

Nothing of the compiler's reader is used: h is squared, A softmaxed over its outputs, and files are parsed here.
Residues beside them make flushes of a layer's units: all below h² stays, and once that is met, no more than a residue.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.readout import Readout, readouts_from
from pelu_fab.network.scaling import Scaling, scaling_from
from pelu_fab.signoff.stl import Array

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
LAYER = re.compile(r"(?:(.*\.)?(\d{1,9})\.)?(heights|weights|residues)", re.ASCII | re.DOTALL)
DEEPEST = 4  # dicts inside one another that are looked into
AGAIN = "give the file that was trained"


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Layers as trained (h squared, shares softmaxed); names and the scale where the file tells them."""

    layers: tuple[Layer, ...]
    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...] | None
    input_scale: float
    scaling: Scaling | None = None
    readouts: tuple[Readout, ...] = ()

    def network(self, inputs: Sequence[str] | None, outputs: Sequence[str] | None, where: str) -> Network:
        """The network under these names, else its own, else x0, y0 and so on; `FabError` if it can't be one."""
        widths = len(self.layers[0].retained), self.layers[-1].shares.shape[1]
        own = (inputs or self.inputs, outputs or self.outputs)
        named = [tuple(names or (f"{c}{i}" for i in range(n))) for names, c, n in zip(own, "xy", widths, strict=True)]
        cups = dict(zip(self.outputs or named[1], named[1], strict=False))
        readouts = tuple(readout.renamed(cups) for readout in self.readouts)
        network = Network(self.layers, named[0], named[1], self.input_scale, self.scaling, readouts)
        check_network(network, where)
        return network


def read_trained(blob: bytes, where: str, *, key: str | None = None) -> Trained:
    """The network in the bytes of the file `where`, whose suffix says its kind; a fault of the file is a `FabError`.

    Of several networks in one file `key` says which: what its tensors' names begin with.
    """
    suffix = Path(where).suffix.lower()
    try:
        if suffix in (".json", ".js", ".html", ".htm"):
            return _widget(_paged(blob) if suffix != ".json" or blob.lstrip()[:1] != b"{" else parsed(blob))
        if suffix == ".safetensors":
            return _trained(*_safetensors(blob), key)
        if suffix in (".pt", ".pth", ".ckpt"):
            return _trained(*_torch(blob, where), key)
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FabError(where, f"is no checkpoint that can be judged ({error})", AGAIN) from error
    raise FabError(where, f"ends in {suffix!r}, which is no checkpoint", "give .safetensors, .json or .pt")


def parsed(blob: bytes) -> Any:
    """JSON in which no key stands twice and no number is NaN or infinite; `ValueError` otherwise."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def refuse(word: str) -> float:
        raise ValueError(f"{word} is no number")

    return json.loads(blob.decode("utf-8-sig"), object_pairs_hook=table, parse_constant=refuse)


def _widget(table: Mapping[str, Any]) -> Trained:
    """The blog's form: h squared and shares softmaxed already, rounded to float32; rows are scaled to 1 again."""
    layers = []
    for one in table["layers"]:
        shares = np.array(one["w"], dtype=np.float64)
        thresholds = np.array(one["h"], dtype=np.float64)
        stays = np.array(one["r"], dtype=np.float64) if one.get("r") is not None else thresholds
        layers.append(Layer(stays, shares / shares.sum(axis=1, keepdims=True), thresholds))
    return _told(tuple(layers), table)


def _paged(blob: bytes) -> dict[str, Any]:
    """The list behind `m =` in the script of the widget's page, or alone: h and w by name, or told by their depth."""
    text = blob.decode("utf-8-sig")
    named = re.search(r"\bm\s*=\s*\[", text)
    text = text[(named.end() - 1 if named else text.index("[")) :]
    text = re.sub(r"([{,]\s*)([A-Za-z]\w*)\s*:", r'\1"\2":', text)
    layers, _ = json.JSONDecoder().raw_decode(re.sub(r",\s*([\]}])", r"\1", text))
    pairs = [
        one if isinstance(one, dict) else {"hw"[isinstance(part[0], list)]: part for part in one} for one in layers
    ]
    return {"layers": pairs}


def _told(layers: tuple[Layer, ...], beside: Mapping[str, Any]) -> Trained:
    if not layers:
        raise ValueError("it holds no layer")
    inputs, outputs = (tuple(map(str, beside[key])) if beside.get(key) else None for key in ("inputs", "outputs"))
    scaling = scaling_from(beside["scaling"]) if isinstance(beside.get("scaling"), list) else None
    readouts = readouts_from(beside["readouts"]) if isinstance(beside.get("readouts"), list) else ()
    return Trained(layers, inputs, outputs, float(beside.get("input_scale", 1.0)), scaling, readouts)


def _trained(tensors: Mapping[str, Array], beside: Mapping[str, Any], key: str | None) -> Trained:
    """Layers by their number: h is squared, each row of A a softmax over the layer's outputs."""
    found: dict[tuple[str, int], dict[str, Array]] = {}
    for name, tensor in tensors.items():
        parts = re.fullmatch(LAYER, name)
        if parts is None and (key is not None or tensor.ndim == 0):
            continue
        if parts is None:
            raise ValueError(f"{name!r} is no tensor of a PeLU layer")
        pair = found.setdefault((parts[1] or "", int(parts[2] or 0)), {})
        if parts[3] in pair:
            raise ValueError(f"{name!r} stands twice")
        pair[parts[3]] = tensor
    prefixes = {prefix for prefix, _ in found}
    if key is not None:
        prefixes = {p for p in prefixes if f".{p}".endswith(f".{key}.") or (not p and key == ".")}
    if len(prefixes) != 1:
        raise ValueError("it holds several networks" if key is None else f"it holds no one network {key!r}")
    layers = []
    for (prefix, _), pair in sorted(found.items(), key=lambda item: item[0][1]):
        if prefix not in prefixes:
            continue
        heights, logits = pair["heights"], pair["weights"]
        if heights.ndim != 1 or logits.ndim != 2:
            raise ValueError(f"shapes {heights.shape} and {logits.shape} are no layer")
        powers, thresholds = np.exp(logits - np.max(logits, axis=1)[:, None]), np.square(heights)
        stays = pair.get("residues", thresholds)
        if stays.shape != thresholds.shape:
            raise ValueError(f"residues of shape {stays.shape} are not those of {len(thresholds)} units")
        stays = np.minimum(stays, thresholds)  # no more than there was
        layers.append(Layer(stays, powers / np.sum(powers, axis=1)[:, None], thresholds))
    return _told(tuple(layers), beside)


def _safetensors(blob: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors and metadata; the data must be covered by tensors, each once. Format: 8 bytes length, JSON, data."""
    size = int.from_bytes(blob[:8], "little")
    if len(blob) < 8 or size > len(blob) - 8:
        raise ValueError("it is cut off")
    header, data = parsed(blob[8 : 8 + size]), blob[8 + size :]
    told = header.pop("__metadata__", None) or {}
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = entry["data_offsets"]
        if start != end or not start <= stop <= len(data) or any(n < 0 for n in entry["shape"]):
            raise ValueError(f"{name!r} lies beside its data")
        end = stop
        if entry["dtype"] not in FLOATS and not re.fullmatch(LAYER, name):
            continue  # a counter
        flat = np.frombuffer(data[start:stop], FLOATS[entry["dtype"]])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = flat.astype(np.float64).reshape(entry["shape"])
    if end != len(data):
        raise ValueError("it holds data of no tensor")
    # Metadata are texts: lists and numbers stand as JSON in them, names may also stand with commas between.
    beside = {key: text.split(",") for key, text in told.items() if key in ("inputs", "outputs")}
    beside |= {key: parsed(told[key].encode()) for key in beside if told[key].lstrip().startswith("[")}
    beside |= {key: parsed(told[key].encode()) for key in ("scaling", "readouts") if told.get(key, "").startswith("[")}
    return tensors, beside | ({"input_scale": json.loads(told["input_scale"])} if "input_scale" in told else {})


def _torch(blob: bytes, where: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """A state_dict through torch's safe loader, which runs no pickled code."""
    try:
        import torch
    except ModuleNotFoundError as error:
        what = "is a PyTorch file, and PyTorch is not installed"
        raise FabError(where, what, "pip install 'pelu_fab[train]', or save it as .safetensors") from error
    if blob.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(blob)) as archive:
                if sum(member.file_size for member in archive.infolist()) > len(blob):
                    raise ValueError("its archive unpacks to more than it is")
        except Exception as error:  # whatever a damaged directory makes zipfile raise
            raise ValueError(str(error)) from error
    try:
        table = torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile pickle makes torch raise
        raise ValueError(f"torch says {type(error).__name__}") from error
    if not isinstance(table, Mapping):
        raise ValueError("it holds no dict of tensors")
    beside: dict[str, Any] = {}
    return dict(_layers_in(table, "", beside)), {k: v for k, v in beside.items() if not isinstance(v, torch.Tensor)}


def _layers_in(table: Mapping[Any, Any], prefix: str, beside: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    """Tensors of every dict that holds a PeLU layer's, wherever it lies; whole numbers are counters and no weights."""
    holds_layers = any(re.fullmatch(LAYER, str(key)) for key in table)
    for key, value in table.items():
        if isinstance(value, Mapping) and not holds_layers and prefix.count(".") < DEEPEST:
            yield from _layers_in(value, f"{prefix}{key}.", beside)
        elif holds_layers and hasattr(value, "detach"):
            if value.is_floating_point():
                yield f"{prefix}{key}", value.detach().to("cpu").double().numpy()
        else:
            beside.setdefault(str(key), value)
