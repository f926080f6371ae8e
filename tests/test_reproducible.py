"""The same design gives the same bytes: in one process, in another, and whatever the order of sets."""

import ast
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import pelu_fab
from pelu_fab import load, pipeline

IRIS = Path(__file__).parent.parent / "designs" / "iris"
CODE = f"""
import json
from hashlib import sha256
from pelu_fab import load, pipeline
device = pipeline.compile_design(load({str(IRIS)!r}))
files, _ = pipeline.to_files(device, FORMATS)
print(json.dumps({{name: sha256(blob).hexdigest() for name, blob in files.items()}}))
"""


def hashes(formats: tuple[str, ...]) -> dict[str, str]:
    files, _ = pipeline.to_files(pipeline.compile_design(load(IRIS)), formats)
    return {name: sha256(blob).hexdigest() for name, blob in files.items()}


def elsewhere(formats: tuple[str, ...], seed: str) -> dict[str, str]:
    """The same in a fresh process with another order of sets and dicts of strings, another clock zone and locale."""
    code = CODE.replace("FORMATS", repr(formats))
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "86400",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    table: dict[str, str] = json.loads(done.stdout)
    return table


def test_every_part_and_text_is_the_same_in_another_process() -> None:
    here = hashes(("stl",))
    assert len(here) > 15
    assert here == hashes(("stl",))
    assert here == elsewhere(("stl",), "1")
    assert here == elsewhere(("stl",), "4242")


@pytest.mark.slow
def test_every_format_but_pictures_is_the_same_in_another_process() -> None:
    formats = ("stl", "svg", "3mf", "glb", "report", "booklet", "step")
    here = hashes(formats)
    assert {Path(name).suffix for name in here} >= {".stl", ".svg", ".3mf", ".glb", ".pdf", ".step"}
    assert here == elsewhere(formats, "7")


def test_another_design_gives_other_bytes() -> None:
    """The comparison above can fail: a jug that pours more slowly changes some part."""
    design = load(IRIS, settings=["pour_flow_ml=10"])
    files, _ = pipeline.to_files(pipeline.compile_design(design), ("stl",))
    here = hashes(("stl",))
    assert any(sha256(blob).hexdigest() != here.get(name) for name, blob in files.items())


def test_no_length_is_a_sum_that_hangs_on_the_version_of_python() -> None:
    """From 3.12 on `sum` compensates, so that a length at its own limit came out otherwise; `fsum` never does."""
    root = Path(pelu_fab.__file__).parent
    whole = {"sum(counts)", "sum((part.count for part in parts if not part.is_cut))"}  # numbers of things
    found = [
        f"{path.relative_to(root)}:{node.lineno} {ast.unparse(node)}"
        for folder in ("stages", "ir", "hydraulics", "kernels")
        for path in sorted((root / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sum"
        if ast.unparse(node) not in whole and ".contains(" not in ast.unparse(node)
    ]
    assert found == []
