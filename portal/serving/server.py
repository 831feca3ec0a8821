"""The production server: uvicorn, with a drain."""

import asyncio
import faulthandler
import gc
import resource
import select
import socket
from collections.abc import Iterable, Mapping, Sized
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from uvicorn.protocols.websockets import websockets_sansio_impl
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from integrations.pos.messages import MAX_FRAME
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.wire.security_headers import SECURITY_HEADERS
from portal.serving.control_channel import ControlChannel
from portal.serving.drain import Drain, longest_stop
from portal.serving.http.protocol import DrainingState, HttpProtocol
from portal.serving.websocket_intake import MeteredWebsocket

# The kernel's queue of connections that wait for accept(). With the usual 100, a reconnect storm loses connections.
BACKLOG = 4096
# Thresholds of the garbage collector's three generations (gc.set_threshold). The youngest generation is collected after
# the first number of allocations (minus deallocations). An older generation is collected after the given number of
# collections of the next younger one. With 10,000 POSes, collecting the second generation takes 0.1 s, and a full
# collection takes 0.5 s. Both block the event loop.
GC_THRESHOLDS = (20_000, 3, 50)
# If at least this many connections are new since the last collection, most of the objects that the next collection
# would scan belong to connections. Each connection has about 70 objects.
MANY_CONNECTIONS = 150
LISTENER_COPIES = 64  # the number of connections accepted in one iteration of the event loop
GRACE = 10  # seconds for answers in flight, after the drain
ACCEPT_ROUNDS = 100  # at most this many polls for pending connections at shutdown; only a flood would need more


class Handshakes(ServerProtocol):
    """The server protocol of `websockets`, without its checks of the origin and the subprotocol.

    Even a handshake with malformed values in these two headers reaches the POS's consumer. If `websockets` itself
    refuses a handshake, its answer has the same security headers as every other answer.
    """

    def process_origin(self, headers: Headers) -> None:
        """Accept any Origin header, even a repeated one, because a POS is identified by its token."""

    def process_subprotocol(self, headers: Headers) -> None:
        """Choose no subprotocol. The offered value may be empty or not a valid token; uvicorn passes it on anyway."""

    def reject(self, status: StatusLike, text: str) -> Response:
        response = super().reject(status, text)
        for name, value in SECURITY_HEADERS:
            response.headers[name.decode()] = value.decode()
        return response


websockets_sansio_impl.ServerProtocol = Handshakes  # type: ignore[attr-defined]  # uvicorn has no option for it


class WebsocketProtocol(MeteredWebsocket):
    """uvicorn's sansio websocket protocol, which uses the least memory, with two corrections.

    It frees the memory of a handshake and of an ended connection early. It marks a refused handshake as complete;
    otherwise uvicorn would log each refusal as an error.
    """

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._release_handshake()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Break the reference cycle between the library's parser and its state, to free both at once."""
        super().connection_lost(exc)
        self.conn.parser.close()

    def _release_handshake(self) -> None:
        """Free the handshake's request and response, which take 6 KiB for each POS and are not read again.

        The parser that read the handshake would keep the request, so a new parser reads the frames.
        """
        self.request = self.response = None  # type: ignore[assignment]
        if self.conn.state is OPEN:
            self.conn.parser = self.conn.parse()
            next(self.conn.parser)  # run it up to where it waits for bytes


