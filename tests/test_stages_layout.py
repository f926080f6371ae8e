"""Places and elevations: nothing overlaps, everything falls, and what crosses in plan crosses at different heights."""

from dataclasses import replace
from itertools import pairwise
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pelu_fab.stages.build.trays import chute_strips
from stagework import DETERGENT, RESIN, WATER, Stages, design_of, network_of, process_named, random_network, staged

from pelu_fab.ir.layout import ChuteTray, Crossbar, Lane, Layout, PlacedRow
from pelu_fab.ir.process import Process

PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN, "large": process_named("fdm-pla-detergent", 600.0)}
SHAPES = [(1, 1), (4, 3, 3), (2, 5, 2), (5, 4, 3, 2), (3, 6), (8, 8), (2, 2, 2, 2, 2)]


def chute_span(tray: ChuteTray, row: PlacedRow, process: Process) -> tuple[float, float]:
    """Lowest and highest z of a tray of chutes, worked out again from its plane."""
    sine, cosine = sin(radians(tray.plane.slope_deg)), cos(radians(tray.plane.slope_deg))
    wall, height = process.printer.wall, process.printer.floor + row.sized.chute_wall
    longest = max(chute.end for chute in tray.chutes) + wall
    return tray.plane.head_z - longest * sine, tray.plane.head_z + wall * sine + height * cosine


def gutter_span(bar: Crossbar, row: PlacedRow, process: Process) -> tuple[float, float]:
    plane = bar.gutter_plane
    assert plane is not None
    sine, cosine = sin(radians(plane.slope_deg)), cos(radians(plane.slope_deg))
    wall, height = process.printer.wall, process.printer.floor + row.sized.gutter_wall
    longest = max(gutter.end for gutter in bar.gutters) + wall
    return plane.head_z - longest * sine, plane.head_z + wall * sine + height * cosine


def fall_faults(layout: Layout, process: Process) -> list[str]:
    """Slopes below the process's, and pieces that do not lie strictly below the piece that feeds them."""
    found = []
    for row, bar in zip(layout.rows, layout.crossbars, strict=True):
        planes = [(f"chutes {bar.tag}", tray.plane) for tray in bar.chute_trays]
        planes += [(f"gutters {bar.tag}", bar.gutter_plane)] if bar.gutter_plane else []
        found += [f"{n}: {p.slope_deg}" for n, p in planes if p.slope_deg < process.channels.min_slope_deg - 1e-9]
        spans = [(f"row {bar.tag}", (row.bottom_z, row.rim_z))]
        spans += [(f"chutes {bar.tag}", chute_span(tray, row, process)) for tray in bar.chute_trays]
        if bar.gutters:
            spans.append((f"gutters {bar.tag}", gutter_span(bar, row, process)))
        for (above, (low, _)), (below, (_, high)) in pairwise(spans):
            if above[0] == below[0] == "c":
                continue  # two trays of chutes stand one behind the other
            if high >= low:
                found.append(f"{below} reaches {high:.2f}, {above} begins at {low:.2f}")
        following = [other for other in layout.rows if other.layer == row.layer + 1]
        rim = following[0].rim_z if following else max(cup.floor_z + cup.cup.height for cup in layout.cups)
        if spans[-1][1][0] <= rim:
            found.append(f"{spans[-1][0]} ends at {spans[-1][1][0]:.2f}, the rim below is at {rim:.2f}")
        if row.sill_z >= row.rim_z or row.bottom_z >= row.sill_z:
            found.append(f"row {bar.tag} is not upright")
    return found


def hand_over_faults(lane: Lane, bar: Crossbar) -> list[str]:
    """A hole over the next tray must lie well inside the chute there."""
    chutes = [
        chute
        for tray in bar.chute_trays
        for chute in tray.chutes
        if (chute.lane.source, chute.lane.mouth) == (lane.source, lane.mouth)
    ]
    return [
        f"{lane.source}->{lane.target}: a hole from {above.h0:.2f} to {above.h1:.2f} over a chute from "
        f"{below.lane.c0:.2f} to {below.lane.c1:.2f}"
        for above, below in pairwise(chutes)
        if above.h0 - below.lane.c0 < 0.5 or below.lane.c1 - above.h1 < 0.5
    ]


def slit_faults(layout: Layout, process: Process) -> list[str]:
    """Neighbours on a tray that neither share a wall nor leave air that prints between theirs."""
    return [
        f"{a.lane.source}->{a.lane.target} and {b.lane.source}->{b.lane.target} leave {air:.2f} mm"
        for bar in layout.crossbars
        for tray in bar.chute_trays
        for a, b in pairwise(tray.chutes)
        if 0.0 < (air := b.lane.c0 - a.lane.c1 - 2 * process.printer.wall) < process.printer.nozzle
    ]


