"""Which cases a device has: names of buckets and transfers, and pours, to cases cut from its triangles."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from pelu_fab.cfd.bucket import CELLS_A_TOOTH, Bucket, TooCoarse, bucket_case, bucket_of
from pelu_fab.cfd.case import Case
from pelu_fab.cfd.compare import digests
from pelu_fab.cfd.flight import Flight
from pelu_fab.cfd.pour import Asked
from pelu_fab.cfd.result import slug
from pelu_fab.cfd.run import Job
from pelu_fab.cfd.siphon import siphon_case
from pelu_fab.cfd.transfer import LAST, Gutter, Leg, gutter_at, into_case, over_case
from pelu_fab.cfd.way import Run, parted, speed_at_end, way_of
from pelu_fab.errors import FabError
from pelu_fab.ir.process import Process
from pelu_fab.network.names import duct_name
from pelu_fab.signoff.found import NOWHERE, Vessel
from pelu_fab.signoff.recovered import POOL
from pelu_fab.signoff.recovery import Recovery
from pelu_fab.signoff.stl import Array

WORK = "cfd"  # folder of cases and pictures, in the export
IN_BORE = 0.5  # mm above a siphon's outlet, where its water comes in
ON_TRAY = 8  # cells a tooth: to a lip of fewer a thin stream clings (docs/cfd.md)
IN_POOL = range(CELLS_A_TOOTH, 10)  # of these the fewest through which no thin floor leaks
LANDED = 0.5  # m/s along a channel where water has come down in it: 0.35 to 0.55 was found


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """An export as a case writer sees it: vessels by name, and triangles of its parts."""

    recovery: Recovery

    @property
    def vessels(self) -> dict[str, Vessel]:
        """Every vessel that was found and named."""
        return {name: self.recovery.found.vessels[v] for v, name in self.recovery.names.items()}

    @property
    def buckets(self) -> tuple[str, ...]:
        """Vessels with a comb, by name."""
        return tuple(sorted(name for name, vessel in self.vessels.items() if vessel.teeth))

    @property
    def transfers(self) -> dict[str, tuple[str, str]]:
        """Every way from a bucket to what it feeds: its name, and those of the vessels at its ends."""
        names, pools = self.recovery.names, self.recovery.found.pools
        pairs = {
            (source, names[mouth.goal])
            for source in self.buckets
            for mouth in self.vessels[source].mouths
            if mouth.goal != NOWHERE and mouth.goal in names and mouth.goal not in pools.values()
        }
        return {duct_name(source.removesuffix(POOL), goal): (source, goal) for source, goal in sorted(pairs)}

    @property
    def corners(self) -> Array:
        """(m, 3, 3) triangles of all placed parts, assembled."""
        return np.concatenate([p.placed.corners for p in self.recovery.parts if p.matrix is not None])

    def corners_of(self, part: str) -> Array:
        """Triangles of one part, assembled."""
        return next(p.placed.corners for p in self.recovery.parts if p.entry.name == part)

    def matrix(self, part: str) -> Array:
        """Part to assembly."""
        found = next(p.matrix for p in self.recovery.parts if p.entry.name == part)
        return np.eye(4) if found is None else found

    def digests(self) -> dict[str, str]:
        """sha256 of every placed part's file, by part."""
        return digests(self.recovery.dossier.folder, [p.entry for p in self.recovery.parts if p.matrix is not None])

    def place(self, name: str) -> Array:
        """Where water is poured into a vessel: by a hand, where the manifest says, else where drops come down in it.

        A pool gets it out of its siphon's bore.
        """
        found = self.recovery.found
        number = next(v for v, known in self.recovery.names.items() if known == name)
        ports = self.recovery.dossier.manifest.inputs
        at = [port.at for port, v in zip(ports, found.inputs, strict=True) if v == number]
        if at:
            return np.array(at[0])
        siphons = [found.vessels[v].siphon for v, pool in found.pools.items() if pool == number]
        if siphons and siphons[0] is not None:
            return np.array([*siphons[0].axis, siphons[0].outlet_z + IN_BORE])
        ends = [
            end
            for vessel in found.vessels
            for tooth in vessel.teeth
            for end, goal in zip(tooth.end_at, tooth.goals, strict=True)
            if goal == number
        ]
        return np.mean(ends, axis=0) if ends else np.array(found.vessels[number].at)


def wanted(device: Device, at: Sequence[str], *, everything: bool) -> tuple[str, ...]:
    """Names of the cases asked for; an unknown one raises `FabError` with those there are."""
    names = (*device.buckets, *device.transfers)
    if everything:
        several = {n for n in device.buckets if len(device.vessels[n].mouths) > 1}
        return (*sorted(several), *device.transfers)
    if not at:
        raise FabError("--at", "names no place", f"give --all, or one of {', '.join(names)}")
    for name in at:
        if name.partition(" ")[0] not in names:  # one leg of a transfer is its name and `over`, `off` or `into` a part
            raise FabError(f"--at {name}", "is not in this device", f"choose from {', '.join(names)}")
    return tuple(dict.fromkeys(at))


