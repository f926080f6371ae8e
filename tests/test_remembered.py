"""A whole sign-off is remembered for the very same files, question, program and libraries, and for nothing else."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import pelu_fab
from exports import DESIGNS, export
from pelu_fab import memory, remembered
from pelu_fab.files import locked, write_all
from pelu_fab.signoff import Report, verdict

POUR = [3.0, 4.0]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """An export, and the report that the judge gave of it."""
    folder = export("and-or", tmp_path_factory.mktemp("judged") / "device")
    return folder, verdict.verify(folder, trace=POUR)


class Judge:
    """Counts how often it is asked; says what the judge said once."""

    def __init__(self, report: Report) -> None:
        self.report, self.asked = report, 0

    def __call__(self, *_: object, **__: object) -> Report:
        self.asked += 1
        return self.report


@pytest.fixture
def desk(judged: tuple[Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Judge]:
    """A copy of the export, one of its design, and the judge who counts; the user's memory is on."""
    shutil.copytree(judged[0], tmp_path / "device")
    shutil.copytree(DESIGNS / "and-or", tmp_path / "design")
    (tmp_path / "design" / "rows.csv").write_text("a,b\n1,2\n")
    design = tmp_path / "design" / "design.toml"
    design.write_text(design.read_text().replace("checkpoint =", 'data = "rows.csv"\ncheckpoint =', 1))
    monkeypatch.setenv(memory.VARIABLE, str(tmp_path / "kept"))
    judge = Judge(judged[1])
    monkeypatch.setattr(verdict, "verify", judge)
    return tmp_path / "device", tmp_path / "design", judge


def test_what_is_remembered_is_the_report_to_the_last_bit(desk: tuple[Path, Path, Judge]) -> None:
    folder, _, judge = desk
    first = pelu_fab.verify(folder)
    left = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    again = pelu_fab.verify(folder)
    assert judge.asked == 1
    assert (again, again.to_dict()) == (first, first.to_dict())
    assert first.checks == judge.report.checks and first.netlist_text == judge.report.netlist_text
    assert left == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


def _flip(path: Path) -> None:
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a part": lambda d: _flip(next((d / "parts").glob("card*.stl"))),
    "a part's header": lambda d: _flip_first(next((d / "parts").glob("cup*.stl"))),
    "the manifest": lambda d: _append(d / "manifest.json"),
    "the network": lambda d: _append(d / "network.json"),
    "the lowered network": lambda d: _append(d / "lowered.json"),
    "the netlist": lambda d: _append(d / "netlist.txt"),
    "the assembly": lambda d: _flip(d / "assembly.stl"),
    "the drawing": lambda d: _flip(d / "layout.svg"),
    "the booklet": lambda d: _append(d / "pour.md"),
    "a part that is gone": lambda d: next((d / "parts").glob("*.stl")).unlink(),
    "a part that is renamed": lambda d: (d / "bom.txt").rename(d / "bom.old"),
    "a file that no list names": lambda d: (d / "parts" / "one-more.stl").write_bytes(b"solid"),
    "a file deep in a folder": lambda d: _put(d / "cfd" / "L0.b0" / "a"),
    "the verdict": lambda d: (d / "verify.json").write_text("{}"),
    "the page that is gone": lambda d: (d / "report.html").unlink(),
    "markers that were left": lambda d: (d / "markers.glb").write_bytes(b"glTF"),
}


