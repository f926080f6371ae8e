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
RANGES = {  # whose devices pass, tried at both ends; a folder is judged by whatever process it states
    "printer.perimeters": (2, 10),
    "printer.floor": (0.4, 10.0),
    "printer.max_overhang_deg": (45.0, 89.0),
    "printer.max_bridge": (10.0, 200.0),
    "material.density": (0.1, 25.0),
    "fluid.density": (0.5, 3.0),
    "fluid.surface_tension": (0.005, 0.1),
    "fluid.viscosity": (0.1, 5.0),
    "comb.max_tooth": (0.2, 20.0),
    "comb.kappa": (-1.2, 10.0),
    "comb.residual_head": (-2.5, 1.0),
    "comb.sill_length": (0.8, 3.0),
    "comb.discharge": (0.3, 1.4),
    "channels.min_slope_deg": (8.0, 12.0),
    "channels.min_width": (0.01, 15.0),
    "channels.min_wall_height": (0.01, 50.0),
    "channels.spout_gap": (0.01, 8.0),
    "channels.friction": (0.005, 0.2),
    "channels.meniscus_freeboard": (0.0, 8.0),
    "channels.slosh_freeboard": (0.0, 5.0),
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
    for key, (lowest, highest) in RANGES.items():
        group, name = key.split(".")
        found = getattr(getattr(process, group), name)
        if not lowest <= found <= highest:
            what = f"{key} is {found:g}; allowed: {lowest:g} to {highest:g}"
            raise FabError(where, what, f"choose {lowest:g} to {highest:g}")
    printer, comb = process.printer, process.comb
    for key, found in (("printer.floor", printer.floor), ("comb.sill_length", comb.sill_length)):
        if found < printer.blade:
            what = f"{key} is {found:g} mm, less than two lines of a {printer.nozzle:g} mm nozzle"
            raise FabError(
                where, what, f"make it {printer.blade:g} or more (--set process_overrides.{key}={printer.blade:g})"
            )
    if comb.kappa < -comb.min_tooth / 2:
        what = f"comb.kappa {comb.kappa:g} closes most of a tooth of {comb.min_tooth:g} mm (comb.min_tooth)"
        raise FabError(where, what, f"make it {-comb.min_tooth / 2:g} or more")
    return process
