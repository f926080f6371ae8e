"""Files: read once and whole, and written so that nothing is ever lost or half there.

In: paths and bytes. Out: bytes, hashes, and folders that hold either the old export or the new one.
"""

import difflib
import errno
import hashlib
import os
import re
import stat
import unicodedata
from pathlib import Path

from pelu_fab.errors import FabError

MEBIBYTE = 1 << 20
MAX_NAME = 60
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # devices on Windows, with any suffix


def sha256(blob: bytes) -> str:
    """Hash of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(blob).hexdigest()


def read_input(path: Path, *, limit: int = 64 * MEBIBYTE, too_big: str = "give a smaller file") -> bytes:
    """Read a regular file whole, from one handle, so that what is hashed is what is used.

    A folder, FIFO, device, missing, unreadable or empty file, and one of more than `limit` bytes, raise `FabError`;
    `too_big` is then the remedy. A FIFO is never waited for.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise FabError(str(path), f"is {_kind(status.st_mode)}, not a file", "give the path of a regular file")
        try:
            blob = file.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, error) from error
    if len(blob) > limit:
        size = max(status.st_size, len(blob)) / MEBIBYTE
        raise FabError(str(path), f"is {size:.1f} MiB large, at most {limit / MEBIBYTE:g} MiB are read", too_big)
    if not blob:
        raise FabError(str(path), "is empty (0 bytes)", "write it again, the last writing was cut off")
    return blob


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _unreadable(path: Path, error: OSError | ValueError) -> FabError:
    if isinstance(error, ValueError):
        return FabError(repr(str(path)), "is no path: it holds a NUL character", "give the path of a regular file")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        near = _neighbours(path)
        return FabError(str(path), "does not exist", f"did you mean {near}?" if near else "check the path")
    if error.errno == errno.ENXIO:
        return FabError(str(path), "is a socket, not a file", "give the path of a regular file")
    return FabError(str(path), f"can't be read: {error.strerror}", "check its permissions and the disk")


def _neighbours(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return ""
    return ", ".join(sorted(difflib.get_close_matches(path.name, names, n=3)))


def safe_name(text: str) -> str:
    """A file name that every system takes, from any text: ASCII, no path, no leading dash or dot, no device name.

    Different texts may give the same name; a text that is one already stays as it is.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:MAX_NAME].rstrip("-._")
    if not plain:
        return "unnamed"
    return f"x-{plain}" if RESERVED.fullmatch(plain.split(".")[0]) else plain
