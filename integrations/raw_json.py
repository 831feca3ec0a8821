"""Takes a JSON object apart without respelling what is in it.

A payload goes to the POS, and its answer to the backend, as it was written: the same keys in the same order, the
same digits. Parsing and writing again would round money and lose what a parser does not keep.
"""

import json
import re
from collections.abc import Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]

_BLANK = re.compile(r"[ \t\n\r]*")


class NotAnObject(ValueError):
    """The text is not one JSON object."""


def members(text: str) -> dict[str, str]:
    """Return the members of a JSON object, each value as it is spelled; of a repeated key the last.

    Raises NotAnObject, also for a value that nests too deeply to be checked.
    """
    try:
        found, end = _members(text)
    except (ValueError, RecursionError, IndexError) as error:
        raise NotAnObject("not a JSON object") from error
    if end != len(text):
        raise NotAnObject("there is something behind the JSON object")
    return found


def write(values: Mapping[str, object], raw: Mapping[str, str]) -> str:
    """Return a JSON object of `values`, and of members whose JSON is spelled already, in this order."""
    spelled = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()} | dict(raw)
    return "{" + ", ".join(f"{json.dumps(key)}: {text}" for key, text in spelled.items()) + "}"


def _members(text: str) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    at = _after(text, _skip(text, 0), "{")
    if text[at] == "}":
        return found, _skip(text, at + 1)
    while True:
        key, at = scanstring(text, _after(text, at, '"', skip=False))
        at = _after(text, _skip(text, at), ":")
        end = _decoder.raw_decode(text, at)[1]
        found[key] = text[at:end]
        at = _skip(text, end)
        if text[at] == "}":
            return found, _skip(text, at + 1)
        at = _after(text, at, ",")


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int, expected: str, *, skip: bool = True) -> int:
    if text[at] != expected:
        raise ValueError(f"{expected} expected")
    return _skip(text, at + 1) if skip else at + 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Numbers are only skipped: a float of a thousand digits must not be computed, nor an integer refused.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=str, parse_int=str)
