"""Every reader against bytes gone wrong: a reading or a `FabError`, never another error, never for long.

Real files are mutated (bits, bytes, cuts, splices, repeats, numbers at their limits) and read in this process; a few go
through the command line. `PELU_FAB_FUZZ` sets the cases of each reader; the slow suite takes 20,000.
"""

import io
import os
import resource
import time
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import device, network_of, unit, write
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from typer.testing import CliRunner

from pelu_fab.cli import application
from pelu_fab.errors import FabError
from pelu_fab.ir.process import Process
from pelu_fab.network.files import from_network_json, from_samples_csv
from pelu_fab.network.model import Layer, Network
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.dossier import read_dossier
from pelu_fab.signoff.stl import check_head, read_stl, weld
from pelu_fab.signoff.topology import topology
from pelu_fab.sources.checkpoint import parse_checkpoint
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.design import DesignFile
from pelu_fab.sources.process import _checked
from pelu_fab.sources.tables import toml_table, validate
from pelu_fab.training.data import read_table

HERE = Path(__file__).parent
HANDED_IN = HERE / "data" / "handed-in"
DESIGNS = HERE.parent / "designs"
QUICK, SLOW = 150, int(os.environ.get("PELU_FAB_FUZZ", "20000"))
LONGEST, LARGEST = 10.0, 1 << 30  # s, bytes
NETWORK = Network((Layer(np.ones(4), np.full((4, 3), 1 / 3)),), ("a", "b", "c", "d"), ("x", "y", "z"))
Reader = Callable[[bytes], object]
WORDS = (
    b'0 -0 1 -1 1e308 1e999 -1e-320 nan inf 9999999999999999999999 1_0 0x1 null true "" [] {} [[ }} , ; \t \n \r\n \0 '
    b"\xff \xfe \xef\xbb\xbf # sep= solid facet vertex endsolid heights weights .5 ../ 65536 4294967295 \xe2\x99\x80"
).split(b" ")


def torch_bytes(legacy: bool) -> bytes:
    out = io.BytesIO()
    tensors = {"0.heights": torch.ones(4), "0.weights": torch.ones(4, 3), "1.heights": torch.ones(3)}
    torch.save(
        {"state_dict": tensors | {"1.weights": torch.ones(3, 2)}, "inputs": list("abcd"), "epoch": 3},
        out,
        _use_new_zipfile_serialization=not legacy,
    )
    return out.getvalue()


def safetensors_bytes() -> bytes:
    rng = np.random.default_rng(0)
    table = {"0.heights": rng.normal(size=4), "0.weights": rng.normal(size=(4, 3)).astype(np.float32)}
    return save(table, {"inputs": '["a","b","c","d"]', "outputs": "x,y,z", "input_scale": "2"})


