"""Django's handler for what the entry points of machines do not answer: the portal's pages.

Django's own hands a request back and forth between the event loop and a thread: for the signal at its start, each
middleware that is not written twice, each `process_view`, the view, the template. Each costs a turn of the loop, and
while ten thousand POSes come back a turn takes a tenth of a second: a page took two seconds, most of it waiting. All
of ours is written for a thread, so here a request is one call in one.
"""

import asyncio
import contextlib
from io import BytesIO
from typing import IO, Any, cast

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix

from integrations.backend import problems
from integrations.backend.problems import Kind
from integrations.wire.asgi_types import Receive, Scope, Send, header
from integrations.wire.limits import MAX_BODY
from integrations.wire.plain_http import PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, is_longer, read_body
from integrations.wire.security_headers import SECURITY_HEADERS
from portal.web.browser_policy import WORDS
from portal.web.errors import refusal
from portal.web.page_run import is_given_up

THREADS = 40  # pages that are made at once; hundreds of threads would slow authentication down
WITHOUT_BODY = ("GET", "HEAD")


class PageHandler(ASGIHandler):
    """Answers HTTP requests, each in a thread of its own (asgiref's ThreadSensitiveContext)."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)  # ASGIHandler's would load the middleware for the event loop
        self.load_middleware(is_async=False)
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, answer it, and close what it has opened: in the thread that opened it."""
        try:
            body = await read_body(scope, receive, _limit(scope))
        except ClientLeft:
            return
        except BodyTooLarge:
            await _refuse(scope, send, "413.html", problems.TOO_LARGE, "Send less at a time.")
            return
        except BodyGaveWay:
            await _refuse(scope, send, "429.html", problems.MANY_BODIES, "Send fewer at the same time.")
            return
        with BytesIO(body) as file:
            async with self._turn():
                if is_given_up():
                    return
                response = await sync_to_async(self._answer)(scope, file)
            try:
                await self._send(response, receive, send)
            finally:
                await sync_to_async(response.close)()

    def _turn(self) -> asyncio.Semaphore:
        """Return the semaphore of this event loop: whoever waits for it holds no thread."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Semaphore(THREADS)
        return self._turns[1]

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, error = self.create_request(scope, body)
        response: Any = error if request is None else self.get_response(request)
        for name, value in SECURITY_HEADERS:
            response.headers.setdefault(name.decode(), value.decode())
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        return cast("HttpResponseBase", response)

    async def _send(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send a response; one that is made while it is sent, for as long as the client is there."""
        if not response.streaming:
            await self.send_response(response, send)
            return
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


def _limit(scope: Scope) -> int:
    """Return how many bytes a body of this request may have: MAX_BODY, or what its page says in `max_body`."""
    if scope["method"] in WITHOUT_BODY or (header(scope, b"content-length") and not is_longer(scope, MAX_BODY)):
        return MAX_BODY
    try:
        view = resolve(scope["path"]).func
    except Resolver404:
        return MAX_BODY
    return max(MAX_BODY, getattr(getattr(view, "view_class", None), "max_body", 0))


async def _refuse(scope: Scope, send: Send, template: str, kind: Kind, detail: str) -> None:
    response = refusal(scope["path"], scope["method"], template, kind, detail)
    response["Connection"] = "close"
    response["Content-Security-Policy"] = WORDS
    await send_response(PlainResponse.of(response), scope, send)
