"""Answers requests that are refused before they are completely read.

On the paths of the API and of the POS's endpoint, the answer has their format; elsewhere it is plain text. These
requests do not reach a view, and some have an incomplete head.
"""

import logging
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from integrations.backend.base import correlation, problems
from integrations.backend.base.problems import ProblemKind
from integrations.text.characters import printable
from integrations.wire import limits
from integrations.wire.asgi_types import RawHeaders
from integrations.wire.plain_http import PlainResponse
from portal.web import refusals_by_path

LOGGED = 200  # the log shows at most this many characters of a path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EarlyRefusal:
    """The reason why a request is not read any further, and the advice for its sender."""

    kind: ProblemKind
    detail: str

    @property
    def text(self) -> str:
        """The title and the detail."""
        return f"{self.kind.title} {self.detail}"


@dataclass(frozen=True, slots=True)
class Unread:
    """The parts of a request that are known when it is refused early. Each can be missing or incomplete."""

    method: str
    target: bytes = field(repr=False)
    headers: RawHeaders = field(repr=False)

    def answer(self, fault: EarlyRefusal, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the bytes of the answer, which says that the connection closes."""
        response = copy_context().run(self._response, fault)  # keeps the correlation id out of other requests
        body = response.body
        lines = [*default_headers, *response.headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        head = STATUS_LINE[response.status] + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
        return head if self.method == "HEAD" else head + body

    def _response(self, fault: EarlyRefusal) -> PlainResponse:
        path = _path_of(self.target)
        correlation_id = correlation.begin({"headers": self.headers})
        response = refusals_by_path.for_machine(path, self.method, fault.kind, fault.detail)
        if response is None:
            return PlainResponse(
                fault.kind.status, [(b"content-type", b"text/plain; charset=utf-8")], fault.text.encode()
            )
        response.set_header(correlation.HEADER, correlation_id)
        extra = {"method": self.method, "path": printable(path, LOGGED), "status": response.status}
        logger.info("Request refused before it was read.", extra=extra)
        return response


def _path_of(target: bytes) -> str:
    """Return the path of a request target, which may be incomplete and may include a scheme and a host."""
    path = target.decode("latin-1").partition("?")[0]
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return unquote(path)


MALFORMED = EarlyRefusal(problems.MALFORMED, "Check the request line, the headers and the framing of the body.")
INVALID_HOST = EarlyRefusal(problems.MALFORMED, "Send exactly one Host header, with a host name or an address.")
HANDSHAKE_WITH_BODY = EarlyRefusal(problems.MALFORMED, "Send a websocket handshake without a body.")
EARLY_HANDSHAKE = EarlyRefusal(problems.MALFORMED, "Send a websocket handshake after all earlier answers have arrived.")
MUCH_FRAMING = EarlyRefusal(
    problems.MALFORMED, "Send the body in larger chunks, with short trailers, or with its length."
)
TUNNEL = EarlyRefusal(
    problems.METHOD_NOT_ALLOWED, "This server is not a proxy. Send the request to its target directly."
)
LATE = EarlyRefusal(
    problems.LATE, "This address has too many incomplete HTTP requests. Send each without a pause, and fewer at once."
)
TARGET_TOO_LONG = EarlyRefusal(problems.TARGET_TOO_LONG, f"The limit is {limits.MAX_TARGET:,} bytes. Shorten it.")
MANY_REQUESTS = EarlyRefusal(problems.MANY_REQUESTS, "Read the answers before you send more.")
HEAD_TOO_LARGE = EarlyRefusal(
    problems.HEAD_TOO_LARGE,
    f"The limits are {limits.MAX_HEADERS} headers of {limits.MAX_HEAD // limits.KIBIBYTE} KiB together, and "
    f"{limits.MAX_HANDSHAKE_LINE // limits.KIBIBYTE} KiB for one of a websocket handshake. Send fewer or shorter ones.",
)
UNKNOWN_CODING = EarlyRefusal(problems.UNKNOWN_CODING, "Use a Content-Length or Transfer-Encoding: chunked.")
OTHER_VERSION = EarlyRefusal(problems.OTHER_VERSION, "Use HTTP/1.1.")


class ParsingStopped(Exception):
    """Raised to stop the parser; the connection has stored the fault."""
