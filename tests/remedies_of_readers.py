"""Refusals of tables, texts, checkpoints and meshes, and how their advice is followed."""
# ruff: noqa: E501 - a refusal and what follows it stand in one line

import io
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refusals import Case
from safetensors.numpy import save

import pelu_fab
from pelu_fab.files import WORK, alone_in, locked, read_input, recover, write_all, write_file
from pelu_fab.layers.checkpoint import read_state_dict
from pelu_fab.network.files import from_network_json, from_samples_csv, to_network_json, to_samples_csv
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.network.tensors import layers_of
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.stl import read_stl
from pelu_fab.sources.checkpoint import parse_checkpoint
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.process import process_and_bytes
from pelu_fab.sources.tables import json_table, toml_table
from pelu_fab.training.data import Table, check_names, check_pourable, folds, parse_table

GOOD = "a,b,class\n1,2,x\n3,4,y\n5,6,x\n7,9,y\n"
NUMBERS = "a,b,y\n" + "".join(f"{k},{k * k},{k + 0.5}\n" for k in range(1, 25))
HERE = Path(__file__).parent / "data" / "handed-in"


# ---- tables ----


def read(text: str, **choices: Any) -> Table:
    return parse_table(text.encode(), "t.csv", **choices)


def table(text: str, **choices: Any) -> Callable[..., Table]:
    """What reads a table, whatever it is given besides."""
    return lambda *_: read(text, **choices)


