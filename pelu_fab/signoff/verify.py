"""Sign-off of a folder: every check in order. A folder in, a report out; nothing is written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.netlist import Bucket, Duct, Flows, Netlist, to_text
from pelu_fab.network.names import bucket_name, input_name, output_name, target_name
from pelu_fab.signoff import channels, equivalence, fit, gravity, lvs, mass, ramps
from pelu_fab.signoff.dossier import Dossier, read_dossier
from pelu_fab.signoff.found import NOWHERE
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.judging import Judging
from pelu_fab.signoff.memory import memory
from pelu_fab.signoff.mesh import LoadedPart, solid_checks
from pelu_fab.signoff.recovered import Recovered
from pelu_fab.signoff.recovery import Progress, Recovery, assemble, read_parts, recover_from
from pelu_fab.signoff.report import Check, Report, failed, report, skipped

WATER_RULES = ("lvs.open", "lvs.retained", "lvs.flow", "lvs.section", "mass.recovered", "equivalence.data")


def verify(directory: Path, *, trace: Sequence[float] | None = None, progress: Progress | None = None) -> Report:
    """Judge the files in `directory` by themselves.

    `trace` (units per input) adds a comparison of every bucket for one pour. A folder that is no export, or a trace of
    the wrong length, raises `FabError`; everything else that is wrong becomes a failed or skipped check.
    """
    say = progress or (lambda _: None)
    dossier = read_dossier(Path(directory))
    inputs = len(dossier.trained.inputs)
    if trace is not None and len(trace) != inputs:
        raise FabError("--trace", f"has {len(trace)} volumes", f"give {inputs}, one for each input")
    parts, checks = read_parts(dossier, say)
    printer = dossier.manifest.process.printer
    with Judging(parts, printer, memory()) as judging:
        assembled, recovery = _assembled(dossier, parts, say)
        say(f"mesh: {len(parts)} parts")
        for part, own in zip(parts, judging.checks(), strict=True):
            checks += solid_checks(part, own, printer)
    checks += assembled
    if recovery is None:
        return report([*checks, *(skipped(rule, "device", "no part can be placed") for rule in WATER_RULES)])
    say("mass and equivalence")
    return _books(recovery, checks, trace)


def _assembled(dossier: Dossier, parts: tuple[LoadedPart, ...], say: Progress) -> tuple[list[Check], Recovery | None]:
    """Every rule on parts and water together, and what was recovered; None where no part has a place."""
    say("assemble")
    checks = fit.collisions([(p.entry.name, p.placed) for p in parts if p.matrix is not None])
    surface = assemble(parts, say)
    if surface is None:
        return checks, None
    checks += _gapes(parts)
    recovery = recover_from(dossier, parts, surface, say)
    say("lvs and drc")
    return [*checks, *_ports(recovery), *lvs.compare(_case(recovery)), *gravity_checks(recovery)], recovery


def _gapes(parts: Sequence[LoadedPart]) -> list[Check]:
    fixed = [part for part in parts if part.matrix is not None]
    if all(part.entry.role != fit.FRAME for part in fixed):
        return [skipped("mesh.gape", "assembly", "the manifest names no frame that holds the parts")]
    return fit.gapes([part.placed for part in fixed], [part.entry for part in fixed])


def _case(recovery: Recovery) -> lvs.Comparison:
    dossier = recovery.dossier
    manifest = dossier.manifest
    return lvs.Comparison(
        recovery.found,
        recovery.recovered,
        dossier.trained,
        dossier.lowered,
        manifest.process,
        manifest.compensation,
        dossier.unit_volume,
        recovery.asked,
    )


def _books(recovery: Recovery, checks: list[Check], trace: Sequence[float] | None) -> Report:
    """Mass and equivalence, and the report of all."""
    dossier, unit = recovery.dossier, recovery.dossier.unit_volume
    trained, lowered = (mass.book_of(n, unit) for n in (dossier.trained, dossier.lowered))
    built = mass.book_of_recovered(recovery.recovered)
    input_max = dossier.input_max
    data, as_built = equivalence.data_checks(trained, lowered, built, dossier.samples, unit)
    bound, facts = equivalence.bound_checks(trained, lowered, built, input_max, lvs.tolerances(_case(recovery)), unit)
    if dossier.samples is not None:
        as_built["certified_rows"] = equivalence.certified(trained, dossier.samples[0], facts["bound_units"], unit)
    checks = [
        *checks,
        mass.balance(built, input_max),
        *mass.leaks(recovery.recovered),
        *data,
        *bound,
    ]
    return report(
        checks,
        recovered=_recovered_dict(_case(recovery)),
        as_built=as_built | facts,
        extra={} if trace is None else {"trace": trace_table(dossier, (trained, lowered, built), trace)},
        netlist_text=to_text(*_netlist(dossier, recovery.recovered)),
    )


def gravity_checks(recovery: Recovery) -> list[Check]:
    """Every gravity rule on the assembled device."""
    manifest = recovery.dossier.manifest
    wet = Wet(recovery.surface, recovery.found, recovery.names, manifest.process)
    return [
        *gravity.slopes(wet),
        *gravity.puddles(wet),
        *gravity.blades(wet),
        *gravity.spout_gaps(wet),
        *gravity.strays(wet),
        *channels.breaches(wet),
        *ramps.walls_beside_mouths(wet),
        *channels.freeboards(wet, manifest.design_flow),
    ]


def _ports(recovery: Recovery) -> list[Check]:
    """Every pour point and every cup must lie in a vessel."""
    manifest, found = recovery.dossier.manifest, recovery.found
    ports = [
        *zip(manifest.inputs, found.inputs, strict=True),
        *zip(manifest.outputs, found.outputs, strict=True),
    ]
    return [
        failed("lvs.missing", p.port, "water poured here collects in no vessel", p.at) for p, v in ports if v == NOWHERE
    ]


def _recovered_dict(case: lvs.Comparison) -> dict[str, Any]:
    unit_volume = case.unit_volume
    return {
        "layers": [
            {
                "retained_units": (layer.retained / unit_volume).tolist(),
                "drawn_units": (layer.drawn / unit_volume).tolist(),
                "shares": layer.shares.tolist(),
                "sections": layer.sections.tolist(),
                "lost": layer.lost.tolist(),
            }
            for layer in case.recovered.layers
        ],
        "flows": lvs.flows(case),
    }


def _netlist(dossier: Dossier, recovered: Recovered) -> tuple[Netlist, Flows]:
    """The recovered network in the netlist's own form: shares over a pour, sections, and shares at the design head."""
    manifest, layers = dossier.manifest, recovered.layers
    rows = tuple(
        tuple(Bucket(bucket_name(d, i), float(v)) for i, v in enumerate(layer.retained))
        for d, layer in enumerate(layers)
    )
    ducts, flows = [], {}
    for d, layer in enumerate(layers):
        for i, j in np.argwhere(layer.shares > 0).tolist():
            target = target_name(d, j, layers=len(layers))
            ducts.append(Duct(bucket_name(d, i), target, float(layer.shares[i, j])))
            flows[ducts[-1].source, target] = float(layer.sections[i, j]), float(layer.steady[i, j])
    inputs = tuple((input_name(i), p.label) for i, p in enumerate(manifest.inputs))
    outputs = tuple((output_name(i), p.label) for i, p in enumerate(manifest.outputs))
    return Netlist(manifest.name, rows, tuple(ducts), inputs, outputs), flows


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
