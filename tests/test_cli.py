"""The command line: exit codes, one-line errors, clean output, and nothing heavy loaded before it is needed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pelu_fab
from pelu_fab import cli
from pelu_fab.commands import printable, report_lines, tree_lines
from pelu_fab.errors import FabError

IRIS = Path(__file__).parents[1] / "designs" / "iris"
HEAVY = {
    "torch",
    "cadquery",
    "OCP",
    "manifold3d",
    "trimesh",
    "scipy",
    "matplotlib",
    "numpy",
    "pyvista",
    "vtk",
    "pydantic",
}

CHECKS = [
    {"id": "mesh.closed", "where": "L0.stl", "status": "pass", "found": 0, "limit": 0, "unit": "edges"},
    {
        "id": "lvs.share",
        "where": "L0.b2->L1.b1",
        "status": "fail",
        "found": 0.5312,
        "limit": 0.002,
        "at": [1.0, 2.5, 3.0],
    },
    {"id": "slicer.info", "where": "all parts", "status": "skipped", "why": "no slicer is installed"},
]


class Report(SimpleNamespace):
    unwritten = ""

    def to_dict(self) -> dict[str, Any]:
        return {"schema": 1, "verdict": self.verdict, "checks": self.checks}


PASS, FAIL = Report(verdict="pass", checks=CHECKS[:1]), Report(verdict="fail", checks=CHECKS)


FIGURES = "to print: 4 pieces, about 52 g and 4 h by the profile fdm-pla-detergent; it stands 8 cm tall"
DEVICE = SimpleNamespace(findings=(), figures=FIGURES)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """The Python API replaced by one that records how it is called; reports pass."""
    calls: dict[str, list[Any]] = {}

    def record(name: str, result: Any) -> None:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.setdefault(name, []).append((args, kwargs))
            return result

        monkeypatch.setattr(pelu_fab, name, call, raising=False)

    record("load", SimpleNamespace(name="My Iris"))
    record("compile", DEVICE)
    for name, result in (("write", ()), ("verify", PASS), ("inspect", PASS)):
        record(name, result)
    return calls


def run(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", ["pelu-fab", *arguments])
        cli.main()
    return int(left.value.code or 0)


def pelu_fab_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pelu_fab", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )


# ---- what is loaded ----


@pytest.mark.parametrize("statement", ["import pelu_fab", "from pelu_fab.cli import main; main()"])
def test_help_and_import_load_nothing_heavy(statement: str) -> None:
    code = f"""
import sys
sys.argv = ['pelu-fab', '--help']
try:
    {statement}
except SystemExit:
    pass
