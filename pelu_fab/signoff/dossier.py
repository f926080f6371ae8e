"""The folder to be judged: manifest, networks and data. Only where to pour, which cup is which and how parts stack is
believed, if it can be meant; everything else is something to be checked, and what is nonsense is a finding."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pelu_fab.errors import FabError
from pelu_fab.files import is_missing, read_input
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.names import input_name, output_name
from pelu_fab.network.readout import readouts_from
from pelu_fab.network.scaling import scaling_from
from pelu_fab.signoff.found import Place
from pelu_fab.signoff.question import Question
from pelu_fab.signoff.report import Check, equal, failed, most
from pelu_fab.signoff.stl import Array, Index

SCHEMA = 1
LARGEST = 1e9  # of any number in a companion: units, mm or mm3/s that no device has

RIGID = 1e-6  # how far a turn may be from one

Samples = tuple[Array, Index | None]  # rows as poured, units; labels
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class PoseEntry(_Table):
    """Box and centre of mass of a part as it lies in its file, mm."""

    low: Place
    high: Place
    centre: Place


class PartEntry(_Table):
    """One part as the manifest lists it; `count` and `transform` may be nonsense, which `open_folder` finds."""

    name: str
    role: str
    file: str
    sha256: str = ""
    count: Any = 1
    transform: Any = None
    volume: Number | None = None
    bodies: int = 1
    genus: int | None = None
    clearance: Number = 0.2
    rulers: tuple[str, ...] = ()  # of a jug: the port that each side measures, "" for plain mL
    pose: PoseEntry | None = None
    made: str = "printed"

    @property
    def is_cut(self) -> bool:
        """Whether it is cut from a sheet: rules of printing are not asked of it, those of cutting are."""
        return self.made == "cut"

    @cached_property
    def matrix(self) -> Array | None:
        """4x4 part to assembly, or None for a loose part, and for a transform that is no turn and shift."""
        return None if self.transform is None else rigid(self.transform)


class PortEntry(_Table):
    """A place in the air inside the vessel that a port stands for."""

    port: str
    label: str = ""
    at: tuple[Number, Number, Number]
    pours: Any = None


class SourceEntry(_Table):
    """A file that the device was compiled from."""

    file: str
    sha256: str


class SheetEntry(_Table):
    """What a stand is cut from, mm."""

    thickness: float = Field(ge=1.0, le=20.0)
    clearance: float = Field(ge=0.0, le=1.0)
    kerf: float = Field(ge=0.0, le=1.0)
    size: tuple[float, float]


class Manifest(_Table):
    """What the maker of the files says about them."""

    schema_number: int = Field(alias="schema")
    name: str = ""
    unit_ml: float = Field(default=1.0, gt=0, le=1e6)
    design_flow: Number = 0.0
    priming_ml: Number = 0.0
    compensation: str = "process"
    process: Process
    parts: tuple[PartEntry, ...] = Field(min_length=1)
    inputs: tuple[PortEntry, ...] = Field(min_length=1)
    outputs: tuple[PortEntry, ...] = Field(min_length=1)
    input_max: Any = None
    max_teeth: int = Field(default=14, ge=1, le=1000)
    frame: str = "printed"
    sheet: SheetEntry | None = None
    lowering_ml: Number = 0.0
    sources: dict[str, SourceEntry] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dossier:
    """Everything read from a folder. `lowered` is the printable network, `trained` the one asked for.

    `jugs`: the fullest of each input, units, where the manifest states them; `no_samples`: why there are no samples.
    """

    folder: Path
    manifest: Manifest
    trained: Network
    lowered: Network
    samples: Samples | None
    no_samples: str
    jugs: Array | None

    @property
    def unit_volume(self) -> float:
        """One unit, mm3."""
        return self.manifest.unit_ml * 1000.0

    @property
    def input_max(self) -> Array:
        """Fullest jug of each input, mm3; where none is stated from the data, or ten times what row 0 keeps."""
        if self.jugs is not None:
            return np.asarray(self.jugs * self.unit_volume)
        if self.samples is not None:
            return np.asarray(self.samples[0].max(axis=0) * self.unit_volume)
        return np.asarray((10.0 * self.trained.layers[0].retained + 50.0) * self.unit_volume)


@dataclass(frozen=True, eq=False)
class Opened:
    """A folder and what its reading found. `blocked` says what keeps its water from being judged; else a dossier.

    `copy` and `copied_samples` are the folder's own network.json and samples.csv, where they can be read.
    """

    folder: Path
    manifest: Manifest
    checks: tuple[Check, ...]
    dossier: Dossier | None
    blocked: str
    copy: Network | None = None
    copied_samples: Samples | None = None

    @property
    def inside(self) -> tuple[PartEntry, ...]:
        """Parts whose files lie in the folder: no other file is opened."""
        return tuple(entry for entry in self.manifest.parts if _is_inside(self.folder, entry.file))

    @property
    def ready(self) -> Dossier:
        """The dossier; `FabError` with the first finding where there is none."""
        if self.dossier is None:
            worst = next(check for check in self.checks if check.status == "fail")
            raise FabError(f"{self.folder}: {worst.where}", worst.why, "compile it again; verify tells more")
        return self.dossier


def read_dossier(folder: Path) -> Dossier:
    """Read what lies beside the parts; a folder that is no export, or not a whole one, raises `FabError`."""
    return open_folder(folder).ready


def open_folder(folder: Path, question: Question | None = None) -> Opened:
    """Read what lies beside the parts; `question` is the network that was asked for, else the folder's own copy is.

    A folder without a manifest that can be read is no export: `FabError`. What else is wrong is among the checks.
    """
    manifest = _manifest(folder / "manifest.json")
    checks = [check for entry in manifest.parts for check in _part_checks(folder, entry)]
    names = [entry.name for entry in manifest.parts]
    checks += [failed("manifest.name", n, "two parts have this name") for n in {n for n in names if names.count(n) > 1}]
    copies: dict[str, Network] = {}
    for name in ("network.json", "lowered.json"):
        if name in manifest.files or name == "network.json" or not is_missing(folder / name):
            try:
                copies[name] = read_network(folder / name)
            except FabError as error:
                checks.append(failed("file.read", name, f"{error.what}: {error.where}"))
    copy = copies.get("network.json")
    trained = copy if question is None else _named(question, copy, manifest)
    unlisted = "lowered.json" not in manifest.files and is_missing(folder / "lowered.json")
    lowered = trained if unlisted else copies.get("lowered.json")
    if trained is not None:
        checks += _port_checks(manifest, trained)
    blocking = [check for check in checks if check.id in BLOCKING or check.where == "lowered.json"]
    blocked = "; ".join(f"{check.where} ({check.id})" for check in blocking[:3])
    if blocked or trained is None or lowered is None:
        return Opened(folder, manifest, tuple(checks), None, blocked or "network.json (file.read)", copy)
    copied, why, found = _samples(folder / "samples.csv", trained)
    checks += found
    samples = copied if question is None or question.samples is None else question.samples
    jugs, found = _jugs(manifest, trained, samples)
    checks += found
    dossier = Dossier(folder, manifest, trained, lowered, samples, why, jugs)
    return Opened(folder, manifest, tuple(checks), dossier, "", copy, copied)


def _named(question: Question, copy: Network | None, manifest: Manifest) -> Network:
    """The network that was asked for; a bare checkpoint beside a design's device goes by its names and scaling."""
    network = question.network
    if question.is_design or copy is None or "design" not in manifest.sources or copy.widths != network.widths:
        return network
    return replace(copy, layers=network.layers)


