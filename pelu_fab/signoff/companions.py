"""What lies beside the parts: every file held to its hash, and what repeats the parts or the network held to them.

A folder, its manifest and the parts that were read in, file.* out.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pelu_fab.errors import FabError
from pelu_fab.files import entries, is_folder, is_missing, read_input
from pelu_fab.network.model import Network
from pelu_fab.network.names import ARROW, branch_name, bucket_name, duct_name, input_name, output_name
from pelu_fab.signoff import cut
from pelu_fab.signoff.dossier import RIGID, Dossier, Manifest, digest, rigid
from pelu_fab.signoff.mesh import LoadedPart
from pelu_fab.signoff.packages import Package, read_package
from pelu_fab.signoff.report import Check, equal, failed, most, passed, skipped
from pelu_fab.signoff.stl import Array, ends_of, read_stl

COPIES = (
    *("network.json", "lowered.json", "samples.csv", "netlist.txt"),
    *("pour.md", "bom.txt", "print-preset.ini", "scene.json", "booklet.pdf"),
)
SOLIDS = (
    ".stl",
    ".3mf",
    ".step",
    ".stp",
    ".obj",
    ".glb",
    ".dxf",
)  # what someone might print, or look at instead of a part
LEFT = ("markers.glb",)  # by sign-off itself
MOST = 1 << 30  # bytes of one file
APART = 1e-3  # mm between a corner of a part and the same corner elsewhere: float32 beside float32
ROUNDED = 6e-5, 6e-7  # mL and share: half of the last digit that netlist.txt writes, and a little


def companion_checks(folder: Path, manifest: Manifest, parts: Sequence[LoadedPart]) -> list[Check]:
    """Hashes, files that no list names, and the meshes that stand elsewhere a second time."""
    checks, whole = _hashes(folder, manifest)
    checks += _unlisted(folder, manifest)
    named = {part.entry.name: part for part in parts}
    if "assembly.stl" in whole:
        checks += _assembly(whole["assembly.stl"], manifest, named)
    packages = {name: blob for name, blob in sorted(whole.items()) if name.lower().endswith(".3mf")}
    checks += _packages(packages, manifest, named)
    return checks + (cut.drawings(whole, manifest, parts, manifest.sheet) if manifest.sheet else [])


def _hashes(folder: Path, manifest: Manifest) -> tuple[list[Check], dict[str, bytes]]:
    """Every listed file but the parts, which are judged as they are; and the bytes of those that can be read."""
    if not manifest.files:
        return [skipped("file.hash", "folder", "the manifest lists no files")], {}
    parts = {entry.file for entry in manifest.parts}
    checks, whole = [], {}
    for name, wanted in sorted(manifest.files.items()):
        if name in parts:
            continue
        if not name.isprintable() or ".." in Path(name).parts or Path(name).is_absolute():
            checks.append(failed("file.hash", name, "lies outside the folder"))
        elif is_missing(folder / name):
            checks.append(failed("file.missing", name, "is listed in the manifest, and is not there"))
        else:
            try:
                blob = read_input(folder / name, limit=MOST)
            except FabError as error:
                checks.append(failed("file.read", name, error.what))
                continue
            whole[name] = blob
            if digest(blob) != wanted:
                checks.append(failed("file.hash", name, "is not as it was compiled", None, digest(blob)))
    return checks or [passed("file.hash", "companions", f"{len(whole)} files as compiled")], whole


def _unlisted(folder: Path, manifest: Manifest) -> list[Check]:
    """Solids and companions that no list names: someone might print or believe them."""
    if not manifest.files:
        return [skipped("file.unlisted", "folder", "the manifest lists no files")]
    listed = {*manifest.files, *(entry.file for entry in manifest.parts), *LEFT}
    places = [folder, *(entry for entry in entries(folder) if is_folder(entry) and not entry.name.startswith("."))]
    there = [file.relative_to(folder).as_posix() for place in places for file in entries(place)]
    odd = [name for name in there if name not in listed and (Path(name).suffix.lower() in SOLIDS or name in COPIES)]
    odd += [
        name for name in manifest.files if name.startswith("parts/") and name not in {e.file for e in manifest.parts}
    ]
    found = [failed("file.unlisted", name, "is no part and no file of this device") for name in sorted(set(odd))]
    return found or [passed("file.unlisted", "folder", "no solid but the device's own")]


def _assembly(blob: bytes, manifest: Manifest, named: Mapping[str, LoadedPart]) -> list[Check]:
    """assembly.stl is the placed parts, one after the other."""
    placed = [entry for entry in manifest.parts if entry.transform is not None]
    why = _changed([entry.name for entry in placed], named)
    if why or len(named) < len(manifest.parts) or any(entry.matrix is None for entry in placed):
        why = why or "the manifest does not tell where each part goes"
        return [skipped("file.assembly", "assembly.stl", why)]
    try:
        corners = read_stl(blob, "assembly.stl")
    except FabError as error:
        return [failed("file.read", "assembly.stl", error.what)]
    wanted = np.concatenate([named[entry.name].placed.corners for entry in placed]) if placed else np.zeros((0, 3, 3))
    return [_same("file.assembly", "assembly.stl", corners, wanted)]


def _packages(blobs: Mapping[str, bytes], manifest: Manifest, named: Mapping[str, LoadedPart]) -> list[Check]:
    """3MF files hold the parts' triangles, and together each part as often as it is to be printed."""
    checks: list[Check] = []
    pieces: Counter[str] = Counter()
    lost = {name for name in manifest.files if name.lower().endswith(".3mf")} - set(blobs)
    for name, blob in blobs.items():
        try:
            package = read_package(blob, name)
        except FabError as error:
            checks.append(failed("file.read", name, error.what))
            lost.add(name)
            continue
        checks += _package(name, package, manifest, named)
        pieces.update(package.names.get(key, "") for key, _ in package.items)
    if lost:
        return [*checks, skipped("file.count", "plates", f"{', '.join(sorted(lost))} can't be read")]
    return checks + [
        equal("file.count", f"plates: {entry.name}", f"{pieces[entry.name]}", f"{entry.count}", "pieces on all plates")
        for entry in manifest.parts
        if blobs and not entry.is_cut
    ]


