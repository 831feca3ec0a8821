"""A mail server for tests. It runs in a thread, on a real socket.

It implements only the part of SMTP that Django's mail backend uses.
"""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Sink:
    """The received messages. While `refuses` is true, the server refuses each recipient with 451 (temporary)."""

    port: int = 0
    refuses: bool = False
    got: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def mail_sink() -> Iterator[Sink]:
    """Run a mail server on a free port of the loopback."""
    sink = Sink()
    with _Server(("127.0.0.1", 0), _handler(sink)) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield sink
        server.shutdown()
        thread.join()


def _handler(sink: Sink) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 sink\r\n")
            while line := self.rfile.readline():
                self.wfile.write(self._answer(line.strip().upper()))
                if line.upper().startswith(b"QUIT"):
                    return

        def _answer(self, command: bytes) -> bytes:
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                sink.got.append(self._message())
            if command.startswith(b"RCPT") and sink.refuses:
                return b"451 try later\r\n"
            return b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n"

        def _message(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return message_from_bytes(b"".join(lines), policy=policy.default)

    return Handler
