"""Sends raw bytes to HttpProtocol, which serves a small application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from integrations.wire import limits
from integrations.wire.asgi_types import App, Receive, Scope, Send
from integrations.wire.plain_http import WHOLE
from integrations.wire.request_bodies import read_body
from portal.serving.http.protocol import DrainingState, HttpProtocol
from portal.serving.server import WebsocketProtocol
from tests.support.raw_http import RawAnswer, answers_in

BODY = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
HANDSHAKE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + KEY


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the method, path and body of the request."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    body = b"" if scope["path"] == "/unread" else await read_body(scope, receive, 10 * limits.MAX_PAGE_BODY)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    text = json.dumps([scope["method"], scope["path"], body.decode("latin-1"), names_of(scope)]).encode()
    headers = [(b"content-length", b"%d" % len(text))]
    if scope["path"] == "/parts":  # answer in two messages, as Django does
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})
    else:
        await send({"type": WHOLE, "status": 200, "headers": headers, "body": text})


def names_of(scope: Scope) -> list[str]:
    return [name.decode() for name, _ in scope["headers"]]


@asynccontextmanager
async def served(app: App = echo) -> AsyncIterator[int]:
    """Run a server of the small application and yield its port."""
    config = uvicorn.Config(app, ws=WebsocketProtocol, lifespan="off", log_config=None, timeout_keep_alive=30)
    config.load()
    state = DrainingState()

    def protocol() -> HttpProtocol:
        return HttpProtocol(config=config, server_state=state, app_state={})

    async with await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


async def exchange(*pieces: bytes) -> list[RawAnswer]:
    """Send the pieces one after the other, wait until the server closes the connection, and return its answers."""
    return answers_in(await raw_exchange(*pieces))


async def raw_exchange(*pieces: bytes, app: App = echo) -> bytes:
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


def received(answer: RawAnswer) -> list[Any]:
    """Return the method, path and body that the small application received."""
    assert answer.status == 200, answer
    return json.loads(answer.body)[:3]  # type: ignore[no-any-return]


async def status_of_handshake(data: bytes) -> int:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])
        writer.close()
        return status
