"""Writes that may be skipped when another writer holds a lock."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

MILLISECONDS = 100


@contextmanager
def unless_locked() -> Iterator[None]:
    """Skip the block's write if it would wait for a lock longer than MILLISECONDS. Use it for one statement only."""
    waiting = _sqlite_waits_briefly if connection.vendor == "sqlite" else _postgresql_waits_briefly
    try:
        with waiting():
            yield
    except OperationalError as error:
        if not _is_lock(error):
            raise


@contextmanager
def _sqlite_waits_briefly() -> Iterator[None]:
    connection.ensure_connection()
    # PRAGMA busy_timeout concerns only this connection, so it works even while the database is locked.
    driver = connection.connection
    (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {MILLISECONDS}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(usual)}")


@contextmanager
def _postgresql_waits_briefly() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {MILLISECONDS}")
        yield


def _is_lock(error: OperationalError) -> bool:
    # SQLite: "database is locked", "database table is locked". PostgreSQL: 55P03, lock_not_available.
    return "locked" in str(error) or getattr(error.__cause__, "sqlstate", "") == "55P03"
