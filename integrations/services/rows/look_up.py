"""A query by lists of values, whose SQL is made once: making it costs more than running it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.models.sql.compiler import SQLCompiler

MOST_VALUES = 512  # in one statement: SQLite's own limit was 999 for long

Query = Callable[..., "models.QuerySet[Any, Any]"]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One size of a query; in `parameters` stands a place where a value of a list belongs."""

    compiler: SQLCompiler
    statement: str
    parameters: Sequence[Any]
    converters: Any

    def rows(self, lists: Sequence[Sequence[Any]]) -> Iterable[Sequence[Any]]:
        filled = [lists[each.number][each.position] if isinstance(each, _Place) else each for each in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.statement, filled)
            found = cursor.fetchall()
        return self.compiler.apply_converters(found, self.converters) if self.converters else found


@dataclass(frozen=True, slots=True)
class _Place:
    number: int  # of the list
    position: int


class LookUp:
    """Compiled for lists of 1, 2, 4, ... values; a list is filled up by repeating its first.

    `query` is called with a list of made-up values for each of the `kinds`, texts or numbers, and returns the
    `values_list` to compile, ordered by nothing or by what it lists. Only the lists may differ from call to call: no
    setting of the moment, and no time.
    """

    def __init__(self, query: Query, *kinds: type[str] | type[int]) -> None:
        self._query = query
        self._kinds = kinds
        self._compiled: dict[tuple[str, int], _Compiled] = {}

    def rows(self, *lists: Sequence[Any]) -> Iterable[Sequence[Any]]:
        """Return what stands under these values, of lists as long as each other. Raises what the database raises."""
        step = MOST_VALUES // len(lists)
        parts = [[values[start : start + step] for values in lists] for start in range(0, len(lists[0]), step)]
        return self._part(parts[0]) if len(parts) == 1 else [row for part in parts for row in self._part(part)]

    def _part(self, lists: Sequence[Sequence[Any]]) -> Iterable[Sequence[Any]]:
        length = len(lists[0])
        size = 1 << (length - 1).bit_length()
        compiled = self._compiled.get((connection.vendor, size)) or self._compile(size)
        return compiled.rows([[*values, *[values[0]] * (size - length)] for values in lists])

    def _compile(self, size: int) -> _Compiled:
        made_up = [
            [kind(-1 - position - size * number) for position in range(size)] for number, kind in enumerate(self._kinds)
        ]
        places = {
            value: _Place(number, position)
            for number, values in enumerate(made_up)
            for position, value in enumerate(values)
        }
        compiler = self._query(*made_up).query.get_compiler(connection=connection)
        statement, parameters = compiler.as_sql()
        converters = compiler.get_converters(column[0] for column in compiler.select)
        compiled = _Compiled(compiler, statement, [places.get(each, each) for each in parameters], converters)
        self._compiled[connection.vendor, size] = compiled
        return compiled
