"""The shared clock for stored times and expiries: the database's clock.

So even a host whose own clock is wrong can tell whether another process is dead, which of two connections is newer,
and whether a key, link or session has expired. Between two comparisons with the database, the host's monotonic clock
advances the time, so a jump of the host's wall clock has no effect. On SQLite there is one host, whose clock is also
the database's.
"""

import time
from datetime import UTC, datetime

from django.db import connection

PRECISE = 0.005  # in seconds; if the uncertainty is at most this, no further sample is taken
FURTHER_SAMPLES = 2

_ahead: float | None = None  # the database's clock (seconds since 1970) minus this host's monotonic clock


def shared_now() -> datetime:
    """Return the time by the database's clock, or by this host's clock before the first comparison."""
    return datetime.now(UTC) if _ahead is None else datetime.fromtimestamp(shared_seconds(), UTC)


def shared_seconds() -> float:
    """Return shared_now() in seconds since 1970."""
    return time.time() if _ahead is None else _ahead + time.monotonic()


def compare() -> None:
    """Compare this host's clock with the database's by one query, or by up to three if the answers are slow.

    On SQLite, do nothing. After a slow answer, it is uncertain when the database read its clock. If the present
    estimate lies within that uncertainty, it is kept. Replacing it would move the clock of a busy host by up to half a
    round trip. If an outlet then reconnected to another host, its older connection could seem to be the newer one.
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
    """Return the pair (uncertainty, difference) in seconds.

    The difference is the database's clock minus this host's monotonic clock.
    """
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((database_now,),) = cursor.fetchall()
    after = time.monotonic()
    return (after - before) / 2, database_now.timestamp() - (before + after) / 2
