"""The first page's figures, read once a second for all who look at the same organisations, while anybody does."""

import asyncio
import logging
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError

from integrations.relay.database import in_database
from integrations.services.fleet import Organisations
from integrations.staff.start_figures import start_figures

LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)

Show = Callable[[str], None]
_feeds: dict[Organisations, "Feed"] = {}


class Feed:
    """Used on the event loop only. `show` is called with HTML: at once, and whenever it changed."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations
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
            _feeds.pop(self._organisations, None)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The first page waits for the database (%s).", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        html = await in_database(start_figures, self._organisations)
        if html == self._shown:
            return
        self._shown = html
        for show in list(self._viewers):
            show(html)


def feed_of(organisations: Organisations) -> Feed:
    """Return the feed that all viewers of these organisations share in this process."""
    return _feeds.setdefault(organisations, Feed(organisations))
