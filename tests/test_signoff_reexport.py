"""Sound parts that another program saved again, with fewer decimals or in another unit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faults import TOP, Device, over_tooth, to_bytes

import pelu_fab
from exports import DESIGNS, device, export
from pelu_fab.signoff import verify
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.signoff.stl import read_stl

Writer = Callable[[np.ndarray], bytes]


def as_text(corners: np.ndarray) -> bytes:
    """ASCII STL with two decimals, as slicers and mesh editors write it."""
    facets = [
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x:.2f} {y:.2f} {z:.2f}\n" for x, y, z in triangle)
        + "endloop\nendfacet\n"
        for triangle in corners.tolist()
    ]
    return f"solid again\n{''.join(facets)}endsolid again\n".encode()


def rewritten(folder: Path, writer: Writer) -> Path:
    """The folder, every part read and written again."""
    for part in sorted((folder / "parts").glob("*.stl")):
        part.write_bytes(writer(read_stl(part.read_bytes(), part.name).astype(np.float64)))
    return folder


USUAL = ("petals", "parity")  # cards without a pool, siphons over a comb


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in USUAL else pytest.mark.slow)
        for name in sorted(p.parent.name for p in DESIGNS.glob("*/design.toml"))
    ],
)
def test_every_design_passes_in_text_with_two_decimals(name: str, tmp_path: Path) -> None:
    pelu_fab.write(device(name), tmp_path / name, formats=())
    report = verify(rewritten(tmp_path / name, as_text))
    assert [str(check) for check in report.failures] == []
    assert report.verdict == "pass"
    changed = {check.where for check in report.checks if check.id == "mesh.unit" and check.status == "pass"}
    assert len(changed) == len(list((tmp_path / name / "parts").glob("*.stl")))


@pytest.mark.parametrize("decimals", [2, 3])
def test_sound_parts_pass_in_binary_with_few_decimals(decimals: int, tmp_path: Path) -> None:
    report = verify(rewritten(export("drip", tmp_path), lambda corners: to_bytes(np.round(corners, decimals))))
    assert [str(check) for check in report.failures] == [] and report.verdict == "pass"


def test_one_decimal_is_too_coarse_and_the_finding_says_why(tmp_path: Path) -> None:
    report = verify(rewritten(export("drip", tmp_path), lambda corners: to_bytes(np.round(corners, 1))))
    assert report.verdict == "fail"
    causes = [check for check in report.failures if check.id in ("mesh.closed", "mesh.degenerate")]
    assert causes and all(
        "it is rounded to 0.1 mm: save it with three decimals, or as binary" in check.why for check in causes
    )


@pytest.mark.parametrize("narrower", [0.01, 0.03])  # mm
def test_a_tooth_that_is_too_narrow_fails(narrower: float, tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    sound = Device(recover_folder(folder))
    _, _, vessel = next(found for found in sound.buckets() if found[2].branches > 1)
    tooth = vessel.teeth[1]
    slab = over_tooth(tooth, -0.3, TOP, narrower + 0.3, tooth.width / 2 + 0.12)
    sound.edit(vessel.part, lambda solid: solid + slab)(folder)
    failures = {check.id for check in verify(folder).failures}
    assert "lvs.tooth" in failures and "lvs.open" not in failures


def test_a_sound_part_and_one_that_is_cut_open_are_not_told_to_be_rounded(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    part = folder / "parts" / "card-L0-b0.stl"
    part.write_bytes(to_bytes(read_stl(part.read_bytes(), "card").astype(np.float64)[:-1]))
    report = verify(folder)
    assert any(check.id == "mesh.closed" for check in report.failures)
    assert not any("rounded" in check.why for check in report.checks)


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1 / 25.4, "25.4 times too small"), (25.4, "25.4 times too large"), (1e-3, "1000 times too small")],
)
def test_parts_in_another_unit_are_told_so_before_anything_else(factor: float, told: str, tmp_path: Path) -> None:
    report = verify(rewritten(export("drip", tmp_path), lambda corners: to_bytes(factor * corners)))
    worst, count = report.failures[0], len(list((tmp_path / "drip" / "parts").glob("*.stl")))
    assert worst.id == "mesh.unit" and told in worst.why
    assert sum(check.id == "mesh.unit" for check in report.failures) == count


def test_one_part_in_inches_is_told_among_others(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    part = folder / "parts" / "card-L0-b0.stl"
    kept = shutil.copyfile(part, tmp_path / "kept.stl")
    part.write_bytes(to_bytes(read_stl(kept.read_bytes(), "card").astype(np.float64) / 25.4))
    report = verify(folder)
    assert (report.failures[0].id, report.failures[0].where) == ("mesh.unit", "card-L0-b0")
