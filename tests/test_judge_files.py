"""The judge against what surrounds the parts: files exchanged, edited and senseless, and a compiler that misreads."""

import hashlib
import json
import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import rehash
from safetensors.numpy import save_file
from shapes import PATTERNS, drawn
from stagework import network_of

import pelu_fab
from exports import DESIGNS
from pelu_fab.commands import verdict_line
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design, Samples
from pelu_fab.network.model import Layer, Network
from pelu_fab.signoff import Report, read_question, verify
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.dossier import open_folder
from pelu_fab.signoff.equivalence import l1_bound
from pelu_fab.signoff.lowering import Terms, filled, lowering_checks
from pelu_fab.signoff.mass import book_of
from pelu_fab.signoff.packages import MODEL, read_package
from pelu_fab.signoff.recovery import read_parts
from pelu_fab.signoff.report import report as report_of
from pelu_fab.signoff.verdict import paper_checks
from pelu_fab.sources import checkpoint, design
from pelu_fab.sources.process import read_process
from pelu_fab.stages import lay_out, lower

# b0 has a share that no comb carries; b1 one that is lifted to the least; b2 keeps more than its jug holds.
HEIGHTS = np.array([2.0, -1.5, 7.0], dtype=np.float32)
SHARES = np.array([[0.6, 0.39, 0.01], [0.5, 0.465, 0.035], [0.2, 0.3, 0.5]])
DESIGN = """
schema = 1
name = "small"
checkpoint = "small.safetensors"
inputs = ["rain", "dew", "fog"]
outputs = ["a", "b", "c"]
input_scale = 2.0
input_max = [40, 40, 40]
data = "small.csv"
"""
DATA = "rain,dew,fog,label\n15,3,2,a\n2,16,1,a\n8,9,10,b\n"


