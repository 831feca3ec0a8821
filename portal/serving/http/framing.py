"""Finds where one HTTP request ends and the next begins. Adds limits to uvicorn's parser; rejects ambiguous framing.

httptools stops parsing at any `Upgrade` header. Here, only a websocket handshake makes a connection leave HTTP. Any
other request with that header is parsed again without it, because its body must be read as a body (RFC 9110, 7.8).

If the end of a request cannot be determined, the request is refused after the answers to earlier requests, and no
later bytes are parsed as HTTP. The same applies to a request whose Host header is missing, repeated or invalid
(RFC 9112, 3.2).
"""

from asyncio import Transport

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from integrations.wire import limits
from portal.serving.http.closing import HttpClosing
from portal.serving.http.complete_answers import EXTENSIONS
from portal.serving.http.early_refusals import (
    EARLY_HANDSHAKE,
    HANDSHAKE_WITH_BODY,
    HEAD_TOO_LARGE,
    INVALID_HOST,
    MALFORMED,
    MANY_REQUESTS,
    MUCH_FRAMING,
    OTHER_VERSION,
    TARGET_TOO_LONG,
    TUNNEL,
    UNKNOWN_CODING,
    EarlyRefusal,
    ParsingStopped,
    Unread,
)
from portal.serving.http.host import is_host

TRANSFER_ENCODING = b"transfer-encoding"
HOST = b"host"
CHECKED_HEADERS = frozenset((b"expect", HOST, TRANSFER_ENCODING))
WEBSOCKET = b"websocket"
LINE_END = b"\r\n"


