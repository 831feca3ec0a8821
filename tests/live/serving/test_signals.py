"""A signal stops the server at any moment after manage.py has set its signal handlers."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live.stack.binaries import give_up, need
from tests.live.stack.postgres import Postgres
from tests.live.stack.processes import Process, free_port
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.project import PROJECT

LISTENING = "Listening on"
ENDS_WITHIN = 60  # seconds; a long wait hides no fault, because a server that missed the signal never stops
AFTER_START = (0.0, 0.7)  # seconds after manage.py sets its handlers; Python may ignore an earlier signal
AFTER_LISTENING = {signal.SIGTERM: (0.0, 0.15), signal.SIGINT: (0.05, 0.4)}


@pytest.fixture(scope="module")
def stack(depot: Depot) -> Stack:
    """A stack that is not started. The tests start other servers with its environment."""
    return depot.make("serve", is_started=False)


@pytest.mark.parametrize("number", AFTER_LISTENING)
def test_a_signal_before_or_after_the_server_listens_stops_it(
    stack: Stack, tmp_path: Path, number: signal.Signals
) -> None:
    for seconds in AFTER_LISTENING[number]:
        server = started(stack, tmp_path)
        eventually(lambda server=server: LISTENING in server.log_text(), timeout=20)  # type: ignore[misc]
        pause(seconds)
        assert end(server, number) == 0
    for seconds in AFTER_START:
        server = started(stack, tmp_path)
        status = Path(f"/proc/{server.pid}/status")
        eventually(lambda status=status: has_handlers(status.read_text(encoding="ascii")), what="it has handlers")  # type: ignore[misc]
        pause(seconds)
        assert end(server, number) == 0
        assert "Exception" not in server.log_text()


def test_a_signal_while_the_workers_start_stops_them_all(
    depot: Depot, postgres: Postgres, redis: Redis, tmp_path: Path
) -> None:
    stack = depot.make("serve", postgres=postgres, redis=redis, is_started=False)
    for seconds in (0.0, 2.0):
        server = started(stack, tmp_path, "--workers", "2")
        eventually(lambda server=server: LISTENING in server.log_text(), timeout=20)  # type: ignore[misc]
        pause(seconds)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
        assert end(server, signal.SIGTERM) == 0
        assert not [child for child in children if Path(f"/proc/{child}/cmdline").exists()]


def test_a_signal_stops_the_first_process_of_a_container_while_it_starts(stack: Stack, tmp_path: Path) -> None:
    if subprocess.run([need("unshare"), "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        give_up("a namespace of processes can be made by root alone")
    command = [need("unshare"), "--pid", "--fork", "--kill-child", *serve_command()]
    server = Process(command, log=tmp_path / "first.log", env=stack.env, cwd=PROJECT)
    server.start()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    first = int(eventually(lambda: children.read_text(encoding="ascii").split(), what="it is forked")[0])
    status = Path(f"/proc/{first}/status")
    try:
        eventually(lambda: has_handlers(status.read_text(encoding="ascii")), what="it has handlers")
        subprocess.run(["kill", "-TERM", str(first)], check=True)
        assert server.wait(ENDS_WITHIN) == 0
        assert LISTENING not in server.log_text()
    finally:
        server.kill()


def has_handlers(status: str) -> bool:
    """Return whether manage.py has set its last signal handler (SIGHUP's); `status` is the text of /proc/PID/status."""
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGHUP - 1) & 1)


def serve_command(*options: str) -> list[str]:
    command = [sys.executable, "manage.py", "serve", "--prepare", "--host", "127.0.0.1", "--port", str(free_port())]
    return [*command, *options]


def started(stack: Stack, folder: Path, *options: str) -> Process:
    """Start another server that uses the stack's database, without waiting until it is ready."""
    log = folder / f"{time.monotonic_ns()}.log"
    server = Process(serve_command(*options), log=log, env=stack.env, cwd=PROJECT)
    server.start()
    return server


def pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until)


def end(server: Process, number: int) -> int:
    """Send one signal, wait until the server ends, and return its exit status."""
    server.send_signal(number)
    try:
        return server.wait(ENDS_WITHIN)
    finally:
        server.kill()
