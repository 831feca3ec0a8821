"""Polls the database, and closes the POS connections that are no longer allowed."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.models.kept_secret import has_expired
from integrations.relay.delivery.dispatcher import Dispatcher
from integrations.relay.records.connection_records import ConnectionOpened, FramesCounted
from integrations.relay.records.recorder import Recorder
from integrations.relay.sockets.registry import Live, Registry
from integrations.relay.watch import process_lease, standings
from integrations.relay.watch.standings import Standing
from integrations.services import metrics
from integrations.services.keys import keys
from integrations.services.rows.threads import BATCH, readers, watchers

# A row may become visible a little after its own timestamp, if its transaction is long or the clock of the host that
# wrote it is slow. So each poll reads changes this far back, and all connections are checked every FULL_POLL.
LOOK_BACK = timedelta(seconds=60)
FULL_POLL = 30.0  # seconds
# Seconds between two polls. Without Redis, a change by another process takes effect after at most this time. One query
# a second is a negligible load for a database.
WATCH_INTERVAL = 1.0
JUMP = 2.0  # seconds; if the wall clock jumps further than this between two polls, it was adjusted

logger = logging.getLogger(__name__)


class Watcher:
    """Polls the database for one server process. Use it on the event loop only."""

    def __init__(self, process_id: uuid.UUID, registry: Registry, recorder: Recorder, dispatcher: Dispatcher) -> None:
        self._process_id = process_id
        self._registry = registry
        self._recorder = recorder
        self._dispatcher = dispatcher
        self._woken = asyncio.Event()
        self._is_ending = False
        self._seen_until = shared_now()
        self._lease_due = 0.0
        self._clock_offset = time.time() - asyncio.get_running_loop().time()
        self._full_poll_due = asyncio.get_running_loop().time() + FULL_POLL
        self._on_change: list[Callable[[str], None]] = []
        self._changed: dict[int, Standing] = {}  # the standings that changed within LOOK_BACK

    def poll_now(self) -> None:
        """Poll immediately instead of at the next interval."""
        self._woken.set()

    def end(self) -> None:
        """Let `run` return after its current poll."""
        self._is_ending = True
        self._woken.set()

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the ProviderOutletID of each integration that staff changed."""
        self._on_change.append(listener)

    async def run(self) -> None:
        """Poll every WATCH_INTERVAL until `end`; keep trying while the database is unavailable."""
        away = False
        while not self._is_ending:
            try:
                with metrics.watcher_seconds.time():
                    await self.poll()
            except Exception as error:  # noqa: BLE001  (the connections must be watched even after a bug)
                if not away:
                    _log_failure(error)
                away = True
            else:
                away = False
                metrics.loops.labels("watcher").set_to_current_time()
            await self._wait_for_next_poll()

    async def poll(self) -> None:
        """Compare the sockets of this process with the database once."""
        started = shared_now()  # by the same clock as the timestamps in the rows
        self._close_expired()
        await readers.run(keys.choose, self._process_id)
        since = self._seen_until - LOOK_BACK
        changed = await readers.run(standings.changed_since, since, self._changed)
        self._judge_all(changed)
        self._announce(changed)
        self._close_lost(await readers.run(standings.closed_elsewhere, self._process_id, since))
        self._seen_until = started
        await self._poll_all()
        await self._dispatcher.poll()
        await self._renew_lease()  # this comes last, because it writes, and a locked database must not delay the reads

    async def _wait_for_next_poll(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_INTERVAL):
                await self._woken.wait()
        self._woken.clear()

    def _judge_all(self, standings: dict[int, Standing]) -> None:
        for integration_id, standing in standings.items():
            live = self._registry.find(integration_id)
            if live is not None:
                _judge(live, standing)

    def _announce(self, standings: dict[int, Standing]) -> None:
        for integration_id, standing in standings.items():
            if self._changed.get(integration_id) is not standing:
                for listener in self._on_change:
                    listener(standing.provider_outlet_id)
        self._changed = standings

    def _close_lost(self, closed: dict[uuid.UUID, CloseReason]) -> None:
        for live in self._registry if closed else ():
            reason = closed.get(live.id)
            if reason == CloseReason.SERVER_LOST:
                self._recorder.record(ConnectionOpened(live))  # another process declared this one dead, but it is alive
            elif reason is not None:
                live.socket.close_soon(reason)

    def _close_expired(self) -> None:
        now = shared_now()
        for live in self._registry:
            if has_expired(live.expires_at, now):
                live.socket.close_soon(CloseReason.CREDENTIAL_RETIRED)

    async def _poll_all(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._full_poll_due:
            return
        self._full_poll_due = loop.time() + FULL_POLL
        ids = [live.integration_id for live in self._registry]
        for start in range(0, len(ids), BATCH):
            self._judge_all(await readers.run(standings.standings_of, ids[start : start + BATCH]))
        self._record_counts()

    def _record_counts(self) -> None:
        for live in self._registry:
            frames = live.frames_in + live.frames_out
            if frames != live.frames_recorded:
                live.frames_recorded = frames
                self._recorder.record(FramesCounted(live))

    async def _renew_lease(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._lease_due and not self._has_jumped():
            return
        if not await watchers.run(process_lease.renew_lease, self._process_id):
            for live in self._registry:
                self._recorder.record(ConnectionOpened(live))
        await watchers.run(process_lease.end_lost_leases, self._process_id)
        self._lease_due = loop.time() + settings.LEASE_SECONDS / 3

    def _has_jumped(self) -> bool:
        """Return whether this host's clock was adjusted since the last call.

        If so, the caller renews the lease early, which compares the clock with the database's.
        """
        offset = time.time() - asyncio.get_running_loop().time()
        jumped, self._clock_offset = abs(offset - self._clock_offset) > JUMP, offset
        return jumped


def _log_failure(error: Exception) -> None:
    if isinstance(error, DatabaseError | InterfaceError):
        details = {"error": f"{type(error).__name__}: {error}"}
        logger.warning("The watcher is waiting for the database.", extra=details)
    else:
        logger.error("The watcher failed; retrying at its next interval.", exc_info=error)


def _judge(live: Live, standing: Standing) -> None:
    if not standing.is_enabled:
        live.socket.close_soon(CloseReason.DISABLED)
        return
    if live.generation != standing.generation or live.credential_id not in standing.live_credentials:
        live.socket.close_soon(CloseReason.CREDENTIAL_RETIRED)
        return
    live.expires_at = standing.live_credentials[live.credential_id]
