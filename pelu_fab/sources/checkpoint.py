"""Checkpoint files of every kind to a `Network`: heights squared, shares softmaxed, in float64.

In: `.pt`/`.pth`, `.safetensors` (logits, h before squaring) or the widget's `.json` (both done already); or the page
that runs the widget, whose script says `var m = […]`.
Out: a checked `Network`, or a `FabError` that names the tensor.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pelu_fab.errors import FabError, warn
from pelu_fab.files import read_input
from pelu_fab.kinds import kind_of, shards_of
from pelu_fab.network.algebra import softmax
from pelu_fab.network.files import FORMAT, SCHEMA
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.tensors import is_beside, is_layer_key, layers_of, listed
from pelu_fab.sources.tables import FeatureEntry, Names, ReadoutEntry, json_table, readouts_of, scaling_of, validate

Array = NDArray[np.float64]

TORCH = (".pt", ".pth", ".ckpt")
SUFFIXES = (*TORCH, ".safetensors", ".json")
PAGES = (".js", ".html", ".htm")
PAGE_LIST = re.compile(rb"\b(?:var|let|const)\s+m\s*=\s*(?=\[)")
BARE_KEY, LAST_COMMA = re.compile(rb"([{,]\s*)([A-Za-z_]\w*)\s*:"), re.compile(rb",(?=\s*[\]}])")
MAX_WEIGHTS = 1_000_000
GRAMS_PER_BRANCH, HOURS_PER_BRANCH = 20.0, 1.1  # 400 g and 24 h of printing for the 21 branches of Iris
SHARD = re.compile(r".*-0*(?P<number>\d+)-of-0*(?P<count>\d+)\.[^.]+", re.ASCII | re.DOTALL)
FLOATS = ("F64", "F32", "F16", "BF16")
ONE_FILE = "save the network into one file: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"


class _Metadata(BaseModel):
    """What may lie beside the tensors; other keys are other people's."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    schema_number: int = Field(SCHEMA, alias="schema")
    inputs: Names | None = None
    outputs: Names | None = None
    input_scale: float = Field(1.0, gt=0, le=1e9)
    scaling: list[FeatureEntry] | None = None
    readouts: list[ReadoutEntry] = Field(default_factory=list)


class _WidgetLayer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    h: list[Annotated[float, Field(ge=0)]]
    r: list[Annotated[float, Field(ge=0)]] | None = None  # of a layer with a flush: what stays once h is met
    w: list[list[Annotated[float, Field(ge=0)]]]


class _Widget(_Metadata):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    format: str = FORMAT
    layers: list[_WidgetLayer]


class _Raw(NamedTuple):
    """A layer as trained: `heights` before squaring, `weights` before softmax; `residues` of flushes as they are."""

    heights: Array
    weights: Array
    residues: Array | None


def read_checkpoint(path: str | Path, *, key: str | None = None) -> Network:
    """Read a trained network from a `.pt`, `.pth`, `.ckpt`, `.safetensors` or `.json` file.

    Tensors are `<n>.heights` (in,) and `<n>.weights` (in, out), under one prefix or none, ordered by the number n; of
    several networks in one file `key` says which. A layer with `<n>.residues` (in,), in units, is of flushes, but where
    a unit's residue is no less than its threshold.
    Names and the input scale come from the metadata; without any, inputs are x0, x1 …, outputs y0, y1 … and the
    scale 1. Only `.pt` needs PyTorch.
    """
    path = Path(path).expanduser()
    return parse_checkpoint(read_checkpoint_file(path), str(path), key=key)


def read_checkpoint_file(path: Path) -> bytes:
    """Bytes of a checkpoint, for whoever also wants their hash."""
    return read_input(path, too_big=f"a device has at most {MAX_WEIGHTS:,} branches: train a smaller network")


