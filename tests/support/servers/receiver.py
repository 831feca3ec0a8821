"""A webhook receiver: an HTTP server in a thread that stores each message and sends the answer that a test sets."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from standardwebhooks import Webhook

from tests.support.servers.http_thread import QuietHandler, serving


@dataclass
class Got:
    """One received message; header names are lower-case."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """Return the event, verified by the Standard Webhooks library. Raises that library's error."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """The received messages, and the answer to give.

    `hold` is the delay before the answer, and `drip` the delay after each byte of its body, both in seconds.
    """

    port: int = 0
    status: int = 204
    answer: bytes = b""
    location: str = ""
    retry_after: str = ""
    hold: float = 0
    drip: float = 0
    got: list[Got] = field(default_factory=list)
    sent: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    state: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.state.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.state.let_go.wait(self.state.hold)
        try:
            self._send()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST  # noqa: N815  (http.server requires this name)

    def _send(self) -> None:
        self.send_response(self.state.status)
        if self.state.retry_after:
            self.send_header("retry-after", self.state.retry_after)
        if self.state.location:
            self.send_header("location", self.state.location)
        if self.state.status != 204:
            self.send_header("content-length", str(len(self.state.answer)))
        self.end_headers()
        step = 1 if self.state.drip else 65_536
        for start in range(0, len(self.state.answer), step):
            self.wfile.write(self.state.answer[start : start + step])
            self.state.sent += step
            if self.state.drip:
                time.sleep(self.state.drip)


@contextmanager
def receiver(**answers: Any) -> Iterator[Receiver]:
    """Run a receiver on a free loopback port."""
    state = Receiver(**answers)
    with serving(_handler(state)) as state.port:
        try:
            yield state
        finally:
            state.let_go.set()


def _handler(state: Receiver) -> type[_Handler]:
    return type("_Handler", (_Handler,), {"state": state})
