"""Sends a complete answer as one ASGI message, with one pass over the headers and one write to the socket.

uvicorn itself takes an answer as two messages, checks the headers, and writes each message separately. For the
authentication of a POS, these steps would take a tenth of the total time. The scope says whether the server supports
complete answers. Django's views, and all other servers, use the two standard messages.
"""

from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from integrations.wire.plain_http import WHOLE

EXTENSIONS: dict[str, dict[object, object]] = {WHOLE: {}}  # shared by all requests, and never modified


class AnswerCycle(RequestResponseCycle):
    """One request and its answer; accepts a complete answer as one message."""

    async def send(self, message: Any) -> None:
        """Send a standard message as uvicorn does, or a complete answer.

        A complete answer has a `status`, `headers` with lower-case names, and a `body`.
        """
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self._write(message["status"], message["headers"], message["body"])

    def _write(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        lines = [STATUS_LINE[status], *[b"%b: %b\r\n" % header for header in self.default_headers + headers]]
        if (b"connection", b"close") in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        if self.scope["method"] != "HEAD":
            lines.append(body)
        self.transport.write(b"".join(lines))
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


httptools_impl.RequestResponseCycle = AnswerCycle  # type: ignore[misc]  # uvicorn has no option for it