BLOCKING = ("manifest.transform", "manifest.file", "manifest.name", "manifest.port")


def _part_checks(folder: Path, entry: PartEntry) -> list[Check]:
    """What the manifest says of a part, as far as it can be meant."""
    checks = []
    if not entry.name.strip() or not entry.name.isprintable() or {"/", "\\"} & set(entry.name):
        checks.append(failed("manifest.name", entry.name, "is no name of a part"))
    if not _is_inside(folder, entry.file):
        checks.append(failed("manifest.file", entry.name, f"{entry.file} lies outside the folder"))
    if entry.transform is not None and entry.matrix is None:
        checks.append(failed("manifest.transform", entry.name, "is no turn and shift, which is all that moves a part"))
    if type(entry.count) is not int or not 1 <= entry.count <= 10_000:
        checks.append(failed("manifest.count", entry.name, f"{entry.count!r} is no number of pieces"))
    return checks


def rigid(transform: Any) -> Array | None:
    """A 4 x 4 matrix, or 16 numbers, if it turns and shifts and does nothing else; else None."""
    try:
        matrix = np.array(transform, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if matrix.shape not in ((4, 4), (16,)) or not (np.abs(matrix) <= LARGEST).all():
        return None
    matrix = matrix.reshape(4, 4)
    turn = matrix[:3, :3]
    turns = np.abs(turn @ turn.T - np.eye(3)).max() < RIGID and np.linalg.det(turn) > 0
    return matrix if turns and (matrix[3] == (0.0, 0.0, 0.0, 1.0)).all() else None


def _port_checks(manifest: Manifest, trained: Network) -> list[Check]:
    """One place to pour for each input and one cup for each output, in order, under the network's own names."""
    checks = []
    for kind, ports, named, port_name in (
        ("inputs", manifest.inputs, trained.inputs, input_name),
        ("outputs", manifest.outputs, trained.outputs, output_name),
    ):
        wanted = [port_name(i) for i in range(len(named))]
        if [port.port for port in ports] != wanted:
            why = f"lists {', '.join(port.port for port in ports)}; the network has {', '.join(wanted)}"
            checks.append(failed("manifest.port", kind, why))
            continue
        checks += [equal("manifest.label", p.port, p.label, n, "its name") for p, n in zip(ports, named, strict=True)]
        if kind == "inputs":
            checks += _measure_checks(manifest, trained)
    return checks


def _measure_checks(manifest: Manifest, trained: Network) -> list[Check]:
    """What the manifest says that each jug stands for, where it does, against the network."""
    pairs = zip(manifest.inputs, trained.measures.to_table(), strict=True)
    why = "the measurement that its jug stands for"
    return [
        equal("manifest.scaling", port.port, str(port.pours), str(measure), why)
        for port, measure in pairs
        if port.pours is not None
    ]


def _jugs(manifest: Manifest, trained: Network, samples: Samples | None) -> tuple[Array | None, list[Check]]:
    """Fullest jug of each input, units, if the manifest states them; no row of the data may pour more."""
    try:
        stated = np.array(manifest.input_max, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        stated = np.zeros(0)
    count = len(trained.inputs)
    if stated.shape != (count,) or not ((stated >= 0) & (stated <= LARGEST)).all():
        return None, [failed("manifest.input_max", "jugs", f"states no fullest jug for each of {count} inputs")]
    over = 0.0 if samples is None else float((samples[0] - stated).max())
    return stated, [most("manifest.input_max", "jugs", over, 0.0, "units", "a row of the data pours more by")]


def _is_inside(folder: Path, name: str) -> bool:
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, a name too long, links in a circle
        return False


def _load(path: Path) -> Any:
    if is_missing(path):
        raise FabError(str(path), "does not exist", "give a folder that `pelu-fab compile` wrote")
    blob = read_input(path)
    try:
        table = json.loads(blob.decode("utf-8"))
        json.dumps(table, ensure_ascii=False).encode("utf-8")  # half a character (\\ud800) is in no text
        return table
    except (ValueError, RecursionError) as error:
        raise FabError(str(path), f"is no valid JSON ({error})", "compile it again") from error


def _manifest(path: Path) -> Manifest:
    data = _load(path)
    if isinstance(data, dict) and data.get("schema") != SCHEMA:
        raise FabError(
            str(path), f"has schema {data.get('schema')!r}, this program reads {SCHEMA}", "use a newer pelu-fab"
        )
    if isinstance(data, dict) and isinstance(data.get("process"), dict):
        bed = data["process"].get("printer", {})
        if isinstance(bed, dict) and isinstance(bed.get("bed"), list):
            bed["bed"] = tuple(bed["bed"])
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise FabError(str(path), f"{place}: {first['msg']}", "compile it again") from error


def read_network(path: Path) -> Network:
    """The copy of a network in the widget's form: `h` already squared, `w` already shares."""
    data = _load(path)
    try:
        layers = tuple(
            Layer(np.array(one.get("r", one["h"]), float), np.array(one["w"], float), np.array(one["h"], float))
            for one in data["layers"]
        )
        if not all(isinstance(name, str) for name in [*data["inputs"], *data["outputs"]]):
            raise TypeError("a name is no text")
        scaling = scaling_from(data["scaling"]) if data.get("scaling") is not None else None
        scale = float(data.get("input_scale", 1.0))
        readouts = readouts_from(data.get("readouts") or ())
        network = Network(layers, tuple(data["inputs"]), tuple(data["outputs"]), scale, scaling, readouts)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FabError(str(path), f"is no network ({error!r})", "compile it again") from error
    check_network(network, str(path))
    if any((layer.thresholds > LARGEST).any() for layer in layers):
        raise FabError(str(path), f"keeps more than {LARGEST:g} units in a bucket", "compile it again")
    return network


def _samples(path: Path, trained: Network) -> tuple[Samples | None, str, list[Check]]:
    """Rows in units as poured; a last column more than there are inputs is the label. Why there are none; findings."""
    if is_missing(path):
        return None, "no samples.csv beside the manifest", []
    inputs, outputs = len(trained.inputs), len(trained.outputs)
    try:
        _, *lines = [line.split(",") for line in read_input(path).decode("utf-8").splitlines() if line.strip()]
        rows = np.array([[float(cell) for cell in line] for line in lines])
        if rows.ndim != 2 or rows.shape[1] not in (inputs, inputs + 1):
            raise ValueError(f"{inputs} inputs and a label are needed in each row")
        if not ((rows >= 0) & (rows <= LARGEST)).all():
            raise ValueError(f"a volume is negative, not finite or above {LARGEST:g}")
        labels = rows[:, inputs] if rows.shape[1] > inputs else None
        if labels is not None and not np.isin(labels, np.arange(outputs)).all():
            raise ValueError("a label names no cup")
    except (FabError, ValueError) as error:
        why = error.what if isinstance(error, FabError) else str(error)
        return None, "samples.csv can't be used", [failed("file.samples", "samples.csv", why)]
    return (rows[:, :inputs], None if labels is None else labels.astype(np.int64)), "", []


def digest(blob: bytes) -> str:
    """sha256 as the manifest writes it."""
    return hashlib.sha256(blob).hexdigest()
