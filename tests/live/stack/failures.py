"""Shows the logs of the running servers with each failed test, because often only the logs explain it."""

from collections.abc import Generator

import pytest

from tests.live.stack.processes import warnings_logged


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failed test's report the latest log lines of each running server, except those of level INFO."""
    report = yield
    if report.failed:
        report.sections.extend((f"Warnings in {name}", text) for name, text in warnings_logged())
    return report
