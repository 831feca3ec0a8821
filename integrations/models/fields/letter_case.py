"""Lookups that ignore the case of all letters, on SQLite and with any locale of PostgreSQL.

SQLite's LIKE ignores the case of ASCII letters only, and so does PostgreSQL's UPPER in the locale C: a search for
BÄCKEREI would not find Bäckerei. To find text that is not ASCII, these lookups use GLOB or a regular expression, with
each letter replaced by a set of its upper-case and lower-case forms.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from django.db.models import Field, Lookup, lookups

_FIRST, _END = 0x80, 0x2000  # in this range, several lower-case letters may have the same capital


class _AnyCase(Lookup[Any]):
    """A lookup with the patterns `glob` on SQLite and `regex` on PostgreSQL, in which {} stands for the text."""

    glob: ClassVar[str]
    regex: ClassVar[str]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return self._compared("GLOB", self.glob, _glob_escape, compiler, connection)

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self._compared("~", self.regex, re.escape, compiler, connection)

    def _compared(
        self, operator: str, pattern: str, escape: Callable[[str], str], compiler: Any, connection: Any
    ) -> Any:
        if not isinstance(self.rhs, str) or self.rhs.isascii():
            return self.as_sql(compiler, connection)
        left, parameters = self.process_lhs(compiler, connection)
        text = "".join(_any_case(letter, escape) for letter in self.rhs)
        return f"{left} {operator} %s", (*parameters, pattern.format(text))


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
    capital = letter.upper()
    forms = {letter, capital, letter.lower(), capital.lower(), *_letters_of_capital().get(capital, "")}
    alike = sorted(form for form in forms if len(form) == 1)
    return f"[{''.join(alike)}]" if len(alike) > 1 else escape(letter)


def _glob_escape(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character


@cache
def _letters_of_capital() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for letter in map(chr, range(_FIRST, _END)):
        found[letter.upper()] = found.get(letter.upper(), "") + letter
    return found
