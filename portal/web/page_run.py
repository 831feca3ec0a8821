"""Lets the event loop abandon a running page, and lets the page's thread notice it."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from integrations.wire.asgi_types import Send


@dataclass
class PageRun:
    """Forwards the ASGI messages of a page until the page is abandoned."""

    _send: Send
    has_begun: bool = False
    is_abandoned: bool = False

    async def send(self, message: Any) -> None:
        if not self.is_abandoned:
            self.has_begun = True
            await self._send(message)


current: ContextVar[PageRun | None] = ContextVar("current", default=None)


def is_abandoned() -> bool:
    """Return whether the page that this thread or task computes was abandoned."""
    run = current.get()
    return run is not None and run.is_abandoned