print(*sorted({{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "pelu_fab" in loaded and not loaded & HEAVY


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert {"compile", "verify", "inspect"} <= set(cli.VERBS) and all(verb in shown for verb in cli.VERBS)
    for verb in cli.VERBS:
        assert run(verb, "--help") == 0


# ---- exit codes ----


def test_compile_ends_with_verify_and_says_where_the_files_are(
    api: dict[str, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compile", "some/design", "--set", "unit_ml=2", "--set", "max_teeth=12", "--process", "resin") == 0
    assert api["load"] == [((Path("some/design"),), {"process": "resin", "settings": ["unit_ml=2", "max_teeth=12"]})]
    assert api["write"][0][0] == (DEVICE, Path("exports/My-Iris"))
    assert list(api) == ["load", "compile", "write", "verify"]
    out, err = capsys.readouterr()
    figures = "to print: 4 pieces, about 52 g and 4 h by the profile fdm-pla-detergent; it stands 8 cm tall"
    assert out.splitlines()[-3:] == ["verdict: pass", "files: exports/My-Iris", figures] and err == ""


def test_a_failed_check_is_exit_1_and_names_it_and_what_was_skipped(
    api: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pelu_fab, "verify", lambda *_, **__: FAIL)
    assert run("verify", "no-such-export") == 1
    assert capsys.readouterr().out.splitlines() == [
        "FAILED lvs.share at L0.b2->L1.b1: found 0.5312, limit 0.002 at (1, 2.5, 3) mm",
        "SKIPPED slicer.info at all parts: no slicer is installed",
        "checks passed: 1 of 3 (mesh 1)",
        "verdict: fail, 1 of 3 checks skipped",
    ]
    assert run("compile", "design", "-o", "out") == 1


def test_an_unchanged_design_is_built_once_and_verified_twice(
    api: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pelu_fab.pipeline.is_current", lambda *_: "write" in api)
    monkeypatch.setattr("pelu_fab.pipeline.plates_written", lambda _: 4)
    assert run("compile", "design", "-o", "out") == run("compile", "design", "-o", "out") == 0
    assert [len(api[name]) for name in ("load", "compile", "write", "verify")] == [2, 1, 1, 2]
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "files: out (unchanged, not built again)",
        "plates: 4, one bed and one filament each (out/plates)",
    ]


@pytest.mark.parametrize("arguments", [["verify", "d"], ["inspect", "d"], ["compile", "d", "-o", "out"]])
def test_json_is_one_object_on_stdout_and_nothing_else(
    api: dict[str, list[Any]], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(*arguments, "--json") == 0
    out, err = capsys.readouterr()
    table = json.loads(out)
    assert err == "" and (table.get("report") or table)["verdict"] == "pass"


def test_the_users_mistakes_are_exit_2_in_one_line(tmp_path: Path) -> None:
    done = pelu_fab_command("compile", str(tmp_path / "nothing"))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"error: {tmp_path}/nothing: does not exist; check the path\n"
    assert pelu_fab_command("compile").returncode == 2
    assert pelu_fab_command("compiel", "x").returncode == 2
    assert pelu_fab_command("compile", "x", "--sett", "a=1").returncode == 2


def test_our_own_bug_is_exit_70_with_its_cause_and_a_traceback_on_request(
    api: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a tooth of\nno width")

    monkeypatch.setattr(pelu_fab, "compile", broken)
    assert run("compile", "design") == 70
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: this is our bug, not yours: ZeroDivisionError: a tooth of no width"
    assert second.startswith("PELU_FAB_DEBUG=1 shows where")
    monkeypatch.setenv("PELU_FAB_DEBUG", "1")
    assert run("compile", "design") == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(
    api: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5.0)  # until it arrives

    monkeypatch.setattr(pelu_fab, "write", interrupted)
    assert run("compile", "design") == 130
    assert "verify" not in api and "interrupted; files that were there before" in capsys.readouterr().err


def test_a_terminate_signal_unwinds_like_ctrl_c(api: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(pelu_fab, "compile", lambda *_, **__: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(5.0)))
    try:
        assert run("compile", "design") == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "write" not in api


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "import sys; from pelu_fab import cli; sys.argv = ['pelu-fab', 'verify', 'x']; cli.main()"
    fake = (
        "import pelu_fab, types; r = types.SimpleNamespace(verdict='pass', unwritten='', to_dict=lambda: "
        "{'verdict': 'x' * 10**6, 'checks': []}); pelu_fab.verify = lambda *_, **__: r; "
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", fake + code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


# ---- what is printed ----


def test_control_characters_in_names_never_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise FabError(str(path), "is bad\r\x1b[2Kverdict: pass", "none")

    monkeypatch.setattr(pelu_fab, "load", refuse, raising=False)
    assert run("compile", "a\x1b[31m\nverdict: pass") == 2
    err = capsys.readouterr().err
    assert err == r"error: a\x1b[31m\nverdict: pass: is bad\r\x1b[2Kverdict: pass; none" + "\n"
    assert printable("L0.b1 µm² ‮ \udcff") == r"L0.b1 µm² \u202e \udcff"
    forged = {"id": "x", "where": "\x1b[2J", "status": "fail", "found": "\n", "why": "\x07"}
    lines = report_lines({"checks": [forged], "verdict": "fail"})
    assert all(line.isprintable() for line in lines) and all(map(str.isprintable, tree_lines({"\x1b": ["\x1b"]})))


def test_names_print_even_where_the_terminal_knows_only_ascii() -> None:
    done = pelu_fab_command("compile", "µm", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and done.stderr.startswith(r"error: \xb5m: does not exist")


def test_nested_results_print_one_value_a_line() -> None:
    table = {"closed": True, "size": [1.0, 2.5], "parts": [{"name": "a", "genus": 0}], "box": {"x": None}}
    assert tree_lines(table) == [
        "closed: yes",
        "size: 1, 2.5",
        "parts:",
        "  - name: a",
        "    genus: 0",
        "box:",
        "  x: none",
    ]


# ---- the rule of conftest.py ----


@pytest.mark.parametrize(("flag", "closing"), [("1", "1 failed, 1 error"), ("", "2 skipped")])
def test_a_skipped_test_or_file_fails_in_ci_and_only_there(tmp_path: Path, flag: str, closing: str) -> None:
    for name in ("conftest.py", "planted.py"):
        (tmp_path / name).write_text((Path(__file__).parent / name).read_text())
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_it():\n    pytest.skip('no slicer')\n")
    (tmp_path / "test_file.py").write_text("import pytest\npytest.importorskip('no_such_package')\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PELU_FAB_CI": flag},
        check=False,
    )
    assert closing in done.stdout and (done.returncode != 0) == bool(flag)
