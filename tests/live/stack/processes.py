"""Child processes that never outlive the test run, however the run ends."""

import atexit
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.live.stack.ledger import LEDGER
from tests.live.stack.warm_start import Started, dying_with_us

# The workers use five ranges of this many ports, from 10,000 to 29,999. Linux gives ports above 32,767 to clients.
PORTS_PER_WORKER = 4_000

_running: set["Process"] = set()


def _ports_of_this_worker() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10_000 + worker % 5 * PORTS_PER_WORKER
    begin = random.randrange(PORTS_PER_WORKER)  # another test run on this machine may use the first ports
    return (first + (begin + number) % PORTS_PER_WORKER for number in range(PORTS_PER_WORKER))


_candidates = _ports_of_this_worker()


class Process:
    """A server process in a separate session. It can be started again after it ends, and appends to the same log."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        user: str | None = None,
        death_signal: str = "KILL",
    ) -> None:
        self.log_path = LEDGER.watch(log)
        self._command = [*dying_with_us(death_signal), *command]
        self._env = dict(env)
        self._cwd = cwd
        self._user = user
        self._popen: Started | None = None

    @property
    def pid(self) -> int:
        return self._started.pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Suspend the process and its children (SIGSTOP) until the block ends; the kernel still takes data for them."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        pids = [self.pid, *map(int, children.split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):  # killed during the block
                    os.kill(pid, signal.SIGCONT)

    def change_environment(self, env: Mapping[str, str]) -> None:
        """Set the environment of the next start."""
        self._env = dict(env)

    def start(self) -> None:
        if self.is_running:
            raise RuntimeError(f"already running: {self._command}")
        with self.log_path.open("ab") as log:
            self._popen = self._launch(log.fileno())
        _running.add(self)

    def send_signal(self, number: int) -> None:
        self._started.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """Wait until the process ends, and return its exit status: minus the signal number if a signal ended it.

        After the timeout, end the process with SIGABRT and raise TimeoutExpired. For a Python process, the error has a
        note of what its threads were doing.
        """
        try:
            return self._started.wait(timeout)
        except subprocess.TimeoutExpired as error:
            error.add_note(self._abort())
            raise

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Signal the process, wait for it, and kill the rest of its process group."""
        self.send_signal(number)
        try:
            return self.wait(timeout)
        finally:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL to the process and its children; does nothing after an earlier kill."""
        if self not in _running:
            return
        _running.discard(self)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10)

    def log_text(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _abort(self) -> str:
        """End the process with SIGABRT, and return the text that it logs while it ends."""
        logged = len(self.log_text())
        self._started.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            self._started.wait(5)
        return self.log_text()[logged:]

    def _launch(self, log: int) -> Started:
        """Start the process; its stdout and stderr go to the file descriptor `log`."""
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
        )

    @property
    def _started(self) -> Started:
        if self._popen is None:
            raise RuntimeError(f"never started: {self._command}")
        return self._popen


def warnings_logged(most: int = 15) -> Iterator[tuple[str, str]]:
    """Yield the name of each running server that logged lines at levels other than INFO, with the last such lines."""
    for process in _running:
        unusual = [line for line in process.log_text().splitlines() if '"level": "INFO"' not in line]
        if unusual:
            yield f"{process.log_path.parent.name}/{process.log_path.name}", "\n".join(unusual[-most:])


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on, and that no earlier call in this process returned.

    The port is below those that the kernel gives to clients, and in a range that only this test worker uses. So no
    other process takes the port before the server binds it.
    """
    for port in _candidates:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port is left")


def plain_environment() -> dict[str, str]:
    """Return the variables that any program needs, without any setting of the portal.

    With PYTHONFAULTHANDLER, SIGABRT makes Python write what each thread does.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONFAULTHANDLER": "1"}


@atexit.register
def kill_all() -> None:
    for process in list(_running):
        process.kill()
