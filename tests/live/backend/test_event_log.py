"""A reader of the event log misses no event, whichever transaction commits first."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from integrations.services.notices.outbox import LOG
from tests.live.callers.backend import Backend
from tests.live.callers.clients import authenticate
from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import NOTICE_INTERVAL, with_constants

QUICK = with_constants({NOTICE_INTERVAL: 0.2})
LOCK = "SELECT name FROM integrations_noticecursor WHERE name = %s FOR UPDATE"
ADD = """
    INSERT INTO integrations_notice (uuid, kind, subject, at, data, noticed_at)
    VALUES (gen_random_uuid(), 'pos.stray_message', 1, now(), '{}', now()) RETURNING id
"""
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%noticecursor%%'"


@contextmanager
def unfinished_event(stack: Stack) -> Iterator[int]:
    """Add an event, as another process of the portal would, and commit it at the end of the block."""
    with psycopg.connect(stack.database_url) as connection:
        connection.execute(LOCK, [LOG])
        row = connection.execute(ADD).fetchone()
        assert row is not None
        yield row[0]


def test_an_event_is_not_visible_before_an_earlier_one_that_commits_later(new_stack: NewStack) -> None:
    stack = new_stack("serve", "postgres", env=QUICK)
    outlet = stack.supply_outlet()
    backend = Backend.of(stack, "--scope=events:read")

    def ids(after: int = 0) -> list[int]:
        return [each["id"] for each in backend.get(f"events?after={after}").json()["results"]]

    eventually(lambda: stack.rows("SELECT name FROM integrations_noticecursor WHERE name = 'attempts'"))
    authenticate(stack, outlet, AuthSecret="wrong")
    eventually(ids)
    last = ids()[-1]
    with unfinished_event(stack) as earlier:
        authenticate(stack, outlet, AuthSecret="wrong")
        eventually(lambda: stack.rows(WAITING))
        assert ids(last) == []
    eventually(lambda: len(ids(last)) == 2)
    assert ids(last)[0] == earlier
