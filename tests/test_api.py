"""What `import pelu_fab` gives: the verbs, and the types on first use."""

import doctest
import inspect
import pydoc
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pelu_fab
from pelu_fab.errors import FabError


def test_every_name_of_the_package_is_there() -> None:
    assert len(pelu_fab.__all__) > 15 and pelu_fab.__all__ == sorted(pelu_fab.__all__)
    for name in pelu_fab.__all__:
        assert getattr(pelu_fab, name).__name__ == name
        assert name in dir(pelu_fab)
    assert pelu_fab.FabError is FabError
    with pytest.raises(AttributeError, match="has no attribute 'Part'"):
        _ = pelu_fab.Part


def test_the_manual_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(__file__).parents[1] / "designs", tmp_path / "designs")
    monkeypatch.chdir(tmp_path)
    (found,) = doctest.DocTestFinder(recurse=False).find(pelu_fab)
    assert len(found.examples) > 7 and doctest.DocTestRunner().run(found).failed == 0


@pytest.mark.parametrize("module", ["pelu_fab", "pelu_fab.layers"])
def test_every_exported_name_tells_what_it_is_and_shows_it(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One example at least each, and it does what it says."""
    shutil.copytree(Path(__file__).parents[1] / "designs", tmp_path / "designs")
    monkeypatch.chdir(tmp_path)
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    for name in import_module(module).__all__:
        thing = getattr(import_module(module), name)
        (found,) = finder.find(thing, name, globs=dict(vars(sys.modules[thing.__module__])))
        assert found.examples, f"{name} has no example"
        assert runner.run(found).failed == 0, name


def test_help_reads_like_a_manual() -> None:
    """Every verb and every type is in it, with its sentence, after what it is for."""
    text = pydoc.render_doc(pelu_fab, renderer=pydoc.plaintext)
    assert text.index("From a checkpoint to files to print") < text.index("CLASSES") < text.index("FUNCTIONS")
    for name in pelu_fab.__all__:
        first = (inspect.getdoc(getattr(pelu_fab, name)) or "").splitlines()[0]
        assert len(first) > 20 and first in text, name


def test_every_layer_that_people_import_is_there() -> None:
    from pelu_fab import layers

    assert len(layers.__all__) > 5 and layers.__all__ == sorted(layers.__all__)
    for name in layers.__all__:
        assert getattr(layers, name).__name__ == name


def test_types_and_verbs_are_loaded_when_they_are_used() -> None:
    code = "import sys, pelu_fab; before = set(sys.modules); pelu_fab.Device; pelu_fab.FabError; print(len(before))"
    light = f"{code}; print([n for n in before if n.startswith('pelu_fab.') or n.partition('.')[0] == 'numpy'])"
    done = subprocess.run([sys.executable, "-c", light], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[1] == "[]"
