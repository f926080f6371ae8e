"""What a part's bytes and the printer decide alone, found out once: remembered, or judged side by side in processes.

Run as a module it is such a process: jobs come in on standard input, checks go out on standard output.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Self

from pelu_fab.ir.process import Printer
from pelu_fab.memory import Memory, machinery, program
from pelu_fab.signoff.dossier import digest
from pelu_fab.signoff.mesh import LoadedPart, own_checks
from pelu_fab.signoff.report import Check, from_line, to_line
from pelu_fab.signoff.stl import RECORD, read_stl, weld
from pelu_fab.signoff.topology import topology

VARIABLE = "PELU_FAB_JOBS"  # processes beside this one, at most
MOST_PROCESSES = 8
COMMAND = ("-m", "pelu_fab.signoff.judging")
WORTH = 300_000  # triangles for which a process is worth its start: it takes half a second, they take two

Found = Future[list[Check] | None]  # None: nobody could say


class Judging:
    """The checks of some parts, being found out while other work goes on; `checks` takes part and waits for them.

    The same checks come of any number of processes: what one that fails leaves undone is done here.
    """

    def __init__(self, parts: Sequence[LoadedPart], printer: Printer, memory: Memory) -> None:
        self._printer, self._memory = printer, memory
        self._keys = [part.sha256 for part in parts]
        if memory.folder is not None:  # which takes longer to find out
            self._keys = [key_of(key, printer) for key in self._keys]
        self._parts = dict(zip(self._keys, parts, strict=True))
        recalled = {key: memory.recall(key) for key in self._parts}
        self._known = {key: from_line(line) for key, line in recalled.items() if line is not None}
        todo = sorted(recalled.keys() - self._known, key=lambda key: (-len(self._parts[key].blob), key))
        self._found: dict[str, Found] = {key: Future() for key in todo}
        self._queue: SimpleQueue[str] = SimpleQueue()
        for key in todo:
            self._queue.put(key)
        size = sum(len(self._parts[key].blob) for key in todo) // RECORD.itemsize
        self._processes = [_process() for _ in range(min(_allowed(), len(todo) - 1, size // WORTH))]
        for process in self._processes:
            Thread(target=self._feed, args=(process,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process is not None:
                process.kill()
                process.wait()

    def _feed(self, process: "subprocess.Popen[bytes] | None") -> None:
        """Give one process a part after the other, the largest first."""
        while process is not None:
            try:
                key = self._queue.get_nowait()
            except Empty:
                return
            answer = _ask(process, self._printer, self._parts[key].blob)
            self._found[key].set_result(answer)
            if answer is None:
                return

    def checks(self) -> list[list[Check]]:
        """For each part, nameless and in its file's coordinates."""
        with suppress(Empty):
            while True:
                key = self._queue.get_nowait()
                self._found[key].set_result(self._judge(key))
        fresh = {}
        for key, future in self._found.items():
            found = future.result()
            fresh[key] = self._judge(key) if found is None else found
        self._memory.note({key: to_line(found) for key, found in fresh.items()})
        both = self._known | fresh
        return [both[key] for key in self._keys]

    def _judge(self, key: str) -> list[Check]:
        return own_checks(self._parts[key].mesh, self._parts[key].shape, self._printer)


def key_of(sha256: str, printer: Printer) -> str:
    """Hash of all that decides what is found out about the bytes with this hash."""
    return digest("\n".join([sha256, printer.model_dump_json(), program("signoff"), machinery()]).encode())


def _allowed() -> int:
    """Processes that may run beside this one."""
    told = os.environ.get(VARIABLE, "")
    if told.isdecimal():
        return int(told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, MOST_PROCESSES)


def _process() -> "subprocess.Popen[bytes] | None":
    """A new interpreter that runs this module; None where there can be none."""
    # Not multiprocessing: its spawn imports the caller's main module again, which may have no guard.
    paths = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.Popen([sys.executable, *COMMAND], env=environment, **pipes)
    except OSError:
        return None


def _ask(process: "subprocess.Popen[bytes]", printer: Printer, blob: bytes) -> list[Check] | None:
    """What a process finds about a file; None if it dies over it."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps([len(blob), printer.model_dump(mode="json")]).encode() + b"\n" + blob)
        process.stdin.flush()
        return from_line(process.stdout.readline().decode())
    except (OSError, ValueError, TypeError, KeyError):
        return None


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Judge one file after the other until there are no more."""
    while line := jobs.readline():
        size, printer = json.loads(line)
        mesh = weld(read_stl(jobs.read(size), "part"))
        found = own_checks(mesh, topology(mesh), Printer.model_validate(printer, strict=False))
        answers.write(to_line(found).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
