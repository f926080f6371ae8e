"""Netlist in, dimensions out: combs, areas, heads, rims, channels and cups. No places yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import acos, asin, ceil, cos, degrees, hypot, inf, radians, sin, sqrt, tan

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.capillary import held_on_slope, held_volume
from pelu_fab.hydraulics.channel import normal_depth
from pelu_fab.hydraulics.comb import (
    comb_teeth,
    compensated_widths,
    design_head,
    pour_heads,
    predicted_shares,
    share_slack,
    tooth_widths,
)
from pelu_fab.hydraulics.weir import rim_height_needed, weir_flow, weir_head
from pelu_fab.ir.design import Design
from pelu_fab.ir.frames import SIDE, SIDE_GAP, step_out
from pelu_fab.ir.lowered import Lowered
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.ir.process import Printer, Process
from pelu_fab.ir.sized import Mouth, Sized, SizedBucket, SizedCup, SizedRow
from pelu_fab.ir.units import on_grid
from pelu_fab.network.algebra import outputs
from pelu_fab.network.names import input_name
from pelu_fab.stages.lower import most_teeth

MIN_DEPTH, MIN_SILL = 15.0, 4.0  # mm: room for the falling water; a pool deep enough to calm it
MAX_DEPTH, MAX_SILL = 48.0, 29.0  # mm: a big threshold grows along the flow rather than in height
MAX_HEAD = 8.0  # mm at the design pour; above, the teeth no longer count as short (w 3 mm)
LEAST_POUR, DRAIN_STEPS = 20e3, 6  # mm3 that a comb is trimmed for, or half of its most; heads of its drain
GOOD_SLACK = 0.006  # 1/mm: a comb whose shares move less than this per mm of kappa is good enough
LEAST_TEETH = 8
FEW_BRANCHES, MOST_NARROW = 8, 5  # up to which every number of teeth is tried; teeth of the smallest share, at most
TRIMMED = (0.98, 0.93, 0.88, 0.8)  # of the widest tooth's part to the narrowest's: room to trim them to a pour's heads
RAMP, SPOUT_DEPTH, SPOUT_HEIGHT = 9.0, 8.0, 6.0  # mm
BLADE_RUN, LEAN_RESERVE = 5.0, 1.05  # mm of ramp with blades, the same for all teeth; factor
MIN_RIM = 15.0  # mm above the sill: survives a pour by an unsteady hand
SLAT, SLAT_DEPTH, SLAT_PITCH, INLET_DEPTH = 1.2, 2.4, 5.6, 9.0  # mm: baffle posts, and the room behind them
SLAT_AREA = SLAT * (SLAT_DEPTH - SLAT / 4)  # a rectangle with a nose of 90 degrees
SLAT_PERIMETER = 2 * (SLAT_DEPTH - SLAT / 2) + SLAT + sqrt(2.0) * SLAT
LOOSE, TIGHT = 1.15, 0.95  # times the widest and the narrowest tooth: how far trimming to a pour's heads may go
MAX_APRON_DEG = 35.0  # a steeper floor would reach the rim
HOLE, GUTTER_MARGIN = 8.0, 3.0  # mm
NARROWING = 3.0  # run of a chute per mm that each of its walls moves in
TRAY_ENDS = 45.0  # mm of a tray of chutes before the middle of its first gutter and past that of its last, at most
WIDE_CELL = 58.0  # mm of a row's first cell: a wider one may move the first gutter out by half of what it has more
LIKELY_BAY = 0.55  # part of the bed that a bay surely fits
STEP_CLEAR = 0.3  # mm of air between a gutter that steps down to the next bay and that bay's side frame
CUP_WALLS = 3.4  # mm of a cup and the air beside it
LEAST_SLIT, LIP = 0.8, 0.8  # mm: air between the walls of two chutes; room of a chute on either side of the hole above
CATCH_SIDE = 2.5  # mm that a vessel reaches beyond the spout above it, each side
NARROW_SPOUT = 2.2  # mm: the narrowest section that still drains
CUP_WIDTH, CUP_HEIGHT, CUP_FREEBOARD, CUP_RESERVE = 30.0, 44.0, 9.0, 1.05
LEAST_WALL, LEANING_WALL = 0.6, 2.5  # mm; nozzles, of which a wall that leans in plan keeps two
RAMP_LEAN, LEAST_BRIDGE = 45.0, 7.2  # degrees, mm
USUAL_CUP = 90e3  # mm3: above, cups grow in width and height too


def size(lowered: Lowered, design: Design) -> Sized:
    """Give every bucket, channel and cup its dimensions, for all inputs poured at once at the design pour."""
    netlist, process = lowered.netlist, design.process
    _check_printer(process.printer)
    inflow = {bucket.name: design.pour_flow_ml * 1000.0 for bucket in netlist.rows[0]}
    for duct in netlist.ducts:
        inflow[duct.target] = inflow.get(duct.target, 0.0) + duct.share * inflow[duct.source]
    spills = _spills(netlist, design)
    rows: list[tuple[SizedBucket, ...]] = []
    under: dict[str, float] = {}  # width of the spout that drops straight into a bucket or cup
    for layer, row in enumerate(netlist.rows):
        buckets = tuple(
            _bucket(b, netlist.leaving[b.name], Load(inflow[b.name], spills[b.name], under.get(b.name, 0.0)), design)
            for b in row
        )
        rows.append(_under_lips(buckets) if under else buckets)
        under = {}
        if netlist.is_matching(layer):
            under = {b.mouths[0].target: sum(m.section_width for m in b.mouths) + 2 * CATCH_SIDE for b in buckets}
    cups = _cups(lowered, under, design)
    flow = _at_most(rows, inflow)
    below = _breadths(rows, cups, netlist, process)
    sized: list[SizedRow] = []
    for layer in reversed(range(len(rows))):
        gap = sized[0].bay_gap if sized else 0.0
        made = _row(rows[layer], flow, below[layer + 1], gap, process)
        in_step = netlist.is_matching(layer)  # the next row, if any, has the same bays
        sized.insert(0, replace(made, bay_gap=max(gap, made.bay_gap)) if in_step else made)
    return Sized(rows=tuple(sized), cups=cups, jugs=_jugs(design))


def _check_printer(printer: Printer) -> None:
    """Refuse printers for which rows have no shape: these limits are the shape's own."""
    wall = max(LEAST_WALL, LEANING_WALL * printer.nozzle)
    limits = (
        ("perimeters", printer.wall, wall, "mm of wall", "walls overlap by half, and lean in plan", "raise perimeters"),
        ("max_overhang_deg", printer.max_overhang_deg, RAMP_LEAN, "degrees", "ramps lean so far", "print with a fan"),
        ("max_bridge", printer.max_bridge, LEAST_BRIDGE, "mm", "a baffle's posts stand so far apart", "print slower"),
    )
    for key, has, needs, unit, why, remedy in limits:
        if has < needs - 1e-6:
            what = f"gives {has:g} {unit}, a row needs {needs:g}: {why}"
            raise FabError(f"printer.{key}", what, f"{remedy}, or take another printer")