def strip_faults(bar: Crossbar, row: PlacedRow, process: Process) -> list[str]:
    """Holes over a gutter that have a strip of a lower tray in between, on which the water would land."""
    found = []
    hole, wall = row.sized.hole, process.printer.wall
    for number, tray in enumerate(bar.chute_trays):
        lower = bar.chute_trays[number + 1 :]
        handed_on = {(chute.lane.source, chute.lane.mouth) for other in lower for chute in other.chutes}
        strips = [(o.plane, t0, t1) for o in lower for t0, t1 in chute_strips(o, hole, wall)]
        for chute in tray.chutes:
            if (chute.lane.source, chute.lane.mouth) in handed_on:
                continue
            ends = [tray.plane.head + t * cos(radians(tray.plane.slope_deg)) for t in (chute.end - hole, chute.end)]
            for plane, t0, t1 in strips:
                cosine = cos(radians(plane.slope_deg))
                if ends[0] < plane.head + t1 * cosine and plane.head + t0 * cosine < ends[1]:
                    found.append(f"{chute.lane.source}->{chute.lane.target}: a strip below its hole")
    return found


def lip_faults(layout: Layout) -> list[str]:
    """Buckets of a matching whose lip does not stand over the room behind their baffle."""
    found = []
    for row, bar in zip(layout.rows, layout.crossbars, strict=True):
        lip = row.v + row.front + row.sized.ramp
        for below in layout.rows if not bar.gutters else ():
            for placed in below.buckets if (below.layer, below.bay) == (row.layer + 1, row.bay) else ():
                back = below.v - placed.bucket.depth
                if not back + 1.0 < lip < back + placed.bucket.inlet_depth - 1.0:
                    found.append(f"{placed.bucket.name}: the lip stands {lip - back:.2f} mm before its back wall")
    return found


def plan_faults(stages: Stages) -> list[str]:
    """Cells, lanes and gutters that overlap, and chutes that do not end over their gutter."""
    found = []
    layout, wall = stages.layout, stages.design.process.printer.wall
    for number, plan in enumerate(stages.plans):
        for a, b in pairwise(sorted(plan.cells, key=lambda cell: cell.u)):
            if a.u + a.width / 2 > b.u - b.width / 2 + 1.001e-3:
                found.append(f"cells {a.name} and {b.name} of row {number} overlap")
    for row, bar in zip(layout.rows, layout.crossbars, strict=True):
        for a, b in pairwise(bar.lanes):
            if b.c0 - a.c1 < wall - 1e-3:
                found.append(f"lanes {a.source}->{a.target} and {b.source}->{b.target} overlap")
        found += [f"spout {x.source}->{x.target} misses its lane" for x in bar.lanes if not x.c0 <= x.u0 < x.u1 <= x.c1]
        for a, b in pairwise(sorted(bar.gutters, key=lambda gutter: gutter.v)):
            if b.v - a.v < row.sized.gutter_width + wall - 1e-3:
                found.append(f"gutters {a.target} and {b.target} overlap")
        places = {gutter.target: gutter.v for gutter in bar.gutters}
        for lane in bar.lanes if bar.chute_trays else ():
            ends = [  # of its chutes, tray below tray: the last one must lie over the gutter
                tray.plane.head + (chute.end - row.sized.hole / 2) * cos(radians(tray.plane.slope_deg))
                for tray in bar.chute_trays
                for chute in tray.chutes
                if (chute.lane.source, chute.lane.mouth) == (lane.source, lane.mouth)
            ]
            found += hand_over_faults(lane, bar)
            v = places[lane.target]
            if abs(ends[-1] - v) > row.sized.gutter_width / 2 - 1.0:
                found.append(f"{lane.source}->{lane.target} ends at {ends[-1]:.1f}, its gutter runs at {v:.1f}")
    return found


@pytest.mark.parametrize("widths", SHAPES, ids=lambda w: "-".join(map(str, w)))
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_all_water_falls_and_nothing_overlaps(widths: tuple[int, ...], process: Process) -> None:
    stages = staged(design_of(random_network(widths, 3), process))
    assert fall_faults(stages.layout, process) == []
    assert plan_faults(stages) == []


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), widths=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_random_networks_lie_as_well(seed: int, widths: list[int]) -> None:
    stages = staged(design_of(random_network(tuple(widths), seed)))
    assert fall_faults(stages.layout, DETERGENT) == []
    assert plan_faults(stages) == []


RELAYED = {
    "three trays": design_of(network_of(([5.0], [[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]])), WATER),
    "lanes of all widths": design_of(random_network((3, 8), 3), process_named("fdm-pla-detergent", 160.0)),
    "cells that a matching widens": design_of(
        network_of(
            ([5.0] * 2, [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]),
            ([2.0] * 3, np.eye(3).tolist()),
            ([9.0] * 3, [[1 / 7] * 7] * 3),
        )
    ),
}


@pytest.mark.parametrize("name", RELAYED)
def test_a_tray_hands_its_water_on_to_wider_chutes(name: str) -> None:
    stages = staged(RELAYED[name])
    assert max(len(bar.chute_trays) for bar in stages.layout.crossbars) > 1
    assert plan_faults(stages) == []
    assert slit_faults(stages.layout, stages.design.process) == []


