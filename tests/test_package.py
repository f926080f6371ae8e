"""What pip installs: from an sdist and from a wheel the same files, which compile without torch, cadquery or VTK."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pelu_fab

HOME = Path(__file__).parents[1]
EXTRAS = ("torch", "cadquery", "OCP", "vtk", "vtkmodules", "pyvista", "distributed", "dask")
# Runs when the fresh environment's Python starts: packages that a plain install does not bring are not there.
BARE = f"""
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Bare())
"""


def run(*command: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout


def built(kind: str, source: Path, into: Path) -> Path:
    """A wheel or sdist by the backend that pyproject.toml names, without the network."""
    into.mkdir(exist_ok=True)
    run(sys.executable, "-c", f"from setuptools.build_meta import build_{kind} as b; b({str(into)!r})", cwd=source)
    (file,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


def files_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, and the same as one from the tree."""
    home = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build", "dist", "exports", "*.egg-info")
    shutil.copytree(HOME, home / "tree", ignore=ignored)
    with tarfile.open(built("sdist", home / "tree", home / "sdist")) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
        archive.extractall(home, **safely)
    (unpacked,) = home.glob("pelu_fab-*")
    made = built("wheel", unpacked, home / "from-sdist")
    assert files_in(made) == files_in(built("wheel", home / "tree", home / "from-tree"))
    return made


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_asset_and_nothing_of_the_workshop(wheel: Path) -> None:
    held = {name for name in files_in(wheel) if ".dist-info/" not in name}
    home = HOME / "pelu_fab"
    modules = {f.relative_to(HOME).as_posix() for f in home.rglob("*.py")}
    assets = [*home.glob("processes/*.toml"), *home.glob("show/assets/*"), home / "py.typed"]
    assert len(assets) > 6
    assert held == modules | {f.relative_to(HOME).as_posix() for f in assets}
    (told,) = (name for name in files_in(wheel) if name.endswith(".dist-info/METADATA"))
    text = zipfile.ZipFile(wheel).read(told).decode()
    assert f"\nVersion: {pelu_fab.__version__}\n" in text
    plain = [line for line in text.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert plain and not any(line.split()[1].startswith(EXTRAS) for line in plain)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["here", "newest"])
def test_a_fresh_install_compiles_petals_without_the_extras(which: str, wheel: Path, tmp_path: Path) -> None:
    """What it requires comes from another environment, by its folder alone; pelu_fab comes from the wheel."""
    base = sys.executable if which == "here" else os.environ.get("PELU_FAB_NEWEST")
    if not base:
        pytest.skip("PELU_FAB_NEWEST names no other Python that has what a plain install brings; .ci/run makes one")
    run(base, "-m", "venv", "--without-pip", tmp_path / "fresh", cwd=tmp_path)
    python = tmp_path / "fresh" / "bin" / "python"
    pip = ("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(sys.executable, *pip, wheel, cwd=tmp_path)
    ask = "import sysconfig; print(*(sysconfig.get_path(kind) for kind in ('purelib', 'platlib')), sep='\\n')"
    site = Path(run(python, "-c", ask, cwd=tmp_path).splitlines()[0])
    (site / "here.pth").write_text(run(base, "-c", ask, cwd=tmp_path))
    (site / "sitecustomize.py").write_text(BARE)
    assert "fresh" in run(python, "-c", "import pelu_fab; print(pelu_fab.__file__)", cwd=tmp_path)
    program = python.with_name("pelu-fab")
    assert run(program, "--version", cwd=tmp_path) == f"pelu_fab {pelu_fab.__version__}\n"
    shutil.copytree(HOME / "designs" / "petals", tmp_path / "petals")
    told = json.loads(run(program, "compile", "petals", "-o", "out", "--formats", "all", "--json", cwd=tmp_path))
    assert told["report"]["verdict"] == "pass"
    assert [one["format"] for one in told["skipped"]] == ["step", "pictures"]
    again = json.loads(run(program, "verify", "out", "--against", "petals", "--json", cwd=tmp_path))
    assert again["verdict"] == "pass"
    assert {"report.html", "booklet.pdf", "plates", "parts"} <= {entry.name for entry in (tmp_path / "out").iterdir()}


def test_a_shell_completes_verbs_and_the_version_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pelu_fab import cli

    monkeypatch.setattr(sys, "argv", ["pelu-fab"])
    for name, value in {"_PELU_FAB_COMPLETE": "complete_bash", "COMP_WORDS": "pelu-fab c", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().out.split() == ["compile", "coupon", "calibrate", "cfd"]
    monkeypatch.delenv("_PELU_FAB_COMPLETE")
    monkeypatch.setattr(sys, "argv", ["pelu-fab", "--version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert (end.value.code, capsys.readouterr().out) == (0, f"pelu_fab {pelu_fab.__version__}\n")
