"""Describes a model in JSON Schema."""

from collections.abc import Mapping
from typing import Any

from integrations.wire.payloads.answer_models import ALL_MODELS, UNKNOWN
from integrations.wire.payloads.examples import EXAMPLES
from integrations.wire.payloads.field import DECIMAL, FLAG, GUID, OBJECT, STRING, WHOLE, Field
from integrations.wire.payloads.frames import FRAMES


def json_schema(model: str) -> dict[str, Any]:
    """Return the JSON Schema of a model or a frame. A field that holds another model refers to that model's schema."""
    fields = _DESCRIBED[model]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: _schema_of(field) for field in fields},
        "additionalProperties": True,  # undocumented members are forwarded
    }
    if required := [field.name for field in fields if field.required]:
        schema["required"] = required
    if model in UNKNOWN:
        schema["description"] = "PowerEPOS' page about this message could not be read, so any object is accepted."
    if model in EXAMPLES:
        schema["examples"] = [EXAMPLES[model]]
    return schema


REFERENCE = "#/components/schemas/{name}"


def reference(name: str) -> dict[str, Any]:
    """Return a schema that refers to the OpenAPI component with this name."""
    return {"$ref": REFERENCE.format(name=name)}


def name_in(schema: dict[str, Any]) -> str:
    """Return the name of the component that a schema refers to; empty if it refers to none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def one_of(member: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a schema that accepts any of several components. `names` maps each value of `member` to a component."""
    mapping = {value: REFERENCE.format(name=name) for value, name in names.items()}
    return {
        "oneOf": [{"$ref": each} for each in mapping.values()],
        "discriminator": {"propertyName": member, "mapping": mapping},
    }


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also accepts null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


_DESCRIBED = ALL_MODELS | FRAMES


def _schema_of(field: Field) -> dict[str, Any]:
    schema = _schema_of_kind(field)
    if field.is_list:
        schema = {"type": "array", "items": schema}
    if field.nullable:
        schema = or_null(schema)
    return schema | ({"description": field.meaning} if field.meaning else {})


def _schema_of_kind(field: Field) -> dict[str, Any]:
    if field.kind in ALL_MODELS:
        return reference(field.kind)
    schema = dict(_SCHEMAS[field.kind])
    return schema | ({"maxLength": field.limit} if field.limit is not None else {})


_SCHEMAS: dict[str, dict[str, Any]] = {
    STRING: {"type": "string"},
    GUID: {"type": "string", "format": "uuid"},
    WHOLE: {"type": "integer", "format": "int32"},
    DECIMAL: {"type": "number", "format": "decimal"},
    FLAG: {"type": "boolean"},
    OBJECT: {"type": "object"},
}
