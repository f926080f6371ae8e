"""What `import pelu_fab` gives: the verbs, and the types on first use."""

import doctest
import shutil
import subprocess
import sys
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
    found = doctest.testmod(pelu_fab)
    assert found.failed == 0 and found.attempted > 7


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
