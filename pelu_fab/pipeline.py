"""The order of the stages, written once: design in, device out, and a device's files on disk."""

import contextlib
import gc
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from hashlib import sha256
from math import ceil, floor, fsum, log10, prod
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.errors import BedError, FabError, Violation
from pelu_fab.exports import Skipped, chosen, to_chosen_files
from pelu_fab.files import read_input, recover, write_all
from pelu_fab.formats.bom import to_bom, to_print_preset
from pelu_fab.formats.manifest import to_manifest
from pelu_fab.formats.plates import slant
from pelu_fab.formats.pour import to_pour
from pelu_fab.formats.sheets import to_sheets
from pelu_fab.formats.stl import to_stl
from pelu_fab.ir.design import Design
from pelu_fab.ir.device import Device, figures_of, pieces_of
from pelu_fab.ir.netlist import to_text
from pelu_fab.ir.solid import Part
from pelu_fab.kernels.mesh import build_mesh
from pelu_fab.memory import program
from pelu_fab.network.algebra import outputs, pours_up_to
from pelu_fab.network.files import to_network_json, to_samples_csv
from pelu_fab.network.readout import LEAST_SPAN
from pelu_fab.stages.lay_out import lay_out
from pelu_fab.stages.solids import build

Progress = Callable[[str], None]
UNREADABLE = (FabError, OSError, ValueError, KeyError, TypeError, AttributeError)  # of a manifest
BEDS = 6  # that are tried before one is advised
ROUGHLY = 3  # parts of a role that are meshed, at most, to tell what all weigh
PARTS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)  # of the jugs, or of the flow, that spilled


def compile_design(design: Design, progress: Progress | None = None, *, force: bool = False) -> Device:
    """Run every stage. Raises `FabError` where the design or the process must change, by name.

    A device that would spill or back up when its jugs are poured is refused too; with `force` it is made, and its
    `findings` say what would happen.
    """
    if not force:
        _check_readable(design)
    try:
        with _uncollected():
            return _compiled(design, progress or (lambda _: None), force=force)
    except BedError as error:
        raise _that_does(error, design, force=force) from error


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Python looks for no garbage in cycles: what stages make is frozen and has none, but is much to look through."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _that_does(error: BedError, design: Design, *, force: bool) -> FabError:
    """The same refusal with a bed that takes the whole device, tried: on a larger one trays are longer, and higher."""
    bed = error.bed
    for _ in range(BEDS):
        printer = design.process.printer.model_copy(update={"bed": bed})
        try:
            _compiled(
                replace(design, process=design.process.model_copy(update={"printer": printer})),
                lambda _: None,
                force=force,
            )
        except BedError as again:
            bed = tuple(max(pair) for pair in zip(bed, again.bed, strict=True))
        except FabError:
            break
        else:
            return BedError(error.where, error.what, bed, error.besides)
    return error


def _compiled(design: Design, say: Progress, *, force: bool) -> Device:
    lowered, sized, layout, findings = lay_out(design, say)
    if findings and not force:
        raise FabError(findings[0].where, first_of(findings), _remedy(design, findings[0]))
    say("build")
    parts = build(layout, sized, design)
    _check_bed(design, parts)
    say(f"mesh {len(parts)} parts")
    with ThreadPoolExecutor() as threads:  # the kernel works outside Python's lock; parts keep their order
        meshes = tuple(threads.map(build_mesh, parts))
    return Device(design, lowered, sized, layout, parts, meshes, findings)


def _check_readable(design: Design) -> None:
    """Refuse a number that runs through so little water that no eye reads it off."""
    network, unit = design.network, design.unit_ml
    pours = pours_up_to(design.input_max) if design.samples is None else design.samples.inputs
    for readout in network.readouts:
        if readout.kind == "fullest":
            continue
        span = float(np.ptp(readout.gaps(outputs(network, pours), network.outputs))) * unit
        if span < LEAST_SPAN:
            what = f"runs through {span:.2g} mL of {readout.gap} in all, at least {LEAST_SPAN:g} can be read"
            more = f"make the unit larger (--set unit_ml={_rounded_up(unit * LEAST_SPAN / span):g}), " if span else ""
            remedy = f"{more}bend less (fit --buckets), or make it all the same with --force"
            raise FabError(f"read-out {readout.name!r}", what, remedy)


