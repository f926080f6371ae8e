"""Checkpoints of every kind are read to the same network, and everything else is refused by name."""

import csv
import io
import json
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from pelu_fab.errors import FabError, FabWarning
from pelu_fab.network.algebra import softmax
from pelu_fab.network.files import to_network_json
from pelu_fab.network.model import Network
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.sources.checkpoint import parse_checkpoint, read_checkpoint

IRIS = Path(__file__).parents[1] / "designs" / "iris"
EXPECTED = Path(__file__).parent / "data" / "widget_iris_expected.csv"
rng = np.random.default_rng(0)


def pelu(network: Network, volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    for layer in network.layers:
        volumes = np.maximum(volumes - layer.retained, 0.0) @ layer.shares
    return volumes


def logits_of(widget: Path) -> dict[str, NDArray[np.float64]]:
    """The widget's network as it was before squaring and softmax: sqrt(h²), log(shares)."""
    layers = json.loads(widget.read_text())["layers"]
    return {
        f"{n}.{kind}": values
        for n, layer in enumerate(layers)
        for kind, values in (("heights", -np.sqrt(layer["h"])), ("weights", np.log(layer["w"]) + 7.0))
    }


def small(layers: int = 2, width: int = 3) -> dict[str, NDArray[np.float64]]:
    return {
        f"{n}.{kind}": rng.normal(size=shape)
        for n in range(layers)
        for kind, shape in (("heights", (width,)), ("weights", (width, width)))
    }


def same(one: Network, other: Network, tolerance: float = 1e-12) -> bool:
    return one.widths == other.widths and all(
        np.allclose(a.retained, b.retained, rtol=tolerance, atol=0) and np.allclose(a.shares, b.shares, atol=tolerance)
        for a, b in zip(one.layers, other.layers, strict=True)
    )


def save_torch(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def as_torch(tensors: dict[str, NDArray[np.float64]], prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + name: torch.from_numpy(values) for name, values in tensors.items()}


def refused(path: Path, match: str) -> None:
    with pytest.raises(FabError, match=match) as caught:
        read_checkpoint(path)
    assert path.name in caught.value.where


def test_the_blogs_network_gives_the_blogs_numbers() -> None:
    network = read_checkpoint(IRIS / "widget_iris.json")
    with (IRIS / "iris.csv").open() as flowers, EXPECTED.open() as expected:
        features = np.array([[float(cell) for cell in row[:4]] for row in list(csv.reader(flowers))[1:]])
        wanted = np.array([[float(cell) for cell in row[:3]] for row in list(csv.reader(expected))[1:]])
    assert network.inputs[0] == "sepal length (cm)" and network.outputs == ("setosa", "versicolor", "virginica")
    assert np.abs(pelu(network, features * network.input_scale) - wanted).max() < 5e-5


def test_torch_safetensors_and_widget_hold_the_same_network(tmp_path: Path) -> None:
    tensors = logits_of(IRIS / "widget_iris.json")
    save_file(tensors, tmp_path / "a.safetensors")
    widget = read_checkpoint(IRIS / "widget_iris.json")
    for path in (tmp_path / "a.safetensors", save_torch(tmp_path / "a.pt", as_torch(tensors))):
        assert same(read_checkpoint(path), widget, 1e-7)


def test_the_networks_own_json_reads_back_bit_by_bit() -> None:
    network = read_checkpoint(IRIS / "widget_iris.json")
    again = parse_checkpoint(to_network_json(network), "network.json")
    assert all(
        np.array_equal(a.retained, b.retained) and np.array_equal(a.shares, b.shares)
        for a, b in zip(network.layers, again.layers, strict=True)
    )
    assert (again.inputs, again.outputs, again.input_scale) == (network.inputs, network.outputs, network.input_scale)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict", "net"])
@pytest.mark.parametrize("prefix", ["", "net.", "module.layers."])
def test_a_state_dict_is_found_under_usual_keys_and_any_prefix(tmp_path: Path, wrapper: str, prefix: str) -> None:
    tensors = small()
    plain = read_checkpoint(save_torch(tmp_path / "plain.pt", as_torch(tensors)))
    wrapped = {wrapper: as_torch(tensors, prefix), "epoch": 7, "inputs": ["a", "b", "c"], "input_scale": 10.0}
    network = read_checkpoint(save_torch(tmp_path / "wrapped.pth", wrapped))
    assert same(network, plain)
    assert network.inputs == ("a", "b", "c") and network.outputs == ("y0", "y1", "y2") and network.input_scale == 10


def test_layers_go_by_number_not_by_text(tmp_path: Path) -> None:
    tensors = small(layers=12)
    save_file(tensors, tmp_path / "deep.safetensors")
    network = read_checkpoint(tmp_path / "deep.safetensors")
    for n, layer in enumerate(network.layers):
        assert np.array_equal(layer.retained, tensors[f"{n}.heights"] ** 2)


def test_numbers_may_have_gaps_and_a_layer_may_come_alone(tmp_path: Path) -> None:
    tensors = small()
    gaps = {key.replace("1.", "2."): value for key, value in tensors.items()}
    alone = {"heights": tensors["0.heights"], "weights": tensors["0.weights"]}
    for name, table, count in (("gaps", gaps, 2), ("alone", alone, 1)):
        save_file(table, tmp_path / f"{name}.safetensors")
        assert len(read_checkpoint(tmp_path / f"{name}.safetensors").layers) == count


def test_metadata_of_safetensors_name_the_ports(tmp_path: Path) -> None:
    metadata = {"format": "pt", "inputs": '["a, b", "c", "d"]', "outputs": "x,y,z", "input_scale": "2.5"}
    save_file(small(), tmp_path / "a.safetensors", metadata=metadata)
    network = read_checkpoint(tmp_path / "a.safetensors")
    assert network.inputs == ("a, b", "c", "d") and network.outputs == ("x", "y", "z") and network.input_scale == 2.5


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, 24), (torch.float16, 11), (torch.bfloat16, 8)])
def test_short_floats_are_widened_exactly(tmp_path: Path, dtype: torch.dtype, bits: int) -> None:
    from safetensors.torch import save_file as save_torch_file

    short = {name: tensor.to(dtype) for name, tensor in as_torch(small()).items()}
    save_torch_file(short, tmp_path / "a.safetensors")
    from_torch = read_checkpoint(save_torch(tmp_path / "a.pt", short))
    assert same(read_checkpoint(tmp_path / "a.safetensors"), from_torch, 0)
    heights = np.array(short["0.heights"].double().tolist())
    mantissas = np.frexp(heights)[0] * 2**bits
    assert np.array_equal(from_torch.layers[0].retained, heights**2) and np.array_equal(mantissas, np.rint(mantissas))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64])
