"""Hooks that complete the OpenAPI document."""

import json
from typing import Any

from integrations.backend.base import problem_schema
from integrations.backend.requests.typed_messages import add_types
from integrations.wire.endpoints import API_PATH
from integrations.wire.payloads.answer_models import ALL_MODELS
from integrations.wire.payloads.json_schema import json_schema


def only_backend(endpoints: list[Any], **_kwargs: Any) -> list[Any]:
    """Return the API's endpoints except the pages that describe the API. Remove the slash after the root path."""
    described = ("schema", "docs")
    return [
        (path.rstrip("/"), *more)
        for path, *more in endpoints
        if path.startswith(API_PATH) and path.removeprefix(API_PATH) not in described
    ]


def add_models(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add the schemas of problems and payloads, and split those of calls and answers by message type."""
    schemas = result["components"]["schemas"]
    schemas.update(problem_schema.components())
    schemas.update({model: json_schema(model) for model in ALL_MODELS})
    # The schema Order applies to all message types, so its payload may have any members.
    schemas["Order"]["properties"]["payload"] |= {"additionalProperties": True}
    add_types(schemas)
    _open_objects(schemas)
    for schema in schemas.values():
        _write_defaults_in_words(schema.get("properties", {}))
    return result


def _write_defaults_in_words(properties: dict[str, Any]) -> None:
    """Move each field's default into its description: openapi-typescript makes fields with a default mandatory."""
    for field in properties.values():
        if "default" in field:
            words = f"Default: {json.dumps(field.pop('default'))}."
            field["description"] = " ".join(filter(None, (field.get("description"), words)))


def _open_objects(value: Any) -> None:
    """Allow any members in object schemas that list no members: generated clients would otherwise drop them all."""
    if isinstance(value, dict):
        if value.get("type") == "object" and not value.get("properties"):
            value["additionalProperties"] = value.get("additionalProperties") or True
        for each in value.values():
            _open_objects(each)
    elif isinstance(value, list):
        for each in value:
            _open_objects(each)
