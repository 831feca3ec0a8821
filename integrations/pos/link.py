"""What `serve` tells the consumer of the connection below it, beyond ASGI; daphne tells nothing."""

import asyncio
from collections.abc import Callable

LINK = "portal.link"  # the extension in the scope under which a connection's Link is found
BROKEN_TEXT = "portal.broken_text"  # the key of a message that came as text and is not valid UTF-8
FLOODING = "portal.flooding"  # the event that asks the consumer to close: the POS does not stop


class Link:
    """What the consumer may know of the connection below it."""

    __slots__ = ("_gone", "_has_answered", "_pong", "has_failed", "ping")

    def __init__(self, ping: Callable[[], None]) -> None:
        self.ping: Callable[[], None] | None = ping
        self._pong: asyncio.Future[None] | None = None
        self.has_failed = False  # we ended it, because of what the peer sent
        self._has_answered = False
        self._gone: asyncio.Future[None] | None = None

    async def has_answered_close(self) -> bool:
        """Wait until the connection is gone; return whether the peer did something about our close frame."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._gone)
        return self._has_answered

    async def answers_ping(self, seconds: float) -> bool:
        """Return whether the peer answers a ping within this time."""
        if self.ping is None:
            return False
        self._pong = asyncio.get_running_loop().create_future()
        self.ping()
        done, _ = await asyncio.wait({self._pong}, timeout=seconds)
        return bool(done) and self.ping is not None

    def pong(self) -> None:
        """Say that the peer answered a ping."""
        if self._pong is not None and not self._pong.done():
            self._pong.set_result(None)

    def ended(self, *, has_answered: bool) -> None:
        """Say that the connection is gone."""
        self._has_answered, self.ping = has_answered, None
        self.pong()
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        if not self._gone.done():
            self._gone.set_result(None)
