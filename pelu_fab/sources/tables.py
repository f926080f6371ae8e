"""TOML and JSON text to checked tables: in come bytes, out comes a validated model, or a `FabError` that says where."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pelu_fab.errors import FabError
from pelu_fab.files import MEBIBYTE
from pelu_fab.network.readout import Kind, Readout, readouts_from
from pelu_fab.network.scaling import Scaling, scaling_from

MAX_TOML = MEBIBYTE
MAX_NAME = 60
AnyModel = TypeVar("AnyModel", bound=BaseModel)


def name_fault(name: str) -> str | None:
    """Why an input or output can't be called so (it completes "a name that …"); None where it can."""
    if not name.strip():
        return "is blank"
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters, at most {MAX_NAME} are allowed"
    if not name.isprintable():
        return f"holds a character that does not print: {name!r}"
    return None


def _as_names(names: list[str]) -> list[str]:
    for name in names:
        if name_fault(name) is not None:
            shown = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"
            raise ValueError(f"holds the name {shown!r}; names are printable, not blank, at most {MAX_NAME} characters")
    if len(set(names)) != len(names):
        raise ValueError(f"holds a name twice: {names}")
    return names


Names = Annotated[list[str], AfterValidator(_as_names)]


class FeatureEntry(BaseModel):
    """What one input stands for, as files tell it: units poured = (value - offset) * factor, of `name` in `unit`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=MAX_NAME)
    factor: float = Field(ge=-1e15, le=1e15)
    offset: float = Field(0.0, ge=-1e15, le=1e15)
    unit: str = Field("", max_length=12)
    low: float | None = Field(None, description="range of the data that it was trained on, low to high")
    high: float | None = None


class ReadoutEntry(BaseModel):
    """What cups mean: see `network.readout.Readout`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")
    kind: Kind = "difference"
    plus: str | list[str] | None = Field(None, description="a cup, or several that add up")
    minus: str | list[str] | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = Field("", max_length=12)
    above: float = Field(0.0, ge=-1e6, le=1e6, description="units")
    cups: list[str] = Field(default_factory=list, description="among which the fullest is the answer")
    limit: float | None = Field(None, gt=0, description="of what the device may read otherwise than was trained")

    @model_validator(mode="after")
    def _of_its_kind(self) -> "ReadoutEntry":
        of_numbers = {"plus", "minus", "scale", "offset", "above", "limit"}
        foreign = {"fullest": of_numbers, "above": {"cups", "scale", "offset"}, "difference": {"cups", "above"}}
        wrong = sorted(self.model_fields_set & foreign[self.kind])
        if wrong:
            raise ValueError(f"has {wrong[0]}, which kind {self.kind!r} does not know")
        if self.kind != "fullest" and not self.plus:
            raise ValueError("names no cup as plus")
        return self


def readouts_of(entries: Sequence[ReadoutEntry]) -> tuple[Readout, ...]:
    """Read-outs as files tell them."""
    return readouts_from([entry.model_dump() for entry in entries])


def scaling_of(entries: Sequence[FeatureEntry] | None) -> Scaling | None:
    """The map that a file tells, if it tells one."""
    return None if entries is None else scaling_from([entry.model_dump() for entry in entries])


def text_of(blob: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte order mark. UTF-16, NUL and stray bytes raise `FabError`."""
    if blob[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FabError(where, "is UTF-16 text", "save it as UTF-8")
    if b"\0" in blob:
        raise FabError(where, f"holds a NUL byte at offset {blob.index(0)}", "save it as UTF-8 text")
    try:
        return blob.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8: byte 0x{blob[error.start]:02x} at offset {error.start}"
        raise FabError(where, what, "save it as UTF-8 (of a spreadsheet: as CSV UTF-8)") from error


def toml_table(blob: bytes, where: str) -> dict[str, Any]:
    """Parse a TOML file; an error names line and column."""
    if len(blob) > MAX_TOML:
        raise FabError(where, f"is {len(blob) / MEBIBYTE:.1f} MiB of TOML, at most 1 MiB is read", "keep data in a CSV")
    text = text_of(blob, where)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        end = f"line {text.count(chr(10)) + 1}, the end"
        what = str(error).replace("at end of document", f"at {end}")
        raise FabError(where, f"is not valid TOML: {what}", "correct it there") from error
    except RecursionError as error:
        raise FabError(where, "is nested too deeply", "a design needs three levels at most") from error


def json_table(blob: bytes, where: str) -> object:
    """Parse a JSON file. Duplicate keys, NaN and Infinity, which JSON readers let through, raise `FabError`."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        table = dict(pairs)
        if len(table) != len(pairs):
            seen: set[str] = set()
            double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise FabError(where, f"has the key {double!r} twice in one object", "keep one of them")
        return table

    def refuse(constant: str) -> object:
        raise FabError(where, f"holds {constant}, which is no number", "retrain or repair the checkpoint")

    try:
        return json.loads(text_of(blob, where), object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        what = f"is not valid JSON: {error.msg} (at line {error.lineno}, column {error.colno})"
        raise FabError(where, what, "write it again, it may be cut off") from error
    except ValueError as error:  # an integer of thousands of digits
        raise FabError(where, f"is not valid JSON: {error}", "write it again") from error
    except RecursionError as error:
        raise FabError(where, "is nested too deeply", "a checkpoint needs four levels at most") from error


def validate(model: type[AnyModel], table: object, where: str) -> AnyModel:
    """Check a table against a schema; every fault is named by its key, with what was found and what is allowed."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        first, *others = [_fault(model, fault) for fault in faults]
        what = "; ".join([f"{first[0]} {first[1]}".strip(), *(f"{key} {what}" for key, what, _ in others[:4])])
        more = f" (and {len(others) - 4} more)" if len(others) > 4 else ""
        raise FabError(where, what + more, first[2]) from error


def nearest(word: str, words: Sequence[str]) -> str:
    """`did you mean …?`, or the whole choice where nothing is near."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(words)}"


def _fault(model: type[BaseModel], fault: ErrorDetails) -> tuple[str, str, str]:
    """Key, what is wrong with it, and the remedy."""
    path, found = fault["loc"], fault["input"]
    key = ".".join(str(step) for step in path)
    match fault["type"]:
        case "extra_forbidden":
            return key, "is no key that is known", nearest(str(path[-1]), _keys(model, path[:-1]))
        case "missing":
            return key, "is missing", f"add {key}"
        case "value_error":
            return key, str(fault["msg"]).removeprefix("Value error, "), "change one of them"
    allowed = str(fault["msg"]).removeprefix("Input should be ").removeprefix("a valid ")
    return key, f"is {_shown(found)}", f"allowed: {allowed}"


def _shown(found: object) -> str:
    text = repr(found) if not isinstance(found, bool) else str(found).lower()
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Keys that the table at `path` of a schema may have."""
    here: Any = model
    for step in path:
        if isinstance(step, str) and isinstance(here, type) and issubclass(here, BaseModel):
            here = next(f.annotation for name, f in here.model_fields.items() if step in (name, f.alias))
        else:
            here = next(iter(get_args(here)), here)
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [field.alias or name for name, field in here.model_fields.items()]


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on top, table by table."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