def parse_checkpoint(blob: bytes, where: str, *, key: str | None = None) -> Network:
    """The network in `blob`, the bytes of the file named `where`, whose suffix says the kind."""
    suffix = Path(where).suffix.lower()
    if suffix not in (*SUFFIXES, *PAGES):
        raise FabError(where, f"ends in {suffix!r}, which is no kind of checkpoint", f"give {', '.join(SUFFIXES)}")
    if suffix in PAGES or (suffix == ".json" and (blob.lstrip()[:1] == b"[" or PAGE_LIST.search(blob[:200]))):
        network = _from_page(blob, where)
        check_network(network, where)
        return network
    _check_whole(blob, suffix, where)
    _check_content(blob, suffix, where)
    if suffix == ".json":
        network = _from_widget(validate(_Widget, json_table(blob, where), where), where)
    else:
        tensors, beside = _from_torch(blob, where) if suffix in TORCH else _from_safetensors(blob, where)
        network = _from_tensors(tensors, validate(_Metadata, beside, where), where, key)
    check_network(network, where)
    return network


def _from_page(blob: bytes, where: str) -> Network:
    """The list that the widget's page holds in `var m`: layers as {h, w} or as pairs of a list and a table."""
    start = PAGE_LIST.search(blob)
    if start is None and Path(where).suffix.lower() != ".json":
        other = kind_of(blob[:4096])
        what = f"is {other.is_} without a network" if other is not None else "holds no network"
        raise FabError(where, f"{what}: no list `var m = [...]`", "give the page of the widget, or a checkpoint")
    table = json_table(_list_at(blob, start.end() if start else blob.index(b"["), where), where)
    found = []
    for entry in table if isinstance(table, list) else []:
        if isinstance(entry, list) and len(entry) == 2:
            rows = [bool(part) and isinstance(part, list) and isinstance(part[0], list) for part in entry]
            entry = {"w": entry[rows.index(True)], "h": entry[rows.index(False)]} if sum(rows) == 1 else entry
        found.append(entry)
    return _from_widget(validate(_Widget, {"layers": found}, where), where)


def _list_at(blob: bytes, start: int, where: str) -> bytes:
    """The list that opens at `start` as JSON: keys quoted, no comma behind the last."""
    depth = 0
    for place in range(start, len(blob)):
        depth += (blob[place] in b"[{") - (blob[place] in b"]}")
        if depth == 0:
            return LAST_COMMA.sub(b"", BARE_KEY.sub(rb'\1"\2":', blob[start : place + 1]))
    raise FabError(where, "ends within the list of its network", "copy it again, it may be cut off")


def _check_whole(blob: bytes, suffix: str, where: str) -> None:
    """A part of a checkpoint is none: refuse a shard, by its name, and the index of several."""
    shard = SHARD.fullmatch(Path(where).name)
    if shard is not None and int(shard["count"][-6:]) > 1:
        what = f"is shard {shard['number']} of {shard['count']} of a checkpoint, a part of the network"
        raise FabError(where, what, ONE_FILE)
    names = shards_of(blob) if suffix == ".json" else None
    if names is not None:
        what = f"is the index of a checkpoint in {len(names)} files ({listed(names)}), not a network"
        raise FabError(where, what, ONE_FILE)


def _check_content(blob: bytes, suffix: str, where: str) -> None:
    """A file must be what its name says: a pickle named .safetensors is nobody's accident worth guessing at."""
    if blob[8:9] == b"{" and int.from_bytes(blob[:8], "little") <= len(blob):
        kind, fitting = "a safetensors file", [".safetensors"]
    elif blob.startswith(b"PK\x03\x04"):
        kind, fitting = "a zip archive", [*TORCH]
    elif blob[:1] == b"\x80":
        kind, fitting = "a pickle", [*TORCH]
    elif blob.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        kind, fitting = "JSON text", [".json"]
    else:
        other = kind_of(blob[:4096])
        if other is not None and suffix not in other.remedy:
            raise FabError(where, f"is {other.is_}", other.remedy)
        return  # damaged: its own reader says so
    if suffix not in fitting:
        raise FabError(where, f"is named {suffix}, but holds {kind}", f"name it {fitting[0]}, or save it again")


