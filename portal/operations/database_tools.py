"""What the commands that copy databases need to know of the one that is configured."""

import shlex
from pathlib import Path

from django.db import connection


def embedded_database() -> Path:
    """Return the file of the embedded database."""
    return Path(connection.settings_dict["NAME"])


def postgres_arguments() -> str:
    """Return how PostgreSQL's programs are told of the database, for a shell; the password is not among it."""
    settings = connection.settings_dict
    named = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "username": settings["USER"],
        "dbname": settings["NAME"],
    }
    return " ".join(f"--{name}={shlex.quote(str(value))}" for name, value in named.items() if value)
