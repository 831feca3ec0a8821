"""What live pages show, read once a second for all who look at the same, while anybody does."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Protocol

from django.db import DatabaseError, InterfaceError

from integrations.services.rows.threads import readers

LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Look(Hashable, Protocol):
    """What somebody looks at, with what they may see of it: equal looks show the same."""

    def html(self) -> str:
        """Return how it is now; an empty text where there is nothing any more. Runs in a database thread."""


Show = Callable[[str], None]
_feeds: dict[Look, "Feed"] = {}


class Feed:
    """Used on the event loop only. `show` is called with HTML: at once, and whenever it changed."""

    def __init__(self, look: Look) -> None:
        self._what = look
        self._viewers: set[Show] = set()
        self._shown = ""
        self._task: asyncio.Task[None] | None = None

    def join(self, show: Show) -> None:
        self._viewers.add(show)
        if self._shown:
            show(self._shown)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def leave(self, show: Show) -> None:
        self._viewers.discard(show)
        if not self._viewers and self._task is not None:
            self._task.cancel()
            _feeds.pop(self._what, None)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("A live page waits for the database (%s).", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        html = await readers.run(self._what.html)
        if html == self._shown:
            return
        self._shown = html
        for show in list(self._viewers):
            show(html)


def feed_of(look: Look) -> Feed:
    """Return the feed that all viewers of this look share in this process."""
    return _feeds.setdefault(look, Feed(look))
