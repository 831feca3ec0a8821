"""A request fails if its answer always breaks the POS's connection, and the other requests are answered."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.live.callers import records
from tests.live.callers.backend import Backend, requests_of
from tests.live.callers.clients import token_for
from tests.live.callers.frames import CLOSE, TEXT, bare, close_of, frame, frames_of
from tests.live.conftest import NewStack
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

POISON = 66
DISCONNECTS = 5
TOO_LARGE = b"\x81\xff" + (2**20 + 1).to_bytes(8, "big") + bytes(4)
Answer = Callable[[socket.socket, str], None]


def send_too_much(connection: socket.socket, request_id: str) -> None:
    connection.sendall(TOO_LARGE + json.dumps({"RequestID": request_id, "Rest": "x" * 2**20}).encode())


def break_the_protocol(connection: socket.socket, request_id: str) -> None:
    connection.sendall(b"\xf1" + frame(request_id.encode())[1:])  # sets the reserved bits


def send_close(connection: socket.socket, request_id: str) -> None:
    connection.sendall(frame(b"\x03\xe8", opcode=CLOSE))


def reset(connection: socket.socket, request_id: str) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


POISONS: dict[str, Answer] = {
    "too_large": send_too_much,
    "protocol_error": break_the_protocol,
    "link_lost": reset,
}


class Till:
    """A till that answers every request except the poison one, for which it calls `poison`. It reconnects at once."""

    def __init__(self, stack: Stack, outlet: Credentials, poison: Answer) -> None:
        self.asked: list[str] = []
        self._stack, self._poison = stack, poison
        self._token = token_for(stack, outlet)
        self._is_over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join(30)

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                with bare(self._stack, self._token) as connection:
                    connection.settimeout(0.5)
                    self._serve(connection)
            except (OSError, AssertionError):
                self._is_over.wait(0.05)

    def _serve(self, connection: socket.socket) -> None:
        for opcode, content in frames_of(connection, until=self._is_over):
            if opcode == CLOSE:
                return
            asked = json.loads(content)
            self.asked.append(asked["RequestID"])
            if asked["MessageType"] == POISON:
                self._poison(connection, asked["RequestID"])
            else:
                connection.sendall(frame(json.dumps({"RequestID": asked["RequestID"], "ResultCode": 0}).encode()))


@pytest.mark.parametrize("reason", POISONS)
def test_a_request_that_ends_the_connection_five_times_fails_and_the_others_are_answered(
    shared_stack: Callable[[str], Stack], reason: str
) -> None:
    stack = shared_stack("serve-postgres" if reason == "too_large" else "serve-sqlite")
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    for number in range(4):
        backend.ask(outlet, 77, {}, request_id=f"before-{number}", mode="async", expires_in=60)
    poison = backend.ask(outlet, POISON, {}, request_id="poison", mode="async", expires_in=60)
    backend.ask(outlet, 77, {}, request_id="after", mode="async", expires_in=60)
    till = Till(stack, outlet, POISONS[reason])
    with till.running():
        names = [*(f"before-{number}" for number in range(4)), "after"]
        eventually(lambda: all(states(stack, outlet)[name] == "answered" for name in names), what="the others")
        assert backend.ask(outlet, 77, {}, timeout=20).status_code == 200
        outcome = backend.outcome(poison.headers["Location"], timeout=40)
    assert outcome["state"] == "failed"
    assert outcome["failure"].startswith(f"The POS's connection ended {DISCONNECTS} times after this request was sent")
    assert outcome["times_sent"] == DISCONNECTS
    assert till.asked.count("poison") == DISCONNECTS
    assert max(till.asked.count(name) for name in names) <= 3
    assert set(eventually(lambda: records.close_reasons(stack, outlet))) <= {reason, "", "by_pos", "link_lost"}
    assert records.close_reasons(stack, outlet).count(reason) >= DISCONNECTS


def test_the_count_survives_a_restart_and_the_restart_is_not_counted(new_stack: NewStack) -> None:
    stack = new_stack("serve")
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    poison = backend.ask(outlet, POISON, {}, request_id="poison", mode="async", expires_in=60)
    till = Till(stack, outlet, send_close)
    with till.running():
        eventually(lambda: disconnects(stack) == 2, timeout=20)
        stack.kill()
        stack.start()
        outcome = backend.outcome(poison.headers["Location"], timeout=40)
    assert outcome["state"] == "failed"
    assert till.asked.count("poison") in (DISCONNECTS, DISCONNECTS + 1)


def test_connections_that_staff_or_the_server_closed_are_not_counted(new_stack: NewStack) -> None:
    stack = new_stack("serve", env={"DRAIN_SECONDS": "0"})
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    backend.ask(outlet, 77, {}, request_id="slow", mode="async", expires_in=60)
    token = token_for(stack, outlet)
    for _ in range(2):
        with bare(stack, token) as connection:
            assert next(frames_of(connection))[0] == TEXT
            stack.disable(outlet)
            assert next(frames_of(connection))[0] == CLOSE
        stack.reenable(outlet)
        token = token_for(stack, outlet)
    assert disconnects(stack) == 0
    with bare(stack, token) as connection:
        connection.sendall(frame(b'{"RequestID": "slow", "ResultCode": 0}'))
        assert next(frames_of(connection))[0] == TEXT
        connection.sendall(frame(b'{"RequestID": "slow", "ResultCode": 0}'))
        eventually(lambda: states(stack, outlet) == {"slow": "answered"})


def states(stack: Stack, outlet: Credentials) -> dict[str, object]:
    return {row["request_id"]: row["state"] for row in requests_of(stack, outlet)}


def disconnects(stack: Stack) -> object:
    ((count,),) = stack.rows("SELECT disconnects FROM integrations_request")
    return count


def test_text_that_is_not_utf8_fails_its_request_or_closes_with_1007(shared_stack: Callable[[str], Stack]) -> None:
    stack = shared_stack("serve-sqlite")
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    with bare(stack, token_for(stack, outlet)) as connection:
        eventually(lambda: records.is_online(stack, outlet))
        asked = backend.ask(outlet, 77, {}, request_id="r", mode="async")
        assert next(frames_of(connection))[0] == TEXT
        connection.sendall(frame(b'{"RequestID": "r", "ResultCode": 0, "ErrorMessage": "Caf\xe9"}'))
        outcome = backend.outcome(asked.headers["Location"])
        assert (outcome["state"], outcome["times_sent"]) == ("failed", 1)
        assert outcome["failure"] == "The POS's answer could not be read: it is not valid UTF-8."
        connection.sendall(frame(b"Caf\xe9"))
        assert close_of(connection) == (1007, "The POS sent text that is not valid UTF-8.")
    eventually(lambda: records.close_reasons(stack, outlet) == ["invalid_text"])
