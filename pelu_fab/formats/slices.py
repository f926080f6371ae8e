"""slices.json: what PrusaSlicer says each part takes. A device in, JSON bytes out; the slicer must be on the path."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from pelu_fab.errors import FabError
from pelu_fab.formats.bom import to_print_settings
from pelu_fab.formats.manifest import to_json
from pelu_fab.formats.stl import to_stl
from pelu_fab.ir.device import Device

SLICER = "prusa-slicer"
LIMIT = 600.0  # s for one part
WORKERS = 2


def to_slices(device: Device) -> bytes:
    """Grams and hours of one copy of each part, by name, printed with `print.ini`."""
    if shutil.which(SLICER) is None:
        raise FabError("--formats slices", f"{SLICER} is not on the path", "install it, or leave slices out")
    with TemporaryDirectory() as folder:
        settings = Path(folder) / "print.ini"
        settings.write_text(to_print_settings(device.design.process))
        files = []
        for part, mesh in zip(device.parts, device.meshes, strict=True):
            files.append(Path(folder) / f"{part.name}.stl")
            files[-1].write_bytes(to_stl(mesh.corners, part.name))
        with ThreadPoolExecutor(WORKERS) as workers:
            found = list(workers.map(lambda file: _slice(file, settings), files))
    table = {part.name: told for part, told in zip(device.parts, found, strict=True)}
    return to_json(table)


def _slice(file: Path, settings: Path) -> dict[str, float]:
    code = file.with_suffix(".gcode")
    command = [SLICER, "--load", str(settings), "--export-gcode", "--output", str(code), str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as error:
        raise FabError(file.stem, f"{SLICER} took more than {LIMIT:.0f} s", "leave slices out") from error
    if done.returncode or not code.is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise FabError(file.stem, f"{SLICER} refused it: {last[0]}", "open the part in the slicer and look")
    return read_gcode(code.read_text(errors="replace"))


def read_gcode(text: str) -> dict[str, float]:
    """Grams and hours from the remarks at the end of PrusaSlicer's G-code."""
    grams = re.search(r"; total filament used \[g\] = ([\d.]+)", text)
    spent = re.search(r"; estimated printing time \(normal mode\) = ([^\n]+)", text)
    if grams is None or spent is None:
        raise FabError(SLICER, "its G-code tells no time and no filament", "leave slices out")
    worth = {"d": 24.0, "h": 1.0, "m": 1 / 60, "s": 1 / 3600}
    hours = sum(float(number) * worth[unit] for number, unit in re.findall(r"(\d+)([dhms])", spent[1]))
    return {"grams": float(grams[1]), "hours": round(hours, 4)}
