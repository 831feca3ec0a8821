"""No call waits for a Redis that hangs (accepts data, never answers): hosts can use the database instead."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.live.callers.backend import Backend, orders_by_id, pos_of, soup
from tests.live.callers.clients import request
from tests.live.conftest import SHARED_ENV
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

A_MOMENT = 3.0  # seconds: one is promised, the rest allows for a busy machine


@dataclass(frozen=True)
class Hosts:
    """Two servers that share one database, and a Redis that no other server uses."""

    one: Stack
    two: Stack
    redis: Redis

    def layer_is(self, state: str) -> bool:
        return all(request(each, "GET", "/readyz").json()["layer"] == state for each in (self.one, self.two))


@pytest.fixture(scope="module")
def hosts(depot: Depot, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    redis = Redis.create(tmp_path_factory.mktemp("own-redis"))
    redis.start()
    one = depot.make("serve", postgres=postgres, redis=redis, env=SHARED_ENV)
    pair = Hosts(one, depot.twin(one), redis)
    yield pair
    for each in (pair.two, pair.one, pair.redis):
        each.close()


def test_while_redis_hangs_no_order_waits_and_afterwards_wake_ups_resume(hosts: Hosts) -> None:
    outlet, backend = hosts.one.supply_outlet(), Backend.of(hosts.one)
    elsewhere = backend.at(hosts.two)
    with pos_of(outlet) as background, ThreadPoolExecutor(10) as callers:
        eventually(lambda: elsewhere.is_online(outlet) and hosts.layer_is("reachable"))
        with hosts.redis.process.hanging():
            began = time.monotonic()
            accepted = list(
                callers.map(
                    lambda number: elsewhere.ask(outlet, "CreateOrder", soup(f"async {number}"), mode="async"),
                    range(10),
                )
            )
            assert {answer.status_code for answer in accepted} == {202}
            assert time.monotonic() - began < A_MOMENT
            answers = list(
                callers.map(
                    lambda number: elsewhere.ask(outlet, "CreateOrder", soup(f"sync {number}"), timeout=10), range(10)
                )
            )
            assert {answer.status_code for answer in answers} == {200}
            eventually(lambda: hosts.layer_is("away"), timeout=20)
        assert set(orders_by_id(background.pos.till).values()) == {1}
        assert len(orders_by_id(background.pos.till)) == 20
        eventually(lambda: hosts.layer_is("reachable"), timeout=20)
        eventually(lambda: elsewhere.ask(outlet, "GetOpenOrders", {}, durable=False).status_code == 200, timeout=20)


def test_while_redis_hangs_a_command_disables_an_outlet_without_waiting_for_it(hosts: Hosts) -> None:
    outlet = hosts.one.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        usual = _seconds_of_a_command(hosts.one)
        with hosts.redis.process.hanging():
            began = time.monotonic()
            done = hosts.one.manage("disable_outlet", outlet.provider_outlet_id, "--reason=A test")
            assert done.returncode == 0, done.stderr
            assert time.monotonic() - began < usual + A_MOMENT
            background.wait_for_closures(limit=5)
        eventually(lambda: hosts.layer_is("reachable"), timeout=20)


def test_a_server_stops_while_redis_hangs(hosts: Hosts, depot: Depot) -> None:
    third = depot.twin(hosts.one, env={"DRAIN_SECONDS": "1"})
    eventually(lambda: request(third, "GET", "/readyz").json()["layer"] == "reachable", timeout=10)
    with hosts.redis.process.hanging():
        assert third.stop(timeout=20) == 0
    eventually(lambda: hosts.layer_is("reachable"), timeout=20)


def _seconds_of_a_command(stack: Stack) -> float:
    began = time.monotonic()
    assert stack.manage("outlets").returncode == 0
    return time.monotonic() - began
