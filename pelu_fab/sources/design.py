"""A design folder, a design.toml or a bare checkpoint, to the frozen `Design` that the compiler starts from."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pelu_fab.errors import FabError
from pelu_fab.files import entries, is_folder, is_missing, name_of, read_input, recover, safe_name, sha256
from pelu_fab.ir.design import Compensation, Design, Samples
from pelu_fab.ir.process import Process
from pelu_fab.ir.sheet import Frame, Sheet
from pelu_fab.network.model import Network, check_network
from pelu_fab.network.names import bucket_name
from pelu_fab.sources.checkpoint import PAGES, SUFFIXES, parse_checkpoint, read_checkpoint_file
from pelu_fab.sources.data import parse_samples
from pelu_fab.sources.process import DEFAULT, process_and_bytes
from pelu_fab.sources.tables import (
    MAX_TOML,
    FeatureEntry,
    Names,
    ReadoutEntry,
    merged,
    readouts_of,
    scaling_of,
    toml_table,
    validate,
)

DESIGN_FILE, MANIFEST = "design.toml", "manifest.json"
SCHEMA = 1
DEFAULT_INPUT_MAX = 100.0  # units a jug, where no data say better
BARE = "."  # the checkpoint is the file that was given, whose name need not be text
JUG_RESERVE = 1.05  # jugs hold 5 % more than the largest pour of the data
PROTOCOL_ROWS = 3

Units = Annotated[float, Field(ge=0, le=1e6)]
SHEET = Sheet()  # the usual one
Length = Annotated[float, Field(ge=100, le=5000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Pour(_Table):
    """One `[[protocol]]` entry: what to pour, in units a jug, or which row (from 0) of the data."""

    title: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")
    pour: list[Units] | None = None
    row: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Pour":
        if (self.pour is None) == (self.row is None):
            raise ValueError("needs either pour or row")
        return self


class SheetEntry(_Table):
    """`[sheet]`: what the stand is cut from, where `frame` is "sheet". mm."""

    thickness: float = Field(SHEET.thickness, ge=2, le=8, description="as measured")
    clearance: float = Field(SHEET.clearance, ge=0, le=0.5, description="that a slot is wider than that")
    kerf: float = Field(SHEET.kerf, ge=0, le=0.5, description="that the cut takes away; 0 where your software offsets")
    size: tuple[Length, Length] = Field(SHEET.size, strict=False)


class DesignFile(_Table):
    """The schema of design.toml. Paths are relative to it; volumes in units, of `unit_ml` each."""

    schema_number: int = Field(alias="schema", ge=1)
    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
    checkpoint: str = Field(min_length=1)
    key: str | None = Field(
        None, min_length=1, description="which of the checkpoint's networks, where it holds several"
    )
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="of the checkpoint, pinned")
    process: str = Field(DEFAULT, min_length=1)
    unit_ml: float = Field(1.0, ge=0.01, le=100)
    pour_flow_ml: float = Field(12.0, ge=0.1, le=1000, description="mL/s from each jug")
    inputs: Names | None = None
    outputs: Names | None = None
    input_scale: float | None = Field(None, gt=0, le=1e9, description="units per feature value")
    scaling: list[FeatureEntry] | None = Field(
        None, min_length=1, description="from a measurement to a pour, one an input; over the checkpoint's"
    )
    input_max: list[Annotated[float, Field(gt=0, le=1e6)]] | None = None
    data: str | None = Field(None, min_length=1)
    compensation: Compensation = "process"
    max_teeth: int = Field(14, ge=1, le=1000)
    frame: Frame = Field("printed", description="what the stand is: printed, or cut from a sheet")
    sheet: SheetEntry | None = None
    protocol: list[Pour] = Field(default_factory=list)
    readout: list[ReadoutEntry] = Field(default_factory=list)
    training: dict[str, Any] = Field(default_factory=dict, description="the trainer's, who checks it")
    process_overrides: dict[str, dict[str, Any]] = Field(default_factory=dict)


def load(path: str | Path, *, process: str | Path | None = None, settings: Sequence[str] = ()) -> Design:
    """Read a design folder, a design.toml or a bare checkpoint.

    `process` (a built-in name, or a file) replaces the design's; `settings` are `key=value` texts, keys dotted, laid
    over the design file and held to the same schema. Every fault raises `FabError`.
    """
    path = Path(path).expanduser()
    source, file, read = _design_file(path, settings)
    checkpoint = _beside(path, file.checkpoint)
    blob = read_checkpoint_file(checkpoint)
    if file.sha256 not in (None, sha256(blob)):
        what = f"has sha256 {sha256(blob)}, the design pins {file.sha256}"
        raise FabError(str(checkpoint), what, "restore that checkpoint, or pin this one")
    network = _renamed(parse_checkpoint(blob, str(checkpoint), key=file.key), file, source)
    chosen = process or (_beside(path, file.process) if file.process.endswith(".toml") else file.process)
    profile, profile_name, profile_blob = process_and_bytes(chosen, overrides=file.process_overrides)
    read += [("checkpoint", name_of(checkpoint), sha256(blob)), ("process", profile_name, sha256(profile_blob))]
    samples = None
    if file.data is not None:
        data = _beside(path, file.data)
        rows = read_input(data)
        samples = parse_samples(rows, str(data), network)
        read.append(("data", name_of(data), sha256(rows)))
    design = _assembled(file, network, profile, samples, source)
    return replace(design, sources=tuple(read))


def read_design_file(path: str | Path, *, settings: Sequence[str] = ()) -> DesignFile:
    """A design folder's or a design.toml's table alone, checked; opens neither checkpoint nor data."""
    _, file, _ = _design_file(Path(path).expanduser(), settings)
    return file


def _design_file(path: Path, settings: Sequence[str]) -> tuple[str, DesignFile, list[tuple[str, str, str]]]:
    """Name for errors, the checked table, and the files read: kind, name, hash."""
    recover(path if is_folder(path) else path.parent)
    if is_folder(path):
        toml = path / DESIGN_FILE
        if is_missing(toml):
            bare = [
                child.name for child in entries(path) if child.suffix.lower() in SUFFIXES and child.name != MANIFEST
            ]
            remedy = f"give the checkpoint itself, {path / bare[0]}" if bare else f"add a {DESIGN_FILE}"
            raise FabError(str(path), f"holds no {DESIGN_FILE}", remedy)
        path = toml
    if path.suffix.lower() in (*SUFFIXES, *PAGES):
        table: dict[str, Any] = {"schema": SCHEMA, "name": safe_name(path.stem), "checkpoint": BARE}
        read: list[tuple[str, str, str]] = []
    elif path.suffix.lower() == ".toml":
        blob = read_input(path, limit=MAX_TOML)
        table, read = toml_table(blob, str(path)), [("design", name_of(path), sha256(blob))]
    else:
        read_input(path)
        kinds = ", ".join(SUFFIXES)
        raise FabError(str(path), "is no design", f"give a design folder, a .toml, or a checkpoint ({kinds})")
    for setting in settings:
        table = merged(table, setting_table(setting))
    where = str(path) if not settings else f"{path} with --set"
    found = table.get("schema")
    if isinstance(found, int) and found > SCHEMA:
        raise FabError(where, f"is of schema {found}, this version reads up to {SCHEMA}", "update pelu_fab")
    file = validate(DesignFile, table, where)
    return where, file.model_copy(update={"checkpoint": path.name}) if file.checkpoint == BARE else file, read


def setting_table(text: str) -> dict[str, Any]:
    """`a.b=3` as nested tables. The value is TOML where it parses as one value, else a plain text."""
    key, equals, value = text.partition("=")
    steps = key.strip().split(".")
    if not equals or not all(re.fullmatch(r"[A-Za-z0-9_-]+", step) for step in steps):
        raise FabError(f"--set {text}", "is not of the form key=value", "write it as in --set unit_ml=2")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")
        result: Any = parsed["value"] if list(parsed) == ["value"] else value
    except (tomllib.TOMLDecodeError, RecursionError):
        result = value.strip()
    if len(steps) > 1 and steps[0] in Process.model_fields and steps[0] not in ("process", "name"):
        raise FabError(f"--set {text}", "sets a value of the process", f"write --set process_overrides.{text}")
    for step in reversed(steps):
        result = {step: result}
    return dict(result)


def _beside(given: Path, named: str) -> Path:
    """A path that the design file names, relative to that file."""
    return (given if is_folder(given) else given.parent) / Path(named).expanduser()


def _renamed(network: Network, file: DesignFile, where: str) -> Network:
    """The network with the names and the scale of the design file, where it gives any."""
    cups = dict(zip(network.outputs, file.outputs or network.outputs, strict=False))
    renamed = replace(
        network,
        inputs=tuple(file.inputs or network.inputs),
        outputs=tuple(file.outputs or network.outputs),
        input_scale=file.input_scale or network.input_scale,
        scaling=scaling_of(file.scaling) or network.scaling,
        readouts=readouts_of(file.readout) or tuple(readout.renamed(cups) for readout in network.readouts),
    )
    check_network(renamed, where)
    scaling = renamed.scaling
    if file.input_scale and scaling and any((f.offset, f.factor) != (0, file.input_scale) for f in scaling.features):
        what = f"gives input_scale = {file.input_scale:g}, but each feature has a scaling of its own"
        raise FabError(where, what, "leave input_scale out")
    return renamed


def _assembled(file: DesignFile, network: Network, process: Process, samples: Samples | None, where: str) -> Design:
    input_max = _input_max(file, network, samples, where)
    design = Design(
        name=file.name,
        network=network,
        process=process,
        unit_ml=file.unit_ml,
        pour_flow_ml=file.pour_flow_ml,
        input_max=input_max,
        samples=samples,
        compensation=file.compensation,
        max_teeth=file.max_teeth,
        sheet=_sheet(file),
        protocol=_protocol(file, network, samples, input_max, where),
    )
    _check_volumes(design, where)
    return design


def _sheet(file: DesignFile) -> Sheet | None:
    """What the stand is cut from; None where it is printed."""
    if file.frame == "printed":
        return None
    return Sheet(**file.sheet.model_dump()) if file.sheet else SHEET


def _input_max(file: DesignFile, network: Network, samples: Samples | None, where: str) -> tuple[float, ...]:
    """The fullest jug of each input: as given, else the largest pour of the data and 5 %, else 100 units."""
    count = len(network.inputs)
    largest: list[float] = samples.inputs.max(axis=0).tolist() if samples is not None else [0.0] * count
    if file.input_max is None:
        if samples is None:
            return (DEFAULT_INPUT_MAX,) * count
        return jug_sizes(largest)
    if len(file.input_max) != count:
        what = f"input_max has {len(file.input_max)} values, the network has {count} inputs"
        raise FabError(where, what, f"give {count} values")
    _check_fits(largest, file.input_max, network, f"{where}: data")
    return tuple(file.input_max)


def jug_sizes(largest: Sequence[float]) -> tuple[float, ...]:
    """Units of each jug that nobody asked for: the largest pour of the data and a reserve, whole."""
    return tuple(float(max(1, ceil(volume * JUG_RESERVE))) for volume in largest)


def _check_fits(volumes: Sequence[float], input_max: Sequence[float], network: Network, where: str) -> None:
    for volume, most, name in zip(volumes, input_max, network.inputs, strict=True):
        if volume > most:
            what = f"pours {volume:g} units of {name}, its jug holds {most:g}"
            raise FabError(where, what, "raise input_max")


def _protocol(
    file: DesignFile, network: Network, samples: Samples | None, input_max: tuple[float, ...], where: str
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """What to pour: as the design says, else one row of the data for each class, else half-full jugs."""
    if not file.protocol:
        return _default_protocol(network, samples, input_max)
    entries = []
    for index, entry in enumerate(file.protocol):
        place = f"{where}: protocol.{index} ({entry.title})"
        if entry.pour is not None:
            pour = tuple(entry.pour)
        elif samples is None or entry.row is None or entry.row >= len(samples.inputs):
            rows = 0 if samples is None else len(samples.inputs)
            raise FabError(
                place, f"asks for row {entry.row}, the data have {rows}", "give pour, or a row that is there"
            )
        else:
            pour = tuple(samples.inputs[entry.row].tolist())
        if len(pour) != len(network.inputs):
            raise FabError(place, f"pours {len(pour)} volumes", f"give one for each of {len(network.inputs)} inputs")
        _check_fits(pour, input_max, network, place)
        entries.append((entry.title, pour))
    return tuple(entries)


def _default_protocol(
    network: Network, samples: Samples | None, input_max: tuple[float, ...]
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    if samples is None:
        return (("half-full jugs", tuple(most / 2 for most in input_max)),)
    if samples.labels is None:
        chosen = {f"row {row}": row for row in range(min(PROTOCOL_ROWS, len(samples.inputs)))}
    else:
        labels, first = np.unique(samples.labels, return_index=True)
        pairs = list(zip(labels.tolist(), first.tolist(), strict=True))[:PROTOCOL_ROWS]
        chosen = {f"{network.outputs[label]} (row {row})": row for label, row in pairs}
    return tuple((title, tuple(samples.inputs[row].tolist())) for title, row in chosen.items())


def _check_volumes(design: Design, where: str) -> None:
    """A bucket that keeps more water than the whole printer could hold is a unit gone wrong, or an untrained net."""
    x, y, z = design.process.printer.bed
    for index, layer in enumerate(design.network.layers):
        unit = int(np.argmax(layer.thresholds))
        volume = float(layer.thresholds[unit]) * design.unit_volume
        if volume > x * y * z:
            what = f"keeps {volume / 1e6:.3g} L of water, the printer's whole space is {x * y * z / 1e6:.3g} L"
            raise FabError(f"{where}: {bucket_name(index, unit)}", what, "lower unit_ml, or check the heights")
