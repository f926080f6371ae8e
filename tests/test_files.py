"""An export is there whole or not at all: at every place where a write can fail, be interrupted or be killed."""

import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.errors import FabBug, FabError
from pelu_fab.files import WORK, alone_in, locked, read_input, recover, safe_name, sha256, write_all, write_file


def export(tag: str, *, parts: int = 2) -> dict[str, bytes]:
    files = {f"parts/L0.b{n}.stl": f"{tag} part {n}".encode() * 50 for n in range(parts)}
    files |= {"netlist.txt": tag.encode(), f"{tag}.only": tag.encode()}
    return files | {
        "manifest.json": json.dumps({"schema": 1, "files": {n: sha256(b) for n, b in files.items()}}).encode()
    }


def content(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


OLD, NEW = export("old", parts=3), export("new")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with the old export, a stale verdict on it, and a note of the user's."""
    path = tmp_path / "iris"
    write_all(path, OLD)
    (path / "verify.json").write_text("{}")
    (path / "my notes.txt").write_text("keep me")
    return path


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of writes without waiting for the disk: a process that dies, unlike a machine, loses no page."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except FabError:
            os._exit(2)
        except BaseException:
            os._exit(70)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_an_export_replaces_the_old_one_and_leaves_what_is_not_ours(directory: Path) -> None:
    write_all(directory, NEW)
    assert content(directory) == NEW | {"my notes.txt": b"keep me"}
    write_all(directory, export("new", parts=0))
    assert not (directory / "parts").exists() and not (directory / WORK).exists()


def calls_of_a_write(directory: Path, on_call: Callable[[int, str, tuple[object, ...]], None]) -> None:
    """Write the new export; `on_call` sees each file operation's number and kind before it happens."""
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"):
            count += 1
            on_call(count, event, arguments)

    sys.addaudithook(hook)
    write_all(directory, NEW)


def count_of_calls(directory: Path) -> int:
    reader, writer = os.pipe()
    assert in_child(lambda: calls_of_a_write(directory, lambda *_: os.write(writer, b".") and None)) == 0
    return len(os.read(reader, 10_000))


def is_whole(directory: Path) -> str:
    note = {"my notes.txt": b"keep me"}
    found = content(directory)
    if found == OLD | note | {"verify.json": b"{}"}:
        return "old"
    return "new" if found == NEW | note else f"mixed: {sorted(found)}"


def rebuilt(directory: Path) -> None:
    write_all(directory, OLD, force=True)
    (directory / "verify.json").write_text("{}")


@pytest.mark.usefixtures("unsynced")
def test_a_kill_at_any_operation_leaves_the_old_export_or_the_new_one(directory: Path) -> None:
    total = count_of_calls(directory)
    assert total > 30
    states = []
    for k in range(1, total + 1):
        rebuilt(directory)
        status = in_child(lambda k=k: calls_of_a_write(directory, lambda n, *_: os._exit(9) if n == k else None))  # type: ignore[misc]
        assert os.WEXITSTATUS(status) == 9
        recover(directory)
        states.append(is_whole(directory))
    assert set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True), "old up to one operation, new from there on"


@pytest.mark.usefixtures("unsynced")
def test_a_kill_during_the_recovery_of_a_kill_loses_nothing(directory: Path) -> None:
    def die_at_the_manifest(_: int, event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and Path(str(arguments[1])) == directory / "manifest.json":
            os._exit(9)

    for second in range(1, 25):
        rebuilt(directory)
        assert os.WEXITSTATUS(in_child(lambda: calls_of_a_write(directory, die_at_the_manifest))) == 9
        assert (directory / "new.only").exists() and (directory / "old.only").exists(), "it was in the middle"

        def die_in_recovery(second: int = second) -> None:
            count = 0

            def hook(event: str, _: tuple[object, ...]) -> None:
                nonlocal count
                count += event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
                if count == second:
                    os._exit(9)

            sys.addaudithook(hook)
            recover(directory)

        in_child(die_in_recovery)
        recover(directory)
        assert is_whole(directory) == "old"


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_an_error_at_any_operation_keeps_the_old_export_and_says_so(directory: Path, code: int) -> None:
    def fail(n: int, k: int) -> None:
        if n == k:
            raise OSError(code, os.strerror(code))

    outcomes = set()
    for k in range(1, count_of_calls(directory) + 1):
        rebuilt(directory)
        status = os.WEXITSTATUS(in_child(lambda k=k: calls_of_a_write(directory, lambda n, *_: fail(n, k))))  # type: ignore[misc]
        recover(directory)
        outcomes.add((status, is_whole(directory)))
    assert outcomes == {(2, "old"), (0, "new")}, "a link that fails is no error (disks without), nor is a failed sweep"


@pytest.mark.usefixtures("unsynced")
def test_a_disk_full_at_any_byte_keeps_the_old_export(directory: Path) -> None:
    largest = max(len(blob) for blob in NEW.values())

    def write_at_most(limit: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        write_all(directory, NEW)

    for limit in range(0, largest, 37):
        assert os.WEXITSTATUS(in_child(lambda limit=limit: write_at_most(limit))) == 2  # type: ignore[misc]
        assert is_whole(directory) == "old" and not (directory / WORK).exists()
    write_all(directory, NEW)
    assert is_whole(directory) == "new"


def test_ctrl_c_in_the_middle_rolls_back_at_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def interrupt(self: Path, target: Path) -> Path:
        if self.parent.name == "new" and target.name == "manifest.json":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_all(directory, export("third"))
    monkeypatch.undo()
    assert is_whole(directory) == "old" and not (directory / WORK).exists()


def test_a_disk_that_gives_back_other_bytes_is_noticed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path)[:-1] if WORK in path.parts else read(path))
    with pytest.raises(FabError, match=r"the disk returned other bytes than were written; .* untouched$"):
        write_all(directory, NEW)
    monkeypatch.undo()
    assert is_whole(directory) == "old"


