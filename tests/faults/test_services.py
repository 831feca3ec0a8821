"""Causes each service fault that docs/faults.md lists, under load from tills and callers.

No order is lost or executed twice, and callers get only errors that allow a retry.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from tests.faults import table
from tests.faults.installation import Installation, Work
from tests.live.callers.clients import request
from tests.live.stack.waiting import eventually

SEED = 20_263
Act = Callable[[Work], None]


def a_server_is_killed(work: Work) -> None:
    """The killed host's POSes and callers reconnect to the other host, whose own callers keep their connections."""
    host = work.installation.one
    host.kill()
    eventually(work.is_connected, timeout=20, what="all tills are at the other host")
    work.goes_on()
    host.start()


def a_worker_is_killed(work: Work) -> None:
    """The supervisor starts a new worker."""
    host = work.installation.two
    dead = host.workers()[0]
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: dead not in host.workers() and len(host.workers()) == 2, what="another worker is there")


def redis_is_killed(work: Work) -> None:
    """Orders continue through the database; transient requests to a POS connected to another process are refused."""
    work.installation.redis.kill()
    work.goes_on()
    work.installation.redis.start()


def redis_is_flushed(work: Work) -> None:
    work.installation.flush_redis()


def postgresql_is_killed(work: Work) -> None:
    """Calls are refused; the sockets stay open."""
    connections = sum(pos.journal.connections for pos in work.fleet.poses)
    work.installation.postgres.kill()
    work.refuses()
    is_not_ready(work)
    assert sum(pos.journal.connections for pos in work.fleet.poses) == connections
    work.installation.postgres.start()


def redis_hangs(work: Work) -> None:
    """Orders continue through the database; transient requests to a POS connected to another process are refused."""
    with work.installation.redis.process.hanging():
        work.goes_on()


def postgresql_hangs(work: Work) -> None:
    """Calls are refused; the sockets stay open."""
    connections = sum(pos.journal.connections for pos in work.fleet.poses)
    with work.installation.postgres.process.hanging():
        work.refuses()
        is_not_ready(work)
    assert sum(pos.journal.connections for pos in work.fleet.poses) == connections


def postgresql_is_read_only(work: Work) -> None:
    """Orders are refused; the sockets stay open."""
    connections = sum(pos.journal.connections for pos in work.fleet.poses)
    with read_only(work.installation):
        work.refuses()
    assert sum(pos.journal.connections for pos in work.fleet.poses) == connections


def postgresql_has_no_connection_left(work: Work) -> None:
    """Calls are refused; the sockets stay open."""
    with no_connection_left(work.installation):
        work.refuses()
        is_not_ready(work)


FAULTS: dict[str, Act] = {
    "A server is killed (SIGKILL) and started again": a_server_is_killed,
    "A worker is killed (SIGKILL)": a_worker_is_killed,
    "Redis is killed and restarts empty": redis_is_killed,
    "Redis is emptied (FLUSHALL)": redis_is_flushed,
    "Redis hangs (SIGSTOP)": redis_hangs,
    "PostgreSQL hangs (SIGSTOP)": postgresql_hangs,
    "PostgreSQL is killed and restarted": postgresql_is_killed,
    "PostgreSQL is read-only for a while": postgresql_is_read_only,
    "PostgreSQL has no connection left for a while": postgresql_has_no_connection_left,
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_order_is_lost_or_doubled_and_the_portal_recovers_in_time(installation: Installation, name: str) -> None:
    with installation.at_work(seed=SEED) as work:
        FAULTS[name](work)
        seconds = work.seconds_until_normal()
    print(f"{name}: normal after {seconds:.1f} s; {dict(work.tally.statuses)}; {len(work.tally.errors)} cut")
    assert seconds <= table.rows()[name]
    assert work.tally.odd == []
    # Urgent orders may expire only in a PostgreSQL fault: without the database the portal sends no order.
    assert name.startswith("PostgreSQL ") or work.tally.expired == set()
    # Only a killed server or worker ("A ...") may drop the connections of its callers.
    assert name.startswith("A ") or work.tally.errors == []
    assert "Traceback" not in work.log_text()


def test_every_fault_of_the_table_is_tested() -> None:
    assert set(table.rows()) >= set(FAULTS)


def is_not_ready(work: Work) -> None:
    eventually(lambda: request(work.installation.two, "GET", "/readyz").status_code == 503, what="it is not ready")


@contextmanager
def read_only(installation: Installation) -> Iterator[None]:
    installation.postgres.change_setting("default_transaction_read_only", "on")
    try:
        yield
    finally:
        installation.postgres.change_setting("default_transaction_read_only", "off")


@contextmanager
def no_connection_left(installation: Installation) -> Iterator[None]:
    """Terminate the portal's connections, and hold every connection that PostgreSQL allows until the block ends."""
    url = installation.postgres.url("postgres")
    with ExitStack() as held:
        first = held.enter_context(psycopg.connect(url, autocommit=True))
        while not is_full(first, held, url):
            pass
        yield


def is_full(first: psycopg.Connection[tuple[object, ...]], held: ExitStack, url: str) -> bool:
    """Open one more connection. If PostgreSQL refuses it, terminate the connections of all other clients.

    Return True if PostgreSQL refused it and no other client had a connection: the test then holds all of them.
    """
    try:
        held.enter_context(psycopg.connect(url, application_name="holder"))
    except psycopg.OperationalError:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name <> 'holder' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return not first.execute(others).fetchall()
    return False
