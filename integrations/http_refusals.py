"""Why a request is not read, and what its sender is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import STATUS_LINE


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is not read any further."""

    status: HTTPStatus
    text: str

    def answer(self, headers: Sequence[tuple[bytes, bytes]], *, has_body: bool) -> bytes:
        """Return the answer as it is sent, after which the connection closes."""
        body = self.text.encode()
        lines = [
            *headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        head = STATUS_LINE[self.status] + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
        return head + (body if has_body else b"")


MALFORMED = Fault(HTTPStatus.BAD_REQUEST, "Invalid HTTP request.")
INVALID_HOST = Fault(HTTPStatus.BAD_REQUEST, "The request needs one Host header with a host name or an address.")
HANDSHAKE_WITH_BODY = Fault(HTTPStatus.BAD_REQUEST, "A websocket handshake has no body.")
EARLY_HANDSHAKE = Fault(HTTPStatus.BAD_REQUEST, "A websocket handshake must wait for the answers that are due.")
MUCH_FRAMING = Fault(HTTPStatus.BAD_REQUEST, "The body is split into too small chunks, or has too long trailers.")
TUNNEL = Fault(HTTPStatus.METHOD_NOT_ALLOWED, "This server is no proxy.")
LATE = Fault(HTTPStatus.REQUEST_TIMEOUT, "Too many requests of this address have not arrived whole.")
TARGET_TOO_LONG = Fault(HTTPStatus.REQUEST_URI_TOO_LONG, "The request target is too long.")
MANY_REQUESTS = Fault(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests wait for the answer to an earlier one.")
HEAD_TOO_LARGE = Fault(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large, or too many.")
UNKNOWN_CODING = Fault(HTTPStatus.NOT_IMPLEMENTED, "The only known transfer coding is chunked.")
OTHER_VERSION = Fault(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1 and HTTP/1.0.")


class Unreadable(Exception):
    """Stops the parser; the connection has noted the fault."""
