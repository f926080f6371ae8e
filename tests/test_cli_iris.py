"""The commands of the README on the iris design, from end to end."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from pelu_fab import cli

IRIS = Path(__file__).parents[1] / "designs" / "iris"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", ["pelu-fab", *arguments, "--json"])
        cli.main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), json.loads(out) if out else err


def content(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def test_compile_verify_damage_and_compile_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "iris"
    code, first = run(capsys, "compile", str(IRIS), "-o", str(out))
    assert (code, first["unchanged"], first["report"]["verdict"]) == (0, False, "pass")
    built = content(out)
    assert {"manifest.json", "netlist.txt", "verify.json", "network.json", "pour.md"} <= set(built)

    code, again = run(capsys, "compile", str(IRIS), "-o", str(out))
    assert (code, again["unchanged"]) == (0, True) and content(out) == built

    by_size = sorted((out / "parts").glob("*.stl"), key=lambda path: path.stat().st_size)
    for part in (by_size[0], max((out / "parts").glob("card-*.stl"))):
        part.write_bytes(part.read_bytes()[:-50])  # one triangle lost, and the count in the header is a lie
        code, report = run(capsys, "verify", str(out))
        assert code == 1 and report["verdict"] == "fail"
        assert any(c["status"] == "fail" and part.stem in c["where"] for c in report["checks"])

    (out / "my notes.txt").write_text("keep me")
    code, rebuilt = run(capsys, "compile", str(IRIS), "-o", str(out))
    assert (code, rebuilt["unchanged"]) == (0, False)
    assert content(out) == built | {"my notes.txt": b"keep me"}, "the same input gives the same bytes"


def test_inspect_tells_a_mesh_without_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "compile", str(IRIS), "-o", str(tmp_path / "iris"))[0] == 0
    largest = max((tmp_path / "iris" / "parts").glob("*.stl"), key=lambda path: path.stat().st_size)
    part = shutil.copy(largest, tmp_path / "anonymous.stl")
    code, table = run(capsys, "inspect", str(part))
    mesh = table["meshes"][0] if "meshes" in table else table
    assert code == 0 and mesh["closed"] is True and mesh["bodies"] == 1 and mesh["triangles"] > 100
    for blob in (b"", b"solid nothing", Path(part).read_bytes()[:-10]):
        (tmp_path / "cut.stl").write_bytes(blob)
        code, error = run(capsys, "inspect", str(tmp_path / "cut.stl"))
        assert code == 2 and error.startswith(f"error: {tmp_path}/cut.stl: ")
