"""Compares a payload with its model."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from integrations.wire.payloads.answer_models import ALL_MODELS
from integrations.wire.payloads.field import DECIMAL, FLAG, GUID, OBJECT, STRING, WHOLE, Field


class NumberText(str):
    """A number in its original spelling."""

    __slots__ = ()


class Invalid(ValueError):
    """A payload does not match its model; `errors` maps the path of each wrong field to a message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def check(payload: str, model: str) -> None:
    """Raise Invalid unless a payload's JSON matches the model with this name."""
    content = json.loads(payload, object_pairs_hook=_members, parse_float=NumberText, parse_int=NumberText)
    errors = dict(_errors_of_model("", content, model))
    if errors:
        raise Invalid(errors)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object by their keys in lower case; a repeated key has the value _REPEATED.

    A till might read either value of a key that is given twice.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = key.lower()
        found[name] = _REPEATED if name in found else value
    return found


def _errors_of_model(path: str, content: Any, model: str) -> Iterator[tuple[str, str]]:
    if not isinstance(content, dict):
        yield path, "must be an object"
        return
    for field in ALL_MODELS[model]:
        yield from _errors_of_field(f"{path}.{field.name}" if path else field.name, content, field)


def _errors_of_field(path: str, given: Mapping[str, Any], field: Field) -> Iterator[tuple[str, str]]:
    if field.name.lower() not in given:
        if field.required:
            yield path, "is missing"
        return
    value = given[field.name.lower()]
    if value is _REPEATED:
        yield path, "is given twice"
        return
    if value is None:
        if not field.nullable:
            yield path, "must not be null"
        return
    if not field.is_list:
        yield from _errors_of_value(path, value, field)
        return
    if not isinstance(value, list):
        yield path, "must be a list"
        return
    for position, item in enumerate(value):
        yield from _errors_of_value(f"{path}[{position}]", item, field)


def _errors_of_value(path: str, value: Any, field: Field) -> Iterator[tuple[str, str]]:
    if field.kind in ALL_MODELS:
        yield from _errors_of_model(path, value, field.kind)
        return
    fits, what = _KINDS[field.kind]
    if not fits(value):
        yield path, f"must be {what}"
    elif field.limit is not None and len(value) > field.limit:
        yield path, f"is longer than {field.limit} characters"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, NumberText)


def _is_guid(value: Any) -> bool:
    return _is_text(value) and bool(_GUID.fullmatch(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, NumberText) and bool(_WHOLE.fullmatch(value)) and -(2**31) <= int(value) < 2**31


def _is_decimal(value: Any) -> bool:
    """Return whether a number, in any spelling, has at most two decimals and eleven digits before them."""
    if not isinstance(value, NumberText) or len(value) > 40:
        return False
    try:
        _, digits, exponent = Decimal(value).as_tuple()
    except ArithmeticError:  # its exponent has more digits than Decimal supports
        return False
    if not isinstance(exponent, int):
        return False
    spelled = "".join(map(str, digits)).lstrip("0")
    significant = spelled.rstrip("0")
    lowest = exponent + len(spelled) - len(significant)  # power of ten of the last significant digit
    return not significant or (lowest >= -2 and lowest + len(significant) <= 11)


_REPEATED = object()
_GUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WHOLE = re.compile("-?[0-9]{1,10}")

_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    STRING: (_is_text, "a string"),
    GUID: (_is_guid, "a GUID of 36 characters"),
    WHOLE: (_is_whole, "a whole number of 32 bits"),
    DECIMAL: (_is_decimal, "a number of at most 13 digits, two of them decimals"),
    FLAG: (lambda value: isinstance(value, bool), "true or false"),
    OBJECT: (lambda value: isinstance(value, dict), "an object"),
}