def test_numbers_that_are_no_floats_are_refused_by_their_type(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = as_torch(small()) | {"1.weights": torch.ones((3, 3), dtype=dtype)}
    refused(save_torch(tmp_path / "a.pt", tensors), rf"1\.weights: has type {dtype}; save float64")


def test_sparse_and_quantised_tensors_are_refused(tmp_path: Path) -> None:
    eye = torch.eye(3, dtype=torch.float64)
    sparse = as_torch(small()) | {"1.weights": eye.to_sparse()}
    refused(save_torch(tmp_path / "a.pt", sparse), r"1\.weights: is a torch\.sparse_coo .* tensor")
    meta = as_torch(small()) | {"1.weights": eye.to("meta")}
    refused(save_torch(tmp_path / "b.pt", meta), r"1\.weights: is a .* tensor on meta")


def test_tied_tensors_are_two_layers_with_the_same_numbers(tmp_path: Path) -> None:
    tensors = as_torch(small())
    tensors["1.weights"] = tensors["0.weights"].t()
    network = read_checkpoint(save_torch(tmp_path / "a.pt", tensors))
    assert np.allclose(network.layers[1].shares, softmax(tensors["0.weights"].numpy().T))


# ---- files as other people's programs leave them ----

HANDED_IN = Path(__file__).parent / "data" / "handed-in"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        (
            "model-00001-of-00002.safetensors",
            r"is shard 1 of 2 of a checkpoint, a part .*; save .* one file",
        ),
        ("model.safetensors.index.json", r"is the index of a checkpoint in 2 files \(32-model-00001-of-00002"),
        ("lightning-metric-buffers.pt", r"tensor named 'criterion\.weight', which no PeLU layer has; .* --key model$"),
        ("model-and-ema.pt", "holds 2 networks: ema, model; say which: --key ema or --key model"),
        ("two-state-dicts.pt", "holds 2 networks: model, state_dict; say which: --key model or --key state_dict"),
        ("numpy-scalar-beside.pt", r"holds a NumPy value \(numpy\._core\.multiarray\.scalar\) beside the weights"),
        ("lfs-pointer.safetensors", "is a Git LFS pointer instead of the file; fetch the file: git lfs pull$"),
        ("lfs-pointer.pt", "is a Git LFS pointer instead of the file; fetch the file: git lfs pull$"),
    ],
)
def test_a_part_a_choice_or_no_checkpoint_at_all_is_refused_by_what_it_is(name: str, match: str) -> None:
    refused(HANDED_IN / name, match)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("lightning.ckpt", None),
        ("averaged-model-counter.pt", None),
        ("foreign-inputs-beside.pt", None),
        ("lightning-metric-buffers.pt", "model"),
        ("model-and-ema.pt", "model"),
        ("model-and-ema.pt", "ema"),
        ("two-state-dicts.pt", "state_dict"),
    ],
)
@pytest.mark.filterwarnings("ignore::pelu_fab.errors.FabWarning")
def test_with_its_key_or_without_need_of_one_the_network_is_read(name: str, key: str | None) -> None:
    network = read_checkpoint(HANDED_IN / name, key=key)
    assert network.widths[0] == 4 and network.inputs == ("x0", "x1", "x2", "x3")
    judged = read_trained((HANDED_IN / name).read_bytes(), name, key=key)
    assert judged.inputs is None and len(judged.layers) == len(network.layers)
    for mine, other in zip(network.layers, judged.layers, strict=True):
        assert np.allclose(mine.retained, other.retained, rtol=1e-12) and np.allclose(mine.shares, other.shares)
    with pytest.raises(FabError, match=r"holds no network 'nets'; choose from "):
        read_checkpoint(HANDED_IN / name, key="nets")


