"""A POS gets its outlet's requests in order of arrival, whichever process accepted each one."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.callers import records
from tests.live.callers.backend import Backend, orders_by_id, outlet_at, pos_of, requests_of, soup
from tests.live.callers.clients import connect_unresponsive, token_for
from tests.live.conftest import SHARED_ENV
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

COUNT = 100


@contextmanager
def two_hosts(depot: Depot, postgres: Postgres, redis: Redis | None) -> Iterator[tuple[Stack, Stack]]:
    one = depot.make("serve", postgres=postgres, redis=redis, env=SHARED_ENV)
    two = depot.twin(one)
    yield one, two
    two.close()
    one.close()


def send_in_turn(backends: list[Backend], outlet: Credentials, numbers: range) -> list[str]:
    """Post the orders one after another, to each backend in turn; return the orders' names in this sequence."""
    names = [f"order-{number}" for number in numbers]
    for name, backend in zip(names, itertools.cycle(backends), strict=False):
        answer = backend.ask(outlet, "CreateOrder", soup(name), mode="async", expires_in=60)
        assert answer.status_code == 202, answer.text
    return names


@pytest.mark.parametrize("has_redis", [True, False], ids=["with Redis", "without Redis"])
def test_requests_through_two_hosts_reach_the_pos_in_order_of_arrival(
    depot: Depot, postgres: Postgres, request: pytest.FixtureRequest, has_redis: bool
) -> None:
    redis = request.getfixturevalue("redis") if has_redis else None
    with two_hosts(depot, postgres, redis) as (one, two):
        outlet, backend = one.supply_outlet(), Backend.of(one)
        with pos_of(outlet) as background:
            eventually(lambda: backend.at(two).is_online(outlet))
            sent = send_in_turn([backend.at(two), backend], outlet, range(COUNT))
            eventually(lambda: len(orders_by_id(background.pos.till)) == COUNT, timeout=30)
            assert list(orders_by_id(background.pos.till)) == sent
        assert {row["times_sent"] for row in requests_of(one, outlet)} == {1}


def test_a_request_waits_for_older_ones_sent_over_a_lost_connection(depot: Depot, postgres: Postgres) -> None:
    with two_hosts(depot, postgres, None) as (one, two):
        for here, there in ((one, one), (one, two)):
            move_a_till(here, there)


def move_a_till(here: Stack, there: Stack) -> None:
    """Send orders to a till whose power was cut, then more orders after it has reconnected to the host `there`."""
    outlet, backend = here.supply_outlet(), Backend.of(here)
    with connect_unresponsive(here, token_for(here, outlet)):
        eventually(lambda: records.is_online(here, outlet))
        lost = send_in_turn([backend], outlet, range(3))
        with pos_of(outlet_at(there, outlet)) as background:
            background.wait_for_connections()
            sent = send_in_turn([backend.at(there)], outlet, range(3, 6))
            eventually(lambda: len(orders_by_id(background.pos.till)) == 6, timeout=30)
            assert list(orders_by_id(background.pos.till)) == lost + sent
