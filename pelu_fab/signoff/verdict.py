"""Sign-off of a folder: every check in order. A folder in, a report out; nothing is written."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.ir.netlist import Bucket, Duct, Flows, Netlist, to_text
from pelu_fab.memory import memory
from pelu_fab.network.model import Network
from pelu_fab.network.names import bucket_name, input_name, output_name, target_name
from pelu_fab.network.readout import FULLEST, Readout
from pelu_fab.network.scaling import quantity
from pelu_fab.signoff import (
    channels,
    cut,
    equivalence,
    fit,
    flowing,
    gravity,
    hands,
    levels,
    lvs,
    mass,
    moving,
    ramps,
    reading,
)
from pelu_fab.signoff.asked import source_checks
from pelu_fab.signoff.companions import companion_checks, netlist_checks
from pelu_fab.signoff.dossier import Dossier, Opened, open_folder
from pelu_fab.signoff.found import NOWHERE
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.judging import Judging
from pelu_fab.signoff.lowering import Terms, lowering_checks
from pelu_fab.signoff.mesh import LoadedPart, cut_checks, solid_checks
from pelu_fab.signoff.question import Question
from pelu_fab.signoff.recovered import Recovered
from pelu_fab.signoff.recovery import USUAL_FLOW, Progress, Recovery, assemble, read_parts, recover_from
from pelu_fab.signoff.report import Check, Report, failed, report, skipped
from pelu_fab.signoff.rulers import Scale, ruler_checks
from pelu_fab.signoff.stl import Array

WATER_RULES = ("lvs.open", "lvs.retained", "lvs.flow", "lvs.section", "mass.recovered", "equivalence.data")
UNSTATED = "the fullest jugs are not known (manifest.input_max)"


def verify(
    directory: Path,
    *,
    against: Question | None = None,
    trace: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge the files in `directory` by themselves, and `against` what was asked for, where it is given.

    `trace` (units per input) adds a comparison of every bucket for one pour. A folder that is no export, or a trace of
    the wrong length, raises `FabError`; everything else that is wrong becomes a failed or skipped check.
    """
    say = progress or (lambda _: None)
    opened = open_folder(Path(directory), against)
    if trace is not None and len(trace) != (inputs := len(opened.manifest.inputs)):
        raise FabError("--trace", f"has {len(trace)} volumes", f"give {inputs}, one for each input")
    with _unsearched():
        return replace(_judged(opened, against, trace, say), against=_against(against))


@contextmanager
def _unsearched() -> Iterator[None]:
    """Meanwhile what is there already is not searched for cycles: imports alone are half a million objects."""
    if gc.get_freeze_count():  # whoever called has seen to it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _against(question: Question | None) -> dict[str, str]:
    """What the verdict rests on."""
    if question is None:
        return {"kind": "copy"}
    kind = "design" if question.is_design else "checkpoint"
    return {"kind": kind, "file": question.source.name, "sha256": question.source.sha256}


def _judged(opened: Opened, question: Question | None, trace: Sequence[float] | None, say: Progress) -> Report:
    """Every check, as far as what it rests on can be read."""
    parts, checks = read_parts(opened.folder, opened.inside, say)
    printer = opened.manifest.process.printer
    printed = [part for part in parts if not part.entry.is_cut]
    with Judging(printed, printer, memory("checks")) as judging:
        say("companions")
        checks += paper_checks(opened, question, parts)
        assembled, recovery = _assembled(opened, parts, say)
        say(f"mesh: {len(parts)} parts")
        for part, own in zip(printed, judging.checks(), strict=True):
            checks += solid_checks(part, own, printer)
    for part in parts:
        if part.entry.is_cut:
            checks += [*cut_checks(part, printer), cut.flatness(part, opened.manifest.sheet)]
    checks += assembled
    if recovery is None:
        return report(checks)
    say("mass and equivalence")
    return _books(recovery, checks, trace)


