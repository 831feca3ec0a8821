"""Why a request is not read, and what its sender is told.

The answer has the format of the API or of the POS's endpoint on their paths, and is plain text elsewhere. No view sees
these requests, and not all of them have a whole head.
"""

import logging
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from integrations.backend import correlation, problems
from integrations.backend.problems import Kind
from integrations.text.characters import printable
from integrations.wire import limits
from integrations.wire.asgi_types import RawHeaders
from integrations.wire.plain_http import PlainResponse
from portal.web import refusals

LOGGED = 200  # characters of a path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is not read any further, and what its sender can do."""

    kind: Kind
    detail: str

    @property
    def text(self) -> str:
        """Both in words."""
        return f"{self.kind.title} {self.detail}"


@dataclass(frozen=True, slots=True)
class Unread:
    """What is known of a request that is not read: each part may be missing, or only the beginning of it."""

    method: str
    target: bytes = field(repr=False)
    headers: RawHeaders = field(repr=False)

    def answer(self, fault: Fault, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the answer as it is sent, after which the connection closes."""
        response = copy_context().run(self._response, fault)  # the correlation id is that of this request alone
        body = response.body
        lines = [*default_headers, *response.headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        head = STATUS_LINE[response.status] + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
        return head if self.method == "HEAD" else head + body

    def _response(self, fault: Fault) -> PlainResponse:
        path = _path_of(self.target)
        correlation_id = correlation.begin({"headers": self.headers})
        response = refusals.for_machine(path, self.method, fault.kind, fault.detail)
        if response is None:
            return PlainResponse(
                fault.kind.status, [(b"content-type", b"text/plain; charset=utf-8")], fault.text.encode()
            )
        response.set_header(correlation.HEADER, correlation_id)
        extra = {"method": self.method, "path": printable(path, LOGGED), "status": response.status}
        logger.info("Request refused before it was read.", extra=extra)
        return response


def _path_of(target: bytes) -> str:
    """Return the path of a request target, which may be cut short and may name a scheme and a host."""
    path = target.decode("latin-1").partition("?")[0]
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return unquote(path)


MALFORMED = Fault(problems.MALFORMED, "Check its first line, its headers, and how the end of its body is stated.")
INVALID_HOST = Fault(problems.MALFORMED, "Send exactly one Host header, with a host name or an address.")
HANDSHAKE_WITH_BODY = Fault(problems.MALFORMED, "Send a websocket handshake without a body.")
EARLY_HANDSHAKE = Fault(problems.MALFORMED, "Send a websocket handshake when all earlier answers have come.")
MUCH_FRAMING = Fault(problems.MALFORMED, "Send the body in larger chunks, with short trailers, or with its length.")
TUNNEL = Fault(problems.METHOD_NOT_ALLOWED, "This server is no proxy. Send the request to the server that you mean.")
LATE = Fault(problems.LATE, "Too many of this address have not. Send each without a pause, and fewer at the same time.")
TARGET_TOO_LONG = Fault(problems.TARGET_TOO_LONG, f"It may have {limits.MAX_TARGET:,} bytes. Shorten it.")
MANY_REQUESTS = Fault(problems.MANY_REQUESTS, "Read the answers before you send more.")
HEAD_TOO_LARGE = Fault(
    problems.HEAD_TOO_LARGE,
    f"There may be {limits.MAX_HEADERS}, of {limits.MAX_HEAD // limits.KIBIBYTE} KiB together; one of a websocket "
    f"handshake may have {limits.MAX_HANDSHAKE_LINE // limits.KIBIBYTE} KiB. Send fewer or shorter ones.",
)
UNKNOWN_CODING = Fault(problems.UNKNOWN_CODING, "Send it with a Content-Length, or with Transfer-Encoding: chunked.")
OTHER_VERSION = Fault(problems.OTHER_VERSION, "Use HTTP/1.1.")


class Unreadable(Exception):
    """Stops the parser; the connection has noted the fault."""
