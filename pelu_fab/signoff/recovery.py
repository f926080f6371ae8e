"""From a folder to the network that its triangles compute: read, place, flood, extract, name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.signoff import mesh
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.dossier import Dossier, PartEntry, read_dossier
from pelu_fab.signoff.extract import extract
from pelu_fab.signoff.flood import flood
from pelu_fab.signoff.found import Extraction
from pelu_fab.signoff.naming import name_units
from pelu_fab.signoff.printable import part_checks
from pelu_fab.signoff.recovered import Recovered, recover, vessel_names
from pelu_fab.signoff.report import Check
from pelu_fab.signoff.stl import Mesh
from pelu_fab.signoff.surface import Surface, join
from pelu_fab.signoff.topology import Topology

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """One part as read, in its own coordinates."""

    entry: PartEntry
    mesh: Mesh
    shape: Topology


@dataclass(frozen=True, eq=False)
class Recovery:
    """Everything that extraction finds out about a folder."""

    dossier: Dossier
    parts: tuple[LoadedPart, ...]
    surface: Surface
    found: Extraction
    recovered: Recovered

    @property
    def names(self) -> dict[int, str]:
        """Name of each vessel."""
        return vessel_names(self.found, self.recovered)


def load(dossier: Dossier, say: Progress) -> tuple[tuple[LoadedPart, ...], list[Check]]:
    """Read every part that can be read, and judge each file as a solid."""
    checks: list[Check] = []
    parts = []
    for entry in dossier.manifest.parts:
        say(f"mesh: {entry.name}")
        solid, shape, found = mesh.load_part(dossier.folder, entry)
        checks += found
        if solid is not None and shape is not None:
            printer = dossier.manifest.process.printer
            checks += mesh.expected_checks(entry, solid, shape, printer)
            checks += part_checks(entry.name, solid, shape, printer)
            parts.append(LoadedPart(entry, solid, shape))
    return tuple(parts), checks


def assemble(parts: Sequence[LoadedPart], say: Progress) -> Surface | None:
    """Place every part that has a place, and flood each."""
    placed = [(p.entry.name, p.mesh.placed(p.entry.matrix), p.shape) for p in parts if p.entry.matrix is not None]
    if not placed:
        return None
    floods = []
    for name, solid, _ in placed:
        say(f"flood: {name}")
        floods.append(flood(solid, Columns(solid.corners)))
    return join([p[0] for p in placed], [p[1] for p in placed], [p[2].neighbours for p in placed], floods)


def recover_from(dossier: Dossier, parts: tuple[LoadedPart, ...], surface: Surface, say: Progress) -> Recovery:
    """Extract the network and give its units the checkpoint's names."""
    manifest = dossier.manifest
    found = extract(surface, np.array([p.at for p in manifest.inputs]), np.array([p.at for p in manifest.outputs]), say)
    names = name_units(found, dossier.lowered, manifest.process, manifest.compensation, dossier.unit_volume)
    recovered = recover(found, names, dossier.lowered, manifest.process, manifest.compensation)
    return Recovery(dossier, parts, surface, found, recovered)


def recover_folder(directory: Path, progress: Progress | None = None) -> Recovery:
    """Recover the network from a folder's meshes; `FabError` if nothing in it can be placed."""
    say = progress or (lambda _: None)
    dossier = read_dossier(Path(directory))
    parts, _ = load(dossier, say)
    surface = assemble(parts, say)
    if surface is None:
        raise FabError(str(directory), "has no part that can be placed", "compile it again")
    return recover_from(dossier, parts, surface, say)
