"""Collects what is to be recorded and writes it in batches, so that no POS waits for a write (design rule 5)."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from integrations.models import AuthAttempt, StrayFrame
from integrations.models.connection import CloseReason
from integrations.relay.database import in_database
from integrations.relay.registry import Live
from integrations.services import recording

ATTEMPTS_KEPT = 20_000  # while the database is away; beyond, the oldest go and are counted in the log
STRAYS_KEPT = 1_000

logger = logging.getLogger(__name__)


@dataclass
class Batch:
    """What is to be written in one transaction."""

    opened: dict[uuid.UUID, Live] = field(default_factory=dict)
    closed: dict[uuid.UUID, "Closing"] = field(default_factory=dict)
    used: dict[int, datetime] = field(default_factory=dict)
    attempts: deque[AuthAttempt] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    strays: deque[StrayFrame] = field(default_factory=lambda: deque(maxlen=STRAYS_KEPT))

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed or self.used or self.attempts or self.strays)


@dataclass(frozen=True)
class Closing:
    """How a connection ended."""

    live: Live
    at: datetime
    code: int | None
    reason: CloseReason


class Recorder:
    """Used on the event loop; only the writing itself happens in a thread."""

    def __init__(self, process_id: uuid.UUID) -> None:
        self.process_id = process_id
        self._batch = Batch()
        self._writing = asyncio.Lock()
        self._dropped = 0

    def opened(self, live: Live) -> None:
        self._batch.opened[live.id] = live

    def closed(self, live: Live, *, at: datetime, code: int | None, reason: CloseReason) -> None:
        self._batch.closed[live.id] = Closing(live, at, code, reason)

    def used(self, credential_id: int, at: datetime) -> None:
        self._batch.used[credential_id] = at

    def attempt(self, attempt: AuthAttempt) -> None:
        if len(self._batch.attempts) == ATTEMPTS_KEPT:
            self._dropped += 1
        self._batch.attempts.append(attempt)

    def stray(self, frame: StrayFrame) -> None:
        self._batch.strays.append(frame)

    async def run(self) -> None:
        """Write what was collected, every RECORD_INTERVAL, until cancelled."""
        while True:
            await asyncio.sleep(settings.RECORD_INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        """Write what was collected now. While the database is away it is kept for the next time."""
        async with self._writing:
            batch, self._batch = self._batch, Batch()
            if not batch:
                return
            try:
                losers = await in_database(recording.write, batch, self.process_id)
            except (DatabaseError, InterfaceError) as error:
                self._put_back(batch, error)
                return
        self._report_dropped()
        for live in losers:
            live.socket.close_soon(CloseReason.REPLACED)

    def drain_now(self) -> Iterator[Batch]:
        """Yield what is left, for a process that ends without its event loop."""
        batch, self._batch = self._batch, Batch()
        if batch:
            yield batch

    def _put_back(self, batch: Batch, error: Exception) -> None:
        logger.warning("Records wait for the database (%s: %s).", type(error).__name__, error)
        newer, self._batch = self._batch, batch
        batch.opened.update(newer.opened)
        batch.closed.update(newer.closed)
        batch.used.update(newer.used)
        for attempt in newer.attempts:
            self.attempt(attempt)
        batch.strays.extend(newer.strays)

    def _report_dropped(self) -> None:
        if self._dropped:
            logger.error("%d attempts were not recorded while the database was away.", self._dropped)
            self._dropped = 0
