"""A query by a list of values, whose SQL is made once: making it costs a storm more than running it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.models.sql.compiler import SQLCompiler

Query = Callable[[Sequence[Any]], "models.QuerySet[Any, Any]"]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One size of a query; in `parameters` stands a place where a value of the list belongs."""

    compiler: SQLCompiler
    statement: str
    parameters: Sequence[Any]
    converters: Any

    def rows(self, values: Sequence[Any]) -> Iterable[Sequence[Any]]:
        filled = [values[each.position] if isinstance(each, _Place) else each for each in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.statement, filled)
            found = cursor.fetchall()
        return self.compiler.apply_converters(found, self.converters) if self.converters else found


@dataclass(frozen=True, slots=True)
class _Place:
    position: int


class LookUp:
    """Compiled for lists of 1, 2, 4, ... values; a list is filled up by repeating its first.

    `query` is called with a list of made-up values, all texts or all numbers as `kind` says, and returns the
    `values_list` to compile, without an order.
    """

    def __init__(self, query: Query, kind: type[str] | type[int]) -> None:
        self._query = query
        self._kind = kind
        self._compiled: dict[tuple[str, int], _Compiled] = {}

    def rows(self, values: Sequence[Any]) -> Iterable[Sequence[Any]]:
        """Return what stands under these values; none must be there twice. Raises what the database raises."""
        if not values:
            return []
        size = 1 << (len(values) - 1).bit_length()
        compiled = self._compiled.get((connection.vendor, size)) or self._compile(size)
        return compiled.rows([*values, *[values[0]] * (size - len(values))])

    def _compile(self, size: int) -> _Compiled:
        made_up = [self._kind(-1 - position) for position in range(size)]
        places = {value: _Place(position) for position, value in enumerate(made_up)}
        compiler = self._query(made_up).query.get_compiler(connection=connection)
        statement, parameters = compiler.as_sql()
        converters = compiler.get_converters(column[0] for column in compiler.select)
        compiled = _Compiled(compiler, statement, [places.get(each, each) for each in parameters], converters)
        self._compiled[connection.vendor, size] = compiled
        return compiled
