"""Checks the database: is it reachable and migrated, does it have enough connections, do the clocks agree?"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from integrations.models import ServerProcess
from integrations.models import clock as shared_clock
from integrations.models.clock import shared_now
from integrations.security.redaction import REDACTED, is_distinctive
from portal.operations.database_schema import count_pending_migrations
from portal.operations.doctor.finding import Finding, fine, wrong

CLOCKS_MAY_DIFFER = timedelta(seconds=2)
PATIENCE = 2  # seconds for one attempt to connect to each address of PostgreSQL
CREDENTIALS = "Correct USER and PASSWORD in DATABASE_URL (special characters %-encoded)."
GUIDE = "docs/how-to/use-postgresql-and-redis.md"
CONNECTIONS = "Raise PostgreSQL's max_connections, or lower DATABASE_POOL_SIZE."
# Each key is a part of an error message from PostgreSQL or its driver, and its value is the advice for that error. The
# first match applies.
TODO = {
    "too many ": CONNECTIONS,
    "connection slots": CONNECTIONS,
    "password authentication": CREDENTIALS,
    "no password supplied": CREDENTIALS,
    "pg_hba.conf": "Allow this host, user and database in PostgreSQL's pg_hba.conf.",
    'role "': f"Create the role in DATABASE_URL ({GUIDE}), or correct USER in it.",
    'database "': f"Create the database in DATABASE_URL ({GUIDE}), or correct NAME in it.",
    "resolve": "Correct HOST in DATABASE_URL, or repair the name server.",
    "refused": "Start PostgreSQL, or correct HOST and PORT in DATABASE_URL.",
    "timeout": "Is PostgreSQL stopped, or does a firewall drop its packets? Is HOST in DATABASE_URL correct?",
    "on socket": "Start PostgreSQL, or correct the folder of its socket in DATABASE_URL.",
}
ELSE_TODO = "Is it running? Are the host, port, user, password and database in DATABASE_URL correct?"
FOR_OTHERS = 10  # connections for commands, backups and people


def unreachable() -> Iterator[Finding]:
    """Yield the driver's message if the database cannot be reached, otherwise nothing."""
    try:
        _try_once()
    except (DatabaseError, InterfaceError, OSError) as error:
        message = _without_password(str(error))
        yield wrong("database", f"It cannot be reached: {message}", _todo(message))


def version_and_connections() -> Iterator[Finding]:
    """Report the version and response time; check that there are enough connections."""
    # Leases expire by the database's clock, so set shared_now() to that clock before live_processes() reads the leases.
    shared_clock.compare()
    began = time.perf_counter()
    connection.ensure_connection()
    took = (time.perf_counter() - began) * 1000
    yield fine("database", f"{connection.display_name} {_version()} answers in {took:.0f} ms.")
    yield from _connections() if connection.vendor == "postgresql" else _journal()


def migrations() -> Iterator[Finding]:
    """Check that all migrations of this version are applied."""
    if pending := count_pending_migrations():
        todo = "manage.py migrate (script/server runs it automatically)"
        yield wrong("migrations", f"{pending} migrations are not applied: /readyz answers 503.", todo)
        return
    yield fine("migrations", "All migrations are applied.")


def clock() -> Iterator[Finding]:
    """Check that this machine's clock agrees with the database's, because leases depend on the clocks."""
    ahead = _ahead_of_others()
    if ahead is None:
        return
    if abs(ahead) > CLOCKS_MAY_DIFFER:
        side = "ahead of" if ahead > timedelta() else "behind"
        yield wrong(
            "clock",
            f"This machine's clock is {abs(ahead).total_seconds():.0f} s {side} the others: leases, overlaps and"
            " tokens expire too early or too late.",
            "Synchronise every machine by NTP (timedatectl set-ntp true), including the database's.",
        )
        return
    yield fine("clock", "The clocks of this machine and the database agree.")


def _try_once() -> None:
    """Connect once, without the pool, which would retry. Raises Django's wrapper of the driver's error."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        return
    import psycopg  # an optional package

    parameters = connection.get_connection_params() | {"connect_timeout": PATIENCE}
    with connection.wrap_database_errors:
        psycopg.connect(**parameters).close()


def _without_password(message: str) -> str:
    """Return a driver's message in one line, with the password masked.

    `Finding` redacts values after `password=` and passwords in URLs. Elsewhere the password is masked only if it cannot
    occur by chance, because masking a common word or another value would reveal that it is the password.
    """
    line = " ".join(message.split())
    database = settings.DATABASES["default"]
    password = str(database.get("PASSWORD") or "")
    named = "\n".join(str(database.get(name) or "") for name in ("USER", "HOST", "PORT", "NAME"))
    return line.replace(password, REDACTED) if is_distinctive(password) and password not in named else line


def _todo(message: str) -> str:
    if connection.vendor == "sqlite":
        return f"Can this user write to {settings.DATA_DIR}? Is the disk full?"
    return next((todo for word, todo in TODO.items() if word in message), ELSE_TODO)


def live_processes() -> int:
    """Return the number of server processes with a current heartbeat; 0 if the tables do not exist yet."""
    try:
        return ServerProcess.objects.running(shared_now()).count()
    except (DatabaseError, InterfaceError):
        return 0


def _version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version" if connection.vendor == "postgresql" else "SELECT sqlite_version()")
        return str(cursor.fetchone()[0])


def _connections() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        )
        allowed = int(cursor.fetchone()[0])
    pool = int(settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"])
    processes = max(1, live_processes())
    needed = pool * processes + FOR_OTHERS
    what = f"{processes} processes with a pool of {pool} can use {pool * processes} of {allowed} connections"
    if needed > allowed:
        todo = f"Raise PostgreSQL's max_connections above {needed}, or lower DATABASE_POOL_SIZE."
        yield wrong("database", f"{what}; commands and people need {FOR_OTHERS} more.", todo)
        return
    yield fine("database", f"{what}.")


def _journal() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        mode = cursor.fetchone()[0]
    if mode == "wal":
        yield fine("database", "It uses a write-ahead log: readers and the writer do not wait for each other.")
        return
    todo = "Run manage.py migrate, and keep DATA_DIR on a local disk: network file systems do not support wal."
    yield wrong("database", f"Its journal mode is {mode}, not wal: readers block the writer.", todo)


def _ahead_of_others() -> timedelta | None:
    """Return how far this clock is ahead of the database's, or None if there is nothing to compare with.

    For the embedded database, compare with the newest heartbeat of a server.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            theirs: datetime = cursor.fetchone()[0]
        return timezone.now() - theirs
    try:
        newest = ServerProcess.objects.order_by("-heartbeat_at").values_list("heartbeat_at", flat=True).first()
    except DatabaseError:  # there are no tables yet, which another part reports
        return None
    return min(timedelta(), timezone.now() - newest) if newest else None