def _spills(netlist: Netlist, design: Design) -> dict[str, float]:
    """What each bucket spills (mm3) of the fullest jugs."""
    ports = zip(netlist.rows[0], design.input_max, strict=True)
    arrives = {bucket.name: most * design.unit_volume for bucket, most in ports}
    spills = {}
    for bucket in netlist.buckets:
        spills[bucket.name] = max(0.0, arrives.get(bucket.name, 0.0) - bucket.retained_volume)
        for duct in netlist.leaving[bucket.name]:
            arrives[duct.target] = arrives.get(duct.target, 0.0) + duct.share * spills[bucket.name]
    return spills


def _under_lips(buckets: tuple[SizedBucket, ...]) -> tuple[SizedBucket, ...]:
    """Buckets of a matching: the lips stand in one line over the shallowest one's inlet, so the others' are deeper."""
    least = min(bucket.depth for bucket in buckets)
    return tuple(replace(b, inlet_depth=on_grid(b.inlet_depth + b.depth - least)) for b in buckets)


def _at_most(rows: Sequence[tuple[SizedBucket, ...]], inflow: Mapping[str, float]) -> dict[str, float]:
    """Flow into each bucket and cup, whether water splits by the shares, as designed, or by the teeth's open widths."""
    most = {bucket.name: inflow[bucket.name] for bucket in rows[0]}
    for bucket in (bucket for row in rows for bucket in row):
        total = sum(sum(mouth.teeth) for mouth in bucket.mouths)
        for mouth in bucket.mouths:
            most[mouth.target] = most.get(mouth.target, 0.0) + most[bucket.name] * sum(mouth.teeth) / total
    return {name: max(flow, inflow[name]) for name, flow in most.items()}


