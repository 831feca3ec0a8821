"""The clock by which processes compare what they write: the database's, so that one host whose own clock is wrong
declares no other process dead and closes no newer connection.

Between two comparisons it runs on with the host's monotonic clock, so a host's clock that jumps changes nothing. On
SQLite there is one host, and its clock is the database's.
"""

import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

_compared: tuple[datetime, float] | None = None  # the database's time, and this host's monotonic clock then


def skew() -> timedelta:
    """Return how far the database's clock is ahead of this host's."""
    return shared_now() - timezone.now() if _compared else timedelta(0)


def shared_now() -> datetime:
    """Return the time by the database's clock, as far as this process knows it."""
    if _compared is None:
        return timezone.now()
    database_then, then = _compared
    return database_then + timedelta(seconds=time.monotonic() - then)


def compare() -> None:
    """Ask the database for its time; one query, and none on SQLite."""
    global _compared  # noqa: PLW0603  (a process has one clock)
    if connection.vendor == "sqlite":
        return
    connection.ensure_connection()
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((database_now,),) = cursor.fetchall()
    _compared = database_now, (before + time.monotonic()) / 2
