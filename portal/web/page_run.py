"""Lets the event loop give up a running page, and lets the page's thread see that it was given up."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from integrations.wire.asgi_types import Send


@dataclass
class PageRun:
    """Forwards the ASGI messages of a page until the page is given up."""

    _send: Send
    has_begun: bool = False
    is_given_up: bool = False

    async def send(self, message: Any) -> None:
        if not self.is_given_up:
            self.has_begun = True
            await self._send(message)


current: ContextVar[PageRun | None] = ContextVar("current", default=None)


def is_given_up() -> bool:
    """Return whether the page that this thread or task computes was given up."""
    run = current.get()
    return run is not None and run.is_given_up
