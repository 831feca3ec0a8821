"""Every answer has nosniff exactly once, and also HSTS exactly once if PUBLIC_URL is https."""

import socket

import pytest

from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack

HTTPS = {"PUBLIC_URL": "https://pos.example.com", "TRUSTED_PROXIES": "127.0.0.1", "METRICS_TOKEN": "m" * 16}
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
BY_PROXY = "Host: pos.example.com\r\nX-Forwarded-Proto: https\r\n"
REQUESTS = {
    "API, no key": "GET /api/v1/outlets HTTP/1.1\r\nHost: x\r\n",
    "API, nothing there": "GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n",
    "auth, body too large": (
        f"POST /api/powerepos/v1/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n{'x' * 20000}"
    ),
    "auth, no body": "POST /api/powerepos/v1/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
    "auth, other method": "DELETE /api/powerepos/v1/auth HTTP/1.1\r\nHost: x\r\n",
    "healthz": "GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "readyz": "HEAD /readyz HTTP/1.1\r\nHost: x\r\n",
    "metrics": "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mmmmmmmmmmmmmmmm\r\n",
    "metrics, refused": "GET /metrics HTTP/1.1\r\nHost: x\r\n",
    "static file": f"GET /static/integrations/staff.css HTTP/1.1\r\n{BY_PROXY}",
    "static file, missing": f"GET /static/nothing.css HTTP/1.1\r\n{BY_PROXY}",
    "page": f"GET /admin/login/ HTTP/1.1\r\n{BY_PROXY}",
    "page, by http": "GET /admin/login/ HTTP/1.1\r\nHost: pos.example.com\r\n",
    "page, wrong host": "GET /admin/login/ HTTP/1.1\r\nHost: other.example.com\r\nX-Forwarded-Proto: https\r\n",
    "page, no csrf": f"POST /admin/login/ HTTP/1.1\r\n{BY_PROXY}Content-Length: 0\r\n",
    "hand-over": f"GET /handover/ HTTP/1.1\r\n{BY_PROXY}",
    "below the views": "GET / HTTP/9.9 nonsense\r\nHost: x\r\n",
    "below the views, API": "GET /api/v1/outlets HTTP/1.1\r\n",
    "below the views, auth": "POST /api/powerepos/v1/auth HTTP/1.1\r\n",
    "API, page, body too large": (
        f"POST /api/v1/schema HTTP/1.1\r\n{BY_PROXY}Content-Length: 2000000\r\n\r\n{'x' * 2_000_000}"
    ),
    "API, nothing there, other version": f"GET /api/v2/outlets HTTP/1.1\r\n{BY_PROXY}",
    "handshake, no token": f"GET / HTTP/1.1\r\nHost: x\r\n{WEBSOCKET}",
    "handshake, other path": f"GET /other HTTP/1.1\r\nHost: x\r\n{WEBSOCKET}",
    "handshake, no key": (
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    ),
}


def test_every_answer_has_the_headers_once(new_stack: NewStack) -> None:
    stack = new_stack(env=HTTPS)
    answers = {name: headers_of(stack, request) for name, request in REQUESTS.items()}
    lacking = {
        name: headers
        for name, headers in answers.items()
        if headers.count("x-content-type-options: nosniff") != 1
        or headers.count("strict-transport-security: max-age=31536000; includesubdomains; preload") != 1
    }
    assert lacking == {}


def test_daphnes_own_answers_have_the_headers_once(new_stack: NewStack) -> None:
    stack = new_stack("daphne", env=HTTPS)
    requests = {
        name: REQUESTS[name] for name in ("API, no key", "healthz", "handshake, no token", "handshake, other path")
    }
    requests["not a path"] = "GET /%ff%fe HTTP/1.1\r\nHost: x\r\n"
    for name, request in requests.items():
        headers = headers_of(stack, request)
        assert headers.count("x-content-type-options: nosniff") == 1, name
        assert len([each for each in headers if each.startswith("strict-transport-security: max-age=")]) == 1, name


@pytest.mark.parametrize("name", ["healthz", "handshake, no key", "below the views"])
def test_without_https_there_is_no_hsts(new_stack: NewStack, name: str) -> None:
    headers = headers_of(new_stack(), REQUESTS[name])
    assert headers.count("x-content-type-options: nosniff") == 1
    assert not [each for each in headers if each.startswith("strict-transport-security")]


def headers_of(stack: Stack, request: str) -> list[str]:
    """Return the header lines of the answer to a request, in lower case."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as link:
        link.sendall(f"{request}\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received and (chunk := link.recv(65536)):
            received += chunk
    return received.partition(b"\r\n\r\n")[0].decode("latin-1").lower().split("\r\n")[1:]
