import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from integrations.services.people.groups import ensure_groups
from portal.env_file import folder_lock
from portal.operations.database_schema import count_pending_migrations
from portal.serving.start_banner import banner

ADVISORY_LOCK = 0x6F6E702D  # an arbitrary number, the same in all processes of this portal


class Command(BaseCommand):
    help = "Migrate the database and create the first staff account. Skips each step that is already done."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", help="with --port: print the addresses of a server that listens there")
        parser.add_argument("--port", type=int)

    def handle(self, *_args: Any, host: str | None, port: int | None, **_options: Any) -> None:
        self.prepare()
        if host and port:
            self.stdout.write(banner(host, port))
            self.stdout.flush()

    def prepare(self) -> None:
        try:
            self.do_pending()
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {first_line(error)}") from error
        finally:
            connection.close()  # give it back to the pool, which would otherwise lack it for as long as the server runs

    def do_pending(self) -> None:
        with migration_lock():
            if pending := count_pending_migrations():
                call_command("migrate", interactive=False, verbosity=0)
                # Free the garbage now: a server in this process exempts all existing objects from later collections.
                gc.collect()
                self.stdout.write(f"Migrated the database ({pending} migrations)")
            ensure_groups()
            call_command("first_login", stdout=self.stdout)


@contextmanager
def migration_lock() -> Iterator[None]:
    """Hold the lock that prevents two concurrent starts from migrating the same database.

    Raises CommandError if the folder of the SQLite database is not writable.
    """
    embedded = connection.vendor == "sqlite"
    with folder_lock(data_folder()) if embedded else advisory_lock():
        yield


def data_folder() -> Path:
    folder = Path(connection.settings_dict["NAME"]).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"Cannot write to the data folder {folder}. Set DATA_DIR, or let this user write there.")
    return folder


@contextmanager
def advisory_lock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
