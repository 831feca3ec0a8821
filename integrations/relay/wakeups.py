"""Sends wake-ups to the other processes, one message at a time.

If each message had its own task, tasks would pile up while the channel layer hangs.
"""

import asyncio
from collections.abc import Iterable

from channels.layers import InMemoryChannelLayer, get_channel_layer

from integrations.services import metrics, wake

MOST = 1_000  # waiting ids of one kind; further ids are dropped, and the other processes learn of them by polling
LAST_MESSAGE_SECONDS = 2.0  # how long a stopping process waits for the last message


class Wakeups:
    """Sends wake-ups; use it on the event loop only. Ids that arrive during a send share the next message."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, None]] = {}
        self._sending: asyncio.Task[None] | None = None

    def send(self, kind: str, ids: Iterable[int]) -> None:
        """Notify the other processes about these ids in the background; return immediately."""
        if isinstance(get_channel_layer(), InMemoryChannelLayer | None):
            return
        waiting = self._waiting.setdefault(kind, {})
        for each in ids:
            if len(waiting) < MOST:
                waiting[each] = None
            else:
                metrics.layer_losses.inc()
        if self._sending is None:
            self._sending = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Send the waiting ids, for at most LAST_MESSAGE_SECONDS."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=LAST_MESSAGE_SECONDS)
            self._sending.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                kind = next(iter(self._waiting))
                ids = [*self._waiting.pop(kind)]
                if ids:
                    # `id` is for processes of the previous version, which may still run during an upgrade.
                    await wake.broadcast({"type": kind, "id": ids[0], "ids": ids})
        finally:
            self._sending = None
