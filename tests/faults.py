"""Faults planted in the bytes of a compiled device's meshes, each with the rules and the place that must name it.

Where a fault goes is read off the sound device by sign-off's own extraction: locating is not judging.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from manifold3d import Manifold, Mesh64
from shapely import unary_union

from pelu_fab.signoff.found import NOWHERE, Tooth, Vessel
from pelu_fab.signoff.reading import reliefs
from pelu_fab.signoff.recovery import Recovery
from pelu_fab.signoff.stl import RECORD, read_stl, weld

Edit = Callable[[Path], None]
TOP = 14.5  # mm above a sill: into the freeboard, as high as the lowest rim
ABOVE = 2e-3  # mm over a sill from which blades are cut: flush with it, corners of two solids would fall together


@dataclass(frozen=True)
class Fault:
    """`plant` changes a folder; one of `rules` must fail at a place whose name contains one of `places`."""

    name: str
    plant: Edit
    rules: tuple[str, ...]
    places: tuple[str, ...]


def to_bytes(corners: np.ndarray) -> bytes:
    record = np.zeros(len(corners), RECORD)
    record["corners"] = corners
    return b"faulty".ljust(80, b"\0") + len(corners).to_bytes(4, "little") + record.tobytes()


def solid_of(corners: np.ndarray) -> Manifold:
    mesh = weld(corners)
    solid = Manifold(Mesh64(np.ascontiguousarray(mesh.points), np.ascontiguousarray(mesh.faces.astype(np.uint64))))
    assert not solid.is_empty(), solid.status()
    return solid


def corners_of(solid: Manifold) -> np.ndarray:
    mesh = solid.to_mesh64()
    return np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts)]


class Device:
    """A sound export and what was recovered from it."""

    def __init__(self, recovery: Recovery) -> None:
        self.recovery = recovery
        self.folder = recovery.dossier.folder
        self.names = recovery.names
        self.entries = {p.entry.name: p.entry for p in recovery.parts}

    def file(self, part: str) -> str:
        return self.entries[part].file

    def edit(self, part: str, change: Callable[[Manifold], Manifold]) -> Edit:
        """Change a part's solid in assembly coordinates."""
        matrix = self.entries[part].matrix
        assert matrix is not None

        def plant(folder: Path) -> None:
            path = folder / self.file(part)
            placed = read_stl(path.read_bytes(), part) @ matrix[:3, :3].T + matrix[:3, 3]
            changed = corners_of(change(solid_of(placed)))
            path.write_bytes(to_bytes((changed - matrix[:3, 3]) @ matrix[:3, :3]))

        return plant

    def local(self, part: str, change: Callable[[Manifold], Manifold]) -> Edit:
        """Change a part's solid in its own coordinates."""

        def plant(folder: Path) -> None:
            path = folder / self.file(part)
            path.write_bytes(to_bytes(corners_of(change(solid_of(read_stl(path.read_bytes(), part))))))

        return plant

    def raw(self, part: str, change: Callable[[bytes], bytes]) -> Edit:
        def plant(folder: Path) -> None:
            path = folder / self.file(part)
            path.write_bytes(change(path.read_bytes()))

        return plant

    def buckets(self) -> Iterator[tuple[int, str, Vessel]]:
        for layer in self.recovery.found.layers:
            for v in layer:
                yield v, self.names[v], self.recovery.found.vessels[v]

    def trays(self) -> list[str]:
        return [n for n in self.entries if self.entries[n].role == "tray"]

    def cards(self) -> list[str]:
        return [n for n in self.entries if self.entries[n].role == "card"]


def oriented_box(middle: np.ndarray, along: np.ndarray, size: tuple[float, float, float]) -> Manifold:
    """Box of (along, across, up) lengths; `middle` is the middle of its underside."""
    angle = np.degrees(np.arctan2(along[1], along[0]))
    cube = Manifold.cube(list(size), True).translate([0.0, 0.0, size[2] / 2])
    return cube.rotate([0.0, 0.0, float(angle)]).translate([float(v) for v in middle])


