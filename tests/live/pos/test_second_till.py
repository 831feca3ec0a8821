"""Two tills with the same credentials: takeovers slow down, and each order goes to one of the two tills."""

import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest
from websockets.exceptions import InvalidStatus

from integrations.simulator import Plan
from tests.live.callers import records
from tests.live.callers.backend import Backend, callers, orders_by_id, outlet_at, pos_of, requests_of, soup
from tests.live.callers.clients import connect, connect_unresponsive, token_for
from tests.live.callers.frames import CLOSE, PING, PONG, bare, frame, frames_of
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import PATIENCE, eventually

FIGHT = 8.0  # seconds for which two tills keep replacing each other's connection
REPLACED = 4409
ORDER = "an-order"


@dataclass
class Till:
    """A till that reconnects at once, whatever the server answers."""

    connections: int = 0

    def fight(self, stack: Stack, token: str) -> None:
        deadline = time.monotonic() + FIGHT
        while (left := deadline - time.monotonic()) > 0:
            with suppress(InvalidStatus), connect(stack, token) as pos, suppress(TimeoutError):
                self.connections += 1
                pos.wait_closed(left / PATIENCE)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def leave_open(connection: socket.socket) -> None:
    pass


@dataclass
class RoughTill(Till):
    """A till that does not reply to the close frame, and reconnects before or after its old connection has ended."""

    end: Callable[[socket.socket], None] = leave_open
    answers_pings: bool = True

    def fight(self, stack: Stack, token: str) -> None:
        deadline = time.monotonic() + FIGHT
        with ExitStack() as left_open:
            while time.monotonic() < deadline:
                with suppress(AssertionError, OSError):
                    connection = left_open.enter_context(bare(stack, token))
                    self.connections += 1
                    self._serve(connection, deadline)

    def _serve(self, connection: socket.socket, deadline: float) -> None:
        connection.settimeout(max(0.1, deadline - time.monotonic()))
        for opcode, content in frames_of(connection):
            if opcode == PING and self.answers_pings:
                connection.sendall(frame(content, opcode=PONG))
            if opcode == CLOSE or (opcode == PING and not self.answers_pings):
                self.end(connection)
                return


@pytest.fixture(scope="module")
def stack(depot: Depot) -> Iterator[Stack]:
    stack = depot.make("serve")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def pair(depot: Depot, postgres: Postgres, redis: Redis) -> Iterator[tuple[Stack, Stack]]:
    """Two processes over one database."""
    stack = depot.make("serve", postgres=postgres, redis=redis)
    twin = depot.twin(stack)
    yield stack, twin
    for each in (twin, stack):
        each.close()


@dataclass(frozen=True)
class Fight:
    """Two tills that fought for an outlet; `stack` is a server whose database has this outlet."""

    stack: Stack
    outlet: Credentials
    tills: Sequence[Till]

    @property
    def connections(self) -> int:
        return sum(till.connections for till in self.tills)

    def waits(self) -> list[str]:
        """Return the reasons why handshakes of this outlet had to wait."""
        return waits(self.stack, records.integration_id(self.stack, self.outlet))


ROUGH = {"reset": (reset, True), "left open": (leave_open, True), "unresponsive": (leave_open, False)}


@pytest.fixture(scope="module")
def fights(stack: Stack, pair: tuple[Stack, Stack]) -> dict[str, Fight]:
    """Run all fights at once, because each takes 8 s."""
    pairs: dict[str, tuple[Sequence[Till], tuple[Stack, Stack]]] = {
        way: ([RoughTill(end=end, answers_pings=pings) for _ in range(2)], (stack, stack))
        for way, (end, pings) in ROUGH.items()
    }
    pairs |= {"one process": ([Till(), Till()], (stack, stack)), "two processes": ([Till(), Till()], pair)}
    fights = {name: Fight(stacks[0], stacks[0].supply_outlet(), tills) for name, (tills, stacks) in pairs.items()}
    tokens = {name: token_for(fight.stack, fight.outlet) for name, fight in fights.items()}
    with ThreadPoolExecutor(2 * len(pairs)) as pool:
        fighting = [
            pool.submit(till.fight, stack, tokens[name])
            for name, (tills, stacks) in pairs.items()
            for till, stack in zip(tills, stacks, strict=True)
        ]
        for each in fighting:
            each.result()
    return fights


