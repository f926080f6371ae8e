"""PeLU layers among the named tensors of a checkpoint: which make a network, which lie beside it, in what order.

A layer is `<n>.heights` and `<n>.weights`. With `<n>.residues` its units are flushes: what each keeps of its threshold.
"""

import re
from collections.abc import Collection, Mapping
from typing import Generic, NamedTuple, TypeVar

from pelu_fab.errors import FabError, warn

KINDS = "heights|weights|residues"
TENSOR_KEY = re.compile(rf"(?P<prefix>(?:.*\.)?)(?P<number>\d{{1,9}})\.(?P<kind>{KINDS})", re.ASCII | re.DOTALL)
ALONE = {"heights", "weights"}  # a PeLU layer saved by itself
RESIDUES = "residues"  # the third tensor of a layer of flushes
WANTED = "expected <n>.heights and <n>.weights of PeLU layers"
LISTED = 4  # names that an error or a note lists
Tensor = TypeVar("Tensor")


class LayerTensors(NamedTuple, Generic[Tensor]):
    """One layer's tensors under the name that errors give it; no `residues`: all its units are weirs."""

    name: str
    heights: Tensor
    weights: Tensor
    residues: Tensor | None


def is_layer_key(name: str) -> bool:
    """Whether a tensor is named as a PeLU layer's."""
    return name in ALONE | {RESIDUES} or TENSOR_KEY.fullmatch(name) is not None


def is_beside(name: str, *, is_float: bool, dimensions: int) -> bool:
    """Whether a tensor can be no layer's weights: a counter, a mask, a metric's state, a single number."""
    return not is_layer_key(name) and (not is_float or dimensions == 0)


def layers_of(tensors: Mapping[str, Tensor], where: str, *, key: str | None) -> list[LayerTensors[Tensor]]:
    """Each layer of one network, ordered by number.

    Of several networks `key` says which: what its tensors' names begin with. Without `key`, a tensor that no PeLU layer
    has raises `FabError`: half a network is none. Gaps between the numbers are said.
    """
    if not tensors:
        raise FabError(where, "holds no tensors, so 0 layers", WANTED)
    if set(tensors) - {RESIDUES} == ALONE:
        return [LayerTensors("layer 0", tensors["heights"], tensors["weights"], tensors.get(RESIDUES))]
    found: dict[str, dict[int, dict[str, Tensor]]] = {}
    foreign: list[str] = []
    for name, tensor in tensors.items():
        parts = TENSOR_KEY.fullmatch(name)
        if parts is None:
            foreign.append(name)
            continue
        pair = found.setdefault(parts["prefix"], {}).setdefault(int(parts["number"]), {})
        if parts["kind"] in pair:
            raise FabError(where, f"numbers layer {int(parts['number'])} twice ({name!r})", WANTED)
        pair[parts["kind"]] = tensor
    prefix = _chosen(found, foreign, where, key)
    left = [name for name in tensors if name in foreign or not name.startswith(prefix)]
    if left:
        warn(where, f"holds more than the network {_shown(prefix)!r}: {listed(left)}", "these are left out")
    return _in_order(found[prefix], prefix, where)


def _chosen(found: Collection[str], foreign: list[str], where: str, key: str | None) -> str:
    """The prefix of the one network, or of the one that `key` names."""
    names = {_shown(prefix): prefix for prefix in sorted(found)}
    if key is not None:
        if key not in names:
            raise FabError(where, f"holds no network {key!r}", f"choose from {', '.join(names)}" if names else WANTED)
        return names[key]
    if len(names) > 1:
        ways = " or ".join(f"--key {name}" for name in names)
        raise FabError(
            where, f"holds {len(names)} networks: {', '.join(names)}", f"say which: {ways} (or key in design.toml)"
        )
    if foreign:
        only = f"; if the rest belongs to no layer, --key {next(iter(names))}" if names else ""
        what = f"has a tensor named {foreign[0]!r}, which no PeLU layer has"
        raise FabError(where, what, f"{WANTED}, and every layer must be one{only}")
    return next(iter(names.values()))


def _shown(prefix: str) -> str:
    """A network's name for people and `key`: its prefix without the last point, `.` for none."""
    return prefix.removesuffix(".") or "."


def _in_order(pairs: Mapping[int, Mapping[str, Tensor]], prefix: str, where: str) -> list[LayerTensors[Tensor]]:
    numbers = sorted(pairs)
    for number in numbers:
        missing = sorted(ALONE - set(pairs[number]))
        if missing:
            raise FabError(where, f"has no tensor {prefix}{number}.{missing[0]}", WANTED)
    absent = [n for n in range(min(numbers[-1], 1000)) if n not in pairs]
    if absent:
        there, missed = (listed([str(n) for n in some]) for some in (numbers, absent))
        warn(where, f"has PeLU layers {there} and none numbered {missed}", "check that no layer is missing")
    return [
        LayerTensors(f"{prefix}{n}", pairs[n]["heights"], pairs[n]["weights"], pairs[n].get(RESIDUES)) for n in numbers
    ]


def listed(names: list[str]) -> str:
    """The first few names, and how many there are besides."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
