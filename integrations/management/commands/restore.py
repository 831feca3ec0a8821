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
    help = "Replace the SQLite database with a backup, and keep the replaced one beside it. Stop all servers first."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="a backup created by manage.py backup")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        if connection.vendor != "sqlite":
            command = f"pg_restore --clean --if-exists --no-owner {postgres_arguments()} {file}"
            raise CommandError(f"This database is PostgreSQL. Stop all servers, then use its own tool: {command}")
        database = embedded_database()
        try:
            with folder_lock(database.parent):
                refuse_while_used(database)
                pending = needs_migrations(file)
                aside = restore(file, database)
        except (PortalError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {file} to {database}.")
        if aside is not None:
            self.stdout.write(f"The replaced database is kept as {aside}. Delete it when everything works.")
        if pending:
            self.stdout.write("An older version of the portal created this backup. Next: manage.py migrate")


def refuse_while_used(database: Path) -> None:
    """Raise CommandError if a server's lease is live, or any process has the database open."""
    if not database.exists():
        return
    try:
        leases = live_processes()
    except DatabaseError:
        leases = 0
    finally:
        connection.close()
    if users := users_of(database):
        raise CommandError(f"The database is in use (process {', '.join(map(str, sorted(users)))}). Stop it first.")
    if leases:
        raise CommandError("A server runs, or was killed less than LEASE_SECONDS ago. Stop it, or wait that long.")


def needs_migrations(file: Path) -> bool:
    """Return whether a backup needs migrations. Raises CommandError if a newer version created it."""
    known = {key: each for key, each in MigrationLoader(None).disk_migrations.items() if key[0] == "integrations"}
    seen = {key for key in migrations_of(file) if key[0] == "integrations"}
    if newer := seen - known.keys():
        name = max(newer)[1]
        raise CommandError(f"A newer version of the portal created this backup (it has {name}). Install that version.")
    return any(key not in seen for key, migration in known.items() if not migration.replaces)
