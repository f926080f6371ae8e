"""Prisms mean what they say, and the mesh kernel's triangles are one closed body in float32."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pelu_fab.errors import FabBug
from pelu_fab.ir.device import Mesh
from pelu_fab.ir.solid import IDENTITY, Part, Prism, Step, box, moved, rectangle, swapped
from pelu_fab.kernels.mesh import NEEDLE, build_mesh, without_needles
from pelu_fab.kernels.relief import Surface, with_relief

L_SHAPE = ((0.0, 0.0), (5.0, 0.0), (5.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0))
HOLE = rectangle(2.0, 3.0, 0.2, 0.8)


def part(*modules: tuple[Step, ...], genus: int | None = None) -> Part:
    return Part("p", "row", modules, IDENTITY, genus)


def mesh_of(*prisms: Prism) -> Mesh:
    return build_mesh(part((Step("add", prisms),)))


def box_of(mesh: Mesh) -> list[list[float]]:
    flat = mesh.corners.reshape(-1, 3)
    return [flat.min(axis=0).tolist(), flat.max(axis=0).tolist()]


def volume_of(corners: NDArray[np.float32]) -> float:
    """Sum of signed tetrahedra: an oracle that shares nothing with the kernel."""
    a, b, c = np.moveaxis(corners.astype(np.float64), 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def open_edges(corners: NDArray[np.float32]) -> int:
    """Directed edges without their opposite, by exact float32 corners; 0 when closed and oriented."""
    _, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    triangles = index.reshape(-1, 3)
    count: dict[tuple[int, int], int] = {}
    for a, b, c in triangles.tolist():
        for edge in ((a, b), (b, c), (c, a)):
            count[edge] = count.get(edge, 0) + 1
    return sum(n != count.get((b, a), 0) for (a, b), n in count.items())


@pytest.mark.parametrize(
    ("axis", "low", "high"),
    [
        ("z", [0, 0, 2], [5, 4, 9]),
        ("x", [2, 0, 0], [9, 5, 4]),
        ("y", [0, 2, 0], [5, 9, 4]),
    ],
)
@pytest.mark.parametrize("outline", [L_SHAPE, L_SHAPE[::-1]], ids=["one way round", "the other"])
def test_a_prism_fills_the_room_that_its_docstring_says(axis: str, low: list, high: list, outline: tuple) -> None:  # type: ignore[type-arg]
    mesh = mesh_of(Prism(axis, 2.0, 9.0, (outline,), (HOLE,)))  # type: ignore[arg-type]
    assert box_of(mesh) == [low, high]
    assert mesh.volume == pytest.approx(7.0 * (8.0 - 0.6)) == volume_of(mesh.corners)
    assert mesh.genus == 1
    assert open_edges(mesh.corners) == 0


def test_outlines_are_joined_before_voids_are_cut() -> None:
    mesh = mesh_of(Prism("z", 0.0, 1.0, (rectangle(0, 4, 0, 4), rectangle(2, 6, 0, 4)), (rectangle(1, 5, 1, 3),)))
    assert mesh.volume == pytest.approx(24.0 - 8.0)


def test_steps_are_done_in_order_and_modules_are_joined() -> None:
    body, room, post = box((0, 6), (0, 6), (0, 6)), box((1, 5), (1, 5), (1, 7)), box((2, 3), (2, 3), (0.5, 6))
    mesh = build_mesh(part((Step("add", (body,)), Step("cut", (room,)), Step("add", (post,)))))
    assert mesh.volume == pytest.approx(216 - 4 * 4 * 5 + 5)
    other = part((Step("add", (body,)), Step("cut", (room,))), (Step("add", (post,)),))
    assert build_mesh(other).volume == pytest.approx(mesh.volume)
    assert build_mesh(part((Step("add", (body, post)), Step("cut", (room,))))).volume == pytest.approx(216 - 80)


def test_swapped_mirrors_and_moved_moves_every_axis() -> None:
    for axis in ("x", "y", "z"):
        prism = Prism(axis, 2.0, 9.0, (L_SHAPE,), (HOLE,))
        low, high = box_of(mesh_of(prism))
        assert box_of(mesh_of(swapped(prism))) == [[low[1], low[0], low[2]], [high[1], high[0], high[2]]]
        assert swapped(swapped(prism)) == prism
        shifted = box_of(mesh_of(moved(prism, 10.0, 20.0, 30.0)))
        assert shifted == np.add([low, high], [10.0, 20.0, 30.0]).tolist()
        assert moved(moved(prism, 0.1, 0.2, 0.3), -0.1, -0.2, -0.3) == prism


def test_a_wrong_number_of_bodies_or_handles_is_our_bug() -> None:
    far = box((0, 1), (0, 1), (0, 1)), box((2, 3), (0, 1), (0, 1))
    with pytest.raises(FabBug, match=r"^p: 2 bodies instead of one$"):
        mesh_of(*far)
    ring = Prism("z", 0.0, 1.0, (rectangle(0, 4, 0, 4),), (rectangle(1, 3, 1, 3),))
    with pytest.raises(FabBug, match=r"^p: genus 1 instead of 0$"):
        build_mesh(part((Step("add", (ring,)),), genus=0))
    assert build_mesh(part((Step("add", (ring,)),), genus=1)).genus == 1
    body = box((0, 1), (0, 1), (0, 1))
    with pytest.raises(FabBug, match=r"^p: the kernel built nothing$"):
        build_mesh(part((Step("add", (body,)), Step("cut", (box((-1, 2), (-1, 2), (-1, 2)),)))))


def test_dust_between_two_cuts_that_meet_is_left_out_and_a_crumb_is_a_bug() -> None:
    def cut_up_to(left: float) -> Mesh:
        cuts = tuple(box(x, (-1, 3), (1, 9)) for x in ((2, 5), (5 + left, 8)))
        under = box((4, 6), (-1, 3), (0.5, 1.5))
        body = box((0, 10), (0, 2), (0, 4))
        return build_mesh(part((Step("add", (body,)), Step("cut", (*cuts, under)))))

    assert cut_up_to(0.0001).volume == pytest.approx(80 - 6 * 2 * 3 - 2 * 2 * 0.5)
    with pytest.raises(FabBug, match=r"^p: 2 bodies instead of one$"):
        cut_up_to(0.2)


def test_parts_that_meet_within_float32_dust_stay_closed() -> None:
    """Far from the origin two corners 1 µm apart fall together in float32: the file must still close."""
    mesh = mesh_of(box((0, 300), (0, 1), (0, 1)), box((299.999, 300.001), (0.5, 2), (0, 1)))
    assert open_edges(mesh.corners) == 0
    assert volume_of(mesh.corners) == pytest.approx(mesh.volume, rel=1e-6)
    a, b, c = np.moveaxis(mesh.corners.astype(np.float64), 1, 0)
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0.0


def test_the_oracles_see_a_dropped_and_a_flipped_triangle() -> None:
    mesh = mesh_of(box((0, 1), (0, 1), (0, 1)))
    assert open_edges(mesh.corners[1:]) == 3
    flipped = mesh.corners.copy()
    flipped[0] = flipped[0, ::-1]
    assert open_edges(flipped) > 0


def heights(points: NDArray[np.float32], triangles: NDArray[np.int64]) -> list[float]:
    a, b, c = np.moveaxis(points[triangles].astype(np.float64), 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return (area / np.max([np.linalg.norm(e, axis=1) for e in (b - a, c - b, a - c)], axis=0)).tolist()


@pytest.mark.parametrize("off", [0.0, 0.003, -0.003])
def test_needles_in_one_plane_are_turned_and_the_surface_is_the_same(off: float) -> None:
    """A square with a corner `off` its diagonal, along which it is cut: a needle, or none at all."""
    points = np.array([(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (2, 2 + off, 0)], np.float32)
    drawn = np.array([(0, 4, 2), (0, 2, 3), (0, 1, 4), (1, 2, 4)], np.int64)
    turned = without_needles(points, drawn, "square")
    assert min(heights(points, drawn)) < NEEDLE < 1.0 < min(heights(points, turned))
    assert np.cross(*(points[turned][:, k] - points[turned][:, 0] for k in (1, 2)))[:, 2].sum() / 2 == pytest.approx(16)


def test_a_needle_between_two_planes_stays_and_one_without_area_is_a_bug() -> None:
    bent = np.array([(0, 0, 0), (4, 0, 0), (2, 0.003, 0), (2, 0, 3)], np.float32)
    drawn = np.array([(0, 1, 2), (1, 0, 3)], np.int64)
    assert without_needles(bent, drawn, "bent").tolist() == drawn.tolist()
    with pytest.raises(FabBug, match="without area"):
        without_needles(bent[:3] * np.float32([1, 0, 0]), drawn[:1], "line")


def test_a_needle_stays_where_turning_it_would_make_an_edge_that_is_there_already() -> None:
    points = np.float32([[0, 0, 0], [10, 0, 0], [5, 0.01, 0], [5, -5, 0], [5, -2, 4], [5, -2, -4]])
    drawn = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 4], [3, 2, 5]])
    assert without_needles(points, drawn[:2], "fold").tolist() != drawn[:2].tolist()
    assert without_needles(points, drawn, "fold").tolist() == drawn.tolist()


LETTER_O = Prism("y", -0.6, 0.3, (rectangle(2, 6, 2, 7),), (rectangle(3, 5, 3, 6),), is_lettering=True)


def written_on(body: tuple[Step, ...], *letters: Prism) -> tuple[Mesh, Mesh]:
    """The part with its letters, and the same as plain solids, which the 3-D kernel joins."""
    plain = tuple(replace(letter, is_lettering=False) for letter in letters)
    return build_mesh(part(body, (Step("add", letters),))), build_mesh(part(body, (Step("add", plain),)))


BLOCK = (Step("add", (box((0, 20), (0, 10), (0, 10)),)),)
WRITTEN = {
    "on one wall": (BLOCK, (LETTER_O,)),
    "on two walls": (BLOCK, (LETTER_O, moved(replace(LETTER_O, start=-0.3, end=0.6), 0.0, 10.0, 0.0))),
    "an island in a hole": (BLOCK, (LETTER_O, Prism("y", -0.6, 0.3, (rectangle(3.5, 4.5, 4, 5),), is_lettering=True))),
    "on a wall along y": (BLOCK, (moved(swapped(LETTER_O), 0.0, 1.0, 0.0),)),
    "past the wall's edge": (BLOCK, (moved(LETTER_O, 15.0, 0.0, 0.0),)),
    "flush with the wall's edge": (BLOCK, (moved(LETTER_O, 0.0, 0.0, -2.0),)),
    "over a hole": ((*BLOCK, Step("cut", (box((4, 5), (-1, 11), (2.5, 6.5)),))), (LETTER_O,)),
    "on two walls at once": ((*BLOCK, Step("add", (box((0, 4), (-0.2, 1), (0, 10)),))), (LETTER_O,)),
    "under a slant": (
        (*BLOCK, Step("add", (Prism("x", 0.0, 20.0, (((1.0, 0.0), (-4.0, 9.5), (1.0, 9.9)),)),))),
        (LETTER_O,),
    ),
    "before a room behind the wall": ((*BLOCK, Step("cut", (box((4, 9), (0.1, 8), (1, 11)),))), (LETTER_O,)),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_letters_are_joined_to_their_part_as_any_solid_is(case: str) -> None:
    body, letters = WRITTEN[case]
    written, joined = written_on(body, *letters)
    assert written.volume == pytest.approx(joined.volume, rel=1e-6) == volume_of(written.corners)
    assert written.genus == joined.genus and box_of(written) == box_of(joined)
    assert open_edges(written.corners) == 0


@pytest.mark.parametrize("case", WRITTEN)
def test_letters_that_stand_on_one_flat_wall_need_no_solid_and_others_are_left_to_the_kernel(case: str) -> None:
    body, letters = WRITTEN[case]
    corners = build_mesh(part(body)).corners
    points, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    found = with_relief(Surface(points, index.reshape(-1, 3)), letters)
    assert (found is not None) == (case in ("on one wall", "on two walls", "an island in a hole", "on a wall along y"))
