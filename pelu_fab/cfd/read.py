"""From a solved case to its outcome: integrals of the fluxes, volumes at the end, speeds at the sill."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pelu_fab.cfd import foam
from pelu_fab.cfd.case import BACK, INLET, Case, contact_angle
from pelu_fab.cfd.flight import Parcels
from pelu_fab.cfd.mesh import WALLS
from pelu_fab.cfd.result import Outcome
from pelu_fab.ir.process import Process
from pelu_fab.signoff.stl import Array

ML = 1e6  # of a m3
SAMPLES = 61


def outcome(case: Case, folder: Path, process: Process, *, key: str, parts: Mapping[str, str], cpu: float) -> Outcome:
    """Read a solved case."""
    passed = {name: _passed(folder, name) for name, _, count in case.mesh.patches if name != "walls" and count}
    end = min(float(t[-1]) for t, _ in passed.values())
    held = {name: _last(folder, f"volume_{name}") for name in case.zones}
    goals = tuple(dict.fromkeys(case.outlets.values()))
    branch = {goal: [o for o in passed if case.outlets.get(o) == goal] for goal in goals}

    def through(names: list[str], a: float, b: float) -> float:
        return sum(float(np.interp(b, *passed[n]) - np.interp(a, *passed[n])) for n in names)

    def ramps(names: list[str]) -> float:
        return sum(held.get(f"t{n.removeprefix('o')}", 0.0) for n in names)

    delivered = {g: through(names, 0.0, end) + ramps(names) for g, names in branch.items()}
    half = {g: through(names, case.inflow.stop / 2, min(case.inflow.stop, end)) for g, names in branch.items()}
    teeth = [through([o], case.inflow.stop / 2, min(case.inflow.stop, end)) for o in case.outlets if o in passed]
    left = {n: through([n], 0.0, end) for n in passed if n != INLET and n not in case.outlets}
    poured, start = -through([INLET], 0.0, end), float((case.grid.volumes * case.water).sum()) / 1000.0
    kept = sum(volume for name, volume in held.items() if not name.startswith("t"))
    stamps = np.linspace(0.0, end, SAMPLES)
    told = {g: tuple(through(names, 0.0, float(t)) for t in stamps) for g, names in branch.items()}
    return Outcome(
        at=case.at,
        kind=case.kind,
        pour=case.pour,
        flow=case.inflow.flow,
        seconds=case.inflow.stop,
        process=process.name,
        contact_deg=contact_angle(process.fluid),
        cells_a_tooth=case.cells_a_tooth,
        cells=case.cells,
        cpu_s=cpu,
        key=key,
        parts=dict(parts),
        poured=poured,
        start=start,
        kept=kept,
        delivered=delivered,
        shares=_shares(delivered),
        steady=_shares(half),
        left=left,
        balance=sum(delivered.values()) + sum(left.values()) + kept - poured - start,
        teeth=tuple(t / max(sum(teeth), 1e-9) for t in teeth),
        speeds=speeds(case, folder),
        below=case.below,
        climb=climb(case, folder),
        series={"t": tuple(stamps.tolist()), **told},
    )


def _passed(folder: Path, name: str) -> tuple[Array, Array]:
    """Times and mL that have passed a patch, out counting up."""
    t, flux = foam.series(folder, f"flux_{name}")
    # The flux of a step holds over the step that ends there.
    return np.concatenate([[0.0], t]), np.concatenate([[0.0], np.cumsum(flux * np.diff(t, prepend=0.0))]) * ML


def _last(folder: Path, name: str) -> float:
    return float(foam.series(folder, name)[1][-1]) * ML


def _shares(volumes: Mapping[str, float]) -> dict[str, float]:
    total = sum(volumes.values())
    return {name: v / total if total > 1e-3 else 0.0 for name, v in volumes.items()}


def speeds(case: Case, folder: Path) -> tuple[float, ...]:
    """Mean speed outward of the water over the sill's last cells, m/s, tooth by tooth, while the pour runs."""
    written = [path for t, path in foam.times(folder) if t <= case.inflow.stop + 1e-3]
    if not written or case.kind != "bucket":
        return ()
    water, outward = case.of_cells(foam.field(written[-1] / "alpha.water")), foam.field(written[-1] / "U")[:, 1]
    speed = case.of_cells(outward)
    j = int(np.searchsorted(case.grid.y, 0.0)) - 1
    weight = np.nan_to_num(np.clip(water, 0.0, 1.0)) * case.grid.volumes
    found = []
    for name in case.outlets:
        own = np.flatnonzero(case.zones[f"t{name.removeprefix('o')}"].any(axis=(1, 2)))
        total = float(weight[own, j].sum())
        found.append(float((weight[own, j] * np.nan_to_num(speed[own, j])).sum()) / max(total, 1e-9))
    return tuple(found)


def climb(case: Case, folder: Path) -> float:
    """How high water stands at the walls of a tray beyond y = 0, where drops come down; later half of the pour."""
    if case.kind != "transfer" or "under_way" not in case.zones:
        return 0.0
    walls = case.labels == WALLS
    beside = (walls[:-2, 1:-1, 1:-1] | walls[2:, 1:-1, 1:-1]) & (case.grid.centres[1] > 0.0)
    highest = 0.0
    for t, path in foam.times(folder):
        if case.inflow.stop / 2 <= t <= case.inflow.stop + 1e-3:
            wet = beside & (np.nan_to_num(case.of_cells(foam.field(path / "alpha.water"))) > 0.5)
            highest = max(highest, float(case.grid.z[1:][wet.any(axis=(0, 1))].max(initial=0.0)))
    return highest


def leaving(case: Case, folder: Path) -> Parcels:
    """Water that leaves a case for good by its open faces, over the later half of the pour, by its written fields."""
    written = [path for t, path in foam.times(folder) if case.inflow.stop / 2 <= t <= case.inflow.stop + 1e-3]
    mesh = case.mesh
    held = {"walls", INLET, BACK, *(name for name in case.outlets)}
    faces = np.concatenate(
        [np.arange(f, f + n) for name, f, n in mesh.patches if name not in held] or [np.zeros(0, int)]
    )
    cell, area = mesh.owner[faces], mesh.areas[faces]
    flow, moved = np.zeros(len(faces)), np.zeros((len(faces), 3))
    for path in written:
        water, speed = np.clip(foam.field(path / "alpha.water"), 0.0, 1.0), foam.field(path / "U")
        part = water[cell] * np.maximum(np.einsum("ij,ij->i", speed[cell], area), 0.0)
        flow += part
        moved += part[:, None] * speed[cell]
    wet = flow > 1e-4 * max(flow.sum(), 1e-12)
    middles = mesh.points[mesh.faces[faces[wet]]].mean(axis=1)
    velocity = moved[wet] / flow[wet, None] @ case.frame.axes
    return Parcels(case.frame.world(middles), velocity, flow[wet])
