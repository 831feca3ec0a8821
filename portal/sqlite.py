"""Makes the embedded database's file accessible only to its owner, whichever command creates the file."""

import os
import sqlite3
from contextlib import suppress
from typing import Any


class PrivateConnection(sqlite3.Connection):
    """A connection that creates the file with mode 600; SQLite gives its -wal, -shm and -journal the same mode."""

    def __init__(self, database: str, *args: Any, **options: Any) -> None:
        if database != ":memory:" and not database.startswith("file:"):
            # Open the file only if it does not exist yet. Closing any descriptor of a file releases all POSIX locks
            # that this process holds on the file. Without the locks of SQLite's other connections, the database could
            # be damaged.
            with suppress(OSError):  # the file exists already; SQLite itself reports any other error
                os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        super().__init__(database, *args, **options)
