"""What was found out about a part before: checks by the hash of all that decides them, in a folder of the user's.

A folder that can't be read or written is no memory, an entry that is not whole is none, and no entry is believed but
for the very bytes, printer, program and libraries that it was made with. `PELU_FAB_CACHE` names another folder; empty,
nothing is remembered.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pelu_fab.ir.process import Printer
from pelu_fab.signoff.report import Check

VARIABLE = "PELU_FAB_CACHE"
MOST = 4000  # entries, of 3 kB each: when there are more, the half that lay unused longest goes
LIBRARIES = ("numpy", "scipy", "shapely")


@dataclass(frozen=True, slots=True)
class Memory:
    """Entries in `folder`; None remembers nothing."""

    folder: Path | None

    def recall(self, key: str) -> list[Check] | None:
        """What was noted under `key`, None where nothing whole is."""
        if self.folder is None:
            return None
        path = self.folder / key
        try:
            told, _, text = path.read_text(encoding="utf-8").partition("\n")
            if told != _seal(key, text):
                return None
            checks = from_line(text)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        with suppress(OSError):
            os.utime(path)
        return checks

    def note(self, found: Mapping[str, Sequence[Check]]) -> None:
        """Keep checks by their keys, each entry whole or not at all; where that fails, nothing is kept."""
        if self.folder is None or not found:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            for key, checks in found.items():
                text = to_line(checks)
                with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.folder, delete=False) as file:
                    file.write(_seal(key, text) + "\n" + text)
                Path(file.name).replace(self.folder / key)
            self._forget(self.folder)

    def _forget(self, folder: Path) -> None:
        """Drop the older half once there are too many; what a killed writer left goes the same way."""
        entries = []
        for path in folder.iterdir():
            with suppress(OSError):  # another process may have dropped it
                entries.append((path.stat().st_mtime, path))
        if len(entries) > MOST:
            for _, path in sorted(entries)[: len(entries) - MOST // 2]:
                with suppress(OSError):
                    path.unlink()


def memory() -> Memory:
    """The user's own, or where `PELU_FAB_CACHE` says."""
    told = os.environ.get(VARIABLE)
    if told is not None:
        return Memory(Path(told) if told else None)
    try:
        return Memory(_caches() / "pelu_fab" / "checks")
    except RuntimeError:  # no home
        return Memory(None)


def _caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable, default = ("LOCALAPPDATA", "AppData/Local") if sys.platform == "win32" else ("XDG_CACHE_HOME", ".cache")
    told = os.environ.get(variable, "")
    return Path(told) if Path(told).is_absolute() else Path.home() / default


def key_of(sha256: str, printer: Printer) -> str:
    """Hash of all that decides what is found out about the bytes with this hash."""
    return hashlib.sha256("\n".join([sha256, printer.model_dump_json(), _program()]).encode()).hexdigest()


@cache
def _program() -> str:
    """Hash of the judge itself and of the libraries that it computes with."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def _seal(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()


_NAMES = tuple(field.name for field in fields(Check))


def _check(row: Mapping[str, object]) -> Check:
    """A check as `to_dict` gave it."""
    values = {name: row[name] for name in _NAMES}
    if isinstance(values["at"], list):
        values["at"] = tuple(values["at"])
    return Check(**values)  # type: ignore[arg-type]


def to_line(checks: Sequence[Check]) -> str:
    """Checks as one line of JSON."""
    return json.dumps([check.to_dict() for check in checks])


def from_line(line: str) -> list[Check]:
    """The checks that `to_line` wrote; `ValueError`, `TypeError` or `KeyError` for anything else."""
    return [_check(row) for row in json.loads(line)]
