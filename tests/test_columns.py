"""Columns over a plan make the solid that booleans make, from nothing but where prisms begin and end."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from manifold3d import Error, Manifold, Mesh64, OpType

from pelu_fab import load
from pelu_fab.ir.solid import Outline, Prism, Step, box
from pelu_fab.kernels import columns
from pelu_fab.kernels.mesh import _module
from pelu_fab.kernels.relief import Surface
from pelu_fab.stages.lay_out import lay_out
from pelu_fab.stages.solids import build

DESIGNS = Path(__file__).parent.parent / "designs"
Modules = tuple[tuple[Step, ...], ...]


def solid(surface: Surface | None) -> Manifold:
    """The surface as the kernel reads it, which takes closed and oriented ones alone."""
    assert surface is not None
    made = Manifold(Mesh64(surface.points.astype(np.float64), surface.triangles.astype(np.uint64)))
    assert made.status() == Error.NoError
    return made


def joined(modules: Modules) -> Manifold:
    return Manifold.batch_boolean([_module(steps) for steps in modules], OpType.Add)


def drawn(seed: int) -> Modules:
    """Boxes, and stars swept along x and z, added and cut in turn; nothing meets along an edge but by chance."""
    rng = np.random.default_rng(seed)

    def span() -> tuple[float, float]:
        a, b = np.sort(rng.uniform(0.0, 20.0, 2).round(3)).tolist()
        return a, b + 0.3

    def star() -> Outline:
        around, out = np.sort(rng.uniform(0.0, 2 * np.pi, 4)), rng.uniform(1.0, 6.0, 4)
        corners = (rng.uniform(3.0, 17.0, 2) + np.stack([out * np.cos(around), out * np.sin(around)], axis=1)).round(3)
        return tuple((x, y) for x, y in corners[:: rng.choice([1, -1])].tolist())

    def prisms() -> tuple[Prism, ...]:
        return box(span(), span(), span()), Prism("x", *span(), (star(),)), Prism("z", *span(), (star(), star()))

    return tuple((Step("add", prisms()), Step("cut", prisms()[:2]), Step("add", prisms()[1:])) for _ in range(2))


@pytest.mark.parametrize("seed", range(9))
def test_columns_are_what_booleans_make(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "WORTH", np.inf)
    monkeypatch.setattr(columns, "PASSES", 60)
    one, other = solid(columns.surface(drawn(seed))), joined(drawn(seed))
    assert one.volume() == pytest.approx(other.volume(), rel=2e-6)
    assert (one - other).volume() + (other - one).volume() < 2e-6 * other.volume()
    assert one.genus() == other.genus()


def test_every_card_of_a_device_is_made_of_columns_and_every_corner_is_where_it_is_drawn() -> None:
    design = load(DESIGNS / "petals")
    _, sized, layout, _ = lay_out(design)
    cards = [part for part in build(layout, sized, design) if part.role == "card"]
    assert len(cards) == 5
    for card in cards:
        body = tuple(steps for steps in card.modules if not any(p.is_lettering for s in steps for p in s.prisms))
        one, other = solid(columns.surface(body)), joined(body)
        assert (one - other).volume() + (other - one).volume() < 3e-6 * other.volume(), card.name


TERRACE = tuple(box((0, 9), (0, 9 - n), (n - 0.5 * (n > 0), n + 1)) for n in range(8))
COMB = tuple(((y, 0.0), (y + 0.2, 0.0), (y, 9.0)) for y in np.arange(0.0, 8.0, 0.5).tolist())
REFUSED = {
    "a prism along y": (Prism("y", 0.0, 9.0, (((0, 0), (9, 0), (0, 9)),)),),
    "a prism with voids": (Prism("z", 0.0, 9.0, (((0, 0), (9, 0), (0, 9)),), (((1, 1), (2, 1), (1, 2)),)),),
    "too many kinds": tuple(box((0, 9), (0, 9), (0, 9 + n)) for n in range(70)),
    "more lines across than are worth while": (Prism("x", 0.0, 9.0, COMB),),
}


@pytest.mark.parametrize("more", REFUSED.values(), ids=REFUSED)
def test_what_columns_do_not_make_is_left_to_booleans(more: tuple[Prism, ...]) -> None:
    assert solid(columns.surface(((Step("add", TERRACE),),))).volume() == pytest.approx(9 * 9 * 8 - 9 * 28)
    assert columns.surface(((Step("add", (*TERRACE, *more)),),)) is None


def test_few_prisms_are_left_to_booleans_and_nothing_is_made_of_nothing() -> None:
    assert columns.surface(((Step("add", TERRACE[:3]),),)) is None
    assert columns.surface(((Step("add", TERRACE), Step("cut", (box((-1, 10), (-1, 10), (-1, 10)),))),)) is None


def test_walls_and_faces_share_their_corners_where_steps_meet() -> None:
    """No edge of a triangle runs past a corner: each has its opposite."""
    made = columns.surface(((Step("add", TERRACE),),))
    assert made is not None
    edges = {(a, b) for t in made.triangles.tolist() for a, b in pairwise((*t, t[0]))}
    assert len(edges) == 3 * len(made.triangles)
    assert edges == {(b, a) for a, b in edges}


def test_no_corner_is_left_where_only_a_level_edge_goes_straight_on() -> None:
    posts = tuple(box((k + 0.2, k + 0.7), (0.5, 1.0), (7.5, 9.0)) for k in range(9))
    made = columns.surface(((Step("add", (*TERRACE, *posts)),),))
    assert made is not None
    a, b, c = np.moveaxis(made.points[made.triangles], 1, 0)
    normals = np.cross(b - a, c - a)
    facing = [tuple(n) for n in (normals / np.linalg.norm(normals, axis=1, keepdims=True)).round(6).tolist()]
    planes: dict[int, set[tuple[float, ...]]] = {}
    for corners, normal in zip(made.triangles.tolist(), facing, strict=True):
        for corner in corners:
            planes.setdefault(corner, set()).add(normal)
    assert len(planes) == 8 * len(posts) + 4 + 4 * 7 + 4 and min(map(len, planes.values())) == 3
