"""Places: every spout over its gutter, every gutter over its vessel, all downhill, nothing in another's way."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import cos, degrees, hypot, inf, radians, sin
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, example, given, reject, settings
from hypothesis import strategies as st
from shapely import Polygon, box, get_coordinates
from stagework import DETERGENT, RESIN, WATER, Stages, design_of, network_of, process_named, random_network, staged

import pelu_fab
from pelu_fab.errors import FabError
from pelu_fab.ir.layout import Gutter, Layout, PlacedCard, Tray
from pelu_fab.ir.process import Process

PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN, "large": process_named("fdm-pla-detergent", 600.0)}
SHAPES = [(1, 1), (4, 3, 3), (2, 5, 2), (5, 4, 3, 2), (3, 6), (6, 6), (2, 2, 2, 2, 2)]
GRID = 2e-3  # mm
LANDS, STANDS = (6.0, 12.0), 11.0  # mm past a joint's lip, and high: what a solver saw (docs/cfd.md)


def woven(layout: Layout) -> list[PlacedCard]:
    return [placed for placed in layout.cards if not placed.card.under.is_beak]


def laid(layout: Layout, target: str) -> list[tuple[Tray, Gutter]]:
    """A target's gutter on every tray, upstream first."""
    return [(tray, gutter) for tray in layout.trays for gutter in tray.gutters if gutter.target == target]


def lip_of(placed: PlacedCard) -> tuple[float, float]:
    """y and z of a card's lip, worked out again from its ramp of 45 degrees."""
    return placed.y + placed.card.sill + placed.card.run, placed.z - placed.card.run


def catches(layout: Layout, placed: PlacedCard, target: str) -> tuple[Tray, Gutter] | None:
    """The first floor of a target's gutter straight below a card's lip."""
    y, z = lip_of(placed)
    below = [
        (tray, gutter)
        for tray, gutter in laid(layout, target)
        if tray.head[0] <= y <= tray.at(gutter.end.along)[0] and tray.floor_z(y) < z
    ]
    return max(below, key=lambda pair: pair[0].floor_z(y), default=None)


def spout_faults(layout: Layout) -> list[str]:
    """Spouts that do not stand well within the walls of their gutter, or too high or low over its floor."""
    found = []
    for placed in woven(layout):
        y, z = lip_of(placed)
        for mouth in placed.card.mouths:
            pair = catches(layout, placed, mouth.target)
            if pair is None:
                found.append(f"{placed.card.name}->{mouth.target}: no gutter below the lip")
                continue
            tray, gutter = pair
            at = gutter.at(tray.to((y, tray.floor_z(y)))[0])
            if mouth.spout[0] - at.x0 < 2.0 - GRID or at.x1 - mouth.spout[1] < 2.0 - GRID:
                found.append(f"{placed.card.name}->{mouth.target}: spout {mouth.spout} in a gutter {at.x0} to {at.x1}")
            fall = z - tray.floor_z(y)
            if not 8.0 - GRID <= fall <= 30.0:
                found.append(f"{placed.card.name}->{mouth.target}: falls {fall:.2f} mm")
    return found


def slope_faults(layout: Layout, process: Process) -> list[str]:
    """Walls of gutters along which the floor falls less than the process asks, however they bend."""
    found = []
    for tray in layout.trays:
        drop = sin(radians(tray.slope_deg))
        for gutter in tray.gutters:
            for a, b in pairwise(gutter.stations):
                for aside in (b.x0 - a.x0, b.x1 - a.x1):
                    fall = degrees(np.arcsin((b.along - a.along) * drop / hypot(aside, b.along - a.along)))
                    if fall < process.channels.min_slope_deg - 0.01:
                        found.append(f"{tray.name} {gutter.target}: falls at {fall:.2f} degrees")
    return found


def gutter_faults(layout: Layout) -> list[str]:
    """Neighbours with less than a wall between them anywhere."""
    found = []
    for tray in layout.trays:
        for along in np.linspace(0.0, tray.length, 40):
            on = [g for g in tray.gutters if g.stations[0].along <= along <= g.end.along]
            rows = sorted(((s := g.at(float(along))).x0, s.x1, g.target) for g in on)
            for a, b in pairwise(rows):
                if b[0] - a[1] < tray.wall - GRID:
                    found.append(f"{tray.name}: {a[2]} and {b[2]} at {along:.1f}")
                    break
    return found


