"""A locked or hanging database: only the callers that need it wait, and they get 503."""

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import psycopg
import pytest

from integrations.simulator import Plan
from tests.live.callers.backend import Backend, callers, kind_of, orders_by_id, pos_of, requests_of, soup
from tests.live.callers.browser import first_login
from tests.live.callers.clients import authenticate, connect, request, token_for
from tests.live.callers.staff import staff_client
from tests.live.stack.postgres import Postgres
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

SOON = 4.0  # seconds: 3 are promised, one more allows for a busy machine
READERS_PATIENCE = 2.0
Call = Callable[[], httpx2.Response]


@dataclass(frozen=True)
class Timed:
    answer: httpx2.Response
    seconds: float


def timed(call: Call) -> Timed:
    began = time.monotonic()
    return Timed(call(), time.monotonic() - began)


@contextmanager
def write_lock(stack: Stack) -> Iterator[None]:
    """Keep a write transaction open on the embedded database until the block ends, as another program might."""
    path = stack.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture(scope="module")
def embedded(depot: Depot) -> Iterator[Stack]:
    """A server over the embedded database."""
    stack = depot.make("serve")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def hanging(depot: Depot, module_postgres: Postgres) -> Iterator[Stack]:
    """A server over a PostgreSQL that the test may stop for a while."""
    stack = depot.make("serve", postgres=module_postgres)
    yield stack
    stack.close()


def test_a_locked_embedded_database_does_not_block_readers(embedded: Stack) -> None:
    stack = embedded
    backend = Backend.of(stack)
    outlet, other, late = (stack.supply_outlet() for _ in range(3))
    reads: list[Call] = [
        lambda: authenticate(stack, late),
        lambda: request(stack, "GET", "/readyz"),
        lambda: backend.get(f"outlets/{outlet.provider_outlet_id}"),
        lambda: backend.ask(other, "GetOpenOrders", {}, durable=False, timeout=5),
        lambda: backend.ask(other, "GetOpenOrders", {}, durable=False, timeout=5, request_id=str(uuid.uuid4())),
        lambda: request(stack, "GET", "/admin/login/"),
    ]
    with pos_of(outlet) as busy, pos_of(other) as idle, callers(12) as begin:
        busy.wait_for_connections()
        idle.wait_for_connections()
        with write_lock(stack):
            orders = [begin(backend.ask, outlet, "CreateOrder", soup(), timeout=60) for _ in range(12)]
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                for done in map(timed, reads):
                    assert done.answer.status_code == 200, done.answer.text
                    assert done.seconds < READERS_PATIENCE
            with connect(stack, token_for(stack, late)) as pos:
                assert pos.is_open()
            assert not any(order.done() for order in orders)
        assert {order.result().status_code for order in orders} == {200}


@contextmanager
def locked_sessions(stack: Stack) -> Iterator[None]:
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("LOCK TABLE django_session IN EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(("server", "lock"), [("embedded", write_lock), ("hanging", locked_sessions)])
def test_a_page_does_not_wait_to_extend_its_session(
    request: pytest.FixtureRequest, server: str, lock: Callable[[Stack], AbstractContextManager[None]]
) -> None:
    stack: Stack = request.getfixturevalue(server)
    outlet = stack.supply_outlet()
    pages = ("", "integrations/outlet/", f"integrations/outlet/?q={outlet.provider_outlet_id}")
    with staff_client(stack, first_login(stack)) as staff:
        stack.execute(
            "UPDATE django_session SET expire_date = %s",
            (datetime.now(UTC) + timedelta(minutes=30)).strftime("%Y-%m-%d %H:%M:%S+00"),
        )
        with lock(stack):
            for page in pages:
                shown = timed(lambda page=page: staff.get(f"/admin/{page}"))  # type: ignore[misc]
                assert (shown.answer.status_code, shown.seconds < READERS_PATIENCE) == (200, True), page
        before = stack.rows("SELECT expire_date FROM django_session")
        assert staff.get("/admin/").status_code == 200
        assert stack.rows("SELECT expire_date FROM django_session") > before


def test_an_order_waits_for_a_locked_database_for_its_timeout_and_is_not_sent_afterwards(embedded: Stack) -> None:
    stack = embedded
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet) as background, callers(2) as begin:
        background.wait_for_connections()
        with write_lock(stack):
            patient = begin(backend.ask, outlet, "CreateOrder", soup("patient"), timeout=60)
            for mode in ("wait", "async"):
                options: dict[str, Any] = {"timeout": 2, "mode": mode, "request_id": mode}
                given_up = timed(partial(backend.ask, outlet, "CreateOrder", soup(mode), **options))
                assert (given_up.answer.status_code, kind_of(given_up.answer)) == (503, "database-away")
                assert given_up.answer.json()["request_id"] == mode
                assert given_up.seconds < SOON
        assert patient.result().status_code == 200
        again = backend.ask(outlet, "CreateOrder", soup("async"), request_id="async")
        assert again.status_code == 200, again.text
        assert orders_by_id(background.pos.till) == {"patient": 1, "async": 1}


