"""The folder's copies against the files that were asked about: a question and an opened folder in, source.* out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pelu_fab.network.model import Network
from pelu_fab.network.names import branch_name, bucket_name, input_name
from pelu_fab.signoff.dossier import Manifest, Opened, Samples
from pelu_fab.signoff.lowering import SAME
from pelu_fab.signoff.question import Question, Read
from pelu_fab.signoff.report import Check, equal, failed, most, passed, skipped


def source_checks(question: Question, opened: Opened) -> list[Check]:
    """The network, names, data, choices and process of the folder, each against what the judge read for itself."""
    manifest, copy = opened.manifest, opened.copy
    checks = [_file(read, manifest, is_design=question.is_design) for read in question.files]
    if copy is None:
        checks.append(skipped("source.share", "network", "network.json can't be read"))
    else:
        checks += network_checks(question.network, copy)
        checks += _names(question, copy, manifest)
        named_by_design = not question.is_design and "design" in manifest.sources
        checks.append(scaling_check(question.network, copy, is_sure=not named_by_design))
        checks.append(readout_check(question.network, copy, is_sure=not named_by_design))
    checks += _data(question, opened)
    checks += [_choice(key, wanted, manifest) for key, wanted in question.choices.items()]
    if question.process is not None:
        same = question.process.model_dump(exclude={"sources"}) == manifest.process.model_dump(exclude={"sources"})
        why = "its numbers against those of the process that was asked for"
        checks.append(Check("source.process", manifest.process.name, "pass" if same else "fail", why=why))
    return checks


def network_checks(asked: Network, copy: Network) -> list[Check]:
    """Every threshold and share of network.json against the checkpoint, read by the judge."""
    if asked.widths != copy.widths:
        found, wanted = ("-".join(map(str, network.widths)) for network in (copy, asked))
        return [equal("source.shape", "network", found, wanted, "buckets a row, and cups")]
    checks = []
    for depth, (one, other) in enumerate(zip(asked.layers, copy.layers, strict=True)):
        for i in range(len(one.retained)):
            name, h2, told = bucket_name(depth, i), float(one.thresholds[i]), float(other.thresholds[i])
            why = f"keeps {told:.6g} units in network.json, h² of the checkpoint is {h2:.6g}"
            checks.append(most("source.threshold", name, abs(told - h2) / max(h2, 1.0), SAME, "", why))
            if one.flushes[i] or other.flushes[i]:
                asked_r, told_r = float(one.retained[i]), float(other.retained[i])
                why = f"{_kind(told, told_r)} in network.json, {_kind(h2, asked_r)} in the checkpoint"
                off = abs(told_r - asked_r) / max(asked_r, 1.0)
                checks.append(most("source.residue", name, off, SAME, "", why))
            off = np.abs(one.shares[i] / one.shares[i].sum() - other.shares[i] / other.shares[i].sum())
            j = int(off.argmax())
            where = name if off[j] <= SAME else branch_name(depth, i, j, layers=len(asked.layers))
            both = (100 * float(network.layers[depth].shares[i, j]) for network in (copy, asked))
            why = "{:.4f} % in network.json, softmax of the checkpoint is {:.4f} %".format(*both)
            checks.append(most("source.share", where, 100 * float(off[j]), 100 * SAME, "pp", why))
    return checks


def _kind(threshold: float, residue: float) -> str:
    """What kind of unit keeps so much (units)."""
    return f"a flush that leaves {residue:.6g} units" if threshold > residue else "a weir"


def _file(read: Read, manifest: Manifest, *, is_design: bool) -> Check:
    """A file that was asked about against the hash that the manifest holds of what was compiled."""
    known = manifest.sources.get(read.kind)
    if known is None:
        return skipped("source.file", read.name, f"the manifest names no {read.kind} that it was compiled from")
    if known.sha256 == read.sha256:
        return passed("source.file", read.name, f"sha256 {read.sha256[:12]}…, as compiled")
    if read.kind == "checkpoint" and not is_design:
        return passed("source.file", read.name, f"another file than {known.file}, from which it was compiled")
    return failed("source.file", read.name, f"the {read.kind} was changed since this was compiled", None, read.sha256)


def _names(question: Question, copy: Network, manifest: Manifest) -> list[Check]:
    """Jugs and cups by name, in order; a bare checkpoint leaves names to the design, if there was one."""
    checks = []
    for kind, found, wanted in (
        ("inputs", copy.inputs, question.network.inputs),
        ("outputs", copy.outputs, question.network.outputs),
    ):
        if found == wanted or question.is_design or "design" not in manifest.sources:
            checks.append(equal("source.names", kind, ", ".join(found), ", ".join(wanted)))
        else:
            checks.append(skipped("source.names", kind, "a design names them: give it instead of the checkpoint"))
    return checks


def scaling_check(asked: Network, copy: Network, *, is_sure: bool = True) -> Check:
    """What each jug stands for in network.json, against what the trained network says; else a design may say it."""
    told, found = (network.measures.to_table() for network in (asked, copy))
    odd = [i for i, (one, other) in enumerate(zip(told, found, strict=False)) if one != other]
    if not odd and len(told) == len(found):
        return passed("source.scaling", "inputs", "from a measurement to a pour, as trained")
    if not is_sure:
        return skipped("source.scaling", "inputs", "a design may tell it: give it instead of the checkpoint")
    at = odd[0] if odd else 0
    return equal("source.scaling", input_name(at), str(found[at]), str(told[at]), "what the jug stands for")


def readout_check(asked: Network, copy: Network, *, is_sure: bool = True) -> Check:
    """What the cups mean in network.json, against what the trained network says; else a design may say it."""
    told, found = ("; ".join(str(one.to_table()) for one in network.answers) for network in (asked, copy))
    if told != found and not is_sure:
        return skipped("source.readout", "outputs", "a design may tell it: give it instead of the checkpoint")
    return equal("source.readout", "outputs", found, told, "what the cups say")


def _data(question: Question, opened: Opened) -> list[Check]:
    """samples.csv against the data, scaled by the judge."""
    if question.samples is None:
        if opened.copied_samples is None or not question.is_design:
            return []
        return [skipped("source.data", "samples.csv", question.no_samples)]
    if opened.copied_samples is None:
        return [failed("source.data", "samples.csv", "the design has data, the folder none that can be used")]
    return [data_check(question.samples, opened.copied_samples)]


def data_check(asked: Samples, copied: Samples) -> Check:
    """Every volume and label."""
    (rows, labels), (found, told) = asked, copied
    if rows.shape != found.shape or (labels is None) != (told is None):
        why = f"{found.shape[0]} rows of {found.shape[1]}, the data are {rows.shape[0]} of {rows.shape[1]}"
        return failed("source.data", "samples.csv", why)
    if labels is not None and told is not None and (labels != told).any():
        return failed("source.data", "samples.csv", f"{int((labels != told).sum())} labels are not those of the data")
    off = float((np.abs(rows - found) / np.maximum(rows, 1.0)).max())
    return most("source.data", "samples.csv", off, SAME, "", "volumes against the data times the input scale")


def _choice(key: str, wanted: Any, manifest: Manifest) -> Check:
    """A number or a word of the design that the manifest repeats."""
    told: Mapping[str, Any] = {
        "unit_ml": manifest.unit_ml,
        "input_max": manifest.input_max,
        "compensation": manifest.compensation,
        "max_teeth": manifest.max_teeth,
        "frame": manifest.frame,
        "pour_flow_ml": manifest.design_flow / 1000.0,
    }
    return equal("source.choice", key, str(_plain(told[key])), str(_plain(wanted)))


def _plain(value: Any) -> Any:
    """Numbers alike, whether they were written 2 or 2.0."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return round(float(value), 9) if isinstance(value, int | float) else value