def joint_faults(layout: Layout, process: Process) -> list[str]:
    """Trays that do not pass their water on: a next floor too high, too short a lap, a gutter beside the one before."""
    found = []
    for target in {gutter.target for tray in layout.trays for gutter in tray.gutters}:
        for (above, fed), (below, gutter) in pairwise(laid(layout, target)):
            y = above.at(fed.end.along)[0]
            under = above.floor_z(y) - process.printer.floor / cos(radians(above.slope_deg))
            if under - below.floor_z(y) < 3.0:
                found.append(f"{below.name} {target}: {under - below.floor_z(y):.2f} mm below {above.name}")
            if y - below.head[0] < 4.0:
                found.append(f"{below.name} {target}: laps {y - below.head[0]:.2f} mm")
            at = gutter.at(below.to((y, below.floor_z(y)))[0])
            if fed.end.x0 < at.x0 - GRID or fed.end.x1 > at.x1 + GRID:
                found.append(f"{below.name} {target}: beside {above.name}")
            found += [
                f"{below.name} {target}: {placed.card.name} lies {room:.2f} mm over what lands"
                for placed in layout.cards
                if below.carries(placed) and (room := room_under(placed, below, (y + LANDS[0], y + LANDS[1]))) < STANDS
            ]
    return found


def room_under(placed: PlacedCard, tray: Tray, span: tuple[float, float]) -> float:
    """Least height of a card above a tray's floor over a span of y; infinite where it does not reach there."""
    body = Polygon([placed.at(point) for point in placed.card.outline])
    over = body.intersection(box(span[0], -1e3, span[1], 1e3))
    return min((z - tray.floor_z(y) for y, z in get_coordinates(over)), default=inf)


def arrival_faults(stages: Stages) -> list[str]:
    """Gutters that do not end over the inlet of their card, or over their cup; row cards that miss their cup."""
    found, layout = [], stages.layout
    cards = {placed.card.name: placed for placed in layout.cards}
    cups = {cup.cup.port: cup for cup in layout.cups}
    for target in {gutter.target for tray in layout.trays for gutter in tray.gutters}:
        tray, gutter = laid(layout, target)[-1]
        (y, z), x0, x1 = tray.at(gutter.end.along), gutter.end.x0, gutter.end.x1
        if target in cups:
            cup = cups[target]
            inside = cup.x0 + 1.0 <= x0 and x1 <= cup.x1 - 1.0 and cup.y0 - 20.0 <= y <= cup.y1
            if not inside or z - stages.design.process.printer.floor < cup.floor_z + cup.cup.height:
                found.append(f"{target}: ends at {y:.1f}, beside its cup")
            continue
        placed = cards[target]
        first = placed.y + placed.card.plates[0].y0
        if not (placed.card.x0 + 0.5 <= x0 and x1 <= placed.card.x1 - 0.5):
            found.append(f"{target}: comes in at {x0:.2f} to {x1:.2f}")
        if not placed.y - placed.card.depth + 1.0 < y < first - 1.0:
            found.append(f"{target}: ends at {y:.2f}, not over the inlet")
        if z < placed.z + 5.0:
            found.append(f"{target}: ends {z - placed.z:.2f} mm above its sill")
    for placed in layout.hung:
        (y, z), (mouth,) = lip_of(placed), placed.card.mouths
        cup = cups[mouth.target]
        if not (cup.x0 + 1.0 < mouth.spout[0] and mouth.spout[1] < cup.x1 - 1.0 and cup.y0 + 1.0 < y < cup.y1 - 1.0):
            found.append(f"{placed.card.name}: its lip is not over {mouth.target}")
        if z < cup.floor_z + cup.cup.height + 1.0:
            found.append(f"{placed.card.name}: its lip is at {z:.2f}, in {mouth.target}")
    return found


