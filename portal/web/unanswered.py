"""Answers 503 for pages that wait for an unresponsive PostgreSQL, and frees their threads.

A page runs in a thread, which cannot be interrupted. The event loop therefore watches it. When a page takes long, the
event loop probes the database. While the database answers, the page may take as long as it needs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from integrations.backend.base import problems
from integrations.services.futures import error_of
from integrations.services.rows.threads import read_nothing, readers
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.plain_http import PlainResponse, send_response
from portal.web import page_run
from portal.web.browser_policy import with_policy
from portal.web.errors import RETRY_SECONDS, log_outage, refusal
from portal.web.page_run import PageRun

# Seconds that a page may take before the database is probed, and the interval of further probes.
PATIENCE = 1.0
# A probe fails after this many seconds without an answer. A page gets its 503 after PATIENCE plus this, in under 3 s.
PROBE_SECONDS = 1.5
# Seconds after which the probe is repeated on a new connection, because all connections of the pool may be in use.
HEAD_START = 0.5
DETAIL = "It does not answer. Check whether your request was carried out before you send it again."

logger = logging.getLogger(__name__)


class Unanswered:
    """Passes requests to `otherwise`; answers 503 for a page that is pending while the database does not answer."""

    def __init__(self, otherwise: App, answers: Callable[[], Awaitable[bool]]) -> None:
        self._otherwise = otherwise
        self._answers = answers
        self._probe: asyncio.Task[bool] | None = None
        self._running: set[asyncio.Task[None]] = set()

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
        page.is_abandoned = True
        await send_response(_refusal(scope), scope, send)

    def _begin(self, page: PageRun, scope: Scope, receive: Receive) -> asyncio.Task[None]:
        token = page_run.current.set(page)
        try:
            work = asyncio.ensure_future(self._otherwise(scope, receive, page.send))
        finally:
            page_run.current.reset(token)
        self._running.add(work)
        work.add_done_callback(partial(self._end, page))
        return work

    def _end(self, page: PageRun, work: asyncio.Task[None]) -> None:
        self._running.discard(work)
        if page.is_abandoned and (error := error_of(work)):
            logger.warning("Page failed after it was abandoned.", exc_info=error)

    async def _is_answered(self, page: PageRun, work: asyncio.Task[None]) -> bool:
        """Wait for the page; return False if a probe of the database fails first."""
        while not (await asyncio.wait({work}, timeout=PATIENCE))[0]:
            probe = self._shared_probe()
            await asyncio.wait({work, probe}, return_when=asyncio.FIRST_COMPLETED)
            if page.has_begun or work.done():
                return True
            if not probe.result():
                return False
        return True

    def _shared_probe(self) -> "asyncio.Task[bool]":
        """Return the running probe of the database, or a new one. All pages share one probe."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._answers())
        return self._probe


def _refusal(scope: Scope) -> PlainResponse:
    log_outage(scope["path"], "the database does not answer")
    response = with_policy(
        refusal(scope["path"], scope["method"], "503_no_answer.html", problems.DATABASE_AWAY, DETAIL)
    )
    response["Cache-Control"] = "no-store"
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Connection"] = "close"  # the request's body may not have arrived
    return PlainResponse.of(response)


async def database_answers() -> bool:
    """Return whether PostgreSQL answers within PROBE_SECONDS, on a connection of the pool or on a new one."""
    queries = (readers.run(read_nothing), _query_on_new_connection())
    pending: set[asyncio.Future[None]] = {asyncio.ensure_future(query) for query in queries}
    for each in pending:
        each.add_done_callback(_is_success)  # retrieves a late query's exception too, so asyncio does not log it
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if any(map(_is_success, done)):
                    return True
    except TimeoutError:
        pass
    finally:
        for each in pending:
            each.cancel()  # not awaited, because psycopg would wait for an unresponsive server to cancel the statement
    return False


def _is_success(query: "asyncio.Future[None]") -> bool:
    return error_of(query) is None and not query.cancelled()


async def _query_on_new_connection() -> None:
    import psycopg  # an optional package

    await asyncio.sleep(HEAD_START)
    # Pass only the parameters for libpq, without those that Django adds for its own connections.
    settings: Any = connections[DEFAULT_DB_ALIAS]
    django_only = ("context", "cursor_factory")
    parameters = {name: value for name, value in settings.get_connection_params().items() if name not in django_only}
    async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as new:
        await new.execute("SELECT 1")
