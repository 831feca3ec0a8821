"""Read settings exactly as written. Each error names its variable and contains no part of a value."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from portal.env_file import EnvFileError, read

FROM_FILE = "ORDER_N_PAY_FROM_ENV_FILE"  # tells child processes which variables come from .env
FALSE = ("false", "off", "n", "no", "0")
LARGEST = 2**31 - 1
MANY_DAYS = 36_500  # a century: the upper limit of the KEEP_..._DAYS settings (0 means for ever) and of some others

PORTAL_GROUPS = ("viewer", "operator", "administrator")  # integrations/services/people/groups.py creates them

Whole = int  # aliases for Environment, whose methods `int` and `float` hide the types
Decimal = float
Number = TypeVar("Number", int, float)

_WHOLE = re.compile(r"[+-]?[0-9]{1,10}").fullmatch
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch


class Environment(environ.Env):  # type: ignore[misc]
    """Reads variables with django-environ, but takes values literally.

    A `$` does not refer to another variable. An empty variable counts as unset.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.from_file: set[str] = set()  # names that only .env sets

    def read_file(self, file: Path) -> None:
        """Add the values of .env to the environment, which takes precedence. Raises ImproperlyConfigured.

        The environment can also contain values that a parent process read from .env. They must not override a newer
        .env. So the parent also passes a list of their names to its children, which first remove these values.
        """
        for name in os.environ.pop(FROM_FILE, "").split():
            os.environ.pop(name, None)
        try:
            values = read(file)
        except EnvFileError as error:
            raise ImproperlyConfigured(str(error)) from None
        for name, value in values.items():
            if not os.environ.get(name):
                os.environ[name] = value
                self.from_file.add(name)
        if self.from_file:
            os.environ[FROM_FILE] = " ".join(self.from_file)

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,  # noqa: ARG002  (django-environ's signature)
    ) -> Any:
        """Return a variable's value, or the default. Raises ImproperlyConfigured."""
        self.asked.add(var)
        value = self.ENVIRON.get(var)
        if not value:
            return default
        if not _is_text(value):
            raise ImproperlyConfigured(f"{var} is not UTF-8 text.")
        try:
            return self.parse_value(value, cast)
        except (ValueError, TypeError):
            raise ImproperlyConfigured(f"{var} must be {FORMS.get(cast, 'readable')}.") from None

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Return a text converted to the type `cast`. Raises ValueError."""
        return PARSERS.get(cast, cast or str)(value)

    def text(self, name: str, *, default: str, longest: Whole) -> str:
        """Return a variable of at most `longest` characters. Raises ImproperlyConfigured."""
        value: str = self.get_value(name, default=default)
        if len(value) > longest:
            raise ImproperlyConfigured(f"{name} must have at most {longest} characters.")
        return value

    def choice(self, name: str, known: Sequence[str], *, default: str, read: Callable[[str], str] = str) -> str:
        """Return a variable, converted by `read`. Raises ImproperlyConfigured unless the result is one of `known`."""
        value: str = self.get_value(name, read, default=default)
        if value not in known:
            raise ImproperlyConfigured(f"{name} must be {' or '.join(known)}.")
        return value

    def networks(self, name: str) -> list[str]:
        """Return the addresses and CIDR networks that a variable lists. Raises ImproperlyConfigured."""
        form = f"{name} must be a list of addresses or CIDR networks, separated by commas; item {{}} is neither."
        return self._items(name, ip_network, form)

    def member_names(self, name: str) -> list[str]:
        """Return the JSON member names that a variable lists. Raises ImproperlyConfigured."""
        form = (
            f"{name} must be a list of member names of letters, digits, '_', '.' and '-', separated by commas;"
            " item {} is not one."
        )
        return self._items(name, _member_name, form)

    def _items(self, name: str, parse: Callable[[str], object], form: str) -> list[str]:
        texts: list[str] = self.get_value(name, list, default=[])
        for number, text in enumerate(texts, start=1):
            try:
                parse(text)
            except ValueError:
                raise ImproperlyConfigured(form.format(number)) from None
        return texts

    def int(self, name: str, *, default: Whole, least: Whole, most: Whole = LARGEST) -> Any:
        """Return a variable that is a whole number within these bounds. Raises ImproperlyConfigured."""
        return _within(least, most, self.get_value(name, Whole, default=default), name)

    def float(self, name: str, *, default: Decimal, least: Decimal) -> Any:
        """Return a variable that is a number of at least `least`. Raises ImproperlyConfigured."""
        return _within(least, LARGEST, self.get_value(name, Decimal, default=default), name)


def _within(least: Number, most: Number, value: Number, name: str) -> Number:
    if not least <= value <= most:
        bounds = f"at least {least}" if most == LARGEST else f"from {least} to {most}"
        raise ImproperlyConfigured(f"{name} must be {bounds}.")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def flag(text: str) -> bool:
    """Return a word's boolean value. Raises ValueError for an unknown word; django-environ would return False."""
    word = text.strip().lower()
    if word in FALSE:
        return False
    if word in Environment.BOOLEAN_TRUE_STRINGS:
        return True
    raise ValueError