def _from_torch(blob: bytes, where: str) -> tuple[Mapping[str, Array], Mapping[str, object]]:
    try:
        from pelu_fab.layers.checkpoint import read_state_dict
    except ModuleNotFoundError as error:
        what = "is a PyTorch file, and PyTorch is not installed"
        raise FabError(where, what, "pip install 'pelu_fab[train]', or save it as .safetensors") from error
    tensors, beside = read_state_dict(blob, where, limit=MAX_WEIGHTS)
    # Other people's keys have our names too: a batch of `inputs`, say.
    ours: dict[str, tuple[type, ...]]
    ours = {"inputs": (list, tuple), "outputs": (list, tuple), "schema": (int,), "input_scale": (int, float)}
    ours |= {"scaling": (list,), "readouts": (list,)}
    beside = {name: value for name, value in beside.items() if isinstance(value, ours.get(name, (object,)))}
    return tensors, {k: list(v) if isinstance(v, tuple) else v for k, v in beside.items() if k in ours}


def _from_safetensors(blob: bytes, where: str) -> tuple[Mapping[str, Array], Mapping[str, object]]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(blob)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError, OverflowError) as error:
        raise FabError(where, f"is a damaged or truncated safetensors file ({error})", "write it again") from error
    # The library lets duplicate keys through, and this parse doesn't.
    header = json_table(blob[8 : 8 + int.from_bytes(blob[:8], "little")], f"{where}: header")
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    left = [
        name
        for name, entry in entries
        if is_beside(name, is_float=entry["dtype"] in FLOATS, dimensions=len(entry["shape"]))
    ]
    if left:
        warn(where, f"holds tensors that are no weights: {listed(left)}", "these are left out")
    tensors = {name: _stored_array(name, entry, f"{where}: {name}") for name, entry in entries if name not in left}
    return tensors, _text_metadata(metadata or {}, where)


