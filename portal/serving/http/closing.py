"""Closes an HTTP connection after all pending answers are written and the peer has had time to read them."""

import select
import weakref
from asyncio import Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integrations.wire import limits


class AnswerTransport:
    """The transport that an answer is written to. Its `close` calls HttpClosing.end."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, transport: Transport, protocol: "HttpClosing") -> None:
        self.write, self.is_closing = transport.write, transport.is_closing
        self._protocol = weakref.ref(protocol)

    def close(self) -> None:
        if (protocol := self._protocol()) is not None:
            protocol.end()


class HttpClosing(HttpToolsProtocol):
    """Closes a connection gracefully; aborts it if the peer does not read."""

    # This class and HttpFraming use slots, because Python shares at most 30 attribute names between the dicts of
    # instances, and uvicorn uses them all. With more names in the dict, a connection would take longer to create and
    # need 1 KiB more memory.
    __slots__ = ("_answer_transport", "_is_arriving", "is_over")

    is_over: bool  # nothing more is parsed as HTTP
    _is_arriving: bool  # a request has begun to arrive and is incomplete
    _answer_transport: AnswerTransport

    _is_cut = False  # a request was refused, and the rest of it may still arrive
    _has_ended = False  # nothing more is read or written
    _dropped = 0  # bytes that arrived after the end
    _is_stalling = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._answer_transport = AnswerTransport(transport, self)
        self.is_over = self._is_arriving = False

    def end(self) -> None:
        """Close the connection. If the peer is still sending, first give it time to read its answer."""
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
        """Close the connection when everything is written; abort it if the peer does not read."""
        if not self.transport.is_closing():
            self.transport.close()
        self._watch_writing()

    def has_unread(self) -> bool:
        """Return whether the kernel holds data or a FIN from the peer that the event loop has not read yet."""
        waiting = select.poll()  # select() does not support descriptors above 1023
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > limits.LINGER_BYTES:
            # Only stop reading: the peer can still read its answer until the connection closes.
            self.flow.pause_reading()

    def _watch_writing(self) -> None:
        """Abort the connection when the peer has read nothing for limits.UNREAD_SECONDS."""
        if not self._is_stalling and (size := self.transport.get_write_buffer_size()):
            self._is_stalling = True
            self.loop.call_later(limits.UNREAD_SECONDS, self._check_writing, size)

    def _check_writing(self, size: int) -> None:
        self._is_stalling = False
        must_be_read = self.flow.write_paused or self.transport.is_closing()
        if must_be_read and self.transport.get_write_buffer_size() >= size:
            self.transport.abort()
        elif must_be_read:
            self._watch_writing()
