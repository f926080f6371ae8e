"""What was found out about parts: remembered for the very same bytes alone, the same from any number of processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from handmade import box, stl_bytes

from exports import export
from pelu_fab import memory
from pelu_fab.memory import Memory
from pelu_fab.signoff import judging, verify
from pelu_fab.signoff.judging import key_of
from pelu_fab.signoff.mesh import own_checks
from pelu_fab.signoff.report import Check, failed, from_line, least, most, skipped, to_line
from pelu_fab.signoff.stl import read_stl, weld
from pelu_fab.signoff.topology import topology
from pelu_fab.sources.process import read_process

PRINTER = read_process("fdm-pla-detergent").printer
CHECKS = [
    most("drc.gap", "", 0.1 + 0.2, 1 / 3, "mm", "näher", (1.5, -2.0, 0.001)),
    least("drc.wall", "", float("inf"), 0.8, "mm"),
    failed("mesh.closed", "", "torn"),
    skipped("mesh.genus", "", "not defined"),
    Check("mesh.bodies", "", "pass", "one", "one"),
]


def found_in(blob: bytes) -> list[Check]:
    mesh = weld(read_stl(blob, "part"))
    return own_checks(mesh, topology(mesh), PRINTER)


def test_what_is_remembered_is_what_was_noted_to_the_last_bit(tmp_path: Path) -> None:
    kept = Memory(tmp_path / "not" / "there yet")
    assert kept.recall("a") is None
    kept.note({"a": to_line(CHECKS), "b": "", "c": "näher\r\n\n"})
    assert from_line(kept.recall("a") or "") == CHECKS
    assert kept.recall("b") == ""
    assert kept.recall("c") == "näher\r\n\n"
    assert kept.recall("d") is None


@pytest.mark.parametrize("harm", ["cut", "flipped", "another's", "empty", "not text", "folder"])
def test_an_entry_that_is_not_whole_is_none(harm: str, tmp_path: Path) -> None:
    kept = Memory(tmp_path)
    kept.note({"a": '["fail"]', "b": "[]"})
    path = tmp_path / "a"
    whole = path.read_bytes()
    if harm == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "cut": whole[:-2],
                "flipped": whole.replace(b'"fail"', b'"pass"'),
                "another's": (tmp_path / "b").read_bytes(),
                "empty": b"",
                "not text": b"\xff\xfe" + whole,
            }[harm]
        )
    assert kept.recall("a") is None
    assert kept.recall("b") == "[]"


def test_a_folder_that_cant_be_written_is_no_memory_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", None):
        kept = Memory(folder)
        kept.note({"a": "b"})
        assert kept.recall("a") is None


def test_the_memory_stays_bounded_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    kept = Memory(tmp_path, most=10)
    for number in range(40):
        kept.note({f"{number:02}": "found"})
        assert len(list(tmp_path.iterdir())) <= 10
    assert kept.recall("39") == "found"
    assert kept.recall("00") is None


def test_writers_at_the_same_time_leave_whole_entries(tmp_path: Path) -> None:
    kept, long = Memory(tmp_path), "found " * 10_000
    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(kept.note, {"a": long, str(k): "b"}) for k in range(40)]
        seen = [kept.recall("a") for _ in range(200)]
        assert [job.result() for job in jobs] == [None] * 40
    assert all(one in (None, long) for one in seen)
    assert [kept.recall(str(k)) for k in range(40)] == ["b"] * 40
    assert len(list(tmp_path.iterdir())) == 41


def test_other_bytes_another_printer_or_another_program_have_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    bolder = PRINTER.model_copy(update={"max_bridge": PRINTER.max_bridge + 0.01})
    keys = [key_of("a", PRINTER), key_of("b", PRINTER), key_of("a", bolder)]
    for name, other in (("program", lambda _: "another"), ("machinery", lambda: "another")):
        monkeypatch.setattr(judging, name, other)
        keys.append(key_of("a", PRINTER))
        monkeypatch.undo()
    assert len(set(keys)) == 5
    assert key_of("a", PRINTER) == keys[0]


def test_where_the_memory_lies_can_be_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(memory.VARIABLE, "")
    assert memory.memory("checks").folder is None
    monkeypatch.setenv(memory.VARIABLE, str(tmp_path))
    assert memory.memory("checks") == Memory(tmp_path / "checks")
    monkeypatch.delenv(memory.VARIABLE)
    folder = memory.memory("checks").folder
    assert folder is not None and folder.is_absolute() and folder.parts[-2:] == ("pelu_fab", "checks")


def test_the_program_s_hash_tells_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part" / "__pycache__").mkdir(parents=True)
    (tmp_path / "part" / "a.py").write_text("1")
    (tmp_path / "b.js").write_text("1")
    monkeypatch.setattr(memory, "__file__", str(tmp_path / "memory.py"))
    seen = []

    def told() -> tuple[str, str]:
        memory.program.cache_clear()
        seen.append((memory.program(), memory.program("part")))
        return seen[-1]

    first = told()
    (tmp_path / "part" / "__pycache__" / "a.pyc").write_text("compiled")
    assert told() == first
    (tmp_path / "b.js").write_text("2")
    assert told()[0] != first[0] and seen[-1][1] == first[1]
    (tmp_path / "part" / "a.py").rename(tmp_path / "part" / "c.py")
    assert told()[1] not in {one[1] for one in seen[:-1]}
    memory.program.cache_clear()


def test_another_python_or_library_is_another_machinery(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {memory.machinery.__wrapped__()}
    for where, name, other in ((memory, "version", lambda library: f"{library} 9"), (sys, "version", "4")):
        monkeypatch.setattr(where, name, other)
        seen.add(memory.machinery.__wrapped__())
    assert len(seen) == 3


def test_an_unchanged_export_is_judged_from_memory_and_a_changed_part_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export("drip", tmp_path / "device")
    fresh = verify(folder).to_dict()
    monkeypatch.setenv(memory.VARIABLE, str(tmp_path / "kept"))
    assert verify(folder).to_dict() == fresh
    judged: list[int] = []

    def noted(*told: object) -> list[Check]:
        judged.append(1)
        return own_checks(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "own_checks", noted)
    assert verify(folder).to_dict() == fresh
    assert not judged
    part = sorted((folder / "parts").glob("cup*.stl"))[0]
    part.write_bytes(stl_bytes(box((0, 0, 0), (20, 20, 0.3))))
    changed = verify(folder)
    assert len(judged) == 1
    assert ("drc.wall", part.stem) in {(check.id, check.where) for check in changed.failures}


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_any_number_of_processes_finds_the_same(jobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export("drip", tmp_path)
    monkeypatch.setenv(judging.VARIABLE, "0")
    alone = verify(folder).to_dict()
    monkeypatch.setenv(judging.VARIABLE, jobs)
    monkeypatch.setattr(judging, "WORTH", 1)
    assert verify(folder).to_dict() == alone


def test_what_a_process_leaves_undone_is_done_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export("drip", tmp_path)
    alone = verify(folder).to_dict()
    monkeypatch.setenv(judging.VARIABLE, "2")
    monkeypatch.setattr(judging, "WORTH", 1)
    for broken in ("import sys; sys.exit(3)", "print('[1]', flush=True); input()", "print('{', flush=True)"):
        monkeypatch.setattr(judging, "COMMAND", ("-c", broken))
        assert verify(folder).to_dict() == alone
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no such program"))
    assert verify(folder).to_dict() == alone


def test_a_script_without_a_guard_may_judge_a_device_large_enough_for_processes(tmp_path: Path) -> None:
    folder = export("drip", tmp_path / "device")
    script = tmp_path / "script.py"
    script.write_text(
        "from pelu_fab.signoff import judging, verify\n"
        "judging.WORTH = 1\n"
        f"print('judged', verify({str(folder)!r}).verdict)\n"
    )
    environment = {"PELU_FAB_CACHE": "", "PELU_FAB_JOBS": "2", "PYTHONPATH": str(Path(judging.__file__).parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "judged pass\n"


def test_a_process_answers_each_file_with_what_is_found_about_it(tmp_path: Path) -> None:
    """The protocol by itself: two files in, two lines out, nothing after."""
    blobs = [stl_bytes(box((0, 0, 0), (20, 20, height))) for height in (0.3, 5.0)]
    process = judging._process()
    assert process is not None
    assert [judging._ask(process, PRINTER, blob) for blob in blobs] == [found_in(blob) for blob in blobs]
    assert process.communicate(timeout=60)[0] == b""