def slab(tray: Tray, end: float, start: float = 0.0) -> Polygon:
    """A gutter's floor in (y, z), from its `start` to its `end` along the tray."""
    return Polygon([tray.at(start, -tray.floor), tray.at(end, -tray.floor), tray.at(end), tray.at(start)])


def outline_of(placed: PlacedCard) -> Polygon:
    return Polygon([(y + placed.y, z + placed.z) for y, z in placed.card.outline])


def walls_of(placed: PlacedCard) -> Polygon:
    """A card's section between its end walls: what a gutter that comes in there may meet."""
    return outline_of(placed) - Polygon([(y + placed.y, z + placed.z) for y, z in placed.card.cavity])


def bodies(layout: Layout) -> Iterator[tuple[str, tuple[float, float], Polygon]]:
    """Name, extent along x and section of what stands in the stream: cards, and floors of gutters between two bends."""
    for placed in layout.cards:
        yield placed.card.name, placed.card.body, outline_of(placed)
    for tray in layout.trays:
        for gutter in tray.gutters:
            for a, b in pairwise(gutter.stations):
                reach = (min(a.x0, b.x0) - tray.wall, max(a.x1, b.x1) + tray.wall)
                yield tray.name, reach, slab(tray, b.along, a.along)


def clearance_faults(layout: Layout) -> list[str]:
    """Cards and floors nearer than 0.25 mm, cards less than 4.9 mm over the water's floor.

    A gutter's end in the notch of a card's back wall is held to the notch instead.
    """
    found, everything = [], list(bodies(layout))
    for tray in layout.trays:
        (y0, z0), (y1, z1) = tray.at(0.0), tray.at(tray.length)
        water = Polygon([(y0, z0), (y1, z1), (y1, z1 + 4.9), (y0, z0 + 4.9)])
        fed = {gutter.target for gutter in tray.gutters}  # its lip comes in between that card's end walls
        sections = {p.card.name: walls_of(p) if p.card.name in fed else outline_of(p) for p in woven(layout)}
        over = [name for name, section in sections.items() if section.intersects(water)]
        found += [f"{name} stands in the water of {tray.name}" for name in over]
    cards = {placed.card.name: placed for placed in layout.cards}
    for k, (one, (low, high), section) in enumerate(everything):
        for other, (left, right), there in everything[k + 1 :]:
            if one == other or left >= high or low >= right:
                continue
            card = cards[one] if one in cards and other not in cards else None
            if card and card.card.notch:
                continue
            comes_in = card is not None and card.card.x0 < left and right < card.card.x1
            if (walls_of(card) if card and comes_in else section).distance(there) < 0.25:
                found.append(f"{one} and {other} meet")
    for placed in layout.cards:
        if placed.card.notch is None:
            continue
        tray, gutter = laid(layout, placed.card.name)[-1]
        x0, x1, foot = placed.card.notch
        back = placed.y - placed.card.depth - placed.card.wall
        for y in (back, back + placed.card.wall, tray.at(gutter.end.along)[0]):
            at = gutter.at(tray.to((y, tray.floor_z(y)))[0])
            under = tray.floor_z(y) - tray.floor / cos(radians(tray.slope_deg))
            if under - (placed.z + foot) < 0.5:
                found.append(f"{tray.name} lies on {placed.card.name}")
            if at.x0 - tray.wall < x0 + 0.1 or at.x1 + tray.wall > x1 - 0.1:
                found.append(f"{tray.name} does not pass the back wall of {placed.card.name}")
    return found


def order_faults(layout: Layout) -> list[str]:
    """Cards of one staircase that do not come one behind the other, each lower; cards of a row not side by side."""
    found = []
    for row in layout.layers:
        for a, b in pairwise(row):
            if a.card.under.is_beak:
                continue
            if outline_of(b).bounds[0] - outline_of(a).bounds[2] < 1.0:
                found.append(f"{b.card.name} is not behind {a.card.name}")
            if b.z >= a.z:
                found.append(f"{b.card.name} is not below {a.card.name}")
        hung = sorted((p for p in row if p.card.under.is_beak), key=lambda p: p.card.body)
        for a, b in pairwise(hung):
            if b.card.body[0] - a.card.body[1] < 1.0 or (a.y, a.z) != (b.y, b.z):
                found.append(f"{a.card.name} and {b.card.name} do not hang side by side")
    return found


