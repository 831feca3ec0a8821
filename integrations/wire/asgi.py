"""ASGI as the entry points use it: its types, and requests that reach a view past Django's handler and middleware.

Those start a thread for each request and do nothing that a machine at the other end needs (sessions, CSRF, redirects),
and Django's handler reads a body of any size before it calls the view. So the bodies are bounded here, and views that
are called this way must log their own faults.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.http import HttpResponse, QueryDict

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


@dataclass
class PlainRequest:
    """A request as the entry points of machines read it; nothing is parsed before it is asked for.

    Django's own request costs as much as half an authentication.
    """

    scope: Scope
    body: bytes

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method.upper()

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @cached_property
    def query(self) -> QueryDict:
        return QueryDict(self.scope.get("query_string", b""))

    def header(self, name: bytes) -> str | None:
        """Return the first header of that lower-case name, or None."""
        return header(self.scope, name)


@dataclass(slots=True)
class PlainResponse:
    """A response as it is sent: headers by lower-case names, without a Content-Length."""

    status: int
    headers: RawHeaders
    body: bytes

    @classmethod
    def of(cls, response: HttpResponse) -> Self:
        """Return what Django's response says."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        return cls(response.status_code, headers, response.content)

    def for_django(self) -> HttpResponse:
        """Return the same as Django's handler sends it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        return HttpResponse(self.body, status=self.status, headers=headers)

    def set_header(self, name: bytes, value: str) -> None:
        """Set a header of a lower-case name. Raises ValueError for a value that would end the header."""
        if "\r" in value or "\n" in value:
            raise ValueError(f"The value of {name.decode()} has more than one line.")
        self.headers = [*(each for each in self.headers if each[0] != name), (name, value.encode("latin-1"))]


async def send_response(response: PlainResponse, scope: Scope, send: Send) -> None:
    """Send a response as ASGI messages; to HEAD without its body, which only says how long it would be."""
    body, status = response.body, response.status
    whole = [*SECURITY_HEADERS, *response.headers, (b"content-length", b"%d" % len(body))]
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": whole, "body": body})
        return
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
