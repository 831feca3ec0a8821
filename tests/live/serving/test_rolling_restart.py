"""Servers restart one after the other under load; no connection breaks, and no order is lost or executed twice.

Two workers of one machine share an address. Two machines behind a load balancer share only PostgreSQL and Redis.
"""

import signal
from dataclasses import replace

from integrations.simulator import Plan
from tests.live.callers import records
from tests.live.callers.backend import Backend
from tests.live.callers.clients import connect, token_for
from tests.live.callers.load import Tally, check_tills, load
from tests.live.callers.storm import fleet_of
from tests.live.conftest import NewStack
from tests.live.stack.balancer import balancer_before
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000", "DRAIN_SECONDS": "2", "DRAIN_NOTICE_SECONDS": "1"}
SEED = 20_262
STOPS_WITHIN = 90  # seconds; a drain under load may take almost 30 s, even if nothing else runs on the machine
TILLS = Plan(delay=(0.02, 0.3), seed=SEED)


def test_two_workers_are_restarted_under_load_without_a_refused_caller(new_stack: NewStack) -> None:
    stack = new_stack("serve", "postgres", env=ENV, options=("--workers", "2"))
    outlets = [stack.supply_outlet() for _ in range(20)]
    key = Backend.of(stack).key
    eventually(lambda: len(stack.workers()) == 2)
    old = stack.workers()
    with fleet_of(outlets, seed=SEED, plan=TILLS) as fleet:
        eventually(lambda: all(pos.is_connected for pos in fleet.poses), what="all are online")
        with load([stack.base_url], key, outlets) as tally:
            eventually(lambda: tally.count > 50, what="the load is on")
            stack.send_signal(signal.SIGHUP)
            eventually(lambda: "All workers have been restarted" in stack.log_text(), timeout=30)
            after = tally.count
            eventually(lambda: tally.count > after + 50, what="the load goes on")
    assert not set(old) & set(stack.workers())
    check(stack, tally)
    check_tills(stack, fleet, tally)
    assert tally.expired == set()


def test_two_hosts_are_restarted_under_load_without_a_refused_caller(new_stack: NewStack, depot: Depot) -> None:
    one = new_stack("serve", "postgres", env=ENV)
    two = depot.twin(one)
    with balancer_before([one, two]) as balancer:
        outlets = [at(balancer.base_url, one.supply_outlet()) for _ in range(20)]
        key = Backend.of(one).key
        with fleet_of(outlets, seed=SEED, plan=TILLS) as fleet:
            eventually(lambda: all(pos.is_connected for pos in fleet.poses), what="all are online")
            with load([balancer.base_url], key, outlets) as tally:
                eventually(lambda: tally.count > 50, what="the load is on")
                for host in (one, two):
                    assert host.stop(signal.SIGTERM, timeout=STOPS_WITHIN) == 0
                    host.start()
                    eventually(lambda: len(balancer.ready) == 2, what="both are ready")
                after = tally.count
                eventually(lambda: tally.count > after + 50, what="the load goes on")
    check(one, tally)
    check_tills(one, fleet, tally)
    assert tally.expired == set()
    two.close()


def test_a_pos_that_reconnects_at_another_host_takes_over_there(new_stack: NewStack, depot: Depot) -> None:
    one = new_stack("serve", "postgres", env=ENV, options=("--workers", "2"))
    two = depot.twin(one, options=("--workers", "2"))
    backend, outlet = Backend.of(one), one.supply_outlet()
    token = token_for(one, outlet)
    with connect(one, token) as first:
        eventually(lambda: records.is_online(one, outlet))
        with connect(two, token) as second:
            first.wait_closed(5)
            for host in (one, two):
                assert backend.at(host).is_online(outlet)
            assert second.is_open()
    eventually(lambda: records.close_reasons(one, outlet) == ["replaced", "by_pos"], what="both are recorded")
    two.close()


def at(base_url: str, outlet: Credentials) -> Credentials:
    """Return the outlet's credentials with both URLs changed to this address."""
    path = outlet.auth_url.partition("/api")[2]
    return replace(outlet, auth_url=f"{base_url}/api{path}", websocket_url=base_url.replace("http", "ws", 1) + "/")


def check(stack: Stack, tally: Tally) -> None:
    """Assert that no connection failed, and that each call got the correct answer, or 503 with Retry-After."""
    assert tally.errors == []
    assert tally.odd == []
    assert tally.unanswered == 0
    assert "Traceback" not in stack.log_text()
