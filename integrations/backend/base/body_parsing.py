"""Uses serializers to parse the JSON bodies of API calls.

The exception is a call that sends a request to a POS: backend/requests/order_calls.py parses its body.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.serializers import (
    BooleanField,
    CharField,
    ChoiceField,
    Field,
    IntegerField,
    ListField,
    Serializer,
)

from integrations.backend.base.problems import INVALID_INPUT, Problem, invalid_fields
from integrations.backend.base.query import GIVEN_TWICE, check_names
from integrations.wire import raw_json
from integrations.wire.plain_http import PlainRequest

UNKNOWN = "is not a known field"


class Nothing(Serializer[Any]):
    """The body of a call without fields: empty, or an empty object."""


def read_change(request: PlainRequest, form: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """Return the fields in a call's body (see `read_body`). Raises Problem, also if the call has query parameters."""
    check_names(request.query, ())
    return read_body(request.body, form, partial=partial)


def read_body(body: bytes, form: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """Validate a body with `form`, and return its fields. A missing body counts as an empty object.

    With `partial`, fields may be missing, and the result has only those given. Raises Problem, which names each wrong
    field. Unknown fields are refused: if the portal ignored a misspelled field, the call would succeed without the
    change that the caller intended. A value must have the JSON type that the OpenAPI document describes.
    """
    given = read_members(body, json.loads) if body.strip() else {}
    serializer = form(data=given, partial=partial)
    messages = {name[:64]: UNKNOWN for name in given if name not in serializer.fields}
    serializer.is_valid()
    errors = dict(serializer.errors)
    for name, field in serializer.fields.items():
        found = _messages(errors.pop(name, {}), name)
        messages |= _type_messages(field, given.get(name), name) or found
    messages |= _messages(errors)
    if messages:
        raise invalid_fields(messages)
    return dict(serializer.validated_data)


def read_members(body: bytes, read: Callable[[str], Any] = str) -> dict[str, Any]:
    """Return the members of a body. Raises Problem, also for a repeated member.

    `read` converts the JSON text of each member.
    """
    try:
        text = body.removeprefix(BOM_UTF8).decode()
        found = raw_json.members(text)
        values = {name: read(spelled) for name, spelled in found.items()}
    except raw_json.TooDeep as error:
        raise Problem(INVALID_INPUT, f"The request body nests more than {raw_json.MOST_NESTED} levels deep.") from error
    except ValueError as error:  # NotAnObject, an error of the UTF-8 decoder, or an integer with too many digits
        raise Problem(INVALID_INPUT, "The request body must be a JSON object in UTF-8.") from error
    if repeated := raw_json.repeated_keys(text, found):
        raise invalid_fields({name[:64]: GIVEN_TWICE for name in sorted(repeated)})
    return values


def _type_messages(field: Field[Any, Any, Any, Any], value: Any, path: str) -> dict[str, str]:
    """Return messages about wrong JSON types in a value, by path.

    Without this check, DRF would accept 5 as "5", and "true" as true.
    """
    match field:
        case _ if value is None:
            return {}  # DRF refuses null in fields that do not allow it
        case ListField() if not isinstance(value, list):
            return {path: "must be a list"}
        case ListField() if field.max_length is None or len(value) <= field.max_length:
            items = (_type_messages(field.child, each, f"{path}.{number}") for number, each in enumerate(value))
            return {name: message for each in items for name, message in each.items()}
        case ChoiceField() if value not in list(field.choices):
            return {path: f"must be one of {', '.join(field.choices)}"}
        case CharField() if not isinstance(value, str):
            return {path: "must be a string"}
        case IntegerField() if isinstance(value, bool) or not isinstance(value, int | float):
            return {path: "must be a whole number"}
        case BooleanField() if not isinstance(value, bool):
            return {path: "must be true or false"}
    return {}


def _messages(errors: Any, path: str = "") -> dict[str, str]:
    """Return the messages of a serializer, each with the path of its field."""
    if not isinstance(errors, Mapping):
        return {path: " ".join(map(str, errors))} if errors else {}
    found: dict[str, str] = {}
    for name, inner in errors.items():
        found |= _messages(inner, f"{path}.{name}" if path else str(name))
    return found
