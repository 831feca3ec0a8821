"""Peers that send far too much, or never finish a request, cost little and do not affect other peers."""

import http.client
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed

from tests.faults.vitals import MEBIBYTE, Vitals
from tests.live.callers import records
from tests.live.callers.backend import Backend, pos_of, soup
from tests.live.callers.clients import authenticate, connect, request, token_for
from tests.live.callers.guessing import guesses
from tests.live.conftest import NewStack
from tests.live.stack.binaries import give_up
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually
from tests.support import constants
from tests.support.constants import with_constants

GIBIBYTE = 1024 * MEBIBYTE
FRAME = "x" * MEBIBYTE
HALF_FINISHED = 10_000
ARRIVAL_SECONDS = 5
BEGINNINGS = (b"", b"GET / HT", b"GET /?token=x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso", b"POST / HTTP/1.1\r\n")


def test_a_gibibyte_of_frames_from_one_pos_costs_no_memory_and_delays_no_caller(new_stack: NewStack) -> None:
    # With a limit above the default, the server pauses its reading less often, so the POS can send more before the
    # server closes the connection.
    stack = new_stack("serve", env=with_constants({constants.BYTES_PER_SECOND: 32 * MEBIBYTE}))
    backend, flooding, brisk = Backend.of(stack), stack.supply_outlet(), stack.supply_outlet()
    with pos_of(brisk) as background:
        background.wait_for_connections()
        before = Vitals.of(stack.pid)
        sent = send_a_gibibyte(stack, token_for(stack, flooding), meanwhile=lambda: ask(backend, brisk))
        assert sent >= GIBIBYTE
        assert Vitals.of(stack.pid).memory - before.memory < 64
        reasons = eventually(lambda: closed_ones(stack, flooding), what="all are closed")
        # "by_pos": on a busy machine, the till sends too slowly to be closed for flooding. "replaced" and "link_lost":
        # the till reconnects before the server has recorded the close of the earlier connection.
        assert set(reasons) <= {"flooding", "by_pos", "replaced", "link_lost"}
        assert records.close_reasons(stack, brisk) == [""]


def closed_ones(stack: Stack, outlet: Credentials) -> list[str]:
    """Return the close reasons of the outlet's connections, or an empty list while any of them is open."""
    reasons = records.close_reasons(stack, outlet)
    return [] if "" in reasons else reasons


def send_a_gibibyte(stack: Stack, token: str, *, meanwhile: Callable[[], None]) -> int:
    """Send 1 GiB, and reconnect after each close. Return the number of bytes passed to the sockets."""
    sent = 0
    while sent < GIBIBYTE:
        with connect(stack, token) as pos:
            sent += flood(pos.send)
        meanwhile()
    return sent


def flood(send: Callable[[str], None]) -> int:
    """Send frames until the connection closes, or 1 GiB is sent; return the number of bytes."""
    sent = 0
    try:
        while sent < GIBIBYTE:
            send(FRAME)
            sent += len(FRAME)
    except ConnectionClosed:
        pass
    return sent


def ask(backend: Backend, outlet: Credentials) -> None:
    answer = backend.ask(outlet, "CreateOrder", soup(), timeout=5)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text


def test_ten_thousand_partial_handshakes_block_no_pos_and_are_closed(new_stack: NewStack) -> None:
    stack = new_stack("serve", env=with_constants({constants.ARRIVAL_SECONDS: ARRIVAL_SECONDS}))
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    before = Vitals.of(stack.pid)
    with half_finished(stack, HALF_FINISHED), pos_of(outlet) as background:
        background.wait_for_connections()
        ask(backend, outlet)
        assert request(stack, "GET", "/healthz").status_code == 200
        assert Vitals.of(stack.pid).memory - before.memory < 200
        eventually(lambda: Vitals.of(stack.pid).files < before.files + 50, timeout=30, what="they were cut")
        ask(backend, outlet)


def test_a_partial_later_request_is_closed_too(new_stack: NewStack) -> None:
    stack = new_stack("serve", env=with_constants({constants.ARRIVAL_SECONDS: 1}))
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert (answer.status, answer.read() != b"") == (200, True)
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert caller.recv(1) == b""


@contextmanager
def half_finished(stack: Stack, count: int) -> Iterator[None]:
    """Hold open `count` connections that have sent nothing or only part of a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 500:
        give_up(f"the limit of open files is {hard}, too low for {count} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened: list[socket.socket] = []
    try:
        for number in range(count):
            opened.append(socket.create_connection(("127.0.0.1", stack.port), timeout=20))
            opened[-1].sendall(BEGINNINGS[number % len(BEGINNINGS)])
        yield
    finally:
        for each in opened:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_flood_of_wrong_secrets_blocks_no_correct_one(new_stack: NewStack) -> None:
    stack = new_stack("serve")
    attacked, other = stack.supply_outlet(), stack.supply_outlet()
    with guesses(stack, attacked, other.auth_secret, callers=8) as statuses:
        eventually(lambda: 429 in statuses, what="the flood is slowed")
        for _ in range(20):
            assert authenticate(stack, other).status_code == 200
            assert authenticate(stack, attacked).status_code == 200
        with connect(stack, token_for(stack, other)) as pos:
            assert pos.is_open()
    assert set(statuses) <= {401, 429}
