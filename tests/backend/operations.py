"""The operations that the OpenAPI document describes, for tests that cover each one without naming it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from drf_spectacular.generators import SchemaGenerator

from integrations.backend.base.schema import SCOPE
from integrations.wire.endpoints import API_PATH

NO_UUID = str(UUID(int=0))


@dataclass(frozen=True)
class Operation:
    """One call of the API. `scope` is None if any key may call it."""

    id: str
    method: str
    path: str
    scope: str | None
    # without the parameters that several operations share, which the document refers to by $ref
    parameters: tuple[dict[str, Any], ...] = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)

    def url(self, **values: object) -> str:
        """Return the call's path with these values; any other parameter gets a value that no row has."""
        return self.path.format_map(self._of_path | values)

    def sample_body(self, **values: object) -> dict[str, Any]:
        """Return a valid body that has only the required fields; empty if the call has no body.

        A required field that is missing in `values` gets a sample value.
        """
        return _sample(self.body, values) if self.body else {}

    def names(self, **values: object) -> set[str]:
        """Return the names of the path parameters, and of those `values` that the sample body contains."""
        return {*self._of_path, *(self.sample_body(**values).keys() & values.keys())}

    @property
    def _of_path(self) -> dict[str, object]:
        return {each["name"]: _unknown(each["schema"]) for each in self.parameters if each["in"] == "path"}


@functools.cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document, which must not be changed. Call it outside of the event loop."""
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return found


def calls() -> list[tuple[str, str, dict[str, Any]]]:
    """Return path, method and description of each operation. Call it outside of the event loop."""
    return [(path, method, call) for path, found in document()["paths"].items() for method, call in found.items()]


def operations() -> list[Operation]:
    """Return all operations. Call it outside of the event loop."""
    schemas = document()["components"]["schemas"]
    return [
        Operation(
            call["operationId"],
            method.upper(),
            f"{path}/".removeprefix(API_PATH).rstrip("/"),
            call.get(SCOPE),
            tuple(each for each in call.get("parameters", ()) if "$ref" not in each),
            _body_of(call, schemas),
        )
        for path, method, call in calls()
    ]


def _sample(schema: dict[str, Any], known: Mapping[str, object]) -> Any:
    """Return a value that matches the schema. An object has only required fields, with values from `known` if given."""
    match schema:
        case {"enum": [value, *_]}:
            return value
        case {"type": "object"}:
            fields = {name: schema["properties"][name] for name in schema.get("required", ())}
            return {name: known.get(name, _sample(each, known)) for name, each in fields.items()}
        case {"type": "array"}:
            return [_sample(schema["items"], known)]
        case {"type": "string"}:
            return "Sample"
    return 1


def _unknown(schema: dict[str, Any]) -> object:
    if schema["type"] == "integer":
        return 2**40
    return NO_UUID if schema.get("format") == "uuid" else "unknown"


def _body_of(call: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in call:
        return None
    schema: dict[str, Any] = call["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema or "oneOf" in schema:  # the last alternative is the most general one
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["oneOf"][-1]
    return schema
