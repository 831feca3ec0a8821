"""Lookups that ignore the case of all letters on SQLite, as they do on PostgreSQL.

SQLite's LIKE ignores the case of ASCII letters only: a search for BÄCKEREI would not find Bäckerei. If the text to find
has other letters, GLOB compares it, with each letter as a set of its forms. That is faster than a LIKE in Python.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from django.db.models import Field, Lookup, lookups

_SPECIAL = "*?["
_FIRST, _END = 0x80, 0x2000  # in this range, several small letters may have the same capital


class _AnyCase(Lookup[Any]):
    """A lookup with the pattern `glob` on SQLite, in which {} stands for the text."""

    glob: ClassVar[str]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        if not isinstance(self.rhs, str) or self.rhs.isascii():
            return self.as_sql(compiler, connection)
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} GLOB %s", (*parameters, self.glob.format("".join(map(_any_case, self.rhs))))


@Field.register_lookup
class IExact(_AnyCase, lookups.IExact):  # type: ignore[type-arg]
    glob = "{}"


@Field.register_lookup
class IContains(_AnyCase, lookups.IContains):
    glob = "*{}*"


@Field.register_lookup
class IStartsWith(_AnyCase, lookups.IStartsWith):
    glob = "{}*"


@Field.register_lookup
class IEndsWith(_AnyCase, lookups.IEndsWith):
    glob = "*{}"


def _any_case(letter: str) -> str:
    """Return the part of a GLOB pattern that matches a letter, large or small."""
    capital = letter.upper()
    forms = {letter, capital, letter.lower(), *_letters_of_capital().get(capital, "")}
    alike = sorted(form for form in forms if len(form) == 1)
    return f"[{''.join(alike)}]" if len(alike) > 1 or letter in _SPECIAL else letter


@cache
def _letters_of_capital() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for letter in map(chr, range(_FIRST, _END)):
        found[letter.upper()] = found.get(letter.upper(), "") + letter
    return found
