"""Sound parts that another program saved again, with fewer decimals or in another unit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faults import to_bytes

from exports import export
from pelu_fab.signoff import verify
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


@pytest.mark.parametrize("name", ["drip", "and-or"])
@pytest.mark.parametrize(
    "writer", [lambda c: to_bytes(np.round(c, 2)), as_text], ids=["binary, two decimals", "ASCII, two decimals"]
)
def test_sound_parts_pass_with_two_decimals(name: str, writer: Writer, tmp_path: Path) -> None:
    report = verify(rewritten(export(name, tmp_path), writer))
    assert [str(check) for check in report.failures] == []
    assert report.verdict == "pass"
    changed = {check.where for check in report.checks if check.id == "mesh.unit" and check.status == "pass"}
    assert len(changed) == len(list((tmp_path / name / "parts").glob("*.stl")))


def test_a_design_with_hidden_rows_passes_with_three_decimals_and_says_why_not_with_two(tmp_path: Path) -> None:
    three = verify(rewritten(export("petals", tmp_path), lambda corners: to_bytes(np.round(corners, 3))))
    assert [str(check) for check in three.failures] == [] and three.verdict == "pass"
    two = verify(rewritten(tmp_path / "petals", lambda corners: to_bytes(np.round(corners, 2))))
    causes = [check for check in two.failures if check.id in ("lvs.tooth", "mesh.closed", "mesh.degenerate")]
    assert {check.id for check in causes} == {"lvs.tooth", "mesh.closed", "mesh.degenerate"}
    assert all("it is rounded to 0.01 mm: save it with three decimals, or as binary" in check.why for check in causes)


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
