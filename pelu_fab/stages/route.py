"""Plan in, layout out: lanes, chutes and gutters, and every elevation. All wet surfaces fall; nothing crosses at one height."""

from dataclasses import replace
from math import cos, radians, sin

from pelu_fab.errors import FabBug
from pelu_fab.ir.layout import Chute, Crossbar, Gutter, Lane, Layout, Plane, PlacedBucket, PlacedCup, PlacedRow
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized, SizedRow
from pelu_fab.ir.units import on_grid
from pelu_fab.stages.place import RowPlan, lane_widths, spout_face

GAP = 0.8  # mm of air between a part and the part above it
BEHIND = 1.5  # mm that a chute's head wall stands behind the spout's face, at its top
UPSTREAM = 4.4  # mm of gutter before its first inflow
RIM_GAP = 1.0  # mm between a gutter's underside and the rim below
INLET = 0.8  # mm between a vessel's back wall and the water that falls in


def route(plans: tuple[RowPlan, ...], sized: Sized, process: Process) -> Layout:
    """Give every channel its line and every row its elevation, from the first sill down; then stand it on the table."""
    rows: list[PlacedRow] = []
    crossbars: list[Crossbar] = []
    rim_z = sized.rows[0].rim_height
    for layer, (plan, row) in enumerate(zip(plans, sized.rows, strict=False)):
        placed = _placed_row(layer, plan, row, rim_z, process)
        crossbar, rim_z = _crossbar(placed, plans[layer + 1], _depth_of(sized, layer + 1), process)
        rows.append(placed)
        crossbars.append(crossbar)
    cups = _cups(plans[-1], sized, rim_z, process)
    table = min(cup.floor_z for cup in cups) - process.printer.floor
    return _raised(Layout(tuple(rows), tuple(crossbars), cups), -table)


def _placed_row(layer: int, plan: RowPlan, row: SizedRow, rim_z: float, process: Process) -> PlacedRow:
    at = {cell.name: cell for cell in plan.cells}
    deepest = max(bucket.sill_height for bucket in row.buckets) + process.printer.floor
    sill_z = on_grid(rim_z - row.rim_height)
    ordered = sorted(row.buckets, key=lambda bucket: at[bucket.name].u)
    return PlacedRow(
        layer=layer,
        swapped=plan.swapped,
        v=plan.v,
        buckets=tuple(
            PlacedBucket(b, at[b.name].u, at[b.name].u - at[b.name].width / 2, at[b.name].u + at[b.name].width / 2)
            for b in ordered
        ),
        sized=row,
        front=process.comb.sill_length,
        sill_z=sill_z,
        rim_z=rim_z,
        bottom_z=on_grid(sill_z - _layers_up(max(deepest, row.ramp + row.spout_height), process)),
    )


def _layers_up(height: float, process: Process) -> float:
    layer = process.printer.layer_height
    return -(-(height - 1e-6) // layer) * layer


def _crossbar(row: PlacedRow, below: RowPlan, depths: dict[str, float], process: Process) -> tuple[Crossbar, float]:
    """The lanes of a row and the trays below it, and the rim of what they lead to."""
    lanes = tuple(lane for bucket in row.buckets for lane in _lanes(bucket, row, process))
    if below.is_matched:
        return Crossbar(row.layer, row.swapped, lanes), on_grid(row.bottom_z - RIM_GAP)
    sized, wall, floor = row.sized, process.printer.wall, process.printer.floor
    sine, cosine = sin(radians(sized.chute_slope_deg)), cos(radians(sized.chute_slope_deg))
    at = {cell.name: cell.u for cell in below.cells}
    head = row.v + spout_face(sized, process) - BEHIND - (floor + sized.chute_wall) * sine
    head_z = row.bottom_z - GAP - wall * sine - (floor + sized.chute_wall) * cosine
    chutes = tuple(Chute(lane, on_grid((at[lane.target] - head) / cosine + sized.hole / 2)) for lane in lanes)
    lowest = head_z - (max(chute.end for chute in chutes) + wall) * sine
    gutter_head = min(lane.c0 for lane in lanes) - UPSTREAM
    sine, cosine = sin(radians(sized.gutter_slope_deg)), cos(radians(sized.gutter_slope_deg))
    gutter_z = lowest - GAP - wall * sine - (floor + sized.gutter_wall) * cosine
    gutters = tuple(
        Gutter(
            target=cell.name,
            v=cell.u,
            start=0.0,
            end=on_grid((below.v - depths[cell.name] + INLET - gutter_head) / cosine + sized.hole),
        )
        for cell in below.cells
        if any(lane.target == cell.name for lane in lanes)
    )
    end_z = gutter_z - (max(gutter.end for gutter in gutters) + wall) * sine
    crossbar = Crossbar(
        layer=row.layer,
        swapped=row.swapped,
        lanes=lanes,
        chutes=chutes,
        gutters=gutters,
        chute_plane=Plane(on_grid(head), on_grid(head_z), sized.chute_slope_deg),
        gutter_plane=Plane(on_grid(gutter_head), on_grid(gutter_z), sized.gutter_slope_deg),
    )
    return crossbar, on_grid(end_z - RIM_GAP)


def _lanes(placed: PlacedBucket, row: PlacedRow, process: Process) -> list[Lane]:
    """Lanes side by side below the comb, a wall between two, centred on the bucket."""
    widths = lane_widths(placed.bucket, row.sized)
    wall = process.printer.wall
    left = placed.u - (sum(widths) + (len(widths) - 1) * wall) / 2
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
        left += width + wall
    if lanes[0].c0 < placed.u0 - 1e-6 or lanes[-1].c1 > placed.u1 + 1e-6:
        raise FabBug(f"{placed.bucket.name}: its lanes leave its cell")
    return lanes


def _depth_of(sized: Sized, layer: int) -> dict[str, float]:
    if layer < len(sized.rows):
        return {bucket.name: bucket.depth for bucket in sized.rows[layer].buckets}
    return {cup.port: cup.depth for cup in sized.cups}


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
        replace(c, chute_plane=_lifted(c.chute_plane, lift), gutter_plane=_lifted(c.gutter_plane, lift))
        for c in layout.crossbars
    )
    cups = tuple(replace(c, floor_z=on_grid(c.floor_z + lift)) for c in layout.cups)
    return Layout(rows, crossbars, cups)


def _lifted(plane: Plane | None, lift: float) -> Plane | None:
    return None if plane is None else replace(plane, head_z=on_grid(plane.head_z + lift))
