"""The first Iris device as it was exported: rows, trays of chutes, trays of gutters. Its generator goes, they stay.

All its 483 checks passed, and most of its water missed: what a solver and `flow.*` must find in it stands in
docs/cfd.md.
"""

import tarfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from pelu_fab.cfd.plan import Device
from pelu_fab.signoff.recovery import recover_folder

ARCHIVE = Path(__file__).parent / "data" / "first-iris.tar.xz"


def unpack(into: Path) -> Path:
    """A copy of the export (parts, manifest, networks, samples) for one test to use."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(ARCHIVE) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
        archive.extractall(into, **safely)
    return into


@cache
def folder() -> Path:
    """One copy that no test may change."""
    return unpack(Path(mkdtemp(prefix="pelu_fab-test-")) / "first-iris")


@cache
def device() -> Device:
    """The device as sign-off recovers it."""
    return Device(recover_folder(folder()))
