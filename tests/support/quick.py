"""pytest's option --quick: run only the tests that start no process and are not slow.

The marker `processes` means that a test starts a process. Every test in tests/live and tests/faults has this marker;
elsewhere, a file or a test sets it. A test without it fails if it starts a process, so --quick starts no process.
The marker `slow` means that a test takes seconds of CPU time (all its cases together), for example because it
opens every page.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = (TESTS / "live", TESTS / "faults")
LEFT_OUT = ("processes", "slow")  # markers of tests that --quick leaves out
# Python's audit events for the start of a process: https://docs.python.org/3/library/audit_events.html
STARTS = ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen")

_forbidden_to: pytest.Item | None = None  # the running test, if it must not start a process
_own_process = os.getpid()


class ProcessStarted(BaseException):
    """A test without the marker started a process. An `except Exception` of the portal does not catch this."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out the tests that start a process or are slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --quick, import nothing in FOLDERS, because each worker would spend a second on the imports."""
    return True if config.getoption("quick") and collection_path in FOLDERS else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in FOLDERS):
            item.add_marker(pytest.mark.processes)
    if config.getoption("quick"):
        left_out = [item for item in items if any(map(item.get_closest_marker, LEFT_OUT))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not any(map(item.get_closest_marker, LEFT_OUT))]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _forbidden_to  # noqa: PLW0603  (an audit hook gets no argument that identifies the test)
    _forbidden_to = None if item.get_closest_marker("processes") else item
    try:
        return (yield)
    finally:
        _forbidden_to = None


def _refuse_processes(event: str, _arguments: object) -> None:
    if _forbidden_to is not None and event in STARTS and os.getpid() == _own_process:
        raise ProcessStarted(
            f"{_forbidden_to.nodeid} starts a process ({event}), which script/test --quick leaves out. Mark the test "
            "with @pytest.mark.processes, or its file with: pytestmark = pytest.mark.processes"
        )


sys.addaudithook(_refuse_processes)
