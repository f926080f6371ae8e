"""Rules for every test: in CI (`PELU_FAB_CI=1`) nothing may be skipped, for a skipped test proves nothing."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings
from planted import PLANTED

from pelu_fab.signoff.report import Check

# No time limit for a draw: machines differ. In CI the same draws each time, elsewhere new ones.
settings.register_profile("pelu_fab", deadline=None, derandomize=os.environ.get("PELU_FAB_CI") == "1")
settings.load_profile("pelu_fab")

# A test must not believe what another run found out, nor write into the user's own folders.
os.environ["PELU_FAB_CACHE"] = ""

RULES: dict[str, list[str]] = {}  # by the test that plants a fault for them
for _rule, _test in PLANTED.items():
    RULES.setdefault(_test, []).append(_rule)

AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)


def _failed_if_skipped(report: AnyReport) -> AnyReport:
    if os.environ.get("PELU_FAB_CI") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _failed_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _failed_if_skipped((yield))


@pytest.fixture(autouse=True)
def planted(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """A test that stands in docs/rules.md as a rule's planted fault makes that rule fail, or fails itself."""
    wanted = RULES.get(request.node.nodeid, [])
    if not wanted:
        yield
        return
    failed: set[str] = set()
    made = Check.__init__

    def noted(self: Check, *args: object, **named: object) -> None:
        made(self, *args, **named)  # type: ignore[arg-type]
        if self.status == "fail":
            failed.add(self.id)

    Check.__init__ = noted  # type: ignore[method-assign]  # by hand: tests undo what a monkeypatch did
    try:
        yield
    finally:
        Check.__init__ = made  # type: ignore[method-assign]
    assert set(wanted) <= failed, f"planted for {wanted}, and these failed: {sorted(failed)}"