class HttpFraming(HttpClosing):
    """One connection, as a sequence of requests."""

    __slots__ = (
        "_body_size",
        "_chunk",
        "_has_other_coding",
        "_has_valid_host",
        "_is_head",
        "_is_mixed",
        "_is_upgrade",
        "_running",
        "_size",
    )

    _running: RequestResponseCycle | None  # the cycle whose answer is due next
    _is_head: bool  # a head has begun to arrive and is incomplete
    _is_upgrade: bool
    _has_other_coding: bool
    _has_valid_host: bool | None  # None before there is a Host header
    _chunk: int  # bytes that are being parsed
    _is_mixed: bool  # whether the bytes being parsed also contain the end of an earlier request
    _size: int  # bytes of the current request that arrived before `_chunk`
    _body_size: int

    _fault: EarlyRefusal | None = None
    _empty_size = 0  # bytes of the empty lines since the last request

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._running = None
        self._is_head = False

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            self._drop(len(data))
            return
        if not self._is_arriving and data[0] in LINE_END and not (data := self._without_empty_lines(data)):
            return
        self._is_mixed, self._chunk = False, len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_on(self._after_upgrade(data[upgrade.args[0] :]))
        except httptools.HttpParserError:
            self.refuse(self._fault or MALFORMED)
        if self._is_arriving:
            self._weigh()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        if self._running is not None:  # uvicorn notifies only the newest of several requests
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _read_on(self, data: bytes) -> None:
        """Parse a request again without its `Upgrade` header, then the later requests, which may also have one."""
        while data:
            self._chunk = len(data)
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._after_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError:
                self.refuse(self._fault or MALFORMED)
            return

    # --- Called by the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._is_arriving = self._is_head = True
        self._has_other_coding, self._has_valid_host = False, None
        self._size = self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > limits.MAX_TARGET:
            raise self._unreadable(TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_head:
            return  # a trailer: nothing here uses one, and it must not be taken for a header
        name, value = name.lower(), value.rstrip(b" \t")  # spaces after a value do not belong to it (RFC 9110, 5.5)
        if name in CHECKED_HEADERS:
            self._check_header(name, value.strip().lower())
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_head = False
        if self._size + self._chunk > limits.MAX_HEAD and self._head_size() > limits.MAX_HEAD:
            raise self._unreadable(HEAD_TOO_LARGE)
        if len(self.headers) > limits.MAX_HEADERS:
            raise self._unreadable(HEAD_TOO_LARGE)
        if self._has_other_coding:
            raise self._unreadable(UNKNOWN_CODING)
        if not self._has_valid_host:
            self._check_missing_host()
        self._is_upgrade = self.parser.should_upgrade()
        if self._is_upgrade:
            return  # the parser stops at the end of this head
        self.scope["extensions"] = EXTENSIONS
        super().on_headers_complete()
        self.cycle.transport = self._answer_transport  # type: ignore[assignment]
        if self.pipeline or self.scope["http_version"] != "1.1":
            self._check_request()

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._is_arriving, self._is_mixed = False, True
        if not self._is_upgrade and not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    # --- Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        if self._has_ended:
            return
        is_cut_short = self._running is not None and self._running.more_body
        super().on_response_complete()
        if is_cut_short:
            self.end()  # the bytes still to come belong to a request that has been answered
        elif self.is_over and not self.is_busy:
            self._finish()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is pending."""
        return self._running is not None and not self._running.response_complete

    def refuse(self, fault: EarlyRefusal) -> None:
        """Answer the incomplete request with an error, after the answers to earlier requests; close the connection."""
        if self.is_over:
            return
        self.is_over = self._is_cut = True
        self._is_arriving, self._fault = False, fault
        self._withdraw()
        if self.is_busy:
            self.flow.pause_reading()
            return
        self._finish()

    # --- Refused requests

    def _without_empty_lines(self, data: bytes) -> bytes:
        """Return the data without empty lines at its start (RFC 9112, 2.2); refuse more than MAX_EMPTY_LINES bytes."""
        rest = data.lstrip(LINE_END)
        self._empty_size += len(data) - len(rest)
        if self._empty_size > limits.MAX_EMPTY_LINES:
            self.url, self.headers = b"", []  # clear those of an earlier request
            self.refuse(MALFORMED)
            return b""
        if rest:
            self._empty_size = 0
        return rest

    def _unreadable(self, fault: EarlyRefusal) -> ParsingStopped:
        self._fault = fault
        return ParsingStopped(fault.text)

    def _check_header(self, name: bytes, value: bytes) -> None:
        if name == HOST:
            self._has_valid_host = self._has_valid_host is None and is_host(value)
        elif name == TRANSFER_ENCODING:
            self._has_other_coding = value != b"chunked"
        else:
            self.expect_100_continue = value == b"100-continue"

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_missing_host(self) -> None:
        """Raise ParsingStopped if the Host header is invalid, or is missing in a request of HTTP/1.1."""
        if self._has_valid_host is False or self.parser.get_http_version() == "1.1":
            raise self._unreadable(INVALID_HOST)

    def _check_request(self) -> None:
        version = self.scope["http_version"]
        if version != "1.1":
            if version != "1.0":
                raise self._unreadable(OTHER_VERSION)
            if any(name == TRANSFER_ENCODING for name, _ in self.headers):
                raise self._unreadable(MALFORMED)  # HTTP/1.0 has no transfer codings (RFC 9112, 6.1)
        if len(self.pipeline) > limits.MAX_PIPELINED:
            raise self._unreadable(MANY_REQUESTS)

    def _weigh(self) -> None:
        """Refuse an incomplete request if its head, or the framing of its body, is too large."""
        if not self._is_mixed:
            self._size += self._chunk
        if self._is_head and self._size > limits.MAX_HEAD:
            self.refuse(HEAD_TOO_LARGE)
        elif self._size - self._body_size > limits.MAX_FRAMING + self._body_size * limits.FRAMING_PER_BYTE:
            self.refuse(MUCH_FRAMING)

    def _withdraw(self) -> None:
        """Cancel the request whose body turned out to be unreadable, unless its answer has been started."""
        cycle = self.cycle
        if cycle is None or not cycle.more_body or cycle.response_complete:
            return
        if cycle.response_started:
            self._fault = None
            return
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle is self._running:
            self._running = None
        else:
            self.pipeline.popleft()

    def _finish(self) -> None:
        if self._fault is not None and not self.transport.is_closing():
            method = self.parser.get_method().decode("ascii") if self.parser is not None else "GET"
            unread = Unread(method, self.url, self.headers)
            self.transport.write(unread.answer(self._fault, self.server_state.default_headers))
        self.end()

    # --- Upgrades

    def _after_upgrade(self, rest: bytes) -> bytes:
        """Pass a websocket handshake on; return the bytes of any other request without its `Upgrade` header."""
        if self.parser.get_method() == b"CONNECT":
            self.refuse(TUNNEL)
            return b""
        self.scope["method"] = self.parser.get_method().decode("ascii")
        if self._should_upgrade():
            self._hand_over(rest)
            return b""
        head = self._head_without(b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head + rest

    def _should_upgrade(self) -> bool:
        """Return whether this is a websocket handshake; HTTP/1.0 does not allow one (RFC 9110, 7.8)."""
        is_possible = self.scope["method"] == "GET" and self.parser.get_http_version() == "1.1"
        return is_possible and WEBSOCKET in self._tokens(b"upgrade")

    def _hand_over(self, rest: bytes) -> None:
        if fault := self._handshake_fault():
            self.refuse(fault)
            return
        self.headers = self.scope["headers"] = [each for each in self.headers if each[0] != b"upgrade"]
        self.headers.append((b"upgrade", WEBSOCKET))
        self.is_over = True
        self.handle_websocket_upgrade()
        if self.transport.get_protocol().handshake_initiated:  # type: ignore[attr-defined]
            self._pass_on(rest)
        else:
            self._fault = MALFORMED  # the websocket library does not answer a handshake that it cannot parse
            self._finish()

    def _pass_on(self, frames: bytes) -> None:
        """Pass on the bytes that arrived together with the handshake."""
        if frames:
            self.transport.get_protocol().data_received(frames)  # type: ignore[attr-defined]

    def _handshake_fault(self) -> EarlyRefusal | None:
        if self.is_busy:
            return EARLY_HANDSHAKE
        if any(len(name) + len(value) + 4 > limits.MAX_HANDSHAKE_LINE for name, value in self.headers):
            return HEAD_TOO_LARGE
        if any(_promises_body(*header) for header in self.headers):
            return HANDSHAKE_WITH_BODY
        return None

    def _tokens(self, name: bytes) -> set[bytes]:
        """Return the comma-separated values of all headers of this name, in lower case."""
        listed = b",".join(value for key, value in self.headers if key == name)
        return {token.strip().lower() for token in listed.split(b",")}

    def _head_without(self, dropped: bytes) -> bytes:
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != dropped]
        version = self.parser.get_http_version().encode("ascii")
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(lines))


def _promises_body(name: bytes, value: bytes) -> bool:
    """Return whether a header announces a body. Content-Length is not converted, as it can be too long for int()."""
    return name == TRANSFER_ENCODING or (name == b"content-length" and bool(value.strip(b"0")))
