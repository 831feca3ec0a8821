"""ASGI as the doors use it: its types, and a view asked past Django's handler and middleware.

Those make a thread for each request and do nothing that a machine at the other end needs (sessions, CSRF, redirects),
and Django's handler reads a body of any size before the view is asked. So the bodies are bounded here, and what is
asked this way must log its own faults.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, QueryDict

from integrations.wire import limits
from integrations.wire.arriving import Arriving
from integrations.wire.security_headers import SECURITY_HEADERS

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

WHOLE = "portal.http.response"  # a message with a whole answer, where the scope has it among its extensions


class ClientLeft(Exception):
    """The client went before its request was whole."""


class BodyTooLarge(Exception):
    """The body is larger than the entry point takes."""


class BodyGaveWay(Exception):
    """The body had not arrived whole when its address had too many others."""


def header(scope: Mapping[str, Any], name: bytes) -> str | None:
    """Return the first header of that lower-case name, or None."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def header_of(request: HttpRequest, name: str) -> str | None:
    """Return a header of a request, of a lazy one without making it."""
    if isinstance(request, LazyRequest):
        return header(request.scope, name.lower().encode("latin-1"))
    return request.headers.get(name)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return a request's body of at most `limit` bytes. Raises BodyTooLarge, BodyGaveWay or ClientLeft.

    A body that says its length is refused before any of it is asked for.
    """
    if is_longer(scope, limit):
        raise BodyTooLarge
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        return body
    address = (scope.get("client") or [""])[0]
    async with _given_way(address) as arriving:
        return await _read_parts(message, receive, limit, arriving)


MOST_DIGITS = 18  # of a Content-Length that is read as a number; a longer one is beyond any limit


def is_longer(scope: Scope, limit: int) -> bool:
    """Return whether the body says that it is longer than `limit`."""
    for key, value in scope["headers"]:
        if key == b"content-length":
            return value.isdigit() and (len(value.lstrip(b"0")) > MOST_DIGITS or int(value[-MOST_DIGITS:]) > limit)
    return False


async def _read_parts(first: Any, receive: Receive, limit: int, arriving: Callable[[int], None]) -> bytes:
    body, message = bytearray(), first
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        if not message.get("more_body"):
            return bytes(body)
        arriving(len(body))
        message = await receive()


@contextlib.asynccontextmanager
async def _given_way(address: str) -> AsyncIterator[Callable[[int], None]]:
    """Give a function that counts what has arrived; raise BodyGaveWay where others of the address need the room."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as patience:

            def give_way() -> None:
                patience.reschedule(loop.time())

            try:
                yield lambda size: _bodies.weigh(address, give_way, size)
            finally:
                _bodies.forget(address, give_way)
    except TimeoutError:
        raise BodyGaveWay from None


_bodies = Arriving(most=limits.BODIES_PER_ADDRESS, most_bytes=limits.BODY_BYTES_PER_ADDRESS)


class LazyRequest(ASGIRequest):
    """A request of which method, scope and body are there, and all else is made when it is first asked for.

    Making the whole of it costs as much as an authentication, and the doors read no more than these.
    """

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope, self._body = scope, body
        self.method = scope["method"].upper()

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override]  # noqa: N802  (Django's name)
        return QueryDict(self.scope.get("query_string", b""))

    def __getattr__(self, name: str) -> Any:
        if "META" in self.__dict__:  # all is made, and this is not among it
            raise AttributeError(name)
        super().__init__(self.scope, BytesIO(self._body))
        return getattr(self, name)


class LazyResponse(HttpResponse):
    """A response of which status, headers and body are there as they are sent, and all else is made when first asked.

    `headers` are by lower-case names, as ASGI has them, without a Content-Length.
    """

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.status_code = status
        self._as_sent = headers, body

    def __getattr__(self, name: str) -> Any:
        if self._is_made():
            raise AttributeError(name)
        self._make()
        return getattr(self, name)

    def __setitem__(self, header: str, value: str | bytes | int) -> None:
        if self._is_made() or not isinstance(value, str) or "\r" in value or "\n" in value:
            super().__setitem__(header, value)  # which refuses what would end the header
            return
        headers, body = self._as_sent
        name = header.lower().encode("latin-1")
        kept = [each for each in headers if each[0] != name]
        self._as_sent = [*kept, (name, value.encode("latin-1"))], body

    @property
    def content(self) -> bytes:
        return super().content

    @content.setter
    def content(self, value: Any) -> None:
        if not self._is_made():
            self._make()
        HttpResponse.content.fset(self, value)  # type: ignore[attr-defined]

    def as_sent(self) -> tuple[RawHeaders, bytes] | None:
        """Return headers and body, or None when somebody may have changed them since."""
        return None if self._is_made() else self._as_sent

    def _is_made(self) -> bool:
        return "headers" in self.__dict__

    def _make(self) -> None:
        headers, body = self._as_sent
        super().__init__(body, status=self.status_code, headers={key.decode(): text.decode() for key, text in headers})


async def send_response(response: HttpResponse, scope: Scope, send: Send) -> None:
    """Send a response as ASGI messages; to HEAD without its body, which only says how long it would be."""
    headers, body = encoded(response)
    whole = [*SECURITY_HEADERS, *headers, (b"content-length", b"%d" % len(body))]
    status = response.status_code
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": whole, "body": body})
        return
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def encoded(response: HttpResponse) -> tuple[RawHeaders, bytes]:
    """Return a response's headers, by lower-case names and without a Content-Length, and its body."""
    if isinstance(response, LazyResponse) and (sent := response.as_sent()):
        return sent
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return headers, response.content
