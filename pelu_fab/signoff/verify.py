"""Sign-off of a folder: every check in order. A folder in, a report out; nothing is written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.netlist import Bucket, Duct, Netlist, to_text
from pelu_fab.ir.network import bucket_name, input_name, output_name
from pelu_fab.signoff import channels, equivalence, gravity, lvs, mass, mesh
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.dossier import Dossier, PartEntry, read_dossier
from pelu_fab.signoff.extract import extract
from pelu_fab.signoff.flood import flood
from pelu_fab.signoff.found import NOWHERE, Extraction
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, Report, failed, report, skipped
from pelu_fab.signoff.stl import Array, Mesh
from pelu_fab.signoff.surface import Surface, join
from pelu_fab.signoff.topology import Topology

Progress = Callable[[str], None]


def verify(directory: Path, *, trace: Sequence[float] | None = None, progress: Progress | None = None) -> Report:
    """Judge the files in `directory` by themselves.

    `trace` (units per input) adds a comparison of every bucket for one pour. A folder that is no export, or a trace of
    the wrong length, raises `FabError`; everything else that is wrong becomes a failed or skipped check.
    """
    say = progress or (lambda _: None)
    dossier = read_dossier(Path(directory))
    if trace is not None and len(trace) != len(dossier.trained.inputs):
        raise FabError(
            "--trace", f"has {len(trace)} volumes", f"give {len(dossier.trained.inputs)}, one for each input"
        )
    checks: list[Check] = []
    loaded: list[tuple[PartEntry, Mesh, Topology]] = []
    for entry in dossier.manifest.parts:
        say(f"mesh: {entry.name}")
        solid, shape, found = mesh.load_part(dossier.folder, entry)
        checks += found
        if solid is not None and shape is not None:
            checks += mesh.expected_checks(entry, solid, shape, dossier.manifest.process.printer)
            loaded.append((entry, solid, shape))
    surface = assemble(loaded, say)
    if surface is None:
        return report([*checks, *(skipped(rule, "device", "no part can be placed") for rule in WATER_RULES)])
    return _water(dossier, surface, checks, trace, say)


WATER_RULES = ("lvs.open", "lvs.retained", "lvs.share", "lvs.section", "mass.recovered", "equivalence.data")


def assemble(loaded: Sequence[tuple[PartEntry, Mesh, Topology]], say: Progress) -> Surface | None:
    """Place every part that has a place, and flood each."""
    placed = [(e.name, m.placed(e.matrix), t.neighbours) for e, m, t in loaded if e.matrix is not None]
    if not placed:
        return None
    floods = []
    for name, solid, _ in placed:
        say(f"flood: {name}")
        floods.append(flood(solid, Columns(solid.corners)))
    return join([p[0] for p in placed], [p[1] for p in placed], [p[2] for p in placed], floods)


def _water(
    dossier: Dossier, surface: Surface, checks: list[Check], trace: Sequence[float] | None, say: Progress
) -> Report:
    manifest, network = dossier.manifest, dossier.lowered
    found = extract(surface, np.array([p.at for p in manifest.inputs]), np.array([p.at for p in manifest.outputs]), say)
    checks = [*checks, *_ports(dossier, found)]
    say("lvs")
    names = lvs.name_units(found, network, dossier.unit_volume)
    recovered = lvs.recover(found, names, network, manifest.process, manifest.compensation, manifest.design_flow)
    checks += lvs.compare(
        found, recovered, network, manifest.process, manifest.compensation, dossier.unit_volume, manifest.design_flow
    )
    say("drc")
    checks += gravity_checks(dossier, surface, found, recovered)
    say("mass and equivalence")
    trained, lowered = (mass.book_of(n, dossier.unit_volume) for n in (dossier.trained, network))
    built = mass.book_of_recovered(recovered)
    input_max = _input_max(dossier)
    portions = mass.pours(input_max)
    checks += mass.balance(trained, portions, "mass.checkpoint")
    checks += mass.balance(built, portions, "mass.recovered")
    checks += mass.leaks(recovered)
    data, as_built = equivalence.data_checks(trained, lowered, built, dossier.samples, dossier.unit_volume)
    bound, facts = equivalence.bound_checks(trained, lowered, built, input_max, dossier.unit_volume)
    if dossier.samples is not None:
        rows = dossier.samples[0]
        as_built["certified_rows"] = equivalence.certified(trained, rows, facts["bound_units"], dossier.unit_volume)
    extra: dict[str, Any] = {}
    if trace is not None:
        extra["trace"] = trace_table(dossier, (trained, lowered, built), trace)
    return report(
        [*checks, *data, *bound],
        recovered=_recovered_dict(recovered, dossier.unit_volume),
        as_built=as_built | facts,
        extra=extra,
        netlist_text=to_text(_netlist(dossier, recovered)),
    )


def gravity_checks(dossier: Dossier, surface: Surface, found: Extraction, recovered: lvs.Recovered) -> list[Check]:
    """Every gravity rule on the assembled device."""
    wet = Wet(surface, found, lvs.vessel_names(found, recovered), dossier.manifest.process)
    return [
        *gravity.slopes(wet),
        *gravity.puddles(wet),
        *gravity.spout_gaps(wet),
        *gravity.strays(wet),
        *channels.breaches(wet),
        *channels.freeboards(wet, dossier.manifest.design_flow),
    ]


def _ports(dossier: Dossier, found: Extraction) -> list[Check]:
    """Every pour point and every cup must lie in a vessel."""
    ports = [
        *zip(dossier.manifest.inputs, found.inputs, strict=True),
        *zip(dossier.manifest.outputs, found.outputs, strict=True),
    ]
    return [
        failed("lvs.missing", p.port, "water poured here collects in no vessel", p.at) for p, v in ports if v == NOWHERE
    ]


def _input_max(dossier: Dossier) -> Array:
    """Fullest jug of each input, mm3; from the data, or a guess of ten times what row 0 keeps."""
    if dossier.manifest.input_max:
        return np.array(dossier.manifest.input_max) * dossier.unit_volume
    if dossier.samples is not None:
        return np.asarray(dossier.samples[0].max(axis=0) * dossier.unit_volume)
    return np.asarray((10.0 * dossier.trained.layers[0].retained + 50.0) * dossier.unit_volume)


def _recovered_dict(recovered: lvs.Recovered, unit_volume: float) -> dict[str, Any]:
    return {
        "layers": [
            {
                "retained_units": (layer.retained / unit_volume).tolist(),
                "drawn_units": (layer.drawn / unit_volume).tolist(),
                "shares": layer.shares.tolist(),
                "sections": layer.sections.tolist(),
                "lost": layer.lost.tolist(),
            }
            for layer in recovered.layers
        ]
    }


def _netlist(dossier: Dossier, recovered: lvs.Recovered) -> Netlist:
    """The recovered network in the netlist's own form."""
    manifest, layers = dossier.manifest, recovered.layers
    rows = tuple(
        tuple(Bucket(bucket_name(d, i), float(v)) for i, v in enumerate(layer.retained))
        for d, layer in enumerate(layers)
    )
    ducts = tuple(
        Duct(bucket_name(d, i), output_name(j) if d + 1 == len(layers) else bucket_name(d + 1, j), float(share))
        for d, layer in enumerate(layers)
        for i, shares in enumerate(layer.shares)
        for j, share in enumerate(shares)
        if share > 0
    )
    inputs = tuple((input_name(i), p.label) for i, p in enumerate(manifest.inputs))
    outputs = tuple((output_name(i), p.label) for i, p in enumerate(manifest.outputs))
    return Netlist(manifest.name, rows, ducts, inputs, outputs)


def trace_table(
    dossier: Dossier, books: tuple[mass.Book, mass.Book, mass.Book], pour: Sequence[float]
) -> list[dict[str, Any]]:
    """What each bucket keeps and each cup gets of one pour (units): trained, lowered and as built, side by side."""
    inputs = np.array([pour], dtype=np.float64) * dossier.unit_volume
    runs = [book.pour(inputs) for book in books]
    table: list[dict[str, Any]] = []
    for depth in range(len(books[0].layers)):
        for unit in range(runs[0][0][depth].shape[1]):
            values = [float(kept[depth][0, unit] / dossier.unit_volume) for kept, _ in runs]
            table.append(
                dict(zip(("where", "trained", "lowered", "as_built"), (bucket_name(depth, unit), *values), strict=True))
            )
    for cup in range(runs[0][1].shape[1]):
        values = [float(out[0, cup] / dossier.unit_volume) for _, out in runs]
        table.append(dict(zip(("where", "trained", "lowered", "as_built"), (output_name(cup), *values), strict=True)))
    return table
