"""A page under way: the event loop gives it up, and its thread sees that nobody waits for it any more."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from integrations.wire.asgi_types import Send


@dataclass
class PageRun:
    """Passes on what a page sends, until it is given up."""

    _send: Send
    has_begun: bool = False
    is_given_up: bool = False

    async def send(self, message: Any) -> None:
        if not self.is_given_up:
            self.has_begun = True
            await self._send(message)


current: ContextVar[PageRun | None] = ContextVar("current", default=None)


def is_given_up() -> bool:
    """Return whether this thread, or task, works for a page that was given up."""
    run = current.get()
    return run is not None and run.is_given_up