def _put(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()


def _flip_first(path: Path) -> None:
    blob = bytearray(path.read_bytes())
    blob[10] ^= 1
    path.write_bytes(blob)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_folder_is_judged_again(change: str, desk: tuple[Path, Path, Judge]) -> None:
    folder, _, judge = desk
    pelu_fab.verify(folder)
    CHANGES[change](folder)
    pelu_fab.verify(folder)
    assert judge.asked == 2


QUESTIONS: dict[str, Callable[[Path], dict[str, object]]] = {
    "the checkpoint": lambda d: _append(next(d.glob("*.json"))) or {},
    "the design": lambda d: _append(d / "design.toml") or {},
    "the data": lambda d: _append(next(d.glob("*.csv"))) or {},
    "a setting": lambda d: {"settings": ["max_teeth=12"]},
    "the process": lambda d: {"process": "fdm-pla-water"},
    "a trace": lambda d: {"trace": POUR},
    "no question": lambda d: {"against": None},
    "the checkpoint alone": lambda d: {"against": next(d.glob("*.json"))},
}


@pytest.mark.parametrize("change", QUESTIONS)
def test_another_question_is_judged_again(change: str, desk: tuple[Path, Path, Judge]) -> None:
    folder, design, judge = desk
    pelu_fab.verify(folder, against=design)
    pelu_fab.verify(folder, against=design)
    assert judge.asked == 1
    pelu_fab.verify(folder, **{"against": design, **QUESTIONS[change](design)})  # type: ignore[arg-type]
    assert judge.asked == 2


def test_another_program_or_library_judges_again(
    desk: tuple[Path, Path, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, judge = desk
    pelu_fab.verify(folder)
    for times, name in enumerate(("program", "machinery"), start=2):
        monkeypatch.setattr(remembered, name, lambda: "another")
        pelu_fab.verify(folder)
        assert judge.asked == times


def test_nothing_is_remembered_where_links_lead_out(desk: tuple[Path, Path, Judge]) -> None:
    folder, _, judge = desk
    part = next((folder / "parts").glob("*.stl"))
    part.rename(folder.parent / "elsewhere.stl")
    part.symlink_to(folder.parent / "elsewhere.stl")
    pelu_fab.verify(folder)
    pelu_fab.verify(folder)
    assert judge.asked == 2


def test_a_verdict_that_could_not_be_left_is_not_remembered(
    desk: tuple[Path, Path, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, judge = desk
    monkeypatch.setattr(pelu_fab, "_leave", lambda *_: "the disk is full")
    assert pelu_fab.verify(folder).unwritten == "the disk is full"
    assert pelu_fab.verify(folder).unwritten == "the disk is full"
    assert judge.asked == 2


def test_a_file_that_changes_while_it_is_judged_is_judged_again(
    desk: tuple[Path, Path, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, judge = desk

    def changing(*_: object, **__: object) -> Report:
        _append(folder / "pour.md")
        return judge()

    monkeypatch.setattr(verdict, "verify", changing)
    pelu_fab.verify(folder)
    monkeypatch.setattr(verdict, "verify", judge)
    pelu_fab.verify(folder)
    assert judge.asked == 2


def test_no_verdict_is_left_beside_an_export_that_another_build_wrote_meanwhile(
    desk: tuple[Path, Path, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, judge = desk

    def built_anew(*_: object, **__: object) -> Report:
        files = {name: (folder / name).read_bytes() for name in ("network.json", "manifest.json")}
        table = json.loads(files["manifest.json"])
        table["files"] = {"network.json": table["files"]["network.json"]}
        write_all(folder, files | {"manifest.json": json.dumps(table).encode()})
        return judge()

    pelu_fab.verify(folder)
    monkeypatch.setattr(verdict, "verify", built_anew)
    (folder / "pour.md").write_bytes(b"another")  # not the folder that is remembered
    report = pelu_fab.verify(folder)
    assert report.unwritten == f"{folder}: was written anew while it was judged; verify it again"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "network.json"]


def test_no_verdict_is_left_while_another_build_writes(
    desk: tuple[Path, Path, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, judge = desk
    shown = (folder / "verify.json").read_bytes()

    def writing(*_: object, **__: object) -> Report:
        lock.enter_context(locked(folder))
        return judge()

    monkeypatch.setattr(verdict, "verify", writing)
    with ExitStack() as lock:
        report = pelu_fab.verify(folder)
    assert report.unwritten == f"{folder}: another build is writing here; wait until it is done"
    assert (folder / "verify.json").read_bytes() == shown


def test_a_manifest_that_lists_what_is_left_is_never_remembered(desk: tuple[Path, Path, Judge]) -> None:
    folder, _, judge = desk
    manifest = folder / "manifest.json"
    text = manifest.read_text().replace('"files": {', '"files": {"./verify\\u002ejson": "0",', 1)
    assert text != manifest.read_text()
    manifest.write_text(text)
    pelu_fab.verify(folder)
    pelu_fab.verify(folder)
    assert judge.asked == 2


def test_an_entry_that_was_tampered_with_is_judged_again(desk: tuple[Path, Path, Judge]) -> None:
    folder, _, judge = desk
    pelu_fab.verify(folder)
    entry = next((folder.parent / "kept" / "verdicts").iterdir())
    entry.write_bytes(entry.read_bytes().replace(b'"pass"', b'"fail"', 1))
    assert pelu_fab.verify(folder).verdict == "pass"
    assert judge.asked == 2


def test_numbers_of_a_report_survive_their_text() -> None:
    checks = [verdict.failed("mesh.closed", "card ä", "torn", (0.1 + 0.2, -1e-300, 1 / 3), float("inf"))]
    report = Report(tuple(checks), {"layers": [1 / 3]}, {"rows": 5}, {"cfd": [{"at": "L0.b0"}]}, "netlist\n")
    again = remembered.report_of(report.to_text())
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["checks"][0]["found"] == "inf"
    assert again == report
    assert np.nextafter(1 / 3, 1) != again.recovered["layers"][0]
