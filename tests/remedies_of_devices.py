"""Refusals of designs, layouts, exports and command lines, and how their advice is followed."""
# ruff: noqa: E501 - a refusal and what follows it stand in one line

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from refusals import Case, command
from remedies_of_layers import do
from stagework import DETERGENT, design_of, network_of
from test_calibrate import GOOD, csv_of
from waterworks import resting_at

import pelu_fab
from exports import DESIGNS, export, recovered
from pelu_fab.cfd import bucket, foam, plan, pour, record, result, siphon
from pelu_fab.commands import rig
from pelu_fab.commands.source import rig_of, rig_of_design
from pelu_fab.exports import chosen
from pelu_fab.ir.design import Design, Samples
from pelu_fab.network.model import Layer, Network
from pelu_fab.show.report_data import read_facts
from pelu_fab.signoff.dossier import read_dossier, read_network
from pelu_fab.signoff.packages import read_package
from pelu_fab.signoff.question import read_question
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.sources.process import process_and_bytes
from pelu_fab.stages.lay_out import lay_out
from pelu_fab.stages.solids.labels import written

SET = r"--set (?:'([^']+)'|([^\s,;)]+))"


def compiled(name: str, *settings: str) -> object:
    device = pelu_fab.compile(pelu_fab.load(DESIGNS / name, settings=settings))
    assert device.findings == ()
    return device


def wrong(name: str, *settings: str) -> Callable[..., object]:
    return lambda *_: compiled(name, *settings)


def as_told(name: str, *kept: str) -> Callable[..., object]:
    """With the first setting that the advice writes out."""
    return lambda _, m: compiled(name, *kept, m[1] or m[2])


def loaded(name: str, *settings: str) -> Callable[..., object]:
    return lambda *_: pelu_fab.load(DESIGNS / name, settings=settings)


SURE = resting_at(0.1).model_copy(update={"scatter": DETERGENT.scatter.model_copy(update={"held_ml": 0.02})})


def made(network: Network, **choices: Any) -> Callable[..., object]:
    return lambda *_: pelu_fab.compile(design_of(network, **choices))


def layers(*told: tuple[list[float], list[list[float]], list[float] | None]) -> Network:
    """A network whose third lists are the thresholds of flushes."""
    found = tuple(Layer(np.array(r), np.array(w), None if met is None else np.array(met)) for r, w, met in told)
    return replace(network_of(*((r, w) for r, w, _ in told)), layers=found)


def flush(
    residue: float = 1.0, threshold: float = 18.0, shares: Sequence[float] = (1.0,)
) -> tuple[list[float], list[list[float]], list[float]]:
    return [residue], [list(shares)], [threshold]


