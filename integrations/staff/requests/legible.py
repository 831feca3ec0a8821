"""Formats a payload for staff to read: indented, with every number exactly as sent, and without secrets."""

import json
from collections.abc import Iterator

from integrations.security.redaction import REDACTED, redact
from integrations.services.requests.secret_members import hide, is_never_shown
from integrations.text.characters import printable
from integrations.wire.raw_json import refuse_depth

LONGEST = 100_000
INDENT = "  "
NOT_SHOWN = "(Not shown: not valid JSON, or nested too deeply to be searched for PINs.)"


class _Number(str):
    """The digits of a number, exactly as sent."""

    __slots__ = ()


class _Object(list[tuple[str, object]]):
    """The members of an object, including repeated keys."""


def legible(text: str) -> str:
    """Return JSON as indented lines, at most 100,000 characters. Text that cannot be parsed is not shown."""
    try:
        laid_out = "".join(_lines(_parse(hide(text)), "\n"))
    except ValueError:
        return NOT_SHOWN
    shown = printable(redact(laid_out), LONGEST)
    return shown if len(laid_out) <= LONGEST else f"{shown}\n… (shortened)"


def _parse(text: str) -> object:
    refuse_depth(text)
    return json.loads(text, object_pairs_hook=_Object, parse_float=_Number, parse_int=_Number)


def _lines(value: object, margin: str) -> Iterator[str]:
    if isinstance(value, _Object) and value:
        members = ((f"{_spelled(key)}: ", REDACTED if is_never_shown(key) else each) for key, each in value)
        yield from _block("{", members, "}", margin)
    elif isinstance(value, list) and value:
        yield from _block("[", (("", each) for each in value), "]", margin)
    elif isinstance(value, list):
        yield "{}" if isinstance(value, _Object) else "[]"
    else:
        yield value if isinstance(value, _Number) else _spelled(value)


def _block(begin: str, members: Iterator[tuple[str, object]], end: str, margin: str) -> Iterator[str]:
    inner = margin + INDENT
    for number, (label, value) in enumerate(members):
        yield f"{',' if number else begin}{inner}{label}"
        yield from _lines(value, inner)
    yield f"{margin}{end}"


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
