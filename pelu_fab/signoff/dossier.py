"""The folder to be judged: manifest, networks and parts. Only where to pour, which cup is which and how parts stack
is believed; everything else in the manifest is something to be checked."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pelu_fab.errors import FabError
from pelu_fab.files import is_missing, read_input
from pelu_fab.ir.process import Process
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.signoff.found import Place
from pelu_fab.signoff.stl import Array, Index

SCHEMA = 1
LARGEST = 1e9  # of any number in a companion: units, mm or mm3/s that no device has

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Row = Annotated[list[Number], Field(min_length=4, max_length=4)]
Matrix = (
    Annotated[list[Row], Field(min_length=4, max_length=4)]
    | Annotated[list[Number], Field(min_length=16, max_length=16)]
)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class PoseEntry(_Table):
    """Box and centre of mass of a part as it lies in its file, mm."""

    low: Place
    high: Place
    centre: Place


class PartEntry(_Table):
    """One part as the manifest lists it."""

    name: str
    role: str
    file: str
    sha256: str = ""
    transform: Matrix | None = None
    volume: Number | None = None
    bodies: int = 1
    genus: int | None = None
    clearance: Number = 0.2
    pose: PoseEntry | None = None

    @property
    def matrix(self) -> Array | None:
        """4x4 part to assembly, or None for a loose part."""
        return None if self.transform is None else np.array(self.transform, dtype=np.float64).reshape(4, 4)


class PortEntry(_Table):
    """A place in the air inside the vessel that a port stands for."""

    port: str
    label: str = ""
    at: tuple[Number, Number, Number]


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
    input_max: tuple[Number, ...] = ()


@dataclass(frozen=True, eq=False)
class Dossier:
    """Everything read from a folder. `lowered` is the printable network, `trained` the one asked for."""

    folder: Path
    manifest: Manifest
    trained: Network
    lowered: Network
    samples: tuple[Array, Index | None] | None

    @property
    def unit_volume(self) -> float:
        """One unit, mm3."""
        return self.manifest.unit_ml * 1000.0

    @property
    def input_max(self) -> Array:
        """Fullest jug of each input, mm3; from the data, or a guess of ten times what row 0 keeps."""
        if self.manifest.input_max:
            return np.array(self.manifest.input_max) * self.unit_volume
        if self.samples is not None:
            return np.asarray(self.samples[0].max(axis=0) * self.unit_volume)
        return np.asarray((10.0 * self.trained.layers[0].retained + 50.0) * self.unit_volume)


def read_dossier(folder: Path) -> Dossier:
    """Read what lies beside the parts; a folder that is no export raises `FabError`."""
    path = folder / "manifest.json"
    manifest = _manifest(path)
    trained = read_network(folder / "network.json")
    lowered_path = folder / "lowered.json"
    lowered = trained if is_missing(lowered_path) else read_network(lowered_path)
    for part in manifest.parts:
        if not _is_inside(folder, part.file):
            raise FabError(str(path), f"part {part.name} lies outside the folder ({part.file})", "compile it again")
    return Dossier(folder, manifest, trained, lowered, _samples(folder / "samples.csv", len(trained.inputs)))


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
        return json.loads(blob.decode("utf-8"))
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
        layers = tuple(Layer(np.array(one["h"], float), np.array(one["w"], float)) for one in data["layers"])
        network = Network(layers, tuple(data["inputs"]), tuple(data["outputs"]), float(data.get("input_scale", 1.0)))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FabError(str(path), f"is no network ({error!r})", "compile it again") from error
    check_network(network, str(path))
    return network


def _samples(path: Path, inputs: int) -> tuple[Array, Index | None] | None:
    """Rows in units as poured; a last column more than there are inputs is the label."""
    if is_missing(path):
        return None
    try:
        lines = [line.split(",") for line in read_input(path).decode("utf-8").splitlines() if line.strip()]
        rows = np.array([[float(v) for v in line] for line in lines if _is_number(line[0])])
    except ValueError as error:
        raise FabError(str(path), f"has a cell that is no number ({error})", "compile it again") from error
    if not np.isfinite(rows).all() or (np.abs(rows) > LARGEST).any():
        raise FabError(str(path), f"has a number that is not finite or above {LARGEST:g}", "compile it again")
    if rows.ndim != 2 or rows.shape[1] not in (inputs, inputs + 1):
        raise FabError(str(path), f"has {rows.shape} cells, {inputs} inputs and a label are needed", "compile it again")
    labels = rows[:, inputs].astype(np.int64) if rows.shape[1] > inputs else None
    return rows[:, :inputs], labels


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def digest(blob: bytes) -> str:
    """sha256 as the manifest writes it."""
    return hashlib.sha256(blob).hexdigest()
