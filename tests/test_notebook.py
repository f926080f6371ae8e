"""The notebook of docs trains, compiles and looks, as a reader would run it; it is stored without results."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import pelu_fab

HOME = Path(__file__).parents[1]
NOTEBOOK = HOME / "docs" / "notebook.ipynb"
METHOD = "_repr_mimebundle_"


def cells() -> list[dict[str, Any]]:
    return list(json.loads(NOTEBOOK.read_text())["cells"])


def test_it_is_stored_without_results_in_the_one_way_that_its_content_has() -> None:
    whole = json.loads(NOTEBOOK.read_text())
    assert NOTEBOOK.read_text() == json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5), "cells have ids"
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert len(code) > 5 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in cells()}) == len(cells())
    for cell in code:
        ast.parse("".join(cell["source"]))


@pytest.mark.slow
def test_it_trains_compiles_and_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cell by cell in a folder with the designs alone; what a cell ends with is shown as a notebook shows it."""
    shutil.copytree(HOME / "designs", tmp_path / "designs")
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")  # where a notebook starts
    space: dict[str, Any] = {}
    shown = []
    for cell in cells():
        if cell["cell_type"] == "code":
            shown.append(_run("".join(cell["source"]), cell["id"], space))
    assert space["right"] > 0.93 and space["losses"][-1] < space["losses"][0] / 3
    assert isinstance(space["device"], pelu_fab.Device) and space["report"].verdict == "pass"
    trained, printed = zip(*((flow["trained"], flow["predicted"]) for flow in space["flows"]), strict=True)
    assert len(printed) > 5 and all(abs(a - b) < 0.05 for a, b in zip(trained, printed, strict=True))
    bundles = [bundle for bundle in shown if isinstance(bundle, dict)]
    assert [sorted(bundle) for bundle in bundles] == [
        ["image/svg+xml", "text/html", "text/plain"],
        ["text/html", "text/plain"],
    ]
    assert (tmp_path / "exports" / "notebook" / "report.html").is_file()


def _run(source: str, name: str, space: dict[str, Any]) -> Any:
    """What the last line of a cell shows."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), name, "exec"), space)
    if not isinstance(last, ast.Expr):
        return None
    value = eval(compile(ast.Expression(last.value), name, "eval"), space)
    return getattr(value, METHOD)() if hasattr(type(value), METHOD) else repr(value)
