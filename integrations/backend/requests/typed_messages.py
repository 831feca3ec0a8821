"""Adds schemas for each documented message type to the OpenAPI document: one for its calls, one for their answers.

These schemas apply if the call gives the message type by name. Each schema contains the model of its payload. The field
`message_type` shows which schema applies, in calls and in answers. A name in an answer is always that of a documented
message type; for a message type that only staff have named, the answer gives the number.
"""

from collections.abc import Mapping
from typing import Any

from integrations.backend.requests import order_calls
from integrations.wire.payloads.answer_models import answer_model, type_name
from integrations.wire.payloads.examples import EXAMPLES
from integrations.wire.payloads.json_schema import one_of, or_null, reference

Schema = dict[str, Any]

NAMES = frozenset(map(type_name, EXAMPLES))  # names of the documented message types

_NUMBER = {
    "type": "integer",
    "minimum": 0,
    "maximum": order_calls.MAX_MESSAGE_TYPE,
    "description": "The number of any message type. A call may also have the name of one that staff added.",
}
# redocly does not compare schemas that have this keyword. Otherwise it would report that the variants overlap, because
# it does not see that a number never equals one of the constant strings.
_NOT_COMPARED = {"minProperties": 1}


def add_types(schemas: dict[str, Schema]) -> None:
    """Split the schemas of calls and answers into variants: one per documented message type, and one for others."""
    _split(schemas, "Order", {model: reference(model) for model in EXAMPLES}, closed=True)
    _split(schemas, "Answer", {model: or_null(reference(answer_model(model))) for model in EXAMPLES})


def _split(schemas: dict[str, Schema], name: str, payloads: Mapping[str, Schema], *, closed: bool = False) -> None:
    base = schemas[name]
    variants = {type_name(model): f"{type_name(model)}{name}" for model in payloads}
    for model, payload in payloads.items():
        message_type = {"type": "string", "const": type_name(model)}
        schemas[variants[type_name(model)]] = _variant(base, message_type, payload, closed=closed)
    other, documented = f"Other{name}", f"Documented{name}"
    schemas[other] = _variant(base, _NUMBER, base["properties"]["payload"], closed=closed) | _NOT_COMPARED
    words = f"{base['description']} The message type is a documented one, given by its name."
    schemas[documented] = one_of("message_type", variants) | {"description": words}
    schemas[name] = {"oneOf": [reference(documented), reference(other)], "description": base["description"]}


def _variant(base: Schema, message_type: Schema, payload: Schema, *, closed: bool) -> Schema:
    described = {"description": base["properties"]["payload"].get("description", "")}
    properties = base["properties"] | {"message_type": message_type, "payload": described | payload}
    return base | {"properties": properties} | ({"additionalProperties": False} if closed else {})
