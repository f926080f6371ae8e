"""Files: read once and whole, and written so that nothing is ever lost or half there.

In: paths and bytes. Out: bytes, hashes, and folders that hold either the old export or the new one.
"""

import contextlib
import difflib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pelu_fab.errors import FabBug, FabError

try:
    import fcntl
except ImportError:  # Windows: two builds into one folder are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

MEBIBYTE = 1 << 20
HEAD = 4096  # bytes by which a file is judged before the rest of it is read
MAX_NAME = 60
WORK = ".pelu_fab"  # inside the output folder while it is being written: new files, old files, journal
JOURNAL = "journal.json"
PAGE, PLACES = "report.html", ("markers.glb", "findings.svg")
LEFT = ("verify.json", PAGE, *PLACES)  # by sign-off, beside what it judges
DERIVED = (*LEFT, "slices.json")  # written later, and worth nothing beside another export
SHORTER = "give a shorter name"
UNTOUCHED = "what was there before is untouched"
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # devices on Windows, with any suffix


def sha256(blob: bytes) -> str:
    """Hash of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(blob).hexdigest()


def read_input(
    path: Path,
    *,
    limit: int = 64 * MEBIBYTE,
    too_big: str = "give a smaller file",
    judge: Callable[[bytes, int], None] | None = None,
) -> bytes:
    """Read a regular file whole, from one handle, so that what is hashed is what is used.

    A folder, FIFO, device, missing, unreadable or empty file, and one of more than `limit` bytes, raise `FabError`;
    `too_big` is then the remedy. A FIFO is never waited for. `judge` sees the first 4 KiB and the size before the rest
    is read, and may raise.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise FabError(str(path), f"is {_kind(status.st_mode)}, not a file", "give the path of a regular file")
    with os.fdopen(handle, "rb") as file:
        try:
            blob = file.read(HEAD)
            if judge is not None and blob:
                judge(blob, status.st_size)
            if status.st_size <= limit:
                blob += file.read(limit + 1 - len(blob))
        except OSError as error:
            raise _unreadable(path, error) from error
    if max(status.st_size, len(blob)) > limit:
        size = max(status.st_size, len(blob)) / MEBIBYTE
        raise FabError(str(path), f"is {size:.1f} MiB large, at most {limit / MEBIBYTE:g} MiB are read", too_big)
    if not blob:
        raise FabError(str(path), "is empty (0 bytes)", "write it again, the last writing was cut off")
    return blob


def name_of(path: Path) -> str:
    """A file's name as text that can be written: bytes that are no UTF-8 become a replacement character."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def is_missing(path: Path) -> bool:
    """Whether nothing is there. False where it can't be told: reading it then says why."""
    try:
        return not path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; False where it can't be told: reading it then says why."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def entries(folder: Path) -> list[Path]:
    """What a folder holds, by name; one that may not be entered raises `FabError`."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error


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
    if error.errno == errno.ENAMETOOLONG:
        return FabError(str(path), f"can't be read: {error.strerror}", SHORTER)
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


def write_file(path: Path, blob: bytes) -> None:
    """Write one file so that its name holds the old bytes or the new ones, never a part."""
    staged = path.with_name(f".{sha256(os.fsencode(path.name))[:12]}.{os.getpid()}.tmp")  # short, however long the name
    try:
        _write_through(staged, blob)
        staged.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


def write_all(
    directory: Path, files: Mapping[str, bytes], *, manifest: str = "manifest.json", force: bool = False
) -> None:
    """Make a folder hold an export: `files` by relative name, and no file of the export that was there before.

    All are staged, synced and read back before the first name changes; `files[manifest]` comes last. Whatever fails,
    the old export stays whole: an error or Ctrl-C rolls back at once, a kill is rolled back by the next `recover` or
    `write_all`. Files that pelu_fab did not write are kept; where there is no manifest of ours, or one of them would
    be overwritten, `FabError` is raised unless `force`. One build at a time: a second one is refused.
    """
    _check_names(files, manifest)
    with alone_in(directory) as put:
        with _writing(directory):
            ours = _written_before(directory, manifest)
            _check_foreign(directory, files, ours, force)
        put(files, manifest, ours or ())


Put = Callable[[Mapping[str, bytes], str, Collection[str]], None]


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[Put]:
    """Hold a folder alone, made if need be, from before a long work to its end: a second one is refused at once.

    What this gives writes files by relative name, all or none: `put(files, last, ours)` lets `last` be the last that
    changes, and takes away what else of `ours` is there. Whatever fails, the folder is as it was.
    """
    _check_target(directory)
    existed = not is_missing(directory)

    def put(files: Mapping[str, bytes], last: str, ours: Collection[str]) -> None:
        with _writing(directory):
            try:
                _stage(directory, files, ours)
                _swap(directory, files, ours, last)
            finally:
                _recover(directory)

    try:
        with contextlib.ExitStack() as stack:
            with _writing(directory):
                directory.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(directory))
                _recover(directory)
            yield put
    finally:
        if not existed:
            with contextlib.suppress(OSError):
                directory.rmdir()


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(directory, error) from error


def recover(directory: Path) -> None:
    """Bring a folder back to its last whole export, if a build into it was killed half-way. Every reader calls this."""
    if os.path.isdir(directory / WORK):  # noqa: PTH112 - unlike Path's, it takes any text for a path
        with _writing(directory), locked(directory):
            _recover(directory)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a folder alone; where another build holds it, `FabError`. A killed holder's lock is gone with it."""
    if fcntl is None:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FabError(str(directory), "another build is writing here", "wait until it is done") from error
        yield
    finally:
        os.close(handle)


