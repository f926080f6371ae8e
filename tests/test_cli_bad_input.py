"""Bad input at the command line: exit code 2, one line, and the old export untouched, for every kind of fault."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pelu_fab
from pelu_fab import cli
from pelu_fab.files import sha256, write_all
from pelu_fab.sources.design import load

IRIS = Path(__file__).parents[1] / "designs" / "iris"


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def unpinned(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Change the checkpoint, and the pin with it: the fault is to be found in the content."""

    def change(folder: Path) -> None:
        replaced(name, old, new)(folder)
        pin = sha256((IRIS / name).read_bytes())
        replaced("design.toml", pin, sha256((folder / name).read_bytes()))(folder)

    return change


def swapped(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "widget_iris.json").unlink()
        make(folder / "widget_iris.json")

    return change


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "1 missing": (swapped(lambda p: None), "widget_iris.json: does not exist"),
    "1 folder": (swapped(lambda p: p.mkdir()), "is a folder, not a file"),
    "1 fifo": (swapped(lambda p: os.mkfifo(p)), "is a FIFO, not a file"),
    "2 empty": (swapped(lambda p: p.touch()), "is empty (0 bytes)"),
    "3 pickle named json": (swapped(lambda p: p.write_bytes(pickle.dumps({}))), "design pins"),
    "5 damaged": (replaced("widget_iris.json", "2.05", "2.06"), "has sha256"),
    "7 unknown key": (unpinned("widget_iris.json", '"h"', '"heights"'), "layers.0.heights is no key"),
    "8 chain": (unpinned("widget_iris.json", "0.08244021981954575,", ""), "w has rows of [2, 3] shares"),
    "9 nan": (unpinned("widget_iris.json", "2.0516297817230225", "NaN"), "holds NaN"),
    "13 height": (unpinned("widget_iris.json", "2.0516297817230225", "2e9"), "L0.b0: keeps 2e+06 L of water"),
    "14 duplicate key": (unpinned("widget_iris.json", '"h"', '"h": [], "h"'), "'h' twice"),
    "19 syntax": (replaced("design.toml", "unit_ml = 1.0", "unit_ml = 1.0.0"), "line 7, column 14"),
    "20 unknown key": (replaced("design.toml", "unit_ml", "unit_mL"), "did you mean 'unit_ml'?"),
    "21 bool": (replaced("design.toml", "unit_ml = 1.0", "unit_ml = true"), "unit_ml is true; allowed: number"),
    "22 negative": (replaced("design.toml", "12.0", "-12.0"), "pour_flow_ml is -12.0; allowed: greater than"),
    "26 moved": (replaced("design.toml", '= "widget', '= "../widget'), "../widget_iris.json: does not exist"),
    "27 other pin": (replaced("design.toml", 'sha256 = "ff', 'sha256 = "00'), "the design pins 00"),
    "29 later schema": (replaced("design.toml", "schema = 1", "schema = 3"), "is of schema 3"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_exit_2_in_one_line_and_leaves_the_old_export(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault, expected = FAULTS[case]
    shutil.copytree(IRIS, tmp_path / "design")
    export = {"parts/a.stl": b"old", "manifest.json": json.dumps({"files": {"parts/a.stl": ""}}).encode()}
    write_all(tmp_path / "out", export)
    monkeypatch.setattr(pelu_fab, "load", load, raising=False)
    monkeypatch.setattr(sys, "argv", ["pelu-fab", "compile", str(tmp_path / "design"), "-o", str(tmp_path / "out")])
    fault(tmp_path / "design")
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main()
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and expected in err
    found = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == export
