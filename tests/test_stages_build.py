"""Every part is one body of the right shape, and every network compiles or is refused by name."""

import re
from dataclasses import replace
from math import cos, radians
from pathlib import Path

import numpy as np
import pytest
from manifold3d import Manifold, Mesh64
from shapely import Polygon
from stagework import DETERGENT, RESIN, WATER, design_of, network_of, process_named, random_network
from test_solid import open_edges, volume_of

from exports import device
from pelu_fab import load, pipeline
from pelu_fab.errors import FabError
from pelu_fab.ir.card import Card, Mouth
from pelu_fab.ir.device import Device
from pelu_fab.ir.layout import PlacedCard
from pelu_fab.ir.process import Process
from pelu_fab.kernels.mesh import build_mesh
from pelu_fab.network.model import Network
from pelu_fab.pipeline import _rough_figures, compile_design
from pelu_fab.stages.lay_out import lay_out

DESIGNS = Path(__file__).parent.parent / "designs"
PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN}
LARGE = process_named("fdm-pla-detergent", 1000.0)


def one_hot() -> Network:
    network = random_network((2, 5, 2), 8)
    first = np.array(network.layers[0].shares)
    first[0] = [0.0, 0.0, 1.0, 0.0, 0.0]
    return replace(network, layers=(replace(network.layers[0], shares=first), network.layers[1]))


SHAPES: dict[str, Network] = {
    "1-1": random_network((1, 1), 0),
    "2-5-2 with a one-hot row": one_hot(),
    "4-3-2-2": random_network((4, 3, 2, 2), 1, high=12.0),
    "single layer": random_network((3, 4), 2),
    "deep": random_network((2, 2, 2, 1, 2, 2, 2), 3, high=9.0),
    "an all-zero column": network_of(([4.0, 6.0], [[0.4, 0.0, 0.6], [0.7, 0.0, 0.3]]), ([2.0] * 3, [[0.5, 0.5]] * 3)),
    "a cup that gets nothing": network_of(([4.0, 6.0], [[1.0, 0.0], [1.0, 0.0]])),
    "h = 0": network_of(([0.0, 0.0], [[0.5, 0.5], [0.2, 0.8]]), ([0.0, 0.0], [[0.5, 0.5], [0.2, 0.8]])),
    "tiny thresholds": network_of(([0.01, 0.1, 0.4, 1.0], [[0.5, 0.5], [0.2, 0.8], [1.0, 0.0], [0.6, 0.4]])),
    "a matching": network_of(([5.0, 9.0], [[0.0, 1.0], [1.0, 0.0]]), ([2.0, 3.0], [[0.5, 0.5], [0.3, 0.7]])),
    "shares to drop": network_of(([5.0, 2.0], [[0.003, 0.997], [0.9985, 0.0015]])),
    "a share to floor": network_of(([5.0, 2.0], [[0.04, 0.46, 0.5], [0.2, 0.3, 0.5]])),
    "a large threshold": network_of(([30.0], [[0.4, 0.6]])),
}


def device_faults(device: Device) -> list[str]:
    """Parts that are not one closed, oriented body on the bed, or not of the genus that they were given."""
    found = []
    bed = device.design.process.printer.bed
    for part, mesh in zip(device.parts, device.meshes, strict=True):
        if open_edges(mesh.corners):
            found.append(f"{part.name} is open")
        if abs(volume_of(mesh.corners) - mesh.volume) > 1e-5 * mesh.volume:
            found.append(f"{part.name}: volume {volume_of(mesh.corners)} for {mesh.volume}")
        if len(solid_of(mesh.corners).decompose()) != 1:
            found.append(f"{part.name} is more than one body")
        if part.genus not in (None, mesh.genus):
            found.append(f"{part.name}: genus {mesh.genus}")
        low = mesh.corners.reshape(-1, 3).min(axis=0)
        if np.abs(low).max() > 1e-3:
            found.append(f"{part.name} does not lie at the origin: {low}")
        if max(mesh.extents[:2]) > max(bed[:2]) + 1e-3 or mesh.extents[2] > bed[2] + 1e-3:
            found.append(f"{part.name} is larger than the bed")
    names = [part.name for part in device.parts]
    if len(set(names)) != len(names):
        found.append(f"two parts of one name: {sorted(names)}")
    return found


