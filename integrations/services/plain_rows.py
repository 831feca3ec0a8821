"""Many rows of one table by one statement that is run for each, without an object of the model for any of them.

For what a storm records: making, preparing and compiling objects costs ten times what the database itself does.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, models

Prepare = Callable[[Any], Any]


def insert(
    model: type[models.Model],
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: str = "",
    update: Sequence[str] = (),
) -> None:
    """Insert rows that have these fields (`attname`s); where one with that `key` stands, `update` these instead.

    Nothing is validated, and no default of the model is filled in: name every field. Raises what the database raises.
    """
    fields = [_field(model, name) for name in names]
    prepares = [_prepare(field) for field in fields]
    values = [[prepare(value) for prepare, value in zip(prepares, row, strict=True)] for row in rows]
    if not values:
        return
    with connection.cursor() as cursor:
        cursor.executemany(_statement(model, fields, key, update), values)


def update(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set these fields of rows; each begins with its primary key. What is not there is passed over."""
    quote, meta = connection.ops.quote_name, model._meta
    *prepares, prepare_key = [*(_prepare(_field(model, name)) for name in names), _prepare(_key(model))]
    values = [[*(p(value) for p, value in zip(prepares, row[1:], strict=True)), prepare_key(row[0])] for row in rows]
    if not values:
        return
    changes = ", ".join(f"{quote(_field(model, name).column)} = %s" for name in names)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {quote(meta.db_table)} SET {changes} WHERE {quote(_key(model).column)} = %s",  # noqa: S608
            values,
        )


def stamp(model: type[models.Model], name: str, at: datetime, keys: Iterable[int]) -> None:
    """Set a time of the rows with these primary keys, by one statement; keep them to some hundreds."""
    quote = connection.ops.quote_name
    meta = model._meta
    numbers = ",".join(str(int(key)) for key in keys)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(meta.db_table)} SET {quote(_field(model, name).column)} = %s "  # noqa: S608
            f"WHERE {quote(_key(model).column)} IN ({numbers})",
            [connection.ops.adapt_datetimefield_value(at)],
        )


def _statement(model: type[models.Model], fields: Sequence[Any], key: str, update: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608  (our names)
    if not update:
        return statement
    changed = [quote(_field(model, name).column) for name in update]
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in changed)
    return f"{statement} ON CONFLICT ({quote(_field(model, key).column)}) DO UPDATE SET {changes}"


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)


def _key(model: type[models.Model]) -> Any:
    return model._meta.pk


def _prepare(field: Any) -> Prepare:
    if field.is_relation:
        return _prepare(field.target_field)
    if isinstance(field, models.CharField | models.TextField):
        return _text
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, models.UUIDField):
        return partial(field.get_db_prep_value, connection=connection, prepared=False)
    return _as_it_is


def _text(value: Any) -> str | None:
    return None if value is None else str(value)  # of a choice its value: drivers differ about subclasses of str


def _as_it_is(value: Any) -> Any:
    return value
