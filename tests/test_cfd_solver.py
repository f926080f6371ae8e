"""Coarse runs of the solver itself, held to what finer ones found. Minutes; needs interFoam."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from firstiris import device, unpack
from typer.testing import CliRunner

from exports import recovered
from pelu_fab.cfd import foam
from pelu_fab.cfd.plan import Device, jobs_of
from pelu_fab.cfd.pour import pour_of
from pelu_fab.cfd.run import Done, Job, prepare, run_job
from pelu_fab.cli import application

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not foam.installed(), reason=f"interFoam is not installed: {foam.PACKAGE}"),
]

LIMIT = 1200.0  # s by the clock, on a busy machine


def weave() -> Device:
    """The gallery's Iris as it is compiled today."""
    return recovered("iris")


def _job(at: str, folder: Path, *, seconds: float, flow: float, cells: int = 4, of: Device | None = None) -> Job:
    of = of or device()
    pour = pour_of("even", flow=flow, seconds=seconds, drain=0.0, below=0.0)
    [job] = jobs_of(of, [at], [pour], of.recovery.dossier.manifest.process, cells, LIMIT)
    return replace(job, folder=folder)


def _checked(folder: Path) -> str:
    done = subprocess.run(["checkMesh"], cwd=folder, env=foam.environment(), capture_output=True, text=True)
    return done.stdout


FIRST = ["L0.b0", "L0.b1", "L1.b2", "L0.b1->L1.b0 over", "L0.b0->L1.b2 into"]
WEAVE = [
    "L0.b0",
    "L0.b1",
    "L0.b2->L1.b1 over tray-L0a",
    "L0.b2->L1.b1 over tray-L0b",
    "L0.b3->L1.b1 into",
    "L1.b1->out.y2",
]


@pytest.mark.parametrize(("of", "at"), [*((device, at) for at in FIRST), *((weave, at) for at in WEAVE)])
def test_openfoam_finds_no_fault_in_a_mesh(of: Callable[[], Device], at: str, tmp_path: Path) -> None:
    job = _job(at, tmp_path / "case", seconds=0.3, flow=12.0, of=of())
    prepare(tmp_path / "case", job.files)
    told = _checked(tmp_path / "case")
    assert "Mesh OK." in told
    assert f"cells:            {job.case.cells}\n" in told


def _solved(job: Job) -> Done:
    done = run_job(job)
    assert done.error is None, done.error
    return done


def test_a_calm_pool_divides_as_it_did(tmp_path: Path) -> None:
    """L0.b0 with an even inflow: .0848/.3500/.5651 at six cells a tooth, .0846/.3501/.5653 in another's mesh."""
    done = _solved(_job("L0.b0", tmp_path / "case", seconds=0.5, flow=11.7))
    found = done.outcome
    assert found is not None
    assert found.steady == pytest.approx({"L1.b0": 0.0848, "L1.b1": 0.3500, "L1.b2": 0.5651}, abs=0.01)
    assert abs(found.balance) < 0.02 * found.poured
    assert sum(found.left.values()) < 0.02 * found.poured
    assert all(0.05 < speed < 0.6 for speed in found.speeds)
    assert set(done.pictures) == {f"{found.slug}-shares.png", f"{found.slug}-water.png"}
    assert all(blob.startswith(b"\x89PNG") for blob in done.pictures.values())


def test_most_of_a_chutes_water_misses_its_gutter(tmp_path: Path) -> None:
    """L0.b1->L1.b0, 9.6 mL/s: 2 % came down in its gutter at six cells a tooth, 21 % in another's half model."""
    done = _solved(_job("L0.b1->L1.b0 over", tmp_path / "case", seconds=0.3, flow=12.0))
    found = done.outcome
    assert found is not None
    assert found.lands.get("L1.b0", 0.0) < 0.35
    assert sum(found.lands.values()) == pytest.approx(1.0, abs=0.01)
    assert abs(found.balance) < 0.03 * found.poured
    assert found.left["fall"] > 0.3  # mL: by then the sheet has reached the lip


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = _job("L0.b1", tmp_path / "case", seconds=0.15, flow=12.0, cells=3)
    monkeypatch.setattr(foam, "POLL", 0.05)

    def stop(told: str) -> None:
        if foam.times(tmp_path / "case"):
            raise KeyboardInterrupt(told)

    with pytest.raises(KeyboardInterrupt):
        run_job(job, stop)
    [first, *_] = foam.times(tmp_path / "case")
    before = first[1].stat().st_mtime_ns
    found = _solved(job).outcome
    assert found is not None and found.poured == pytest.approx(12.0 * 0.15, rel=0.03)
    assert abs(found.balance) < 0.02
    assert first[1].stat().st_mtime_ns == before  # what had been computed was not computed again


def test_a_second_call_runs_nothing(tmp_path: Path) -> None:
    export = unpack(tmp_path / "iris")
    words = ["cfd", str(export), "--at", "L0.b1", "--pour", "even", "--seconds", "0.03", "--drain", "0", "--cells", "3"]
    first = CliRunner().invoke(application(), [*words, "--json"])
    assert first.exit_code == 0, first.output
    log = export / "cfd" / "L0.b1-even-fdm-pla-detergent" / "log.interFoam"
    before = log.stat().st_mtime_ns
    second = CliRunner().invoke(application(), [*words, "--json"])
    assert second.exit_code == 0 and second.output == first.output
    assert log.stat().st_mtime_ns == before
    [case] = json.loads(second.output)["cases"].values()
    assert case["poured"] == pytest.approx(0.36, rel=0.05)
