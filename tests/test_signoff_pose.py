"""A part that lies elsewhere in its file is found again; one that is another shape is not."""

import numpy as np
import pytest
from handmade import box

from pelu_fab.signoff.pose import Pose, pose_of, unit_mistaken, way_back
from pelu_fab.signoff.stl import Mesh, read_stl, weld


def mesh_of(solid: object) -> Mesh:
    from handmade import stl_bytes

    return weld(read_stl(stl_bytes(solid), "part"))  # type: ignore[arg-type]


# An L with a step: no turn or reflection takes it to itself.
PART = mesh_of(box((0, 0, 0), (80, 30, 5)) + box((0, 0, 0), (6, 30, 25)) + box((0, 0, 0), (40, 4, 12)))
STATED = pose_of(PART)


def moved(angle: float, shift: tuple[float, float, float]) -> np.ndarray:
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:3, 3] = shift
    return matrix


def test_the_centre_of_mass_is_that_of_the_boxes() -> None:
    solid = mesh_of(box((0, 0, 0), (10, 10, 10)) + box((10, 0, 0), (30, 10, 5)))
    np.testing.assert_allclose(solid.centre, (np.array([5, 5, 5]) * 1000 + np.array([20, 5, 2.5]) * 1000) / 2000)


@pytest.mark.parametrize("angle", [0.0, 0.3, 37.0, 45.0, 89.99, 90.0, 133.7, 180.0, 270.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (110.0, -95.0, 3.2)])
def test_a_part_turned_and_moved_is_brought_back(angle: float, shift: tuple[float, float, float]) -> None:
    there = moved(angle, shift)
    back = way_back(PART.placed(there), STATED)
    if angle == 0.0 and shift == (0.0, 0.0, 0.0):
        assert back is None
    else:
        assert back is not None
        np.testing.assert_allclose(back @ there, np.eye(4), atol=1e-4)


def test_a_part_cut_at_one_end_and_moved_is_brought_back() -> None:
    cut = mesh_of(box((0, 0, 0), (76, 30, 5)) + box((0, 0, 0), (6, 30, 25)) + box((0, 0, 0), (40, 4, 12)))
    there = moved(210.0, (5.0, 6.0, 7.0))
    back = way_back(cut.placed(there), STATED)
    assert back is not None
    np.testing.assert_allclose(back @ there, np.eye(4), atol=2.1)
    np.testing.assert_allclose((back @ there)[:3, :3], np.eye(3), atol=1e-4)


@pytest.mark.parametrize("factor", [25.4, 0.1, 1.3])
def test_a_scaled_part_is_no_moved_one(factor: float) -> None:
    scaled = Mesh(PART.points * factor, PART.faces, PART.normals)
    assert way_back(scaled.placed(moved(0.0, (9.0, 9.0, 0.0))), STATED) is None


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (1 / 25.4, "is 25.4 times too small: its numbers seem to be inches; export it in mm"),
        (25.4, "is 25.4 times too large: it was taken for inches; export it in mm"),
        (1e-3, "is 1000 times too small: its numbers seem to be metres; export it in mm"),
        (0.1, "is 10 times too small: its numbers seem to be centimetres; export it in mm"),
        (1e3, "is 1000 times too large: it was taken for metres; export it in mm"),
        (1.0, ""),
        (1.3, ""),
        (24.0, ""),
    ],
)
def test_a_part_in_another_unit_is_told_by_all_its_sizes(factor: float, told: str) -> None:
    turned = PART.placed(moved(90.0, (5.0, 0.0, 0.0)))
    for part in (PART, turned):
        assert unit_mistaken(Mesh(part.points * factor, part.faces, part.normals), STATED) == told
    assert unit_mistaken(Mesh(PART.points * [factor, 1.0, 1.0], PART.faces, PART.normals), STATED) == ""


def test_another_part_is_no_moved_one() -> None:
    assert way_back(mesh_of(box((0, 0, 0), (50, 60, 5))), STATED) is None


def test_a_part_within_float_dust_is_left_alone() -> None:
    near = Pose(STATED.low + 1e-3, STATED.high - 1e-3, STATED.centre)
    assert way_back(PART, near) is None
