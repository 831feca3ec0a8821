"""Makes every query of one table fail, as during the restore of a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.db import connection

from tests.support.in_process import in_main


@asynccontextmanager
async def table_away(name: str) -> AsyncIterator[None]:
    """Rename a table until the block ends."""
    await in_main(_rename, name, f"{name}_away")
    try:
        yield
    finally:
        await in_main(_rename, f"{name}_away", name)


def _rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA legacy_alter_table = ON")  # do not change the other tables' references
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA legacy_alter_table = OFF")