def source(folder: Path, *, heights: np.ndarray = HEIGHTS, shares: np.ndarray = SHARES) -> Path:
    """A design with its checkpoint and data."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.toml").write_text(DESIGN)
    (folder / "small.csv").write_text(DATA)
    tensors = {"net.0.heights": heights, "net.0.weights": np.log(shares).astype(np.float32)}
    save_file(tensors, folder / "small.safetensors")
    return folder


def compiled(asked: Path, out: Path, settings: Sequence[str] = ()) -> Path:
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(asked, settings=settings)), out, formats=("3mf", "report"))
    return out


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def made(asked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(asked, tmp_path_factory.mktemp("made") / "device")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "device"))


def judged(folder: Path, against: Path | None = None) -> Report:
    return verify(folder, against=None if against is None else read_question(against))


def papers(folder: Path, against: Path | None = None, settings: Sequence[str] = ()) -> Report:
    """The sign-off without its water, as far as files go."""
    question = None if against is None else read_question(against, settings=settings)
    opened = open_folder(folder, question)
    parts, found = read_parts(folder, opened.inside, lambda _: None)
    return report_of([*found, *paper_checks(opened, question, parts)])


def found(report: Report) -> set[tuple[str, str]]:
    """Rule and place of every failed check."""
    return {(check.id, check.where) for check in report.failures}


def rules(report: Report) -> set[str]:
    return {check.id for check in report.failures}


def table(path: Path) -> Any:
    return json.loads(path.read_text())


def edit(path: Path, change: Callable[[Any], object]) -> None:
    told = table(path)
    change(told)
    path.write_text(json.dumps(told))


# ---- the sound device, and what its verdict rests on ----


def test_the_sound_device_passes_against_its_design_its_checkpoint_and_its_own_copy(asked: Path, made: Path) -> None:
    digest = hashlib.sha256((asked / "small.safetensors").read_bytes()).hexdigest()
    for against, kind in ((asked, "design"), (asked / "small.safetensors", "checkpoint"), (None, "copy")):
        report = judged(made, against)
        assert report.failures == () and report.verdict == "pass"
        told = report.to_dict()["against"]
        named = {"file": "small.safetensors", "sha256": digest} if against else {}
        assert told == {"kind": kind} | named
        ending = f"{named['file']} (sha256 {digest[:12]}…)" if against else "the copy in the folder"
        assert f"verdict: pass, against {ending}" in verdict_line(report.to_dict())
    lowered = table(made / "lowered.json")["layers"][0]
    assert (
        lowered["w"][0][2] == 0.0 and lowered["w"][1][2] > SHARES[1, 2] and sorted(lowered["w"][2]) == [0.0, 0.0, 1.0]
    )


def test_the_manifest_holds_the_hash_of_every_file_read_and_written(asked: Path, made: Path) -> None:
    manifest = table(made / "manifest.json")
    for kind, name in (("design", "design.toml"), ("checkpoint", "small.safetensors"), ("data", "small.csv")):
        digest = hashlib.sha256((asked / name).read_bytes()).hexdigest()
        assert manifest["sources"][kind] == {"file": name, "sha256": digest}
    assert manifest["sources"]["process"]["file"] == "fdm-pla-detergent.toml"
    written = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == written - {"manifest.json", "verify.json"}


# ---- the compiler misreads the checkpoint ----


def mutant(patch: pytest.MonkeyPatch, asked: Path, out: Path) -> Report:
    """What the sign-off says of a device that a mutated compiler made, against the design."""
    patch.setattr(lay_out, "pour_findings", lambda *_: ())
    folder = compiled(asked, out)
    patch.undo()
    return papers(folder, asked)


def other_layer(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Callable[..., Layer]:
    def layer(raw: Any, where: str) -> Layer:
        retained, shares = change(np.asarray(raw.heights), np.asarray(raw.weights))
        return Layer(retained, shares / shares.sum(axis=1, keepdims=True))

    return layer


MISREADERS = {
    "h is not squared": (lambda h, a: (np.abs(h), np.exp(a)), "source.threshold"),
    "softmax over the inputs": (lambda h, a: (h**2, np.exp(a) / np.exp(a).sum(axis=0)), "source.share"),
    "rows and columns exchanged": (lambda h, a: (h**2, np.exp(a).T), "source.share"),
    "no softmax": (lambda h, a: (h**2, a - a.min() + 0.1), "source.share"),
    "a bucket's shares permuted": (lambda h, a: (h**2, np.exp(np.vstack([a[0, [1, 0, 2]], a[1:]]))), "source.share"),
    "buckets in another order": (lambda h, a: (h[::-1] ** 2, np.exp(a)[::-1]), "source.threshold"),
}


@pytest.mark.fault("maker")
@pytest.mark.parametrize("name", MISREADERS)
def test_a_compiler_that_misreads_the_checkpoint_fails(
    name: str, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, rule = MISREADERS[name]
    monkeypatch.setattr(checkpoint, "_layer", other_layer(change))
    report = mutant(monkeypatch, asked, tmp_path / "device")
    assert report.verdict == "fail"
    assert any(check.id == rule and check.where.startswith("L0.b") for check in report.failures)
    assert report.failures[0].id.startswith("source."), "the cause comes first"


@pytest.mark.fault("maker")
def test_a_compiler_that_scales_the_data_otherwise_fails(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = design.parse_samples

    def unscaled(blob: bytes, where: str, network: Network) -> Any:
        samples = parse(blob, where, network)
        return type(samples)(samples.inputs / 2.0, samples.labels)

    monkeypatch.setattr(design, "parse_samples", unscaled)
    assert found(mutant(monkeypatch, asked, tmp_path / "device")) == {("source.data", "samples.csv")}


# ---- the compiler lowers wrongly ----


def moved(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Callable[..., Network]:
    choose = lower._with_choice

    def wrong(*arguments: Any) -> Network:
        network = choose(*arguments)
        retained, shares = change(network.layers[0].retained.copy(), network.layers[0].shares.copy())
        return Network((Layer(retained, shares),), network.inputs, network.outputs, network.input_scale)

    return wrong


def first_row(*order: int) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return lambda h, a: (h, np.vstack([a[0, list(order)], a[1:]]))


def row(*shares: float) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return lambda h, a: (h, np.vstack([shares, a[1:]]))


def bare(network: Network) -> Network:
    (layer,) = network.layers
    return Network((Layer(0.0 * layer.retained, layer.shares),), network.inputs, network.outputs, network.input_scale)


def lifted_twice(shares: np.ndarray, floor: float) -> np.ndarray:
    return filled(shares, 2 * floor) if (shares > 0).all() else shares


TO_A, TO_B, TO_C = "L0.b0->out.y0", "L0.b0->out.y1", "L0.b0->out.y2"
LOWERERS: dict[str, tuple[str, Any, tuple[str, str]]] = {
    "drops a big share": ("_with_choice", moved(row(1.0, 0.0, 0.0)), ("lower.dropped", TO_B)),
    "floors too high": ("_floored_row", lifted_twice, ("lower.share", "L0.b1")),
    "does not scale to 1 again as it should": ("_with_choice", moved(row(0.55, 0.45, 0.0)), ("lower.share", "L0.b0")),
    "permutes targets": ("_with_choice", moved(first_row(2, 1, 0)), ("lower.added", TO_C)),
    "permutes targets that both are there": ("_with_choice", moved(first_row(1, 0, 2)), ("lower.share", "L0.b0")),
    "loses a bucket that is not idle": ("dead_buckets", lambda *_: frozenset({"L0.b0"}), ("lower.dropped", TO_B)),
    "leaves out a threshold that matters": ("_levelled", lambda n, _: bare(n), ("lower.threshold", "L0.b0")),
    "changes a threshold": ("_with_choice", moved(lambda h, a: (h * 1.01, a)), ("lower.threshold", "L0.b0")),
}


@pytest.mark.fault("maker")
@pytest.mark.parametrize("name", LOWERERS)
def test_a_compiler_that_lowers_wrongly_fails_by_its_fault(
    name: str, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, wrong, fault = LOWERERS[name]
    monkeypatch.setattr(lower, what, wrong)
    report = mutant(monkeypatch, asked, tmp_path / "device")
    if fault == ("lower.added", TO_C):  # its share is in the checkpoint: it was dropped, and another went astray
        fault = ("lower.dropped", TO_A)
    assert report.verdict == "fail" and fault in found(report)
    assert not {rule for rule in rules(report) if rule.startswith("source.")}


def test_whatever_the_compiler_lowers_is_on_the_list() -> None:
    processes = [read_process(name) for name in ("fdm-pla-detergent", "fdm-pla-water", "resin")]
    rng = np.random.default_rng(11)
    for k in range(150):
        widths = tuple(int(n) for n in rng.integers(1, 9, rng.integers(2, 8)))
        patterns = tuple(rng.choice(PATTERNS, len(widths) - 1))
        network = drawn(widths, patterns, float(rng.choice([4.0, 15.0, 60.0])), k)
        most = (float(rng.choice([20.0, 50.0, 90.0])),) * widths[0]
        samples = Samples(rng.uniform(0.0, most[0], (30, widths[0]))) if k % 2 else None
        asked = Design("drawn", network, processes[k % 3], input_max=most, samples=samples, max_teeth=4 + k % 26)
        made = lower.lower(asked)
        terms = Terms(np.array(most), asked.process, "process", asked.max_teeth, asked.unit_volume / 1000.0)
        checks = lowering_checks(network, made.network, terms)
        assert [str(check) for check in checks if check.status != "pass"] == []
        bound = l1_bound(book_of(network, 1.0), book_of(made.network, 1.0), np.array(most))
        assert bound <= made.l1_bound + 1e-9


@pytest.mark.parametrize(
    ("kept", "shares", "left", "passes"),
    [
        (0.14, [1.0, 0.0], 0.0, True),
        (0.14, [1.0, 0.0], 0.14, True),
        (0.16, [1.0, 0.0], 0.0, False),  # more than half of the 0.3 mL
        (0.14, [0.5, 0.5], 0.0, False),  # its pool is primed, it may keep as little as it wants
        (0.14, [1.0, 0.0], 0.07, False),
    ],
)
def test_a_threshold_may_go_where_no_pool_keeps_so_little(
    kept: float, shares: list[float], left: float, passes: bool
) -> None:
    asked, made = (network_of(([h], [shares])) for h in (kept, left))
    terms = Terms(np.array([50.0]), read_process("fdm-pla-detergent"), "process", 9, 1.0)
    (found,) = (check for check in lowering_checks(asked, made, terms) if check.id == "lower.threshold")
    assert (found.status == "pass") == passes


def test_a_stated_bound_that_lowering_exceeds_fails(folder: Path) -> None:
    edit(folder / "manifest.json", lambda told: told.update(lowering_ml=told["lowering_ml"] / 2))
    assert found(verify(folder)) == {("equivalence.lowering", "all inputs")}


@pytest.mark.fault("maker")
def test_a_share_added_where_none_was_trained_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_hot = SHARES.copy()
    one_hot[0] = [1.0, 0.0, 0.0]
    with np.errstate(divide="ignore"):
        asked = source(tmp_path / "asked", shares=one_hot)
    monkeypatch.setattr(lower, "_with_choice", moved(lambda h, a: (h, np.vstack([[0.7, 0.3, 0.0], a[1:]]))))
    assert ("lower.added", TO_B) in found(mutant(monkeypatch, asked, tmp_path / "device"))


@pytest.mark.parametrize("seed", range(40))
def test_lifting_to_the_least_is_what_the_compiler_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.dirichlet(np.full(rng.integers(2, 9), 0.4))
    floor = float(rng.uniform(0.001, 0.9)) / len(row)
    wanted = filled(row, floor)
    assert wanted.sum() == pytest.approx(1.0, abs=1e-12) and wanted.min() >= floor - 1e-12
    assert np.abs(lower._floored_row(row, floor) - wanted).max() < 1e-9


def test_answers_that_changed_count_whichever_way(folder: Path) -> None:
    """Labels that make every changed answer a gain: right at last, and another network all the same."""
    network = table(folder / "network.json")
    network["layers"][0]["h"] = [0.0, 0.0, 0.0]
    for name in ("network.json", "lowered.json"):
        (folder / name).write_text(json.dumps(network))
    rows = "in.x0,in.x1,in.x2,label\n" + "4.0,0.0,9.0,0\n" * 30 + "20.0,20.0,0.0,0\n" * 70
    (folder / "samples.csv").write_text(rows)
    rehash(folder)
    report = verify(folder)
    (data,) = (check for check in report.checks if check.id == "equivalence.data")
    assert data.status == "fail" and data.found == len(report.as_built["changed"]) > data.limit == 2.0


# ---- files exchanged and edited ----

COMPANIONS = ("network.json", "lowered.json", "samples.csv", "netlist.txt", "assembly.stl", "plates/plate-2.3mf")
COMPANIONS += ("pour.md", "bom.txt", "print-preset.ini", "scene.json")


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", COMPANIONS)
def test_a_companion_that_is_not_as_compiled_or_is_gone_is_named(name: str, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole + (b"\n" if name != "assembly.stl" else b""))
    if name == "assembly.stl":
        (folder / name).write_bytes(b"another header".ljust(80) + whole[80:])
    assert ("file.hash", name) in found(papers(folder))
    (folder / name).unlink()
    report = papers(folder)
    assert report.verdict == "fail" and {("file.missing", name), ("file.read", name)} & found(report)
    edit(folder / "manifest.json", lambda told: told["files"].pop(name))
    (folder / name).write_bytes(whole)
    assert ("file.unlisted", name) in found(papers(folder))


@pytest.mark.fault("file")
@pytest.mark.parametrize("against", ["design", "checkpoint"])
def test_another_network_fails_even_with_its_hashes_in_the_manifest(against: str, asked: Path, folder: Path) -> None:
    def other(network: Any) -> None:
        layer = network["layers"][0]
        layer["h"] = [1.5 * h + 1 for h in layer["h"]]
        layer["w"] = [row[::-1] for row in layer["w"]]

    edit(folder / "network.json", other)
    rehash(folder)
    assert {"lower.threshold", "lower.share"} <= rules(papers(folder))
    report = papers(folder, asked if against == "design" else asked / "small.safetensors")
    assert {"L0.b0", "L0.b1", "L0.b2"} == {where for rule, where in found(report) if rule == "source.threshold"}
    assert {where[:7] for rule, where in found(report) if rule == "source.share"} == {"L0.b0->", "L0.b1->", "L0.b2->"}
    assert report.failures[0].id.startswith("source.")
    edit(folder / "lowered.json", other)
    rehash(folder)
    assert {"lvs.retained", "lvs.share"} <= rules(verify(folder)), "the STL is of another network"


@pytest.mark.fault("file")
def test_another_checkpoint_or_design_than_was_compiled_fails(folder: Path, tmp_path: Path) -> None:
    other = source(tmp_path / "other", heights=HEIGHTS + np.float32(0.5))
    report = papers(folder, other)
    assert {("source.file", "small.safetensors"), ("source.threshold", "L0.b0")} <= found(report)
    assert ("source.threshold", "L0.b0") in found(papers(folder, other / "small.safetensors"))
    (other / "design.toml").write_text(DESIGN.replace('"a", "b", "c"', '"b", "a", "c"').replace("40, 40", "40, 30"))
    source_of = found(papers(folder, other))
    assert {("source.file", "design.toml"), ("source.names", "outputs"), ("source.choice", "input_max")} <= source_of


def test_the_same_network_saved_again_is_the_same_network(asked: Path, folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_file({"heights": HEIGHTS, "weights": np.log(SHARES).astype(np.float32)}, again)
    report = papers(folder, again)
    assert report.failures == ()
    assert {c.where for c in report.checks if c.status == "skipped"} == {"inputs", "outputs"}, "a design named them"


def test_settings_given_to_compile_are_given_to_verify(asked: Path, tmp_path: Path) -> None:
    settings = ["max_teeth=12", "process_overrides.comb.kappa=0.3"]
    made = compiled(asked, tmp_path / "device", settings)
    assert found(papers(made, asked, settings)) == set()
    assert found(papers(made, asked)) == set(), "the design states neither"
    assert rules(papers(made, asked, ["max_teeth=13", *settings[1:]])) == {"source.choice"}
    edit(made / "manifest.json", lambda told: told["process"]["comb"].update(kappa=0.9))
    assert "source.process" in rules(papers(made, asked, ["process=fdm-pla-detergent", *settings]))


@pytest.mark.fault("file")
def test_names_exchanged_everywhere_fail_against_the_design_alone(asked: Path, folder: Path) -> None:
    for name in ("network.json", "lowered.json"):
        edit(folder / name, lambda told: told["outputs"].reverse())
    assert {("manifest.label", "out.y0"), ("manifest.label", "out.y2")} <= found(papers(folder))
    labels = ["c", "b", "a"]
    edit(folder / "manifest.json", lambda t: [p.update(label=n) for p, n in zip(t["outputs"], labels, strict=True)])
    text = (folder / "netlist.txt").read_text()
    text = text.replace("output out.y0 a", "output out.y0 c").replace("output out.y2 c", "output out.y2 a")
    (folder / "netlist.txt").write_text(text)
    rehash(folder)
    assert found(papers(folder)) == set()
    assert found(papers(folder, asked)) >= {("source.names", "outputs")}


SCALED = """
[[scaling]]
name = "rain"
offset = -1
factor = 2.0
unit = "mm"
[[scaling]]
name = "dew"
factor = 3
[[scaling]]
name = "rain"
offset = 20
factor = -0.5
"""


def test_the_judge_scales_the_data_by_itself_and_knows_what_each_jug_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = source(tmp_path / "asked")
    (asked / "design.toml").write_text(DESIGN.replace("input_scale = 2.0\n", "") + SCALED)
    (asked / "small.csv").write_text("rain,dew,label\n15,3,a\n-3,0,a\n2.5,9,b\n")
    made = compiled(asked, tmp_path / "device")
    assert (made / "samples.csv").read_text().splitlines()[1:] == [
        "32.0,9.0,2.5,0",
        "0.0,0.0,11.5,0",
        "7.0,27.0,8.75,1",
    ]
    assert papers(made, asked).failures == ()
    (asked / "design.toml").write_text((asked / "design.toml").read_text().replace("offset = 20", "offset = 22"))
    assert {("source.scaling", "in.x2"), ("source.data", "samples.csv")} <= found(papers(made, asked))
    edit(made / "network.json", lambda told: told["scaling"][0].update(factor=-2.0))
    rehash(made)
    assert ("manifest.scaling", "in.x0") in found(papers(made))


# ---- what repeats the parts and the network, its hash made good ----


def repacked(blob: bytes, change: Callable[[str], str]) -> bytes:
    """A 3MF whose model is edited."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(blob)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text.decode()).encode() if name == MODEL else text)
    return out.getvalue()