def _rounded_up(value: float) -> float:
    """The next number of two digits."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return ceil(value / step) * step


def _remedy(design: Design, first: Violation) -> str:
    """What makes a device that spills one that does not, tried: a slower pour where the flow is too much, else jugs
    that are smaller and still hold every row of the data; or all volumes less.
    """
    flows, units = _less(design.pour_flow_ml), _less(design.unit_ml)
    slower = ((f"pour slower (--set pour_flow_ml={flow:g})", replace(design, pour_flow_ml=flow)) for flow in flows)
    less = ((f"make the unit smaller (--set unit_ml={unit:g})", replace(design, unit_ml=unit)) for unit in units)
    tries = (
        [*slower, *_jugs(design), *less] if first.why.startswith("design pour") else [*_jugs(design), *less, *slower]
    )
    for advice, changed in tries:
        with contextlib.suppress(FabError):
            if not lay_out(changed).findings:
                return f"{advice}, or make it all the same with --force"
    return "train thresholds and shares that ask for less water, or make it all the same with --force"


def _less(value: float) -> list[float]:
    """Parts of a value, as far as they are written: what is tried is what is told."""
    return [float(f"{value * part:.3g}") for part in PARTS]


def _jugs(design: Design) -> Iterator[tuple[str, Design]]:
    """Smaller jugs, the largest first, that hold every row of the data."""
    poured = np.zeros(len(design.input_max)) if design.samples is None else design.samples.inputs.max(axis=0)
    for part in PARTS:
        jugs = tuple(float(floor(most * part)) for most in design.input_max)
        if min(jugs) > 0 and (poured <= jugs).all():
            told = ", ".join(f"{most:g}" for most in jugs)
            yield f"use smaller jugs (--set 'input_max=[{told}]')", replace(design, input_max=jugs)


def first_of(findings: Sequence[Violation]) -> str:
    """The first of some findings in one line, and how many there are."""
    first = findings[0]
    measured = f"{first.found:.3g} {first.unit}, limit {first.limit:.3g}"
    return f"{measured} ({first.rule}: {first.why}; {len(findings)} in all)"


def write(
    device: Device, directory: Path, *, force: bool = False, formats: Sequence[str] | None = None
) -> tuple[Skipped, ...]:
    """Write the device's files into `directory`, all or none; a folder with other people's files only with `force`.

    Returns the formats that could not be made here, for want of a package or a library.
    """
    files, skipped = to_files(device, formats)
    missing = {one.format for one in skipped}
    made = [name for name in chosen(formats) if name not in missing]
    files["manifest.json"] = to_manifest(device, files, cache_key(device.design, made))
    write_all(Path(directory), files, force=force)
    return skipped


def to_files(device: Device, formats: Sequence[str] | None = None) -> tuple[dict[str, bytes], tuple[Skipped, ...]]:
    """Every file of an export by name, but for the manifest; and the formats that could not be made here."""
    files = {
        f"parts/{part.name}.stl": to_stl(mesh.corners, part.name)
        for part, mesh in zip(device.parts, device.meshes, strict=True)
    }
    assembled = np.concatenate([device.assembled(index) for index in range(len(device.parts))])
    files["assembly.stl"] = to_stl(assembled, f"{device.design.name} assembled")
    files["netlist.txt"] = to_text(device.lowered.netlist, device.sized.flows).encode()
    files["bom.txt"] = to_bom(device).encode()
    files["pour.md"] = to_pour(device).encode()
    files["print-preset.ini"] = to_print_preset(device.design.process).encode()
    files["network.json"] = to_network_json(device.design.network)
    files["lowered.json"] = to_network_json(device.lowered.network)
    files |= to_sheets(device)
    samples = device.design.samples
    if samples is not None:
        files["samples.csv"] = to_samples_csv(samples.inputs, samples.labels)
    others, skipped = to_chosen_files(device, formats)
    return files | others, skipped


def cache_key(design: Design, formats: Sequence[str] | None) -> str:
    """Hash of everything that decides the bytes of an export."""
    told = {
        "program": program(),
        "formats": chosen(formats),
        "process": design.process.model_dump(mode="json"),
        "names": [design.name, design.network.inputs, design.network.outputs],
        "numbers": [design.unit_ml, design.pour_flow_ml, design.input_max],
        "scaling": design.network.measures.to_table(),
        "choices": [design.compensation, design.max_teeth, design.protocol, design.sheet and asdict(design.sheet)],
        "sources": design.sources,
        "readouts": [readout.to_table() for readout in design.network.readouts],
    }
    digest = sha256(json.dumps(told, sort_keys=True).encode())
    for layer in design.network.layers:
        digest.update(layer.retained.tobytes() + layer.thresholds.tobytes())
        digest.update(layer.shares.tobytes() + repr(layer.shares.shape).encode())
    if design.samples is not None:
        digest.update(design.samples.inputs.tobytes())
        digest.update(b"" if design.samples.labels is None else design.samples.labels.tobytes())
    return digest.hexdigest()


def is_current(design: Design, directory: Path, formats: Sequence[str] | None = None) -> bool:
    """Whether `directory` already holds this design's export, every file as it was written."""
    recover(Path(directory))
    try:
        manifest = _manifest(directory)
        if manifest["key"] != cache_key(design, formats):
            return False
        return all(
            sha256((Path(directory) / name).read_bytes()).hexdigest() == wanted
            for name, wanted in manifest["files"].items()
        )
    except UNREADABLE:
        return False