def mutated(blob: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes of the kinds that disks, editors, downloads and attackers make."""
    data = bytearray(blob)
    for _ in range(int(rng.integers(1, 5))):
        size = len(data)
        at, end = sorted(int(k) for k in rng.integers(0, size + 1, 2))
        match int(rng.integers(0, 9)):
            case 0 if size:
                data[at % size] ^= 1 << int(rng.integers(0, 8))
            case 1 if size:
                data[at % size] = int(rng.integers(0, 256))
            case 2:
                del data[at:]
            case 3:
                del data[at : min(end, at + 64)]
            case 4:
                data[at:at] = data[at : min(end, at + 200)]
            case 5:
                data[at:at] = WORDS[int(rng.integers(len(WORDS)))]
            case 6:
                word = WORDS[int(rng.integers(len(WORDS)))]
                data[at : at + len(word)] = word
            case 7:  # a number becomes another word
                digits = [k for k in range(at, min(at + 40, size)) if chr(data[k]).isdigit()]
                if digits:
                    data[digits[0] : digits[0] + 1] = WORDS[int(rng.integers(len(WORDS)))]
            case _:
                data[at : at + 8] = rng.bytes(8)
    return bytes(data)


def as_checkpoint(name: str) -> Callable[[bytes], object]:
    return lambda blob: parse_checkpoint(blob, name)


def as_design(blob: bytes) -> object:
    return validate(DesignFile, toml_table(blob, "design.toml"), "design.toml")


def as_process(blob: bytes) -> object:
    return _checked(toml_table(blob, "p.toml"), "p.toml")


def as_samples(blob: bytes) -> object:
    return parse_samples(blob, "t.csv", NETWORK)


def as_mesh(blob: bytes) -> object:
    check_head(blob[:4096], len(blob), "m.stl") if blob[:1] not in b"s\xef " else None
    return topology(weld(read_stl(blob, "m.stl")))


PROCESS = next((HERE.parent / "pelu_fab" / "processes").glob("*.toml")).read_bytes()
READERS: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
    "pt": (lambda: torch_bytes(False), as_checkpoint("a.pt")),
    "pt, legacy": (lambda: torch_bytes(True), as_checkpoint("a.ckpt")),
    "safetensors": (safetensors_bytes, as_checkpoint("a.safetensors")),
    "pt, judged": (lambda: torch_bytes(False), lambda blob: read_trained(blob, "a.pt")),
    "safetensors, judged": (safetensors_bytes, lambda blob: read_trained(blob, "a.safetensors")),
    "json, judged": ((DESIGNS / "iris" / "widget_iris.json").read_bytes, lambda blob: read_trained(blob, "a.json")),
    "json": ((DESIGNS / "iris" / "widget_iris.json").read_bytes, as_checkpoint("a.json")),
    "page": (
        lambda: b"<html><script>var m = [{h: [1.5, 0], w: [[0.5, 0.5], [1, 0]]}];</script>",
        as_checkpoint("a.html"),
    ),
    "page, judged": (lambda: b"var m = [{h: [1.5, 0], w: [[0.5, 0.5], [1, 0]]}];", lambda b: read_trained(b, "a.js")),
    "design.toml": ((DESIGNS / "iris-robust" / "design.toml").read_bytes, as_design),
    "process.toml": (lambda: PROCESS, as_process),
    "csv of samples": (lambda: b"a,b,c,d,kind\n" + b"1,2.5,3e1,4,x\n5,6,7,8,y\n" * 6, as_samples),
    "stl, ascii": ((HANDED_IN / "stl-bom.stl").read_bytes, as_mesh),
    "stl, binary": ((HANDED_IN / "stl-inches.stl").read_bytes, as_mesh),
    "network.json": ((HANDED_IN / "name-female-sign.json").read_bytes, lambda b: from_network_json(b, "network.json")),
    "samples.csv": (lambda: b"in.x0,in.x1,label\n" + b"1.5,2,0\n3,4,1\n" * 5, lambda b: from_samples_csv(b, "s.csv")),
}


def attacked(
    make: Callable[[], bytes], read: Callable[[bytes], object], cases: int, seed: int = 0
) -> tuple[int, float]:
    """Read so many mutations; how many were read all the same, and the longest time that one took."""
    blob, rng = make(), np.random.default_rng(seed)
    read(blob)
    fine, longest = 0, 0.0
    for case in range(cases):
        wrong = mutated(blob, rng)
        begin = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(wrong)
            fine += 1
        except FabError as error:
            assert error.where and error.what and error.remedy
        except BaseException as error:
            raise AssertionError(f"case {case}: {type(error).__name__}: {error}; {wrong[:2000]!r}") from error
        longest = max(longest, time.perf_counter() - begin)
    return fine, longest


@pytest.mark.parametrize("reader", READERS)
def test_bytes_gone_wrong_are_read_or_refused(reader: str) -> None:
    fine, longest = attacked(*READERS[reader], QUICK)
    assert fine < QUICK and longest < LONGEST


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_bytes_gone_wrong_are_read_or_refused_20000_times(reader: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fine, longest = attacked(*READERS[reader], SLOW, seed=1)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"{reader}: {SLOW} cases, {fine} read, longest {longest:.3f} s, {peak / 2**20:.0f} MiB more")
    assert longest < LONGEST and peak < LARGEST


@pytest.mark.parametrize("reader", ["json", "design.toml", "csv of samples", "stl, ascii", "safetensors", "pt"])
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_refused(reader: str, blob: bytes) -> None:
    with pytest.raises(FabError):
        READERS[reader][1](blob)


# ---- a training table, and an export's companions: from a folder ----


def attacked_file(path: Path, read: Callable[[], object], cases: int) -> None:
    blob = path.read_bytes()

    def reading(wrong: bytes) -> object:
        path.write_bytes(wrong)
        return read()

    _, longest = attacked(lambda: blob, reading, cases)
    path.write_bytes(blob)
    assert longest < LONGEST


TABLE = b"sepal;petal;kind\n" + b"5,1;3,5;a\n4,9;3;b\n4,7;3,2;a\n" * 5


def test_a_table_to_train_on_gone_wrong_is_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    attacked_file(tmp_path / "t.csv", lambda: read_table(tmp_path / "t.csv"), QUICK)


@pytest.mark.slow
def test_a_table_to_train_on_gone_wrong_is_read_or_refused_20000_times(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    attacked_file(tmp_path / "t.csv", lambda: read_table(tmp_path / "t.csv"), SLOW)


PROFILE = Process.model_validate(tomllib.loads(PROCESS.decode()))
ROWS = [
    [unit(9000, (0, 4, 3.0), (1, 6, 3.1), (2, 2, 2.8)), unit(14000, (0, 3, 3.0), (1, 3, 3.2), (2, 6, 3.05))],
    [unit(6000, (0, 6, 3.0), (1, 4, 3.0)), unit(0, (0, 3, 3.0), (1, 7, 3.2)), unit(8000, (1, 10, 3.0))],
]


@pytest.fixture
def companions(tmp_path: Path) -> Path:
    """A device made by hand, without the compiler, with every file that lies beside its parts."""
    made = write(device(ROWS, 2), tmp_path, PROFILE, network_of(ROWS, 2))
    (made / "lowered.json").write_bytes((made / "network.json").read_bytes())
    (made / "samples.csv").write_text("in.x0,in.x1,label\n" + "10,20,0\n30,5,1\n" * 4)
    return made


@pytest.mark.parametrize("name", ["manifest.json", "network.json", "lowered.json", "samples.csv"])
def test_a_companion_gone_wrong_is_read_or_refused(companions: Path, name: str) -> None:
    attacked_file(companions / name, lambda: read_dossier(companions), QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "network.json", "lowered.json", "samples.csv"])
def test_a_companion_gone_wrong_is_read_or_refused_20000_times(companions: Path, name: str) -> None:
    attacked_file(companions / name, lambda: read_dossier(companions), SLOW)


@pytest.mark.slow
def test_hundreds_of_files_gone_wrong_end_the_command_line_in_0_1_or_2(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    files = [("a.json", READERS["json"][0]()), ("a.safetensors", safetensors_bytes()), ("a.pt", torch_bytes(False))]
    files += [("a.stl", READERS["stl, ascii"][0]()), ("b.stl", READERS["stl, binary"][0]())]
    for case in range(400):
        name, blob = files[case % len(files)]
        (tmp_path / name).write_bytes(mutated(blob, rng))
        result = CliRunner().invoke(application(), ["inspect", str(tmp_path / name)])
        assert result.exit_code in (0, 1, 2), (case, name, result.output)
