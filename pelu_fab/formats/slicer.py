"""What PrusaSlicer makes of an export: its estimate of mass and time for each part, and what it says of the mesh."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pelu_fab.errors import FabError
from pelu_fab.files import read_input
from pelu_fab.formats.bom import to_usual_printer
from pelu_fab.ir.process import Process

SLICERS = ("prusa-slicer", "PrusaSlicer", "prusa-slicer-console")
TIME_LIMIT = 300.0  # s, for one part
GRAMS = re.compile(r"^; (?:total )?filament used \[g\] = ([\d.]+)", re.MULTILINE)
TIME = re.compile(r"^; estimated printing time \(normal mode\) = (.+)$", re.MULTILINE)
WHOLE = {"manifold": "yes", "number_of_parts": "1"}
MENDED = frozenset(
    {"open_edges", "edges_fixed", "facets_removed", "facets_added", "facets_reversed", "backwards_edges"}
    | {"degenerate_facets"}
)
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
# Progress, the loading of presets and the last line; anything else that it says is about the mesh or the print.
USUAL = re.compile(r"^\s*$|^\d+ => |^\[[^]]+\] \[[^]]+\] \[(?:trace|debug|info)\]|^Slicing result exported to ")


@dataclass(frozen=True, slots=True)
class Sliced:
    """One part as the slicer would print it, `warnings` in its words."""

    grams: float
    seconds: float
    warnings: tuple[str, ...] = ()


def slice_times(
    directory: Path, say: Callable[[str], None] | None = None, profile: Path | None = None
) -> dict[str, Sliced]:
    """Slice every part of an export with its own print-preset.ini, one piece of each, then its plates; by name.

    `profile` is a printer's configuration as PrusaSlicer exports it; without one, a usual printer's. Raises `FabError`
    where no slicer is installed, or where it refuses a part.
    """
    if profile is not None:
        read_input(profile)
    program = next((found for name in SLICERS if (found := shutil.which(name))), None)
    if program is None:
        raise FabError("slice", "PrusaSlicer is not installed", "install the package prusa-slicer")
    directory = Path(directory)
    manifest = json.loads(read_input(directory / "manifest.json"))
    sliced = {}
    with tempfile.TemporaryDirectory(prefix="pelu-fab-") as folder:
        usual = Path(folder) / "printer.ini"
        usual.write_text(to_usual_printer(Process.model_validate(manifest["process"])))
        settings = (profile or usual, directory / "print-preset.ini")  # the latter wins
        read_input(settings[1])
        for entry in manifest["parts"]:
            if entry.get("made") == "cut":
                continue
            if say:
                say(str(entry["name"]))
            sliced[str(entry["name"])] = slice_part(program, directory / entry["file"], *settings)
        for plate in sorted((directory / "plates").glob("plate-*.3mf")):
            if say:
                say(plate.stem)
            sliced[plate.stem] = _sliced(program, plate, settings, "--dont-arrange")
    return sliced


def slice_part(program: str, part: Path, *settings: Path) -> Sliced:
    """Slice one STL with `settings`, a later one over an earlier, and ask what the slicer thinks of the mesh.

    It mends an open mesh without a word when it slices, so what it tells as `--info` counts as well.
    """
    alone = _sliced(program, part, settings)
    told = dict(re.findall(r"^(\w+) = +(\S+)$", "\n".join(_run(program, part, "--info")), re.MULTILINE))
    faults = [f"{key} = {told.get(key)}" for key, wanted in WHOLE.items() if told.get(key) != wanted]
    faults += [f"{key} = {told[key]}" for key in sorted(MENDED & set(told))]
    return replace(alone, warnings=(*alone.warnings, *faults))


def _sliced(program: str, file: Path, settings: tuple[Path, ...], *options: str) -> Sliced:
    """The slicer's estimate for all that a file holds, and what it says meanwhile."""
    with tempfile.TemporaryDirectory(prefix="pelu-fab-") as folder:
        code = Path(folder) / "sliced.gcode"
        loaded = [word for one in settings for word in ("--load", str(one))]
        said = _run(program, file, *loaded, *options, "--export-gcode", "--output", str(code))
        if not code.is_file():
            raise FabError(str(file), "was sliced to nothing", "see what the slicer shows")
        return Sliced(*estimate(code.read_text(errors="replace")), tuple(said))


def _run(program: str, part: Path, *options: str) -> list[str]:
    """What the slicer says that is not progress. Raises `FabError` where it fails or hangs."""
    try:
        done = subprocess.run([program, *options, str(part)], capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise FabError(str(part), f"took the slicer more than {TIME_LIMIT:g} s", "slice it by hand") from error
    said = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if not USUAL.match(line)]
    if done.returncode != 0:
        why = said[-1] if said else f"exit status {done.returncode}"
        raise FabError(str(part), f"was refused by the slicer: {why}", "see what the slicer shows")
    return said


def estimate(code: str) -> tuple[float, float]:
    """Grams and seconds that a G-code file claims in its comments."""
    grams, time = GRAMS.search(code), TIME.search(code)
    if grams is None or time is None:
        raise FabError("G-code", "tells no mass or time", "use PrusaSlicer 2.5 or newer")
    return float(grams[1]), seconds_of(time[1])


def seconds_of(text: str) -> float:
    """`1d 2h 3m 4s` in seconds."""
    return float(sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text)))


def to_slices_table(sliced: Mapping[str, Sliced]) -> dict[str, dict[str, float]]:
    """slices.json: grams and hours of one piece of each part, and of each plate."""
    return {name: {"grams": one.grams, "hours": round(one.seconds / 3600.0, 4)} for name, one in sorted(sliced.items())}
