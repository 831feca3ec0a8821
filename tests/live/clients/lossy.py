"""A proxy that loses answers: it forwards a call to the portal, then closes the connection without an answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx2

from tests.support.servers.http_thread import QuietHandler, serving

_FORWARDED = ("authorization", "content-type", "idempotency-key")


@contextmanager
def losing_every_other_answer(base_url: str) -> Iterator[str]:
    """Yield the address of a proxy that forwards each call, and loses the first answer, the third, and so on."""
    client = httpx2.Client(base_url=base_url, trust_env=False, timeout=30)
    calls, lock = [0], threading.Lock()

    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = {name: self.headers[name] for name in _FORWARDED if name in self.headers}
            answer = client.post(self.path, content=body, headers=kept)
            with lock:
                calls[0] += 1
                is_lost = calls[0] % 2 == 1
            if is_lost:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    with client, serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"
