"""The production server: uvicorn, with a drain."""

import asyncio
import gc
import resource
import select
import socket
from collections.abc import Iterable
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings
from uvicorn.protocols.websockets import websockets_sansio_impl
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from integrations.pos.messages import MAX_FRAME
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.wire.security_headers import SECURITY_HEADERS
from portal.serving.drain import Drain
from portal.serving.http.protocol import DrainingState, HttpProtocol
from portal.serving.line import Line
from portal.serving.websocket_intake import MeteredWebsocket

# The kernel's queue of connections that wait for accept(); with the usual 100 a storm loses some.
BACKLOG = 4096
# For the garbage collector: so many new objects, beyond those that went, before it looks at them; so many such looks,
# and one more, before the same once again; and so many of these before it looks at everything. The second holds a
# server of 10,000 POSes up for a tenth of a second, the last for half of one.
COLLECTIONS = (20_000, 3, 50)
EARS = 64  # connections accepted in one turn of the event loop
GRACE = 10  # seconds for answers in flight, after the drain
ROUNDS = 100  # of accepting the last that are connected, at an end; more is a flood


class Handshakes(ServerProtocol):
    """The library's protocol, which leaves origin and subprotocol to the POS's consumer, however they are written.

    Its own refusals of a handshake carry the headers of every answer.
    """

    def process_origin(self, headers: Headers) -> None:
        """Accept any origin, also two of them: the token tells who a POS is."""

    def process_subprotocol(self, headers: Headers) -> None:
        """Choose none: what is offered may be empty, or no token, and uvicorn hands it on in either case."""

    def reject(self, status: StatusLike, text: str) -> Response:
        response = super().reject(status, text)
        for name, value in SECURITY_HEADERS:
            response.headers[name.decode()] = value.decode()
        return response


websockets_sansio_impl.ServerProtocol = Handshakes  # type: ignore[attr-defined]  # uvicorn has no option for it


class WebsocketProtocol(MeteredWebsocket):
    """uvicorn's leanest websocket; it forgets that a refused handshake is complete, and would log each as an error."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_handshake()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what would hold itself: the library's parser and its state each have the other."""
        super().connection_lost(exc)
        self.conn.parser.close()

    def _forget_handshake(self) -> None:
        """Give back 4 KiB that nobody reads again: request and response with their headers, of each idle POS."""
        self.request = self.response = None  # type: ignore[assignment]


class DrainingServer(uvicorn.Server):
    """On SIGTERM: not ready, nobody new, each socket closed within DRAIN_SECONDS, records written, exit.

    One worker of several (it has a `line` to its supervisor) stops accepting at once: the others go on, on the same
    port. A server that stands alone goes on accepting, so as to say 503 instead of nothing.
    """

    def __init__(self, config: uvicorn.Config, line: Line | None = None) -> None:
        super().__init__(config)
        self.server_state: DrainingState = DrainingState()
        self._line = line
        self._hands_over = False
        self._hurry = asyncio.Event()

    def leave(self, *, hands_over: bool) -> None:
        """Begin to end; `hands_over`: other processes accept on this address."""
        if not self.should_exit:
            self._hands_over = hands_over
            self.should_exit = True

    def hurry(self) -> None:
        """End the drain that has begun, as fast as records allow."""
        self._hurry.set()
        self.force_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # the second signal, of whichever kind
            self.hurry()
        self._hands_over = self._hands_over or self._line is not None
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._line is not None:
            self._line.open(self)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if running := runtime.current():
            await self._drain(Drain(running, self._hurry), running)
        await _until_nobody_knocks(() if self._hands_over else sockets or ())
        await super().shutdown(sockets)

    async def _drain(self, drain: Drain, running: Runtime) -> None:
        running.is_leaving = True
        if self._hands_over:
            self._stop_accepting()
        else:
            await drain.pause(settings.DRAIN_NOTICE_SECONDS)
        self._let_connections_end()
        await drain.run(settings.DRAIN_SECONDS)

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()

    def _let_connections_end(self) -> None:
        self.server_state.is_draining = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.end_after_answer()


async def _until_nobody_knocks(listeners: Iterable[socket.socket]) -> None:
    """Let the loop accept whoever is connected already: closing a listener resets those."""
    knocks = select.poll()
    for listener in listeners:
        knocks.register(listener.fileno(), select.POLLIN)
    for _ in range(ROUNDS):
        if not knocks.poll(0):
            return
        await asyncio.sleep(0.01)


def ears(listener: socket.socket) -> list[socket.socket]:
    """Return the listener and copies of its descriptor, to be given to the server together.

    The event loop accepts one connection a turn for each; in a storm a turn is long, and with one ear alone the
    kernel's queue stays full until it resets those who have waited for half a minute.
    """
    return [listener, *(listener.dup() for _ in range(EARS - 1))]


def raise_file_limit() -> int:
    """Let this process open as many files as it may without asking, and return how many: each POS takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def spare_collections() -> None:
    """Let the garbage collector leave what was loaded alone, and look at what is new seldom and in small steps.

    In a storm nearly all that is new stays: each of ten thousand connections holds some hundred objects, and looking
    at them again and again took a quarter of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def make_server(line: Line | None = None) -> DrainingServer:
    """Return the server, ready to serve `portal.asgi` on a socket that is given to it; `line`: as a worker."""
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
        timeout_keep_alive=settings.IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=GRACE,
    )
    return DrainingServer(config, line)
