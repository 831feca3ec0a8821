"""A clock that jumps by an hour, forward or back: POSes stay connected, others connect, orders are executed once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.live.callers import records
from tests.live.callers.backend import Backend, orders_by_id, pos_of, soup
from tests.live.callers.clients import connect, token_for
from tests.live.stack.binaries import give_up
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

HOUR = 3600
REPLACED = 4409
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"


class Clock:
    """The wall clock of one server process, moved by a file that libfaketime reads.

    libfaketime does not change the process's monotonic clock.
    """

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/").glob(LIBRARIES.removeprefix("/")))
        if not found:
            give_up("libfaketime (Debian's faketime) is not installed")
        self._file = folder / "clock"
        self.jump(0)
        self.env = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Without this setting, pthread_cond_timedwait returns at once, and threads that wait for Python's global
            # lock spin.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def jump(self, seconds: int) -> None:
        """Set the clock this many seconds ahead of the true time."""
        self._file.write_text(f"{seconds:+d}s")


@dataclass(frozen=True)
class Hosts:
    """Two servers over one PostgreSQL. The clock of one is right, and the test moves the clock of the other."""

    steady: Stack
    jumping: Stack
    clock: Clock


@pytest.fixture(scope="module")
def lone(depot: Depot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Clock]]:
    """One server and its clock, which each test leaves at the true time."""
    clock = Clock(tmp_path_factory.mktemp("lone"))
    stack = depot.make("serve", env=clock.env)
    yield stack, clock
    stack.close()


@pytest.fixture(scope="module")
def hosts(depot: Depot, postgres: Postgres, redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    clock = Clock(tmp_path_factory.mktemp("hosts"))
    steady = depot.make("serve", postgres=postgres, redis=redis, env={"LEASE_SECONDS": "6"})
    jumping = depot.twin(steady, env=clock.env)
    yield Hosts(steady, jumping, clock)
    for stack in (jumping, steady):
        stack.close()


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_jump_of_the_only_host_closes_no_socket_and_loses_no_order(lone: tuple[Stack, Clock], seconds: int) -> None:
    stack, clock = lone
    backend, outlet, late = Backend.of(stack), stack.supply_outlet(), stack.supply_outlet()
    with pos_of(outlet) as background:
        eventually(lambda: records.is_online(stack, outlet))
        assert is_done(backend, outlet, "before")
        clock.jump(seconds)
        eventually(lambda: is_done(backend, outlet, "after"), timeout=15, what="the outlet is online again")
        with pos_of(late) as newcomer:
            newcomer.wait_for_connections()
        clock.jump(0)
        eventually(lambda: is_done(backend, outlet, "back"), timeout=15, what="the outlet is online again")
        assert records.close_reasons(stack, outlet) == [""]
        assert orders_by_id(background.pos.till) == {"before": 1, "after": 1, "back": 1}


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_host_whose_clock_jumps_declares_no_other_host_dead(hosts: Hosts, seconds: int) -> None:
    steady = hosts.steady
    backend, outlet = Backend.of(steady), steady.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: records.is_online(steady, outlet))
        hosts.clock.jump(seconds)
        for _ in range(3):
            earlier = heartbeats(steady)
            eventually(partial(all_renewed_leases_since, steady, earlier), what="both processes renewed their lease")
        assert records.close_reasons(steady, outlet) == [""]
        for host in (backend, backend.at(hosts.jumping)):
            answer = host.ask(outlet, "CreateOrder", soup())
            assert answer.status_code == 200, answer.text
            assert answer.json()["outcome"] == "answered", answer.text
        assert len(orders_by_id(background.pos.till)) == 2


@pytest.mark.parametrize("seconds", [3, -3, HOUR, -HOUR])
def test_of_two_hosts_whose_clocks_differ_the_newer_connection_stays_open(hosts: Hosts, seconds: int) -> None:
    steady, wrong = hosts.steady, hosts.jumping
    wrong.kill()
    hosts.clock.jump(seconds)
    wrong.start()
    for first, then in ((steady, wrong), (wrong, steady)):
        outlet = steady.supply_outlet()
        with connect(first, token_for(first, outlet)) as older:
            eventually(partial(records.is_online, steady, outlet), what="the older connection is recorded")
            # The token comes from `first`, because a balancer may send each call to a different host.
            with connect(then, token_for(first, outlet)) as newer:
                assert older.wait_closed(5)[0] == REPLACED
                eventually(partial(has_reasons, steady, outlet, ["replaced", ""]), what="the newer one is recorded")
                assert newer.is_open()


def has_reasons(stack: Stack, outlet: Credentials, reasons: list[str]) -> bool:
    return sorted(records.close_reasons(stack, outlet), reverse=True) == reasons


def is_done(backend: Backend, outlet: Credentials, name: str) -> bool:
    """Send the order, or repeat it with the same RequestID; return whether the till has answered it."""
    answer = backend.ask(outlet, "CreateOrder", soup(name), request_id=name)
    return answer.status_code == 200 and answer.json()["outcome"] == "answered"


def all_renewed_leases_since(stack: Stack, earlier: list[object]) -> bool:
    return set(earlier).isdisjoint(heartbeats(stack))


def heartbeats(stack: Stack) -> list[object]:
    """Return the time at which each running process last renewed its lease."""
    return [
        heartbeat
        for (heartbeat,) in stack.rows("SELECT heartbeat_at FROM integrations_serverprocess WHERE ended_at IS NULL")
    ]
