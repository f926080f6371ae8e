"""Streams that are closed or full, names that are no text, paths too long: the right exit code and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HANDED_IN = Path(__file__).parent / "data" / "handed-in"
NETWORK = HANDED_IN / "name-female-sign.json"
CUP = HANDED_IN / "stl-bom.stl"


def ran(words: str, folder: Path) -> tuple[int, str]:
    """Exit code of `pelu-fab` with shell redirections, and all that came out."""
    program = f"{sys.executable} -m pelu_fab"
    source = {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = words.replace("pelu-fab", program)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, env=os.environ | source, timeout=120
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"pelu-fab inspect {CUP} > /dev/full", 2),
        ("pelu-fab --help > /dev/full", 2),
        ("pelu-fab inspect nothing.stl 2> /dev/full", 2),
        (f"pelu-fab inspect {CUP} >&-", 0),
        (f"pelu-fab inspect {CUP} >&- 2>&-", 0),
        ("pelu-fab inspect nothing.stl 2>&-", 2),
        (f"pelu-fab inspect {CUP} | true; exit ${{PIPESTATUS[0]}}", 0),
        ("pelu-fab --help | true; exit ${PIPESTATUS[0]}", 0),
    ],
)
def test_a_stream_that_is_closed_or_full_ends_in_the_right_code(tmp_path: Path, words: str, code: int) -> None:
    found, text = ran(words, tmp_path)
    assert found == code and "Traceback" not in text and "Exception ignored" not in text and "our bug" not in text


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_file_names_that_are_no_text_are_paths_all_the_same(tmp_path: Path) -> None:
    for source, name in ((CUP, b"caf\xe9.stl"), (NETWORK, b"caf\xe9.json")):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(source.read_bytes())
        found, text = ran(f"pelu-fab inspect caf$'\\xe9'{Path(source).suffix} --json", tmp_path)
        assert found == 0 and "Traceback" not in text
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")).write_text('{"layers": [{"h": [5.0], "w": [[1.0]]}]}')
    found, text = ran("pelu-fab compile caf$'\\xe9'.json -o made --formats stl", tmp_path)
    assert found == 0 and "verdict: pass" in text
    found, text = ran("pelu-fab verify made --against caf$'\\xe9'.json", tmp_path)
    assert found == 0 and "verdict: pass" in text


@pytest.mark.parametrize("verb", ["inspect {}", "verify {}", "compile {}.json", "simulate {} --pour 1", "view {}"])
def test_a_name_too_long_is_exit_2(tmp_path: Path, verb: str) -> None:
    found, text = ran("pelu-fab " + verb.format("x" * 300), tmp_path)
    assert found == 2 and "File name too long" in text and text.count("\n") == 1