def frame_of(tooth: Tooth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle of the tooth's outer edge, direction along the sill, direction out."""
    outward = np.array([*tooth.outward, 0.0])
    return np.array(tooth.at), np.array([-outward[1], outward[0], 0.0]), outward


def over_tooth(tooth: Tooth, low: float, high: float, width: float, shift: float = 0.0) -> Manifold:
    """Box over the sill's length between two heights above the sill; one that digs goes on until it meets the ramp."""
    at, along, out = frame_of(tooth)
    ahead = max(0.01, 0.02 - low) if low < 0 and high < 0.1 else 0.01
    middle = at - (0.8 + 0.005 - ahead / 2) * out + shift * along + [0, 0, low]
    return oriented_box(middle, along, (width, 1.6 + 0.01 + ahead, high - low))


def tooth_faults(device: Device) -> Iterator[Fault]:
    """Single teeth of a few cards: narrower, wider, shut.

    A bucket with one branch gives that one all its water, whatever its teeth: there a narrower tooth is no fault of the
    network; a wider one leaves a blade that does not print; where all are narrow, water stands too high.
    """
    for _, name, vessel in list(device.buckets())[:: max(1, len(list(device.buckets())) // 3)]:
        tooth = vessel.teeth[len(vessel.teeth) // 2]
        k = len(vessel.teeth) // 2
        alone = vessel.branches == 1
        for percent in (5, 10) if alone else (-10, -5, 5, 10):
            change = abs(percent) / 100 * tooth.width
            side = tooth.width / 2 + (-change / 2 if percent < 0 else change / 2)
            slab = over_tooth(tooth, ABOVE if percent > 0 else -0.3, TOP, change + 0.002, side)
            edit = (lambda s, slab=slab: s + slab) if percent < 0 else (lambda s, slab=slab: s - slab)
            goal = device.names[tooth.goal]
            yield Fault(
                f"tooth {percent:+d} % {name}",
                device.edit(vessel.part, edit),
                ("drc.blade",) if alone else ("lvs.tooth",),
                (name,) if alone else (f"{name}->{goal}.t{k}",),
            )
        yield Fault(
            f"plugged tooth {name}",
            device.edit(vessel.part, lambda s, t=tooth: s + over_tooth(t, -0.3, TOP, t.width + 0.2)),
            ("lvs.share", "lvs.tooth", "lvs.open", "drc.comb"),
            (name,),
        )
        if alone:

            def narrow(s: Manifold, vessel: Vessel = vessel) -> Manifold:
                for t in vessel.teeth:
                    s = s + over_tooth(t, -0.3, TOP, 0.8 * t.width, 0.12 * t.width)
                return s

            yield Fault(
                f"comb narrowed {name}", device.edit(vessel.part, narrow), ("drc.freeboard", "drc.comb"), (name,)
            )


def narrow_faults(device: Device) -> Iterator[Fault]:
    """A tooth that is whole at its outer edge near the sill, and shut elsewhere: seen to pass a judge of few chords."""
    several = [found for found in device.buckets() if found[2].branches > 1]
    if not several:  # one branch takes all, however wide its teeth
        return
    _, name, vessel = max(several, key=lambda found: max(t.width for t in found[2].teeth))
    k = int(np.argmax([t.width for t in vessel.teeth]))
    tooth, goal = vessel.teeth[k], device.names[vessel.teeth[k].goal]
    at, along, out = frame_of(tooth)
    place = (f"{name}->{goal}.t{k}",)
    post = oriented_box(at - 1.45 * out - [0, 0, 0.3], along, (tooth.width - 1.0, 0.3, TOP))
    yield Fault(f"post at the inner end {name}", device.edit(vessel.part, lambda s: s + post), ("lvs.tooth",), place)
    before = oriented_box(at - 2.1 * out - [0, 0, 0.3], along, (tooth.width - 1.0, 0.6, TOP))
    floor = oriented_box(at - 2.1 * out - [0, 0, 3.0], along, (tooth.width - 1.0, 1.2, 3.0))
    yield Fault(
        f"post before the sill {name}", device.edit(vessel.part, lambda s: s + (before + floor)), ("lvs.tooth",), place
    )
    ridge = oriented_box(at - 0.8 * out - [0, 0, 0.3], along, (tooth.width / 2, 0.4, 0.34))
    yield Fault(f"ridge of 0.04 mm {name}", device.edit(vessel.part, lambda s: s + ridge), ("lvs.tooth",), place)
    for label, back, deep in (("", 0.8, 1.58), (" at the inner end", 1.35, 0.4)):
        lid = oriented_box(at - back * out + [0, 0, 1.3], along, (0.82, deep, TOP - 1.3))
        lid = lid.translate([float(v) for v in along * (tooth.width / 2 - 0.39)])
        yield Fault(
            f"narrower from 1.3 mm up{label} {name}",
            device.edit(vessel.part, lambda s, lid=lid: s + lid),
            ("lvs.tooth",),
            place,
        )


def fin_faults(device: Device) -> Iterator[Fault]:
    """The bank between two mouths gone just above the ramp, for 3 mm; shaved where the section is straight."""
    for _, name, vessel in device.buckets():
        edges = [(a, b) for a, b in pairwise(vessel.mouths) if a.goal != b.goal and a.section_area and b.section_area]
        if not edges:
            continue
        one, other = vessel.teeth[edges[0][0].teeth[-1]], vessel.teeth[edges[0][1].teeth[0]]
        goals = tuple(f"{name}->{device.names[t.goal]}" for t in (one, other))
        at, along, out = frame_of(one)
        over = (np.array(other.at) - at) @ along
        lips = [float(sum(t.lip) / 2 - at @ along) for t in (one, other)]  # as `over`, from this tooth
        for label, ends, near, far in (
            ("on the ramp", (one.width / 4, over - other.width / 4), 5.0, 8.0),
            ("before the lip", (lips[0], lips[1]), 12.0, 15.0),
        ):
            slot = _on_ramp(at, along, out, ends, (near, far), (0.01, 2.4))
            yield Fault(
                f"bank cut {label} {name}",
                device.edit(vessel.part, lambda s, c=slot: s - c),
                ("drc.breach", "lvs.section", "drc.wall"),
                (*goals, vessel.part),
            )
        end = _ramp_end(device, vessel, one, out)
        slot = _on_ramp(at, along, out, (lips[0], lips[1]), (end - 2.5, end - 0.6), (0.01, 2.4))
        yield Fault(
            f"bank cut right before the lip {name}",
            device.edit(vessel.part, lambda s, c=slot: s - c),
            ("drc.breach",),
            goals,
        )
        ends = [(np.array([*t, at[2]]) - at) @ along for t in (one.section_left, one.section_right)]
        edge = min(ends, key=lambda u: abs(u - over))  # of one's section, towards the other's
        near, far = sorted((edge - np.sign(over) * 0.2, edge + np.sign(over) * 0.3))
        shaved = _on_ramp(at, along, out, (near, far), (4.2, 8.8), (0.0, TOP))
        yield Fault(
            f"section widened {name}",
            device.edit(vessel.part, lambda s, c=shaved: s - c),
            ("lvs.section", "drc.wall", "drc.breach"),
            goals,
        )
        share = edges[0][0].section_area / sum(mouth.section_area or 0.0 for mouth in vessel.mouths)
        by = max(0.6, 0.003 * abs(ends[1] - ends[0]) / (share * (1.0 - share)))  # mm; 0.3 points at least
        fat = _on_ramp(at, along, out, (near - by * (over > 0), far + by * (over < 0)), (4.2, 8.8), (-0.02, 8.0))
        yield Fault(
            f"section narrowed {name}", device.edit(vessel.part, lambda s, c=fat: s + c), ("lvs.section",), goals[:1]
        )
        return


def _ramp_end(device: Device, vessel: Vessel, tooth: Tooth, out: np.ndarray) -> float:
    """How far (mm) behind its sill a tooth's water leaves the ramp."""
    trails, number = device.recovery.found.trails, device.recovery.found.vessels.index(vessel)
    first = np.searchsorted(trails.drop, np.flatnonzero(trails.source == number))
    start = first[np.argmin(np.linalg.norm(trails.at[first] - tooth.at, axis=1))]
    fall = start + int(np.flatnonzero(trails.face[start:] < 0)[0])
    return float((trails.at[fall - 1] - np.array(tooth.at)) @ out)


def _on_ramp(
    at: np.ndarray,
    along: np.ndarray,
    out: np.ndarray,
    across: tuple[float, float],
    ahead: tuple[float, float],
    above: tuple[float, float],
) -> Manifold:
    """A block that lies on the ramp, which falls at 45 degrees from the sill's edge `at`."""
    corners = [at + along * u + out * v + [0, 0, h - v] for u in across for v in ahead for h in above]
    return Manifold.hull_points(np.array(corners))


def mouth_faults(device: Device) -> Iterator[Fault]:
    for _, name, vessel in device.buckets():
        if len(vessel.mouths) < 2:
            continue
        mouth = min(vessel.mouths, key=lambda m: len(m.teeth))
        teeth = [vessel.teeth[k] for k in mouth.teeth]
        alone = sum(m.goal == mouth.goal for m in vessel.mouths) == 1

        def plug(s: Manifold, teeth: list[Tooth] = teeth) -> Manifold:
            for t in teeth:
                s = s + over_tooth(t, -0.3, TOP, t.width + 0.2)
            return s

        rules = ("lvs.open",) if alone else ("lvs.share",)
        yield Fault(
            f"plugged mouth {name}", device.edit(vessel.part, plug), rules, (f"{name}->{device.names[mouth.goal]}",)
        )
        return


def sill_faults(device: Device) -> Iterator[Fault]:
    for _, name, vessel in list(device.buckets())[:: max(1, len(list(device.buckets())) // 2)]:

        def move(s: Manifold, by: float, vessel: Vessel = vessel) -> Manifold:
            for t in vessel.teeth:
                s = (
                    s + over_tooth(t, -0.3, by, t.width + 0.1)
                    if by > 0
                    else s - over_tooth(t, by, 0.01, t.width + 0.004)
                )
            return s

        def tilt(s: Manifold, vessel: Vessel = vessel) -> Manifold:
            last = max(len(vessel.teeth) - 1, 1)
            for k, t in enumerate(vessel.teeth):
                s = s + over_tooth(t, -0.3, 0.01 + 0.3 * k / last, t.width + 0.1)
            return s

        # A floor that falls to its sill has nothing that a lower one could take; behind 0.6 mm it may keep < 0.01 mL.
        for by in (0.3, -0.3) if vessel.basin >= 0 else (1.2,):
            edit = device.edit(vessel.part, lambda s, m=move, by=by: m(s, by))
            yield Fault(f"sill {by:+} {name}", edit, ("lvs.retained",), (name,))
        if len(vessel.teeth) > 1:
            yield Fault(f"sill tilted {name}", device.edit(vessel.part, tilt), ("lvs.level",), (name,))
        t = vessel.teeth[0]
        yield Fault(
            f"one tooth lowered {name}",
            device.edit(vessel.part, lambda s, t=t: s - over_tooth(t, -0.5, 0.01, t.width + 0.004)),
            ("lvs.level",),
            (name,),
        )


def pool_faults(device: Device) -> Iterator[Fault]:
    for _, name, vessel in device.buckets():
        if vessel.volume < 1000:
            continue
        (x0, y0), (x1, y1) = vessel.bounds
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2, vessel.floor_z - 0.2])
        depth = vessel.level - vessel.floor_z
        size = (x1 - x0 - 0.2, y1 - y0 - 0.2)
        block = Manifold.cube([size[0], size[1], depth / 2], True).translate(list(middle + np.array([0, 0, depth / 4])))
        yield Fault(
            f"half-filled {name}", device.edit(vessel.part, lambda s, b=block: s + b), ("lvs.retained",), (name,)
        )
        full = Manifold.cube([x1 - x0 + 0.5, y1 - y0 + 0.5, depth + 12], True).translate(
            list(middle + np.array([0, 0, depth / 2 + 6]))
        )
        yield Fault(
            f"filled {name}",
            device.edit(vessel.part, lambda s, b=full: s + b),
            ("lvs.missing", "lvs.retained"),
            (name, "in.x"),
        )
        out = np.array([*vessel.teeth[0].outward, 0.0])
        back = middle - out * (abs(out[0]) * (x1 - x0) + abs(out[1]) * (y1 - y0)) / 2
        hole = oriented_box(np.array([back[0], back[1], vessel.floor_z + depth * 0.4]), out, (60.0, 2.0, 1.0))
        clip = oriented_box(np.array([back[0], back[1], vessel.floor_z]), out, (40.0, 4.0, depth))
        yield Fault(
            f"pierced back wall {name}",
            device.edit(vessel.part, lambda s, h=hole ^ clip: s - h),
            ("lvs.retained",),
            (name,),
        )
        rim = oriented_box(np.array([back[0], back[1], vessel.level + 2.0]), out, (30.0, 6.0, 40.0))
        yield Fault(
            f"lowered rim {name}", device.edit(vessel.part, lambda s, r=rim: s - r), ("drc.freeboard",), (name,)
        )
        return


def wall_faults(device: Device) -> Iterator[Fault]:
    """A hole through the end wall of a pool, and walls of an inlet that let nothing through."""
    for _, name, vessel in device.buckets():
        if len(vessel.mouths) < 2:
            continue
        first = np.array([*vessel.teeth[0].at])
        _, along, out = frame_of(vessel.teeth[0])
        (x0, y0), (x1, y1) = vessel.bounds
        middle, wide = np.array([(x0 + x1) / 2, (y0 + y1) / 2, 0.0]), abs((np.array([x1 - x0, y1 - y0, 0.0])) @ along)
        end = middle + along * wide / 2
        depth = vessel.level - vessel.floor_z
        near = first - 4.0 * out
        place = end + ((near - end) @ out) * out
        hole = oriented_box(np.array([place[0], place[1], vessel.floor_z + depth / 2]), along, (12.0, 1.5, 1.5))
        yield Fault(
            f"pierced end wall {name}", device.edit(vessel.part, lambda s, h=hole: s - h), ("lvs.retained",), (name,)
        )
        shut = middle + ((first - 11.0 * out - middle) @ out) * out
        wall = oriented_box(np.array([shut[0], shut[1], vessel.floor_z - 0.2]), along, (wide + 0.4, 1.2, depth + 16.0))
        yield Fault(
            f"inlet shut {name}",
            device.edit(vessel.part, lambda s, w=wall: s + w),
            ("lvs.retained", "lvs.missing", "lvs.open", "flow.inlet"),
            (name, "in.x"),
        )
        return


def shift_faults(device: Device) -> Iterator[Fault]:
    """A card placed a gutter's pitch aside: its water runs down another's gutter, or beside them all."""

    def aside(part: str, along: np.ndarray) -> Edit:
        def plant(folder: Path) -> None:
            manifest = json.loads((folder / "manifest.json").read_text())
            entry = next(one for one in manifest["parts"] if one["name"] == part)
            for row, step in zip(entry["transform"], 16.0 * along, strict=False):
                row[3] += float(step)
            (folder / "manifest.json").write_text(json.dumps(manifest))

        return plant

    for _, name, vessel in device.buckets():
        if len(vessel.mouths) > 1:
            _, along, _ = frame_of(vessel.teeth[0])
            rules = ("mesh.collide", "lvs.open", "lvs.extra", "lvs.share", "lvs.stray", "drc.stray")
            yield Fault(f"shifted {name}", aside(vessel.part, along), rules, (name, vessel.part, "L"))
            return


def tray_faults(device: Device) -> Iterator[Fault]:
    """In the tray's own frame: z up from the bed, gutters along y."""
    trails, surface = device.recovery.found.trails, device.recovery.surface
    for part in device.trays():
        number = surface.names.index(part)
        matrix = device.entries[part].matrix
        assert matrix is not None
        on = (trails.face >= 0) & (surface.part_of_face[trails.face] == number) & (trails.goal[trails.drop] != NOWHERE)
        drop = int(trails.drop[on][0])
        path = (trails.at[on & (trails.drop == drop)] - matrix[:3, 3]) @ matrix[:3, :3]
        path = path[np.abs(path[:, 2] - path[0, 2]) < 0.02]
        goal = device.names[int(trails.goal[drop])]
        flow, across = np.array([0.0, 1.0, 0.0]), np.array([-1.0, 0.0, 0.0])

        def on_path(part_of: float, path: np.ndarray = path) -> np.ndarray:
            """A place on the drop's way."""
            y = path[0, 1] + part_of * (path[-1, 1] - path[0, 1])
            return np.array([np.interp(y, path[:, 1], path[:, 0]), y, path[0, 2]])

        middle = on_path(0.35)
        wall = oriented_box(middle + np.array([0, 0, 0.8]), across, (400.0, 3.0, 1.5))  # however thick it is
        half = wall ^ oriented_box(middle + across * 100.0 - [0, 0, 1.0], across, (200.0, 10.0, 20.0))
        yield Fault(
            f"pierced wall {part}", device.local(part, lambda s, h=half: s - h), ("drc.breach", "lvs.short"), (goal,)
        )
        low = oriented_box(on_path(0.93) + np.array([0, 0, 0.3]), across, (60.0, 3.0, 0.7))
        low = low ^ oriented_box(on_path(0.93) - across * 30.0 - [0, 0, 1.0], across, (60.0, 10.0, 20.0))
        yield Fault(
            f"low hole in the wall at the end of {part}",
            device.local(part, lambda s, h=low: s - h),
            ("drc.breach", "lvs.short"),
            (goal,),
        )
        hull = _floor_box(device, part)
        room = _channel(device, part, middle, across)
        bars = {
            "dam": oriented_box(room[0] - [0, 0, 0.3], across, (room[1] + 0.6, 1.2, 2.3)),
            "raised floor": oriented_box(room[0] - [0, 0, 0.3], across, (room[1] + 0.6, 20.0, 1.3)),
            "blocked": oriented_box(room[0] - [0, 0, 0.3], across, (room[1] + 0.6, 1.2, 12.0)),
        }
        for label, bar in bars.items():
            yield Fault(
                f"{label} {part}",
                device.local(part, lambda s, d=bar ^ hull: s + d),
                (
                    "drc.puddle",
                    "drc.stray",
                    "lvs.open",
                    *(["drc.slope"] if label == "raised floor" else []),
                ),  # it is level
                (goal,),
            )
        leak = oriented_box(middle - [0, 0, 5.0], flow, (6.0, 30.0, 5.5))
        yield Fault(
            f"hole in floor {part}", device.local(part, lambda s, h=leak: s - h),
            ("lvs.open", "drc.stray", "lvs.stray", "drc.breach", "lvs.extra", "lvs.share"), (goal, "L"),
        )  # fmt: skip
        # It keeps its slope, and runs into the cards, or each branch over another's gutter.
        rules = ("lvs.open", "drc.stray", "mesh.collide", "lvs.share")
        yield Fault(f"reversed {part}", _reversed(device, part, flow), rules, ("L", part))
        yield from _floor_faults(device, part, on_path(0.7), path[-1], goal)
        thin = _thin_walls(device, part, on_path(0.3), across, flow)
        yield Fault(f"thin wall {part}", thin, ("drc.wall",), (part,))


def _floor_faults(device: Device, part: str, place: np.ndarray, end: np.ndarray, goal: str) -> Iterator[Fault]:
    """A dent at a place of a gutter, and a gutter that ends before its lip at `end`, in the tray's frame."""
    flow, across = np.array([0.0, 1.0, 0.0]), np.array([-1.0, 0.0, 0.0])
    room = _channel(device, part, place, across)
    dent = oriented_box(room[0] - [0, 0, 0.95], across, (room[1] - 4.0, 9.0, 3.0))  # its walls may slant
    yield Fault(f"dent {part}", device.local(part, lambda s: s - dent), ("drc.puddle",), (goal,))
    gone = oriented_box(end + 10.0 * flow - [0, 0, 5.0], across, (room[1] + 3.0, 44.0, 60.0))
    rules = ("lvs.open", "lvs.extra", "lvs.stray", "lvs.share", "drc.stray", "drc.breach", "lvs.short")
    yield Fault(f"shortened gutter {part}", device.local(part, lambda s: s - gone), rules, (goal, "L"))


def _channel(device: Device, part: str, middle: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle of the floor of the channel round a place in a tray's own frame, and the channel's width."""
    mesh = next(p.mesh for p in device.recovery.parts if p.entry.name == part)
    section = solid_of(mesh.corners).slice(float(middle[2] + 1.0))
    gaps = [-np.inf, np.inf]
    for ring in map(np.array, section.to_polygons()):
        for p, q in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            side = np.array([(v - middle[:2]) @ across[:2] for v in (p, q)])
            ahead = np.array([(v - middle[:2]) @ [across[1], -across[0]] for v in (p, q)])
            if ahead.min() <= 0.0 <= ahead.max() and np.ptp(ahead) > 1e-6:
                at = float(np.interp(0.0, np.sort(ahead), side[np.argsort(ahead)]))
                gaps = [max(gaps[0], at), gaps[1]] if at < 0 else [gaps[0], min(gaps[1], at)]
    return middle + across * (gaps[0] + gaps[1]) / 2, gaps[1] - gaps[0]


def _floor_box(device: Device, part: str) -> Manifold:
    mesh = next(p.mesh for p in device.recovery.parts if p.entry.name == part)
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    return Manifold.cube([float(v) for v in high - low]).translate([float(v) for v in low])


def _reversed(device: Device, part: str, flow: np.ndarray) -> Edit:
    """The same tray, its high end low: mirrored along the flow within its own length."""
    axis = int(np.argmax(np.abs(flow)))

    def plant(folder: Path) -> None:
        path = folder / device.file(part)
        corners = read_stl(path.read_bytes(), part)
        low, high = corners[:, :, axis].min(), corners[:, :, axis].max()
        corners[:, :, axis] = low + high - corners[:, :, axis]
        path.write_bytes(to_bytes(corners[:, ::-1]))

    return plant


def _thin_walls(device: Device, part: str, middle: np.ndarray, across: np.ndarray, flow: np.ndarray) -> Edit:
    """Shave the thinner wall beside a channel to 0.4 mm from inside, for 6 mm."""
    mesh = next(p.mesh for p in device.recovery.parts if p.entry.name == part)
    section = solid_of(mesh.corners).slice(float(middle[2] + 3.0))
    faces = []  # where the line across the channel goes into walls and out of them
    for ring in map(np.array, section.to_polygons()):
        for p, q in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            reach = np.array([(v - middle[:2]) @ flow[:2] for v in (p, q)])
            if reach.min() <= 0.0 < reach.max():
                side = [(v - middle[:2]) @ across[:2] for v in (p, q)]
                faces.append(float(np.interp(0.0, np.sort(reach), np.array(side)[np.argsort(reach)])))
    right, left = sorted(f for f in faces if f > 0), sorted(-f for f in faces if f < 0)
    sign, near, thick = min(
        ((sign, side[0], side[1] - side[0]) for sign, side in ((1, right), (-1, left))), key=lambda one: one[2]
    )
    at = middle + sign * across * (near + (thick - 0.4) / 2 - 0.005) + [0, 0, 0.5]
    cut = oriented_box(at, across, (thick - 0.39, 6.0, 30.0))
    return device.local(part, lambda s: s - cut)


def whole_faults(device: Device) -> Iterator[Fault]:
    """Faults of files and of whole parts."""
    card = device.cards()[0]
    tri = 50

    def turned(part: str, axis: int) -> Callable[[bytes], bytes]:
        def change(blob: bytes) -> bytes:
            corners = read_stl(blob, part)
            low, high = corners[:, :, axis].min(), corners[:, :, axis].max()
            corners[:, :, axis] = low + high - corners[:, :, axis]
            return to_bytes(corners[:, ::-1])

        return change

    def nan(blob: bytes) -> bytes:
        record = np.frombuffer(blob, RECORD, -1, 84).copy()
        record["corners"][tri, 1, 2] = np.nan
        return blob[:84] + record.tobytes()

    def floating(blob: bytes) -> bytes:
        corners = read_stl(blob, card)
        high = corners.reshape(-1, 3).max(axis=0)
        cube = corners_of(Manifold.cube([3.0, 3.0, 3.0]).translate([float(v) for v in high + 2.0]))
        return to_bytes(np.concatenate([corners, cube]))

    def through(blob: bytes) -> bytes:
        corners = read_stl(blob, card)
        face = corners[
            int(
                np.argmax(
                    np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
                )
            )
        ]
        cube = corners_of(Manifold.cube([3.0, 3.0, 3.0], True).rotate([20.0, 30.0, 40.0]))
        return to_bytes(np.concatenate([corners, cube + face.mean(axis=0)]))

    scaled = lambda factor: lambda blob: to_bytes(read_stl(blob, card) * factor)  # noqa: E731
    branching = [vessel for _, _, vessel in device.buckets() if vessel.branches > 1]
    if branching and len(list(device.buckets())) > 1:  # a mirrored symmetric bucket is the same bucket
        mirrored = max(branching, key=lambda vessel: vessel.branches).part
        yield Fault(
            "mirrored card",
            device.raw(mirrored, turned(mirrored, 0 if _long(device, mirrored) == 0 else 1)),
            ("lvs.open", "lvs.missing", "lvs.share", "lvs.retained"),
            ("L", "in.x"),
        )
    yield Fault("scaled 25.4", device.raw(card, scaled(25.4)), ("mesh.bed", "mesh.volume"), (card,))
    yield Fault("scaled 0.1", device.raw(card, scaled(0.1)), ("mesh.volume",), (card,))
    yield Fault(
        "flipped normals", device.raw(card, lambda b: to_bytes(read_stl(b, card)[:, ::-1])), ("mesh.oriented",), (card,)
    )
    yield Fault(
        "dropped triangle",
        device.raw(card, lambda b: to_bytes(np.delete(read_stl(b, card), tri, axis=0))),
        ("mesh.closed",),
        (card,),
    )
    yield Fault(
        "duplicated triangle",
        device.raw(card, lambda b: to_bytes(np.concatenate([read_stl(b, card), read_stl(b, card)[tri : tri + 1]]))),
        ("mesh.duplicate",),
        (card,),
    )
    yield Fault("NaN", device.raw(card, nan), ("mesh.file",), (card,))
    yield Fault("truncated", device.raw(card, lambda b: b[: len(b) // 2]), ("mesh.file",), (card,))
    yield Fault("empty file", device.raw(card, lambda b: b""), ("mesh.file",), (card,))
    yield Fault("shell through a wall", device.raw(card, through), ("mesh.intersect",), (card,))
    yield Fault("floating shell", device.raw(card, floating), ("mesh.bodies",), (card,))
    if len(device.cards()) > 1:
        yield Fault(
            "swapped cards",
            _swapped(device, card, device.cards()[1]),
            ("lvs.missing", "lvs.open", "lvs.retained", "read.label"),
            ("L", "in.x", "card-"),
        )
    if len(device.trays()) > 1:
        yield Fault("swapped trays", _swapped(device, *device.trays()[:2]), ("lvs.missing", "lvs.open"), ("L",))


def lettering_faults(device: Device) -> Iterator[Fault]:
    """The words on one side of a card, mirrored within the room that they take."""
    name = device.cards()[-1]
    mesh = next(part.placed for part in device.recovery.parts if part.entry.name == name)
    side = max((one for one in reliefs(mesh) if one.axis == 0), key=lambda one: len(one.words))
    (y0, z0, y1, z1), points = unary_union(side.words).bounds, mesh.points
    near = (points[:, 1] > y0) & (points[:, 1] < y1) & (points[:, 2] > z0) & (points[:, 2] < z1)
    face = float((points[near, 0] * side.sign).max()) * side.sign
    x0, x1 = sorted((face - 0.6 * side.sign, face + side.sign))
    room = Manifold.cube([x1 - x0, y1 - y0 + 0.2, z1 - z0 + 0.2]).translate([x0, y0 - 0.1, z0 - 0.1])

    def mirrored(solid: Manifold) -> Manifold:
        word = solid ^ room
        turned = word.mirror([0.0, 1.0, 0.0]).translate([-0.01 * side.sign, y0 + y1, 0.0])
        return (solid - word) + turned

    yield Fault(f"mirrored words {name}", device.edit(name, mirrored), ("read.label",), (name,))


def _long(device: Device, part: str) -> int:
    mesh = next(p.mesh for p in device.recovery.parts if p.entry.name == part)
    return int(np.argmax(np.ptp(mesh.points, axis=0)[:2]))


def _swapped(device: Device, one: str, other: str) -> Edit:
    def plant(folder: Path) -> None:
        a, b = folder / device.file(one), folder / device.file(other)
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first)

    return plant


def all_faults(device: Device) -> list[Fault]:
    kinds = (
        tooth_faults,
        narrow_faults,
        fin_faults,
        mouth_faults,
        sill_faults,
        pool_faults,
        wall_faults,
        shift_faults,
        tray_faults,
        whole_faults,
        lettering_faults,
    )
    return [fault for kind in kinds for fault in kind(device)]


def planted(device: Device, fault: Fault, folder: Path) -> Path:
    """A copy of the device's folder with the fault in it."""
    shutil.copytree(device.folder, folder)
    fault.plant(folder)
    return folder


def judge(report: dict, fault: Fault) -> tuple[bool, bool]:
    """(caught, rightly named)."""
    failures = [c for c in report["checks"] if c["status"] == "fail"]
    named = any(c["id"] in fault.rules and any(p in c["where"] for p in fault.places) for c in failures)
    return report["verdict"] == "fail", named


def to_json(score: dict) -> str:
    return json.dumps(score, indent=1)