def _assembled(opened: Opened, parts: tuple[LoadedPart, ...], say: Progress) -> tuple[list[Check], Recovery | None]:
    """Every rule on parts and water together, and what was recovered; None where water can't be followed."""
    say("assemble")
    checks = fit.collisions([(p.entry.name, p.placed) for p in parts if p.matrix is not None])
    blocked = opened.blocked or _unread(opened, parts)
    surface = None if blocked else assemble(parts, say)
    if opened.dossier is None or surface is None:
        why = f"see {blocked}" if blocked else "no part can be placed"
        return [*checks, *(skipped(rule, "device", why) for rule in WATER_RULES)], None
    nozzle, legible = opened.manifest.process.printer.nozzle, [reading.Legible(part) for part in parts]
    room = moving.room(parts)
    checks += [
        *hands.stands(parts, room.bodies),
        *moving.paths(room),
        *(cut.laps(room, opened.manifest.sheet) if opened.manifest.sheet else []),
        *reading.read_checks(legible, written(opened), nozzle),
    ]
    jugs = [one for one in legible if one.part.entry.role == "jug"]
    checks += ruler_checks(jugs, scales(opened.dossier), opened.manifest.priming_ml, nozzle)
    recovery = recover_from(opened.dossier, parts, surface, say)
    say("lvs and drc")
    return [*checks, *_ports(recovery), *lvs.compare(_case(recovery)), *gravity_checks(recovery, room)], recovery


def paper_checks(opened: Opened, question: Question | None, parts: Sequence[LoadedPart]) -> list[Check]:
    """Everything that is known without following water: the manifest, every file, and the networks among themselves."""
    checks = [*opened.checks, *(source_checks(question, opened) if question is not None else ())]
    checks += companion_checks(opened.folder, opened.manifest, parts)
    return checks if opened.dossier is None else [*checks, *_networks(opened.dossier)]


def _unread(opened: Opened, parts: Sequence[LoadedPart]) -> str:
    """Placed parts without which water would run elsewhere than in the device."""
    read = {part.entry.name for part in parts}
    lost = [e.name for e in opened.manifest.parts if e.matrix is not None and e.name not in read]
    return "; ".join(f"{name} (mesh.file)" for name in lost)


def _networks(dossier: Dossier) -> list[Check]:
    """The printable network against the trained one, and against netlist.txt."""
    checks = netlist_checks(dossier)
    if dossier.jugs is None:
        return [*checks, skipped("lower.share", "network", UNSTATED)]
    manifest = dossier.manifest
    terms = Terms(dossier.jugs, manifest.process, manifest.compensation, manifest.max_teeth, manifest.unit_ml)
    return [*checks, *lowering_checks(dossier.trained, dossier.lowered, terms)]


def written(opened: Opened) -> dict[str, list[str]]:
    """What is to be read on parts, by their names: on cups, jugs and the first row's cards the network's names of
    outputs and inputs, without what stands in brackets; on each card its bucket's name.
    """
    manifest, texts = opened.manifest, dict[str, list[str]]()
    for number, port in enumerate(manifest.inputs):
        for name in (f"jug-{port.port.split('.')[-1]}", f"card-{bucket_name(0, number).replace('.', '-')}"):
            texts[name] = [_measured(port.label)]
    for port in manifest.outputs:
        texts[f"cup-{port.port.split('.')[-1]}"] = [port.label.split(" (")[0]]
    for part in manifest.parts:
        if part.role == "card":
            texts.setdefault(part.name, []).append(part.name.removeprefix("card-").replace("-", "."))
    return texts


def _measured(name: str) -> str:
    """Of an input's name what must stand on a part: its unit need not, in brackets or behind a `_`."""
    return (quantity(name)[0] if "_" in name else name).split(" (")[0]


