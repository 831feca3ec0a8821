"""Limits how long each step of an HTTP connection may take.

A request must arrive in full within limits.ARRIVAL_SECONDS. One address may have only a few incomplete requests. An
idle connection is closed. A drain closes connections without cutting off a request that is on its way.
"""

import contextlib
import os
import socket
from asyncio import TimerHandle, Transport

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.server import ServerState

from integrations.wire import limits
from integrations.wire.security_headers import DefaultHeaders
from integrations.wire.unfinished_requests import Arriving
from portal.serving.http.early_refusals import LATE, EarlyRefusal
from portal.serving.http.framing import HttpFraming

LATE_SECONDS = 1.0  # time for a request that was on its way when its connection was about to be closed


class DrainingState(ServerState):
    """The state that the connections of one server share."""

    is_draining = False

    def __init__(self) -> None:
        super().__init__()
        self.heads = Arriving(most=limits.HEADS_PER_ADDRESS, most_bytes=limits.HEADS_PER_ADDRESS * limits.MAX_HEAD)
        self.trusted = ProxyHeadersMiddleware(service_unavailable, settings.TRUSTED_PROXIES).trusted_hosts

    @property
    def default_headers(self) -> DefaultHeaders:
        """Return the headers of every answer, including uvicorn's own refusals and errors."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._default_headers = DefaultHeaders(headers)


class HttpProtocol(HttpFraming):
    """Gives a request limits.ARRIVAL_SECONDS to arrive completely; uvicorn itself has no limit.

    While the server drains, each connection's next answer is its last, and has `Connection: close`.

    At shutdown, uvicorn would close an idle connection even if the client had just sent a request or just connected.
    That client would see a broken connection, so here such a connection gets LATE_SECONDS more.
    """

    server_state: DrainingState
    _arrival: TimerHandle | None = None
    _is_counted = False  # whether this connection is counted among the incomplete heads of its address

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._forget_head()
        super().connection_lost(exc)

    def _weigh(self) -> None:
        self._await_request()  # the request is incomplete; most requests arrive in one piece and need no timer
        super()._weigh()
        if self._is_head and self._is_arriving:
            self._count_head()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        if self._is_counted:
            self._forget_head()
        super().on_headers_complete()
        if self.server_state.is_draining:
            self.end_after_answer()

    def handle_websocket_upgrade(self) -> None:
        self._arrived()
        self._forget_head()
        super().handle_websocket_upgrade()
        # The parser is not needed any more. Keeping it would leave a reference cycle while the POS is connected.
        self.parser = None  # type: ignore[assignment]

    def refuse(self, fault: EarlyRefusal) -> None:
        self._arrived()
        self._forget_head()
        super().refuse(fault)

    def end(self) -> None:
        self._arrived()
        super().end()

    def timeout_keep_alive_handler(self) -> None:
        self.end_if_idle()

    def end_after_answer(self) -> None:
        """Close the connection after the pending answer. Do nothing if no answer is pending."""
        if self.is_busy:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection: at once if it is idle, otherwise after the answer to its request. Called by uvicorn."""
        if self.is_busy:
            self.cycle.keep_alive = False
        elif self.cycle is None:
            self._end_later()
        else:
            self.end_if_idle()

    def end_if_idle(self) -> None:
        """Close the connection unless a request is on its way."""
        if self.is_busy or self._is_arriving or self.transport.is_closing():
            return
        if self.has_unread():
            self._end_later()  # the event loop reads the data next and may find a request in it
            return
        self._hang_up()

    def _end_later(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(LATE_SECONDS, self.end_if_idle)

    def _hang_up(self) -> None:
        """Send FIN now, and let the loop close the socket later. A request that arrives in between is not read."""
        copy = socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))
        with copy, contextlib.suppress(OSError):  # the peer has disconnected
            copy.shutdown(socket.SHUT_WR)
        self.transport.close()

    def _await_request(self) -> None:
        """Close the connection unless the request arrives completely within limits.ARRIVAL_SECONDS."""
        if self._arrival is None:
            self._arrival = self.loop.call_later(limits.ARRIVAL_SECONDS, self._cut)

    def _cut(self) -> None:
        self._arrival = None
        if self._is_arriving:
            self.close()
        else:
            self.end_if_idle()

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _count_head(self) -> None:
        """Count an incomplete head, unless it comes from a trusted proxy, which has many callers and its own limits."""
        address = self.client[0] if self.client else ""
        if self._is_counted or address not in self.server_state.trusted:
            self._is_counted = True
            self.server_state.heads.weigh(address, self._give_way, self._size)

    def _forget_head(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self.server_state.heads.forget(self.client[0] if self.client else "", self._give_way)

    def _give_way(self) -> None:
        self.refuse(LATE)