def test_each_of_two_networks_is_its_own(tmp_path: Path) -> None:
    one, other = as_torch(small()), as_torch(small())
    path = save_torch(tmp_path / "a.pt", {"model": one, "ema": {"shadow": other}, "step": 3})
    for key, tensors in (("model", one), ("ema.shadow", other)):
        with pytest.warns(FabWarning, match=rf"holds more than the network '{key}': .*; these are left out"):
            network = read_checkpoint(path, key=key)
        assert np.array_equal(network.layers[0].retained, tensors["0.heights"].numpy() ** 2)


def test_counters_are_left_out_and_said_but_weights_of_other_layers_are_not(tmp_path: Path) -> None:
    counters = {
        "n_averaged": torch.tensor(3),
        "acc.tp": torch.ones(3, dtype=torch.int64),
        "loss_scale": torch.tensor(2.0),
    }
    from safetensors.torch import save_file as save_torch_file

    save_torch_file(as_torch(small()) | counters, tmp_path / "a.safetensors")
    for path in (save_torch(tmp_path / "a.pt", as_torch(small()) | counters), tmp_path / "a.safetensors"):
        with pytest.warns(FabWarning, match=r"holds tensors that are no weights: .*n_averaged.*; these are left out"):
            assert read_checkpoint(path).widths == (3, 3, 3)
    head = as_torch(small(), "body.") | {"head.weight": torch.ones(2, 3)}
    refused(save_torch(tmp_path / "b.pt", head), r"named 'head\.weight', which no PeLU layer has; .*--key body$")


@pytest.mark.parametrize("numbers", [(1, 2), (0, 2)])
def test_a_first_layer_above_0_and_gaps_are_said(tmp_path: Path, numbers: tuple[int, int]) -> None:
    tensors = {f"{n}.{kind}": small()[f"{k}.{kind}"] for k, n in enumerate(numbers) for kind in ("heights", "weights")}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.warns(FabWarning, match=rf"has PeLU layers {numbers[0]}, 2 and none numbered .; check that no layer"):
        assert read_checkpoint(tmp_path / "a.safetensors").widths == (3, 3, 3)


