"""Describes problems in the OpenAPI document: a schema for each type, and the answers that carry a problem."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiResponse

from integrations.backend.base.problems import ProblemKind
from integrations.wire.payloads.json_schema import name_in, one_of, reference

PROBLEM_JSON = "application/problem+json"

_TEXT = {"type": "string"}
_OF_EVERY_PROBLEM = ("detail", "correlation_id")
_MEMBERS: dict[str, dict[str, Any]] = {
    "detail": {**_TEXT, "description": "What is wrong with this call."},
    "correlation_id": {**_TEXT, "description": "The X-Request-ID; the portal's log has it too."},
    "errors": {"type": "array", "items": reference("FieldError"), "description": "Each invalid field, and why."},
    "id": {**_TEXT, "format": "uuid", "description": "The id of the request concerned."},
    "request_id": {**_TEXT, "description": "The `request_id` of the request concerned."},
    "location": {**_TEXT, "format": "uri-reference", "description": "The path of the request concerned."},
    "state": reference("StateEnum"),
    "scope": reference("ScopeEnum"),
    "result_code": {"type": "integer"},
}
_FIELD_ERROR = {"type": "object", "properties": {"field": _TEXT, "message": _TEXT}, "required": ["field", "message"]}

_described: dict[str, ProblemKind] = {}  # the problems of all operations, by the names of their schemas


def responses_with(kinds: Sequence[ProblemKind]) -> dict[tuple[int, str], OpenApiResponse]:
    """Return one response for each status of these problems, and add the problems to the OpenAPI document."""
    by_status = defaultdict(list)
    for kind in dict.fromkeys(kinds):
        _described[_name_of(kind)] = kind
        by_status[kind.status].append(kind)
    return {
        (status, PROBLEM_JSON): OpenApiResponse(_one_of(found), " ".join(kind.title for kind in found))
        for status, found in sorted(by_status.items())
    }


def kinds_in(response: dict[str, Any]) -> list[ProblemKind]:
    """Return the problems that the description of an answer refers to."""
    schema = response.get("content", {}).get(PROBLEM_JSON, {}).get("schema", {})
    return [_described[name_in(each)] for each in schema.get("oneOf", [schema]) if each]


def kinds() -> list[ProblemKind]:
    """Return the problems of all operations. The caller must first import the descriptions of the operations."""
    return list(_described.values())


def components() -> dict[str, dict[str, Any]]:
    """Return schemas by name: one for each problem in `_described`, and FieldError for an invalid field."""
    return {"FieldError": _FIELD_ERROR} | {name: _schema_of(kind) for name, kind in sorted(_described.items())}


def _name_of(kind: ProblemKind) -> str:
    return f"{kind.name.title().replace('-', '')}Problem"


def _one_of(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    if len(kinds) == 1:
        return reference(_name_of(kinds[0]))
    return one_of("type", {kind.type: _name_of(kind) for kind in kinds})


def _schema_of(kind: ProblemKind) -> dict[str, Any]:
    properties = {
        "type": {**_TEXT, "const": kind.type, "description": "The identifier to compare; it never changes."},
        "title": _TEXT,
        "status": {"type": "integer", "const": kind.status},
    }
    members = {name: _MEMBERS[name] for name in (*_OF_EVERY_PROBLEM, *kind.members)}
    return {
        "type": "object",
        "description": kind.title,
        "properties": properties | members,
        "required": [*properties],
    }