CSV = [
    Case("sources/cells.py Cells.find 1", table(GOOD, label="clas"), r"did you mean '(\w+)'",
         lambda _, m: read(GOOD, label=m[1])),
    Case("sources/cells.py Cells.find 1", table(GOOD, features=["a", "weight"]), r"choose from (\w+), (\w+), class",
         lambda _, m: read(GOOD, features=[m[1], m[2]])),
    Case("sources/cells.py Cells.names 1", table(",b,class\n1,2,x\n2,4,y\n3,1,x\n"), r"leave out the column that numbers",
         table("b,class\n2,x\n4,y\n1,x\n")),
    Case("sources/cells.py Cells.names 1", table(f"{'a' * 81},class\n2,x\n4,y\n"), r"rename it",
         table("a,class\n2,x\n4,y\n")),
    Case("sources/cells.py Cells.names 2", table("150,b,class\n1,2,x\n3,4,y\n"), r"name every column", table(GOOD)),
    Case("sources/cells.py Cells.names 3", table("a,a,class\n1,2,x\n3,4,y\n"), r"rename one of them", table(GOOD)),
    Case("sources/cells.py Cells.number 1", table(GOOD.replace("9", "nan")), r"a finite number, or leave the row out",
         (table(GOOD), table(GOOD.replace("7,9,y\n", "")))),
    Case("sources/cells.py Cells.number 2", table(GOOD.replace("9", "")), r"fill it in, or leave the row out",
         (table(GOOD), table(GOOD.replace("7,9,y\n", "")))),
    Case("sources/cells.py Cells.number 3", table(GOOD.replace("9", "1_0")), r"a decimal number with a point",
         table(GOOD.replace("9", "10.0"))),
    Case("sources/cells.py Cells.number 4", table(GOOD.replace("9", "1e308")), r"rescale that column", table(GOOD)),
    Case("sources/cells.py read_cells 1", table("a,class\n" + "1,x\n2,y\n" * 50_001), r"give a sample of them",
         table("a,class\n" + "1,x\n2,y\n" * 500)),
    Case("sources/cells.py read_cells 2", table('a,class\n1,"x\n2,y\n'), r"correct it there", table('a,class\n1,"x"\n2,y\n')),
    Case("sources/cells.py read_cells 3", table("a,class\n"), r"a header and at least one row",
         lambda *_: parse_samples(b"a,class\n1,0\n", "t.csv", NETWORK)),
    Case("sources/cells.py _physical 1", table("a," * 5000 + "class\n"), r"give fewer columns", table(GOOD)),
    Case("sources/cells.py _separator 1", table("sep=:\na:class\n1:x\n2:y\n"), r"save it with commas",
         table("a,class\n1,x\n2,y\n")),
    Case("sources/cells.py _check_header 1", table("1,2,x\n3,4,y\n"), r"name the columns in the first line", table(GOOD)),
    Case("sources/cells.py _check_header 1", table("# a,b,class\n1,2,x\n3,4,y\n"), r"take the # away from their names",
         table("a,b,class\n1,2,x\n3,4,y\n")),
    Case("sources/cells.py _check_lengths 1", table("a,b,class\n1,2,x\n3,y\n"), r"complete the row",
         table("a,b,class\n1,2,x\n3,4,y\n")),
    Case("sources/cells.py _check_lengths 1", table("a,class\n1,2,x\n2,4,y\n3,1,x\n"), r"leave out the column that numbers",
         table("a,class\n2,x\n4,y\n1,x\n")),
    Case("sources/cells.py _has_decimal_commas 1", table("a;b;class\n1,5;2.5;x\n3,5;4.5;y\n"), r"use points alone",
         table("a;b;class\n1.5;2.5;x\n3.5;4.5;y\n")),
    Case("sources/cells.py _has_decimal_commas 2", table("a;class\n1,234;x\n3,500;y\n"), r"use points for decimals",
         table("a;class\n1.234;x\n3.500;y\n")),
    Case("training/data.py parse_table 1", table("class\nx\ny\n"), r"the features, then the label, with commas",
         table("a,class\n1,x\n2,y\n")),
    Case("training/data.py _targets 1", table("a,y\n1,2\n3,2\n", is_number=True), r"at least 8 rows of a number that changes",
         table(NUMBERS, is_number=True)),
    Case("training/data.py _arranged 1", table(GOOD, features=["a", "a"]), r"name each feature once",
         table(GOOD, features=["a"])),
    Case("training/data.py _check_label 1", table(NUMBERS), r"say --target (\w+) to learn the number",
         (lambda _, m: read(NUMBERS, label=m[1], is_number=True), table(NUMBERS.replace(".5\n", ",low\n").replace("y\n", "y,class\n").replace("20,low", "20,high")))),
    Case("training/data.py _check_label 1", lambda _: read((HERE / "csv-label-first.csv").read_text()),
         r"or say --label (\w+)", lambda _, m: read((HERE / "csv-label-first.csv").read_text(), label=m[1])),
    Case("training/data.py _classes 1", table(GOOD.replace("9,y", "9,")), r"fill it in, or leave the row out",
         (table(GOOD), table(GOOD.replace("7,9,y\n", "")))),
    Case("training/data.py _classes 1", table(GOOD.replace("y", "y" * 81)), r"rename that class", table(GOOD)),
    Case("training/data.py _classes 2", table("kind,a,note\n1,1,ok\n2,2,ok\n"), r"at least 2 classes, or say which column holds them: --label",
         (table(GOOD), table("kind,a,note\n1,1,ok\n2,2,ok\n", label="kind", features=["a"]))),
    Case("training/data.py _check_numbers 1", table("kind,a,b c,note\nx,1,2,ok\ny,2,3,ok\n", label="kind"),
         r"leave that column out: --features '(.*)'$",
         lambda _, m: read("kind,a,b c,note\nx,1,2,ok\ny,2,3,ok\n", label="kind", features=m[1].split(","))),
    Case("training/data.py check_pourable 1", lambda _: check_pourable(read(GOOD, scale=1e6), "t.csv"), r"lower scale",
         lambda *_: check_pourable(read(GOOD, scale=1.0), "t.csv")),
    Case("training/data.py check_pourable 2", lambda _: check_pourable(read(GOOD.replace("9", "-9")), "t.csv"),
         r"shift it above 0", lambda *_: check_pourable(read(GOOD), "t.csv")),
    Case("training/data.py check_names 1", lambda _: check_names(["a" * 60 + "~"], ["x"]), r"shorten it in the data",
         lambda *_: check_names(["a" * 59 + "~"], ["x"])),
    Case("training/data.py check_names 2", lambda _: check_names(["a~", "a~"], ["x"]), r"rename that column or class",
         lambda *_: check_names(["a~", "b~"], ["x"])),
    Case("training/data.py folds 1", lambda _: folds(np.array([0, 1, 0]), 4, seed=0), r"use fewer folds",
         lambda *_: folds(np.array([0, 1, 0]), 3, seed=0)),
    Case("sources/data.py parse_samples 1", lambda _: parse_samples(b"a,b,c,d\n1,2,3,0\n", "t.csv", NETWORK),
         r"give 1 feature columns in order, then the label", lambda *_: parse_samples(b"a,d\n1,0\n", "t.csv", NETWORK)),
    Case("sources/data.py parse_samples 2", lambda _: parse_samples(b"a\n2e6\n", "t.csv", NETWORK), r"scale that feature",
         lambda *_: parse_samples(b"a\n2\n", "t.csv", NETWORK)),
    Case("sources/data.py _check_order 1", lambda _: parse_samples(b"b,a\n1,2\n", "t.csv", TWO),
         r"put the columns in the order of the inputs", lambda *_: parse_samples(b"a,b\n2,1\n", "t.csv", TWO)),
    Case("sources/data.py _value 1", lambda _: parse_samples(b"a\n-2\n", "t.csv", NETWORK), r"shift or scale that feature",
         lambda *_: parse_samples(b"a\n2\n", "t.csv", NETWORK)),
    Case("sources/data.py _label 1", lambda _: parse_samples(b"a,label\n2,y00\n", "t.csv", NETWORK), r"did you mean '(y0)'",
         lambda _, m: parse_samples(f"a,label\n2,{m[1]}\n".encode(), "t.csv", NETWORK)),
]  # fmt: skip


