"""Collects records and writes them in batches, so no POS waits for a write."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence

from integrations.models.connection import CloseReason
from integrations.relay.records import record_writer
from integrations.relay.records.batch import Batch, BatchRecord
from integrations.relay.records.transient_records import TransientEnded
from integrations.relay.retrying import is_refusal
from integrations.relay.sockets.registry import Live
from integrations.services import metrics
from integrations.services.rows.threads import recorders

# Seconds between two batches: short, so staff see an attempt soon, but long enough for a batch to have many rows when
# all outlets reconnect at once.
RECORD_INTERVAL = 0.25
TRIES = 3  # rejections of a whole batch before its parts are written separately

logger = logging.getLogger(__name__)


class Recorder:
    """The recorder of one process. Use it on the event loop; only the writing runs in a thread."""

    def __init__(self, process_id: uuid.UUID) -> None:
        self.process_id = process_id
        self._batch = Batch()
        self._writing = asyncio.Lock()
        self._ending = asyncio.Event()
        self._dropped = 0
        # Called with the transient requests of a batch once the database has stored or rejected them.
        self.transient_recorded: Callable[[Sequence[TransientEnded]], None] = lambda _: None

    def record(self, record: BatchRecord) -> None:
        """Add this record to the next batch."""
        self._count_dropped(self._batch.add(record))

    async def run(self) -> None:
        """Write the collected records every RECORD_INTERVAL until `end`.

        Call `end` instead of cancelling the task, because the thread of a running write would continue.
        """
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECORD_INTERVAL):
                    await self._ending.wait()
            await self.flush()

    def end(self) -> None:
        """Let `run` write once more and return."""
        self._ending.set()

    async def flush(self) -> None:
        """Write the collected records now. If the database is unavailable, keep them for the next time."""
        async with self._writing:
            batch, self._batch = self._batch, Batch()
            if not batch:
                metrics.loops.labels("recorder").set_to_current_time()
                return
            try:
                losers = await recorders.run(self._write, batch)
            except Exception as error:  # noqa: BLE001  (later batches must be written even after a bug)
                self._put_back(batch, error)
                return
        self.transient_recorded(batch.of(TransientEnded))
        _measure(batch)
        self._report_dropped()
        for live in losers:
            live.socket.close_soon(CloseReason.REPLACED)

    def write_last(self) -> None:
        """Write the remaining records without an event loop, for a process that ends."""
        batch, self._batch = self._batch, Batch()
        if batch:
            self._write(batch)

    def _write(self, batch: Batch) -> list[Live]:
        # A row that the database always rejects must not block the rows after it.
        write = record_writer.write if batch.refused < TRIES else record_writer.write_in_parts
        return write(batch, self.process_id)

    def _put_back(self, batch: Batch, error: Exception) -> None:
        metrics.recorder_waiting.set(len(batch))
        details = {"error": f"{type(error).__name__}: {error}"}
        logger.warning("Records could not be written yet.", extra=details)
        newer, self._batch = self._batch, batch
        batch.refused += is_refusal(error)
        self._count_dropped(sum(map(batch.add, newer)))

    def _count_dropped(self, count: int) -> None:
        if count:
            self._dropped += count
            metrics.recorder_dropped.inc(count)

    def _report_dropped(self) -> None:
        if self._dropped:
            details = {"count": self._dropped}
            logger.error("Attempts were dropped while the database was unavailable.", extra=details)
            self._dropped = 0


def _measure(batch: Batch) -> None:
    metrics.recorder_rows.observe(len(batch))
    metrics.recorder_lag.observe(time.monotonic() - batch.since)
    metrics.recorder_waiting.set(0)
    metrics.loops.labels("recorder").set_to_current_time()