def test_a_first_export_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FabError, match=r"can't be written: No space left on device; check disk and permissions"):
        write_all(tmp_path / "iris", NEW)
    assert not (tmp_path / "iris").exists()


def test_two_builds_into_one_folder_are_refused_while_the_first_lives(directory: Path) -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(directory):
            os.write(told, b"!")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(FabError, match=r"iris: another build is writing here; wait until it is done"):
        write_all(directory, NEW)
    assert is_whole(directory) == "old"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    write_all(directory, NEW)
    assert is_whole(directory) == "new"


# ---- a design that was trained: other names, no manifest ----

OURS = ("iris.safetensors", "iris.png", "data.csv", "held-out.csv")
TRAINED = {name: f"old {name}".encode() for name in (*OURS, "design.toml")}
AGAIN = {name: f"new {name}".encode() * 30 for name in ("iris.safetensors", "data.csv", "design.toml")}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "trained"
    train_into(path, TRAINED)
    (path / "my notes.txt").write_text("keep me")
    return path


def train_into(home: Path, files: Mapping[str, bytes]) -> None:
    with alone_in(home) as put:
        put(files, "design.toml", OURS)


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("how", ["killed", "full"])
def test_a_design_that_is_trained_anew_is_the_old_one_or_the_new_one_whole(home: Path, how: str) -> None:
    def interrupted(at: int) -> None:
        count = 0

        def hook(event: str, _: tuple[object, ...]) -> None:
            nonlocal count
            count += event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
            if count == at and how == "killed":
                os._exit(9)
            if count == at:
                count += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        sys.addaudithook(hook)
        train_into(home, AGAIN)

    note = {"my notes.txt": b"keep me"}
    states = []
    for at in range(1, 200):
        train_into(home, TRAINED)
        status = os.WEXITSTATUS(in_child(lambda at=at: interrupted(at)))  # type: ignore[misc]
        recover(home)
        found = content(home)
        assert found in (TRAINED | note, AGAIN | note), sorted(found)
        assert status != 70 and (status != 0 or found == AGAIN | note)
        states.append((status, found == AGAIN | note))
        if status == 0 and at > 1 and states[-1] == states[-2]:
            break
    assert (9 if how == "killed" else 2, False) in states and states[-1] == (0, True)


def test_a_folder_is_held_alone_from_before_the_training_to_its_end(home: Path) -> None:
    with alone_in(home) as put:
        with pytest.raises(FabError, match="trained: another build is writing here; wait until it is done"):
            train_into(home, AGAIN)
        put(AGAIN, "design.toml", OURS)
    assert content(home) == AGAIN | {"my notes.txt": b"keep me"}


def test_a_training_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path / "new" / "home"):
        raise ZeroDivisionError
    assert not (tmp_path / "new" / "home").exists()
    (tmp_path / "taken").write_text("a thesis")
    with pytest.raises(FabError, match="taken: is a file, not a folder"), alone_in(tmp_path / "taken"):
        pytest.fail("it was entered")


# ---- folders that are not ours ----


