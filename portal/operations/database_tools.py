"""Tells the backup commands where the configured database is."""

import shlex
from pathlib import Path

from django.db import connection


def embedded_database() -> Path:
    """Return the path of the embedded database."""
    return Path(connection.settings_dict["NAME"])


def postgres_arguments() -> str:
    """Return the connection options for PostgreSQL's programs, quoted for a shell, without the password."""
    settings = connection.settings_dict
    named = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "username": settings["USER"],
        "dbname": settings["NAME"],
    }
    return " ".join(f"--{name}={shlex.quote(str(value))}" for name, value in named.items() if value)