def _breadths(
    rows: Sequence[tuple[SizedBucket, ...]], cups: Sequence[SizedCup], netlist: Netlist, process: Process
) -> list[list[float]]:
    """What each cell of each row takes up along it at most; cells of a matching share the larger."""
    gutter = HOLE + 4 * process.printer.wall + GUTTER_MARGIN + CUP_WALLS
    after = {cup.port: max(cup.width + CUP_WALLS, gutter) for cup in cups}
    breadths = [list(after.values())]
    for layer, row in reversed(list(enumerate(rows))):
        here = {bucket.name: max(_breadth(bucket, process), gutter) for bucket in row}
        if netlist.is_matching(layer):
            here = {name: max(width, after[netlist.leaving[name][0].target]) for name, width in here.items()}
        breadths.insert(0, list(here.values()))
        after = here
    return breadths


def _breadth(bucket: SizedBucket, process: Process) -> float:
    """What a bucket takes up along its row: its comb, or its chutes side by side and apart."""
    least, wall = process.channels.min_width, process.printer.wall
    lanes = [max(least, mouth.section_width + process.channels.spout_gap - wall) for mouth in bucket.mouths]
    return max(bucket.width + wall, sum(lanes) + len(lanes) * _apart(process))


def _apart(process: Process) -> float:
    """Between two chutes that meet a second tray: their walls, and there a wider chute on either side of a slit."""
    return on_grid(2 * process.printer.wall + 2 * LIP + LEAST_SLIT)


@dataclass(frozen=True, slots=True)
class Load:
    """What a bucket must pass: mm3/s at the design pour, mm3 spilled of the fullest jugs; a comb `broad` at least."""

    flow: float
    spill: float
    broad: float


@dataclass(frozen=True, slots=True)
class Comb:
    """Teeth of each branch, the branch of each tooth along the sill, and each tooth's width."""

    counts: list[int]
    order: list[int]
    teeth: list[float]


def _bucket(bucket: Bucket, ducts: Sequence[Duct], load: Load, design: Design) -> SizedBucket:
    process, flow = design.process, load.flow
    kappa = process.comb.kappa if design.compensation == "process" else 0.0
    shares = [duct.share for duct in ducts]
    comb = _comb(bucket, shares, load, design)
    counts, order, teeth = comb.counts, comb.order, comb.teeth
    width = _inside(teeth, process)
    sections = _sections(shares, counts, order, width, process)
    mouths = []
    for number, (branch, run) in enumerate(groupby(range(len(order)), key=lambda k: order[k])):
        owned = tuple(teeth[k] for k in run)
        mouths.append(Mouth(target=ducts[branch].target, teeth=owned, section_width=sections[number]))
    by_mouth = predicted_shares([m.teeth for m in mouths], design_head(flow, teeth, process), process)
    predicted = {duct.target: 0.0 for duct in ducts}
    for mouth, share in zip(mouths, by_mouth, strict=True):
        predicted[mouth.target] += share
    pool = _pool(bucket, width, design)
    return SizedBucket(
        name=bucket.name,
        retained_volume=bucket.retained_volume,
        width=width,
        mouths=tuple(mouths),
        design_flow=flow,
        design_head=weir_head(flow, sum(teeth), discharge=process.comb.discharge),
        predicted_shares=tuple(predicted.items()),
        share_slack=share_slack(shares, counts, sum(teeth), kappa),
        slat=SLAT,
        slat_depth=SLAT_DEPTH,
        inlet_depth=INLET_DEPTH,
        drawn_volume=pool.drawn_volume,
        held_volume=pool.held_volume,
        depth=pool.depth,
        pool_depth=pool.pool_depth,
        sill_height=pool.sill_height,
        floor_slope=pool.floor_slope,
        slats=pool.slats,
    )


def _inside(teeth: Sequence[float], process: Process) -> float:
    """Width of a bucket: its teeth and the blades between them."""
    return on_grid(sum(teeth) + (len(teeth) - 1) * process.printer.blade)


