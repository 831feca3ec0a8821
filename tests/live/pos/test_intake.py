"""Nothing that one till sends, in any amount, stops the server from serving the others."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.callers import records
from tests.live.callers.backend import Backend
from tests.live.callers.clients import Pos, connect, request, token_for
from tests.live.callers.frames import (
    CONTINUATION,
    EMPTY_CONTINUATION,
    EMPTY_PING,
    PING,
    TEXT,
    bare,
    close_of,
    frame,
    frames_of,
)
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

FLOODING = 1008
LIMIT = 0.5  # seconds: 95 % of the calls to /healthz must be answered within this time
FLOODS = {
    "pings": (b"", EMPTY_PING),
    "continuations": (frame(b"{", is_last=False), EMPTY_CONTINUATION),
    "texts": (b"", frame(b"{}")),
    "large texts": (b"", frame(json.dumps({"RequestID": "none", "Rest": "x" * 500_000}).encode())),
}


@pytest.fixture
def serve(shared_stack: Callable[[str], Stack]) -> Stack:
    return shared_stack("serve-sqlite")


@contextmanager
def flood(connection: socket.socket, beginning: bytes, unit: bytes) -> Iterator[threading.Event]:
    """Send data as fast as the connection accepts it; yield an event that is set once the connection has ended."""
    ended = threading.Event()
    chunk = unit * max(1, 65_536 // len(unit))

    def send() -> None:
        try:
            connection.sendall(beginning)
            while not ended.is_set():
                connection.sendall(chunk)
        except OSError:
            ended.set()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield ended
    finally:
        ended.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sender.join(30)


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flooding_till_is_closed_and_the_server_keeps_answering(serve: Stack, kind: str) -> None:
    outlet = serve.supply_outlet()
    times: list[float] = []
    with bare(serve, token_for(serve, outlet)) as connection:
        connection.settimeout(60)
        with flood(connection, *FLOODS[kind]) as ended:
            deadline = time.monotonic() + 45
            while not ended.is_set() and time.monotonic() < deadline:
                begun = time.monotonic()
                assert request(serve, "GET", "/healthz").status_code == 200
                times.append(time.monotonic() - begun)
                ended.wait(0.05)
            assert ended.is_set(), "the till is still connected"
    assert sorted(times)[len(times) * 95 // 100] < LIMIT
    eventually(lambda: records.close_reasons(serve, outlet) == ["flooding"])


def test_after_its_close_frame_the_server_reads_nothing_and_ends_the_connection_in_a_second(serve: Stack) -> None:
    outlet = serve.supply_outlet()
    with bare(serve, token_for(serve, outlet)) as connection:
        eventually(lambda: records.is_online(serve, outlet))
        serve.disable(outlet)
        assert close_of(connection) == (1000, "The integration is disabled.")
        closed_at = time.monotonic()
        with flood(connection, b"", EMPTY_PING) as ended:
            assert ended.wait(5)
        assert time.monotonic() - closed_at < 4


def test_a_till_that_never_reads_is_disconnected_a_second_after_the_close(serve: Stack) -> None:
    outlet = serve.supply_outlet()
    before = open_files(serve)
    with bare(serve, token_for(serve, outlet)):
        eventually(lambda: records.is_online(serve, outlet))
        serve.disable(outlet)
        eventually(lambda: open_files(serve) <= before, timeout=3, what="its socket is closed")


def open_files(stack: Stack) -> int:
    """Return the number of the server's open TCP connections."""
    return len([each for each in psutil.Process(stack.pid).net_connections("tcp") if each.status == "ESTABLISHED"])


def test_a_message_in_small_fragments_arrives(serve: Stack) -> None:
    outlet = serve.supply_outlet()
    content = json.dumps({"Hello": "x" * 3_000}).encode()
    parts = [content[start : start + 20] for start in range(0, len(content), 20)]
    with bare(serve, token_for(serve, outlet)) as connection:
        for number, part in enumerate(parts):
            opcode = TEXT if number == 0 else CONTINUATION
            connection.sendall(frame(part, opcode=opcode, is_last=number == len(parts) - 1))
            connection.sendall(EMPTY_CONTINUATION if number < len(parts) - 1 else b"")
        eventually(lambda: records.unrecognised_frames(serve, outlet), what="the message is recorded")
    ((kind, size, _),) = records.unrecognised_frames(serve, outlet)
    assert (kind, size) == ("unknown", len(content))


def test_a_message_sent_byte_by_byte_arrives_and_a_partial_one_blocks_nothing(serve: Stack) -> None:
    outlet, other = serve.supply_outlet(), serve.supply_outlet()
    with bare(serve, token_for(serve, outlet)) as connection, bare(serve, token_for(serve, other)) as half:
        half.sendall(frame(b"{}" * 100)[:50])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(b'{"Hello": 1}') + frame(b"7", opcode=PING):
            connection.sendall(bytes([byte]))
        assert next(frames_of(connection)) == (0xA, b"7")
        eventually(lambda: records.unrecognised_frames(serve, outlet), what="the message is recorded")
        assert request(serve, "GET", "/healthz").status_code == 200


def test_a_till_that_answers_hundreds_of_requests_in_many_fragments_is_not_slowed(serve: Stack) -> None:
    outlet, backend = serve.supply_outlet(), Backend.of(serve)
    answer = json.dumps({"Rest": "x" * 20_000})
    with connect(serve, token_for(serve, outlet)) as pos:
        answering = threading.Thread(target=answer_in_fragments, args=(pos, answer))
        answering.start()
        begun = time.monotonic()
        for _ in range(200):
            answered = backend.ask(outlet, 77, {}, durable=False)
            assert answered.status_code == 200, answered.text
        took = time.monotonic() - begun
    answering.join(10)
    assert records.close_reasons(serve, outlet) in (["by_pos"], [""])
    assert took < 30


def answer_in_fragments(pos: Pos, payload: str) -> None:
    """Answer each request in fragments of 1016 bytes, as websocket-sharp does."""
    try:
        while True:
            asked = json.loads(pos.recv(60))
            text = f'{{"RequestID": {json.dumps(asked["RequestID"])}, "ResultCode": 0, "Payload": {payload}}}'
            pos.send_in_parts(text, 1016)
    except ConnectionClosed:
        return


@pytest.mark.parametrize("credential", ["good", "forged"])
def test_a_till_that_leaves_during_its_handshake_causes_no_server_error(serve: Stack, credential: str) -> None:
    outlet = serve.supply_outlet()
    token = token_for(serve, outlet) if credential == "good" else "forged"
    before = len(serve.log_text())
    for number in range(60):
        leave_during_handshake(serve, token, after=number % 6 * 0.001, with_reset=number % 2 == 0)
    assert request(serve, "GET", "/healthz").status_code == 200
    eventually(lambda: not records.is_online(serve, outlet))
    written = serve.log_text()[before:]
    assert "Traceback" not in written
    assert "ERROR" not in written.upper().replace("UVICORN.ERROR", "")


def leave_during_handshake(stack: Stack, token: str, *, after: float, with_reset: bool) -> None:
    connection = socket.create_connection(("127.0.0.1", stack.port), timeout=20)
    if with_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(
        f"GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    time.sleep(after)  # each call ends its connection at a different moment of the handshake
    connection.close()