def _check_names(files: Mapping[str, bytes], manifest: str) -> None:
    if manifest not in files:
        raise FabBug(f"an export without its {manifest}")
    for name in files:
        if not _is_plain(name):
            raise FabBug(f"{name!r} is no safe file name")
    if len({name.casefold() for name in files}) != len(files):
        raise FabBug("two files of an export differ only in upper and lower case")


def _is_plain(name: str) -> bool:
    """Whether a relative name is safe on every system, and stays inside the folder."""
    return name == PurePosixPath(name).as_posix() and all(part == safe_name(part) for part in name.split("/"))


def _check_target(directory: Path) -> None:
    try:
        for path in (directory, directory / WORK):
            if path.is_symlink():
                raise FabError(str(path), "is a symbolic link", "give the folder itself")
        if directory.exists() and not directory.is_dir():
            raise FabError(str(directory), "is a file, not a folder", "give another output folder")
    except (OSError, ValueError) as error:
        raise _unreadable(directory, error) from error


def _written_before(directory: Path, manifest: str) -> list[str] | None:
    """Files of the export that is there, by its manifest; None where there is no manifest of ours."""
    try:
        table = json.loads((directory / manifest).read_bytes())
        names = [*table["files"], manifest, *DERIVED]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return sorted({n for n in names if isinstance(n, str) and _is_plain(n) and (directory / n).is_file()})


def _check_foreign(directory: Path, files: Mapping[str, bytes], ours: Sequence[str] | None, force: bool) -> None:
    """Nothing that someone else put into the folder is overwritten or mixed up with an export."""
    for folder in sorted({directory / name.split("/")[0] for name in files if "/" in name}):
        if folder.is_symlink():
            raise FabError(str(folder), "is a symbolic link, which would lead out of the export", "remove it")
    hidden = (WORK, ".gitkeep", ".DS_Store")
    if ours is None:
        foreign = sorted(entry.name for entry in directory.iterdir() if entry.name not in hidden)
    else:
        foreign = sorted(name for name in files if name not in ours and (directory / name).exists())
    if foreign and not force:
        some = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
        what = f"holds files that pelu_fab did not write ({some})"
        raise FabError(str(directory), what, "choose another output folder, or --force to write beside and over them")


def _stage(directory: Path, files: Mapping[str, bytes], ours: Collection[str]) -> None:
    """Put the new files, and second names for the old ones, into the work folder; touch nothing else."""
    work = directory / WORK
    for name, blob in files.items():
        _write_through(work / "new" / name, blob)
    there = sorted(name for name in {*ours, *files} if (directory / name).is_file())
    for name in there:
        kept = work / "old" / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)
        try:
            os.link(directory / name, kept)
        except OSError:  # a disk without hard links
            shutil.copy2(directory / name, kept)
    write_file(work / JOURNAL, json.dumps({"old": there, "new": sorted(files)}).encode())


def _swap(directory: Path, files: Mapping[str, bytes], ours: Collection[str], last: str) -> None:
    """Rename the new files into place, `last` last. Until the journal is gone, `_recover` undoes all of it."""
    work = directory / WORK
    for name in [*sorted(set(files) - {last}), last]:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "new" / name).replace(directory / name)
    for name in sorted(set(ours) - set(files)):
        _remove(directory, name)
    _sync_folder(directory)
    (work / JOURNAL).unlink()


def _recover(directory: Path) -> None:
    """Undo a swap that has a journal, then sweep the work folder. Killed half-way, it can be done again."""
    work = directory / WORK
    if work.is_symlink() or not work.is_dir():
        return
    if (work / JOURNAL).exists():
        old, new = _journal(work / JOURNAL)
        for name in sorted(new - old):
            _remove(directory, name)
        for name in sorted(old):
            if (work / "old" / name).exists():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                (work / "old" / name).replace(directory / name)
        _sync_folder(directory)
        (work / JOURNAL).unlink()
    shutil.rmtree(work, ignore_errors=True)  # what stays is swept the next time


def _journal(path: Path) -> tuple[set[str], set[str]]:
    """Old and new names; a journal that we can't have written is refused, for it might lead out of the folder."""
    try:
        table = json.loads(path.read_bytes())
        old, new = ({str(name) for name in table[kind]} for kind in ("old", "new"))
    except (ValueError, KeyError, TypeError, RecursionError):
        old, new = {""}, set()
    if not all(map(_is_plain, old | new)):
        raise FabError(str(path), "is no journal of a build", f"remove {path.parent}, and compile again")
    return old, new


def _remove(directory: Path, name: str) -> None:
    """Delete a file of an export, and the folder in it that this leaves empty."""
    path = directory / name
    path.unlink(missing_ok=True)
    if path.parent != directory:
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _write_through(path: Path, blob: bytes) -> None:
    """Write, force to the disk, read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != blob:
        raise OSError(errno.EIO, "the disk returned other bytes than were written")


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, error: OSError) -> FabError:
    if error.errno == errno.ENAMETOOLONG:
        return FabError(str(path), f"can't be written: {error.strerror}", SHORTER)
    return FabError(
        str(path), f"can't be written: {error.strerror or error}", f"check disk and permissions; {UNTOUCHED}"
    )