def bucket_named(device: Device, name: str) -> Bucket:
    """A vessel in its own frame."""
    vessel = device.vessels[name]
    return bucket_of(name, vessel, device.matrix(vessel.part), device.recovery.names, device.place(name))


def leg_named(device: Device, name: str) -> Leg:
    """The teeth and runs of a transfer such as `L0.b1->L1.b0`."""
    source, goal = device.transfers[name]
    numbers = {known: v for v, known in device.recovery.names.items()}
    found = device.recovery.found
    teeth = tuple(tooth for tooth in found.vessels[numbers[source]].teeth if tooth.goal == numbers[goal])
    middle = np.array(teeth[len(teeth) // 2].at)
    runs = way_of(found.trails, device.recovery.surface, numbers[source], numbers[goal], middle)
    return Leg(name, goal, teeth, runs)


def cases_of(device: Device, name: str, pour: Asked, asked: int | None = None) -> list[Case]:
    """The cases of one name and one pour: a bucket's, or those of a transfer, lip by lip.

    `asked`: cells across a tooth; else as many as each needs.
    """
    on_tray, in_pool = asked or ON_TRAY, [asked] if asked else IN_POOL
    vessel = device.vessels[device.transfers.get(name, (name, ""))[0]]
    if vessel.siphon is not None:
        if name in device.transfers:
            raise FabError(f"--at {name}", "leaves through a siphon", "give its bucket, whose case holds the way out")
        goal = device.recovery.names.get(vessel.teeth[0].goal, "nowhere")
        matrix = device.matrix(vessel.part)
        return [siphon_case(name, vessel, goal, matrix, device.corners, pour.into_bucket, in_pool[0])]
    if name not in device.transfers:
        bucket = bucket_named(device, name)
        return [_tight(lambda cells: bucket_case(bucket, device.corners, pour.into_bucket, cells), in_pool)]
    leg = leg_named(device, name)
    share = leg.width / sum(tooth.width for tooth in device.vessels[device.transfers[name][0]].teeth)
    own = pour.through(share)
    viscosity = device.recovery.dossier.manifest.process.fluid.viscosity

    def end_of(run: Run) -> tuple[Gutter, float]:
        """The channel that a run ends in, and the speed of the water there."""
        gutter = gutter_at(run, device.matrix(run.part), device.corners)
        return gutter, speed_at_end(run, own.flow, gutter.width, LANDED, viscosity)[0]

    cases = []
    for number in leg.overs:
        part = leg.runs[number].part
        end = end_of(leg.runs[number - 1]) if number > 1 else None
        corners = device.corners_of(part)
        cases.append(over_case(leg, number, device.matrix(part), device.corners, corners, own, on_tray, end))
    if leg.off is not None:
        before, last = parted(leg.runs[leg.off], LAST)
        tray, corners = device.matrix(last.part), device.corners_of(last.part)
        cut = replace(leg, runs=(*leg.runs[: leg.off], last, leg.runs[-1]))
        cases.append(over_case(cut, leg.off, tray, device.corners, corners, own, on_tray, end_of(before), "off"))
    if device.vessels[leg.goal].teeth and device.vessels[leg.goal].siphon is None:
        bucket, end = bucket_named(device, leg.goal), end_of(leg.runs[-2])
        cases.append(_tight(lambda cells: into_case(leg, bucket, *end, device.corners, own, cells), in_pool))
    return cases


def _tight(case_of: Callable[[int], Case], tried: Sequence[int]) -> Case:
    """The case of the fewest cells through which no water runs."""
    for cells in tried[:-1]:
        with suppress(TooCoarse):
            return case_of(cells)
    return case_of(tried[-1])


def parts_near(device: Device, case: Case) -> dict[str, str]:
    """sha256 of the files that reach into a case's box."""
    low, high = (np.array([getattr(case.grid, a)[end] for a in "xyz"]) for end in (0, -1))
    near = set()
    for part in device.recovery.parts:
        if part.matrix is not None:
            points = case.frame.local(part.placed.corners)
            if ((points.max(axis=1) >= low) & (points.min(axis=1) <= high)).all(axis=1).any():
                near.add(part.entry.name)
    return {name: digest for name, digest in device.digests().items() if name in near}


def jobs_of(
    device: Device, names: Sequence[str], pours: Sequence[Asked], process: Process, cells: int | None, limit: float
) -> list[Job]:
    """One job for every name and pour; so many `cells` across a tooth, or as many as each needs."""
    flight = Flight(device.recovery.surface, device.vessels)
    jobs: dict[str, Job] = {}
    for name in names:
        for pour in pours:
            chosen = [
                case for case in cases_of(device, name.partition(" ")[0], pour, cells) if case.at.startswith(name)
            ]
            if not chosen:
                raise FabError(f"--at {name}", "is no leg of that transfer", "leave out the part, for all of its legs")
            for case in chosen:
                title = slug(case.at, case.pour, process.name)
                folder = device.recovery.dossier.folder / WORK / title
                jobs[title] = Job(title, case, process, parts_near(device, case), folder, limit, flight)
    return list(jobs.values())
