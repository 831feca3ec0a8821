"""Starts manage.py in a fork of a process that has imported the libraries; a new interpreter takes 3 times as long.

The fork runs manage.py from its first line, as a new interpreter does, with its own environment, folder, session and
settings; the imports have not read any settings. Tests of the start itself (tests/live/serving/test_signals.py,
tests/portal/operations/test_scripts.py and others) start a new interpreter instead.
"""

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

# The slowest imports. None reads a setting or the environment when it is imported.
LIBRARIES = (
    "cryptography.x509",
    "django.contrib.admin",
    "django.contrib.postgres.forms",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.test.client",
    "django_stubs_ext",
    "fido2.server",
    "httpx2",
    "jwt",
    "msgspec.json",
    "psycopg_pool",
    "pygments.lexers.data",
    "requests",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
    "websockets.sync.client",
    "yaml",
)
MOST_BYTES = 1 << 20  # the size limit of an order to start a process; an order consists mostly of the environment
PR_SET_PDEATHSIG = 1  # as in <linux/prctl.h>


class WarmProcess:
    """A child that the warm process has forked, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = os.pidfd_open(pid)
        self._end = select.poll()
        self._end.register(self._pidfd, select.POLLIN)

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while the process runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            if not self._end.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(["manage.py"], timeout or 0)
            self.returncode = int(_parent.order({"reap": self.pid})["status"])
            os.close(self._pidfd)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Started = subprocess.Popen[bytes] | WarmProcess


def start(
    arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: int, stdout: int, stderr: int
) -> Started:
    """Start manage.py with these arguments and file descriptors, in a new process session.

    The warm process forks to run it. If the kernel has no pidfd_open, or `env` preloads a library, a new interpreter
    runs it instead.
    """
    if not hasattr(os, "pidfd_open") or "LD_PRELOAD" in env:
        command = [*dying_with_us(), sys.executable, "manage.py", *arguments]
        return subprocess.Popen(
            command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    order = {"argv": ["manage.py", *arguments], "env": dict(env), "cwd": str(cwd)}
    return WarmProcess(int(_parent.order(order, stdin, stdout, stderr)["pid"]))


def run(
    arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run manage.py to its end, as `subprocess.run` does. Raises subprocess.TimeoutExpired after `timeout` seconds."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as error:
        given.write(stdin or "")
        given.seek(0)
        process = start(arguments, env=env, cwd=cwd, stdin=given.fileno(), stdout=out.fileno(), stderr=error.fileno())
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read(), error.read())


def dying_with_us(death_signal: str = "KILL") -> list[str]:
    """Return a command prefix: a command that has it gets this signal from the kernel when its parent process ends.

    The prefix is empty, and so has no effect, if the program setpriv is missing.
    """
    # preexec_fn is unsafe: tests have threads, so Python code that runs between fork and exec could hang on a lock.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", death_signal, "--"] if setpriv else []


class _Parent:
    """The warm process of this test worker. It is started when a test first needs a manage.py process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def order(self, order: Mapping[str, object], *descriptors: int) -> dict[str, Any]:
        with self._lock:
            self._connection = self._connection or self._start()
            socket.send_fds(self._connection, [json.dumps(order).encode()], descriptors)
            answer: dict[str, Any] = json.loads(self._connection.recv(MOST_BYTES))
            return answer

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
            # Without -P, `import redis` would find redis.py in this folder.
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=env | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        return ours

    def end(self) -> None:
        if self._connection and self._process:
            self._connection.close()
            self._process.wait(10)


_parent = _Parent()
atexit.register(_parent.end)


def take_orders(connection: socket.socket) -> Mapping[str, Any] | None:
    """Carry out orders: fork to start manage.py, or reap a child that has ended.

    Returns the order in the forked child, and None in the parent when the tests have ended.
    """
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(connection, MOST_BYTES, 3)
        if not message:
            return None
        order: dict[str, Any] = json.loads(message)
        if "reap" in order:
            _pid, status = os.waitpid(order["reap"], 0)
            connection.send(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode())
            continue
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            connection.close()
            become(order, descriptors, parent)
            return order
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(json.dumps({"pid": pid}).encode())


def become(order: Mapping[str, Any], descriptors: Sequence[int], parent: int) -> None:
    """Set environment, folder, arguments and file descriptors from the order; this process dies with its parent."""
    os.setsid()
    _die_with(parent)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["env"])
    if os.environ.get("PYTHONFAULTHANDLER"):  # Python reads this variable only when it starts
        faulthandler.enable()
    os.chdir(order["cwd"])
    sys.argv = order["argv"]
    sys.path.insert(0, order["cwd"])


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    gc.disable()
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # otherwise each child's first garbage collection would copy all memory pages
    if take_orders(socket.socket(fileno=int(sys.argv[1]))):
        gc.enable()
        runpy.run_path("manage.py", run_name="__main__")


if __name__ == "__main__":
    main()
