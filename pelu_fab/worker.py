"""A job in a process of its own, which may crash or hang alone: a module and a folder in, what went wrong out."""

import os
import subprocess
import sys
from pathlib import Path


class WorkerFailed(Exception):
    """The job crashed or hung; the message says which."""


def run_apart(module: str, folder: Path, *, time_limit: float) -> None:
    """Run `module.work(folder)` in a new interpreter.

    Raises `ImportError` where the job lacks a package or a library, `WorkerFailed` for whatever else stops it.
    """
    # Not multiprocessing: its spawn imports the caller's main module again, which may have no guard.
    job = f"from {module} import work; work({str(folder)!r})"
    paths = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", job]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit, env=environment)
    except subprocess.TimeoutExpired as error:
        raise WorkerFailed(f"took more than {time_limit:g} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}, no reason given"])[-1]
        kind, _, told = last.partition(": ")
        if kind in ("ImportError", "ModuleNotFoundError") and not told.startswith("cannot import name"):
            raise ImportError(told)
        raise WorkerFailed(f"failed: {last}")