# ---- networks ----

ONE = Layer(np.array([4.0]), np.array([[0.25, 0.75]]), np.array([4.0]))
NETWORK = Network((ONE,), ("a",), ("y0", "y1"))
TWO = Network((Layer(np.array([4.0, 1.0]), np.full((2, 2), 0.5)),), ("a", "b"), ("y0", "y1"))
H, W = np.array([2.0]), np.array([[0.1, 0.2]])


def net(**changes: Any) -> Callable[..., None]:
    """A network changed so, looked over."""
    return lambda *_: check_network(replace(NETWORK, **changes), "net")


def layer(retained: Any, shares: Any, met: Any = None) -> Callable[..., None]:
    made = Layer(np.array(retained, float), np.array(shares, float), None if met is None else np.array(met, float))
    return lambda *_: check_network(replace(NETWORK, layers=(made,)), "net")


def scaled(*features: Feature) -> Callable[..., None]:
    return lambda *_: check_network(replace(NETWORK, scaling=Scaling(features)), "net")


def file(blob: bytes, where: str = "net.safetensors", key: str | None = None) -> Callable[..., Network]:
    return lambda *_: parse_checkpoint(blob, where, key=key)


def widget(**changes: Any) -> bytes:
    return json.dumps({"layers": [{"h": [4.0], "w": [[0.25, 0.75]]}], **changes}).encode()


def saved(thing: Any) -> bytes:
    out = io.BytesIO()
    torch.save(thing, out)
    return out.getvalue()


def without_torch(use: Callable[[], object]) -> Callable[..., object]:
    def tried(*_: object) -> object:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("torch", "pelu_fab.layers.checkpoint"):
                patch.setitem(__import__("sys").modules, name, None)
            return use()

    return tried


def torch_file(thing: Any) -> Callable[..., Network]:
    return file(thing if isinstance(thing, bytes) else saved(thing), "net.pt")


STATE = {"0.heights": torch.tensor([2.0]), "0.weights": torch.tensor([[0.1, 0.2]])}
SAVED = saved(STATE)
PLAIN = save({"0.heights": H, "0.weights": W})
TWICE = {f"{part}.0.{kind}": array for part in ("ema", "model") for kind, array in (("heights", H), ("weights", W))}