def stand_faults(layout: Layout, process: Process) -> list[str]:
    """Cups that are not alike or not on the table; supports that do not reach it or bite into what they carry."""
    found = []
    if len({(round(c.x1 - c.x0, 3), round(c.y1 - c.y0, 3), c.floor_z, c.cup.height) for c in layout.cups}) > 1:
        found.append("cups of several sections or floors")
    if abs(min(cup.floor_z for cup in layout.cups) - process.printer.floor) > GRID:
        found.append("the cups do not stand on the table")
    for a, b in pairwise(sorted(layout.cups, key=lambda cup: cup.x0)):
        if b.x0 - a.x1 < 2 * process.printer.wall:
            found.append(f"{a.cup.port} and {b.cup.port} stand in each other")
    for cup in layout.cups:
        for plate in layout.rack.plates:
            near = layout.rack.thickness / 2 + process.printer.wall
            if cup.x0 - near < plate < cup.x1 + near:
                found.append(f"{cup.cup.port} stands in the plate at {plate}")
    for trestle in layout.trestles:
        y = trestle.y[1]
        unders = [
            tray.floor_z(y) - process.printer.floor / cos(radians(tray.slope_deg))
            for tray in layout.trays
            if tray.head[0] < y < tray.at(tray.length)[0]
        ]
        if trestle.top_z <= 0.0 or sum(-GRID < under - trestle.top_z < 1.0 for under in unders) != 1:
            found.append(f"a trestle reaches {trestle.top_z:.2f}, floors lie at {unders}")
        for name, reach, section in bodies(layout):
            passes = section.intersects(box(trestle.y[0], 0.0, trestle.y[1], trestle.top_z - 0.1))
            if passes and not (trestle.straddles and trestle.x[0] < reach[0] and reach[1] < trestle.x[1]):
                found.append(f"{name} passes through a trestle")
    if len(layout.trestles) != len(layout.trays):
        found.append(f"{len(layout.trestles)} trestles for {len(layout.trays)} trays")
    for a, b in pairwise(sorted(layout.trestles, key=lambda trestle: trestle.y)):
        outer, inner = (a, b) if a.x[1] > b.x[1] else (b, a)
        if b.y[0] - a.y[1] < 1.0 and not (outer.straddles and outer.x[1] - inner.x[1] > 0.5):
            found.append(f"trestles {a} and {b} in each other")
    low = min(outline_of(placed).bounds[1] for placed in layout.cards)
    low = min([low, *(slab(tray, tray.length).bounds[1] for tray in layout.trays)])
    if low < 0.0:
        found.append(f"something lies {low:.2f} mm below the table")
    return found


def faults(stages: Stages) -> list[str]:
    layout, process = stages.layout, stages.design.process
    found = [*spout_faults(layout), *slope_faults(layout, process), *gutter_faults(layout)]
    found += [*joint_faults(layout, process), *arrival_faults(stages), *clearance_faults(layout)]
    return [*found, *order_faults(layout), *stand_faults(layout, process)]


