"""A proxy's own answers have the portal's headers. The proxy, not the portal, ends idle connections."""

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.live.callers.clients import AUTH_PATH
from tests.live.conftest import NewStack
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.proxies import NGINX, Proxy, nginx_binary, nginx_file, proxy_before
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually
from tests.support.raw_http import RawAnswer

HSTS = "max-age=31536000; includeSubDomains; preload"
HTTPS = {"PUBLIC_URL": "https://127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
SHORT_WAIT = {  # makes each proxy wait only a second for an answer of the portal
    "nginx": {"proxy_read_timeout 150s;": "proxy_read_timeout 1s;"},
    "caddy": {"response_header_timeout 150s": "response_header_timeout 1s"},
}
SHORT_IDLE = {
    "nginx": {"keepalive_timeout 60s;": "keepalive_timeout 500ms;"},
    "caddy": {"keepalive 60s": "keepalive 500ms"},
}
ESTABLISHED, TIME_WAIT = "01", "06"  # states of a connection in /proc/net/tcp
BODY = b"x" * 200_000
TOO_LARGE = f"POST {AUTH_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY


@pytest.fixture(params=["nginx", "caddy"])
def name(request: pytest.FixtureRequest) -> Proxy:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def slow(name: Proxy, port: int, new_stack: NewStack, tmp_path: Path) -> Iterator[Stack]:
    """A server with an https PUBLIC_URL, behind a proxy that waits at most one second for an answer."""
    yield from behind(name, port, new_stack(env=HTTPS), tmp_path, SHORT_WAIT[name])


def behind(name: Proxy, port: int, stack: Stack, folder: Path, instead: dict[str, str]) -> Iterator[Stack]:
    proxy = proxy_before(name, stack, port, folder, instead=instead)
    proxy.start()
    try:
        eventually(lambda: status_of(port, "/healthz") == 200, what="the proxy answers")
        yield stack
    finally:
        proxy.kill()


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def answer_to(port: int, request: bytes) -> RawAnswer:
    """Return the first answer; headers that occur twice are joined."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(request)
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        names = {key.lower() for key, _ in answer.getheaders()}
        headers = {key: ", ".join(answer.headers.get_all(key, [])) for key in names}
        return RawAnswer(answer.status, headers, answer.read())


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n".encode()


def assert_secured(answer: RawAnswer, status: int) -> None:
    found = (
        answer.status,
        answer.headers.get("x-content-type-options"),
        answer.headers.get("strict-transport-security"),
    )
    assert found == (status, "nosniff", HSTS)


def test_the_proxys_own_answers_have_the_portals_headers_once(name: Proxy, port: int, slow: Stack) -> None:
    ask = partial(answer_to, port)
    assert_secured(ask(get("/healthz")), 200)
    assert_secured(ask(get("/api/v1/outlets")), 401)
    assert_secured(ask(get("/metrics")), 404)
    assert_secured(ask(TOO_LARGE), 413)  # nginx's own answer; Caddy forwards the portal's
    if name == "nginx":  # in Caddy, Go's HTTP server answers unreadable requests before any directive applies
        assert_secured(ask(b"GET / HTTP/1.1\r\n\r\n"), 400)
        assert_secured(ask(get("/healthz?" + "x" * 70_000)), 414)
        assert_secured(ask(get("/").replace(b"Connection", b"X: %b\r\nConnection" % (b"x" * 70_000))), 431)
        assert_secured(ask(b"BREW\x01 / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), 400)
    slow.send_signal(signal.SIGSTOP)
    assert_secured(ask(get("/healthz")), 504)
    slow.kill()
    assert_secured(ask(get("/healthz")), 502)
    assert_secured(ask(get("/api/v1/outlets")), 502)


def test_nginxs_redirect_to_https_forbids_content_sniffing(port: int, tmp_path: Path) -> None:
    text = NGINX[NGINX.index("server {\n    listen 80;") : NGINX.index("server {\n    listen 443")]
    text = text.replace("    listen [::]:80;\n", "").replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("portal.log portal;", "portal.log;").replace("/var/log/nginx", str(tmp_path))
    command = [nginx_binary(), "-c", str(nginx_file(text, tmp_path)), "-g", "daemon off;"]
    proxy = Process(command, log=tmp_path / "nginx-stderr.log", env=plain_environment())
    proxy.start()
    try:
        eventually(lambda: status_of(port, "/") == 301, what="nginx answers")
        assert answer_to(port, get("/")).headers["x-content-type-options"] == "nosniff"
    finally:
        proxy.kill()


def test_the_proxy_ends_its_idle_connections_before_the_portal_does(
    name: Proxy, port: int, new_stack: NewStack, tmp_path: Path
) -> None:
    """Use the shipped configuration, but with shorter idle timeouts: 0.5 s in the proxy, 1 s in the portal."""
    stack = new_stack(env={"TRUSTED_PROXIES": "127.0.0.1", "IDLE_CONNECTION_SECONDS": "1"})
    for _ in behind(name, port, stack, tmp_path, SHORT_IDLE[name]):
        ended_before = peers_of(stack.port, TIME_WAIT)
        with ThreadPoolExecutor(20) as callers:
            statuses = list(callers.map(partial(request_at_idle_timeout, port), range(20)))
        assert [each for each in statuses if each != [200] * 10] == []
        eventually(lambda: not peers_of(stack.port, ESTABLISHED), what="all idle connections have ended")
        assert peers_of(stack.port, TIME_WAIT) <= ended_before, "the portal ended none of them"


def request_at_idle_timeout(port: int, number: int) -> list[int]:
    """Return the statuses of ten requests, each 0.45 to 0.59 s after the one before; the idle timeout is 0.5 s."""
    statuses = []
    for each in range(10):
        time.sleep(0.45 + (number * 10 + each) % 15 / 100)
        statuses.append(status_of(port, "/healthz"))
    return statuses


def peers_of(port: int, state: str) -> set[str]:
    """Return the peers of this port's connections in this state. The side that closed first is in TIME_WAIT."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[2] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == state}