def zipped(blob: bytes, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes, int]]]) -> bytes:
    """A PyTorch archive written anew, its members changed."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        members = [(one.filename, archive.read(one)) for one in archive.infolist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body, how in change(members):
            archive.writestr(name, body, how)
    return out.getvalue()


def swollen(blob: bytes) -> bytes:
    """An archive whose directory says that a member is larger than the whole."""
    at = blob.index(b"PK\x01\x02")
    return blob[: at + 20] + struct.pack("<II", len(blob) + 1, len(blob) + 1) + blob[at + 28 :]


def flipped(blob: bytes, part: bytes) -> bytes:
    at = blob.index(part)
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


HALF = np.array([2.0], dtype=np.float32).tobytes()
SAVE = r"torch\.save\(model\.state_dict\(\), path\)"
SECOND = {"1.heights": np.zeros(2), "1.weights": np.zeros((2, 2))}
CHECKPOINTS = [
    Case("sources/checkpoint.py parse_checkpoint 1", file(widget(), "net.onnx"), r"give .*(\.json)",
         lambda _, m: parse_checkpoint(widget(), f"net{m[1]}")),
    Case("sources/checkpoint.py _from_page 1", file(b"<html></html>", "net.html"), r"the page of the widget, or a checkpoint",
         (file(b"<html><script>var m = [{h: [4.0], w: [[0.25, 0.75]]}]</script>", "net.html"), file(widget(), "net.json"))),
    Case("sources/checkpoint.py _list_at 1", file(b"var m = [{h: [4.0], w: [[0.2", "net.js"), r"copy it again",
         file(b"var m = [{h: [4.0], w: [[0.25, 0.75]]}]", "net.js")),
    Case("sources/checkpoint.py _check_whole 1", file(save({"0.heights": H, "0.weights": W}), "model-00001-of-00002.safetensors"),
         r"save_file\(model\.state_dict\(\), '(model\.safetensors)'\)",
         lambda _, m: parse_checkpoint(save({"0.heights": H, "0.weights": W} | SECOND), m[1])),
    Case("sources/checkpoint.py _check_whole 2", lambda _: parse_checkpoint((HERE / "model.safetensors.index.json").read_bytes(), "model.safetensors.index.json"),
         r"save_file\(model\.state_dict\(\), '(model\.safetensors)'\)", lambda _, m: parse_checkpoint(PLAIN, m[1])),
    Case("sources/checkpoint.py _check_content 1", lambda _: pelu_fab.load(HERE / "lfs-pointer.safetensors"), r"git lfs pull", file(PLAIN)),
    Case("sources/checkpoint.py _check_content 2", file(widget()), r"name it (\.json)", lambda _, m: parse_checkpoint(widget(), f"net{m[1]}")),
    Case("sources/checkpoint.py _from_torch 1", without_torch(lambda: parse_checkpoint(SAVED, "net.pt")),
         r"or save it as \.safetensors", without_torch(lambda: parse_checkpoint(PLAIN, "net.safetensors"))),
    Case("sources/checkpoint.py _from_safetensors 1", file(PLAIN[:-4]), r"write it again", file(PLAIN)),
    Case("sources/checkpoint.py _stored_array 1", file(save({"0.heights": np.array([2]), "0.weights": W})), r"save F64, F32, F16",
         file(save({"0.heights": np.array([2], dtype=np.float16), "0.weights": W}))),
    Case("sources/checkpoint.py _layer 1", file(save({"0.heights": H, "0.weights": W[0]})), r"expected \(in,\) and \(in, out\)", file(PLAIN)),
    Case("sources/checkpoint.py _layer 2", file(save({"0.heights": H * np.nan, "0.weights": W})), r"retrain or repair", file(PLAIN)),
    Case("sources/checkpoint.py _layer 3", file(save({"0.heights": H, "0.weights": W - np.inf})), r"retrain", file(PLAIN)),
    Case("sources/checkpoint.py _layer 4", file(save({"0.heights": H, "0.weights": W, "0.residues": np.zeros(2)})),
         r"give each unit one residue", file(save({"0.heights": H, "0.weights": W, "0.residues": np.zeros(1)}))),
    Case("sources/checkpoint.py _from_widget 1", file(widget(format="onnx"), "n.json"), r"only '([\w-]+)' JSON is read",
         lambda _, m: parse_checkpoint(widget(format=m[1]), "n.json")),
    Case("sources/checkpoint.py _from_widget 2", file(widget(layers=[{"h": [1.0, 1.0], "w": [[1.0], [0.5, 0.5]]}]), "n.json"), r"every row as many",
         file(widget(layers=[{"h": [1.0, 1.0], "w": [[1.0, 0.0], [0.5, 0.5]]}]), "n.json")),
    Case("sources/checkpoint.py too_large 1", file(save({"0.heights": np.zeros(1001, np.float16), "0.weights": np.zeros((1001, 1000), np.float16)})),
         r"under 1,000,000 weights, or prune it", file(save({"0.heights": np.zeros(9, np.float16), "0.weights": np.zeros((9, 9), np.float16)}))),
    Case("network/tensors.py layers_of 1", lambda _: layers_of({}, "net", key=None), r"expected <n>\.heights", file(PLAIN)),
    Case("network/tensors.py layers_of 2", file(save({"0.heights": H, "0.weights": W, "00.heights": H})), r"expected <n>\.heights", file(PLAIN)),
    Case("network/tensors.py _chosen 1", file(save(TWICE), key="avg"), r"choose from (\w+), (\w+)",
         (lambda _, m: parse_checkpoint(save(TWICE), "n.safetensors", key=m[1]), lambda _, m: parse_checkpoint(save(TWICE), "n.safetensors", key=m[2]))),
    Case("network/tensors.py _chosen 2", file(save(TWICE)), r"--key (\w+) or --key (\w+)",
         (lambda _, m: parse_checkpoint(save(TWICE), "n.safetensors", key=m[1]), lambda _, m: parse_checkpoint(save(TWICE), "n.safetensors", key=m[2]))),
    Case("network/tensors.py _chosen 3", file(save({"net.0.heights": H, "net.0.weights": W, "loss.weight": W})), r"--key (\w+)$",
         lambda _, m: parse_checkpoint(save({"net.0.heights": H, "net.0.weights": W, "loss.weight": W}), "n.safetensors", key=m[1])),
    Case("network/tensors.py _in_order 1", file(save({"0.heights": H})), r"<n>\.heights and <n>\.weights", file(PLAIN)),
    Case("layers/checkpoint.py read_state_dict 1", torch_file([1, 2]), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _load 1", torch_file({**STATE, "loss": np.float64(1.0)}), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _load 2", torch_file(b"\x80\x02nonsense"), r"save it again", torch_file(STATE)),
    Case("layers/checkpoint.py _check_archive 1", torch_file(zipped(saved(STATE), lambda all_: [(n, b, 0) for n, b in [*all_, all_[0]]])), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _check_archive 2", torch_file(zipped(saved(STATE), lambda all_: [(n, b, 8) for n, b in all_])), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _check_archive 3", torch_file(swollen(SAVED)), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _check_archive 4", torch_file(saved(STATE)[:-40]), r"copy or save it again", torch_file(STATE)),
    Case("layers/checkpoint.py _check_archive 5", torch_file(flipped(saved(STATE), HALF)), r"copy or save it again", torch_file(STATE)),
    Case("layers/checkpoint.py _array 1", torch_file({**STATE, "0.heights": [2.0]}), SAVE, torch_file(STATE)),
    Case("layers/checkpoint.py _array 2", torch_file({**STATE, "0.heights": torch.tensor([2.0]).to_sparse()}), r"save dense floats", torch_file(STATE)),
    Case("layers/checkpoint.py _array 3", torch_file({**STATE, "0.heights": torch.tensor([2])}), r"float16 or bfloat16",
         torch_file({**STATE, "0.heights": torch.tensor([2.0], dtype=torch.bfloat16)})),
    Case("layers/checkpoint.py _array 4", lambda _: read_state_dict(saved(STATE), "net.pt", limit=1), r"train a smaller network",
         lambda *_: read_state_dict(saved(STATE), "net.pt", limit=2)),
    Case("network/model.py check_network 1", net(layers=()), r"at least one layer", net()),
    Case("network/model.py check_network 2", net(layers=(ONE, ONE)), r"every layer of the checkpoint is there and in order", net(layers=(ONE, TWO.layers[0]))),
    Case("network/model.py check_network 3", net(inputs=("a", "b")), r"give 1 names", net(inputs=("a",))),
    Case("network/model.py check_network 4", net(input_scale=0.0), r"a finite number above 0", net(input_scale=0.1)),
    Case("network/model.py _check_layer 1", layer([1.0], [0.5, 0.5]), r"\(in,\) and \(in, out\)", layer([1.0], [[0.5, 0.5]])),
    Case("network/model.py _check_layer 2", layer([1.0], [[0.5, 0.5]], [1.0, 2.0]), r"one residue", layer([1.0], [[0.5, 0.5]], [2.0])),
    Case("network/model.py _check_layer 3", layer([np.nan], [[0.5, 0.5]]), r"retrain or repair", layer([1.0], [[0.5, 0.5]])),
    Case("network/model.py _check_layer 4", layer([-1.0], [[0.5, 0.5]]), r"can't be negative", layer([1.0], [[0.5, 0.5]])),
    Case("network/model.py _check_layer 5", layer([1.0], [[0.5, 0.6]]), r"each row of shares add up to 1", layer([1.0], [[0.4, 0.6]])),
    Case("network/readout.py check_readouts 1", net(readouts=(Readout("r", kind="most", plus=("y0",)),)), r"use (\w+)",  # type: ignore[arg-type]
         lambda _, m: net(readouts=(Readout("r", kind=m[1], plus=("y0",)),))()),
    Case("network/readout.py check_readouts 2", net(readouts=(Readout("r", plus=("y00",)),)), r"did you mean '(\w+)'",
         lambda _, m: net(readouts=(Readout("r", plus=(m[1],)),))()),
    Case("network/readout.py check_readouts 3", net(readouts=(Readout("r", plus=("y0",), minus=("y0",)),)), r"name each cup once", net(readouts=(Readout("r", plus=("y0",), minus=("y1",)),))),
    Case("network/readout.py check_readouts 4", net(readouts=(Readout("r", plus=("y0",), limit=0.0),)), r"give one above 0",
         net(readouts=(Readout("r", plus=("y0",), limit=0.1),))),
    Case("network/scaling.py check_scaling 1", scaled(), r"give one for each input", scaled(Feature("a", 1.0))),
    Case("network/scaling.py check_scaling 2", scaled(Feature("a", np.inf)), r"offset and factor as finite numbers", scaled(Feature("a", 1.0))),
    Case("network/scaling.py check_scaling 3", scaled(Feature("a", 1.0, low=2.0, high=1.0)), r"swap them", scaled(Feature("a", 1.0, low=1.0, high=2.0))),
    Case("network/files.py from_network_json 1", lambda _: from_network_json(b"{}", "network.json"), r"compile the design again",
         lambda *_: from_network_json(to_network_json(NETWORK), "network.json")),
    Case("network/files.py from_samples_csv 1", lambda _: from_samples_csv(b"a\nx\n", "samples.csv"), r"compile the design again",
         lambda *_: from_samples_csv(to_samples_csv(np.ones((2, 2)), None), "samples.csv")),
    Case("network/files.py from_samples_csv 2", lambda _: from_samples_csv(b"a\n-1\n", "samples.csv"), r"compile the design again",
         lambda *_: from_samples_csv(to_samples_csv(np.ones((2, 2)), None), "samples.csv")),
    Case("signoff/checkpoint.py read_trained 1", lambda _: read_trained(b"{}", "net.json"), r"give the file that was trained",
         lambda *_: read_trained(widget(), "net.json")),
    Case("signoff/checkpoint.py read_trained 2", lambda _: read_trained(widget(), "net.onnx"), r"(\.json)", lambda _, m: read_trained(widget(), f"net{m[1]}")),
    Case("signoff/checkpoint.py _torch 1", without_torch(lambda: read_trained(SAVED, "net.pt")), r"or save it as \.safetensors",
         without_torch(lambda: read_trained(PLAIN, "net.safetensors"))),
]  # fmt: skip


# ---- texts and files ----


def toml(text: bytes | str) -> Callable[..., dict[str, Any]]:
    return lambda *_: toml_table(text if isinstance(text, bytes) else text.encode(), "d.toml")


def jso(text: str) -> Callable[..., object]:
    return lambda *_: json_table(text.encode(), "n.json")


def put(folder: Path, name: str, blob: bytes) -> Path:
    (folder / name).write_bytes(blob)
    return folder / name


def held(folder: Path) -> None:
    with locked(folder):
        write_all(folder, EXPORT)


def bound(folder: Path) -> Path:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
    return path


def linked(folder: Path, name: str) -> Path:
    (folder / "real").mkdir(exist_ok=True)
    (folder / name).symlink_to(folder / "real")
    return folder


def unlinked(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


def journal(folder: Path) -> None:
    (folder / WORK).mkdir()
    (folder / WORK / "journal.json").write_text('{"old": ["../x"], "new": []}')
    recover(folder)


def swept(folder: Path) -> None:
    __import__("shutil").rmtree(folder / WORK)
    write_all(folder, EXPORT)


def occupied(folder: Path) -> Path:
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine" / "thesis.txt").write_text("1")
    return folder / "mine"


EXPORT = {"manifest.json": b'{"files": {}}'}
TEXTS = [
    Case("sources/tables.py text_of 1", toml("a = 1".encode("utf-16")), r"save it as UTF-8", toml("a = 1")),
    Case("sources/tables.py text_of 2", toml("a = 1\0"), r"save it as UTF-8 text", toml("a = 1")),
    Case("sources/tables.py text_of 3", toml("a = 'é'".encode("latin-1")), r"save it as UTF-8", toml("a = 'é'")),
    Case("sources/tables.py toml_table 1", toml("a = [" + "1," * 600_000 + "]"), r"keep data in a CSV", toml('data = "x.csv"')),
    Case("sources/tables.py toml_table 2", toml("a = = 1"), r"correct it there", toml("a = 1")),
    Case("sources/tables.py toml_table 3", toml("a = " + "[" * 5000 + "]" * 5000), r"three levels at most", toml("a = [[[1]]]")),
    Case("sources/tables.py json_table.unique 1", jso('{"a": 1, "a": 2}'), r"keep one of them", jso('{"a": 2}')),
    Case("sources/tables.py json_table.refuse 1", jso('{"a": NaN}'), r"retrain or repair", jso('{"a": 1}')),
    Case("sources/tables.py json_table 1", jso('{"a": '), r"write it again", jso('{"a": 1}')),
    Case("sources/tables.py json_table 2", jso('{"a": ' + "1" * 5000 + "}"), r"write it again", jso('{"a": 1}')),
    Case("sources/tables.py json_table 3", jso("[" * 99_999), r"four levels at most", jso("[[[[1]]]]")),
    Case("sources/tables.py validate 1", file(widget(heigts=1), "n.json"), r"choose from|did you mean", file(widget(), "n.json")),
    Case("sources/process.py _checked 1", lambda _: process_and_bytes("resin", overrides={"printer": {"bed": (0.22, 0.22, 0.25)}}), r"give lengths in mm",
         lambda *_: process_and_bytes("resin", overrides={"printer": {"bed": (220.0, 220.0, 250.0)}})),
    Case("files.py read_input 1", read_input, r"the path of a regular file", lambda p, _: read_input(put(p, "a", b"x"))),
    Case("files.py read_input 2", lambda p: read_input(put(p, "a", b"xxx"), limit=2), r"give a smaller file", lambda p, _: read_input(put(p, "b", b"xx"), limit=2)),
    Case("files.py read_input 3", lambda p: read_input(put(p, "a", b"")), r"write it again", lambda p, _: read_input(put(p, "a", b"x"))),
    Case("files.py _unreadable 1", lambda p: read_input(p / "a\0b"), r"the path of a regular file", lambda p, _: read_input(put(p, "a", b"x"))),
    Case("files.py _unreadable 2", lambda p: read_input(put(p, "iris.csv", b"x").with_name("irsi.csv")), r"did you mean (\S+)\?",
         lambda p, m: read_input(p / m[1])),
    Case("files.py _unreadable 3", lambda p: read_input(bound(p)), r"the path of a regular file", lambda p, _: read_input(put(p, "a", b"x"))),
    Case("files.py _unreadable 4", lambda p: read_input(p / ("x" * 300)), r"a shorter name", lambda p, _: read_input(put(p, "x", b"x"))),
    Case("files.py _unwritable 1", lambda p: write_file(p / "d" / ("x" * 300), b"x"), r"a shorter name", lambda p, _: write_file(p / "x", b"x")),
    Case("files.py locked 1", held, r"wait until it is done", lambda p, _: write_all(p, EXPORT)),
    Case("files.py _check_target 1", lambda p: write_all(linked(p, "link") / "link", EXPORT), r"give the folder itself",
         lambda p, _: write_all(p / "real", EXPORT)),
    Case("files.py _check_target 2", lambda p: alone_in(put(p, "a", b"x")).__enter__(), r"give another output folder",
         lambda p, _: write_all(p / "b", EXPORT)),
    Case("files.py _check_foreign 1", lambda p: write_all(linked(p, "parts"), EXPORT | {"parts/a.stl": b"x"}, force=True), r"remove it",
         lambda p, _: write_all(unlinked(p, "parts"), EXPORT | {"parts/a.stl": b"x"}, force=True)),
    Case("files.py _check_foreign 2", lambda p: write_all(occupied(p), EXPORT), r"another output folder, or --force",
         (lambda p, _: write_all(p / "other", EXPORT), lambda p, _: write_all(p / "mine", EXPORT, force=True))),
    Case("files.py _journal 1", journal, r"remove (\S+), and compile again", lambda p, _: swept(p)),
]  # fmt: skip


# ---- meshes ----

SOLID = b"solid a\n facet normal 0 0 1\n outer loop\n vertex 0 0 0\n vertex 1 0 0\n vertex 0 1 0\n endloop\n endfacet\nendsolid a\n"


def stl(blob: bytes) -> Callable[..., object]:
    return lambda *_: read_stl(blob, "a.stl")


def binary(*triangles: list[float], count: int | None = None) -> bytes:
    body = b"".join(struct.pack("<12fH", 0, 0, 1, *triangle, 0) for triangle in triangles)
    return bytes(80) + struct.pack("<I", len(triangles) if count is None else count) + body


T = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
MESHES = [
    Case("signoff/stl.py read_stl 1", stl(b""), r"export it again", stl(SOLID)),
    Case("signoff/stl.py read_stl 2", stl(binary()), r"export it again", stl(binary(T))),
    Case("signoff/stl.py read_stl 3", stl(binary([float("nan"), *T[1:]])), r"export it again", stl(binary(T))),
    Case("signoff/stl.py read_stl 4", stl(binary([1e9, *T[1:]])), r"check its unit", stl(binary([1.0, *T[1:]]))),
    Case("signoff/stl.py check_head 1", lambda _: pelu_fab.inspect(HERE / "stl-is-html.stl"), r"download it again", stl(SOLID)),
    Case("signoff/stl.py _check_count 1", stl(bytes(10)), r"export it again", stl(binary(T))),
    Case("signoff/stl.py _check_count 2", stl(binary(*[T] * 4) + b"\r\n"), r"export it again as binary", stl(binary(*[T] * 4))),
    Case("signoff/stl.py _check_count 3", stl(binary(T, count=9)), r"copy or export it again", stl(binary(T))),
    Case("signoff/stl.py _wrong 1", stl(SOLID[:80]), r"copy or export it again, it was cut off", stl(SOLID)),
    Case("signoff/stl.py _wrong 2", stl(SOLID.replace(b"1 0 0", b"1,0 0 0")), r"with decimal points, not commas", stl(SOLID.replace(b"1 0 0", b"1.0 0 0"))),
]  # fmt: skip

CASES = [*CSV, *CHECKPOINTS, *TEXTS, *MESHES]