def scales(dossier: Dossier) -> dict[str, Scale]:
    """What a pour into each input stands for, by its port, as the trained network tells."""
    table, unit = {}, dossier.manifest.unit_ml
    fullest = (dossier.input_max / 1000.0).tolist()
    names = dossier.trained.inputs
    for i, (name, feature, most) in enumerate(zip(names, dossier.trained.measures.features, fullest, strict=True)):
        if feature.factor and not feature.is_plain:
            scale = Scale(feature.offset, 1.0 / (feature.factor * unit), _measured(name) + feature.unit, most)
        else:
            scale = Scale(0.0, 1.0, name, most)
        table[input_name(i)] = scale
    return table


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
    rivals = _contest(dossier.trained).rivals(dossier.trained.outputs)
    data, as_built = equivalence.data_checks(trained, lowered, built, dossier.samples, unit, dossier.no_samples, rivals)
    jugs, slack = dossier.input_max, lvs.tolerances(_case(recovery))
    stated = dossier.manifest.lowering_ml
    bound, facts = equivalence.bound_checks(trained, lowered, built, jugs, slack, unit, stated_ml=stated)
    if dossier.jugs is None:
        bound = [skipped(check.id, check.where, UNSTATED) for check in bound]
    if dossier.trained.readouts:
        books = {"trained": trained, "lowered": lowered, "built": built, "predicted": _steady(recovery.recovered)}
        pours = equivalence.pours_of(jugs, dossier.samples, unit)
        told, as_built["readouts"] = equivalence.readout_checks(dossier.trained, books, pours, unit)
        data += told
    if dossier.samples is not None:
        as_built["certified_rows"] = equivalence.certified(trained, dossier.samples[0], facts["bound_units"], unit)
    checks = [
        *checks,
        mass.balance(built, jugs),
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


def _contest(network: Network) -> Readout:
    """The read-out by which a row of the data has one answer."""
    return next((readout for readout in network.answers if readout.kind == "fullest"), FULLEST)


def _steady(recovered: Recovered) -> mass.Book:
    """The device at its design head: what the forward law predicts of its teeth."""
    return mass.Book(tuple((one.retained, one.steady) for one in recovered.layers), mass.flushes_of(recovered))


def gravity_checks(recovery: Recovery, room: moving.Room) -> list[Check]:
    """Every gravity rule on the assembled device."""
    manifest = recovery.dossier.manifest
    wet = Wet(recovery.surface, recovery.found, recovery.names, manifest.process)
    streams = flowing.streams_of(wet, manifest.design_flow or USUAL_FLOW)
    trays = [part.entry.name for part in recovery.parts if part.entry.role == "tray" and part.matrix is not None]
    return [
        *gravity.slopes(wet),
        *gravity.puddles(wet),
        *gravity.blades(wet),
        *gravity.spout_gaps(wet),
        *gravity.strays(wet),
        *channels.breaches(wet),
        *ramps.walls_beside_mouths(wet),
        *channels.freeboards(wet, manifest.design_flow),
        *flowing.flow_checks(wet, streams, [np.array(port.at) for port in manifest.inputs], trays),
        *levels.levels(wet, manifest.design_flow or USUAL_FLOW),
        *moving.slacks(room, wet, streams),
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
                **_flush_units(layer.retained, layer.flushes, unit_volume),
            }
            for layer in case.recovered.layers
        ],
        "flows": lvs.flows(case),
    }


def _flush_units(retained: Array, flushes: Array, unit_volume: float) -> dict[str, Any]:
    """Thresholds of a row with flushes; a weir's is what it retains."""
    if not np.isfinite(flushes).any():
        return {}
    return {"flush_units": (np.maximum(flushes, retained) / unit_volume).tolist()}


def _netlist(dossier: Dossier, recovered: Recovered) -> tuple[Netlist, Flows]:
    """The recovered network in the netlist's own form: shares over a pour, sections, and shares at the design head."""
    manifest, layers = dossier.manifest, recovered.layers
    rows = tuple(
        tuple(
            Bucket(bucket_name(d, i), float(v), max(float(layer.flushes[i]), 0.0)) for i, v in enumerate(layer.retained)
        )
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
