"""From a folder to the network that its triangles compute: read, place, flood, extract, name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.dossier import Dossier, PartEntry, open_folder, read_dossier
from pelu_fab.signoff.extract import extract
from pelu_fab.signoff.flood import Flood, flood
from pelu_fab.signoff.found import Extraction
from pelu_fab.signoff.mesh import LoadedPart, read_part
from pelu_fab.signoff.naming import name_units
from pelu_fab.signoff.recovered import Demand, Recovered, demand, full_bores, primed, recover, vessel_names
from pelu_fab.signoff.report import Check
from pelu_fab.signoff.stl import Array
from pelu_fab.signoff.surface import Surface, join

USUAL_FLOW = 12e3  # mm3/s: of a jug, where the manifest tells none

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Recovery:
    """Everything that extraction finds out about a folder."""

    dossier: Dossier
    parts: tuple[LoadedPart, ...]
    surface: Surface
    found: Extraction
    recovered: Recovered
    asked: Demand

    @property
    def names(self) -> dict[int, str]:
        """Name of each vessel."""
        return vessel_names(self.found, self.recovered)


def read_parts(folder: Path, entries: Sequence[PartEntry], say: Progress) -> tuple[tuple[LoadedPart, ...], list[Check]]:
    """Every part that can be read, and what the reading found."""
    parts, checks = [], []
    for entry in entries:
        say(f"read: {entry.name}")
        part, found = read_part(folder, entry)
        checks += found
        if part is not None:
            parts.append(part)
    return tuple(parts), checks


def assemble(parts: Sequence[LoadedPart], say: Progress) -> Surface | None:
    """Place every part that has a place, and flood each."""
    fixed = [part for part in parts if part.matrix is not None]
    if not fixed:
        return None
    placed = [part.placed for part in fixed]
    columns = Columns(np.concatenate([solid.corners for solid in placed]))
    floods: list[Flood] = []
    first = 0
    for part, solid in zip(fixed, placed, strict=True):
        say(f"flood: {part.entry.name}")
        floods.append(flood(solid, columns, part.shape.edges, first))
        first += len(solid.faces)
    return join([part.entry.name for part in fixed], placed, [part.shape for part in fixed], floods, columns)


def recover_from(dossier: Dossier, parts: tuple[LoadedPart, ...], surface: Surface, say: Progress) -> Recovery:
    """Extract the network and give its units the checkpoint's names."""
    manifest = dossier.manifest
    found = extract(surface, np.array([p.at for p in manifest.inputs]), np.array([p.at for p in manifest.outputs]), say)
    found = primed(found, manifest.priming_ml * 1000.0)
    names = name_units(found, dossier.lowered, manifest.process, manifest.compensation, dossier.unit_volume)
    flow = manifest.design_flow or USUAL_FLOW
    full = full_bores(found, names, manifest.process)
    asked = demand(dossier.lowered, dossier.input_max, flow, dossier.unit_volume, full)
    recovered = recover(found, names, dossier.lowered, manifest.process, manifest.compensation, asked)
    return Recovery(dossier, parts, surface, found, recovered, asked)


def recover_folder(directory: Path, progress: Progress | None = None) -> Recovery:
    """Recover the network from a folder's meshes; `FabError` if nothing in it can be placed."""
    say = progress or (lambda _: None)
    dossier = read_dossier(Path(directory))
    parts, _ = read_parts(dossier.folder, dossier.manifest.parts, say)
    surface = assemble(parts, say)
    if surface is None:
        raise FabError(str(directory), "has no part that can be placed", "compile it again")
    return recover_from(dossier, parts, surface, say)


def placed_parts(directory: Path) -> tuple[tuple[str, Array], ...]:
    """Name and corners (triangles, 3, 3) of every readable part that has a place, as its file is now, assembled."""
    opened = open_folder(Path(directory))
    parts, _ = read_parts(opened.folder, opened.inside, lambda _: None)
    return tuple((part.entry.name, part.placed.corners) for part in parts if part.matrix is not None)
