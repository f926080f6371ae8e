"""Which cases a device has: names of buckets and transfers, and pours, to cases cut from its triangles."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pelu_fab.cfd.bucket import bucket_case, bucket_of
from pelu_fab.cfd.case import Case
from pelu_fab.cfd.pour import Pour
from pelu_fab.cfd.result import slug
from pelu_fab.cfd.run import Job
from pelu_fab.errors import FabError
from pelu_fab.ir.process import Process
from pelu_fab.network.names import duct_name
from pelu_fab.signoff.found import NOWHERE, Vessel
from pelu_fab.signoff.recovery import Recovery
from pelu_fab.signoff.stl import Array

WORK = "cfd"  # folder of cases and pictures, in the export


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
    def transfers(self) -> tuple[str, ...]:
        """Every way from a bucket to what it feeds."""
        names = self.recovery.names
        pairs = {
            (source, names[mouth.goal])
            for source in self.buckets
            for mouth in self.vessels[source].mouths
            if mouth.goal != NOWHERE and mouth.goal in names
        }
        return tuple(duct_name(a, b) for a, b in sorted(pairs))

    @property
    def corners(self) -> Array:
        """(m, 3, 3) triangles of all placed parts, assembled."""
        return np.concatenate([p.placed.corners for p in self.recovery.parts if p.matrix is not None])

    def matrix(self, part: str) -> Array:
        """Part to assembly."""
        found = next(p.matrix for p in self.recovery.parts if p.entry.name == part)
        return np.eye(4) if found is None else found

    def digests(self) -> dict[str, str]:
        """sha256 of every placed part's file, by part."""
        return digests(self.recovery.dossier.folder, [p.entry for p in self.recovery.parts if p.matrix is not None])

    def place(self, name: str) -> Array:
        """Where water is poured into a vessel: by a hand, where the manifest says, else where drops come down in it."""
        found = self.recovery.found
        number = next(v for v, known in self.recovery.names.items() if known == name)
        ports = self.recovery.dossier.manifest.inputs
        at = [port.at for port, v in zip(ports, found.inputs, strict=True) if v == number]
        if at:
            return np.array(at[0])
        ends = [
            end
            for vessel in found.vessels
            for tooth in vessel.teeth
            for end, goal in zip(tooth.end_at, tooth.goals, strict=True)
            if goal == number
        ]
        return np.mean(ends, axis=0) if ends else np.array(found.vessels[number].at)


def digests(folder: Path, entries: Sequence[object]) -> dict[str, str]:
    """sha256 of parts' files as they are now; parts whose file is gone are left out."""
    paths = {str(e.name): folder / str(e.file) for e in entries}  # type: ignore[attr-defined]
    return {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in sorted(paths.items()) if p.is_file()}


def wanted(device: Device, at: Sequence[str], *, everything: bool) -> tuple[str, ...]:
    """Names of the cases asked for; an unknown one raises `FabError` with those there are."""
    names = (*device.buckets, *device.transfers)
    if everything:
        several = {n for n in device.buckets if len(device.vessels[n].mouths) > 1}
        return (*sorted(several), *device.transfers)
    if not at:
        raise FabError("--at", "names no place", f"give --all, or one of {', '.join(names)}")
    for name in at:
        if name not in names:
            raise FabError(f"--at {name}", "is not in this device", f"choose from {', '.join(names)}")
    return tuple(dict.fromkeys(at))


def case_of(device: Device, name: str, pour: Pour, cells: int) -> Case:
    """The case of one name and one pour."""
    vessel = device.vessels[name]
    bucket = bucket_of(name, vessel, device.matrix(vessel.part), device.recovery.names, device.place(name))
    return bucket_case(bucket, device.corners, pour, cells)


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
    device: Device, names: Sequence[str], pours: Sequence[Pour], process: Process, cells: int, limit: float
) -> list[Job]:
    """One job for every name and pour."""
    jobs = []
    for name in names:
        for pour in pours:
            case = case_of(device, name, pour, cells)
            title = slug(name, pour.kind, process.name)
            folder = device.recovery.dossier.folder / WORK / title
            jobs.append(Job(title, case, process, cells, parts_near(device, case), folder, limit))
    return jobs