CALM: dict[str, Any] = {"pour_flow_ml": 8.0, "input_max": (30.0,)}
STAGES = [
    Case("pipeline.py _compiled 1", wrong("drip", "input_max=[400]"), SET, as_told("drip")),
    Case("pipeline.py _compiled 1", wrong("drip", "input_max=[4000]"), SET, as_told("drip"), slow=True),
    Case("pipeline.py _compiled 1", wrong("and-or", "input_max=[900, 900]"), SET, as_told("and-or"), slow=True),
    Case("pipeline.py _compiled 1", wrong("drip", "pour_flow_ml=100"), SET, as_told("drip")),
    Case("pipeline.py _check_readable 1", wrong("sine", "unit_ml=0.3"), SET, as_told("sine")),
    Case("pipeline.py _that_does 1", wrong("and-or", "process_overrides.printer.bed=[220, 220, 60]"), SET, as_told("and-or")),
    Case("pipeline.py _that_does 1", wrong("drip", "process_overrides.printer.bed=[40, 40, 40]"), SET, as_told("drip"), slow=True),
    Case("pipeline.py _that_does 1", wrong("and-or", "process_overrides.printer.bed=[60, 60, 60]"), SET, as_told("and-or")),
    Case("stages/place.py _stairs 1", lambda _: lay_out(pelu_fab.load(DESIGNS / "and-or", settings=["process_overrides.printer.bed=[60, 60, 60]"])), SET,
         (lambda _, m: lay_out(pelu_fab.load(DESIGNS / "and-or", settings=[m[1] or m[2]])), wrong("and-or", "process_overrides.printer.bed=[95, 95, 95]"))),
    Case("stages/solids/sheet.py sheet_stand 1", wrong("and-or", "frame=sheet", "sheet.size=[100, 100]"), SET, (as_told("and-or", "frame=sheet"), wrong("and-or", "frame=printed"))),
    Case("stages/combs.py cut_comb 1", wrong("and-or", "pour_flow_ml=60"), r"raise max_teeth in design\.toml", wrong("and-or", "pour_flow_ml=60", "max_teeth=40")),
    Case("stages/pools.py no_room 1", made(network_of(([0.036], [[1.0]])), process=SURE), r"a threshold of 0, or one above (\S+) mL", (made(network_of(([0.0], [[1.0]])), input_max=(40.0,)), lambda _, m: made(network_of(([float(m[1]) + 0.01], [[1.0]])), input_max=(40.0,))())),
    Case("stages/pools.py no_room 2", wrong("drip", "unit_ml=100"), r"make the unit smaller \(unit_ml\)", wrong("drip", "unit_ml=1")),
    Case("stages/pools.py no_room 2", wrong("and-or", "unit_ml=50"), r"make the unit smaller \(unit_ml\)", wrong("and-or", "unit_ml=1")),
    Case("stages/lower.py _check_data 1", made(network_of(([4.0], [[1.0]])), samples=Samples(np.ones((2, 2)))), r"the network's inputs, in order", made(network_of(([4.0], [[1.0]])), samples=Samples(np.ones((2, 1))), input_max=(40.0,))),
    Case("stages/siphon.py no_flush 1", made(layers(flush(0.1)), **CALM), r"a residue of at least (\S+) mL", lambda _, m: made(layers(flush(float(m[1]) + 0.01)), **CALM)(), slow=True),
    Case("stages/siphon.py no_flush 2", made(layers(flush(1.0, 900.0)), **CALM), r"the unit smaller or larger \(unit_ml\)", made(layers(flush(60.0, 900.0)), unit_ml=0.02, **(CALM | {"input_max": (1500.0,)})), slow=True),
    Case("stages/siphon.py _pillar 1", wrong("step", "pour_flow_ml=60"), r"pour more slowly \(pour_flow_ml\)", wrong("step", "pour_flow_ml=8")),
    Case("stages/siphon.py _pillar 2", wrong("step", "pour_flow_ml=0.2"), r"pour faster \(pour_flow_ml\)", wrong("step", "pour_flow_ml=8")),
    Case("stages/solids/labels.py labels 1", wrong("and-or", 'inputs=["A", "Α"]'), r"--set '(outputs|inputs)=", wrong("and-or", 'inputs=["A", "B"]')),
    Case("stages/solids/labels.py written 1", wrong("drip", 'outputs=["עברית"]'), r"--set 'outputs=", wrong("drip", 'outputs=["a"]')),
    Case("stages/solids/labels.py written 2", do(lambda: written("\u2800")), r"--set 'outputs=", do(lambda: written("a"))),
    Case("stages/solids/labels.py _drawn 1", wrong("drip", 'outputs=["水"]'), r"--set 'outputs=", wrong("drip", 'outputs=["a"]')),
    Case("stages/solids/labels.py fitted 1", wrong("drip", f'outputs=["{"abcdefghij" * 5}"]'), r"shorten it", wrong("drip", 'outputs=["abcdefghij"]')),
    Case("commands/source.py rig_of_design 1", lambda _: rig_of_design(pelu_fab.load(DESIGNS / "drip", settings=["input_max=[400]"]), is_strict=True), r"smaller jugs",
         lambda *_: rig_of_design(pelu_fab.load(DESIGNS / "drip", settings=["input_max=[40]"]), is_strict=True)),
]  # fmt: skip


# ---- design files ----


def folder(at: Path, toml: str | None = None, **files: str) -> Path:
    """A design folder with `net.json` (one input, one output) and what is told."""
    home = at / "d"
    home.mkdir(exist_ok=True)
    for left in home.iterdir():
        left.unlink()
    (home / "net.json").write_text('{"layers": [{"h": [4.0], "w": [[1.0]]}]}')
    if toml is not None:
        (home / "design.toml").write_text(toml)
    for name, text in files.items():
        (home / name.replace("_", ".")).write_text(text)
    return home


