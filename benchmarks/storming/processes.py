"""Runs servers and clients as processes on given cores; measures their CPU time and memory."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
START_SECONDS, END_SECONDS = 60, 60
PROBES = 16
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """The cores of the server, and the cores of everything else."""

    servers: frozenset[int]
    client: frozenset[int]

    @classmethod
    def of_this_machine(cls, processes: int) -> "Cores":
        """Return the first `processes` cores for the server, and the others for the client.

        If no core is left, the client shares the last one.
        """
        free = sorted(os.sched_getaffinity(0))
        return cls(frozenset(free[:processes]), frozenset(free[processes:] or free[-1:]))


class Server:
    """A running server; `pids` are the processes that accept connections."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, workers: int = 1) -> None:
        self.port = port
        self._process = process
        self._workers = workers

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._workers == 1 else children_of(self._process.pid)

    def cpu(self) -> float:
        """Return the seconds of CPU time that the server has used."""
        return sum(cpu_of(pid) for pid in self.pids)

    def memory(self) -> int:
        """Return the server's resident memory in bytes."""
        return sum(memory_of(pid) for pid in self.pids)


@contextmanager
def serving(
    command: Sequence[str | Path], port: int, *, cores: frozenset[int], log: Path, workers: int = 1
) -> Iterator[Server]:
    """Start a server on these cores, wait for its first answer, and end it after the block. Exit if it fails."""
    with log.open("ab") as sink, on_cores(cores):
        process = subprocess.Popen([*map(str, command)], stdout=sink, stderr=sink)
    try:
        # The kernel chooses a worker for each probe. This many probes very likely reach all workers.
        for _ in range(PROBES * (workers - 1) + 1):
            wait_until_up(process, port, log)
        yield Server(process, port, workers)
    finally:
        end(process)


class Poses:
    """The client process. Each answer is one line of its standard output."""

    def __init__(self, job: Mapping[str, Any], core: frozenset[int]) -> None:
        with on_cores(core):
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "poses.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer; exit if the process has failed."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the client failed: its output is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> dict[str, Any]:
        """End the process by closing its standard input, and return its last answer."""
        assert self._process.stdin
        self._process.stdin.close()
        answer = self.answer()
        self._process.wait(END_SECONDS)
        return answer

    def leave(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait(END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def clients(job: Mapping[str, Any], core: frozenset[int]) -> Iterator[Poses]:
    """Run a client process until the end of the block."""
    poses = Poses(job, core)
    try:
        yield poses
    finally:
        poses.leave()


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Restrict the processes that are started in the block to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(port):
            return
        time.sleep(0.05)
    sys.exit(f"a server did not start: {log.read_text()[-2000:]}")


def answers(port: int) -> bool:
    """Return whether a server answers a request; its port can be open before it is ready."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return bool(connection.recv(16))
    except OSError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, and SIGKILL if the process does not end."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def check_file_limit(connections: int) -> None:
    """Raise the limit of open files as far as possible; warn if it is too low for this number of POSes."""
    needed = 2 * connections + 256  # a POS's old socket, used to authenticate, may still be open beside its websocket
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < needed:
        print(
            f"RLIMIT_NOFILE is {hard}; set it to {needed} or more for {connections} POSes (ulimit -n).",
            file=sys.stderr,
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
