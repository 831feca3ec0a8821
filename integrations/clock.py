"""The clock by which processes judge each other's leases: the database's, so that one host whose own clock is wrong
declares no other dead.

On SQLite there is one host, and its clock is the database's.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

_skew = timedelta(0)


def skew() -> timedelta:
    """Return how far the database's clock was ahead of this host's when last compared."""
    return _skew


def shared_now() -> datetime:
    """Return the time by the database's clock, as far as this process knows it."""
    return timezone.now() + _skew


def compare() -> None:
    """Ask the database for its time; one query, and none on SQLite."""
    global _skew  # noqa: PLW0603  (a host has one clock)
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((database_now,),) = cursor.fetchall()
    _skew = database_now - timezone.now()