def design(toml: str, **files: str) -> Callable[..., Design]:
    head = 'schema = 1\nname = "d"\ncheckpoint = "net.json"\n'
    return lambda at, *_: pelu_fab.load(folder(at, head + toml, **files))


SLOPE, KAPPA = "process_overrides.channels.min_slope_deg", "process_overrides.comb.kappa"
LARGE = '{"layers": [{"h": [20000.0], "w": [[1.0]]}]}'
ROW = '[[protocol]]\ntitle = "t"\n'
FEATURE = 'scaling = [{name = "x0", offset = 1.0, factor = 2.0}]\n'
DESIGN = [
    Case("sources/design.py load 1", design(f'sha256 = "{"0" * 64}"'), r"restore that checkpoint, or pin this one", design("")),
    Case("sources/design.py _design_file 1", lambda p: pelu_fab.load(folder(p)), r"give the checkpoint itself, (\S+)", lambda _, m: pelu_fab.load(m[1])),
    Case("sources/design.py _design_file 1", lambda p: pelu_fab.load(p), r"add a (design\.toml)", design("")),
    Case("sources/design.py _design_file 2", lambda p: pelu_fab.load(folder(p, a_txt="x") / "a.txt"), r"a design folder, a \.toml, or a checkpoint",
         (design(""), lambda p, _: pelu_fab.load(folder(p) / "net.json"))),
    Case("sources/design.py setting_table 1", loaded("drip", "unit_ml"), r"--set (\S+)$", lambda _, m: pelu_fab.load(DESIGNS / "drip", settings=[m[1]])),
    Case("sources/design.py setting_table 2", loaded("drip", "printer.nozzle=0.5"), r"--set (\S+)$", lambda _, m: pelu_fab.load(DESIGNS / "drip", settings=[m[1]])),
    Case("sources/design.py _renamed 1", design("input_scale = 3.0\n" + FEATURE), r"leave input_scale out", design(FEATURE)),
    Case("sources/design.py _input_max 1", loaded("drip", "input_max=[1, 2]"), r"give 1 values", loaded("drip", "input_max=[40]")),
    Case("sources/design.py _check_fits 1", design('input_max = [5]\ndata = "a.csv"', a_csv="x0\n9\n"), r"raise input_max", design('input_max = [9]\ndata = "a.csv"', a_csv="x0\n9\n")),
    Case("sources/design.py _protocol 1", design(ROW + "row = 3"), r"give pour, or a row that is there", (design(ROW + "pour = [3]"), design('data = "a.csv"\n' + ROW + "row = 0", a_csv="x0\n9\n"))),
    Case("sources/design.py _protocol 2", design(ROW + "pour = [3, 3]"), r"one for each of 1 inputs", design(ROW + "pour = [3]")),
    Case("sources/design.py _check_volumes 1", design("unit_ml = 100", net_json=LARGE), r"lower unit_ml", design("unit_ml = 0.1", net_json=LARGE)),
    Case("sources/process.py _profile_bytes 1", loaded("drip", "process=fdm-pla-watr"), r"did you mean '(\S+)'", lambda _, m: pelu_fab.load(DESIGNS / "drip", settings=[f"process={m[1]}"])),
    Case("sources/process.py _checked 2", loaded("drip", f"{SLOPE}=45"), r"choose (\S+) to (\S+)$",
         (lambda _, m: compiled("drip", f"{SLOPE}={m[1]}"), lambda _, m: compiled("drip", f"{SLOPE}={m[2]}"), lambda _, m: compiled("and-or", f"{SLOPE}={m[1]}"))),
    Case("sources/process.py _checked 2", loaded("and-or", f"{KAPPA}=-10"), r"choose (\S+) to (\S+)$",
         (lambda _, m: compiled("and-or", f"{KAPPA}={m[1]}"), lambda _, m: compiled("and-or", f"{KAPPA}={m[2]}"))),
    Case("sources/process.py _checked 3", loaded("drip", "process_overrides.printer.nozzle=0.6", "process_overrides.printer.floor=1"), SET,
         as_told("drip", "process_overrides.printer.nozzle=0.6")),
    Case("sources/process.py _checked 4", lambda _: process_and_bytes("resin", overrides={"comb": {"kappa": -1.1, "min_tooth": 2.0}}), r"make it (\S+) or more",
         lambda _, m: process_and_bytes("resin", overrides={"comb": {"kappa": float(m[1]), "min_tooth": 2.0}})),
]  # fmt: skip


