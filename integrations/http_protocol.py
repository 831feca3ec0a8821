"""uvicorn's HTTP connection: a drain ends it without cutting a request that is on its way, and half a request does not
hold it for ever.
"""

import select
from asyncio import TimerHandle, Transport

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from integrations.security_headers import DefaultHeaders

LATE_SECONDS = 1.0  # for a request that was under way when its connection was to be closed


class DrainingState(ServerState):
    """What the connections of one server share."""

    is_draining = False

    @property
    def default_headers(self) -> DefaultHeaders:
        """Return the headers of every answer, uvicorn's own refusals and errors among them."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._default_headers = DefaultHeaders(headers)


class HttpProtocol(HttpToolsProtocol):
    """A request has REQUEST_ARRIVAL_SECONDS to come whole; uvicorn's own waits for ever.

    While the server drains, each connection's next answer is its last, and says so: `Connection: close`.

    uvicorn closes idle connections at its end, also under a client that has just sent its request, or has only just
    connected: to that client the portal would be broken.
    """

    server_state: DrainingState
    _arrival: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_request()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._arrived()
        super().handle_websocket_upgrade()
        # Nobody asks it again, and it and this protocol would hold each other for as long as a POS stays.
        self.parser = None  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.server_state.is_draining:
            self.end_after_answer()

    def end_after_answer(self) -> None:
        """Keep the connection for the answer that is due, if one is, and no longer."""
        if self._is_busy():
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, at once if nothing is on its way. Called by uvicorn."""
        if self._is_busy():
            self.cycle.keep_alive = False
            return
        if self.cycle is None or self._has_unread():
            self.loop.call_later(LATE_SECONDS, self._close_if_idle)
            return
        self.transport.close()

    def _await_request(self) -> None:
        """Cut the connection unless the request has come whole within REQUEST_ARRIVAL_SECONDS."""
        if self._arrival is None:
            self._arrival = self.loop.call_later(settings.REQUEST_ARRIVAL_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if not self._is_busy() and not self.transport.is_closing():
            self.transport.close()

    def _has_unread(self) -> bool:
        waiting = select.poll()  # select() knows no descriptor above 1023
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))