def _stored_array(name: str, entry: Mapping[str, Any], where: str) -> Array:
    if not is_layer_key(name):
        return np.zeros(0)  # the name is enough to refuse it by
    count = int(np.prod(entry["shape"], dtype=object))
    if count > MAX_WEIGHTS:
        raise too_large(count, where)
    if count == 0:
        return np.zeros([min(length, MAX_WEIGHTS) for length in entry["shape"]])
    match entry["dtype"]:
        case "F64" | "F32" | "F16":
            flat = np.frombuffer(entry["data"], dtype="<f" + str(int(entry["dtype"][1:]) // 8)).astype(np.float64)
        case "BF16":
            halves = np.frombuffer(entry["data"], dtype="<u2").astype(np.uint32)
            flat = (halves << 16).view(np.float32).astype(np.float64)
        case other:
            raise FabError(where, f"has type {other}", "save F64, F32, F16 or BF16")
    return flat.reshape(entry["shape"])


def _text_metadata(metadata: Mapping[str, str], where: str) -> dict[str, object]:
    """Metadata of safetensors are texts: lists and numbers are JSON inside them, names may also stand with commas."""
    table: dict[str, object] = {}
    for key in ("schema", "input_scale"):
        if key in metadata:
            table[key] = json_table(metadata[key].encode(), f"{where}: metadata {key}")
    for key in ("inputs", "outputs"):
        if key in metadata:
            text = metadata[key]
            is_list = text.lstrip().startswith("[")
            table[key] = json_table(text.encode(), f"{where}: metadata {key}") if is_list else text.split(",")
    for key in ("scaling", "readouts"):
        if metadata.get(key, "").startswith("["):
            table[key] = json_table(metadata[key].encode(), f"{where}: metadata {key}")
    return table


def _from_tensors(tensors: Mapping[str, Array], metadata: _Metadata, where: str, key: str | None) -> Network:
    _check_schema(metadata, where)
    count = sum(tensor.size for tensor in tensors.values())
    if count >= MAX_WEIGHTS:
        raise too_large(count, where)
    raw = layers_of(tensors, where, key=key)
    layers = tuple(_layer(_Raw(one.heights, one.weights, one.residues), f"{where}: {one.name}") for one in raw)
    return _named(layers, metadata)


def _layer(raw: _Raw, where: str) -> Layer:
    heights, weights, residues = raw
    if heights.ndim != 1 or weights.ndim != 2 or weights.shape[0] != len(heights) or weights.size == 0:
        what = f"heights have shape {heights.shape} and weights {weights.shape}"
        raise FabError(where, what, "expected (in,) and (in, out), both at least 1")
    for name, values, bad in (
        ("heights", heights, ~np.isfinite(heights) | (np.abs(heights) > 1e150)),  # squares beyond float64
        ("weights", weights, np.isnan(weights) | (weights == np.inf)),
    ):
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            raise FabError(where, f"{name}{list(place)} is {values[place]:g}", "retrain or repair the checkpoint")
    if (weights == -np.inf).all(axis=1).any():
        row = int(np.argmax((weights == -np.inf).all(axis=1)))
        raise FabError(where, f"weights of unit {row} are all -inf: no share is left", "retrain the checkpoint")
    thresholds = heights**2
    if residues is not None and residues.shape != heights.shape:
        what = f"heights have shape {heights.shape} and residues {residues.shape}"
        raise FabError(where, what, "give each unit one residue, a weir its threshold h²")
    retained = thresholds if residues is None else np.minimum(residues, thresholds)
    return Layer(retained, softmax(weights), thresholds)


def _from_widget(widget: _Widget, where: str) -> Network:
    _check_schema(widget, where)
    if widget.format != FORMAT:
        raise FabError(where, f"has format {widget.format!r}", f"only {FORMAT!r} JSON is read")
    count = sum(len(row) for layer in widget.layers for row in layer.w)
    if count >= MAX_WEIGHTS:
        raise too_large(count, where)
    layers = []
    for index, layer in enumerate(widget.layers):
        widths = sorted({len(row) for row in layer.w})
        if len(widths) > 1:
            raise FabError(f"{where}: layer {index}", f"w has rows of {widths} shares", "give every row as many")
        shares = np.array(layer.w).reshape(len(layer.w), widths[0] if widths else 0)
        layers.append(Layer(np.array(layer.h if layer.r is None else layer.r), shares, np.array(layer.h)))
    network = _named(tuple(layers), widget)
    check_network(network, where)
    # The widget's rows were rounded to float32; water can't be made, so they sum to 1 in float64 from here on.
    return _named(tuple(replace(layer, shares=_summing_to_one(layer.shares)) for layer in layers), widget)


def _summing_to_one(shares: Array) -> Array:
    sums = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.where(np.abs(sums - 1) <= 1e-12, shares, shares / sums), dtype=np.float64)


def _named(layers: tuple[Layer, ...], metadata: _Metadata) -> Network:
    inputs = len(layers[0].retained) if layers else 0
    outputs = layers[-1].shares.shape[1] if layers else 0
    return Network(
        layers=layers,
        inputs=tuple(metadata.inputs or (f"x{i}" for i in range(inputs))),
        outputs=tuple(metadata.outputs or (f"y{i}" for i in range(outputs))),
        input_scale=metadata.input_scale,
        scaling=scaling_of(metadata.scaling),
        readouts=readouts_of(metadata.readouts),
    )


def _check_schema(metadata: _Metadata, where: str) -> None:
    if metadata.schema_number > SCHEMA:
        what = f"is of schema {metadata.schema_number}, this version reads up to {SCHEMA}"
        raise FabError(where, what, "update pelu_fab")


def too_large(weights: int, where: str) -> FabError:
    """Refusal of a network that nobody could print, with an estimate of what it would take."""
    tonnes, years = weights * GRAMS_PER_BRANCH / 1e6, weights * HOURS_PER_BRANCH / 8766
    what = f"has {weights:,} weights: about {tonnes:,.0f} t of plastic and {years:,.0f} years of printing"
    return FabError(where, what, f"train a network of under {MAX_WEIGHTS:,} weights, or prune it")