# ---- exports ----


def spoilt(name: str, text: str) -> Callable[[Path], Path]:
    """A drip's export, one of its files replaced."""

    def made(at: Path) -> Path:
        home = drip(at)
        (home / name).write_text(text)
        return home

    return made


def drip(at: Path) -> Path:
    """A whole export, or that one compiled again."""
    if (at / "drip").exists():
        shutil.rmtree(at / "drip")
    return export("drip", at)


def edited(**changes: Any) -> Callable[[Path], Path]:
    def made(at: Path) -> Path:
        home = drip(at)
        table = json.loads((home / "manifest.json").read_text())
        (home / "manifest.json").write_text(json.dumps(table | changes))
        return home

    return made


def partless(at: Path) -> Path:
    home = drip(at)
    for part in (home / "parts").iterdir():
        part.write_text("solid a\nendsolid a\n")
    return home


def one_part(at: Path) -> Path:
    return next((drip(at) / "parts").iterdir())


NET = (DESIGNS / "drip" / "drip.json").read_text()
HEAD = 'checkpoint = "net.json"\n'


def asked(toml: str, **choices: Any) -> Callable[..., object]:
    return lambda at, *_: read_question(folder(at, toml, net_json=NET), **choices)


EXPORTS = [
    Case("signoff/dossier.py Opened.ready 1", lambda p: read_dossier(spoilt("network.json", "{}")(p)), r"compile it again", lambda p, _: read_dossier(drip(p))),
    Case("signoff/dossier.py _load 1", lambda p: pelu_fab.verify(p), r"a folder that `pelu-fab compile` wrote", lambda p, _: pelu_fab.verify(drip(p))),
    Case("signoff/dossier.py _load 2", lambda p: pelu_fab.verify(spoilt("manifest.json", "{")(p)), r"compile it again", lambda p, _: pelu_fab.verify(drip(p))),
    Case("signoff/dossier.py _manifest 2", lambda p: pelu_fab.verify(edited(parts=3)(p)), r"compile it again", lambda p, _: pelu_fab.verify(drip(p))),
    Case("signoff/dossier.py read_network 1", lambda p: read_network(spoilt("network.json", "{}")(p) / "network.json"), r"compile it again", lambda p, _: read_network(drip(p) / "network.json")),
    Case("signoff/dossier.py read_network 2", lambda p: read_network(spoilt("network.json", '{"layers": [{"h": [1e300], "w": [[1.0]]}], "inputs": ["a"], "outputs": ["b"]}')(p) / "network.json"),
         r"compile it again", lambda p, _: read_network(drip(p) / "network.json")),
    Case("signoff/inspection.py inspect 1", lambda p: pelu_fab.inspect(p), r"an STL file, or a folder that compile wrote", (lambda p, _: pelu_fab.inspect(one_part(p)), lambda p, _: pelu_fab.inspect(drip(p)))),
    Case("signoff/packages.py read_package 1", lambda _: read_package(b"PK", "plate-1.3mf"), r"compile it again", lambda *_: read_package(plate(), "plate-1.3mf")),
    Case("signoff/recovery.py recover_folder 1", lambda p: recover_folder(partless(p)), r"compile it again", lambda p, _: recover_folder(drip(p))),
    Case("signoff/verdict.py verify 1", lambda p: pelu_fab.verify(drip(p), trace=[1.0, 2.0]), r"give 1, one for each input", lambda p, _: pelu_fab.verify(p / "drip", trace=[1.0])),
    Case("signoff/question.py read_question 1", asked("schema = 1\n"), r"the checkpoint itself", lambda p, _: read_question(p / "d" / "net.json")),
    Case("signoff/question.py _toml 1", asked("a = = 1\n"), r"the design that was compiled", asked(HEAD)),
    Case("signoff/question.py _process 1", lambda p: read_question(folder(p, HEAD + "process = 'p.toml'\n", net_json=NET, p_toml="a = 1\n")),
         r"the one compiled with", asked(HEAD + "process = 'resin'\n")),
    Case("signoff/question.py _scaling 1", asked(HEAD + "scaling = [1]\n"), r"the design that was compiled", asked(HEAD)),
    Case("signoff/question.py _readouts 1", asked(HEAD + "readout = [1]\n"), r"the design that was compiled", asked(HEAD)),
    Case("show/report_data.py _table 1", lambda p: read_facts(spoilt("manifest.json", "{")(p)), r"compile the design again", lambda p, _: read_facts(drip(p))),
    Case("show/report_data.py _table 2", lambda p: read_facts(spoilt("manifest.json", "[]")(p)), r"compile the design again", lambda p, _: read_facts(drip(p))),
    Case("exports.py chosen 1", do(lambda: chosen(["stp"])), r"did you mean '(\w+)'", lambda _, m: chosen([m[1]])),
]  # fmt: skip


