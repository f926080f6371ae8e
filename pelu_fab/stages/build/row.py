"""One row of buckets as a part: cavities, combs, ramps and spouts. Prints upright, as it stands."""

from dataclasses import dataclass
from math import atan2, ceil, tan

from pelu_fab.ir.frames import SIDE, SIDE_GAP, TAB_OUT
from pelu_fab.ir.layout import Lane, PlacedBucket, PlacedRow
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import Mouth, SizedBucket
from pelu_fab.ir.solid import Outline, Part, Point, Prism, Step, box, rectangle
from pelu_fab.stages.build.labels import fitted, least_height
from pelu_fab.stages.build.lettering import Line, raised
from pelu_fab.stages.build.poses import upright

BITE = 0.3  # mm: every join overlaps by this or more
SPOUT_RISE = 3.0  # mm: top of the spouts' walls above the sill
TAB_DEPTH, TAB_HEIGHT = 14.0, 6.0  # mm: a row rests on these in its side frames, at least so deep
TAB_BACK, TAB_FACE = 0.66, 9.0  # of the deepest bucket that tabs reach back; mm between them and the spouts' face
TAB_AIR = 0.8  # mm between a tab and the row before its front wall
RAIL = 1.2  # mm: the baffle's top rail
LAG = 0.8  # mm
LEAST_SLOT = 1.5  # mm: a narrower slot between two walls is filled
LEAST_RECESS = 2.0  # mm: a hollow below a floor lower than this is not worth a bridge
TROUGH, TROUGH_DEPTH, MARK_DROP = 4.0, 5.0, 2.0  # mm: the water level on the back of the first row


def row_part(row: PlacedRow, lanes: tuple[Lane, ...], labels: dict[str, str], process: Process) -> Part:
    """The row's part. `labels` are people's names of buckets that have one (inputs)."""
    wall = process.printer.wall
    modules = []
    handles = 0
    back = min(row.v - b.bucket.depth for b in row.buckets) - wall
    for number, placed in enumerate(row.buckets):
        owned = tuple(lane for lane in lanes if lane.source == placed.bucket.name)
        first, last = number == 0, number == len(row.buckets) - 1
        after = None if last else next(lane.u0 for lane in lanes if lane.source == row.buckets[number + 1].bucket.name)
        common = back if row.layer == 0 else None
        modules.append(_bucket(placed, owned, row, process, (first, last), after, common))
        modules.append((Step("add", _names(placed, row, labels, process, back)),))
        handles += placed.bucket.slats + 1 if placed.bucket.slats else 0
    modules.append((Step("add", _tabs(row, wall)),))
    if row.layer == 0:
        modules.append(_level(row, back, wall))
    return upright(f"row-{row.tag}", "row", modules, row.swapped, handles)


def _bucket(
    placed: PlacedBucket,
    lanes: tuple[Lane, ...],
    row: PlacedRow,
    process: Process,
    at_end: tuple[bool, bool],
    beside: float | None,
    common_back: float | None,
) -> tuple[Step, ...]:
    bucket, sized = placed.bucket, row.sized
    wall, floor = process.printer.wall, process.printer.floor
    sill, rim, base = row.sill_z, row.rim_z, row.bottom_z
    b0, b1 = round(placed.u - bucket.width / 2, 3), round(placed.u + bucket.width / 2, 3)
    u0 = placed.u0 - (wall / 2 if at_end[0] else BITE)
    u1 = placed.u1 + (wall / 2 if at_end[1] else BITE)
    back = row.v - bucket.depth
    outer_back = back - wall if common_back is None else common_back
    face = row.v + row.front + sized.ramp
    blade_end = row.v + row.front + sized.blade_run
    spout_end = face + sized.spout_depth
    spout_top = sill + SPOUT_RISE
    ramp_low = sill - sized.ramp

    body = box((u0, u1), (outer_back, row.v + row.front), (base, rim))
    ramp_profile: Outline = (
        (row.v + row.front / 2, sill),
        (row.v + row.front, sill),
        (face, ramp_low),
        (face, base),
        (face - wall, base),
        (face - wall, ramp_low - floor),
        (row.v + row.front / 2, ramp_low - floor),
    )
    ribs = _ribs(row.v + row.front, face - wall, base, ramp_low - floor + BITE, process)
    ramp = Prism("x", u0, u1, (ramp_profile, *ribs))

    cuts = [_cavity(placed, row, b0, b1, back)]
    under = sill - bucket.sill_height - floor - base
    if under >= LEAST_RECESS and min(bucket.width, bucket.depth) <= process.printer.max_bridge:
        cuts.append(box((b0, b1), (back, row.v), (base - 1.0, base + under)))

    blades, teeth_end = [], b0
    for mouth in bucket.mouths:
        for tooth in mouth.teeth:
            teeth_end = round(teeth_end + tooth, 3)
            blades.append(rectangle(teeth_end, round(teeth_end + process.printer.blade, 3), row.v, blade_end))
            teeth_end = round(teeth_end + process.printer.blade, 3)
    blades = blades[:-1]
    comb = Comb(u0, b0, b1, u1, process.printer.blade, wall, row.v + row.front / 2, blade_end, face, spout_end)
    walls = [_end_wall(comb, lanes, -1, None), _end_wall(comb, lanes, 1, beside), *_piers(comb, bucket.mouths, lanes)]
    cheeks = [rectangle(u0, b0, row.v + row.front / 2, blade_end), rectangle(b1, u1, row.v + row.front / 2, blade_end)]
    return (
        Step("add", (body, ramp)),
        Step("cut", tuple(cuts)),
        Step(
            "add",
            (
                Prism("z", sill - sized.blade_run - 1.5, rim, tuple(blades + cheeks)),
                Prism("z", base, spout_top, tuple(walls)),
                *_baffle(bucket, b0, b1, back, row),
            ),
        ),
    )


