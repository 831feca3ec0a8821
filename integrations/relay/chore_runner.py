"""Runs each periodic chore in only one process of the installation: the process that holds the chore's lease."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError

from integrations.services.connections import leases
from integrations.services.rows.threads import recorders

LEASE_FACTOR = 3  # a holder that misses this many runs loses the chore to another process
SHORTEST_LEASE = 30.0  # seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chore:
    """A periodic task: the process that holds the lease `name` awaits `run`, and then pauses for `every` seconds.

    `run` must be safe to run twice, because a lease can expire while its process is suspended. It must finish within a
    few seconds, so longer work must do one batch per run. `end` stops anything that `run` leaves running.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]] | None = None


class Chores:
    """Runs the chores of this process. Use it on the event loop only."""

    def __init__(self, process_id: uuid.UUID, chores: Iterable[Chore]) -> None:
        self._process_id = process_id
        self._chores = tuple(chores)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the chores. Each one runs for the first time after one interval."""
        self._tasks = [asyncio.create_task(self._repeat(chore)) for chore in self._chores]

    async def stop(self) -> None:
        """Cancel running chores, and release the leases, which other processes can then take over immediately."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(chore.end() for chore in self._chores if chore.end), return_exceptions=True)
        if self._tasks:
            with contextlib.suppress(DatabaseError, InterfaceError):
                await recorders.run(leases.release, self._process_id)

    async def _repeat(self, chore: Chore) -> None:
        while True:
            await asyncio.sleep(chore.every)
            try:
                await self._run_once(chore)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("Chore is waiting for the database.", extra={"task": chore.name, "error": str(error)})
            except Exception:
                details = {"task": chore.name, "seconds": chore.every}
                logger.exception("Chore failed and will be retried.", extra=details)

    async def _run_once(self, chore: Chore) -> None:
        seconds = max(chore.every * LEASE_FACTOR, SHORTEST_LEASE)
        if await recorders.run(leases.acquire, chore.name, self._process_id, seconds=seconds):
            await chore.run()
