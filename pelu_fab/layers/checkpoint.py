"""PyTorch checkpoint files: in come the bytes of a `.pt`, out come named float64 arrays. Runs no pickled code."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from pelu_fab.errors import FabError, warn
from pelu_fab.network.tensors import is_beside, is_layer_key, listed

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
DEEPEST = 4  # dicts inside one another that are looked into
GLOBAL = re.compile(r"GLOBAL (\S{1,80})")
Found = tuple[str, Mapping[object, object]]
SAVE_IT_RIGHT = "save the weights alone: torch.save(model.state_dict(), path)"


def read_state_dict(blob: bytes, where: str, *, limit: int) -> tuple[dict[str, NDArray[np.float64]], dict[str, object]]:
    """Tensors of every PeLU network in the file as float64, and what else lay beside them (names, scale).

    `blob` is the whole file, `where` its name for errors, `limit` the most numbers that a tensor may have. A
    `state_dict` may lie inside other dicts; its tensors' names then begin with their keys. Counters and other tensors
    that are no weights are left out, and said. Only tensors and plain containers are unpickled (`weights_only`);
    anything else, a damaged archive, and layers that aren't dense floats raise `FabError`.
    """
    if blob.startswith(b"PK"):
        _check_archive(blob, where, limit)
    found = _load(blob, where)
    if not isinstance(found, Mapping):
        raise FabError(where, f"holds a {type(found).__name__}, not a state_dict", SAVE_IT_RIGHT)
    beside: dict[str, object] = {}
    dicts = list(_state_dicts(found, "", beside)) or [_unwrapped(found)]
    tensors: dict[str, NDArray[np.float64]] = {}
    left: list[str] = []
    for prefix, table in dicts if len(dicts) > 1 else [("", table) for _, table in dicts]:
        for key, value in table.items():
            name = f"{prefix}{key}"
            if isinstance(value, torch.Tensor) and not is_layer_key(name):
                if is_beside(name, is_float=value.is_floating_point(), dimensions=value.dim()):
                    left.append(name)
                else:
                    tensors[name] = np.zeros(0)  # the name is enough to refuse it by
            elif is_layer_key(name) or not _is_plain(value):
                tensors[name] = _array(value, f"{where}: {name}", limit)
            else:
                beside.setdefault(str(key), value)
    if left:
        warn(where, f"holds tensors that are no weights: {listed(left)}", "these are left out")
    return tensors, beside


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | list | tuple | Mapping | None)


def _state_dicts(table: Mapping[object, object], prefix: str, beside: dict[str, object]) -> Iterator[Found]:
    """Every dict with a PeLU layer's tensors, and the keys that lead there; what lies around goes to `beside`."""
    if any(is_layer_key(str(key)) for key in table):
        yield prefix, table
        return
    for key, value in table.items():
        if isinstance(value, Mapping) and prefix.count(".") < DEEPEST:
            yield from _state_dicts(value, f"{prefix}{key}.", beside)
        elif not isinstance(value, torch.Tensor):
            beside.setdefault(str(key), value)


def _unwrapped(table: Mapping[object, object]) -> Found:
    """What would be the state_dict of a checkpoint without PeLU layers: for the error that says so."""
    while (key := next((k for k in WRAPPERS if isinstance(table.get(k), Mapping)), None)) is not None:
        table = table[key]  # type: ignore[assignment]
    return "", table


def _load(blob: bytes, where: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged or hostile pickle makes torch raise: the file is at fault
        named = GLOBAL.search(str(error))
        if named is not None:
            what = f"holds Python objects ({named[1]}: a whole module?), which are never unpickled"
            if named[1].startswith("numpy"):
                what = f"holds a NumPy value ({named[1]}) beside the weights, which is never unpickled"
            raise FabError(where, what, SAVE_IT_RIGHT) from error
        lines = [line for line in str(error).splitlines() if line and "weights_only" not in line]
        reason = lines[0][:160] if lines else type(error).__name__
        raise FabError(where, f"is damaged or of a newer format: torch says {reason!r}", "save it again") from error


def _check_archive(blob: bytes, where: str, limit: int) -> None:
    """Refuse a zip that is truncated, damaged, compressed, encrypted or padded: torch writes none of these."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) != len(members):
                raise FabError(where, "holds two archive members of one name", SAVE_IT_RIGHT)
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                    raise FabError(where, f"{member.filename} is compressed or encrypted", SAVE_IT_RIGHT)
            if sum(member.file_size for member in members) > len(blob):
                raise FabError(where, "its archive members overlap", SAVE_IT_RIGHT)
            damaged = archive.testzip()
    except (FabError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged directory makes zipfile raise, OverflowError and struct.error too
        raise FabError(where, f"is a damaged or truncated archive ({error})", "copy or save it again") from error
    if damaged is not None:
        raise FabError(where, f"{damaged} does not match its checksum", "copy or save it again")


def _array(value: object, where: str, limit: int) -> NDArray[np.float64]:
    if not isinstance(value, torch.Tensor):
        raise FabError(where, f"is a {type(value).__name__}, not a tensor", SAVE_IT_RIGHT)
    tensor = value.detach()
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        raise FabError(where, f"is a {tensor.layout} {tensor.dtype} tensor on {tensor.device}", "save dense floats")
    if tensor.dtype not in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        raise FabError(where, f"has type {tensor.dtype}", "save float64, float32, float16 or bfloat16")
    if tensor.numel() > limit:
        raise FabError(where, f"has {tensor.numel():,} numbers, at most {limit:,} are read", "train a smaller network")
    array: NDArray[np.float64] = tensor.to(torch.float64).contiguous().numpy()
    return array
