"""A server keeps temporary data of the embedded database out of the file system."""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.utils import OperationalError
from pytest_django import DjangoDbBlocker

from portal.serving import server

ROWS = 64
EVEN, ODD = range(0, 2 * ROWS, 2), range(1, 2 * ROWS, 2)


@contextmanager
def without_new_files() -> Iterator[None]:
    """Prevent this process from opening another file."""
    with ExitStack() as stack:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        try:
            while True:
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError:
            yield


def insert(numbers: Iterable[int]) -> str:
    values = ", ".join(f"({number}, '{number:02000}')" for number in numbers)  # two rows fill a page
    return f"INSERT INTO a VALUES {values} ON CONFLICT DO NOTHING RETURNING b"  # noqa: S608


def inserted(file: Path) -> int:
    """Insert a row into nearly every page of a table in one transaction, and return the number of these rows."""
    own = DatabaseWrapper(settings.DATABASES["default"] | {"NAME": str(file)})
    with closing(own), own.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("CREATE TABLE a (b INTEGER PRIMARY KEY, c TEXT NOT NULL)")
        cursor.execute(insert(EVEN)).fetchall()
        cursor.execute("BEGIN IMMEDIATE")
        with without_new_files():
            return len(cursor.execute(insert(ODD)).fetchall())


def test_the_rows_of_a_transaction_are_inserted_without_a_temporary_file(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        with pytest.raises(OperationalError, match="unable to open"):
            inserted(tmp_path / "usual.sqlite3")
        server.tune_database()
        try:
            assert inserted(tmp_path / "tuned.sqlite3") == ROWS
        finally:
            connection_created.disconnect(server._keep_temporary_data_in_memory)
