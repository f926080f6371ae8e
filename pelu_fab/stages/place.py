"""Dimensions in, plan out: where every bucket, lane and cup stands in x and y. A formula, no search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pelu_fab.ir.netlist import Netlist
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Sized, SizedBucket, SizedCup, SizedRow
from pelu_fab.ir.units import on_grid

CUP_GAP = 1.0  # mm between two cups that stand side by side
TURN = 12.0  # mm between a row's end and the row turned by a quarter: room for a side frame
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
    """Cells along u; `v` the line of the sills (the inner front of the cups); `swapped`: u runs along y."""

    swapped: bool
    v: float
    cells: tuple[Cell, ...]
    is_matched: bool  # fed by lips directly, not by gutters

    @property
    def ends(self) -> tuple[float, float]:
        """Outer ends of the row along u."""
        return self.cells[0].u - self.cells[0].width / 2, self.cells[-1].u + self.cells[-1].width / 2


def place(sized: Sized, netlist: Netlist, process: Process) -> tuple[RowPlan, ...]:
    """Plan of every row of buckets, and of the cups last.

    A layer that is a matching (each bucket feeds one target, each target has one source) drops straight into a row that
    stands in front; any other layer turns the next row by a quarter, one gutter a cell.
    """
    matched = [is_matching(netlist, layer) for layer in range(len(netlist.rows))]
    widths = _cell_widths(sized, netlist, matched, process)
    names = [[b.name for b in row] for row in netlist.rows] + [[port for port, _ in netlist.outputs]]
    plans = [RowPlan(False, 0.0, _in_line(names[0], widths[0], 0.0), False)]
    for layer, row in enumerate(sized.rows):
        plans.append(
            _next(plans[-1], row, _depths(sized, layer + 1), names[layer + 1], widths[layer + 1], netlist, process)
        )
    return tuple(plans)


def is_matching(netlist: Netlist, layer: int) -> bool:
    """Whether every bucket of the row feeds one target only, and no target has two sources."""
    ducts = [duct for bucket in netlist.rows[layer] for duct in netlist.leaving[bucket.name]]
    return len(ducts) == len(netlist.rows[layer]) and len({duct.target for duct in ducts}) == len(ducts)


def spout_face(row: SizedRow, process: Process) -> float:
    """From the line of the sills to the face of the spouts, where water falls."""
    return process.comb.sill_length + row.ramp


def lane_widths(bucket: SizedBucket, row: SizedRow) -> list[float]:
    """Inner width of the chute below each mouth: what drains itself, or the spout and its margins."""
    return [max(row.min_lane, mouth.section_width + 2 * row.lane_margin) for mouth in bucket.mouths]


def _next(
    plan: RowPlan,
    row: SizedRow,
    depths: Mapping[str, float],
    names: Sequence[str],
    widths: Mapping[str, float],
    netlist: Netlist,
    process: Process,
) -> RowPlan:
    wall = process.printer.wall
    face = plan.v + spout_face(row, process)
    fed = {duct.target: duct.source for cell in plan.cells for duct in netlist.leaving[cell.name]}
    if len(fed) == len(plan.cells) == sum(len(netlist.leaving[cell.name]) for cell in plan.cells):
        at = {cell.name: cell.u for cell in plan.cells}
        cells = sorted((Cell(t, at[s], widths[t]) for t, s in fed.items()), key=lambda cell: cell.u)
        spare = _in_line([n for n in names if n not in fed], widths, cells[-1].u + cells[-1].width / 2 + TURN)
        back = face - CATCH
        return RowPlan(plan.swapped, on_grid(back + min(depths[t] for t in fed)), (*cells, *spare), True)
    first = face + FIRST_GUTTER - widths[names[0]] / 2
    cells = _in_line(names, widths, first)
    v = plan.ends[1] + TURN + wall + max(depths.values())
    return RowPlan(not plan.swapped, on_grid(v), cells, False)


def _in_line(names: Sequence[str], widths: Mapping[str, float], start: float) -> tuple[Cell, ...]:
    cells = []
    for name in names:
        cells.append(Cell(name, on_grid(start + widths[name] / 2), widths[name]))
        start += widths[name]
    return tuple(cells)


def _depths(sized: Sized, layer: int) -> dict[str, float]:
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
    return max(bucket.width, sum(lanes) + (len(lanes) - 1) * process.printer.wall) + process.printer.wall


def _cup_cell(cup: SizedCup, process: Process) -> float:
    return cup.width + 2 * process.printer.wall + CUP_GAP