def _ribs(start: float, end: float, base: float, top: float, process: Process) -> list[Outline]:
    """Walls below a ramp, so that its underside is bridged in spans that print, in (v, z)."""
    wall = process.printer.wall
    spans = ceil((end - start + wall) / (process.printer.max_bridge + wall))
    step = (end - start + wall) / spans
    ribs = (round(start + number * step, 3) for number in range(1, spans))
    return [rectangle(round(v - wall, 3), v, base, top) for v in ribs]


def _cavity(placed: PlacedBucket, row: PlacedRow, b0: float, b1: float, back: float) -> Prism:
    """The water's room and the notch in its front wall, floor to above the rim, swept along the row."""
    bucket, top, sill = placed.bucket, row.rim_z + 1.0, row.sill_z
    pool, outside = row.v - bucket.pool_depth, row.v + row.front + BITE
    floor_z = sill - bucket.sill_height
    profile = [(outside, sill), (outside, top), (back, top)]
    if bucket.floor_slope > 0.0:
        profile.append((back, round(sill + (pool - back) * bucket.floor_slope, 3)))
        if bucket.pool_depth > 0.0:
            profile += [(pool, sill), (pool, floor_z), (row.v, floor_z), (row.v, sill)]
        else:
            profile.append((row.v, sill))
    else:
        profile += [(back, floor_z), (row.v, floor_z), (row.v, sill)]
    return Prism("x", b0, b1, (tuple(profile),))


@dataclass(frozen=True, slots=True)
class Comb:
    """Lines of a comb in plan: along u its ends and its cell's; along v wall, blades' ends, spouts' face and end."""

    cell0: float
    u0: float
    u1: float
    cell1: float
    blade: float
    wall: float
    root: float
    blade_end: float
    face: float
    end: float

    @property
    def start(self) -> float:
        """Where piers begin, inside the blades."""
        return self.blade_end - BITE


def _end_wall(comb: Comb, lanes: tuple[Lane, ...], side: int, beside: float | None) -> Outline:
    """From an end of the comb to the outside of the last spout; thicker where the next bucket's wall is near."""
    edge, spout = (comb.u1, lanes[-1].u1) if side > 0 else (comb.u0, lanes[0].u0)
    wall = comb.wall
    if beside is not None and beside - spout < 2 * wall + LEAST_SLOT:
        wall = round(beside - spout - comb.wall + BITE, 3)
    cell = comb.cell1 if side > 0 else comb.cell0
    thick = abs(cell - edge) if abs(cell - edge) < comb.wall + LEAST_SLOT else comb.wall
    root, outer = round(edge + side * thick, 3), round(spout + side * wall, 3)
    lean = atan2(side * (spout - edge), comb.face - comb.blade_end)
    mitre = round(comb.wall * tan(lean / 2), 3)  # the wall keeps its thickness where it leans
    return (
        (root, comb.root),
        (edge, comb.root),
        (edge, comb.blade_end),
        (spout, comb.face),
        (spout, comb.end),
        (outer, comb.end),
        (outer, round(comb.face - mitre, 3)),
        (root, round(comb.blade_end - mitre, 3)),
    )


def _piers(comb: Comb, mouths: tuple[Mouth, ...], lanes: tuple[Lane, ...]) -> list[Outline]:
    """Between two mouths: from the blade between them, spreading to a wall of either spout."""
    piers: list[Outline] = []
    edge = comb.u0
    for mouth, lane, following in zip(mouths, lanes, lanes[1:], strict=False):
        edge = round(edge + sum(mouth.teeth) + (len(mouth.teeth) - 1) * comb.blade, 3)
        beyond = round(edge + comb.blade, 3)
        near, far = lane.u1, following.u0
        # An edge that turns into the pier turns a little later, so that the pier has grown before it leans.
        turn_near = comb.blade_end + (LAG if near > edge else 0.0)
        turn_far = comb.blade_end + (LAG if far < beyond else 0.0)
        pier: list[Point] = [(edge, comb.start), (edge, turn_near), (near, comb.face), (near, comb.end)]
        if far - near > 2 * comb.wall + LEAST_SLOT:
            a, b, back = round(near + comb.wall, 3), round(far - comb.wall, 3), comb.face + BITE
            pier += [(a, comb.end), (a, back), (b, back), (b, comb.end)]
        pier += [(far, comb.end), (far, comb.face), (beyond, turn_far), (beyond, comb.start)]
        piers.append(tuple(pier))
        edge = beyond
    return piers


