"""Pages answer 503 in time if PostgreSQL hangs or is down; if it is only slow, they wait for it."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.live.callers import browser as browsing
from tests.live.callers.clients import request
from tests.live.callers.staff import staff_client
from tests.live.stack.postgres import Postgres
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

LIST = "/admin/integrations/outlet/"
SLOW = "/admin/integrations/messagetype/"
SLOW_SECONDS = 3.5  # longer than a page waits for a hanging database, shorter than a statement may take
POOL = 4
IN_TIME = 5.0  # seconds: three are promised, the rest allows for a busy machine
MOST_THREADS = 40  # the server computes at most this many pages at once
PAGES = 8  # requested at once

networks = itertools.count(1)


@pytest.fixture(scope="module")
def portal(depot: Depot, module_postgres: Postgres) -> Iterator[Stack]:
    # The server trusts the test as a proxy, so that each opening of a link can have a different client address.
    env = {"TRUSTED_PROXIES": "127.0.0.1", "DATABASE_POOL_SIZE": str(POOL)}
    stack = depot.make("serve", postgres=module_postgres, redis=None, env=env)
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def boss(portal: Stack) -> Iterator[httpx2.Client]:
    with staff_client(portal, browsing.first_login(portal)) as client:
        yield client


def test_while_postgresql_hangs_pages_report_it_in_time_and_their_threads_end(
    portal: Stack, boss: httpx2.Client, module_postgres: Postgres
) -> None:
    warm(portal, boss)
    logged, before = len(portal.log_text()), threads(portal)
    with module_postgres.process.hanging():
        for _ in range(3):
            for status, seconds, answer in many_pages(portal, boss, PAGES):
                assert (status, int(answer.headers["Retry-After"]) >= 1) == (503, True)
                assert "does not answer" in answer.text
                assert seconds < IN_TIME
        assert request(portal, "GET", "/healthz").status_code == 200
        # Allow for a few more threads, because the server's pools may have started some that they keep.
        eventually(lambda: threads(portal) < before + PAGES, timeout=10, what="the threads of the pages have ended")
    eventually(lambda: works_again(portal, boss), timeout=10, what="pages work")
    lines = portal.log_text()[logged:].splitlines()
    assert not [line for line in lines if '"ERROR"' in line or "Traceback" in line]
    assert sum("Answered 503" in line or "Service Unavailable" in line for line in lines) == 1


def test_more_pages_than_threads_are_answered_in_time_and_work_after_a_postgresql_restart(
    portal: Stack, boss: httpx2.Client, module_postgres: Postgres
) -> None:
    warm(portal, boss)
    with module_postgres.process.hanging():
        assert {status for status, _, _ in many_pages(portal, boss, MOST_THREADS + 10)} == {503}
        module_postgres.kill()
    for status, seconds, _ in many_pages(portal, boss, PAGES):
        assert (status, seconds < IN_TIME) == (503, True)
    module_postgres.start()
    eventually(lambda: works_again(portal, boss), timeout=20, what="pages work")


def test_slow_pages_that_use_the_whole_pool_finish_while_postgresql_answers(portal: Stack, boss: httpx2.Client) -> None:
    warm(portal, boss)
    with ThreadPoolExecutor(POOL) as callers:
        with psycopg.connect(portal.database_url) as blocker:
            # Lock a table that no background job reads. A blocked job would also occupy a connection of the pool.
            blocker.execute("LOCK TABLE integrations_messagetype IN ACCESS EXCLUSIVE MODE")
            slow = [callers.submit(timed, lambda: boss.get(SLOW)) for _ in range(POOL)]
            early, _ = wait(slow, timeout=SLOW_SECONDS)
            assert [each.result()[:2] for each in early] == []
        for each in slow:
            status, seconds, _ = each.result()
            assert (status, seconds >= SLOW_SECONDS) == (200, True)


Timed = tuple[int, float, httpx2.Response]


def timed(ask: Callable[[], httpx2.Response]) -> Timed:
    began = time.monotonic()
    answer = ask()
    return answer.status_code, time.monotonic() - began, answer


def open_link(stack: Stack) -> httpx2.Response:
    headers = {"X-Forwarded-For": f"2001:db8:{next(networks):x}::1"}
    return request(stack, "POST", "/handover/", data={"code": "nothing", "passphrase": "nothing"}, headers=headers)


def many_pages(stack: Stack, boss: httpx2.Client, pages: int) -> list[Timed]:
    """Load lists, open a link and submit a sign-in form at the same time; return each status, duration and response."""
    asks = [lambda: boss.get(LIST)] * pages + [lambda: open_link(stack), lambda: boss.post("/admin/login/")]
    with ThreadPoolExecutor(len(asks)) as callers:
        return list(callers.map(timed, asks))


def threads(stack: Stack) -> int:
    return len(list(Path(f"/proc/{stack.pid}/task").iterdir()))


def warm(stack: Stack, boss: httpx2.Client) -> None:
    """Open all connections that the pool allows."""
    assert {status for status, _, _ in many_pages(stack, boss, 16)} <= {200, 403}


def works_again(stack: Stack, boss: httpx2.Client) -> bool:
    return boss.get(LIST).status_code == 200 and open_link(stack).status_code == 403