@pytest.mark.parametrize("widths", SHAPES, ids=lambda w: "-".join(map(str, w)))
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_all_water_falls_where_it_should_and_nothing_is_in_the_way(widths: tuple[int, ...], process: Process) -> None:
    stages = staged(design_of(random_network(widths, 3), process))
    assert faults(stages) == []
    ways = [(run.source, run.target) for run in stages.layout.runs()]
    assert sorted(ways) == sorted((duct.source, duct.target) for duct in stages.lowered.netlist.ducts)


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@example(55579, [1, 4, 3, 3])  # a tray's head just beyond a card's front
@example(999999, [3, 3, 5, 5])
@example(288, [5, 2, 4, 1])  # a fan far beyond a trestle is wider than it
@given(seed=st.integers(0, 10**6), widths=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_random_networks_lie_as_well(seed: int, widths: list[int]) -> None:
    try:
        stages = staged(design_of(random_network(tuple(widths), seed)))
    except FabError as error:
        assert any(told in str(error) for told in ("no comb of", "more than a card of", "a bare sill keeps less"))
        reject()
    assert faults(stages) == []


MATCHING = ([2.0, 3.0], [[0.0, 1.0], [1.0, 0.0]])
PATTERNS = {
    "a matching alone": network_of(MATCHING),
    "a matching below a crossbar": network_of(([5.0, 9.0], [[0.2, 0.8], [0.7, 0.3]]), MATCHING),
    "a matching above a crossbar": network_of(MATCHING, ([5.0, 9.0], [[0.2, 0.8], [0.7, 0.3]])),
    "two row cards over one cup": network_of(([5.0], [[0.3, 0.3, 0.4]]), ([2.0] * 3, [[1.0, 0.0], [1.0, 0.0], [0, 1]])),
    "a cup that gets nothing": network_of(([4.0, 6.0], [[1.0, 0.0], [1.0, 0.0]])),
    "one gutter for two": network_of(([4.0, 6.0], [[1.0], [1.0]]), ([1.0], [[0.5, 0.5]])),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_matchings_shared_cups_and_lone_gutters_lie_as_well(name: str) -> None:
    assert faults(staged(design_of(PATTERNS[name]))) == []


@pytest.mark.parametrize("bed", [140.0, 180.0, 220.0, 300.0])
def test_a_staircase_longer_than_the_bed_goes_on_in_another_tray(bed: float) -> None:
    process = process_named("fdm-pla-detergent", bed)
    stages = staged(design_of(random_network((8, 2), 1), process))
    assert len(stages.layout.trays) > 1
    assert faults(stages) == []
    for tray in stages.layout.trays:
        assert tray.length <= bed


def test_a_fan_as_long_as_the_bed_lies_on_one_tray() -> None:
    """Where it bends, a joint's gutter narrows by more over the lap than its lip is narrower."""
    pytest.importorskip("torch", reason="reads a Lightning checkpoint")
    trays = staged(pelu_fab.load(Path(__file__).parent / "data" / "handed-in" / "lightning.ckpt")).layout.trays
    for gutter in trays[-1].gutters:
        assert gutter.stations[1].along > trays[-1].lap, "it bends where the tray above still lies over it"


def test_a_last_row_hangs_over_its_cups_and_anything_else_ends_in_them() -> None:
    hung = staged(design_of(PATTERNS["a matching below a crossbar"])).layout
    assert [placed.card.name for placed in hung.hung] == ["L1.b0", "L1.b1"]
    assert not staged(design_of(PATTERNS["a matching above a crossbar"])).layout.hung


def test_planted_faults_are_found() -> None:
    stages = staged(design_of(network_of(([5.0, 9.0], [[0.2, 0.8], [0.7, 0.3]]), ([2.0, 3.0], [[0, 1], [1, 0]]))))
    process, layout = stages.design.process, stages.layout
    assert faults(stages) == []
    (tray,), (first, second) = layout.trays, layout.layers[0]
    left, right = tray.gutters

    def with_tray(changed: Tray) -> Layout:
        return replace(layout, trays=(changed,))

    def with_gutter(x0: float, x1: float) -> Layout:
        """The left gutter's walls moved."""
        stations = tuple(replace(s, x0=s.x0 + x0, x1=s.x1 + x1) for s in left.stations)
        return with_tray(replace(tray, gutters=(replace(left, stations=stations), right)))

    def with_card(changed: PlacedCard) -> Layout:
        return replace(layout, layers=((first, changed), layout.layers[1]))

    assert "spout" in spout_faults(with_gutter(3.0, 3.0))[0]
    assert "falls" in spout_faults(with_tray(replace(tray, head=(tray.head[0], tray.head[1] - 18.0))))[0]
    assert "no gutter below" in spout_faults(with_tray(replace(tray, gutters=(left,))))[0]
    assert slope_faults(with_tray(replace(tray, slope_deg=process.channels.min_slope_deg)), process)
    assert slope_faults(with_tray(replace(tray, slope_deg=3.0)), process)[0].endswith("falls at 3.00 degrees")
    assert gutter_faults(with_gutter(0.0, 0.5))[0].startswith(f"{tray.name}: {left.target} and {right.target}")
    assert "comes in at" in arrival_faults(replace(stages, layout=with_gutter(-9.0, -9.0)))[0]
    long = replace(tray, gutters=(replace(left, stations=(*left.stations[:-1], replace(left.end, along=400.0))), right))
    assert "not over the inlet" in arrival_faults(replace(stages, layout=with_tray(long)))[0]
    aside = replace(layout, cups=tuple(replace(cup, x0=cup.x0 + 20.0, x1=cup.x1 + 20.0) for cup in layout.cups))
    assert "its lip is not over" in arrival_faults(replace(stages, layout=aside))[0]
    assert "stands in the water" in clearance_faults(with_card(replace(second, z=second.z - 2.0)))[0]
    assert "L0.b0 and L0.b1 meet" in clearance_faults(with_card(replace(second, y=second.y - 8.0)))
    assert "is not behind" in order_faults(with_card(replace(second, y=second.y - 8.0)))[0]
    assert "is not below" in order_faults(with_card(replace(second, z=first.z)))[0]
    low = replace(layout, layers=(layout.layers[0], tuple(replace(p, z=p.z + 2.0) for p in layout.layers[1])))
    assert "lies on" in clearance_faults(low)[0]
    unlike = replace(layout.cups[0], floor_z=layout.cups[0].floor_z + 1.0)
    assert stand_faults(replace(layout, cups=(unlike, layout.cups[1])), process)[0].startswith("cups of several")
    (trestle,) = layout.trestles
    tall = replace(layout, trestles=(replace(trestle, top_z=trestle.top_z + 0.5),))
    assert stand_faults(tall, process)[0].startswith("a trestle reaches")
    far = replace(trestle, y=(second.y - 20.0, second.y + 20.0))
    assert "L0.b1 passes through a trestle" in stand_faults(replace(layout, trestles=(far,)), process)


@pytest.mark.parametrize("name", ["iris-robust", "penguins"])
def test_behind_a_card_whose_water_all_comes_down_in_one_gutter_a_joint_lies_farther_on(name: str) -> None:
    """It piles up at the walls there, and ran through beside a lip 15 mm on (a solver, docs/cfd.md)."""
    layout = staged(pelu_fab.load(Path(__file__).parent.parent / "designs" / name)).layout
    beyond = {}
    for placed in woven(layout):
        for mouth in placed.card.mouths:
            caught = catches(layout, placed, mouth.target)
            assert caught
            lip = caught[0].at(caught[1].end.along)[0]
            beyond.setdefault(len(placed.card.mouths) == 1, []).append(lip - lip_of(placed)[0])
    assert min(beyond[True]) > 25.0 - GRID
    assert min(beyond[False]) > 15.0 - GRID


def test_a_planted_fault_in_a_joint_is_found() -> None:
    stages = staged(design_of(random_network((8, 2), 1), process_named("fdm-pla-detergent", 180.0)))
    layout, process = stages.layout, stages.design.process
    before, after = layout.trays[0], layout.trays[1]
    high = replace(after, head=(after.head[0], after.head[1] + 1.5))
    assert "mm below" in joint_faults(replace(layout, trays=(before, high, *layout.trays[2:])), process)[0]
    away = replace(after, head=(after.head[0] + 7.0, after.floor_z(after.head[0] + 7.0)))
    assert "laps" in joint_faults(replace(layout, trays=(before, away, *layout.trays[2:])), process)[0]
    first = next(placed for placed in layout.cards if after.carries(placed))
    near = replace(first, y=first.y - 10.0)  # as cards stood whose walls ran over: 95.3 % arrived
    assert "over what lands" in joint_faults(replace(layout, layers=((near,),)), process)[0]


def test_a_bed_too_short_for_one_card_is_refused_and_its_advice_works() -> None:
    network = random_network((2, 2), 0)
    with pytest.raises(FabError, match=r"L0\.b0: needs a tray \d+ mm long, the bed takes 60; use a larger bed"):
        staged(design_of(network, process_named("fdm-pla-detergent", 60.0)))
    assert not faults(staged(design_of(network, process_named("fdm-pla-detergent", 140.0))))
