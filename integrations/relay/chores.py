"""What the server does by itself at intervals, once in the whole installation: each chore runs under a lease."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError

from integrations.services.connections import leases
from integrations.services.rows.threads import recorders

LEASE_FACTOR = 3  # a holder that misses this many turns has lost the chore to another process
SHORTEST_LEASE = 30.0  # seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chore:
    """`run` is awaited every `every` seconds, in the process that holds the lease of this name.

    It must be safe to run twice (a lease can run out under a process that was stopped), and end within a few
    seconds: what takes longer does one batch and goes on at its next turn. What it leaves running, `end` ends.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]] | None = None


class Chores:
    """Used on the event loop only."""

    def __init__(self, process_id: uuid.UUID, chores: Iterable[Chore]) -> None:
        self._process_id = process_id
        self._chores = tuple(chores)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; the first turn of each chore comes after its interval."""
        self._tasks = [asyncio.create_task(self._repeat(chore)) for chore in self._chores]

    async def stop(self) -> None:
        """Cut what runs, and let other processes take over at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(chore.end() for chore in self._chores if chore.end), return_exceptions=True)
        if self._tasks:
            with contextlib.suppress(DatabaseError, InterfaceError):
                await recorders.run(leases.give_back, self._process_id)

    async def _repeat(self, chore: Chore) -> None:
        while True:
            await asyncio.sleep(chore.every)
            try:
                await self._turn(chore)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The chore %s waits for the database (%s).", chore.name, error)
            except Exception:
                logger.exception("The chore %s failed; it is tried again in %g s.", chore.name, chore.every)

    async def _turn(self, chore: Chore) -> None:
        seconds = max(chore.every * LEASE_FACTOR, SHORTEST_LEASE)
        if await recorders.run(leases.take, chore.name, self._process_id, seconds=seconds):
            await chore.run()