def test_two_tills_that_reconnect_at_once_replace_each_other_ever_more_slowly(fights: dict[str, Fight]) -> None:
    fight = fights["one process"]
    # The first two takeovers happen without a wait, the next ones after waits of 0.1, 0.2, 0.4, 0.8, 1.6 and 3.2 s.
    assert 4 <= fight.connections <= 11
    eventually(lambda: "second_till" in fight.waits())
    assert len(fight.waits()) < 20
    assert len(records.connections(fight.stack, fight.outlet)) <= 11


@pytest.mark.parametrize("way", ROUGH)
def test_two_tills_slow_down_however_they_end_their_connections(fights: dict[str, Fight], way: str) -> None:
    fight = fights[way]
    # If the old till does not respond, replacements count as takeovers only after the first ten in a minute.
    most = 21 if way == "unresponsive" else 11
    assert 4 <= fight.connections <= most
    eventually(lambda: "second_till" in fight.waits())
    assert len(records.connections(fight.stack, fight.outlet)) <= most


def test_two_tills_at_two_processes_slow_down_as_well(fights: dict[str, Fight]) -> None:
    assert fights["two processes"].connections <= 16


def test_an_order_sent_to_the_replaced_till_is_not_sent_to_the_other(stack: Stack) -> None:
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(1.5, 1.5))) as first, callers() as begin:
        first.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        first.wait_until(lambda: first.pos.till.executed == ["a"])
        with pos_of(outlet) as second:
            second.wait_for_connections()
            assert waiting.result(30).json()["outcome"] == "answered"
            assert backend.ask(outlet, "CreateOrder", soup("next")).json()["outcome"] == "answered"
            assert (orders_by_id(first.pos.till), orders_by_id(second.pos.till)) == ({ORDER: 1}, {"next": 1})


def test_an_order_sent_by_one_process_is_not_sent_to_the_till_at_another(
    pair: tuple[Stack, Stack],
) -> None:
    stack, twin = pair
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(2.5, 2.5))) as first, callers(2) as begin:
        first.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        first.wait_until(lambda: first.pos.till.executed == ["a"])
        with pos_of(outlet_at(twin, outlet)) as second:
            second.wait_for_connections()
            newer = begin(backend.at(twin).ask, outlet, "CreateOrder", soup("next"), request_id="b")
            assert [each.result(30).json()["outcome"] for each in (waiting, newer)] == ["answered"] * 2
            # Either till may get the newer order: the first till's server may not know of the takeover yet.
            assert sorted([*first.pos.till.executed, *second.pos.till.executed]) == ["a", "b"]
            assert orders_by_id(first.pos.till)[ORDER] == 1


def test_an_order_is_sent_again_to_the_new_connection_if_the_old_till_has_gone(stack: Stack) -> None:
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with connect_unresponsive(stack, token_for(stack, outlet)), callers() as begin:
        eventually(lambda: records.is_online(stack, outlet))
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER))
        eventually(lambda: [row["times_sent"] for row in requests_of(stack, outlet)] == [1])
        with pos_of(outlet) as back:
            assert waiting.result(30).json()["outcome"] == "answered"
            assert orders_by_id(back.pos.till) == {ORDER: 1}


def test_a_till_that_keeps_losing_its_connection_never_waits(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with ExitStack() as lost:
        for count in range(1, 7):
            lost.enter_context(connect_unresponsive(stack, token))
            ended = ["link_lost"] * (count - 1)
            eventually(lambda ended=ended: records.close_reasons(stack, outlet) == [*ended, ""])  # type: ignore[misc]
    assert waits(stack, records.integration_id(stack, outlet)) == []


def test_a_till_that_reconnects_before_it_closes_is_accepted_at_once(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token) as first, connect(stack, token) as second, connect(stack, token) as third:
        assert [first.wait_closed(5)[0], second.wait_closed(5)[0]] == [REPLACED] * 2
        assert third.is_open()
    assert waits(stack, records.integration_id(stack, outlet)) == []


def waits(stack: Stack, integration_id: int) -> list[str]:
    """Return the reasons why handshakes of this outlet had to wait."""
    query = "SELECT outcome FROM integrations_authattempt WHERE integration_id = %s AND door = 'websocket'"
    return [str(outcome) for (outcome,) in stack.rows(query, integration_id)]