def solid_of(corners: np.ndarray) -> Manifold:
    points, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return Manifold(Mesh64(points.astype(np.float64), index.reshape(-1, 3).astype(np.uint64)))


def clashes(device: Device) -> list[str]:
    """Pairs of assembled parts that share space."""
    placed = [(part.name, solid_of(device.assembled(k))) for k, part in enumerate(device.parts) if part.transform]
    boxes = np.array([solid.bounding_box() for _, solid in placed])
    near = (boxes[:, None, :3] < boxes[None, :, 3:]).all(axis=2)
    pairs = np.argwhere(np.triu(near & near.T, 1))
    return [f"{placed[i][0]} | {placed[j][0]}" for i, j in pairs if (placed[i][1] ^ placed[j][1]).volume() > 0.5]


def room_below_the_sill(solid: Manifold, placed: PlacedCard) -> float:
    """Water that the *mesh* of an assembled card holds below its sill: of the air in its box, what reaches the comb."""
    card = placed.card
    if card.floor_z >= 0.0:
        return 0.0
    y, z = placed.at((-card.depth, card.floor_z))
    cell = Manifold.cube([card.x1 - card.x0, card.depth, -card.floor_z]).translate([card.x0, y, z])
    rooms = (cell - solid).decompose()  # one more lies below the floor that rises to the back
    return float(sum(room.volume() for room in rooms if room.bounding_box()[4] > placed.y - 0.05))


def retained_faults(device: Device) -> list[str]:
    """Cards whose mesh holds other water than was drawn, at the sill or right above and below it."""
    found = []
    cards = {f"card-{placed.card.name.replace('.', '-')}": placed for placed in device.layout.cards}
    for index, part in enumerate(device.parts):
        if part.role != "card":
            continue
        placed = cards[part.name]
        room = room_below_the_sill(solid_of(device.assembled(index)), placed)
        if abs(room - placed.card.drawn_volume) > 2.0 + 1e-4 * placed.card.drawn_volume:
            found.append(f"{placed.card.name}: {room:.1f} for {placed.card.drawn_volume:.1f} mm3")
        if abs(placed.card.volume_below() - placed.card.drawn_volume) > 1e-6 * (1.0 + placed.card.drawn_volume):
            found.append(f"{placed.card.name}: drawn {placed.card.drawn_volume}, {placed.card.volume_below()} below")
    return found


def overhang_faults(device: Device, slack_deg: float = 0.6) -> list[str]:
    """Parts with faces of more than 2 mm2 that lean further over the air than the process prints, bridges aside.

    By a face's own normal; what is level is the bed's, or a bridge; a letter's faces are smaller.
    """
    found, printer = [], device.design.process.printer
    least = -cos(radians(90.0 - printer.max_overhang_deg - slack_deg))
    for part, mesh in zip(device.parts, device.meshes, strict=True):
        a, b, c = mesh.corners.astype(np.float64).transpose(1, 0, 2)
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1) / 2.0
        down = normal[:, 2] / np.maximum(2.0 * area, 1e-12)
        leaning = (down < least) & (down > -0.999) & (area > 2.0)
        if leaning.any():
            found.append(f"{part.name}: {area[leaning].sum():.0f} mm2 lean too far")
    return found


def faults(device: Device) -> list[str]:
    return [*device_faults(device), *clashes(device), *retained_faults(device), *overhang_faults(device)]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_network_compiles(name: str) -> None:
    network = SHAPES[name]
    device = compile_design(design_of(network, LARGE), force=True)
    assert faults(device) == []
    roles = [part.role for part in device.parts]
    assert set(roles) <= {"card", "tray", "cup", "jug", "stand"}
    assert roles.count("cup") == network.widths[-1]
    assert roles.count("jug") == 1  # raw millilitres: one ruler serves all
    assert roles.count("card") == len(device.lowered.netlist.buckets)


