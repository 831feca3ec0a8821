"""Makes a database go away in part: every query of one table fails, as while a database is being restored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.db import connection

from tests.support.in_process import in_main


@asynccontextmanager
async def table_away(name: str) -> AsyncIterator[None]:
    """Take a table away for as long as the block runs."""
    await in_main(_rename, name, f"{name}_away")
    try:
        yield
    finally:
        await in_main(_rename, f"{name}_away", name)


def _rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA legacy_alter_table = ON")  # leave the other tables' references as they are
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA legacy_alter_table = OFF")
