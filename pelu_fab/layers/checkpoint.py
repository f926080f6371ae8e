"""PyTorch checkpoint files: in come the bytes of a `.pt`, out come named float64 arrays. Runs no pickled code."""

import io
import warnings
import zipfile
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from pelu_fab.errors import FabError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
SAVE_IT_RIGHT = "save the weights alone: torch.save(model.state_dict(), path)"


def read_state_dict(blob: bytes, where: str, *, limit: int) -> tuple[dict[str, NDArray[np.float64]], dict[str, object]]:
    """Tensors of a `state_dict` as float64, and what else lay beside it (names, scale).

    `blob` is the whole file, `where` its name for errors, `limit` the most numbers that a tensor may have. The dict may
    lie inside another under one of `WRAPPERS`. Only tensors and plain containers are unpickled (`weights_only`);
    anything else, a damaged archive, and tensors that aren't dense floats raise `FabError`.
    """
    if blob.startswith(b"PK"):
        _check_archive(blob, where, limit)
    found = _load(blob, where)
    beside: dict[str, object] = {}
    while isinstance(found, Mapping):
        wrapper = next((key for key in WRAPPERS if isinstance(found.get(key), Mapping)), None)
        if wrapper is None:
            break
        beside |= {str(key): value for key, value in found.items() if key not in WRAPPERS}
        found = found[wrapper]
    if not isinstance(found, Mapping):
        raise FabError(where, f"holds a {type(found).__name__}, not a state_dict", SAVE_IT_RIGHT)
    return {str(key): _array(value, f"{where}: {key}", limit) for key, value in found.items()}, beside


def _load(blob: bytes, where: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged or hostile pickle makes torch raise: the file is at fault
        if "GLOBAL" in str(error):
            what = "holds Python objects (a whole module?), which are never unpickled"
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
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
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
