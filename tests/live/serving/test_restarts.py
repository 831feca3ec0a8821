"""When a server stops or is killed, POSes get the right close code, and the portal then shows the right state."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from django.conf import settings

from tests.live.callers import records
from tests.live.callers.clients import Pos, authenticate, connect, handshake_refusal, request, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Database, Depot, Server, Stack
from tests.live.stack.waiting import eventually

SERVERS = ("serve", "daphne")
DATABASES = ("sqlite", "postgres")
RESTART = 1000


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    """The stacks of this file, by name."""
    return {}


@pytest.fixture
def running(request: pytest.FixtureRequest, depot: Depot, stacks: dict[str, Stack]) -> Callable[..., Stack]:
    """Return a function that returns a running server with given settings. Tests may kill or stop the server."""

    def find(server: Server = "serve", database: Database = "sqlite", **env: str) -> Stack:
        name = f"{server} {database} {env}"
        if name not in stacks:
            services = ("postgres", "redis") if database == "postgres" else ()
            stacks[name] = depot.make(server, env=env, **{each: request.getfixturevalue(each) for each in services})
        elif not stacks[name].is_running:
            stacks[name].start()
        return stacks[name]

    return find


@pytest.mark.parametrize(("server", "database"), [("serve", "sqlite"), ("serve", "postgres"), ("daphne", "sqlite")])
def test_after_kill_9_the_outlet_is_offline_as_soon_as_the_server_is_back(
    running: Callable[..., Stack], server: Server, database: Database
) -> None:
    stack = running(server, database)
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)):
        eventually(lambda: stack.outlet_row(outlet)["Online"] is True)
        stack.kill()
    stack.start()
    eventually(lambda: records.close_reasons(stack, outlet) == ["server_lost"], timeout=5)
    assert stack.outlet_row(outlet)["Online"] is False


def test_after_kill_9_the_outlet_is_offline_when_the_lease_has_expired(running: Callable[..., Stack]) -> None:
    stack = running(LEASE_SECONDS="3")
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)):
        eventually(lambda: stack.outlet_row(outlet)["Online"] is True)
        stack.kill()
    eventually(lambda: stack.outlet_row(outlet)["Online"] is False, timeout=5, what="the lease ran out")


def test_a_lease_expires_within_sixty_seconds_by_default() -> None:
    assert settings.LEASE_SECONDS <= 60


@pytest.mark.parametrize("server", SERVERS)
def test_after_kill_9_a_pos_reconnects_with_its_token(running: Callable[..., Stack], server: Server) -> None:
    stack = running(server)
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token):
        eventually(lambda: records.is_online(stack, outlet))
        stack.kill()
    stack.start()
    with connect(stack, token) as pos:
        eventually(lambda: stack.outlet_row(outlet)["Online"] is True)
        assert pos.is_open()
        assert records.close_reasons(stack, outlet) == ["server_lost", ""]


@pytest.mark.parametrize("server", SERVERS)
def test_an_outlet_that_stays_connected_stays_online_for_longer_than_a_lease(
    running: Callable[..., Stack], server: Server
) -> None:
    stack = running(server, LEASE_SECONDS="8")  # long, because a busy machine may delay several lease renewals
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        eventually(lambda: records.is_online(stack, outlet))
        until = time.monotonic() + 9
        eventually(lambda: time.monotonic() > until or not records.is_online(stack, outlet))
        assert stack.outlet_row(outlet)["Online"] is True
        assert pos.is_open()


@pytest.mark.parametrize("database", DATABASES)
def test_sigterm_closes_every_socket_with_the_restart_code_records_it_and_exits_0(
    running: Callable[..., Stack], database: Database
) -> None:
    stack = running("serve", database, DRAIN_SECONDS="2")
    outlets = [stack.supply_outlet() for _ in range(4)]
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token_for(stack, outlet))) for outlet in outlets]
        stack.send_signal(signal.SIGTERM)
        assert {pos.wait_closed(10)[0] for pos in poses} == {RESTART}
    assert stack.wait(10) == 0
    for outlet in outlets:
        (row,) = records.connections(stack, outlet)
        assert row["closed_at"]
        assert (row["close_reason"], row["close_code"]) == ("restart", RESTART)
        assert not records.is_online(stack, outlet)


def test_sigterm_spreads_the_closing_over_the_drain_window(running: Callable[..., Stack]) -> None:
    stack = running(DRAIN_SECONDS="2")
    tokens = [token_for(stack, stack.supply_outlet()) for _ in range(10)]
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token)) for token in tokens]
        stack.send_signal(signal.SIGTERM)
        closed_after = closing_times(poses)
    assert stack.wait(10) == 0
    assert max(closed_after) - min(closed_after) > 1
    assert max(closed_after) < 5


def closing_times(poses: list[Pos]) -> list[float]:
    """Wait until all connections are closed, and return the seconds until each one closed, accurate to about 0.1."""
    begun = time.monotonic()
    closed: dict[Pos, float] = {}

    def all_closed() -> bool:
        closed.update({pos: time.monotonic() - begun for pos in poses if pos not in closed and pos.is_closed()})
        return len(closed) == len(poses)

    eventually(all_closed, timeout=15)
    return list(closed.values())


def test_while_draining_the_server_is_alive_but_not_ready_and_refuses_new_connections(new_stack: NewStack) -> None:
    stack = new_stack("serve", env={"DRAIN_SECONDS": "6"})
    outlet = stack.supply_outlet()
    tokens = [token_for(stack, stack.supply_outlet()) for _ in range(4)]
    with ExitStack() as opened:
        for token in tokens[1:]:
            opened.enter_context(connect(stack, token))
        stack.send_signal(signal.SIGTERM)
        eventually(lambda: is_not_ready(stack), timeout=3, what="the server is not ready")
        assert request(stack, "GET", "/healthz").status_code == 200
        assert handshake_refusal(stack, tokens[0]).status == 503
        refused = authenticate(stack, outlet)
        assert (refused.status_code, list(refused.json())) == (503, ["ErrorMessage"])
        assert int(refused.headers["Retry-After"]) >= 1
    assert stack.wait(15) == 0


def is_not_ready(stack: Stack) -> bool:
    return request(stack, "GET", "/readyz").status_code == 503


def test_sigterm_without_any_socket_ends_at_once(running: Callable[..., Stack]) -> None:
    stack = running()
    begun = time.monotonic()
    assert stack.stop(signal.SIGTERM, timeout=5) == 0
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_stop_a_single_server_like_sigterm(running: Callable[..., Stack], number: signal.Signals) -> None:
    stack = running(DRAIN_SECONDS="2")
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        stack.send_signal(number)
        assert pos.wait_closed(10)[0] == RESTART
    assert stack.wait(10) == 0
    assert records.close_reasons(stack, outlet) == ["restart"]


def test_a_second_sigterm_loses_no_record(running: Callable[..., Stack]) -> None:
    stack = running(DRAIN_SECONDS="2")
    outlets = [stack.supply_outlet() for _ in range(4)]
    with ExitStack() as opened:
        for outlet in outlets:
            opened.enter_context(connect(stack, token_for(stack, outlet)))
        stack.send_signal(signal.SIGTERM)
        eventually(lambda: is_not_ready(stack), timeout=3)
        stack.send_signal(signal.SIGTERM)
        stack.wait(15)
    assert [records.close_reasons(stack, outlet) for outlet in outlets] == [["restart"]] * 4


@pytest.mark.parametrize("server", ["daphne", "runserver"])
def test_a_stop_of_daphne_leaves_no_outlet_online(running: Callable[..., Stack], server: Server) -> None:
    stack = running(server)
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)):
        eventually(lambda: records.is_online(stack, outlet))
        stack.stop()
    assert records.close_reasons(stack, outlet) == ["restart"]
    assert stack.outlet_row(outlet)["Online"] is False


def test_a_port_in_use_is_reported_in_one_line_with_a_non_zero_status(running: Callable[..., Stack]) -> None:
    stack = running()
    done = stack.manage("serve", "--port", str(stack.port))
    assert done.returncode != 0
    assert str(stack.port) in done.stderr
    assert "Traceback" not in done.stderr
