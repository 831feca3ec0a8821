"""Reads request bodies within limits. Django's handler would read a body of any size before it calls a view."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from integrations.wire import limits
from integrations.wire.asgi_types import Receive, Scope
from integrations.wire.unfinished_requests import Arriving


class ClientLeft(Exception):
    """The client disconnected before its request was complete."""


class BodyTooLarge(Exception):
    """The body is larger than the entry point allows."""


class BodyGaveWay(Exception):
    """The body was not read to its end, because its client's address had too many unfinished bodies."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return a request's body of at most `limit` bytes. Raises BodyTooLarge, BodyGaveWay or ClientLeft.

    A body whose Content-Length is too large is refused before any of it is read.
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


MOST_DIGITS = 18  # digits of a Content-Length that is read as a number; a longer one exceeds any limit


def is_longer(scope: Scope, limit: int) -> bool:
    """Return whether the Content-Length is larger than `limit`."""
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
    """Yield a function that records a body's size so far; raise BodyGaveWay if newer bodies displace this one."""
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