@cache
def plate() -> bytes:
    from exports import device
    from pelu_fab.formats.threemf import to_plates

    return next(blob for name, blob in to_plates(device("drip")).items() if name.endswith(".3mf"))


# ---- command lines ----


def cli(*words: object) -> Callable[..., None]:
    """A command line; `{}` in it is a folder with a drip's export in `drip`, a table in `one.csv`."""

    def run(at: Path, *_: object) -> None:
        if not (at / "drip").exists():
            export("drip", at)
            (at / "one.csv").write_text("rain\n20\n")
            (at / "two.csv").write_text("a,class\n" + "1,x\n2,y\n9,y\n3,x\n" * 4)
            folder(at, HEAD + 'schema = 1\nname = "d"\n', net_json=NET)
        command(*(str(word).replace("{}", str(at)) for word in words))

    return run


@cache
def drips(name: str) -> rig.Rig:
    made = rig_of_design(pelu_fab.load(DESIGNS / name))
    return replace(made, samples=Samples(np.ones((2, 2)))) if name == "and-or" else made


def poured(
    text: str | None, *, sample: str | None = None, row: int | None = None, of: str = "drip", beyond: bool = False
) -> Callable[..., object]:
    return lambda *_: rig.pour_of(drips(of), text, row, sample, beyond=beyond)


def swapped(at: Path, by: str, part: str = "card-L0-b0") -> Path:
    """A drip whose part is another's file."""
    home = drip(at)
    shutil.copy(home / "parts" / f"{by}.stl", home / "parts" / f"{part}.stl")
    return home


def says(home: Path, name: str) -> None:
    """Sign-off fails, and names it."""
    report = pelu_fab.verify(home)
    assert report.verdict == "fail" and any(name in str(check) for check in report.failures)


DRIP = DESIGNS / "drip"
QUICK = ("--set", "steps=2", "--set", "restarts=1", "--no-plot")
TABLE = "[training]\nhidden = [2]\nsteps = 2\nrestarts = 1\n"


def training(toml: str, *words: str, **files: str) -> Callable[..., None]:
    head = 'schema = 1\nname = "d"\n'
    return lambda at, *_: command(
        "train", folder(at, head + toml, t_csv="a,class\n" + "1,x\n2,y\n9,y\n3,x\n" * 4, **files), "--no-plot", *words
    )


def fitted(shape: str, *words: str) -> Callable[..., None]:
    """A fit of levels: one jump upwards, or up and down again."""

    def run(at: Path, *_: object) -> None:
        up = "".join(f"{x},{x // 20 if shape == 'up' else x // 10 % 2}\n" for x in range(40))
        (at / f"{shape}.csv").write_text("x,y\n" + up)
        command("fit", at / f"{shape}.csv", "--steps", "20", "-o", at / "f", *words)

    return run


