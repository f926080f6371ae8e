"""OpenFOAM's own files and program: start it, follow it, read what it wrote. Nothing here knows buckets."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.signoff.stl import Array

SOLVER = "interFoam"
PACKAGE = "Debian's and Ubuntu's package openfoam (apt install openfoam)"
DEBIAN_HOME = Path("/usr/share/openfoam")  # where that package keeps what its programs look for
POLL = 1.0  # s
NICE = 10
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}  # freed memory stays: 3 % faster


def installed() -> bool:
    """Whether the solver can be started here."""
    return shutil.which(SOLVER) is not None


def environment() -> dict[str, str]:
    """What the solver needs around it; one thread, so that one case is one core."""
    home = {"WM_PROJECT_DIR": str(DEBIAN_HOME)} if DEBIAN_HOME.is_dir() and "WM_PROJECT_DIR" not in os.environ else {}
    return {**os.environ, **home, "OMP_NUM_THREADS": "1", **KEPT}


def write_case(folder: Path, files: Mapping[str, str]) -> None:
    """Write a case afresh; what an earlier one left is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def solve(folder: Path, end: float, limit: float, say: Callable[[str], None]) -> float:
    """Run the solver in a case from its latest time on; CPU seconds of this run.

    One that crashes, or that needs more than `limit` seconds by the clock, raises `FabError`; what it wrote stays, and
    the next call goes on from there.
    """
    if not installed():
        raise FabError(SOLVER, "is not installed", f"install {PACKAGE}")
    log = folder / f"log.{SOLVER}"
    started = time.monotonic()
    with log.open("a") as out:
        mark = out.tell()
        process = subprocess.Popen(
            [SOLVER], cwd=folder, env=environment(), stdout=out, stderr=subprocess.STDOUT, preexec_fn=_gently
        )
        try:
            while process.poll() is None:
                time.sleep(POLL if time.monotonic() - started > 5 else 0.05)
                say(f"{_reached(log):.2f} of {end:g} s")
                if time.monotonic() - started > limit:
                    what = f"has reached {_reached(log):.2f} of {end:g} s after {limit / 60:.0f} minutes"
                    raise FabError(str(folder), what, "run it again, it goes on from there, or give --limit")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait()
    told = log.read_text(errors="replace")[mark:]
    if process.returncode != 0 or "\nEnd\n" not in told:
        last = next((line for line in reversed(told.splitlines()) if line.strip()), "nothing said")
        raise FabError(str(folder), f"{SOLVER} failed ({last[:120]})", f"look at {log.name} there")
    return max([float(v) for v in re.findall(r"ExecutionTime = ([\d.]+)", told)], default=0.0)


def _gently() -> None:
    os.nice(NICE)


def _reached(log: Path) -> float:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        times = re.findall(rb"\nTime = ([\d.e-]+)", file.read())
    return float(times[-1]) if times else 0.0


def times(folder: Path) -> list[tuple[float, Path]]:
    """Times at which whole fields were written, ascending, the start left out."""
    found = [(float(p.name), p) for p in folder.iterdir() if p.is_dir() and re.fullmatch(r"[\d.]+(e-?\d+)?", p.name)]
    return sorted((t, p) for t, p in found if t > 0 and (p / "U").exists())


def series(folder: Path, name: str) -> tuple[Array, Array]:
    """Times and values of a function object, joined where a run went on after a stop."""
    starts = sorted((folder / "postProcessing" / name).iterdir(), key=lambda p: float(p.name))
    tables = [np.loadtxt(next(start.glob("*.dat")), ndmin=2) for start in starts]
    kept = [
        table[table[:, 0] <= later]
        for table, later in zip(tables, [*(float(p.name) for p in starts[1:]), np.inf], strict=True)
    ]
    rows = np.concatenate(kept)
    return rows[:, 0], rows[:, 1]


def field(path: Path) -> Array:
    """Inner values of a binary vol field: (cells,) or (cells, 3)."""
    blob = path.read_bytes()
    head = re.search(rb"internalField\s+nonuniform List<(scalar|vector)>\s*(\d+)\s*\(", blob)
    if head is None:
        raise FabError(str(path), "is no field as the solver writes it", "delete the case's folder and run it again")
    width, count = (1 if head[1] == b"scalar" else 3), int(head[2])
    values = np.frombuffer(blob, "<f8", width * count, head.end())
    return values if width == 1 else values.reshape(-1, 3)
