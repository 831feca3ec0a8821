"""Adds links to the OpenAPI document, from a POST's answer about a row to the other calls about the same row.

The rows are found by their paths: `/outlets/{provider_outlet_id}` is the path of a row in `/outlets`. The answer to a
POST is about such a row if the POST's path ends in `/outlets`, or if the answer has the same schema as the row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrations.wire.payloads.json_schema import name_in

_ROW = re.compile(r".*(?P<collection>/[^/{}]+)/\{(?P<parameter>[^/{}]+)\}")


@dataclass(frozen=True)
class _Row:
    """The path of one row, such as `/outlets/{provider_outlet_id}`, and the schema of an answer that shows the row.

    `collection` and `parameter` are the parts of the path, here "/outlets" and "provider_outlet_id".
    """

    path: str
    collection: str
    parameter: str
    schema: dict[str, Any]
    member: str  # the answer's member that has the parameter's value

    def is_in(self, path: str, response: dict[str, Any]) -> bool:
        """Return whether a POST to `path` answers with this row; false if `path` already has the row's parameter."""
        is_new = path.endswith(self.collection) or _schema_of(response) == self.schema
        return is_new and f"{{{self.parameter}}}" not in path


def add_links(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add links to each POST answer that is about a row."""
    paths: dict[str, Any] = result["paths"]
    rows = list(_rows(paths, result["components"]["schemas"]))
    for path, calls in paths.items():
        for response in _successes(calls.get("post", {})):
            for row in rows:
                if row.is_in(path, response):
                    response["links"] = dict(_links(path, row, paths))
    return result


def _rows(paths: dict[str, Any], schemas: dict[str, Any]) -> Iterator[_Row]:
    for path, calls in paths.items():
        if found := _ROW.fullmatch(path):
            schema = _schema_of(next(_successes(next(iter(calls.values())))))
            name = found["parameter"]
            member = name if name in schemas[name_in(schema)]["properties"] else "id"
            yield _Row(path, found["collection"], name, schema, member)


def _links(source: str, row: _Row, paths: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each call about the row, with a link to the call.

    The POST's answer contains the value for the row's own parameter. A call with other path parameters gets a link only
    if `source`, the path of the POST, has all of them.
    """
    for path, calls in paths.items():
        others = set(_names_in(path)) - {row.parameter}
        if path.startswith(row.path) and others <= set(_names_in(source)):
            values = {name: f"$request.path.{name}" for name in sorted(others)}
            values[row.parameter] = f"$response.body#/{row.member}"
            for call in calls.values():
                name = call["operationId"]
                yield name, {"operationId": name, "parameters": values}


def _names_in(path: str) -> list[str]:
    return re.findall(r"\{([^}]+)\}", path)


def _successes(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (response for status, response in call.get("responses", {}).items() if status < "300")


def _schema_of(response: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = response["content"]["application/json"]["schema"]
    return schema