def _baffle(bucket: SizedBucket, b0: float, b1: float, back: float, row: PlacedRow) -> list[Prism]:
    """A grille across the bucket that calms what falls in behind it: posts on the floor, joined at the rim."""
    if not bucket.slats:
        return []
    v0 = round(back + bucket.inlet_depth, 3)
    v1 = round(v0 + bucket.slat_depth, 3)
    pitch = (b1 - b0) / (bucket.slats + 1)
    centres = [b0 + pitch * (k + 1) for k in range(bucket.slats)]
    posts = tuple(_post(c, bucket.slat / 2, v0, v1) for c in centres)
    foot = row.sill_z - bucket.sill_height - 2 * BITE
    rail = box((b0 - BITE, b1 + BITE), (v0, v1), (row.rim_z - RAIL, row.rim_z))
    return [Prism("z", foot, row.rim_z, posts), rail]


def _post(u: float, half: float, v0: float, v1: float) -> Outline:
    """A post in plan, with a square nose towards the inflow so that nothing stays behind it on a sloping floor."""
    a, b, shoulder = round(u - half, 3), round(u + half, 3), round(v0 + half, 3)
    return ((round(u, 3), v0), (b, shoulder), (b, v1), (a, v1), (a, shoulder))


def row_ends(row: PlacedRow, wall: float) -> tuple[float, float]:
    """Outer ends of the row's body along u."""
    return row.buckets[0].u0 - wall / 2, row.buckets[-1].u1 + wall / 2


def tab_profile(row: PlacedRow) -> tuple[float, float, float, float]:
    """Where a row's tabs pass its side frames: v0, v1, z0, z1. Its centre of mass lies between, full or empty."""
    front = row.v + row.front
    v0 = min(front - TAB_DEPTH, row.v - TAB_BACK * max(placed.bucket.depth for placed in row.buckets))
    v1 = max(front, front + row.sized.ramp - TAB_FACE)
    return round(v0, 3), round(v1, 3), row.bottom_z, row.bottom_z + TAB_HEIGHT


def _tabs(row: PlacedRow, wall: float) -> tuple[Prism, ...]:
    u0, u1 = row_ends(row, wall)
    reach = SIDE_GAP + SIDE + TAB_OUT
    v0, v1, z0, z1 = tab_profile(row)
    front = row.v + row.front
    return (
        Prism("z", z0, z1, (_tab(u0 - reach, u0 + 2 * BITE, u0 - TAB_AIR, v0, front, v1),)),
        Prism("z", z0, z1, (_tab(u1 + reach, u1 - 2 * BITE, u1 + TAB_AIR, v0, front, v1),)),
    )


def _tab(out: float, joint: float, free: float, v0: float, front: float, v1: float) -> Outline:
    """A tab in plan: joined to the row's body, and free of the hollow before its front wall."""
    ahead = ((free, front), (free, v1)) if v1 > front else ()
    return ((out, v0), (joint, v0), (joint, front), *ahead, (out, max(v1, front)))


def _names(
    placed: PlacedBucket, row: PlacedRow, labels: dict[str, str], process: Process, back: float
) -> tuple[Prism, ...]:
    """The bucket's name on the back wall, and above it what people call it."""
    face = back if row.layer == 0 else row.v - placed.bucket.depth - process.printer.wall
    right = -1 if row.swapped else 1
    room, least = placed.u1 - placed.u0 - 3.0, least_height(process.printer.nozzle)
    own = fitted(placed.bucket.name, 4.0, room, least=least, lines=1)
    lines: list[Line] = [(placed.bucket.name, own.height, placed.u, row.bottom_z + 2.0)]
    if text := labels.get(placed.bucket.name):
        tall = row.rim_z - TROUGH_DEPTH - process.printer.wall - TROUGH - (row.bottom_z + 9.0)
        label = fitted(text, 4.5, room, least=least, tall=tall)
        feet = label.feet(row.bottom_z + 9.0)
        lines += [(line, label.height, placed.u, foot) for line, foot in zip(label.lines, feet, strict=True)]
    return raised(lines, face, -1, right)


def _level(row: PlacedRow, back: float, wall: float) -> tuple[Step, ...]:
    """A trough along the back with a mark at either end: water that touches both tips says the row is level."""
    u0, u1 = row_ends(row, wall)
    rim, out = row.rim_z, back - TROUGH - wall
    low = rim - TROUGH_DEPTH - wall
    profile: Outline = ((back + BITE, rim), (out, rim), (out, low), (back + BITE, low - (back + BITE - out)))
    marks = tuple(
        box((u, u + wall), (back - TROUGH - BITE, back + BITE), (rim - TROUGH_DEPTH - BITE, rim - MARK_DROP))
        for u in (u0 + 6.0, u1 - 6.0 - wall)
    )
    hollow = box((u0 + wall, u1 - wall), (back - TROUGH, back), (rim - TROUGH_DEPTH, rim + 1.0))
    return (Step("add", (Prism("x", u0, u1, (profile,)),)), Step("cut", (hollow,)), Step("add", marks))
