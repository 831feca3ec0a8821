"""The socket behind the first page: shows its figures while the session holds."""

import asyncio
import json
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from integrations.asgi import Receive, Scope, Send
from integrations.origins import is_ours
from integrations.relay.database import in_database
from integrations.staff.start_feed import feed_of
from integrations.staff.viewers import Viewer, find_viewer, session_key_of

CHECK_SECONDS = 3.0  # between two looks whether the session still holds
SIGNED_OUT = 4401


class StartConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends `{"html": ...}`; what the browser sends is not read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        await receive()  # websocket.connect
        session_key = session_key_of(scope)
        viewer = await _viewer(session_key) if session_key and _is_from_our_page(scope) else None
        if viewer is None or session_key is None:
            await send({"type": "websocket.close"})  # before accept: the handshake is refused with 403
            return
        await send({"type": "websocket.accept"})
        showing = asyncio.create_task(self._show(session_key, viewer))
        try:
            await _until_gone(receive)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, session_key: str, viewer: Viewer | None) -> None:
        """Pass the figures on for as long as this person may see them; a changed limit changes the feed."""
        while viewer is not None:
            viewer = await self._pass_on(session_key, viewer)
        await self._send({"type": "websocket.close", "code": SIGNED_OUT})

    async def _pass_on(self, session_key: str, viewer: Viewer) -> Viewer | None:
        """Return the viewer anew once there is something else that they may see, or None for nothing any more."""
        feed, latest = feed_of(viewer.organisations), Latest()
        feed.join(latest.put)
        checking = asyncio.create_task(_changed(session_key, viewer))
        try:
            while not checking.done():
                news = asyncio.create_task(latest.get())
                await asyncio.wait({news, checking}, return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    break
                await self._send({"type": "websocket.send", "text": json.dumps({"html": news.result()})})
            return await checking
        finally:
            checking.cancel()
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


async def _changed(session_key: str, viewer: Viewer) -> Viewer | None:
    """Return as soon as the session has ended or shows something else."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            found = await in_database(find_viewer, session_key)
        except (DatabaseError, InterfaceError):
            continue  # what stood a moment ago stands until the database is back
        if found != viewer:
            return found


async def _viewer(session_key: str) -> Viewer | None:
    try:
        return await in_database(find_viewer, session_key)
    except (DatabaseError, InterfaceError):
        return None


def _is_from_our_page(scope: Scope) -> bool:
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    return len(origins) == 1 and is_ours(origins[0])


async def _until_gone(receive: Receive) -> None:
    message: dict[str, Any] = {}
    while message.get("type") != "websocket.disconnect":
        message = await receive()