def test_while_postgresql_hangs_every_caller_gets_503_soon_and_later_answers_again(
    hanging: Stack, module_postgres: Postgres
) -> None:
    backend, outlet = Backend.of(hanging), hanging.supply_outlet()
    order = partial(backend.ask, outlet, "CreateOrder", soup("during"), request_id="during")
    calls: list[Call] = [
        lambda: authenticate(hanging, outlet),
        lambda: request(hanging, "GET", "/readyz"),
        order,
    ]
    with pos_of(outlet) as background, ThreadPoolExecutor(20) as callers_at_once:
        background.wait_for_connections()
        assert backend.ask(outlet, "CreateOrder", soup("before")).status_code == 200
        with module_postgres.process.hanging():
            for _ in range(3):  # in total, more calls than the server has database threads
                begun = [callers_at_once.submit(timed, call) for call in calls for _ in range(6)]
                assert {each.result().answer.status_code for each in begun} == {503}
                assert max(each.result().seconds for each in begun) < SOON
            assert request(hanging, "GET", "/healthz").status_code == 200
        eventually(lambda: request(hanging, "GET", "/readyz").status_code == 200, timeout=20)
        eventually(lambda: authenticate(hanging, outlet).status_code == 200, timeout=20)
        assert order().status_code == 200
        assert background.pos.journal.connections == 1
        assert orders_by_id(background.pos.till) == {"before": 1, "during": 1}
        assert [row["state"] for row in requests_of(hanging, outlet)] == ["answered", "answered"]


def test_an_answer_that_arrives_while_postgresql_hangs_is_stored(hanging: Stack, module_postgres: Postgres) -> None:
    backend, outlet = Backend.of(hanging), hanging.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(1.0, 1.0))) as background, callers() as begin:
        background.wait_for_connections()
        order = begin(backend.ask, outlet, "CreateOrder", soup("kept"), timeout=20)
        eventually(lambda: [row["state"] for row in requests_of(hanging, outlet)] == ["sent"])
        with module_postgres.process.hanging():
            background.wait_until(lambda: orders_by_id(background.pos.till) == {"kept": 1})
        assert order.result().status_code == 200
        assert background.pos.journal.connections == 1


def test_a_locked_table_blocks_only_the_calls_that_write_to_it(hanging: Stack) -> None:
    backend, outlet = Backend.of(hanging), hanging.supply_outlet()
    order = partial(backend.ask, outlet, "CreateOrder", soup(), timeout=3)
    with pos_of(outlet) as background, ThreadPoolExecutor(12) as callers_at_once:
        background.wait_for_connections()
        with psycopg.connect(hanging.database_url) as connection:
            connection.execute("LOCK TABLE integrations_request IN EXCLUSIVE MODE")
            orders = [callers_at_once.submit(timed, order) for _ in range(12)]
            for _ in range(3):
                reading = timed(lambda: authenticate(hanging, outlet))
                assert (reading.answer.status_code, reading.seconds < READERS_PATIENCE) == (200, True)
            for refused in [each.result() for each in orders]:
                assert (refused.answer.status_code, kind_of(refused.answer)) == (503, "database-away")
                assert refused.seconds < 3 + SOON
        assert order().status_code == 200


def test_postgresql_ends_a_long_statement_of_a_server_and_not_one_of_a_command(hanging: Stack) -> None:
    ask = "from django.db import connection; print(*connection.cursor().execute('SHOW statement_timeout').fetchone())"
    shown = [
        hanging.manage("shell", "--no-imports", "-c", code).stdout.strip()
        for code in (ask, f"import portal.asgi; {ask}")
    ]
    assert shown == ["0", "30s"]
