"""Send raw HTTP to a running front end and read its answers."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.raw_http import RawAnswer, answers_in


def is_alive(port: int) -> bool:
    return status_of(port, "GET", "/healthz") == 200


def status_of(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status of one request on a new connection, or 0 if there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextmanager
def raw(port: int, *pieces: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        for piece in pieces:
            caller.sendall(piece)
        yield caller


def raw_answers(port: int, *pieces: bytes) -> list[RawAnswer]:
    """Send the pieces, read until the server closes the connection, and return the answers.

    Raises TimeoutError after 20 s without data.
    """
    received = b""
    with raw(port, *pieces) as caller:
        while part := caller.recv(65536):
            received += part
    return answers_in(received)


def send_body(caller: socket.socket, size: int, is_chunked: bool) -> None:
    piece = b"x" * 8000
    try:
        while size > 0:
            part = piece[:size]
            caller.sendall(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
            size -= len(part)
        if is_chunked:
            caller.sendall(b"0\r\n\r\n")
    except OSError:
        return  # the server has answered early and closed the connection


def head_with(*headers: str, target: str = "/healthz") -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n".encode()


def send_all(caller: socket.socket, piece: bytes, times: int) -> None:
    try:
        for _ in range(times):
            caller.sendall(piece)
    except OSError:
        return


def is_closed_after(caller: socket.socket, more: bytes) -> bool:
    try:
        caller.sendall(more)
        caller.settimeout(0.2)
        return caller.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def one_status(caller: socket.socket) -> int:
    """Read one answer, and return its status."""
    answer = http.client.HTTPResponse(caller)
    answer.begin()
    answer.read()
    return answer.status
