"""Wake-ups for the other processes: one message at a time, so that a channel layer that hangs gathers no tasks."""

import asyncio
from collections.abc import Iterable

from channels.layers import InMemoryChannelLayer, get_channel_layer

from integrations.services import metrics, wake

MOST = 1_000  # ids of one kind that wait; the other processes find what is beyond them in the rows
STOP_SECONDS = 2.0  # for which the end of the process waits for the last message


class Wakeups:
    """Used on the event loop only. What is to be sent while a message is under way shares the next one."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, None]] = {}
        self._sending: asyncio.Task[None] | None = None

    def send(self, kind: str, ids: Iterable[int]) -> None:
        """Tell the other processes soon what happened to these; wait for nothing."""
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
        """Send what waits, if that takes no longer than STOP_SECONDS."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=STOP_SECONDS)
            self._sending.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                kind = next(iter(self._waiting))
                ids = [*self._waiting.pop(kind)]
                if ids:
                    await wake.tell({"type": kind, "id": ids[0], "ids": ids})  # the version before this one reads `id`
        finally:
            self._sending = None
