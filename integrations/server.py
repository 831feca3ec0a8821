"""The production server: uvicorn, with a drain."""

import asyncio
import contextlib
import logging
import resource
import socket
from asyncio import TimerHandle, Transport
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from integrations.models.connection import CloseReason
from integrations.pos.wire import MAX_FRAME
from integrations.relay import runtime

# The kernel's queue of connections that wait for accept(); with the usual 100 a storm loses some.
BACKLOG = 4096
GRACE = 10  # seconds for answers in flight, after the drain
CLOSE_SECONDS = 2  # for the last close frames to leave; a POS that does not read is not waited for

logger = logging.getLogger(__name__)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, with a limit to how long a request may take to arrive: a peer that sends half of one and then nothing
    would hold its place for ever."""

    _arrival: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_request()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._arrived()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self._arrival is None:
            self._arrival = self.loop.call_later(settings.REQUEST_ARRIVAL_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None


class WebsocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's leanest websocket; it forgets that a refused handshake is complete, and would log each as an error."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True


class DrainingServer(uvicorn.Server):
    """On SIGTERM: not ready, nobody new, each socket closed within DRAIN_SECONDS, records written, exit."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._hurry = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # the second signal, of whichever kind
            self._hurry.set()
            self.force_exit = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain(settings.DRAIN_SECONDS)
        await super().shutdown(sockets)

    async def _drain(self, seconds: float) -> None:
        """Close every POS's socket, spread over the time, so that they come back spread. A second signal hurries."""
        running = runtime.current()
        if running is None:
            return
        running.is_draining = True
        sockets = list(running.registry)
        logger.info("Draining: %d connections close within %g s.", len(sockets), seconds)
        for position, live in enumerate(sockets, start=1):
            live.socket.close_soon(CloseReason.RESTART)
            if position < len(sockets):
                await self._pause(seconds / len(sockets))
        closing = [task for live in sockets if (task := live.socket.closing)]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)
        running.dispatcher.let_go()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()


def raise_file_limit() -> int:
    """Let this process open as many files as it may without asking, and return how many: each POS takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def make_server() -> DrainingServer:
    """Return the server, ready to serve `portal.asgi` on a socket that is given to it."""
    config = uvicorn.Config(
        "portal.asgi:application",
        loop="uvloop",
        http=HttpProtocol,
        ws=WebsocketProtocol,
        ws_max_size=MAX_FRAME,
        ws_ping_interval=settings.POS_PING_INTERVAL,
        ws_ping_timeout=settings.POS_PING_TIMEOUT,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        lifespan="on",
        access_log=False,
        log_config=None,  # Django's logging, with its redaction, stands
        proxy_headers=False,  # portal.asgi judges them, for every server alike
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    return DrainingServer(config)