@pytest.mark.slow
@pytest.mark.parametrize("process", [WATER, RESIN], ids=["water", "resin"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_compiles_with_every_process_or_asks_for_a_larger_bed(name: str, process: Process) -> None:
    try:
        device = compile_design(design_of(SHAPES[name], process), force=True)
    except FabError as error:
        assert "larger bed" in error.remedy
        large = process.printer.model_copy(update={"bed": (500.0, 500.0, 500.0)})
        device = compile_design(design_of(SHAPES[name], process.model_copy(update={"printer": large})), force=True)
    assert faults(device) == []


@pytest.mark.parametrize("settings", [{"compensation": "none"}, {"max_teeth": 30}], ids=str)
def test_every_choice_of_the_design_compiles(settings: dict[str, object]) -> None:
    assert faults(compile_design(design_of(random_network((2, 3, 2), 4), **settings), force=True)) == []


@pytest.mark.slow
def test_eight_wide_layers_compile_on_a_large_bed() -> None:
    device = compile_design(design_of(random_network((8, 8, 8), 5), LARGE), force=True)
    assert faults(device) == []
    assert {part.role for part in device.parts} == {"card", "tray", "cup", "jug", "stand"}


def test_iris_fits_its_printer_part_by_part() -> None:
    device = compile_design(load(DESIGNS / "iris"))
    assert faults(device) == []
    for mesh in device.meshes:
        assert max(mesh.extents[:2]) <= 220.0 and mesh.extents[2] <= 250.0
    names = {part.name for part in device.parts}
    assert names >= {"card-L0-b0", "card-L1-b2", "cup-y0", "cup-y1", "cup-y2", "jug", "rack"}
    assert device.pieces == sum(part.count for part in device.parts) and device.grams <= 520.0


@pytest.mark.parametrize("name", ["petals", "iris"])
def test_a_card_in_a_row_is_shut_around_its_jet_but_for_where_the_gutter_comes_in(name: str) -> None:
    """What a solver saw leave (docs/cfd.md): over the side walls before the baffle, and over the back wall.

    On the mesh: bars within those walls are all material; what a gutter and its walls leave of the back wall is one.
    """
    made = device(name)
    parts = {part.name: solid_of(made.assembled(k)) for k, part in enumerate(made.parts) if part.transform}
    tray, hung = made.layout.trays[-1], [p for p in made.layout.cards if p.card.under.is_beak and p.card.notch]
    assert len(hung) == 3
    for placed in hung:
        card, solid = placed.card, parts[f"card-{placed.card.name.replace('.', '-')}"]
        (baffle,) = [plate for plate in card.plates if plate.crest]
        assert baffle.crest and baffle.crest[:2] == (card.x0, card.x1)
        (gutter,) = [gutter for gutter in tray.gutters if gutter.target == card.name]
        back = placed.y - card.depth - card.wall
        ends = [gutter.at(tray.to((y, tray.floor_z(y)))[0]) for y in (back, tray.at(gutter.end.along)[0])]
        left, right = min(e.x0 for e in ends) - 2.5, max(e.x1 for e in ends) + 2.5
        bars = [(x, (baffle.y0 - 11.9, baffle.y0), (card.rim_z, baffle.crest[2])) for x in _within(*card.body, card)]
        behind = (-card.depth - 0.6 * card.wall, -card.depth - 0.4 * card.wall)
        if left > card.body[0] + made.design.process.printer.blade:
            bars.append(((card.body[0], left), behind, (10.0, card.rim_z)))
        if right < card.body[1] - made.design.process.printer.blade:
            bars.append(((right, card.body[1]), behind, (10.0, card.rim_z)))
        for (x0, x1), (y0, y1), (z0, z1) in bars:
            bar = Manifold.cube([x1 - x0, y1 - y0, z1 - z0]).translate([x0, placed.y + y0, placed.z + z0])
            assert (bar - solid).volume() < 1e-3 * bar.volume(), (card.name, x0, x1, y0, y1, z0, z1)


def _within(x0: float, x1: float, card: Card) -> list[tuple[float, float]]:
    """The middle thirds of both side walls."""
    return [((2 * x0 + card.x0) / 3, (x0 + 2 * card.x0) / 3), ((2 * card.x1 + x1) / 3, (card.x1 + 2 * x1) / 3)]


def test_a_part_that_does_not_fit_the_bed_is_refused_by_name() -> None:
    design = design_of(random_network((2, 2), 0), process_named("fdm-pla-detergent", 70.0))
    with pytest.raises(FabError, match=r"^\S+: needs a tray \d+ mm long, the bed takes 70; use a larger bed"):
        compile_design(design, force=True)


def test_a_threshold_that_no_card_holds_is_refused_by_name_and_a_smaller_unit_helps() -> None:
    network = network_of(([90.0], [[0.4, 0.6]]))
    with pytest.raises(FabError, match=r"^L0\.b0: keeps 90\.0 mL, more than a card .* holds; .*unit_ml"):
        compile_design(design_of(network, LARGE), force=True)
    assert faults(compile_design(design_of(network, LARGE, unit_ml=0.4), force=True)) == []


def test_cards_lie_in_their_seats_with_air_beside_them_and_rest_on_them() -> None:
    """Moved down by 0.05 mm a card bites into what carries it; moved aside by 0.1 mm, either way, into nothing."""
    device = compile_design(load(DESIGNS / "and-or"))
    solids = {part.name: solid_of(device.assembled(k)) for k, part in enumerate(device.parts) if part.transform}
    rest = {name: solid for name, solid in solids.items() if not name.startswith("card")}
    for name in (name for name in solids if name.startswith("card")):
        assert any((solids[name].translate([0, 0, -0.05]) ^ other).volume() > 0.5 for other in rest.values()), name
        for x, y in ((0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.0, -0.1)):
            assert all((solids[name].translate([x, y, 0.01]) ^ other).volume() < 0.5 for other in rest.values()), name


def test_planted_faults_in_parts_are_found() -> None:
    device = compile_design(load(DESIGNS / "and-or"))
    index = next(k for k, part in enumerate(device.parts) if part.role == "card")
    name, corners = device.parts[index].name, device.meshes[index].corners

    def with_corners(corners: np.ndarray, **more: float) -> Device:
        mesh = replace(device.meshes[index], corners=corners, **more)  # type: ignore[arg-type]
        return replace(device, meshes=(*device.meshes[:index], mesh, *device.meshes[index + 1 :]))

    assert device_faults(with_corners(corners[1:]))[0] == f"{name} is open"
    assert f"{name} does not lie at the origin" in device_faults(with_corners(corners + np.float32(1.0)))[0]
    two = np.concatenate([corners, corners + np.float32([300.0, 0.0, 0.0])])
    assert f"{name} is more than one body" in device_faults(with_corners(two, volume=2 * device.meshes[index].volume))
    taller = corners * np.array([1.0, 1.0, 1.02], dtype=np.float32)
    assert retained_faults(with_corners(taller))
    assert device_faults(with_corners(corners * np.float32(25.4)))
    c, s = np.cos(np.radians(20.0)), np.sin(np.radians(20.0))
    tilted = (corners @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])).astype(np.float32)
    assert overhang_faults(with_corners(tilted))[0].startswith(f"{name}: ")
    cups = [k for k, part in enumerate(device.parts) if part.role == "cup"]
    moved = replace(device.parts[cups[1]], transform=device.parts[cups[0]].transform)
    planted = replace(device, parts=(*device.parts[: cups[1]], moved, *device.parts[cups[1] + 1 :]))
    assert "cup-y0 | cup-y1" in clashes(planted)


