"""Dimensions in, plan out: where every bucket, lane and cup stands in x and y. A formula, no search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, inf, radians

from pelu_fab.ir.frames import SIDE, SIDE_GAP, STEP_IN, step_out
from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized, SizedBucket, SizedCup, SizedRow
from pelu_fab.ir.units import on_grid

CUP_GAP = 1.0  # mm between two cups that stand side by side
TURN = 12.0  # mm between a row's end and the row turned by a quarter: room for a side frame
ASIDE = 30.0  # mm between a row's end and the row two turns on, which runs the same way: room for both side frames
REACH = 11.0  # mm that a row's tabs stand out at either end
FRAME = 1.0 + SIDE_GAP + SIDE  # mm from a row's end to behind its side frame
FIRST_GUTTER = 20.0  # mm from a spout's face to the middle of the first gutter: room to land and turn
CATCH = 3.0  # mm that a vessel's back wall stands behind the lip that drops into it


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in a row: `u` its middle, `width` with walls, for a bucket or a cup."""

    name: str
    u: float
    width: float


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Cells along u, in bays that fit the bed; `v` the line of the sills (the inner front of the cups)."""

    swapped: bool  # u runs along y
    v: float
    bays: tuple[tuple[Cell, ...], ...]
    is_matched: bool  # fed by lips directly, not by gutters

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells along u."""
        return tuple(cell for bay in self.bays for cell in bay)

    @property
    def end(self) -> float:
        """Outer end of the row along u."""
        return self.cells[-1].u + self.cells[-1].width / 2


def place(sized: Sized, netlist: Netlist, process: Process) -> tuple[RowPlan, ...]:
    """Plan of every row of buckets, and of the cups last.

    A layer that is a matching (each bucket feeds one target, each target has one source) drops straight into a row that
    stands in front; any other layer turns the next row by a quarter, one gutter a cell.
    """
    matched = [netlist.is_matching(layer) for layer in range(len(netlist.rows))]
    widths = _cell_widths(sized, netlist, matched, process)
    names = [[b.name for b in row] for row in netlist.rows] + [[port for port, _ in netlist.outputs]]
    offs = [_off(layer, sized, matched, process) for layer in range(len(names))]
    depths = [inner_depths(sized, layer) for layer in range(len(names))]
    limits = [
        _bay_limit(row, offs[layer] - min(depths[layer].values()), process)
        for layer, row in enumerate(sized.rows, start=1)
    ] + [inf]
    gaps = [row.bay_gap for row in sized.rows] + [0.0]
    plans = [RowPlan(False, 0.0, _in_bays(names[0], widths[0], 0.0, limits[0], gaps[0]), False)]
    beside = -inf  # end of the row two turns before
    for layer, row in enumerate(sized.rows, start=1):
        before, target = plans[-1], names[layer]
        face = before.v + spout_face(row, process)
        if matched[layer - 1]:
            plans.append(_in_front(before, face, depths[layer], target, widths[layer], netlist))
            continue
        first = max(face + FIRST_GUTTER - widths[layer][target[0]] / 2, beside + ASIDE)
        bays = _in_bays(target, widths[layer], first, limits[layer], gaps[layer])
        plans.append(RowPlan(not before.swapped, on_grid(before.end + offs[layer]), bays, False))
        beside = before.end
    return tuple(plans)


def spout_face(row: SizedRow, process: Process) -> float:
    """From the line of the sills to the face of the spouts, where water falls."""
    return process.comb.sill_length + row.ramp


def lane_widths(bucket: SizedBucket, row: SizedRow) -> list[float]:
    """Inner width of the chute below each mouth: what drains itself, or the spout and its margins."""
    return [max(row.min_lane, mouth.section_width + 2 * row.lane_margin) for mouth in bucket.mouths]


