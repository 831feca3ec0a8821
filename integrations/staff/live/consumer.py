"""The socket behind each live page: shows what the page looks at while the session holds."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from integrations.services.rows.threads import readers
from integrations.staff.live.feed import Look, feed_of
from integrations.staff.live.viewers import Looks, find_look, session_key_of
from integrations.wire.asgi_types import Receive, Scope, Send
from integrations.wire.origins import is_ours

CHECK_SECONDS = 3.0  # between two looks whether the session still holds
SIGNED_OUT = 4401


Find = Callable[[], Awaitable[Look | None]]


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends `{"html": ...}`; what the browser sends is not read. `looks` says what a person sees at this address."""

    def __init__(self, *, looks: Looks) -> None:
        super().__init__()
        self._looks = looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        await receive()  # websocket.connect
        session_key = session_key_of(scope)
        place = scope["url_route"]["kwargs"]
        find = partial(readers.run, find_look, session_key or "", self._looks, place)
        look = await _first(find) if session_key and _is_from_our_page(scope) else None
        if look is None:
            await send({"type": "websocket.close"})  # before accept: the handshake is refused with 403
            return
        await send({"type": "websocket.accept"})
        showing = asyncio.create_task(self._show(find, look))
        try:
            await _until_gone(receive)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, find: Find, look: Look | None) -> None:
        """Pass on what there is to see for as long as this person may; a changed limit changes the look."""
        while look is not None:
            look = await self._pass_on(find, look)
        await self._send({"type": "websocket.close", "code": SIGNED_OUT})

    async def _pass_on(self, find: Find, look: Look) -> Look | None:
        """Return the look anew once there is something else that they may see, or None for nothing any more."""
        feed, latest = feed_of(look), Latest()
        feed.join(latest.put)
        checking = asyncio.create_task(_changed(find, look))
        news = asyncio.create_task(latest.get())
        try:
            while not checking.done():
                await asyncio.wait({news, checking}, return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    break
                await self._send({"type": "websocket.send", "text": json.dumps({"html": news.result()})})
                news = asyncio.create_task(latest.get())
            return await checking
        finally:
            checking.cancel()
            news.cancel()
            feed.leave(latest.put)


class Latest:
    """The newest of what came; a browser that does not read misses the others."""

    def __init__(self) -> None:
        self._html = ""
        self._has_come = asyncio.Event()

    def put(self, html: str) -> None:
        self._html = html
        self._has_come.set()

    async def get(self) -> str:
        await self._has_come.wait()
        self._has_come.clear()
        return self._html


async def _changed(find: Find, look: Look) -> Look | None:
    """Return as soon as the session has ended or shows something else."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            found = await find()
        except (DatabaseError, InterfaceError):
            continue  # what stood a moment ago stands until the database is back
        if found != look:
            return found


async def _first(find: Find) -> Look | None:
    try:
        return await find()
    except (DatabaseError, InterfaceError):
        return None


def _is_from_our_page(scope: Scope) -> bool:
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    return len(origins) == 1 and is_ours(origins[0])


async def _until_gone(receive: Receive) -> None:
    message: dict[str, Any] = {}
    while message.get("type") != "websocket.disconnect":
        message = await receive()
