"""How a process lets its POSes and its callers go: nothing is cut that can still be answered."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from django.conf import settings

from integrations.models.connection import CloseReason
from integrations.relay.runtime import Runtime
from integrations.relay.sockets.registry import Live

ANSWER_SECONDS = 5.0  # that a POS has for what it was asked, before its socket closes
TAKEOVER_SECONDS = 10.0  # that callers wait on, for a POS that came back on another process
CLOSE_SECONDS = 2.0  # for a close frame to leave; a POS that does not read is not waited for
POLL = 0.05

logger = logging.getLogger(__name__)


class Drain:
    """Used once, on the event loop. `hurry` ends all its waiting."""

    def __init__(self, running: Runtime, hurry: asyncio.Event) -> None:
        self._running = running
        self._hurry = hurry

    async def run(self, seconds: float) -> None:
        """Take nobody new, close the sockets one by one over `seconds`, and wait for the answers that are due."""
        self._running.is_draining = True
        sockets = list(self._running.registry)
        logger.info("Draining: %d connections close within %g s.", len(sockets), seconds)
        if closing := await self._close_all(sockets, seconds):
            await asyncio.wait(closing)
        if settings.REDIS_URL:  # without it, no other process could bring the answers
            await self._until(self._no_caller_waits, TAKEOVER_SECONDS)
        self._running.dispatcher.let_go()
        self._running.transient_requests.let_go()

    async def pause(self, seconds: float) -> None:
        """Wait, unless there is a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    async def _close_all(self, sockets: list[Live], seconds: float) -> list[asyncio.Task[None]]:
        """Begin to close each in its turn, spread over the time, so that they come back spread."""
        closing = []
        for position, live in enumerate(sockets, start=1):
            closing.append(asyncio.create_task(self._close(live)))
            if position < len(sockets):
                await self.pause(seconds / len(sockets))
        return closing

    async def _close(self, live: Live) -> None:
        if live.lane is not None:
            live.lane.rest()
            await self._until(lambda: not _is_working(live), ANSWER_SECONDS)
        live.socket.close_soon(CloseReason.RESTART)
        if live.socket.closing is not None:
            await asyncio.wait([live.socket.closing], timeout=CLOSE_SECONDS)

    def _no_caller_waits(self) -> bool:
        return not self._running.dispatcher.is_waited_for and not self._running.transient_requests.is_waited_for

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition() and not self._hurry.is_set() and asyncio.get_running_loop().time() < deadline:
            await self.pause(POLL)


def _is_working(live: Live) -> bool:
    """Whether the POS owes an answer, or one that came is not stored yet."""
    return live.lane is not None and bool(live.lane.begun or not live.lane.is_at_rest)
