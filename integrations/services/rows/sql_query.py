"""Frequent queries in plain SQL, because the ORM would take longer than the database itself. Rows are dataclasses."""

import functools
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, tzinfo
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args, get_type_hints

from django.db import DEFAULT_DB_ALIAS, connection, connections

from integrations.models.request import OPEN_STATES


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Row = TypeVar("Row", bound=_Dataclass)

_OPEN = f"IN ({', '.join(repr(str(state)) for state in OPEN_STATES)})"
# SQLite gets each list as one JSON text, so one statement serves lists of any length.
_SQLITE = {
    "among": "IN (SELECT value FROM json_each(%s))",
    "open": _OPEN,
    "for_update": "",
}


class SqlQuery(Generic[Row]):
    """A SELECT with one column for each field of `row_type`, with the same names in the same order.

    In the SQL, `column {among}` compares with a list of values, `state {open}` matches open requests, and
    `{for_update}` at the end locks the rows. Pass the lists in the order of the SQL; all must have the same length.
    """

    def __init__(self, row_type: type[Row], sql: str) -> None:
        sql = " ".join(sql.split())  # so that it takes one line in the database's log
        self._row_type = row_type
        self._sqlite = sql.format_map(_SQLITE)
        self._postgresql = functools.cache(lambda size: sql.format_map(_postgresql(size)))
        hints = get_type_hints(row_type)
        self._names = [each.name for each in fields(row_type) if each.init]
        self._converters = [
            (number, convert)
            for number, name in enumerate(self._names)
            for kind, convert in _FROM_SQLITE.items()
            if kind in (hints[name], *get_args(hints[name]))
        ]
        self._is_checked = False

    def rows(self, *lists: Sequence[Any]) -> list[Row]:
        """Return the rows with these values, unordered unless the SQL sorts them. Raises the database's errors."""
        if not lists[0]:
            return []
        # The proxy django.db.connection would look up the connection again for each attribute.
        database = connections[DEFAULT_DB_ALIAS]
        with database.cursor() as cursor:
            cursor.execute(*self._statement(database.vendor, lists))
            if not self._is_checked:
                self._check_columns([column[0] for column in cursor.description])
            found = cursor.fetchall()
        if self._converters and database.vendor == "sqlite":
            found = self._converted(found)
        return [self._row_type(*row) for row in found]

    def _statement(self, vendor: str, lists: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Return the SQL for lists as long as these, and its parameters."""
        if vendor == "sqlite":
            return self._sqlite, [*map(json.dumps, lists)]
        length = len(lists[0])
        # Pad the lists, because each length needs a separate statement, and the driver caches only a few.
        size = 1 << (length - 1).bit_length()
        return self._postgresql(size), [each for values in lists for each in (*values, *[values[0]] * (size - length))]

    def _check_columns(self, columns: Sequence[str]) -> None:
        if columns != self._names:
            raise TypeError(f"The SQL selects {columns}, but the fields are {self._names}.")
        self._is_checked = True

    def _converted(self, found: Iterable[Sequence[Any]]) -> list[list[Any]]:
        """Return rows from SQLite, with their values converted to the types that PostgreSQL returns."""
        rows = [list(row) for row in found]
        for row in rows:
            for number, convert in self._converters:
                if row[number] is not None:
                    row[number] = convert(row[number])
        return rows


def _postgresql(size: int) -> dict[str, str]:
    """Return the SQL that replaces each placeholder on PostgreSQL, for lists of this length."""
    return {
        "among": f"IN ({', '.join(['%s'] * size)})",
        "open": _OPEN,
        "for_update": "FOR UPDATE",
    }


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=_timezone())


@functools.cache  # all connections have the same time zone
def _timezone() -> tzinfo | None:
    return connection.timezone


_FROM_SQLITE: dict[type, Callable[[Any], Any]] = {bool: bool, datetime: _aware, uuid.UUID: uuid.UUID}
