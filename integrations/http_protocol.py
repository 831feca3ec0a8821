"""uvicorn's HTTP connection, which a drain ends without cutting a request that is on its way."""

import select

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LATE_SECONDS = 1.0  # for a request that was under way when its connection was to be closed


class DrainingState(ServerState):
    """What the connections of one server share."""

    is_draining = False


class HttpProtocol(HttpToolsProtocol):
    """While the server drains, each connection's next answer is its last, and says so: `Connection: close`.

    uvicorn closes idle connections at its end, also under a client that has just sent its request, or has only just
    connected: to that client the portal would be broken.
    """

    server_state: DrainingState

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

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if not self._is_busy() and not self.transport.is_closing():
            self.transport.close()

    def _has_unread(self) -> bool:
        waiting = select.poll()  # select() knows no descriptor above 1023
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))