@pytest.mark.parametrize("name", ["net-1-of-3.pt", "pytorch_model-00002-of-00003.pth"])
def test_a_shard_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    refused(save_torch(tmp_path / name, as_torch(small())), r"is shard \d of 0*3 of a checkpoint")
    save_file(small(), tmp_path / "net-1-of-1.safetensors")
    assert read_checkpoint(tmp_path / "net-1-of-1.safetensors").widths == (3, 3, 3)


@pytest.mark.parametrize(
    "tensors",
    [
        {"0.heights": np.zeros(0), "0.weights": np.zeros((0, 3))},
        {"0.heights": np.zeros(3), "0.weights": np.zeros((3, 0))},
        {"0.heights": np.zeros(()), "0.weights": np.zeros(())},
    ],
)
def test_layers_without_buckets_or_branches_are_refused(tmp_path: Path, tensors: dict[str, Any]) -> None:
    save_file(tensors, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", r"expected \(in,\) and \(in, out\), both at least 1")
    refused(save_torch(tmp_path / "a.pt", as_torch(tensors)), "both at least 1")


@pytest.mark.parametrize("layer", ['{"h": [], "w": []}', '{"h": [1], "w": [[]]}', '{"h": [], "w": [[1]]}'])
def test_the_widgets_layers_without_buckets_are_refused(tmp_path: Path, layer: str) -> None:
    (tmp_path / "a.json").write_text(f'{{"format": "pelu-widget", "layers": [{layer}]}}')
    refused(tmp_path / "a.json", "both at least 1")


# ---- softmax ----


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_softmax_is_a_share_for_any_logits_and_keeps_their_order(rows: list[list[float]]) -> None:
    shares = softmax(np.array(rows))
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-15) and (shares >= 0).all()
    assert np.allclose(shares, torch.softmax(torch.tensor(rows, dtype=torch.float64), dim=1).numpy(), atol=1e-15)


def test_one_hot_rows_are_exact() -> None:
    logits = np.array([[5e4, 0.0, -5e4], [-np.inf, 3.0, -np.inf], [1.7e308, 0.0, 0.0]])
    assert np.array_equal(softmax(logits), [[1, 0, 0], [0, 1, 0], [1, 0, 0]])


def test_heights_of_zero_minus_zero_and_denormals_keep_no_water() -> None:
    layer = {"0.heights": np.array([0.0, -0.0, 5e-324]), "0.weights": np.zeros((3, 2))}
    from safetensors.numpy import save

    assert np.array_equal(parse_checkpoint(save(layer), "a.safetensors").layers[0].retained, np.zeros(3))


# ---- numbers and shapes that are refused ----

