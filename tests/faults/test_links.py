"""Silent links and slow or unresponsive POSes do not affect other POSes, and no order is lost."""

from collections.abc import Iterator

import pytest

from integrations.simulator import Fault, Plan
from tests.faults.link import Link, link_to
from tests.live.callers import records
from tests.live.callers.backend import Backend, callers, kind_of, orders_by_id, pos_of, requests_of, soup
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

# The portal notices a silent peer after the interval plus the timeout: 50 s with the default settings.
PINGS = {"POS_PING_INTERVAL": "1", "POS_PING_TIMEOUT": "1"}
ORDER = "an-order"


@pytest.fixture(scope="module")
def stack(depot: Depot) -> Iterator[Stack]:
    stack = depot.make("serve", env=PINGS | {"AUTH_FAILURES_PER_ADDRESS": "1000000"})
    yield stack
    stack.close()


@pytest.fixture
def link(stack: Stack) -> Iterator[Link]:
    with link_to(stack) as link:
        yield link


def test_a_silent_link_is_detected_and_the_outlet_goes_offline(stack: Stack, link: Link) -> None:
    outlet = stack.supply_outlet()
    with pos_of(link.lead(outlet)) as background:
        background.wait_for_connections()
        link.go_quiet()
        eventually(lambda: records.close_reasons(stack, outlet) == ["link_lost"], timeout=10)
        assert not records.is_online(stack, outlet)


def test_a_pos_behind_a_silent_link_reconnects_over_a_new_one(stack: Stack, link: Link) -> None:
    outlet = stack.supply_outlet()
    with pos_of(link.lead(outlet)) as behind:
        behind.wait_for_connections()
        link.go_quiet()
        with pos_of(outlet) as around:
            around.wait_for_connections()
            eventually(lambda: records.close_reasons(stack, outlet) in (["replaced", ""], ["link_lost", ""]))
            assert records.is_online(stack, outlet)


def test_an_order_sent_into_a_silent_link_is_sent_again_and_executed_once(stack: Stack, link: Link) -> None:
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(link.lead(outlet), plan=Plan(delay=(1.0, 1.0))) as background, callers() as begin:
        background.wait_for_connections()
        waiting = begin(backend.ask, outlet, "CreateOrder", soup(ORDER), request_id="a")
        background.wait_until(lambda: background.pos.till.executed == ["a"])
        link.go_quiet()  # the link drops the answer
        eventually(lambda: records.close_reasons(stack, outlet) == ["link_lost"], timeout=10)
        link.heal()
        with pos_of(outlet, till=background.pos.till) as back:
            back.wait_for_connections()
            assert waiting.result(30).json()["outcome"] == "answered"
        (row,) = requests_of(stack, outlet)
        assert row["times_sent"] == 2
        assert orders_by_id(background.pos.till) == {ORDER: 1}


def test_unresponsive_and_slow_poses_do_not_delay_others(stack: Stack) -> None:
    backend = Backend.of(stack)
    unresponsive, slow, brisk = (stack.supply_outlet() for _ in range(3))
    with (
        pos_of(unresponsive, plan=Plan(chances={Fault.NEVER: 1.0})) as silent,
        pos_of(slow, plan=Plan(delay=(2.0, 2.0))) as slowly,
        pos_of(brisk) as quickly,
        callers(12) as begin,
    ):
        for background in (silent, slowly, quickly):
            background.wait_for_connections()
        stuck = [begin(backend.ask, outlet, "CreateOrder", soup(), timeout=3) for outlet in (unresponsive, slow) * 6]
        for number in range(20):
            answer = backend.ask(brisk, "CreateOrder", soup(f"brisk-{number}"), timeout=2)
            assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
        assert {kind_of(call.result(20)) for call in stuck[::2]} == {"no-answer-yet"}
        eventually(lambda: {row["state"] for row in requests_of(stack, slow)} == {"answered"}, timeout=20)
        assert len(orders_by_id(slowly.pos.till)) == 6