def test_files_that_are_not_ours_are_never_overwritten_unless_forced(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "netlist.txt").write_text("chapter 1")
    with pytest.raises(FabError, match=r"holds files that pelu_fab did not write \(netlist\.txt\); choose another"):
        write_all(tmp_path / "thesis", NEW)
    assert content(tmp_path / "thesis") == {"netlist.txt": b"chapter 1"}
    write_all(tmp_path / "thesis", NEW, force=True)
    assert content(tmp_path / "thesis") == NEW
    (directory / "new.only").write_text("mine, not the export's")
    with pytest.raises(FabError, match=r"did not write \(new\.only\)"):
        write_all(directory, NEW)


def test_an_empty_folder_is_fine_and_missing_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".gitkeep").touch()
    write_all(tmp_path / "empty", NEW)
    write_all(tmp_path / "a" / "b" / "c", NEW)
    assert content(tmp_path / "a" / "b" / "c") == NEW


def test_a_target_that_is_a_file_or_a_link_is_refused(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(directory)
    for name, match in (("file", "is a file, not a folder"), ("link", "is a symbolic link; give the folder itself")):
        with pytest.raises(FabError, match=rf"{name}: {match}"):
            write_all(tmp_path / name, NEW, force=True)
    with pytest.raises(FabError, match="can't be written: Not a directory"):
        write_all(tmp_path / "file" / "below", NEW)
    assert (tmp_path / "file").read_text() == "x" and is_whole(directory) == "old"


def test_a_link_inside_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "iris").mkdir()
    for name in ("parts", WORK):
        (tmp_path / "iris" / name).symlink_to(tmp_path / "outside")
        with pytest.raises(FabError, match=rf"{name}: is a symbolic link"):
            write_all(tmp_path / "iris", NEW, force=True)
        (tmp_path / "iris" / name).unlink()
    assert not list((tmp_path / "outside").iterdir())


def test_a_hostile_manifest_deletes_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "iris").mkdir()
    outputs = {"../precious": "0", str(tmp_path / "precious"): "0", "gone.stl": "0"}
    (tmp_path / "iris" / "manifest.json").write_text(json.dumps({"files": outputs}))
    write_all(tmp_path / "iris", NEW)
    assert (tmp_path / "precious").exists() and content(tmp_path / "iris") == NEW


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "CON", "-rf", "a\nb", "a b", ".hidden", "é", "x" * 300, ""])
def test_an_export_with_an_unsafe_name_is_our_bug(tmp_path: Path, name: str) -> None:
    with pytest.raises(FabBug, match="is no safe file name"):
        write_all(tmp_path / "iris", {name: b"", "manifest.json": b"{}"})
    assert not list(tmp_path.iterdir())


def test_names_that_differ_in_case_alone_are_our_bug(tmp_path: Path) -> None:
    with pytest.raises(FabBug, match="differ only in upper and lower case"):
        write_all(tmp_path / "iris", {"a.stl": b"", "A.stl": b"", "manifest.json": b"{}"})
    with pytest.raises(FabBug, match=r"an export without its manifest\.json"):
        write_all(tmp_path / "iris", {"a.stl": b""})


# ---- names and single files ----

NAMES = {
    "iris": "iris",
    "L0.b2": "L0.b2",
    "Prüfung Nr. 7": "Prufung-Nr.-7",
    "CON": "x-CON",
    "nul.stl": "x-nul.stl",
    "-rf": "rf",
    "../../etc/passwd": "etc-passwd",
    "a\nb\x1b[31m": "a-b-31m",
    "水": "unnamed",
    "": "unnamed",
    "...": "unnamed",
}


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_odd_names_become_safe_ones(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text())
def test_a_safe_name_stays_as_it_is_and_can_be_a_file_anywhere(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name and 0 < len(name) <= 64
    assert name.isascii() and not name.startswith(("-", ".")) and not name.endswith(".")
    assert not set(name) & set('<>:"/\\|?* \n') and name.split(".")[0].upper() not in (
        "CON",
        "NUL",
        "AUX",
        "PRN",
        "COM1",
    )


def test_one_file_is_old_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "verify.json"
    write_file(path, b"old")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(FabError, match=r"verify\.json: can't be written: Input/output error"):
        write_file(path, b"new")
    assert content(tmp_path) == {"verify.json": b"old"}


def test_what_is_read_is_limited(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100)
    assert read_input(tmp_path / "big", limit=100) == b"x" * 100
    with pytest.raises(FabError, match=r"big: is 0\.0 MiB large, .*; split it"):
        read_input(tmp_path / "big", limit=99, too_big="split it")
    with pytest.raises(FabError, match="holds a NUL character"):
        read_input(Path("a\0b"))
    with pytest.raises(FabError, match="File name too long"):
        read_input(tmp_path / ("x" * 300))