def _in_front(
    before: RowPlan,
    face: float,
    depths: Mapping[str, float],
    names: Sequence[str],
    widths: Mapping[str, float],
    netlist: Netlist,
) -> RowPlan:
    """Targets of a matching, each before its source; cups that nothing feeds stand aside."""
    feeds = {cell.name: netlist.leaving[cell.name][0].target for cell in before.cells}
    bays = [tuple(Cell(feeds[cell.name], cell.u, widths[feeds[cell.name]]) for cell in bay) for bay in before.bays]
    spare = [name for name in names if name not in feeds.values()]
    if spare:
        bays[-1] += _in_bays(spare, widths, before.end + TURN, inf, 0.0)[0]
    return RowPlan(before.swapped, on_grid(face - CATCH + min(depths[t] for t in feeds.values())), tuple(bays), True)


def _in_bays(
    names: Sequence[str], widths: Mapping[str, float], start: float, limit: float, gap: float
) -> tuple[tuple[Cell, ...], ...]:
    """Cells side by side; a new bay begins, after a gap, where the next cell would make one longer than `limit`."""
    bays: list[list[Cell]] = [[]]
    begin = start
    for name in names:
        if bays[-1] and start + widths[name] - begin > limit:
            bays.append([])
            begin = start + FRAME + STEP_IN + REACH  # its gutters begin behind the bay before
            start += gap
        bays[-1].append(Cell(name, on_grid(start + widths[name] / 2), widths[name]))
        start += widths[name]
    return tuple(tuple(bay) for bay in bays)


def _off(layer: int, sized: Sized, matched: Sequence[bool], process: Process) -> float:
    """From the end of the row before to the sills of a turned row: no vessel of its segment reaches back farther."""
    v, back = 0.0, -max(inner_depths(sized, layer).values())
    while layer < len(sized.rows) and matched[layer]:
        v += spout_face(sized.rows[layer], process) - CATCH
        layer += 1
        depths = inner_depths(sized, layer).values()
        v += min(depths)
        back = min(back, v - max(depths))
    return TURN + process.printer.wall - back


def _bay_limit(row: SizedRow, inlet: float, process: Process) -> float:
    """Longest bay whose row, trays and gutters fit the bed.

    A gutter runs along its bay, through a side frame, and over the next bay's gutters or up to the farthest `inlet`.
    """
    bed, past = max(process.printer.bed[:2]), max(inlet, FRAME + step_out(row.gutter_wall, row.gutter_slope_deg))
    return min(bed - 2 * REACH, bed * cos(radians(process.channels.min_slope_deg)) - past - 2 * REACH)


def inner_depths(sized: Sized, layer: int) -> dict[str, float]:
    """Inner depth along the flow of what stands in row `layer`."""
    if layer < len(sized.rows):
        return {bucket.name: bucket.depth for bucket in sized.rows[layer].buckets}
    return {cup.port: cup.depth for cup in sized.cups}


def _cell_widths(sized: Sized, netlist: Netlist, matched: Sequence[bool], process: Process) -> list[dict[str, float]]:
    """Width of every cell; matched cells stand one behind the other, so they share the larger."""
    widths = [{b.name: _bucket_cell(b, row, process) for b in row.buckets} for row in sized.rows]
    widths.append({cup.port: _cup_cell(cup, process) for cup in sized.cups})
    for layer, row in enumerate(sized.rows):
        if not matched[layer]:
            least = row.gutter_width + 2 * process.printer.wall + CUP_GAP
            widths[layer + 1] = {name: max(width, least) for name, width in widths[layer + 1].items()}
    layers = range(len(sized.rows))
    for layer in (*layers, *reversed(layers)):
        if matched[layer]:
            for source in widths[layer]:
                target = netlist.leaving[source][0].target
                widths[layer][source] = widths[layer + 1][target] = max(
                    widths[layer][source], widths[layer + 1][target]
                )
    return [{name: on_grid(width) for name, width in row.items()} for row in widths]


def _bucket_cell(bucket: SizedBucket, row: SizedRow, process: Process) -> float:
    lanes = lane_widths(bucket, row)
    return max(bucket.width + process.printer.wall, sum(lanes) + len(lanes) * row.lane_gap)


def _cup_cell(cup: SizedCup, process: Process) -> float:
    return cup.width + 2 * process.printer.wall + CUP_GAP
