"""On CI a test that was skipped proves nothing, so it fails the run unless its reason is on file."""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import final

import pytest


def read_allowed_skips(path: Path) -> frozenset[str]:
    """Return the test ids of `path`, which has one `<test id>  # <reason>` a line.

    Raises pytest.UsageError for a line that gives no reason.
    """
    allowed = set()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        nodeid, _, reason = line.partition("  # ")
        if not reason.strip():
            raise pytest.UsageError(f"{path}:{number}: a skip needs its reason: <test id>  # why")
        allowed.add(nodeid.strip())
    return frozenset(allowed)


@final
class SkipGate:
    """A pytest plugin that fails the run for each skipped test that is not allowed to be."""

    def __init__(self, allowed: AbstractSet[str]) -> None:
        self._allowed = allowed
        self._refused: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # An expected failure is reported as skipped too, but it has run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._judge(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._judge(report)

    def _judge(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        # A test that runs on both event loops is allowed by its name without the parameters.
        if not {report.nodeid, report.nodeid.partition("[")[0]} & self._allowed:
            self._refused.append(f"{report.nodeid}: {_reason(report)}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._refused:
            terminalreporter.section("skipped, and not in tests/allowed_skips.txt", red=True)
            for line in self._refused:
                terminalreporter.line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    place = report.longrepr
    return place[2] if isinstance(place, tuple) else str(place)
