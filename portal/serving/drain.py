"""Drains a process: closes the sockets of its POSes without cutting off requests that can still be answered."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from django.conf import settings

from integrations.models.connection import CloseReason
from integrations.relay.runtime import Runtime
from integrations.relay.sockets.registry import Live

ANSWER_SECONDS = 5.0  # time for a POS to answer the requests that it has, before its socket closes
TAKEOVER_SECONDS = 10.0  # time that callers still wait, while their POS reconnects to another process
CLOSE_SECONDS = 2.0  # time to send a close frame; then the drain continues even if the POS has not read it
POLL_SECONDS = 0.05
STOP_MARGIN_SECONDS = 30.0  # a stop may take this long, plus DRAIN_NOTICE_SECONDS and DRAIN_SECONDS

logger = logging.getLogger(__name__)


def longest_stop() -> float:
    """Return the seconds that a stop of this process may take."""
    return float(settings.DRAIN_NOTICE_SECONDS + settings.DRAIN_SECONDS + STOP_MARGIN_SECONDS)


class Drain:
    """One drain of a process. Use it once, on the event loop. Setting `expedited` ends every wait."""

    def __init__(self, running: Runtime, expedited: asyncio.Event) -> None:
        self._running = running
        self._expedited = expedited

    async def run(self, seconds: float) -> None:
        """Refuse new connections, close the sockets one by one over `seconds`, and wait for pending answers."""
        self._running.is_draining = True
        sockets = list(self._running.registry)
        logger.info("Drain started.", extra={"count": len(sockets), "seconds": seconds})
        if closing := await self._close_all(sockets, seconds):
            await asyncio.wait(closing)
        if settings.REDIS_URL:  # without Redis, no other process can deliver the answers
            await self._until(self._no_caller_waits, TAKEOVER_SECONDS)
        self._running.dispatcher.end_waits()
        self._running.transient_requests.end_waits()
        logger.info("Drain ended.")

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the drain is expedited."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._expedited.wait()

    async def _close_all(self, sockets: list[Live], seconds: float) -> list[asyncio.Task[None]]:
        """Start closing the sockets one by one over `seconds`, to spread the reconnects of the POSes."""
        closing = []
        for position, live in enumerate(sockets, start=1):
            closing.append(asyncio.create_task(self._close(live)))
            if position < len(sockets):
                await self.pause(seconds / len(sockets))
        return closing

    async def _close(self, live: Live) -> None:
        if live.lane is not None:
            live.lane.rest()
            await self._until(lambda: not live.is_working, ANSWER_SECONDS)
        live.socket.close_soon(CloseReason.RESTART)
        if live.socket.closing is not None:
            await asyncio.wait([live.socket.closing], timeout=CLOSE_SECONDS)

    def _no_caller_waits(self) -> bool:
        return not self._running.dispatcher.is_waited_for and not self._running.transient_requests.is_waited_for

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition() and not self._expedited.is_set() and asyncio.get_running_loop().time() < deadline:
            await self.pause(POLL_SECONDS)
