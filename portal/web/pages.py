"""Django's handler for the portal's pages. It gets all requests that the POS and API entry points do not answer.

Django's own handler moves a request between the event loop and a thread several times: for the start signal, each sync
middleware, each `process_view`, the view and the template. Each move costs an iteration of the loop. While 10,000 POSes
reconnect, an iteration takes 0.1 s, and a page would take 2 s, most of it waiting. All pages are synchronous, so this
handler runs a request as one call in one thread. asgiref's WsgiToAsgi would do that with the WSGI handler, but it
stores large bodies in files, and a body may hold secrets.
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

from integrations.backend.base import problems
from integrations.backend.base.problems import ProblemKind
from integrations.wire.asgi_types import Receive, Scope, Send, header
from integrations.wire.limits import MAX_PAGE_BODY
from integrations.wire.plain_http import PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, is_longer, read_body
from integrations.wire.security_headers import SECURITY_HEADERS
from portal.web.browser_policy import STRICT_VALUE
from portal.web.errors import refusal
from portal.web.page_run import is_abandoned

THREADS = 40  # at most this many pages are computed at once; hundreds of threads would slow down authentication
WITHOUT_BODY = ("GET", "HEAD")


class PageHandler(ASGIHandler):
    """Answers HTTP requests, each in its own thread (asgiref's ThreadSensitiveContext)."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)  # ASGIHandler.__init__ would load the middleware as async
        self.load_middleware(is_async=False)
        self._limit_of_loop: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, answer it, and close the response in the thread that created it."""
        try:
            body = await read_body(scope, receive, _limit(scope))
        except ClientLeft:
            return
        except BodyTooLarge:
            await _refuse(scope, send, "413.html", problems.TOO_LARGE, "Send less at once.")
            return
        except BodyGaveWay:
            await _refuse(scope, send, "429.html", problems.MANY_BODIES, "Send fewer at once.")
            return
        with BytesIO(body) as file:
            async with self._thread_limit():
                if is_abandoned():
                    return
                response = await sync_to_async(self._answer)(scope, file)
            try:
                await self._send(response, receive, send)
            finally:
                await sync_to_async(response.close)()

    def _thread_limit(self) -> asyncio.Semaphore:
        """Return the semaphore of this event loop. A request that waits for it does not occupy a thread."""
        loop = asyncio.get_running_loop()
        if self._limit_of_loop is None or self._limit_of_loop[0] is not loop:
            self._limit_of_loop = loop, asyncio.Semaphore(THREADS)
        return self._limit_of_loop[1]

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
        """Send a response; stop sending a streaming one when the client disconnects."""
        if not response.streaming:
            await self.send_response(response, send)
            return
        sending = asyncio.ensure_future(self.send_response(response, send))
        disconnect = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, disconnect), return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnect.cancel()
            sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


def _limit(scope: Scope) -> int:
    """Return the limit in bytes of this request's body: MAX_PAGE_BODY, or a larger `max_body` of its view."""
    if scope["method"] in WITHOUT_BODY or (header(scope, b"content-length") and not is_longer(scope, MAX_PAGE_BODY)):
        return MAX_PAGE_BODY
    try:
        view = resolve(scope["path"]).func
    except Resolver404:
        return MAX_PAGE_BODY
    return max(MAX_PAGE_BODY, getattr(getattr(view, "view_class", None), "max_body", 0))


async def _refuse(scope: Scope, send: Send, template: str, kind: ProblemKind, detail: str) -> None:
    response = refusal(scope["path"], scope["method"], template, kind, detail)
    response["Connection"] = "close"
    response["Content-Security-Policy"] = STRICT_VALUE
    await send_response(PlainResponse.of(response), scope, send)
