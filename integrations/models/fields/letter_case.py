"""Lookups that ignore the case of all letters, on SQLite and with any locale of PostgreSQL.

SQLite's LIKE ignores the case of ASCII letters only, and PostgreSQL's UPPER changes only ASCII letters in the locale C:
a search for BÄCKEREI would not find Bäckerei. To find text that is not ASCII, these lookups use GLOB or a regular
expression, with each letter replaced by a set of its upper-case and lower-case forms. They compare the column itself,
because UPPER in a locale of ICU turns ß into SS.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from django.db.models import Field, Lookup, lookups

_FIRST, _END = 0x80, 0x2000  # in this range, several lower-case letters may have the same capital


class _AnyCase(Lookup[Any]):
    """A lookup that matches the pattern `glob` on SQLite and `regex` on PostgreSQL; {} in a pattern is the text."""

    glob: ClassVar[str]
    regex: ClassVar[str]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        if self._is_plain:
            return self.as_sql(compiler, connection)
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} GLOB %s", (*parameters, self._pattern(self.glob, _glob_escape))

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        if self._is_plain:
            return self.as_sql(compiler, connection)
        return lookups.Regex(self.lhs, self._pattern(self.regex, re.escape)).as_sql(compiler, connection)

    @property
    def _is_plain(self) -> bool:
        return not isinstance(self.rhs, str) or self.rhs.isascii()

    def _pattern(self, pattern: str, escape: Callable[[str], str]) -> str:
        return pattern.format("".join(_any_case(letter, escape) for letter in self.rhs))


@Field.register_lookup
class IExact(_AnyCase, lookups.IExact):
    glob, regex = "{}", "^{}$"


@Field.register_lookup
class IContains(_AnyCase, lookups.IContains):
    glob, regex = "*{}*", "{}"


@Field.register_lookup
class IStartsWith(_AnyCase, lookups.IStartsWith):
    glob, regex = "{}*", "^{}"


@Field.register_lookup
class IEndsWith(_AnyCase, lookups.IEndsWith):
    glob, regex = "*{}", "{}$"


def _any_case(letter: str, escape: Callable[[str], str]) -> str:
    """Return the part of a pattern that matches a letter in upper and in lower case."""
    capital = _capital(letter)
    forms = {letter, capital, letter.lower(), capital.lower(), *_letters_of_capital().get(capital, "")}
    alike = sorted(form for form in forms if len(form) == 1)
    return f"[{''.join(alike)}]" if len(alike) > 1 else escape(letter)


def _glob_escape(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character


@cache
def _letters_of_capital() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for letter in map(chr, range(_FIRST, _END)):
        found[_capital(letter)] = found.get(_capital(letter), "") + letter
    return found


def _capital(letter: str) -> str:
    """Return the letter in upper case, by which its forms are found; both ß and ẞ have SS."""
    return letter.lower().upper()
