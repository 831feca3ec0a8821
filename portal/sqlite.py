"""The embedded database's file is for its owner alone, whichever command creates it."""

import os
import sqlite3
from contextlib import suppress
from typing import Any


class PrivateConnection(sqlite3.Connection):
    """A connection that creates the file with mode 600; SQLite gives its -wal, -shm and -journal the same mode."""

    def __init__(self, database: str, *args: Any, **options: Any) -> None:
        if database != ":memory:" and not database.startswith("file:"):
            with suppress(OSError):  # SQLite says it in its own words
                os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        super().__init__(database, *args, **options)
