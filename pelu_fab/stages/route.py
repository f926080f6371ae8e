"""Plan in, layout out: lanes, chutes, gutters and elevations. All wet surfaces fall; nothing crosses at one height."""

from dataclasses import replace
from itertools import pairwise
from math import cos, radians, sin

from pelu_fab.errors import FabBug
from pelu_fab.ir.frames import SIDE, SIDE_GAP, STEP_IN, letters, step_out
from pelu_fab.ir.layout import (
    Chute,
    ChuteTray,
    Crossbar,
    Gutter,
    Lane,
    Layout,
    PlacedBucket,
    PlacedCup,
    PlacedRow,
    Plane,
)
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized, SizedRow
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.place import RowPlan, inner_depths, lane_widths, spout_face
from pelu_fab.stages.size import LEAST_SLIT, LIP

GAP = 0.8  # mm of air between a part and the part above it
BEHIND = 1.5  # mm that a chute's head wall stands behind the spout's face, at its top
UPSTREAM = 4.4  # mm of gutter before its first inflow, at least
RIM_GAP = 1.0  # mm between a gutter's underside and the rim below
INLET = 0.8  # mm between a vessel's back wall and the water that falls in
RELAY = 16.0  # mm, along the slope, from the last gutter a tray reaches to the end of its holes over the next tray
BEFORE = 12.0  # mm from there to the first hole below: the next tray's head stays out of the way of what falls here
LANDING = 16.0  # mm of a chute's full width where water lands
LEAST_EXCESS = 2.1  # mm a side that a chute narrows beside a neighbour whose wall it shares: less would leave a slit
LEAST_BEND = 0.01  # mm a side that any chute narrows


def route(plans: tuple[RowPlan, ...], sized: Sized, process: Process) -> Layout:
    """Give every channel its line and every row its elevation, from the first sill down; then stand it on the table."""
    rows: list[PlacedRow] = []
    crossbars: list[Crossbar] = []
    rim_z = sized.rows[0].rim_height
    for layer, (plan, row) in enumerate(zip(plans, sized.rows, strict=False)):
        bays = _placed_rows(layer, plan, row, rim_z, process)
        below = plans[layer + 1]
        if below.is_matched:
            crossbars += [Crossbar(bay.tag, bay.swapped, _row_lanes(bay, process.printer.wall)) for bay in bays]
            rim_z = on_grid(bays[0].bottom_z - RIM_GAP)
        else:
            trays, rim_z = _crossbars(bays, below, inner_depths(sized, layer + 1), process)
            crossbars += trays
        rows += bays
    cups = _cups(plans[-1], sized, rim_z, process)
    table = min(cup.floor_z for cup in cups) - process.printer.floor
    return _raised(Layout(tuple(rows), tuple(crossbars), cups), -table)


def _placed_rows(layer: int, plan: RowPlan, row: SizedRow, rim_z: float, process: Process) -> list[PlacedRow]:
    sized = {bucket.name: bucket for bucket in row.buckets}
    deepest = max(bucket.sill_height for bucket in row.buckets) + process.printer.floor
    sill_z = on_grid(rim_z - row.rim_height)
    bottom_z = on_grid(sill_z - _layers_up(max(deepest, row.ramp + row.spout_height), process))
    return [
        PlacedRow(
            layer=layer,
            bay=number,
            tag=f"L{layer}" + (letters(number) if len(plan.bays) > 1 else ""),
            swapped=plan.swapped,
            v=plan.v,
            buckets=tuple(
                PlacedBucket(sized[c.name], c.u, on_grid(c.u - c.width / 2), on_grid(c.u + c.width / 2)) for c in bay
            ),
            sized=row,
            front=process.comb.sill_length,
            sill_z=sill_z,
            rim_z=rim_z,
            bottom_z=bottom_z,
        )
        for number, bay in enumerate(plan.bays)
    ]


