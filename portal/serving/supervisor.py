"""Runs several worker processes on one address: starts them, respawns those that die, and restarts them one by one.

Each worker has a slot with its own listening socket (SO_REUSEPORT), and the kernel spreads the connections evenly over
the sockets. With one shared socket, a worker gets between 4 and 40 % of the connections of a reconnect storm. The
supervisor keeps the sockets open, and the next worker of a slot inherits the slot's socket. That worker accepts the
connections in the backlog, so a restart refuses no connection.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Self

from django.conf import settings

from portal.serving import control_channel, worker_metrics
from portal.serving.drain import longest_stop
from portal.serving.listening import Address
from portal.serving.worker_environment import InvalidSettings, check, worker_environment

BACKLOG = 4096
READY_SECONDS = 60.0  # time for a worker to get ready
STEADY_SECONDS = 10.0  # a worker that ran for this long resets the back-off
FIRST_BACKOFF = 1.0  # seconds before a worker that died early is respawned; doubles with each such failure
LONGEST_BACKOFF = 30.0
STOP_MARGIN = 5.0  # seconds; a worker is killed if it still runs after longest_stop() plus this margin

logger = logging.getLogger(__name__)


class Worker:
    """One worker process. Its control channel closes when it ends."""

    def __init__(self, process: asyncio.subprocess.Process, end: socket.socket) -> None:
        self._process = process
        self._end = end
        self._started_at = monotonic()

    @classmethod
    async def start(cls, listener: socket.socket, environment: Mapping[str, str]) -> Self:
        """Start `manage.py serve` on an inherited listening socket."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        descriptors = (listener.fileno(), theirs.fileno())
        command = [
            sys.executable,
            str(settings.BASE_DIR / "manage.py"),
            "serve",
            "--worker",
            "{},{}".format(*descriptors),
        ]
        with theirs, _without_interrupts():
            process = await asyncio.create_subprocess_exec(
                *command, pass_fds=descriptors, stdin=asyncio.subprocess.DEVNULL, env=environment
            )
        return cls(process, ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def was_steady(self) -> bool:
        return monotonic() - self._started_at >= STEADY_SECONDS

    async def is_ready(self) -> bool:
        """Wait until the worker is ready; return False if it ended first or took longer than READY_SECONDS."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(READY_SECONDS):
                return await asyncio.get_running_loop().sock_recv(self._end, 1) == control_channel.READY
        return False

    def send(self, command: bytes) -> None:
        """Send a command over the control channel. Do nothing if the worker has ended."""
        with contextlib.suppress(OSError):
            self._end.send(command)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Wait until the process has ended; return its exit status, or minus the number of the signal that ended it."""
        status = await self._process.wait()
        self._end.close()
        return status


class WorkerSlot:
    """The slot of one worker: its listening socket, its current process, and earlier ones that still drain."""

    def __init__(self, number: int, address: Address, metrics: Path, environment: Mapping[str, str]) -> None:
        self._number = number
        self._metrics = metrics  # all workers write their metrics to this folder
        self._environment = environment
        self._address = address
        self._listener: socket.socket | None = None
        self._worker: Worker | None = None  # the current process; others in `_watches` are starting or draining
        self._watches: dict[Worker, asyncio.Task[None]] = {}
        self._failures = 0
        self._is_stopping = False

    def listen(self) -> None:
        """Listen; connections wait in the backlog for a worker."""
        self._listener = self._address.bind(shared=True)
        self._listener.listen(BACKLOG)

    async def begin(self) -> bool:
        """Start the first worker; return False if it does not get ready."""
        worker = await self._start()
        if not await worker.is_ready():
            return False
        self._worker = worker
        return True

    async def replace(self, environment: Mapping[str, str]) -> bool:
        """Replace the worker by a new one and wait until the old one has drained.

        Return False, and keep the old worker, if the new one does not get ready.
        """
        old_environment, self._environment = self._environment, environment
        new = await self._start()
        if not await new.is_ready():
            new.kill()
            self._environment = old_environment
            return False
        old, self._worker = self._worker, new
        if old in self._watches:
            old.send(control_channel.HAND_OVER)
            await self._end_in_time(self._watches[old], old)
        return True

    def begin_drain(self) -> None:
        """Tell every worker of this slot to drain. A worker that is still starting does so when it is ready."""
        self._is_stopping = True
        self._close_listener()
        for worker in self._watches:
            worker.send(control_channel.STOP)

    async def wait_drained(self) -> None:
        """Wait until the last worker of this slot has ended."""
        await asyncio.gather(*(self._end_in_time(task, worker) for worker, task in self._watches.items()))

    def expedite(self) -> None:
        """Make the workers that are draining stop without further waits."""
        for worker in self._watches:
            worker.send(control_channel.EXPEDITE)

    async def _start(self) -> Worker:
        if self._listener is None:
            self.listen()
        environment = {**self._environment, worker_metrics.VARIABLE: str(self._metrics)}
        worker = await Worker.start(self._listener, environment)  # type: ignore[arg-type]
        self._watches[worker] = asyncio.create_task(self._watch(worker))
        if self._is_stopping:
            worker.send(control_channel.STOP)
        return worker

    async def _watch(self, worker: Worker) -> None:
        status = await worker.ended()
        worker_metrics.mark_worker_dead(self._metrics, worker.pid)
        del self._watches[worker]
        if worker is self._worker and not self._is_stopping:
            await self._respawn(worker, status)

    async def _respawn(self, dead: Worker, status: int) -> None:
        """Start a new worker after one that died, with a back-off if workers die repeatedly."""
        self._failures = 0 if dead.was_steady else self._failures + 1
        backoff = min(FIRST_BACKOFF * 2 ** (self._failures - 1), LONGEST_BACKOFF) if self._failures else 0.0
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        details = {"worker": self._number, "pid": dead.pid, "error": how, "seconds": backoff}
        logger.error("A worker ended unexpectedly and will be replaced.", extra=details)
        if backoff:
            self._close_listener()  # otherwise connections would wait in its backlog until the new worker is ready
            await asyncio.sleep(backoff)
        if not self._is_stopping:
            self._worker = await self._start()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    async def _end_in_time(self, watching: asyncio.Task[None], worker: Worker) -> None:
        limit = longest_stop() + STOP_MARGIN
        done, _ = await asyncio.wait([watching], timeout=limit)
        if not done:
            details = {"worker": self._number, "pid": worker.pid, "seconds": limit}
            logger.error("A worker did not end in time and was killed.", extra=details)
            worker.kill()
            await watching


class Supervisor:
    """Runs the workers until SIGTERM or SIGINT, which drain them.

    After a second such signal, the workers stop without further waits. SIGHUP restarts the workers one by one.
    """

    def __init__(self, address: Address, workers: int) -> None:
        self._metrics = settings.DATA_DIR / f"metrics-{os.getpid()}"
        environment = worker_environment()
        self._slots = [WorkerSlot(number, address, self._metrics, environment) for number in range(1, workers + 1)]
        self._stopping = asyncio.Event()
        self._restarting: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Listen; connections wait in the backlog for the workers."""
        for slot in self._slots:
            slot.listen()

    async def run(self) -> bool:
        """Run until all workers have ended; return False if they never got ready and no signal stopped the start."""
        self._install_signal_handlers()
        worker_metrics.create_folder(self._metrics)
        has_begun = all(await asyncio.gather(*(slot.begin() for slot in self._slots)))
        if has_begun:
            logger.info("All workers are ready.", extra={"count": len(self._slots)})
            await self._stopping.wait()
        was_requested = self._stopping.is_set()
        await self._stop()
        shutil.rmtree(self._metrics, ignore_errors=True)
        return has_begun or was_requested

    def _install_signal_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._request_stop)
        loop.add_signal_handler(signal.SIGHUP, self._request_restart)

    def _request_stop(self) -> None:
        is_second = self._stopping.is_set()
        self._stopping.set()
        for slot in self._slots:
            slot.expedite() if is_second else slot.begin_drain()

    async def _stop(self) -> None:
        if self._restarting is not None:
            self._restarting.cancel()
        for slot in self._slots:
            slot.begin_drain()
        await asyncio.gather(*(slot.wait_drained() for slot in self._slots))

    def _request_restart(self) -> None:
        if self._restarting is not None and not self._restarting.done():
            logger.warning("SIGHUP ignored: a restart of the workers is in progress.")
            return
        self._restarting = asyncio.create_task(self._restart_workers())

    async def _restart_workers(self) -> None:
        logger.info("Rolling restart of the workers started.")
        try:
            environment = worker_environment()
            await check(environment)
        except InvalidSettings as error:
            details = {"error": str(error)}
            logger.error("New settings rejected; the old workers stay.", extra=details)  # noqa: TRY400  (not our error)
            return
        for slot in self._slots:
            if not await slot.replace(environment):
                logger.error("The new worker did not become ready; the old ones stay. Its log lines say why.")
                return
        logger.info("All workers have been restarted.")


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Mask SIGINT until the `with` block ends; child processes that start in the block inherit the mask.

    On Ctrl+C, the terminal signals the workers as well as the supervisor, but only the supervisor stops workers.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
