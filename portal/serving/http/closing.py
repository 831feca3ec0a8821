"""How an HTTP connection ends: with all that is due written, and so that its peer can read it."""

import select
import weakref
from asyncio import Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integrations.wire import limits


class WayOut:
    """What an answer is written to: it closes the connection in the protocol's way."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, transport: Transport, protocol: "HttpClosing") -> None:
        self.write, self.is_closing = transport.write, transport.is_closing
        self._protocol = weakref.ref(protocol)

    def close(self) -> None:
        if (protocol := self._protocol()) is not None:
            protocol.end()


class HttpClosing(HttpToolsProtocol):
    """Ends a connection in order; cuts it when the peer does not read."""

    # In slots, here and in HttpFraming: Python shares the names of no more than 30 attributes between the dicts of
    # instances, and uvicorn has as many. With more of them each connection would take longer, and 1 KiB more.
    __slots__ = ("_is_arriving", "_way_out", "is_over")

    is_over: bool  # nothing more is read as HTTP
    _is_arriving: bool  # a request has begun, and is not whole
    _way_out: WayOut

    _is_cut = False  # a request was refused, and the rest of it may still come
    _has_ended = False  # nothing more is written either
    _dropped = 0  # bytes that came after the end
    _is_stalling = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._way_out = WayOut(transport, self)
        self.is_over = self._is_arriving = False

    def end(self) -> None:
        """Close the connection; leave a peer that is still sending the time to read its answer."""
        self.is_over = self._has_ended = True
        self.pipeline.clear()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if not (self._is_arriving or self._is_cut or self.has_unread()):
            self.close()
            return
        self._is_arriving = False
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(limits.LINGER_SECONDS, self.close)

    def close(self) -> None:
        """Close the connection when all is written; cut it if the peer does not read."""
        if not self.transport.is_closing():
            self.transport.close()
        self._watch_writing()

    def has_unread(self) -> bool:
        """Return whether the kernel holds bytes, or an end, of the peer that the loop has not read yet."""
        waiting = select.poll()  # select() knows no descriptor above 1023
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > limits.LINGER_BYTES:
            self.flow.pause_reading()  # the peer has until the connection is closed to read its answer

    def _watch_writing(self) -> None:
        """Cut the connection when the peer has read nothing for limits.UNREAD_SECONDS."""
        if not self._is_stalling and (size := self.transport.get_write_buffer_size()):
            self._is_stalling = True
            self.loop.call_later(limits.UNREAD_SECONDS, self._check_writing, size)

    def _check_writing(self, size: int) -> None:
        self._is_stalling = False
        is_waited_for = self.flow.write_paused or self.transport.is_closing()
        if is_waited_for and self.transport.get_write_buffer_size() >= size:
            self.transport.abort()
        elif is_waited_for:
            self._watch_writing()
