"""What was found out before: texts by the hash of all that decides them, in a folder of the user's.

A folder that can't be read or written is no memory, an entry that is not whole is none, and what an entry rests on,
program and libraries included, is in its key. `PELU_FAB_CACHE` names another folder; empty, nothing is remembered.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

VARIABLE = "PELU_FAB_CACHE"
LIBRARIES = ("numpy", "scipy", "shapely", "manifold3d", "pillow")  # what the judge and the page compute with


@dataclass(frozen=True, slots=True)
class Memory:
    """Entries in `folder`; None remembers nothing. Of more than `most` the half that lay unused longest goes."""

    folder: Path | None
    most: int = 4000

    def recall(self, key: str) -> str | None:
        """What was noted under `key`, None where nothing whole is."""
        if self.folder is None:
            return None
        path = self.folder / key
        try:
            told, _, text = path.read_bytes().decode().partition("\n")
            if told != _seal(key, text):
                return None
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            os.utime(path)
        return text

    def note(self, found: Mapping[str, str]) -> None:
        """Keep texts by their keys, each entry whole or not at all; where that fails, nothing is kept."""
        if self.folder is None or not found:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            for key, text in found.items():
                with tempfile.NamedTemporaryFile("wb", dir=self.folder, delete=False) as file:
                    file.write(f"{_seal(key, text)}\n{text}".encode())
                Path(file.name).replace(self.folder / key)
            self._forget(self.folder)

    def _forget(self, folder: Path) -> None:
        """Drop the older half once there are too many; what a killed writer left goes the same way."""
        entries = []
        for path in folder.iterdir():
            with suppress(OSError):  # another process may have dropped it
                entries.append((path.stat().st_mtime, path))
        if len(entries) > self.most:
            for _, path in sorted(entries)[: len(entries) - self.most // 2]:
                with suppress(OSError):
                    path.unlink()


def memory(kind: str, most: int = 4000) -> Memory:
    """The user's own of one kind, or where `PELU_FAB_CACHE` says."""
    told = os.environ.get(VARIABLE)
    if told is not None:
        return Memory(Path(told) / kind if told else None, most)
    try:
        return Memory(_caches() / "pelu_fab" / kind, most)
    except RuntimeError:  # no home
        return Memory(None, most)


def _caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable, default = ("LOCALAPPDATA", "AppData/Local") if sys.platform == "win32" else ("XDG_CACHE_HOME", ".cache")
    told = os.environ.get(variable, "")
    return Path(told) if Path(told).is_absolute() else Path.home() / default


@cache
def program(part: str = "") -> str:
    """Hash of the package's files, or of those of one part of it."""
    home = Path(__file__).parent / part
    digest = hashlib.sha256()
    for file in sorted(path for path in home.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        name = file.relative_to(home).as_posix()
        digest.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


@cache
def machinery() -> str:
    """Python and the libraries that numbers are computed with, by their versions."""
    told = [sys.version]
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            told.append(f"{library} {version(library)}")
    return "\n".join(told)


def version(library: str) -> str:
    """By its metadata, of which importlib's own reads all as an e-mail."""
    return (distribution(library).read_text("METADATA") or "").partition("\nVersion: ")[2].partition("\n")[0]


def _seal(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()
