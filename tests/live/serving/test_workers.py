"""Several workers share one address: any of them serves any outlet, and a worker that ends is replaced."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.callers import records
from tests.live.callers.backend import Backend, pos_of, soup
from tests.live.callers.clients import connect, request, token_for
from tests.live.conftest import NewStack
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000", "DRAIN_SECONDS": "1"}
TWO = ("--workers", "2")
RESTART = 1000


def two_workers(new_stack: NewStack, **env: str) -> Stack:
    stack = new_stack("serve", "postgres", env=ENV | env, options=TWO)
    eventually(lambda: has_begun(stack), timeout=20, what="both workers serve")
    return stack


@pytest.fixture(scope="module")
def workers(depot: Depot, postgres: Postgres, redis: Redis) -> Iterator[Stack]:
    """A server that several tests share; each test must end with two running workers and no connected POS."""
    stack = depot.make("serve", postgres=postgres, redis=redis, env=ENV, options=TWO)
    eventually(lambda: has_begun(stack), timeout=20, what="both workers serve")
    yield stack
    stack.close()


def has_begun(stack: Stack) -> bool:
    return "All workers are ready" in stack.log_text()


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def holders(stack: Stack) -> list[int]:
    """Return how many POSes each running process holds, according to the database."""
    query = (
        "SELECT count(*) FROM integrations_connection JOIN integrations_serverprocess"
        " ON integrations_serverprocess.id = process_id"
        " WHERE closed_at IS NULL AND ended_at IS NULL GROUP BY process_id"
    )
    return [int(str(count)) for (count,) in stack.rows(query)]


@pytest.mark.parametrize("env", [{}, {"WORKERS": "2"}])
def test_two_workers_with_sqlite_are_refused_in_one_line_that_names_the_settings(
    depot: Depot, env: dict[str, str]
) -> None:
    stack = depot.make("serve", env=env, is_started=False)
    done = stack.manage("serve", "--port", "0", *(() if env else TWO))
    assert done.returncode != 0
    assert "DATABASE_URL" in done.stderr
    assert "REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_workers_without_redis_are_refused(depot: Depot, postgres: Postgres) -> None:
    stack = depot.make("serve", postgres=postgres, is_started=False)
    done = stack.manage("serve", "--port", "0", *TWO)
    assert done.returncode != 0
    assert "REDIS_URL" in done.stderr
    assert "DATABASE_URL" not in done.stderr


def test_any_worker_answers_for_any_outlet_and_both_have_connections(workers: Stack) -> None:
    stack = workers
    backend, outlets = Backend.of(stack), [stack.supply_outlet() for _ in range(20)]
    with ExitStack() as opened:
        poses = [opened.enter_context(pos_of(outlet)) for outlet in outlets]
        eventually(lambda: sum(holders(stack)) == 20, what="all are online")
        assert len(holders(stack)) == 2
        for outlet in outlets:
            assert backend.ask(outlet, "CreateOrder", soup()).json()["outcome"] == "answered"
            assert backend.ask(outlet, "GetOpenOrders", {}, durable=False).status_code == 200
        assert all(background.pos.journal.connections == 1 for background in poses)


def test_a_pos_that_reconnects_at_another_worker_takes_over_there(workers: Stack) -> None:
    stack = workers
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token))]
        # Reconnect several times, because the kernel chooses the worker for each connection.
        for _ in range(6):
            eventually(lambda: records.is_online(stack, outlet))
            poses.append(opened.enter_context(connect(stack, token)))
            poses[-2].wait_closed(5)
            assert poses[-1].is_open()
    ended = {"replaced": 6, "by_pos": 1}
    eventually(lambda: Counter(records.close_reasons(stack, outlet)) == ended, what="each is recorded")


def test_a_killed_worker_is_replaced_and_its_poses_reconnect(workers: Stack) -> None:
    stack = workers
    backend, outlets = Backend.of(stack), [stack.supply_outlet() for _ in range(6)]
    with ExitStack() as opened:
        poses = [opened.enter_context(pos_of(outlet)) for outlet in outlets]
        eventually(lambda: sum(holders(stack)) == 6, what="all are online")
        dead, other = stack.workers()
        os.kill(dead, signal.SIGKILL)
        eventually(lambda: len(stack.workers()) == 2 and dead not in stack.workers(), what="another worker is there")
        assert other in stack.workers()
        eventually(lambda: all(each.pos.journal.is_connected for each in poses), timeout=20)
        eventually(lambda: sum(holders(stack)) == 6, timeout=20, what="all are online again")
        for outlet in outlets:
            assert backend.ask(outlet, "CreateOrder", soup()).json()["outcome"] == "answered"
    (line,) = [each for each in stack.log_text().splitlines() if "A worker ended unexpectedly" in each]
    assert json.loads(line)["error"] == "SIGKILL"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_drains_every_worker_and_ends_with_0(
    new_stack: NewStack, number: signal.Signals
) -> None:
    stack = two_workers(new_stack, DRAIN_NOTICE_SECONDS="2")
    outlets = [stack.supply_outlet() for _ in range(4)]
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token_for(stack, outlet))) for outlet in outlets]
        workers = stack.workers()
        stack.send_signal(number)
        eventually(lambda: request(stack, "GET", "/readyz").status_code == 503, what="it is not ready")
        assert {pos.wait_closed(10)[0] for pos in poses} == {RESTART}
    assert stack.wait(10) == 0
    assert not any(map(is_alive, workers))
    assert [records.close_reasons(stack, outlet) for outlet in outlets] == [["restart"]] * 4


def test_a_signal_to_the_whole_process_group_does_not_shorten_the_drain(new_stack: NewStack) -> None:
    stack = two_workers(new_stack)
    outlets = [stack.supply_outlet() for _ in range(4)]
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token_for(stack, outlet))) for outlet in outlets]
        os.killpg(stack.pid, signal.SIGINT)
        assert {pos.wait_closed(10)[0] for pos in poses} == {RESTART}
    assert stack.wait(10) == 0
    assert [records.close_reasons(stack, outlet) for outlet in outlets] == [["restart"]] * 4


def test_the_workers_of_a_killed_supervisor_drain_and_free_the_address(new_stack: NewStack) -> None:
    stack = two_workers(new_stack)
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        workers = stack.workers()
        os.kill(stack.pid, signal.SIGKILL)
        stack.wait(5)
        assert pos.wait_closed(10)[0] == RESTART
        stack.start()
        eventually(lambda: not any(map(is_alive, workers)), timeout=15, what="the old workers have ended")
    assert records.close_reasons(stack, outlet) == ["restart"]


def test_a_number_of_workers_out_of_range_is_refused_in_one_line(depot: Depot) -> None:
    stack = depot.make("serve", is_started=False)
    for count in ("0", "65"):
        done = stack.manage("serve", "--port", "0", "--workers", count)
        assert done.returncode != 0
        assert "--workers may be 1 to 64" in done.stderr


def test_other_servers_cannot_use_the_port_of_the_workers(workers: Stack) -> None:
    stack = workers
    for options in ((), TWO):
        done = stack.manage("serve", "--port", str(stack.port), *options)
        assert done.returncode != 0
        assert f"Port {stack.port} on 127.0.0.1 is in use" in done.stderr
