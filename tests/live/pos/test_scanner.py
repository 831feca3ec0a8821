"""A vulnerability scanner gets no 5xx status from a running server, and causes few log lines, none of them an error."""

import socket

import pytest

from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack

FORM = b"Content-Type: application/x-www-form-urlencoded"
MANY = b"a=1&" * 1_500
LARGE = b"a=" + b"x" * 3_000_000


def requests() -> list[bytes]:
    """Return the bytes of requests that Django, allauth or the server should reject."""
    found = [
        _request(b"GET " + path, host=b"evil.example") for path in (b"/", b"/static/x", b"/admin/", b"/api/v1/docs")
    ]
    for path in (b"/admin/login/", b"/handover/", b"/admin/oidc/login/"):
        found += [
            _request(b"POST " + path, FORM, body=body) for body in (b"username=a", MANY, b"a=" + b"x" * 3_000_000)
        ]
        for kind in (
            b"multipart/form-data",
            b"multipart/form-data; boundary=\xff",
            b"multipart/form-data; boundary=a; charset=zlib",
        ):
            found.append(_request(b"POST " + path, b"Content-Type: " + kind, body=b"--a\r\n\r\n--a--\r\n"))
    for cookie in (b"sessionid=../../etc", b"messages=[[x", b"csrftoken=\xe9", b"=;=;;="):
        found.append(_request(b"POST /admin/login/", FORM, b"Cookie: " + cookie, body=b"username=a"))
    found += [_request(b"GET " + path) for path in (b"/%00", b"/.env", b"/%ff", b"/admin/login/?next=http://[")]
    found += [_request(b"POST /handover/", FORM, body=b"code=%00%ed%a0%80&passphrase=%00%ff")]
    return found


@pytest.mark.parametrize("debug", ["off", "on"])
def test_a_scanner_gets_answers_and_causes_few_log_lines(new_stack: NewStack, debug: str) -> None:
    stack = new_stack(env={"DEBUG": debug, "LOG_FORMAT": "text"})
    before = len(stack.log_text().splitlines())
    statuses = [_status(stack, each) for each in requests()]
    statuses += [_status(stack, requests()[0]) for _ in range(60)]
    assert {status for status in statuses if not 300 <= status < 500} <= {200}
    lines = stack.log_text().splitlines()[before:]
    assert not [line for line in lines if "Traceback" in line or " ERROR " in line]
    assert sum("evil.example" in line for line in lines) <= 25
    assert len(lines) <= len(requests()) + 60


def _request(line: bytes, *headers: bytes, body: bytes = b"", host: bytes = b"127.0.0.1") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: " + host, *headers, length, b"Connection: close", b"", body])


def _status(stack: Stack, request: bytes) -> int:
    """Send one request and return the status of the answer.

    If the server closes the connection before it has read the whole request, return 413.
    """
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        try:
            connection.sendall(request)
        except ConnectionError:
            return 413
        answer = connection.recv(4096)
    return int(answer.split(b" ", 2)[1])
