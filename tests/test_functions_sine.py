"""designs/sine: a high-order layer as a device that reads a sine."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import pelu_fab
from pelu_fab.network import algebra

torch.set_num_threads(1)
FOLDER = Path("designs/sine")
ANGLES = np.linspace(0.0, 360.0, 721)
MISS = 0.5 * (1 - np.sin(np.radians(63)))  # the trapezoid's level lies half-way between its corner's sine and 1


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sine", FOLDER / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_design_is_what_its_maker_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = maker()
    monkeypatch.setattr(made, "__file__", str(tmp_path / "make.py"))
    made.main()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["design.toml", "network.json", "sine.csv"]
    for name in names:
        assert (tmp_path / name).read_text() == (FOLDER / name).read_text(), name


def test_the_layer_and_its_water_are_the_same_function() -> None:
    made = maker()
    layer, water = made.layer(), made.water()
    by_layer = layer(torch.tensor(ANGLES / 180.0 - 1.0)[:, None])[:, 0].detach().numpy()
    np.testing.assert_allclose(water(ANGLES[:, None])[:, 0], by_layer, atol=1e-12)
    assert np.abs(by_layer - np.sin(np.radians(ANGLES))).max() == pytest.approx(MISS, abs=1e-3)


def test_the_cups_read_a_sine_on_the_designs_scale() -> None:
    design = pelu_fab.load(FOLDER)
    (readout,) = design.network.readouts
    cups = algebra.outputs(design.network, ANGLES[:, None] * design.network.input_scale)
    read = readout.values(cups, design.network.outputs)
    assert np.abs(read - np.sin(np.radians(ANGLES))).max() < MISS + 1e-3


def test_it_compiles_to_the_golden_netlist_and_passes_sign_off(tmp_path: Path) -> None:
    part = pelu_fab.compile(pelu_fab.load(FOLDER))
    pelu_fab.write(part, tmp_path / "sine", formats=["stl"])
    assert (tmp_path / "sine" / "netlist.txt").read_text() == (FOLDER / "netlist.txt").read_text()
    report = pelu_fab.verify(tmp_path / "sine")
    failed = [check for check in report.to_dict()["checks"] if check["status"] == "fail"]
    assert (report.verdict, failed) == ("pass", [])
    assert "sin x = (plus - minus)" in (tmp_path / "sine" / "pour.md").read_text()
