"""One door: Python and the command line refuse the same devices; nobody reads half an export."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pelu_fab
from exports import DESIGNS, export
from pelu_fab import files
from pelu_fab.cli import application
from pelu_fab.commands.source import rig_of
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Samples

SPILLS = ["input_max=[400]"]


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(application(), list(arguments))
    return done.exit_code, done.output


def test_what_would_spill_is_refused_by_python_and_by_the_command_alike(tmp_path: Path) -> None:
    with pytest.raises(FabError, match=r"L0\.b0: .*limit .*\(flow\.\w+: .*use smaller jugs \(") as refusal:
        pelu_fab.compile(pelu_fab.load(DESIGNS / "drip", settings=SPILLS))
    code, said = command("compile", str(DESIGNS / "drip"), "--set", *SPILLS, "-o", str(tmp_path / "d"))
    assert (code, said) == (2, f"error: {refusal.value}\n")
    assert not (tmp_path / "d").exists()
    advice = re.search(r"--set '(input_max=\[[^]]*\])'", said)
    assert advice, said
    assert pelu_fab.compile(pelu_fab.load(DESIGNS / "drip", settings=[advice[1]])).findings == ()


def test_no_jug_is_proposed_that_is_smaller_than_what_the_data_pours() -> None:
    design = pelu_fab.load(DESIGNS / "drip", settings=SPILLS)
    design = replace(design, samples=Samples(np.array([[10.0], [399.0]])))
    with pytest.raises(FabError, match=r"; make the unit smaller \(--set unit_ml=0\.4\), or make it all"):
        pelu_fab.compile(design)


def test_what_would_spill_is_made_by_force_and_says_so() -> None:
    device = pelu_fab.compile(pelu_fab.load(DESIGNS / "drip", settings=SPILLS), force=True)
    assert {finding.where for finding in device.findings} >= {"L0.b0"}
    assert pelu_fab.compile(pelu_fab.load(DESIGNS / "drip")).findings == ()


def test_verify_from_python_refreshes_the_page_and_the_places(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    before = (folder / "report.html").read_bytes()
    part = next((folder / "parts").glob("card*.stl"))
    part.write_bytes(part.read_bytes()[:-50])
    assert pelu_fab.verify(folder).verdict == "fail"
    assert (folder / "report.html").read_bytes() != before


def test_a_verdict_is_given_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    (folder / "verify.json").unlink()
    (folder / "verify.json" / "in the way").mkdir(parents=True)
    report = pelu_fab.verify(folder)
    assert report.verdict == "pass" and "verify.json: can't be written" in report.unwritten
    code, said = command("verify", str(folder))
    assert code == 0 and "verdict: pass" in said and "not written: " in said
    part = next((folder / "parts").glob("card*.stl"))
    part.write_bytes(part.read_bytes()[:-50])
    code, said = command("verify", str(folder))
    assert code == 1 and "verdict: fail" in said


def _inspected(folder: Path) -> object:
    return pelu_fab.inspect(next((folder / "parts").glob("card*.stl"))).to_dict()


READERS: dict[str, Callable[[Path], object]] = {
    "verify": lambda folder: pelu_fab.verify(folder).to_dict(),
    "inspect": lambda folder: pelu_fab.inspect(folder).to_dict()["meshes"],
    "inspect of a part": _inspected,
    "simulate and yield": lambda folder: rig_of(folder).water.rows,
    "view": lambda folder: command("view", str(folder), "--no-open")[0],
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_brings_back_what_a_killed_build_left_half_renamed(reader: str, tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    sound = READERS[reader](folder)
    manifest = (folder / "manifest.json").read_bytes()
    there = sorted(json.loads(manifest)["files"])
    part = next(name for name in there if name.startswith("parts/card"))
    half = {part: b"another device", "netlist.txt": b"another", "manifest.json": b"{}"}
    files._stage(folder, half, [*there, "manifest.json"])
    for name in (part, "manifest.json"):  # killed here: two of three names changed
        (folder / files.WORK / "new" / name).replace(folder / name)
    assert READERS[reader](folder) == sound
    assert (folder / "manifest.json").read_bytes() == manifest and not (folder / files.WORK).exists()


@pytest.mark.parametrize(
    "journal", ["{", "[]", '{"old": []}', '{"old": [], "new": ["../precious"]}', '{"old": ["/etc/passwd"], "new": []}']
)
def test_a_journal_that_no_build_wrote_is_refused_and_moves_nothing(journal: str, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "d" / files.WORK).mkdir(parents=True)
    (tmp_path / "d" / files.WORK / files.JOURNAL).write_text(journal)
    with pytest.raises(FabError, match=r"journal\.json: is no journal of a build; remove"):
        files.recover(tmp_path / "d")
    assert (tmp_path / "precious").exists()


def test_a_second_export_says_which_pieces_to_print_again(tmp_path: Path) -> None:
    folder = tmp_path / "drip"
    assert "reprint" not in command("compile", str(DESIGNS / "drip"), "-o", str(folder))[1]
    labels = ["--set", 'outputs=["glass"]']
    assert "reprint 1 of 4: cup-y0\n" in command("compile", str(DESIGNS / "drip"), "-o", str(folder), *labels)[1]
    same = command("compile", str(DESIGNS / "drip"), "-o", str(folder), *labels, "--set", "max_teeth=13")[1]
    assert "reprint 0 of 4: the parts are as in the export before" in same
