"""Writes JSON in one canonical spelling, to compare texts with the same meaning. Does no I/O.

Keys are sorted, whitespace is removed, and strings are escaped in one way. Whole numbers are written as digits, and
others as digits and a power of ten, so `1`, `1.00` and `1e0` are equal. The result is only for comparison, because
it contains replacements: a number with a power of ten, or an object with a repeated or empty key, is replaced by an
object with the single key "".
"""

import json
import re
from typing import Any

from integrations.wire.raw_json import MOST_DIGITS, is_deep

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,9}))?").fullmatch


def canonical(text: str) -> str:
    """Return the canonical spelling of JSON; a text that nests too deeply or is not JSON is returned unchanged.

    If an object repeats a key, all values count, in their order, because a reader may take the first or the last.
    """
    # Without this limit, deep JSON could reach Python's recursion limit, depending on the caller's stack.
    if is_deep(text):
        return text
    try:
        return _write(_decoded(text))
    except ValueError:
        return text


def _decoded(text: str) -> Any:
    try:
        return _quick.decode(text)
    except ValueError:  # an integer has more than MOST_DIGITS digits, or the text is not JSON
        return _careful.decode(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs) and "" not in found:
        return found
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {"": [values]}


def _number(spelled: str) -> int | dict[str, str]:
    match = _NUMBER(spelled)
    if match is None:  # an exponent of more than nine digits
        return {"": spelled}
    sign, whole, fraction, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    if 0 <= power <= MOST_DIGITS - len(significant):
        return int(sign + significant + "0" * power)
    return {"": f"{sign}{significant}e{power}"}


_quick = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, strict=False)
_careful = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_int=_number, strict=False)
_write = json.JSONEncoder(check_circular=False, sort_keys=True, separators=(",", ":")).encode
