from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from integrations.services.errors import PortalError
from portal.operations.backup import create_backup
from portal.operations.database_tools import embedded_database, postgres_arguments


class Command(BaseCommand):
    help = "Copy the SQLite database to FILE, even while servers run. The copy is checked; only its owner can read it."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the backup to create; its folder must exist")
        parser.add_argument("--force", action="store_true", help="replace FILE")

    def handle(self, *_args: Any, file: Path, force: bool, **_options: Any) -> None:
        if connection.vendor != "sqlite":
            command = f"pg_dump --format=custom --no-owner {postgres_arguments()} --file={file}"
            raise CommandError(f"This database is PostgreSQL. Use its own tool: {command}")
        try:
            size = create_backup(embedded_database(), file.absolute(), overwrite=force)
        except PortalError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{file}: {size:,} bytes, checked. It contains the whole database, but not .env and its keys."
        )
