"""Parses query parameters. Unknown ones are refused, because a misspelled filter would return too many rows."""

import re
from collections.abc import Iterable
from datetime import datetime

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.backend.base.problems import invalid, invalid_fields

HIGHEST_ID = 10**18 - 1
GIVEN_TWICE = "is given twice"


def check_names(query: QueryDict, known: Iterable[str]) -> None:
    """Raise Problem for a parameter that is unknown, repeated, or contains a NUL, which PostgreSQL cannot store."""
    names = set(known)
    errors = {name[:64]: "is not a known parameter" for name in query if name not in names}
    errors |= {name: GIVEN_TWICE for name in query if name in names and len(query.getlist(name)) > 1}
    errors |= {name: "contains a NUL" for name in query if name in names and "\x00" in query[name]}
    if errors:
        raise invalid_fields(errors)


def read_whole_number(query: QueryDict, name: str, least: int, most: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text) or not least <= int(text) <= most:
        raise invalid(name, f"must be a whole number from {least} to {most}")
    return int(text)


def read_flag(query: QueryDict, name: str) -> bool | None:
    text = query.get(name)
    if text not in (None, "true", "false"):
        raise invalid(name, "must be true or false")
    return None if text is None else text == "true"


def read_choice(query: QueryDict, name: str, choices: Iterable[str]) -> str | None:
    text = query.get(name)
    if text is not None and text not in (known := list(choices)):
        raise invalid(name, f"must be one of {', '.join(known)}")
    return text


def read_moment(query: QueryDict, name: str) -> datetime | None:
    """Return the parameter, an ISO 8601 time with an offset, converted to UTC; None if it is absent. Raises Problem."""
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = parse_datetime(text.replace(" ", "+"))  # a "+" that was not escaped arrives as a space
        if moment is not None and timezone.is_aware(moment):
            return moment.astimezone(timezone.get_fixed_timezone(0))
    except (ValueError, OverflowError):
        pass
    raise invalid(name, "must be a time with an offset, like 2026-03-01T12:00:00Z")