@pytest.mark.parametrize("bed", range(112, 200, 4))
def test_nothing_stands_below_the_holes_over_gutters(bed: float) -> None:
    stages = staged(design_of(random_network((2, 5, 8), 1), process_named("resin", bed)))
    for bar, row in zip(stages.layout.crossbars, stages.layout.rows, strict=True):
        assert strip_faults(bar, row, stages.design.process) == []


@pytest.mark.parametrize(("inputs", "process"), [(8, DETERGENT), (16, PROCESSES["large"]), (30, PROCESSES["large"])])
def test_a_bays_gutters_fall_into_the_next_ones_behind_their_head_walls(inputs: int, process: Process) -> None:
    stages = staged(design_of(random_network((inputs, 2), 1), process))
    steps = 0
    bar, row = stages.layout.crossbars[0], stages.layout.rows[0]
    assert bar.gutter_plane is not None
    lean = (process.printer.floor + row.sized.gutter_wall) * sin(radians(bar.gutter_plane.slope_deg))
    assert bar.gutter_plane.head + lean < min(lane.c0 for lane in bar.lanes)
    for (bar, row), (following, _) in pairwise(zip(stages.layout.crossbars, stages.layout.rows, strict=True)):
        assert bar.gutter_plane is not None and following.gutter_plane is not None
        sine, cosine = sin(radians(bar.gutter_plane.slope_deg)), cos(radians(bar.gutter_plane.slope_deg))
        wall_top = following.gutter_plane.head + (process.printer.floor + row.sized.gutter_wall) * sine
        for gutter in bar.gutters:
            hole = bar.gutter_plane.head + (gutter.end - row.sized.hole) * cosine + process.printer.floor * sine
            assert hole > wall_top + 0.35
            steps += 1
    assert steps >= 2


def test_lips_drop_their_water_behind_the_baffle_of_every_depth_of_bucket() -> None:
    shares = [[0.0, 1.0], [1.0, 0.0]]
    stages = staged(design_of(network_of(([5.0, 5.0], shares), ([2.0, 60.0], [[0.5, 0.5], [0.5, 0.5]]))))
    assert len({placed.bucket.depth for placed in stages.layout.rows[1].buckets}) == 2
    assert lip_faults(stages.layout) == []
    row = stages.layout.rows[1]
    forward = replace(stages.layout, rows=(stages.layout.rows[0], replace(row, v=row.v - 20.0)))
    assert lip_faults(forward)[0].startswith("L1.b1: the lip stands")


def test_the_device_stands_on_the_table() -> None:
    stages = staged(design_of(random_network((4, 3, 3), 2)))
    assert min(cup.floor_z for cup in stages.layout.cups) == pytest.approx(DETERGENT.printer.floor)
    assert len({row.sill_z for row in stages.layout.rows if row.layer == 0}) == 1


def test_planted_faults_are_found() -> None:
    stages = staged(design_of(random_network((3, 3, 2), 2), PROCESSES["large"]))
    process, layout = stages.design.process, stages.layout
    bar = layout.crossbars[0]
    plane = bar.gutter_plane
    assert plane is not None
    first = lambda changed: replace(layout, crossbars=(changed, *layout.crossbars[1:]))  # noqa: E731
    raised = first(replace(bar, gutter_plane=replace(plane, head_z=plane.head_z + 5.0)))
    assert fall_faults(raised, process)[0].startswith("gutters L0 reaches")
    flat = first(replace(bar, gutter_plane=replace(plane, slope_deg=14.0)))
    assert fall_faults(flat, process)[0] == "gutters L0: 14.0"
    tray = bar.chute_trays[0]
    short = replace(tray, chutes=(replace(tray.chutes[0], end=tray.chutes[0].end - 12.0), *tray.chutes[1:]))
    crossed = first(replace(bar, chute_trays=(short, *bar.chute_trays[1:])))
    assert "its gutter runs at" in plan_faults(replace(stages, layout=crossed))[0]
    narrow = replace(tray.chutes[0], h0=tray.chutes[0].lane.c0)
    twice = replace(bar, chute_trays=(ChuteTray(tray.plane, (narrow,)), tray))
    assert "a hole from" in hand_over_faults(narrow.lane, twice)[0]
    near = replace(tray.chutes[1].lane, c0=tray.chutes[0].lane.c1 + 2 * process.printer.wall + 0.3)
    slit = replace(tray, chutes=(tray.chutes[0], replace(tray.chutes[1], lane=near)))
    assert slit_faults(first(replace(bar, chute_trays=(slit,))), process)[0].endswith("leave 0.30 mm")
    lane = replace(bar.lanes[0], c1=bar.lanes[1].c0)
    touching = first(replace(bar, lanes=(lane, *bar.lanes[1:])))
    assert plan_faults(replace(stages, layout=touching))[0].startswith("lanes L0.b0->")
    cells = stages.plans[0].cells
    moved = replace(cells[1], u=cells[1].u - 1.0)
    plan = replace(stages.plans[0], bays=((cells[0], moved, *cells[2:]),))
    assert plan_faults(replace(stages, plans=(plan, *stages.plans[1:]))) == [
        f"cells {cells[0].name} and {cells[1].name} of row 0 overlap"
    ]
