"""One spelling for all spellings of the same JSON, to compare by. Pure: text in, text out.

Keys are sorted, blanks left out, strings escaped in one way, and numbers written as digits and a power of ten: `1`,
`1.00` and `1e0` are the same. Not meant to be sent or read: objects and numbers are marked so that nothing collides.
"""

import json
import re
from typing import Any

MOST_NESTED = 100  # levels; the same text must be written in the same way however deep the call that asks

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,9}))?").fullmatch
_LEVELS = re.compile(r'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])', re.DOTALL)


def canonical(text: str) -> str:
    """Return the one spelling of JSON; what nests too deeply, or is not JSON, is returned as it is.

    Of a key that an object repeats all values count, in their order: a reader may take the first or the last.
    """
    if _is_deep(text):
        return text
    try:
        return _write(_decoder.decode(text))
    except (ValueError, RecursionError):
        return text


def _is_deep(text: str) -> bool:
    # Most texts have fewer brackets in all than may be nested, and counting those costs nothing.
    return text.count("{") + text.count("[") > MOST_NESTED and _depth(text) > MOST_NESTED


def _depth(text: str) -> int:
    deepest = level = 0
    for match in _LEVELS.finditer(text):
        level += (match[1] is not None) - (match[2] is not None)
        deepest = max(deepest, level)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return an object with a list of values under each key; a number has a text there, so that none is the other."""
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return values


def _number(spelled: str) -> dict[str, str]:
    match = _NUMBER(spelled)
    if match is None:  # an exponent of more than nine digits
        return {"": spelled}
    sign, whole, fraction, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return {"": "0"}
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return {"": f"{sign}{significant}e{power}"}


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_int=_number, strict=False)
_write = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