TRAINED = 'checkpoint = "n.safetensors"\n'
COMMANDS = [
    Case("commands/rig.py numbers 1", poured("1,2"), r"give 1, parted by commas", poured("1")),
    Case("commands/rig.py pour_of 1", poured("20", sample="20"), r"give one of them", (poured("20"), poured(None, sample="20"))),
    Case("commands/rig.py pour_of 2", poured(None), r"add --pour, one number for each jug, or --sample", (poured("20"), poured(None, sample="20"))),
    Case("commands/rig.py pour_of 3", poured(None, row=2, of="and-or"), r"count rows from 0", poured(None, row=1, of="and-or")),
    Case("commands/rig.py units_of 1", poured(None, sample="1,2"), r"commas, with decimal points, \w+$", poured(None, sample="1")),
    Case("commands/rig.py check_jugs 1", poured("999"), r"add --beyond", (poured("999", beyond=True), poured("20"))),
    Case("commands/rig.py leaning 1", do(lambda: rig.leaning("1")), r"as (\S+)$", lambda _, m: rig.leaning(m[1])),
    Case("commands/rig.py leaning 2", do(lambda: rig.leaning("90,0")), r"stand the device on a table", do(lambda: rig.leaning("9,0"))),
    Case("commands/rig.py top_up 1", do(lambda: rig.top_up("9", drips("drip"), 1e3)), r"for example (\S+)", lambda _, m: rig.top_up(m[1], drips("drip"), 1e3)),
    Case("commands/simulate.py simulate 1", cli("simulate", "{}/drip", "--pour", "20", "--gif", "{}/a.gif"), r"simulate the design or checkpoint", cli("simulate", DRIP, "--pour", "20")),
    Case("commands/simulate.py simulate 2", cli("simulate", "{}/drip", "--pour", "20", "--mode", "wet"), r"use (ideal) or (real)",
         (lambda p, m: cli("simulate", "{}/drip", "--pour", "20", "--mode", m[1])(p), lambda p, m: cli("simulate", "{}/drip", "--pour", "20", "--mode", m[2])(p)), slow=True),
    Case("commands/simulate.py _schedule 1", cli("simulate", "{}/drip", "--pour", "20", "--over", "3", "--rate", "1"), r"all at once, or one by one",
         (cli("simulate", "{}/drip", "--pour", "20", "--over", "3"), cli("simulate", "{}/drip", "--pour", "20", "--rate", "1")), slow=True),
    Case("commands/simulate.py _schedule 2", cli("simulate", "{}/drip", "--pour", "20", "--over", "0"), r"seconds or mL/s above 0", cli("simulate", "{}/drip", "--pour", "20", "--over", "1")),
    Case("commands/source.py rig_of 1", cli("simulate", "{}/drip", "--pour", "20", "--set", "unit_ml=1"), r"give it to the design instead", cli("simulate", DRIP, "--pour", "20", "--set", "unit_ml=1")),
    Case("commands/recovered.py _water 1", lambda p: rig_of(swapped(p, "jug")), r"run pelu-fab verify", lambda p, _: says(p / "drip", "L0.b0")),
    Case("commands/recovered.py _bucket 1", lambda p: rig_of(swapped(p, "cup-y0")), r"run pelu-fab verify", lambda p, _: says(p / "drip", "L0.b0")),
    Case("commands/recovered.py _mouth 1", lambda p: rig_of(swapped(p, "cup-y0", "rack")), r"run pelu-fab verify", lambda p, _: says(p / "drip", "out.y0")),
    Case("commands/fit.py _check_readable 1", fitted("up-and-down", "--prints", "8", "--volume", "200"), r"one jump upwards, fitted without --buckets, is made by a flush; or (--prints 0)$",
         (fitted("up", "--prints", "8"), fitted("up-and-down", "--prints", "0", "--volume", "200")), slow=True),
    Case("commands/fit.py fit 1", cli("fit", "exp", "--readout", "cups"), r"use (differential) or (single)", lambda p, m: cli("fit", "exp", "--readout", m[2], "--steps", "2", "--buckets", "1", "--prints", "0", "-o", "{}/f")(p)),
    Case("commands/fit.py _own_folder 1", cli("fit", "exp", "-o", "{}/d"), r"another folder with -o", cli("fit", "exp", "--steps", "2", "--buckets", "1", "--prints", "0", "-o", "{}/f")),
    Case("commands/fit.py _span 1", cli("fit", "exp", "--range", "1"), r"--range (\S+)$", lambda p, m: cli("fit", "sin", "--range", m[1], "--steps", "2", "--buckets", "1", "--prints", "0", "-o", "{}/f")(p)),
    Case("commands/train.py _chosen 1", training(TRAINED + 'data = "t.csv"\n' + TABLE, "--label", "class"), r"leave --label, --target, --features out", training(TRAINED + 'data = "t.csv"\n' + TABLE)),
    Case("commands/train.py _chosen 2", cli("train", "{}/two.csv", "--label", "class", "--target", "a"), r"give one of them", cli("train", "{}/two.csv", "--label", "class", "-o", "{}/t", *QUICK)),
    Case("commands/train.py _task 1", training(TRAINED + 'data = "t.csv"\n'), r"add one, or train from a CSV", (training(TRAINED + 'data = "t.csv"\n' + TABLE), cli("train", "{}/two.csv", "-o", "{}/t", *QUICK))),
    Case("commands/train.py _task 2", training(TRAINED + TABLE), r"add data = ", training(TRAINED + 'data = "t.csv"\n' + TABLE)),
    Case("commands/train.py _task 3", training('checkpoint = "net.json"\ndata = "t.csv"\n' + TABLE), r"name one with -o", lambda p, _: training('checkpoint = "net.json"\ndata = "t.csv"\n' + TABLE, "-o", str(p / "n.safetensors"))(p)),
    Case("commands/train.py _folder_task 1", cli("train", "{}/two.csv", "-o", "{}/n.pt"), r"name one with -o, or a folder", (cli("train", "{}/two.csv", "-o", "{}/n.safetensors", *QUICK), cli("train", "{}/two.csv", "-o", "{}/t", *QUICK))),
    Case("commands/train.py _new_folder 1", cli("train", "{}/two.csv", "-o", "{}/d", *QUICK), r"pelu-fab train \S+ trains it again; or --force, or another folder with -o",
         (cli("train", "{}/two.csv", "-o", "{}/t", *QUICK), cli("train", "{}/two.csv", "-o", "{}/d", "--force", *QUICK), cli("train", "{}/d", "--no-plot"))),
    Case("commands/train.py _workshop 1", cli("train", "{}/two.csv", "-o", "{}/n.safetensors", *QUICK, "--set", "device.steps=1"), r"train from a design folder", cli("train", "{}/two.csv", "-o", "{}/n.safetensors", *QUICK)),
    Case("commands/verify.py _traced 1", cli("verify", "{}/drip", "--trace", "20", "--sample", "20"), r"give one of them", (cli("verify", "{}/drip", "--trace", "20"), cli("verify", "{}/drip", "--sample", "20"))),
    Case("commands/verify.py _volumes 1", cli("verify", "{}/drip", "--trace", "a"), r"volumes like", cli("verify", "{}/drip", "--trace", "20")),
    Case("commands/yield_.py forecast_yield 1", cli("yield", "{}/drip", "--sample", "20", "--at-least", "2"), r"accuracies in 0 to 1", cli("yield", "{}/drip", "--sample", "20", "--prints", "2", "--at-least", "0.9")),
    Case("commands/yield_.py _samples 1", cli("yield", "{}/drip", "--sample", "20", "--data", "{}/one.csv"), r"give one of them", cli("yield", "{}/drip", "--sample", "20", "--prints", "2")),
    Case("commands/yield_.py _samples 2", cli("yield", "{}/drip", "--prints", "2"), r"add --data CSV, or --sample", (cli("yield", "{}/drip", "--prints", "2", "--data", "{}/one.csv"), cli("yield", "{}/drip", "--sample", "20", "--prints", "2"))),
    Case("commands/calibrate.py calibrate 1", cli("calibrate", "resin", "--measured", "{}/one.csv", "-o", "{}/mine.txt"), r"name the profile so, for example (\S+\.toml)", lambda p, _: calibrated(p)),
    Case("commands/view.py view 1", lambda p: unreported(p), r"compile again with --formats report", lambda p, _: (cli("compile", DRIP, "-o", "{}/drip", "--formats", "report")(p), cli("view", "{}/drip", "--no-open")(p)), slow=True),
]  # fmt: skip