def _package(name: str, package: Package, manifest: Manifest, named: Mapping[str, LoadedPart]) -> list[Check]:
    """Its objects are the parts; its pieces lie as these lie, turned about the vertical alone, on one bed."""
    checks = []
    expected = {entry.name for entry in manifest.parts}
    for key, mesh in package.meshes.items():
        where = f"{name}: {package.names[key]}"
        if package.names[key] not in expected:
            checks.append(failed("file.3mf", where, "is no part of this device"))
        elif why := _changed([package.names[key]], named):
            checks.append(skipped("file.3mf", where, why))
        else:
            checks.append(_same("file.3mf", where, mesh, named[package.names[key]].mesh.corners))
    lying = []
    for key, matrix in package.items:
        piece = package.names.get(key, "")
        if rigid(matrix) is None:
            checks.append(failed("file.3mf", f"{name}: {piece}", "is scaled or mirrored on its plate"))
        elif abs(matrix[2, 2] - 1.0) > RIGID:
            checks.append(failed("file.plate", f"{name}: {piece}", "is tipped over: it would print so"))
        elif key in package.meshes:
            corners = package.meshes[key].reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
            lying.append((piece, *ends_of(corners)))
    return checks + (_bed(name, lying, manifest.process.printer.bed) if lying else [])


def _bed(name: str, lying: Sequence[tuple[str, Array, Array]], bed: Sequence[float]) -> list[Check]:
    """Pieces, each with the ends of its box: on the bed and inside its edges, and none over another."""
    off = [float(max(abs(low[2]), *(-low[:2]), *(high - bed))) for _, low, high in lying]
    worst = int(np.argmax(off))
    why = "off the bed's surface or beyond its edges, the worst of the plate"
    checks = [most("file.plate", f"{name}: {lying[worst][0]}", off[worst], APART, "mm", why)]
    for number, (piece, low, high) in enumerate(lying):
        for other, left, right in lying[:number]:
            over = float((np.minimum(high, right) - np.maximum(low, left))[:2].min())
            if over > 0.0:
                checks.append(most("file.plate", f"{name}: {piece}", over, 0.0, "mm", f"lies over {other}"))
    return checks


