"""Small exports that several tests look at, each compiled once."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from typer.testing import CliRunner

import pelu_fab
from pelu_fab.cfd import plan
from pelu_fab.cli import application
from pelu_fab.ir.device import Device
from pelu_fab.show.report import write_report
from pelu_fab.signoff.recovery import recover_folder

DESIGNS = Path(__file__).parents[1] / "designs"


@cache
def device(name: str) -> Device:
    """A design of the gallery, compiled."""
    return pelu_fab.compile(pelu_fab.load(DESIGNS / name))


@cache
def _written(name: str) -> Path:
    folder = Path(mkdtemp(prefix="pelu_fab-test-")) / name
    pelu_fab.write(device(name), folder, formats=["svg", "report"])
    pelu_fab.verify(folder)
    write_report(folder)
    return folder


def export(name: str, into: Path) -> Path:
    """A copy of a design's signed-off export, with its report, for one test to spoil."""
    return Path(shutil.copytree(_written(name), into / name))


@cache
def recovered(name: str) -> plan.Device:
    """A design's export as sign-off recovers it, for the case writer."""
    return plan.Device(recover_folder(_written(name)))


def ran(*words: str | Path) -> dict[str, Any]:
    """What a command that ends well says with --json."""
    done = CliRunner().invoke(application(), [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found