def _comb(bucket: Bucket, shares: Sequence[float], load: Load, design: Design) -> Comb:
    """The fewest teeth whose shares hardly depend on kappa, eq. (5); else the number for which they depend least."""
    process = design.process
    comb = process.comb
    kappa, excess = (comb.kappa, comb.end_excess) if design.compensation == "process" else (0.0, 0.0)
    need = ceil(load.flow / (comb.tooth * weir_flow(1.0, MAX_HEAD, discharge=comb.discharge)))
    broad = ceil((load.broad + process.printer.blade) / (comb.tooth + process.printer.blade))
    fewest = max(LEAST_TEETH, len(shares), need, broad)
    best: tuple[float, Comb | None] = (inf, None)
    usual = max(most_teeth(len(shares), design), fewest)
    for number in range(fewest, 2 * usual + 1) if len(shares) <= FEW_BRANCHES else ():
        counts = _largest_remainder(shares, number)
        order = _tooth_order(counts, shares, design.comb)
        if max(_teeth(bucket, shares, counts, order, load, design, trim=False)) > comb.max_tooth + 1e-3:
            continue
        teeth = _teeth(bucket, shares, counts, order, load, design)
        if max(teeth) > LOOSE * comb.max_tooth:
            continue
        slack = share_slack(shares, counts, sum(teeth), kappa)
        if slack < best[0] - 1e-12:
            best = (slack, Comb(counts, order, teeth))
        if slack <= GOOD_SLACK or number >= usual:
            break
    if best[1]:
        return best[1]
    for room in TRIMMED:
        counts = _counts_between(shares, room * (comb.max_tooth + kappa) / (comb.min_tooth + kappa), excess)
        order = _tooth_order(counts, shares, design.comb)
        teeth = _teeth(bucket, shares, counts, order, load, design) if counts else [inf]
        if max(teeth) <= LOOSE * comb.max_tooth:
            return Comb(counts, order, teeth)
    raise FabError(
        bucket.name,
        f"no comb of {fewest} to {2 * usual} teeth of {comb.min_tooth} to {comb.max_tooth} mm "
        f"carries the shares {', '.join(f'{s:.3f}' for s in shares)}",
        "raise max_teeth in design.toml, or train shares that are multiples of 1/N",
    )


def _counts_between(shares: Sequence[float], ratio: float, excess: float) -> list[int]:
    """Teeth for many branches: share by share, from the narrowest tooth's share; the largest such share that suits all.

    `ratio` is how much more the widest tooth carries than the narrowest. Empty where no number suits.
    """
    wanted = np.asarray(shares)
    narrow = np.unique(np.outer(wanted, 1.0 / np.arange(1, MOST_NARROW + 1)))[::-1]
    narrow = narrow[narrow <= wanted.min() + 1e-12]
    spread = ratio / (1.0 + excess)
    most = np.floor(wanted / narrow[:, None] + 1e-9)
    least = np.maximum(np.ceil(wanted / (narrow[:, None] * spread) - 1e-9), 1.0)
    able = np.flatnonzero((least <= most).all(axis=1))
    if not len(able):
        return []
    first = able[0]
    middle = np.round(wanted / (narrow[first] * sqrt(spread)))
    return [int(n) for n in np.clip(middle, least[first], most[first])]


def _largest_remainder(shares: Sequence[float], number: int) -> list[int]:
    """Round number × shares to whole teeth, at least one each, adding up to `number` (Hamilton's method)."""
    ideal = [number * share for share in shares]
    counts = [max(1, int(x)) for x in ideal]
    while sum(counts) < number:
        counts[max(range(len(counts)), key=lambda i: ideal[i] - counts[i])] += 1
    while sum(counts) > number:
        able = [i for i in range(len(counts)) if counts[i] > 1]
        counts[min(able, key=lambda i: ideal[i] - counts[i])] -= 1
    return counts