def _first(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def _one_item_less(text: str) -> str:
    start = text.index("<item ")
    return text[:start] + text[text.index("/>", start) + 2 :]


def _mirrored(text: str) -> str:
    start = text.index('transform="') + len('transform="')
    numbers = text[start : text.index('"', start)].split()
    numbers[0], numbers[1] = (f"{-float(number):g}" for number in numbers[:2])
    return text[:start] + " ".join(numbers) + text[text.index('"', start) :]


def _moved(x: float, *, again: bool = False) -> Callable[[str], str]:
    """The first piece shifted along x; `again`: beside itself."""

    def change(text: str) -> str:
        (item,) = re.findall(r"<item [^>]*/>", text)[:1]
        (numbers,) = re.findall(r'transform="([^"]*)"', item)
        moved = numbers.split()
        moved[9] = f"{float(moved[9]) + x:g}"
        fresh = re.sub(r' p:UUID="[^"]*"', "", item.replace(numbers, " ".join(moved)))
        return text.replace(item, (item if again else "") + fresh)

    return change


def _on_its_side(text: str) -> str:
    return re.sub(r'transform="[^"]*"', 'transform="0 0 -1 0 1 0 1 0 0 20 20 0"', text, count=1)


PACKAGES = {
    "a corner moved": (lambda text: text.replace('z="0"', 'z="-0.7"', 3), "file.3mf"),
    "a triangle less": (lambda text: re.sub("<triangle .*?/>", "", text, count=1), "file.3mf"),
    "something else among the triangles": (_first("<triangle ", "<metadata "), "file.read"),
    "a triangle in a comment": (lambda text: re.sub("(<triangle .*?/>)", r"<!-- \1 -->", text, count=1), "file.read"),
    "a mesh in a comment": (
        lambda text: re.sub("(<mesh>.*?</mesh>)", r"<!-- \1 -->", text, count=1, flags=re.DOTALL),
        "file.read",
    ),
    "a part that is none": (_first('name="rack"', 'name="rick"'), "file.3mf"),
    "a part mirrored on its plate": (_mirrored, "file.3mf"),
    "a piece less": (_one_item_less, "file.count"),
    "a piece twice": (_moved(0.0, again=True), "file.plate"),
    "a piece beyond the bed": (_moved(300.0), "file.plate"),
    "a piece on its side": (_on_its_side, "file.plate"),
    "an entity": (_first("<model", '<!DOCTYPE a [<!ENTITY b "c">]><model'), "file.read"),
    "a corner that is not there": (_first('v1="0"', 'v1="99999999"'), "file.read"),
    "a corner that is no number": (_first('<vertex x="', '<vertex x="a'), "file.read"),
    "a corner's number that is not whole": (_first('v1="0"', 'v1="0.5"'), "file.read"),
    "no end": (lambda text: text[:-100], "file.read"),
}


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", PACKAGES)
def test_a_3mf_that_is_not_the_parts_fails_though_its_hash_is_right(name: str, folder: Path) -> None:
    change, rule = PACKAGES[name]
    path = folder / "plates" / "plate-2.3mf"
    path.write_bytes(repacked(path.read_bytes(), change))
    rehash(folder)
    report = papers(folder)
    assert rules(report) <= {rule, "file.3mf", "file.count", "file.plate"} and rule in rules(report)
    assert all(check.where.startswith(("plates/plate-2.3mf", "plates: ")) for check in report.failures)


@pytest.mark.fault("file")
def test_a_plate_that_is_gone_or_holds_a_part_of_another_is_named(folder: Path) -> None:
    one, two = (folder / "plates" / f"plate-{number}.3mf" for number in (1, 2))
    whole = two.read_bytes()
    on_one, on_two = (
        {f"plates: {name}" for name in read_package(p.read_bytes(), p.name).names.values()} for p in (one, two)
    )
    two.write_bytes(one.read_bytes())
    rehash(folder)
    report = papers(folder)
    assert rules(report) == {"file.count"}
    assert {where for _, where in found(report)} == on_one | on_two, "one missing, one twice"
    two.write_bytes(whole)
    edit(folder / "manifest.json", lambda told: told["files"].pop("plates/plate-1.3mf"))
    one.unlink()
    assert {where for _, where in found(papers(folder))} >= on_one


def test_a_package_that_unpacks_to_a_hundred_times_its_size_is_not_unpacked() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MODEL, b" " * 50_000_000)
    with pytest.raises(FabError, match="its model unpacks to 50000000 bytes"):
        read_package(out.getvalue(), "x.3mf")
    with pytest.raises(FabError, match=r"^x\.3mf: is no 3MF package \(File is not a zip file\)"):
        read_package(b"solid", "x.3mf")


