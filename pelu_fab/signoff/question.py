"""What was asked for, from the files themselves: a checkpoint or a design in, the network and what goes with it out.

Only what a design states is held against the device; what it leaves to the compiler's defaults is not.
"""

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from pelu_fab.errors import FabError
from pelu_fab.files import is_folder, name_of, read_input
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Network, check_network
from pelu_fab.network.readout import Readout, readouts_from
from pelu_fab.network.scaling import Scaling, scaling_from
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.stl import Array, Index

Kind = Literal["checkpoint", "design", "data", "process"]
CHOICES = (
    "unit_ml",
    "input_max",
    "compensation",
    "max_teeth",
    "pour_flow_ml",
    "frame",
)  # of a design, that manifests repeat


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read, by its name alone and its hash."""

    kind: Kind
    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Question:
    """The trained network, as the judge reads it. `choices` and `process`: what the design states, else nothing.

    `is_design` is False for a bare checkpoint, whose names a design may have replaced.
    """

    network: Network
    is_design: bool
    files: tuple[Read, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)
    process: Process | None = None
    samples: tuple[Array, Index | None] | None = None
    no_samples: str = "no data were asked about"  # where there are none: why

    @property
    def source(self) -> Read:
        """The checkpoint's file."""
        return next(file for file in self.files if file.kind == "checkpoint")


def read_question(path: Path, *, process: str | None = None, settings: Sequence[str] = ()) -> Question:
    """Read a design folder, a design.toml or a checkpoint; `process` and `settings` as `compile` takes them."""
    toml = path / "design.toml" if is_folder(path) else path
    files: list[Read] = []
    if toml.suffix.lower() == ".toml":
        table = _toml(_kept(files, "design", toml), toml)
        is_design = True
    else:
        table, is_design = {"checkpoint": toml.name}, bool(settings)
    for setting in settings:
        table = _merged(table, _setting(setting))
    home = toml.parent
    if not isinstance(table.get("checkpoint"), str):
        raise FabError(str(toml), "names no checkpoint", "give the checkpoint itself")
    checkpoint = home / Path(table["checkpoint"]).expanduser()
    trained = read_trained(_kept(files, "checkpoint", checkpoint), str(checkpoint), key=table.get("key"))
    network = trained.network(table.get("inputs"), table.get("outputs"), str(toml))
    told = table.get("scaling")
    network = replace(
        network,
        input_scale=float(table.get("input_scale") or network.input_scale),
        scaling=_scaling(told, toml) if told else network.scaling,
        readouts=_readouts(table["readout"], toml) if table.get("readout") else network.readouts,
    )
    check_network(network, str(toml))
    samples, no_samples = None, Question.no_samples
    if isinstance(table.get("data"), str):
        data = home / Path(table["data"]).expanduser()
        try:
            samples = _data(_kept(files, "data", data), network)
        except ValueError as error:
            no_samples = f"{data.name} is no plain table of this network's data ({error})"
    return Question(
        network=network,
        is_design=is_design,
        files=tuple(files),
        choices={key: table[key] for key in CHOICES if key in table},
        process=_process(files, process, table, home),
        samples=samples,
        no_samples=no_samples,
    )


def _kept(files: list[Read], kind: Kind, path: Path) -> bytes:
    """The bytes of a file, whose name and hash are noted."""
    blob = read_input(path)
    files.append(Read(kind, name_of(path), sha256(blob).hexdigest()))
    return blob


def _toml(blob: bytes, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(blob.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FabError(str(path), f"is no valid TOML ({error})", "give the design that was compiled") from error


def _setting(text: str) -> dict[str, Any]:
    """`a.b=3` as nested tables; what is no TOML value is a text."""
    key, _, value = text.partition("=")
    try:
        told: Any = tomllib.loads(f"value = {value.strip()}")["value"]
    except ValueError:
        told = value.strip()
    for step in reversed(key.strip().split(".")):
        told = {step: told}
    return dict(told)


def _merged(below: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {k: _merged(below[k], v) for k, v in over.items() if isinstance(v, dict) and isinstance(below.get(k), dict)}
    return {**below, **over, **both}


def _process(files: list[Read], given: str | None, table: Mapping[str, Any], home: Path) -> Process | None:
    """The process that was chosen, built in or a file, with what the design lays over it."""
    name = given or table.get("process")
    if name is None:
        return None
    built_in = resources.files("pelu_fab") / "processes" / f"{name}.toml"
    if "/" not in str(name) and built_in.is_file():
        path, blob = Path(f"{name}.toml"), built_in.read_bytes()
        files.append(Read("process", name_of(path), sha256(blob).hexdigest()))
    else:
        path = Path(name).expanduser() if given else home / Path(name).expanduser()
        blob = _kept(files, "process", path)
    try:
        return Process.model_validate(_merged(_toml(blob, path), table.get("process_overrides") or {}))
    except ValidationError as error:
        raise FabError(
            str(path), f"is no process ({error.errors()[0]['msg']})", "give the one compiled with"
        ) from error


def _scaling(told: Any, toml: Path) -> Scaling:
    try:
        return scaling_from(told)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FabError(
            str(toml), f"has no scaling of features ({error})", "give the design that was compiled"
        ) from error


def _readouts(told: Any, toml: Path) -> tuple[Readout, ...]:
    try:
        return readouts_from(told)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FabError(str(toml), f"has no read-outs ({error})", "give the design that was compiled") from error


def _data(blob: bytes, network: Network) -> tuple[Array, Index | None]:
    """Rows in units as poured, and the label's index last, where there is one; `ValueError` if they are not such."""
    features = network.measures.features
    names = list(dict.fromkeys(feature.name for feature in features))
    count, rows, labels = len(names), [], []
    header, *lines = _lines(blob)
    if len(header) > count and any(readout.is_column(header[count]) for readout in network.readouts):
        lines = [line[:count] for line in lines]  # what was measured of a number that the cups say
    for line in lines:
        told = dict(zip(names, map(float, line[:count]), strict=True))
        rows.append([max((told[f.name] - f.offset) * f.factor, 0.0) for f in features])
        labels += [network.outputs.index(cell) if cell in network.outputs else int(cell) for cell in line[count:]]
    inputs, found = np.array(rows, dtype=np.float64), np.array(labels, dtype=np.int64)
    if inputs.ndim != 2 or len(found) not in (0, len(inputs)):
        raise ValueError(f"not {count} features and a label in each row")
    return inputs, found if len(found) else None


def _lines(blob: bytes) -> Iterable[list[str]]:
    cells = csv.reader(io.StringIO(blob.decode("utf-8-sig"), newline=""))
    return ([cell.strip() for cell in line] for line in cells if any(map(str.strip, line)))
