"""Process profiles: in come a name or a TOML file, and values to override; out comes a checked `Process`."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pelu_fab.errors import FabError
from pelu_fab.files import read_input
from pelu_fab.ir.process import Process
from pelu_fab.sources.tables import MAX_TOML, merged, nearest, toml_table, validate

DEFAULT = "fdm-pla-detergent"
PLAUSIBLE = {  # lengths outside are another unit's: a profile in inches, metres or µm
    "nozzle": (0.05, 2.0),
    "layer_height": (0.005, 1.0),
    "bed": (30.0, 3000.0),
    "max_bridge": (1.0, 200.0),
}


def builtin_processes() -> tuple[str, ...]:
    """Names of the profiles that come with the package, sorted."""
    folder = resources.files("pelu_fab") / "processes"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def read_process(source: str | Path, *, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Process:
    """A built-in profile by its name, or a user's by its path, with `overrides` (table by table) laid over it."""
    process, _, _ = process_and_bytes(source, overrides=overrides)
    return process


def process_and_bytes(
    source: str | Path, *, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Process, str, bytes]:
    """As `read_process`, together with the name and the bytes of the file that was read."""
    where, blob = _profile_bytes(source)
    table = toml_table(blob, where)
    process = _checked(table, where)
    if overrides:
        process = _checked(merged(table, overrides), f"{where} with the design's overrides")
    changed = {f"{group}.{key}": "override" for group, values in (overrides or {}).items() for key in values}
    return process.model_copy(update={"sources": process.sources | changed}), Path(where).name, blob


def _profile_bytes(source: str | Path) -> tuple[str, bytes]:
    path = Path(source).expanduser()
    names = builtin_processes()
    if str(source) in names:
        name = f"{source}.toml"
        return name, (resources.files("pelu_fab") / "processes" / name).read_bytes()
    if isinstance(source, str) and path.suffix != ".toml" and path.name == source and not path.exists():
        raise FabError(f"process {source!r}", "is neither built in nor a file", nearest(source, names))
    return str(path), read_input(path, limit=MAX_TOML)


def _checked(table: Mapping[str, Any], where: str) -> Process:
    process = validate(Process, table, where)
    for key, (least, most) in PLAUSIBLE.items():
        found = getattr(process.printer, key)
        for length in found if isinstance(found, tuple) else (found,):
            if not least <= length <= most:
                what = f"printer.{key} is {length:g} mm, plausible is {least:g} to {most:g} mm"
                raise FabError(where, what, "give lengths in mm")
    return process
