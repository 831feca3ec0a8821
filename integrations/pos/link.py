"""Tells the consumer more about the underlying connection than ASGI does. Only `serve` supports this, not daphne."""

import asyncio
from collections.abc import Callable

from integrations.services.futures import succeed

LINK = "portal.link"  # the scope extension that holds a connection's Link
BROKEN_TEXT = "portal.broken_text"  # key in a message that arrived as text and is not valid UTF-8
FLOODING = "portal.flooding"  # event that asks the consumer to close, because the POS keeps sending too much


class Link:
    """The consumer's view of the underlying connection."""

    __slots__ = ("_gone", "_has_answered", "_pong", "has_failed", "ping")

    def __init__(self, ping: Callable[[], None]) -> None:
        self.ping: Callable[[], None] | None = ping
        self._pong: asyncio.Future[None] | None = None
        self.has_failed = False  # whether the server ended the connection because of invalid data from the peer
        self._has_answered = False
        self._gone: asyncio.Future[None] | None = None

    async def has_answered_close(self) -> bool:
        """Wait until the connection has closed; return whether the peer reacted to the server's close frame."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._gone)
        return self._has_answered

    async def answers_ping(self, seconds: float) -> bool:
        """Return whether the peer answers a ping within this many seconds."""
        if self.ping is None:
            return False
        self._pong = asyncio.get_running_loop().create_future()
        self.ping()
        done, _ = await asyncio.wait({self._pong}, timeout=seconds)
        return bool(done) and self.ping is not None

    def pong(self) -> None:
        """Record that the peer answered a ping."""
        if self._pong is not None:
            succeed(self._pong, None)

    def ended(self, *, has_answered: bool) -> None:
        """Record that the connection has closed, and whether the peer reacted to the server's close frame."""
        self._has_answered, self.ping = has_answered, None
        self.pong()
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        succeed(self._gone, None)
