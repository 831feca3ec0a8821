"""No request is lost when Redis, PostgreSQL or one of two processes dies."""

import random
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from integrations.simulator import Plan, Till, load_till
from integrations.simulator.fleet import till_file_name
from tests.live.callers import storm
from tests.live.callers.backend import (
    Backend,
    callers,
    kind_of,
    orders_by_id,
    pos_credentials,
    pos_of,
    requests_of,
    soup,
)
from tests.live.callers.slow_till import ENV, ORDER, SLOWLY
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

SEED = 20_261
# A request may fail only for these reasons: its till keeps dropping the connection, or sends half an answer.
FAILED = re.compile(r"The POS's (connection ended 5 times|answer could not be read)")


def state_of(stack: Stack, outlet: Credentials) -> str:
    (row,) = requests_of(stack, outlet)
    return str(row["state"])


@dataclass(frozen=True)
class Pair:
    """Two processes that share a PostgreSQL and a Redis, which only this file's tests use.

    `pos_server` holds the POSes' sockets, and `api_server` takes the API calls.
    """

    pos_server: Stack
    api_server: Stack
    backend: Backend
    redis: Redis
    postgres: Postgres

    @classmethod
    def make(cls, depot: Depot, redis: Redis, postgres: Postgres) -> "Pair":
        pos_server = depot.make("serve", postgres=postgres, redis=redis, env=ENV)
        api_server = depot.twin(pos_server)
        return cls(pos_server, api_server, Backend.of(api_server), redis, postgres)

    def flush_redis(self) -> None:
        """Empty Redis, which removes every process from the groups of the channel layer."""
        with socket.create_connection(("127.0.0.1", self.redis.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(16).startswith(b"+OK")

    def kill_redis(self) -> None:
        self.redis.kill()
        self.redis.start()

    def restart_postgres(self) -> None:
        self.postgres.stop()
        self.postgres.start()

    def kill_pos_server(self) -> None:
        self.pos_server.kill()
        self.pos_server.start()

    def kill_api_server(self) -> None:
        self.api_server.kill()
        self.api_server.start()

    def close(self) -> None:
        for process in (self.pos_server, self.api_server, self.redis, self.postgres):
            process.close()


@pytest.fixture(scope="module")
def pair(depot: Depot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    redis = Redis.create(tmp_path_factory.mktemp("pairs-redis"))
    postgres = Postgres.create(tmp_path_factory.mktemp("pairs-postgres"))
    redis.start()
    postgres.start()
    pair = Pair.make(depot, redis, postgres)
    yield pair
    pair.close()


def test_without_redis_the_database_alone_delivers_requests(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet) as background:
        eventually(lambda: pair.backend.is_online(outlet))
        pair.redis.kill()
        try:
            answer = pair.backend.ask(outlet, "CreateOrder", soup("without"))
            assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
        finally:
            pair.redis.start()
        answer = pair.backend.ask(outlet, "CreateOrder", soup("with"))
        assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
        eventually(lambda: can_poll(pair, outlet), timeout=20, what="polls reach the other process again")
        assert orders_by_id(background.pos.till) == {"without": 1, "with": 1}


def test_no_answer_is_lost_when_redis_dies_while_the_pos_works(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet, plan=SLOWLY) as background, callers() as begin:
        eventually(lambda: pair.backend.is_online(outlet))
        waiting = begin(pair.backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        pair.redis.kill()
        try:
            assert waiting.result(20).json()["outcome"] == "answered"
        finally:
            pair.redis.start()
        assert orders_by_id(background.pos.till) == {ORDER: 1}


def test_no_request_is_lost_when_redis_is_flushed(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(0.5, 0.5))) as background, callers(8) as begin:
        eventually(lambda: pair.backend.is_online(outlet))
        names = [f"order-{number}" for number in range(8)]
        calls = [begin(pair.backend.ask, outlet, "CreateOrder", soup(name)) for name in names[:4]]
        pair.flush_redis()
        calls += [begin(pair.backend.ask, outlet, "CreateOrder", soup(name)) for name in names[4:]]
        assert [call.result(20).json()["outcome"] for call in calls] == ["answered"] * 8
        assert orders_by_id(background.pos.till) == dict.fromkeys(names, 1)


def test_transient_requests_reach_the_other_process_again_after_redis_was_flushed(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet):
        eventually(lambda: pair.backend.is_online(outlet))
        pair.flush_redis()
        eventually(lambda: can_poll(pair, outlet), timeout=20, what="polls reach the other process again")


def can_poll(pair: Pair, outlet: Credentials) -> bool:
    return pair.backend.ask(outlet, "GetOpenOrders", {}, durable=False, timeout=1).status_code == 200


def test_an_answer_that_arrives_while_postgresql_is_down_is_stored(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet, plan=SLOWLY) as background, callers() as begin:
        eventually(lambda: pair.backend.is_online(outlet))
        waiting = begin(pair.backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        pair.postgres.stop()
        try:
            answer = pair.backend.ask(outlet, "CreateOrder", soup("another"))
            assert (answer.status_code, kind_of(answer)) == (503, "database-away")
            background.wait_until(lambda: background.pos.journal.answers == 1)
        finally:
            pair.postgres.start()
        waited = waiting.result(20)
        assert (waited.status_code, waited.json().get("outcome")) == (200, "answered"), waited.text
        assert pair.backend.ask(outlet, "CreateOrder", soup(ORDER), request_id="a").json()["outcome"] == "answered"
        assert state_of(pair.api_server, outlet) == "answered"
        assert orders_by_id(background.pos.till) == {ORDER: 1}


def test_requests_complete_after_postgresql_was_killed_between_sending_and_answer(pair: Pair) -> None:
    outlet = pair.pos_server.supply_outlet()
    with pos_of(outlet, plan=SLOWLY) as background:
        eventually(lambda: pair.backend.is_online(outlet))
        answer = pair.backend.ask(outlet, "CreateOrder", soup(ORDER), request_id="a", mode="async")
        assert answer.status_code == 202
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        pair.postgres.kill()
        pair.postgres.start()
        eventually(lambda: state_of(pair.api_server, outlet) == "answered", timeout=20)
        assert background.pos.till.executed == ["a"]
        assert orders_by_id(background.pos.till) == {ORDER: 1}


def test_a_thousand_requests_during_many_faults_each_end_and_execute_once(pair: Pair, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    outlets = [pair.pos_server.supply_outlet() for _ in range(50)]
    outlets = [at_home(outlet, (pair.pos_server, pair.api_server)[number % 2]) for number, outlet in enumerate(outlets)]
    calls = storm.calls_to(outlets, count=1000, chance=chance)
    with ExitStack() as fleets:
        for stack in (pair.pos_server, pair.api_server):
            theirs = [outlet for outlet in outlets if outlet.auth_url.startswith(stack.base_url)]
            fleets.enter_context(storm.fleet_of(theirs, folder=tmp_path, seed=SEED))
        acts = [pair.kill_pos_server, pair.kill_api_server, pair.kill_redis, pair.flush_redis, pair.restart_postgres]
        backends = [pair.backend, pair.backend.at(pair.pos_server)]
        done = storm.make_calls(backends, calls, meanwhile=storm.faults(acts, chance))
        assert done >= len(acts), "the calls were over before everything had died once"
        eventually(lambda: open_requests(pair) == 0, timeout=2 * storm.EXPIRES_IN, what="all have ended")
    states = Counter[str]()
    for outlet in outlets:
        asked = [call.name for call in calls if call.outlet == outlet]
        states += check_outlet(pair, outlet, asked, load_till(tmp_path / till_file_name(pos_credentials(outlet))))
    assert states.total() == 1000
    assert states["answered"] > 900, states


def at_home(outlet: Credentials, stack: Stack) -> Credentials:
    """Return the outlet's credentials with the URLs changed, to make its POS connect to the server `stack`."""
    auth_url = outlet.auth_url.replace(outlet.auth_url.split("/api")[0], stack.base_url)
    return replace(outlet, auth_url=auth_url, websocket_url=stack.ws_url)


def open_requests(pair: Pair) -> int:
    ((count,),) = pair.api_server.rows("SELECT count(*) FROM integrations_request WHERE state IN ('queued', 'sent')")
    assert isinstance(count, int)
    return count


def check_outlet(pair: Pair, outlet: Credentials, asked: Sequence[str], till: Till) -> Counter[str]:
    """Fail if the till executed an order twice, or lacks an order that the database records as answered."""
    rows = requests_of(pair.api_server, outlet)
    assert sorted(row["request_id"] for row in rows) == sorted(asked)
    states = {str(row["request_id"]): str(row["state"]) for row in rows}
    assert set(states.values()) <= {"answered", "expired", "failed"}, states
    failures = [str(row["failure"]) for row in rows if row["state"] == "failed"]
    assert all(FAILED.match(failure) for failure in failures), failures
    assert len(set(till.executed)) == len(till.executed)
    orders = orders_by_id(till)
    assert set(orders.values()) == {1}
    assert {name for name, state in states.items() if state == "answered"} <= set(orders)
    return Counter(states.values())