BAD_TENSORS: dict[str, tuple[dict[str, Any], str]] = {
    "nan height": ({"1.heights": np.array([0.0, np.nan, 1.0])}, r"1: heights\[1\] is nan; retrain"),
    "infinite height": ({"1.heights": np.array([0.0, -np.inf, 1.0])}, r"1: heights\[1\] is -inf"),
    "height that squares to infinity": ({"0.heights": np.array([1e200, 0, 0])}, r"0: heights\[0\] is 1e\+200"),
    "nan weight": ({"0.weights": np.full((3, 3), np.nan)}, r"0: weights\[0, 0\] is nan"),
    "infinite weight": ({"0.weights": np.diag([0.0, np.inf, 0.0])}, r"0: weights\[1, 1\] is inf"),
    "row of -inf": ({"0.weights": np.diag([np.inf] * 3) * -1 - np.inf}, "weights of unit 0 are all -inf"),
    "matrix of heights": ({"0.heights": np.ones((3, 1))}, r"0: heights have shape \(3, 1\) and weights \(3, 3\)"),
    "too few rows": ({"0.weights": np.ones((2, 3))}, r"heights have shape \(3,\) and weights \(2, 3\)"),
    "no columns": ({"1.weights": np.ones((3, 0))}, r"weights \(3, 0\); expected \(in,\) and \(in, out\)"),
    "layers that do not chain": ({"0.weights": np.ones((3, 4))}, "layer 1: takes 3 inputs, but layer 0 has 4 outputs"),
    "unknown tensor": ({"1.bias": np.ones(3)}, r"has a tensor named '1\.bias', which no PeLU layer has; expected <n>"),
    "missing tensor": ({"2.heights": np.ones(3)}, r"has no tensor 2\.weights"),
    "layer numbered twice": ({"01.heights": np.ones(3)}, "numbers layer 1 twice"),
    "two networks": (
        {"b.0.heights": np.ones(3), "b.0.weights": np.ones((3, 3))},
        r"holds 2 networks: \., b; say .* --key b",
    ),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_a_tensor_that_no_water_could_compute_is_named(tmp_path: Path, case: str) -> None:
    change, match = BAD_TENSORS[case]
    tensors = small() | change
    with np.errstate(invalid="ignore"):
        save_file(tensors, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", match)
    refused(save_torch(tmp_path / "a.pt", as_torch(tensors)), match)


def test_no_layers_are_refused(tmp_path: Path) -> None:
    save_file({}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "holds no tensors, so 0 layers")
    refused(save_torch(tmp_path / "a.pt", {}), "holds no tensors, so 0 layers")


def test_a_million_weights_are_refused_with_an_estimate(tmp_path: Path) -> None:
    save_file({"0.heights": np.ones(1000), "0.weights": np.ones((1000, 1000))}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", r"has 1,001,000 weights: about 20 t of plastic and 126 years of printing")
    ghost = {"0.heights": torch.ones(10**6), "0.weights": torch.ones(1, 1).expand(10**6, 10**6)}
    assert save_torch(tmp_path / "ghost.pt", ghost).stat().st_size < 10**7
    refused(tmp_path / "ghost.pt", r"0\.weights: has 1,000,000,000,000 numbers, at most 1,000,000")


# ---- files that are not what they say ----


class Payload:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    for name, payload in (("wrapped", {"state_dict": Payload(mark)}), ("bare", Payload(mark))):
        refused(save_torch(tmp_path / f"{name}.pt", payload), "holds Python objects .* never unpickled; .*state_dict")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Payload(mark)))
    refused(tmp_path / "old.pt", "is damaged or of a newer format|holds Python objects")
    assert not mark.exists()


def test_a_whole_module_is_refused_with_the_right_way_to_save(tmp_path: Path) -> None:
    refused(save_torch(tmp_path / "a.pt", torch.nn.Linear(2, 2)), r"whole module.*torch\.save\(model\.state_dict\(\)")
    refused(save_torch(tmp_path / "b.pt", [1, 2]), "holds a list, not a state_dict")
    refused(save_torch(tmp_path / "c.pt", {"0.heights": 3}), r"0\.heights: is a int, not a tensor")


@pytest.mark.parametrize(
    ("make", "name", "match"),
    [
        (lambda p: p.write_bytes(pickle.dumps({})), "a.safetensors", r"named \.safetensors, but holds a pickle"),
        (
            lambda p: save_torch(p, as_torch(small())),
            "a.pt.json",
            r"named \.json, but holds a zip archive; name it \.pt",
        ),
        (lambda p: save_file(small(), p), "a.pt", r"named \.pt, but holds a safetensors file"),
        (lambda p: p.write_text("{}"), "a.pth", r"named \.pth, but holds JSON text"),
        (lambda p: p.write_text("{}"), "a.onnx", r"ends in '\.onnx', which is no kind of checkpoint; give \.pt"),
    ],
)
def test_a_suffix_that_lies_is_told(tmp_path: Path, make: Callable[[Path], object], name: str, match: str) -> None:
    make(tmp_path / name)
    refused(tmp_path / name, match)


def test_missing_and_empty_files_folders_and_devices_are_told(tmp_path: Path) -> None:
    (tmp_path / "trained.pt").write_bytes(b"")
    (tmp_path / "folder.pt").mkdir()
    os.mkfifo(tmp_path / "fifo.pt")
    (tmp_path / "null.json").symlink_to("/dev/null")
    refused(tmp_path / "trainde.pt", r"does not exist; did you mean trained\.pt")
    refused(tmp_path / "trained.pt", r"is empty \(0 bytes\)")
    refused(tmp_path / "folder.pt", "is a folder, not a file")
    refused(tmp_path / "fifo.pt", "is a FIFO, not a file")
    refused(tmp_path / "null.json", "is a device, not a file")


def test_a_file_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    save_file(small(), tmp_path / "a.safetensors")
    save_torch(tmp_path / "a.pt", as_torch(small()))
    (tmp_path / "a.json").write_bytes((IRIS / "widget_iris.json").read_bytes())
    for name in ("a.safetensors", "a.pt", "a.json"):
        whole = (tmp_path / name).read_bytes().rstrip()
        for part in (1, 7, 9, len(whole) // 2, len(whole) - 1):
            (tmp_path / f"cut-{name}").write_bytes(whole[:part])
            refused(tmp_path / f"cut-{name}", "damaged|truncated|not valid JSON|is not UTF-8|NUL")


def test_a_flipped_byte_in_torch_weights_does_not_match_its_checksum(tmp_path: Path) -> None:
    tensors = small()
    blob = bytearray(save_torch(tmp_path / "a.pt", as_torch(tensors)).read_bytes())
    blob[blob.index(tensors["1.weights"].tobytes()) + 5] ^= 1
    (tmp_path / "a.pt").write_bytes(blob)
    refused(tmp_path / "a.pt", "does not match its checksum|damaged")


@given(st.data())
def test_no_single_damaged_byte_escapes_as_another_error(data: st.DataObject) -> None:
    from safetensors.numpy import save

    tensors = {name: np.ones_like(values) for name, values in small().items()}
    archive, legacy = io.BytesIO(), io.BytesIO()
    torch.save(as_torch(tensors), archive)
    torch.save(as_torch(tensors), legacy, _use_new_zipfile_serialization=False)
    for blob, name in (
        (save(tensors), "a.safetensors"),
        ((IRIS / "widget_iris.json").read_bytes(), "a.json"),
        (archive.getvalue(), "a.pt"),
        (legacy.getvalue(), "a.pth"),
    ):
        damaged = bytearray(blob)
        place = data.draw(st.integers(0, 2**20 - 1)) % len(blob)  # torch's old format is not always as long
        damaged[place] = data.draw(st.integers(0, 255))
        try:
            network = parse_checkpoint(bytes(damaged), name)
        except FabError:
            continue
        assert all(np.isfinite(layer.shares).all() for layer in network.layers)


def test_a_zip_that_torch_would_not_write_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**7)
    refused(tmp_path / "bomb.pt", r"archive/data\.pkl is compressed or encrypted")
    with zipfile.ZipFile(tmp_path / "double.pt", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data.pkl", b"1")
        archive.writestr("archive/data.pkl", b"2")
    refused(tmp_path / "double.pt", "two archive members of one name")


def test_a_key_given_twice_is_refused_in_safetensors_and_json(tmp_path: Path) -> None:
    entry = '"0.heights":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    weights = '"0.weights":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}'
    header = f"{{{entry},{entry},{weights}}}".encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    refused(tmp_path / "a.safetensors", r"'0\.heights' twice|damaged")
    text = (IRIS / "widget_iris.json").read_text()
    (tmp_path / "a.json").write_text(text.replace('"format"', '"input_scale": 1, "format"'))
    refused(tmp_path / "a.json", "has the key 'input_scale' twice in one object")


BAD_JSON = {
    "nan": ('"input_scale": 10', '"input_scale": NaN', "holds NaN, which is no number"),
    "negative": ("2.0516297817230225", "-2", r"layers\.0\.h\.0 is -2; allowed: greater than or equal to 0"),
    "boolean": ("2.0516297817230225", "true", r"layers\.0\.h\.0 is true; allowed: number"),
    "text": ("2.0516297817230225", '"2"', r"layers\.0\.h\.0 is '2'; allowed: number"),
    "unknown key": ('"layers"', '"layer"', r"layer is no key that is known; did you mean 'layers'|layers is missing"),
    "newer": ('"format"', '"schema": 2, "format"', "is of schema 2, this version reads up to 1; update pelu_fab"),
    "other format": ("pelu-widget", "relu", "has format 'relu'"),
    "share off": ("0.08244021981954575", "0.3", r"layer 0: shares of unit 0 add up to 1\.2"),
    "ragged": ("0.08244021981954575,", "", r"layer 0: w has rows of \[2, 3\] shares"),
    "deep": ('"inputs": [', '"inputs": [' + "[" * 10**5, "nested too deeply"),
    "huge integer": ("2.0516297817230225", "9" * 5000, "is not valid JSON"),
    "huge number": ("2.0516297817230225", "1e999", "is inf; allowed: a finite number"),
    "name that forges a line": ('"setosa"', r'"a\nbucket"', r"outputs holds the name 'a\\nbucket'"),
    "name twice": ('"setosa"', '"virginica"', "outputs holds a name twice"),
    "too few names": ('"setosa",', "", "names 2 outputs, but the network has 3; give 3 names"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_a_fault_in_json_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    old, new, match = BAD_JSON[case]
    text = (IRIS / "widget_iris.json").read_text()
    assert re.search(re.escape(old), text)
    (tmp_path / "a.json").write_text(text.replace(old, new, 1))
    refused(tmp_path / "a.json", match)


def test_a_newer_schema_in_safetensors_is_refused(tmp_path: Path) -> None:
    save_file(small(), tmp_path / "a.safetensors", metadata={"schema": "9"})
    refused(tmp_path / "a.safetensors", "is of schema 9, this version reads up to 1")


def test_without_torch_a_pt_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_torch(tmp_path / "a.pt", as_torch(small()))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    monkeypatch.delitem(__import__("sys").modules, "pelu_fab.layers.checkpoint", raising=False)
    refused(path, r"PyTorch is not installed; pip install 'pelu_fab\[train\]'")


LAYERS = json.loads((IRIS / "widget_iris.json").read_text())["layers"]
AS_OBJECTS = json.dumps(LAYERS).replace('"h"', "h").replace('"w"', "w")
AS_PAIRS = json.dumps([[layer["w"], layer["h"]] for layer in LAYERS])
PAGE = (
    "<!doctype html><html><script>\nvar mm = [1];\nvar m = {};\nfunction pour(v) {{ return m[0].h; }}\n</script></html>"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.html", PAGE.format(AS_OBJECTS)),
        ("page.js", f"const m = {AS_PAIRS[:-1]},];\nvar k = m.length;"),
        ("m.json", json.dumps(LAYERS)),
        ("pairs.json", AS_PAIRS),
        ("m.json", f"var m = {json.dumps(LAYERS, indent=2)}"),
    ],
)
def test_the_list_in_the_widgets_page_is_its_network_for_maker_and_judge(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    widget, found = read_checkpoint(IRIS / "widget_iris.json"), read_checkpoint(tmp_path / name)
    judged = read_trained(text.encode(), name).network(None, None, name)
    for network in (found, judged):
        assert all(
            np.allclose(one.retained, other.retained, atol=0) and np.allclose(one.shares, other.shares, atol=1e-15)
            for one, other in zip(network.layers, widget.layers, strict=True)
        )
        assert network.inputs == ("x0", "x1", "x2", "x3") and network.input_scale == 1.0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("page.html", "<!doctype html><html></html>", "is an HTML page without a network: no list `var m = [...]`"),
        ("page.js", "var n = [1];", "holds no network: no list `var m = [...]`; give the page of the widget"),
        ("page.js", "var m = [{h: [1], w: [[1", "ends within the list of its network; copy it again"),
        ("page.js", "var m = [{h: [1], w: [[0.2, 0.3]]}];", "shares"),
        ("page.js", "var m = [[[1], [2]]];", "layers.0"),
        ("page.js", "var m = [alert()];", "is not valid JSON"),
    ],
)
def test_a_page_without_a_network_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    refused(tmp_path / name, re.escape(message))
    if message != "shares":  # rows are made whole by the judge, as in the widget's JSON
        with pytest.raises(FabError):
            read_trained(text.encode(), name).network(None, None, name)
