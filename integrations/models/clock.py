"""The clock of everything that is written down or expires: the database's, so that one host whose own clock is wrong
declares no other process dead, closes no newer connection, and takes no key, link or session for expired or alive that
is not.

Between two comparisons it runs on with the host's monotonic clock, so a host's clock that jumps changes nothing. On
SQLite there is one host, and its clock is the database's.
"""

import time
from datetime import UTC, datetime

from django.db import connection

PRECISE = 0.005  # seconds of uncertainty that need no further sample
FURTHER_SAMPLES = 2

_ahead: float | None = None  # seconds since 1970 by the database's clock, less this host's monotonic clock


def shared_now() -> datetime:
    """Return the time by the database's clock, as far as this process knows it."""
    return datetime.now(UTC) if _ahead is None else datetime.fromtimestamp(shared_seconds(), UTC)


def shared_seconds() -> float:
    """Return the same in seconds since 1970."""
    return time.time() if _ahead is None else _ahead + time.monotonic()


def compare() -> None:
    """Ask the database for its time: one query, or three where the answers are slow; none on SQLite.

    A slow answer says little about the moment to which it belongs. If the present estimate lies within the answer's
    uncertainty, it stays: otherwise a busy host's clock would move by half a round trip, and of two connections of one
    outlet to two hosts the older could seem the newer.
    """
    global _ahead  # noqa: PLW0603  (a process has one clock)
    if connection.vendor == "sqlite":
        return
    connection.ensure_connection()
    uncertainty, ahead = _sample()
    for _ in range(FURTHER_SAMPLES):
        if uncertainty > PRECISE:
            uncertainty, ahead = min((uncertainty, ahead), _sample())
    if _ahead is None or abs(ahead - _ahead) > uncertainty:
        _ahead = ahead


def _sample() -> tuple[float, float]:
    """Return by how many seconds this may be wrong, and the database's clock less this host's monotonic clock."""
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((database_now,),) = cursor.fetchall()
    after = time.monotonic()
    return (after - before) / 2, database_now.timestamp() - (before + after) / 2
