"""Keeps several worker processes on one address: starts them, replaces those that die, and restarts them in turn.

Each worker has a place with a listening socket of its own beside the others' (SO_REUSEPORT: the kernel spreads the
connections evenly, also in a storm, where workers on one shared socket took between 4 and 40 % of them). The supervisor
holds these sockets open, and a place's next worker inherits its socket: a restart refuses nobody, and whoever
waits to be accepted waits for the next worker.
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

from portal.serving import line, worker_metrics
from portal.serving.listening import Address
from portal.serving.worker_environment import Unusable, check, worker_environment

BACKLOG = 4096
READY_SECONDS = 60.0  # that a worker has to begin to serve
STEADY_SECONDS = 10.0  # after which a worker's end counts as its first failure
FIRST_PAUSE = 1.0  # before a worker that failed twice in a row is started again; doubles, up to
LONGEST_PAUSE = 30.0
STOP_MARGIN = 20.0  # seconds beyond the drain itself, after which a worker that hangs is killed

logger = logging.getLogger(__name__)


class Worker:
    """One process. Both ends of its line close with it."""

    def __init__(self, process: asyncio.subprocess.Process, end: socket.socket) -> None:
        self._process = process
        self._end = end
        self._started_at = monotonic()

    @classmethod
    async def start(cls, listener: socket.socket, environment: Mapping[str, str]) -> Self:
        """Start `manage.py serve` on a socket that it inherits."""
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
        """Wait until it serves; False when it ended first, or took too long."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(READY_SECONDS):
                return await asyncio.get_running_loop().sock_recv(self._end, 1) == line.READY
        return False

    def tell(self, word: bytes) -> None:
        """Say a word of the line; a worker that is gone hears nothing."""
        with contextlib.suppress(OSError):
            self._end.send(word)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Return its exit status once it has ended; negative: the signal that ended it."""
        status = await self._process.wait()
        self._end.close()
        return status


class Place:
    """One of the workers: whichever process holds the place now."""

    def __init__(self, number: int, address: Address, metrics: Path, environment: Mapping[str, str]) -> None:
        self._number = number
        self._metrics = metrics  # the folder in which the workers count together
        self._environment = environment
        self._address = address
        self._listener: socket.socket | None = None
        self._worker: Worker | None = None  # of those alive, the one that is to stay
        self._watched: dict[Worker, asyncio.Task[None]] = {}
        self._failures = 0
        self._is_leaving = False

    def listen(self) -> None:
        """Take connections, which wait for a worker."""
        self._listener = self._address.bind(shared=True)
        self._listener.listen(BACKLOG)

    async def begin(self) -> bool:
        """Start the first worker; False when it does not come to serve."""
        worker = await self._start()
        if not await worker.is_ready():
            return False
        self._worker = worker
        return True

    async def renew(self, environment: Mapping[str, str]) -> bool:
        """Put a new worker in the old one's place and wait until that has drained; False, and the old stays, if not."""
        old_environment, self._environment = self._environment, environment
        new = await self._start()
        if not await new.is_ready():
            new.kill()
            self._environment = old_environment
            return False
        old, self._worker = self._worker, new
        if old in self._watched:
            old.tell(line.HAND_OVER)
            await self._end_in_time(self._watched[old], old)
        return True

    def let_go(self) -> None:
        """Let every worker of this place drain; those that are being started do so when they serve."""
        self._is_leaving = True
        self._deafen()
        for worker in self._watched:
            worker.tell(line.STOP)

    async def left(self) -> None:
        """Wait until the last worker of this place has ended."""
        await asyncio.gather(*(self._end_in_time(task, worker) for worker, task in self._watched.items()))

    def hurry(self) -> None:
        """End the drain that has begun, faster."""
        for worker in self._watched:
            worker.tell(line.HURRY)

    async def _start(self) -> Worker:
        if self._listener is None:
            self.listen()
        environment = {**self._environment, worker_metrics.VARIABLE: str(self._metrics)}
        worker = await Worker.start(self._listener, environment)  # type: ignore[arg-type]
        self._watched[worker] = asyncio.create_task(self._watch(worker))
        if self._is_leaving:
            worker.tell(line.STOP)
        return worker

    async def _watch(self, worker: Worker) -> None:
        status = await worker.ended()
        worker_metrics.forget(self._metrics, worker.pid)
        del self._watched[worker]
        if worker is self._worker and not self._is_leaving:
            await self._follow(worker, status)

    async def _follow(self, dead: Worker, status: int) -> None:
        """Start another in the place of one that died."""
        self._failures = 0 if dead.was_steady else self._failures + 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE) if self._failures else 0.0
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        logger.error("Worker %d (pid %d) ended by %s; the next starts in %g s.", self._number, dead.pid, how, pause)
        if pause:
            self._deafen()  # or whoever the kernel puts in this place's queue would wait for as long
            await asyncio.sleep(pause)
        if not self._is_leaving:
            self._worker = await self._start()

    def _deafen(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    async def _end_in_time(self, watching: asyncio.Task[None], worker: Worker) -> None:
        limit = settings.DRAIN_NOTICE_SECONDS + settings.DRAIN_SECONDS + STOP_MARGIN
        done, _ = await asyncio.wait([watching], timeout=limit)
        if not done:
            logger.error("Worker %d (pid %d) has not ended within %g s; killed.", self._number, worker.pid, limit)
            worker.kill()
            await watching


class Supervisor:
    """Runs until SIGTERM or SIGINT (drain, a second one hurries); SIGHUP restarts the workers one after the other."""

    def __init__(self, address: Address, workers: int) -> None:
        self._metrics = settings.DATA_DIR / f"metrics-{os.getpid()}"
        environment = worker_environment()
        self._places = [Place(number, address, self._metrics, environment) for number in range(1, workers + 1)]
        self._leaving = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Take connections, which wait for the workers."""
        for place in self._places:
            place.listen()

    async def run(self) -> bool:
        """Return when all workers have ended; False if they did not come to serve at all."""
        self._heed_signals()
        worker_metrics.make_folder(self._metrics)
        has_begun = all(await asyncio.gather(*(place.begin() for place in self._places)))
        if has_begun:
            logger.info("%d workers serve.", len(self._places))
            await self._leaving.wait()
        was_told = self._leaving.is_set()
        await self._stop()
        shutil.rmtree(self._metrics, ignore_errors=True)
        return has_begun or was_told

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        loop.add_signal_handler(signal.SIGHUP, self._renew)

    def _leave(self) -> None:
        is_second = self._leaving.is_set()
        self._leaving.set()
        for place in self._places:
            place.hurry() if is_second else place.let_go()

    async def _stop(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        for place in self._places:
            place.let_go()
        await asyncio.gather(*(place.left() for place in self._places))

    def _renew(self) -> None:
        if self._renewing is not None and not self._renewing.done():
            logger.warning("The workers are being restarted already.")
            return
        self._renewing = asyncio.create_task(self._renew_all())

    async def _renew_all(self) -> None:
        logger.info("Restarting the workers, one after the other.")
        try:
            environment = worker_environment()
            await check(environment)
        except Unusable as error:
            logger.error("The new settings cannot be used; the old workers stay. %s", error)  # noqa: TRY400  (no fault)
            return
        for place in self._places:
            if not await place.renew(environment):
                logger.error("The new worker did not come to serve; the old ones stay. Its log lines say why.")
                return
        logger.info("All workers have been restarted.")


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What starts in here never gets the SIGINT that a terminal sends to all: the supervisor says when to end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