def whole_number(text: str) -> int:
    """Convert `text` to an integer. Raises ValueError unless it is plain digits with an optional sign, within 32 bits.

    Python would also accept 1_000 and digits of other scripts. A number beyond 32 bits would cause an error later, for
    example when it is added to a date.
    """
    if not _WHOLE(text.strip()):
        raise ValueError
    return _bounded(int(text))


def _decimal(text: str) -> float:
    if not _DECIMAL(text.strip()):
        raise ValueError
    return _bounded(float(text))


def _bounded(number: Number) -> Number:
    if not -LARGEST <= number <= LARGEST:
        raise ValueError
    return number


def _items(text: str) -> list[str]:
    """Return the comma-separated items. Raises ValueError if the text contains only commas and spaces."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    if text.strip() and not items:
        raise ValueError
    return items


def keys(text: str) -> list[str]:
    """Return the comma-separated keys, and also the whole text as one key.

    The text is a setting of fallback keys. A key may contain a comma or end in a space. Such a key works if it is the
    only one listed, because the whole text is then that key. An additional key does no harm.
    """
    return list(dict.fromkeys([*_items(text), text]))


def _pairs(text: str) -> dict[str, str]:
    """Return the values by name. Raises ValueError for an item without a =, and for a repeated name."""
    pairs = [(name.strip(), value.strip()) for name, value in (item.split("=", 1) for item in _items(text))]
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


PARSERS: Mapping[Any, Callable[[str], Any]] = {
    bool: flag,
    int: whole_number,
    float: _decimal,
    list: _items,
    dict: _pairs,
}
FORMS = {
    bool: "true or false",
    int: f"a whole number of at most {LARGEST}",
    float: f"a number of at most {LARGEST}",
    list: "a list, separated by commas",
    dict: "name=value, separated by commas, each name once",
}


def log_format_here(*, debug: bool) -> str:
    """Return "text" while debugging or if standard error is a terminal, otherwise "json"."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return "text" if debug or is_terminal else "json"


def _member_name(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise ValueError


def close_codes(texts: Mapping[str, str]) -> dict[str, int]:
    """Convert the numbers in POS_CLOSE_CODES (name=number, ...) to integers. Raises ImproperlyConfigured."""
    try:
        return {name.strip(): whole_number(number) for name, number in texts.items()}
    except ValueError:
        raise ImproperlyConfigured(
            "POS_CLOSE_CODES must read like replaced=4409,disabled=1000 (name=number, separated by commas)."
        ) from None


def folder(text: str, name: str) -> Path:
    """Return `text` as the absolute path of a folder. Raises ImproperlyConfigured if it is not a valid path."""
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, OSError, ValueError):
        raise ImproperlyConfigured(f"{name} is not the path of a folder.") from None


def time_zone(name: str) -> str:
    """Return TIME_ZONE. Raises ImproperlyConfigured if this machine does not know it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured("TIME_ZONE must be a name like Europe/Berlin.") from None
    return name


def directory_for(file: str) -> None:
    """Create the directory of the SQLite database. Raises ImproperlyConfigured if that fails."""
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not the name of a folder"
        raise ImproperlyConfigured(f"DATA_DIR cannot be created: {reason}.") from None


def group_names(texts: Mapping[str, str]) -> dict[str, str]:
    """Return OIDC_GROUPS: the portal's group for each group of the identity provider. Raises ImproperlyConfigured."""
    named = {theirs.strip(): ours.strip() for theirs, ours in texts.items()}
    for ours in named.values():
        if ours not in PORTAL_GROUPS:
            known = ", ".join(PORTAL_GROUPS)
            raise ImproperlyConfigured(f"OIDC_GROUPS must read like staff=operator,it=administrator ({known}).")
    return named
