"""A connection to PostgreSQL that a thread does not wait for without end.

A server that hangs ends no statement, and its host's kernel still acknowledges what it is sent: neither
statement_timeout nor tcp_user_timeout helps. Imported where PostgreSQL is used, because psycopg is optional.
"""

from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import pq

from portal.web.page_run import current, is_given_up

# Seconds that a thread waits for one result: more than portal.web.statements lets the server take.
MOST_SECONDS = 35.0
INTERVAL = 0.1  # psycopg's own: so often it looks up from its waiting


class BoundedConnection(psycopg.Connection[Any]):
    """Ends a wait after MOST_SECONDS, or as soon as nobody wants the page for which its thread works."""

    def wait(self, gen: Any, interval: float = INTERVAL, timeout: float | None = None) -> Any:
        """Return what `gen` returns. Raises OperationalError; then the connection is closed."""
        wanted = gen if current.get() is None else _while_wanted(gen)
        try:
            return super().wait(wanted, interval, MOST_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if timeout is None and self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # whether its statement was carried out is not known, nor when it ends
            raise


def _while_wanted(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Pass on what `gen` waits for; raise OperationalError when the thread's page is given up."""
    try:
        wanted = next(gen)
        while True:
            if is_given_up():
                raise psycopg.OperationalError("the database did not answer in time, and the page was given up")
            wanted = gen.send((yield wanted))
    except StopIteration as end:
        return end.value
