from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from integrations.services.errors import PortalError
from portal.env_file import folder_lock
from portal.operations.backup import migrations_of, restore, users_of
from portal.operations.database_tools import embedded_database, postgres_arguments
from portal.operations.doctor.database import live_processes


class Command(BaseCommand):
    help = "Put a backup in the place of the embedded database; the replaced one is kept beside it. No server may run."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="what manage.py backup made")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        if connection.vendor != "sqlite":
            command = f"pg_restore --clean --if-exists --no-owner {postgres_arguments()} {file}"
            raise CommandError(f"PostgreSQL has tools of its own for this. Stop all servers, then: {command}")
        database = embedded_database()
        try:
            with folder_lock(database.parent):
                refuse_while_it_is_used(database)
                pending = pending_of(file)
                aside = restore(file, database)
        except (PortalError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {file} to {database}.")
        if aside is not None:
            self.stdout.write(f"What was there is kept as {aside}; delete it when all is well.")
        if pending:
            self.stdout.write("The backup is of an older version. Next: manage.py migrate")


def refuse_while_it_is_used(database: Path) -> None:
    """Raise CommandError while a server's lease is alive, or any process has the database open."""
    if not database.exists():
        return
    try:
        leases = live_processes()
    except DatabaseError:
        leases = 0
    finally:
        connection.close()
    if users := users_of(database):
        raise CommandError(f"The database is in use (process {', '.join(map(str, sorted(users)))}): stop that first.")
    if leases:
        raise CommandError("A server runs, or was killed less than LEASE_SECONDS ago: stop it, or wait that long.")


def pending_of(file: Path) -> bool:
    """Return whether a backup needs migrations. Raises CommandError for one that a newer version made."""
    known = {key for key in MigrationLoader(None).graph.nodes if key[0] == "integrations"}
    seen = {key for key in migrations_of(file) if key[0] == "integrations"}
    if newer := seen - known:
        name = max(newer)[1]
        raise CommandError(f"A newer version of the portal made this backup (it knows {name}): install that version.")
    return bool(known - seen)
