"""uvicorn's HTTP connection over time: a request must arrive whole in time, one address may have few half-sent ones, an
idle connection ends, and a drain ends it without cutting a request that is on its way.
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
from integrations.wire.arriving import Arriving
from integrations.wire.security_headers import DefaultHeaders
from portal.serving.http.framing import HttpFraming
from portal.serving.http.refusals import LATE, Fault

LATE_SECONDS = 1.0  # for a request that was under way when its connection was to be closed


class DrainingState(ServerState):
    """What the connections of one server share."""

    is_draining = False

    def __init__(self) -> None:
        super().__init__()
        self.heads = Arriving(most=limits.HEADS_PER_ADDRESS, most_bytes=limits.HEADS_PER_ADDRESS * limits.MAX_HEAD)
        self.trusted = ProxyHeadersMiddleware(service_unavailable, settings.TRUSTED_PROXIES).trusted_hosts

    @property
    def default_headers(self) -> DefaultHeaders:
        """Return the headers of every answer, uvicorn's own refusals and errors among them."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._default_headers = DefaultHeaders(headers)


class HttpProtocol(HttpFraming):
    """A request has limits.ARRIVAL_SECONDS to arrive whole; uvicorn's own waits for ever.

    While the server drains, each connection's next answer is its last, and says so: `Connection: close`.

    uvicorn closes idle connections at its end, also under a client that has just sent its request, or has only just
    connected: to that client the portal would be broken.
    """

    server_state: DrainingState
    _arrival: TimerHandle | None = None
    _is_counted = False  # among the half-sent heads of its address

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._forget_head()
        super().connection_lost(exc)

    def _weigh(self) -> None:
        self._await_request()  # only here: most requests arrive whole, and a timer for each would cost more than that
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
        # Nobody asks it again, and it and this protocol would hold each other for as long as a POS stays.
        self.parser = None  # type: ignore[assignment]

    def refuse(self, fault: Fault) -> None:
        self._arrived()
        self._forget_head()
        super().refuse(fault)

    def end(self) -> None:
        self._arrived()
        super().end()

    def timeout_keep_alive_handler(self) -> None:
        self.end_if_idle()

    def end_after_answer(self) -> None:
        """Keep the connection for the answer that is due, if one is, and no longer."""
        if self.is_busy:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, at once if nothing is on its way. Called by uvicorn."""
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
            self._end_later()  # unless the loop, which reads it next, finds a request
            return
        self._hang_up()

    def _end_later(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(LATE_SECONDS, self.end_if_idle)

    def _hang_up(self) -> None:
        """Tell the peer at once: a request that arrives before the loop closes the connection would not be read."""
        copy = socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))
        with copy, contextlib.suppress(OSError):  # the peer has gone
            copy.shutdown(socket.SHUT_WR)
        self.transport.close()

    def _await_request(self) -> None:
        """Cut the connection unless the request has arrived whole within limits.ARRIVAL_SECONDS."""
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
        """Count a head that has not arrived whole. A proxy's are those of many callers, and it has its own limits."""
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