def _changed(names: Sequence[str], named: Mapping[str, LoadedPart]) -> str:
    """Why parts can't be compared: one that can't be read, or was exported again by another program."""
    for name in names:
        if name not in named:
            return f"{name} can't be read"
        if named[name].changed:
            return f"{named[name].entry.file} was changed since it was compiled"
    return ""


def _same(rule: str, where: str, found: Array, wanted: Array) -> Check:
    if found.shape != wanted.shape:
        return equal(rule, where, float(len(found)), float(len(wanted)), "triangles")
    off = float(np.abs(found - wanted).max()) if len(found) else 0.0
    return most(rule, where, off, APART, "mm", "its corners against the parts' own")


LINE = re.compile(
    r"(?P<kind>input|output) (?P<port>\S+) (?P<label>.*)"
    r"|bucket (?P<bucket>\S+) retains (?P<ml>[\d.]+) mL(?: of a flush at (?P<met>[\d.]+) mL)?"
    r"|duct (?P<source>\S+) -> (?P<target>\S+) carries (?P<share>[\d.]+).*"
)


def netlist_checks(dossier: Dossier) -> list[Check]:
    """netlist.txt against the printable network: the same ports, buckets and ducts, with the same numbers."""
    name = "netlist.txt"
    if name not in dossier.manifest.files and is_missing(dossier.folder / name):
        return []
    try:
        text = read_input(dossier.folder / name).decode("utf-8")
    except (FabError, UnicodeDecodeError) as error:
        return [failed("file.read", name, error.what if isinstance(error, FabError) else str(error))]
    found: dict[str, float | str] = {}
    for line in text.splitlines()[1:]:
        if (told := LINE.fullmatch(line)) is None:
            return [failed("file.netlist", name, f"holds a line that means nothing: {line[:60]!r}")]
        if told["kind"]:
            found[told["port"]] = told["label"]
        elif told["bucket"]:
            found[told["bucket"]] = float(told["ml"])
            if told["met"]:
                found[f"{told['bucket']} flushes"] = float(told["met"])
        else:
            found[duct_name(told["source"], told["target"])] = float(told["share"])
    wanted = _netlist(dossier.lowered, dossier.manifest.unit_ml)
    odd = sorted(set(found) ^ set(wanted))
    if odd:
        return [failed("file.netlist", f"{name}: {odd[0]}", f"stands in one of netlist and network; {len(odd)} such")]
    checks = [
        _item(f"{name}: {where}", found[where], value, ROUNDED[ARROW in where]) for where, value in wanted.items()
    ]
    wrong = [check for check in checks if check.status == "fail"]
    return wrong or [passed("file.netlist", name, f"{len(wanted)} items as the network has them")]


def _item(where: str, found: float | str, wanted: float | str, limit: float) -> Check:
    """A label, or a number as far as it is written."""
    if isinstance(found, str) or isinstance(wanted, str):
        return equal("file.netlist", where, str(found), str(wanted))
    return most("file.netlist", where, abs(found - wanted), limit, "")


def _netlist(network: Network, unit_ml: float) -> dict[str, float | str]:
    """Ports with their labels, buckets that some share leads to with their mL, ducts with their shares."""
    table: dict[str, float | str] = {input_name(i): label for i, label in enumerate(network.inputs)}
    table |= {output_name(j): label for j, label in enumerate(network.outputs)}
    reached = np.ones(network.widths[0], dtype=bool)
    for depth, layer in enumerate(network.layers):
        for i in np.flatnonzero(reached).tolist():
            table[bucket_name(depth, i)] = float(layer.retained[i]) * unit_ml
            if layer.flushes[i]:
                table[f"{bucket_name(depth, i)} flushes"] = float(layer.thresholds[i]) * unit_ml
            row = layer.shares[i] / layer.shares[i].sum()
            for j in np.flatnonzero(row).tolist():
                table[branch_name(depth, i, j, layers=len(network.layers))] = float(row[j])
        reached = np.asarray((layer.shares[reached] > 0).any(axis=0))
    return table
