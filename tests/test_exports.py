"""What a missing package or library takes away is one output, named with its remedy; the export stays whole."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pelu_fab
from exports import device
from pelu_fab import cli
from pelu_fab.errors import FabBug
from pelu_fab.exports import WRITERS, Skipped, to_chosen_files
from pelu_fab.pipeline import is_current

DRIP = Path(__file__).parents[1] / "designs" / "drip"
NO_GL = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")'
FORMATS = ["stl", "step", "pictures"]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a module of one's own before the installed one, for this process and its workers."""
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def put(name: str, source: str) -> None:
        (folder / f"{name}.py").write_text(source)

    return put


def test_without_the_extras_an_export_is_whole_but_for_what_needs_them(
    tmp_path: Path, stand_in: Callable[[str, str], None]
) -> None:
    for name in ("cadquery", "pyvista"):
        stand_in(name, f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    folder = tmp_path / "drip"
    assert pelu_fab.write(device("drip"), folder, formats=FORMATS) == (
        Skipped("step", "No module named 'cadquery'", "pip install 'pelu_fab[step]'"),
        Skipped("pictures", "No module named 'pyvista'", "pip install 'pelu_fab[pictures]'"),
    )
    assert pelu_fab.verify(folder).verdict == "pass"
    assert not {file.suffix for file in folder.iterdir()} & {".step", ".png"}
    assert is_current(device("drip").design, folder, ["stl"])
    assert not is_current(device("drip").design, folder, FORMATS), "it is tried again once the extra is there"


def test_a_missing_library_of_the_system_is_named(stand_in: Callable[[str, str], None]) -> None:
    stand_in("cadquery", NO_GL)
    stand_in("pyvista", NO_GL)
    files, skipped = to_chosen_files(device("drip"), ["svg", *FORMATS])
    assert list(files) == ["layout.svg"]
    assert [(one.format, one.remedy) for one in skipped] == [
        ("step", "pip install 'pelu_fab[step]' and the system's libGL.so.1"),
        ("pictures", "pip install 'pelu_fab[pictures]' and the system's libGL.so.1"),
    ]


def test_a_renderer_that_dies_takes_its_pictures_with_it_and_nothing_else(stand_in: Callable[[str, str], None]) -> None:
    stand_in("pyvista", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    files, (skipped,) = to_chosen_files(device("drip"), ["svg", "pictures"])
    assert list(files) == ["layout.svg"]
    assert str(skipped) == (
        "SKIPPED pictures: the renderer failed: exit status -11, no reason given; "
        "install OpenGL (libGL), or leave the format out"
    )


def test_a_core_package_that_does_not_load_is_one_output_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lib3mf", None)
    files, (skipped,) = to_chosen_files(device("drip"), ["svg", "3mf", "glb"])
    assert sorted(files) == ["device.glb", "layout.svg"]
    assert (skipped.format, skipped.remedy) == ("3mf", "pip install 'pelu_fab'")


def test_our_own_mistakes_and_a_full_disk_are_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (FabBug("two kernels differ"), OSError(28, "No space left on device")):

        def fails(_: object, error: Exception = error) -> dict[str, bytes]:
            raise error

        monkeypatch.setitem(WRITERS, "svg", fails)  # type: ignore[arg-type]
        with pytest.raises(type(error), match=str(error)[-8:]):
            to_chosen_files(device("drip"), ["svg"])


def test_the_command_line_says_what_is_left_out_and_passes(
    tmp_path: Path,
    stand_in: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in("pyvista", NO_GL)
    argv = ["pelu-fab", "compile", str(DRIP), "-o", str(tmp_path / "drip"), "--formats", "stl,pictures"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert done.value.code in (0, None)
    out = capsys.readouterr().out
    assert "SKIPPED pictures: libGL.so.1: cannot open shared object file" in out and "verdict: pass" in out
