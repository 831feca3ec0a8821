"""Parses the JSON body of a call with a serializer.

backend/requests/order_calls.py parses requests to a POS.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.serializers import Serializer

from integrations.backend.base.problems import INVALID_INPUT, Problem, invalid_fields
from integrations.backend.base.query import check_names
from integrations.wire import raw_json
from integrations.wire.plain_http import PlainRequest

UNKNOWN = "is not a known field"


class Nothing(Serializer[Any]):
    """The body of a call without fields: empty, or an empty object."""


def read_change(request: PlainRequest, form: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """Return the fields in the body of a call without query parameters. Raises Problem (see `read_body`)."""
    check_names(request.query, ())
    return read_body(request.body, form, partial=partial)


def read_body(body: bytes, form: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """Return the fields in a body as `form` validates them; without a body, those of an empty object.

    With `partial`, fields may be missing, and the result has only those given. Raises Problem, which names each wrong
    field. Unknown fields are refused: ignoring a misspelled one would do something else than the caller intended.
    """
    given = read_members(body, json.loads) if body.strip() else {}
    serializer = form(data=given, partial=partial)
    messages = {name[:64]: UNKNOWN for name in given if name not in serializer.fields}
    if not serializer.is_valid():
        messages |= _messages(serializer.errors)
    if messages:
        raise invalid_fields(messages)
    return dict(serializer.validated_data)


def read_members(body: bytes, read: Callable[[str], Any] = str) -> dict[str, Any]:
    """Return the members of a body; `read` gets the JSON text of each. Raises Problem."""
    try:
        return {name: read(spelled) for name, spelled in raw_json.members(body.decode("utf-8-sig")).items()}
    except raw_json.TooDeep as error:
        raise Problem(INVALID_INPUT, f"The request body nests more than {raw_json.MOST_NESTED} levels deep.") from error
    except ValueError as error:  # NotAnObject, an error of the UTF-8 decoder, or an integer with too many digits
        raise Problem(INVALID_INPUT, "The request body must be a JSON object in UTF-8.") from error


def _messages(errors: Any, path: str = "") -> dict[str, str]:
    """Return the messages of a serializer, each with the path of its field."""
    if not isinstance(errors, Mapping):
        return {path: " ".join(map(str, errors))} if errors else {}
    found: dict[str, str] = {}
    for name, inner in errors.items():
        found |= _messages(inner, f"{path}.{name}" if path else str(name))
    return found