def _layers_up(height: float, process: Process) -> float:
    layer = process.printer.layer_height
    return -(-(height - 1e-6) // layer) * layer


def _row_lanes(row: PlacedRow, wall: float) -> tuple[Lane, ...]:
    """All lanes of a bay; two chutes so near that a slit would stay between their walls share one wall instead."""
    lanes = [lane for bucket in row.buckets for lane in _lanes(bucket, row)]
    for index, (lane, following) in enumerate(pairwise(lanes)):
        if following.c0 - lane.c1 < 2 * wall + LEAST_SLIT:
            lanes[index] = replace(lane, c1=on_grid(following.c0 - wall))
    return tuple(lanes)


def _crossbars(
    bays: list[PlacedRow], below: RowPlan, depths: dict[str, float], process: Process
) -> tuple[list[Crossbar], float]:
    """Lanes and trays of a row's bays, first to last, each bay's gutters falling into the next's; and the rim below."""
    wall, floor = process.printer.wall, process.printer.floor
    crossbars: list[Crossbar] = []
    fed: set[str] = set()
    ceiling = float("inf")  # underside of the gutters of the bay before
    trays = [_chute_trays(bay, below, process) for bay in bays]
    lowest = min(_underside(tray, process) for bay in trays for tray in bay)
    for number, bay in enumerate(bays):
        sized, lanes = bay.sized, _row_lanes(bay, process.printer.wall)
        sine, cosine = sin(radians(sized.gutter_slope_deg)), cos(radians(sized.gutter_slope_deg))
        height = floor + sized.gutter_wall
        fed |= {lane.target for lane in lanes}
        head = min(lane.c0 for lane in lanes) - max(UPSTREAM, height * sine + INLET)  # its wall leans forward
        if number:
            head = bays[number - 1].buckets[-1].u1 + wall / 2 + SIDE_GAP + SIDE + STEP_IN
        head_z = min(lowest, ceiling) - GAP - wall * sine - height * cosine
        last = number + 1 == len(bays)
        step = bay.buckets[-1].u1 + wall / 2 + SIDE_GAP + SIDE
        step += step_out(sized.gutter_wall, sized.gutter_slope_deg)
        gutters = tuple(
            Gutter(
                target=cell.name,
                v=cell.u,
                start=0.0,
                end=on_grid(((below.v - depths[cell.name] + INLET if last else step) - head) / cosine + sized.hole),
            )
            for cell in below.cells
            if cell.name in fed
        )
        ceiling = head_z - (max(gutter.end for gutter in gutters) + wall) * sine
        plane = Plane(on_grid(head), on_grid(head_z), sized.gutter_slope_deg)
        crossbars.append(Crossbar(bay.tag, bay.swapped, lanes, trays[number], gutters, plane, last))
    return crossbars, on_grid(ceiling - RIM_GAP)


def _chute_plane(row: PlacedRow, process: Process) -> Plane:
    """The tray hangs just below the row, its head walls behind the spouts' faces."""
    height, slope = process.printer.floor + row.sized.chute_wall, radians(row.sized.chute_slope_deg)
    head = row.v + spout_face(row.sized, process) - BEHIND - height * sin(slope)
    head_z = row.bottom_z - GAP - process.printer.wall * sin(slope) - height * cos(slope)
    return Plane(on_grid(head), on_grid(head_z), row.sized.chute_slope_deg)


def _chute_trays(row: PlacedRow, below: RowPlan, process: Process) -> tuple[ChuteTray, ...]:
    """A tray of chutes, each hole's middle over its target's gutter; where that is beyond the bed, tray below tray."""
    at = {cell.name: cell.u for cell in below.cells}
    wall, hole = process.printer.wall, row.sized.hole
    height, slope = process.printer.floor + row.sized.chute_wall, radians(row.sized.chute_slope_deg)
    is_apart = row.sized.lane_gap > 2 * wall
    longest = min(process.printer.bed[:2]) - 2 * wall
    plane, lanes = _chute_plane(row, process), _row_lanes(row, process.printer.wall)
    trays: list[ChuteTray] = []
    while lanes:
        ends = {t: on_grid((at[t] - plane.head) / cos(slope) + hole / 2) for t in {lane.target for lane in lanes}}
        relay = float("inf")
        if max(ends.values()) > longest:
            reached = [end for end in ends.values() if end + RELAY <= longest]
            relay = on_grid(max(reached) + RELAY) if reached else min(longest, on_grid(min(ends.values()) - BEFORE))
        chutes = tuple(_chute(lane, min(ends[lane.target], relay), row.sized, is_apart=is_apart) for lane in lanes)
        trays.append(ChuteTray(plane, chutes))
        lanes = tuple(_handed_on(chute) for chute in chutes if ends[chute.lane.target] > relay)
        if lanes and not is_apart:
            raise FabBug(f"{row.tag}: its chutes stand too near each other for a second tray")
        low = plane.head_z - (relay + wall) * sin(slope)
        head = plane.head + (relay - hole) * cos(slope) - BEHIND - height * sin(slope)
        plane = (
            Plane(on_grid(head), on_grid(low - GAP - wall * sin(slope) - height * cos(slope)), plane.slope_deg)
            if lanes
            else plane
        )
    return tuple(trays)


def _chute(lane: Lane, end: float, sized: SizedRow, *, is_apart: bool) -> Chute:
    """A chute that narrows once its water has landed, if it is long enough and no slit opens beside it."""
    excess = (lane.c1 - lane.c0 - sized.min_lane) / 2
    is_long = LANDING + excess * sized.narrowing <= end - sized.hole
    side = excess if is_long and excess >= (LEAST_BEND if is_apart else LEAST_EXCESS) else 0.0
    return Chute(lane, end, lane.c0 + side, lane.c1 - side)


def _handed_on(chute: Chute) -> Lane:
    """A lane as it begins on the next tray: a little wider than the hole above."""
    return replace(chute.lane, c0=on_grid(chute.h0 - LIP), c1=on_grid(chute.h1 + LIP))


def _underside(tray: ChuteTray, process: Process) -> float:
    """Lowest point of a tray of chutes."""
    longest = max(chute.end for chute in tray.chutes)
    return tray.plane.head_z - (longest + process.printer.wall) * sin(radians(tray.plane.slope_deg))


def _lanes(placed: PlacedBucket, row: PlacedRow) -> list[Lane]:
    """Lanes side by side below the comb, a wall between two, centred on the bucket."""
    widths = lane_widths(placed.bucket, row.sized)
    gap = row.sized.lane_gap
    left = placed.u - (sum(widths) + (len(widths) - 1) * gap) / 2
    lanes = []
    for number, (mouth, width) in enumerate(zip(placed.bucket.mouths, widths, strict=True)):
        spout = on_grid(left + (width - mouth.section_width) / 2)
        lanes.append(
            Lane(
                source=placed.bucket.name,
                target=mouth.target,
                mouth=number,
                u0=spout,
                u1=on_grid(spout + mouth.section_width),
                c0=on_grid(left),
                c1=on_grid(left + width),
            )
        )
        left += width + gap
    if lanes[0].c0 < placed.u0 - 1e-6 or lanes[-1].c1 > placed.u1 + 1e-6:
        raise FabBug(f"{placed.bucket.name}: its lanes leave its cell")
    return lanes


def _cups(plan: RowPlan, sized: Sized, rim_z: float, process: Process) -> tuple[PlacedCup, ...]:
    """Cups stand on the table, so the tallest reaches the lips and the others stand lower."""
    cups = {cup.port: cup for cup in sized.cups}
    floor_z = rim_z - max(cup.height for cup in sized.cups)
    placed = []
    for cell in plan.cells:
        cup = cups[cell.name]
        u0 = on_grid(cell.u - cup.width / 2)
        placed.append(
            PlacedCup(cup, plan.swapped, u0, on_grid(u0 + cup.width), on_grid(plan.v - cup.depth), plan.v, floor_z)
        )
    return tuple(placed)


def _raised(layout: Layout, lift: float) -> Layout:
    rows = tuple(
        replace(r, sill_z=on_grid(r.sill_z + lift), rim_z=on_grid(r.rim_z + lift), bottom_z=on_grid(r.bottom_z + lift))
        for r in layout.rows
    )
    crossbars = tuple(
        replace(
            c,
            chute_trays=tuple(ChuteTray(_lifted(tray.plane, lift), tray.chutes) for tray in c.chute_trays),
            gutter_plane=None if c.gutter_plane is None else _lifted(c.gutter_plane, lift),
        )
        for c in layout.crossbars
    )
    cups = tuple(replace(c, floor_z=on_grid(c.floor_z + lift)) for c in layout.cups)
    return Layout(rows, crossbars, cups)


def _lifted(plane: Plane, lift: float) -> Plane:
    return replace(plane, head_z=on_grid(plane.head_z + lift))