@pytest.mark.fault("file")
def test_an_assembly_that_is_not_the_parts_fails_though_its_hash_is_right(folder: Path) -> None:
    path = folder / "assembly.stl"
    blob = bytearray(path.read_bytes())
    (x,) = struct.unpack_from("<f", blob, 84 + 12)
    struct.pack_into("<f", blob, 84 + 12, x + 0.5)
    path.write_bytes(blob)
    rehash(folder)
    (check,) = papers(folder).failures
    assert (check.id, check.where) == ("file.assembly", "assembly.stl")
    assert check.found == pytest.approx(0.5, abs=1e-4)


NETLISTS = {
    "another share": ("carries 0.", "carries 0.1", "duct"),
    "another threshold": ("L0.b0 retains 4.0000", "L0.b0 retains 4.1000", "netlist.txt: L0.b0"),
    "another label": ("input in.x0 rain", "input in.x0 dew", "netlist.txt: in.x0"),
    "a bucket that is none": ("bucket L0.b0", "bucket L7.b0", "netlist.txt: L0.b0"),
    "a line that means nothing": ("bucket L0.b0 retains", "bucket L0.b0 holds", "netlist.txt"),
}


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", NETLISTS)
def test_a_netlist_that_is_not_the_network_fails_though_its_hash_is_right(name: str, folder: Path) -> None:
    old, new, where = NETLISTS[name]
    text = (folder / "netlist.txt").read_text()
    assert old in text
    (folder / "netlist.txt").write_text(text.replace(old, new, 1))
    rehash(folder)
    report = papers(folder)
    assert rules(report) == {"file.netlist"}
    assert where == "duct" or where in {check.where for check in report.failures}


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", ["parts/card-L9-b0.stl", "spare.STL", "plates/plate.3mf", "device.step"])
def test_a_solid_that_no_list_names_is_found(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes((folder / "parts" / "card-L0-b0.stl").read_bytes())
    assert found(papers(folder)) == {("file.unlisted", name)}
    (folder / "my notes.txt").write_text("anything else is nobody's business")
    assert found(papers(folder)) == {("file.unlisted", name)}


# ---- nonsense is a finding ----


def in_manifest(*path: str | int, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        told = table(folder / "manifest.json")
        place = told
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value
        (folder / "manifest.json").write_text(json.dumps(told))

    return change


def in_samples(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        blob = (folder / "samples.csv").read_bytes()
        assert old in blob
        (folder / "samples.csv").write_bytes(blob.replace(old, new, 1))
        rehash(folder)

    return change


def overwritten(name: str, blob: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(blob)
        rehash(folder)

    return change


def in_network(name: str, threshold: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        edit(folder / name, lambda told: told["layers"][0]["h"].__setitem__(0, threshold))
        rehash(folder)

    return change


def scaled(matrix: list[list[float]]) -> list[list[float]]:
    return [[2 * v for v in row] for row in matrix[:3]] + [matrix[3]]


def mirrored(matrix: list[list[float]]) -> list[list[float]]:
    return [[-v for v in matrix[0]], *matrix[1:]]


PART = ("parts", 0)
NONSENSE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a volume that is NaN": (in_samples(b"30.0", b"nan"), "file.samples"),
    "a negative volume": (in_samples(b"30.0", b"-30.0"), "file.samples"),
    "a label that is no cup": (in_samples(b",1\n", b",99\n"), "file.samples"),
    "a label between two cups": (in_samples(b",1\n", b",0.5\n"), "file.samples"),
    "samples that are not UTF-8": (in_samples(b"30.0", b"\xff\xfe"), "file.samples"),
    "samples without rows": (overwritten("samples.csv", b"in.x0,in.x1,in.x2,label\n"), "file.samples"),
    "a row of the data beyond the jugs": (in_samples(b"30.0", b"50.0"), "manifest.input_max"),
    "a transform of 9 numbers": (in_manifest(*PART, "transform", value=[1, 0, 0] * 3), "manifest.transform"),
    "a transform of texts": (in_manifest(*PART, "transform", value="upright"), "manifest.transform"),
    "a transform of 1e308": (in_manifest(*PART, "transform", 0, 3, value=1e308), "manifest.transform"),
    "a transform that scales": (in_manifest(*PART, "transform", value=scaled), "manifest.transform"),
    "a transform that mirrors": (in_manifest(*PART, "transform", value=mirrored), "manifest.transform"),
    "a transform with a perspective": (in_manifest(*PART, "transform", 3, 0, value=0.1), "manifest.transform"),
    "fullest jugs of another length": (in_manifest("input_max", value=[40.0]), "manifest.input_max"),
    "fullest jugs below zero": (in_manifest("input_max", value=[40.0, 40.0, -1.0]), "manifest.input_max"),
    "no fullest jugs": (in_manifest("input_max", value=None), "manifest.input_max"),
    "a port missing": (in_manifest("outputs", value=lambda ports: ports[:-1]), "manifest.port"),
    "a port twice": (in_manifest("inputs", value=lambda ports: [*ports[:2], ports[0]]), "manifest.port"),
    "a port of another name": (in_manifest("inputs", 0, "port", value="L0.b0"), "manifest.port"),
    "labels exchanged": (in_manifest("outputs", 0, "label", value="b"), "manifest.label"),
    "a jug that stands for more": (in_manifest("inputs", 1, "pours", "factor", value=3.0), "manifest.scaling"),
    "a part's name that is a path": (in_manifest(*PART, "name", value="../../row"), "manifest.name"),
    "a part's name with a line end": (in_manifest(*PART, "name", value="row\nverdict: pass"), "manifest.name"),
    "two parts of one name": (in_manifest("parts", 1, "name", value="card-L0-b0"), "manifest.name"),
    "a part outside the folder": (in_manifest(*PART, "file", value="../../etc/passwd"), "manifest.file"),
    "a part of no pieces": (in_manifest(*PART, "count", value=0), "manifest.count"),
    "a part of half a piece": (in_manifest(*PART, "count", value=1.5), "manifest.count"),
    "a part of pieces in words": (in_manifest(*PART, "count", value="two"), "manifest.count"),
    "two pieces where one is": (in_manifest(*PART, "count", value=2), "file.count"),
    "a network that is none": (overwritten("network.json", b"[]"), "file.read"),
    "a bucket of 1e308 units": (in_network("lowered.json", 1e308), "file.read"),
    "a network with numbers for names": (overwritten("network.json", b'{"layers": [], "inputs": [1]}'), "file.read"),
    "a network with half a character": (overwritten("network.json", b'{"inputs": ["\\ud800"]}'), "file.read"),
    "a network that is cut off": (overwritten("network.json", b'{"layers": ['), "file.read"),
    "a lowered network of other texts": (overwritten("lowered.json", b'{"layers": [{"h": "x", "w": 1}]}'), "file.read"),
    "a netlist that is not UTF-8": (overwritten("netlist.txt", b"\xff"), "file.read"),
    "a 3MF that is none": (overwritten("plates/plate-2.3mf", b"PK\x03\x04"), "file.read"),
    "an assembly that is cut off": (overwritten("assembly.stl", b"\0" * 90), "file.read"),
    "an empty companion": (overwritten("pour.md", b""), "file.read"),
}


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_a_finding_and_comes_first(name: str, folder: Path) -> None:
    plant, rule = NONSENSE[name]
    plant(folder)
    report = papers(folder)
    assert report.verdict == "fail"
    assert report.checks[0].id == rule
    assert rules(report) <= {rule, "file.count", "file.3mf", "file.missing", "file.unlisted"}, "nothing else is blamed"


@pytest.mark.fault("file")
@pytest.mark.parametrize("name", ["card-L0-b0", "cup-y0"])
def test_a_part_that_can_t_be_read_is_the_first_line_and_its_water_is_skipped(name: str, folder: Path) -> None:
    (folder / "parts" / f"{name}.stl").write_bytes(b"")
    report = judged(folder)
    assert report.checks[0].id == "mesh.file" and report.checks[0].where == name
    assert rules(report) == {"mesh.file"}
    skipped = {check.id: check.why for check in report.checks if check.status == "skipped"}
    assert skipped["lvs.flow"] == f"see {name} (mesh.file)" and "file.assembly" in skipped


def test_without_any_list_of_files_there_is_no_proof(folder: Path) -> None:
    edit(folder / "manifest.json", lambda told: told.pop("files"))
    report = verify(folder)
    assert report.failures == () and report.unproven == ("file.hash",) and report.verdict == "fail"


def test_the_page_of_a_folder_that_holds_nonsense_keeps_no_verdict_back(folder: Path) -> None:
    (folder / "lowered.json").write_bytes(b"[]")
    report = pelu_fab.verify(folder)
    assert report.verdict == "fail" and ("file.read", "lowered.json") in found(report)
    assert "can't be shown" in report.unwritten
    assert table(folder / "verify.json")["verdict"] == "fail"


# ---- the judge's reader ----


def same(one: Network, other: Any) -> None:
    for left, right in zip(one.layers, other.layers, strict=True):
        assert np.abs(left.retained - right.retained).max() <= 1e-12 * max(1.0, left.retained.max())
        assert np.abs(left.shares - right.shares).max() <= 1e-12


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_both_readers_find_the_same_network_in_safetensors(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    tensors = {}
    for n, (here, ahead) in enumerate(((4, 11), (11, 5), (5, 3))):
        tensors[f"model.{2 * n + 8}.heights"] = rng.normal(0, 3, here).astype(kind)
        tensors[f"model.{2 * n + 8}.weights"] = rng.normal(0, 4, (here, ahead)).astype(kind)
    path = tmp_path / "net.safetensors"
    save_file(tensors, path, metadata={"inputs": '["a", "b", "c", "d"]', "outputs": "x,y,z", "input_scale": "2.5"})
    own = read_trained(path.read_bytes(), str(path))
    theirs = checkpoint.read_checkpoint(path)
    same(theirs, own)
    assert (own.inputs, own.outputs, own.input_scale) == (theirs.inputs, theirs.outputs, 2.5)
    assert own.layers[0].retained[0] == pytest.approx(float(tensors["model.8.heights"][0]) ** 2, rel=1e-12)


@pytest.mark.parametrize("name", ["iris/widget_iris.json", "iris-robust/iris-robust.safetensors", "drip/drip.json"])
def test_both_readers_find_the_same_network_in_the_gallery(name: str) -> None:
    own = read_trained((DESIGNS / name).read_bytes(), name)
    same(checkpoint.read_checkpoint(DESIGNS / name), own)


def test_both_readers_find_the_same_network_in_a_pt(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pt"
    state = {"0.heights": torch.tensor([1.5, -2.0]), "0.weights": torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]])}
    torch.save({"state_dict": state, "inputs": ["a", "b"]}, path)
    own = read_trained(path.read_bytes(), str(path))
    same(checkpoint.read_checkpoint(path), own)
    assert own.inputs == ("a", "b") and own.layers[0].retained.tolist() == [2.25, 4.0]
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(FabError, match=r"net\.pt: is no checkpoint that can be judged \(torch says UnpicklingError\)"):
        read_trained(path.read_bytes(), str(path))


def test_a_damaged_checkpoint_is_refused_and_nothing_worse(asked: Path) -> None:
    whole = (asked / "small.safetensors").read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(300):
        blob = bytearray(whole)
        for place in rng.integers(0, len(blob), rng.integers(1, 4)):
            blob[place] = rng.integers(256)
        try:
            read_trained(bytes(blob), "x.safetensors").network(None, None, "x.safetensors")
        except FabError:
            refused += 1
    assert refused > 100
    for cut in (0, 7, 8, 50, len(whole) - 1):
        with pytest.raises(FabError, match=r"^x\.safetensors: is no checkpoint"):
            read_trained(whole[:cut], "x.safetensors")
    with pytest.raises(FabError, match="is no checkpoint"):
        read_trained(whole + b"\0", "x.safetensors")
    with pytest.raises(FabError, match="a key stands twice"):
        read_trained(b'{"layers": [], "layers": []}', "x.json")
