"""The kill score of sign-off: faults planted, those caught, and those named by rule and place, kind by kind.

    python benchmarks/kill_score.py [maker] [file] [iris] [1-1] [1-2] [2-5-2 one-hot] [5-4-3-2] [dropped shares]

Prints a row of a Markdown table for faults in the maker, in files, and in the STL of each device (default: all), and
what was missed or misnamed. Takes minutes each.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import pytest
from shapes import SHAPES
from test_signoff_faults import IRIS, export, score

import pelu_fab

TESTS = Path(__file__).parents[1] / "tests"
KINDS = ("maker", "file")
PLANTED_IN = ("judge", "judge_files", "signoff_flow", "signoff_read", "siphon_pool")


class Tally:
    """Outcomes of the tests that plant one kind of fault: each passes if its fault is caught by the rule that tells."""

    def __init__(self, kind: str) -> None:
        self.kind, self.planted, self.failed = kind, 0, list[str]()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests of this kind."""
        items[:] = [i for i in items if (mark := i.get_closest_marker("fault")) and mark.args == (self.kind,)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one."""
        self.planted += report.when == "call"
        if report.failed:
            self.failed.append(report.nodeid.partition("::")[2])


def row(name: str, planted: int, missed: list[str], misnamed: list[str]) -> None:
    """Print one."""
    caught, named = planted - len(missed), planted - len(missed) - len(misnamed)
    print(f"| {name} | {planted} | {caught} | {named} | {100 * named / max(planted, 1):.0f} % |")
    print(
        "".join(f"  missed {n}\n" for n in missed) + "".join(f"  misnamed {n}\n" for n in misnamed), end="", flush=True
    )


def in_stl(name: str) -> None:
    """Faults in the STL of one device."""
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "sound"
        if name == "iris":
            pelu_fab.write(pelu_fab.compile(pelu_fab.load(IRIS)), sound)
        else:
            export(name, sound)
        faults, missed, misnamed = score(sound, Path(scratch))
    row(f"in the STL of {name}", len(faults), missed, misnamed)


def in_tests(kind: str) -> None:
    """Faults in the maker or in files, as the tests plant them: one that fails counts as missed."""
    tally = Tally(kind)
    files = [str(TESTS / f"test_{name}.py") for name in PLANTED_IN]
    with contextlib.redirect_stdout(sys.stderr):
        code = pytest.main([*files, "--tb=line"], plugins=[tally])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), code
    row(f"in the {kind}" if kind == "maker" else "in files", tally.planted, tally.failed, [])


if __name__ == "__main__":
    for asked in sys.argv[1:] or (*KINDS, "iris", *SHAPES):
        (in_tests if asked in KINDS else in_stl)(asked)
