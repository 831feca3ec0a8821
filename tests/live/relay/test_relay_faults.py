"""When the server restarts or a connection is lost, each request ends once, and no till executes it twice."""

import signal
from collections.abc import Callable, Iterator

import httpx2
import pytest

from integrations.simulator import Fault, Plan
from tests.live.callers.backend import Backend, callers, kind_of, orders_by_id, pos_of, requests_of, soup
from tests.live.callers.slow_till import ENV, ORDER, SLOWLY
from tests.live.conftest import NewStack
from tests.live.stack.servers import Database, Depot, Stack
from tests.live.stack.waiting import eventually

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="module", params=DATABASES)
def killable(request: pytest.FixtureRequest, depot: Depot) -> Iterator[Stack]:
    """A server that the test may kill and restart; it sends one request at a time to each POS."""
    services = {}
    if request.param == "postgres":
        services = {name: request.getfixturevalue(name) for name in ("postgres", "redis")}
    stack = depot.make("serve", env=ENV | {"REQUESTS_IN_FLIGHT": "1"}, **services)
    yield stack
    stack.close()


def test_a_request_for_an_offline_pos_survives_kill_9(killable: Stack) -> None:
    stack = killable
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    names = ["first", "second", "third"]
    for name in names:
        answer = backend.ask(outlet, "CreateOrder", soup(name), request_id=name, mode="async", expires_in=60)
        assert answer.status_code == 202
    stack.kill()
    stack.start()
    with pos_of(outlet) as background:
        eventually(lambda: {row["state"] for row in requests_of(stack, outlet)} == {"answered"}, timeout=20)
        assert background.pos.till.executed == names
        assert orders_by_id(background.pos.till) == dict.fromkeys(names, 1)


def test_a_queued_request_survives_kill_9(killable: Stack) -> None:
    stack = killable
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    names = [f"order-{number}" for number in range(4)]
    with pos_of(outlet, plan=Plan(delay=(0.7, 0.7))) as background:
        background.wait_for_connections()
        for name in names:
            assert backend.ask(outlet, "CreateOrder", soup(name), request_id=name, mode="async").status_code == 202
        assert requests_of(stack, outlet)[-1]["state"] == "queued"
        stack.kill()
        stack.start()
        eventually(lambda: {row["state"] for row in requests_of(stack, outlet)} == {"answered"}, timeout=20)
        assert background.pos.till.executed == names
        assert orders_by_id(background.pos.till) == dict.fromkeys(names, 1)


def test_an_unanswered_request_is_sent_again_after_kill_9(killable: Stack) -> None:
    stack = killable
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=SLOWLY) as background, callers() as begin:
        background.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        stack.kill()
        with pytest.raises(httpx2.TransportError):
            waiting.result(10)
        stack.start()
        answer = backend.ask(outlet, "CreateOrder", soup(ORDER), request_id="a")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
        (row,) = requests_of(stack, outlet)
        assert row["times_sent"] == 2
        assert background.pos.till.executed == ["a"]
        assert orders_by_id(background.pos.till) == {ORDER: 1}


def test_a_graceful_restart_waits_for_an_expected_answer(new_stack: NewStack) -> None:
    stack = new_stack("serve", env=ENV | {"DRAIN_SECONDS": "0"})
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=SLOWLY) as background, callers(2) as begin:
        background.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        polling = begin(backend.ask, outlet, "GetOpenOrders", {}, durable=False)
        background.wait_until(lambda: len(background.pos.till.executed) == 2)
        assert stack.stop(signal.SIGTERM) == 0
        assert waiting.result(10).json()["outcome"] == "answered"
        assert polling.result(10).status_code == 200


def test_a_graceful_restart_loses_no_request_whose_answer_takes_too_long(new_stack: NewStack) -> None:
    stack = new_stack("serve", env=ENV | {"DRAIN_SECONDS": "0"})
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(7, 7))) as background, callers() as begin:
        background.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        assert stack.stop(signal.SIGTERM) == 0
        refused = waiting.result(10)
        assert kind_of(refused) == "restarting"
        assert (refused.json()["request_id"], refused.json()["state"]) == ("a", "sent")
        assert int(refused.headers["Retry-After"]) >= 1
        stack.start()
        assert backend.ask(outlet, "CreateOrder", soup(ORDER), request_id="a").json()["outcome"] == "answered"
        assert orders_by_id(background.pos.till) == {ORDER: 1}


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.VANISH])
@pytest.mark.parametrize("database", DATABASES)
def test_a_request_is_sent_again_after_a_lost_connection_and_executed_once(
    shared_stack: Callable[[str], Stack], database: Database, fault: Fault
) -> None:
    stack = shared_stack(f"serve-{database}")
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(script=[fault])) as background:
        background.wait_for_connections()
        answer = backend.ask(outlet, "CreateOrder", soup(ORDER), request_id="a")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
        (row,) = requests_of(stack, outlet)
        assert (row["state"], row["times_sent"]) == ("answered", 2)
        assert background.pos.till.executed == ["a"]
        assert orders_by_id(background.pos.till) == {ORDER: 1}


@pytest.mark.parametrize(
    ("fault", "times_executed"), [(Fault.DROP_BEFORE, 0), (Fault.DROP_AFTER, 1), (Fault.VANISH, 1)]
)
def test_a_transient_request_is_not_sent_again_after_a_lost_connection(
    shared_stack: Callable[[str], Stack], fault: Fault, times_executed: int
) -> None:
    stack = shared_stack("serve-sqlite")
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(script=[fault])) as background:
        background.wait_for_connections()
        answer = backend.ask(outlet, "GetOpenOrders", {}, durable=False)
        assert (answer.status_code, kind_of(answer)) == (503, "link-lost")
        background.wait_for_connections(2)
        (row,) = eventually(lambda: requests_of(stack, outlet), what="the poll is recorded")
        assert row["state"] == "failed"
        assert row["failure"]
        assert len(background.pos.till.executed) == times_executed


@pytest.mark.parametrize("fault", [Fault.TWICE, Fault.LATE, Fault.OUT_OF_ORDER])
def test_an_unusual_answer_is_accepted_once(shared_stack: Callable[[str], Stack], fault: Fault) -> None:
    stack = shared_stack("serve-sqlite")
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(script=[fault], delay=(0.3, 0.3))) as background:
        background.wait_for_connections()
        for name in ("first", "second"):
            assert backend.ask(outlet, "CreateOrder", soup(name)).json()["outcome"] == "answered"
        assert {row["state"] for row in requests_of(stack, outlet)} == {"answered"}
        assert orders_by_id(background.pos.till) == {"first": 1, "second": 1}
