"""Limits attempts to open hand-over links. It runs before Django, where each attempt would hold a thread.

An attempt costs an Argon2id hash and, when it is refused, 0.75 s in a thread. So each address may make only a few
attempts per minute, and only a few attempts run at once in total. The others wait in the event loop, or get 429 or 503.
The form is read before the attempt takes a slot, so a caller that sends it slowly does not hold a slot.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string

from integrations.text.client_address import address_in, network_of
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.endpoints import HANDOVER_PATH
from integrations.wire.limits import MAX_PAGE_BODY
from integrations.wire.plain_http import PlainResponse, send_response
from integrations.wire.request_bodies import BodyGaveWay, BodyTooLarge, ClientLeft, read_body

OPENINGS = 10  # attempts from one address (IPv6: one /64) in one PERIOD; each link allows five attempts
PERIOD = 60.0  # seconds
KEPT = 10_000  # addresses that are remembered; if there are more, the least recent address is forgotten
AT_ONCE = 8  # attempts that run in threads at the same time
WAITING = 32  # attempts that wait for one of these threads


class RecipientHttp:
    """Passes requests to `otherwise`, but refuses openings beyond the limits. The refusals carry `headers`."""

    def __init__(
        self, otherwise: App, *, headers: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._otherwise = otherwise
        self._headers = headers
        self._clock = clock
        self._openings: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._slots = Slots(AT_ONCE, WAITING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != HANDOVER_PATH or scope["method"] != "POST":
            await self._otherwise(scope, receive, send)
            return
        if not self._may_open(network_of(address_in(scope))):
            await send_response(self._limited(), scope, send)
            return
        try:
            body = await read_body(scope, receive, MAX_PAGE_BODY)
        except ClientLeft:
            return
        except BodyTooLarge:
            await send_response(self._refusal(413, render_to_string("413.html")), scope, send)
        except BodyGaveWay:
            await send_response(self._limited(), scope, send)
        else:
            await self._open(scope, _replayed(body, receive), send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._slots.begin():
            await send_response(self._refusal(503, _page(is_limited=False), retry_after=5), scope, send)
            return
        try:
            await self._otherwise(scope, receive, send)
        finally:
            self._slots.end()

    def _may_open(self, network: str) -> bool:
        now = self._clock()
        since, count = self._openings.pop(network, (now, 0))
        if now - since >= PERIOD:
            since, count = now, 0
        self._openings[network] = since, count + 1
        if len(self._openings) > KEPT:
            self._openings.popitem(last=False)
        return count < OPENINGS

    def _limited(self) -> PlainResponse:
        return self._refusal(429, _page(is_limited=True), retry_after=int(PERIOD))

    def _refusal(self, status: int, page: str, *, retry_after: int | None = None) -> PlainResponse:
        of_this_page = {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex, nofollow, noarchive",
            "Connection": "close",  # the connection cannot be reused if the body was not read
        }
        if retry_after:
            of_this_page["Retry-After"] = str(retry_after)
        return PlainResponse.of(HttpResponse(page, status=status, headers={**self._headers, **of_this_page}))


class Slots:
    """Lets at most `at_once` openings run and at most `waiting` wait. Use it on one event loop only."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = at_once
        self._most = waiting
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    async def begin(self) -> bool:
        """Wait for a slot and return True, or return False at once if too many openings already wait."""
        if self._free:
            self._free -= 1
            return True
        if len(self._waiting) >= self._most:
            return False
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn not in self._waiting:  # this opening already had a slot, so pass the slot on
                self.end()
            self._waiting.pop(turn, None)
            raise
        return True

    def end(self) -> None:
        """Pass the slot to the opening that has waited longest."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a callable that first returns `body`, which was already read, and then calls `receive`."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    return replay


@cache
def _page(*, is_limited: bool) -> str:
    return render_to_string("recipient/ask.html", {"is_limited": is_limited, "is_busy": not is_limited})
