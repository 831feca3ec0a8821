"""Inserts many rows at a time, and copies blocks of rows, giving the copies new ids and later times."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import AutoField, DateTimeField, Model, UUIDField

MONTH = timedelta(days=30)
AT_ONCE = 20_000
BLOCKS = 50  # blocks of rows: Python writes the first one, and the database copies it with later times
BLOCK = MONTH / BLOCKS


def insert(model: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows without model instances. Columns that the first row does not name get their default in all rows."""
    named = iter(rows)
    while some := list(islice(named, AT_ONCE)):
        given = [each for each in model._meta.concrete_fields if each.attname in some[0]]
        others = [each for each in _fields(model) if each not in given and each.attname != "id"]
        columns = ", ".join(f'"{each.column}"' for each in (*given, *others))
        defaults = [each.get_db_prep_save(each.get_default(), connection) for each in others]
        values = [
            [*(each.get_db_prep_save(row[each.attname], connection) for each in given), *defaults] for row in some
        ]
        places = ", ".join(["%s"] * len(values[0]))
        with connection.cursor() as cursor:
            cursor.executemany(f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})', values)  # noqa: S608


def copy(model: type[Model], expressions: dict[str, str], *, where: str = "1 = 1") -> None:
    """Copy the existing rows by SQL once for each further block; the copies get later times and new UUIDs."""
    table, fields = model._meta.db_table, _fields(model)
    columns = ", ".join(f'"{each.column}"' for each in fields)
    order = "id" if fields[0].attname != "id" else "opened_at"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE block AS SELECT * FROM {table}")  # noqa: S608
        for block in range(1, BLOCKS):
            chosen = ", ".join(expressions.get(each.column, _shifted(each)).format(block=block) for each in fields)
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM block WHERE {where} ORDER BY {order}")  # noqa: S608
        cursor.execute("DROP TABLE block")


def _fields(model: type[Model]) -> list[Any]:
    """Return the columns to write: all except a primary key that the database generates."""
    return [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]


def _shifted(field: Any) -> str:
    """Return the SQL for this column's value in a later block: a new UUID, a later time, or the same value."""
    is_postgres, seconds = connection.vendor == "postgresql", int(BLOCK.total_seconds())
    if isinstance(field, UUIDField):
        return "gen_random_uuid()" if is_postgres else "lower(hex(randomblob(16)))"
    if isinstance(field, DateTimeField) and is_postgres:
        return f"\"{field.column}\" + {seconds} * {{block}} * interval '1 second'"
    if isinstance(field, DateTimeField):
        return f"strftime('%Y-%m-%d %H:%M:%f', \"{field.column}\", ({seconds} * {{block}}) || ' seconds') || '000'"
    return f'"{field.column}"'