@pytest.mark.parametrize("name", ["iris", "and-or", "penguins"])
def test_what_a_device_comes_to_is_known_about_before_it_is_meshed(name: str) -> None:
    found = device(name)
    rough, exact = (
        [float(n) for n in re.findall(r"(\d+) (?:pieces|g|h|cm)\b", told)]
        for told in (_rough_figures(found.design, found.parts), found.figures)
    )
    assert len(exact) == 4 and rough[0] == exact[0]
    assert rough[1:] == pytest.approx(exact[1:], rel=0.15)
    for part, mesh in zip(found.parts, found.meshes, strict=True):
        assert all(own >= seen - 1e-3 for own, seen in zip(part.extents, mesh.extents, strict=True))


def test_a_bed_that_is_too_small_is_refused_before_its_parts_are_meshed(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, meshed = device("penguins").parts, list[str]()  # compiled before it is counted what is meshed
    monkeypatch.setattr(pipeline, "build_mesh", lambda part: meshed.append(part.name) or build_mesh(part))
    small = process_named("fdm-pla-detergent", 130.0)
    with pytest.raises(FabError, match=r"the bed takes 130 x 130 .* pieces, about \d+ g and \d+ h"):
        pipeline._check_bed(replace(device("penguins").design, process=small), parts)
    assert len(meshed) <= 1 + 5 * 3 < len(parts)  # the largest, three of a role


def test_a_bed_that_is_too_small_is_told_with_what_the_device_comes_to_and_the_bed_told_does() -> None:
    network = random_network((2, 8), 3)
    with pytest.raises(FabError, match=r"the bed takes 130 x 130 .* pieces, about \d+ g and \d+ h") as refused:
        compile_design(design_of(network, process_named("fdm-pla-detergent", 130.0)), force=True)
    told = re.search(r"bed=\[(\d+),(\d+),(\d+)\]", refused.value.remedy)
    assert told
    x, y, z = map(float, told.groups())
    process = process_named("fdm-pla-detergent", 130.0)
    larger = process.model_copy(update={"printer": process.printer.model_copy(update={"bed": (x, y, z)})})
    assert faults(compile_design(design_of(network, larger), force=True)) == []


@pytest.mark.parametrize(("widths", "seed"), [((3, 7), 3), ((4, 8), 10), ((7, 1), 3)])
def test_many_cups_or_cards_side_by_side_are_narrower_so_that_the_usual_bed_takes_what_leads_to_them(
    widths: tuple[int, ...], seed: int
) -> None:
    device = compile_design(design_of(random_network(widths, seed)), force=True)
    assert faults(device) == []
    few = compile_design(design_of(random_network((2, 3), 3)), force=True)
    wide, usual = device.sized.cups[0], few.sized.cups[0]
    inside = wide.width if widths[-1] > 1 else device.sized.layers[-1][0].x1 - device.sized.layers[-1][0].x0
    assert 20.0 <= inside < usual.width == 30.0
    assert wide.width * wide.depth == pytest.approx(usual.width * usual.depth, rel=0.01) or widths[-1] == 1


def test_a_device_wider_than_the_bed_gets_fewer_and_wider_teeth_and_one_that_fits_keeps_its_own() -> None:
    def found(widths: tuple[int, ...], seed: int, bed: float) -> tuple[int, float]:
        process = process_named("fdm-pla-detergent", bed)
        laid = lay_out(design_of(random_network(widths, seed), process))
        teeth = [b - a for card in laid.sized.cards.values() for m in card.mouths for a, b in m.teeth]
        assert max(teeth) < 1.15 * 6.0
        return len(teeth), laid.layout.across(2 * process.printer.wall)

    usual, wide = found((3, 8), 17, 400.0), found((3, 8), 17, 220.0)
    assert wide[0] < 0.75 * usual[0]
    assert wide[1] <= 220.0 < usual[1]
    assert found((2, 3, 2), 17, 220.0) == found((2, 3, 2), 17, 221.0)


@pytest.mark.parametrize("moved", [0.3, 1.0, 1.7, 2.5])
@pytest.mark.parametrize("gap", [0.8, 13.0])
def test_a_wall_between_two_waters_is_as_thick_where_both_run_aside(gap: float, moved: float) -> None:
    """Nowhere does a circle as wide as a blade leave it, and it is cut off nowhere."""
    card = next(card for card in device("iris").sized.layers[0] if len(card.mouths) == 3)
    left = (0.0, 6.0), (moved, 6.0 + moved)
    right = (6.0 + gap, 12.0 + gap), (6.3 + gap + moved, 12.0 + gap + moved)
    mouths = tuple(Mouth(name, (teeth,), to, to) for name, (teeth, to) in (("a", left), ("b", right)))
    made = replace(card, mouths=mouths)
    wall = Polygon([*made.bank(mouths[0], 1), *reversed(made.bank(mouths[1], 0))])
    inside = wall.buffer(-0.785 / 2.0)
    assert inside.geom_type == "Polygon"
    assert inside.bounds[3] - inside.bounds[1] > wall.bounds[3] - wall.bounds[1] - 0.9