def parts_written(directory: Path) -> dict[str, str]:
    """Hash of each part's STL by its file's name, as the manifest in `directory` says; empty where none can be read."""
    try:
        files = _manifest(directory)["files"]
        return {Path(name).stem: str(told) for name, told in files.items() if name.startswith("parts/")}
    except UNREADABLE:
        return {}


def cut_written(directory: Path) -> frozenset[str]:
    """Names of the parts that are cut and not printed, as the manifest in `directory` says."""
    try:
        return frozenset(part["name"] for part in _manifest(directory)["parts"] if part.get("made") == "cut")
    except UNREADABLE:
        return frozenset()


def plates_written(directory: Path) -> int:
    """How many beds the export in `directory` is laid out on, as its manifest says; 0 where it holds no plates."""
    return _written(directory, "plates/")


def sheets_written(directory: Path) -> int:
    """How many sheets its stand is cut from; 0 where that is printed."""
    return _written(directory, "sheets/", ".svg")


def _written(directory: Path, start: str, end: str = "") -> int:
    try:
        return sum(name.startswith(start) and name.endswith(end) for name in _manifest(directory)["files"])
    except UNREADABLE:
        return 0


def _manifest(directory: Path) -> Any:
    return json.loads(read_input(Path(directory) / "manifest.json"))


def _check_bed(design: Design, parts: Sequence[Part]) -> None:
    """Refuse pieces that the bed does not take, with the bed that does and about what the whole device comes to.

    Before all are meshed: none is larger than what it is made of, and of those that seem too large one is looked at.
    """
    x, y, z = design.process.printer.bed
    printed = [part for part in parts if not part.is_cut]
    large = sorted((p for p in printed if not _fits(p.extents, (x, y, z))), key=lambda p: -max(p.extents))
    meshes = ((part, build_mesh(part).extents) for part in large)
    name, (a, b, c) = next(((part.name, e) for part, e in meshes if not _fits(e, (x, y, z))), ("", (0.0, 0.0, 0.0)))
    if name:
        side, tall = (10 * ceil(max(p.extents[axis] for p in printed for axis in axes) / 10) for axes in ((0, 1), (2,)))
        raise BedError(
            name,
            f"measures {a:.0f} x {b:.0f} x {c:.0f} mm, the bed takes {x:g} x {y:g} x {z:g} mm "
            f"({pieces_of(large)} of {pieces_of(parts)} pieces are too large; {_rough_figures(design, parts)})",
            (max(side, x), max(side, y), max(tall, z)),
            ", fewer units in a layer, or shares that are multiples of 1/N, whose combs are shorter",
        )


def _rough_figures(design: Design, parts: Sequence[Part]) -> str:
    """What a device comes to by a few of its parts: of each role the others take as much of the boxes round them."""
    printed, share = [part for part in parts if not part.is_cut], {}
    for role in {part.role for part in printed}:
        own = sorted((part for part in printed if part.role == role), key=lambda part: prod(part.extents))
        some = own[:: ceil(len(own) / ROUGHLY)]
        plastic = fsum(build_mesh(part).printed_volume for part in some)
        share[role] = plastic / fsum(prod(part.extents) for part in some)
    plastic = fsum(part.count * share[part.role] * prod(part.extents) for part in printed)
    corners = [(np.array(part.transform), np.array(part.extents)) for part in parts if part.transform is not None]
    height = max(float(matrix[2, 3] + np.maximum(matrix[2, :3] * size, 0.0).sum()) for matrix, size in corners)
    return figures_of(design, parts, plastic / 1000.0, height)


def _fits(extents: tuple[float, float, float], bed: tuple[float, float, float]) -> bool:
    """Whether a piece lies on the bed, square to it or aslant."""
    (a, b, c), (x, y, z) = (round(e, 3) for e in extents), bed
    return c <= z and slant((a, b), (x, y)) is not None
