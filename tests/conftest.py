"""Rules for every test: in CI (`PELU_FAB_CI=1`) nothing may be skipped, for a skipped test proves nothing."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings

# No time limit for a draw: machines differ. In CI the same draws each time, elsewhere new ones.
settings.register_profile("pelu_fab", deadline=None, derandomize=os.environ.get("PELU_FAB_CI") == "1")
settings.load_profile("pelu_fab")

# A test must not believe what another run found out, nor write into the user's own folders.
os.environ["PELU_FAB_CACHE"] = ""

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
