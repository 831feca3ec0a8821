"""Limits how long a thread waits for PostgreSQL.

A hanging database server does not cancel statements, but the kernel of its host still acknowledges packets. Then
neither statement_timeout nor tcp_user_timeout helps. Import this module only if PostgreSQL is used, because psycopg is
optional.
"""

from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import pq

from portal.web.page_run import current, is_abandoned

# Seconds that a thread waits for one result: longer than the statement_timeout that portal.web.statements sets.
MOST_SECONDS = 35.0
INTERVAL = 0.1  # seconds between psycopg's checks while it waits: psycopg's default


class BoundedConnection(psycopg.Connection[Any]):
    """Ends a wait after MOST_SECONDS. A wait in a page's thread also ends as soon as the page is abandoned."""

    def wait(self, gen: Any, interval: float = INTERVAL, timeout: float | None = None) -> Any:
        """Return the result of `gen`. If that takes too long, close the connection and raise OperationalError."""
        checked = gen if current.get() is None else _until_abandoned(gen)
        try:
            return super().wait(checked, interval, MOST_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if timeout is None and self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # the server may still execute the statement, so the connection is unusable
            raise


def _until_abandoned(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Delegate to `gen`; raise OperationalError when the thread's page is abandoned."""
    try:
        event = next(gen)
        while True:
            if is_abandoned():
                raise psycopg.OperationalError("the database did not answer in time, and the page was abandoned")
            event = gen.send((yield event))
    except StopIteration as end:
        return end.value