class DrainingServer(uvicorn.Server):
    """A server that drains on SIGTERM: it reports "not ready", closes all sockets within DRAIN_SECONDS, and exits.

    While it drains, it refuses POSes that connect and new requests to POSes. It writes all pending records before it
    exits. A worker of a supervisor (one with a `channel`) stops accepting TCP connections at once, because other
    workers accept on the same port. A single server keeps accepting them, to answer 503.
    """

    def __init__(self, config: uvicorn.Config, channel: ControlChannel | None = None) -> None:
        super().__init__(config)
        self.server_state: DrainingState = DrainingState()
        self._channel = channel
        self._hands_over = False
        self._expedited = asyncio.Event()

    def begin_shutdown(self, *, hands_over: bool) -> None:
        """Start the shutdown. `hands_over` says that other processes accept connections on this address."""
        if not self.should_exit:
            self._hands_over = hands_over
            self.should_exit = True

    def expedite(self) -> None:
        """Make the running drain stop waiting. Pending records are still written."""
        self._expedited.set()
        self.force_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # the second signal, SIGTERM or SIGINT
            self.expedite()
        self._hands_over = self._hands_over or self._channel is not None
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._channel is not None:
            self._channel.open(self)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain and stop. A process that still runs after `longest_stop` logs what its threads do and exits with 1."""
        faulthandler.dump_traceback_later(longest_stop(), exit=True)
        if running := runtime.current():
            await self._drain(Drain(running, self._expedited), running)
        await _accept_pending(() if self._hands_over else sockets or ())
        await super().shutdown(sockets)

    async def _drain(self, drain: Drain, running: Runtime) -> None:
        running.is_leaving = True
        if self._hands_over:
            self._stop_accepting()
        else:
            await drain.pause(settings.DRAIN_NOTICE_SECONDS)
        self._end_connections_after_answer()
        await drain.run(settings.DRAIN_SECONDS)

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()

    def _end_connections_after_answer(self) -> None:
        self.server_state.is_draining = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.end_after_answer()


async def _accept_pending(listeners: Iterable[socket.socket]) -> None:
    """Accept connections still in the kernel's backlog, because closing the listener would reset them."""
    pending = select.poll()
    for listener in listeners:
        pending.register(listener.fileno(), select.POLLIN)
    for _ in range(ACCEPT_ROUNDS):
        if not pending.poll(0):
            return
        await asyncio.sleep(0.01)


def duplicate_listener(listener: socket.socket) -> list[socket.socket]:
    """Return the listener and copies of its descriptor; pass them all to the server.

    The event loop accepts one connection for each descriptor in an iteration. Iterations are long in a reconnect storm.
    With one descriptor, the backlog would stay full, and the kernel would reset connections that waited for 30 s.
    """
    return [listener, *(listener.dup() for _ in range(LISTENER_COPIES - 1))]


def raise_file_limit() -> int:
    """Raise this process's limit of open files to the hard limit and return it. Each POS needs one descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class StormPromotion:
    """Moves the objects of many new connections to gc's oldest generation, instead of letting gc scan them twice.

    Register it in `gc.callbacks`. In a reconnect storm nearly all new objects stay alive, and scanning them would take
    a sixth of the server's time. The scans would find nothing, because a closed connection leaves no reference cycle
    (tests/pos/test_crowd.py). Garbage from elsewhere is promoted too, and stays until the next full collection.
    """

    def __init__(self, connections: Sized) -> None:
        self._connections = connections
        self._seen = len(connections)

    def __call__(self, phase: str, _info: Mapping[str, int]) -> None:
        if phase != "start":
            return
        new = len(self._connections) - self._seen
        self._seen += new
        if new >= MANY_CONNECTIONS:
            gc.freeze()  # the only way to take objects out of the younger generations
            gc.unfreeze()  # moves them to the oldest one


def tune_garbage_collector(connections: Sized) -> None:
    """Collect garbage among new objects more rarely, and not at all among those of a reconnect storm.

    No collection runs before `gc.freeze`, because a collection would take 0.14 s and free only a few hundred objects.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.callbacks.append(StormPromotion(connections))


def tune_database() -> None:
    """Keep temporary data of the embedded database in memory, in connections opened from now on.

    A statement that changes several rows may otherwise copy the changed pages to a temporary file, which costs time and
    stores customers' data outside the database's folder. Commands do not call this, because a migration may sort
    millions of rows.
    """
    connection_created.connect(_keep_temporary_data_in_memory)


def _keep_temporary_data_in_memory(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA temp_store = MEMORY")


def create_server(channel: ControlChannel | None = None) -> DrainingServer:
    """Return a server for `portal.asgi`; pass the sockets to its `run`. A `channel` makes it a supervisor's worker."""
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
        log_config=None,  # keep Django's logging, which redacts secrets
        proxy_headers=False,  # portal.asgi reads these headers, on every server
        server_header=False,
        timeout_keep_alive=settings.IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=GRACE,
    )
    return DrainingServer(config, channel)
