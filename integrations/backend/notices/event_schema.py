"""Describes the events in the OpenAPI document: the webhooks that carry them, and the rows of the event log.

`event_types` has the schema of each event's data. The field `type` tells the events apart.
"""

import inspect
from typing import Any

from integrations.models.notices.notice import NoticeKind
from integrations.services.notices.delivering import SCHEDULE
from integrations.services.notices.event_types import EVENTS, json_schemas
from integrations.services.notices.signing import HEADERS
from integrations.wire.payloads.json_schema import one_of, reference

Schema = dict[str, Any]

_TIME = {"type": "string", "format": "date-time", "description": "When it happened."}
TRACED = "The `traceparent` of the call that sent the request; absent if it had no valid one."
_ANSWERS = {
    "2XX": {"description": "The receiver has accepted the event."},
    "410": {"description": "The receiver wants no more events: the portal disables the endpoint."},
    "4XX": {"description": f"The portal sends the event again later, at most {len(SCHEDULE)} times."},
    "5XX": {"description": "The portal sends the event again later, after the Retry-After of the answer."},
}


def add_events(result: Schema, **_kwargs: Any) -> Schema:
    """Add the `webhooks` section, and for each event the schemas of its webhook and of its row in the event log."""
    schemas = result["components"]["schemas"]
    schemas.update(json_schemas())
    row = schemas["Event"]
    for kind, data in EVENTS.items():
        content = {
            "type": {"type": "string", "const": kind.value},
            "timestamp": _TIME,
            "data": reference(data.__name__),
        }
        words = str(inspect.getdoc(data))
        schemas[_name_of(kind, "Webhook")] = _object(content, words)
        schemas[_name_of(kind, "Event")] = _object(row["properties"] | content, words)
    names = {kind.value: _name_of(kind, "Event") for kind in EVENTS}
    schemas["Event"] = one_of("type", names) | {"description": row["description"]}
    result["webhooks"] = {kind.value: {"post": _webhook(kind)} for kind in EVENTS}
    return result


def _webhook(kind: NoticeKind) -> Schema:
    return {
        "operationId": f"receive_{kind.name.lower()}",
        "summary": kind.label,
        "description": f"{inspect.getdoc(EVENTS[kind])} Receivers verify the signature, and process each id once.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            *(_header(name, words, required=True) for name, words in HEADERS.items()),
            *([_header("traceparent", TRACED)] if "traceparent" in EVENTS[kind].__annotations__ else []),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference(_name_of(kind, "Webhook"))}},
        },
        "responses": _ANSWERS,
    }


def _header(name: str, words: str, *, required: bool = False) -> Schema:
    return {"name": name, "in": "header", "description": words, "required": required, "schema": {"type": "string"}}


def _name_of(kind: NoticeKind, suffix: str) -> str:
    return EVENTS[kind].__name__.removesuffix("Data") + suffix


def _object(properties: Schema, description: str) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties], "description": description}