def unreported(at: Path) -> None:
    cli("compile", DRIP, "-o", "{}/drip", "--formats", "stl")(at)
    command("view", at / "drip", "--no-open")


def calibrated(at: Path) -> None:
    (at / "measured.csv").write_text(csv_of(GOOD))
    command("calibrate", "fdm-pla-detergent", "--measured", at / "measured.csv", "-o", at / "mine.toml")


# ---- the solver's cases ----

CFD = [
    Case("cfd/plan.py jobs_of 1", do(lambda: plan.jobs_of(recovered("drip"), ["L0.b0 here"], [pour.pour_of("even")], DETERGENT, 4, 1.0)), r"leave out the part", do(lambda: plan.jobs_of(recovered("drip"), ["L0.b0"], [pour.pour_of("even")], DETERGENT, 4, 1.0))),
    Case("cfd/bucket.py bucket_of 1", do(lambda: bucket.bucket_of("out.y0", cup("drip"), np.eye(4), {}, np.zeros(3))), r"one straight comb", do(lambda: plan.cases_of(recovered("drip"), "L0.b0", pour.pour_of("even"), 4))),
    Case("cfd/plan.py wanted 1", do(lambda: plan.wanted(recovered("drip"), (), everything=False)), r"or one of ([^,]+)", lambda _, m: plan.wanted(recovered("drip"), (m[1],), everything=False)),
    Case("cfd/plan.py wanted 2", do(lambda: plan.wanted(recovered("drip"), ("L9.b9",), everything=False)), r"choose from ([^,]+)", lambda _, m: plan.wanted(recovered("drip"), (m[1],), everything=False)),
    Case("cfd/pour.py pour_of 1", do(lambda: pour.pour_of("fast")), r"one of (\w+)", lambda _, m: pour.pour_of(m[1])),
    Case("cfd/pour.py pour_of 2", do(lambda: pour.pour_of("even", flow=1e9)), r"flow 0\.1 to (\d+) mL/s", lambda _, m: pour.pour_of("even", flow=float(m[1]))),
    Case("cfd/siphon.py siphon_case 1", do(lambda: siphon.siphon_case("L0.b0", next(iter(recovered("drip").recovery.found.vessels)), "", np.eye(4), np.zeros((0, 3, 3)), pour.pour_of("even"), 4)), r"a bucket with one",
         do(lambda: plan.cases_of(recovered("step"), "L0.b0", pour.pour_of("even"), 4)), slow=True),
    Case("cfd/siphon.py siphon_case 2", do(lambda: plan.cases_of(recovered("step"), "L0.b0", pour.pour_of("middle"), 4)), r"use --pour (even)", lambda _, m: plan.cases_of(recovered("step"), "L0.b0", pour.pour_of(m[1]), 4), slow=True),
    Case("cfd/plan.py cases_of 1", do(lambda: plan.cases_of(recovered("step"), "L0.b0->out.y0", pour.pour_of("even"), 4)), r"give its bucket", do(lambda: plan.cases_of(recovered("step"), "L0.b0", pour.pour_of("even"), 4)), slow=True),
    Case("cfd/result.py read_results 1", lambda p: result.read_results(told_of(p, '{"schema": 99}')), r"delete it", lambda p, _: result.read_results(deleted(p))),
    Case("cfd/result.py read_results 2", lambda p: result.read_results(told_of(p, "{")), r"delete it and run", lambda p, _: result.read_results(deleted(p))),
    Case("cfd/record.py read_record 1", lambda p: record.read_record(told_of(p, "a,b") / "cfd.json"), r"delete it", lambda p, _: record.read_record(deleted(p) / "cfd.json")),
    Case("cfd/foam.py field 1", lambda p: foam.field(put(p / "alpha", "nonsense")), r"delete the case's folder", lambda p, _: foam.field(put(p / "alpha", FIELD))),
]  # fmt: skip
FIELD = "internalField nonuniform List<scalar>\n2\n(" + "\0" * 16 + ")\n;\n"


def cup(name: str) -> Any:
    found = recovered(name).recovery.found
    return found.vessels[found.outputs[0]]


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def told_of(at: Path, text: str) -> Path:
    (at / result.FILE).write_text(text)
    return at


def deleted(at: Path) -> Path:
    (at / result.FILE).unlink()
    return at


CASES = [*STAGES, *DESIGN, *EXPORTS, *COMMANDS, *CFD]
