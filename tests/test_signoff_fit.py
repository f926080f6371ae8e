"""Surfaces that run through themselves."""

import numpy as np
import pytest
from handmade import box, stl_bytes
from manifold3d import Manifold

from pelu_fab.signoff import intersections
from pelu_fab.signoff.stl import Array, Index, Mesh, read_stl, weld
from pelu_fab.signoff.topology import topology


def together(*solids: object) -> Mesh:
    """Solids in one file as they are, not joined."""
    return weld(np.concatenate([read_stl(stl_bytes(s), "part") for s in solids]))  # type: ignore[arg-type]


def crossings(mesh: Mesh) -> tuple[Index, Array]:
    """Pairs of triangles that cross, and where."""
    return intersections.crossings(mesh, topology(mesh).pieces)


CUBE = box((0, 0, 0), (10, 10, 10))


@pytest.mark.parametrize(
    "other",
    [
        box((10, 0, 0), (20, 10, 10)),  # face to face
        box((10, 10, 0), (20, 20, 10)),  # edge to edge
        box((10, 2, 3), (20, 4, 5)),  # a small face on a large one
        box((12, 0, 0), (20, 10, 10)),  # apart
        box((2, 2, 2), (8, 8, 8)),  # one inside the other: two bodies, but nothing crosses
    ],
)
def test_shells_that_only_touch_do_not_cross(other: object) -> None:
    assert len(crossings(together(CUBE, other))[0]) == 0


@pytest.mark.parametrize("by", [9.99, 5.0, 0.01])
def test_two_shells_that_overlap_cross_where_they_do(by: float) -> None:
    mesh = together(CUBE, box((10 - by, 3, 4), (20, 5, 6)))
    found = intersections.intersections("part", mesh, topology(mesh).pieces)
    assert found.status == "fail" and found.found > 0
    _, at = crossings(mesh)
    np.testing.assert_allclose(at[:, 0].max(), 10.0, atol=1e-5)
    assert (at[:, 1:] >= [3 - 1e-5, 4 - 1e-5]).all() and (at[:, 1:] <= [5 + 1e-5, 6 + 1e-5]).all()


def test_an_overlap_of_half_a_micrometre_is_no_crossing() -> None:
    assert len(crossings(together(CUBE, box((10 - 5e-4, 3, 4), (20, 5, 6))))[0]) == 0


def test_one_shell_that_runs_through_itself_is_found() -> None:
    mesh = together(CUBE)
    points = mesh.points.copy()
    points[int(np.argmax((points == [10, 10, 10]).all(axis=1)))] = [3.0, 2.0, -8.0]
    assert len(crossings(weld(points[mesh.faces]))[0]) > 0


def test_what_crosses_does_not_hang_on_which_triangles_are_looked_at_as_one() -> None:
    rng = np.random.default_rng(4)
    shells = [box(tuple(at), tuple(at + rng.integers(2, 9, 3))) for at in rng.integers(0, 9, (6, 3))]
    shells += [Manifold.sphere(3.0, 24).translate(rng.uniform(0, 9, 3)) for _ in range(3)]
    mesh = together(*(shell.refine(3) for shell in shells))
    found, alone = crossings(mesh), intersections.crossings(mesh, np.arange(len(mesh.faces)))
    assert len(found[0]) > 100
    np.testing.assert_array_equal(found[0], alone[0])
    np.testing.assert_array_equal(found[1], alone[1])


def test_crossings_are_those_of_every_pair_tried_one_by_one() -> None:
    """Against the intersection of each pair of triangles as solids of no thickness: segment by segment, in Python."""
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 10, (40, 3, 3))
    found = {tuple(pair) for pair in crossings(weld(corners))[0].tolist()}

    def cuts(one: np.ndarray, other: np.ndarray) -> bool:
        for k in range(3):
            p, q = one[k], one[(k + 1) % 3]
            try:
                s, u, v = np.linalg.solve(
                    np.stack([p - q, other[1] - other[0], other[2] - other[0]], axis=1), p - other[0]
                )
            except np.linalg.LinAlgError:
                continue
            if 0 < s < 1 and u > 0 and v > 0 and u + v < 1:
                return True
        return False

    wanted = {
        (i, j) for i in range(40) for j in range(i + 1, 40)
        if cuts(corners[i], corners[j]) or cuts(corners[j], corners[i])
    }  # fmt: skip
    assert len(wanted) > 20
    assert found == wanted
