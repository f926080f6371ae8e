"""Faults in the maker: its code is changed, a device compiled with it, and the judge must fail it by a rule that tells.

The files agree with each other in every case, for one wrong program wrote them all; only other physics, and the
question that was asked, can tell.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stagework import design_of, network_of

import pelu_fab
from pelu_fab.hydraulics import comb as makers_comb
from pelu_fab.hydraulics.tooth import ToothLaw, tooth_law
from pelu_fab.ir.process import Fluid, Process
from pelu_fab.network.model import Layer
from pelu_fab.signoff import Report, verify
from pelu_fab.sources import checkpoint as makers_reader
from pelu_fab.sources.checkpoint import softmax
from pelu_fab.stages import courses as makers_courses
from pelu_fab.stages import pools as makers_pools

SHARES = [0.13, 0.27, 0.60]
Patch = pytest.MonkeyPatch
Array = np.ndarray


def judged(folder: Path, retained: float = 6.0, **settings: Any) -> Report:
    """The verdict on a bucket that keeps so much (units) and spills by SHARES, compiled as the maker now is."""
    network = network_of(([retained], [SHARES]))
    pelu_fab.write(pelu_fab.compile(design_of(network, **settings)), folder, formats=())
    return verify(folder)


def failing(report: Report) -> set[str]:
    """Rules that failed."""
    return {check.id for check in report.failures}


def fluid_with(patch: Patch, name: str, factor: float) -> None:
    """A derived number of the fluid, which maker's code asks for everywhere, off by a factor."""
    true: Callable[[Fluid], float] = getattr(Fluid, name).fget
    patch.setattr(Fluid, name, property(lambda fluid: factor * true(fluid)))


def held_with(patch: Patch, factor: float) -> None:
    """What stays on walls and above the sill, off by a factor."""
    true = makers_pools.held_volume
    patch.setattr(makers_pools, "held_volume", lambda *given: factor * true(*given))


def law_with(patch: Patch, change: Callable[[Process], ToothLaw]) -> None:
    """Another tooth law wherever the maker draws teeth."""
    patch.setattr(makers_comb, "tooth_law", change)


def uncorrected(process: Process) -> ToothLaw:
    """As if a tooth carried what its width says."""
    comb = process.comb.model_copy(update={"kappa": 0.0, "end_excess": 0.0})
    return tooth_law(process.model_copy(update={"comb": comb}))


def with_excess(process: Process) -> ToothLaw:
    """Three times what it is."""
    return tooth_law(process.model_copy(update={"comb": process.comb.model_copy(update={"end_excess": 0.16})}))


def permuted(patch: Patch) -> None:
    cut, trim = makers_courses.cut_comb, makers_courses.trimmed_teeth
    patch.setattr(makers_courses, "cut_comb", lambda name, shares, *given: cut(name, shares[::-1], *given))
    patch.setattr(makers_courses, "trimmed_teeth", lambda shares, *given: trim(shares[::-1], *given))


FAULTS: dict[str, tuple[Callable[[Patch], None], float, set[str]]] = {
    "meniscus times three": (lambda p: fluid_with(p, "meniscus", 3.0), 6.0, {"lvs.retained"}),
    "meniscus left out": (lambda p: fluid_with(p, "meniscus", 0.0), 6.0, {"lvs.retained"}),
    "capillary length doubled": (lambda p: fluid_with(p, "capillary_length", 2.0), 6.0, {"lvs.retained", "lvs.share"}),
    "nothing is held": (lambda p: held_with(p, 0.0), 0.3, {"lvs.retained"}),
    "five times as much is held": (lambda p: held_with(p, 5.0), 0.3, {"lvs.retained"}),
    "kappa and the ends' excess left out": (lambda p: law_with(p, uncorrected), 6.0, {"lvs.flow", "lvs.tooth"}),
    "end excess three times over": (lambda p: law_with(p, with_excess), 6.0, {"lvs.flow", "lvs.tooth"}),
    "a bucket's shares permuted": (permuted, 6.0, {"lvs.flow", "lvs.share", "lvs.tooth"}),
    "the wall before the cells 4 mm lower": (lambda p: p.setattr(makers_pools, "SLOT_TOP", 5.0), 6.0, {"flow.level"}),
    "slots six tenths as wide": (lambda p: p.setattr(makers_pools, "SLOT", 0.9), 6.0, {"flow.level"}),
}  # fmt: skip


@pytest.mark.parametrize("retained", [6.0, 0.3])
def test_the_maker_as_it_is_passes(retained: float, tmp_path: Path) -> None:
    assert judged(tmp_path / "sound", retained).failures == ()


@pytest.mark.fault("maker")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_makers_water_fails_by_a_rule_that_names_it(
    name: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    plant, retained, rules = FAULTS[name]
    with monkeypatch.context() as patch:
        plant(patch)
        report = judged(tmp_path / "faulty", retained)
    assert report.verdict == "fail"
    assert rules <= failing(report)
    assert all("L0.b0" in check.where for check in report.failures if check.id in rules)


# ---- faults in the maker's reader: the folder is one, and answers another question ----

HEIGHTS = np.array([1.5, 2.5])
WEIGHTS = np.log([[0.35, 0.65], [0.8, 0.2]])
READERS: dict[str, tuple[Callable[[Array, Array], Layer], str]] = {
    "h not squared": (lambda h, a: Layer(h, softmax(a)), "source.threshold"),
    "h halved": (lambda h, a: Layer((h / 2) ** 2, softmax(a)), "source.threshold"),
    "softmax over the wrong axis": (lambda h, a: Layer(h**2, _rows(softmax(a.T).T)), "source.share"),
    "rows transposed": (lambda h, a: Layer(h**2, softmax(a.T)), "source.share"),
    "a bucket's shares permuted": (
        lambda h, a: Layer(h**2, np.where([[True], [False]], softmax(a)[:, ::-1], softmax(a))), "source.share",
    ),
    "units permuted": (lambda h, a: Layer(h[::-1] ** 2, softmax(a)[::-1]), "source.threshold"),
}  # fmt: skip


def _rows(shares: Array) -> Array:
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def checkpoint_in(folder: Path) -> Path:
    """A safetensors file written here, byte by byte."""
    tensors = {"layer.0.heights": HEIGHTS, "layer.0.weights": WEIGHTS}
    table, body = {}, b""
    for name, tensor in tensors.items():
        blob = tensor.astype("<f8").tobytes()
        table[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(blob)]}
        body += blob
    header = json.dumps(table).encode()
    path = folder / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)
    return path


def compiled(checkpoint: Path, folder: Path) -> Path:
    design = pelu_fab.load(checkpoint)
    pelu_fab.write(pelu_fab.compile(design), folder, formats=())
    return folder


def test_the_makers_reader_as_it_is_passes_against_the_checkpoint(tmp_path: Path) -> None:
    checkpoint = checkpoint_in(tmp_path)
    report = pelu_fab.verify(compiled(checkpoint, tmp_path / "sound"), against=checkpoint)
    assert report.failures == () and report.verdict == "pass"


@pytest.mark.fault("maker")
@pytest.mark.parametrize("name", READERS)
def test_a_fault_in_the_makers_reader_fails_against_the_checkpoint(
    name: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    checkpoint, (wrong, rule) = checkpoint_in(tmp_path), READERS[name]
    with monkeypatch.context() as patch:
        patch.setattr(makers_reader, "_layer", lambda raw, where: wrong(raw.heights, raw.weights))
        folder = compiled(checkpoint, tmp_path / "faulty")
        report = pelu_fab.verify(folder, against=checkpoint)
    assert report.verdict == "fail"
    assert rule in failing(report)