def _tooth_order(counts: Sequence[int], shares: Sequence[float], layout: str) -> list[int]:
    """Branch of each tooth. `common-centroid`: mirrored halves, largest share outside, odd teeth at the centre."""
    if layout == "grouped":
        return [branch for branch, count in enumerate(counts) for _ in range(count)]
    ranked = sorted(range(len(counts)), key=lambda i: (-shares[i], i))
    half = [branch for branch in ranked for _ in range(counts[branch] // 2)]
    centre = [branch for branch in ranked if counts[branch] % 2]
    return half + centre + half[::-1]


def _teeth(
    bucket: Bucket,
    shares: Sequence[float],
    counts: Sequence[int],
    order: Sequence[int],
    load: Load,
    design: Design,
    *,
    trim: bool = True,
) -> list[float]:
    """Widths along the sill: on average the process's tooth, or wider where the narrowest would be too narrow.

    Eq. (8) first; then, to `trim` them for real water, what the whole tooth law asks for over the heads of a pour.
    """
    process, comb = design.process, design.process.comb
    real = design.compensation == "process"
    kappa, excess = (comb.kappa, comb.end_excess) if real else (0.0, 0.0)
    total, heads, seen = len(order) * comb.tooth, list[tuple[float, float]](), 0.0
    for _ in range(20):
        if heads:
            widths = compensated_widths(shares, counts, total, heads, process, order=order)
        else:
            widths = tooth_widths(shares, counts, total, kappa, end_excess=excess, ends=(order[0], order[-1]))
        teeth = comb_teeth(widths, order)
        least = TIGHT * comb.min_tooth if heads else comb.min_tooth
        narrow = (least + kappa) / (min(teeth) + kappa)
        if narrow > 1.0 + 1e-4:
            total = (total + len(order) * kappa) * narrow * (1.0 + 1e-4) - len(order) * kappa
        elif seen == total or not (real and trim) or max(teeth) > LOOSE * comb.max_tooth:
            break
        else:
            heads, seen = _heads(bucket, teeth, load, design), total
    return [on_grid(w) for w in teeth]


def _heads(bucket: Bucket, teeth: Sequence[float], load: Load, design: Design) -> list[tuple[float, float]]:
    """(head, weight) pairs of the pour that this comb is trimmed for."""
    process = design.process
    width = _inside(teeth, process)
    pool = _pool(bucket, width, design)
    whole = pool.depth * width - pool.slats * SLAT_AREA

    def area(head: float) -> float:
        return whole if pool.floor_slope <= 0.0 else width * min(pool.depth, head / pool.floor_slope)

    volume = max(load.spill / 2.0, LEAST_POUR)
    steady = design_head(load.flow, teeth, process)
    return pour_heads(load.flow, volume, area, teeth, process, steps=DRAIN_STEPS, steady=steady)


def _sections(
    shares: Sequence[float], counts: Sequence[int], order: Sequence[int], width: float, process: Process
) -> list[float]:
    """Inner width of each mouth's spout: exactly proportional to its part of the share, from what the comb leaves."""
    runs = [(branch, len(list(run))) for branch, run in groupby(order)]
    parts = [shares[branch] * number / counts[branch] for branch, number in runs]
    total = max(width - len(runs) * process.channels.spout_gap, NARROW_SPOUT / min(parts))
    return [on_grid(part * total) for part in parts]


@dataclass(frozen=True, slots=True)
class Pool:
    """The inside of a bucket, as `SizedBucket` describes it."""

    drawn_volume: float
    held_volume: float
    depth: float
    pool_depth: float
    sill_height: float
    floor_slope: float
    slats: int


def _pool(bucket: Bucket, width: float, design: Design) -> Pool:
    """Depth along the flow and height of the sill that retain the wanted volume of real water.

    Drawn volume + what surface tension holds = retained volume. The sill lies on a layer line; the depth of the pool
    takes up the difference. A bucket that retains less than its walls hold anyway has no pool, only a floor that falls
    to the sill.
    """
    process = design.process
    layer, comb, fluid = process.printer.layer_height, process.comb, process.fluid
    slats = max(0, int(width // SLAT_PITCH) - 1)
    real = design.compensation == "process"
    residual, meniscus = (comb.residual_head, fluid.meniscus) if real else (0.0, 0.0)

    def pool_depth(sill: float) -> float:
        posts = slats * SLAT_AREA * (sill + residual)
        fixed = (2.0 * width + SLAT_PERIMETER * slats) * meniscus - posts
        return (bucket.retained_volume - fixed) / (width * (sill + residual) + 2.0 * meniscus)

    aimed = min(max(design.depth, bucket.retained_volume / (width * MAX_SILL)), MAX_DEPTH)
    highest = ceil(bucket.retained_volume / (width * MIN_DEPTH) / layer)
    fits = [n * layer for n in range(1, highest + 1) if pool_depth(n * layer) >= MIN_DEPTH]
    if not fits:
        return _apron(bucket, width, slats, design)
    sill = on_grid(min(fits, key=lambda z: (max(MIN_SILL - z, 0.0), abs(pool_depth(z) - aimed))))
    depth = on_grid(pool_depth(sill))
    area = width * depth - slats * SLAT_AREA
    drawn = sill * area
    held = held_volume(area, 2 * (width + depth) + SLAT_PERIMETER * slats, fluid, residual)
    return Pool(
        drawn_volume=drawn,
        held_volume=held if real else 0.0,
        depth=depth,
        pool_depth=depth,
        sill_height=on_grid(sill),
        floor_slope=0.0,
        slats=slats,
    )


def _apron(bucket: Bucket, width: float, slats: int, design: Design) -> Pool:
    """A floor that falls to the sill, with a trench a layer or more deep before the comb for what is left to retain."""
    process = design.process
    least = sin(radians(process.channels.min_slope_deg))
    around = degrees(asin(min(1.0, least * sqrt(2.0))))  # so steep that water falls fast enough along a post's nose
    if around > MAX_APRON_DEG:
        slats = 0
    slope = tan(radians(around)) if slats else least / sqrt(1.0 - least**2)
    real = design.compensation == "process"
    held = held_on_slope(width, MIN_DEPTH, slope, process.fluid, process.comb.residual_head) if real else 0.0
    wanted = bucket.retained_volume - held
    layer = process.printer.layer_height
    trench, sill = 0.0, 0.0
    if wanted > 0.5 * width * 2.0 * layer:
        room = MIN_DEPTH - INLET_DEPTH - SLAT_DEPTH - 0.4  # the baffle stands behind the trench
        sill = max(1, ceil(wanted / (width * room) / layer)) * layer
        trench = on_grid(wanted / (width * sill))
    return Pool(
        drawn_volume=width * trench * sill,
        held_volume=held,
        depth=MIN_DEPTH,
        pool_depth=trench,
        sill_height=on_grid(sill),
        floor_slope=slope,
        slats=slats,
    )


def _row(
    buckets: tuple[SizedBucket, ...], flow: Mapping[str, float], below: Sequence[float], gap: float, process: Process
) -> SizedRow:
    """`below`: widths of the cells in the row that the gutters lead to, turned by a quarter; `gap` between its bays."""
    channels, layer = process.channels, process.printer.layer_height
    widths = {bucket.name: sum(sum(mouth.teeth) for mouth in bucket.mouths) for bucket in buckets}
    peak = max(weir_head(flow[name], width, discharge=process.comb.discharge) for name, width in widths.items())
    rim = max(MIN_RIM, rim_height_needed(peak, process))
    gutter = HOLE + 2 * process.printer.wall + GUTTER_MARGIN
    targets = {mouth.target for bucket in buckets for mouth in bucket.mouths}
    deepest = max(normal_depth(flow[t], gutter, channels.min_slope_deg, channels.friction) for t in targets)
    bed = min(process.printer.bed[:2])
    span = sum(below) - (below[0] + below[-1]) / 2 + max(0.0, below[0] - WIDE_CELL)
    span += gap if sum(below) > LIKELY_BAY * bed else 0.0
    slope = _chute_slope(channels.min_slope_deg)
    short = (TRAY_ENDS + span) / cos(radians(slope)) < bed  # one tray of chutes reaches all gutters
    lane_gap = process.printer.wall if short else _apart(process)
    lane_margin = on_grid((channels.spout_gap - process.printer.wall) / 2)
    chute = max(
        normal_depth(b.design_flow, channels.min_width, channels.min_slope_deg, channels.friction) for b in buckets
    )
    gutter_wall = on_grid(max(channels.min_wall_height, 2 * deepest))
    return SizedRow(
        buckets=buckets,
        rim_height=on_grid(ceil(rim / layer - 1e-9) * layer),
        blade_run=BLADE_RUN,
        ramp=_ramp(buckets, lane_gap, lane_margin, process),
        spout_depth=SPOUT_DEPTH,
        spout_height=SPOUT_HEIGHT,
        chute_wall=on_grid(max(channels.min_wall_height, 2 * chute)),
        gutter_width=on_grid(gutter),
        gutter_wall=gutter_wall,
        hole=HOLE,
        chute_slope_deg=slope,
        gutter_slope_deg=channels.min_slope_deg,
        narrowing=NARROWING,
        lane_margin=lane_margin,
        min_lane=channels.min_width,
        lane_gap=lane_gap,
        bay_gap=_bay_gap(gutter_wall, process),
    )


def _bay_gap(gutter_wall: float, process: Process) -> float:
    """Between two bays: a side frame of either, and between them the end of a gutter, whose end wall leans forward."""
    slope, wall = radians(process.channels.min_slope_deg), process.printer.wall
    end = (HOLE + wall) * cos(slope) + (process.printer.floor + gutter_wall) * sin(slope)
    step = step_out(gutter_wall, process.channels.min_slope_deg)
    return on_grid(wall + 2 * (SIDE_GAP + SIDE) + step + end + STEP_CLEAR)


def _ramp(buckets: tuple[SizedBucket, ...], gap: float, margin: float, process: Process) -> float:
    """Run of the 45 degree ramp: blades first, then walls that lead each mouth aside to its spout.

    Water along a wall that leans by θ in plan falls at asin(sin 45° cos θ), and the wall keeps cos θ of its thickness.
    """
    lean = tan(acos(sin(radians(process.channels.min_slope_deg)) / sin(radians(45.0))))
    aside = RAMP - BLADE_RUN
    for bucket in buckets:
        shifts = _shifts(bucket, gap, margin, process)
        aside = max(aside, abs(shifts[0]), abs(shifts[-1]), max(map(abs, shifts)) / lean * LEAN_RESERVE)
    layer = process.printer.layer_height
    return on_grid(ceil((BLADE_RUN + aside) / layer - 1e-9) * layer)


def _shifts(bucket: SizedBucket, gap: float, margin: float, process: Process) -> list[float]:
    """How far each mouth's two edges move along the row from the comb to the spout."""
    lanes = [max(process.channels.min_width, mouth.section_width + 2 * margin) for mouth in bucket.mouths]
    tooth, lane = -bucket.width / 2, -(sum(lanes) + (len(lanes) - 1) * gap) / 2
    shifts = []
    for mouth, width in zip(bucket.mouths, lanes, strict=True):
        group = sum(mouth.teeth) + (len(mouth.teeth) - 1) * process.printer.blade
        spout = lane + (width - mouth.section_width) / 2
        shifts += [spout - tooth, spout + mouth.section_width - tooth - group]
        tooth += group + process.printer.blade
        lane += width + gap
    return shifts


def _chute_slope(least_deg: float) -> float:
    """Slope of a tray on which even water that runs along a narrowing wall falls at `least_deg`."""
    steepest = sin(radians(least_deg)) * hypot(1.0, NARROWING) / NARROWING
    return ceil(degrees(asin(steepest)) * 10.0) / 10.0


def _cups(lowered: Lowered, under: dict[str, float], design: Design) -> tuple[SizedCup, ...]:
    """Cups that hold all that the fullest jugs can send them (outputs are monotone in every input)."""
    most = outputs(lowered.network, np.asarray([design.input_max], dtype=np.float64))[0]
    return tuple(
        _vessel(port, label, float(units) * design.unit_volume * CUP_RESERVE, least=under.get(port, 0.0))
        for (port, label), units in zip(lowered.netlist.outputs, most, strict=True)
    )


def _jugs(design: Design) -> tuple[SizedCup, ...]:
    ports = zip(design.network.inputs, design.input_max, strict=True)
    return tuple(
        _vessel(input_name(i), label, most * design.unit_volume, square=True) for i, (label, most) in enumerate(ports)
    )


def _vessel(port: str, label: str, capacity: float, *, square: bool = False, least: float = 0.0) -> SizedCup:
    """An open box for whole steps of 5 mL, narrow so that cups stand in a row, or square; a big one grows all ways."""
    capacity = max(ceil(capacity / 5000.0 - 1e-9) * 5000.0, 10000.0)
    growth = max(1.0, (capacity / USUAL_CUP) ** (1.0 / 3.0))
    width = max(CUP_WIDTH * growth, least)
    if square:
        width = max(width, sqrt(capacity / (CUP_HEIGHT * growth)))
    width = on_grid(width)
    depth = max(CUP_WIDTH * growth, on_grid(capacity / (width * CUP_HEIGHT * growth)))
    height = capacity / (width * depth)
    return SizedCup(port, label, capacity, width, depth, on_grid(height + CUP_FREEBOARD))
