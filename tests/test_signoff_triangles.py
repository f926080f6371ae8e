"""The judge looks at surfaces, not at triangles: a part that another program meshed anew is judged the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from handmade import stl_bytes
from manifold3d import Manifold, Mesh64
from retriangulate import at_random, cut_at, in_storeys

from exports import export
from pelu_fab.signoff import verify
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.signoff.report import Check
from pelu_fab.signoff.stl import RECORD, read_stl, weld

Edit = Callable[[np.ndarray], np.ndarray]
ROUNDING = {"mesh.volume": 1e-6, "hands.stand": 0.1}  # gaps under a part are probed from places on its faces
TOLERANCE = 2e-2  # of a number in its own unit, where nothing else is said


def findings(folder: Path) -> dict[tuple[str, str, str], list[Check]]:
    found: dict[tuple[str, str, str], list[Check]] = {}
    for check in verify(folder).checks:
        if not check.id.startswith("file."):  # those say whether files are as they were written
            found.setdefault((check.id, check.where, check.status), []).append(check)
    return found


def assert_judged_the_same(folder: Path, edit: Edit) -> None:
    """Parts that water runs through, edited: the same rules at the same places with the same end, the same numbers."""
    before = findings(folder)
    edited = 0
    for path in sorted((folder / "parts").glob("*.stl")):
        if path.stem.startswith(("card", "tray", "cup")):
            corners = read_stl(path.read_bytes(), path.name)
            made = edit(corners)
            record = np.zeros(len(made), RECORD)
            record["corners"] = made
            path.write_bytes(b"\0" * 80 + len(made).to_bytes(4, "little") + record.tobytes())
            edited += len(made) != len(corners)
    assert edited
    after = findings(folder)
    assert sorted(after) == sorted(before)
    for (rule, where, _), checks in after.items():
        for one, other in zip(before[rule, where, checks[0].status], checks, strict=True):
            if isinstance(one.found, float) and rule != "mesh.file":
                assert other.found == pytest.approx(one.found, abs=ROUNDING.get(rule, TOLERANCE)), (rule, where)


@pytest.mark.parametrize("seed", [1, 2])
def test_faces_cut_anywhere_are_judged_as_before(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    assert_judged_the_same(export("drip", tmp_path), lambda corners: at_random(corners, 4, rng))


def test_walls_in_rows_of_quads_are_judged_as_before(tmp_path: Path) -> None:
    assert_judged_the_same(export("drip", tmp_path), in_storeys)


@pytest.mark.parametrize("below", [0.004, 0.012, 0.3])
def test_a_cut_along_the_ramp_just_below_the_sill_does_not_lower_the_sill(below: float, tmp_path: Path) -> None:
    """Where a strip of the ramp is no taller than a sliver, it is still a part of the ramp."""
    folder = export("drip", tmp_path)
    parts = {part.entry.name: part for part in recover_folder(folder).parts}
    found = recover_folder(folder).found
    levels = set()
    for vessel in found.vessels:
        for tooth in vessel.teeth:
            matrix = parts[vessel.part].matrix
            assert matrix is not None
            levels.add(round(float((np.linalg.inv(matrix) @ [*tooth.at, 1.0])[2]), 3))
    assert levels
    heights = [level - below for level in sorted(levels)]
    assert_judged_the_same(folder, lambda corners: cut_at(corners, ((), (), heights)))


def test_every_edge_halved_by_the_kernel_is_judged_as_before(tmp_path: Path) -> None:
    def refined(corners: np.ndarray) -> np.ndarray:
        mesh = weld(corners)
        solid = Manifold(Mesh64(np.ascontiguousarray(mesh.points), np.ascontiguousarray(mesh.faces, dtype=np.uint64)))
        return read_stl(stl_bytes(solid.refine(2)), "part")

    assert_judged_the_same(export("drip", tmp_path), refined)
