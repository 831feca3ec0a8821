"""Answers 503 for pages that wait for a PostgreSQL that does not answer, and lets their threads go.

A page has a thread, and nothing interrupts a thread. So the event loop watches it: when a page takes long, it asks the
database itself. While that answers, the page may take all the time that it needs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections

from integrations.backend import problems
from integrations.services.rows.threads import readers
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.plain_http import PlainResponse, send_response
from portal.web import page_run
from portal.web.browser_policy import with_policy
from portal.web.errors import RETRY_SECONDS, note_away, refusal
from portal.web.page_run import PageRun

# Seconds of a page before the database is asked, and then again and again.
PATIENCE = 1.0
# Seconds that the database has to answer. With PATIENCE less than the 3 s after which 503 must have come.
PROBE_SECONDS = 1.5
# Seconds after which it is asked by a new connection as well: those of the pool may all be in use.
HEAD_START = 0.5
DETAIL = "It does not answer. Look whether your request was carried out before you send it again."

logger = logging.getLogger(__name__)


class Unanswered:
    """Lets `otherwise` answer pages, and answers 503 where one waits while the database does not answer."""

    def __init__(self, otherwise: App, answers: Callable[[], Awaitable[bool]]) -> None:
        self._otherwise = otherwise
        self._answers = answers
        self._probe: asyncio.Task[bool] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = PageRun(send)
        work = self._begin(page, scope, receive)
        try:
            if await self._is_answered(page, work):
                await work
                return
        except asyncio.CancelledError:
            work.cancel()
            raise
        page.is_given_up = True
        await send_response(_refusal(scope), scope, send)

    def _begin(self, page: PageRun, scope: Scope, receive: Receive) -> asyncio.Task[None]:
        token = page_run.current.set(page)
        try:
            work = asyncio.ensure_future(self._otherwise(scope, receive, page.send))
        finally:
            page_run.current.reset(token)
        self._under_way.add(work)
        work.add_done_callback(partial(self._end, page))
        return work

    def _end(self, page: PageRun, work: asyncio.Task[None]) -> None:
        self._under_way.discard(work)
        if page.is_given_up and not work.cancelled() and (error := work.exception()):
            logger.warning("A page that was given up has failed.", exc_info=error)

    async def _is_answered(self, page: PageRun, work: asyncio.Task[None]) -> bool:
        """Wait for the page; return False when the database has not answered before it."""
        while not (await asyncio.wait({work}, timeout=PATIENCE))[0]:
            probe = self._probing()
            await asyncio.wait({work, probe}, return_when=asyncio.FIRST_COMPLETED)
            if page.has_begun or work.done():
                return True
            if not probe.result():
                return False
        return True

    def _probing(self) -> "asyncio.Task[bool]":
        """Return the look at the database that is under way, or begin one: all pages share it."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._answers())
        return self._probe


def _refusal(scope: Scope) -> PlainResponse:
    note_away(scope["path"], "the database does not answer")
    response = with_policy(
        refusal(scope["path"], scope["method"], "503_no_answer.html", problems.DATABASE_AWAY, DETAIL)
    )
    response["Cache-Control"] = "no-store"
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Connection"] = "close"  # perhaps its body has not arrived
    return PlainResponse.of(response)


async def database_answers() -> bool:
    """Return whether PostgreSQL answers within PROBE_SECONDS, on a connection of the pool or on a new one."""
    asking: set[asyncio.Future[None]] = {asyncio.ensure_future(ask) for ask in (readers.run(_ask), _ask_anew())}
    for each in asking:
        each.add_done_callback(_is_success)  # looked at, also when it fails after its time
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            while asking:
                done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                if any(map(_is_success, done)):
                    return True
    except TimeoutError:
        pass
    finally:
        for each in asking:
            each.cancel()  # and not awaited: psycopg waits for a server that hangs to cancel its statement
    return False


def _is_success(asked: "asyncio.Future[None]") -> bool:
    return not asked.cancelled() and asked.exception() is None


def _ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _ask_anew() -> None:
    import psycopg  # optional

    await asyncio.sleep(HEAD_START)
    # Of Django's parameters only those for libpq.
    settings: Any = connections[DEFAULT_DB_ALIAS]
    of_django = ("context", "cursor_factory")
    parameters = {name: value for name, value in settings.get_connection_params().items() if name not in of_django}
    async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as new:
        await new.execute("SELECT 1")
