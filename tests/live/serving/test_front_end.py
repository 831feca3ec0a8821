"""The front end of a real server, without a proxy and behind nginx and Caddy.

Each caller gets its own answer, and the portal and the proxies have the same limits. The portal keeps idle connections
open longer than the proxies do. Java's HTTP client and curl work.
"""

import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from integrations.wire import limits
from tests.faults.vitals import Vitals
from tests.live.callers.clients import AUTH_PATH, NODE_FOLDER, connect, curl, handshake_refusal, token_for
from tests.live.conftest import NewStack
from tests.live.stack.binaries import need
from tests.live.stack.fronts import (
    head_with,
    is_alive,
    is_closed_after,
    one_status,
    raw,
    raw_answers,
    send_all,
    send_body,
    status_of,
)
from tests.live.stack.ledger import LEDGER
from tests.live.stack.processes import free_port
from tests.live.stack.proxies import proxy_before
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import ARRIVAL_SECONDS, with_constants

UPLOAD = "/admin/integrations/outlet/enable-file/"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
WAYS = ("directly", "nginx", "caddy")
MEBIBYTE = 1024 * 1024
MOST_OF_A_PAGE = 5 * MEBIBYTE // 2


@pytest.fixture(scope="module")
def fronts(depot: Depot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of one server and of the proxies in front of it."""
    stack = depot.make("serve", env={"TRUSTED_PROXIES": "127.0.0.1"})
    ports, proxies = {"directly": stack.port}, []
    for name in ("nginx", "caddy"):
        ports[name] = free_port()
        proxy = proxy_before(name, stack, ports[name], tmp_path_factory.mktemp(name))
        proxy.start()
        proxies.append(proxy)
        eventually(partial(is_alive, ports[name]), what=f"{name} answers")
    fronts_of[stack.port] = stack
    yield ports
    for proxy in proxies:
        proxy.kill()
    stack.close()


fronts_of: dict[int, Stack] = {}


@pytest.fixture
def stack(fronts: dict[str, int]) -> Stack:
    return fronts_of[fronts["directly"]]


@pytest.fixture(params=WAYS)
def port(request: pytest.FixtureRequest, fronts: dict[str, int]) -> int:
    return fronts[request.param]


# --- Upgrades


@pytest.mark.parametrize("token", ["h2c", "websocket", "TLS/1.2, h2c", "x"])
@pytest.mark.parametrize("path", [AUTH_PATH, "/api/v1/outlets", "/admin/login/", "/healthz", "/nowhere"])
def test_a_body_after_an_upgrade_header_is_never_read_as_a_request(port: int, token: str, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: {token}\r\n"
    head += f"Content-Length: {len(SMUGGLED)}\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answers = raw_answers(port, head.encode(), SMUGGLED, last)
    statuses = [each.status for each in answers]
    assert len(statuses) <= 2
    assert statuses[0] in (400, 401, 403, 404, 405)
    if len(statuses) == 2:
        assert json.loads(answers[1].body) == {"status": "alive"}
    else:
        assert answers[0].headers["connection"] == "close"


@pytest.mark.parametrize("way", ["nginx", "caddy"])
def test_behind_a_pooling_proxy_each_caller_gets_its_own_answer(fronts: dict[str, int], way: str) -> None:
    stop = threading.Event()

    def attack() -> None:
        head = b"POST /api/powerepos/v1/auth HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
        for token in (b"h2c", b"websocket", b"x") * 1000:
            if stop.is_set():
                return
            length = b"Content-Length: %d\r\n\r\n" % len(SMUGGLED)
            with raw(fronts[way], head % token + length) as caller:
                stop.wait(0.02)
                caller.sendall(SMUGGLED)
                caller.recv(65536)

    def ask(number: int) -> int:
        return status_of(fronts[way], "GET", "/nowhere") if number % 2 else status_of(fronts[way], "GET", "/healthz")

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        with ThreadPoolExecutor(4) as callers:
            statuses = list(callers.map(ask, range(300)))
    finally:
        stop.set()
        attacker.join(30)
    assert set(statuses[::2]) == {200}
    assert set(statuses[1::2]) == {404}


def test_javas_client_posts_with_its_defaults(stack: Stack, port: int) -> None:
    body = json.dumps(stack.supply_outlet().as_request())
    url = f"http://127.0.0.1:{port}{AUTH_PATH}"
    command = [need("java"), "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(NODE_FOLDER / "PostTwice.java"), url]
    done = subprocess.run(command, input=body, capture_output=True, text=True, check=False, timeout=120)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [status for status, _ in lines] == ["200", "200"], done.stdout + done.stderr
    for _, answer in lines:
        LEDGER.remember(json.loads(answer)["AccessToken"])


def test_curl_that_asks_for_http_2_is_answered(stack: Stack, port: int) -> None:
    body = json.dumps(stack.supply_outlet().as_request())
    url = f"http://127.0.0.1:{port}{AUTH_PATH}"
    done = curl("--http2", "--data-binary", "@-", "--header", "Content-Type: application/json", url, stdin=body)
    LEDGER.remember(json.loads(done.stdout)["AccessToken"])


def test_a_websocket_opens_whatever_other_protocols_the_client_offers(stack: Stack, port: int) -> None:
    token = token_for(stack, stack.supply_outlet())
    with connect(stack, url=f"ws://127.0.0.1:{port}/?token={token}") as pos:
        assert pos.is_open()


# --- Limits


JUST_BELOW, JUST_ABOVE = limits.MEBIBYTE - 8192, limits.MEBIBYTE + 8192
SIZES = {
    AUTH_PATH: ((16_000, {400, 401}), (17_000, {413}), (200_000, {413}), (3 * MEBIBYTE, {413})),
    "/api/v1/outlets": ((200_000, {401, 405}), (JUST_ABOVE, {413}), (3 * MEBIBYTE, {413})),
    "/admin/login/": ((JUST_BELOW, {200, 403}), (JUST_ABOVE, {413}), (3 * MEBIBYTE, {413}), (40 * MEBIBYTE, {413})),
    "/handover/": ((JUST_BELOW, {200, 403, 404, 405}), (JUST_ABOVE, {413})),
    "/nowhere": ((JUST_BELOW, {403, 404}), (JUST_ABOVE, {413})),
    "/healthz": ((JUST_BELOW, {405}), (JUST_ABOVE, {413})),
    UPLOAD: ((2 * MEBIBYTE, {302, 403}), (MOST_OF_A_PAGE, {302, 403}), (3 * MEBIBYTE, {413})),
}


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("path", SIZES)
def test_the_size_of_a_body_is_limited_by_its_path(port: int, path: str, *, is_chunked: bool) -> None:
    for size, expected in SIZES[path]:
        status = posted(port, path, size, is_chunked=is_chunked)
        assert status in expected, (path, size)


def posted(port: int, path: str, size: int, *, is_chunked: bool) -> int:
    """Post this many bytes, read the answer even if it arrives during sending, and return its status."""
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    with raw(port, f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n".encode()) as caller:
        sending = threading.Thread(target=send_body, args=(caller, size, is_chunked))
        sending.start()
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        with suppress(OSError):  # the server may have closed already
            caller.shutdown(socket.SHUT_RDWR)
        sending.join(30)
        return answer.status


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(stack: Stack) -> None:
    for path in ("/admin/login/", AUTH_PATH, "/api/v1/outlets", UPLOAD, "/healthz", "/nowhere"):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {600 * MEBIBYTE}\r\n"
        for expect in ("", "Expect: 100-continue\r\n"):
            (answer,) = raw_answers(stack.port, f"{head}{expect}\r\n".encode())
            assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_the_portal_and_the_proxies_have_the_same_header_limits(port: int) -> None:
    def status(head: bytes) -> int:
        return raw_answers(port, head)[0].status

    assert status(head_with("X: " + "x" * 60_000)) == 200
    assert status(head_with(*[f"X-{number}: x" for number in range(90)])) == 200
    assert status(head_with(*[f"X-{number}: x" for number in range(101)])) == 431
    assert status(head_with("X: " + "x" * 40_000, "Y: " + "y" * 40_000)) == 431
    assert status(head_with("X: " + "x" * 80_000)) == 431
    assert status(head_with(*["X: " + "x" * 60_000] * 5)) == 431
    assert status(head_with(target="/healthz?" + "x" * 7_900)) == 200
    assert status(head_with(target="/healthz?" + "x" * 9_000)) == 414


# --- Hosts


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/outlets", AUTH_PATH, "/admin/login/"])
def test_a_request_must_have_exactly_one_host_header(port: int, path: str) -> None:
    for hosts in ("", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", "Host: a b\r\n"):
        answers = raw_answers(port, f"GET {path} HTTP/1.1\r\n{hosts}\r\n".encode())
        assert [each.status for each in answers] == [400]


def test_probes_with_any_host_header_are_answered(stack: Stack) -> None:
    for path in ("/healthz", "/readyz"):
        for probe in (
            f"GET {path} HTTP/1.0\r\n\r\n",  # as a load balancer sends it
            f"HEAD {path} HTTP/1.0\r\n\r\n",
            f"GET {path} HTTP/1.1\r\nHost: 10.244.0.7:8000\r\nUser-Agent: kube-probe/1.31\r\nConnection: close\r\n\r\n",
            f"GET {path} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
        ):
            received = b""
            with raw(stack.port, probe.encode()) as caller:
                while part := caller.recv(65536):
                    received += part
            assert received.startswith(b"HTTP/1.1 200 OK\r\n"), probe


# --- A caller that sends too much


def test_an_endless_header_costs_neither_time_nor_memory(stack: Stack) -> None:
    before = Vitals.of(stack.pid)
    for beginning in (b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n", b"GET /"):
        filling = b"a: b\r\n" if beginning.endswith(b"\n") else b"x" * 6
        with raw(stack.port, beginning) as caller:
            send_all(caller, filling * 10_000, 300)
        assert status_of(stack.port, "GET", "/healthz") == 200
    assert Vitals.of(stack.pid).memory - before.memory < 32


@pytest.mark.parametrize("way", ["directly", "caddy"])
def test_partial_bodies_from_one_address_are_limited(stack: Stack, fronts: dict[str, int], way: str) -> None:
    before = Vitals.of(stack.pid)
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MOST_OF_A_PAGE}\r\n\r\n".encode()
    callers: list[socket.socket] = []
    try:
        for _ in range(60):
            callers.append(socket.create_connection(("127.0.0.1", fronts[way]), timeout=20))
            callers[-1].sendall(head + b"x" * (2 * MEBIBYTE))
        assert status_of(fronts[way], "GET", "/healthz") == 200
        assert Vitals.of(stack.pid).memory - before.memory < 100
        if way == "directly":  # Caddy answers only after it has the whole body
            answer = http.client.HTTPResponse(callers[0])
            answer.begin()
            assert answer.status == 429
    finally:
        for caller in callers:
            caller.close()


def test_uploads_are_written_to_no_temporary_file(stack: Stack) -> None:
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MOST_OF_A_PAGE}\r\n\r\n".encode()
    with raw(stack.port, head, b"x" * (MOST_OF_A_PAGE - 1)):
        assert status_of(stack.port, "GET", "/healthz") == 200
        assert not [each for each in files_opened_by(stack.pid) if each.endswith("(deleted)")]


def files_opened_by(pid: int) -> Iterator[str]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the process has closed this file meanwhile
            yield str(each.readlink())


# --- Handshakes


@pytest.mark.parametrize("path", ["", "?token=x", "admin/live/", "nowhere"])
def test_a_handshake_beyond_the_limits_is_answered_and_closed(stack: Stack, path: str) -> None:
    lines = (
        f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    for more, status in (
        ("X: " + "x" * 9_000 + "\r\n\r\n", 431),
        ("X: x\r\n" * 129 + "\r\n", 431),
        ("Content-Length: 5\r\n\r\nhello", 400),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
    ):
        (answer,) = raw_answers(stack.port, (lines + more).encode())
        assert (answer.status, answer.headers["connection"]) == (status, "close")
    (answer,) = raw_answers(stack.port, (lines.replace("GET /", "GET /" + "x" * 9_000) + "\r\n").encode())
    assert answer.status == 414


def test_a_handshake_sent_byte_by_byte_is_ended_in_time(new_stack: NewStack) -> None:
    stack = new_stack(env=with_constants({ARRIVAL_SECONDS: 1}))
    with raw(stack.port, b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") as caller:
        eventually(lambda: is_closed_after(caller, b"X: x\r\n"), what="it is cut")
    assert handshake_refusal(stack, "forged").status == 401


# --- Idle connections


def test_an_idle_connection_stays_open_for_the_time_in_the_settings(new_stack: NewStack) -> None:
    stack = new_stack(env={"IDLE_CONNECTION_SECONDS": "4"})
    with raw(stack.port, head_with().replace(b"Connection: close\r\n", b"")) as caller:
        assert one_status(caller) == 200
        caller.settimeout(2)
        with pytest.raises(TimeoutError):
            caller.recv(1)
        caller.settimeout(20)
        assert caller.recv(1) == b""


def test_an_empty_line_does_not_keep_a_connection_open(new_stack: NewStack) -> None:
    stack = new_stack(env={"IDLE_CONNECTION_SECONDS": "1"})
    with raw(stack.port, head_with().replace(b"Connection: close\r\n", b"")) as caller:
        assert one_status(caller) == 200
        caller.sendall(b"\r\n")
        assert caller.recv(1) == b""


def test_a_request_that_arrives_before_an_idle_connection_is_closed_is_answered(new_stack: NewStack) -> None:
    stack = new_stack(env={"IDLE_CONNECTION_SECONDS": "1"})
    request = head_with().replace(b"Connection: close\r\n", b"")
    with raw(stack.port, request) as caller, raw(stack.port) as new_caller:
        assert one_status(caller) == 200
        stack.send_signal(signal.SIGSTOP)  # the stopped server cannot read the request before the idle time has ended
        caller.sendall(request)
        until = time.monotonic() + 1.5
        eventually(lambda: time.monotonic() > until)
        stack.send_signal(signal.SIGCONT)
        assert one_status(caller) == 200
        new_caller.sendall(request)
        assert one_status(new_caller) == 200
